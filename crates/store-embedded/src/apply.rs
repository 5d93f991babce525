//! A batch as SQL, inside a transaction that the caller begins and ends.

use crate::{snowflake, sql};
use consort_store::{Batch, Bound, Error, Key, Precondition, Table, Write};
use rusqlite::{Connection, OptionalExtension, Result as SqlResult};
use std::collections::HashMap;

/// Owners whose epoch is remembered, so that their batches need no look-up.
const EPOCHS_REMEMBERED_MAX: usize = 65_536;

/// What an applied batch came to.
pub(crate) enum Applied {
    /// All writes are in the transaction.
    Done,
    /// None is.
    Refused(Error),
}

/// Why the transaction can not be used any more: some writes of the batch may be in it.
pub(crate) enum Broken {
    /// The database failed.
    Database(rusqlite::Error),
    /// The batch is at fault.
    Batch(Error),
}

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Broken {
        Broken::Database(error)
    }
}

/// The recorded epochs as of the writer's transaction. Only this writes them; forgotten when a transaction is undone.
#[derive(Default)]
pub(crate) struct Epochs(HashMap<(&'static str, u64), u64>);

impl Epochs {
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    fn get(&mut self, connection: &Connection, service: &'static str, owner: u64) -> SqlResult<u64> {
        if let Some(epoch) = self.0.get(&(service, owner)) {
            return Ok(*epoch);
        }
        let stored =
            with_value(connection, Table::Epochs, owner, &Key::text(service), |value| value.try_into().ok())?;
        // No epoch is smaller than 0, so it stands for none.
        let epoch = stored.flatten().map_or(0, u64::from_be_bytes);
        self.remember(service, owner, epoch);
        Ok(epoch)
    }

    fn remember(&mut self, service: &'static str, owner: u64, epoch: u64) {
        if self.0.len() >= EPOCHS_REMEMBERED_MAX && !self.0.contains_key(&(service, owner)) {
            self.0.clear();
        }
        self.0.insert((service, owner), epoch);
    }
}

/// Checks a batch's preconditions and, if they hold, applies its writes.
pub(crate) fn apply(connection: &Connection, epochs: &mut Epochs, batch: &Batch) -> Result<Applied, Broken> {
    for (index, precondition) in batch.preconditions.iter().enumerate() {
        if let Some(refusal) = check(connection, epochs, index, precondition)? {
            return Ok(Applied::Refused(refusal));
        }
    }
    for precondition in &batch.preconditions {
        if let Precondition::Epoch { service, owner, epoch } = precondition
            && *epoch > epochs.get(connection, service, *owner)?
        {
            put(connection, Table::Epochs, *owner, &Key::text(service), &epoch.to_be_bytes())?;
            epochs.remember(service, *owner, *epoch);
        }
    }
    for write in &batch.writes {
        match write {
            Write::Put { table, partition, key, value } => put(connection, *table, *partition, key, value)?,
            Write::Delete { table, partition, key } => delete(connection, *table, *partition, key)?,
            Write::DeleteRange { table, partition, from, to } => {
                delete_range(connection, *table, *partition, from, to)?;
            }
        }
    }
    Ok(Applied::Done)
}

/// The refusal if the precondition does not hold.
fn check(
    connection: &Connection,
    epochs: &mut Epochs,
    index: usize,
    precondition: &Precondition,
) -> SqlResult<Option<Error>> {
    let holds = match precondition {
        Precondition::Absent { table, partition, key } => {
            with_value(connection, *table, *partition, key, |_| ())?.is_none()
        }
        Precondition::Present { table, partition, key } => {
            with_value(connection, *table, *partition, key, |_| ())?.is_some()
        }
        Precondition::Equals { table, partition, key, value } => {
            with_value(connection, *table, *partition, key, |stored| stored == value)?.unwrap_or(false)
        }
        Precondition::Epoch { service, owner, epoch } => {
            let stored = epochs.get(connection, service, *owner)?;
            if stored > *epoch {
                return Ok(Some(Error::StaleEpoch { service, owner: *owner, epoch: *epoch, stored }));
            }
            true
        }
    };
    Ok((!holds).then_some(Error::Conflict { index }))
}

/// Reads a row's value, if there is such a row.
pub(crate) fn with_value<T>(
    connection: &Connection,
    table: Table,
    partition: u64,
    key: &Key,
    read: impl FnOnce(&[u8]) -> T,
) -> SqlResult<Option<T>> {
    let partition = sql::partition(partition);
    let mut statement = connection.prepare_cached(&sql::of(table).get)?;
    let value = |row: &rusqlite::Row<'_>| Ok(read(row.get_ref(0)?.as_blob()?));
    if !table.is_snowflake_keyed() {
        return statement.query_row((partition, key.as_bytes()), value).optional();
    }
    match snowflake::row_id(key) {
        Some(id) => statement.query_row((partition, id), value).optional(),
        None => Ok(None),
    }
}

/// Puts a row.
pub(crate) fn put(
    connection: &Connection,
    table: Table,
    partition: u64,
    key: &Key,
    value: &[u8],
) -> Result<(), Broken> {
    let partition = sql::partition(partition);
    let mut statement = connection.prepare_cached(&sql::of(table).put)?;
    let changed = if table.is_snowflake_keyed() {
        let id = snowflake::row_id(key)
            .ok_or(Broken::Batch(Error::Invalid("the key is not a snowflake below 2^63")))?;
        statement.execute((partition, id, value))?
    } else {
        statement.execute((partition, key.as_bytes(), value))?
    };
    if changed == 0 {
        return Err(Broken::Batch(Error::Invalid("the snowflake is in another partition")));
    }
    Ok(())
}

fn delete(connection: &Connection, table: Table, partition: u64, key: &Key) -> SqlResult<()> {
    let partition = sql::partition(partition);
    let mut statement = connection.prepare_cached(&sql::of(table).delete)?;
    if !table.is_snowflake_keyed() {
        statement.execute((partition, key.as_bytes()))?;
    } else if let Some(id) = snowflake::row_id(key) {
        statement.execute((partition, id))?;
    }
    Ok(())
}

fn delete_range(
    connection: &Connection,
    table: Table,
    partition: u64,
    from: &Bound<Key>,
    to: &Bound<Key>,
) -> SqlResult<()> {
    let partition = sql::partition(partition);
    let sql = sql::of(table);
    if table.is_snowflake_keyed() {
        let (first, last) = snowflake::row_ids(from, to);
        connection.prepare_cached(&sql.delete_range)?.execute((partition, first, last))?;
        return Ok(());
    }
    match Key::half_open(from, to) {
        (first, Some(end)) => connection.prepare_cached(&sql.delete_range)?.execute((
            partition,
            first.as_bytes(),
            end.as_bytes(),
        ))?,
        (first, None) => {
            connection.prepare_cached(&sql.delete_from)?.execute((partition, first.as_bytes()))?
        }
    };
    Ok(())
}
