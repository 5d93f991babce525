//! Who owns what, as each node believes it: one history of maps, of which nodes hear late, and a lease.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use consort_rpc::{Directory, NodeId, Ownership, Watcher, rendezvous};

/// A map: the nodes on it, and in which map each has come, or come again.
#[derive(Debug, Clone, Default)]
struct Map {
    nodes: Vec<NodeId>,
    since: BTreeMap<NodeId, usize>,
}

/// All maps so far, the newest last. What etcd is to a real cluster.
#[derive(Debug, Default)]
pub(crate) struct Maps(Mutex<Vec<Map>>);

impl Maps {
    pub(crate) fn new(first: Vec<NodeId>) -> Arc<Self> {
        let since = first.iter().map(|node| (*node, 0)).collect();
        Arc::new(Self(Mutex::new(vec![Map { nodes: first, since }])))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Map>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a new map. `again`: a node that lives again.
    pub(crate) fn push(&self, nodes: Vec<NodeId>, again: Option<NodeId>) {
        let mut maps = self.lock();
        let (count, last) = (maps.len(), maps.last().cloned().unwrap_or_default());
        let since =
            |node: NodeId| last.since.get(&node).copied().filter(|_| again != Some(node)).unwrap_or(count);
        let since = nodes.iter().map(|node| (*node, since(*node))).collect();
        maps.push(Map { nodes, since });
    }

    pub(crate) fn newest(&self) -> Vec<NodeId> {
        self.lock().last().map(|map| map.nodes.clone()).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// The view of one life of a node.
pub(crate) struct Seen {
    node: NodeId,
    maps: Arc<Maps>,
    /// How many of the maps it has heard of.
    count: AtomicUsize,
    /// Whether its lease runs. Without, it is certain of nothing.
    leased: AtomicBool,
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
}

impl Seen {
    pub(crate) fn new(node: NodeId, maps: Arc<Maps>) -> Arc<Self> {
        let count = AtomicUsize::new(maps.len());
        Arc::new(Self { node, maps, count, leased: true.into(), watchers: Mutex::default() })
    }

    /// Hears of all maps up to this many.
    pub(crate) fn hear(&self, count: usize) {
        let before = self.count.fetch_max(count, Ordering::Relaxed);
        if before >= count {
            return;
        }
        let gone: Vec<NodeId> = {
            let maps = self.maps.lock();
            let (old, new) = (&maps[before - 1], &maps[count - 1]);
            let lives = |node: &&NodeId| old.since.get(node) == new.since.get(node);
            old.nodes.iter().filter(|node| !lives(node)).copied().collect()
        };
        for watcher in self.watchers() {
            gone.iter().for_each(|node| watcher.node_gone(*node, before as u64));
            if gone.contains(&self.node) {
                watcher.reborn();
            }
            watcher.moved();
        }
    }

    /// Loses or regains the lease.
    pub(crate) fn lease(&self, leased: bool) {
        self.leased.store(leased, Ordering::Relaxed);
        self.watchers().iter().for_each(|watcher| watcher.moved());
    }

    fn watchers(&self) -> Vec<Arc<dyn Watcher>> {
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.iter().filter_map(Weak::upgrade).collect()
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Directory for Seen {
    fn owner(&self, service: &str, key: u64) -> Option<NodeId> {
        rendezvous(&self.maps.lock()[self.count() - 1].nodes, service, key)
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.maps.lock()[self.count() - 1].nodes.clone()
    }

    fn version(&self) -> u64 {
        self.count() as u64
    }

    fn claim(&self, node: NodeId, service: &str, key: u64) -> Option<Ownership> {
        let owns = self.owner(service, key) == Some(node);
        owns.then_some(Ownership { epoch: self.version(), fenced: true })
    }

    fn holds(&self, node: NodeId, service: &str, key: u64, ownership: Ownership) -> bool {
        let since = ownership.epoch as usize - 1;
        let maps = self.maps.lock();
        maps[since..self.count()].iter().all(|map| rendezvous(&map.nodes, service, key) == Some(node))
    }

    fn is_certain(&self) -> bool {
        self.leased.load(Ordering::Relaxed)
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }
}
