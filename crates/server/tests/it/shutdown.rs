//! The end of the process by signals.

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, connect};

use crate::process::{Client, Process};

/// Acknowledged messages after which the server is asked to end.
const ACKNOWLEDGED: usize = 150;
/// People whom one message mentions.
const MENTIONED: usize = 40;
/// What one sender sends at most; the end of the server comes much earlier.
const POSTS_MAX: usize = 20_000;

/// A person with a gateway session and what they send messages to.
struct Person {
    token: String,
    channels: Vec<String>,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id: {value}")).to_owned()
}

/// A community with one channel.
struct Community {
    guild: String,
    channel: String,
    /// The code of an invite.
    invite: String,
}

fn found(client: &Client, owner: &str) -> Community {
    let guild = id(&client.ok("POST", "/guilds", owner, Some(json!({"name": "Testers"}))));
    let channels = client.ok("GET", &format!("/guilds/{guild}/channels"), owner, None);
    let channel = id(channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap());
    let invite = client.ok("POST", &format!("/channels/{channel}/invites"), owner, Some(json!({})));
    Community { guild, channel, invite: invite["code"].as_str().unwrap().to_owned() }
}

/// Registers somebody who joins; the token, once the account knows of the community.
fn join(client: &Client, community: &Community, name: &str) -> String {
    let token = client.person(name);
    client.ok("POST", &format!("/invites/{}", community.invite), &token, Some(json!({})));
    let knows = || {
        let guilds = client.ok("GET", "/users/@me/guilds", &token, None);
        guilds.as_array().unwrap().iter().any(|guild| guild["id"] == *community.guild)
    };
    while !knows() {}
    token
}

/// A community of some people, of whom each has a direct channel with the first one, too.
fn people(client: &Client) -> Vec<Person> {
    let ada = client.person("ada");
    let community = found(client, &ada);
    let ada_id = id(&client.ok("GET", "/users/@me", &ada, None));
    let mut people = vec![Person { token: ada, channels: vec![community.channel.clone()] }];
    for name in ["bob", "cy", "dora"] {
        let token = join(client, &community, name);
        let direct = client.ok("POST", "/users/@me/channels", &token, Some(json!({"recipient_id": ada_id})));
        people.push(Person { token, channels: vec![community.channel.clone(), id(&direct)] });
    }
    people
}

/// Opens a session; its READY and the socket.
fn identify(client: &Client, token: &str) -> (Value, WebSocket<MaybeTlsStream<TcpStream>>) {
    let (mut socket, _) = connect(format!("ws://{}/?v=10&encoding=json", client.address)).unwrap();
    let properties = json!({"os": "Linux", "browser": "Firefox", "device": ""});
    let identify = json!({"op": 2, "d": {"token": token, "properties": properties, "capabilities": 0}});
    socket.send(Message::text(identify.to_string())).unwrap();
    loop {
        let frame = next(&mut socket).expect("READY");
        if frame["t"] == "READY" {
            return (frame["d"].clone(), socket);
        }
    }
}

/// The next frame, until the connection ends.
fn next(socket: &mut WebSocket<MaybeTlsStream<TcpStream>>) -> Option<Value> {
    match socket.read().ok()? {
        Message::Text(text) => Some(serde_json::from_str(&text).unwrap()),
        _ => Some(Value::Null),
    }
}

/// Opens a session and listens until the server sends it away.
fn listen(client: &Client, token: &str) -> thread::JoinHandle<()> {
    let (_, mut socket) = identify(client, token);
    // Who is told to come back leaves, as clients do.
    thread::spawn(move || while next(&mut socket).is_some_and(|frame| frame["op"] != 7) {})
}

/// Begins a request, whose body is still to be sent; the server waits for it when this returns.
fn begin_request(client: &Client, path: &str, token: &str, body_bytes: usize) -> TcpStream {
    let mut request = TcpStream::connect(&client.address).unwrap();
    let authorization = if token.is_empty() { String::new() } else { format!("authorization: {token}\r\n") };
    let head = format!(
        "POST /api/v10{path} HTTP/1.1\r\nhost: localhost\r\n{authorization}content-type: application/json\r\n\
         content-length: {body_bytes}\r\nexpect: 100-continue\r\n\r\n"
    );
    request.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 25];
    request.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    request
}

/// Posts until the server refuses; reports what was acknowledged.
fn post(
    client: Client,
    token: String,
    channel: String,
    name: String,
    acknowledged: SyncSender<(String, String)>,
) {
    let path = format!("/channels/{channel}/messages");
    for n in 0..POSTS_MAX {
        let content = format!("{name}/{n}");
        match client.call("POST", &path, &token, Some(json!({"content": content}))) {
            Ok((200, _)) => acknowledged.send((channel.clone(), content)).unwrap(),
            Ok((503, _)) | Err(_) => return,
            Ok((status, answer)) => panic!("{status} {answer}"),
        }
    }
    panic!("the server did not end");
}

/// What is in a channel.
fn history(client: &Client, token: &str, channel: &str) -> HashSet<String> {
    let (mut found, mut before) = (HashSet::new(), String::new());
    loop {
        let path = format!("/channels/{channel}/messages?limit=100{before}");
        let page = client.ok("GET", &path, token, None);
        let page = page.as_array().unwrap();
        let Some(oldest) = page.last() else { return found };
        before = format!("&before={}", id(oldest));
        found.extend(page.iter().map(|message| message["content"].as_str().unwrap().to_owned()));
    }
}

/// Asserts that a server ended well and that nothing worried it.
fn assert_orderly(server: Process) {
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    let worries = [" WARN ", " ERROR ", "panicked"];
    let worried: Vec<_> =
        log.lines().filter(|line| worries.iter().any(|worry| line.contains(worry))).collect();
    assert!(worried.is_empty(), "{worried:#?}");
    assert!(log.trim_end().lines().last().is_some_and(|line| line.contains("closed")), "{log}");
}

#[test]
fn what_was_acknowledged_before_sigterm_is_there_and_nothing_was_written_too_late() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(directory.path());
    let client = server.client.clone();
    let people = people(&client);
    let sessions: Vec<_> =
        people.iter().flat_map(|p| [listen(&client, &p.token), listen(&client, &p.token)]).collect();
    let (acknowledged, reports) = sync_channel(1024);
    let mut posters = Vec::new();
    for (who, person) in people.iter().enumerate() {
        for (which, channel) in person.channels.iter().cycle().take(3).enumerate() {
            let (client, token, channel) = (client.clone(), person.token.clone(), channel.clone());
            let (name, acknowledged) = (format!("{who}/{which}"), acknowledged.clone());
            posters.push(thread::spawn(move || post(client, token, channel, name, acknowledged)));
        }
    }
    drop(acknowledged);
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    for (count, (channel, content)) in reports.iter().enumerate() {
        told.entry(channel).or_default().push(content);
        if count + 1 == ACKNOWLEDGED {
            server.signal("TERM");
        }
    }
    for ended in posters.into_iter().chain(sessions) {
        ended.join().unwrap();
    }
    assert_orderly(server);
    assert!(told.len() == 4, "something was acknowledged in each channel: {told:?}");

    let server = Process::start(directory.path());
    for (channel, contents) in &told {
        let reader = people.iter().find(|person| person.channels.contains(channel)).unwrap();
        let found = history(&server.client, &reader.token, channel);
        let lost: Vec<_> = contents.iter().filter(|content| !found.contains(*content)).collect();
        assert!(lost.is_empty(), "{lost:?} of {}", contents.len());
    }
    server.signal("INT");
    assert_orderly(server);
}

#[test]
fn what_a_message_is_for_those_it_mentions_is_done_before_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(directory.path());
    let ada = server.client.person("ada");
    let community = found(&server.client, &ada);
    let mentioned: Vec<_> =
        (0..MENTIONED).map(|n| join(&server.client, &community, &format!("member{n}"))).collect();
    let ids = mentioned.iter().map(|token| id(&server.client.ok("GET", "/users/@me", token, None)));
    let content: String = ids.map(|id| format!("<@{id}>")).collect();
    server.signal("TERM");
    assert_orderly(server);

    // Their accounts are not in memory now. The last request that the server waits for has them loaded when it is answered.
    let server = Process::start(directory.path());
    let body = json!({"content": content}).to_string();
    let path = format!("/channels/{}/messages", community.channel);
    let mut request = begin_request(&server.client, &path, &ada, body.len());
    server.signal("TERM");
    server.await_log("shutting down");
    request.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    request.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_orderly(server);

    let server = Process::start(directory.path());
    for token in &mentioned {
        let (ready, _) = identify(&server.client, token);
        let states = &ready["read_state"];
        let states = states.as_array().or_else(|| states["entries"].as_array()).unwrap();
        let state = states.iter().find(|state| state["id"] == *community.channel);
        assert_eq!(state.map(|state| &state["mention_count"]), Some(&json!(1)), "{states:?}");
    }
    server.signal("TERM");
    assert_orderly(server);
}

#[test]
fn a_second_signal_ends_it_at_once_even_if_it_comes_with_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start(directory.path());
    // A request under way whose body never comes: an orderly end waits for it.
    let _request = begin_request(&server.client, "/auth/register", "", 100);
    // Both are there when it looks next.
    server.signal("STOP");
    server.signal("TERM");
    server.signal("INT");
    server.signal("CONT");
    let (status, log) = server.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.ends_with("consort: ended before everything was done\n"), "{log}");
}
