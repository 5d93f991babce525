//! Files over HTTP: whose they are, when they are gone, and what their addresses are made of.

use serde_json::{Value, json};

use crate::messages::{Talk, talk};

const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

impl Talk {
    /// Posts a message with a file and returns it.
    async fn post_file(&self, path: &str, payload: Value) -> Value {
        let parts =
            [("payload_json", None, &*payload.to_string()), ("files[0]", Some("k.png"), "some bytes")];
        let (status, message) = self.upload("POST", path, &parts).await;
        assert!(status < 300, "{status} {message}");
        message
    }

    async fn status(&self, url: &Value) -> u16 {
        self.fetch(url).await.0
    }

    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        loop {
            let (status, answer) = self.world.call(method, path, &self.token, body.clone()).await;
            if status != 429 {
                assert!(status < 300, "{method} {path}: {status} {answer}");
                return answer;
            }
            let seconds = answer["retry_after"].as_f64().unwrap();
            tokio::time::sleep(std::time::Duration::from_secs_f64(seconds)).await;
        }
    }

    /// The blobs on the disk of a kind.
    fn blobs(&self, kind: &str) -> usize {
        fn files(path: &std::path::Path) -> usize {
            let Ok(entries) = std::fs::read_dir(path) else { return 0 };
            entries
                .map(|entry| entry.unwrap().path())
                .map(|path| if path.is_dir() { files(&path) } else { 1 })
                .sum()
        }
        files(&self.world.directory.path().join("data/blobs").join(kind))
    }
}

fn url(message: &Value) -> &Value {
    &message["attachments"][0]["url"]
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_gone_with_its_message_however_that_goes() {
    let talk = talk().await;
    let mut messages = Vec::new();
    for _ in 0..4 {
        messages.push(talk.post_file("/messages", json!({"content": "x"})).await);
    }
    let [deleted, one, other, edited] = messages.as_slice() else { unreachable!() };
    for message in &messages {
        assert_eq!(talk.status(url(message)).await, 200);
    }
    talk.call("DELETE", &format!("/messages/{}", id(deleted)), Value::Null).await;
    assert_eq!(talk.status(url(deleted)).await, 404, "at once");
    let (status, _) =
        talk.call("POST", "/messages/bulk-delete", json!({"messages": [id(one), id(other)]})).await;
    assert_eq!(status, 204);
    assert_eq!((talk.status(url(one)).await, talk.status(url(other)).await), (404, 404));
    let (status, after) =
        talk.call("PATCH", &format!("/messages/{}", id(edited)), json!({"attachments": []})).await;
    assert_eq!((status, &after["attachments"]), (200, &json!([])));
    assert_eq!(talk.status(url(edited)).await, 404);
    let refresh = json!({"attachment_urls": [url(deleted)]});
    let refreshed = talk.done("POST", "/attachments/refresh-urls", refresh).await;
    assert_eq!(talk.status(&refreshed["refreshed_urls"][0]["refreshed"]).await, 404);
    talk.world.node.app().cdn.sweep_all().await.unwrap();
    assert_eq!(talk.blobs("attachments"), 0);
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_gone_with_their_thread_their_channel_and_their_guild() {
    let mut talk = talk().await;
    let guild =
        talk.done("GET", &format!("/channels/{}", talk.channel), Value::Null).await["guild_id"].clone();
    let guild = guild.as_str().unwrap();
    let first = talk.channel.clone();
    let of_guild = talk.post_file("/messages", json!({"content": "x"})).await;
    let thread =
        talk.done("POST", &format!("/channels/{first}/threads"), json!({"name": "t", "type": 11})).await;
    talk.channel = id(&thread).to_owned();
    let of_thread = talk.post_file("/messages", json!({"content": "x"})).await;
    talk.done("DELETE", &format!("/channels/{}", id(&thread)), Value::Null).await;
    assert_eq!(talk.status(url(&of_thread)).await, 404);

    let forum =
        talk.done("POST", &format!("/guilds/{guild}/channels"), json!({"name": "f", "type": 15})).await;
    talk.channel = id(&forum).to_owned();
    let post = talk.post_file("/threads", json!({"name": "p", "message": {"content": "x"}})).await;
    assert_eq!(talk.status(url(&post["message"])).await, 200);
    talk.done("DELETE", &format!("/channels/{}", id(&post)), Value::Null).await;
    assert_eq!(talk.status(url(&post["message"])).await, 404, "the first message of a post");

    let channel = talk.done("POST", &format!("/guilds/{guild}/channels"), json!({"name": "c"})).await;
    talk.channel = id(&channel).to_owned();
    let of_channel = talk.post_file("/messages", json!({"content": "x"})).await;
    talk.done("DELETE", &format!("/channels/{}", id(&channel)), Value::Null).await;
    assert_eq!(talk.status(url(&of_channel)).await, 404);

    let icon = talk.done("PATCH", &format!("/guilds/{guild}"), json!({"icon": PIXEL})).await["icon"].clone();
    let icon = json!(talk.world.url(&format!("/cdn/icons/{guild}/{}.png", icon.as_str().unwrap())));
    assert_eq!((talk.status(&icon).await, talk.status(url(&of_guild)).await), (200, 200));
    talk.done("DELETE", &format!("/guilds/{guild}"), Value::Null).await;
    assert_eq!((talk.status(&icon).await, talk.status(url(&of_guild)).await), (404, 404));
    talk.world.node.app().cdn.sweep_all().await.unwrap();
    assert_eq!((talk.blobs("attachments"), talk.blobs("icons")), (0, 0));
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_gone_when_another_takes_their_place_and_when_they_are_refused() {
    let talk = talk().await;
    for _ in 0..3 {
        talk.done("PATCH", "/users/@me", json!({"avatar": PIXEL})).await;
    }
    let me = talk.done("GET", "/users/@me", Value::Null).await;
    let hook = format!("/channels/{}/webhooks", talk.channel);
    let hook = talk.done("POST", &hook, json!({"name": "h", "avatar": PIXEL})).await;
    let hook_avatar =
        talk.world.url(&format!("/cdn/avatars/{}/{}.png", id(&hook), hook["avatar"].as_str().unwrap()));
    talk.done("PATCH", &format!("/webhooks/{}", id(&hook)), json!({"avatar": PIXEL})).await;
    assert_eq!(talk.status(&json!(hook_avatar)).await, 404, "replaced");
    talk.done("DELETE", &format!("/webhooks/{}", id(&hook)), Value::Null).await;

    let stranger = talk.world.person("mallory").await;
    let guild =
        talk.done("GET", &format!("/channels/{}", talk.channel), Value::Null).await["guild_id"].clone();
    let path = format!("/guilds/{}", guild.as_str().unwrap());
    let (status, _) = talk.world.call("PATCH", &path, &stranger, json!({"icon": PIXEL})).await;
    assert!((400..500).contains(&status), "{status}");
    talk.world.node.app().cdn.sweep_all().await.unwrap();
    assert_eq!((talk.blobs("avatars"), talk.blobs("icons")), (1, 0), "the newest avatar alone");
    let avatar = format!("/cdn/avatars/{}/{}.png", id(&me), me["avatar"].as_str().unwrap());
    assert_eq!(talk.status(&json!(talk.world.url(&avatar))).await, 200);
    talk.world.node.shutdown().await;
}

/// An MP3 of so many frames of 26 ms, which are silent, as a data URI.
pub fn sound_of(frames: usize) -> String {
    format!("data:audio/mpeg;base64,{}", ["//uQ", &"AAAA".repeat(138)].concat().repeat(frames))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_is_served_until_it_is_deleted_and_refused_ones_are_gone() {
    let talk = talk().await;
    let channel = talk.done("GET", &format!("/channels/{}", talk.channel), Value::Null).await;
    let path = format!("/guilds/{}/soundboard-sounds", channel["guild_id"].as_str().unwrap());
    let sound = talk.done("POST", &path, json!({"name": "quack", "sound": sound_of(100)})).await;
    let id = sound["sound_id"].as_str().unwrap();
    let file = json!(talk.world.url(&format!("/cdn/soundboard-sounds/{id}")));
    assert_eq!(talk.status(&file).await, 200);
    let stranger = talk.world.person("mallory").await;
    let token = &talk.token;
    for (token, sound, code) in [
        (token, sound_of(250), 50124),
        (token, PIXEL.to_owned(), 50123),
        (token, "data:audio/mpeg;base64,SUQzBAAAAAAAAA==".to_owned(), 50192),
        (token, "quack".to_owned(), 50035),
        (token, format!("data:audio/mpeg;base64,{}", "AAAA".repeat(200_000)), 50035),
        (&stranger, sound_of(1), 50001),
    ] {
        let body = json!({"name": "quack", "sound": sound});
        let (_, error) = talk.world.call("POST", &path, token, body).await;
        assert_eq!(error["code"], code, "{error}");
    }
    let bad = json!({"name": "q", "volume": 2, "emoji_name": "no", "sound": sound_of(1)});
    let (_, error) = talk.world.call("POST", &path, token, bad).await;
    let fields: Vec<_> = error["errors"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["emoji_name", "name", "volume"]);
    talk.world.node.app().cdn.sweep_all().await.unwrap();
    assert_eq!(talk.blobs("soundboard-sounds"), 1);
    talk.done("DELETE", &format!("{path}/{id}"), Value::Null).await;
    assert_eq!(talk.status(&file).await, 404);
    talk.world.node.app().cdn.sweep_all().await.unwrap();
    assert_eq!(talk.blobs("soundboard-sounds"), 0);
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_do_not_follow_what_a_request_calls_the_server() {
    let talk = talk().await;
    let body = "--xx\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\n\r\nx\r\n--xx--\r\n";
    let path = format!("/api/v10/channels/{}/messages", talk.channel);
    let request = http::Request::builder()
        .method("POST")
        .uri(talk.world.url(&path))
        .header("host", "evil.example")
        .header("authorization", &talk.token)
        .header("content-type", "multipart/form-data; boundary=xx")
        .body(body)
        .unwrap();
    let sent = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        agent.run(request).unwrap().body_mut().read_to_string().unwrap()
    });
    let message: Value = serde_json::from_str(&sent.await.unwrap()).unwrap();
    let base = talk.world.url("");
    for name in ["url", "proxy_url"] {
        assert!(message["attachments"][0][name].as_str().unwrap().starts_with(&base), "{message}");
    }
    assert_eq!(talk.status(url(&message)).await, 200);

    // The server listens elsewhere the next time, and its key is the same.
    let (old, path) = (url(&message).clone(), format!("/messages/{}", id(&message)));
    let talk = Talk { world: talk.world.restart().await, ..talk };
    let (_, shown) = talk.call("GET", &path, Value::Null).await;
    assert!(url(&shown).as_str().unwrap().starts_with(&talk.world.url("")), "{shown}");
    assert_eq!(talk.status(url(&shown)).await, 200);
    let refreshed = talk.done("POST", "/attachments/refresh-urls", json!({"attachment_urls": [old]})).await;
    assert_eq!(talk.status(&refreshed["refreshed_urls"][0]["refreshed"]).await, 200);
    let unsigned = old.as_str().unwrap().split('?').next().unwrap();
    let refused =
        talk.done("POST", "/attachments/refresh-urls", json!({"attachment_urls": [unsigned]})).await;
    assert_eq!(refused["refreshed_urls"][0]["refreshed"], unsigned, "what was never signed is not");
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_stays_with_its_message_whatever_becomes_of_the_embed_that_shows_it() {
    let talk = talk().await;
    let embed = |title: &str, url: &Value| json!([{"title": title, "image": {"url": url}}]);
    let reference = json!("attachment://k.png");
    let message =
        talk.post_file("/messages", json!({"content": "c", "embeds": embed("t", &reference)})).await;
    let path = format!("/messages/{}", id(&message));
    let image = |message: &Value| message["embeds"][0]["image"]["url"].clone();
    assert_eq!((talk.status(&image(&message)).await, &message["attachments"]), (200, &json!([])));
    for sent in [&reference, &image(&message)] {
        let (_, edited) = talk.call("PATCH", &path, json!({"embeds": embed("t2", sent)})).await;
        assert_eq!(talk.status(&image(&edited)).await, 200, "{edited}");
        assert_eq!((&edited["embeds"][0]["title"], &edited["attachments"]), (&json!("t2"), &json!([])));
    }
    let (_, bare) = talk.call("PATCH", &path, json!({"embeds": []})).await;
    assert_eq!(talk.status(url(&bare)).await, 200, "listed again");
    let kept = json!([{"id": bare["attachments"][0]["id"], "is_spoiler": true, "description": "d"}]);
    let (_, hidden) = talk.call("PATCH", &path, json!({"attachments": kept})).await;
    let file = &hidden["attachments"][0];
    assert_eq!(
        (&file["filename"], &file["flags"], &file["description"]),
        (&json!("SPOILER_k.png"), &json!(8), &json!("d"))
    );
    assert_eq!(talk.status(url(&hidden)).await, 200);
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn suppressed_embeds_are_shown_nowhere_and_come_back() {
    let talk = talk().await;
    let message = talk.post(json!({"content": "x", "embeds": [{"title": "e"}], "flags": 4})).await;
    assert_eq!((&message["flags"], &message["embeds"]), (&json!(4), &json!([])));
    let path = format!("/messages/{}", id(&message));
    let (_, listed) = talk.call("GET", "/messages?limit=1", Value::Null).await;
    assert_eq!(listed[0]["embeds"], json!([]));
    let (_, shown) = talk.call("PATCH", &path, json!({"flags": 0})).await;
    assert_eq!(shown["embeds"][0]["title"], "e");
    let (_, hidden) = talk.call("PATCH", &path, json!({"flags": 4})).await;
    assert_eq!(hidden["embeds"], json!([]));
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_has_files_of_its_own() {
    let talk = talk().await;
    let embeds = json!([{"title": "t", "image": {"url": "attachment://k.png"}}]);
    let (plain, embedded) = (
        talk.post_file("/messages", json!({"content": "plain"})).await,
        talk.post_file("/messages", json!({"content": "embedded", "embeds": embeds})).await,
    );
    let mut forwards = Vec::new();
    for source in [&plain, &embedded] {
        let reference = json!({"type": 1, "message_id": source["id"], "channel_id": talk.channel});
        forwards.push(talk.post(json!({"message_reference": reference})).await);
        talk.call("DELETE", &format!("/messages/{}", id(source)), Value::Null).await;
    }
    let snapshot = |forward: &Value| forward["message_snapshots"][0]["message"].clone();
    let file = url(&snapshot(&forwards[0])).clone();
    let image = snapshot(&forwards[1])["embeds"][0]["image"]["url"].clone();
    talk.world.node.app().cdn.sweep_all().await.unwrap();
    assert_eq!((talk.status(url(&plain)).await, talk.status(&file).await), (404, 200));
    assert_eq!(talk.status(&image).await, 200);
    for forward in &forwards {
        talk.call("DELETE", &format!("/messages/{}", id(forward)), Value::Null).await;
    }
    assert_eq!((talk.status(&file).await, talk.status(&image).await), (404, 404));
    talk.world.node.app().cdn.sweep_all().await.unwrap();
    assert_eq!(talk.blobs("attachments"), 0);
    talk.world.node.shutdown().await;
}
