//! The contract of names that only one may have: usernames, e-mail addresses, the post of administrator.
//!
//! A name is **reserved** for an account first, and then used by it. A reservation that is not used in time lapses; one that is
//! used holds for as long as the account says so in its own row, which is what decides. So nothing is lost or taken for ever
//! when a node dies between the two steps.

use consort_model::UserId;
use consort_model::object::account::index_partition;
use serde::{Deserialize, Serialize};

use crate::{Nothing, Service};

/// The service; its key is the partition of the name ([`index_partition`]).
#[derive(Debug)]
pub enum Name {}

impl Service for Name {
    const NAME: &'static str = "name";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// How long a reservation holds without being used, in milliseconds.
pub const RESERVED_MS: u64 = 60_000;
/// An account uses no reservation that lapses in less than this, so that its commit is over before somebody else may have the
/// name.
pub const MARGIN_MS: u64 = 30_000;

/// What a name is a name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A username: `ada`, or a bot's `helper#0042`.
    Username,
    /// An e-mail address.
    Email,
    /// Who runs the installation; its name is always [`ADMINISTRATOR`].
    Administrator,
}

/// The one name of [`Kind::Administrator`].
pub const ADMINISTRATOR: &str = "administrator";

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Who has the name, or had it reserved last. Answers the account's id or null.
    Find { kind: Kind, name: String },
    /// Reserves a name for an account. Answers until when, Unix milliseconds; 409 when another has it.
    Reserve { kind: Kind, name: String, user: UserId },
    /// Gives a name free that the account does not use.
    Release { kind: Kind, name: String, user: UserId },
}

/// The key of the owner of a name.
pub fn key(name: &str) -> u64 {
    index_partition(name)
}
