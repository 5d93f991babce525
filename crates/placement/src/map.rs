//! What nodes agree on.

use serde::{Deserialize, Serialize};

/// One life of a node: its number and which start of it this is. A node that died and came back is another life, and none
/// of what the first one owned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Life {
    /// The node's number.
    pub node: u16,
    /// Which life of it: rises from one to the next.
    pub generation: u64,
}

/// A live node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which life of which node.
    pub life: Life,
    /// The roles it runs.
    pub roles: Vec<String>,
    /// Its share of keys, in hundredths of what a node has that is [`warm`](crate::ramp); 0 takes no key.
    pub weight: u16,
}

/// A key that an operator has put on a node. It holds while that node lives and runs the role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The service.
    pub service: String,
    /// The key.
    pub key: u64,
    /// Where it is to be.
    pub node: u16,
}

/// The live nodes and what is pinned. Equal for all nodes that know it by the same version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Map {
    /// Rises with every change.
    pub version: u64,
    /// The version of the map before it. Whoever does not know that one has missed something.
    pub before: u64,
    /// The members, by number; no two of one node.
    pub members: Vec<Member>,
    /// Pinned keys.
    pub pins: Vec<Pin>,
}

impl Map {
    /// The member with a number.
    pub fn member(&self, node: u16) -> Option<&Member> {
        self.members.iter().find(|member| member.life.node == node)
    }
}
