//! Rules of form for names, addresses, passwords, files and emojis.
//!
//! Names of all kinds have one rule, [`name`], with a table of what differs between them ([`Named`]).
//!
//! A rule takes text and gives the text to keep, or the leaf of a form error; [`read`] applies one to a
//! field.

mod account;
mod emoji;
mod locale;
mod name;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::error::FieldError;
use crate::form::Form;
use crate::id::EmojiId;
use crate::patch::Patch;

pub use account::{RESERVED_USERNAMES, email, password, username};
pub use emoji::{ReactionEmoji, is_unicode_emoji, parse_reaction, unicode_key};
pub use locale::locale;
pub use name::{FileName, Named, clean_file_name, emoji_name, name};

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
/// could look alike: controls, zero-width characters, direction marks, blanks that are no white space.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Drops invisible characters. Those that join emojis, pick their coloured form or spell a flag stay within an emoji; joiners
/// stay where a script is written with them (Unicode Standard Annex #31, 2.3 "Layout and Format Control Characters": after a
/// virama, and U+200C between letters of the Arabic script).
fn visible(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let (before, after) = (kept.chars().next_back(), rest.peek().copied());
        let has_role = |before| emoji::joins(before, c, after) || name::is_spelt(before, c, after);
        if c.is_whitespace() || !is_invisible(c) || before.is_some_and(has_role) {
            kept.push(c);
        }
    }
    kept
}

/// Drops invisible characters, trims, and makes each run of white space one space.
fn tidy(text: &str) -> String {
    visible(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a text shows nothing.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c))
}

/// Drops control characters but line ends and tabs from a text of several lines that others are shown: topics,
/// descriptions. One in which nothing can be seen is empty.
pub fn lines(text: &str) -> String {
    if is_blank(text) {
        return String::new();
    }
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect::<String>().trim().to_owned()
}

/// As [`lines`] of one line: statuses, reasons of the audit log.
pub fn line(text: &str) -> String {
    if is_blank(text) {
        return String::new();
    }
    let one = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    one.collect::<String>().trim().to_owned()
}

impl Form<'_> {
    /// Reads a text of several lines; see [`lines`].
    pub fn lines(&self, field: &str, length: RangeInclusive<usize>) -> Option<String> {
        read(self, field, |text| sized(lines(text), length))
    }

    /// Three-state [`Form::lines`].
    pub fn patch_lines(&self, field: &str, length: RangeInclusive<usize>) -> Patch<String> {
        self.patch(field, |form| form.lines(field, length))
    }

    /// Reads a text of one line; see [`line`].
    pub fn line(&self, field: &str, length: RangeInclusive<usize>) -> Option<String> {
        read(self, field, |text| sized(line(text), length))
    }

    /// Reads a language as a documented locale.
    pub fn locale(&self, field: &str) -> Option<String> {
        read(self, field, |text| {
            let message = "Value is no locale of the API Reference.";
            locale(text).map(str::to_owned).ok_or_else(|| wrong("BASE_TYPE_CHOICES", message))
        })
    }

    /// Reads a field that is an emoji of Unicode.
    pub fn unicode_emoji(&self, field: &str) -> Option<String> {
        read(self, field, |text| match is_unicode_emoji(text) {
            true => Ok(text.to_owned()),
            false => Err(wrong("INVALID_EMOJI", "Invalid emoji")),
        })
    }

    /// Reads `emoji_id` and `emoji_name`. With an id the name says what the emoji is called, else it is an emoji of Unicode.
    pub fn emoji_reference(&self) -> (Option<EmojiId>, Option<String>) {
        let id: Option<EmojiId> = self.id("emoji_id").filter(|id: &EmojiId| id.get() != 0);
        let named = self.opt("emoji_name").is_some_and(|name| name != "");
        let name = match (&id, named) {
            (_, false) => None,
            (Some(_), true) => read(self, "emoji_name", emoji_name),
            (None, true) => self.unicode_emoji("emoji_name"),
        };
        (id, name)
    }
}

#[cfg(test)]
mod tests;
