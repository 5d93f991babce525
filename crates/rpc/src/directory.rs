//! Who owns what: placement of keys on the live nodes.

use std::fmt;
use std::sync::RwLock;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A node of the cluster. Also the worker number in its snowflakes (10 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u16);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{}", self.0)
    }
}

/// Knows the live nodes and places keys on them.
pub trait Directory: Send + Sync + 'static {
    /// The owner of `key` in `service`, or `None` when no node runs it.
    fn owner(&self, service: &str, key: u64) -> Option<NodeId>;
    /// Every live node.
    fn nodes(&self) -> Vec<NodeId>;
}

/// A fixed list of nodes that all run everything. Placement is rendezvous hashing: when a node is taken away only its
/// own keys move.
#[derive(Debug)]
pub struct Static(RwLock<Vec<NodeId>>);

impl Static {
    /// A cluster of these nodes.
    pub fn new(nodes: Vec<NodeId>) -> Self {
        Self(RwLock::new(nodes))
    }

    /// Replaces the list of live nodes.
    pub fn set(&self, nodes: Vec<NodeId>) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = nodes;
    }
}

impl Directory for Static {
    fn owner(&self, service: &str, key: u64) -> Option<NodeId> {
        let nodes = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        rendezvous(&nodes, service, key)
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// The node with the highest weight for a key. Weights come from xxh3, which is the same in every build.
pub fn rendezvous(nodes: &[NodeId], service: &str, key: u64) -> Option<NodeId> {
    if let [only] = nodes {
        return Some(*only);
    }
    let seed = xxh3_64_with_seed(service.as_bytes(), 0);
    nodes.iter().copied().max_by_key(|node| {
        let mut input = [0; 10];
        input[..8].copy_from_slice(&key.to_le_bytes());
        input[8..].copy_from_slice(&node.0.to_le_bytes());
        (xxh3_64_with_seed(&input, seed), *node)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_keys_of_a_lost_node_move() {
        let all: Vec<_> = (0..5).map(NodeId).collect();
        let fewer: Vec<_> = (0..4).map(NodeId).collect();
        let mut moved = 0;
        for key in 0..10_000u64 {
            let (before, after) = (rendezvous(&all, "guild", key), rendezvous(&fewer, "guild", key));
            if before == Some(NodeId(4)) {
                moved += 1;
            } else {
                assert_eq!(before, after);
            }
        }
        assert!((1_700..2_300).contains(&moved), "{moved} of 10000 keys were on one of five nodes");
    }
}
