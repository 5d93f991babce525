//! Emojis and stickers of a guild. Images are stored by the edge before the owner is asked.

use consort_model::{EmojiId, GuildId, Patch, RoleId, StickerId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Answers an array.
    List,
    /// One emoji.
    Get { emoji: EmojiId },
    /// An emoji that the caller may use: the guild's, and if it is for roles the caller has one of them. Answers a partial
    /// emoji.
    Usable { emoji: EmojiId },
    /// CREATE_GUILD_EXPRESSIONS. The image is stored under `id`. Answers the emoji, created.
    Create { id: EmojiId, name: String, animated: bool, roles: Vec<RoleId> },
    /// MANAGE_GUILD_EXPRESSIONS, or CREATE for one's own. Answers the emoji.
    Update {
        emoji: EmojiId,
        name: Option<String>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        roles: Patch<Vec<RoleId>>,
    },
    /// MANAGE_GUILD_EXPRESSIONS, or CREATE for one's own.
    Delete { emoji: EmojiId },
    /// Answers an array of stickers.
    ListStickers,
    /// One sticker.
    GetSticker { sticker: StickerId },
    /// CREATE_GUILD_EXPRESSIONS. The file is stored under `id`. Answers the sticker, created.
    CreateSticker { id: StickerId, name: String, description: Option<String>, tags: String, format: u8 },
    /// MANAGE_GUILD_EXPRESSIONS, or CREATE for one's own. Answers the sticker.
    UpdateSticker {
        sticker: StickerId,
        name: Option<String>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        description: Patch<String>,
        tags: Option<String>,
    },
    /// MANAGE_GUILD_EXPRESSIONS, or CREATE for one's own.
    DeleteSticker { sticker: StickerId },
}

/// The row by which an edge finds the guild of a sticker or emoji: `Table::GuildMisc`, its id as partition, [`INDEX_KEY`] or
/// [`EMOJI_INDEX_KEY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRow {
    /// The guild that has it.
    pub guild: GuildId,
}

/// Key of the [`IndexRow`] of a sticker.
pub const INDEX_KEY: &str = "sticker_guild";
/// Key of the [`IndexRow`] of an emoji.
pub const EMOJI_INDEX_KEY: &str = "emoji_guild";
