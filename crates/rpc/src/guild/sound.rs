//! The soundboard of a guild. Files are stored by the edge before the owner is asked.

use consort_model::{ChannelId, EmojiId, Patch, SoundId, SoundboardSound};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Answers `{items}`.
    List,
    /// One sound.
    Get { sound: SoundId },
    /// CREATE_GUILD_EXPRESSIONS. The file is stored under `id`. Answers the sound, created.
    Create { id: SoundId, form: SoundForm },
    /// MANAGE_GUILD_EXPRESSIONS, or CREATE for one's own. Answers the sound.
    Update { sound: SoundId, form: SoundForm },
    /// MANAGE_GUILD_EXPRESSIONS, or CREATE for one's own.
    Delete { sound: SoundId },
    /// Plays a sound to those in a voice channel that the caller is in: SPEAK and USE_SOUNDBOARD, and neither mute, deaf nor
    /// suppressed. `external`: one of another guild, which needs USE_EXTERNAL_SOUNDS.
    Send { channel: ChannelId, sound: SoundId, external: Option<Box<SoundboardSound>> },
}

/// What is said of a sound. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SoundForm {
    /// 2 to 32 characters.
    pub name: Option<String>,
    /// 0 to 1; null is 1.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub volume: Patch<f64>,
    /// An emoji of the guild.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub emoji_id: Patch<EmojiId>,
    /// An emoji of Unicode.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub emoji_name: Patch<String>,
}
