//! The trait, and what can be built on it for any store.

use crate::{Batch, Error, Key, Order, Range, Row, Scan, Table, row};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::{future::Future, ops::Bound, pin::Pin, sync::Arc};

/// A boxed future, so that the trait can be used as `dyn Store`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store as everybody holds it.
pub type StoreRef = Arc<dyn Store>;

/// An ordered map from (table, partition, key) to value. The laws it must obey are in [`contract`](crate::contract).
///
/// A read that begins after a commit was acknowledged sees it. What more a batch may count on depends on what it touches:
///
/// * **One partition** of one table: the batch is atomic and isolated, a read of the partition sees it whole or not at all, and
///   its preconditions decide between rivals. Where a table's partitions are split ([`bucket`](crate::bucket)), this is
///   said of each bucket. Most tables that no owner writes rely on this law alone: `Meta`, `Erasures`,
///   `Orphans`, and `Senders` and `Marks` where they are forgotten.
/// * **One owner's log**: a batch with [`Precondition::Epoch`](crate::Precondition::Epoch) may touch any partitions. Batches of
///   one owner (service and key) are applied in the order of their submission, each in all its partitions in the end, also
///   after a crash, and none after a newer epoch has written. Their other preconditions see what the owner's earlier batches
///   left, and so are of use for rows that this owner alone writes. All tables of accounts, guilds, conversations and
///   applications rely on this law, and so do `Outbox`, `Senders`, `Marks` and `Timers`. The epoch names the owner
///   ([`Batch::owner`]), so a store knows whose log a batch belongs to.
/// * **Anything else**, a batch without an epoch over several partitions, is whole for each partition by itself. Who commits
///   one must do no harm when after a crash some partitions have it and others have not.
///
/// A node that is alone has its store to itself, and its owners leave the epoch out. [`Memory`](crate::memory::Memory) and the
/// embedded store apply every batch whole and in order, which is more than the laws ask.
///
/// Nobody asks for more. What must be unique over owners is reserved by one of them first: names, and the channel of two people.
pub trait Store: Send + Sync + 'static {
    /// Applies all writes of the batch, or none when it is refused; durable when it answers `Ok`. See [`Store`] for what
    /// others see meanwhile.
    ///
    /// The batch is submitted by this call, not by the first poll, as with [`Store::submit`].
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], [`Error::StaleEpoch`], [`Error::TooLarge`], [`Error::Invalid`], [`Error::Overloaded`],
    /// [`Error::Closed`]: nothing was written. [`Error::Backend`], [`Error::Timeout`]: unknown.
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), Error>> {
        self.submit(batch)
    }

    /// Submits a batch and answers at once with a future that resolves when the batch is durable or refused.
    ///
    /// Submission happens in the call: batches of one owner that are submitted one after the other are applied in that order,
    /// and a batch whose future is dropped is applied all the same. A full queue never blocks: the future then gives
    /// [`Error::Overloaded`]. A refused batch does not stop those after it, so a caller whose batches build on each
    /// other puts that into preconditions.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`].
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>>;

    /// Reads one row's value, or `None` when there is no such row.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Overloaded`], [`Error::Closed`], [`Error::Timeout`], [`Error::Backend`].
    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>>;

    /// Reads several rows of a partition in one snapshot; answers in the order of `keys`.
    ///
    /// # Errors
    ///
    /// As [`Store::get`]; [`Error::TooLarge`] beyond [`ROWS_MAX`](crate::limits::ROWS_MAX) keys or
    /// [`READ_BYTES_MAX`](crate::limits::READ_BYTES_MAX) bytes.
    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>>;

    /// Reads the rows of an interval in order. Fewer rows than the (capped) limit means that there are no more.
    ///
    /// # Errors
    ///
    /// As [`Store::get`]; [`Error::TooLarge`] beyond [`READ_BYTES_MAX`](crate::limits::READ_BYTES_MAX) bytes: ask
    /// again with a lower limit.
    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>>;

    /// Reads several intervals, of any tables and partitions; answers in their order, each as [`Store::scan`] would. Each
    /// interval is one snapshot, all together need not be.
    ///
    /// # Errors
    ///
    /// As [`Store::get`]; [`Error::TooLarge`] beyond [`SCANS_MAX`](crate::limits::SCANS_MAX) intervals or
    /// [`READ_BYTES_MAX`](crate::limits::READ_BYTES_MAX) bytes in all.
    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>>;

    /// Refuses new operations, finishes those already taken, and resolves when the data can be opened again.
    fn close(&self) -> BoxFuture<'_, ()>;
}

/// Typed and paged reading for every store.
pub trait StoreExt: Store {
    /// Reads one row and decodes it.
    ///
    /// # Errors
    ///
    /// As [`Store::get`]; [`Error::Corrupt`] when the row does not fit `T`.
    fn get_row<T: DeserializeOwned>(
        &self,
        table: Table,
        partition: u64,
        key: impl Into<Key>,
    ) -> impl Future<Output = Result<Option<T>, Error>> + Send {
        let value = self.get(table, partition, key.into());
        async move { value.await?.map(|value| row::decode(&value)).transpose() }
    }

    /// Reads several rows of a partition and decodes them; answers in the order of `keys`.
    ///
    /// # Errors
    ///
    /// As [`Store::get_many`]; [`Error::Corrupt`] when a row does not fit `T`.
    fn get_rows<T: DeserializeOwned>(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> impl Future<Output = Result<Vec<Option<T>>, Error>> + Send {
        let values = self.get_many(table, partition, keys);
        async move {
            let values = values.await?;
            values.into_iter().map(|value| value.map(|value| row::decode(&value)).transpose()).collect()
        }
    }

    /// Reads the rows of an interval and decodes them.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`]; [`Error::Corrupt`] when a row does not fit `T`.
    fn scan_rows<T: DeserializeOwned>(
        &self,
        table: Table,
        partition: u64,
        range: Range,
    ) -> impl Future<Output = Result<Vec<(Key, T)>, Error>> + Send {
        let rows = self.scan(table, partition, range);
        async move { rows.await?.into_iter().map(|row| Ok((row.key, row::decode(&row.value)?))).collect() }
    }

    /// Reads an interval of any length page by page; `range.limit` is the length of a page.
    fn pages(&self, table: Table, partition: u64, range: Range) -> Pages<'_, Self> {
        Pages { store: self, table, partition, range: Some(range) }
    }
}

impl<S: Store + ?Sized> StoreExt for S {}

/// A scan page by page; each page is a snapshot of its own. Made by [`StoreExt::pages`].
#[derive(Debug)]
pub struct Pages<'a, S: ?Sized> {
    store: &'a S,
    table: Table,
    partition: u64,
    /// What is still to be read; `None` after the last page.
    range: Option<Range>,
}

impl<S: Store + ?Sized> Pages<'_, S> {
    /// Reads the next page; `None` after the last. A page is never empty.
    ///
    /// # Errors
    ///
    /// As [`Store::scan`]; the same page is read again by the next call.
    pub async fn next(&mut self) -> Result<Option<Vec<Row>>, Error> {
        let Some(range) = &mut self.range else { return Ok(None) };
        let rows = self.store.scan(self.table, self.partition, range.clone()).await?;
        match rows.last() {
            Some(last) if rows.len() >= range.row_limit() => match range.order {
                Order::Ascending => range.from = Bound::Excluded(last.key.clone()),
                Order::Descending => range.to = Bound::Excluded(last.key.clone()),
            },
            _ => self.range = None,
        }
        Ok((!rows.is_empty()).then_some(rows))
    }

    /// Reads the next page and decodes its rows; `None` after the last.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`]; [`Error::Corrupt`] when a row does not fit `T`.
    pub async fn next_rows<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<(Key, T)>>, Error> {
        let Some(rows) = self.next().await? else { return Ok(None) };
        rows.into_iter()
            .map(|row| Ok((row.key, row::decode(&row.value)?)))
            .collect::<Result<_, _>>()
            .map(Some)
    }
}
