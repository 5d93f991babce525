//! What clients send and others are sent is read before: names, components, polls, reactions, over HTTP.

use serde_json::{Value, json};

use crate::world::{World, in_days};

/// A guild of a person, with the ids that paths need.
struct Guild {
    world: World,
    owner: String,
    id: String,
    channel: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

impl Guild {
    async fn new() -> Self {
        let world = World::unlimited().await;
        let owner = world.person("ada").await;
        let (status, guild) = world.call("POST", "/guilds", &owner, json!({"name": "Guild"})).await;
        assert_eq!(status, 201, "{guild}");
        let id = text(&guild["id"]);
        let (_, channels) = world.call("GET", &format!("/guilds/{id}/channels"), &owner, Value::Null).await;
        let channel = channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap();
        let channel = text(&channel["id"]);
        Self { world, owner, id, channel }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.world.call(method, path, &self.owner, body).await
    }

    async fn ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// The refusal of a form at a field.
    async fn refused(&self, method: &str, path: &str, body: Value, field: &str) {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{method} {path}: {answer}");
        let pointer = format!("/errors/{}/_errors", field.replace('.', "/"));
        assert!(answer.pointer(&pointer).is_some(), "{method} {path} {field}: {answer}");
    }

    async fn webhook(&self) -> String {
        let path = format!("/channels/{}/webhooks", self.channel);
        let webhook = self.ok("POST", &path, json!({"name": "CI"})).await;
        format!("/webhooks/{}/{}", text(&webhook["id"]), text(&webhook["token"]))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_names_something_follows_the_rule() {
    let guild = Guild::new().await;
    let (id, channel) = (&guild.id, &guild.channel);
    let webhook = guild.webhook().await;
    let voice = guild.ok("POST", &format!("/guilds/{id}/channels"), json!({"name": "v", "type": 2})).await;
    let forum = json!({"name": "f", "type": 15, "available_tags": [{"name": " he\u{200b}lp\u{202e} "}]});
    let forum = guild.ok("POST", &format!("/guilds/{id}/channels"), forum).await;
    assert_eq!(forum["available_tags"][0]["name"], "help");
    let role = guild.ok("POST", &format!("/guilds/{id}/roles"), json!({"name": "r"})).await;
    let application = text(&guild.ok("POST", "/applications", json!({"name": "app"})).await["id"]);
    let thread = json!({"name": "t", "type": 11});
    let thread = guild.ok("POST", &format!("/channels/{channel}/threads"), thread).await;
    let event = json!({"name": "e", "privacy_level": 2, "entity_type": 3, "entity_metadata": {"location": "x"},
        "scheduled_start_time": in_days(1), "scheduled_end_time": in_days(2)});
    let event = text(&guild.ok("POST", &format!("/guilds/{id}/scheduled-events"), event).await["id"]);
    let rule = json!({"name": "r", "event_type": 1, "trigger_type": 1, "actions": [{"type": 1}],
        "trigger_metadata": {"keyword_filter": ["a"]}});
    let rule = text(&guild.ok("POST", &format!("/guilds/{id}/auto-moderation/rules"), rule).await["id"]);
    let template = guild.ok("POST", &format!("/guilds/{id}/templates"), json!({"name": "t"})).await;

    let mut routes = vec![
        ("PATCH", "/users/@me".to_owned(), "global_name", "global_name", false),
        ("PATCH", format!("/guilds/{id}"), "name", "name", true),
        ("POST", format!("/guilds/{id}/channels"), "name", "name", true),
        ("PATCH", format!("/channels/{channel}"), "name", "name", true),
        ("PATCH", format!("/channels/{}", text(&voice["id"])), "name", "name", true),
        ("PATCH", format!("/channels/{}", text(&thread["id"])), "name", "name", true),
        ("POST", format!("/guilds/{id}/roles"), "name", "name", true),
        ("PATCH", format!("/guilds/{id}/roles/{}", text(&role["id"])), "name", "name", true),
        ("PATCH", format!("/guilds/{id}/members/@me"), "nick", "nick", false),
        ("POST", format!("/channels/{channel}/webhooks"), "name", "name", true),
        ("PATCH", webhook.clone(), "name", "name", true),
        ("PATCH", format!("/guilds/{id}/scheduled-events/{event}"), "name", "name", true),
        ("PATCH", format!("/guilds/{id}/auto-moderation/rules/{rule}"), "name", "name", true),
        ("PATCH", format!("/guilds/{id}/templates/{}", text(&template["code"])), "name", "name", true),
        ("PATCH", format!("/applications/{application}"), "name", "name", true),
    ];
    for (method, path, field, answered, required) in routes.drain(..) {
        let named = |name: &str| json!({ field: name });
        let answer = guild.ok(method, &path, named(" na\u{200b}m\u{202e}e\0\u{200d} ")).await;
        assert_eq!(answer[answered], "name", "{method} {path}");
        guild.refused(method, &path, named("\u{200b}\u{2800}\u{202e}"), field).await;
        guild.refused(method, &path, named(&"é".repeat(101)), field).await;
        guild.refused(method, &path, json!({ field: [1] }), field).await;
        if required {
            guild.refused(method, &path, named(""), field).await;
        }
    }
    let asked = |title: &str, answer: &str| {
        let option = json!({"title": answer, "channel_ids": [channel], "role_ids": []});
        json!({"prompts": [{"id": "0", "type": 0, "title": title, "options": [option]}], "enabled": false})
    };
    let path = format!("/guilds/{id}/onboarding");
    let set = guild.ok("PUT", &path, asked(" wh\u{200b}at\u{202e} ", "ye\u{200b}s")).await;
    let (title, answer) = (&set["prompts"][0]["title"], &set["prompts"][0]["options"][0]["title"]);
    assert_eq!((title, answer), (&json!("what"), &json!("yes")));
    guild.refused("PUT", &path, asked("\u{200b}", "yes"), "prompts.0.title").await;
    guild.refused("PUT", &path, asked("what", "\u{202e}"), "prompts.0.options.0.title").await;
    let path = format!("/channels/{channel}/threads");
    guild.refused("POST", &path, json!({"name": "\u{200b}", "type": 11}), "name").await;
    for name in ["clyde", "my discord", "everyone", "h\u{200b}ere"] {
        guild.refused("POST", &webhook, json!({"content": "x", "username": name}), "username").await;
        guild.refused("PATCH", &webhook, json!({ "name": name }), "name").await;
    }
    let spoken = json!({"content": "x", "username": " C\u{202e}I  bot "});
    let spoken = guild.ok("POST", &format!("{webhook}?wait=true"), spoken).await;
    assert_eq!(spoken["author"]["username"], "CI bot");
    guild.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_applications_send_components_that_people_use() {
    let guild = Guild::new().await;
    let webhook = guild.webhook().await;
    let messages = format!("/channels/{}/messages", guild.channel);
    let button = |extra: Value| {
        let mut button = json!({"type": 2, "style": 1, "label": "x", "custom_id": "a"});
        button.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"content": "c", "components": [{"type": 1, "components": [button]}]})
    };
    let link = json!({"content": "c", "components": [
        {"type": 1, "components": [{"type": 2, "style": 5, "label": "x", "url": "https://a.example"}]}]});
    for path in [format!("{webhook}?wait=true&"), format!("{messages}?")] {
        let sent = guild.ok("POST", &path, button(json!({}))).await;
        assert_eq!((&sent["content"], &sent["components"]), (&json!("c"), &json!([])), "{path}: ignored");
        guild.refused("POST", &path, button(json!({"label": 5})), "components.0.components.0.label").await;
        let with = format!("{path}with_components=true");
        guild.refused("POST", &with, button(json!({})), "components.0").await;
        let sent = guild.ok("POST", &with, link.clone()).await;
        assert_eq!(sent["components"][0]["components"][0]["url"], "https://a.example");
        let edited = if path.starts_with("/channels") {
            format!("{messages}/{}", text(&sent["id"]))
        } else {
            format!("{webhook}/messages/{}", text(&sent["id"]))
        };
        let kept = guild.ok("PATCH", &edited, button(json!({}))).await;
        assert_eq!(kept["components"], sent["components"], "ignored: what was there stays");
        guild
            .refused("PATCH", &format!("{edited}?with_components=true"), button(json!({})), "components.0")
            .await;
    }
    guild.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_stand_as_they_were_and_show_emojis_only() {
    let guild = Guild::new().await;
    let path = format!("/channels/{}/messages", guild.channel);
    let poll = |emoji: Value| json!({"poll": {"question": {"text": "?"}, "answers": [{"poll_media": {"text": "a", "emoji": emoji}}]}});
    let sent = guild.ok("POST", &path, poll(json!({"name": "👍"}))).await;
    assert_eq!(sent["poll"]["answers"][0]["poll_media"]["emoji"], json!({"id": null, "name": "👍"}));
    let own = format!("{path}/{}", text(&sent["id"]));
    let (status, answer) = guild.call("PATCH", &own, json!({"content": "new"})).await;
    assert_eq!((status, &answer["code"]), (400, &json!(520003)));
    let field = "poll.answers.0.poll_media.emoji";
    guild.refused("POST", &path, poll(json!({"name": "not an emoji"})), &format!("{field}.name")).await;
    guild.refused("POST", &path, poll(json!("👍")), field).await;
    let (status, answer) = guild.call("POST", &path, poll(json!({"id": "1"}))).await;
    assert_eq!((status, &answer["code"]), (400, &json!(520004)));
    for text in ["a", ":smile:", "👍👍", "<>", "x:"] {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, answer) =
            guild.call("PUT", &format!("{own}/reactions/{escaped}/@me"), Value::Null).await;
        assert_eq!((status, &answer["code"]), (400, &json!(10014)), "{text}");
    }
    guild.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_shows_what_came_with_its_message() {
    let world = World::unlimited().await;
    let ada = world.person("ada").await;
    let guild = text(&world.call("POST", "/guilds", &ada, json!({"name": "Guild"})).await.1["id"]);
    let channels = world.call("GET", &format!("/guilds/{guild}/channels"), &ada, Value::Null).await.1;
    let channel = channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap();
    let path = format!("/channels/{}/messages?with_components=true", text(&channel["id"]));
    let of = |file: Value| json!({"flags": 32768, "components": [{"type": 10, "content": "x"}, file]});
    let inside = |file: Value| json!({"type": 17, "components": [file]});
    let file = |url: &str| json!({"type": 13, "file": {"url": url}});
    for (component, code) in [
        (file("https://a.example/f.txt"), "URL_TYPE_INVALID_SCHEME"),
        (inside(file("https://a.example/f.txt")), "URL_TYPE_INVALID_SCHEME"),
        (file("attachment://none.txt"), "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"),
    ] {
        let (status, refusal) = world.call("POST", &path, &ada, of(component)).await;
        assert_eq!((status, &refusal["code"]), (400, &json!(50035)), "{refusal}");
        assert_eq!(refusal["errors"]["components"]["1"]["_errors"][0]["code"], code, "{refusal}");
    }
    world.node.shutdown().await;
}
