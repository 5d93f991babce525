//! Laws of closing and opening.

use super::*;
use crate::Error;
use futures_util::future::join_all;

pub(super) async fn keeps_what_it_acknowledged(subject: &mut impl Subject) {
    for round in 0..3u64 {
        let store = subject.store();
        for earlier in 0..round {
            let rows = scan(&store, Table::Messages, earlier, Range::all(100)).await;
            assert_eq!(rows.len(), 40, "round {earlier} in round {round}");
            assert_eq!(get(&store, Table::Meta, earlier, "round").await, Some(value("done")));
        }
        for id in 0..50 {
            commit(&store, |b| {
                b.put(Table::Messages, round, round * 50 + id, value("text"));
            })
            .await;
        }
        commit(&store, |b| {
            let end = crate::Bound::Excluded(Key::id(round * 50 + 10));
            b.delete_range(Table::Messages, round, crate::Bound::Unbounded, end);
            b.put(Table::Meta, round, "round", value("done"));
        })
        .await;
        store.close().await;
        drop(store);
        subject.reopen().await;
    }
}

pub(super) async fn finishes_what_it_took_and_then_refuses(subject: &mut impl Subject) {
    let store = subject.store();
    let submit = |id: u64| {
        let mut batch = Batch::new();
        batch.put(Table::Users, 1, id, value("x"));
        store.submit(batch)
    };
    let taken: Vec<_> = (0..100).map(submit).collect();
    store.close().await;
    assert!(join_all(taken).await.iter().all(Result::is_ok), "what was taken is finished");
    assert!(matches!(submit(100).await, Err(Error::Closed)));
    assert!(matches!(store.get(Table::Users, 1, Key::id(1)).await, Err(Error::Closed)));
    assert!(matches!(store.get_many(Table::Users, 1, vec![Key::id(1)]).await, Err(Error::Closed)));
    assert!(matches!(store.scan(Table::Users, 1, Range::all(1)).await, Err(Error::Closed)));
    store.close().await;
    drop(store);
    subject.reopen().await;
    assert_eq!(scan(&subject.store(), Table::Users, 1, Range::all(1_000)).await.len(), 100);
}
