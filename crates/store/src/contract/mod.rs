//! The laws of a store, as suites that every backend runs.
//!
//! They are in three sets, since a distributed engine has no transaction over partitions:
//!
//! * [`every_store`]: reading, limits, the order of keys, what lasts.
//! * [`one_partition`]: a batch that touches one partition is atomic and isolated, and its preconditions decide between rivals.
//! * [`owners_log`]: the batches of one owner, those with [`Precondition::Epoch`](crate::Precondition::Epoch), are applied in
//!   order, each in all its partitions in the end, and never after a newer epoch has written.
//!
//! Each law is one function, named as what it demands, and gets a subject of its own. A broken law panics.
//! A backend's test is `contract::run(|| Subject::in_a_new_directory()).await`.

mod batches;
mod buckets;
mod lifecycle;
mod log;
mod model;
mod preconditions;
mod reads;

use crate::{Batch, BoxFuture, Key, Range, Row, StoreRef, Table};
use bytes::Bytes;

/// A store under test, new and empty when it is made.
pub trait Subject: Send {
    /// The open store; the suite keeps none over a [`Subject::reopen`].
    fn store(&self) -> StoreRef;

    /// Opens the same data again, after the suite has closed the store.
    fn reopen(&mut self) -> BoxFuture<'_, ()>;
}

/// Runs every law of the three sets, each on a new subject.
///
/// # Panics
///
/// When the store breaks a law.
pub async fn run<S: Subject>(make: impl Fn() -> S) {
    every_store(&make).await;
    one_partition(&make).await;
    owners_log(&make).await;
}

/// Laws of reading, of limits and of what lasts. No batch of these has a precondition or touches two partitions in a way
/// that matters.
///
/// # Panics
///
/// When the store breaks a law.
pub async fn every_store<S: Subject>(make: impl Fn() -> S) {
    reads::gives_back_what_was_put_and_nothing_else(&make()).await;
    reads::takes_any_partition(&make()).await;
    reads::scans_every_interval_in_both_orders(&make()).await;
    reads::scans_snowflakes_as_any_other_keys(&make()).await;
    reads::answers_at_most_the_limit(&make()).await;
    reads::answers_many_keys_in_their_order(&make()).await;
    reads::answers_many_intervals_in_their_order(&make()).await;
    reads::refuses_answers_above_the_limit(&make()).await;
    reads::pages_through_an_interval(&make()).await;
    buckets::reads_over_years_as_over_seconds(&make()).await;
    buckets::deletes_over_years_as_over_seconds(&make()).await;
    batches::refuses_what_is_too_large_or_invalid(&make()).await;
    batches::applies_a_batch_whose_future_was_dropped(&make()).await;
    lifecycle::keeps_what_it_acknowledged(&mut make()).await;
    lifecycle::finishes_what_it_took_and_then_refuses(&mut make()).await;
}

/// Laws of a batch that touches one partition of one table.
///
/// # Panics
///
/// When the store breaks a law.
pub async fn one_partition<S: Subject>(make: impl Fn() -> S) {
    batches::applies_writes_in_order(&make()).await;
    batches::removes_exactly_an_interval(&make()).await;
    batches::shows_a_batch_whole_or_not_at_all(&make()).await;
    preconditions::hold_or_refuse_the_whole_batch(&make()).await;
    preconditions::see_what_was_before_the_batch(&make()).await;
    preconditions::let_exactly_one_rival_win(&make()).await;
    preconditions::do_not_stop_the_batches_after(&make()).await;
    model::one_partition_behaves_as_an_ordered_map(&mut make()).await;
}

/// Laws of the batches of one owner.
///
/// # Panics
///
/// When the store breaks a law.
pub async fn owners_log<S: Subject>(make: impl Fn() -> S) {
    log::applies_submissions_in_order(&make()).await;
    log::writes_every_partition_of_a_batch(&mut make()).await;
    log::lets_owners_write_side_by_side(&make()).await;
    log::refuses_a_stale_epoch(&mut make()).await;
    model::an_owner_sees_its_batches_in_order(&mut make()).await;
}

/// Commits, and expects it to work.
async fn commit(store: &StoreRef, build: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    build(&mut batch);
    store.commit(batch).await.expect("the batch is fine");
}

async fn scan(store: &StoreRef, table: Table, partition: u64, range: Range) -> Vec<Row> {
    store.scan(table, partition, range).await.expect("the range is fine")
}

async fn scan_keys(store: &StoreRef, table: Table, partition: u64, range: Range) -> Vec<Key> {
    scan(store, table, partition, range).await.into_iter().map(|row| row.key).collect()
}

async fn get(store: &StoreRef, table: Table, partition: u64, key: impl Into<Key>) -> Option<Bytes> {
    store.get(table, partition, key.into()).await.expect("the key is fine")
}

fn value(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
