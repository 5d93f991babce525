//! Laws of reading.

use super::*;
use crate::{Bound, Error, Order, Scan, StoreExt, limits::*};

/// Puts rows with the given keys, each with its own key as value.
async fn put_keys(store: &StoreRef, table: Table, partition: u64, keys: &[Key]) {
    for keys in keys.chunks(5_000) {
        let put = |batch: &mut Batch| {
            keys.iter().for_each(|key| {
                batch.put(table, partition, key, Bytes::copy_from_slice(key.as_bytes()));
            });
        };
        commit(store, put).await;
    }
}

pub(super) async fn gives_back_what_was_put_and_nothing_else(subject: &impl Subject) {
    let store = subject.store();
    assert_eq!(get(&store, Table::Users, 1, 1).await, None);
    commit(&store, |b| {
        b.put(Table::Users, 1, Key::empty(), value("a")).put(Table::Users, 1, 1, Bytes::new());
    })
    .await;
    assert_eq!(get(&store, Table::Users, 1, Key::empty()).await, Some(value("a")));
    assert_eq!(get(&store, Table::Users, 1, 1).await, Some(Bytes::new()));
    assert_eq!(get(&store, Table::Users, 2, 1).await, None, "another partition");
    assert_eq!(get(&store, Table::Guilds, 1, 1).await, None, "another table");
    assert_eq!(get(&store, Table::Users, 1, Key::bytes(&[0; 8])).await, None, "another key");
    commit(&store, |b| {
        b.put(Table::Users, 1, 1, value("b")).delete(Table::Users, 1, Key::empty());
    })
    .await;
    assert_eq!(get(&store, Table::Users, 1, 1).await, Some(value("b")));
    assert_eq!(get(&store, Table::Users, 1, Key::empty()).await, None);
    for (number, table) in Table::ALL.iter().enumerate().filter(|(_, table)| **table != Table::Epochs) {
        let number = number as u64;
        commit(&store, |b| {
            b.put(*table, 9, number, Bytes::copy_from_slice(&number.to_be_bytes()));
        })
        .await;
        assert_eq!(scan_keys(&store, *table, 9, Range::all(10)).await, [Key::id(number)], "{table:?}");
    }
}

pub(super) async fn takes_any_partition(subject: &impl Subject) {
    let store = subject.store();
    let partitions = [0, 1, i64::MAX as u64, 1 << 63, u64::MAX];
    for table in [Table::Members, Table::Messages] {
        for (id, partition) in partitions.iter().enumerate() {
            commit(&store, |b| {
                b.put(table, *partition, id as u64, value("x"));
            })
            .await;
        }
        for (id, partition) in partitions.iter().enumerate() {
            assert_eq!(scan_keys(&store, table, *partition, Range::all(10)).await, [Key::id(id as u64)]);
        }
    }
}

/// Compares every interval between the bounds, in both orders, with what filtering the keys gives.
async fn compare_intervals(store: &StoreRef, table: Table, keys: &[Key], ends: &[Key]) {
    let mut bounds = vec![Bound::Unbounded];
    bounds.extend(ends.iter().cloned().map(Bound::Included));
    bounds.extend(ends.iter().cloned().map(Bound::Excluded));
    for from in &bounds {
        for to in &bounds {
            let range = Range { from: from.clone(), to: to.clone(), order: Order::Ascending, limit: 100 };
            let mut expected: Vec<Key> = keys.iter().filter(|key| range.contains(key)).cloned().collect();
            assert_eq!(scan_keys(store, table, 5, range.clone()).await, expected, "{range:?}");
            expected.reverse();
            assert_eq!(scan_keys(store, table, 5, range.clone().descending()).await, expected, "{range:?}");
        }
    }
}

pub(super) async fn scans_every_interval_in_both_orders(subject: &impl Subject) {
    let store = subject.store();
    let long = [b'm'; KEY_BYTES_MAX];
    let mut keys: Vec<Key> =
        [&b""[..], b"\0", b"\0\0", b"a", b"a\0", b"a\xff", b"ab", b"b", b"\xff", b"\xff\xff"]
            .iter()
            .map(|bytes| Key::bytes(bytes))
            .chain([Key::bytes(&long), Key::bytes(&[0xff; KEY_BYTES_MAX]), Key::id(7), Key::id(256)])
            .collect();
    put_keys(&store, Table::Members, 5, &keys).await;
    put_keys(&store, Table::Members, 4, &keys).await;
    put_keys(&store, Table::Members, 6, &keys).await;
    keys.sort();
    let mut ends = keys.clone();
    ends.extend([Key::text("aa"), Key::bytes(b"\xfe"), Key::bytes(b"\0\0\0\0\0\0\0\x08")]);
    compare_intervals(&store, Table::Members, &keys, &ends).await;
    let rows = scan(&store, Table::Members, 5, Range::prefix(b"a", 10)).await;
    assert!(rows.iter().all(|row| row.key.as_bytes() == row.value), "values belong to their keys");
    assert_eq!(rows.len(), 4);
}

pub(super) async fn scans_snowflakes_as_any_other_keys(subject: &impl Subject) {
    let store = subject.store();
    let keys = [0, 1, 255, 256, 1 << 40, i64::MAX as u64].map(Key::id);
    put_keys(&store, Table::Messages, 5, &keys).await;
    put_keys(&store, Table::Messages, 4, &[2, 257, (1 << 40) - 1].map(Key::id)).await;
    let mut ends = keys.to_vec();
    ends.extend([2, 1 << 63, u64::MAX].map(Key::id));
    let shapes =
        [&b""[..], b"\0", b"\0\0\0\0\0\0\0\0\0", b"\0\0\0\0\0\0\0\x01\0", b"\0\0\0\0\0\0\x01", b"\x80"];
    ends.extend(shapes.iter().map(|bytes| Key::bytes(bytes)));
    ends.extend([
        Key::bytes(&[0xff; 7]),
        Key::bytes(&[0xff; 9]),
        Key::bytes(b"\x7f\xff\xff\xff\xff\xff\xff\xff\0"),
    ]);
    compare_intervals(&store, Table::Messages, &keys, &ends).await;
    for key in [Key::id(u64::MAX), Key::id(1 << 63), Key::empty(), Key::text("text"), Key::id(2)] {
        assert_eq!(get(&store, Table::Messages, 5, &key).await, None, "{key:?}");
    }
}

pub(super) async fn answers_at_most_the_limit(subject: &impl Subject) {
    let store = subject.store();
    for table in [Table::Members, Table::Messages] {
        let keys: Vec<Key> = (0..ROWS_MAX as u64 + 5).map(Key::id).collect();
        put_keys(&store, table, 1, &keys).await;
        assert_eq!(scan_keys(&store, table, 1, Range::all(0)).await, []);
        assert_eq!(scan_keys(&store, table, 1, Range::after(3, 2)).await, [Key::id(4), Key::id(5)]);
        assert_eq!(scan_keys(&store, table, 1, Range::before(3, 2)).await, [Key::id(2), Key::id(1)]);
        assert_eq!(scan_keys(&store, table, 1, Range::newest(1)).await, [Key::id(ROWS_MAX as u64 + 4)]);
        assert_eq!(scan(&store, table, 1, Range::all(usize::MAX)).await.len(), ROWS_MAX);
    }
}

pub(super) async fn answers_many_intervals_in_their_order(subject: &impl Subject) {
    let store = subject.store();
    for table in [Table::Members, Table::Messages] {
        put_keys(&store, table, 1, &[1, 2, 3].map(Key::id)).await;
        put_keys(&store, table, 2, &[7].map(Key::id)).await;
    }
    let scan = |table, partition, range| Scan { table, partition, range };
    let scans = vec![
        scan(Table::Messages, 2, Range::all(9)),
        scan(Table::Members, 1, Range::newest(2)),
        scan(Table::Members, 3, Range::all(9)),
        scan(Table::Messages, 1, Range::one(2)),
        scan(Table::Members, 1, Range::one(9)),
    ];
    let found = store.scan_many(scans).await.expect("the intervals are fine");
    let keys: Vec<Vec<Key>> =
        found.into_iter().map(|rows| rows.into_iter().map(|row| row.key).collect()).collect();
    assert_eq!(keys, [vec![Key::id(7)], vec![Key::id(3), Key::id(2)], vec![], vec![Key::id(2)], vec![]]);
    assert_eq!(store.scan_many(Vec::new()).await.expect("nothing"), Vec::<Vec<Row>>::new());
    let many = vec![scan(Table::Users, 1, Range::all(1)); SCANS_MAX + 1];
    assert!(matches!(store.scan_many(many).await, Err(Error::TooLarge)));
}

pub(super) async fn answers_many_keys_in_their_order(subject: &impl Subject) {
    let store = subject.store();
    for table in [Table::Members, Table::Messages] {
        put_keys(&store, table, 1, &[1, 2, 3].map(Key::id)).await;
        let keys = [3, 9, 1, 3].map(Key::id).to_vec();
        let expected =
            [Some(3u64), None, Some(1), Some(3)].map(|id| id.map(|id| id.to_be_bytes().to_vec().into()));
        assert_eq!(store.get_many(table, 1, keys).await.expect("the keys are fine"), expected);
        assert_eq!(store.get_many(table, 1, Vec::new()).await.expect("no key is fine"), []);
        let keys = vec![Key::id(1); ROWS_MAX + 1];
        assert!(matches!(store.get_many(table, 1, keys).await, Err(Error::TooLarge)));
    }
}

pub(super) async fn refuses_answers_above_the_limit(subject: &impl Subject) {
    let store = subject.store();
    let large = Bytes::from(vec![7; VALUE_BYTES_MAX]);
    let rows_max = (READ_BYTES_MAX / VALUE_BYTES_MAX) as u64;
    for id in 0..=rows_max {
        commit(&store, |b| {
            b.put(Table::Members, 1, id, large.clone());
        })
        .await;
    }
    assert!(matches!(store.scan(Table::Members, 1, Range::all(100)).await, Err(Error::TooLarge)));
    assert!(scan(&store, Table::Members, 1, Range::all(3)).await.iter().all(|row| row.value == large));
    let keys = (0..=rows_max).map(Key::id).collect();
    assert!(matches!(store.get_many(Table::Members, 1, keys).await, Err(Error::TooLarge)));
    let keys = (0..rows_max).map(Key::id).collect();
    assert!(store.get_many(Table::Members, 1, keys).await.is_ok(), "exactly the limit is an answer");
}

pub(super) async fn pages_through_an_interval(subject: &impl Subject) {
    let store = subject.store();
    let keys: Vec<Key> = (1..=25).map(Key::id).collect();
    for table in [Table::Members, Table::Messages] {
        put_keys(&store, table, 1, &keys).await;
        for (length, pages_expected) in [(10, 3), (5, 5), (25, 1), (100, 1)] {
            let (mut up, mut down, mut pages_seen) = (Vec::new(), Vec::new(), 0);
            let mut pages = store.pages(table, 1, Range::all(length));
            while let Some(rows) = pages.next().await.expect("the page is fine") {
                up.extend(rows.into_iter().map(|row| row.key));
                pages_seen += 1;
            }
            let mut pages = store.pages(table, 1, Range::newest(length));
            while let Some(rows) = pages.next().await.expect("the page is fine") {
                down.extend(rows.into_iter().map(|row| row.key));
            }
            down.reverse();
            assert_eq!((&up, &down, pages_seen), (&keys, &keys, pages_expected));
        }
    }
}
