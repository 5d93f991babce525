//! Indexes that are made of a store and follow it.

use std::collections::BTreeSet;
use std::sync::Arc;

use consort_model::{
    Channel, ChannelId, ChannelType, GuildId, Message, MessageId, Timestamp, UserId, snowflake,
};
use consort_rpc::search::{Answer, CHANGE_KEPT_MS, Change, Query, Scope, SearchedChannel};
use consort_runtime::Manual;
use consort_search::Indexes;
use consort_store::memory::Memory;
use consort_store::{Batch, Key, Store as _, StoreRef, Table};
use serde_json::json;

const GUILD: u64 = 1 << 40;
const CHANNEL: ChannelId = ChannelId::new(7);
const START_MS: u64 = 1_800_000_000_000;

struct World {
    store: Memory,
    clock: Arc<Manual>,
    indexes: Arc<Indexes>,
    folder: tempfile::TempDir,
    next: u64,
}

impl World {
    async fn new() -> Self {
        let (store, clock) = (Memory::new(), Manual::new(START_MS));
        let folder = tempfile::tempdir().unwrap();
        let shared: StoreRef = Arc::new(store.clone());
        let indexes = Indexes::open(folder.path().to_owned(), shared, clock.clone()).unwrap();
        let world = Self { store, clock, indexes, folder, next: snowflake::at(START_MS) };
        let mut batch = Batch::new();
        batch.put_row(Table::Guilds, GUILD, Key::empty(), &1);
        world.store.commit(batch).await.unwrap();
        world
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    async fn write(&self, channel: ChannelId, id: u64, content: &str) {
        let message: Message = serde_json::from_value(json!({
            "id": id.to_string(), "channel_id": channel.to_string(), "content": content, "type": 0,
            "author": {"id": "5", "username": "ada", "discriminator": "0", "avatar": null},
            "timestamp": "2027-01-15T08:00:00.000000+00:00", "edited_timestamp": null, "tts": false,
            "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [],
            "pinned": false, "components": [],
        }))
        .unwrap();
        let mut batch = Batch::new();
        batch.put_row(Table::Messages, channel.get(), id, &message);
        self.store.commit(batch).await.unwrap();
    }

    async fn post(&mut self, channel: ChannelId, content: &str) -> MessageId {
        let id = self.id();
        self.write(channel, id, content).await;
        MessageId::new(id)
    }

    async fn note(&mut self, change: &Change) {
        let mut batch = Batch::new();
        batch.put_row(Table::Changes, GUILD, self.id(), change);
        self.store.commit(batch).await.unwrap();
    }

    async fn delete(&self, table: Table, partition: u64, key: impl Into<Key>) {
        let mut batch = Batch::new();
        batch.delete(table, partition, key);
        self.store.commit(batch).await.unwrap();
    }

    async fn found(&self, places: &[ChannelId], content: &str) -> Vec<MessageId> {
        let newest = Some(MessageId::new(self.next));
        let place = |channel: &ChannelId| SearchedChannel { channel: *channel, newest, has_threads: true };
        let scope = Scope {
            reader: UserId::new(9),
            since: Timestamp::from_ms(START_MS),
            channels: places.iter().map(place).collect(),
            moderated: Vec::new(),
        };
        let query = Query { content: content.to_owned(), limit: 25, ..Query::default() };
        match self.indexes.find(GUILD, scope, &query).await.unwrap() {
            Answer::Found { messages, .. } => messages.into_iter().map(|(_, message)| message).collect(),
            Answer::NotReady { documents } => panic!("not ready with {documents}"),
        }
    }

    fn files(&self) -> BTreeSet<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().flatten();
        files.map(|file| file.file_name().into_string().unwrap()).collect()
    }
}

#[tokio::test]
async fn an_index_reads_on_and_follows_what_was_noted() {
    let mut world = World::new().await;
    let mut posted = Vec::new();
    for n in 0..1203 {
        posted.push(world.post(CHANNEL, &format!("word number{n}")).await);
    }
    assert_eq!(world.found(&[CHANNEL], "word").await.len(), 25, "over several pages");
    assert_eq!(world.found(&[CHANNEL], "number1202").await, [posted[1202]]);
    let newer = world.post(CHANNEL, "newer").await;
    assert_eq!(world.found(&[CHANNEL], "newer").await, [newer]);

    world.write(CHANNEL, posted[3].get(), "another thing").await;
    world.delete(Table::Messages, CHANNEL.get(), posted[4].get()).await;
    world.note(&Change::Messages(CHANNEL, vec![posted[3], posted[4]])).await;
    assert_eq!(world.found(&[CHANNEL], "number3").await, []);
    assert_eq!(world.found(&[CHANNEL], "number4").await, []);
    assert_eq!(world.found(&[CHANNEL], "another").await, [posted[3]]);
}

#[tokio::test]
async fn an_index_that_was_not_used_for_long_is_made_anew() {
    let mut world = World::new().await;
    let first = world.post(CHANNEL, "first").await;
    assert_eq!(world.found(&[CHANNEL], "first").await, [first]);
    // Noted and forgotten again.
    world.write(CHANNEL, first.get(), "changed").await;
    world.clock.advance(CHANGE_KEPT_MS + 1);
    assert_eq!(world.found(&[CHANNEL], "first").await, []);
    assert_eq!(world.found(&[CHANNEL], "changed").await, [first]);
}

#[tokio::test]
async fn threads_are_found_that_came_and_went_between_two_searches() {
    let mut world = World::new().await;
    assert_eq!(world.found(&[CHANNEL], "x").await, []);
    let (public, private) = (ChannelId::new(20), ChannelId::new(21));
    for (thread, kind) in [(public, ChannelType::PublicThread), (private, ChannelType::PrivateThread)] {
        let mut channel = Channel::guild(thread, kind, GuildId::new(GUILD), "t".to_owned());
        channel.parent_id = Some(CHANNEL);
        let mut batch = Batch::new();
        batch.put_row(Table::Threads, GUILD, thread.get(), &channel);
        world.store.commit(batch).await.unwrap();
        world.post(thread, "in a thread").await;
        world.note(&Change::Thread(thread)).await;
    }
    let open = world.found(&[CHANNEL], "thread").await;
    assert_eq!(open.len(), 1, "not the private one");
    assert_eq!(world.found(&[CHANNEL, private], "thread").await.len(), 2);
    assert_eq!(world.found(&[ChannelId::new(8)], "thread").await, [], "nor in a channel that cannot be read");
    world.delete(Table::Threads, GUILD, public.get()).await;
    world.note(&Change::Thread(public)).await;
    assert_eq!(world.found(&[CHANNEL], "thread").await, []);
}

#[tokio::test]
async fn any_number_of_channels_may_be_hidden_or_shown() {
    let mut world = World::new().await;
    let all: Vec<ChannelId> = (100..2100).map(ChannelId::new).collect();
    for channel in &all {
        world.post(*channel, "everywhere").await;
    }
    assert_eq!(world.found(&all, "everywhere").await.len(), 25);
    let last = world.found(&all[..1], "everywhere").await;
    assert_eq!(last.len(), 1);
    assert_eq!(world.found(&all[..999], "").await.len(), 25);
    assert_eq!(world.found(&all[1..], "everywhere").await.len(), 25);
    assert!(!world.found(&all[1..], "everywhere").await.contains(&last[0]));
}

#[tokio::test]
async fn the_file_of_a_guild_goes_with_it_and_when_nobody_searches() {
    let mut world = World::new().await;
    let posted = world.post(CHANNEL, "there").await;
    let name = format!("{GUILD}.index");
    assert_eq!(world.found(&[CHANNEL], "there").await, [posted]);
    world.indexes.sweep().await;
    assert!(world.files().contains(&name));
    world.clock.advance(31 * 24 * 3_600_000);
    world.indexes.sweep().await;
    assert!(world.files().is_empty(), "{:?}", world.files());

    assert_eq!(world.found(&[CHANNEL], "there").await, [posted]);
    world.delete(Table::Guilds, GUILD, Key::empty()).await;
    world.indexes.sweep().await;
    assert!(world.files().is_empty(), "{:?}", world.files());
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_search_first_at_once_share_one_index() {
    for _ in 0..20 {
        let mut world = World::new().await;
        let posted = world.post(CHANNEL, "there").await;
        let search = || world.found(&[CHANNEL], "there");
        let found = tokio::join!(search(), search(), search(), search());
        assert_eq!([found.0, found.1, found.2, found.3], [[posted], [posted], [posted], [posted]]);
        // What is in the file is what was made, not what another one has put in its place.
        let again =
            Indexes::open(world.folder.path().to_owned(), Arc::new(Memory::new()), world.clock.clone());
        world.indexes = again.unwrap();
        assert_eq!(world.found(&[CHANNEL], "there").await, [posted]);
    }
}

#[tokio::test]
async fn a_damaged_file_is_made_anew() {
    let mut world = World::new().await;
    std::fs::write(
        world.folder.path().join(format!("{GUILD}.index")),
        b"not a database, but long enough".repeat(99),
    )
    .unwrap();
    let posted = world.post(CHANNEL, "there").await;
    assert_eq!(world.found(&[CHANNEL], "there").await, [posted]);
}
