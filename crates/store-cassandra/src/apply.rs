//! Putting the writes of a group into their tables.
//!
//! Each write has a timestamp of its own, given when its group was decided. So a group may be applied twice, late, or by another
//! node: what has been written since is newer and stays.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use consort_store::bucket::{Growth, Span};
use consort_store::{Batch, Error, Key, Table, Write};
use futures_util::future::try_join_all;
use futures_util::stream::{self, TryStreamExt as _};
use scylla::statement::batch::{Batch as Statements, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;

use crate::Inner;
use crate::errors::backend;
use crate::queue::LogId;

/// Partitions of Cassandra that one group writes at the same time.
const PARTITIONS_AT_ONCE: usize = 32;

/// A bucket of a partition, the empty key where it is not split: what Cassandra keeps on one set of nodes and writes atomically.
pub(crate) type Bucket = (Table, u64, Key);

/// Tables that are written by others beside one owner. Their rows have one order, that of the log of their partition, whoever
/// writes them; so an owner's writes take that way, too.
pub(crate) fn is_shared(table: Table) -> bool {
    matches!(table, Table::Meta | Table::Erasures | Table::Orphans | Table::Senders | Table::Marks)
}

/// Statements with their values, by bucket.
type ByBucket = BTreeMap<Bucket, Vec<(PreparedStatement, Vec<CqlValue>)>>;

impl Inner {
    /// Applies the writes of a group whose first timestamp is given. `listed` are the buckets that are known to be on the lists of
    /// their partitions.
    pub(crate) async fn apply(
        self: &Arc<Self>,
        log: LogId,
        listed: &mut HashSet<Bucket>,
        writes: &[Write],
        first: i64,
    ) -> Result<(), Error> {
        let of_owner = matches!(log, LogId::Owner(..));
        let mut shared: BTreeMap<(Table, u64), Batch> = BTreeMap::new();
        let mut own = Vec::with_capacity(writes.len());
        for (stamp, write) in (first..).zip(writes) {
            let (table, partition) = place_of(write);
            match of_owner && is_shared(table) {
                true => shared.entry((table, partition)).or_default().writes.push(write.clone()),
                false => own.push((stamp, write)),
            }
        }
        let shared = shared.into_iter().map(|((table, partition), batch)| {
            self.enqueue(LogId::Partition(table, partition), batch.into())
        });
        let shared: Vec<_> = shared.collect();
        self.list_buckets(listed, &own).await?;
        let by_bucket = self.statements(listed, own).await?;
        stream::iter(by_bucket.into_values().map(Ok::<_, Error>))
            .try_for_each_concurrent(PARTITIONS_AT_ONCE, |statements| self.execute(statements))
            .await?;
        try_join_all(shared).await?;
        Ok(())
    }

    /// Puts the buckets of rows on the lists of their partitions, each with the timestamp of its last row here.
    async fn list_buckets(
        &self,
        listed: &mut HashSet<Bucket>,
        writes: &[(i64, &Write)],
    ) -> Result<(), Error> {
        let mut new: BTreeMap<Bucket, i64> = BTreeMap::new();
        // What this group deletes may take the bucket off its list, and then the rows that follow put it back.
        let deleted = writes.iter().filter(|(_, write)| matches!(write, Write::DeleteRange { .. }));
        let deleted: HashSet<_> = deleted.map(|(_, write)| place_of(write)).collect();
        for (stamp, write) in writes {
            if let Write::Put { table, partition, key, .. } = write
                && table.growth() != Growth::Bounded
            {
                let place = (*table, *partition, table.bucket(key));
                if !listed.contains(&place) || deleted.contains(&(*table, *partition)) {
                    new.insert(place, *stamp);
                }
            }
        }
        let puts = new.iter().map(|((table, partition, bucket), stamp)| async move {
            let mut values = self.place(*table, *partition, bucket);
            values.push(CqlValue::BigInt(*stamp));
            self.ring.session.execute_unpaged(&self.ring.put_bucket, values).await.map_err(backend)
        });
        try_join_all(puts).await?;
        listed.extend(new.into_keys());
        Ok(())
    }

    /// The statements of writes.
    async fn statements(
        &self,
        listed: &mut HashSet<Bucket>,
        writes: Vec<(i64, &Write)>,
    ) -> Result<ByBucket, Error> {
        let mut by_bucket = ByBucket::new();
        for (stamp, write) in writes {
            match write {
                Write::Put { table, partition, key, value } => {
                    let place = (*table, *partition, table.bucket(key));
                    let mut values = self.place(place.0, place.1, &place.2);
                    values.push(CqlValue::Blob(key.as_bytes().to_vec()));
                    values.push(CqlValue::Blob(value.to_vec()));
                    values.push(CqlValue::BigInt(stamp));
                    by_bucket.entry(place).or_default().push((self.ring.rows(*table).put.clone(), values));
                }
                Write::Delete { table, partition, key } => {
                    let place = (*table, *partition, table.bucket(key));
                    let mut values = vec![CqlValue::BigInt(stamp)];
                    values.extend(self.place(place.0, place.1, &place.2));
                    values.push(CqlValue::Blob(key.as_bytes().to_vec()));
                    by_bucket.entry(place).or_default().push((self.ring.rows(*table).delete.clone(), values));
                }
                Write::DeleteRange { table, partition, from, to } => {
                    let span = Span::new(*table, from, to);
                    let (first, end) = Key::half_open(from, to);
                    if end.as_ref().is_some_and(|end| first >= *end) {
                        continue;
                    }
                    for bucket in self.buckets(*table, *partition, &span).await? {
                        let place = (*table, *partition, bucket);
                        let whole = span.covers(from, &place.2) || (first == Key::empty() && end.is_none());
                        let range = (!whole).then_some((&first, end.as_ref()));
                        let statement = self.deletion(stamp, &place, range);
                        if whole && table.growth() != Growth::Bounded {
                            self.unlist(stamp, &place).await?;
                            listed.remove(&place);
                        }
                        by_bucket.entry(place).or_default().push(statement);
                    }
                }
            }
        }
        Ok(by_bucket)
    }

    /// The statement that deletes an interval of a bucket, or all of it.
    fn deletion(
        &self,
        stamp: i64,
        (table, partition, bucket): &Bucket,
        range: Option<(&Key, Option<&Key>)>,
    ) -> (PreparedStatement, Vec<CqlValue>) {
        let statements = self.ring.rows(*table);
        let mut values = vec![CqlValue::BigInt(stamp)];
        values.extend(self.place(*table, *partition, bucket));
        let Some((first, end)) = range else { return (statements.delete_bucket.clone(), values) };
        values.push(CqlValue::Blob(first.as_bytes().to_vec()));
        let Some(end) = end else { return (statements.delete_from.clone(), values) };
        values.push(CqlValue::Blob(end.as_bytes().to_vec()));
        (statements.delete_between.clone(), values)
    }

    async fn unlist(&self, stamp: i64, (table, partition, bucket): &Bucket) -> Result<(), Error> {
        let mut values = vec![CqlValue::BigInt(stamp)];
        values.extend(self.place(*table, *partition, bucket));
        self.ring.session.execute_unpaged(&self.ring.delete_bucket, values).await.map_err(backend)?;
        Ok(())
    }

    /// Executes what belongs to one bucket: it is seen whole or not at all.
    async fn execute(&self, statements: Vec<(PreparedStatement, Vec<CqlValue>)>) -> Result<(), Error> {
        let (statements, values): (Vec<_>, Vec<_>) = statements.into_iter().unzip();
        let statements = statements.into_iter().map(Into::into).collect();
        let mut batch = Statements::new_with_statements(BatchType::Unlogged, statements);
        batch.set_is_idempotent(true);
        self.ring.session.batch(&batch, values).await.map_err(backend)?;
        Ok(())
    }
}

/// The table and the partition of a write.
pub(crate) fn place_of(write: &Write) -> (Table, u64) {
    match write {
        Write::Put { table, partition, .. }
        | Write::Delete { table, partition, .. }
        | Write::DeleteRange { table, partition, .. } => (*table, *partition),
    }
}
