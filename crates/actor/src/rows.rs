//! The write-through cache of an owner's rows.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use consort_store::{Error, Key, Order, Range, Row, Table, Write};

use crate::CACHED_ROWS_MAX;

pub(crate) type RowKey = (Table, u64, Key);

#[derive(Clone)]
struct Cached {
    /// `None`: known to be absent.
    value: Option<Bytes>,
    /// The turn that wrote it last; until its commit is durable the entry must stay.
    written: u64,
}

/// A range that was read for a call, kept in step with what is written while the call waits for more.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) table: Table,
    pub(crate) partition: u64,
    pub(crate) range: Range,
    pub(crate) rows: Vec<Row>,
    /// The last turn whose writes are in it for certain; held with [`Rows::begin_scan`].
    pub(crate) since: u64,
}

/// Rows read or written lately, in two generations: when the young one is full it becomes the old one, and what of the
/// old one was not used meanwhile is forgotten. Rows of pending commits are never forgotten, nor what was written since a range
/// began to be read.
#[derive(Default)]
pub(crate) struct Rows {
    young: HashMap<RowKey, Cached>,
    old: HashMap<RowKey, Cached>,
    /// Rows on their way from the store, how often, and whether a write has overtaken them.
    loading: HashMap<RowKey, Loading>,
    /// Ranges deleted by pending commits, with the turns that did: the store still has what is in them.
    deleted: Vec<(u64, Write)>,
    durable: u64,
    /// The last turn that has written.
    latest: u64,
    /// Since which turns ranges are in need of what is written, and how many.
    scans: BTreeMap<u64, usize>,
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

    /// How many rows it knows.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
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

    /// A range is about to be read: what is written from now on is kept for it. Gives the turn up to which the store has
    /// everything; [`Rows::end_scan`] follows.
    pub(crate) fn begin_scan(&mut self) -> u64 {
        *self.scans.entry(self.durable).or_default() += 1;
        self.durable
    }

    /// Whether something is written that is not durable yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.latest > self.durable
    }

    /// The range is needed no more.
    pub(crate) fn end_scan(&mut self, since: u64) {
        if let Some(count) = self.scans.get_mut(&since) {
            *count -= 1;
            if *count == 0 {
                self.scans.remove(&since);
            }
        }
        let kept = self.kept_since();
        self.deleted.retain(|(deleted, _)| *deleted > kept);
    }

    /// The last turn whose writes nobody needs any more.
    fn kept_since(&self) -> u64 {
        self.scans.first_key_value().map_or(self.durable, |(since, _)| self.durable.min(*since))
    }

    /// Brings a range that was read up to date with all turns. `false` when it must be read again: rows are gone from it, and
    /// which ones follow the last is not known.
    pub(crate) fn catch_up(&mut self, scan: &mut Scanned) -> bool {
        let since = scan.since;
        if self.latest <= since {
            return true;
        }
        let is_here =
            |key: &RowKey| (key.0, key.1) == (scan.table, scan.partition) && scan.range.contains(&key.2);
        let written: BTreeMap<Key, Option<Bytes>> = [&self.old, &self.young]
            .into_iter()
            .flatten()
            .filter(|(key, cached)| cached.written > since && is_here(key))
            .map(|(key, cached)| (key.2.clone(), cached.value.clone()))
            .collect();
        let deleted: Vec<_> = self.deleted.iter().filter(|(turn, _)| *turn > since).collect();
        let is_gone = |key: &Key| {
            let row = (scan.table, scan.partition, key.clone());
            match written.get(key) {
                Some(value) => value.is_none(),
                None => deleted.iter().any(|(_, range)| covers(range, &row)),
            }
        };
        let is_cut = scan.rows.len() >= scan.range.row_limit();
        let last = scan.rows.last().map(|row| row.key.clone()).filter(|_| is_cut);
        let read = scan.rows.len();
        scan.rows.retain(|row| !is_gone(&row.key));
        if is_cut && scan.rows.len() < read {
            return false;
        }
        let ascends = scan.range.order == Order::Ascending;
        for (key, value) in written {
            let Some(value) = value else { continue };
            let place = scan.rows.binary_search_by(|row| {
                let order = row.key.cmp(&key);
                if ascends { order } else { order.reverse() }
            });
            match place {
                Ok(place) => scan.rows[place].value = value,
                // Between what was not read may be others.
                Err(place) if last.is_none() || place < scan.rows.len() => {
                    scan.rows.insert(place, Row { key, value });
                }
                Err(_) => {}
            }
        }
        scan.rows.truncate(scan.range.row_limit());
        *self.scans.entry(self.latest).or_default() += 1;
        scan.since = self.latest;
        self.end_scan(since);
        true
    }

    /// Applies the writes of turn number `turn`.
    pub(crate) fn apply(&mut self, writes: &[Write], turn: u64) {
        if !writes.is_empty() {
            self.latest = turn;
        }
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
        let kept = self.kept_since();
        self.deleted.retain(|(deleted, _)| *deleted > kept);
    }

    fn insert(&mut self, key: RowKey, cached: Cached) {
        if self.young.len() >= CACHED_ROWS_MAX / 2 {
            let kept = self.kept_since();
            let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            self.young.extend(forgotten.into_iter().filter(|(_, cached)| cached.written > kept));
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

    fn scanned(rows: &mut Rows, range: Range, found: &[u64]) -> Scanned {
        let row = |id: &u64| Row { key: Key::id(*id), value: Bytes::from_static(b"old") };
        let since = rows.begin_scan();
        Scanned { table: Table::Messages, partition: 1, range, rows: found.iter().map(row).collect(), since }
    }

    fn ids(scan: &Scanned) -> Vec<u64> {
        scan.rows.iter().filter_map(|row| row.key.to_id()).collect()
    }

    fn delete(id: u64) -> Write {
        Write::Delete { table: Table::Messages, partition: 1, key: Key::id(id) }
    }

    fn delete_from(id: u64) -> Write {
        let from = std::ops::Bound::Included(Key::id(id));
        Write::DeleteRange { table: Table::Messages, partition: 1, from, to: std::ops::Bound::Unbounded }
    }

    #[test]
    fn a_range_shows_what_was_written_since_it_was_read() {
        let mut rows = Rows::default();
        rows.apply(&[put(3), delete(1)], 1);
        let mut scan = scanned(&mut rows, Range::newest(10), &[5, 1]);
        rows.apply(&[put(9), put(5)], 2);
        rows.durable(2);
        assert!(rows.catch_up(&mut scan));
        assert_eq!(ids(&scan), [9, 5, 3]);
        assert_eq!(&scan.rows[1].value[..], b"new");
        rows.apply(&[delete_from(4), put(4)], 3);
        assert!(rows.catch_up(&mut scan));
        assert_eq!(ids(&scan), [4, 3]);
        rows.end_scan(scan.since);
        assert!(rows.scans.is_empty());
    }

    #[test]
    fn a_range_that_was_cut_is_read_again_when_rows_are_gone_from_it() {
        let mut rows = Rows::default();
        let mut scan = scanned(&mut rows, Range::all(2), &[3, 5]);
        rows.apply(&[put(9), put(4)], 1);
        assert!(rows.catch_up(&mut scan));
        assert_eq!(ids(&scan), [3, 4], "nobody knows whether something is between 5 and 9");
        rows.apply(&[delete(3)], 2);
        assert!(!rows.catch_up(&mut scan));
    }

    #[test]
    fn what_a_range_needs_outlives_any_number_of_other_rows() {
        let mut rows = Rows::default();
        let mut scan = scanned(&mut rows, Range::between(0, 10, 10), &[7]);
        rows.apply(&[put(1), delete_from(5)], 1);
        rows.durable(1);
        (20_000..40_000).for_each(|id| rows.loaded(key(id), Ok(None)).unwrap());
        assert!(rows.catch_up(&mut scan));
        assert_eq!(ids(&scan), [1]);
        rows.end_scan(scan.since);
        (40_000..60_000).for_each(|id| rows.loaded(key(id), Ok(None)).unwrap());
        assert!(rows.get(&key(1)).is_none() && rows.deleted.is_empty());
    }
}
