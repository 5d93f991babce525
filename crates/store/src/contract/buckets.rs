//! Laws of partitions that a store may split: nobody who reads one sees where it is split.

use super::*;
use crate::{Bound, Order};

/// A snowflake of a year since the epoch of snowflakes, and a few that follow it.
fn ids_of(year: u64) -> impl Iterator<Item = u64> {
    (0..3).map(move |number| ((year * 31_557_600_000) << 22) + number)
}

/// Years in which something was written: close together, far apart, the first and one of the last that snowflakes reach.
const YEARS: [u64; 6] = [0, 1, 2, 17, 18, 69];

/// A key of each table whose partitions are split, for an id.
fn key(table: Table, id: u64) -> Key {
    match table {
        Table::GuildMisc => Key::bytes(&[b"left/", &id.to_be_bytes()[..]].concat()),
        Table::Commands => Key::ids(&[id, 5]),
        _ => Key::id(id),
    }
}

/// Tables of each way to be split, and one that never is.
const TABLES: [Table; 6] =
    [Table::Messages, Table::Members, Table::GuildMisc, Table::Commands, Table::Changes, Table::Roles];

async fn put_all(store: &StoreRef, table: Table) -> Vec<Key> {
    let keys: Vec<Key> = YEARS.into_iter().flat_map(ids_of).map(|id| key(table, id)).collect();
    commit(store, |b| {
        keys.iter().for_each(|key| {
            b.put(table, 1, key, Bytes::copy_from_slice(key.as_bytes()));
        });
    })
    .await;
    keys
}

pub(super) async fn reads_over_years_as_over_seconds(subject: &impl Subject) {
    let store = subject.store();
    for table in TABLES {
        let keys = put_all(&store, table).await;
        let mut bounds = vec![Bound::Unbounded];
        for id in YEARS.into_iter().flat_map(|year| ids_of(year).take(2)).chain([1 << 55]) {
            bounds.extend([Bound::Included(key(table, id)), Bound::Excluded(key(table, id))]);
        }
        let ends: Vec<_> =
            bounds.iter().step_by(3).flat_map(|from| bounds.iter().map(move |to| (from, to))).collect();
        for (number, (from, to)) in ends.into_iter().enumerate() {
            let limit = [1, 4, 100][number % 3];
            let order = [Order::Ascending, Order::Descending][number % 2];
            let range = Range { from: from.clone(), to: to.clone(), order, limit };
            let mut expected: Vec<Key> = keys.iter().filter(|key| range.contains(key)).cloned().collect();
            if order == Order::Descending {
                expected.reverse();
            }
            expected.truncate(limit);
            let rows = scan(&store, table, 1, range.clone()).await;
            assert!(rows.iter().all(|row| row.value == row.key.as_bytes()), "values belong to their keys");
            let found: Vec<Key> = rows.into_iter().map(|row| row.key).collect();
            assert_eq!(found, expected, "{table:?} {range:?}");
        }
        let wanted = vec![keys[0].clone(), keys[17].clone(), key(table, 3 << 57), keys[4].clone()];
        let values = store.get_many(table, 1, wanted).await.expect("the keys are fine");
        let there: Vec<bool> = values.iter().map(Option::is_some).collect();
        assert_eq!(there, [true, true, false, true], "{table:?}");
    }
}

pub(super) async fn deletes_over_years_as_over_seconds(subject: &impl Subject) {
    let store = subject.store();
    for table in TABLES {
        let [first, last] = [1, 18].map(|year| key(table, ids_of(year).nth(1).expect("there are three")));
        let ends = [
            (Bound::Unbounded, Bound::Excluded(first.clone())),
            (Bound::Included(first.clone()), Bound::Excluded(last.clone())),
            (Bound::Excluded(first), Bound::Unbounded),
            (Bound::Unbounded, Bound::Included(last)),
            (Bound::Unbounded, Bound::Unbounded),
        ];
        for (from, to) in ends {
            let mut expected = put_all(&store, table).await;
            commit(&store, |b| {
                b.delete_range(table, 1, from.clone(), to.clone());
            })
            .await;
            let deleted = Range { from, to, ..Range::all(100) };
            expected.retain(|key| !deleted.contains(key));
            assert_eq!(scan_keys(&store, table, 1, Range::all(100)).await, expected, "{table:?} {deleted:?}");
        }
        commit(&store, |b| {
            b.put(table, 1, key(table, 5), value("again"));
        })
        .await;
        assert_eq!(
            scan_keys(&store, table, 1, Range::newest(9)).await,
            [key(table, 5)],
            "{table:?} is written again"
        );
        // What is deleted and put in one batch is there.
        commit(&store, |b| {
            b.delete_partition(table, 1).put(table, 1, key(table, 6), value("new"));
        })
        .await;
        assert_eq!(scan_keys(&store, table, 1, Range::newest(9)).await, [key(table, 6)], "{table:?}");
        commit(&store, |b| {
            b.delete_partition(table, 1);
        })
        .await;
    }
}
