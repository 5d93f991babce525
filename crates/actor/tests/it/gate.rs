//! A store in memory whose writes and reads wait at a gate.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use consort_store::memory::Memory;
use consort_store::{Batch, BoxFuture, Error, Key, Range, Row, Scan, Store, Table};
use tokio::sync::{oneshot, watch};

/// See the module. Both gates are open at first.
pub struct Gate {
    memory: Memory,
    writes: Mutex<Writes>,
    reads: watch::Sender<bool>,
    /// Reads asked for so far.
    read: Mutex<Vec<(Table, u64)>>,
    /// Single reads that are still to fail.
    failing: Mutex<usize>,
}

#[derive(Default)]
struct Writes {
    held: bool,
    waiting: VecDeque<(Batch, oneshot::Sender<Result<(), Error>>)>,
}

impl Gate {
    pub fn new() -> Arc<Self> {
        let (reads, _) = watch::channel(true);
        Arc::new(Self {
            memory: Memory::new(),
            writes: Mutex::default(),
            reads,
            read: Mutex::default(),
            failing: Mutex::default(),
        })
    }

    /// The store behind the gate.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Lets writes wait from now on.
    pub fn hold_writes(&self) {
        self.writes.lock().unwrap().held = true;
    }

    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.writes.lock().unwrap().waiting.len()
    }

    /// Lets the first waiting write through.
    pub fn pass(&self) {
        self.decide(None);
    }

    /// Refuses the first waiting write; those behind it are not touched.
    pub fn refuse(&self, error: Error) {
        self.decide(Some(error));
    }

    /// Lets all writes through, now and later.
    pub fn open_writes(&self) {
        while self.waiting() > 0 {
            self.pass();
        }
        self.writes.lock().unwrap().held = false;
    }

    fn decide(&self, error: Option<Error>) {
        let (batch, done) = self.writes.lock().unwrap().waiting.pop_front().expect("a write waits");
        let result = match error {
            Some(error) => Err(error),
            None => futures_util::FutureExt::now_or_never(self.memory.submit(batch)).expect("at once"),
        };
        // An actor that has gone does not wait any more.
        let _gone = done.send(result);
    }

    /// Lets reads wait, or go on. What they bring is what was there when they were asked for.
    pub fn hold_reads(&self, held: bool) {
        self.reads.send_replace(!held);
    }

    /// Lets the next reads of single rows fail.
    pub fn fail_reads(&self, count: usize) {
        *self.failing.lock().unwrap() = count;
    }

    fn fails(&self) -> bool {
        let mut failing = self.failing.lock().unwrap();
        let fails = *failing > 0;
        *failing -= usize::from(fails);
        fails
    }

    /// The reads asked for so far.
    pub fn reads(&self) -> Vec<(Table, u64)> {
        self.read.lock().unwrap().clone()
    }

    fn reading(&self, table: Table, partition: u64) -> impl Future<Output = ()> + Send + use<> {
        self.read.lock().unwrap().push((table, partition));
        let mut open = self.reads.subscribe();
        async move {
            let _ended = open.wait_for(|open| *open).await;
        }
    }
}

impl Store for Gate {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        let mut writes = self.writes.lock().unwrap();
        if !writes.held {
            return self.memory.submit(batch);
        }
        let (done, decided) = oneshot::channel();
        writes.waiting.push_back((batch, done));
        Box::pin(async move { decided.await.unwrap_or(Err(Error::Closed)) })
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        if self.fails() {
            return Box::pin(std::future::ready(Err(Error::Overloaded)));
        }
        let (value, open) = (self.memory.get(table, partition, key), self.reading(table, partition));
        Box::pin(async move {
            open.await;
            value.await
        })
    }

    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>> {
        self.memory.get_many(table, partition, keys)
    }

    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>> {
        let (rows, open) = (self.memory.scan(table, partition, range), self.reading(table, partition));
        Box::pin(async move {
            open.await;
            rows.await
        })
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        self.memory.scan_many(scans)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.memory.close()
    }
}
