//! Every actor of the node, with its queue: what the operator's console lists.

use std::collections::HashMap;
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

type Gauges = HashMap<(&'static str, u64), Arc<ActorGauge>>;

/// The list of actors of a node.
#[derive(Debug, Default, Clone)]
pub struct Registry(Arc<Mutex<Gauges>>);

impl Registry {
    /// Lists an actor and returns its gauge.
    pub fn add(&self, service: &'static str, key: u64) -> Arc<ActorGauge> {
        let gauge = Arc::new(ActorGauge::default());
        self.lock().insert((service, key), gauge.clone());
        gauge
    }

    /// Takes an actor off the list, if `gauge` is still its entry.
    pub fn remove(&self, service: &'static str, key: u64, gauge: &Arc<ActorGauge>) {
        let mut map = self.lock();
        if map.get(&(service, key)).is_some_and(|listed| Arc::ptr_eq(listed, gauge)) {
            map.remove(&(service, key));
        }
    }

    /// Every actor, longest queue first.
    pub fn list(&self) -> Vec<ActorInfo> {
        let mut list: Vec<_> = self
            .lock()
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

    fn lock(&self) -> std::sync::MutexGuard<'_, Gauges> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
