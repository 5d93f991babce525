//! Loading many rows at once.

use crate::{
    Options,
    apply::{Broken, put},
    checkpoint::{Checkpoints, checkpoint},
    schema,
    turn::Turn,
};
use consort_store::{Error, Row, Table, Write};
use rusqlite::Connection;
use std::{path::Path, sync::Arc};

/// Rows of one transaction.
const ROWS_PER_TRANSACTION: usize = 100_000;

/// A transaction takes no further row once it has so many bytes (64 MiB).
const BYTES_PER_TRANSACTION: usize = 64 << 20;

/// Puts all rows and makes them durable.
pub(crate) fn load(
    database: &Path,
    options: &Options,
    turn: &Arc<Turn>,
    checkpoints: &Checkpoints,
    rows: impl IntoIterator<Item = (Table, u64, Row)>,
) -> Result<u64, Error> {
    let connection = schema::open_bulk(database, options)?;
    let mut rows = rows.into_iter();
    let mut loaded = 0;
    loop {
        let put = transaction(&connection, turn, &mut rows)?;
        loaded += put;
        checkpoints.note_writes();
        if put == 0 {
            break;
        }
    }
    // One durable commit makes durable what stands before it in the log.
    let _turn = turn.take();
    schema::set_synchronous_full(&connection)?;
    schema::touch(&connection)?;
    if !checkpoint(&connection, "TRUNCATE") {
        checkpoints.note_writes();
    }
    Ok(loaded)
}

/// Puts the rows of one transaction and returns their number, 0 at the end.
fn transaction(
    connection: &Connection,
    turn: &Arc<Turn>,
    rows: &mut impl Iterator<Item = (Table, u64, Row)>,
) -> Result<u64, Error> {
    let _turn = turn.take();
    let transaction = connection.unchecked_transaction().map_err(Error::backend)?;
    let (mut count, mut bytes) = (0, 0);
    while count < ROWS_PER_TRANSACTION && bytes < BYTES_PER_TRANSACTION {
        let Some((table, partition, Row { key, value })) = rows.next() else { break };
        bytes += key.as_bytes().len() + value.len();
        Write::Put { table, partition, key: key.clone(), value: value.clone() }.check()?;
        put(&transaction, table, partition, &key, &value).map_err(|broken| match broken {
            Broken::Batch(error) => error,
            Broken::Database(error) => Error::backend(error),
        })?;
        count += 1;
    }
    transaction.commit().map_err(Error::backend)?;
    Ok(count as u64)
}
