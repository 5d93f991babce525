//! The default backend: SQLite with one writer, group commit and pooled readers.
//!
//! * One writer thread takes what waits, checks and applies it batch by batch in one transaction, commits with
//!   `synchronous=FULL` and only then answers. A refused batch leaves the others of its group untouched.
//! * A few reader threads, each with a read-only connection; a read that passes its deadline is interrupted, so that
//!   none holds up the write-ahead log for long.
//! * One checkpointer thread moves the write-ahead log into the database, so that no commit has to.
//! * Both queues are bounded; a full one answers [`Error::Overloaded`] at once.
//! * Damage of the log is found before SQLite takes it for the log's end ([`Damage`]).
//! * One process owns a data directory: it holds a lock on the file `lock` in it.
//!
//! Where to read next: `writer` (group commit), `apply` (a batch as SQL), `schema` (tables), `checkpoint`.

#![warn(missing_docs)]

mod apply;
mod bulk;
mod checkpoint;
mod lifetime;
mod lock;
mod mark;
mod options;
mod queue;
mod reader;
mod schema;
mod snowflake;
mod sql;
mod turn;
mod wal;
mod writer;

pub use lock::DirectoryInUse;
pub use mark::NewestId;
pub use options::{Options, Stats};
pub use schema::SchemaError;
pub use turn::WriteHold;
pub use wal::Damage;

use bytes::Bytes;
use checkpoint::{Checkpoints, Needed};
use consort_store::limits::{ROWS_MAX, SCANS_MAX};
use consort_store::{Batch, BoxFuture, Error, Key, Range, Row, Scan, Store, Table};
use lifetime::Lifetime;
use queue::Queue;
use reader::{Read, ReadJob, Reader};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Instant,
};
use tokio::sync::oneshot;
use turn::Turn;
use writer::{WriteJob, Writer};

/// A store in a directory of the local file system.
///
/// Dropping it closes it and waits until what was submitted is written; [`Store::close`] does so without blocking.
pub struct Embedded {
    writes: Arc<Queue<WriteJob>>,
    reads: Arc<Queue<ReadJob>>,
    checkpoints: Arc<Checkpoints>,
    /// Gone once the threads with other connections than the checkpointer's have ended.
    needed: Weak<Needed>,
    turn: Arc<Turn>,
    counts: Arc<options::Counts>,
    lifetime: Lifetime,
    database: PathBuf,
    options: Options,
    snowflake_mark: u64,
}

impl Embedded {
    /// Opens the store in a directory, which is made if it is missing. Blocks for some file operations.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] with [`DirectoryInUse`] when another process (or store of this one) has it open, with [`Damage`] when
    /// acknowledged commits can not be read any more ([`Options::accept_damage`]), with
    /// [`SchemaError`] when the file is of another program or a newer version, or with what the file system says.
    pub fn open(dir: &Path, options: Options) -> Result<Embedded, Error> {
        let lock = lock::acquire(dir)?;
        let database = dir.join("store.sqlite");
        wal::inspect(&database, options.accept_damage)?;
        let mut connection = schema::open_writer(&database, &options)?;
        wal::Acknowledged::follow(&database, &mut connection)?;
        let readers = (0..options.readers.max(1))
            .map(|_| Reader::new(schema::open_reader(&database, &options)?).map_err(Error::backend))
            .collect::<Result<Vec<_>, _>>()?;
        let checkpointer = schema::open_checkpointer(&database)?;
        let mark = mark::Mark::new(options.newest_id.clone(), &connection).map_err(Error::backend)?;
        let snowflake_mark = mark::read(&connection).map_err(Error::backend)?;

        let mut store = Embedded {
            writes: Arc::new(Queue::new(options.write_queue_batches_max, options.write_queue_bytes_max)),
            reads: Arc::new(Queue::new(options.read_queue_max, usize::MAX)),
            checkpoints: Arc::new(Checkpoints::new(&database, options.wal_bytes_max)),
            needed: Weak::new(),
            turn: Arc::default(),
            counts: Arc::default(),
            lifetime: Lifetime::new(lock),
            database,
            options,
            snowflake_mark,
        };
        store.spawn(connection, mark, readers, checkpointer)?;
        tracing::info!(database = %store.database.display(), "store opened");
        Ok(store)
    }

    /// Reads the whole file of a store that nobody has open, and gives what SQLite finds wrong with it: nothing, if all is
    /// well. Takes minutes for many gigabytes; changes nothing but that the log is moved into the database.
    ///
    /// What is not seen: other content of the same form, such as a flipped bit within a text. SQLite's pages have no checksums.
    ///
    /// # Errors
    ///
    /// As [`Embedded::open`].
    pub fn check(dir: &Path) -> Result<Vec<String>, Error> {
        let _lock = lock::acquire(dir)?;
        let database = dir.join("store.sqlite");
        wal::inspect(&database, false)?;
        schema::check(&database)
    }

    fn spawn(
        &mut self,
        connection: rusqlite::Connection,
        mark: mark::Mark,
        readers: Vec<Reader>,
        checkpointer: rusqlite::Connection,
    ) -> Result<(), Error> {
        let needed = Arc::new(Needed(self.checkpoints.clone()));
        self.needed = Arc::downgrade(&needed);
        let writer = Writer {
            connection,
            queue: self.writes.clone(),
            turn: self.turn.clone(),
            checkpoints: self.checkpoints.clone(),
            counts: self.counts.clone(),
            epochs: Default::default(),
            mark,
        };
        let needed_by_writer = needed.clone();
        self.lifetime.spawn("store-writer", move || {
            let _needed = needed_by_writer;
            writer.run();
        })?;
        for reader in readers {
            let (queue, needed) = (self.reads.clone(), needed.clone());
            self.lifetime.spawn("store-reader", move || {
                let _needed = needed;
                reader.run(&queue);
            })?;
        }
        let (checkpoints, turn) = (self.checkpoints.clone(), self.turn.clone());
        self.lifetime.spawn("store-checkpoint", move || checkpoints.run(&checkpointer, &turn))
    }

    /// A snowflake that none in the store was above when it was opened, as far as [`Options::newest_id`] was set by those
    /// who wrote it; 0 in a new store. Ids that are drawn from now on must be above it.
    pub fn snowflake_mark(&self) -> u64 {
        self.snowflake_mark
    }

    /// Counts since the store was opened, and the state of its queues.
    pub fn stats(&self) -> Stats {
        self.counts.stats(self.writes.len(), self.reads.len(), self.checkpoints.wal_bytes())
    }

    /// Waits for the running group commit and lets none begin until the returned hold is dropped, so that the files
    /// can be copied. Batches are taken meanwhile, as far as the queue holds them. Blocks. Closing the store waits for
    /// the hold to end, so drop it first.
    pub fn hold_writes(&self) -> WriteHold {
        self.turn.take()
    }

    /// Puts many rows, in any number of transactions, much faster than batches do: for making worlds offline.
    ///
    /// What it has put is durable when it answers `Ok`; after an error or a crash any part of the rows may be there.
    /// Blocks, and holds up other writers for up to seconds. Rows in the order of table, partition and key are fastest.
    /// Returns the number of rows.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Invalid`] for rows that a batch could not put; [`Error::Backend`];
    /// [`Error::Closed`].
    pub fn bulk_load(&self, rows: impl IntoIterator<Item = (Table, u64, Row)>) -> Result<u64, Error> {
        // Whoever closes the store now waits for this, too.
        let Some(_needed) = self.needed.upgrade() else { return Err(Error::Closed) };
        bulk::load(&self.database, &self.options, &self.turn, &self.checkpoints, rows)
    }

    /// Queues a read; the answer comes through the receiver.
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Read,
    ) -> BoxFuture<'_, Result<T, Error>> {
        let (sender, receiver) = oneshot::channel();
        let job = ReadJob { read: read(sender), deadline: Instant::now() + self.options.read_timeout };
        if let Err(error) = self.reads.push(job, 0) {
            return Box::pin(std::future::ready(Err(error)));
        }
        Box::pin(async move { receiver.await.unwrap_or_else(|_| Err(thread_died())) })
    }

    fn shut_down(&self) {
        self.writes.close();
        self.reads.close();
    }
}

/// The answer to an operation whose thread panicked.
fn thread_died() -> Error {
    Error::backend("the thread that served the operation has died")
}

impl Store for Embedded {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        if let Err(error) = batch.check() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let (done, receiver) = oneshot::channel();
        let bytes = batch.byte_size();
        if let Err(error) = self.writes.push(WriteJob { batch, done }, bytes) {
            return Box::pin(std::future::ready(Err(error)));
        }
        Box::pin(async move { receiver.await.unwrap_or_else(|_| Err(thread_died())) })
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        self.read(|answer| Read::Get { table, partition, key, answer })
    }

    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>> {
        if keys.len() > ROWS_MAX {
            return Box::pin(std::future::ready(Err(Error::TooLarge)));
        }
        self.read(|answer| Read::GetMany { table, partition, keys, answer })
    }

    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>> {
        self.read(|answer| Read::Scan { table, partition, range, answer })
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        if scans.len() > SCANS_MAX {
            return Box::pin(std::future::ready(Err(Error::TooLarge)));
        }
        self.read(|answer| Read::ScanMany { scans, answer })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.shut_down();
        Box::pin(self.lifetime.ended())
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shut_down();
        self.lifetime.join();
    }
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedded").field("database", &self.database).field("stats", &self.stats()).finish()
    }
}
