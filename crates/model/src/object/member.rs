//! Membership of a user in a guild.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::User;
use crate::{RoleId, Timestamp};

/// A member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The account; left out where it stands beside (`author` of a message).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Name in this guild.
    #[serde(default)]
    pub nick: Option<String>,
    /// Hash of the avatar in this guild.
    #[serde(default)]
    pub avatar: Option<String>,
    /// Hash of the banner in this guild.
    #[serde(default)]
    pub banner: Option<String>,
    /// Roles, without @everyone.
    #[serde(default)]
    pub roles: Vec<RoleId>,
    /// When the user joined.
    pub joined_at: Timestamp,
    /// Null: boosts are not offered.
    #[serde(default)]
    pub premium_since: Option<Timestamp>,
    /// Deafened by the guild.
    #[serde(default)]
    pub deaf: bool,
    /// Muted by the guild.
    #[serde(default)]
    pub mute: bool,
    /// Guild member flags; 1: has left and come back.
    #[serde(default)]
    pub flags: u64,
    /// Has not passed screening.
    #[serde(default)]
    pub pending: bool,
    /// In a timeout until then.
    #[serde(default)]
    pub communication_disabled_until: Option<Timestamp>,
    /// Not offered: always null.
    #[serde(default)]
    pub avatar_decoration_data: Option<Value>,
    /// Not offered: always null.
    #[serde(default)]
    pub collectibles: Option<Value>,
}

impl Member {
    /// Somebody who joins now.
    pub fn new(user: User, joined_at: Timestamp) -> Self {
        Self {
            user: Some(user),
            nick: None,
            avatar: None,
            banner: None,
            roles: Vec::new(),
            joined_at,
            premium_since: None,
            deaf: false,
            mute: false,
            flags: 0,
            pending: false,
            communication_disabled_until: None,
            avatar_decoration_data: None,
            collectibles: None,
        }
    }

    /// The member without its account, as it stands beside an author.
    pub fn without_user(&self) -> Self {
        Self { user: None, ..self.clone() }
    }

    /// The name shown in the guild.
    pub fn display_name(&self) -> &str {
        let account = self.user.as_ref().map(User::display_name);
        self.nick.as_deref().or(account).unwrap_or_default()
    }
}
