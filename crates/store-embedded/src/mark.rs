//! The high-water mark of snowflakes: no id in the store is above it, so ids drawn after a restart begin above it, also
//! when the machine's clock is behind what it was.

use crate::apply::{Broken, put, with_value};
use consort_store::{Key, Table};
use rusqlite::Connection;
use std::{fmt, sync::Arc};

/// How far above the newest id the mark is set, as a difference of snowflakes: one second. So the mark is written once a
/// second at most, in a transaction that is written anyway, and ids after a crash are ahead of the clock by no more.
const AHEAD: u64 = 1_000 << 22;

/// Where in [`Table::Meta`] the mark is: 8 bytes, big endian.
pub(crate) const KEY: &str = "snowflake-mark";

/// Tells the newest snowflake that this process has drawn.
#[derive(Clone)]
pub struct NewestId(Arc<dyn Fn() -> u64 + Send + Sync>);

impl NewestId {
    /// `newest` gives an id that none drawn so far is above; it is asked once a transaction, after its batches were taken.
    pub fn new(newest: impl Fn() -> u64 + Send + Sync + 'static) -> NewestId {
        NewestId(Arc::new(newest))
    }
}

impl fmt::Debug for NewestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewestId")
    }
}

/// The writer's half.
#[derive(Default)]
pub(crate) struct Mark {
    newest: Option<NewestId>,
    /// The mark in the store, as far as transactions were committed.
    durable: u64,
    /// The mark that the running transaction writes.
    written: u64,
}

impl Mark {
    pub(crate) fn new(newest: Option<NewestId>, connection: &Connection) -> rusqlite::Result<Mark> {
        let durable = read(connection)?;
        Ok(Mark { newest, durable, written: durable })
    }

    /// Raises the mark in the running transaction if an id of it may be above.
    pub(crate) fn raise(&mut self, connection: &Connection) -> Result<(), Broken> {
        let Some(NewestId(newest)) = &self.newest else { return Ok(()) };
        let newest = newest();
        if newest >= self.durable {
            self.written = newest.saturating_add(AHEAD);
            put(connection, Table::Meta, 0, &Key::text(KEY), &self.written.to_be_bytes())?;
        }
        Ok(())
    }

    /// The transaction is durable.
    pub(crate) fn committed(&mut self) {
        self.durable = self.written;
    }

    /// The transaction never was.
    pub(crate) fn undone(&mut self) {
        self.written = self.durable;
    }
}

/// The mark in the store; 0 when there is none.
pub(crate) fn read(connection: &Connection) -> rusqlite::Result<u64> {
    let stored =
        with_value(connection, Table::Meta, 0, &Key::text(KEY), |value| value.try_into().ok())?.flatten();
    Ok(stored.map_or(0, u64::from_be_bytes))
}
