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

/// Makes the directory if it is missing, and locks it for as long as the returned file is open.
pub(crate) fn acquire(dir: &Path) -> Result<File, Error> {
    make_durably(dir).map_err(Error::backend)?;
    let path = dir.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(Error::backend)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
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
