//! Laws of preconditions within a partition.

use super::*;
use crate::{Error, Precondition, limits::KEY_BYTES_MAX};
use futures_util::future::join_all;

/// A key that no precondition of these laws is about.
const WRITTEN: u64 = 1_000;

/// Commits a batch that would also write a row of the same partition, and gives the position of the precondition that failed.
async fn conflict(store: &StoreRef, build: impl FnOnce(&mut Batch)) -> Option<usize> {
    let mut batch = Batch::new();
    build(&mut batch);
    let (table, partition) = match &batch.preconditions[0] {
        Precondition::Absent { table, partition, .. }
        | Precondition::Present { table, partition, .. }
        | Precondition::Equals { table, partition, .. } => (*table, *partition),
        Precondition::Epoch { .. } => unreachable!("epochs have laws of their own"),
    };
    batch.put(table, partition, WRITTEN, value("written"));
    let result = store.commit(batch).await;
    let written = get(store, table, partition, WRITTEN).await.is_some();
    commit(store, |b| {
        b.delete(table, partition, WRITTEN);
    })
    .await;
    match result {
        Ok(()) => {
            assert!(written, "all preconditions hold, so the batch is written");
            None
        }
        Err(Error::Conflict { index }) => {
            assert!(!written, "nothing of a refused batch is written");
            Some(index)
        }
        Err(error) => panic!("{error:?} is no conflict"),
    }
}

pub(super) async fn hold_or_refuse_the_whole_batch(subject: &impl Subject) {
    let store = subject.store();
    for table in [Table::Invites, Table::Messages] {
        commit(&store, |b| {
            b.put(table, 1, 1, value("a")).put(table, 1, 2, Bytes::new());
        })
        .await;
        let a = || value("a");
        assert_eq!(
            conflict(&store, |b| {
                b.require_absent(table, 1, 9);
            })
            .await,
            None
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_absent(table, 2, 1);
            })
            .await,
            None
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_absent(table, 1, 1);
            })
            .await,
            Some(0)
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_absent(table, 1, 2);
            })
            .await,
            Some(0),
            "an empty value is there"
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_absent(table, 1, u64::MAX);
            })
            .await,
            None
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_absent(table, 1, "text");
            })
            .await,
            None
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_present(table, 1, 1);
            })
            .await,
            None
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_present(table, 1, 9);
            })
            .await,
            Some(0)
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_equals(table, 1, 1, a());
            })
            .await,
            None
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_equals(table, 1, 2, Bytes::new());
            })
            .await,
            None
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_equals(table, 1, 1, value("b"));
            })
            .await,
            Some(0)
        );
        assert_eq!(
            conflict(&store, |b| {
                b.require_equals(table, 1, 9, Bytes::new());
            })
            .await,
            Some(0)
        );
        let first_of_two = |b: &mut Batch| {
            b.require_present(table, 1, 1).require_absent(table, 1, 9).require_absent(table, 1, 1);
            b.require_present(table, 1, 9);
        };
        assert_eq!(conflict(&store, first_of_two).await, Some(2), "the first that fails is reported");
    }
    let mut batch = Batch::new();
    batch.require_absent(Table::Invites, 1, Key::bytes(&[1; KEY_BYTES_MAX + 1]));
    assert!(matches!(store.commit(batch).await, Err(Error::TooLarge)));
}

pub(super) async fn see_what_was_before_the_batch(subject: &impl Subject) {
    let store = subject.store();
    commit(&store, |b| {
        b.put(Table::Invites, 1, "code", value("a")).require_absent(Table::Invites, 1, "code");
    })
    .await;
    commit(&store, |b| {
        b.delete(Table::Invites, 1, "code").require_equals(Table::Invites, 1, "code", value("a"));
    })
    .await;
    assert_eq!(get(&store, Table::Invites, 1, "code").await, None);
}

pub(super) async fn let_exactly_one_rival_win(subject: &impl Subject) {
    let store = subject.store();
    let rivals = (0..50u64).map(|rival| {
        let mut batch = Batch::new();
        batch.require_absent(Table::UsernameIndex, 0, "name");
        batch.put(Table::UsernameIndex, 0, "name", Bytes::copy_from_slice(&rival.to_be_bytes()));
        batch.put(Table::UsernameIndex, 0, rival, value("user"));
        store.submit(batch)
    });
    let results = join_all(rivals.collect::<Vec<_>>()).await;
    let winners: Vec<usize> = (0..50).filter(|rival| results[*rival].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    let name = get(&store, Table::UsernameIndex, 0, "name").await;
    assert_eq!(name, Some(Bytes::copy_from_slice(&(winners[0] as u64).to_be_bytes())));
    for rival in 0..50 {
        let written = get(&store, Table::UsernameIndex, 0, rival as u64).await.is_some();
        assert_eq!(written, rival == winners[0], "rival {rival}");
    }
}

pub(super) async fn do_not_stop_the_batches_after(subject: &impl Subject) {
    let store = subject.store();
    let submit = |number: u64| {
        let mut batch = Batch::new();
        if number % 3 == 1 {
            batch.require_present(Table::Users, 1, "nobody");
        }
        batch.put(Table::Users, 1, number, value("x"));
        store.submit(batch)
    };
    let results = join_all((0..90).map(submit).collect::<Vec<_>>()).await;
    for (number, result) in results.iter().enumerate() {
        let refused = matches!(result, Err(Error::Conflict { index: 0 }));
        assert_eq!((result.is_ok(), refused), (number % 3 != 1, number % 3 == 1), "batch {number}");
    }
    let expected: Vec<Key> = (0..90).filter(|number| number % 3 != 1).map(Key::id).collect();
    assert_eq!(scan_keys(&store, Table::Users, 1, Range::all(100)).await, expected);
}
