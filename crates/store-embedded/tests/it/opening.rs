use super::*;
use consort_store_embedded::{DirectoryInUse, NewestId};

#[tokio::test]
async fn a_directory_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = Embedded::open(dir.path(), Options::default()).expect_err("it is in use");
    assert!(error.to_string().ends_with("is in use by another process"), "{error}");
    assert!(matches!(error, Error::Backend(source) if source.is::<DirectoryInUse>()));
    store.close().await;
    // The closed store is still there, and no longer in the way.
    let again = open(dir.path());
    assert!(matches!(store.commit(put_user(1)).await, Err(Error::Closed)));
    again.commit(put_user(1)).await.unwrap();
}

#[tokio::test]
async fn dropping_a_store_writes_what_was_submitted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/directory/that/is/new");
    for round in 0..3 {
        let store = open(&path);
        let pending = store.submit(put_user(round));
        drop(store);
        pending.await.unwrap();
    }
    let store = open(&path);
    for round in 0..3 {
        assert_eq!(store.get_row(Table::Users, round, Key::empty()).await.unwrap(), Some(round));
    }
}

#[tokio::test]
async fn a_closed_store_leaves_a_single_database_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.commit(put_user(1)).await.unwrap();
    store.close().await;
    let mut names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["lock", "store.sqlite"]);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("store.sqlite"), [7; 20_000]).unwrap();
    let error = Embedded::open(dir.path(), Options::default()).expect_err("it is no database");
    assert!(matches!(error, Error::Backend(_)), "{error:?}");
}

#[tokio::test]
async fn the_mark_of_snowflakes_is_above_every_id_whose_batch_was_committed() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    let dir = tempfile::tempdir().unwrap();
    let newest = Arc::new(AtomicU64::new(0));
    let open = || {
        let newest = newest.clone();
        let newest_id = NewestId::new(move || newest.load(Ordering::Relaxed));
        Embedded::open(dir.path(), Options { newest_id: Some(newest_id), ..Options::default() }).unwrap()
    };
    let store = open();
    assert_eq!(store.snowflake_mark(), 0, "a new store");
    for id in [1 << 22, 5 << 22, 4_000 << 22] {
        newest.store(id, Ordering::Relaxed);
        store.commit(put_user(id)).await.unwrap();
    }
    drop(store);
    let mark = open().snowflake_mark();
    assert!(mark > 4_000 << 22, "{mark}");
    assert!(mark <= 5_000 << 22, "no more than a second above: {mark}");
    // The clock is behind: the ids drawn now are below the mark, which stays.
    newest.store(1 << 22, Ordering::Relaxed);
    let store = open();
    store.commit(put_user(1)).await.unwrap();
    drop(store);
    assert_eq!(open().snowflake_mark(), mark);
}
