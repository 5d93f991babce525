//! Takes away, a slice at a time, what large deletions left behind.
//!
//! An owner that deletes a channel of a million messages, or a guild of half a million members, deletes the row that makes
//! it reachable and marks its partitions ([`consort_store::erasure`]). The eraser finds the marks, also those of an earlier
//! process, and deletes the rows in batches of [`SLICE_ROWS`], with pauses that are longer than the batches took: nobody
//! else's write waits for long.
//!
//! What a row stood for goes with it ([`consequences`]): reactions and votes with a message, the messages of an archived
//! thread with the thread, and a user's entry for a guild with the member, of which the user's owner is told before.

mod consequences;

use std::time::Duration;

use consort_rpc::{Client, MeshRef, user};
use consort_runtime::spawn;
use consort_store::bucket::Growth;
use consort_store::erasure::{self, Erasure, SHARDS};
use consort_store::{Batch, Error, StoreRef, Table};
use tokio::time::Instant;

/// Rows deleted by one batch. With a message of 1 KB each that is a transaction of a few milliseconds.
pub const SLICE_ROWS: usize = 128;
/// Marks of one shard looked at in one round; each round takes one slice of each.
const MARKS_MAX: usize = 64;
/// Between two looks for marks, when there are none.
const IDLE_PAUSE: Duration = Duration::from_secs(2);
/// After a slice: so many times as long as it took, but not less than [`PAUSE_MIN`].
const PAUSE_FACTOR: u32 = 2;
const PAUSE_MIN: Duration = Duration::from_millis(2);
/// After the store has refused or failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Erases what is marked.
pub struct Eraser {
    store: StoreRef,
    users: Client<user::User>,
}

impl std::fmt::Debug for Eraser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Eraser")
    }
}

impl Eraser {
    /// Erases what is marked in `store`, and tells owners through `mesh`.
    pub fn new(store: StoreRef, mesh: &MeshRef) -> Self {
        Self { store, users: mesh.client() }
    }

    /// Goes on until the task is aborted or the store is closed.
    pub fn start(self) -> tokio::task::JoinHandle<Option<()>> {
        spawn("eraser", async move {
            loop {
                match self.round().await {
                    Ok(0) => tokio::time::sleep(IDLE_PAUSE).await,
                    Ok(_) => {}
                    Err(Error::Closed) => return,
                    Err(error) => {
                        tracing::warn!(%error, "erasing goes on later");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        })
    }

    /// Takes a slice of each partition that is marked, small ones together, and gives how many those are.
    ///
    /// # Errors
    /// Those of the store; what was done until then stays done, and the rest stays marked.
    pub async fn round(&self) -> Result<usize, Error> {
        let mut found = 0;
        for shard in 0..SHARDS {
            let marked = erasure::marked(&self.store, shard, MARKS_MAX).await?;
            found += marked.len();
            let mut left = marked.as_slice();
            while !left.is_empty() {
                let began = Instant::now();
                let done = self.step(left).await?;
                left = &left[done..];
                tokio::time::sleep((began.elapsed() * PAUSE_FACTOR).max(PAUSE_MIN)).await;
            }
        }
        Ok(found)
    }

    /// Erases the first partitions, as many as make a slice of rows: a thousand messages with reactions are a thousand
    /// partitions of a row or two. Gives how many were looked at.
    ///
    /// A batch that no owner sends is whole in each partition by itself, so a crash could leave a part of it undone. Therefore what
    /// rows stand for goes first, then the rows, and the marks of partitions that are empty then go last.
    async fn step(&self, marked: &[Erasure]) -> Result<usize, Error> {
        let (mut before, mut batch, mut over) = (Batch::new(), Batch::new(), Batch::new());
        let (mut rows_left, mut done) = (SLICE_ROWS, 0);
        for erasure in marked {
            let Erasure { table, partition } = *erasure;
            let slice = erasure::slice(&self.store, *erasure, rows_left).await?;
            done += 1;
            let rows = &slice.rows;
            if table == Table::Members && !consequences::tell_members(&self.users, partition, rows).await {
                // They are told again with the next round.
                continue;
            }
            for row in rows {
                consequences::of_row(&mut before, table, row);
                batch.delete(table, partition, row.key.clone());
            }
            if slice.is_last && table == Table::Messages {
                tracing::info!(channel = partition, "the messages of a deleted channel are erased");
            }
            if slice.is_last {
                let (shard, key) = erasure.mark();
                over.delete(Table::Erasures, shard, key);
                if table.growth() != Growth::Bounded {
                    // A store that splits such partitions forgets which parts there were.
                    batch.delete_partition(table, partition);
                }
            }
            rows_left = rows_left.saturating_sub(rows.len().max(1));
            if rows_left == 0 {
                break;
            }
        }
        for batch in [before, batch, over] {
            if !batch.is_empty() {
                self.store.commit(batch).await?;
            }
        }
        Ok(done)
    }
}
