//! Attachments, avatars, icons, emojis: blobs on disk and signed URLs.
//!
//! * Owns: everything below its directory, the key that signs attachment URLs, the HTTP side that serves the blobs.
//! * Never: decides who may upload or see what; the owners do. An attachment's URL carries its permission.
//! * Invariant: a blob is on the disk, synced, before its name is given out; it never changes after that.
//!
//! Images are kept under the hash of their content, as `{kind}/{owner}/{hash}`; the extension of a URL is not part of
//! the name, and the original is served whatever extension or `size` is asked for.

mod attachment;
mod blob;
mod default_avatar;
mod image;
mod media;
mod name;
mod range;
mod serve;
mod sign;
mod upload;

pub use attachment::StoredAttachment;
pub use image::Kind;
pub use name::clean_filename;
pub use serve::router;
pub use upload::UploadSlot;

use std::path::PathBuf;
use std::sync::Arc;

use consort_runtime::ClockRef;

use blob::Blobs;
use sign::Signer;

/// Where the CDN is below the base of the server's URLs.
pub const PATH: &str = "/cdn";

/// The blobs of an installation.
#[derive(Debug)]
pub struct Cdn {
    blobs: Blobs,
    signer: Signer,
    clock: ClockRef,
}

impl Cdn {
    /// Opens the blobs in a directory, making it and the signing key if they are not there.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(directory: impl Into<PathBuf>, clock: ClockRef) -> std::io::Result<Arc<Self>> {
        let blobs = Blobs::open(directory.into())?;
        let signer = Signer::new(blobs.secret("signing.key")?);
        Ok(Arc::new(Self { blobs, signer, clock }))
    }

    fn now_s(&self) -> u64 {
        self.clock.now_ms() / 1000
    }
}
