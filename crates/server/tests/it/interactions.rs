//! A person uses commands and components of a bot, which answers.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Socket, World, next};

/// A guild with a person and a bot, both at the gateway.
pub struct Stage {
    pub world: World,
    person: String,
    pub bot: String,
    pub application: String,
    guild: String,
    channel: String,
    pub person_socket: Socket,
    bot_socket: Socket,
}

async fn identify(world: &World, token: &str) -> Socket {
    let mut socket = world.socket().await;
    next(&mut socket).await.unwrap();
    let properties = json!({"os": "Linux", "browser": "test", "device": ""});
    let identify = json!({"op": 2, "d": {"token": token, "properties": properties, "intents": 513}});
    socket.send(Message::text(identify.to_string())).await.unwrap();
    dispatch(&mut socket, "READY").await;
    socket
}

/// The next dispatch of this name; others are passed over.
pub async fn dispatch(socket: &mut Socket, name: &str) -> Value {
    loop {
        let frame = next(socket).await.unwrap_or_else(|code| panic!("closed with {code:?}"));
        if frame["t"] == name {
            return frame["d"].clone();
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

impl Stage {
    pub async fn new() -> Self {
        let world = World::start().await;
        let person = world.person("ada").await;
        let ok = async |method: &str, path: &str, body: Value| {
            let (status, answer) = world.call(method, path, &person, body).await;
            assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
            answer
        };
        let guild = text(&ok("POST", "/guilds", json!({"name": "Guild"})).await["id"]);
        let channels = ok("GET", &format!("/guilds/{guild}/channels"), Value::Null).await;
        let channels = channels.as_array().unwrap();
        let channel = text(&channels.iter().find(|channel| channel["type"] == 0).unwrap()["id"]);
        let application = text(&ok("POST", "/applications", json!({"name": "Helper"})).await["id"]);
        let bot = ok("POST", &format!("/applications/{application}/bot"), json!({})).await;
        let bot = format!("Bot {}", text(&bot["token"]));
        let link = format!("/oauth2/authorize?client_id={application}&scope=bot");
        ok("POST", &link, json!({"authorize": true, "guild_id": guild, "permissions": "0"})).await;
        let person_socket = identify(&world, &person).await;
        let bot_socket = identify(&world, bot.strip_prefix("Bot ").unwrap()).await;
        Self { world, person, bot, application, guild, channel, person_socket, bot_socket }
    }

    pub async fn command(&self) -> String {
        let path = format!("/applications/{}/guilds/{}/commands", self.application, self.guild);
        let body = json!({"name": "echo", "description": "again"});
        let (status, command) = self.world.call("POST", &path, &self.bot, body).await;
        assert_eq!(status, 201, "{command}");
        text(&command["id"])
    }

    /// The person interacts; what the bot gets.
    pub async fn interact(&mut self, kind: u8, data: Value, message: Option<&str>) -> Value {
        self.send(kind, data, message).await;
        dispatch(&mut self.bot_socket, "INTERACTION_CREATE").await
    }

    /// The person uses a command of an application that is not told over the gateway.
    pub async fn use_command(&self, data: Value) {
        self.send(2, data, None).await;
    }

    async fn send(&self, kind: u8, data: Value, message: Option<&str>) {
        let body = json!({
            "type": kind, "application_id": self.application, "guild_id": self.guild,
            "channel_id": self.channel, "session_id": "s", "nonce": "7", "data": data, "message_id": message,
        });
        let (status, answer) = self.world.call("POST", "/interactions", &self.person, body).await;
        assert_eq!(status, 204, "{answer}");
    }

    /// The bot answers; status and body.
    async fn answer(&self, interaction: &Value, body: Value) -> (u16, Value) {
        let (id, token) = (text(&interaction["id"]), text(&interaction["token"]));
        let path = format!("/interactions/{id}/{token}/callback?with_response=true");
        self.world.call("POST", &path, "", body).await
    }

    pub async fn end(mut self) {
        self.person_socket.close(None).await.unwrap();
        self.bot_socket.close(None).await.unwrap();
        self.world.node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_answered_once_and_followed_up() {
    let mut stage = Stage::new().await;
    let command = stage.command().await;
    let used = stage.interact(2, json!({"id": command, "name": "echo", "type": 1}), None).await;
    assert_eq!((&used["data"]["name"], &used["member"]["user"]["username"]), (&json!("echo"), &json!("ada")));
    assert_eq!((&used["guild_id"], &used["version"]), (&json!(stage.guild), &json!(1)));
    let (status, answer) = stage.answer(&used, json!({"type": 4, "data": {"content": "hello"}})).await;
    assert_eq!(status, 200, "{answer}");
    let seen = dispatch(&mut stage.person_socket, "MESSAGE_CREATE").await;
    assert_eq!((&seen["id"], &seen["content"]), (&answer["resource"]["message"]["id"], &json!("hello")));
    assert_eq!((&seen["webhook_id"], &seen["type"]), (&json!(stage.application), &json!(20)));
    assert_eq!(seen["interaction_metadata"]["user"]["username"], "ada");
    assert_eq!(dispatch(&mut stage.person_socket, "INTERACTION_SUCCESS").await["nonce"], "7");
    let (status, again) = stage.answer(&used, json!({"type": 4, "data": {"content": "twice"}})).await;
    assert_eq!((status, &again["code"]), (400, &json!(40060)));
    let hook = format!("/webhooks/{}/{}", stage.application, text(&used["token"]));
    let original = format!("{hook}/messages/@original");
    let (_, edited) = stage.world.call("PATCH", &original, "", json!({"content": "edited"})).await;
    assert_eq!((&edited["id"], &edited["content"]), (&seen["id"], &json!("edited")));
    let (status, more) = stage.world.call("POST", &hook, "", json!({"content": "more"})).await;
    assert_eq!((status, &more["content"]), (200, &json!("more")));
    assert_eq!(stage.world.call("DELETE", &original, "", Value::Null).await.0, 204);
    assert_eq!(stage.world.call("GET", &original, "", Value::Null).await.1["code"], 10008);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_one_person_is_in_no_channel() {
    let mut stage = Stage::new().await;
    let command = stage.command().await;
    let used = stage.interact(2, json!({"id": command, "name": "echo", "type": 1}), None).await;
    let secret = json!({"type": 4, "data": {"content": "only you", "flags": 64}});
    assert_eq!(stage.answer(&used, secret).await.0, 200);
    let seen = dispatch(&mut stage.person_socket, "MESSAGE_CREATE").await;
    assert_eq!((&seen["content"], &seen["flags"]), (&json!("only you"), &json!(64)));
    let path = format!("/channels/{}/messages", stage.channel);
    let (_, history) = stage.world.call("GET", &path, &stage.person, Value::Null).await;
    assert!(history.as_array().unwrap().iter().all(|message| message["content"] != "only you"), "{history}");
    stage.end().await;
}

/// A bot promises an answer and keeps it, by an edit of `@original` or by the first followup.
async fn promise_and_keep(stage: &mut Stage, command: &str, flags: u64, by: (&str, &str)) {
    let used = stage.interact(2, json!({"id": command, "name": "echo", "type": 1}), None).await;
    let (status, answer) = stage.answer(&used, json!({"type": 5, "data": {"flags": flags}})).await;
    assert_eq!(status, 200, "{answer}");
    let promise = dispatch(&mut stage.person_socket, "MESSAGE_CREATE").await;
    assert_eq!((&promise["content"], &promise["flags"]), (&json!(""), &json!(flags | 128)));
    assert_eq!((&promise["type"], &promise["interaction_metadata"]["id"]), (&json!(20), &used["id"]));
    assert_eq!(answer["interaction"]["response_message_id"], promise["id"]);
    assert_eq!(answer["interaction"]["response_message_loading"], true);
    assert_eq!(answer["resource"]["message"]["id"], promise["id"]);
    let hook = format!("/webhooks/{}/{}", stage.application, text(&used["token"]));
    let original = format!("{hook}/messages/@original");
    let (status, found) = stage.world.call("GET", &original, "", Value::Null).await;
    assert_eq!((status, &found["id"], &found["flags"]), (200, &promise["id"], &promise["flags"]));
    // What is refused leaves the promise.
    let (status, _) = stage.world.call(by.0, &format!("{hook}{}", by.1), "", json!({"content": ""})).await;
    assert_eq!(status, 400);
    let body = json!({"content": "done"});
    let (status, kept) = stage.world.call(by.0, &format!("{hook}{}", by.1), "", body).await;
    assert_eq!((status, &kept["id"], &kept["flags"]), (200, &promise["id"], &json!(flags)), "{kept}");
    let seen = dispatch(&mut stage.person_socket, "MESSAGE_UPDATE").await;
    assert_eq!((&seen["id"], &seen["content"]), (&promise["id"], &json!("done")));
    assert_eq!((&seen["flags"], &seen["edited_timestamp"]), (&json!(flags), &Value::Null));
    assert_eq!(seen["timestamp"], promise["timestamp"]);
    // Now it is a message like others: changed by edits, not by followups.
    let (_, edited) = stage.world.call("PATCH", &original, "", json!({"content": "better"})).await;
    assert_eq!((&edited["id"], edited["edited_timestamp"].is_string()), (&promise["id"], true));
    let (status, more) = stage.world.call("POST", &hook, "", json!({"content": "more"})).await;
    assert!(status == 200 && more["id"] != promise["id"], "{more}");
    let more = dispatch(&mut stage.person_socket, "MESSAGE_CREATE").await;
    assert_eq!(more["content"], "more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promised_answer_is_a_message_that_loads_and_then_is_the_answer() {
    let mut stage = Stage::new().await;
    let command = stage.command().await;
    for by in [("PATCH", "/messages/@original"), ("POST", "")] {
        for flags in [0, 64] {
            promise_and_keep(&mut stage, &command, flags, by).await;
        }
    }
    let path = format!("/channels/{}/messages", stage.channel);
    let (_, history) = stage.world.call("GET", &path, &stage.person, Value::Null).await;
    let loading = |message: &&Value| message["flags"].as_u64().is_some_and(|flags| flags & 128 != 0);
    assert_eq!(history.as_array().unwrap().iter().filter(loading).count(), 0, "{history}");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_can_be_taken_back_and_what_follows_is_a_new_message() {
    let mut stage = Stage::new().await;
    let command = stage.command().await;
    for flags in [0, 64] {
        let used = stage.interact(2, json!({"id": command, "name": "echo", "type": 1}), None).await;
        assert_eq!(stage.answer(&used, json!({"type": 5, "data": {"flags": flags}})).await.0, 200);
        let promise = dispatch(&mut stage.person_socket, "MESSAGE_CREATE").await;
        let hook = format!("/webhooks/{}/{}", stage.application, text(&used["token"]));
        let original = format!("{hook}/messages/@original");
        assert_eq!(stage.world.call("DELETE", &original, "", Value::Null).await.0, 204);
        assert_eq!(dispatch(&mut stage.person_socket, "MESSAGE_DELETE").await["id"], promise["id"]);
        let (status, gone) = stage.world.call("PATCH", &original, "", json!({"content": "late"})).await;
        assert_eq!((status, &gone["code"]), (404, &json!(10008)));
        let (status, next) = stage.world.call("POST", &hook, "", json!({"content": "instead"})).await;
        assert!(status == 200 && next["id"] != promise["id"], "{next}");
        assert_eq!(dispatch(&mut stage.person_socket, "MESSAGE_CREATE").await["content"], "instead");
    }
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_updates_its_message_and_what_is_not_there_cannot_be_pressed() {
    let mut stage = Stage::new().await;
    let row = json!([{"type": 1, "components": [{"type": 2, "style": 1, "label": "Go", "custom_id": "go"}]}]);
    let path = format!("/channels/{}/messages", stage.channel);
    let (_, sent) =
        stage.world.call("POST", &path, &stage.bot, json!({"content": "press", "components": row})).await;
    let id = text(&sent["id"]);
    let pressed = stage.interact(3, json!({"component_type": 2, "custom_id": "go"}), Some(&id)).await;
    assert_eq!((&pressed["message"]["id"], &pressed["data"]["custom_id"]), (&json!(id), &json!("go")));
    let (status, answer) = stage.answer(&pressed, json!({"type": 7, "data": {"content": "pressed"}})).await;
    assert_eq!((status, &answer["resource"]["message"]["content"]), (200, &json!("pressed")));
    // An answer to a component has no `interaction`: not even null.
    let pressed = stage.interact(3, json!({"component_type": 2, "custom_id": "go"}), Some(&id)).await;
    let (_, answer) = stage.answer(&pressed, json!({"type": 4, "data": {"content": "new"}})).await;
    assert!(answer["resource"]["message"].get("interaction").is_none(), "{answer}");
    let body = json!({
        "type": 3, "application_id": stage.application, "guild_id": stage.guild, "channel_id": stage.channel,
        "message_id": id, "data": {"component_type": 2, "custom_id": "stop"},
    });
    let (status, refused) = stage.world.call("POST", "/interactions", &stage.person, body).await;
    assert_eq!((status, &refused["code"]), (400, &json!(50035)));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_timed_out_uses_nothing_of_an_application() {
    let stage = Stage::new().await;
    let command = stage.command().await;
    let ben = stage.world.person("ben").await;
    let (world, ada) = (&stage.world, &stage.person);
    let ok = async |method: &str, path: &str, token: &str, body: Value| {
        let (status, answer) = world.call(method, path, token, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    };
    let invite = ok("POST", &format!("/channels/{}/invites", stage.channel), ada, json!({})).await;
    ok("POST", &format!("/invites/{}", text(&invite["code"])), &ben, json!({})).await;
    let ben_id = text(&ok("GET", "/users/@me", &ben, Value::Null).await["id"]);
    let guild = format!("/guilds/{}", stage.guild);
    // Everything but ADMINISTRATOR, whom no timeout holds.
    let role = json!({"name": "all", "permissions": ((1_u64 << 53) - 1 - 8).to_string()});
    let role = text(&ok("POST", &format!("{guild}/roles"), ada, role).await["id"]);
    ok("PUT", &format!("{guild}/members/{ben_id}/roles/{role}"), ada, json!({})).await;
    let row = json!([{"type": 1, "components": [{"type": 2, "style": 1, "label": "x", "custom_id": "x"}]}]);
    let pressed = json!({"content": "press", "components": row});
    let pressed = ok("POST", &format!("/channels/{}/messages", stage.channel), &stage.bot, pressed).await;
    let request = |kind: u8, data: Value| {
        json!({
            "type": kind, "application_id": stage.application, "guild_id": stage.guild, "channel_id": stage.channel,
            "session_id": "s", "message_id": pressed["id"], "data": data,
        })
    };
    let requests = [
        request(2, json!({"id": command, "name": "echo", "type": 1})),
        request(3, json!({"component_type": 2, "custom_id": "x"})),
    ];
    let permissions = format!("/applications/{}{guild}/commands/{command}/permissions", stage.application);
    let all = json!({"permissions": [{"id": stage.guild, "type": 1, "permission": true}]});
    for request in &requests {
        ok("POST", "/interactions", &ben, request.clone()).await;
    }
    ok("PUT", &permissions, &ben, all.clone()).await;
    let until = crate::world::in_days(1);
    ok("PATCH", &format!("{guild}/members/{ben_id}"), ada, json!({"communication_disabled_until": until}))
        .await;
    for request in requests {
        let (status, answer) = world.call("POST", "/interactions", &ben, request).await;
        assert_eq!((status, &answer["code"]), (403, &json!(50013)), "{answer}");
    }
    let (status, answer) = world.call("PUT", &permissions, &ben, all).await;
    assert_eq!((status, &answer["code"]), (403, &json!(50013)), "{answer}");
    ok("PATCH", &format!("{guild}/members/{ben_id}"), ada, json!({"communication_disabled_until": null}))
        .await;
    for (id, kind, path) in [("5", 1, "permissions/0/id"), ("5", 3, "permissions/0/id")] {
        let unknown = json!({"permissions": [{"id": id, "type": kind, "permission": true}]});
        let (status, answer) = world.call("PUT", &permissions, &ben, unknown).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{answer}");
        assert!(answer.pointer(&format!("/errors/{path}/_errors")).is_some(), "{answer}");
    }
    stage.end().await;
}
