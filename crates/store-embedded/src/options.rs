//! What can be set, and what can be seen.

use crate::mark::NewestId;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The limits and sizes of a store; the defaults suit a server with some gigabytes of memory.
#[derive(Clone, Debug)]
pub struct Options {
    /// Reader threads; at least one.
    pub readers: usize,
    /// How long a read may wait and run before it is [`Error::Timeout`](consort_store::Error::Timeout).
    pub read_timeout: Duration,
    /// Reads that may wait.
    pub read_queue_max: usize,
    /// Batches that may wait.
    pub write_queue_batches_max: usize,
    /// Bytes of the batches that may wait. A single batch is taken whatever its size.
    pub write_queue_bytes_max: usize,
    /// The size of the write-ahead log in bytes beyond which writes are held up to empty it.
    pub wal_bytes_max: u64,
    /// Page cache of the writer in KiB; each reader has a quarter of it.
    pub cache_kib: u32,
    /// Who knows the newest snowflake, so that [`Embedded::snowflake_mark`](crate::Embedded::snowflake_mark) is above all
    /// ids in the store. `None`: no mark is kept.
    pub newest_id: Option<NewestId>,
    /// Whether a store is opened from which acknowledged commits were lost to damage of the log. A copy of the log is kept.
    pub accept_damage: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            readers: 3,
            read_timeout: Duration::from_secs(5),
            read_queue_max: 4_096,
            write_queue_batches_max: 4_096,
            write_queue_bytes_max: 64 << 20,
            wal_bytes_max: 256 << 20,
            cache_kib: 64 << 10,
            newest_id: None,
            accept_damage: false,
        }
    }
}

/// What a store has done since it was opened, and what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stats {
    /// Transactions, each of one group of batches.
    pub groups: u64,
    /// Batches written.
    pub committed: u64,
    /// Batches refused or failed.
    pub refused: u64,
    /// Batches that wait now.
    pub writes_waiting: usize,
    /// Reads that wait now.
    pub reads_waiting: usize,
    /// Size of the write-ahead log's file in bytes.
    pub wal_bytes: u64,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) groups: AtomicU64,
    pub(crate) committed: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl Counts {
    pub(crate) fn stats(&self, writes_waiting: usize, reads_waiting: usize, wal_bytes: u64) -> Stats {
        Stats {
            groups: self.groups.load(Ordering::Relaxed),
            committed: self.committed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            writes_waiting,
            reads_waiting,
            wal_bytes,
        }
    }
}
