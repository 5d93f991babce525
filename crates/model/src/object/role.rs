//! Roles.

use serde::{Deserialize, Serialize};

use crate::{GuildId, IntegrationId, Permissions, RoleId, UserId};

/// A role. The one with the guild's own id is @everyone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// 1 to 100 characters.
    pub name: String,
    /// Text under the name; not offered upstream to set, kept null.
    #[serde(default)]
    pub description: Option<String>,
    /// What it grants.
    pub permissions: Permissions,
    /// 0 for @everyone; higher is above.
    pub position: i64,
    /// The primary colour again, for older clients.
    #[serde(default)]
    pub color: u32,
    /// Its colours.
    #[serde(default)]
    pub colors: RoleColors,
    /// Whether its members are listed apart.
    #[serde(default)]
    pub hoist: bool,
    /// Whether it belongs to a bot or an integration and cannot be given by hand.
    #[serde(default)]
    pub managed: bool,
    /// Whether everybody may ping it.
    #[serde(default)]
    pub mentionable: bool,
    /// Hash of the icon.
    #[serde(default)]
    pub icon: Option<String>,
    /// An emoji as icon.
    #[serde(default)]
    pub unicode_emoji: Option<String>,
    /// 1: in an onboarding prompt.
    #[serde(default)]
    pub flags: u64,
    /// Whose it is, when managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<RoleTags>,
}

/// Colours of a role, 0xRRGGBB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoleColors {
    /// 0 for none.
    pub primary_color: u32,
    /// Second colour of a gradient.
    #[serde(default)]
    pub secondary_color: Option<u32>,
    /// Third colour; holographic.
    #[serde(default)]
    pub tertiary_color: Option<u32>,
}

/// Whose a managed role is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RoleTags {
    /// The bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_id: Option<UserId>,
    /// The integration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
}

impl Role {
    /// A plain role.
    pub fn new(id: RoleId, name: impl Into<String>, permissions: Permissions, position: i64) -> Self {
        Self {
            id,
            name: name.into(),
            description: None,
            permissions,
            position,
            color: 0,
            colors: RoleColors::default(),
            hoist: false,
            managed: false,
            mentionable: false,
            icon: None,
            unicode_emoji: None,
            flags: 0,
            tags: None,
        }
    }

    /// The role that everybody in the guild has.
    pub fn everyone(guild: GuildId) -> Self {
        Self::new(guild.cast(), "@everyone", Permissions::EVERYONE_DEFAULT, 0)
    }
}
