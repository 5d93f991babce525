//! The file of one guild or private channel: SQLite with FTS5.
//!
//! Texts themselves are not kept, only which messages their words are in (a contentless table); what is found is read from its
//! owner. Losing the file loses nothing, so nothing waits for the disk.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use consort_model::{ChannelId, MessageId};
use consort_rpc::search::Query;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::document::{Document, Tag};
use crate::expression::{Channels, Expression};

/// Changes whenever a file of before could not be used, or would find something else.
const FORMAT: i64 = 1;
/// Matches that are counted.
const COUNTED_MAX: u32 = 100_000;

const SCHEMA: &str = "
    CREATE TABLE numbers(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE channels(id INTEGER PRIMARY KEY, parent INTEGER, private INTEGER NOT NULL DEFAULT 0,
                          indexed_to INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX threads ON channels(parent) WHERE parent IS NOT NULL;
    CREATE TABLE messages(id INTEGER PRIMARY KEY, channel INTEGER NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5(content, tags, content='', contentless_delete=1,
                                          tokenize='porter unicode61 remove_diacritics 2');
";

/// Why an index cannot be used.
#[derive(Debug)]
pub struct Failure(rusqlite::Error);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failure {}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self(error)
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// A thread, as far as searching goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) id: ChannelId,
    pub(crate) parent: ChannelId,
    pub(crate) private: bool,
}

/// The index of one guild or private channel.
#[derive(Debug)]
pub struct Index(Connection);

fn number(id: u64) -> i64 {
    // Snowflakes have 63 bits.
    id as i64
}

fn id<T: From<u64>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    Ok(T::from(row.get::<_, i64>(column)? as u64))
}

impl Index {
    /// Opens a file, or makes it. One of another format, or that is damaged, is made anew.
    ///
    /// # Errors
    /// [`Failure`] when the file cannot be written.
    pub fn open(path: &Path) -> Result<Self> {
        match Self::open_as_is(path) {
            Ok(Some(index)) => return Ok(index),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "an index is made anew");
            }
        }
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            // What cannot be removed is told by what follows.
            let _gone = std::fs::remove_file(name);
        }
        let index = Self(Self::connect(path)?);
        index.0.execute_batch(SCHEMA)?;
        index.set("format", FORMAT)?;
        Ok(index)
    }

    fn connect(path: &Path) -> Result<Connection> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;",
        )?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }

    fn open_as_is(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let index = Self(Self::connect(path)?);
        Ok((index.get("format")? == Some(FORMAT)).then_some(index))
    }

    fn get(&self, name: &str) -> Result<Option<i64>> {
        let mut read = self.0.prepare_cached("SELECT value FROM numbers WHERE name = ?")?;
        Ok(read.query_row([name], |row| row.get(0)).optional()?)
    }

    fn set(&self, name: &str, value: i64) -> Result<()> {
        let mut write = self.0.prepare_cached("INSERT OR REPLACE INTO numbers VALUES (?, ?)")?;
        write.execute(params![name, value])?;
        Ok(())
    }

    /// Does several things as one.
    pub(crate) fn together<T>(&self, act: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let transaction = self.0.unchecked_transaction()?;
        let done = act(self)?;
        transaction.commit()?;
        Ok(done)
    }

    /// The last note of changes that was followed.
    pub(crate) fn followed(&self) -> Result<Option<u64>> {
        Ok(self.get("followed")?.map(|value| value as u64))
    }

    pub(crate) fn set_followed(&self, note: u64) -> Result<()> {
        self.set("followed", number(note))
    }

    /// When it was searched last, Unix milliseconds.
    pub(crate) fn searched_ms(&self) -> Result<u64> {
        Ok(self.get("searched")?.unwrap_or_default() as u64)
    }

    pub(crate) fn set_searched_ms(&self, ms: u64) -> Result<()> {
        self.set("searched", number(ms))
    }

    /// Messages that are in it.
    pub(crate) fn documents(&self) -> Result<u64> {
        let mut read = self.0.prepare_cached("SELECT count(*) FROM messages")?;
        Ok(read.query_row([], |row| id::<u64>(row, 0))?)
    }

    /// The newest message of a channel that is in it, or was.
    pub(crate) fn indexed_to(&self, channel: ChannelId) -> Result<MessageId> {
        let mut read = self.0.prepare_cached("SELECT indexed_to FROM channels WHERE id = ?")?;
        let found = read.query_row([number(channel.get())], |row| id(row, 0)).optional()?;
        Ok(found.unwrap_or(MessageId::new(0)))
    }

    pub(crate) fn set_indexed_to(&self, channel: ChannelId, message: MessageId) -> Result<()> {
        let mut write = self.0.prepare_cached(
            "INSERT INTO channels(id, indexed_to) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET indexed_to = ?2",
        )?;
        write.execute([number(channel.get()), number(message.get())])?;
        Ok(())
    }

    /// Adds a message, or puts it in the place of what it was.
    pub(crate) fn put(&self, document: &Document) -> Result<()> {
        let (id, channel) = (number(document.id.get()), number(document.channel.get()));
        let mut row = self.0.prepare_cached("INSERT OR REPLACE INTO messages VALUES (?, ?)")?;
        row.execute([id, channel])?;
        let mut words =
            self.0.prepare_cached("INSERT OR REPLACE INTO words(rowid, content, tags) VALUES (?, ?, ?)")?;
        words.execute(params![id, document.text, document.tags])?;
        Ok(())
    }

    /// Takes a message out, if it is there.
    pub(crate) fn remove(&self, message: MessageId) -> Result<()> {
        let id = [number(message.get())];
        if self.0.prepare_cached("DELETE FROM messages WHERE id = ?")?.execute(id)? > 0 {
            self.0.prepare_cached("DELETE FROM words WHERE rowid = ?")?.execute(id)?;
        }
        Ok(())
    }

    /// Notes a thread; what is new in it is read next.
    pub(crate) fn put_thread(&self, thread: &Thread) -> Result<()> {
        let mut write = self.0.prepare_cached(
            "INSERT INTO channels(id, parent, private, archived) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT DO UPDATE SET parent = ?2, private = ?3, archived = 1",
        )?;
        let (id, parent) = (number(thread.id.get()), number(thread.parent.get()));
        write.execute(params![id, parent, thread.private])?;
        Ok(())
    }

    /// Threads in which there may be something new, and that nobody writes in any more.
    pub(crate) fn unread_threads(&self) -> Result<Vec<ChannelId>> {
        let mut read = self.0.prepare_cached("SELECT id FROM channels WHERE archived = 1")?;
        let found = read.query_map([], |row| id(row, 0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn thread_is_read(&self, thread: ChannelId) -> Result<()> {
        let mut write = self.0.prepare_cached("UPDATE channels SET archived = 0 WHERE id = ?")?;
        write.execute([number(thread.get())])?;
        Ok(())
    }

    /// The threads of a channel.
    pub(crate) fn threads_of(&self, parent: ChannelId) -> Result<Vec<Thread>> {
        let mut read = self.0.prepare_cached("SELECT id, private FROM channels WHERE parent = ?")?;
        let found = read.query_map([number(parent.get())], |row| {
            Ok(Thread { id: id(row, 0)?, parent, private: row.get(1)? })
        })?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// Takes out what a channel held, `max` messages at most. Gives whether all is gone, and the channel with it.
    pub(crate) fn remove_channel(&self, channel: ChannelId, max: usize) -> Result<bool> {
        let found = self.find_ids(&format!("tags : {}", Tag::Channel(channel.get()).word()), max)?;
        found.iter().try_for_each(|message| self.remove(*message))?;
        if found.len() < max {
            let mut write = self.0.prepare_cached("DELETE FROM channels WHERE id = ?")?;
            write.execute([number(channel.get())])?;
        }
        Ok(found.len() < max)
    }

    fn find_ids(&self, expression: &str, max: usize) -> Result<Vec<MessageId>> {
        let mut read = self.0.prepare_cached("SELECT rowid FROM words WHERE words MATCH ? LIMIT ?")?;
        let found = read.query_map(params![expression, max as i64], |row| id(row, 0))?;
        Ok(found.collect::<rusqlite::Result<_>>()?)
    }

    /// How to look in no other channels than these.
    pub(crate) fn channels(&self, allowed: &BTreeSet<u64>, wanted: &[ChannelId]) -> Result<Channels> {
        if !wanted.is_empty() {
            let wanted = wanted.iter().map(|channel| channel.get());
            return Ok(Channels::Only(wanted.filter(|channel| allowed.contains(channel)).collect()));
        }
        let mut read = self.0.prepare_cached("SELECT id FROM channels")?;
        let known = read.query_map([], |row| id::<u64>(row, 0))?;
        let known = known.collect::<rusqlite::Result<Vec<u64>>>()?;
        let (inside, outside): (Vec<u64>, Vec<u64>) = known.into_iter().partition(|id| allowed.contains(id));
        Ok(match outside.len() {
            0 => Channels::All,
            others if others < inside.len() => Channels::But(outside),
            _ => Channels::Only(inside),
        })
    }

    /// What fits, in the wanted order: how many in all, up to a bound, and a page of them.
    ///
    /// # Errors
    /// [`Failure`] when the file cannot be read.
    pub(crate) fn find(
        &self,
        query: &Query,
        channels: &Channels,
    ) -> Result<(u64, Vec<(ChannelId, MessageId)>)> {
        let Some(Expression(expression)) = Expression::of(query, channels) else {
            return Ok((0, Vec::new()));
        };
        let after = number(query.after.map_or(0, |id| id.get().min(i64::MAX as u64)));
        let before = number(query.before.map_or(i64::MAX as u64, |id| id.get().min(i64::MAX as u64)));
        let matching = "FROM words WHERE words MATCH ?1 AND rowid > ?2 AND rowid < ?3";
        let count = format!("SELECT count(*) FROM (SELECT 1 {matching} LIMIT {COUNTED_MAX})");
        let mut count = self.0.prepare_cached(&count)?;
        let total = count.query_row(params![expression, after, before], |row| id::<u64>(row, 0))?;
        let order = match (query.by_relevance, query.ascending) {
            (true, _) => "rank, rowid DESC",
            (false, true) => "rowid",
            (false, false) => "rowid DESC",
        };
        let page = format!("SELECT rowid {matching} ORDER BY {order} LIMIT ?4 OFFSET ?5");
        let mut page = self.0.prepare_cached(&page)?;
        let bounds = params![expression, after, before, query.limit, query.offset];
        let found = page.query_map(bounds, |row| id::<MessageId>(row, 0))?;
        let mut channel = self.0.prepare_cached("SELECT channel FROM messages WHERE id = ?")?;
        let mut messages = Vec::new();
        for message in found {
            let message = message?;
            let channel = channel.query_row([number(message.get())], |row| id(row, 0)).optional()?;
            messages.extend(channel.map(|channel| (channel, message)));
        }
        Ok((total, messages))
    }
}
