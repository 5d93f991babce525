//! The write-through cache of an owner's rows.

use std::collections::HashMap;

use bytes::Bytes;
use consort_store::{Error, Key, Table, Write};

use crate::CACHED_ROWS_MAX;

pub(crate) type RowKey = (Table, u64, Key);

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
    /// Rows on their way from the store, how often, and whether a write has overtaken them.
    loading: HashMap<RowKey, Loading>,
    /// Ranges deleted by pending commits, with the turns that did: the store still has what is in them.
    deleted: Vec<(u64, Write)>,
    durable: u64,
}

#[derive(Default, Clone, Copy)]
struct Loading {
    count: usize,
    overtaken: bool,
}

impl Rows {
    /// The row, if the cache knows (`Some(None)`: there is none).
    pub(crate) fn get(&mut self, key: &RowKey) -> Option<Option<Bytes>> {
        if let Some(cached) = self.young.get(key) {
            return Some(cached.value.clone());
        }
        let Some(cached) = self.old.remove(key) else {
            return self.deleted.iter().any(|(_, range)| covers(range, key)).then_some(None);
        };
        let value = cached.value.clone();
        self.insert(key.clone(), cached);
        Some(value)
    }

    /// A row is being loaded; [`Rows::loaded`] follows.
    pub(crate) fn loading(&mut self, key: RowKey) {
        self.loading.entry(key).or_default().count += 1;
    }

    /// Takes in what was loaded, unless a write has been faster: then the row is asked for again, or known already.
    ///
    /// # Errors
    /// That of the load.
    pub(crate) fn loaded(&mut self, key: RowKey, value: Result<Option<Bytes>, Error>) -> Result<(), Error> {
        let overtaken = match self.loading.get_mut(&key) {
            Some(loading) if loading.count > 1 => {
                loading.count -= 1;
                loading.overtaken
            }
            Some(_) => self.loading.remove(&key).is_some_and(|loading| loading.overtaken),
            None => false,
        };
        let value = value?;
        if !overtaken && self.get(&key).is_none() {
            self.insert(key, Cached { value, written: 0 });
        }
        Ok(())
    }

    /// Applies the writes of turn number `turn`.
    pub(crate) fn apply(&mut self, writes: &[Write], turn: u64) {
        for write in writes {
            for (_, loading) in self.loading.iter_mut().filter(|(row, _)| covers(write, row)) {
                loading.overtaken = true;
            }
            match write {
                Write::Put { table, partition, key, value } => {
                    let cached = Cached { value: Some(value.clone()), written: turn };
                    self.insert((*table, *partition, key.clone()), cached);
                }
                Write::Delete { table, partition, key } => {
                    self.insert((*table, *partition, key.clone()), Cached { value: None, written: turn });
                }
                Write::DeleteRange { .. } => {
                    let cached = self.young.iter_mut().chain(self.old.iter_mut());
                    for (_, cached) in cached.filter(|(row, _)| covers(write, row)) {
                        *cached = Cached { value: None, written: turn };
                    }
                    self.deleted.push((turn, write.clone()));
                }
            }
        }
    }

    /// All turns up to this one are durable.
    pub(crate) fn durable(&mut self, turn: u64) {
        self.durable = self.durable.max(turn);
        self.deleted.retain(|(deleted, _)| *deleted > turn);
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

/// Whether a write changes a row.
fn covers(write: &Write, (table, partition, key): &RowKey) -> bool {
    let here = |t: &Table, p: &u64| (t, p) == (table, partition);
    match write {
        Write::Put { table, partition, key: k, .. } | Write::Delete { table, partition, key: k } => {
            here(table, partition) && k == key
        }
        Write::DeleteRange { table, partition, from, to } => {
            here(table, partition) && std::ops::RangeBounds::contains(&(from.as_ref(), to.as_ref()), key)
        }
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
        rows.loading(key(1));
        rows.apply(&[put(1)], 1);
        rows.loaded(key(1), Ok(None)).unwrap();
        assert_eq!(rows.get(&key(1)), Some(Some(Bytes::from_static(b"new"))));
    }

    #[test]
    fn a_row_deleted_with_its_range_while_it_was_being_loaded_does_not_come_back() {
        let mut rows = Rows::default();
        rows.loading(key(1));
        rows.loading(key(1));
        let unbounded = std::ops::Bound::Unbounded;
        let all = Write::DeleteRange {
            table: Table::Messages,
            partition: 1,
            from: unbounded.clone(),
            to: unbounded,
        };
        rows.apply(&[all], 1);
        for _ in 0..2 {
            rows.loaded(key(1), Ok(Some(Bytes::from_static(b"old")))).unwrap();
            assert_eq!(rows.get(&key(1)), Some(None));
        }
        rows.durable(1);
        assert_eq!(rows.get(&key(1)), None, "to be read again");
        rows.loading(key(1));
        rows.loaded(key(1), Ok(None)).unwrap();
        assert_eq!(rows.get(&key(1)), Some(None));
    }

    #[test]
    fn a_load_that_failed_leaves_no_trace() {
        let mut rows = Rows::default();
        rows.loading(key(1));
        assert!(rows.loaded(key(1), Err(Error::Overloaded)).is_err());
        assert!(rows.loading.is_empty() && rows.get(&key(1)).is_none());
    }

    #[test]
    fn rows_of_pending_commits_outlive_any_number_of_others() {
        let mut rows = Rows::default();
        rows.apply(&[put(1)], 7);
        rows.durable(6);
        (2..20_000).for_each(|id| rows.loaded(key(id), Ok(None)).unwrap());
        assert!(rows.get(&key(1)).is_some());
        rows.durable(7);
        (20_000..40_000).for_each(|id| rows.loaded(key(id), Ok(None)).unwrap());
        assert!(rows.get(&key(1)).is_none());
    }

    #[test]
    fn what_a_pending_commit_deletes_with_its_range_is_not_read_from_the_store() {
        let mut rows = Rows::default();
        let (from, to) = (std::ops::Bound::Included(Key::id(2)), std::ops::Bound::Unbounded);
        rows.apply(&[Write::DeleteRange { table: Table::Messages, partition: 1, from, to }], 7);
        rows.durable(6);
        assert_eq!(rows.get(&key(2)), Some(None), "the store still has it");
        assert_eq!(rows.get(&key(1)), None);
        rows.apply(&[put(3)], 8);
        assert!(rows.get(&key(3)).flatten().is_some());
        rows.durable(7);
        assert_eq!(rows.get(&key(4)), None, "the store knows");
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
