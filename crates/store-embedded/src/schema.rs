//! Opening connections: settings, tables and the version of both.

use crate::{Options, sql};
use consort_store::{Error, Table};
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{path::Path, time::Duration};

/// Marks the file as ours: "CNST".
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"CNST");

/// The version of the layout. New tables need no new version, as every opening makes what is missing.
const VERSION: i32 = 1;

/// Room for every statement of every table.
const STATEMENTS_CACHED: usize = Table::ALL.len() * 10 + 10;

/// Why a database file can not be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The file belongs to another program.
    #[error("the database file is of another program (application id {0:#x})")]
    Foreign(i32),
    /// The file was written by a newer version of this program.
    #[error("the database file has layout {0}, this version knows layouts up to {VERSION}")]
    Newer(i32),
    /// SQLite did not accept a setting that durability rests on.
    #[error("the database did not accept {0}")]
    Setting(&'static str),
}

/// Opens the writer's connection and brings the file to the newest layout.
pub(crate) fn open_writer(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.pragma_update(None, "page_size", 8_192).map_err(Error::backend)?;
    check_file(&connection)?;
    set_wal(&connection)?;
    set_cache(&connection, options.cache_kib)?;
    make_tables(&connection).map_err(Error::backend)?;
    Ok(connection)
}

/// Opens a connection that can only read.
pub(crate) fn open_reader(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    set_cache(&connection, options.cache_kib / 4)?;
    Ok(connection)
}

/// Opens the connection that moves the write-ahead log into the database.
pub(crate) fn open_checkpointer(path: &Path) -> Result<Connection, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_wal(&connection)?;
    // How long writes are held up by readers of old pages before the checkpointer gives up for this time.
    connection.busy_timeout(Duration::from_millis(50)).map_err(Error::backend)?;
    Ok(connection)
}

/// Opens a connection for [`Embedded::bulk_load`](crate::Embedded::bulk_load): what it commits is not yet durable.
pub(crate) fn open_bulk(path: &Path, options: &Options) -> Result<Connection, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    set_wal(&connection)?;
    set_cache(&connection, options.cache_kib)?;
    connection.pragma_update(None, "synchronous", "OFF").map_err(Error::backend)?;
    Ok(connection)
}

/// Makes the next commits of a connection durable, and all commits before them with the first of them.
pub(crate) fn set_synchronous_full(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "synchronous", "FULL").map_err(Error::backend)?;
    let synchronous: i64 = pragma(connection, "synchronous")?;
    if synchronous != 2 {
        return Err(Error::backend(SchemaError::Setting("synchronous=FULL")));
    }
    Ok(())
}

/// Writes the version once more, so that a transaction without other changes is written and synchronised.
pub(crate) fn touch(connection: &Connection) -> Result<(), Error> {
    connection.pragma_update(None, "user_version", VERSION).map_err(Error::backend)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX);
    let connection = connection.map_err(Error::backend)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    connection.busy_timeout(Duration::from_secs(5)).map_err(Error::backend)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(Error::backend)?;
    // Plans must not depend on the values bound, or each binding may have the statement prepared again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(Error::backend)?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(Error::backend)?;
    // Looks at the cells of each page that is read from the disk, so that a damaged one is an error and not a wrong answer.
    connection.pragma_update(None, "cell_size_check", true).map_err(Error::backend)?;
    Ok(connection)
}

/// Reads the whole file and gives what is wrong with it.
pub(crate) fn check(path: &Path) -> Result<Vec<String>, Error> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_file(&connection)?;
    let found = connection.prepare("PRAGMA integrity_check(20)").and_then(|mut statement| {
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()
    });
    Ok(found.map_err(Error::backend)?.into_iter().filter(|line| line != "ok").collect())
}

fn set_wal(connection: &Connection) -> Result<(), Error> {
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(Error::backend)?;
    if mode != "wal" {
        return Err(Error::backend(SchemaError::Setting("journal_mode=WAL")));
    }
    // The checkpointer does it, so that no commit has to wait for it.
    let _pages: i64 = connection
        .pragma_update_and_check(None, "wal_autocheckpoint", 0, |row| row.get(0))
        .map_err(Error::backend)?;
    set_synchronous_full(connection)
}

fn set_cache(connection: &Connection, kib: u32) -> Result<(), Error> {
    // A negative number is in KiB.
    connection.pragma_update(None, "cache_size", -i64::from(kib.max(1))).map_err(Error::backend)
}

fn check_file(connection: &Connection) -> Result<(), Error> {
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(Error::backend)?;
    let (application, version): (i32, i32) =
        (pragma(connection, "application_id")?, pragma(connection, "user_version")?);
    match application {
        APPLICATION_ID if version > VERSION => Err(Error::backend(SchemaError::Newer(version))),
        APPLICATION_ID => Ok(()),
        0 if tables == 0 => Ok(()),
        other => Err(Error::backend(SchemaError::Foreign(other))),
    }
}

fn make_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    for table in Table::ALL {
        connection.execute_batch(&sql::of(*table).create)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch("COMMIT")
}

fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<T, Error> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(Error::backend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writing_connection_is_durable_and_leaves_checkpoints_to_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let options = Options::default();
        for connection in [open_writer(&path, &options).unwrap(), open_checkpointer(&path).unwrap()] {
            assert_eq!(pragma::<i64>(&connection, "synchronous").unwrap(), 2);
            assert_eq!(pragma::<i64>(&connection, "wal_autocheckpoint").unwrap(), 0);
            assert_eq!(pragma::<String>(&connection, "journal_mode").unwrap(), "wal");
            assert_eq!(pragma::<i64>(&connection, "page_size").unwrap(), 8_192);
        }
        let reader = open_reader(&path, &options).unwrap();
        assert!(reader.execute_batch("DELETE FROM users").is_err());
    }

    #[test]
    fn refuses_files_of_others_and_of_newer_versions() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.sqlite");
        let foreign = Connection::open(&path).unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
        let error = open_writer(&path, &Options::default()).unwrap_err();
        assert!(error.to_string().contains("another program"), "{error}");
        foreign.execute_batch("DROP TABLE theirs").unwrap();
        drop(foreign);
        let ours = open_writer(&path, &Options::default()).unwrap();
        ours.pragma_update(None, "user_version", VERSION + 1).unwrap();
        let error = open_writer(&path, &Options::default()).unwrap_err();
        assert!(error.to_string().contains("layout 2"), "{error}");
    }
}
