//! Roles of a guild.

use consort_model::{Patch, Permissions, RoleId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Answers an array, lowest first.
    List,
    /// One role.
    Get { role: RoleId },
    /// Members of each role, but @everyone: `{role id: count}`.
    MemberCounts,
    /// MANAGE_ROLES; only rights the caller has. Answers the role.
    Create(Box<Fields>),
    /// MANAGE_ROLES, below the caller's highest. Answers the role.
    Update { role: RoleId, fields: Box<Fields> },
    /// MANAGE_ROLES, below the caller's highest.
    Delete { role: RoleId },
    /// Bulk change of positions. Answers all roles.
    Move(Vec<(RoleId, Option<i64>)>),
}

/// Fields of a role, in creation (absent: the default) and change (absent: as it is).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fields {
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub name: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub permissions: Patch<Permissions>,
    /// The old single colour, 0xRRGGBB.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub color: Patch<u32>,
    /// Primary, secondary, tertiary.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub colors: Patch<(u32, Option<u32>, Option<u32>)>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub hoist: Patch<bool>,
    /// The hash of an icon that was stored already.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub icon: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub unicode_emoji: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub mentionable: Patch<bool>,
}
