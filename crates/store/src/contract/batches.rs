//! Laws of writing.

use super::*;
use crate::{Bound, Error, limits::*};
use futures_util::{FutureExt, future::join_all};

pub(super) async fn applies_writes_in_order(subject: &impl Subject) {
    let store = subject.store();
    for table in [Table::Members, Table::Messages] {
        commit(&store, |b| {
            b.put(table, 1, 1, value("a")).put(table, 1, 1, value("b")).put(table, 1, 2, value("c"));
            b.delete(table, 1, 2).put(table, 1, 3, value("d")).delete_partition(table, 1).put(
                table,
                1,
                4,
                value("e"),
            );
        })
        .await;
        assert_eq!(scan_keys(&store, table, 1, Range::all(10)).await, [Key::id(4)]);
        commit(&store, |b| {
            b.delete(table, 1, 4).delete(table, 1, 4).put(table, 1, 4, value("f"));
        })
        .await;
        assert_eq!(get(&store, table, 1, 4).await, Some(value("f")));
    }
    commit(&store, |_| {}).await;
}

pub(super) async fn removes_exactly_an_interval(subject: &impl Subject) {
    let store = subject.store();
    let ends = |id: u64| [Bound::Unbounded, Bound::Included(Key::id(id)), Bound::Excluded(Key::id(id))];
    for table in [Table::Members, Table::Messages] {
        for (from, to) in ends(3).into_iter().flat_map(|from| ends(5).map(|to| (from.clone(), to))) {
            commit(&store, |b| {
                (1..=7).for_each(|id| {
                    b.put(table, 1, id, value("x"));
                });
                b.put(table, 2, 100, value("x"));
            })
            .await;
            commit(&store, |b| {
                b.delete_range(table, 1, from.clone(), to.clone());
            })
            .await;
            let removed = Range { from, to, ..Range::all(100) };
            let expected: Vec<Key> = (1..=7).map(Key::id).filter(|key| !removed.contains(key)).collect();
            assert_eq!(scan_keys(&store, table, 1, Range::all(100)).await, expected, "{removed:?}");
            assert_eq!(
                scan_keys(&store, table, 2, Range::all(100)).await,
                [Key::id(100)],
                "another partition"
            );
        }
        commit(&store, |b| {
            b.delete_range(table, 1, Bound::Included(Key::id(9)), Bound::Excluded(Key::id(2)));
        })
        .await;
        assert!(
            !scan(&store, table, 1, Range::all(1)).await.is_empty(),
            "an interval the wrong way round is empty"
        );
    }
    commit(&store, |b| {
        ["a", "ab", "b"].iter().for_each(|key| {
            b.put(Table::Notes, 1, *key, value("x"));
        });
        b.delete_prefix(Table::Notes, 1, b"a");
    })
    .await;
    assert_eq!(scan_keys(&store, Table::Notes, 1, Range::all(100)).await, [Key::text("b")]);
}

pub(super) async fn refuses_what_is_too_large_or_invalid(subject: &impl Subject) {
    let store = subject.store();
    let refusal = |build: &dyn Fn(&mut Batch)| {
        let mut batch = Batch::new();
        batch.put(Table::Users, 1, 1, value("must not be there"));
        build(&mut batch);
        let store = store.clone();
        async move { store.commit(batch).await.expect_err("the batch is refused") }
    };
    let longest = Key::bytes(&[1; KEY_BYTES_MAX]);
    let too_long = longest.successor();
    let largest = Bytes::from(vec![1; VALUE_BYTES_MAX]);
    let too_large = Bytes::from(vec![1; VALUE_BYTES_MAX + 1]);
    let error = refusal(&|b| {
        b.put(Table::Users, 1, &too_long, Bytes::new());
    })
    .await;
    assert!(matches!(error, Error::TooLarge), "{error:?}");
    let error = refusal(&|b| {
        b.put(Table::Users, 1, 2, too_large.clone());
    })
    .await;
    assert!(matches!(error, Error::TooLarge), "{error:?}");
    let many = BATCH_BYTES_MAX / VALUE_BYTES_MAX;
    let error = refusal(&|b| {
        (0..many).for_each(|id| {
            b.put(Table::Users, 1, id as u64, largest.clone());
        })
    })
    .await;
    assert!(matches!(error, Error::TooLarge), "{error:?}");
    let error = refusal(&|b| {
        (0..BATCH_OPS_MAX).for_each(|id| {
            b.delete(Table::Users, 1, id as u64);
        })
    })
    .await;
    assert!(matches!(error, Error::TooLarge), "{error:?}");
    for key in [Key::id(1 << 63), Key::text("text"), Key::empty()] {
        let error = refusal(&|b| {
            b.put(Table::Messages, 1, &key, Bytes::new());
        })
        .await;
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    }
    let error = refusal(&|b| {
        b.put(Table::Epochs, 1, Key::empty(), Bytes::new());
    })
    .await;
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    assert_eq!(get(&store, Table::Users, 1, 1).await, None, "nothing of a refused batch is written");
    commit(&store, |b| {
        b.put(Table::Users, 1, &longest, largest.clone());
    })
    .await;
    assert_eq!(
        get(&store, Table::Users, 1, &longest).await,
        Some(largest),
        "the limits themselves are allowed"
    );
    commit(&store, |b| {
        b.delete(Table::Messages, 1, "text");
    })
    .await;
}

pub(super) async fn applies_a_batch_whose_future_was_dropped(subject: &impl Subject) {
    let store = subject.store();
    let mut batch = Batch::new();
    batch.put(Table::Guilds, 1, 1, value("a"));
    drop(store.submit(batch.clone()));
    batch.writes.clear();
    batch.put(Table::Guilds, 1, 2, value("b"));
    drop(store.commit(batch));
    commit(&store, |b| {
        b.put(Table::Guilds, 1, 3, value("c"));
    })
    .await;
    assert_eq!(scan_keys(&store, Table::Guilds, 1, Range::all(10)).await, [1, 2, 3].map(Key::id));
}

pub(super) async fn shows_a_batch_whole_or_not_at_all(subject: &impl Subject) {
    let store = subject.store();
    let mut writes = Vec::new();
    for number in 0..200u32 {
        let mut batch = Batch::new();
        let text = value(&number.to_string());
        batch.delete_partition(Table::Roles, 1);
        (0..20).for_each(|key| {
            batch.put(Table::Roles, 1, key, text.clone());
        });
        writes.push(store.submit(batch));
    }
    let mut writes = join_all(writes).boxed();
    loop {
        let rows = scan(&store, Table::Roles, 1, Range::all(100)).await;
        assert!(rows.is_empty() || rows.len() == 20, "{} rows", rows.len());
        assert!(rows.iter().all(|row| row.value == rows[0].value), "rows of two batches");
        let keys = (0..20).map(Key::id).collect();
        let values = store.get_many(Table::Roles, 1, keys).await.expect("the keys are fine");
        assert!(values.iter().all(|value| *value == values[0]), "values of two batches");
        if let Some(results) = (&mut writes).now_or_never() {
            assert!(results.iter().all(Result::is_ok));
            return;
        }
    }
}
