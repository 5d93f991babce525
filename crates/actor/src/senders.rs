//! Who may have effects pending: names in [`Table::Senders`], for the recovery task of the next process.
//!
//! Effects lie in the partitions of their senders, where nobody finds them who does not know the sender. So a sender writes its
//! name, with the first effect of each span of time ([`SPAN_MS`]) and in the same batch, to the partition of its shard and the span.
//! Once a span is over, the node that owns a sender takes the name off when nothing is pending, and a span without names is taken
//! off the list of spans. So there are the names of some minutes, however long an installation runs, no partition is hot, and what
//! is deleted lies where nobody reads any more.

use consort_rpc::Owner;
use consort_store::{Batch, Bound, Error, Key, Range, Row, StoreExt as _, StoreRef, Table, row};

use crate::owner_key::{SHARDS, owner_of, prefix, shard};

/// A span of time: a sender writes its name once in each.
const SPAN_MS: u64 = 600_000;
/// Names read at a time.
const PAGE_ROWS: usize = 1_000;
/// Spans of a shard looked at in one round; more wait for the next.
const SPANS_MAX: usize = 1_000;
/// Marks and effects moved in one batch.
const MOVED_ROWS: usize = 256;
/// The row of [`Table::Meta`] that says where effects and marks are.
const LAYOUT: &str = "effects-layout";

/// The span of a moment; from 1 on, since 0 is the partition of a shard alone.
pub(crate) fn span(now_ms: u64) -> u64 {
    (now_ms / SPAN_MS).max(1)
}

fn partition(shard: u64, span: u64) -> u64 {
    (span << 16) | shard
}

/// Writes the name of a sender.
pub(crate) fn name(batch: &mut Batch, owner: &Owner, span: u64) {
    let shard = shard(owner);
    batch.put(Table::Senders, partition(shard, span), Key::bytes(&prefix(owner)), bytes::Bytes::new());
    batch.put(Table::Senders, shard, Key::id(span), bytes::Bytes::new());
}

/// The spans of a shard that have names.
///
/// # Errors
/// Those of the store.
pub(crate) async fn spans(store: &StoreRef, shard: u64) -> Result<Vec<u64>, Error> {
    let rows = store.scan(Table::Senders, shard, Range::all(SPANS_MAX)).await?;
    Ok(rows.iter().filter_map(|row| row.key.to_id()).collect())
}

/// A page of the names of a span, and where the next begins.
///
/// # Errors
/// Those of the store.
pub(crate) async fn names(
    store: &StoreRef,
    (shard, span): (u64, u64),
    from: Bound<Key>,
) -> Result<(Vec<Owner>, Option<Bound<Key>>), Error> {
    let range = Range { from, ..Range::all(PAGE_ROWS) };
    let rows = store.scan(Table::Senders, partition(shard, span), range).await?;
    let next = rows.last().filter(|_| rows.len() == PAGE_ROWS).map(|row| Bound::Excluded(row.key.clone()));
    Ok((rows.iter().filter_map(|row| Some(owner_of(row.key.as_bytes())?.0)).collect(), next))
}

/// Whether a sender has effects pending.
///
/// # Errors
/// Those of the store.
pub(crate) async fn owes(store: &StoreRef, owner: &Owner) -> Result<bool, Error> {
    let first = store.scan(Table::Outbox, owner.key, Range::prefix(&prefix(owner), 1)).await?;
    Ok(!first.is_empty())
}

/// Takes names off a span that is over.
///
/// # Errors
/// Those of the store.
pub(crate) async fn forget(
    store: &StoreRef,
    (shard, span): (u64, u64),
    names: &[Owner],
) -> Result<(), Error> {
    for names in names.chunks(MOVED_ROWS) {
        let mut batch = Batch::new();
        for owner in names {
            batch.delete(Table::Senders, partition(shard, span), Key::bytes(&prefix(owner)));
        }
        store.commit(batch).await?;
    }
    Ok(())
}

/// Takes a span that is over and has no names off the list.
///
/// # Errors
/// Those of the store.
pub(crate) async fn close(store: &StoreRef, (shard, span): (u64, u64)) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.delete(Table::Senders, shard, Key::id(span));
    store.commit(batch).await
}

/// Moves effects and marks of a store that was written before they lay in the partitions of their owners. To be called before
/// any owner lives; done once, and again from where it was if it was interrupted.
///
/// # Errors
/// Those of the store.
pub async fn migrate(store: &StoreRef, now_ms: u64) -> Result<(), Error> {
    let layout: Option<u32> = store.get_row(Table::Meta, 0, Key::text(LAYOUT)).await?;
    if layout.is_some() {
        return Ok(());
    }
    let mut moved = 0;
    for table in [Table::Outbox, Table::Marks] {
        for shard in 0..SHARDS {
            moved += move_rows(store, (table, shard), now_ms).await?;
        }
    }
    let mut batch = Batch::new();
    batch.put(Table::Meta, 0, Key::text(LAYOUT), row::encode(&2));
    store.commit(batch).await?;
    if moved > 0 {
        tracing::info!(moved, "effects and marks were moved to the partitions of their owners");
    }
    Ok(())
}

/// Moves what lies in the partition of a shard and belongs to others.
async fn move_rows(store: &StoreRef, (table, shard): (Table, u64), now_ms: u64) -> Result<usize, Error> {
    let (mut from, mut moved) = (Bound::Unbounded, 0);
    loop {
        let range = Range { from, ..Range::all(MOVED_ROWS) };
        let rows: Vec<Row> = store.scan(table, shard, range).await?;
        let Some(last) = rows.last() else { return Ok(moved) };
        from = Bound::Excluded(last.key.clone());
        let mut batch = Batch::new();
        for found in rows {
            // One whose key happens to be that of the shard lies right already.
            let owner = owner_of(found.key.as_bytes()).map(|(owner, _)| owner);
            let Some(owner) = owner.filter(|owner| owner.key != shard) else { continue };
            if table == Table::Outbox {
                name(&mut batch, &owner, span(now_ms));
            }
            batch.delete(table, shard, &found.key);
            batch.put(table, owner.key, found.key, found.value);
            moved += 1;
        }
        store.commit(batch).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use consort_store::memory::Memory;

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn of(key: u64) -> Owner {
        Owner { service: "guild".into(), key }
    }

    #[tokio::test]
    async fn a_span_has_its_names_until_they_are_taken_off() {
        let store: StoreRef = Arc::new(Memory::new());
        let mut batch = Batch::new();
        (0..2_500).for_each(|key| name(&mut batch, &of(key), span(NOW_MS)));
        store.commit(batch).await.unwrap();
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            for span in spans(&store, shard).await.unwrap() {
                let mut from = Bound::Unbounded;
                loop {
                    let (names, next) = names(&store, (shard, span), from).await.unwrap();
                    forget(&store, (shard, span), &names).await.unwrap();
                    found.extend(names);
                    let Some(next) = next else { break };
                    from = next;
                }
                close(&store, (shard, span)).await.unwrap();
            }
            assert!(spans(&store, shard).await.unwrap().is_empty());
        }
        found.sort();
        assert_eq!(found, (0..2_500).map(of).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_lies_by_shard_is_moved_to_its_owners_once() {
        let memory = Memory::new();
        let store: StoreRef = Arc::new(memory.clone());
        // The last one has the key of its shard, so it lies right already.
        let own = (0..SHARDS).find(|key| shard(&of(*key)) == *key);
        let owners: Vec<Owner> = [70_000, 70_001, 70_002].into_iter().chain(own).map(of).collect();
        let key = |owner: &Owner| Key::bytes(&[prefix(owner), vec![0; 16]].concat());
        for (table, value) in [(Table::Outbox, "effect"), (Table::Marks, "mark")] {
            let mut batch = Batch::new();
            for owner in &owners {
                batch.put(table, shard(owner), key(owner), Bytes::from(value));
            }
            store.commit(batch).await.unwrap();
        }
        migrate(&store, NOW_MS).await.unwrap();
        migrate(&store, NOW_MS).await.unwrap();
        for owner in &owners {
            assert!(owes(&store, owner).await.unwrap(), "{owner}");
            let mark = store.get(Table::Marks, owner.key, key(owner)).await.unwrap();
            assert_eq!(mark.unwrap(), "mark");
        }
        assert_eq!(memory.row_count(Table::Outbox), owners.len());
        assert_eq!(memory.row_count(Table::Marks), owners.len());
        let shards: std::collections::BTreeSet<u64> =
            owners.iter().filter(|owner| owner.key >= SHARDS).map(shard).collect();
        for shard in shards {
            assert_eq!(spans(&store, shard).await.unwrap(), [span(NOW_MS)]);
        }
    }
}
