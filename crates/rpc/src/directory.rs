//! Who owns what: placement of keys on the live nodes.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, Weak};

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
    /// The live nodes that run a service, among them those that take no keys just now.
    fn nodes_of(&self, _service: &str) -> Vec<NodeId> {
        self.nodes()
    }
    /// The version of the map as this node knows it. Calls between nodes carry it: a node whose map is older than its
    /// caller's may have lost the key without having heard.
    fn version(&self) -> u64;
    /// Makes `node` the owner of a key, if the map says so. The epoch is higher than that of every owner before it on
    /// another node.
    fn claim(&self, node: NodeId, service: &str, key: u64) -> Option<Ownership>;
    /// Whether an ownership still holds: no other node has been given the key since, as far as this node knows. Asked before
    /// anything is handled, so it must be cheap.
    fn holds(&self, node: NodeId, service: &str, key: u64, ownership: Ownership) -> bool;
    /// Whether nothing can have changed that this node does not know of. One with a lease says no once that has run out: then
    /// another node may own what this one holds, and nothing is answered that the store has not confirmed. Must be cheap.
    fn is_certain(&self) -> bool {
        true
    }
    /// Tells `watcher` of every change from now on.
    fn watch(&self, watcher: Weak<dyn Watcher>);
}

/// The right to write the rows of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    /// Rises with each owner of the key.
    pub epoch: u64,
    /// Whether another node could write to the same store. Then each batch carries the epoch and the store refuses an older
    /// one. A node that is alone with its store, which it holds locked, needs no such check.
    pub fenced: bool,
}

/// Hears of changes of the map. Called by the thread that changes it; must not block.
pub trait Watcher: Send + Sync + 'static {
    /// Keys may have moved.
    fn moved(&self) {}
    /// A node is gone: everything it owned and every session it had. Comes before [`Watcher::moved`]. `generation` tells
    /// one life of a node from the next.
    fn node_gone(&self, _node: NodeId, _generation: u64) {}
    /// This node was taken for gone by the others and is back as another life of its number: they have let go of all that it
    /// had with them. Comes before [`Watcher::moved`].
    fn reborn(&self) {}
}

/// A list of nodes that all run everything. Placement is rendezvous hashing: when a node is taken away only its own keys
/// move.
pub struct Static {
    map: RwLock<Map>,
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
    fenced: bool,
}

/// Maps remembered, so that an ownership can be checked against all that came after it.
const MAPS_MAX: usize = 64;

struct Map {
    version: u64,
    /// The live nodes, and before them those of the maps before; never empty.
    history: VecDeque<Vec<NodeId>>,
    /// The version in which each live node came.
    generations: HashMap<NodeId, u64>,
}

impl Map {
    fn nodes(&self) -> &[NodeId] {
        self.history.back().map_or(&[], Vec::as_slice)
    }
}

impl fmt::Debug for Static {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.read();
        f.debug_struct("Static").field("version", &map.version).field("nodes", &map.nodes()).finish()
    }
}

impl Static {
    /// A cluster of these nodes over one store.
    pub fn new(nodes: Vec<NodeId>) -> Self {
        Self::starting(nodes, 1, true)
    }

    /// A node that is alone with its store. `generation` must be higher than in every earlier life of the installation:
    /// it is the epoch of all owners.
    pub fn alone(node: NodeId, generation: u64) -> Self {
        Self::starting(vec![node], generation, false)
    }

    fn starting(nodes: Vec<NodeId>, version: u64, fenced: bool) -> Self {
        let generations = nodes.iter().map(|node| (*node, version)).collect();
        let map = Map { version, history: VecDeque::from([nodes]), generations };
        Self { map: RwLock::new(map), watchers: Mutex::default(), fenced }
    }

    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the list of live nodes and tells the watchers.
    pub fn set(&self, nodes: Vec<NodeId>) {
        let gone: Vec<_> = {
            let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
            map.version += 1;
            let version = map.version;
            for node in &nodes {
                map.generations.entry(*node).or_insert(version);
            }
            let before = map.nodes().to_vec();
            let gone = before.into_iter().filter(|node| !nodes.contains(node));
            let gone = gone.filter_map(|node| Some((node, map.generations.remove(&node)?))).collect();
            if map.history.len() >= MAPS_MAX {
                map.history.pop_front();
            }
            map.history.push_back(nodes);
            gone
        };
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for watcher in watchers.iter().filter_map(Weak::upgrade) {
            gone.iter().for_each(|(node, generation)| watcher.node_gone(*node, *generation));
            watcher.moved();
        }
    }
}

impl Directory for Static {
    fn owner(&self, service: &str, key: u64) -> Option<NodeId> {
        rendezvous(self.read().nodes(), service, key)
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.read().nodes().to_vec()
    }

    fn version(&self) -> u64 {
        self.read().version
    }

    fn claim(&self, node: NodeId, service: &str, key: u64) -> Option<Ownership> {
        let map = self.read();
        let owns = rendezvous(map.nodes(), service, key) == Some(node);
        owns.then_some(Ownership { epoch: map.version, fenced: self.fenced })
    }

    fn holds(&self, node: NodeId, service: &str, key: u64, ownership: Ownership) -> bool {
        let map = self.read();
        let since = map.version.saturating_sub(ownership.epoch) as usize;
        let mut maps = map.history.iter().rev().take(since);
        since < map.history.len() && maps.all(|nodes| rendezvous(nodes, service, key) == Some(node))
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(watcher);
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

    fn a_key_of(directory: &Static, node: NodeId) -> u64 {
        (0..).find(|key| directory.owner("guild", *key) == Some(node)).unwrap()
    }

    #[test]
    fn an_ownership_ends_when_another_node_may_have_claimed_the_key_even_if_it_comes_back() {
        let (a, b) = (NodeId(1), NodeId(2));
        let directory = Static::new(vec![a, b]);
        let (of_a, of_b) = (a_key_of(&directory, a), a_key_of(&directory, b));
        let first = directory.claim(a, "guild", of_a).unwrap();
        assert!(directory.claim(a, "guild", of_b).is_none(), "it is the other node's");
        directory.set(vec![a]);
        assert!(directory.holds(a, "guild", of_a, first), "nobody else could have it");
        let gained = directory.claim(a, "guild", of_b).unwrap();
        directory.set(vec![b]);
        assert!(!directory.holds(a, "guild", of_a, first));
        let second = directory.claim(b, "guild", of_a).unwrap();
        assert!(second.epoch > first.epoch && second.epoch > gained.epoch);
        directory.set(vec![a, b]);
        assert!(!directory.holds(a, "guild", of_a, first), "the other node has written meanwhile");
        assert!(directory.claim(a, "guild", of_a).unwrap().epoch > second.epoch);
    }

    #[test]
    fn a_map_too_old_to_be_compared_with_gives_no_ownership() {
        let directory = Static::new(vec![NodeId(1)]);
        let ownership = directory.claim(NodeId(1), "guild", 1).unwrap();
        (0..MAPS_MAX - 1).for_each(|_| directory.set(vec![NodeId(1)]));
        assert!(directory.holds(NodeId(1), "guild", 1, ownership));
        directory.set(vec![NodeId(1)]);
        assert!(!directory.holds(NodeId(1), "guild", 1, ownership));
    }

    #[test]
    fn watchers_hear_of_each_node_that_is_gone_and_of_its_generation() {
        #[derive(Default)]
        struct Heard(Mutex<Vec<(NodeId, u64)>>, Mutex<usize>);
        impl Watcher for Heard {
            fn moved(&self) {
                *self.1.lock().unwrap() += 1;
            }
            fn node_gone(&self, node: NodeId, generation: u64) {
                self.0.lock().unwrap().push((node, generation));
            }
        }
        let (directory, heard) =
            (Static::new(vec![NodeId(1), NodeId(2)]), std::sync::Arc::new(Heard::default()));
        let watcher: std::sync::Arc<dyn Watcher> = heard.clone();
        directory.watch(std::sync::Arc::downgrade(&watcher));
        directory.set(vec![NodeId(1)]);
        directory.set(vec![NodeId(1), NodeId(2)]);
        directory.set(vec![NodeId(1)]);
        assert_eq!(*heard.0.lock().unwrap(), [(NodeId(2), 1), (NodeId(2), 3)]);
        assert_eq!(*heard.1.lock().unwrap(), 3);
    }

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
