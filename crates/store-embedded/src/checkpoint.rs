//! The checkpointer: moves the write-ahead log into the database, so that no commit has to.

use crate::{turn::Turn, wal};
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long after the first write a checkpoint begins.
const INTERVAL: Duration = Duration::from_millis(100);

/// Tells the checkpointer what to do. It sleeps while nothing is written.
pub(crate) struct Checkpoints {
    state: Mutex<State>,
    changed: Condvar,
    database: PathBuf,
    wal: PathBuf,
    wal_bytes_max: u64,
}

/// Held by every other user of the database until its connection is closed; without any, the checkpointer ends.
///
/// So its connection is the last: the log is emptied durably and its files are removed.
pub(crate) struct Needed(pub(crate) Arc<Checkpoints>);

impl Drop for Needed {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[derive(Default)]
struct State {
    written: bool,
    stopped: bool,
}

impl Checkpoints {
    pub(crate) fn new(database: &Path, wal_bytes_max: u64) -> Checkpoints {
        let mut wal = database.as_os_str().to_owned();
        wal.push("-wal");
        Checkpoints {
            state: Mutex::default(),
            changed: Condvar::new(),
            database: database.to_owned(),
            wal: wal.into(),
            wal_bytes_max,
        }
    }

    /// Tells that there is something to move.
    pub(crate) fn note_writes(&self) {
        let mut state = self.lock();
        if !state.written {
            state.written = true;
            self.changed.notify_all();
        }
    }

    /// Lets the checkpointer move everything once more and end.
    fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    /// Size of the write-ahead log's file; 0 when there is none.
    pub(crate) fn wal_bytes(&self) -> u64 {
        self.wal.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Serves until stopped.
    pub(crate) fn run(&self, connection: &Connection, turn: &Arc<Turn>) {
        while self.wait_for_writes() {
            // Without the turn: this never waits for anybody and nobody waits for it.
            checkpoint(connection, "PASSIVE");
            if self.wal_bytes() > self.wal_bytes_max {
                self.truncate(connection, turn);
            }
        }
        self.truncate(connection, turn);
        if self.wal_bytes() == 0 {
            wal::forget(&self.database);
        }
    }

    /// Moves everything and empties the log, with writes held up. Leaves it when a reader needs the log for too long;
    /// the next round tries again.
    fn truncate(&self, connection: &Connection, turn: &Arc<Turn>) {
        let _turn = turn.take();
        if !checkpoint(connection, "TRUNCATE") {
            self.lock().written = true;
        }
    }

    /// Waits until there are writes that have waited for the interval; false when stopped.
    fn wait_for_writes(&self) -> bool {
        let state = self.lock();
        let idle = |state: &mut State| !state.written && !state.stopped;
        let state = self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(state, INTERVAL, |state| !state.stopped);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.written = false;
        !state.stopped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a checkpoint of a mode and tells whether it got to the end.
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> bool {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    match connection.query_row(&sql, [], |row| row.get::<_, i64>(0)) {
        Ok(busy) => busy == 0,
        Err(error) => {
            tracing::error!(%error, mode, "checkpoint failed");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, schema};

    #[test]
    fn empties_a_log_that_is_too_long_once_no_reader_needs_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let writer = schema::open_writer(&path, &Options::default()).unwrap();
        let reader = schema::open_reader(&path, &Options::default()).unwrap();
        let connection = schema::open_checkpointer(&path).unwrap();
        let (checkpoints, turn) = (Checkpoints::new(&path, 1), Arc::default());

        reader.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
        writer.execute_batch("INSERT INTO users VALUES (1, x'01', zeroblob(100000))").unwrap();
        assert!(checkpoints.wal_bytes() > 100_000);
        checkpoints.truncate(&connection, &turn);
        assert!(checkpoints.wal_bytes() > 100_000 && checkpoints.lock().written, "the reader needs it");
        reader.execute_batch("COMMIT").unwrap();
        checkpoints.truncate(&connection, &turn);
        assert_eq!(checkpoints.wal_bytes(), 0);
    }

    #[test]
    fn ends_with_an_empty_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let writer = schema::open_writer(&path, &Options::default()).unwrap();
        let connection = schema::open_checkpointer(&path).unwrap();
        let checkpoints = Checkpoints::new(&path, u64::MAX);
        writer.execute_batch("INSERT INTO users VALUES (1, x'01', zeroblob(100000))").unwrap();
        checkpoints.stop();
        checkpoints.run(&connection, &Arc::default());
        assert_eq!(checkpoints.wal_bytes(), 0);
    }
}
