//! Templates: what a guild is made of, without the people ("Guild Template" page).

use serde::{Deserialize, Serialize};

use super::{DefaultReaction, RoleColors, User};
use crate::{ChannelId, GuildId, Overwrite, Permissions, Timestamp, UserId};

/// A template of a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuildTemplate {
    /// Who has it may see the template and make a guild of it.
    pub code: String,
    /// 1 to 100 characters.
    pub name: String,
    /// Up to 120 characters.
    pub description: Option<String>,
    /// Guilds that were made of it.
    pub usage_count: u32,
    /// Who made it.
    pub creator_id: UserId,
    /// The same, as an account.
    pub creator: Option<User>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last brought up to date.
    pub updated_at: Timestamp,
    /// The guild.
    pub source_guild_id: GuildId,
    /// What the guild was made of then.
    pub serialized_source_guild: TemplateGuild,
    /// Whether the guild has changed since; null when it has not.
    pub is_dirty: Option<bool>,
}

/// What a guild is made of. Ids of roles and channels are placeholders: small numbers, 0 is @everyone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateGuild {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// Not offered: always null.
    #[serde(default)]
    pub region: Option<String>,
    /// Level.
    pub verification_level: u8,
    /// 0 all messages, 1 mentions only.
    pub default_message_notifications: u8,
    /// Level.
    pub explicit_content_filter: u8,
    /// Locale.
    pub preferred_locale: String,
    /// A placeholder.
    pub afk_channel_id: Option<ChannelId>,
    /// Seconds.
    pub afk_timeout: u32,
    /// A placeholder.
    pub system_channel_id: Option<ChannelId>,
    /// Bits.
    pub system_channel_flags: u64,
    /// All but those of bots, @everyone first, then from the lowest up.
    pub roles: Vec<TemplateRole>,
    /// Categories first.
    pub channels: Vec<TemplateChannel>,
}

/// A role of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateRole {
    /// A placeholder.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// What it grants.
    pub permissions: Permissions,
    /// The primary colour again.
    pub color: u32,
    /// Its colours.
    pub colors: RoleColors,
    /// Whether its members are listed apart.
    pub hoist: bool,
    /// Whether everybody may ping it.
    pub mentionable: bool,
    /// Pictures are not taken along: always null.
    #[serde(default)]
    pub icon: Option<String>,
    /// An emoji as icon.
    #[serde(default)]
    pub unicode_emoji: Option<String>,
}

/// A channel of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateChannel {
    /// A placeholder.
    pub id: u32,
    /// 0 text, 2 voice, 4 category, 15 forum. Other kinds, which need a community, become the one that is nearest.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its name.
    pub name: Option<String>,
    /// Where it is in the list.
    pub position: Option<i64>,
    /// Its topic.
    pub topic: Option<String>,
    /// Bits per second.
    pub bitrate: u32,
    /// 0 without limit.
    pub user_limit: u32,
    /// Whether age-restricted.
    pub nsfw: bool,
    /// Seconds of slowmode.
    pub rate_limit_per_user: u32,
    /// A placeholder.
    pub parent_id: Option<ChannelId>,
    /// Minutes.
    pub default_auto_archive_duration: Option<u32>,
    /// Those of roles, by placeholder.
    pub permission_overwrites: Vec<Overwrite>,
    /// Of forums.
    pub available_tags: Option<Vec<TemplateTag>>,
    /// Not offered: always empty.
    #[serde(default)]
    pub template: String,
    /// Of forums.
    pub default_reaction_emoji: Option<DefaultReaction>,
    /// Seconds of slowmode in new threads.
    pub default_thread_rate_limit_per_user: Option<u32>,
    /// Of forums.
    pub default_sort_order: Option<u8>,
    /// Of forums.
    pub default_forum_layout: Option<u8>,
    /// Not offered: always null.
    #[serde(default)]
    pub default_tag_setting: Option<String>,
    /// Not offered: always null.
    #[serde(default)]
    pub theme_color: Option<u32>,
}

/// A tag of a forum in a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateTag {
    /// Placeholders are not needed: always null.
    #[serde(default)]
    pub id: Option<u32>,
    /// Its name.
    pub name: String,
    /// Emojis of the guild are not taken along: always null.
    #[serde(default)]
    pub emoji_id: Option<u64>,
    /// An emoji of Unicode.
    pub emoji_name: Option<String>,
    /// For moderators only.
    pub moderated: Option<bool>,
}
