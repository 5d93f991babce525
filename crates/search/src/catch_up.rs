//! Bringing an index up to date from the store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use consort_model::{Channel, ChannelId, ChannelType, Message, MessageId, snowflake};
use consort_rpc::search::{CHANGE_KEPT_MS, Change, Scope};
use consort_store::{Key, Range, StoreExt as _, StoreRef, Table};

use crate::document::Document;
use crate::index::{Failure, Index, Thread};

/// Rows read at once.
const PAGE_ROWS: usize = 500;
/// An index follows the notes of changes as long as it is sure that none is gone: a day less than they are kept.
const FOLLOWED_MS: u64 = CHANGE_KEPT_MS - 24 * 3_600_000;
/// Without any note, an index begins to follow them so long before it is made, in milliseconds: the clocks of owners differ.
const NOTES_FROM_MS: u64 = 24 * 3_600_000;

/// Why an index is not up to date.
#[derive(Debug)]
pub(crate) enum Stopped {
    Index(Failure),
    Store(consort_store::Error),
    /// Whoever worked with the index has panicked.
    Lost,
    /// Notes that the index would have to follow are gone: it must be made anew.
    Behind,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Index(failure)
    }
}

impl From<consort_store::Error> for Stopped {
    fn from(error: consort_store::Error) -> Self {
        Self::Store(error)
    }
}

type Result<T> = std::result::Result<T, Stopped>;

/// An index that tasks share. It is worked with on threads that may wait for a disk.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<Index>>);

impl Shared {
    pub(crate) fn new(index: Index) -> Self {
        Self(Arc::new(Mutex::new(index)))
    }

    pub(crate) async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Index) -> std::result::Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        let index = self.0.clone();
        let act = move || act(&index.lock().unwrap_or_else(PoisonError::into_inner));
        let done = tokio::task::spawn_blocking(act).await.map_err(|_| Stopped::Lost)?;
        Ok(done?)
    }
}

/// What an index is made of.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) store: StoreRef,
    /// The guild or private channel.
    pub(crate) owner: u64,
}

impl Source {
    /// Brings an index up to date with all that a reader may read.
    pub(crate) async fn catch_up(&self, index: &Shared, scope: &Scope, now_ms: u64) -> Result<()> {
        self.follow_changes(index, now_ms).await?;
        for searched in &scope.channels {
            let channel = searched.channel;
            let indexed_to = index.with(move |index| index.indexed_to(channel)).await?;
            if searched.newest.is_some_and(|newest| newest > indexed_to) {
                self.read_on(index, channel, indexed_to).await?;
            }
        }
        for thread in index.with(Index::unread_threads).await? {
            let indexed_to = index.with(move |index| index.indexed_to(thread)).await?;
            self.read_on(index, thread, indexed_to).await?;
            index.with(move |index| index.thread_is_read(thread)).await?;
        }
        Ok(())
    }

    /// Follows what owners have noted since the last time; in a new index, finds the threads there are.
    pub(crate) async fn follow_changes(&self, index: &Shared, now_ms: u64) -> Result<()> {
        let Some(followed) = index.with(Index::followed).await? else {
            return self.begin(index, now_ms).await;
        };
        if MessageId::new(followed).timestamp_ms() + FOLLOWED_MS < now_ms {
            return Err(Stopped::Behind);
        }
        let mut last = followed;
        loop {
            let range = Range::after(last, PAGE_ROWS);
            let notes: Vec<(Key, Change)> = self.store.scan_rows(Table::Changes, self.owner, range).await?;
            let count = notes.len();
            let mut messages: BTreeMap<ChannelId, Vec<MessageId>> = BTreeMap::new();
            for (key, change) in notes {
                last = key.to_id().unwrap_or(last);
                match change {
                    Change::Messages(channel, ids) => messages.entry(channel).or_default().extend(ids),
                    Change::Thread(thread) => self.follow_thread(index, thread).await?,
                    Change::Channel(channel) => remove_channel(index, channel).await?,
                }
            }
            for (channel, ids) in messages {
                for ids in ids.chunks(PAGE_ROWS) {
                    self.read_again(index, channel, ids.to_vec()).await?;
                }
            }
            // An index that nothing changes in is not behind.
            let seen = if count < PAGE_ROWS { last.max(snowflake::at(now_ms - NOTES_FROM_MS)) } else { last };
            index.with(move |index| index.set_followed(seen)).await?;
            if count < PAGE_ROWS {
                return Ok(());
            }
        }
    }

    async fn begin(&self, index: &Shared, now_ms: u64) -> Result<()> {
        let newest: Vec<(Key, Change)> =
            self.store.scan_rows(Table::Changes, self.owner, Range::newest(1)).await?;
        let newest = newest.first().and_then(|(key, _)| key.to_id());
        let followed = newest.unwrap_or(snowflake::at(now_ms - NOTES_FROM_MS));
        let mut pages = self.store.pages(Table::Threads, self.owner, Range::all(PAGE_ROWS));
        while let Some(rows) = pages.next_rows::<Channel>().await? {
            let threads: Vec<Thread> = rows.iter().filter_map(|(_, channel)| thread(channel)).collect();
            index
                .with(move |index| {
                    index.together(|index| threads.iter().try_for_each(|thread| index.put_thread(thread)))
                })
                .await?;
        }
        index.with(move |index| index.set_followed(followed)).await
    }

    async fn follow_thread(&self, index: &Shared, id: ChannelId) -> Result<()> {
        let row: Option<Channel> = self.store.get_row(Table::Threads, self.owner, id.get()).await?;
        match row.as_ref().and_then(thread) {
            Some(thread) => index.with(move |index| index.put_thread(&thread)).await,
            None => remove_channel(index, id).await,
        }
    }

    /// Reads on in a channel, from the newest message that is in the index.
    async fn read_on(&self, index: &Shared, channel: ChannelId, mut from: MessageId) -> Result<()> {
        loop {
            let range = Range::after(from.get(), PAGE_ROWS);
            let rows: Vec<(Key, Message)> =
                self.store.scan_rows(Table::Messages, channel.get(), range).await?;
            let Some((key, _)) = rows.last() else { return Ok(()) };
            from = key.to_id().map_or(from, MessageId::new);
            let (last, is_end) = (from, rows.len() < PAGE_ROWS);
            let messages = rows.into_iter().map(|(_, message)| message).collect();
            let documents = self.documents(channel, messages).await?;
            index
                .with(move |index| {
                    index.together(|index| {
                        documents.iter().try_for_each(|document| index.put(document))?;
                        index.set_indexed_to(channel, last)
                    })
                })
                .await?;
            if is_end {
                return Ok(());
            }
        }
    }

    /// Reads messages again that were changed or deleted.
    async fn read_again(&self, index: &Shared, channel: ChannelId, ids: Vec<MessageId>) -> Result<()> {
        let keys = ids.iter().map(|id| Key::id(id.get())).collect();
        let rows: Vec<Option<Message>> = self.store.get_rows(Table::Messages, channel.get(), keys).await?;
        let gone: Vec<MessageId> =
            ids.iter().zip(&rows).filter(|(_, row)| row.is_none()).map(|(id, _)| *id).collect();
        let documents = self.documents(channel, rows.into_iter().flatten().collect()).await?;
        index
            .with(move |index| {
                index.together(|index| {
                    gone.iter().try_for_each(|id| index.remove(*id))?;
                    // What is newer than the index is read in its turn.
                    let indexed_to = index.indexed_to(channel)?;
                    documents
                        .iter()
                        .filter(|document| document.id <= indexed_to)
                        .try_for_each(|document| index.put(document))
                })
            })
            .await
    }

    async fn documents(&self, channel: ChannelId, messages: Vec<Message>) -> Result<Vec<Document>> {
        let answered = |message: &Message| message.message_reference.as_ref()?.message_id;
        let ids: Vec<MessageId> = messages.iter().filter_map(answered).collect();
        let keys = ids.iter().map(|id| Key::id(id.get())).collect();
        let rows: Vec<Option<Message>> = match ids.is_empty() {
            true => Vec::new(),
            false => self.store.get_rows(Table::Messages, channel.get(), keys).await?,
        };
        let authors: BTreeMap<MessageId, u64> =
            rows.into_iter().flatten().map(|message| (message.id, message.author.id.get())).collect();
        let document = |message: &Message| {
            let author = answered(message).and_then(|id| authors.get(&id).copied());
            Document::of(message, author)
        };
        Ok(messages.iter().map(document).collect())
    }
}

fn thread(channel: &Channel) -> Option<Thread> {
    let private = channel.kind == ChannelType::PrivateThread;
    Some(Thread { id: channel.id, parent: channel.parent_id?, private })
}

async fn remove_channel(index: &Shared, channel: ChannelId) -> Result<()> {
    loop {
        let remove = move |index: &Index| index.together(|index| index.remove_channel(channel, PAGE_ROWS));
        if index.with(remove).await? {
            return Ok(());
        }
    }
}
