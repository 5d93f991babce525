//! Every actor of the node, with its queue: what the operator's console lists.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// The live figures of one actor, updated by its loop without a lock.
#[derive(Debug, Default)]
pub struct ActorGauge {
    /// Messages waiting in the mailbox.
    pub queue: AtomicU64,
    /// Messages handled since the start.
    pub handled: AtomicU64,
    /// Commits on their way to the store.
    pub commits_pending: AtomicU64,
    /// When the actor was started, Unix milliseconds.
    pub started_ms: AtomicU64,
    /// When it last handled a message, Unix milliseconds.
    pub active_ms: AtomicU64,
    /// Time spent in the core, microseconds.
    pub busy_us: AtomicU64,
    /// Whether it rests: it has no task until it is called again.
    pub resting: AtomicBool,
}

/// A snapshot of one actor.
#[derive(Debug, Clone, Serialize)]
pub struct ActorInfo {
    /// The service's name.
    pub service: &'static str,
    /// The actor's key (a guild id, a user id, ...).
    pub key: u64,
    /// Messages waiting.
    pub queue: u64,
    /// Messages handled.
    pub handled: u64,
    /// Commits pending.
    pub commits_pending: u64,
    /// Start, Unix milliseconds.
    pub started_ms: u64,
    /// Last activity, Unix milliseconds.
    pub active_ms: u64,
    /// Time in the core, microseconds.
    pub busy_us: u64,
    /// Without a task until it is called again.
    pub resting: bool,
}

#[derive(Debug, Default)]
struct Listed {
    gauges: HashMap<(&'static str, u64), Arc<ActorGauge>>,
    /// How many there are of each service.
    counts: BTreeMap<&'static str, u64>,
}

/// The list of actors of a node.
#[derive(Debug, Default, Clone)]
pub struct Registry(Arc<Mutex<Listed>>);

impl Registry {
    /// Lists an actor and returns its gauge.
    pub fn add(&self, service: &'static str, key: u64) -> Arc<ActorGauge> {
        let gauge = Arc::new(ActorGauge::default());
        let mut listed = self.lock();
        if listed.gauges.insert((service, key), gauge.clone()).is_none() {
            *listed.counts.entry(service).or_default() += 1;
        }
        gauge
    }

    /// Takes an actor off the list, if `gauge` is still its entry.
    pub fn remove(&self, service: &'static str, key: u64, gauge: &Arc<ActorGauge>) {
        let mut listed = self.lock();
        if listed.gauges.get(&(service, key)).is_some_and(|known| Arc::ptr_eq(known, gauge)) {
            listed.gauges.remove(&(service, key));
            if let Some(count) = listed.counts.get_mut(service) {
                *count -= 1;
            }
        }
    }

    /// How many actors of each service there are or were, with those that rest.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().counts.clone()
    }

    /// Every actor, longest queue first.
    pub fn list(&self) -> Vec<ActorInfo> {
        let mut list: Vec<_> = self
            .lock()
            .gauges
            .iter()
            .map(|(&(service, key), g)| ActorInfo {
                service,
                key,
                queue: g.queue.load(Ordering::Relaxed),
                handled: g.handled.load(Ordering::Relaxed),
                commits_pending: g.commits_pending.load(Ordering::Relaxed),
                started_ms: g.started_ms.load(Ordering::Relaxed),
                active_ms: g.active_ms.load(Ordering::Relaxed),
                busy_us: g.busy_us.load(Ordering::Relaxed),
                resting: g.resting.load(Ordering::Relaxed),
            })
            .collect();
        list.sort_by(|a, b| b.queue.cmp(&a.queue).then(a.service.cmp(b.service)).then(a.key.cmp(&b.key)));
        list
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
