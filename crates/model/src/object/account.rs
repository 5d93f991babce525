//! Rows of an account: what only the system sees.

use serde::{Deserialize, Serialize};

use super::{CurrentUser, User};
use crate::{ApplicationId, Timestamp, UserId};

/// The row of an account (`Table::Users`, partition: the id, key: empty).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRow {
    /// The account as it sees itself, its public part included.
    #[serde(flatten)]
    pub current: CurrentUser,
    /// Whether it runs the installation.
    #[serde(default)]
    pub admin: bool,
    /// The application of a bot.
    #[serde(default)]
    pub application: Option<ApplicationId>,
    /// Whether it was disabled: it cannot log in and its name is kept.
    #[serde(default)]
    pub disabled: bool,
}

impl UserRow {
    /// The public part.
    pub fn user(&self) -> &User {
        &self.current.user
    }
}

/// The secrets of an account (`Table::Credentials`, partition: the id, key: empty).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct CredentialsRow {
    /// The Argon2id hash in PHC form.
    pub password: String,
    /// When the password was set: tokens from before it are refused.
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for CredentialsRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialsRow").field("changed_at", &self.changed_at).finish_non_exhaustive()
    }
}

/// A token's row (`Table::Tokens`, partition: first eight bytes of its SHA-256, key: the SHA-256).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Whose it is.
    pub user: UserId,
    /// Whether it is a bot's.
    #[serde(default)]
    pub bot: bool,
    /// The application: of the bot, or the one the person authorised.
    #[serde(default)]
    pub application: Option<ApplicationId>,
    /// Id of the authentication session, unique per token.
    pub session: u64,
    /// OAuth2 scopes; `None` for full tokens.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// When it was given out.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// Operating system and program, as told at login.
    #[serde(default)]
    pub client: (String, String),
}
