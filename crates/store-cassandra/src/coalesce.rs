//! Reads of the same rows at the same time are done once.
//!
//! When a channel becomes popular, thousands ask for its newest messages in the same moment. A reader that finds the same read
//! under way does not take its answer, which may be older than the reader's question: it waits for the next one, with all others
//! that have come meanwhile. So a partition is asked once at a time for each thing, however many want it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use consort_store::{Bound, Error, Key, Order, Row, Scan, Table};
use tokio::sync::oneshot;

use crate::Inner;
use crate::errors::copy;
use crate::read::Brought;

/// Readers that may wait, all together.
const WAITING_MAX: usize = 16_384;

/// What is read.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    One(Table, u64, Key),
    Range(Scan),
}

/// What was found.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    One(Option<Bytes>),
    Range(Vec<Row>),
}

type Answer = oneshot::Sender<Result<Found, Error>>;

/// The reads that are under way, each with those who wait for the next of its kind.
#[derive(Debug, Default)]
pub(crate) struct Reads(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    reads: HashMap<Vec<u8>, Vec<Answer>>,
    count: usize,
}

impl Wanted {
    /// Bytes that are the same for the same read only.
    fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(64);
        let place = |name: &mut Vec<u8>, kind: u8, table: Table, partition: u64| {
            name.extend_from_slice(&[kind, table as u8]);
            name.extend_from_slice(&partition.to_be_bytes());
        };
        match self {
            Wanted::One(table, partition, key) => {
                place(&mut name, 0, *table, *partition);
                name.extend_from_slice(key.as_bytes());
            }
            Wanted::Range(Scan { table, partition, range }) => {
                place(&mut name, 1, *table, *partition);
                name.push(u8::from(range.order == Order::Descending));
                name.extend_from_slice(&range.row_limit().to_be_bytes());
                for bound in [&range.from, &range.to] {
                    let (kind, key) = match bound {
                        Bound::Unbounded => (0, &[][..]),
                        Bound::Included(key) => (1, key.as_bytes()),
                        Bound::Excluded(key) => (2, key.as_bytes()),
                    };
                    name.push(kind);
                    name.extend_from_slice(&key.len().to_be_bytes());
                    name.extend_from_slice(key);
                }
            }
        }
        name
    }
}

impl Inner {
    /// Reads, or waits for who reads the same next.
    pub(crate) async fn read(self: &Arc<Self>, wanted: Wanted) -> Result<Found, Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let (answer, found) = oneshot::channel();
        let name = wanted.name();
        {
            let mut waiting = self.reads.0.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.count >= WAITING_MAX {
                return Err(Error::Overloaded);
            }
            waiting.count += 1;
            if let Some(next) = waiting.reads.get_mut(&name) {
                next.push(answer);
            } else {
                waiting.reads.insert(name.clone(), Vec::new());
                self.runtime.spawn(self.clone().read_for_all(name, wanted, answer));
            }
        }
        found.await.unwrap_or_else(|_| Err(Error::backend("the task that read has ended")))
    }

    /// Reads as long as somebody has asked meanwhile.
    async fn read_for_all(self: Arc<Self>, name: Vec<u8>, wanted: Wanted, first: Answer) {
        let mut answers = vec![first];
        loop {
            let found = match &wanted {
                Wanted::One(table, partition, key) => {
                    self.read_one(*table, *partition, key).await.map(Found::One)
                }
                Wanted::Range(scan) => self.read_range(scan, &Brought::default()).await.map(Found::Range),
            };
            let count = answers.len();
            for answer in answers {
                // Who has gone needs no answer.
                let _ = answer.send(found.as_ref().map(Clone::clone).map_err(copy));
            }
            let mut waiting = self.reads.0.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.count -= count;
            match waiting.reads.get_mut(&name) {
                Some(next) if !next.is_empty() => answers = std::mem::take(next),
                _ => {
                    waiting.reads.remove(&name);
                    return;
                }
            }
        }
    }
}
