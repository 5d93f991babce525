//! Which actors of a kind there are on this node: those that run, with their mailboxes, and those that rest.

use std::collections::{HashMap, hash_map};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use consort_rpc::{NodeId, Ownership};
use consort_runtime::ActorGauge;

use crate::core::Core;
use crate::mailbox::{self, Mail, Mailbox};
use crate::{HASTE, IDLE};

/// A mailbox.
pub(crate) type Inbox<C> = Arc<Mailbox<<C as Core>::Service>>;
/// Its other end.
pub(crate) type Receiver<C> = mailbox::Receiver<<C as Core>::Service>;

/// An actor without a task.
pub(crate) struct Resting {
    /// What it holds in memory alone; see [`Core::freeze`].
    pub(crate) state: Box<[u8]>,
    pub(crate) gauge: Arc<ActorGauge>,
    /// With which it ran. When it does not hold any more, another node may have changed what the state was about.
    pub(crate) ownership: Ownership,
    /// How many nodes had gone when it went to rest.
    pub(crate) gone_seen: usize,
    /// See [`Core::listeners`].
    pub(crate) listeners: Box<[NodeId]>,
    /// The epoch of the owner on another node whose memory this is, and no one's since.
    pub(crate) handed: Option<u64>,
}

enum Entry<C: Core> {
    Running(Inbox<C>),
    Resting(Resting),
}

/// The actors of one kind.
pub(crate) struct Directory<C: Core> {
    entries: Mutex<HashMap<u64, Entry<C>>>,
    running: AtomicUsize,
}

impl<C: Core> Default for Directory<C> {
    fn default() -> Self {
        Self { entries: Mutex::default(), running: AtomicUsize::new(0) }
    }
}

/// Counts a task for as long as it lives.
pub(crate) struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<C: Core> Directory<C> {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Entry<C>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the mailbox of an actor to `send`; one that does not run is started by `start` before, unless none may any
    /// more. Both are called under the lock, so that an actor that is about to leave sees the call or is started again.
    pub(crate) fn with_inbox(
        &self,
        key: u64,
        start: impl FnOnce(Option<Resting>) -> Option<Inbox<C>>,
        send: impl FnOnce(Option<&Inbox<C>>),
    ) {
        let mut entries = self.lock();
        let resting = match entries.get(&key) {
            // One that is closed has died without taking itself off the list.
            Some(Entry::Running(inbox)) if !inbox.is_closed() => return send(Some(inbox)),
            Some(Entry::Resting(_)) => match entries.remove(&key) {
                Some(Entry::Resting(resting)) => Some(resting),
                _ => None,
            },
            _ => None,
        };
        let inbox = start(resting);
        send(inbox.as_ref());
        if let Some(inbox) = inbox {
            entries.insert(key, Entry::Running(inbox));
        }
    }

    /// Whether there is an actor, at work or at rest.
    pub(crate) fn has(&self, key: u64) -> bool {
        self.lock().contains_key(&key)
    }

    /// Has each actor that waits for calls look around.
    pub(crate) fn rouse(&self) {
        let entries = self.lock();
        let running = |(key, entry): (&u64, &Entry<C>)| match entry {
            Entry::Running(inbox) => Some((*key, inbox.clone())),
            Entry::Resting(_) => None,
        };
        let mut running: Vec<_> = entries.iter().filter_map(running).collect();
        drop(entries);
        running.sort_unstable_by_key(|(key, _)| *key);
        for (_, inbox) in running {
            // One whose mailbox is full does not wait, and one whose mailbox is closed has gone.
            let _awake = inbox.push(Mail::Look);
        }
    }

    /// Keeps what an owner on another node held, unless there is an actor already: then it is given back.
    pub(crate) fn rest(&self, key: u64, resting: Resting) -> Result<(), Resting> {
        match self.lock().entry(key) {
            hash_map::Entry::Occupied(_) => Err(resting),
            hash_map::Entry::Vacant(place) => {
                place.insert(Entry::Resting(resting));
                Ok(())
            }
        }
    }

    /// Drops those that rest and that this node may not own any more; gives them, for the operator's list and the next owners.
    pub(crate) fn drop_resting(&self, holds: impl Fn(u64, Ownership) -> bool) -> Vec<(u64, Resting)> {
        let lost = |key: &u64, entry: &mut Entry<C>| match entry {
            Entry::Resting(resting) => !holds(*key, resting.ownership),
            Entry::Running(_) => false,
        };
        let mut lost = self.lock().extract_if(lost).collect::<Vec<_>>();
        lost.sort_unstable_by_key(|(key, _)| *key);
        let resting = |(key, entry)| match entry {
            Entry::Resting(resting) => Some((key, resting)),
            Entry::Running(_) => None,
        };
        lost.into_iter().filter_map(resting).collect()
    }

    /// Those that rest and speak to a node.
    pub(crate) fn resting_with(&self, node: NodeId) -> Vec<u64> {
        let speaks = |entry: &Entry<C>| match entry {
            Entry::Resting(resting) => resting.listeners.contains(&node),
            Entry::Running(_) => false,
        };
        let entries = self.lock();
        let mut keys: Vec<_> =
            entries.iter().filter(|(_, entry)| speaks(entry)).map(|(key, _)| *key).collect();
        drop(entries);
        keys.sort_unstable();
        keys
    }

    /// Takes an actor off the list, be it this one or its successor.
    pub(crate) fn remove(&self, key: u64) {
        self.lock().remove(&key);
    }

    /// Takes an actor off the list if its mailbox is this one.
    pub(crate) fn remove_if(&self, key: u64, own: &Inbox<C>) {
        let mut entries = self.lock();
        if matches!(entries.get(&key), Some(Entry::Running(listed)) if Arc::ptr_eq(listed, own)) {
            entries.remove(&key);
        }
    }

    /// Takes the actor with this mailbox off the list, or lets it rest. Gives false when a call has come meanwhile: then
    /// nothing has changed.
    pub(crate) fn leave(&self, key: u64, receiver: &Receiver<C>, resting: Option<Resting>) -> bool {
        // Under the lock that senders hold, so that no call can slip in between the look and the removal.
        let mut entries = self.lock();
        if !receiver.is_empty() {
            return false;
        }
        match resting {
            Some(resting) => drop(entries.insert(key, Entry::Resting(resting))),
            None => drop(entries.remove(&key)),
        }
        true
    }

    /// Counts a task until the guard is dropped.
    pub(crate) fn count_running(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(&self.running)
    }

    /// How long an actor stays without a call.
    pub(crate) fn patience(&self) -> Duration {
        if self.running.load(Ordering::Relaxed) > C::RUNNING_MAX { HASTE } else { IDLE }
    }
}
