//! Files of messages.

use bytes::Bytes;
use consort_files::AttachmentPath;
use consort_model::validate::clean_file_name;
use consort_model::{ApiError, AttachmentId, ChannelId};

use crate::blobs::put;
use crate::{Cdn, media};

/// Bytes of a file that are looked at to tell what it is and how large.
pub(crate) const HEAD_BYTES: usize = 256 << 10;

/// An attachment that is stored, and waits for its message.
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
    /// What rows keep in place of an address.
    pub path: String,
    /// Media type, if it is known.
    pub content_type: Option<String>,
    /// Pixels across, of images.
    pub width: Option<u32>,
    /// Pixels down, of images.
    pub height: Option<u32>,
}

impl StoredAttachment {
    /// Describes a file by its first bytes.
    pub(crate) fn describe(
        channel: ChannelId,
        attachment: AttachmentId,
        filename: &str,
        (head, size): (&[u8], u64),
    ) -> Self {
        let clean = clean_file_name(filename);
        let path =
            AttachmentPath { channel: channel.get(), attachment: attachment.get(), filename: &clean.name };
        let dimensions = media::dimensions(head);
        Self {
            id: attachment,
            path: path.to_string(),
            content_type: media::media_type(&clean.name, head).map(str::to_owned),
            filename: clean.name,
            title: clean.title,
            size,
            width: dimensions.map(|(width, _)| width),
            height: dimensions.map(|(_, height)| height),
        }
    }
}

impl Cdn {
    /// Notes that files of a message are about to be stored. Without their message they are removed after a while.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn reserve_attachments(&self, names: &[String]) -> Result<(), ApiError> {
        self.reserve(names).await
    }

    /// Stores a file of a message to come, whose name was reserved.
    ///
    /// # Errors
    /// 507 without room, 503 when it cannot be written.
    pub async fn put_attachment(
        &self,
        channel: ChannelId,
        attachment: AttachmentId,
        filename: &str,
        bytes: Bytes,
    ) -> Result<StoredAttachment, ApiError> {
        let stored = StoredAttachment::describe(channel, attachment, filename, (&bytes, bytes.len() as u64));
        put(&*self.blobs, &consort_files::name::attachment(channel.get(), attachment.get()), bytes).await?;
        Ok(stored)
    }

    /// Gives a file to a second message, whose name for it was reserved. False when there is no such file any more.
    ///
    /// # Errors
    /// 507 without room, 503 when it cannot be written.
    pub async fn copy_attachment(
        &self,
        from: &AttachmentPath<'_>,
        to: &AttachmentPath<'_>,
    ) -> Result<bool, ApiError> {
        Ok(self.blobs.copy(&from.blob(), &to.blob()).await?)
    }
}
