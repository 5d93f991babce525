//! What the gateway tells and asks a user's owner.

use bytes::Bytes;
use consort_model::{GuildId, Presence};
use serde::{Deserialize, Serialize};

use crate::relay::SessionKey;

/// The gateway's operations on an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// A session identifies. Answers [`crate::Answer::Opened`]. The owner then tells the user's guilds the merged presence.
    Open(OpenSession),
    /// A session has changed its presence (opcode 3).
    SetPresence { session: SessionKey, presence: Box<Presence> },
    /// A session has ended: closed with 1000 or 1001, or not resumed in time.
    Closed { session: SessionKey },
    /// Where the caller's session with this public id is. Answers [`crate::Answer::Found`].
    Find { session_id: String },
}

/// Where a session is, as the owner of its account knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The addresses that were told to it, the last one first: while a session moves it has two.
    pub sessions: Vec<SessionKey>,
    /// Whether nodes may still be about to tell of sessions: the owner was loaded just now.
    pub may_come: bool,
}

/// What a session says of itself when it identifies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenSession {
    /// Where it lives.
    pub session: SessionKey,
    /// Its public id, as in READY.
    pub session_id: String,
    /// The authentication session (token) behind it, so that a logout can close it.
    pub auth_session: u64,
    /// The presence of IDENTIFY, or what the account last chose.
    pub presence: Option<Box<Presence>>,
    /// User accounts: the capability bits of IDENTIFY.
    pub capabilities: u64,
    /// `os`, `browser`, `device`, for the list of sessions.
    pub client: (String, String, String),
    /// Shard id and count of a bot.
    pub shard: Option<(u32, u32)>,
    /// Whether it is a bot's.
    pub bot: bool,
    /// Whether the session exists already and only the owner is new: nothing but the registration is wanted.
    pub again: bool,
    /// With `again`: the number of the last word of the account that it was told ([`crate::relay::Op::Said`]); `None` before the
    /// first, and where words have no numbers.
    pub heard: Option<u64>,
}

/// What a session needs for its READY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The JSON object of READY, all of it but what the gateway adds: `v`, `application`, `guilds`, `session_id`,
    /// `resume_gateway_url`, `shard`. The gateway takes it as it is.
    pub ready: Bytes,
    /// The JSON object of READY_SUPPLEMENTAL without `guilds`, for user accounts that asked for it.
    pub supplemental: Option<Bytes>,
    /// The user's guilds.
    pub guilds: Vec<GuildId>,
    /// When the owner that answers was loaded, Unix milliseconds: one that was loaded later knows nothing of the session.
    pub owner_since_ms: u64,
    /// The number of the account's last word before the session ([`crate::relay::Op::Said`]); `None` where words have none.
    pub heard: Option<u64>,
}
