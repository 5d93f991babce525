//! Reading rows: of one bucket page by page, of a partition bucket by bucket.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use consort_store::bucket::{Span, Walk};
use consort_store::limits::{KEY_BYTES_MAX, READ_BYTES_MAX, ROWS_MAX};
use consort_store::{Error, Key, Range, Row, Scan, Table};
use futures_util::future::try_join_all;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;

use crate::Inner;
use crate::errors::{backend, unexpected};

/// Rows of the first page; later ones have as many as [`PAGE_BYTES`] hold.
const FIRST_PAGE: i32 = 1_024;
const PAGE_BYTES: usize = 4 << 20;

/// The bytes that one read has brought, and may bring.
#[derive(Debug)]
pub(crate) struct Brought {
    bytes: AtomicUsize,
    most: usize,
}

impl Default for Brought {
    fn default() -> Self {
        Brought { bytes: AtomicUsize::new(0), most: READ_BYTES_MAX }
    }
}

impl Brought {
    fn add(&self, bytes: usize) -> Result<(), Error> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.most { Err(Error::TooLarge) } else { Ok(()) }
    }
}

impl Inner {
    /// The first four columns of every row: namespace, table, partition, bucket.
    pub(crate) fn place(&self, table: Table, partition: u64, bucket: &Key) -> Vec<CqlValue> {
        vec![
            CqlValue::Int(self.namespace),
            CqlValue::Text(table.name().to_owned()),
            CqlValue::BigInt(partition.cast_signed()),
            CqlValue::Blob(bucket.as_bytes().to_vec()),
        ]
    }

    pub(crate) async fn read_one(
        &self,
        table: Table,
        partition: u64,
        key: &Key,
    ) -> Result<Option<Bytes>, Error> {
        if table == Table::Epochs {
            let rows = self.read_epochs(partition).await?;
            return Ok(rows.into_iter().find(|row| row.key == *key).map(|row| row.value));
        }
        // No row has such a key.
        if key.as_bytes().len() > KEY_BYTES_MAX {
            return Ok(None);
        }
        let _permit = self.permit(table, partition).await;
        let mut values = self.place(table, partition, &table.bucket(key));
        values.push(CqlValue::Blob(key.as_bytes().to_vec()));
        let found =
            self.ring.session.execute_unpaged(&self.ring.rows(table).get, values).await.map_err(backend)?;
        let rows = found.into_rows_result().map_err(unexpected)?;
        let value = rows.maybe_first_row::<(&[u8],)>().map_err(unexpected)?;
        Ok(value.map(|(value,)| Bytes::copy_from_slice(value)))
    }

    pub(crate) async fn read_many(
        &self,
        table: Table,
        partition: u64,
        keys: &[Key],
    ) -> Result<Vec<Option<Bytes>>, Error> {
        let mut by_bucket = std::collections::BTreeMap::<Key, Vec<CqlValue>>::new();
        for key in keys.iter().filter(|key| key.as_bytes().len() <= KEY_BYTES_MAX) {
            by_bucket.entry(table.bucket(key)).or_default().push(CqlValue::Blob(key.as_bytes().to_vec()));
        }
        // Whoever names its keys is not charged for them.
        let keys_bytes: usize = keys.iter().map(|key| key.as_bytes().len()).sum();
        let brought = Brought { most: READ_BYTES_MAX + keys_bytes, ..Brought::default() };
        let found: std::collections::HashMap<Key, Bytes> = if table == Table::Epochs {
            self.read_epochs(partition).await?.into_iter().map(|row| (row.key, row.value)).collect()
        } else {
            let reads = by_bucket.into_iter().map(|(bucket, keys)| {
                let mut values = self.place(table, partition, &bucket);
                values.push(CqlValue::List(keys));
                self.pages((table, partition), &self.ring.rows(table).get_many, values, &brought)
            });
            try_join_all(reads).await?.into_iter().flatten().map(|row| (row.key, row.value)).collect()
        };
        // A key may be asked for twice.
        let values: Vec<_> = keys.iter().map(|key| found.get(key).cloned()).collect();
        Brought::default().add(values.iter().flatten().map(Bytes::len).sum())?;
        Ok(values)
    }

    /// The epochs that were recorded for owners with a key.
    async fn read_epochs(&self, owner: u64) -> Result<Vec<Row>, Error> {
        let values = (self.namespace, owner.cast_signed());
        let found = self.ring.session.execute_unpaged(&self.ring.epochs, values).await.map_err(backend)?;
        let found = found.into_rows_result().map_err(unexpected)?;
        let mut rows = Vec::new();
        for row in found.rows::<(&str, i64)>().map_err(unexpected)? {
            let (service, epoch) = row.map_err(unexpected)?;
            rows.push(Row { key: Key::text(service), value: Bytes::copy_from_slice(&epoch.to_be_bytes()) });
        }
        rows.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(rows)
    }

    /// The buckets of a partition that an interval touches.
    pub(crate) async fn buckets(&self, table: Table, partition: u64, span: &Span) -> Result<Vec<Key>, Error> {
        if let Some(only) = span.only() {
            return Ok(vec![only.clone()]);
        }
        let values = (self.namespace, table.name(), partition.cast_signed());
        let found = self.ring.session.execute_unpaged(&self.ring.buckets, values).await.map_err(backend)?;
        let found = found.into_rows_result().map_err(unexpected)?;
        let mut buckets = Vec::new();
        for row in found.rows::<(&[u8],)>().map_err(unexpected)? {
            let bucket = Key::bytes(row.map_err(unexpected)?.0);
            if span.contains(&bucket) {
                buckets.push(bucket);
            }
        }
        Ok(buckets)
    }

    pub(crate) async fn read_range(&self, scan: &Scan, brought: &Brought) -> Result<Vec<Row>, Error> {
        let Scan { table, partition, range } = scan;
        if *table == Table::Epochs {
            let mut rows = self.read_epochs(*partition).await?;
            rows.retain(|row| range.contains(&row.key));
            if range.order == consort_store::Order::Descending {
                rows.reverse();
            }
            rows.truncate(range.row_limit());
            return Ok(rows);
        }
        let (from, end) = Key::half_open(&range.from, &range.to);
        if range.row_limit() == 0 || end.as_ref().is_some_and(|end| from >= *end) {
            return Ok(Vec::new());
        }
        let span = Span::new(*table, &range.from, &range.to);
        let mut walk = Walk::new(range.clone(), self.buckets(*table, *partition, &span).await?);
        loop {
            let buckets = walk.next();
            if buckets.is_empty() {
                return Ok(walk.into_rows());
            }
            let range = walk.range();
            let reads =
                buckets.iter().map(|bucket| self.read_bucket(*table, *partition, bucket, &range, brought));
            for rows in try_join_all(reads).await? {
                walk.add(rows);
            }
        }
    }

    async fn read_bucket(
        &self,
        table: Table,
        partition: u64,
        bucket: &Key,
        range: &Range,
        brought: &Brought,
    ) -> Result<Vec<Row>, Error> {
        let (from, end) = Key::half_open(&range.from, &range.to);
        let statement = self.ring.rows(table).scan(range.order, end.is_some());
        let mut values = self.place(table, partition, bucket);
        values.push(CqlValue::Blob(from.as_bytes().to_vec()));
        values.extend(end.map(|end| CqlValue::Blob(end.as_bytes().to_vec())));
        values.push(CqlValue::Int(i32::try_from(range.row_limit().min(ROWS_MAX)).unwrap_or(i32::MAX)));
        self.pages((table, partition), statement, values, brought).await
    }

    /// All rows of a statement that gives keys and values, page by page.
    async fn pages(
        &self,
        (table, partition): (Table, u64),
        statement: &PreparedStatement,
        values: impl SerializeRow,
        brought: &Brought,
    ) -> Result<Vec<Row>, Error> {
        let _permit = self.permit(table, partition).await;
        let mut statement = statement.clone();
        statement.set_page_size(FIRST_PAGE);
        let (mut rows, mut bytes, mut state) = (Vec::new(), 0, PagingState::start());
        loop {
            let (page, next) =
                self.ring.session.execute_single_page(&statement, &values, state).await.map_err(backend)?;
            let page = page.into_rows_result().map_err(unexpected)?;
            for row in page.rows::<(&[u8], &[u8])>().map_err(unexpected)? {
                let (key, value) = row.map_err(unexpected)?;
                brought.add(key.len() + value.len())?;
                bytes += key.len() + value.len();
                // A copy: what is kept for long must not hold the whole page.
                rows.push(Row { key: Key::bytes(key), value: Bytes::copy_from_slice(value) });
            }
            match next {
                PagingStateResponse::HasMorePages { state: next } => state = next,
                PagingStateResponse::NoMorePages => return Ok(rows),
            }
            let average = (bytes / rows.len().max(1)).max(1);
            statement.set_page_size((PAGE_BYTES / average).clamp(16, ROWS_MAX) as i32);
        }
    }
}
