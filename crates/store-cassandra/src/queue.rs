//! Batches that wait for their log, in the order of their submission.
//!
//! A log is that of an owner, or of a partition for batches that no owner sends. Each log has one task while something waits for
//! it; the task takes what has come as a group. So a log has one conditional write under way at a time, and the more there is
//! to do the more goes with each.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};

use consort_store::{Batch, Error, Precondition, Table, Write};
use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use crate::Inner;
use crate::apply::{Bucket, is_shared};
use crate::log::Position;

/// Batches that may wait, and their bytes. A batch that comes when none waits is taken whatever its size.
const WAITING_MAX: usize = 16_384;
const WAITING_BYTES_MAX: usize = 256 << 20;
/// A group has no more of both, unless a single batch has.
const GROUP_BYTES: usize = 1 << 20;
const GROUP_OPERATIONS: usize = 4_096;
/// Logs whose position is remembered while nothing waits for them.
const IDLE_LOGS_MAX: usize = 65_536;

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LogId {
    /// An owner's: service and key.
    Owner(&'static str, u64),
    /// A partition's.
    Partition(Table, u64),
}

/// A batch that waits.
#[derive(Debug, Default)]
pub(crate) struct Item {
    /// Each with its position in the batch.
    pub(crate) preconditions: Vec<(usize, Precondition)>,
    pub(crate) writes: Vec<Write>,
}

impl Item {
    /// The epoch of the owner that has sent it.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.preconditions.iter().find_map(|(_, precondition)| match precondition {
            Precondition::Epoch { epoch, .. } => Some(*epoch),
            _ => None,
        })
    }

    /// Whether it depends on rows, and so on what the batches before it leave.
    pub(crate) fn is_conditional(&self) -> bool {
        self.preconditions.iter().any(|(_, one)| !matches!(one, Precondition::Epoch { .. }))
    }

    fn bytes(&self) -> usize {
        // As the batch counts itself.
        let preconditions = self.preconditions.iter().map(|(_, one)| one.clone()).collect();
        Batch { preconditions, writes: Vec::new() }.byte_size() + write_bytes(&self.writes)
    }
}

fn write_bytes(writes: &[Write]) -> usize {
    let of = |write: &Write| match write {
        Write::Put { key, value, .. } => key.as_bytes().len() + value.len(),
        Write::Delete { key, .. } => key.as_bytes().len(),
        Write::DeleteRange { .. } => 64,
    };
    writes.iter().map(|write| 32 + of(write)).sum()
}

impl From<Batch> for Item {
    fn from(batch: Batch) -> Self {
        Item { preconditions: batch.preconditions.into_iter().enumerate().collect(), writes: batch.writes }
    }
}

pub(crate) type Done = oneshot::Sender<Result<(), Error>>;

#[derive(Debug)]
struct Waiting {
    item: Item,
    bytes: usize,
    done: Done,
}

/// What a log's task knows from one group to the next.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Where the log is, if that is known: all up to there is in its tables. `Some(None)`: there is no log yet.
    pub(crate) position: Option<Option<Position>>,
    /// Buckets on the lists of their partitions, as long as nobody else writes for this log.
    pub(crate) listed: HashSet<Bucket>,
}

impl Known {
    /// Somebody else may have written, or a group is decided that is not in its tables.
    pub(crate) fn forget(&mut self) {
        *self = Known::default();
    }
}

#[derive(Debug, Default)]
struct Log {
    waiting: VecDeque<Waiting>,
    has_task: bool,
    known: Known,
}

/// All logs of which this store knows something.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    logs: HashMap<LogId, Log>,
    /// Batches taken and not yet answered, and their bytes.
    count: usize,
    bytes: usize,
}

impl Queues {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// What the log's task does next; nothing ends the task.
    fn next_group(&mut self, log: LogId, known: &mut Known) -> Vec<Waiting> {
        let Some(entry) = self.logs.get_mut(&log) else { return Vec::new() };
        let mut group = Vec::new();
        let (mut bytes, mut operations) = (0, 0);
        while let Some(next) = entry.waiting.front() {
            bytes += next.bytes;
            operations += next.item.writes.len();
            let fits = group.last().is_none_or(|before: &Waiting| {
                !before.item.is_conditional()
                    && !next.item.is_conditional()
                    && before.item.epoch() == next.item.epoch()
                    && bytes <= GROUP_BYTES
                    && operations <= GROUP_OPERATIONS
            });
            if !fits {
                break;
            }
            group.extend(entry.waiting.pop_front());
        }
        if group.is_empty() {
            entry.has_task = false;
            entry.known = std::mem::take(known);
            if self.logs.len() > IDLE_LOGS_MAX {
                self.logs.retain(|_, log| log.has_task);
            }
        }
        group
    }
}

impl Inner {
    /// Puts a batch behind those that wait for its log. What is answered is the outcome.
    pub(crate) fn enqueue(
        self: &Arc<Self>,
        log: LogId,
        item: Item,
    ) -> impl Future<Output = Result<(), Error>> + Send + 'static + use<> {
        let (done, outcome) = oneshot::channel();
        self.push(log, item, done);
        async move { outcome.await.unwrap_or_else(|_| Err(Error::backend("the task of the log has ended"))) }
    }

    fn push(self: &Arc<Self>, log: LogId, item: Item, done: Done) {
        let bytes = item.bytes();
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        // What an owner's group causes in a shared partition belongs to what was taken already.
        let belongs =
            matches!(log, LogId::Partition(table, _) if is_shared(table)) && item.preconditions.is_empty();
        let full = queues.count >= WAITING_MAX || queues.bytes + bytes > WAITING_BYTES_MAX;
        if full && !belongs && queues.count > 0 {
            let _ = done.send(Err(Error::Overloaded));
            return;
        }
        queues.count += 1;
        queues.bytes += bytes;
        let entry = queues.logs.entry(log).or_default();
        entry.waiting.push_back(Waiting { item, bytes, done });
        if !std::mem::replace(&mut entry.has_task, true) {
            let known = std::mem::take(&mut entry.known);
            self.spawn(log, known);
        }
    }

    fn spawn(self: &Arc<Self>, log: LogId, known: Known) {
        let task: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(self.clone().work(log, known));
        self.runtime.spawn(task);
    }

    /// The task of a log.
    async fn work(self: Arc<Self>, log: LogId, mut known: Known) {
        loop {
            let group =
                self.queues.lock().unwrap_or_else(PoisonError::into_inner).next_group(log, &mut known);
            if group.is_empty() {
                return;
            }
            let (count, bytes) = (group.len(), group.iter().map(|waiting| waiting.bytes).sum::<usize>());
            let group = group.into_iter().map(|waiting| (waiting.item, waiting.done)).collect();
            // A panic ends what the group has waited for, and not what waits behind it.
            let done = AssertUnwindSafe(self.commit_group(log, &mut known, group)).catch_unwind().await;
            if done.is_err() {
                tracing::error!(?log, "a group broke the task of its log");
                known.forget();
            }
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            queues.count -= count;
            queues.bytes -= bytes;
            if queues.is_empty() {
                self.idle.notify_waiters();
            }
        }
    }
}
