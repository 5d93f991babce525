//! Blobs in a folder: written to a temporary file, synced, then given their name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use consort_runtime::random_hex;
use consort_store::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{BlobError, BlobReader, BlobWriter, Blobs, Result, is_name};

/// Operations on the disk at once; a sync may take tens of milliseconds.
const AT_ONCE_MAX: usize = 16;
/// Operations that may wait; more are refused.
const WAITING_MAX: usize = 1024;
/// Where blobs are that are being written.
const TEMPORARY: &str = "tmp";

/// A folder of blobs.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
    disk: Disk,
}

/// Runs work on the disk off the runtime's threads, so many at once and so many waiting.
#[derive(Debug, Clone)]
struct Disk {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Disk {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let _waiting = self.waiting.try_acquire().map_err(|_| BlobError::Busy)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| BlobError::Busy)?;
        let done = spawn_blocking(move || {
            let _running = running;
            work()
        });
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobError::Full,
                _ => BlobError::Failed(error),
            }),
            Err(error) => Err(BlobError::Failed(io::Error::other(error))),
        }
    }
}

impl Folder {
    /// Opens a folder, making it if need be, and clears what a crash left half written.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let temporary = root.join(TEMPORARY);
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&temporary)?,
        }
        let disk = Disk {
            running: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
        };
        Ok(Self { root, disk })
    }

    /// The place of a blob. A name that is none has no place; a path with a NUL byte cannot be opened.
    fn path(&self, name: &str) -> PathBuf {
        if is_name(name) { self.root.join(name) } else { PathBuf::from("\0") }
    }
}

impl Blobs for Folder {
    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Box<dyn BlobWriter>>> {
        let (path, root) = (self.path(name), self.root.clone());
        Box::pin(async move {
            let begun = self.disk.run(move || {
                let temporary = root.join(TEMPORARY).join(random_hex::<16>());
                let file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
                Ok(Begun { file: Some(file), temporary, path })
            });
            let writer = Writer { begun: Some(begun.await?), disk: self.disk.clone() };
            Ok(Box::new(writer) as Box<dyn BlobWriter>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn BlobReader>>>> {
        let path = self.path(name);
        Box::pin(async move {
            let opened = self.disk.run(move || match File::open(&path) {
                Ok(file) => {
                    let metadata = file.metadata()?;
                    Ok(metadata.is_file().then_some((file, metadata.len())))
                }
                Err(error) if is_absence(&error) => Ok(None),
                Err(error) => Err(error),
            });
            let disk = self.disk.clone();
            Ok(opened
                .await?
                .map(|(file, size)| Box::new(Reader { file: Some(file), size, disk }) as Box<dyn BlobReader>))
        })
    }

    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, Result<bool>> {
        let (from, to) = (self.path(from), self.path(to));
        Box::pin(self.disk.run(move || {
            // Blobs never change, so two names may share one file. Not all file systems have links.
            let copied = make_parent(&to).and_then(|()| {
                fs::hard_link(&from, &to).or_else(|error| match error.kind() {
                    io::ErrorKind::NotFound => Err(error),
                    _ => fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all()),
                })
            });
            match copied {
                Ok(()) => sync_parent(&to).map(|()| true),
                Err(error) if is_absence(&error) => Ok(false),
                Err(error) => Err(error),
            }
        }))
    }

    fn remove<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, Result<bool>> {
        let path = self.path(name);
        Box::pin(self.disk.run(move || {
            let mut left = max;
            match remove(&path, &mut left) {
                Err(error) if is_absence(&error) => Ok(true),
                removed => removed,
            }
        }))
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput
    )
}

/// Removes a file, or a directory with what is in it, as long as there is something left to remove. Whether all is gone.
fn remove(path: &Path, left: &mut usize) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.is_dir() {
        if *left == 0 {
            return Ok(false);
        }
        *left -= 1;
        return fs::remove_file(path).map(|()| true);
    }
    for entry in fs::read_dir(path)? {
        if !remove(&entry?.path(), left)? {
            return Ok(false);
        }
    }
    fs::remove_dir(path).map(|()| true)
}

/// A file that is being written.
struct Begun {
    file: Option<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Whatever is left is cleared when the folder is opened again.
            let _gone = fs::remove_file(&self.temporary);
        }
    }
}

impl Begun {
    fn finish(mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        make_parent(&self.path)?;
        fs::rename(&self.temporary, &self.path)?;
        self.file = None;
        sync_parent(&self.path)
    }
}

struct Writer {
    begun: Option<Begun>,
    disk: Disk,
}

impl BlobWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let Some(mut begun) = self.begun.take() else { return Err(broken()) };
            let written = self.disk.run(move || {
                if let Some(file) = &mut begun.file {
                    file.write_all(&bytes)?;
                }
                Ok(begun)
            });
            self.begun = Some(written.await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        let Self { begun, disk } = *self;
        Box::pin(async move {
            let Some(begun) = begun else { return Err(broken()) };
            disk.run(move || begun.finish()).await
        })
    }
}

/// A write before this one failed, or was not waited for.
fn broken() -> BlobError {
    BlobError::Failed(io::Error::other("a write before failed"))
}

struct Reader {
    file: Option<File>,
    size: u64,
    disk: Disk,
}

impl BlobReader for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, from: u64, max: usize) -> BoxFuture<'_, Result<Bytes>> {
        let left = self.size.saturating_sub(from);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(max);
        Box::pin(async move {
            let Some(mut file) = self.file.take() else { return Err(broken()) };
            let read = self.disk.run(move || {
                file.seek(SeekFrom::Start(from))?;
                let mut bytes = BytesMut::zeroed(want);
                file.read_exact(&mut bytes)?;
                Ok((file, bytes.freeze()))
            });
            let (file, bytes) = read.await?;
            self.file = Some(file);
            Ok(bytes)
        })
    }
}

/// Makes the directories above a path, each synced in its own parent.
fn make_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if parent.is_dir() {
        return Ok(());
    }
    make_parent(parent)?;
    match fs::create_dir(parent) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_parent(parent),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::put;

    #[tokio::test]
    async fn a_folder_keeps_the_contract_and_leaves_nothing_half_written() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Folder::open(directory.path().join("blobs")).unwrap();
        crate::blobs::contract::check(&blobs).await;
        assert_eq!(fs::read_dir(blobs.root.join(TEMPORARY)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn no_name_leads_out_of_the_folder() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Folder::open(directory.path().join("blobs")).unwrap();
        fs::write(directory.path().join("secret"), "x").unwrap();
        for name in ["../secret", "a/../../secret", "/etc/passwd", "", "a//b", "."] {
            assert!(blobs.open(name).await.unwrap().is_none(), "{name}");
            assert!(put(&blobs, name, Bytes::from_static(b"x")).await.is_err(), "{name}");
        }
    }
}
