//! The contract of what a node remembers of tokens and applications: their owners say when it is wrong.

use consort_model::ApplicationId;
use serde::{Deserialize, Serialize};

use crate::{Placement, Service};

/// The service; its key is the node.
#[derive(Debug)]
pub enum Identity {}

impl Service for Identity {
    const NAME: &'static str = "identity";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = Op;
}

/// What a node is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Tokens do not work any more; by their hashes.
    Revoked { hashes: Vec<String> },
    /// An application has changed.
    Changed { application: ApplicationId },
}
