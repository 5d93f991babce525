//! One process for a data directory.

use consort_store::Error;
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

/// The data directory is open elsewhere, in this process or another.
#[derive(Debug, thiserror::Error)]
#[error("the data directory {} is in use by another process", .0.display())]
pub struct DirectoryInUse(PathBuf);

/// The lock of a directory, until it is dropped.
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// Closing the file is not enough: a process that is just being started has a copy of it until its program runs.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::warn!(%error, "the data directory is unlocked when its file is closed");
        }
    }
}

/// Makes the directory if it is missing, and locks it for as long as what is returned is there.
pub(crate) fn acquire(dir: &Path) -> Result<Lock, Error> {
    make_durably(dir).map_err(Error::backend)?;
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(Error::backend)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(Error::backend(DirectoryInUse(dir.to_owned()))),
        Err(TryLockError::Error(error)) => Err(Error::backend(error)),
    }
}

/// Makes a directory so that it is still there after a power cut; SQLite does so for its own files only.
fn make_durably(dir: &Path) -> std::io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_durably(parent)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_free_at_once_also_when_a_child_process_has_a_copy_of_the_lock_file() {
        let dir = tempfile::tempdir().unwrap();
        let lock = acquire(dir.path()).unwrap();
        assert!(acquire(dir.path()).is_err());
        let _of_the_child = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(acquire(dir.path()).is_ok());
    }
}
