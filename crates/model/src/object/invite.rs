//! Invites.

use serde::{Deserialize, Serialize};

use super::{ChannelType, ScheduledEvent, User};
use crate::{ChannelId, GuildId, Timestamp};

/// An invite, as the invite page shows it; metadata only for those who manage it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invite {
    /// 0: into a guild.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Case-sensitive.
    pub code: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<User>,
    /// Null: never.
    pub expires_at: Option<Timestamp>,
    /// Bits; 1: guest.
    #[serde(default)]
    pub flags: u64,
    /// The guild.
    pub guild: InviteGuild,
    /// Its id again.
    pub guild_id: GuildId,
    /// The channel it leads to.
    pub channel: InviteChannel,
    /// 1: to somebody's stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<u8>,
    /// Whose stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_user: Option<User>,
    /// With counts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_member_count: Option<u64>,
    /// With counts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_presence_count: Option<u64>,
    /// Metadata: how often used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// Metadata: how often at most; 0 without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<u32>,
    /// Metadata: seconds; 0 for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
    /// Metadata: membership ends with the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// Metadata: when made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// An event of the guild, when one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_scheduled_event: Option<Box<ScheduledEvent>>,
    /// On accepting: whether the user was no member before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_member: Option<bool>,
}

/// What an invite shows of its guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InviteGuild {
    /// The guild.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Hashes, as in the guild.
    pub splash: Option<String>,
    /// Hash.
    pub banner: Option<String>,
    /// Text.
    pub description: Option<String>,
    /// Hash.
    pub icon: Option<String>,
    /// Features.
    pub features: Vec<String>,
    /// Level.
    pub verification_level: u8,
    /// Vanity code.
    pub vanity_url_code: Option<String>,
    /// Level.
    pub nsfw_level: u8,
    /// Whether age-restricted.
    pub nsfw: bool,
    /// 0: boosts are not offered.
    pub premium_subscription_count: u32,
}

/// What an invite shows of its channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InviteChannel {
    /// The channel.
    pub id: ChannelId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ChannelType,
    /// Its name.
    pub name: Option<String>,
}
