//! A store in a ring of Apache Cassandra 5, for clusters of many machines.
//!
//! Cassandra has no transaction over partitions and no order of writes but that of timestamps. What the contract asks beyond
//! that stands on three things:
//!
//! * **Logs** (`log`). The batches of an owner go through one row that only conditional writes change: it fences by epoch, and
//!   it holds the last group until that is in its tables. Batches that no owner sends, with preconditions or in tables that several
//!   write, go through a log of their partition in the same way. The rest is plain writes.
//! * **Timestamps** (`stamps`) that rise in each log for ever, so that applying a group twice or late does no harm.
//! * **Buckets** (`consort_store::bucket`): partitions that grow without end are split, and each has a list of its buckets.
//!
//! Reads are at a quorum of the own datacentre. What many ask for at the same time is read once (`coalesce`), and each
//! partition has a limit of reads under way. Which outcome a write has whose answer is missing is asked, not guessed.
//!
//! Bounds: 16,384 batches (256 MiB) wait at most, and 16,384 reads; beyond that the answer is [`Error::Overloaded`].

#![warn(missing_docs)]

mod address;
mod apply;
mod coalesce;
mod codec;
mod errors;
mod log;
mod queue;
mod read;
mod ring;
mod stamps;

pub use address::{Address, AddressError};
pub use ring::Ring;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use coalesce::{Found, Reads, Wanted};
use consort_runtime::random_u64;
use consort_store::limits::{ROWS_MAX, SCANS_MAX};
use consort_store::{Batch, BoxFuture, Error, Key, Precondition, Range, Row, Scan, Store, Table};
use futures_util::future::{ready, try_join_all};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use queue::{Item, LogId, Queues};
use read::Brought;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// Conditional writes under way at a time.
const DECIDING_MAX: usize = 256;
/// Partitions share so many limits of reads.
const LIMITS: usize = 512;
/// Reads under way at a time in partitions that share a limit.
const READS_PER_LIMIT: usize = 16;
/// Intervals of one [`Store::scan_many`] that are read at the same time.
const SCANS_AT_ONCE: usize = 32;

/// A store in a ring. Drop it after [`Store::close`]: what waits is written by tasks of the runtime it was opened in.
#[derive(Debug)]
pub struct Cassandra(Arc<Inner>);

pub(crate) struct Inner {
    ring: Arc<Ring>,
    namespace: i32,
    runtime: Handle,
    closed: AtomicBool,
    queues: Mutex<Queues>,
    /// Told when nothing waits any more.
    idle: Notify,
    reads: Reads,
    limits: Vec<Semaphore>,
    deciding: Semaphore,
    /// Numbers of tries of conditional writes: other processes begin elsewhere.
    writers: AtomicU64,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("ring", &self.ring)
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Waits until the partition may be read.
    async fn permit(&self, table: Table, partition: u64) -> Option<SemaphorePermit<'_>> {
        // A multiplication spreads ids, whose low bits are mostly 0.
        let spread = (partition ^ ((table as u64) << 56)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.limits[(spread >> 32) as usize % LIMITS].acquire().await.ok()
    }
}

impl Cassandra {
    /// Opens a store in a ring. A ring holds as many stores as there are namespaces; an installation has number 0, tests draw one.
    ///
    /// # Panics
    /// Outside a runtime of tokio.
    pub fn open(ring: Arc<Ring>, namespace: i32) -> Cassandra {
        Cassandra(Arc::new(Inner {
            ring,
            namespace,
            runtime: Handle::current(),
            closed: AtomicBool::new(false),
            queues: Mutex::default(),
            idle: Notify::new(),
            reads: Reads::default(),
            limits: (0..LIMITS).map(|_| Semaphore::new(READS_PER_LIMIT)).collect(),
            deciding: Semaphore::new(DECIDING_MAX),
            writers: AtomicU64::new(random_u64()),
        }))
    }

    /// Connects to a ring and opens the store of an installation.
    ///
    /// # Errors
    /// As [`Ring::connect`].
    pub async fn connect(address: &Address) -> Result<Cassandra, Error> {
        Ok(Cassandra::open(Ring::connect(address).await?, 0))
    }
}

fn now<T: Send + 'static>(result: Result<T, Error>) -> BoxFuture<'static, Result<T, Error>> {
    Box::pin(ready(result))
}

/// A batch without an owner, by the partitions it touches; preconditions keep their positions.
fn by_partition(batch: Batch) -> BTreeMap<(Table, u64), Item> {
    let mut items = BTreeMap::<(Table, u64), Item>::new();
    for (index, precondition) in batch.preconditions.into_iter().enumerate() {
        let place = match &precondition {
            Precondition::Absent { table, partition, .. }
            | Precondition::Present { table, partition, .. }
            | Precondition::Equals { table, partition, .. } => (*table, *partition),
            Precondition::Epoch { .. } => continue,
        };
        items.entry(place).or_default().preconditions.push((index, precondition));
    }
    for write in batch.writes {
        items.entry(apply::place_of(&write)).or_default().writes.push(write);
    }
    items
}

impl Store for Cassandra {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        if let Err(error) = batch.check() {
            return now(Err(error));
        }
        if self.0.is_closed() {
            return now(Err(Error::Closed));
        }
        if let Some((service, owner, _)) = batch.owner() {
            let other = |one: &Precondition| matches!(one, Precondition::Epoch { service: of, owner: key, .. } if (*of, *key) != (service, owner));
            if batch.preconditions.iter().any(other) {
                return now(Err(Error::Invalid("a batch belongs to one owner")));
            }
            return Box::pin(self.0.enqueue(LogId::Owner(service, owner), batch.into()));
        }
        let preconditions = batch.preconditions.clone();
        let items = by_partition(batch);
        let inner = self.0.clone();
        let enqueue = move |items: BTreeMap<(Table, u64), Item>| {
            let each = items
                .into_iter()
                .map(|((table, partition), item)| inner.enqueue(LogId::Partition(table, partition), item));
            try_join_all(each.collect::<Vec<_>>())
        };
        if items.len() < 2 || preconditions.is_empty() {
            let written = enqueue(items);
            return Box::pin(async move { written.await.map(drop) });
        }
        // Each partition decides for itself, so all are asked first: what does not hold already stops the whole batch.
        let inner = self.0.clone();
        let task = self.0.runtime.spawn(async move {
            inner.check_now(&preconditions).await?;
            enqueue(items).await.map(drop)
        });
        Box::pin(async move { task.await.unwrap_or_else(|error| Err(Error::backend(error))) })
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        Box::pin(async move {
            match self.0.read(Wanted::One(table, partition, key)).await? {
                Found::One(value) => Ok(value),
                Found::Range(_) => Err(Error::backend("rows instead of one")),
            }
        })
    }

    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>> {
        if keys.len() > ROWS_MAX {
            return now(Err(Error::TooLarge));
        }
        if self.0.is_closed() {
            return now(Err(Error::Closed));
        }
        Box::pin(async move { self.0.read_many(table, partition, &keys).await })
    }

    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>> {
        Box::pin(async move {
            match self.0.read(Wanted::Range(Scan { table, partition, range })).await? {
                Found::Range(rows) => Ok(rows),
                Found::One(_) => Err(Error::backend("one row instead of rows")),
            }
        })
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        if scans.len() > SCANS_MAX {
            return now(Err(Error::TooLarge));
        }
        if self.0.is_closed() {
            return now(Err(Error::Closed));
        }
        Box::pin(async move {
            let brought = Brought::default();
            let read = |scan: Scan| {
                let brought = &brought;
                async move { self.0.read_range(&scan, brought).await }
            };
            stream::iter(scans).map(read).buffered(SCANS_AT_ONCE).try_collect().await
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.0.closed.store(true, Ordering::SeqCst);
        Box::pin(async move {
            loop {
                let idle = self.0.idle.notified();
                tokio::pin!(idle);
                // From here on no notice is missed.
                idle.as_mut().enable();
                if self.0.queues.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                    return;
                }
                idle.await;
            }
        })
    }
}
