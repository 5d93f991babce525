//! The seam between the services and whatever keeps their data.
//!
//! A store holds *tables*; a table is split into 64-bit *partitions*; a partition is an ordered map from a byte
//! *key* to a byte *value*. That is all a wide-column database offers too, so every backend implements the same
//! [`Store`] trait and passes the same [`contract`] suite.
//!
//! * Owns: the trait, its types and limits, the row codec ([`row`]), the in-memory store ([`memory`]) for tests.
//! * Never: knows what a row means. Indices, counters and permissions belong to the services.
//! * Invariant: what [`Store::commit`] acknowledged survives a crash. [`Store`] says which batches are visible whole or not
//!   at all, and which law each table relies on.
//! * A store may split the partitions of tables that grow without end; [`bucket`] says how.
//! * Invariant: a batch with [`Precondition::Epoch`] of an older epoch than one recorded never commits, so two
//!   owners of the same state can not both write.
//! * There is no count, no join, no scan over partitions and no transaction over a read: whoever needs those keeps
//!   a row for it, or is the partition's only writer.
//!
//! ```
//! # use consort_store::{Batch, Key, Range, Store, StoreExt, Table, memory::Memory};
//! # futures_util::future::FutureExt::now_or_never(async {
//! let store = Memory::new();
//! let mut batch = Batch::new();
//! batch.require_absent(Table::Messages, 7, 42).put_row(Table::Messages, 7, 42, &"hello");
//! store.commit(batch).await?;
//! let text: Option<String> = store.get_row(Table::Messages, 7, Key::id(42)).await?;
//! let newest = store.scan(Table::Messages, 7, Range::before(Key::id(100), 50)).await?;
//! assert_eq!((text.as_deref(), newest.len()), (Some("hello"), 1));
//! # Ok::<_, consort_store::Error>(()) }).unwrap().unwrap();
//! ```

#![warn(missing_docs)]

mod batch;
pub mod bucket;
pub mod contract;
pub mod erasure;
mod error;
mod key;
pub mod limits;
pub mod memory;
mod range;
pub mod row;
#[cfg(test)]
mod split;
mod store;
mod table;

pub use batch::{Batch, Precondition, Write};
pub use error::Error;
pub use key::Key;
pub use range::{Order, Range, Row, Scan};
pub use store::{BoxFuture, Pages, Store, StoreExt, StoreRef};
pub use table::Table;

pub use std::ops::Bound;
