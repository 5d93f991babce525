//! Wakes the owners that have effects pending: those of a process that died, of a node that is gone, and those whose actor
//! failed. Each then sends its own.
//!
//! Also forgets marks that nothing can need any more.

use std::time::Duration;

use bytes::Bytes;
use consort_runtime::Planted;
use consort_store::{Batch, Bound, Error, Key, Range, StoreRef, Table};
use tokio::time::{Instant, sleep};

use crate::outbox::{SHARDS, caused_ms, decode_number, owner_of, prefix};
use crate::{EFFECT_LIFE, Env};

/// Between two looks at the pending effects of all owners.
const ROUND: Duration = Duration::from_secs(30);
/// Between two looks at all marks.
const MARKS_ROUND: Duration = Duration::from_secs(6 * 3600);
/// How much longer than [`EFFECT_LIFE`] a mark is kept: clocks differ, and what is on its way arrives.
const MARK_GRACE: Duration = Duration::from_secs(24 * 3600);
/// Marks looked at in one read.
const PAGE_ROWS: usize = 1_000;

/// Serves the owners of a node until the node ends. To be started when all its kinds of owners are there: the first round
/// wakes those that a process which died has left with pending effects.
pub async fn run_courier(env: Env) {
    let mut marks_at = Instant::now() + MARKS_ROUND;
    while !env.work.is_ending() {
        if let Err(error) = wake_senders(&env).await {
            tracing::warn!(%error, "pending effects could not be looked for");
        }
        if marks_at <= Instant::now() {
            marks_at = Instant::now() + MARKS_ROUND;
            if let Err(error) = forget_marks(&env).await {
                tracing::warn!(%error, "old marks could not be forgotten");
            }
        }
        sleep(ROUND).await;
    }
}

/// Wakes every owner that has rows in the outbox and belongs to this node.
async fn wake_senders(env: &Env) -> Result<(), Error> {
    for shard in 0..SHARDS {
        let mut from = Bound::Unbounded;
        // The first row of each sender is enough; the others are its own to read.
        while let Some(row) = first(&env.store, Table::Outbox, shard, from, 1).await?.pop() {
            let Some((owner, _)) = owner_of(row.key.as_bytes()) else {
                tracing::error!(key = ?row.key, "the key of a pending effect cannot be read");
                from = Bound::Excluded(row.key);
                continue;
            };
            if !Planted::NoCourier.is_here() {
                env.work.wake(&owner);
            }
            let mut last = prefix(&owner);
            last.extend([0xff; 17]);
            from = Bound::Excluded(Key::bytes(&last));
        }
    }
    Ok(())
}

async fn first(
    store: &StoreRef,
    table: Table,
    shard: u64,
    from: Bound<Key>,
    limit: usize,
) -> Result<Vec<consort_store::Row>, Error> {
    store.scan(table, shard, Range { from, ..Range::all(limit) }).await
}

/// Deletes the marks of senders from whom nothing has come for longer than an effect is kept: what they could still send
/// again is younger.
async fn forget_marks(env: &Env) -> Result<(), Error> {
    let before_ms = env.clock.now_ms().saturating_sub((EFFECT_LIFE + MARK_GRACE).as_millis() as u64);
    for shard in 0..SHARDS {
        let mut from = Bound::Unbounded;
        loop {
            let rows = first(&env.store, Table::Marks, shard, from, PAGE_ROWS).await?;
            let Some(last) = rows.last() else { break };
            from = Bound::Excluded(last.key.clone());
            let is_old = |value: &Bytes| decode_number(value).is_some_and(|mark| caused_ms(mark) < before_ms);
            for row in rows.into_iter().filter(|row| is_old(&row.value)) {
                // Its owner may be writing a newer one.
                let mut batch = Batch::new();
                batch.require_equals(Table::Marks, shard, &row.key, row.value);
                batch.delete(Table::Marks, shard, &row.key);
                match env.store.commit(batch).await {
                    Ok(()) | Err(Error::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(())
}
