//! How sessions of the gateway go from node to node.
//!
//! A client that comes back to another node than the one that has its session has that node ask for it. The session is on one node
//! at any time, and which one that is, the node that has it decides:
//!
//! 1. [`Op::Take`]: the node that has it takes it out, keeps it frozen for some seconds, and gives a numbered copy.
//! 2. [`Op::Commit`]: the copy has arrived. From this answer on the session is the asker's; until then it serves nobody there. A
//!    commit that comes too late is told so, and the session goes on where it was.
//! 3. [`Op::Arrived`]: the owner of its account knows where it is now, and may be told that it is not here any more.
//!
//! Each may be asked again if its answer is lost; so nothing is done twice, and nothing is lost with a link. A node that leaves gives
//! what it still has to others by [`Op::Adopt`].

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{NodeId, Nothing, Placement, Service};

/// The service; its key is the node.
#[derive(Debug)]
pub enum Sessions {}

impl Service for Sessions {
    const NAME: &'static str = "session";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// One move of one session, as the node that has begun it numbers its moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    /// The node that has begun it: the one that asks, or the one that gives a session away.
    pub node: NodeId,
    /// Which life of its gateway.
    pub generation: u64,
    /// Which move.
    pub n: u64,
}

/// What a node is asked about a session. From the account of the session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// For a session, by its public id. `token`: SHA-256 of the token with which its client has come. Answers [`Taken::Copy`],
    /// [`Taken::Busy`], [`Taken::Moved`] or [`Taken::Unknown`].
    Take { id: String, token: [u8; 32], ticket: Ticket },
    /// This copy of it is here. Answers [`Taken::Done`] or [`Taken::Void`].
    Commit { ticket: Ticket, copy: u64 },
    /// It lives at the asker. Answers [`Taken::Done`].
    Arrived { ticket: Ticket },
    /// Here is a session whose node leaves. Answers [`Taken::Done`], or [`Taken::Busy`] from a node that takes none.
    Adopt { id: String, copy: Bytes, ticket: Ticket },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// The session as bytes, as far as a commit follows; and which copy it is. What is asked late may have the session taken out once
    /// more under a ticket, and a commit must not be for another copy than the one that has arrived.
    Copy(Bytes, u64),
    /// It is just going somewhere, or there is no room: ask again.
    Busy,
    /// It went to this node.
    Moved(NodeId),
    /// There is no such session here for this client.
    Unknown,
    /// As asked.
    Done,
    /// Too late: it is here again.
    Void,
}
