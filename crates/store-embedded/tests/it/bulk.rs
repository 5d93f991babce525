use super::*;
use consort_store::row;

fn member(id: u64) -> (Table, u64, Row) {
    (Table::Members, 5, Row { key: Key::id(id), value: row::encode(&id) })
}

#[tokio::test]
async fn loaded_rows_are_there_at_once_and_after_reopening() {
    const ROWS: u64 = 120_000;
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let messages = (0..100).map(|id| (Table::Messages, 6, Row { key: Key::id(id), value: row::encode(&id) }));
    let rows = (0..ROWS).map(member).chain(messages);
    assert_eq!(store.bulk_load(rows).unwrap(), ROWS + 100);
    assert_eq!(store.get_row(Table::Members, 5, ROWS - 1).await.unwrap(), Some(ROWS - 1));
    assert_eq!(store.bulk_load([]).unwrap(), 0);
    store.close().await;
    assert!(matches!(store.bulk_load([]), Err(Error::Closed)));

    let store = open(dir.path());
    let mut count = 0;
    let mut pages = store.pages(Table::Members, 5, Range::all(10_000));
    while let Some(rows) = pages.next_rows::<u64>().await.unwrap() {
        assert!(rows.iter().all(|(key, id)| key.to_id() == Some(*id)));
        count += rows.len() as u64;
    }
    assert_eq!(count, ROWS);
    assert_eq!(store.scan(Table::Messages, 6, Range::newest(1)).await.unwrap()[0].key, Key::id(99));
}

#[tokio::test]
async fn loading_replaces_rows_and_refuses_what_a_batch_would() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.bulk_load([member(1)]).unwrap();
    let replaced = (Table::Members, 5, Row { key: Key::id(1), value: row::encode(&2u64) });
    store.bulk_load([replaced]).unwrap();
    assert_eq!(store.get_row(Table::Members, 5, 1).await.unwrap(), Some(2u64));
    let epoch = (Table::Epochs, 5, Row { key: Key::empty(), value: row::encode(&1) });
    assert!(matches!(store.bulk_load([epoch]), Err(Error::Invalid(_))));
    store.commit(put_user(1)).await.expect("a failed load holds nobody up");
}
