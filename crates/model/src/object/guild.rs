//! Guilds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Channel, Emoji, Member, Presence, Role, SoundboardSound, StageInstance, Sticker, User, VoiceState,
};
use crate::{ApplicationId, ChannelId, GuildId, Permissions, Timestamp, UserId};

/// A guild as REST shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guild {
    /// Its id.
    pub id: GuildId,
    /// 2 to 100 characters.
    pub name: String,
    /// Hash.
    #[serde(default)]
    pub icon: Option<String>,
    /// Text, of communities.
    #[serde(default)]
    pub description: Option<String>,
    /// Hash.
    #[serde(default)]
    pub home_header: Option<String>,
    /// Hash.
    #[serde(default)]
    pub splash: Option<String>,
    /// Hash.
    #[serde(default)]
    pub discovery_splash: Option<String>,
    /// What is switched on, such as `COMMUNITY`.
    #[serde(default)]
    pub features: Vec<String>,
    /// Hash.
    #[serde(default)]
    pub banner: Option<String>,
    /// Who owns it.
    pub owner_id: UserId,
    /// A bot that made it.
    #[serde(default)]
    pub application_id: Option<ApplicationId>,
    /// Deprecated; a constant.
    pub region: String,
    /// Where idle people in voice are moved.
    #[serde(default)]
    pub afk_channel_id: Option<ChannelId>,
    /// Seconds: 60, 300, 900, 1800, 3600.
    pub afk_timeout: u32,
    /// Where the system writes.
    #[serde(default)]
    pub system_channel_id: Option<ChannelId>,
    /// What it does not write (bits 0 to 5).
    #[serde(default)]
    pub system_channel_flags: u64,
    /// Whether the widget is public.
    #[serde(default)]
    pub widget_enabled: bool,
    /// Where the widget invites to.
    #[serde(default)]
    pub widget_channel_id: Option<ChannelId>,
    /// 0 to 4.
    #[serde(default)]
    pub verification_level: u8,
    /// Its roles, @everyone among them.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// 0 all messages, 1 mentions.
    #[serde(default)]
    pub default_message_notifications: u8,
    /// 1: moderation needs a second factor.
    #[serde(default)]
    pub mfa_level: u8,
    /// 0 to 2.
    #[serde(default)]
    pub explicit_content_filter: u8,
    /// Null: no limit.
    #[serde(default)]
    pub max_presences: Option<u32>,
    /// How many members it may have.
    pub max_members: u32,
    /// Cameras on a stage.
    pub max_stage_video_channel_users: u32,
    /// Cameras in a voice channel.
    pub max_video_channel_users: u32,
    /// Code of its own.
    #[serde(default)]
    pub vanity_url_code: Option<String>,
    /// 0: boosts are not offered.
    #[serde(default)]
    pub premium_tier: u8,
    /// 0: boosts are not offered.
    #[serde(default)]
    pub premium_subscription_count: u32,
    /// BCP 47.
    pub preferred_locale: String,
    /// Rules, of communities.
    #[serde(default)]
    pub rules_channel_id: Option<ChannelId>,
    /// Safety notices, of communities.
    #[serde(default)]
    pub safety_alerts_channel_id: Option<ChannelId>,
    /// Notices to moderators, of communities.
    #[serde(default)]
    pub public_updates_channel_id: Option<ChannelId>,
    /// Not offered.
    #[serde(default)]
    pub premium_progress_bar_enabled: bool,
    /// Whether age-restricted.
    #[serde(default)]
    pub nsfw: bool,
    /// 0 to 3.
    #[serde(default)]
    pub nsfw_level: u8,
    /// Its emojis.
    #[serde(default)]
    pub emojis: Vec<Emoji>,
    /// Its stickers.
    #[serde(default)]
    pub stickers: Vec<Sticker>,
    /// Measures against raids.
    #[serde(default)]
    pub incidents_data: Option<Value>,
    /// With counts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_member_count: Option<u64>,
    /// With counts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_presence_count: Option<u64>,
}

impl Guild {
    /// A new guild without roles and channels.
    pub fn new(id: GuildId, name: impl Into<String>, owner: UserId) -> Self {
        Self {
            id,
            name: name.into(),
            icon: None,
            description: None,
            home_header: None,
            splash: None,
            discovery_splash: None,
            features: Vec::new(),
            banner: None,
            owner_id: owner,
            application_id: None,
            region: "deprecated".into(),
            afk_channel_id: None,
            afk_timeout: 300,
            system_channel_id: None,
            system_channel_flags: 0,
            widget_enabled: false,
            widget_channel_id: None,
            verification_level: 0,
            roles: Vec::new(),
            default_message_notifications: 0,
            mfa_level: 0,
            explicit_content_filter: 0,
            max_presences: None,
            max_members: 25_000_000,
            max_stage_video_channel_users: 50,
            max_video_channel_users: 25,
            vanity_url_code: None,
            premium_tier: 0,
            premium_subscription_count: 0,
            preferred_locale: "en-US".into(),
            rules_channel_id: None,
            safety_alerts_channel_id: None,
            public_updates_channel_id: None,
            premium_progress_bar_enabled: false,
            nsfw: false,
            nsfw_level: 0,
            emojis: Vec::new(),
            stickers: Vec::new(),
            incidents_data: None,
            approximate_member_count: None,
            approximate_presence_count: None,
        }
    }
}

/// A guild as GUILD_CREATE brings it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayGuild {
    /// What REST shows.
    #[serde(flatten)]
    pub guild: Guild,
    /// When the receiver joined.
    pub joined_at: Timestamp,
    /// Whether not all members are in `members`.
    pub large: bool,
    /// False; true would be an outage.
    pub unavailable: bool,
    /// How many members there are.
    pub member_count: u64,
    /// Who is in voice, without `guild_id`.
    pub voice_states: Vec<VoiceState>,
    /// Some or all members, the receiver among them.
    pub members: Vec<Member>,
    /// Channels the receiver sees.
    pub channels: Vec<Channel>,
    /// Active threads the receiver sees.
    pub threads: Vec<Channel>,
    /// Of those in `members`, or none.
    pub presences: Vec<Presence>,
    /// Stages that run.
    pub stage_instances: Vec<StageInstance>,
    /// Events to come.
    pub guild_scheduled_events: Vec<Value>,
    /// Sounds.
    pub soundboard_sounds: Vec<SoundboardSound>,
}

/// A guild that cannot be had now, or is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnavailableGuild {
    /// The guild.
    pub id: GuildId,
    /// Left out when the receiver is out of the guild.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub unavailable: bool,
}

/// A guild in the list of one's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MyGuild {
    /// The guild.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Hash.
    pub icon: Option<String>,
    /// Hash.
    pub banner: Option<String>,
    /// Whether the caller owns it.
    pub owner: bool,
    /// The caller's rights in it.
    pub permissions: Permissions,
    /// What is switched on.
    pub features: Vec<String>,
    /// With counts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_member_count: Option<u64>,
    /// With counts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_presence_count: Option<u64>,
}

/// A ban.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ban {
    /// Why.
    pub reason: Option<String>,
    /// Whom.
    pub user: User,
}
