//! The list of blobs that belong to nothing, yet or any more.
//!
//! Rows of [`Table::Orphans`], spread over [`SHARDS`] partitions by the second segment of the name, so that what lies under
//! one owner is in one partition. The key is a mark and the name: [`RESERVED`] blobs may still find an owner until their time
//! is over, [`RELEASED`] ones never will. A released name stands for all names beneath it too: deleting a channel is one
//! row, however many files it has.
//!
//! The rows have many writers. Each name has one at a time: who stores the blob, then the owner that takes it, then whoever
//! sweeps.

use consort_store::{Batch, Error, Key, Range, Scan, Store, StoreExt as _, Table};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Partitions of the list.
pub const SHARDS: u64 = 16;
/// How long what a request stores waits for the owner to take it. An owner's call has a deadline far below.
pub const RESERVED_MS: u64 = 3_600_000;

/// Mark of blobs that wait for an owner.
pub const RESERVED: u8 = b'w';
/// Mark of blobs that have lost theirs.
pub const RELEASED: u8 = b'x';

/// Segments of a name that name an owner: nothing shorter is ever released.
const OWNER_SEGMENTS: usize = 2;

/// The row of a blob on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// When it may be removed, Unix milliseconds.
    pub due_ms: u64,
}

/// The partition of a name, and of every name beneath it.
fn shard(name: &str) -> u64 {
    let owner = name.split('/').nth(1).unwrap_or_default();
    xxh3_64(owner.as_bytes()) % SHARDS
}

fn key(mark: u8, name: &str) -> Key {
    let mut key = Vec::with_capacity(name.len() + 1);
    key.push(mark);
    key.extend_from_slice(name.as_bytes());
    Key::bytes(&key)
}

/// Notes a blob that is about to be stored. Committed before it is.
pub fn reserve(batch: &mut Batch, name: &str, due_ms: u64) {
    batch.put_row(Table::Orphans, shard(name), key(RESERVED, name), &Orphan { due_ms });
}

/// Lets a batch fail when a name is on the list already, reserved.
pub fn require_unreserved(batch: &mut Batch, name: &str) {
    batch.require_absent(Table::Orphans, shard(name), key(RESERVED, name));
}

/// A stored blob belongs to something from this commit on.
pub fn claim(batch: &mut Batch, name: &str) {
    batch.delete(Table::Orphans, shard(name), key(RESERVED, name));
}

/// A blob, and all beneath its name, belongs to nothing from this commit on.
pub fn release(batch: &mut Batch, name: &str, now_ms: u64) {
    debug_assert!(name.split('/').count() >= OWNER_SEGMENTS, "{name} names no owner");
    batch.put_row(Table::Orphans, shard(name), key(RELEASED, name), &Orphan { due_ms: now_ms });
}

/// A released blob, or one whose time is over, has been removed.
pub fn removed(batch: &mut Batch, found: &Found) {
    batch.delete(Table::Orphans, shard(&found.name), key(found.mark, &found.name));
}

/// An image takes the place of another, or of none: the new one is claimed, the old one released.
pub fn replace_image(
    batch: &mut Batch,
    now_ms: u64,
    (kind, owner): (crate::Kind, u64),
    old: Option<&str>,
    new: Option<&str>,
) {
    if old == new {
        return;
    }
    if let Some(hash) = new {
        claim(batch, &crate::name::image(kind, owner, hash));
    }
    if let Some(hash) = old {
        release(batch, &crate::name::image(kind, owner, hash), now_ms);
    }
}

/// Whether a blob is released, by its own name or one above it.
///
/// # Errors
/// When the store fails.
pub async fn is_released(store: &dyn Store, name: &str) -> Result<bool, Error> {
    let above = name.match_indices('/').skip(OWNER_SEGMENTS - 1).map(|(end, _)| &name[..end]);
    let keys = above.chain([name]).map(|name| key(RELEASED, name)).collect();
    let rows = store.get_many(Table::Orphans, shard(name), keys).await?;
    Ok(rows.iter().any(Option::is_some))
}

/// A blob that may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    mark: u8,
}

/// Released blobs, at most `limit` of each partition.
///
/// # Errors
/// When the store fails.
pub async fn released(store: &dyn Store, limit: usize) -> Result<Vec<Found>, Error> {
    let scan =
        |partition| Scan { table: Table::Orphans, partition, range: Range::prefix(&[RELEASED], limit) };
    let rows = store.scan_many((0..SHARDS).map(scan).collect()).await?;
    Ok(rows.into_iter().flatten().filter_map(|row| found(&row.key)).collect())
}

/// Reserved blobs of a partition that nobody has taken in time.
///
/// # Errors
/// When the store fails.
pub async fn overdue(store: &dyn Store, partition: u64, now_ms: u64) -> Result<Vec<Found>, Error> {
    let mut overdue = Vec::new();
    let mut pages = store.pages(Table::Orphans, partition, Range::prefix(&[RESERVED], 1_000));
    while let Some(rows) = pages.next_rows::<Orphan>().await? {
        let over = rows.iter().filter(|(_, row)| row.due_ms <= now_ms);
        overdue.extend(over.filter_map(|(key, _)| found(key)));
    }
    Ok(overdue)
}

fn found(key: &Key) -> Option<Found> {
    let (mark, name) = key.as_bytes().split_first()?;
    Some(Found { name: std::str::from_utf8(name).ok()?.to_owned(), mark: *mark })
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_store::memory::Memory;

    async fn commit(store: &Memory, build: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::new();
        build(&mut batch);
        store.commit(batch).await.unwrap();
    }

    #[tokio::test]
    async fn a_blob_is_on_the_list_until_it_is_somebodys_and_again_afterwards() {
        let store = Memory::new();
        let name = crate::name::attachment(1, 2);
        commit(&store, |batch| reserve(batch, &name, 100)).await;
        assert!(!is_released(&store, &name).await.unwrap());
        let due = |now| {
            let store = &store;
            async move { overdue(store, shard("attachments/1"), now).await.unwrap().len() }
        };
        assert_eq!((due(99).await, due(100).await), (0, 1));
        commit(&store, |batch| claim(batch, &name)).await;
        assert_eq!(due(1_000).await, 0);
        commit(&store, |batch| release(batch, &name, 5)).await;
        assert!(is_released(&store, &name).await.unwrap());
        let found = released(&store, 10).await.unwrap();
        assert_eq!(found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), [name.as_str()]);
        commit(&store, |batch| removed(batch, &found[0])).await;
        assert!(released(&store, 10).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_released_stands_for_all_beneath_it_and_for_nothing_beside_it() {
        let store = Memory::new();
        commit(&store, |batch| release(batch, &crate::name::attachments_of(7), 0)).await;
        commit(&store, |batch| release(batch, &crate::name::members_of(7), 0)).await;
        let member = crate::name::image(crate::Kind::MemberAvatar { guild: 7 }, 1, "h");
        for (name, gone) in [
            (crate::name::attachment(7, 1), true),
            (crate::name::attachment(70, 1), false),
            (crate::name::emoji(7), false),
            (member, true),
        ] {
            assert_eq!(is_released(&store, &name).await.unwrap(), gone, "{name}");
        }
    }
}
