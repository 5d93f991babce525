//! Rows of names.

use consort_model::UserId;
use serde::{Deserialize, Serialize};

/// A name: `UsernameIndex` and `EmailIndex`, partition: that of the name, key: the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameRow {
    /// Who has it, if its account says so.
    pub user: UserId,
    /// Until when it is reserved whatever the account says, Unix milliseconds.
    #[serde(default)]
    pub until_ms: u64,
}
