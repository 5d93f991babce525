//! Rules by which a guild moderates itself ("Auto Moderation" page).

use serde::{Deserialize, Serialize};

use crate::{ChannelId, GuildId, RoleId, RuleId, UserId};

/// What a rule looks for (Auto Moderation, Trigger Types).
pub mod trigger {
    /// Words and expressions of its own, in messages.
    pub const KEYWORD: u8 = 1;
    /// Messages that look like spam.
    pub const SPAM: u8 = 3;
    /// Words of the lists that come with the server.
    pub const PRESET: u8 = 4;
    /// More mentions than allowed.
    pub const MENTION_SPAM: u8 = 5;
    /// Words and expressions of its own, in names of members.
    pub const PROFILE: u8 = 6;
}

/// What a rule does (Auto Moderation, Action Types).
pub mod action {
    /// The message is not posted.
    pub const BLOCK_MESSAGE: u8 = 1;
    /// A message in a channel tells of it.
    pub const ALERT: u8 = 2;
    /// The member is in a timeout.
    pub const TIMEOUT: u8 = 3;
    /// The member may look, and do nothing else.
    pub const BLOCK_INTERACTION: u8 = 4;
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoModerationRule {
    /// Its id.
    pub id: RuleId,
    /// Its guild.
    pub guild_id: GuildId,
    /// Up to 100 characters.
    pub name: String,
    /// Who made it.
    pub creator_id: UserId,
    /// 1 when a message is sent or changed, 2 when a member joins or changes.
    pub event_type: u8,
    /// One of [`trigger`].
    pub trigger_type: u8,
    /// What it looks for; which fields there are depends on the trigger.
    pub trigger_metadata: TriggerMetadata,
    /// What it does, 1 to 5.
    pub actions: Vec<AutoModerationAction>,
    /// Whether it does anything.
    pub enabled: bool,
    /// Members with one of these roles are left alone.
    pub exempt_roles: Vec<RoleId>,
    /// What is said here is left alone.
    pub exempt_channels: Vec<ChannelId>,
}

impl AutoModerationRule {
    /// Whether it has an action of a kind.
    pub fn has_action(&self, kind: u8) -> bool {
        self.actions.iter().any(|action| action.kind == kind)
    }
}

/// What a rule looks for. A field is there when the trigger has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TriggerMetadata {
    /// Words; `*` at an end stands for the rest of a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyword_filter: Option<Vec<String>>,
    /// Regular expressions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex_patterns: Option<Vec<String>>,
    /// Lists that come with the server: 1 profanity, 2 sexual content, 3 slurs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presets: Option<Vec<u8>>,
    /// Words that are no find although they have one in them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_list: Option<Vec<String>>,
    /// Users and roles that one message may mention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention_total_limit: Option<u8>,
    /// Whether many mentions by several members in a short time are looked for as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mention_raid_protection_enabled: Option<bool>,
}

/// Something that a rule does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoModerationAction {
    /// One of [`action`].
    #[serde(rename = "type")]
    pub kind: u8,
    /// How; which fields there are depends on the kind.
    #[serde(default)]
    pub metadata: ActionMetadata,
}

/// How something is done. A field is there when the kind has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ActionMetadata {
    /// Where an alert goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_id: Option<ChannelId>,
    /// Seconds of a timeout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
    /// What the author of a blocked message is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_message: Option<String>,
}
