//! The store as one life of a node sees it: commits take time, may fail, and die with the node.
//!
//! All nodes share one store in memory. A batch is submitted to the disk of its node, which applies batches in their order
//! after a delay. When the node crashes, some of what waits is applied and the rest is not, as with a real disk.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use consort_rpc::NodeId;
use consort_store::memory::Memory;
use consort_store::{Batch, BoxFuture, Error, Key, Precondition, Range, Row, Scan, Store, Table};
use tokio::sync::{Notify, oneshot};

use crate::chance::Chance;

/// What is true of every write of a cluster, checked as they are made.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Which node has written for an owner in an epoch.
    writers: Mutex<HashMap<(&'static str, u64, u64), NodeId>>,
    broken: Mutex<Vec<String>>,
}

impl Ledger {
    fn written(&self, node: NodeId, batch: &Batch) {
        for precondition in &batch.preconditions {
            let Precondition::Epoch { service, owner, epoch } = precondition else { continue };
            let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
            let first = *writers.entry((*service, *owner, *epoch)).or_insert(node);
            if first != node {
                let text =
                    format!("{first} and {node} have both written for {service} {owner} in epoch {epoch}");
                self.broken.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            }
        }
    }

    pub(crate) fn broken(&self) -> Vec<String> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Waiting {
    batch: Batch,
    done: oneshot::Sender<Result<(), Error>>,
}

/// See the module.
pub(crate) struct Disk {
    memory: Memory,
    node: NodeId,
    ledger: Arc<Ledger>,
    queue: Mutex<Option<VecDeque<Waiting>>>,
    more: Notify,
}

impl Disk {
    /// A disk, and the task that serves it until [`Disk::crash`]. The task belongs to the world, not to the node.
    pub(crate) fn new(memory: Memory, node: NodeId, ledger: Arc<Ledger>) -> Arc<Self> {
        let queue = Mutex::new(Some(VecDeque::new()));
        Arc::new(Self { memory, node, ledger, queue, more: Notify::new() })
    }

    /// Applies what is submitted. Slow disks and failing commits are up to `chance`, until it is `sound`.
    pub(crate) async fn serve(self: Arc<Self>, chance: Chance, sound: Arc<AtomicBool>) {
        loop {
            let waiting = match &mut *self.lock() {
                None => return,
                Some(queue) => queue.pop_front(),
            };
            let Some(Waiting { batch, done }) = waiting else {
                self.more.notified().await;
                continue;
            };
            let sound = sound.load(Ordering::Relaxed);
            let slow = chance.per_mille(10) && !sound;
            let pause = chance.millis(if slow { 200..3_000 } else { 0..6 });
            // A crash during the pause decides about this batch, too.
            self.push_front(batch, done);
            tokio::time::sleep(pause).await;
            let Some(Waiting { batch, done }) = self.lock().as_mut().and_then(VecDeque::pop_front) else {
                return;
            };
            let fails = chance.per_mille(3) && !sound;
            let applied = !fails || chance.per_mille(500);
            let result = if applied { self.apply(batch).await } else { Ok(()) };
            let result = if fails { Err(Error::Timeout) } else { result };
            let _gone = done.send(result);
        }
    }

    fn push_front(&self, batch: Batch, done: oneshot::Sender<Result<(), Error>>) {
        if let Some(queue) = &mut *self.lock() {
            queue.push_front(Waiting { batch, done });
        }
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        let result = self.memory.commit(batch.clone()).await;
        if result.is_ok() {
            self.ledger.written(self.node, &batch);
        }
        result
    }

    /// The node dies: the first few of what waits reach the disk, the others never will.
    pub(crate) async fn crash(&self, chance: &Chance) {
        let Some(queue) = self.lock().take() else { return };
        self.more.notify_one();
        let reached = chance.of(0..queue.len() as u64 + 1) as usize;
        for waiting in queue.into_iter().take(reached) {
            let _refused = self.apply(waiting.batch).await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<VecDeque<Waiting>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_dead(&self) -> bool {
        self.lock().is_none()
    }
}

impl Store for Disk {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        let (done, decided) = oneshot::channel();
        match &mut *self.lock() {
            None => return Box::pin(std::future::ready(Err(Error::Closed))),
            Some(queue) => queue.push_back(Waiting { batch, done }),
        }
        self.more.notify_one();
        Box::pin(async move { decided.await.unwrap_or(Err(Error::Closed)) })
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        if self.is_dead() {
            return Box::pin(std::future::ready(Err(Error::Closed)));
        }
        self.memory.get(table, partition, key)
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
        if self.is_dead() {
            return Box::pin(std::future::ready(Err(Error::Closed)));
        }
        self.memory.scan(table, partition, range)
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        self.memory.scan_many(scans)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
