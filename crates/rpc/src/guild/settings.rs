//! The guild itself: reads, changes, deletion, audit log.

use consort_model::{ChannelId, Patch, TemplateGuild, Timestamp, User, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Founds the guild: @everyone, a text and a voice category with a channel each, the caller as owner. Answers the guild,
    /// created.
    Create { owner: Box<User>, name: String, icon: Option<String>, channels: Vec<super::channel::Create> },
    /// Founds the guild of a template. Answers the guild, created.
    CreateFrom { owner: Box<User>, name: String, icon: Option<String>, template: Box<TemplateGuild> },
    /// The guild object. Answers the guild.
    Get { with_counts: bool },
    /// MANAGE_GUILD. Answers the guild.
    Update(Box<Update>),
    /// The owner only.
    Delete,
    /// Answers the preview.
    Preview,
    /// VIEW_AUDIT_LOG. Answers the log with its side lists.
    AuditLog {
        user: Option<UserId>,
        action: Option<u16>,
        before: Option<u64>,
        after: Option<u64>,
        limit: u32,
    },
    /// MANAGE_GUILD. Answers `{enabled, channel_id}`.
    WidgetSettings,
    /// MANAGE_GUILD. Answers `{enabled, channel_id}`.
    UpdateWidget {
        enabled: Option<bool>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        channel: Patch<ChannelId>,
    },
    /// Anybody, if the widget is on; 50004 otherwise. Answers the widget.
    Widget,
    /// The welcome screen. Answers it, or 10069.
    WelcomeScreen,
    /// MANAGE_GUILD. Answers the welcome screen.
    UpdateWelcomeScreen {
        enabled: Option<bool>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        description: Patch<String>,
        channels: Option<Vec<Value>>,
    },
    /// Answers `{code, uses}`; without a vanity code both are as for none.
    VanityUrl,
    /// MANAGE_GUILD. Answers the integrations.
    Integrations,
    /// MANAGE_GUILD. Removes an integration with its bot.
    DeleteIntegration { integration: u64 },
    /// MANAGE_GUILD. Keeps people out, or from writing to strangers, until a time. Answers both times.
    IncidentActions {
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        invites_disabled_until: Patch<Timestamp>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        dms_disabled_until: Patch<Timestamp>,
    },
}

/// A change of the guild; what is absent stays. Images are hashes of what was stored already.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub icon: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub splash: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub discovery_splash: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub banner: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub description: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub owner_id: Patch<UserId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub afk_channel_id: Patch<ChannelId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub afk_timeout: Patch<u32>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub system_channel_id: Patch<ChannelId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub system_channel_flags: Patch<u64>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub rules_channel_id: Patch<ChannelId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub public_updates_channel_id: Patch<ChannelId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub safety_alerts_channel_id: Patch<ChannelId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub verification_level: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub default_message_notifications: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub explicit_content_filter: Patch<u8>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub preferred_locale: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub premium_progress_bar_enabled: Patch<bool>,
    pub features: Option<Vec<String>>,
}
