//! What the owners of a node have under way, and how that comes to an end.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use consort_model::ApiError;
use consort_rpc::hand_over::Handed;
use consort_rpc::{Call, Owner, Service};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Set in the count of tasks once none may begin any more.
const OVER: usize = 1 << (usize::BITS - 1);

/// What all owners of a node, of whatever kind, have under way: the tasks of actors, and the reads beside them. One count for
/// all kinds, since what one does may be work for another: a task casts before it ends, and a cast that starts an actor is
/// counted when it is delivered, so at zero there is nothing left anywhere.
#[derive(Clone, Default)]
pub struct Work(Arc<State>);

#[derive(Default)]
struct State {
    ending: AtomicBool,
    /// How many tasks there are, and [`OVER`].
    tasks: AtomicUsize,
    none_left: Notify,
    casts_dropped: AtomicU64,
    /// Set when an owner with effects pending may not be awake.
    owing: AtomicBool,
    /// The recovery task has something to look at.
    news: Notify,
    kinds: Mutex<Vec<Weak<dyn Kind>>>,
}

/// The actors of one kind.
pub(crate) trait Kind: Send + Sync {
    /// The name of their service.
    fn service(&self) -> &'static str;
    /// Has each actor that waits for calls look around: the node ends, or keys have moved.
    fn rouse(&self);
    /// Brings an actor to life, if this node owns it.
    fn wake(&self, key: u64);
    /// Whether this node owns a key.
    fn owns(&self, key: u64) -> bool;
    /// Takes what the owner before, on another node, held in memory.
    fn take_over(&self, handed: Handed);
}

/// A task under way, until it is dropped.
pub(crate) struct Task(Arc<State>);

impl Drop for Task {
    fn drop(&mut self) {
        if self.0.tasks.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("tasks", &self.tasks()).field("ending", &self.is_ending()).finish()
    }
}

impl Work {
    /// Ends all actors in order; gives how many tasks have not come to their end by the deadline.
    ///
    /// From now on calls are refused as overloaded. Casts are taken until everything is done, since they are what one owner
    /// does for another, and then dropped and counted ([`Work::casts_dropped`]). Each actor handles what is in its mailbox,
    /// waits for its loads and commits, and leaves when nothing has come for [`LINGER`](crate::LINGER). One that rests is left
    /// alone: it has nothing to write.
    ///
    /// To be called once nobody calls from outside any more.
    #[must_use]
    pub async fn shutdown(&self, deadline: Instant) -> usize {
        self.0.ending.store(true, Ordering::Release);
        let kinds: Vec<_> = self.kinds().iter().filter_map(Weak::upgrade).collect();
        kinds.iter().for_each(|kind| kind.rouse());
        let all_done = async {
            loop {
                let none_left = self.0.none_left.notified();
                if self.0.tasks.compare_exchange(0, OVER, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                    return;
                }
                none_left.await;
            }
        };
        match timeout_at(deadline, all_done).await {
            Ok(()) => 0,
            Err(_) => self.0.tasks.fetch_or(OVER, Ordering::AcqRel) & !OVER,
        }
    }

    /// Casts that came when all was over.
    pub fn casts_dropped(&self) -> u64 {
        self.0.casts_dropped.load(Ordering::Relaxed)
    }

    /// Has the recovery task look at all senders: one with effects pending may not be awake.
    pub(crate) fn may_owe(&self) {
        self.0.owing.store(true, Ordering::Release);
        self.0.news.notify_one();
    }

    /// Has the recovery task see at once that the map has changed.
    pub(crate) fn has_moved(&self) {
        self.0.news.notify_one();
    }

    /// Waits for one of the two.
    pub(crate) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Whether all senders are to be looked at; asked once for each time.
    pub(crate) fn take_owing(&self) -> bool {
        self.0.owing.swap(false, Ordering::AcqRel)
    }

    /// Whether [`Work::take_owing`] would give true.
    pub(crate) fn is_owing(&self) -> bool {
        self.0.owing.load(Ordering::Acquire)
    }

    /// Makes a kind of actors known.
    pub(crate) fn add(&self, kind: Weak<dyn Kind>) {
        self.kinds().push(kind);
    }

    /// Whether calls are refused, and actors leave once they have nothing to do.
    pub(crate) fn is_ending(&self) -> bool {
        self.0.ending.load(Ordering::Acquire)
    }

    /// Whether nothing may begin any more.
    pub(crate) fn is_over(&self) -> bool {
        self.0.tasks.load(Ordering::Acquire) & OVER != 0
    }

    /// Counts a task. `None` when all is over.
    pub(crate) fn begin(&self) -> Option<Task> {
        let one_more = |tasks: usize| (tasks & OVER == 0).then_some(tasks + 1);
        self.0.tasks.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(Task(self.0.clone()))
    }

    /// Does not take what comes too late.
    pub(crate) fn turn_away<S: Service>(&self, call: Call<S>, refusal: ApiError) {
        if call.respond.is_cast() {
            self.0.casts_dropped.fetch_add(1, Ordering::Relaxed);
        }
        call.respond.send(Err(refusal));
    }

    fn tasks(&self) -> usize {
        self.0.tasks.load(Ordering::Relaxed) & !OVER
    }

    /// Brings an actor to life, if this node runs its kind and owns it.
    pub(crate) fn wake(&self, owner: &Owner) {
        let kinds: Vec<_> = self.kinds().iter().filter_map(Weak::upgrade).collect();
        kinds.iter().filter(|kind| kind.service() == owner.service).for_each(|kind| kind.wake(owner.key));
    }

    /// Whether this node runs the owner's kind and owns its key.
    pub(crate) fn owns(&self, owner: &Owner) -> bool {
        let kinds: Vec<_> = self.kinds().iter().filter_map(Weak::upgrade).collect();
        kinds.iter().any(|kind| kind.service() == owner.service && kind.owns(owner.key))
    }

    /// Takes what an owner on another node held in memory, if this node runs its kind.
    pub(crate) fn take_over(&self, handed: Handed) {
        let kinds: Vec<_> = self.kinds().iter().filter_map(Weak::upgrade).collect();
        if let Some(kind) = kinds.iter().find(|kind| kind.service() == handed.owner.service) {
            kind.take_over(handed);
        }
    }

    fn kinds(&self) -> MutexGuard<'_, Vec<Weak<dyn Kind>>> {
        self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
