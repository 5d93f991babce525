//! What a body says of its files.

use serde::{Deserialize, Serialize};

use crate::limits::{
    ATTACHMENT_DESCRIPTION_CHARS_MAX, ATTACHMENTS_MAX, VOICE_MESSAGE_SECS_MAX, WAVEFORM_CHARS_MAX,
};
use crate::{Form, Patch};

/// An element of `attachments`: a new file by its position, or one that is to be kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttachmentRequest {
    /// The `n` of `files[n]`, or the id of a file the message has already.
    pub id: u64,
    /// File name, in place of that of the upload.
    pub filename: Option<String>,
    /// Alt text.
    pub description: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Voice messages: seconds.
    pub duration_secs: Option<f64>,
    /// Voice messages: base64 of sampled loudness.
    pub waveform: Option<String>,
    /// Whether it is hidden until clicked.
    pub is_spoiler: bool,
    /// For a file that was uploaded beforehand: the name the upload got.
    pub uploaded_filename: Option<String>,
}

impl AttachmentRequest {
    fn read(form: &Form<'_>) -> Option<Self> {
        let id = form.id::<crate::marker::Attachment>("id").map(|id| id.get());
        let uploaded_filename = form.str("uploaded_filename", 1..=1024);
        let id = if uploaded_filename.is_some() { Some(id.unwrap_or(0)) } else { form.required("id", id) };
        Some(Self {
            filename: form.str("filename", 1..=260),
            description: form
                .str("description", 0..=ATTACHMENT_DESCRIPTION_CHARS_MAX)
                .filter(|text| !text.is_empty()),
            title: form.str("title", 0..=ATTACHMENT_DESCRIPTION_CHARS_MAX),
            duration_secs: form.float("duration_secs", 0.0..=VOICE_MESSAGE_SECS_MAX),
            waveform: form.str("waveform", 0..=WAVEFORM_CHARS_MAX),
            is_spoiler: form.bool("is_spoiler").unwrap_or(false),
            uploaded_filename,
            id: id?,
        })
    }
}

/// Reads `attachments`.
pub(super) fn read(form: &Form<'_>) -> Patch<Vec<AttachmentRequest>> {
    form.patch_array("attachments", ATTACHMENTS_MAX, AttachmentRequest::read)
}
