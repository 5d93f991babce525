//! Deleting a large partition a slice at a time.
//!
//! A channel may hold millions of messages. Deleting them in one batch would hold up every other writer, and a distributed
//! engine would keep a range tombstone that each later read has to pass. So an owner that deletes such a thing deletes the
//! row that makes it reachable and puts a **mark** in the same batch ([`Batch::erase_later`]). The `eraser` service finds
//! the marks and takes the rows away in small batches, with pauses. The mark goes last, so a crash loses nothing.
//!
//! A partition may only be erased so when nobody reads it or writes to it any more.

use crate::{Batch, Error, Key, Range, Row, StoreRef, Table};

/// Partitions of [`Table::Erasures`], so that the marks of a cluster do not lie in one place.
pub const SHARDS: u64 = 16;

/// Every table that may have the id of a channel or a thread as partition, and is erased with it.
pub const CHANNEL_TABLES: &[Table] =
    &[Table::Messages, Table::Pins, Table::ThreadMembers, Table::GuildMisc, Table::Nonces, Table::Changes];

/// A partition that is to be erased.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Erasure {
    /// The table.
    pub table: Table,
    /// The partition.
    pub partition: u64,
}

impl Erasure {
    /// Where the mark lies: its partition and key in [`Table::Erasures`].
    pub fn mark(&self) -> (u64, Key) {
        let mut key = self.partition.to_be_bytes().to_vec();
        key.extend_from_slice(self.table.name().as_bytes());
        // The low bits of a snowflake are its increment, mostly 0; those of its time are spread evenly.
        ((self.partition >> 22) % SHARDS, Key::bytes(&key))
    }

    /// Reads a mark; `None` for a key that is none, such as one of a table that a newer version has.
    pub fn from_mark(key: &Key) -> Option<Erasure> {
        let (partition, name) = key.as_bytes().split_at_checked(8)?;
        let partition = u64::from_be_bytes(partition.try_into().ok()?);
        let table = Table::ALL.iter().find(|table| table.name().as_bytes() == name)?;
        Some(Erasure { table: *table, partition })
    }
}

impl Batch {
    /// Has all rows of a partition deleted some time after this batch, a slice at a time. See [`crate::erasure`].
    pub fn erase_later(&mut self, table: Table, partition: u64) -> &mut Batch {
        let (shard, key) = Erasure { table, partition }.mark();
        self.put(Table::Erasures, shard, key, bytes::Bytes::new())
    }
}

/// The first marks of one shard, at most `limit`.
///
/// # Errors
///
/// As [`Store::scan`](crate::Store::scan).
pub async fn marked(store: &StoreRef, shard: u64, limit: usize) -> Result<Vec<Erasure>, Error> {
    let rows = store.scan(Table::Erasures, shard, Range::all(limit)).await?;
    Ok(rows.iter().filter_map(|row| Erasure::from_mark(&row.key)).collect())
}

/// Some rows of a partition that is being erased.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether these are the last ones.
    pub is_last: bool,
}

/// The next rows of a partition that is being erased, at most `rows_max` of them and not more than fit one read.
///
/// # Errors
///
/// As [`Store::scan`](crate::Store::scan).
pub async fn slice(store: &StoreRef, erasure: Erasure, rows_max: usize) -> Result<Slice, Error> {
    let mut limit = rows_max.max(1);
    loop {
        match store.scan(erasure.table, erasure.partition, Range::all(limit)).await {
            Err(Error::TooLarge) if limit > 1 => limit /= 2,
            Ok(rows) => return Ok(Slice { is_last: rows.len() < limit, rows }),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use futures_util::FutureExt as _;

    #[test]
    fn marks_are_found_and_tell_what_is_to_be_erased() {
        let store: StoreRef = std::sync::Arc::new(Memory::new());
        let wanted: Vec<_> = [Table::Messages, Table::Members, Table::Pins]
            .into_iter()
            .flat_map(|table| [0, 7 << 22, u64::MAX].map(|partition| Erasure { table, partition }))
            .collect();
        let mut batch = Batch::new();
        wanted.iter().for_each(|erasure| {
            batch.erase_later(erasure.table, erasure.partition);
        });
        store.commit(batch).now_or_never().unwrap().unwrap();
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            found.extend(marked(&store, shard, 100).now_or_never().unwrap().unwrap());
        }
        assert_eq!(found.len(), wanted.len());
        assert!(wanted.iter().all(|erasure| found.contains(erasure)));
        assert_eq!(Erasure::from_mark(&Key::text("short")), None);
        assert_eq!(Erasure::from_mark(&Key::text("12345678no_such_table")), None);
    }
}
