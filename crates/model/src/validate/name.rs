//! The one rule of names, and names of emojis and files.

use std::ops::RangeInclusive;

use super::{Checked, sized, tidy, visible, wrong};
use crate::form::Form;
use crate::limits::{
    APPLICATION_NAME_CHARS, ATTACHMENT_DESCRIPTION_CHARS_MAX, AUTOMOD_NAME_CHARS, CHANNEL_NAME_CHARS,
    COMMAND_NAME_CHARS, CONNECTION_NAME_CHARS, DISPLAY_NAME_CHARS, EMOJI_NAME_CHARS, EVENT_NAME_CHARS,
    FILE_NAME_CHARS_MAX, FORUM_TAG_NAME_CHARS, GUILD_NAME_CHARS, NICK_CHARS_MAX, ONBOARDING_OPTION_CHARS,
    ONBOARDING_PROMPT_CHARS, ROLE_NAME_CHARS_MAX, SOUND_NAME_CHARS, STICKER_NAME_CHARS, TEMPLATE_NAME_CHARS,
    USERNAME_CHARS, WEBHOOK_NAME_CHARS,
};
use crate::patch::Patch;

/// What a name is of; decides what differs between names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Named {
    /// Username of a bot. People's usernames are unique and have a rule of their own, [`super::username`].
    Bot,
    /// Display name of an account.
    Account,
    /// Name of a member in a guild, or of a friend.
    Nick,
    /// Webhook, or the name one speaks under.
    Webhook,
    /// Application.
    Application,
    /// Guild.
    Guild,
    /// Text, announcement, forum and media channels: lower case, `-` for white space.
    TextChannel,
    /// Voice and stage channels, categories, groups.
    Channel,
    /// Thread or forum post.
    Thread,
    /// Role.
    Role,
    /// Tag of a forum.
    Tag,
    /// Sticker.
    Sticker,
    /// Sound of a soundboard.
    Sound,
    /// Folder of guilds in somebody's own settings; may be empty.
    Folder,
    /// Scheduled event.
    Event,
    /// Template of a guild.
    Template,
    /// Rule of the automatic moderation.
    Rule,
    /// Question for new members.
    Question,
    /// Answer to such a question.
    Answer,
    /// What an application says of people.
    Connection,
    /// Command of an application in a menu; those that are written have a rule of their own.
    Command,
    /// What a file is shown as; may be empty.
    File,
}

/// Names that nobody speaks under, since a text would seem to mention everyone, or the system to speak (User page, "Usernames
/// and Nicknames"; Webhook page, "Create Webhook", and for the last two our choice).
const SYSTEM_NAMES: &[&str] = &["everyone", "here", "system", "system message"];

impl Named {
    /// Characters (code points) of the name.
    pub fn length(self) -> RangeInclusive<usize> {
        match self {
            Self::Bot => USERNAME_CHARS,
            Self::Account => DISPLAY_NAME_CHARS,
            Self::Nick => 1..=NICK_CHARS_MAX,
            Self::Webhook => WEBHOOK_NAME_CHARS,
            Self::Application => APPLICATION_NAME_CHARS,
            Self::Guild => GUILD_NAME_CHARS,
            Self::TextChannel | Self::Channel | Self::Thread => CHANNEL_NAME_CHARS,
            Self::Role => 1..=ROLE_NAME_CHARS_MAX,
            Self::Tag => FORUM_TAG_NAME_CHARS,
            Self::Sticker => STICKER_NAME_CHARS,
            Self::Sound => SOUND_NAME_CHARS,
            Self::Folder => 0..=32,
            Self::Event => EVENT_NAME_CHARS,
            Self::Template => TEMPLATE_NAME_CHARS,
            Self::Rule => AUTOMOD_NAME_CHARS,
            Self::Question => ONBOARDING_PROMPT_CHARS,
            Self::Answer => ONBOARDING_OPTION_CHARS,
            Self::Connection => CONNECTION_NAME_CHARS,
            Self::Command => COMMAND_NAME_CHARS,
            Self::File => 0..=ATTACHMENT_DESCRIPTION_CHARS_MAX,
        }
    }

    /// Texts that the name may not contain, in lower case.
    const fn forbidden_parts(self) -> &'static [&'static str] {
        match self {
            Self::Bot => &["@", "#", ":", "```", "discord"],
            Self::Webhook => &["clyde", "discord"],
            _ => &[],
        }
    }

    /// What the name may not be as a whole, in lower case.
    const fn forbidden_names(self) -> &'static [&'static str] {
        match self {
            Self::Bot | Self::Webhook => SYSTEM_NAMES,
            _ => &[],
        }
    }
}

/// Checks a name and brings it to the form that is kept: invisible, direction and control characters are dropped, white space
/// is trimmed and each run of it made one space. Then length and words are looked at, so that neither can be got round with
/// characters that nobody sees.
pub fn name(of: Named, text: &str) -> Checked {
    let tidied = match of {
        Named::TextChannel => tidy(text).to_lowercase().replace(' ', "-"),
        _ => tidy(text),
    };
    let name = sized(tidied, of.length())?;
    let lower = name.to_lowercase();
    if let Some(part) = of.forbidden_parts().iter().find(|part| lower.contains(**part)) {
        return Err(wrong("USERNAME_INVALID_CONTAINS", format!("Username cannot contain \"{part}\"")));
    }
    if let Some(word) = of.forbidden_names().iter().find(|word| lower == **word) {
        return Err(wrong("USERNAME_INVALID_EQUALS", format!("Username cannot be \"{word}\"")));
    }
    Ok(name)
}

impl Form<'_> {
    /// Reads a name. Absent and null give `None`, and so does a wrong one, which is noted.
    pub fn name(&self, field: &str, of: Named) -> Option<String> {
        super::read(self, field, |text| name(of, text))
    }

    /// Three-state [`Form::name`].
    pub fn patch_name(&self, field: &str, of: Named) -> Patch<String> {
        self.patch(field, |form| form.name(field, of))
    }

    /// As [`Form::patch_name`] of a name that can be taken away: empty text does it as well as null.
    pub fn patch_name_or_none(&self, field: &str, of: Named) -> Patch<String> {
        let empty =
            self.opt(field).and_then(serde_json::Value::as_str).is_some_and(|text| text.trim().is_empty());
        if empty { Patch::Null } else { self.patch_name(field, of) }
    }
}

/// Whether a joiner is part of how a word is spelt; see [`super::visible`].
pub(super) fn is_spelt(before: char, c: char, after: Option<char>) -> bool {
    const NON_JOINER: char = '\u{200c}';
    const JOINER: char = '\u{200d}';
    let arabic = |c: char| matches!(c, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}');
    let virama = matches!(
        before,
        '\u{94d}'
            | '\u{9cd}'
            | '\u{a4d}'
            | '\u{acd}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{ccd}'
            | '\u{d4d}'
            | '\u{dca}'
            | '\u{1039}'
            | '\u{17d2}'
    );
    let has_next = after.is_some_and(char::is_alphabetic);
    match c {
        JOINER => virama,
        NON_JOINER => (virama && has_next) || (arabic(before) && after.is_some_and(arabic)),
        _ => false,
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
        visible(stem).chars().take(ATTACHMENT_DESCRIPTION_CHARS_MAX).collect::<String>()
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
