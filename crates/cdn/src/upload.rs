//! Uploads in two steps: a slot with a URL to PUT the bytes to, then a message that names the slot.

use std::time::Duration;

use bytes::Bytes;
use consort_model::{ApiError, AttachmentId, ChannelId};
use consort_runtime::random_hex;

use crate::name::clean_filename;
use crate::sign::Signature;
use crate::{Cdn, PATH, StoredAttachment};

/// How long a slot can be written to.
const SLOT_LIFETIME_S: u64 = 3600;
/// How long its bytes wait for a message.
const UNCLAIMED: Duration = Duration::from_secs(24 * 3600);
const KEY_CHARS: usize = 32;

/// A place for the bytes of an attachment to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadSlot {
    /// Where to PUT them.
    pub upload_url: String,
    /// What to call them in the message (`uploaded_filename`).
    pub upload_filename: String,
}

/// The path of a slot's URL that is signed.
pub(crate) fn path(key: &str, filename: &str) -> String {
    format!("/upload/{key}/{filename}")
}

/// The blob of a slot: its key and its channel, so that nobody can use it elsewhere.
fn blob(key: &str) -> String {
    format!("uploads/{key}")
}

impl Cdn {
    /// Opens a slot for a file of at most `bytes_max` bytes.
    pub fn upload_slot(&self, base: &str, filename: &str, bytes_max: u64) -> UploadSlot {
        let (clean, _) = clean_filename(filename);
        let key = random_hex::<16>();
        let path = path(&key, &clean);
        let now_s = self.now_s();
        let query = self.signer.sign(&path, now_s, now_s + SLOT_LIFETIME_S, Some(bytes_max));
        UploadSlot {
            upload_url: format!("{base}{PATH}{path}?{query}"),
            upload_filename: format!("{key}/{clean}"),
        }
    }

    /// The size a slot takes, if its URL is right.
    pub(crate) fn slot_limit(&self, key: &str, filename: &str, query: &str) -> Option<u64> {
        let signature = Signature::read(query);
        let signed = is_key(key) && self.signer.verify(&path(key, filename), &signature, self.now_s());
        if signed { signature.extra() } else { None }
    }

    pub(crate) async fn fill_slot(&self, key: &str, bytes: Bytes) -> Result<(), ApiError> {
        self.blobs.sweep("uploads", UNCLAIMED).await?;
        self.blobs.put(&blob(key), bytes).await
    }

    /// Makes an attachment of a filled slot.
    ///
    /// # Errors
    /// 400/50146 when nothing was uploaded under that name, 503 or 500 when the disk fails.
    pub async fn claim_upload(
        &self,
        base: &str,
        uploaded_filename: &str,
        channel: ChannelId,
        attachment: AttachmentId,
        filename: &str,
    ) -> Result<StoredAttachment, ApiError> {
        let key = uploaded_filename
            .split('/')
            .next()
            .filter(|key| is_key(key))
            .ok_or_else(ApiError::upload_gone)?;
        let bytes =
            tokio::fs::read(self.blobs.path(&blob(key))).await.map_err(|_| ApiError::upload_gone())?;
        let (clean, title) = clean_filename(filename);
        let to = crate::attachment::path(channel.get(), attachment.get(), &clean);
        if !self.blobs.rename(&blob(key), to.trim_start_matches('/')).await? {
            return Err(ApiError::upload_gone());
        }
        Ok(self.describe(base, channel, attachment, clean, title, &bytes))
    }
}

fn is_key(key: &str) -> bool {
    key.len() == KEY_CHARS && key.bytes().all(|b| b.is_ascii_hexdigit())
}
