//! Voice states and regions.

use serde::{Deserialize, Serialize};

use super::Member;
use crate::{ChannelId, GuildId, Timestamp, UserId};

/// Where and how a user is in voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceState {
    /// The guild; null in a call of a private channel.
    pub guild_id: Option<GuildId>,
    /// Null when the user has left.
    pub channel_id: Option<ChannelId>,
    /// Who.
    pub user_id: UserId,
    /// The member, in events of guilds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// The gateway session that joined.
    pub session_id: String,
    /// Deafened by the guild.
    pub deaf: bool,
    /// Muted by the guild.
    pub mute: bool,
    /// By oneself.
    pub self_deaf: bool,
    /// By oneself.
    pub self_mute: bool,
    /// Shows its screen.
    #[serde(default)]
    pub self_stream: bool,
    /// Shows its camera.
    pub self_video: bool,
    /// May not speak on a stage.
    pub suppress: bool,
    /// Has asked to speak, since then.
    pub request_to_speak_timestamp: Option<Timestamp>,
}

/// A place where media servers stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceRegion {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the nearest.
    pub optimal: bool,
    /// Whether it should not be chosen any more.
    pub deprecated: bool,
    /// Whether it was made for an event.
    pub custom: bool,
}
