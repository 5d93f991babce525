//! The server is killed while eight clients post, started again, and must hold every message it acknowledged, once each, in
//! the order of each client; and serve on.

use crate::api::{Api, World, text};
use crate::gateway::Gateway;
use crate::server::Server;
use crate::sh;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many clients post at once, each into a channel of its own and into one that all use.
const CLIENTS: usize = 8;
/// How many acknowledged messages there must be when the server is killed.
const KILL_AFTER: usize = 160;
/// How many rounds of posting and killing.
const ROUNDS: usize = 3;

/// A message that the server acknowledged: its channel, id and content.
struct Acknowledged {
    channel: String,
    id: String,
    content: String,
}

/// Runs the test and returns how many messages were acknowledged and found.
///
/// # Errors
/// With what was lost or doubled.
pub(super) fn check(binary: &Path) -> Result<usize, String> {
    let data = sh::fresh("crash-data")?;
    let start = || super::start(binary, &data, "crash-server");
    let mut server = start()?;
    let world = Api::new(&server.api()).world("crash")?;
    let mut channels = vec![world.channel.clone()];
    for client in 0..CLIENTS {
        let api = Api::new(&server.api());
        channels.push(api.channel(&world.owner.token, &world.guild, &format!("client-{client}"))?);
    }
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(post_until_killed(server, &world, &channels, round)?);
        server = start()?;
        let api = Api::new(&server.api());
        verify(&api, &world, &channels, &acknowledged)
            .map_err(|error| format!("after kill {}: {error}", round + 1))?;
        Gateway::connect(server.address)?.identify(&world.bot.token, 1)?;
    }
    server.stop()?;
    Ok(acknowledged.len())
}

/// Posts from all clients, kills the server in their midst, returns what was acknowledged.
fn post_until_killed(
    server: Server,
    world: &World,
    channels: &[String],
    round: usize,
) -> Result<Vec<Acknowledged>, String> {
    let acknowledged = Mutex::new(Vec::new());
    let count = AtomicUsize::new(0);
    let base = server.api();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (acknowledged, count, base) = (&acknowledged, &count, &base);
            scope.spawn(move || {
                let api = Api::new(base);
                for turn in 0.. {
                    let channel = &channels[if turn % 2 == 0 { 0 } else { 1 + client }];
                    let content = format!("round {round} client {client} message {turn}");
                    let path = format!("/channels/{channel}/messages");
                    let sent = api.ok(
                        "POST",
                        &path,
                        &world.bot.authorization(),
                        Some(json!({ "content": content })),
                    );
                    // the first refusal or broken connection is the end of this client
                    let Ok(id) = sent.and_then(|message| text(&message, "id")) else { return };
                    if let Ok(mut all) = acknowledged.lock() {
                        all.push(Acknowledged { channel: channel.clone(), id, content });
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let enough = sh::poll(Duration::from_secs(60), || count.load(Ordering::Relaxed) >= KILL_AFTER);
        server.kill();
        if enough { Ok(()) } else { Err(format!("only {} messages in 60 s", count.load(Ordering::Relaxed))) }
    })?;
    acknowledged.into_inner().map_err(|_| "a client panicked".to_owned())
}

/// Reads every channel from its beginning and looks for each acknowledged message, once, and for each
/// client's order.
fn verify(
    api: &Api,
    world: &World,
    channels: &[String],
    acknowledged: &[Acknowledged],
) -> Result<(), String> {
    for channel in channels {
        let history = history(api, world, channel)?;
        let mut seen: HashMap<&str, &str> = HashMap::new();
        let mut last: HashMap<String, (usize, usize)> = HashMap::new();
        for message in &history {
            let (id, content) = (message["id"].as_str().unwrap_or_default(), message["content"].as_str());
            let content = content.unwrap_or_default();
            if let Some(twice) = seen.insert(content, id).filter(|_| content.starts_with("round")) {
                return Err(format!("{content:?} is there twice: {twice} and {id}"));
            }
            let Some((client, at)) = origin(content) else { continue };
            if last.insert(client.clone(), at).is_some_and(|before| before >= at) {
                return Err(format!("{content:?} of client {client} is out of order"));
            }
        }
        let lost = acknowledged.iter().filter(|one| one.channel == *channel);
        let lost: Vec<&str> = lost
            .filter(|one| seen.get(one.content.as_str()) != Some(&one.id.as_str()))
            .map(|one| &*one.content)
            .collect();
        if !lost.is_empty() {
            return Err(format!("{} acknowledged messages are lost: {}", lost.len(), lost.join("; ")));
        }
    }
    Ok(())
}

/// The client of a message, and its round and turn.
fn origin(content: &str) -> Option<(String, (usize, usize))> {
    let words: Vec<&str> = content.split(' ').collect();
    match words[..] {
        ["round", round, "client", client, "message", turn] => {
            Some((client.to_owned(), (round.parse().ok()?, turn.parse().ok()?)))
        }
        _ => None,
    }
}

/// A channel's messages, oldest first.
fn history(api: &Api, world: &World, channel: &str) -> Result<Vec<Value>, String> {
    let mut all: Vec<Value> = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let path = format!("/channels/{channel}/messages?limit=100&after={after}");
        let page = api.ok("GET", &path, &world.bot.authorization(), None)?;
        let mut page = page.as_array().cloned().unwrap_or_default();
        page.reverse();
        let Some(newest) = page.last() else { return Ok(all) };
        after = text(newest, "id")?;
        all.append(&mut page);
    }
}
