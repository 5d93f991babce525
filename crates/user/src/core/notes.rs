//! What somebody has written down of others, as rows.

use std::collections::BTreeMap;

use consort_model::UserId;
use consort_store::{Error, Range, Row, Scan, StoreRef, Table, row};

use crate::limits::NOTES_MAX;

/// All notes of a user, at most [`NOTES_MAX`].
pub(super) async fn all(store: &StoreRef, user: UserId) -> Result<BTreeMap<UserId, String>, Error> {
    let Scan { table, partition, range } = scan(user);
    of(&store.scan(table, partition, range).await?)
}

/// Where they are.
pub(super) fn scan(user: UserId) -> Scan {
    Scan { table: Table::Notes, partition: user.get(), range: Range::all(NOTES_MAX) }
}

/// What their rows say, by user.
pub(super) fn of(rows: &[Row]) -> Result<BTreeMap<UserId, String>, Error> {
    let note = |row: &Row| {
        let user = UserId::new(row.key.to_id()?);
        Some(row::decode(&row.value).map(|note| (user, note)))
    };
    rows.iter().filter_map(note).collect()
}
