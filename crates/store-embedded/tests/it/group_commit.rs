use super::*;
use futures_util::{FutureExt, future::join_all};

#[tokio::test]
async fn batches_that_wait_become_one_transaction() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let hold = store.hold_writes();
    let pending: Vec<_> = (0..128).map(|id| store.submit(put_user(id))).collect();
    drop(hold);
    assert!(join_all(pending).await.iter().all(Result::is_ok));
    let stats = store.stats();
    assert_eq!((stats.groups, stats.committed, stats.refused), (1, 128, 0));
}

#[tokio::test]
async fn a_refused_batch_leaves_the_others_of_its_group_alone() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(put_user(1)).await.unwrap();
    let hold = store.hold_writes();
    let mut conflicting = put_user(2);
    conflicting.require_absent(Table::Users, 1, Key::empty());
    let mut stale = put_user(4);
    stale.require_epoch("guild", 9, 1);
    let mut newer = put_user(3);
    newer.require_epoch("guild", 9, 2);
    let mut after = put_user(5);
    after.require_present(Table::Users, 3, Key::empty()).require_absent(Table::Users, 2, Key::empty());
    let pending = [conflicting, newer, stale, after].map(|batch| store.submit(batch));
    drop(hold);
    let outcomes = join_all(pending).await;
    assert!(matches!(outcomes[0], Err(Error::Conflict { index: 0 })));
    assert!(outcomes[1].is_ok() && outcomes[3].is_ok());
    assert!(matches!(
        outcomes[2],
        Err(Error::StaleEpoch { service: "guild", owner: 9, epoch: 1, stored: 2 })
    ));
    assert_eq!(store.stats().groups, 2);
    for (id, written) in [(1, true), (2, false), (3, true), (4, false), (5, true)] {
        let user: Option<u64> = store.get_row(Table::Users, id, Key::empty()).await.unwrap();
        assert_eq!(user, written.then_some(id));
    }
}

#[tokio::test]
async fn a_batch_that_breaks_halfway_is_taken_out_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut first = put_user(1);
    first.put_row(Table::Messages, 1, 10, &"text").require_epoch("guild", 7, 3);
    let mut broken = put_user(2);
    broken.require_epoch("guild", 7, 9).put_row(Table::Messages, 2, 10, &"the id is in channel 1");
    let mut last = put_user(3);
    last.require_epoch("guild", 7, 3);
    let hold = store.hold_writes();
    let pending = [first, broken, last].map(|batch| store.submit(batch));
    drop(hold);
    let outcomes = join_all(pending).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(Error::Invalid(_))));
    assert_eq!(store.get_row::<u64>(Table::Users, 2, Key::empty()).await.unwrap(), None);
    assert_eq!(store.stats().groups, 1);
}

#[tokio::test]
async fn a_full_queue_sheds_load_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { write_queue_batches_max: 10, ..Options::default() };
    let store = Embedded::open(dir.path(), options).unwrap();
    let hold = store.hold_writes();
    let pending: Vec<_> = (0..10).map(|id| store.submit(put_user(id))).collect();
    let refused = store.commit(put_user(10)).now_or_never().expect("refused without waiting");
    assert!(matches!(&refused, Err(error @ Error::Overloaded) if error.retryable()));
    assert_eq!(store.stats().writes_waiting, 10);
    drop(hold);
    assert!(join_all(pending).await.iter().all(Result::is_ok), "what was taken is done");
    store.commit(put_user(10)).await.expect("there is room again");
}

#[tokio::test]
async fn a_queue_is_full_by_bytes_too() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { write_queue_bytes_max: 100_000, ..Options::default() };
    let store = Embedded::open(dir.path(), options).unwrap();
    let large = || {
        let mut batch = Batch::new();
        batch.put(Table::Users, 1, 1, vec![0; 60_000].into());
        batch
    };
    let hold = store.hold_writes();
    let first = store.submit(large());
    assert!(matches!(store.submit(large()).now_or_never(), Some(Err(Error::Overloaded))));
    drop(hold);
    first.await.unwrap();
}

#[tokio::test]
async fn a_read_that_waits_too_long_is_answered_with_timeout() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { read_timeout: std::time::Duration::ZERO, ..Options::default() };
    let store = Embedded::open(dir.path(), options).unwrap();
    let read = store.get(Table::Users, 1, Key::empty()).await;
    assert!(matches!(&read, Err(error @ Error::Timeout) if error.retryable()));
}

#[tokio::test]
async fn reads_go_on_while_writes_are_held() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(put_user(1)).await.unwrap();
    let hold = store.hold_writes();
    let pending = store.submit(put_user(2));
    assert_eq!(store.get_row(Table::Users, 1, Key::empty()).await.unwrap(), Some(1u64));
    assert_eq!(store.get_row::<u64>(Table::Users, 2, Key::empty()).await.unwrap(), None);
    drop(hold);
    pending.await.unwrap();
    assert_eq!(store.get_row(Table::Users, 2, Key::empty()).await.unwrap(), Some(2u64));
}

#[tokio::test]
async fn a_full_queue_of_reads_sheds_load_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { read_queue_max: 0, ..Options::default() };
    let store = Embedded::open(dir.path(), options).unwrap();
    let read = store.get(Table::Users, 1, Key::empty()).now_or_never().expect("refused without waiting");
    assert!(matches!(read, Err(Error::Overloaded)));
}
