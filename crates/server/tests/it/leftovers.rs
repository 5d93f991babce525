//! What is deleted leaves nothing behind: every row and file that was there before a thing was made, and no other, is there
//! after it was deleted and erased.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use consort_cdn::blobs::Folder;
use consort_rpc::{InProcess, Mesh, NodeId, Static};
use consort_runtime::Ids;
use consort_server::{Membership, Node, Settings};
use consort_store::memory::Memory;
use consort_store::{Key, Table};
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::files::sound_of;
use crate::world::{Socket, World, next};

/// Rows that are about no guild, channel or application, and come and go with time.
const OF_THE_SYSTEM: &[Table] = &[
    // The mark of ids, and how often the server was started.
    Table::Meta,
    // Numbers of the words between owners: one small row for each pair of owners that ever spoke of something that is kept,
    // since a word that comes late must be told from a new one. A deleted account's stays.
    Table::Marks,
    // Who has sent something that is kept, in spans of ten minutes: names are taken off when the span is over.
    Table::Senders,
    // The last words of a guild to nodes that have missed them: so many, whatever they are about.
    Table::Words,
    // The newest epoch of each owner, by which a store refuses those that were replaced.
    Table::Epochs,
];

type Row = (Table, u64, Key);

/// How long what is set going may take.
const PATIENCE: Duration = Duration::from_secs(60);

struct House {
    world: World,
    store: Memory,
}

impl House {
    async fn new() -> Self {
        let (store, files) = (Memory::new(), tempfile::tempdir().unwrap());
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            dev: true,
            rate_limits: false,
            slices: 1,
            ..Settings::new(files.path().join("data"))
        };
        std::fs::create_dir_all(&settings.data).unwrap();
        let node = NodeId(0);
        let directory = Arc::new(Static::new(vec![node]));
        let (network, ids) = (InProcess::new(), Arc::new(Ids::new(node.0)));
        let mesh = Mesh::new(node, directory, Arc::new(network.clone()));
        network.join(&mesh);
        let blobs = Folder::open(settings.data.join("blobs")).unwrap();
        let place = Membership::new(mesh, Arc::new(store.reopen()), ids, Arc::new(blobs));
        let node = Node::join(&settings, place).await.unwrap();
        Self { world: World { node, directory: files }, store }
    }

    async fn ok(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let (status, answer) = self.world.call(method, path, token, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn rows(&self) -> BTreeSet<Row> {
        // The number of the last word of an account to its sessions: of the account, and begun with the first word.
        let is_number = |row: &Row| row.0 == Table::UserSettings && row.2 == Key::text("said");
        let of_subjects = |row: &Row| !OF_THE_SYSTEM.contains(&row.0) && !is_number(row);
        self.store.rows().into_keys().filter(of_subjects).collect()
    }

    /// What is stored once owners have told each other everything and nothing waits to be erased.
    async fn settled(&self) -> (BTreeSet<Row>, BTreeSet<String>) {
        let quiet = async {
            let waits = |table: Table| [Table::Outbox, Table::Erasures, Table::Orphans].contains(&table);
            while self.rows().iter().any(|(table, ..)| waits(*table)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, quiet).await.expect("everything is told and erased");
        (self.rows(), self.files())
    }

    fn files(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        list(&self.world.directory.path().join("data").join("blobs"), &mut found);
        found
    }

    /// Holds what is stored now against what was stored before; `may_stay` says what is known to stay, and why is said there.
    /// `people` come and go first: what they remember of a deleted thing goes then.
    async fn same_as(
        &self,
        (rows, files): (BTreeSet<Row>, BTreeSet<String>),
        people: &[&str],
        may_stay: impl Fn(&Row) -> bool,
    ) {
        self.settled().await;
        for token in people {
            self.look_in(token).await;
        }
        let forgotten = async {
            while self.rows().difference(&rows).any(|row| row.0 == Table::ReadStates) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _in_time = tokio::time::timeout(PATIENCE, forgotten).await;
        let (now, files_now) = self.settled().await;
        let stored = self.store.rows();
        let more: Vec<_> = now.difference(&rows).filter(|row| !may_stay(row)).collect();
        let more: Vec<_> = more.into_iter().map(|row| (row, stored.get(row))).collect();
        let less: Vec<_> = rows.difference(&now).collect();
        let more_files: Vec<_> = files_now.difference(&files).collect();
        assert!(
            more.is_empty() && less.is_empty() && more_files.is_empty(),
            "left: {more:#?}\ngone: {less:#?}\nfiles left: {more_files:#?}"
        );
    }

    /// Somebody comes and goes.
    async fn look_in(&self, token: &str) {
        let mut socket = self.socket(token).await;
        socket.close(None).await.unwrap();
    }

    async fn socket(&self, token: &str) -> Socket {
        let mut socket = self.world.socket().await;
        next(&mut socket).await.unwrap();
        let properties = json!({"os": "Linux", "browser": "test", "device": ""});
        let token = token.trim_start_matches("Bot ");
        let identify = json!({"op": 2, "d": {"token": token, "properties": properties, "intents": 513}});
        socket.send(Message::text(identify.to_string())).await.unwrap();
        while next(&mut socket).await.unwrap()["t"] != "READY" {}
        socket
    }
}

fn list(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, found);
        } else {
            found.insert(path.to_string_lossy().into_owned());
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

const PICTURE: &str = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/// Fills a channel with one of everything that can be in it; `other` is mentioned and reads it.
async fn fill(house: &House, guild: &str, channel: &str, (own, other): (&str, &str)) {
    let at = |path: &str| format!("/channels/{channel}{path}");
    let me = text(&house.ok("GET", "/users/@me", other, Value::Null).await["id"]);
    let said = house
        .ok(
            "POST",
            &at("/messages"),
            own,
            json!({"content": format!("<@{me}> hi"), "nonce": "1", "enforce_nonce": true}),
        )
        .await;
    let said = text(&said["id"]);
    let poll = json!({"question": {"text": "?"}, "answers": [{"poll_media": {"text": "a"}}], "duration": 1});
    let poll = text(&house.ok("POST", &at("/messages"), own, json!({"poll": poll})).await["id"]);
    house.ok("PUT", &at(&format!("/polls/{poll}/answers/@me")), other, json!({"answer_ids": ["1"]})).await;
    house.ok("PUT", &at(&format!("/messages/{said}/reactions/%E2%9D%A4/@me")), other, Value::Null).await;
    house.ok("PUT", &at(&format!("/messages/pins/{said}")), own, Value::Null).await;
    house.ok("POST", &at(&format!("/messages/{said}/ack")), other, json!({})).await;
    let file = json!({"files": [{"filename": "a.txt", "file_size": 3, "id": "0"}]});
    let slot = house.ok("POST", &at("/attachments"), own, file).await["attachments"][0].clone();
    let upload = text(&slot["upload_url"]);
    let path = upload.find("/cdn/").map(|at| upload[at..].to_owned()).unwrap();
    assert_eq!(house.world.raw("PUT", &path, "", Some(json!(1))).await.0, 200, "{path}");
    let attachment = json!({"id": "0", "filename": "a.txt", "uploaded_filename": slot["upload_filename"]});
    house.ok("POST", &at("/messages"), own, json!({"attachments": [attachment]})).await;
    let hook = house.ok("POST", &at("/webhooks"), own, json!({"name": "hook", "avatar": PICTURE})).await;
    let hook = format!("/webhooks/{}/{}?wait=true", text(&hook["id"]), text(&hook["token"]));
    house.ok("POST", &hook, "", json!({"content": "by a hook"})).await;
    house.ok("POST", &at("/invites"), own, json!({})).await;
    for (archived, name) in [(false, "open"), (true, "archived")] {
        let thread =
            text(&house.ok("POST", &at("/threads"), own, json!({"name": name, "type": 11})).await["id"]);
        let talk = format!("/channels/{thread}/messages");
        let inside = text(&house.ok("POST", &talk, other, json!({"content": "in a thread"})).await["id"]);
        house.ok("POST", &format!("{talk}/{inside}/ack"), own, json!({})).await;
        house.ok("PATCH", &format!("/channels/{thread}"), own, json!({"archived": archived})).await;
    }
    house.ok("PATCH", &at(""), own, json!({"rate_limit_per_user": 5})).await;
    house.ok("POST", &at("/messages"), other, json!({"content": "slowly"})).await;
    let settings = json!({"channel_overrides": {channel: {"muted": true}}});
    house.ok("PATCH", &format!("/users/@me/guilds/{guild}/settings"), other, settings).await;
}

async fn text_channel(house: &House, guild: &str, token: &str) -> String {
    let channels = house.ok("GET", &format!("/guilds/{guild}/channels"), token, Value::Null).await;
    let is_text = |channel: &&Value| channel["type"] == 0;
    text(&channels.as_array().unwrap().iter().find(is_text).unwrap()["id"])
}

async fn invite(house: &House, channel: &str, own: &str, other: &str) {
    let code = text(&house.ok("POST", &format!("/channels/{channel}/invites"), own, json!({})).await["code"]);
    house.ok("POST", &format!("/invites/{code}"), other, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_guild_leaves_nothing() {
    let house = House::new().await;
    let (ada, ben) = (house.world.person("ada").await, house.world.person("ben").await);
    let carl = house.world.person("carl").await;
    let before = house.settled().await;
    let guild = json!({"name": "Guild", "icon": PICTURE});
    let guild = text(&house.ok("POST", "/guilds", &ada, guild).await["id"]);
    let at = |path: &str| format!("/guilds/{guild}{path}");
    let channel = text_channel(&house, &guild, &ada).await;
    invite(&house, &channel, &ada, &ben).await;
    fill(&house, &guild, &channel, (&ada, &ben)).await;
    house.ok("POST", &at("/channels"), &ada, json!({"name": "posts", "type": 15})).await;
    house.ok("POST", &at("/emojis"), &ada, json!({"name": "dot", "image": PICTURE})).await;
    house.ok("POST", &at("/soundboard-sounds"), &ada, json!({"name": "quack", "sound": sound_of(1)})).await;
    let stage = json!({"name": "stage", "type": 13});
    let stage = text(&house.ok("POST", &at("/channels"), &ada, stage).await["id"]);
    house.ok("POST", "/stage-instances", &ada, json!({"channel_id": stage, "topic": "talk"})).await;
    house.ok("POST", &at("/roles"), &ada, json!({"name": "r"})).await;
    invite(&house, &channel, &ada, &carl).await;
    let carl_id = text(&house.ok("GET", "/users/@me", &carl, Value::Null).await["id"]);
    house.ok("PUT", &at(&format!("/bans/{carl_id}")), &ada, json!({})).await;
    house.ok("DELETE", &at(""), &ada, Value::Null).await;
    house.same_as(before, &[&ada, &ben], |_| false).await;
    house.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_channel_leaves_nothing_but_the_audit_log() {
    let house = House::new().await;
    let (ada, ben) = (house.world.person("ada").await, house.world.person("ben").await);
    let guild = text(&house.ok("POST", "/guilds", &ada, json!({"name": "Guild"})).await["id"]);
    let general = text_channel(&house, &guild, &ada).await;
    invite(&house, &general, &ada, &ben).await;
    let settings = format!("/users/@me/guilds/{guild}/settings");
    house.ok("PATCH", &settings, &ben, json!({"muted": false})).await;
    let before = house.settled().await;
    let channel = json!({"name": "short-lived", "type": 0});
    let channel = text(&house.ok("POST", &format!("/guilds/{guild}/channels"), &ada, channel).await["id"]);
    fill(&house, &guild, &channel, (&ada, &ben)).await;
    house.ok("DELETE", &format!("/channels/{channel}"), &ada, Value::Null).await;
    // The guild was to be woken for the end of a poll; an alarm goes when it has rung. That the channel and its messages are gone is
    // noted for a week, by their ids, so that they go from what is searched, too.
    let may_stay = |(table, ..): &Row| matches!(table, Table::AuditLog | Table::Alarms | Table::Changes);
    house.same_as(before, &[&ada, &ben], may_stay).await;
    house.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_application_leaves_what_its_bot_wrote_and_nothing_else() {
    let house = House::new().await;
    let ada = house.world.person("ada").await;
    let guild = text(&house.ok("POST", "/guilds", &ada, json!({"name": "Guild"})).await["id"]);
    let channel = text_channel(&house, &guild, &ada).await;
    let before = house.settled().await;
    let application = json!({"name": "Helper"});
    let application = text(&house.ok("POST", "/applications", &ada, application).await["id"]);
    let at = |path: &str| format!("/applications/{application}{path}");
    house.ok("PATCH", &at(""), &ada, json!({"icon": PICTURE})).await;
    let bot = house.ok("POST", &at("/bot"), &ada, json!({})).await;
    let bot = format!("Bot {}", text(&bot["token"]));
    let link = format!("/oauth2/authorize?client_id={application}&scope=bot");
    house.ok("POST", &link, &ada, json!({"authorize": true, "guild_id": guild, "permissions": "0"})).await;
    let command = json!({"name": "echo", "description": "again"});
    let command = text(&house.ok("POST", &at("/commands"), &bot, command).await["id"]);
    house
        .ok("POST", &at(&format!("/guilds/{guild}/commands")), &bot, json!({"name": "x", "description": "y"}))
        .await;
    house.ok("POST", &at("/emojis"), &bot, json!({"name": "dot", "image": PICTURE})).await;
    let mut socket = house.socket(&bot).await;
    let used = json!({
        "type": 2, "application_id": application, "guild_id": guild, "channel_id": channel, "session_id": "s",
        "data": {"id": command, "name": "echo", "type": 1},
    });
    house.ok("POST", "/interactions", &ada, used).await;
    let used = loop {
        let frame = next(&mut socket).await.unwrap();
        if frame["t"] == "INTERACTION_CREATE" {
            break frame["d"].clone();
        }
    };
    let path = format!("/interactions/{}/{}/callback", text(&used["id"]), text(&used["token"]));
    house.ok("POST", &path, "", json!({"type": 4, "data": {"content": "psst", "flags": 64}})).await;
    socket.close(None).await.unwrap();
    house.ok("POST", &at("/delete"), &ada, json!({})).await;
    let bot: u64 = application.parse().unwrap();
    // What the bot wrote stays, and its account with its name, disabled, so that its messages have an author; of former members a
    // guild keeps when they left. What was done to the guild is in its log.
    let may_stay = |(table, partition, key): &Row| match table {
        Table::Users => *partition == bot,
        Table::UsernameIndex | Table::Messages | Table::AuditLog => true,
        Table::GuildMisc => key.as_bytes().starts_with(b"left/"),
        _ => false,
    };
    house.same_as(before, &[], may_stay).await;
    house.world.node.shutdown().await;
}
