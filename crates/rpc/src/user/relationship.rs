//! Friends, requests, blocks, notes; and what the owners of two accounts tell each other about them.

use consort_model::{Patch, Presence, User, UserId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// All relationships. Answers an array.
    List,
    /// Asks somebody to be friends, or accepts the request of the same.
    Request { user: UserId },
    /// Blocks somebody.
    Block { user: UserId },
    /// Ends a friendship, takes back or declines a request, or ends a block.
    Remove { user: UserId },
    /// Ignores somebody, or does so no more: what they write calls the account no longer, and they are not told.
    Ignore { user: UserId, ignored: bool },
    /// Gives a friend a name of one's own.
    Nickname {
        /// The friend.
        user: UserId,
        /// Null takes it away.
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        nickname: Patch<String>,
    },
    /// Declines all incoming requests.
    ClearRequests,
    /// The note on somebody. Answers `{user_id, note_user_id, note}`.
    Note { user: UserId },
    /// All notes. Answers a map of id to text.
    Notes,
    /// Writes the note on somebody; empty removes it.
    PutNote { user: UserId, note: String },
    /// Another account's owner tells of its side. From the system.
    Peer {
        from: Box<User>,
        news: Peer,
        /// The number of a wish to be friends, see [`Peer`]; 0 where it does not matter, and in what was written before wishes had numbers.
        #[serde(default)]
        wish: u64,
    },
    /// A friend's owner tells its presence. From the system.
    Presence(Box<FriendPresence>),
}

/// What happened on the other side of a relationship. Two accounts are friends when each wishes it: a request is a wish, and so is its
/// acceptance. Each wish of an account has a number, higher than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Peer {
    /// It wishes to be friends; `wish` is that wish.
    #[serde(alias = "Accepted")]
    Requested,
    /// It has taken back its wish, and that of this account as far as it knew of one: up to `wish`. A later one, which has crossed this
    /// news, stands.
    Removed,
    /// It has another name or avatar.
    Changed,
}

/// The presence of a friend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FriendPresence {
    /// What friends may see of it.
    pub presence: Presence,
    /// Whether it has sessions, visible or not, that want to know of this account's presence.
    pub watching: bool,
    /// Whether it has just come and wants to be told this account's presence.
    pub wants_reply: bool,
}
