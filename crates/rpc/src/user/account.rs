//! Operations on the account itself: names, pictures, password, guilds.

use consort_model::object::account::UserRow;
use consort_model::{Patch, UserId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// The account as it sees itself. Answers the current user.
    Get,
    /// The guilds the account is in. Answers `[id]`.
    Guilds,
    /// Another account's profile as the caller, whose owner this is, may see it. Answers the profile.
    Profile { user: UserId, mutual_guilds: bool, mutual_friends: bool },
    /// Changes the account. Answers the current user.
    Update(Box<Update>),
    /// Logins have ended: their sessions are closed with 4004.
    LoggedOut { auth_sessions: Vec<u64> },
    /// The account's row, for the system. Answers it.
    Row,
    /// Makes the account, from the system, if there is none of that id yet. `until_ms` is when the reservation of its names lapses
    /// ([`name`](crate::name)): 503 when that is too soon. Answers the row there is.
    Found { row: Box<UserRow>, until_ms: u64 },
    /// The account can no longer be used (the bot of a deleted application): its sessions are closed. From the system.
    Disable,
}

/// A change of an account. The edge has checked forms and the password and stored the pictures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    /// When the reservation of `username` and `email` lapses, Unix milliseconds ([`name`](crate::name)): without it neither is
    /// changed.
    pub reserved_until_ms: u64,
    /// A new unique name, in lower case for people.
    pub username: Option<String>,
    /// The name shown.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub global_name: Patch<String>,
    /// Hash of a stored picture.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub avatar: Patch<String>,
    /// Hash of a stored picture.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub banner: Patch<String>,
    /// 0xRRGGBB.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub accent_color: Patch<u32>,
    /// The profile's text.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub bio: Patch<String>,
    /// Pronouns of the profile.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub pronouns: Patch<String>,
    /// A new address, unique.
    pub email: Option<String>,
    /// BCP 47 tag.
    pub locale: Option<String>,
}
