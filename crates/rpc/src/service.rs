//! What a kind of actor is to those who talk to it.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How keys of a service find their node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// By hashing over the live nodes.
    Ring,
    /// The key is the node's number.
    Node,
}

/// A kind of actor.
pub trait Service: Send + Sync + 'static {
    /// Its name, also in metrics and between nodes.
    const NAME: &'static str;
    /// Where its actors live.
    const PLACEMENT: Placement = Placement::Ring;
    /// What can be asked of it.
    type Op: Serialize + DeserializeOwned + fmt::Debug + Send + 'static;
    /// What it may be told once and never learn ([`crate::Client::cast_lossy`]); [`Nothing`] for most. All else is asked
    /// ([`crate::Client::call`]), told until it is taken ([`crate::Mesh::tell`]) or kept until it is done ([`crate::Effect`]).
    type News: Into<Self::Op>;
    /// Whether an operation that wants no answer may be dropped sooner than others under load.
    fn is_volatile(_op: &Self::Op) -> bool {
        false
    }
}

/// The news of a service that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {}
