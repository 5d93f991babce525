//! Rules of form for names, addresses, passwords, files and emojis.
//!
//! A rule takes text and gives the text to keep, or the leaf of a form error; [`read`] applies one to a
//! field.

mod account;
mod emoji;
mod name;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::error::FieldError;
use crate::form::Form;

pub use account::{RESERVED_USERNAMES, display_name, email, password, username};
pub use emoji::{ReactionEmoji, is_unicode_emoji, parse_reaction, unicode_key};
pub use name::{FileName, channel_name, clean_file_name, emoji_name, text_channel_name, webhook_name};

/// Outcome of a rule: what to keep, or what is wrong.
pub type Checked = Result<String, FieldError>;

/// Applies a rule to an optional field of a form. Absent and null give `None`, and so does a wrong value,
/// which is noted.
pub fn read(form: &Form<'_>, field: &str, rule: impl FnOnce(&str) -> Checked) -> Option<String> {
    let text = form.str(field, 0..=usize::MAX)?;
    match rule(&text) {
        Ok(kept) => Some(kept),
        Err(error) => {
            let error_path = crate::error::FormErrors::at("", error.code, error.message);
            form.merge_under(field, error_path);
            None
        }
    }
}

fn wrong(code: &'static str, message: impl Into<Cow<'static, str>>) -> FieldError {
    FieldError { code: Cow::Borrowed(code), message: message.into() }
}

/// Checks the number of characters.
fn sized(text: String, length: RangeInclusive<usize>) -> Checked {
    if length.contains(&text.chars().count()) {
        return Ok(text);
    }
    let message = format!("Must be between {} and {} in length.", length.start(), length.end());
    Err(wrong("BASE_TYPE_BAD_LENGTH", message))
}

/// Tells whether a character shows nothing, or changes how what stands around it is shown, so that two names
/// could look alike: controls, zero-width characters, direction marks. U+200D stays, it joins emojis.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'
            | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}')
}

/// Drops invisible characters, trims, and makes each run of white space one space.
fn tidy(text: &str) -> String {
    let visible = text.chars().filter(|c| c.is_whitespace() || !is_invisible(*c)).collect::<String>();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
