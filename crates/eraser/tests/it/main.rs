//! The eraser over a store in memory, with owners of users that are a list.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use consort_eraser::{Eraser, SLICE_ROWS};
use consort_model::ApiError;
use consort_rpc::guild::emoji::{EMOJI_INDEX_KEY, INDEX_KEY};
use consort_rpc::{Answer, Call, Host, InProcess, Mesh, MeshRef, NodeId, Static, user};
use consort_store::erasure::{Erasure, SHARDS, marked};
use consort_store::memory::Memory;
use consort_store::{Batch, BoxFuture, Error, Key, Range, Row, Scan, Store, StoreRef, Table, Write};
use serde_json::{Value, json};

/// Owners of users that take what they are told; those of `refused_once` are overloaded the first time.
struct Users {
    told: Mutex<Vec<u64>>,
    refused_once: Mutex<Vec<u64>>,
}

impl Host<user::User> for Users {
    fn deliver(&self, key: u64, call: Call<user::User>) {
        assert!(matches!(call.op, user::Op::GuildLeft { .. }) && call.caller.system);
        let mut refused = self.refused_once.lock().unwrap();
        if let Some(at) = refused.iter().position(|user| *user == key) {
            refused.remove(at);
            return call.respond.send(Err(ApiError::overloaded()));
        }
        self.told.lock().unwrap().push(key);
        call.respond.send(Ok(Answer::Empty));
    }
}

/// A store that keeps a batch whole in each partition only, and takes so many of those parts until the process dies.
struct Dying {
    beneath: Memory,
    takes: Mutex<usize>,
}

fn place(write: &Write) -> (Table, u64) {
    match write {
        Write::Put { table, partition, .. }
        | Write::Delete { table, partition, .. }
        | Write::DeleteRange { table, partition, .. } => (*table, *partition),
    }
}

impl Store for Dying {
    fn submit(&self, batch: Batch) -> BoxFuture<'static, Result<(), Error>> {
        let mut parts = BTreeMap::<(Table, u64), Batch>::new();
        for write in batch.writes {
            parts.entry(place(&write)).or_default().writes.push(write);
        }
        let mut takes = self.takes.lock().unwrap();
        let (mut taken, mut done) = (Vec::new(), Ok(()));
        for part in parts.into_values() {
            match takes.checked_sub(1) {
                Some(left) => *takes = left,
                None => {
                    done = Err(Error::Closed);
                    break;
                }
            }
            taken.push(self.beneath.submit(part));
        }
        Box::pin(async move {
            for part in taken {
                part.await?;
            }
            done
        })
    }

    fn get(&self, table: Table, partition: u64, key: Key) -> BoxFuture<'_, Result<Option<Bytes>, Error>> {
        self.beneath.get(table, partition, key)
    }

    fn get_many(
        &self,
        table: Table,
        partition: u64,
        keys: Vec<Key>,
    ) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, Error>> {
        self.beneath.get_many(table, partition, keys)
    }

    fn scan(&self, table: Table, partition: u64, range: Range) -> BoxFuture<'_, Result<Vec<Row>, Error>> {
        self.beneath.scan(table, partition, range)
    }

    fn scan_many(&self, scans: Vec<Scan>) -> BoxFuture<'_, Result<Vec<Vec<Row>>, Error>> {
        self.beneath.scan_many(scans)
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.beneath.close()
    }
}

struct World {
    store: StoreRef,
    memory: Memory,
    users: Arc<Users>,
    mesh: MeshRef,
}

impl World {
    fn new(refused_once: Vec<u64>) -> Self {
        let node = NodeId(1);
        let mesh = Mesh::new(node, Arc::new(Static::new(vec![node])), Arc::new(InProcess::new()));
        let users = Arc::new(Users { told: Mutex::default(), refused_once: refused_once.into() });
        mesh.host::<user::User>(users.clone());
        let memory = Memory::new();
        Self { store: Arc::new(memory.clone()), memory, users, mesh }
    }

    fn eraser(&self) -> Eraser {
        Eraser::new(self.store.clone(), &self.mesh)
    }

    async fn write(&self, fill: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::new();
        fill(&mut batch);
        self.store.commit(batch).await.unwrap();
    }

    async fn count(&self, table: Table, partition: u64) -> usize {
        self.store.scan(table, partition, Range::all(10_000)).await.unwrap().len()
    }

    async fn marks(&self) -> Vec<Erasure> {
        let mut found = Vec::new();
        for shard in 0..SHARDS {
            found.extend(marked(&self.store, shard, 1_000).await.unwrap());
        }
        found
    }
}

fn message(id: u64) -> Value {
    let author =
        json!({"id": "5", "username": "ada", "discriminator": "0", "global_name": null, "avatar": null});
    json!({
        "id": id.to_string(), "channel_id": "7", "author": author, "content": "x", "timestamp": "2026-01-01T00:00:00.000000+00:00",
        "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [],
        "attachments": [], "embeds": [], "pinned": false, "type": 0,
        "reactions": [{"count": 1, "count_details": {"burst": 0, "normal": 1}, "me": false, "me_burst": false,
                       "emoji": {"id": null, "name": "x"}, "burst_colors": []}],
    })
}

#[tokio::test(start_paused = true)]
async fn a_marked_partition_goes_slice_by_slice_and_nothing_else_does() {
    let world = World::new(Vec::new());
    let rows = SLICE_ROWS as u64 * 2 + 3;
    world
        .write(|batch| {
            (1..=rows).for_each(|id| {
                batch.put_row(Table::Messages, 7, id, &message(id));
            });
            batch.put_row(Table::Messages, 8, rows + 1, &message(rows + 1));
            batch.put_row(Table::Reactions, 3, Key::text("x"), &1).put_row(
                Table::Reactions,
                rows + 1,
                Key::text("x"),
                &1,
            );
            batch.erase_later(Table::Messages, 7);
        })
        .await;
    let eraser = world.eraser();
    assert_eq!(eraser.round().await.unwrap(), 1);
    assert_eq!(world.count(Table::Messages, 7).await, rows as usize - SLICE_ROWS);
    // The process dies here; the next one finds the mark.
    let eraser = world.eraser();
    while eraser.round().await.unwrap() > 0 {}
    assert_eq!(world.count(Table::Messages, 7).await, 0);
    assert_eq!(world.count(Table::Reactions, 3).await, 0, "reactions go with their message");
    assert_eq!(world.count(Table::Messages, 8).await, 1);
    assert_eq!(world.count(Table::Reactions, rows + 1).await, 1);
    assert_eq!(world.marks().await, []);
}

#[tokio::test(start_paused = true)]
async fn wherever_it_dies_what_is_left_can_still_be_found() {
    for takes in 0..8 {
        let mut world = World::new(Vec::new());
        world
            .write(|batch| {
                for id in 1..=3 {
                    batch.put_row(Table::Messages, 7, id, &message(id));
                    batch.put_row(Table::Reactions, id, Key::text("x"), &1);
                }
                batch.erase_later(Table::Messages, 7);
            })
            .await;
        let whole = world.store.clone();
        let beneath = world.memory.clone();
        world.store = Arc::new(Dying { beneath, takes: Mutex::new(takes) });
        let done = world.eraser().round().await;
        world.store = whole;
        let (messages, marks) = (world.count(Table::Messages, 7).await, world.marks().await);
        assert!(messages == 0 || !marks.is_empty(), "{takes}: rows without a mark");
        for id in 1..=3 {
            let reactions = world.count(Table::Reactions, id).await;
            assert!(reactions == 0 || messages > 0, "{takes}: reactions that nobody finds any more");
        }
        assert!(done.is_ok() || messages > 0 || !marks.is_empty(), "{takes}");
        while world.eraser().round().await.unwrap() > 0 {}
        assert_eq!((world.count(Table::Messages, 7).await, world.marks().await), (0, Vec::new()), "{takes}");
    }
}

#[tokio::test(start_paused = true)]
async fn small_partitions_go_many_at_once() {
    let world = World::new(Vec::new());
    // Of one moment, so of one shard: the reactions of messages that were deleted together.
    let messages = 60;
    world
        .write(|batch| {
            for id in 1..=messages {
                batch.put_row(Table::Reactions, id, Key::text("x"), &1);
                batch.put_row(Table::Reactions, id, Key::text("y"), &1);
                batch.erase_later(Table::Reactions, id);
            }
        })
        .await;
    let began = tokio::time::Instant::now();
    assert_eq!(world.eraser().round().await.unwrap(), messages as usize);
    assert_eq!(world.marks().await, []);
    for id in 1..=messages {
        assert_eq!(world.count(Table::Reactions, id).await, 0);
    }
    // Time stands still but for pauses: one after each batch.
    assert!(began.elapsed() < std::time::Duration::from_millis(10), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_guild_are_told_before_they_are_erased() {
    let world = World::new(vec![2]);
    world
        .write(|batch| {
            (1..=3).for_each(|user| {
                batch.put_row(Table::Members, 9, user, &json!({}));
            });
            batch.erase_later(Table::Members, 9);
        })
        .await;
    let eraser = world.eraser();
    eraser.round().await.unwrap();
    assert_eq!(world.count(Table::Members, 9).await, 3, "one was not told");
    while eraser.round().await.unwrap() > 0 {}
    assert_eq!(world.count(Table::Members, 9).await, 0);
    let told = world.users.told.lock().unwrap();
    assert!((1..=3).all(|user| told.contains(&user)), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_in_a_thread_goes_with_the_thread() {
    let world = World::new(Vec::new());
    let thread = json!({"id": "11", "type": 11, "guild_id": "9", "parent_id": "10", "name": "t"});
    world
        .write(|batch| {
            batch.put_row(Table::Channels, 9, 10, &json!({"id": "10", "type": 0}));
            batch.put_row(Table::Threads, 9, 11, &thread);
            batch.put_row(Table::Threads, 10, Key::ids(&[1, 11]), &"11");
            batch.put_row(Table::ChannelIndex, 11, Key::empty(), &"9");
            batch.put_row(Table::Messages, 11, 12, &message(12)).put_row(
                Table::ThreadMembers,
                11,
                5,
                &json!({}),
            );
            batch.erase_later(Table::Channels, 9).erase_later(Table::Threads, 9);
        })
        .await;
    let eraser = world.eraser();
    while eraser.round().await.unwrap() > 0 {}
    for (table, partition) in [
        (Table::Threads, 9),
        (Table::Threads, 10),
        (Table::ChannelIndex, 11),
        (Table::Messages, 11),
        (Table::ThreadMembers, 11),
        (Table::Channels, 9),
    ] {
        assert_eq!(world.count(table, partition).await, 0, "{table:?} of {partition}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_finds_the_guild_of_an_emoji_or_sticker_goes_with_it() {
    let world = World::new(Vec::new());
    world
        .write(|batch| {
            batch.put_row(Table::Emojis, 9, 20, &json!({})).put_row(
                Table::GuildMisc,
                20,
                Key::text(EMOJI_INDEX_KEY),
                &9,
            );
            batch.put_row(Table::Stickers, 9, 30, &json!({})).put_row(
                Table::GuildMisc,
                30,
                Key::text(INDEX_KEY),
                &9,
            );
            batch.put_row(Table::GuildMisc, 40, Key::text(EMOJI_INDEX_KEY), &8);
            batch.erase_later(Table::Emojis, 9).erase_later(Table::Stickers, 9);
        })
        .await;
    let eraser = world.eraser();
    while eraser.round().await.unwrap() > 0 {}
    for (table, partition) in
        [(Table::Emojis, 9), (Table::Stickers, 9), (Table::GuildMisc, 20), (Table::GuildMisc, 30)]
    {
        assert_eq!(world.count(table, partition).await, 0, "{table:?} {partition}");
    }
    assert_eq!(world.count(Table::GuildMisc, 40).await, 1, "that of another guild stays");
}
