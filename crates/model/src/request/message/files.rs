//! What a body says of its files.

use serde::{Deserialize, Serialize};

use crate::form::decode_base64;
use crate::limits::{
    ATTACHMENT_DESCRIPTION_CHARS_MAX, ATTACHMENTS_MAX, VOICE_MESSAGE_SECS_MAX, WAVEFORM_CHARS_MAX,
    WAVEFORM_POINTS_MAX,
};
use crate::validate::Named;
use crate::{Attachment, Form, Patch};

/// Bit of an attachment's `flags`: hidden until clicked (community documentation, "Attachment Flags").
pub const ATTACHMENT_SPOILER: u64 = 1 << 3;
/// What the names of such files begin with.
pub const SPOILER_PREFIX: &str = "SPOILER_";

/// An element of `attachments`: a new file by its position, or one that is to be kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttachmentRequest {
    /// The `n` of `files[n]`, or the id of a file the message has already.
    pub id: u64,
    /// File name, in place of that of the upload.
    pub filename: Option<String>,
    /// Alt text; null and empty take it away.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub description: Patch<String>,
    /// Title.
    pub title: Option<String>,
    /// Voice messages: seconds.
    pub duration_secs: Option<f64>,
    /// Voice messages: base64 of sampled loudness.
    pub waveform: Option<String>,
    /// Whether it is hidden until clicked; `None` leaves it as it is.
    pub is_spoiler: Option<bool>,
    /// For a file that was uploaded beforehand: the name the upload got.
    pub uploaded_filename: Option<String>,
}

/// Notes an error when a text is not the base64 of 1 to 256 points.
fn is_waveform(form: &Form<'_>, text: &str) -> bool {
    let points = decode_base64(text).map(|points| points.len());
    let sound = points.is_some_and(|points| (1..=WAVEFORM_POINTS_MAX).contains(&points));
    if !sound {
        form.error("waveform", "BASE64_INVALID", "Must be the base64 of 1 to 256 bytes.");
    }
    sound
}

impl AttachmentRequest {
    fn read(form: &Form<'_>) -> Option<Self> {
        let id = form.cursor::<crate::marker::Attachment>("id").map(|id| id.get());
        let uploaded_filename = form.str("uploaded_filename", 1..=1024);
        let id = if uploaded_filename.is_some() { Some(id.unwrap_or(0)) } else { form.required("id", id) };
        Some(Self {
            filename: form.str("filename", 1..=260),
            description: match form.patch_lines("description", 0..=ATTACHMENT_DESCRIPTION_CHARS_MAX) {
                Patch::Value(text) if text.is_empty() => Patch::Null,
                description => description,
            },
            title: form.name("title", Named::File).filter(|title| !title.is_empty()),
            duration_secs: form.float("duration_secs", 0.0..=VOICE_MESSAGE_SECS_MAX),
            waveform: form.str("waveform", 0..=WAVEFORM_CHARS_MAX).filter(|text| is_waveform(form, text)),
            is_spoiler: form.bool("is_spoiler"),
            uploaded_filename,
            id: id?,
        })
    }

    /// Changes a file as this says.
    pub fn apply(&self, file: &mut Attachment) {
        match &self.description {
            Patch::Absent => {}
            Patch::Null => file.description = None,
            Patch::Value(text) => file.description = Some(text.clone()),
        }
        let Some(hidden) = self.is_spoiler else { return };
        // Libraries tell it by the name, newer ones by the flag.
        let plain = file.filename.trim_start_matches(SPOILER_PREFIX);
        file.filename = if hidden { format!("{SPOILER_PREFIX}{plain}") } else { plain.to_owned() };
        let others = file.flags.unwrap_or(0) & !ATTACHMENT_SPOILER;
        let flags = if hidden { others | ATTACHMENT_SPOILER } else { others };
        file.flags = (flags != 0).then_some(flags);
    }
}

/// Reads `attachments`.
pub(super) fn read(form: &Form<'_>) -> Patch<Vec<AttachmentRequest>> {
    form.patch_array("attachments", ATTACHMENTS_MAX, AttachmentRequest::read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_shape_of_a_voice_message_is_base64_of_up_to_256_points() {
        let read = |waveform: &str| {
            let body = json!({"attachments": [{"id": 0, "waveform": waveform, "duration_secs": 1.5}]});
            Form::root(&body).unwrap().check(|form| read(form).value())
        };
        assert_eq!(read("AAECAw==").unwrap()[0].waveform.as_deref(), Some("AAECAw=="));
        assert!(read(&"AAAA".repeat(85)).is_ok());
        for bad in ["", "no base64!", &"AAAA".repeat(86)] {
            let errors = read(bad).unwrap_err().errors.unwrap();
            assert_eq!(errors.get("attachments.0.waveform")[0].code, "BASE64_INVALID", "{bad}");
        }
    }

    #[test]
    fn a_kept_file_is_hidden_shown_described_and_no_longer_described() {
        let mut file: Attachment = serde_json::from_value(json!({"id": "1", "filename": "a.png", "size": 1,
            "url": "", "proxy_url": "", "description": "a cat"}))
        .unwrap();
        let mut apply = |said: serde_json::Value| {
            let body = json!({"attachments": [said]});
            let said = Form::root(&body).unwrap().check(|form| read(form).value()).unwrap();
            said[0].apply(&mut file);
            (file.filename.clone(), file.flags, file.description.clone())
        };
        let cat = || Some("a cat".to_owned());
        assert_eq!(apply(json!({"id": "1"})), ("a.png".to_owned(), None, cat()));
        assert_eq!(
            apply(json!({"id": "1", "is_spoiler": true})),
            ("SPOILER_a.png".to_owned(), Some(8), cat())
        );
        assert_eq!(apply(json!({"id": "1", "is_spoiler": false})), ("a.png".to_owned(), None, cat()));
        assert_eq!(apply(json!({"id": "1", "description": ""})).2, None);
        assert_eq!(apply(json!({"id": "1", "description": "a dog"})).2.as_deref(), Some("a dog"));
        assert_eq!(apply(json!({"id": "1", "description": null})).2, None);
    }

    #[test]
    fn what_a_file_is_shown_as_follows_the_rule_of_names() {
        let title = |text: &str| {
            let body = json!({"attachments": [{"id": "0", "title": text}]});
            Form::root(&body).unwrap().check(|form| read(form).value()).unwrap()[0].title.clone()
        };
        assert_eq!(title("\u{202e}gpj.exe\u{200b}").as_deref(), Some("gpj.exe"));
        assert_eq!(title(" two\nlines ").as_deref(), Some("two lines"));
        assert_eq!(title("\u{2066}\u{200b}"), None);
    }
}
