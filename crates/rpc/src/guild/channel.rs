//! Channels of a guild and their permission overwrites.

use consort_model::{ChannelId, Id, Overwrite, OverwriteId, Patch};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// All channels the caller sees. Answers an array.
    List,
    /// One channel the caller sees.
    Get { channel: ChannelId },
    /// MANAGE_CHANNELS. Answers the channel, created.
    Create(Box<Create>),
    /// MANAGE_CHANNELS (and MANAGE_ROLES for overwrites). Answers the channel.
    Update { channel: ChannelId, update: Box<Update> },
    /// MANAGE_CHANNELS. Answers the channel as it was.
    Delete { channel: ChannelId },
    /// Bulk change of positions and parents.
    Move(Vec<Move>),
    /// MANAGE_ROLES: replaces or adds an overwrite.
    SetOverwrite { channel: ChannelId, overwrite: Overwrite },
    /// MANAGE_ROLES: takes an overwrite away.
    DeleteOverwrite { channel: ChannelId, id: OverwriteId },
    /// MANAGE_CHANNELS: adds a tag to a forum. Answers the channel.
    AddTag { channel: ChannelId, tag: Value },
    /// MANAGE_CHANNELS: puts another tag in the place of one of a forum. Answers the channel.
    ReplaceTag { channel: ChannelId, id: Id<()>, tag: Value },
    /// MANAGE_CHANNELS: takes a tag of a forum away. Answers the channel.
    RemoveTag { channel: ChannelId, id: Id<()> },
    /// Sets the status text of a voice channel (SET_VOICE_CHANNEL_STATUS).
    SetVoiceStatus { channel: ChannelId, status: Option<String> },
}

/// A channel to be made. Limits are checked by the edge, rights and relations by the owner.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Create {
    pub name: String,
    /// The channel type's number.
    pub kind: u8,
    pub topic: Option<String>,
    pub bitrate: Option<u32>,
    pub user_limit: Option<u32>,
    pub rate_limit_per_user: Option<u32>,
    pub position: Option<i64>,
    /// `None`: the parent's are copied.
    pub permission_overwrites: Option<Vec<Overwrite>>,
    pub parent_id: Option<ChannelId>,
    pub nsfw: bool,
    pub rtc_region: Option<String>,
    pub video_quality_mode: Option<u8>,
    pub default_auto_archive_duration: Option<u32>,
    pub default_reaction_emoji: Option<Value>,
    pub available_tags: Option<Vec<Value>>,
    pub default_sort_order: Option<u8>,
    pub default_forum_layout: Option<u8>,
    pub default_thread_rate_limit_per_user: Option<u32>,
}

/// A change of a channel; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    pub name: Option<String>,
    pub kind: Option<u8>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub position: Patch<i64>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub topic: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub nsfw: Patch<bool>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub rate_limit_per_user: Patch<u32>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub bitrate: Patch<u32>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub user_limit: Patch<u32>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub permission_overwrites: Patch<Vec<Overwrite>>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub parent_id: Patch<ChannelId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub rtc_region: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub video_quality_mode: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub default_auto_archive_duration: Patch<u32>,
    pub flags: Option<u64>,
    pub available_tags: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub default_reaction_emoji: Patch<Value>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub default_thread_rate_limit_per_user: Patch<u32>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub default_sort_order: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub default_forum_layout: Patch<u8>,
}

/// One entry of a bulk move.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Move {
    pub id: ChannelId,
    pub position: Option<i64>,
    /// Copy the new parent's overwrites.
    pub lock_permissions: bool,
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub parent_id: Patch<ChannelId>,
}
