//! A store in memory, for tests of those who use one.

use crate::{
    Batch, BoxFuture, Error, Key, Order, Precondition, Range, Row, Scan, Store, Table, Write, limits::*,
};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, HashMap},
    ops::{Bound, RangeBounds},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

type RowKey = (Table, u64, Key);

/// A store that keeps its rows in memory. A clone is the same handle; [`Memory::reopen`] makes a new one.
///
/// Batches are applied in [`Store::submit`], and every future is ready at once: tests need no runtime.
#[derive(Clone, Default, Debug)]
pub struct Memory {
    data: Arc<Mutex<Data>>,
    handle: Arc<Handle>,
}

#[derive(Default, Debug)]
struct Handle {
    closed: AtomicBool,
    overloaded: AtomicBool,
}

#[derive(Default)]
struct Data {
    rows: BTreeMap<RowKey, Bytes>,
    /// The partition of every key of the snowflake-keyed tables, since those keys are unique over all partitions.
    snowflakes: HashMap<(Table, Key), u64>,
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows", self.rows.len())
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// A new, open handle to the same rows, as after a restart.
    pub fn reopen(&self) -> Memory {
        Memory { data: self.data.clone(), handle: Arc::default() }
    }

    /// Lets all operations fail with [`Error::Overloaded`] until it is called with `false`.
    pub fn set_overloaded(&self, overloaded: bool) {
        self.handle.overloaded.store(overloaded, Ordering::SeqCst);
    }

    /// The number of rows of a table in all partitions.
    pub fn row_count(&self, table: Table) -> usize {
        self.lock().rows.keys().filter(|(of, _, _)| *of == table).count()
    }

    /// Everything that is stored, by table, partition and key.
    pub fn rows(&self) -> BTreeMap<(Table, u64, Key), Bytes> {
        self.lock().rows.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Result<MutexGuard<'_, Data>, Error> {
        if self.handle.closed.load(Ordering::SeqCst) {
            return Err(Error::Closed);
        }
        if self.handle.overloaded.load(Ordering::SeqCst) {
            return Err(Error::Overloaded);
        }
        Ok(self.lock())
    }

    fn read_many(&self, table: Table, partition: u64, keys: Vec<Key>) -> Result<Vec<Option<Bytes>>, Error> {
        let data = self.open()?;
        if keys.len() > ROWS_MAX {
            return Err(Error::TooLarge);
        }
        let values: Vec<_> =
            keys.into_iter().map(|key| data.rows.get(&(table, partition, key)).cloned()).collect();
        let bytes: usize = values.iter().flatten().map(Bytes::len).sum();
        if bytes > READ_BYTES_MAX { Err(Error::TooLarge) } else { Ok(values) }
    }

    fn read_range(&self, table: Table, partition: u64, range: Range) -> Result<Vec<Row>, Error> {
        self.open()?.scan(&Scan { table, partition, range }, &mut 0)
    }

    fn read_ranges(&self, scans: Vec<Scan>) -> Result<Vec<Vec<Row>>, Error> {
        if scans.len() > SCANS_MAX {
            return Err(Error::TooLarge);
        }
        let (data, mut bytes) = (self.open()?, 0);
        scans.iter().map(|scan| data.scan(scan, &mut bytes)).collect()
    }
}

impl Data {
    /// Reads an interval, and adds what it brings to `bytes`, which are bounded.
    fn scan(&self, scan: &Scan, bytes: &mut usize) -> Result<Vec<Row>, Error> {
        let Scan { table, partition, range } = scan;
        let Some(bounds) = places(*table, *partition, &range.from, &range.to) else { return Ok(Vec::new()) };
        let rows = self
            .rows
            .range(bounds)
            .map(|((_, _, key), value)| Row { key: key.clone(), value: value.clone() });
        let rows: Vec<Row> = match range.order {
            Order::Ascending => rows.take(range.row_limit()).collect(),
            Order::Descending => rows.rev().take(range.row_limit()).collect(),
        };
        *bytes += rows.iter().map(|row| row.key.as_bytes().len() + row.value.len()).sum::<usize>();
        if *bytes > READ_BYTES_MAX { Err(Error::TooLarge) } else { Ok(rows) }
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Error> {
        batch.check()?;
        for (index, precondition) in batch.preconditions.iter().enumerate() {
            self.require(index, precondition)?;
        }
        self.check_partitions(&batch.writes)?;
        for precondition in batch.preconditions {
            if let Precondition::Epoch { service, owner, epoch } = precondition
                && epoch > self.epoch(service, owner)
            {
                let value = Bytes::copy_from_slice(&epoch.to_be_bytes());
                self.rows.insert((Table::Epochs, owner, Key::text(service)), value);
            }
        }
        batch.writes.into_iter().for_each(|write| self.write(write));
        Ok(())
    }

    fn require(&self, index: usize, precondition: &Precondition) -> Result<(), Error> {
        let get =
            |table: &Table, partition: &u64, key: &Key| self.rows.get(&(*table, *partition, key.clone()));
        let holds = match precondition {
            Precondition::Absent { table, partition, key } => get(table, partition, key).is_none(),
            Precondition::Present { table, partition, key } => get(table, partition, key).is_some(),
            Precondition::Equals { table, partition, key, value } => {
                get(table, partition, key) == Some(value)
            }
            Precondition::Epoch { service, owner, epoch } => {
                let stored = self.epoch(service, *owner);
                if stored > *epoch {
                    return Err(Error::StaleEpoch { service, owner: *owner, epoch: *epoch, stored });
                }
                true
            }
        };
        if holds { Ok(()) } else { Err(Error::Conflict { index }) }
    }

    /// The recorded epoch of an owner; 0 when there is none, as no epoch is smaller.
    fn epoch(&self, service: &str, owner: u64) -> u64 {
        let value = self.rows.get(&(Table::Epochs, owner, Key::text(service)));
        value.and_then(|value| value.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes)
    }

    /// Refuses a snowflake that another partition has, or gets from the same batch.
    fn check_partitions(&self, writes: &[Write]) -> Result<(), Error> {
        let mut changed: HashMap<(Table, &Key), Option<u64>> = HashMap::new();
        for write in writes {
            match write {
                Write::Put { table, partition, key, .. } if table.is_snowflake_keyed() => {
                    let stored = || self.snowflakes.get(&(*table, key.clone())).copied();
                    let holder = changed.get(&(*table, key)).copied().unwrap_or_else(stored);
                    if holder.is_some_and(|holder| holder != *partition) {
                        return Err(Error::Invalid("the snowflake is in another partition"));
                    }
                    changed.insert((*table, key), Some(*partition));
                }
                Write::Delete { table, partition, key } if table.is_snowflake_keyed() => {
                    let stored = || self.snowflakes.get(&(*table, key.clone())).copied();
                    if changed.get(&(*table, key)).copied().unwrap_or_else(stored) == Some(*partition) {
                        changed.insert((*table, key), None);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Put { table, partition, key, value } => {
                if table.is_snowflake_keyed() {
                    self.snowflakes.insert((table, key.clone()), partition);
                }
                self.rows.insert((table, partition, key), value);
            }
            Write::Delete { table, partition, key } => self.remove((table, partition, key)),
            Write::DeleteRange { table, partition, from, to } => {
                let Some(bounds) = places(table, partition, &from, &to) else { return };
                let places: Vec<RowKey> = self.rows.range(bounds).map(|(place, _)| place.clone()).collect();
                places.into_iter().for_each(|place| self.remove(place));
            }
        }
    }

    fn remove(&mut self, place: RowKey) {
        if self.rows.remove(&place).is_some() && place.0.is_snowflake_keyed() {
            self.snowflakes.remove(&(place.0, place.2));
        }
    }
}

/// The interval of a partition as an interval of all rows, or `None` when it is empty.
fn places(
    table: Table,
    partition: u64,
    from: &Bound<Key>,
    to: &Bound<Key>,
) -> Option<impl RangeBounds<RowKey> + use<>> {
    let from = match from {
        Bound::Included(key) => key.clone(),
        Bound::Excluded(key) => key.successor(),
        Bound::Unbounded => Key::empty(),
    };
    let end = match to {
        Bound::Included(key) => Bound::Excluded((table, partition, key.successor())),
        Bound::Excluded(key) => Bound::Excluded((table, partition, key.clone())),
        // No key is longer, so none of this partition is greater.
        Bound::Unbounded => Bound::Included((table, partition, Key::bytes(&[u8::MAX; KEY_BYTES_MAX]))),
    };
    let start = (table, partition, from);
    match &end {
        Bound::Excluded(end) if start >= *end => None,
        Bound::Included(end) if start > *end => None,
        _ => Some((Bound::Included(start), end)),
    }
}

impl Store for Memory {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        let result = self.open().and_then(|mut data| data.apply(batch));
        Box::pin(std::future::ready(result))
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let value = self.open().map(|data| data.rows.get(&(table, partition, key)).cloned());
        Box::pin(std::future::ready(value))
    }

    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>> {
        Box::pin(std::future::ready(self.read_many(table, partition, keys)))
    }

    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>> {
        Box::pin(std::future::ready(self.read_range(table, partition, range)))
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        Box::pin(std::future::ready(self.read_ranges(scans)))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.handle.closed.store(true, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StoreExt, StoreRef, contract};
    use futures_util::FutureExt;

    struct Subject(Memory);

    impl contract::Subject for Subject {
        fn store(&self) -> StoreRef {
            Arc::new(self.0.clone())
        }

        fn reopen(&mut self) -> BoxFuture<'_, ()> {
            self.0 = self.0.reopen();
            Box::pin(std::future::ready(()))
        }
    }

    #[test]
    fn passes_the_contract() {
        let run = contract::run(|| Subject(Memory::new()));
        run.now_or_never().expect("every future of the memory store is ready");
    }

    #[test]
    fn sheds_load_when_told_to() {
        let store = Memory::new();
        store.set_overloaded(true);
        let refused = store.commit(Batch::new()).now_or_never().unwrap();
        assert!(matches!(refused, Err(Error::Overloaded)));
        store.set_overloaded(false);
        let mut batch = Batch::new();
        batch.put_row(Table::Users, 1, 1, &5);
        store.commit(batch).now_or_never().unwrap().unwrap();
        assert_eq!(store.get_row::<u8>(Table::Users, 1, 1).now_or_never().unwrap().unwrap(), Some(5));
        assert_eq!((store.row_count(Table::Users), store.row_count(Table::Guilds)), (1, 0));
    }
}
