//! Names of channels, webhooks, emojis and files.

use super::{Checked, is_invisible, sized, tidy, wrong};
use crate::limits::{CHANNEL_NAME_CHARS, EMOJI_NAME_CHARS, FILE_NAME_CHARS_MAX, WEBHOOK_NAME_CHARS};

/// Checks the name of a channel whose name is kept as written: voice, stage, category, thread, conversation.
pub fn channel_name(text: &str) -> Checked {
    let visible = text.chars().filter(|c| !is_invisible(*c)).collect::<String>();
    sized(visible.trim().to_owned(), CHANNEL_NAME_CHARS)
}

/// Checks the name of a text, announcement, forum or media channel: lower case, white space becomes one `-`.
pub fn text_channel_name(text: &str) -> Checked {
    sized(tidy(text).to_lowercase().replace(' ', "-"), CHANNEL_NAME_CHARS)
}

/// Checks a webhook's name: 1-80 characters that contain none of `forbidden` (lower case), which is "clyde"
/// and "discord" upstream and a setting here.
pub fn webhook_name(text: &str, forbidden: &[&str]) -> Checked {
    let name = sized(tidy(text), WEBHOOK_NAME_CHARS)?;
    let lower = name.to_lowercase();
    match forbidden.iter().find(|part| lower.contains(**part)) {
        Some(part) => Err(wrong("USERNAME_INVALID_CONTAINS", format!("Username cannot contain \"{part}\""))),
        None => Ok(name),
    }
}

/// Checks the name of an emoji: 2-32 letters, digits and `_`.
pub fn emoji_name(text: &str) -> Checked {
    let name = sized(text.trim().to_owned(), EMOJI_NAME_CHARS)?;
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Ok(name);
    }
    Err(wrong("STRING_TYPE_REGEX", "String value did not match validation regex."))
}

/// Name of an uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    /// Cleaned name: `[A-Za-z0-9_.-]`, at least one character, no leading dot.
    pub name: String,
    /// The original without its extension, when cleaning changed it.
    pub title: Option<String>,
    /// Whether the name starts with `SPOILER_`.
    pub spoiler: bool,
}

/// Cleans the name of an uploaded file: spaces become `_`, everything else outside `[A-Za-z0-9_.-]` goes, as
/// do directories and leading dots. Too long a name loses the end of its stem and keeps its extension.
pub fn clean_file_name(original: &str) -> FileName {
    let base = original.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let cleaned = base
        .chars()
        .map(|c| if c.is_whitespace() { '_' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        .collect::<String>();
    let name = shortened(with_stem(cleaned.trim_end_matches('.')));
    let title = (name != base && !base.is_empty()).then(|| {
        let stem = match base.rsplit_once('.') {
            Some((stem, _)) if !stem.is_empty() => stem,
            _ => base,
        };
        let visible = stem.chars().filter(|c| !is_invisible(*c));
        visible.take(crate::limits::ATTACHMENT_DESCRIPTION_CHARS_MAX).collect::<String>()
    });
    let spoiler = name.starts_with("SPOILER_");
    FileName { name, title: title.filter(|title| !title.trim().is_empty()), spoiler }
}

/// Gives a name to what has none left, keeping the extension: `.png` was `图.png`, or hidden.
fn with_stem(cleaned: &str) -> String {
    let extension_only = cleaned.starts_with('.') && cleaned.matches('.').count() == 1;
    let name = cleaned.trim_start_matches('.');
    match (name.is_empty(), extension_only) {
        (true, _) => "unknown".to_owned(),
        (false, true) => format!("unknown.{name}"),
        (false, false) => name.to_owned(),
    }
}

/// Cuts an ASCII name to [`FILE_NAME_CHARS_MAX`].
fn shortened(name: String) -> String {
    if name.len() <= FILE_NAME_CHARS_MAX {
        return name;
    }
    let extension = match name.rsplit_once('.') {
        Some((_, extension)) if extension.len() <= 16 => format!(".{extension}"),
        _ => String::new(),
    };
    format!("{}{extension}", &name[..FILE_NAME_CHARS_MAX - extension.len()])
}
