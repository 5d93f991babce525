//! Files of messages.

use bytes::Bytes;
use consort_model::{ApiError, AttachmentId, ChannelId};

use crate::name::clean_filename;
use crate::{Cdn, PATH, media};

/// How long an attachment's URL works. Ours is long because URLs are kept in messages; a client renews one with
/// `POST /attachments/refresh-urls`.
const URL_LIFETIME_S: u64 = 10 * 365 * 24 * 3600;

/// An attachment that is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAttachment {
    /// The attachment's id.
    pub id: AttachmentId,
    /// The cleaned name.
    pub filename: String,
    /// The original name without extension, if cleaning changed it.
    pub title: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Signed URL.
    pub url: String,
    /// The same, for clients that ask a media host.
    pub proxy_url: String,
    /// Media type, if it is known.
    pub content_type: Option<String>,
    /// Pixels across, of images.
    pub width: Option<u32>,
    /// Pixels down, of images.
    pub height: Option<u32>,
}

/// The part of an attachment's path that is signed.
pub(crate) fn path(channel: u64, attachment: u64, filename: &str) -> String {
    format!("/attachments/{channel}/{attachment}/{filename}")
}

impl Cdn {
    /// Keeps a file of a message. `base` is the base of the server's URLs.
    ///
    /// # Errors
    /// 503 or 500 when it cannot be written.
    pub async fn put_attachment(
        &self,
        base: &str,
        channel: ChannelId,
        attachment: AttachmentId,
        filename: &str,
        bytes: Bytes,
    ) -> Result<StoredAttachment, ApiError> {
        let (clean, title) = clean_filename(filename);
        let stored = self.describe(base, channel, attachment, clean, title, &bytes);
        self.blobs
            .put(path(channel.get(), attachment.get(), &stored.filename).trim_start_matches('/'), bytes)
            .await?;
        Ok(stored)
    }

    pub(crate) fn describe(
        &self,
        base: &str,
        channel: ChannelId,
        attachment: AttachmentId,
        filename: String,
        title: Option<String>,
        bytes: &[u8],
    ) -> StoredAttachment {
        let url = self.attachment_url(base, channel, attachment, &filename);
        let dimensions = media::dimensions(bytes);
        StoredAttachment {
            id: attachment,
            content_type: media::media_type(&filename, bytes).map(str::to_owned),
            filename,
            title,
            size: bytes.len() as u64,
            proxy_url: url.clone(),
            url,
            width: dimensions.map(|(width, _)| width),
            height: dimensions.map(|(_, height)| height),
        }
    }

    /// Signs the URL of an attachment from now on.
    pub fn attachment_url(
        &self,
        base: &str,
        channel: ChannelId,
        attachment: AttachmentId,
        filename: &str,
    ) -> String {
        let path = path(channel.get(), attachment.get(), filename);
        let now_s = self.now_s();
        let query = self.signer.sign(&path, now_s, now_s + URL_LIFETIME_S, None);
        format!("{base}{PATH}{path}?{query}")
    }

    /// Signs an attachment's URL anew; `None` when it is no URL of an attachment.
    pub fn refresh_url(&self, base: &str, url: &str) -> Option<String> {
        let rest = url.split_once("/attachments/")?.1;
        let rest = rest.split(['?', '#']).next()?;
        let mut parts = rest.splitn(3, '/');
        let channel = parts.next()?.parse().ok()?;
        let attachment = parts.next()?.parse().ok()?;
        let filename = parts.next()?;
        let (clean, _) = clean_filename(filename);
        (clean == filename).then(|| self.attachment_url(base, channel, attachment, filename))
    }

    /// Removes an attachment's file.
    ///
    /// # Errors
    /// 503 or 500 when the disk fails.
    pub async fn remove_attachment(
        &self,
        channel: ChannelId,
        attachment: AttachmentId,
    ) -> Result<(), ApiError> {
        self.blobs.remove(&format!("attachments/{channel}/{attachment}")).await
    }
}
