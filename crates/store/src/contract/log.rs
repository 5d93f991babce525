//! Laws of one owner's log: the batches that carry its epoch.

use super::*;
use crate::{Error, Scan};
use futures_util::future::join_all;

/// Tables that the batches of these laws write together.
const TABLES: [Table; 3] = [Table::Guilds, Table::Messages, Table::Outbox];

pub(super) async fn applies_submissions_in_order(subject: &impl Subject) {
    let store = subject.store();
    commit(&store, |b| {
        b.put(Table::Guilds, 1, 1, value("0")).require_epoch("guild", 1, 1);
    })
    .await;
    let submit = |number: u32| {
        let mut batch = Batch::new();
        batch.require_epoch("guild", 1, 1);
        batch.require_equals(Table::Guilds, 1, 1, value(&(number - 1).to_string()));
        batch.put(Table::Guilds, 1, 1, value(&number.to_string()));
        store.submit(batch)
    };
    let results = join_all((1..=500).map(submit).collect::<Vec<_>>().into_iter().rev()).await;
    assert!(results.iter().all(Result::is_ok), "each batch finds what the one before it wrote");
    assert_eq!(get(&store, Table::Guilds, 1, 1).await, Some(value("500")));
}

/// A batch of one owner that writes one number into several tables.
fn everywhere(owner: u64, number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.require_epoch("guild", owner, 1);
    for table in TABLES {
        batch.put(table, owner, owner, Bytes::copy_from_slice(&number.to_be_bytes()));
    }
    batch
}

async fn numbers(store: &StoreRef, owner: u64) -> Vec<Bytes> {
    let scan = |table| Scan { table, partition: owner, range: Range::one(owner) };
    let rows = store.scan_many(TABLES.map(scan).into()).await.expect("the ranges are fine");
    rows.into_iter().flatten().map(|row| row.value).collect()
}

/// The last of many batches is what every partition has, whether or not anybody waited for it.
pub(super) async fn writes_every_partition_of_a_batch(subject: &mut impl Subject) {
    for round in 0..3u64 {
        let store = subject.store();
        for number in 0..100 {
            drop(store.submit(everywhere(7, round * 1_000 + number)));
        }
        let last = round * 1_000 + 100;
        store.commit(everywhere(7, last)).await.expect("the batch is fine");
        let expected = vec![Bytes::copy_from_slice(&last.to_be_bytes()); TABLES.len()];
        assert_eq!(numbers(&store, 7).await, expected);
        for number in 1..=50 {
            drop(store.submit(everywhere(7, last + number)));
        }
        store.close().await;
        drop(store);
        subject.reopen().await;
        let last = Bytes::copy_from_slice(&(last + 50).to_be_bytes());
        assert_eq!(
            numbers(&subject.store(), 7).await,
            vec![last; TABLES.len()],
            "what was taken is finished"
        );
    }
}

/// What one owner is refused is nothing to another.
pub(super) async fn lets_owners_write_side_by_side(subject: &impl Subject) {
    let store = subject.store();
    commit(&store, |b| {
        b.require_epoch("guild", 0, 9);
    })
    .await;
    let batches: Vec<_> = (0..20)
        .flat_map(|number| (0..5).map(move |owner| (owner, everywhere(owner, number))))
        .map(|(owner, batch)| (owner, store.submit(batch)))
        .collect();
    for (owner, result) in batches {
        match result.await {
            Ok(()) => assert_ne!(owner, 0),
            Err(Error::StaleEpoch { owner: 0, epoch: 1, stored: 9, .. }) => assert_eq!(owner, 0),
            Err(error) => panic!("{owner}: {error:?}"),
        }
    }
    assert!(numbers(&store, 0).await.is_empty(), "nothing of a refused batch is in any partition");
    let last = Bytes::copy_from_slice(&19u64.to_be_bytes());
    for owner in 1..5 {
        assert_eq!(numbers(&store, owner).await, vec![last.clone(); TABLES.len()]);
    }
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

pub(super) async fn refuses_a_stale_epoch(subject: &mut impl Subject) {
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
    batch.require_epoch("guild", 1, 9).require_present(Table::Guilds, 1, "nobody");
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
