//! What operators run, against a server: the commands of docs/operating/looking-inside.md.

use std::process::Command;

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{World, next};

/// Runs the binary with the data folder of a server: whether it succeeded, what it wrote, and what it said of errors.
async fn consort(world: &World, token: Option<String>, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_consort"));
    command.args(arguments).env("CONSORT_DATA", world.directory.path().join("data"));
    command.env_remove("CONSORT_OPERATOR_TOKEN").envs(token.map(|token| ("CONSORT_OPERATOR_TOKEN", token)));
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
}

async fn shown(world: &World, arguments: &[&str]) -> String {
    let (is_well, shown, error) = consort(world, None, arguments).await;
    assert!(is_well, "{arguments:?}: {error}");
    shown
}

/// A person with a session, in a guild with a message; ids of the guild and the person.
async fn busy(world: &World) -> (String, String) {
    let token = world.person("ada").await;
    let mut socket = world.socket().await;
    next(&mut socket).await.unwrap();
    let properties = json!({"os": "Linux", "browser": "Firefox", "device": ""});
    let identify = json!({"op": 2, "d": {"token": token, "properties": properties}});
    socket.send(Message::text(identify.to_string())).await.unwrap();
    let ready = next(&mut socket).await.unwrap();
    let user = ready["d"]["user"]["id"].as_str().unwrap().to_owned();
    let (_, guild) = world.call("POST", "/guilds", &token, json!({"name": "Testers"})).await;
    let guild = guild["id"].as_str().unwrap().to_owned();
    let (_, channels) = world.call("GET", &format!("/guilds/{guild}/channels"), &token, Value::Null).await;
    let text = channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap();
    let path = format!("/channels/{}/messages", text["id"].as_str().unwrap());
    let (status, _) = world.call("POST", &path, &token, json!({"content": "between us"})).await;
    assert_eq!(status, 200);
    while next(&mut socket).await.unwrap()["t"] != "MESSAGE_CREATE" {}
    // The session stays for those who look: it waits for its client.
    (guild, user)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_nodes_actors_and_sessions_and_nothing_that_people_wrote() {
    let world = World::unlimited().await;
    let (guild, user) = busy(&world).await;

    let top = shown(&world, &["top", "--once"]).await;
    assert!(top.starts_with("NODE") && top.contains("guild") && top.contains(&guild), "{top}");
    let top: Value =
        serde_json::from_str(&shown(&world, &["top", "--json", "--kind", "guild"]).await).unwrap();
    assert_eq!((&top["actors"][0]["kind"], &top["nodes"][0]["node"]), (&json!("guild"), &json!(0)));
    assert_eq!(top["nodes"][0]["gateway"]["sessions"], 1);

    let actor = shown(&world, &["actor", "guild", &guild, "--state"]).await;
    assert!(actor.starts_with(&format!("guild {guild} on node 0: running, epoch ")), "{actor}");
    for part in ["Message.Create", "waits for  messages", "\"members\": 1", "0 of 69632"] {
        assert!(actor.contains(part), "{part} in {actor}");
    }
    let slice = shown(&world, &["actor", "slice", "0", "--state"]).await;
    assert!(slice.contains("Publish") && slice.contains("\"sessions\": 1"), "{slice}");
    let sessions: Value = serde_json::from_str(&shown(&world, &["sessions", &user, "--json"]).await).unwrap();
    let session = &sessions["sessions"][0];
    assert_eq!((&session["phase"], &session["user"]), (&json!("live"), &json!(user)));
    assert!(session["seq"].as_u64() > Some(1) && session["journal_events"].as_u64() > Some(1), "{session}");
    let sessions = shown(&world, &["sessions", &user]).await;
    assert!(sessions.starts_with("NODE") && sessions.contains("live"), "{sessions}");

    let owner = shown(&world, &["shell", "-e", &format!("state(\"user\", \"{user}\").state.guilds")]).await;
    assert_eq!(owner, "1\n");
    assert_eq!(shown(&world, &["shell", "-e", "sum(actors(), \"queue\")"]).await, "0\n");
    let all = [top.to_string(), actor, slice, sessions].concat();
    assert!(!all.contains("between us") && !all.contains("Testers"), "{all}");
    let (is_well, _, error) = consort(&world, None, &["actor", "guild", "1"]).await;
    assert!(!is_well && error.contains("no node has guild 1 in memory"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_come_by_the_data_folder_alone_and_change_nothing_without_a_token() {
    let world = World::unlimited().await;
    let command = json!({"command": "nodes"});
    let (status, answer) = world.raw("POST", "/", "Operator none", Some(command)).await;
    assert!((400..500).contains(&status), "{status} {answer}");

    let level = r#"log_level("info")"#;
    let (is_well, _, error) = consort(&world, None, &["shell", "-e", level]).await;
    assert!(!is_well && error.contains("role write"), "{error}");
    let token = shown(&world, &["operator", "add", "ada", "--role", "write"]).await;
    assert_eq!(shown(&world, &["operator", "list"]).await, "NAME  ROLE\nada   write\n");
    let (is_well, _, error) = consort(&world, Some(token.trim().to_owned()), &["shell", "-e", level]).await;
    // This process of tests does not log by itself; the operator came so far.
    assert!(!error.contains("role write"), "{is_well} {error}");
    shown(&world, &["operator", "remove", "ada"]).await;
    let (is_well, _, error) = consort(&world, Some(token.trim().to_owned()), &["shell", "-e", level]).await;
    assert!(!is_well && error.contains("no operator has this token"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let nobody = World { directory: folder, node: world.node };
    let (is_well, _, error) = consort(&nobody, None, &["top", "--once"]).await;
    assert!(!is_well && error.contains("no server runs on"), "{error}");
}
