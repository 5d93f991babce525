//! Emojis as reactions name them: one of the guild's, or one of Unicode's.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::id::EmojiId;

/// Longest Unicode emoji in characters: the longest in use joins four people with skin tones, 10; flags of
/// regions spell their code in tags, 7 or more.
const UNICODE_EMOJI_CHARS_MAX: usize = 32;
/// Longest text that names a reaction, in bytes.
const REACTION_BYTES_MAX: usize = 256;
const VARIATION_SELECTOR: char = '\u{fe0f}';
const JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';
/// Ends a sequence of tags.
const CANCEL_TAG: char = '\u{e007f}';

/// Emoji of a reaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReactionEmoji {
    /// Emoji of Unicode, as sent.
    Unicode(String),
    /// Emoji of a guild or application.
    Custom {
        /// Id; alone decides which emoji is meant.
        id: EmojiId,
        /// Name as sent, which may be any.
        name: Option<String>,
        /// Whether it was sent as animated.
        animated: bool,
    },
}

impl ReactionEmoji {
    /// Returns the text that is equal for the same emoji and different for others: decimal id, or the
    /// characters without U+FE0F.
    pub fn key(&self) -> String {
        match self {
            Self::Unicode(text) => unicode_key(text),
            Self::Custom { id, .. } => id.to_string(),
        }
    }

    /// Tells whether both mean one emoji.
    pub fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unicode(a), Self::Unicode(b)) => without_selectors(a).eq(without_selectors(b)),
            (Self::Custom { id: a, .. }, Self::Custom { id: b, .. }) => a == b,
            _ => false,
        }
    }
}

fn without_selectors(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| *c != VARIATION_SELECTOR)
}

/// Returns the form in which Unicode emojis compare equal: without U+FE0F.
pub fn unicode_key(text: &str) -> String {
    without_selectors(text).collect()
}

/// Reads a reaction from a path segment, percent-decoded: `name:id`, `a:name:id`, both also within `<>` and
/// with a leading colon, or the characters of a Unicode emoji.
///
/// # Errors
/// 400/10014 for everything else.
pub fn parse_reaction(text: &str) -> Result<ReactionEmoji, ApiError> {
    if text.len() > REACTION_BYTES_MAX {
        return Err(ApiError::invalid_reaction_emoji());
    }
    if is_unicode_emoji(text) {
        return Ok(ReactionEmoji::Unicode(text.to_owned()));
    }
    custom(text).ok_or_else(ApiError::invalid_reaction_emoji)
}

fn custom(text: &str) -> Option<ReactionEmoji> {
    let bare = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(text);
    let (name, digits) = bare.rsplit_once(':')?;
    let id = digits.parse::<EmojiId>().ok().filter(|id| id.get() != 0)?;
    let (animated, name) = match name.strip_prefix("a:") {
        Some(name) => (true, name),
        None => (false, name.strip_prefix(':').unwrap_or(name)),
    };
    if name.contains([':', '<', '>']) {
        return None;
    }
    let name = (!name.is_empty()).then(|| name.to_owned());
    Some(ReactionEmoji::Custom { id, name, animated })
}

/// Tells whether a text is exactly one Unicode emoji, with or without its U+FE0F. Grammar: UTS #51 revision
/// 25, "ED-17 emoji sequence"; besides, single regional indicators are taken, as upstream does. Joined
/// sequences are not looked up in a list, so that those of later versions pass.
pub fn is_unicode_emoji(text: &str) -> bool {
    if text.is_empty() || text.chars().count() > UNICODE_EMOJI_CHARS_MAX {
        return false;
    }
    let mut rest = text;
    loop {
        let Some(after) = element(rest) else { return false };
        match after.strip_prefix(JOINER) {
            Some(joined) => rest = joined,
            None => return after.is_empty(),
        }
    }
}

/// Reads one part of a joined sequence; returns what follows it.
fn element(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let rest = &text[first.len_utf8()..];
    match first {
        '0'..='9' | '#' | '*' => rest.strip_prefix(VARIATION_SELECTOR).unwrap_or(rest).strip_prefix(KEYCAP),
        '\u{1f1e6}'..='\u{1f1ff}' => Some(rest.strip_prefix(is_regional_indicator).unwrap_or(rest)),
        _ if is_emoji(first) => {
            let rest = rest.strip_prefix(|c| is_skin_tone(c) || c == VARIATION_SELECTOR).unwrap_or(rest);
            // Skin tone and selector do not go together by the grammar, yet some keyboards send both.
            let rest = rest.strip_prefix(VARIATION_SELECTOR).unwrap_or(rest);
            tags(rest)
        }
        _ => None,
    }
}

/// Skips a sequence of tags; `None` when one is begun and not ended.
fn tags(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c| ('\u{e0020}'..='\u{e007e}').contains(&c));
    if rest.len() == text.len() { Some(text) } else { rest.strip_prefix(CANCEL_TAG) }
}

/// Whether an invisible character has its place in an emoji, between what stands before and after it.
pub(super) fn joins(before: char, c: char, after: Option<char>) -> bool {
    let in_emoji = |c: char| is_emoji(c) || c == VARIATION_SELECTOR || is_tag(c);
    match c {
        VARIATION_SELECTOR if matches!(before, '0'..='9' | '#' | '*') => after == Some(KEYCAP),
        VARIATION_SELECTOR => is_emoji(before),
        JOINER => in_emoji(before) && after.is_some_and(is_emoji),
        // Tags spell the region of the black flag.
        _ => is_tag(c) && (before == '\u{1f3f4}' || is_tag(before)),
    }
}

fn is_tag(c: char) -> bool {
    ('\u{e0020}'..=CANCEL_TAG).contains(&c)
}

fn is_regional_indicator(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

fn is_skin_tone(c: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

fn is_emoji(c: char) -> bool {
    let code = u32::from(c);
    let after = EMOJI_RANGES.partition_point(|(start, _)| *start <= code);
    after > 0 && code <= EMOJI_RANGES[after - 1].1
}

/// Characters with the property Emoji, first and last of each run: emoji-data.txt of Unicode 14, without
/// keycap bases and regional indicators, with U+1F6D8, U+1F6DC and all of the block U+1FA70..U+1FAFF, from
/// which versions 15 to 17 took theirs.
#[rustfmt::skip]
const EMOJI_RANGES: &[(u32, u32)] = &[
    (0xA9, 0xA9), (0xAE, 0xAE), (0x203C, 0x203C), (0x2049, 0x2049), (0x2122, 0x2122),
    (0x2139, 0x2139), (0x2194, 0x2199), (0x21A9, 0x21AA), (0x231A, 0x231B), (0x2328, 0x2328),
    (0x23CF, 0x23CF), (0x23E9, 0x23F3), (0x23F8, 0x23FA), (0x24C2, 0x24C2), (0x25AA, 0x25AB),
    (0x25B6, 0x25B6), (0x25C0, 0x25C0), (0x25FB, 0x25FE), (0x2600, 0x2604), (0x260E, 0x260E),
    (0x2611, 0x2611), (0x2614, 0x2615), (0x2618, 0x2618), (0x261D, 0x261D), (0x2620, 0x2620),
    (0x2622, 0x2623), (0x2626, 0x2626), (0x262A, 0x262A), (0x262E, 0x262F), (0x2638, 0x263A),
    (0x2640, 0x2640), (0x2642, 0x2642), (0x2648, 0x2653), (0x265F, 0x2660), (0x2663, 0x2663),
    (0x2665, 0x2666), (0x2668, 0x2668), (0x267B, 0x267B), (0x267E, 0x267F), (0x2692, 0x2697),
    (0x2699, 0x2699), (0x269B, 0x269C), (0x26A0, 0x26A1), (0x26A7, 0x26A7), (0x26AA, 0x26AB),
    (0x26B0, 0x26B1), (0x26BD, 0x26BE), (0x26C4, 0x26C5), (0x26C8, 0x26C8), (0x26CE, 0x26CF),
    (0x26D1, 0x26D1), (0x26D3, 0x26D4), (0x26E9, 0x26EA), (0x26F0, 0x26F5), (0x26F7, 0x26FA),
    (0x26FD, 0x26FD), (0x2702, 0x2702), (0x2705, 0x2705), (0x2708, 0x270D), (0x270F, 0x270F),
    (0x2712, 0x2712), (0x2714, 0x2714), (0x2716, 0x2716), (0x271D, 0x271D), (0x2721, 0x2721),
    (0x2728, 0x2728), (0x2733, 0x2734), (0x2744, 0x2744), (0x2747, 0x2747), (0x274C, 0x274C),
    (0x274E, 0x274E), (0x2753, 0x2755), (0x2757, 0x2757), (0x2763, 0x2764), (0x2795, 0x2797),
    (0x27A1, 0x27A1), (0x27B0, 0x27B0), (0x27BF, 0x27BF), (0x2934, 0x2935), (0x2B05, 0x2B07),
    (0x2B1B, 0x2B1C), (0x2B50, 0x2B50), (0x2B55, 0x2B55), (0x3030, 0x3030), (0x303D, 0x303D),
    (0x3297, 0x3297), (0x3299, 0x3299), (0x1F004, 0x1F004), (0x1F0CF, 0x1F0CF), (0x1F170, 0x1F171),
    (0x1F17E, 0x1F17F), (0x1F18E, 0x1F18E), (0x1F191, 0x1F19A), (0x1F201, 0x1F202), (0x1F21A, 0x1F21A),
    (0x1F22F, 0x1F22F), (0x1F232, 0x1F23A), (0x1F250, 0x1F251), (0x1F300, 0x1F321), (0x1F324, 0x1F393),
    (0x1F396, 0x1F397), (0x1F399, 0x1F39B), (0x1F39E, 0x1F3F0), (0x1F3F3, 0x1F3F5), (0x1F3F7, 0x1F4FD),
    (0x1F4FF, 0x1F53D), (0x1F549, 0x1F54E), (0x1F550, 0x1F567), (0x1F56F, 0x1F570), (0x1F573, 0x1F57A),
    (0x1F587, 0x1F587), (0x1F58A, 0x1F58D), (0x1F590, 0x1F590), (0x1F595, 0x1F596), (0x1F5A4, 0x1F5A5),
    (0x1F5A8, 0x1F5A8), (0x1F5B1, 0x1F5B2), (0x1F5BC, 0x1F5BC), (0x1F5C2, 0x1F5C4), (0x1F5D1, 0x1F5D3),
    (0x1F5DC, 0x1F5DE), (0x1F5E1, 0x1F5E1), (0x1F5E3, 0x1F5E3), (0x1F5E8, 0x1F5E8), (0x1F5EF, 0x1F5EF),
    (0x1F5F3, 0x1F5F3), (0x1F5FA, 0x1F64F), (0x1F680, 0x1F6C5), (0x1F6CB, 0x1F6D2), (0x1F6D5, 0x1F6D8),
    (0x1F6DC, 0x1F6E5), (0x1F6E9, 0x1F6E9), (0x1F6EB, 0x1F6EC), (0x1F6F0, 0x1F6F0), (0x1F6F3, 0x1F6FC),
    (0x1F7E0, 0x1F7EB), (0x1F7F0, 0x1F7F0), (0x1F90C, 0x1F93A), (0x1F93C, 0x1F945), (0x1F947, 0x1F9FF),
    (0x1FA70, 0x1FAFF),
];
