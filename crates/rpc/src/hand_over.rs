//! What an owner that has lost its key gives to the next: what it held in memory alone.
//!
//! It is news: should it not arrive, or arrive too late, the next owner has loaded its rows and has those who listen come again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{NodeId, Owner};
use crate::{Placement, Service};

/// The service; its key is the node.
#[derive(Debug)]
pub enum HandOver {}

impl Service for HandOver {
    const NAME: &'static str = "hand-over";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = Op;
}

/// The memory of one owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Whose.
    pub owner: Owner,
    /// The epoch in which it was the owner. The next one takes the memory only if nobody has been the owner in between.
    pub epoch: u64,
    /// The format of `state`: nodes of two versions may not understand each other.
    pub format: u16,
    /// What it held.
    pub state: Bytes,
    /// Nodes with sessions that it speaks to.
    pub listeners: Vec<NodeId>,
    /// Whether it rested: then it need not be brought to life.
    pub rested: bool,
}

/// What a node is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// The memory of owners whose keys are this node's by now.
    Take(Vec<Handed>),
}
