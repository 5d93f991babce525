//! The write-through cache of an owner's rows.

use std::collections::HashMap;

use bytes::Bytes;
use consort_store::{Key, Table, Write};

use crate::CACHED_ROWS_MAX;

type RowKey = (Table, u64, Key);

#[derive(Clone)]
struct Cached {
    /// `None`: known to be absent.
    value: Option<Bytes>,
    /// The turn that wrote it last; until its commit is durable the entry must stay.
    written: u64,
}

/// Rows read or written lately, in two generations: when the young one is full it becomes the old one, and what of the
/// old one was not used meanwhile is forgotten. Rows of pending commits are never forgotten.
#[derive(Default)]
pub(crate) struct Rows {
    young: HashMap<RowKey, Cached>,
    old: HashMap<RowKey, Cached>,
    durable: u64,
}

impl Rows {
    /// The row, if the cache knows (`Some(None)`: there is none).
    pub(crate) fn get(&mut self, key: &RowKey) -> Option<Option<Bytes>> {
        if let Some(cached) = self.young.get(key) {
            return Some(cached.value.clone());
        }
        let cached = self.old.remove(key)?;
        let value = cached.value.clone();
        self.insert(key.clone(), cached);
        Some(value)
    }

    /// Takes in what was loaded, unless a write has been faster.
    pub(crate) fn loaded(&mut self, key: RowKey, value: Option<Bytes>) {
        if self.get(&key).is_none() {
            self.insert(key, Cached { value, written: 0 });
        }
    }

    /// Applies the writes of turn number `turn`.
    pub(crate) fn apply(&mut self, writes: &[Write], turn: u64) {
        for write in writes {
            match write {
                Write::Put { table, partition, key, value } => {
                    let cached = Cached { value: Some(value.clone()), written: turn };
                    self.insert((*table, *partition, key.clone()), cached);
                }
                Write::Delete { table, partition, key } => {
                    self.insert((*table, *partition, key.clone()), Cached { value: None, written: turn });
                }
                Write::DeleteRange { table, partition, from, to } => {
                    let within = |row: &RowKey| {
                        (row.0, row.1) == (*table, *partition)
                            && std::ops::RangeBounds::contains(&(from.as_ref(), to.as_ref()), &row.2)
                    };
                    for (row, cached) in self.young.iter_mut().chain(self.old.iter_mut()) {
                        if within(row) {
                            *cached = Cached { value: None, written: turn };
                        }
                    }
                }
            }
        }
    }

    /// All turns up to this one are durable.
    pub(crate) fn durable(&mut self, turn: u64) {
        self.durable = self.durable.max(turn);
    }

    fn insert(&mut self, key: RowKey, cached: Cached) {
        if self.young.len() >= CACHED_ROWS_MAX / 2 {
            let durable = self.durable;
            let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.young.extend(forgotten.into_iter().filter(|(_, cached)| cached.written > durable));
        }
        self.old.remove(&key);
        self.young.insert(key, cached);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u64) -> RowKey {
        (Table::Messages, 1, Key::id(id))
    }

    fn put(id: u64) -> Write {
        Write::Put {
            table: Table::Messages,
            partition: 1,
            key: Key::id(id),
            value: Bytes::from_static(b"new"),
        }
    }

    #[test]
    fn a_row_written_while_it_was_being_loaded_keeps_the_written_value() {
        let mut rows = Rows::default();
        rows.apply(&[put(1)], 1);
        rows.loaded(key(1), None);
        assert_eq!(rows.get(&key(1)), Some(Some(Bytes::from_static(b"new"))));
    }

    #[test]
    fn rows_of_pending_commits_outlive_any_number_of_others() {
        let mut rows = Rows::default();
        rows.apply(&[put(1)], 7);
        rows.durable(6);
        (2..20_000).for_each(|id| rows.loaded(key(id), None));
        assert!(rows.get(&key(1)).is_some());
        rows.durable(7);
        (20_000..40_000).for_each(|id| rows.loaded(key(id), None));
        assert!(rows.get(&key(1)).is_none());
    }

    #[test]
    fn a_deleted_range_reads_as_absent() {
        let mut rows = Rows::default();
        rows.apply(&[put(1), put(2)], 1);
        let (from, to) = (std::ops::Bound::Included(Key::id(2)), std::ops::Bound::Unbounded);
        rows.apply(&[Write::DeleteRange { table: Table::Messages, partition: 1, from, to }], 2);
        assert!(rows.get(&key(1)).flatten().is_some());
        assert_eq!(rows.get(&key(2)), Some(None));
    }
}
