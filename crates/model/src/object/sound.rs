//! Sounds of a soundboard ("Soundboard" page).

use serde::{Deserialize, Serialize};

use super::User;
use crate::{EmojiId, GuildId, SoundId};

/// A sound that people play in voice channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundboardSound {
    /// 2 to 32 characters.
    pub name: String,
    /// Its id, by which its file is found.
    pub sound_id: SoundId,
    /// 0 to 1.
    pub volume: f64,
    /// The guild's emoji that it is shown with.
    pub emoji_id: Option<EmojiId>,
    /// The emoji of Unicode that it is shown with.
    pub emoji_name: Option<String>,
    /// Its guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Whether it may be played.
    pub available: bool,
    /// Who made it, for those who may make some themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}
