//! Emojis and stickers.

use serde::{Deserialize, Serialize};

use super::User;
use crate::{EmojiId, GuildId, RoleId, StickerId};

/// A custom emoji of a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emoji {
    /// Its id.
    pub id: EmojiId,
    /// 2 to 32 of `A-Za-z0-9_`.
    pub name: String,
    /// Roles that may use it; empty: everybody.
    #[serde(default)]
    pub roles: Vec<RoleId>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Always true.
    pub require_colons: bool,
    /// Whether an integration manages it.
    #[serde(default)]
    pub managed: bool,
    /// Whether it moves.
    #[serde(default)]
    pub animated: bool,
    /// False when the guild has lost the place for it.
    pub available: bool,
}

/// An emoji in a reaction: custom (with id) or a character (id null).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartialEmoji {
    /// Null for a character.
    pub id: Option<EmojiId>,
    /// The name, or the character itself; null for a custom emoji that is gone.
    pub name: Option<String>,
    /// Only present when true.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub animated: bool,
}

/// A sticker of a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sticker {
    /// Its id.
    pub id: StickerId,
    /// 2 to 30 characters.
    pub name: String,
    /// Empty or 2 to 100 characters.
    pub description: Option<String>,
    /// Words to find it by.
    pub tags: String,
    /// 2: a guild's.
    #[serde(rename = "type")]
    pub kind: u8,
    /// 1 PNG, 2 APNG, 3 Lottie, 4 GIF.
    pub format_type: u8,
    /// False when the guild has lost the place for it.
    pub available: bool,
    /// Its guild.
    pub guild_id: GuildId,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// A sticker as a message carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StickerItem {
    /// Its id.
    pub id: StickerId,
    /// Its name.
    pub name: String,
    /// As [`Sticker::format_type`].
    pub format_type: u8,
}
