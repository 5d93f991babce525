//! Files on disk: written whole, synced, then given their name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use consort_model::ApiError;
use consort_runtime::{random_bytes, random_hex};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Writes at once; a sync may take tens of milliseconds.
const WRITES_MAX: usize = 16;
/// Writes that may wait; more are refused.
const WRITES_WAITING_MAX: usize = 256;

/// A directory of blobs.
#[derive(Debug)]
pub struct Blobs {
    root: PathBuf,
    writes: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Blobs {
    /// Opens a directory, making it if need be, and clears what a crash left half written.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        let blobs = Self {
            root,
            writes: Arc::new(Semaphore::new(WRITES_MAX)),
            waiting: Arc::new(Semaphore::new(WRITES_WAITING_MAX)),
        };
        match fs::remove_dir_all(blobs.path("tmp")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(blobs.path("tmp"))?,
        }
        Ok(blobs)
    }

    /// The place of a blob. `name` is made by this crate of numbers, hashes and cleaned file names only.
    pub fn path(&self, name: &str) -> PathBuf {
        debug_assert!(!name.split('/').any(|part| part.is_empty() || part == ".." || part == "."), "{name}");
        self.root.join(name)
    }

    /// Reads a 32-byte secret, making it the first time.
    pub fn secret(&self, name: &str) -> io::Result<[u8; 32]> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => {
                bytes.try_into().map_err(|_| io::Error::other(format!("{} is damaged", path.display())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secret = random_bytes::<32>();
                write(&self.root, &path, &secret)?;
                Ok(secret)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a blob; durable when it returns. A blob of that name stays as it is if `bytes` are its content by name.
    ///
    /// # Errors
    /// 503 when too many writes wait, 500 when the disk fails.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), ApiError> {
        let path = self.path(name);
        let root = self.root.clone();
        self.blocking(move || write(&root, &path, &bytes)).await
    }

    /// Gives a blob another name; durable when it returns. Whether there was such a blob.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub async fn rename(&self, from: &str, to: &str) -> Result<bool, ApiError> {
        let (from, to) = (self.path(from), self.path(to));
        self.blocking(move || match make_parent(&to).and_then(|()| fs::rename(&from, &to)) {
            Ok(()) => sync_parent(&to).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes a blob, or a directory of blobs, if it is there.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub async fn remove(&self, name: &str) -> Result<(), ApiError> {
        let path = self.path(name);
        self.blocking(move || {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Removes the blobs of a directory that are older than a time.
    ///
    /// # Errors
    /// As [`Blobs::put`].
    pub async fn sweep(&self, directory: &str, older_than: std::time::Duration) -> Result<(), ApiError> {
        let path = self.path(directory);
        self.blocking(move || {
            let entries = match fs::read_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
                if age > older_than {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        })
        .await
    }

    /// Runs work on the disk off the runtime's threads, so many at once and so many waiting.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let _waiting = self.waiting.try_acquire().map_err(|_| ApiError::overloaded())?;
        let running = self.writes.clone().acquire_owned().await.map_err(|_| ApiError::unavailable())?;
        let done = spawn_blocking(move || {
            let _running = running;
            work()
        });
        match done.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::error!(%error, "a blob could not be written");
                Err(ApiError::internal())
            }
            Err(error) => {
                tracing::error!(%error, "writing a blob ended early");
                Err(ApiError::internal())
            }
        }
    }
}

fn write(root: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    make_parent(path)?;
    let temporary = root.join("tmp").join(random_hex::<16>());
    fs::create_dir_all(root.join("tmp"))?;
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_parent(path)
    })();
    if written.is_err() {
        // The error that matters is the first.
        let _gone = fs::remove_file(&temporary);
    }
    written
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

    #[tokio::test]
    async fn blobs_are_written_renamed_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(directory.path().join("blobs")).unwrap();
        blobs.put("a/b/c", Bytes::from_static(b"one")).await.unwrap();
        blobs.put("a/b/c", Bytes::from_static(b"two")).await.unwrap();
        assert_eq!(fs::read(blobs.path("a/b/c")).unwrap(), b"two");
        assert!(blobs.rename("a/b/c", "d/e").await.unwrap());
        assert!(!blobs.rename("a/b/c", "d/e").await.unwrap());
        assert!(blobs.path("d/e").exists());
        blobs.remove("d").await.unwrap();
        blobs.remove("d").await.unwrap();
        assert!(!blobs.path("d/e").exists());
        assert_eq!(fs::read_dir(blobs.path("tmp")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_is_not_claimed_in_time_is_swept() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(directory.path().to_owned()).unwrap();
        blobs.sweep("uploads", std::time::Duration::ZERO).await.unwrap();
        blobs.put("uploads/x", Bytes::from_static(b"1")).await.unwrap();
        blobs.sweep("uploads", std::time::Duration::from_secs(60)).await.unwrap();
        assert!(blobs.path("uploads/x").exists());
        blobs.sweep("uploads", std::time::Duration::ZERO).await.unwrap();
        assert!(!blobs.path("uploads/x").exists());
    }

    #[test]
    fn a_secret_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let secret = || Blobs::open(directory.path().to_owned()).unwrap().secret("key").unwrap();
        assert_eq!(secret(), secret());
    }
}
