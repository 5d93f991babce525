//! Three whole nodes in one process, each with its own API, gateway and owners, over one store. They talk in bytes, as
//! between machines.

use std::sync::Arc;

use consort_cdn::blobs::Memory as Blobs;
use consort_rpc::{Directory as _, InProcess, Mesh, NodeId, Static};
use consort_runtime::Ids;
use consort_server::{Membership, Node, Settings};
use consort_store::memory::Memory;
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Socket, World, next};

struct Cluster {
    directory: Arc<Static>,
    network: InProcess,
    nodes: Vec<World>,
}

impl Cluster {
    async fn start() -> Self {
        let (directory, network) = (Arc::new(Static::new([0, 1, 2].map(NodeId).to_vec())), InProcess::new());
        let (store, blobs, mut nodes) = (Memory::new(), Blobs::default(), Vec::new());
        for node in [0, 1, 2].map(NodeId) {
            let files = tempfile::tempdir().unwrap();
            let settings = Settings {
                listen: "127.0.0.1:0".parse().unwrap(),
                dev: true,
                rate_limits: false,
                slices: 2,
                ..Settings::new(files.path().join("data"))
            };
            std::fs::create_dir_all(&settings.data).unwrap();
            let store = Arc::new(store.reopen());
            let ids = Arc::new(Ids::new(node.0));
            let mesh = Mesh::new(node, directory.clone(), Arc::new(network.clone()));
            network.join(&mesh);
            let place = Membership::new(mesh, store, ids, Arc::new(blobs.clone()));
            nodes.push(World { node: Node::join(&settings, place).await.unwrap(), directory: files });
        }
        Self { directory, network, nodes }
    }

    /// Calls a node's API and expects success.
    async fn ok(&self, node: usize, method: &str, path: &str, token: &str, body: Value) -> Value {
        let (status, answer) = self.nodes[node].call(method, path, token, body).await;
        assert!((200..300).contains(&status), "node {node}: {method} {path}: {status} {answer}");
        answer
    }

    /// Makes a guild over node 0 whose owner is on the given node; the guild and its text channel.
    async fn guild_on(&self, owner: NodeId, token: &str) -> (String, String) {
        for _ in 0..100 {
            let guild = self.ok(0, "POST", "/guilds", token, json!({"name": "Testers"})).await;
            let id = guild["id"].as_str().unwrap().to_owned();
            if self.directory.owner("guild", id.parse().unwrap()) != Some(owner) {
                self.ok(0, "DELETE", &format!("/guilds/{id}"), token, Value::Null).await;
                continue;
            }
            let channels = self.ok(2, "GET", &format!("/guilds/{id}/channels"), token, Value::Null).await;
            let text = channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap();
            return (id, text["id"].as_str().unwrap().to_owned());
        }
        panic!("a hundred guilds and none on {owner}");
    }
}

/// A session and the sequence it is at.
struct Session {
    socket: Socket,
    sequence: u64,
    id: String,
}

impl Session {
    /// Identifies at a node.
    async fn open(world: &World, token: &str) -> Self {
        let mut socket = world.socket().await;
        next(&mut socket).await.unwrap();
        let properties = json!({"os": "Linux", "browser": "Firefox", "device": ""});
        let identify = json!({"op": 2, "d": {"token": token, "properties": properties, "capabilities": 0}});
        socket.send(Message::text(identify.to_string())).await.unwrap();
        let mut session = Self { socket, sequence: 0, id: String::new() };
        let ready = session.dispatch("READY").await;
        session.id = ready["session_id"].as_str().unwrap().to_owned();
        session
    }

    /// The next dispatch of this name; others are passed over. Sequences must not have gaps.
    async fn dispatch(&mut self, name: &str) -> Value {
        loop {
            let frame = next(&mut self.socket).await.unwrap_or_else(|code| panic!("closed with {code:?}"));
            if frame["op"] != 0 {
                continue;
            }
            self.sequence += 1;
            assert_eq!(frame["s"], self.sequence, "{frame}");
            if frame["t"] == name {
                return frame["d"].clone();
            }
        }
    }

    async fn messages(&mut self, count: usize) -> Vec<String> {
        let mut seen = Vec::new();
        while seen.len() < count {
            seen.push(self.dispatch("MESSAGE_CREATE").await["content"].as_str().unwrap().to_owned());
        }
        seen
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_of_one_node_serves_callers_and_sessions_of_all() {
    let cluster = Cluster::start().await;
    let (ada, bob) = (cluster.nodes[0].person("ada").await, cluster.nodes[2].person("bob").await);
    let (mut at_a, mut at_c) =
        (Session::open(&cluster.nodes[0], &ada).await, Session::open(&cluster.nodes[2], &bob).await);
    let (guild, channel) = cluster.guild_on(NodeId(1), &ada).await;
    while at_a.dispatch("GUILD_CREATE").await["id"] != *guild {}
    let invite = cluster.ok(1, "POST", &format!("/channels/{channel}/invites"), &ada, json!({})).await;
    let accept = format!("/invites/{}", invite["code"].as_str().unwrap());
    cluster.ok(2, "POST", &accept, &bob, json!({})).await;
    let created = at_c.dispatch("GUILD_CREATE").await;
    assert_eq!((&created["id"], &created["member_count"]), (&json!(guild), &json!(2)));
    assert_eq!(at_a.dispatch("GUILD_MEMBER_ADD").await["user"]["username"], "bob");
    assert_eq!(at_a.messages(1).await, [""], "the word of welcome");

    // One after the other, over different nodes.
    let path = format!("/channels/{channel}/messages");
    let wanted: Vec<String> = (0..30).map(|n| n.to_string()).collect();
    for (n, content) in wanted.iter().enumerate() {
        let token = if n % 2 == 0 { &ada } else { &bob };
        cluster.ok(n % 3, "POST", &path, token, json!({"content": content})).await;
    }
    // The welcome may have been said before or after bob's session was attached.
    let mut seen = at_c.messages(30).await;
    if seen[0].is_empty() {
        seen.remove(0);
        seen.extend(at_c.messages(1).await);
    }
    assert_eq!((at_a.messages(30).await, seen), (wanted.clone(), wanted));

    // All at once: every session sees one order, which is that of the history.
    let post = async |node: usize, token: &str| {
        for n in 0..10 {
            cluster.ok(node, "POST", &path, token, json!({"content": format!("{node}/{n}")})).await;
        }
    };
    tokio::join!(post(0, &ada), post(1, &bob), post(2, &ada));
    let history = cluster.ok(1, "GET", &format!("{path}?limit=30"), &bob, Value::Null).await;
    let history = history.as_array().unwrap().iter().rev().map(|m| m["content"].as_str().unwrap().to_owned());
    let history: Vec<_> = history.collect();
    assert_eq!((at_a.messages(30).await, at_c.messages(30).await), (history.clone(), history));

    // What one may not see one is not told, on whichever node.
    let secret = json!({"name": "secret", "type": 0, "permission_overwrites": [{"id": guild, "type": 0, "deny": "1024"}]});
    let secret = cluster.ok(0, "POST", &format!("/guilds/{guild}/channels"), &ada, secret).await;
    let hidden = format!("/channels/{}/messages", secret["id"].as_str().unwrap());
    cluster.ok(2, "POST", &hidden, &ada, json!({"content": "hidden"})).await;
    cluster.ok(0, "POST", &path, &ada, json!({"content": "shown"})).await;
    assert_eq!(at_c.messages(1).await, ["shown"]);
    assert_eq!(at_a.messages(2).await, ["hidden", "shown"]);
    for node in cluster.nodes {
        node.node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_is_served_again_when_its_node_has_died_and_no_other_socket_closes() {
    let mut cluster = Cluster::start().await;
    let ada = cluster.nodes[0].person("ada").await;
    let (guild, channel) = cluster.guild_on(NodeId(1), &ada).await;
    let mut session = Session::open(&cluster.nodes[2], &ada).await;
    let path = format!("/channels/{channel}/messages");
    cluster.ok(0, "POST", &path, &ada, json!({"content": "before"})).await;
    assert_eq!(session.messages(1).await, ["before"]);

    cluster.network.part(NodeId(1));
    let (status, _) = cluster.nodes[0].call("POST", &path, &ada, json!({"content": "lost"})).await;
    assert_eq!(status, 503, "refused, not forgotten");
    // It is dead before the map says so: it hands nothing over.
    cluster.nodes.remove(1).node.shutdown().await;
    cluster.directory.set(vec![NodeId(0), NodeId(2)]);

    // Nobody calls: the relay of the session has heard that the owner's node is gone, and wakes the guild on its new one.
    assert_eq!(session.dispatch("GUILD_CREATE").await["id"], *guild);
    cluster.ok(1, "POST", &path, &ada, json!({"content": "after"})).await;
    assert_eq!(session.messages(1).await, ["after"]);
    let history = cluster.ok(0, "GET", &path, &ada, Value::Null).await;
    let history: Vec<_> =
        history.as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(history, ["after", "before"], "nothing acknowledged is lost");
    for node in cluster.nodes {
        node.node.shutdown().await;
    }
}

/// A person whose account is owned by another node than this one.
async fn person_away_from(cluster: &Cluster, node: NodeId) -> (String, String) {
    for n in 0..100 {
        let token = cluster.nodes[0].person(&format!("bob{n}")).await;
        let me = cluster.ok(0, "GET", "/users/@me", &token, Value::Null).await;
        let id = me["id"].as_str().unwrap();
        if cluster.directory.owner("user", id.parse().unwrap()) != Some(node) {
            return (token, id.to_owned());
        }
    }
    panic!("a hundred accounts, all on {node}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_a_gateway_that_has_died_are_offline_and_out_of_voice() {
    let mut cluster = Cluster::start().await;
    let ada = cluster.nodes[0].person("ada").await;
    let (bob, bob_id) = person_away_from(&cluster, NodeId(2)).await;
    let (guild, channel) = cluster.guild_on(NodeId(1), &ada).await;
    let invite = cluster.ok(1, "POST", &format!("/channels/{channel}/invites"), &ada, json!({})).await;
    cluster.ok(0, "POST", &format!("/invites/{}", invite["code"].as_str().unwrap()), &bob, json!({})).await;
    let channels = cluster.ok(1, "GET", &format!("/guilds/{guild}/channels"), &ada, Value::Null).await;
    let voice =
        channels.as_array().unwrap().iter().find(|channel| channel["type"] == 2).unwrap()["id"].clone();

    let mut at_a = Session::open(&cluster.nodes[0], &ada).await;
    let mut at_c = Session::open(&cluster.nodes[2], &bob).await;
    while at_a.dispatch("PRESENCE_UPDATE").await["user"]["id"] != *bob_id {}
    let join = json!({"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false});
    at_c.socket.send(Message::text(json!({"op": 4, "d": join}).to_string())).await.unwrap();
    assert_eq!(at_a.dispatch("VOICE_STATE_UPDATE").await["channel_id"], voice);

    cluster.network.part(NodeId(2));
    cluster.directory.set(vec![NodeId(0), NodeId(1)]);
    let mut left = (false, false);
    while left != (true, true) {
        let frame = next(&mut at_a.socket).await.unwrap();
        let d = &frame["d"];
        left.0 |= frame["t"] == "VOICE_STATE_UPDATE" && d["user_id"] == *bob_id && d["channel_id"].is_null();
        left.1 |= frame["t"] == "PRESENCE_UPDATE" && d["user"]["id"] == *bob_id && d["status"] == "offline";
    }
    cluster.nodes.remove(2).node.shutdown().await;
    for node in cluster.nodes {
        node.node.shutdown().await;
    }
}

impl Session {
    /// Resumes on another connection; what was missed and all that follows comes there.
    async fn resume(&mut self, world: &World, token: &str, id: &str) {
        self.socket = world.socket().await;
        next(&mut self.socket).await.unwrap();
        let resume = json!({"op": 6, "d": {"token": token, "session_id": id, "seq": self.sequence}});
        self.socket.send(Message::text(resume.to_string())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_resumed_at_whichever_node_its_client_comes_to() {
    let mut cluster = Cluster::start().await;
    let ada = cluster.nodes[0].person("ada").await;
    let eve = cluster.nodes[0].person("eve").await;
    let (_, channel) = cluster.guild_on(NodeId(1), &ada).await;
    let path = format!("/channels/{channel}/messages");
    let mut session = Session::open(&cluster.nodes[0], &ada).await;
    let id = session.id.clone();
    let mut wanted = Vec::new();
    for (turn, node) in [2, 1, 2, 0, 1].into_iter().enumerate() {
        // It is cut off without a word, and something is said before it is back.
        drop(std::mem::replace(&mut session.socket, cluster.nodes[node].socket().await));
        for n in 0..3 {
            let content = format!("{turn}/{n}");
            cluster.ok(n, "POST", &path, &ada, json!({"content": content})).await;
            wanted.push(content);
        }
        // Nobody else gets it, whatever node that asks.
        let mut thief = Session { socket: cluster.nodes[1].socket().await, sequence: 1, id: id.clone() };
        thief.resume(&cluster.nodes[1], &eve, &id).await;
        let refused = next(&mut thief.socket).await.unwrap();
        assert_eq!((&refused["op"], &refused["d"]), (&json!(9), &json!(false)));
        session.resume(&cluster.nodes[node], &ada, &id).await;
        assert_eq!(session.messages(3).await, wanted[3 * turn..]);
    }

    // The node where it was made leaves, and then the one that has it.
    let first = cluster.nodes.remove(0).node;
    cluster.directory.set(vec![NodeId(1), NodeId(2)]);
    first.shutdown().await;
    cluster.network.part(NodeId(0));
    cluster.ok(0, "POST", &path, &ada, json!({"content": "without the first"})).await;
    assert_eq!(session.messages(1).await, ["without the first"]);
    let second = cluster.nodes.remove(0).node;
    let (left, last) = tokio::join!(second.shutdown(), async {
        while next(&mut session.socket).await.is_ok_and(|frame| frame["op"] != 7) {}
        session.resume(&cluster.nodes[0], &ada, &id).await;
        session.dispatch("RESUMED").await
    });
    let ((), _) = (left, last);
    cluster.directory.set(vec![NodeId(2)]);
    cluster.network.part(NodeId(1));
    cluster.ok(0, "POST", &path, &ada, json!({"content": "at the last"})).await;
    assert_eq!(session.messages(1).await, ["at the last"]);
    for node in cluster.nodes {
        node.node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_gives_the_sessions_of_absent_clients_to_others() {
    let mut cluster = Cluster::start().await;
    let ada = cluster.nodes[0].person("ada").await;
    let (_, channel) = cluster.guild_on(NodeId(1), &ada).await;
    let path = format!("/channels/{channel}/messages");
    let mut session = Session::open(&cluster.nodes[0], &ada).await;
    let id = session.id.clone();
    // Its client is away when the node leaves.
    drop(std::mem::replace(&mut session.socket, cluster.nodes[1].socket().await));
    cluster.ok(1, "POST", &path, &ada, json!({"content": "before"})).await;
    cluster.nodes.remove(0).node.shutdown().await;
    cluster.directory.set(vec![NodeId(1), NodeId(2)]);
    cluster.network.part(NodeId(0));
    cluster.ok(1, "POST", &path, &ada, json!({"content": "after"})).await;
    session.resume(&cluster.nodes[1], &ada, &id).await;
    assert_eq!(session.messages(2).await, ["before", "after"]);
    for node in cluster.nodes {
        node.node.shutdown().await;
    }
}
