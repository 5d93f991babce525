//! Where bytes are: a folder, another node that has one, or a bucket of an object store. What every implementation must do is in
//! [`contract`].

mod bucket;
pub mod contract;
mod folder;
mod memory;
mod remote;

use std::fmt;

use bytes::Bytes;
use consort_model::ApiError;
use consort_store::BoxFuture;

pub use bucket::{Bucket, BucketAddress, BucketAddressError};
pub use folder::Folder;
pub use memory::Memory;
pub use remote::{FilesService, RemoteBlobs, SharedBlobs};

/// Why a blob could not be read, written or removed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Too many operations wait; later may be better.
    #[error("too many operations wait")]
    Busy,
    /// There is no room.
    #[error("there is no room")]
    Full,
    /// Anything else; may be gone later.
    #[error(transparent)]
    Failed(#[from] std::io::Error),
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Busy => Self::overloaded(),
            BlobError::Full => Self::storage_full(),
            BlobError::Failed(error) => {
                tracing::error!(%error, "a blob could not be handled");
                Self::unavailable()
            }
        }
    }
}

/// What operations give.
pub type Result<T> = std::result::Result<T, BlobError>;

/// Whether blobs may be called so.
fn is_name(name: &str) -> bool {
    let is_segment = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    name.split('/').all(is_segment)
}

/// Named sequences of bytes that never change. Names are segments joined by `/`, each of `[A-Za-z0-9_.-]` and none of them
/// `.` or `..`.
pub trait Blobs: fmt::Debug + Send + Sync + 'static {
    /// Begins to write a blob. Nobody sees it before it is finished; what is not finished is not there.
    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Box<dyn BlobWriter>>>;

    /// Opens a blob to be read; `None` when there is none.
    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn BlobReader>>>>;

    /// Gives a blob's bytes another name as well; durable when it resolves. False when there is no such blob.
    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// Removes the blob of a name and those beneath it (`name/…`), not more than about `max` of them. True when none is left.
    fn remove<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, Result<bool>>;
}

/// A blob that is being written. Dropped before it is finished, it leaves nothing.
pub trait BlobWriter: Send {
    /// Adds bytes.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>>;

    /// Ends it; durable and visible when it resolves, in place of a blob that had the name.
    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<()>>;
}

/// A blob that is being read.
pub trait BlobReader: Send {
    /// Its bytes.
    fn size(&self) -> u64;

    /// Reads bytes from a position, at least one and at most `max` of them; none at the end.
    fn read(&mut self, from: u64, max: usize) -> BoxFuture<'_, Result<Bytes>>;
}

/// Writes a whole blob.
///
/// # Errors
/// As [`Blobs::create`].
pub async fn put(blobs: &dyn Blobs, name: &str, bytes: Bytes) -> Result<()> {
    let mut writer = blobs.create(name).await?;
    writer.write(bytes).await?;
    writer.finish().await
}

/// The first bytes of a blob, at most `max`.
///
/// # Errors
/// As [`BlobReader::read`].
pub async fn head(reader: &mut dyn BlobReader, max: usize) -> Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < max {
        let more = reader.read(head.len() as u64, max - head.len()).await?;
        if more.is_empty() {
            break;
        }
        head.extend_from_slice(&more);
    }
    Ok(head)
}
