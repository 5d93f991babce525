//! The side that has the store.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use consort_model::ApiError;
use consort_rpc::{Answer, Call, Host, Responder};
use consort_runtime::spawn;
use consort_store::limits::READ_BYTES_MAX;
use consort_store::{Batch, BoxFuture, Error, StoreRef};

use crate::codec::{Coded, Read, decode, encode};
use crate::{Op, StoreService, Term};

/// Bytes of an answer: what a read gives, and some for the lengths between.
const ANSWER_BYTES_MAX: usize = READ_BYTES_MAX + (2 << 20);

/// Serves a store to other nodes.
pub struct Shared {
    store: StoreRef,
    /// The newest term of each node; nodes have numbers below 1024.
    terms: Mutex<HashMap<u16, Term>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Shared {
    /// Serves this one.
    pub fn new(store: StoreRef) -> Arc<Self> {
        Arc::new(Self { store, terms: Mutex::default() })
    }

    /// Whether nothing newer has come of the node.
    fn is_current(&self, term: Term) -> bool {
        let mut terms = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = terms.entry(term.node).or_insert(term);
        *newest = (*newest).max(term);
        *newest == term
    }

    fn submit(&self, term: Term, batch: Bytes, respond: Responder) {
        let Ok(batch) = decode::<Batch>(batch) else { return respond.send(Err(ApiError::bad_request())) };
        if !self.is_current(term) {
            let late = Error::backend("the batch comes too late: its node has gone on without its answer");
            return respond.send(answer(Err::<(), _>(late)));
        }
        // Taken by the store before the next one is looked at: so the order stays.
        let written = self.store.submit(batch);
        spawn("store-write", async move { respond.send(answer(written.await)) });
    }

    fn read(&self, read: Bytes, respond: Responder) {
        let Ok(read) = decode::<Read>(read) else { return respond.send(Err(ApiError::bad_request())) };
        let store = self.store.clone();
        spawn("store-read", async move {
            let reply = match read {
                Read::Get(table, partition, key) => answer(store.get(table, partition, key).await),
                Read::GetMany(table, partition, keys) => answer(store.get_many(table, partition, keys).await),
                Read::Scan(scan) => answer(store.scan(scan.table, scan.partition, scan.range).await),
                Read::ScanMany(scans) => answer(store.scan_many(scans).await),
            };
            respond.send(reply);
        });
    }
}

fn answer<T: Coded>(result: Result<T, Error>) -> consort_rpc::Reply {
    let bytes = encode(&result);
    if bytes.len() > ANSWER_BYTES_MAX {
        return Ok(Answer::Encoded(encode(&Err::<T, _>(Error::TooLarge))));
    }
    Ok(Answer::Encoded(bytes))
}

impl Host<StoreService> for Shared {
    fn deliver(&self, _node: u64, call: Call<StoreService>) {
        match call.op {
            Op::Submit { term, batch } => self.submit(term, batch, call.respond),
            Op::Read(read) => self.read(read, call.respond),
            Op::Flush => {
                let written: BoxFuture<'static, _> = self.store.submit(Batch::new());
                spawn("store-flush", async move { call.respond.send(answer(written.await)) });
            }
        }
    }
}
