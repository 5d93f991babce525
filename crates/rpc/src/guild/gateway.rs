//! What sessions and their users' owners ask of a guild.

use consort_model::{Presence, RoleId, User, UserId};
use serde::{Deserialize, Serialize};

use crate::relay::SessionKey;

/// The gateway's operations on a guild.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Attaches a session of the caller. The answer comes through the session's relay, in order with the guild's events:
    /// [`crate::relay::Op::Attached`] or [`crate::relay::Op::Refused`].
    Attach {
        session: SessionKey,
        /// Members above which GUILD_CREATE carries only some (50 to 250, IDENTIFY's `large_threshold`).
        large_threshold: u16,
        /// Whether the session may have presences (GUILD_PRESENCES, or a user account).
        presences: bool,
    },
    /// The node has no session of this guild any more: no event need go there.
    Detached { node: crate::NodeId },
    /// The caller's merged presence over its sessions; `offline` when the last one ended.
    Presence { presence: Box<Presence> },
    /// REQUEST_GUILD_MEMBERS. Answers a JSON array of GUILD_MEMBERS_CHUNK bodies (`d`), 1000 members at most in each.
    Chunk(ChunkRequest),
    /// The caller's name, avatar or flags changed.
    UserChanged { user: Box<User> },
    /// Lazy member list (op 14, op 37): the ranges a session looks at. Events go straight to the session.
    Subscribe { session: SessionKey, request: Box<serde_json::Value> },
    /// A session that was looking is gone.
    Unsubscribe { session: SessionKey },
    /// The classes' view of a channel for tests and the console. Answers JSON.
    Explain { user: UserId, roles: Vec<RoleId> },
}

/// What members are wanted (gateway opcode 8).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ChunkRequest {
    /// Prefix of a name or nick; empty for everybody.
    pub query: Option<String>,
    /// At most so many; 0 with an empty query is everybody.
    pub limit: u32,
    /// Just these (at most 100).
    pub user_ids: Vec<UserId>,
    /// Whether presences are wanted and allowed.
    pub presences: bool,
    /// Echoed in each chunk, at most 32 bytes.
    pub nonce: Option<String>,
    /// Whether the session may list everybody (GUILD_MEMBERS intent, or a user account).
    pub may_list_all: bool,
}
