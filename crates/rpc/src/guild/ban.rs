//! Bans of a guild.

use consort_model::{MessageId, User, UserId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// BAN_MEMBERS. By rising user id; `before` wins over `after`. Answers an array.
    List { limit: u32, before: Option<UserId>, after: Option<UserId> },
    /// BAN_MEMBERS. One ban.
    Get { user: UserId },
    /// BAN_MEMBERS. `user` is the account as the edge found it, since one may ban who is no member.
    Create { user: Box<User>, delete_message_seconds: u32 },
    /// BAN_MEMBERS.
    Delete { user: UserId },
    /// BAN_MEMBERS and MANAGE_GUILD, 200 at most. Answers `{banned_users, failed_users}`.
    Bulk { users: Vec<User>, unknown: Vec<UserId>, delete_message_seconds: u32 },
    /// Deletes what these users wrote after an id. From the guild itself.
    Purge { users: Vec<UserId>, after: MessageId },
}
