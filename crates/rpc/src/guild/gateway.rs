//! What sessions and their users' owners ask of a guild.

use consort_model::{Presence, User, UserId};
use serde::{Deserialize, Serialize};

use crate::relay::{Epoch, Heard, Question, SessionKey};

/// The gateway's operations on a guild.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Attaches a session of the caller. The answer comes through the session's relay, in order with the guild's events:
    /// [`crate::relay::Op::Attached`] or [`crate::relay::Op::Refused`].
    Attach {
        session: SessionKey,
        /// What the answer names.
        question: Question,
        /// Members above which GUILD_CREATE carries only some (50 to 250, IDENTIFY's `large_threshold`).
        large_threshold: u16,
        /// Whether the session may have presences (GUILD_PRESENCES, or a user account).
        presences: bool,
        /// How far the session is in what the guild says, if it was attached before: what was said since comes behind the answer.
        #[serde(default)]
        heard: Option<Heard>,
    },
    /// The node has no session of this guild any more: no event need go there.
    Detached { node: crate::NodeId },
    /// The relay of a node has everything up to `after` of this line and has missed what came next. It is sent again, or the
    /// relay is told that everybody must attach again. From the system.
    Replay { node: crate::NodeId, line: Epoch, after: u64 },
    /// The caller's merged presence over its sessions; `offline` when the last one ended.
    Presence { presence: Box<Presence> },
    /// REQUEST_GUILD_MEMBERS. Answers [`crate::Answer::Chunk`]; with what it says is next, the call gives the one after it.
    Chunk(ChunkRequest),
    /// The caller's name, avatar or flags changed.
    UserChanged { user: Box<User> },
    /// Lazy member list (op 14, op 37): the ranges a session looks at. Events go straight to the session.
    Subscribe { session: SessionKey, request: Box<serde_json::Value> },
    /// A session that was looking is gone.
    Unsubscribe { session: SessionKey },
    /// Opcode 31: the session is sent SOUNDBOARD_SOUNDS.
    Sounds { session: SessionKey },
    /// The permissions that a user has in the whole guild, for tests and the console. Answers them as JSON.
    BasePermissions { user: UserId },
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
    /// Where the answer goes on; `None` begins it.
    pub next: Option<ChunkNext>,
}

/// Where a list of members goes on. The owner remembers nothing of a list it gives in parts, so one that nobody takes further
/// costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkNext {
    /// The last member looked at; members go by id.
    pub after: UserId,
    /// The `chunk_index` to give.
    pub index: u32,
    /// The `chunk_count` that was said at the beginning.
    pub count: u32,
    /// Members still to be given at most.
    pub left: u32,
    /// When the list began, Unix milliseconds: who joined later is not in it.
    pub began_ms: u64,
}

/// One GUILD_MEMBERS_CHUNK, and what is to be asked for the one after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPart<C> {
    /// The body (`d`), as JSON between actors: 1000 members at most.
    pub chunk: C,
    /// `None` when this was the last one.
    pub next: Option<ChunkNext>,
}
