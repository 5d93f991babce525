//! Laws of preconditions and epochs.

use super::*;
use crate::{Error, limits::KEY_BYTES_MAX};
use futures_util::future::join_all;

/// Commits a batch that would also write a row, and gives the position of the precondition that failed.
async fn conflict(store: &StoreRef, build: impl FnOnce(&mut Batch)) -> Option<usize> {
    let mut batch = Batch::new();
    build(&mut batch);
    batch.put(Table::Notes, 1, 1, value("written"));
    let result = store.commit(batch).await;
    let written = get(store, Table::Notes, 1, 1).await.is_some();
    commit(store, |b| {
        b.delete(Table::Notes, 1, 1);
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
        batch.put(Table::Users, rival, Key::empty(), value("user"));
        store.submit(batch)
    });
    let results = join_all(rivals.collect::<Vec<_>>()).await;
    let winners: Vec<usize> = (0..50).filter(|rival| results[*rival].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    let name = get(&store, Table::UsernameIndex, 0, "name").await;
    assert_eq!(name, Some(Bytes::copy_from_slice(&(winners[0] as u64).to_be_bytes())));
    for rival in 0..50 {
        let written = get(&store, Table::Users, rival as u64, Key::empty()).await.is_some();
        assert_eq!(written, rival == winners[0], "rival {rival}");
    }
}

pub(super) async fn do_not_stop_the_batches_after(subject: &impl Subject) {
    let store = subject.store();
    let submit = |number: u64| {
        let mut batch = Batch::new();
        if number % 3 == 1 {
            batch.require_present(Table::Users, 0, "nobody");
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

/// Writes as a guild in an epoch, and gives the stored epoch when that was refused.
async fn write_as(store: &StoreRef, owner: u64, epoch: u64) -> Result<(), u64> {
    write_as_kind(store, "guild", owner, epoch).await
}

async fn write_as_kind(store: &StoreRef, service: &'static str, owner: u64, epoch: u64) -> Result<(), u64> {
    let mut batch = Batch::new();
    batch.require_epoch(service, owner, epoch).put(
        Table::Guilds,
        owner,
        1,
        Bytes::copy_from_slice(&epoch.to_be_bytes()),
    );
    match store.commit(batch).await {
        Ok(()) => Ok(()),
        Err(Error::StaleEpoch { service: kind, owner: of, epoch: with, stored }) => {
            assert_eq!((kind, of, with), (service, owner, epoch));
            Err(stored)
        }
        Err(error) => panic!("{error:?} is no stale epoch"),
    }
}

pub(super) async fn refuse_a_stale_epoch(subject: &mut impl Subject) {
    let store = subject.store();
    let recorded = |epoch: u64| Some(Bytes::copy_from_slice(&epoch.to_be_bytes()));
    assert_eq!(write_as(&store, 1, 0).await, Ok(()));
    assert_eq!(write_as(&store, 1, 5).await, Ok(()));
    assert_eq!(write_as(&store, 1, 5).await, Ok(()));
    assert_eq!(write_as(&store, 1, 4).await, Err(5));
    assert_eq!(write_as(&store, 2, 4).await, Ok(()), "another owner");
    assert_eq!(
        write_as_kind(&store, "user", 1, 4).await,
        Ok(()),
        "an owner of another service with the same key"
    );
    assert_eq!(write_as_kind(&store, "user", 1, 3).await, Err(4), "has epochs of its own");
    assert_eq!(write_as(&store, 1, 5).await, Ok(()));
    assert_eq!(get(&store, Table::Epochs, 1, Key::text("guild")).await, recorded(5));
    assert_eq!(get(&store, Table::Epochs, 1, Key::text("user")).await, recorded(4));

    let mut batch = Batch::new();
    batch.require_epoch("guild", 1, 9).require_present(Table::Users, 0, "nobody");
    assert!(matches!(store.commit(batch).await, Err(Error::Conflict { index: 1 })));
    assert_eq!(write_as(&store, 1, 6).await, Ok(()), "a refused batch records no epoch");
    let mut batch = Batch::new();
    batch.require_epoch("guild", 1, u64::MAX);
    store.commit(batch).await.expect("an epoch alone can be recorded");
    assert_eq!(write_as(&store, 1, 1 << 63).await, Err(u64::MAX));

    store.close().await;
    drop(store);
    subject.reopen().await;
    let store = subject.store();
    assert_eq!(write_as(&store, 1, 7).await, Err(u64::MAX), "epochs are durable");
    assert_eq!(write_as(&store, 2, 3).await, Err(4));
    assert_eq!(get(&store, Table::Guilds, 1, 1).await, recorded(6));
}
