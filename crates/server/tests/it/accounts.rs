//! Accounts over HTTP and the gateway: friends, DMs, names, settings, acknowledgements.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Socket, World, next};

struct Person {
    token: String,
    id: String,
    ready: Value,
    socket: Socket,
}

impl Person {
    async fn new(world: &World, name: &str) -> Self {
        let token = world.person(name).await;
        let (socket, ready) = identify(world, &token, "Firefox").await;
        let id = ready["user"]["id"].as_str().unwrap().to_owned();
        Self { token, id, ready, socket }
    }

    async fn ok(&self, world: &World, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = world.call(method, path, &self.token, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    async fn err(&self, world: &World, method: &str, path: &str, body: Value) -> (u16, u64) {
        let (status, answer) = world.call(method, path, &self.token, body).await;
        (status, answer["code"].as_u64().unwrap_or_else(|| panic!("{method} {path}: {status} {answer}")))
    }

    /// Closes the socket, so that the server need not wait for it when it ends.
    async fn leave(&mut self) {
        self.socket.close(None).await.unwrap();
    }

    /// The next dispatch of this name; others are passed over.
    async fn dispatch(&mut self, name: &str) -> Value {
        loop {
            let frame = next(&mut self.socket).await.unwrap_or_else(|code| panic!("closed with {code:?}"));
            if frame["t"] == name {
                return frame["d"].clone();
            }
        }
    }
}

async fn identify(world: &World, token: &str, browser: &str) -> (Socket, Value) {
    let mut socket = world.socket().await;
    next(&mut socket).await.unwrap();
    let properties = json!({"os": "Linux", "browser": browser, "device": ""});
    let identify = json!({"op": 2, "d": {"token": token, "properties": properties, "capabilities": 0}});
    socket.send(Message::text(identify.to_string())).await.unwrap();
    let ready = next(&mut socket).await.unwrap();
    assert_eq!(ready["t"], "READY", "{ready}");
    (socket, ready["d"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_become_friends_and_talk() {
    let world = World::start().await;
    let (mut ada, mut bob) = (Person::new(&world, "ada").await, Person::new(&world, "bob").await);
    assert_eq!((&ada.ready["relationships"], &ada.ready["private_channels"]), (&json!([]), &json!([])));
    let nobody = json!({"username": "nobody"});
    assert_eq!(ada.err(&world, "POST", "/users/@me/relationships", nobody).await, (400, 80004));
    let dm = json!({ "recipient_id": bob.id });
    assert_eq!(ada.err(&world, "POST", "/users/@me/channels", dm.clone()).await, (403, 50278));
    let request = json!({"username": "bob", "discriminator": null});
    ada.ok(&world, "POST", "/users/@me/relationships", request).await;
    let asked = bob.dispatch("RELATIONSHIP_ADD").await;
    assert_eq!((&asked["type"], &asked["user"]["username"]), (&json!(3), &json!("ada")));
    bob.ok(&world, "PUT", &format!("/users/@me/relationships/{}", ada.id), json!({})).await;
    assert_eq!(ada.dispatch("RELATIONSHIP_ADD").await["type"], 4);
    assert_eq!(ada.dispatch("RELATIONSHIP_ADD").await["type"], 1);
    assert_eq!(ada.dispatch("PRESENCE_UPDATE").await["status"], "online");
    let channel = ada.ok(&world, "POST", "/users/@me/channels", dm).await;
    assert_eq!((&channel["type"], &channel["recipients"][0]["id"]), (&json!(1), &json!(bob.id)));
    let id = channel["id"].as_str().unwrap().to_owned();
    assert_eq!(ada.dispatch("CHANNEL_CREATE").await["id"], *id);
    let again = bob.ok(&world, "POST", "/users/@me/channels", json!({ "recipients": [ada.id] })).await;
    assert_eq!(again["id"], *id);
    let message =
        ada.ok(&world, "POST", &format!("/channels/{id}/messages"), json!({"content": "hello"})).await;
    let seen = bob.dispatch("MESSAGE_CREATE").await;
    assert_eq!((&seen["id"], &seen["content"]), (&message["id"], &json!("hello")));
    let ack = format!("/channels/{id}/messages/{}/ack", message["id"].as_str().unwrap());
    assert_eq!(bob.ok(&world, "POST", &ack, json!({"token": null})).await, json!({"token": null}));
    assert_eq!(bob.dispatch("MESSAGE_ACK").await["message_id"], message["id"]);
    // After a restart everything is where it was.
    ada.leave().await;
    bob.leave().await;
    let world = world.restart().await;
    let (mut socket, ready) = identify(&world, &bob.token, "Firefox").await;
    assert_eq!(ready["private_channels"][0]["last_message_id"], message["id"]);
    assert_eq!(ready["relationships"][0]["type"], 1);
    assert_eq!(ready["read_state"][0]["mention_count"], 0);
    ada.ok(&world, "PUT", &format!("/users/@me/relationships/{}", bob.id), json!({"type": 2})).await;
    let send = (format!("/channels/{id}/messages"), json!({"content": "are you cross?"}));
    assert_eq!(bob.err(&world, "POST", &send.0, send.1).await, (403, 50007));
    socket.close(None).await.unwrap();
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_changed_with_its_password_where_it_matters() {
    let world = World::start().await;
    let mut ada = Person::new(&world, "ada").await;
    let (mut other, _) = {
        let (status, login) =
            world.call("POST", "/auth/login", "", json!({"login": "ada", "password": "long enough"})).await;
        assert_eq!(status, 200, "{login}");
        identify(&world, login["token"].as_str().unwrap(), "Discord Client").await
    };
    let me = ada.ok(&world, "GET", "/users/%40me", Value::Null).await;
    assert_eq!((&me["username"], &me["id"]), (&json!("ada"), &json!(ada.id)));
    let pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let me = ada.ok(&world, "PATCH", "/users/@me", json!({"global_name": "Ada L.", "avatar": pixel})).await;
    assert_eq!(me["global_name"], "Ada L.");
    assert_eq!(ada.dispatch("USER_UPDATE").await["avatar"], me["avatar"]);
    let avatar = format!("/cdn/avatars/{}/{}.png", ada.id, me["avatar"].as_str().unwrap());
    assert_eq!(world.raw("GET", &avatar, "", None).await.0, 200);
    let rename = |password: Value| json!({"username": "lovelace", "password": password});
    assert_eq!(ada.err(&world, "PATCH", "/users/@me", rename(Value::Null)).await, (400, 50035));
    assert_eq!(ada.err(&world, "PATCH", "/users/@me", rename(json!("wrong"))).await, (400, 50035));
    let me = ada.ok(&world, "PATCH", "/users/@me", rename(json!("long enough"))).await;
    assert_eq!(me["username"], "lovelace");
    let change = json!({"password": "long enough", "new_password": "even longer"});
    let me = ada.ok(&world, "PATCH", "/users/@me", change).await;
    assert_eq!(me["token"], *ada.token);
    let closed = loop {
        if let Err(code) = next(&mut other).await {
            break code;
        }
    };
    assert_eq!(closed, Some(4004), "the other login's session ends");
    let login = |name: &str, password: &str| {
        let body = json!({"login": name, "password": password});
        let world = &world;
        async move { world.call("POST", "/auth/login", "", body).await.0 }
    };
    assert_eq!(login("lovelace", "long enough").await, 400);
    assert_eq!(login("lovelace", "even longer").await, 200);
    assert_eq!(
        ada.ok(&world, "GET", &format!("/users/{}", ada.id), Value::Null).await["username"],
        "lovelace"
    );
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guilds_profiles_notes_and_settings_are_ones_own() {
    let world = World::start().await;
    let mut ada = Person::new(&world, "ada").await;
    let (mut bob, mut carol) = (Person::new(&world, "bob").await, Person::new(&world, "carol").await);
    let guild = ada.ok(&world, "POST", "/guilds", json!({"name": "Testers"})).await;
    let guild = guild["id"].as_str().unwrap().to_owned();
    assert_eq!(ada.dispatch("GUILD_CREATE").await["id"], *guild);
    let list = ada.ok(&world, "GET", "/users/@me/guilds?with_counts=true", Value::Null).await;
    assert_eq!(
        (list.as_array().unwrap().len(), &list[0]["id"], &list[0]["owner"]),
        (1, &json!(guild), &json!(true))
    );
    let after = format!("/users/@me/guilds?after={guild}");
    assert_eq!(ada.ok(&world, "GET", &after, Value::Null).await, json!([]));
    assert_eq!(ada.err(&world, "GET", "/users/@me/guilds?limit=201", Value::Null).await, (400, 50035));
    let channels = ada.ok(&world, "GET", &format!("/guilds/{guild}/channels"), Value::Null).await;
    let text =
        channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap()["id"].clone();
    let invite = format!("/channels/{}/invites", text.as_str().unwrap());
    let invite = ada.ok(&world, "POST", &invite, json!({})).await;
    let profile = format!("/users/{}/profile", ada.id);
    assert_eq!(bob.err(&world, "GET", &profile, Value::Null).await, (403, 50001));
    bob.ok(&world, "POST", &format!("/invites/{}", invite["code"].as_str().unwrap()), json!({})).await;
    let seen = bob.ok(&world, "GET", &profile, Value::Null).await;
    assert_eq!(seen["mutual_guilds"], json!([{"id": guild, "nick": null}]));
    assert_eq!(carol.err(&world, "GET", &profile, Value::Null).await, (403, 50001));
    bob.ok(&world, "PUT", &format!("/users/@me/notes/{}", ada.id), json!({"note": "founder"})).await;
    assert_eq!(
        bob.ok(&world, "GET", "/users/@me/notes", Value::Null).await,
        json!({ ada.id.as_str(): "founder" })
    );
    let settings = format!("/users/@me/guilds/{guild}/settings");
    let after = bob.ok(&world, "PATCH", &settings, json!({"muted": true})).await;
    assert_eq!((&after["guild_id"], &after["muted"]), (&json!(guild), &json!(true)));
    assert_eq!(carol.err(&world, "PATCH", &settings, json!({"muted": true})).await, (404, 10004));
    let proto = "/users/@me/settings-proto/1";
    let after = bob.ok(&world, "PATCH", proto, json!({"settings": "IgFh"})).await;
    assert_eq!(bob.ok(&world, "GET", proto, Value::Null).await, after);
    for bad in ["?", "EgFh", "/w=="] {
        assert_eq!(bob.err(&world, "PATCH", proto, json!({"settings": bad})).await, (400, 50105), "{bad}");
    }
    assert_eq!(
        bob.ok(&world, "PATCH", "/users/@me/settings", json!({"theme": "light"})).await["theme"],
        "light"
    );
    bob.ok(&world, "POST", &format!("/guilds/{guild}/ack"), json!({})).await;
    bob.ok(&world, "DELETE", &format!("/users/@me/guilds/{guild}"), Value::Null).await;
    assert_eq!(bob.ok(&world, "GET", "/users/@me/guilds", Value::Null).await, json!([]));
    for person in [&mut ada, &mut bob, &mut carol] {
        person.leave().await;
    }
    world.node.shutdown().await;
}
