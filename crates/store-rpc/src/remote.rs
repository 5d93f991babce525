//! The side that has not the store.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use consort_rpc::{Answer, CallError, Caller, Client, MeshRef, Reply};
use consort_store::limits::{ROWS_MAX, SCANS_MAX};
use consort_store::{Batch, BoxFuture, Error, Key, Range, Row, Scan, Store, Table};
use futures_util::FutureExt as _;

use crate::codec::{Coded, Read, decode, encode};
use crate::{Op, StoreService, Term};

/// The store that another node has.
pub struct Remote {
    mesh: MeshRef,
    client: Client<StoreService>,
    life: u64,
    missed: Arc<AtomicU64>,
    closed: AtomicBool,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("missed", &self.missed).finish_non_exhaustive()
    }
}

/// Counts an answer as missed unless it came.
struct Awaited {
    missed: Arc<AtomicU64>,
    term: u64,
    came: bool,
}

impl Awaited {
    fn answered(&mut self, result: &Result<(), Error>) {
        self.came = !matches!(result, Err(Error::Backend(_) | Error::Timeout));
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if !self.came {
            // Several that are missed together are one loss.
            let _later =
                self.missed.compare_exchange(self.term, self.term + 1, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}

impl Remote {
    /// The store of the node that runs the service. `life` is higher in each life of this node than in those before.
    pub fn new(mesh: &MeshRef, life: u64) -> Self {
        let (missed, closed) = (Arc::default(), AtomicBool::new(false));
        Self { mesh: mesh.clone(), client: mesh.client(), life, missed, closed }
    }

    fn key(&self) -> Result<u64, CallError> {
        let node = self.mesh.nodes_of::<StoreService>().first().copied();
        node.map(|node| u64::from(node.0)).ok_or(CallError::NoOwner("store"))
    }

    /// Sends an operation now; the answer comes later.
    fn ask(&self, op: Op) -> BoxFuture<'static, Result<Reply, CallError>> {
        match self.key() {
            Ok(key) => self.client.start(key, Caller::system(), op),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn read<T: Coded + Send + 'static>(&self, read: Read) -> BoxFuture<'_, Result<T, Error>> {
        if self.closed.load(Ordering::Acquire) {
            return Box::pin(ready(Err(Error::Closed)));
        }
        Box::pin(async move { answered(self.ask(Op::Read(encode(&read))).await) })
    }
}

/// What an answer says.
fn answered<T: Coded>(reply: Result<Reply, CallError>) -> Result<T, Error> {
    match reply {
        Ok(Ok(Answer::Encoded(bytes))) => {
            decode(bytes).unwrap_or_else(|_| Err(Error::backend("the node with the store answers nonsense")))
        }
        Ok(Ok(_)) => Err(Error::backend("the node with the store answers something else")),
        Ok(Err(refusal)) => Err(Error::backend(refusal.to_string())),
        Err(CallError::Deadline) => Err(Error::Timeout),
        Err(error) => Err(Error::backend(error)),
    }
}

impl Store for Remote {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        if self.closed.load(Ordering::Acquire) {
            return Box::pin(ready(Err(Error::Closed)));
        }
        if let Err(error) = batch.check() {
            return Box::pin(ready(Err(error)));
        }
        let missed = self.missed.load(Ordering::Acquire);
        let term = Term { node: self.mesh.node().0, life: self.life, missed };
        let mut written = self.ask(Op::Submit { term, batch: encode(&batch) });
        let at_once = (&mut written).now_or_never();
        // What the link does not take has not begun, and is not on its way.
        if let Some(Err(error)) = &at_once {
            tracing::debug!(%error, "a batch cannot be sent to the store");
            return Box::pin(ready(Err(Error::Overloaded)));
        }
        let mut awaited = Awaited { missed: self.missed.clone(), term: missed, came: false };
        Box::pin(async move {
            let result = answered(match at_once {
                Some(reply) => reply,
                None => written.await,
            });
            awaited.answered(&result);
            result
        })
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        self.read(Read::Get(table, partition, key))
    }

    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>> {
        if keys.len() > ROWS_MAX {
            return Box::pin(ready(Err(Error::TooLarge)));
        }
        self.read(Read::GetMany(table, partition, keys))
    }

    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>> {
        self.read(Read::Scan(Scan { table, partition, range }))
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        if scans.len() > SCANS_MAX {
            return Box::pin(ready(Err(Error::TooLarge)));
        }
        self.read(Read::ScanMany(scans))
    }

    /// Closes this node's way to the store; the store itself stays open for others.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.closed.swap(true, Ordering::AcqRel) {
                return;
            }
            if let Err(error) = answered::<()>(self.ask(Op::Flush).await) {
                tracing::warn!(%error, "what was submitted last may not be decided yet");
            }
        })
    }
}
