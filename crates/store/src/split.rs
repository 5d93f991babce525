//! A store in memory that splits its partitions into buckets as a distributed engine would: it shows that [`crate::bucket`]
//! is enough to keep the laws.

use crate::bucket::{Span, Walk};
use crate::memory::Memory;
use crate::{
    Batch, BoxFuture, Error, Key, Precondition, Range, Row, Scan, Store, Table, Write, contract, limits::*,
};
use bytes::Bytes;
use futures_util::FutureExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Which partition of the store beneath a bucket is. They are numbered as they come.
#[derive(Default, Debug)]
struct Places {
    numbers: BTreeMap<(Table, u64, Key), u64>,
    /// Which buckets there are: those that were written to and not deleted as a whole.
    there: BTreeSet<(Table, u64, Key)>,
}

impl Places {
    fn number(&mut self, table: Table, partition: u64, bucket: Key) -> u64 {
        if table == Table::Epochs {
            return partition;
        }
        let next = self.numbers.len() as u64;
        *self.numbers.entry((table, partition, bucket)).or_insert(next)
    }

    fn of_key(&mut self, table: Table, partition: u64, key: &Key) -> u64 {
        self.number(table, partition, table.bucket(key))
    }

    /// The buckets that an interval touches.
    fn within(&self, table: Table, partition: u64, span: &Span) -> Vec<Key> {
        if let Some(only) = span.only() {
            return vec![only.clone()];
        }
        let all = self.there.range((table, partition, Key::empty())..);
        let here = all.take_while(|(of, in_partition, _)| (*of, *in_partition) == (table, partition));
        here.map(|(_, _, bucket)| bucket.clone()).filter(|bucket| span.contains(bucket)).collect()
    }

    fn write(&mut self, write: Write) -> Vec<Write> {
        match write {
            Write::Put { table, partition, key, value } => {
                self.there.insert((table, partition, table.bucket(&key)));
                vec![Write::Put { table, partition: self.of_key(table, partition, &key), key, value }]
            }
            Write::Delete { table, partition, key } => {
                vec![Write::Delete { table, partition: self.of_key(table, partition, &key), key }]
            }
            Write::DeleteRange { table, partition, from, to } => {
                let span = Span::new(table, &from, &to);
                let mut writes = Vec::new();
                for bucket in self.within(table, partition, &span) {
                    let covered = span.covers(&from, &bucket);
                    let partition_beneath = self.number(table, partition, bucket.clone());
                    if covered {
                        self.there.remove(&(table, partition, bucket));
                    }
                    let (from, to) = if covered {
                        (crate::Bound::Unbounded, crate::Bound::Unbounded)
                    } else {
                        (from.clone(), to.clone())
                    };
                    writes.push(Write::DeleteRange { table, partition: partition_beneath, from, to });
                }
                writes
            }
        }
    }

    fn precondition(&mut self, precondition: Precondition) -> Precondition {
        match precondition {
            Precondition::Absent { table, partition, key } => {
                Precondition::Absent { table, partition: self.of_key(table, partition, &key), key }
            }
            Precondition::Present { table, partition, key } => {
                Precondition::Present { table, partition: self.of_key(table, partition, &key), key }
            }
            Precondition::Equals { table, partition, key, value } => {
                Precondition::Equals { table, partition: self.of_key(table, partition, &key), key, value }
            }
            epoch @ Precondition::Epoch { .. } => epoch,
        }
    }
}

#[derive(Clone, Default, Debug)]
struct Split {
    beneath: Memory,
    places: Arc<Mutex<Places>>,
}

impl Split {
    fn now<T>(future: BoxFuture<'_, T>) -> T {
        future.now_or_never().expect("every future of the memory store is ready")
    }

    fn read(&self, scan: Scan) -> Result<Vec<Row>, Error> {
        let Scan { table, partition, range } = scan;
        let mut places = self.places.lock().unwrap();
        let buckets = places.within(table, partition, &Span::new(table, &range.from, &range.to));
        let mut walk = Walk::new(range, buckets);
        loop {
            let wave = walk.next();
            if wave.is_empty() {
                return Ok(walk.into_rows());
            }
            let range = walk.range();
            for bucket in wave {
                let beneath = places.number(table, partition, bucket);
                walk.add(Self::now(self.beneath.scan(table, beneath, range.clone()))?);
            }
        }
    }
}

impl Store for Split {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        if let Err(error) = batch.check() {
            return Box::pin(std::future::ready(Err(error)));
        }
        let mut places = self.places.lock().unwrap();
        let before = places.there.clone();
        let preconditions = batch.preconditions.into_iter().map(|one| places.precondition(one)).collect();
        let writes = batch.writes.into_iter().flat_map(|write| places.write(write)).collect();
        let done = Self::now(self.beneath.submit(Batch { preconditions, writes }));
        if done.is_err() {
            places.there = before;
        }
        Box::pin(std::future::ready(done))
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        let beneath = self.places.lock().unwrap().of_key(table, partition, &key);
        self.beneath.get(table, beneath, key)
    }

    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>> {
        let mut bytes = 0;
        let mut values = Vec::new();
        for key in &keys {
            let value = Self::now(self.get(table, partition, key.clone()));
            bytes += value.as_ref().ok().and_then(Option::as_ref).map_or(0, Bytes::len);
            values.push(value);
        }
        let fits = keys.len() <= ROWS_MAX && bytes <= READ_BYTES_MAX;
        let values = if fits { values.into_iter().collect() } else { Err(Error::TooLarge) };
        Box::pin(std::future::ready(values))
    }

    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>> {
        Box::pin(std::future::ready(self.read(Scan { table, partition, range })))
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        let fits = scans.len() <= SCANS_MAX;
        let rows =
            if fits { scans.into_iter().map(|scan| self.read(scan)).collect() } else { Err(Error::TooLarge) };
        Box::pin(std::future::ready(rows))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.beneath.close()
    }
}

struct Subject(Split);

impl contract::Subject for Subject {
    fn store(&self) -> crate::StoreRef {
        Arc::new(self.0.clone())
    }

    fn reopen(&mut self) -> BoxFuture<'_, ()> {
        self.0.beneath = self.0.beneath.reopen();
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn passes_the_contract() {
    let run = contract::run(|| Subject(Split::default()));
    run.now_or_never().expect("every future of this store is ready");
}

#[test]
fn a_scan_passes_years_without_a_row_without_reading_them() {
    let store = Split::default();
    let year = 31_557_600_000u64 << 22;
    let mut batch = Batch::new();
    for id in [1, 30 * year, 30 * year + 1, 60 * year] {
        batch.put(Table::Messages, 7, id, Bytes::new());
    }
    Split::now(store.commit(batch)).unwrap();
    assert_eq!(store.places.lock().unwrap().there.len(), 3);
    let ids = |range| -> Vec<u64> {
        Split::now(store.scan(Table::Messages, 7, range))
            .unwrap()
            .iter()
            .filter_map(|row| row.key.to_id())
            .collect()
    };
    assert_eq!(ids(Range::newest(2)), [60 * year, 30 * year + 1]);
    assert_eq!(ids(Range::after(1, 50)), [30 * year, 30 * year + 1, 60 * year]);

    let mut batch = Batch::new();
    batch.delete_range(
        Table::Messages,
        7,
        crate::Bound::Unbounded,
        crate::Bound::Excluded(Key::id(30 * year + 1)),
    );
    Split::now(store.commit(batch)).unwrap();
    assert_eq!(
        store.places.lock().unwrap().there.len(),
        2,
        "a bucket that is deleted as a whole is not read again"
    );
    assert_eq!(ids(Range::all(50)), [30 * year + 1, 60 * year]);
}
