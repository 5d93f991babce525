//! Stores written by versions before this one. `data/layout-N.sql` is what such a version had in its file, with rows in every
//! table; when the layout changes, its dump joins the others here.

use super::*;
use consort_store::Bound;
use rusqlite::{Connection, types::ValueRef};

const LAYOUTS: [&str; 1] = [include_str!("data/layout-1.sql")];

/// All rows of a table as the file has them; `None` when the file has no such table.
fn rows(file: &Connection, table: Table) -> Option<Vec<(u64, Row)>> {
    let mut statement = file.prepare(&format!("SELECT p, k, v FROM \"{}\"", table.name())).ok()?;
    let row = |row: &rusqlite::Row<'_>| {
        let key = match row.get_ref(1)? {
            ValueRef::Integer(id) => Key::id(id as u64),
            other => Key::bytes(other.as_blob()?),
        };
        let value = row.get::<_, Vec<u8>>(2)?.into();
        Ok((row.get::<_, i64>(0)? as u64, Row { key, value }))
    };
    Some(statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap())
}

#[tokio::test]
async fn a_store_of_an_earlier_version_opens_and_reads_the_same() {
    for dump in LAYOUTS {
        let dir = tempfile::tempdir().unwrap();
        let file = Connection::open(dir.path().join("store.sqlite")).unwrap();
        file.execute_batch(dump).unwrap();
        let of_table = |table: &Table| rows(&file, *table).map(|rows| (*table, rows));
        let written: Vec<(Table, Vec<(u64, Row)>)> = Table::ALL.iter().filter_map(of_table).collect();
        drop(file);
        assert!(written.len() > 50 && written.iter().all(|(_, rows)| !rows.is_empty()));

        for _ in 0..2 {
            let store = open(dir.path());
            for (table, rows) in &written {
                for (partition, row) in rows {
                    let at = format!("{table:?} {partition} {row:?}");
                    let value = store.get(*table, *partition, row.key.clone()).await.unwrap();
                    assert_eq!(value.as_ref(), Some(&row.value), "{at}");
                    let range = Range { to: Bound::Included(row.key.clone()), ..Range::newest(50) };
                    let found = store.scan(*table, *partition, range).await.unwrap();
                    assert_eq!(found.first(), Some(row), "{at}");
                }
            }
            store.commit(put_user(1)).await.unwrap();
            store.close().await;
        }
    }
}
