//! Presence of a user.

use serde::{Deserialize, Serialize};

use crate::{Activity, GuildId, UserId};

/// How present a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not connected, or not to be seen.
    #[default]
    Offline,
    /// Connected but to be seen as offline; never shown to others.
    Invisible,
    /// Away.
    Idle,
    /// Not to be disturbed.
    Dnd,
    /// There.
    Online,
}

/// A user named by its id alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRef {
    /// The user.
    pub id: UserId,
}

/// What others see of a user's sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// Whose it is.
    pub user: UserRef,
    /// The guild it is told in; left out for friends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Merged over the sessions.
    pub status: Status,
    /// What the user does.
    #[serde(default)]
    pub activities: Vec<Activity>,
    /// By kind of client.
    #[serde(default)]
    pub client_status: ClientStatus,
}

/// Status by kind of client; a kind that is offline is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClientStatus {
    /// Desktop programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desktop: Option<Status>,
    /// Phones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Status>,
    /// Browsers and bots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web: Option<Status>,
}

impl Presence {
    /// Somebody who is not there.
    pub fn offline(user: UserId) -> Self {
        Self {
            user: UserRef { id: user },
            guild_id: None,
            status: Status::Offline,
            activities: Vec::new(),
            client_status: ClientStatus::default(),
        }
    }
}
