//! Reading: what the reader threads do.

use crate::{apply::with_value, queue::Queue, snowflake, sql, wal};
use bytes::Bytes;
use consort_store::{Error, Key, Order, Range, Row, Scan, Table, limits::READ_BYTES_MAX};
use rusqlite::{Connection, ErrorCode, Statement, params_from_iter, types::Value};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::sync::oneshot;

/// Virtual machine instructions between two looks at the clock: some tens of microseconds.
const DEADLINE_CHECK_OPS: i32 = 1_000;

type Answer<T> = oneshot::Sender<Result<T, Error>>;

/// A read that waits for a reader, until its deadline.
pub(crate) struct ReadJob {
    pub(crate) read: Read,
    pub(crate) deadline: Instant,
}

/// What to read, and where the answer goes.
pub(crate) enum Read {
    Get { table: Table, partition: u64, key: Key, answer: Answer<Option<Bytes>> },
    GetMany { table: Table, partition: u64, keys: Vec<Key>, answer: Answer<Vec<Option<Bytes>>> },
    Scan { table: Table, partition: u64, range: Range, answer: Answer<Vec<Row>> },
    ScanMany { scans: Vec<Scan>, answer: Answer<Vec<Vec<Row>>> },
}

/// One reader's connection.
pub(crate) struct Reader {
    connection: Connection,
    /// When the running read is interrupted.
    deadline: Arc<Mutex<Instant>>,
}

impl Reader {
    pub(crate) fn new(mut connection: Connection) -> rusqlite::Result<Reader> {
        let deadline = Arc::new(Mutex::new(Instant::now()));
        let watched = deadline.clone();
        let passed = move || Instant::now() >= *watched.lock().unwrap_or_else(PoisonError::into_inner);
        connection.progress_handler(DEADLINE_CHECK_OPS, Some(passed))?;
        Ok(Reader { connection, deadline })
    }

    /// Serves the queue until it is closed and empty.
    pub(crate) fn run(self, queue: &Queue<ReadJob>) {
        let _ending = Ending(queue);
        while let Some(job) = queue.pop() {
            self.serve(job);
        }
    }

    fn serve(&self, job: ReadJob) {
        let deadline = job.deadline;
        match job.read {
            Read::Get { table, partition, key, answer } => {
                self.answer(deadline, answer, |c| get(c, table, partition, &key));
            }
            Read::GetMany { table, partition, keys, answer } => {
                self.answer(deadline, answer, |c| get_many(c, table, partition, &keys));
            }
            Read::Scan { table, partition, range, answer } => {
                self.answer(deadline, answer, |c| scan(c, table, partition, &range, &mut 0));
            }
            Read::ScanMany { scans, answer } => self.answer(deadline, answer, |c| scan_many(c, &scans)),
        }
    }

    /// Reads and answers, unless nobody waits any more or the deadline has passed in the queue.
    fn answer<T>(
        &self,
        deadline: Instant,
        answer: Answer<T>,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) {
        if answer.is_closed() {
            return;
        }
        let result =
            if Instant::now() >= deadline { Err(Error::Timeout) } else { self.until(deadline, read) };
        // Whoever asked may have gone meanwhile.
        let _ = answer.send(result);
    }

    fn until<T>(
        &self,
        deadline: Instant,
        read: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, Error> {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
        read(&self.connection).map_err(|failure| match failure {
            Failure::TooLarge => Error::TooLarge,
            Failure::Database(error)
                if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                Error::Timeout
            }
            Failure::Database(error) => {
                wal::note_corruption(&error);
                Error::backend(error)
            }
        })
    }
}

/// Several statements that see the same rows. Its statements are prepared once: as long as they are text each time, beginning
/// and ending take longer than a small read.
struct Snapshot<'c>(&'c Connection);

impl<'c> Snapshot<'c> {
    fn begin(connection: &'c Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let ended = self.0.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
        if let Err(error) = ended {
            tracing::error!(%error, "a snapshot could not be ended");
        }
    }
}

/// Lets nobody wait for a reader that panicked.
struct Ending<'a>(&'a Queue<ReadJob>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}

enum Failure {
    TooLarge,
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Database(error)
    }
}

fn get(connection: &Connection, table: Table, partition: u64, key: &Key) -> Result<Option<Bytes>, Failure> {
    Ok(with_value(connection, table, partition, key, Bytes::copy_from_slice)?)
}

fn get_many(
    connection: &Connection,
    table: Table,
    partition: u64,
    keys: &[Key],
) -> Result<Vec<Option<Bytes>>, Failure> {
    // One snapshot for all keys; it only reads, so that dropping the transaction loses nothing.
    let _snapshot = Snapshot::begin(connection)?;
    let (mut values, mut bytes) = (Vec::with_capacity(keys.len()), 0);
    for key in keys {
        let value = get(connection, table, partition, key)?;
        bytes += value.as_ref().map_or(0, Bytes::len);
        if bytes > READ_BYTES_MAX {
            return Err(Failure::TooLarge);
        }
        values.push(value);
    }
    Ok(values)
}

fn scan_many(connection: &Connection, scans: &[Scan]) -> Result<Vec<Vec<Row>>, Failure> {
    // One snapshot for all; as above.
    let _snapshot = Snapshot::begin(connection)?;
    let mut bytes = 0;
    let scan = |wanted: &Scan| scan(connection, wanted.table, wanted.partition, &wanted.range, &mut bytes);
    scans.iter().map(scan).collect()
}

/// Reads an interval, and adds what it brings to `bytes`, which are bounded.
fn scan(
    connection: &Connection,
    table: Table,
    partition: u64,
    range: &Range,
    bytes: &mut usize,
) -> Result<Vec<Row>, Failure> {
    let order = match range.order {
        Order::Ascending => sql::ASCENDING,
        Order::Descending => sql::DESCENDING,
    };
    let statements = sql::of(table);
    let partition = Value::Integer(sql::partition(partition));
    let limit = Value::Integer(i64::try_from(range.row_limit()).unwrap_or(i64::MAX));
    if table.is_snowflake_keyed() {
        let (first, last) = snowflake::row_ids(&range.from, &range.to);
        let parameters = [partition, Value::Integer(first), Value::Integer(last), limit];
        let mut statement = connection.prepare_cached(&statements.scan_range[order])?;
        return collect(&mut statement, &parameters, bytes, |key| Ok(Key::id(key.as_i64()? as u64)));
    }
    let blob = |key: &Key| Value::Blob(key.as_bytes().to_vec());
    let (sql, parameters) = match Key::half_open(&range.from, &range.to) {
        (first, Some(end)) => {
            (&statements.scan_range[order], vec![partition, blob(&first), blob(&end), limit])
        }
        (first, None) => (&statements.scan_from[order], vec![partition, blob(&first), limit]),
    };
    let mut statement = connection.prepare_cached(sql)?;
    collect(&mut statement, &parameters, bytes, |key| Ok(Key::bytes(key.as_blob()?)))
}

fn collect(
    statement: &mut Statement<'_>,
    parameters: &[Value],
    bytes: &mut usize,
    key: impl Fn(rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Key>,
) -> Result<Vec<Row>, Failure> {
    let mut found = statement.query(params_from_iter(parameters))?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let key = key(row.get_ref(0)?).map_err(rusqlite::Error::from)?;
        let value = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        *bytes += key.as_bytes().len() + value.len();
        if *bytes > READ_BYTES_MAX {
            return Err(Failure::TooLarge);
        }
        rows.push(Row { key, value: Bytes::copy_from_slice(value) });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, schema};
    use std::time::Duration;

    /// A reader over 2,000 members of partition 1.
    fn reader(dir: &std::path::Path) -> Reader {
        let path = dir.join("store.sqlite");
        let writer = schema::open_writer(&path, &Options::default()).unwrap();
        writer
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n WHERE i < 101999)
                 INSERT INTO members SELECT 1, CAST(i AS BLOB), x'00' FROM n",
            )
            .unwrap();
        Reader::new(schema::open_reader(&path, &Options::default()).unwrap()).unwrap()
    }

    #[test]
    fn a_read_past_its_deadline_is_interrupted_and_the_next_one_works() {
        let dir = tempfile::tempdir().unwrap();
        let reader = reader(dir.path());
        let all = |connection: &Connection| scan(connection, Table::Members, 1, &Range::all(10_000), &mut 0);
        assert!(matches!(reader.until(Instant::now(), all), Err(Error::Timeout)));
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(reader.until(later, all).unwrap().len(), 2_000);

        let keys: Vec<Key> = (0..2_000).map(|id| Key::text(&(100_000 + id).to_string())).collect();
        let many = |connection: &Connection| get_many(connection, Table::Members, 1, &keys);
        assert!(matches!(reader.until(Instant::now(), many), Err(Error::Timeout)));
        assert!(reader.until(later, many).unwrap().iter().all(Option::is_some));
        assert!(reader.connection.is_autocommit(), "no snapshot is left open");
    }

    #[test]
    fn a_read_that_nobody_waits_for_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let reader = reader(dir.path());
        let (answer, receiver) = oneshot::channel::<Result<(), Error>>();
        drop(receiver);
        reader.answer(Instant::now() + Duration::from_secs(60), answer, |_| panic!("nobody waits"));
    }
}
