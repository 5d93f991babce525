//! Rows of an account: what only the system sees.

use serde::{Deserialize, Serialize};

use super::{CurrentUser, User};
use crate::{ApplicationId, Timestamp};

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
    /// The row of an account with nothing set, which speaks a language (BCP 47 tag).
    pub fn person(user: User, locale: &str) -> Self {
        let current = CurrentUser {
            user,
            mfa_enabled: false,
            locale: locale.to_owned(),
            premium_type: 0,
            email: None,
            verified: false,
            bio: String::new(),
            phone: None,
            nsfw_allowed: Some(true),
            pronouns: String::new(),
        };
        Self { current, admin: false, application: None, disabled: false }
    }

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

/// The key of a username in its index: people's names are unique by themselves, bots' with their discriminator.
pub fn username_key(username: &str, discriminator: &str) -> String {
    match discriminator {
        "" | "0" => username.to_lowercase(),
        discriminator => format!("{}#{discriminator}", username.to_lowercase()),
    }
}

/// The partition of a text in an index: FNV-1a, so that nodes and releases agree, over 2^16 partitions.
pub fn index_partition(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash & 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_indexed_in_lower_case_and_bots_with_their_number() {
        assert_eq!(username_key("Ada", "0"), "ada");
        assert_eq!(username_key("Ada", "0042"), "ada#0042");
        // Rows are found by it: it never changes. FNV-1a of "a" is 0xaf63dc4c8601ec8c.
        assert_eq!(index_partition("a"), 0xec8c);
    }
}
