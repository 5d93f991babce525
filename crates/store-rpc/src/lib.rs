//! A store that one node has and the others reach over the mesh: the same trait, the same laws.
//!
//! * [`Shared`] serves any store to other nodes; [`Remote`] is that store as they see it.
//! * What travels is described in `codec.rs`: every size is checked before anything is allocated for it.
//! * **Order.** A batch is sent by the call that submits it, a link between two nodes keeps the order, and the store is given
//!   each batch as it arrives. So batches of one owner are applied in the order of their submission.
//! * **Late batches.** When an answer is missing (a link broke, the time was over) it is unknown whether the batch was written, and
//!   it may still be on its way. Its owner then begins anew and reads what is there. So that nothing changes behind its
//!   back, every submission carries a [`Term`]: after a missing answer the node goes on with the next one, and the store takes
//!   nothing of an older term once it has seen a newer one.
//! * **Fences** of owners ([`Precondition::Epoch`](consort_store::Precondition::Epoch)) are checked by the store itself, as always.
//! * **Bounds.** An operation takes [`CALL_DEADLINE`](consort_rpc::CALL_DEADLINE) at most; queues are those of the link and of the
//!   store behind it. A batch that the link does not take was not begun: [`Error::Overloaded`](consort_store::Error::Overloaded).

#![warn(missing_docs)]

mod codec;
mod remote;
mod shared;

use bytes::Bytes;
use consort_rpc::{Nothing, Placement, Service};
use serde::{Deserialize, Serialize};

pub use remote::Remote;
pub use shared::Shared;

/// The service; its key is the number of the node that has the store.
#[derive(Debug)]
pub enum StoreService {}

impl Service for StoreService {
    const NAME: &'static str = "store";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// What is asked of a store. Batches and reads are encoded apart; see `codec.rs`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Commits a batch.
    Submit {
        /// Who submits it, and since which loss.
        term: Term,
        /// The batch.
        batch: Bytes,
    },
    /// Reads.
    Read(Bytes),
    /// Answers when everything that was submitted before it is decided.
    Flush,
}

/// Counts the answers that a node has missed in its life. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Term {
    /// The node's number.
    pub node: u16,
    /// Which life of it.
    pub life: u64,
    /// How many answers it has missed.
    pub missed: u64,
}
