//! The contract of what operators see of a node, and do to it. Asked by the node that an operator has come to; each node has it.
//!
//! What is seen is read from outside of actors wherever that is possible, so that one that is stuck shows the truth.

use bytes::Bytes;
use consort_model::UserId;
use consort_runtime::{ActorInfo, Traced};
use serde::{Deserialize, Serialize};

use crate::{Answer, Nothing, Placement, Reply, Service};

/// Actors listed in one answer.
pub const ACTORS_MAX: usize = 1_000;

/// The service; its key is the node.
#[derive(Debug)]
pub enum Operate {}

impl Service for Operate {
    const NAME: &'static str = "operate";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// What a node is asked. From the system; `who` is the operator, for the node's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// The node itself. Answers [`NodeInfo`].
    Node,
    /// Its actors, at most `limit` of them. Answers [`Actors`].
    Actors {
        /// Of this kind only.
        kind: Option<String>,
        /// Which come first.
        by: By,
        /// How many, up to [`ACTORS_MAX`].
        limit: usize,
        /// Also those that rest.
        resting: bool,
    },
    /// One actor. Answers [`Actor`], or nothing when there is none here.
    Actor { kind: String, key: u64 },
    /// What an actor says of its own state. Answers JSON; 503 when it does not get to it in time.
    State { who: String, kind: String, key: u64 },
    /// Watches the messages of an actor for some seconds from now on. Answers [`Trace`].
    Watch { who: String, kind: String, key: u64, after: u64 },
    /// The sessions of an account here. Answers [`Sessions`].
    Sessions { who: String, user: UserId },
    /// Sets what is logged, as `CONSORT_LOG` does. Answers the setting before.
    LogLevel { who: String, filter: String },
}

/// An order of actors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The longest queue first; among those without one, who is stuck the longest.
    #[default]
    Queue,
    /// The oldest item first: in the queue, in a handler, or on its way to the store.
    Age,
    /// The most time at work first.
    Busy,
    /// The most messages first.
    Handled,
    /// The most rows in memory first.
    Rows,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// Its number.
    pub node: u16,
    /// Its name in the cluster; empty for one that is alone.
    pub name: String,
    /// The version of its program.
    pub version: String,
    /// What it does.
    pub roles: Vec<String>,
    /// When it began, Unix milliseconds.
    pub started_ms: u64,
    /// Its clock, Unix milliseconds.
    pub now_ms: u64,
    /// The version of the map as it knows it.
    pub map: u64,
    /// Actors by kind, with those that rest.
    pub actors: Vec<(String, u64)>,
    /// Messages that wait, in all mailboxes.
    pub queued: u64,
    /// Processor time of the process so far, microseconds.
    pub cpu_us: u64,
    /// Memory of the process, bytes.
    pub rss_bytes: u64,
    /// Files it has open.
    pub descriptors: u64,
    /// How many it may.
    pub descriptors_max: u64,
    /// Warnings, as `/healthz` tells them.
    pub warnings: Vec<String>,
    /// The gateway; `None` on a node without one.
    pub gateway: Option<GatewayInfo>,
}

/// The gateway of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayInfo {
    /// Sockets.
    pub connections: u64,
    /// Sessions, with and without one.
    pub sessions: u64,
    /// Sessions without one.
    pub detached: u64,
    /// Guilds with sessions here.
    pub guilds: u64,
    /// IDENTIFYs at work or waiting.
    pub identifies: u64,
    /// Bytes held for RESUMEs, as if nobody shared them.
    pub journal_bytes: u64,
    /// Inputs of slices that wait.
    pub queued: u64,
    /// Guild events taken by sessions.
    pub deliveries: u64,
    /// Volatile events dropped for want of room.
    pub dropped_volatile: u64,
    /// Others; the sessions concerned have ended.
    pub lost_events: u64,
    /// Connections cut because they took too little.
    pub cut_slow: u64,
    /// Connections cut for want of heartbeats.
    pub cut_zombie: u64,
    /// Sessions ended because they had a gap.
    pub invalidated: u64,
    /// Sessions resumed.
    pub resumed: u64,
}

/// Actors of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actors {
    /// How many there are that were asked for.
    pub total: u64,
    /// The first of them.
    pub actors: Vec<ActorInfo>,
}

/// One actor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// As in the list.
    #[serde(flatten)]
    pub info: ActorInfo,
    /// Messages that its mailbox takes.
    pub capacity: u64,
    /// The types of the messages that wait first, by how often, and how many were looked at.
    pub waiting: Vec<(String, u64)>,
    /// How many messages of those that wait were looked at.
    pub walked: u64,
    /// What its messages have cost since it last came to life, most time first.
    pub ops: Vec<OpInfo>,
}

/// Messages of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpInfo {
    /// The type.
    pub op: String,
    /// How many.
    pub count: u64,
    /// Time in the handler, microseconds.
    pub total_us: u64,
    /// The longest, microseconds.
    pub max_us: u64,
}

/// Messages of an actor that is watched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Oldest first. A gap in the numbers: more came than are kept.
    pub messages: Vec<Traced>,
}

/// Sessions of an account on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// They.
    pub sessions: Vec<SessionInfo>,
    /// Slices that have not answered in time.
    pub silent: Vec<u16>,
}

/// One session. Without its secrets: nobody can resume it with this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    /// The node.
    pub node: u16,
    /// The slice on it.
    pub slice: u16,
    /// Its number on the node.
    pub number: u64,
    /// The account.
    pub user: UserId,
    /// Whether it is a bot's.
    pub bot: bool,
    /// The shard of a bot: number and count.
    pub shard: Option<(u32, u32)>,
    /// `opening`, `attaching` or `live`.
    pub phase: String,
    /// How long it has been without a socket, seconds.
    pub detached_s: Option<u64>,
    /// Its intents, as bits.
    pub intents: u64,
    /// The number of its newest dispatch.
    pub seq: u64,
    /// That of the last one written whole to its socket.
    pub sent: u64,
    /// Dispatches held for a RESUME.
    pub journal_events: u64,
    /// Their bytes, as if nobody shared them.
    pub journal_bytes: u64,
    /// Bytes that wait for its socket.
    pub unsent_bytes: u64,
    /// Guilds that it is attached to.
    pub guilds: u64,
    /// Those that have not answered it yet.
    pub guilds_awaited: u64,
    /// Its socket; `None` while it has none.
    pub socket: Option<SocketInfo>,
}

/// The socket of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketInfo {
    /// How long it has been open, seconds.
    pub open_s: u64,
    /// Since its last heartbeat, milliseconds.
    pub heartbeat_ms: u64,
    /// Bytes of frames of its own (heartbeats and so on) that wait.
    pub own_bytes: u64,
    /// Whether it took less than it was given, and is waited for.
    pub blocked: bool,
    /// Since when it takes too little, milliseconds.
    pub stalled_ms: Option<u64>,
}

/// Encodes an answer.
///
/// # Errors
/// Never; the type is that of an answer.
pub fn answer<T: Serialize>(value: &T) -> Reply {
    Ok(Answer::Json(Answer::bytes(value)))
}

/// Decodes an answer of a node.
///
/// # Errors
/// A text that says what is wrong.
pub fn decode<'de, T: Deserialize<'de>>(body: &'de Bytes) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}
