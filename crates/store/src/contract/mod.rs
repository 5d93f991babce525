//! The laws of a store, as a suite that every backend runs.
//!
//! Each law is one function, named as what it demands, and gets a subject of its own. A broken law panics.
//! A backend's test is `contract::run(|| Subject::in_a_new_directory()).await`.

mod batches;
mod lifecycle;
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

/// Runs every law, each on a new subject.
///
/// # Panics
///
/// When the store breaks a law.
pub async fn run<S: Subject>(make: impl Fn() -> S) {
    reads::gives_back_what_was_put_and_nothing_else(&make()).await;
    reads::takes_any_partition(&make()).await;
    reads::scans_every_interval_in_both_orders(&make()).await;
    reads::scans_snowflakes_as_any_other_keys(&make()).await;
    reads::answers_at_most_the_limit(&make()).await;
    reads::answers_many_keys_in_their_order(&make()).await;
    reads::answers_many_intervals_in_their_order(&make()).await;
    reads::refuses_answers_above_the_limit(&make()).await;
    reads::pages_through_an_interval(&make()).await;
    batches::applies_writes_in_order(&make()).await;
    batches::removes_exactly_an_interval(&make()).await;
    batches::refuses_what_is_too_large_or_invalid(&make()).await;
    batches::keeps_a_snowflake_in_one_partition(&make()).await;
    batches::applies_submissions_in_order(&make()).await;
    batches::applies_a_batch_whose_future_was_dropped(&make()).await;
    batches::shows_a_batch_whole_or_not_at_all(&make()).await;
    preconditions::hold_or_refuse_the_whole_batch(&make()).await;
    preconditions::see_what_was_before_the_batch(&make()).await;
    preconditions::let_exactly_one_rival_win(&make()).await;
    preconditions::do_not_stop_the_batches_after(&make()).await;
    preconditions::refuse_a_stale_epoch(&mut make()).await;
    lifecycle::keeps_what_it_acknowledged(&mut make()).await;
    lifecycle::finishes_what_it_took_and_then_refuses(&mut make()).await;
    model::behaves_as_an_ordered_map(&mut make()).await;
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
