//! Who owns what, as each node believes it: one history of maps, of which nodes hear late, and a lease.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use consort_rpc::{Directory, NodeId, Ownership, Watcher, rendezvous};

/// All maps so far, the newest last. What etcd is to a real cluster.
#[derive(Debug, Default)]
pub(crate) struct Maps(Mutex<Vec<Vec<NodeId>>>);

impl Maps {
    pub(crate) fn new(first: Vec<NodeId>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(vec![first])))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<NodeId>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, nodes: Vec<NodeId>) {
        self.lock().push(nodes);
    }

    pub(crate) fn newest(&self) -> Vec<NodeId> {
        self.lock().last().cloned().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// The view of one life of a node.
pub(crate) struct Seen {
    maps: Arc<Maps>,
    /// How many of the maps it has heard of.
    count: AtomicUsize,
    /// Whether its lease runs. Without, it vouches for nothing.
    leased: AtomicBool,
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
}

impl Seen {
    pub(crate) fn new(maps: Arc<Maps>) -> Arc<Self> {
        let count = AtomicUsize::new(maps.len());
        Arc::new(Self { maps, count, leased: true.into(), watchers: Mutex::default() })
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
            old.iter().copied().filter(|node| !new.contains(node)).collect()
        };
        for watcher in self.watchers() {
            gone.iter().for_each(|node| watcher.node_gone(*node, before as u64));
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
        rendezvous(&self.maps.lock()[self.count() - 1], service, key)
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.maps.lock()[self.count() - 1].clone()
    }

    fn version(&self) -> u64 {
        self.count() as u64
    }

    fn claim(&self, node: NodeId, service: &str, key: u64) -> Option<Ownership> {
        let owns = self.leased.load(Ordering::Relaxed) && self.owner(service, key) == Some(node);
        owns.then_some(Ownership { epoch: self.version(), fenced: true })
    }

    fn holds(&self, node: NodeId, service: &str, key: u64, ownership: Ownership) -> bool {
        let since = ownership.epoch as usize - 1;
        let maps = self.maps.lock();
        self.leased.load(Ordering::Relaxed)
            && maps[since..self.count()].iter().all(|nodes| rendezvous(nodes, service, key) == Some(node))
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }
}
