//! Messages over HTTP: files, forwards, reactions by path, threads, refusals with field paths.

use serde_json::{Value, json};

use crate::world::World;

pub struct Talk {
    pub world: World,
    pub token: String,
    pub channel: String,
}

pub async fn talk() -> Talk {
    let world = World::start().await;
    let token = world.person("ada").await;
    let (status, guild) = world.call("POST", "/guilds", &token, json!({"name": "Testers"})).await;
    assert_eq!(status, 201, "{guild}");
    let path = format!("/guilds/{}/channels", guild["id"].as_str().unwrap());
    let (_, channels) = world.call("GET", &path, &token, Value::Null).await;
    let text = channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap();
    let channel = text["id"].as_str().unwrap().to_owned();
    Talk { world, token, channel }
}

impl Talk {
    /// Calls below the channel; waits when told to, as every library does.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let path = format!("/channels/{}{path}", self.channel);
        loop {
            let (status, answer) = self.world.call(method, &path, &self.token, body.clone()).await;
            if status != 429 {
                return (status, answer);
            }
            let seconds = answer["retry_after"].as_f64().unwrap();
            tokio::time::sleep(std::time::Duration::from_secs_f64(seconds)).await;
        }
    }

    pub async fn post(&self, body: Value) -> Value {
        let (status, message) = self.call("POST", "/messages", body).await;
        assert_eq!(status, 200, "{message}");
        message
    }

    /// Sends a multipart form: names with optional file names, and contents.
    pub async fn upload(
        &self,
        method: &str,
        path: &str,
        parts: &[(&str, Option<&str>, &str)],
    ) -> (u16, Value) {
        let mut body = String::new();
        for (name, file, content) in parts {
            let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
            let head = format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            body.extend([head.as_str(), content, "\r\n"]);
        }
        body.push_str("--xx--\r\n");
        let url = self.world.url(&format!("/api/v10/channels/{}{path}", self.channel));
        let request = http::Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", &self.token)
            .header("content-type", "multipart/form-data; boundary=xx")
            .body(body)
            .unwrap();
        let call = move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let mut response = agent.run(request).unwrap();
            let text = response.body_mut().read_to_string().unwrap();
            (response.status().as_u16(), serde_json::from_str(&text).unwrap())
        };
        tokio::task::spawn_blocking(call).await.unwrap()
    }

    /// What is behind a URL that the server gave out.
    pub async fn fetch(&self, url: &Value) -> (u16, String) {
        let base = self.world.url("");
        let path = url.as_str().unwrap().strip_prefix(&base).unwrap().to_owned();
        self.world.raw("GET", &path, "", None).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_stored_described_and_shown_by_embeds() {
    let talk = talk().await;
    let payload = json!({
        "content": "files",
        "embeds": [{"title": "t", "image": {"url": "attachment://cat.png"}}],
        "attachments": [{"id": 1, "description": "a note"}]
    });
    let parts = [
        ("payload_json", None, &*payload.to_string()),
        ("files[0]", Some("cat.png"), "not really a cat"),
        ("files[1]", Some("my note.txt"), "hello"),
    ];
    let (status, message) = talk.upload("POST", "/messages", &parts).await;
    assert_eq!(status, 200, "{message}");
    let [note] = message["attachments"].as_array().unwrap().as_slice() else { panic!("{message}") };
    assert_eq!(
        (&note["filename"], &note["description"], &note["size"]),
        (&json!("my_note.txt"), &json!("a note"), &json!(5))
    );
    assert_eq!(talk.fetch(&note["url"]).await, (200, "hello".to_owned()));
    assert_eq!(talk.fetch(&message["embeds"][0]["image"]["url"]).await, (200, "not really a cat".to_owned()));
    let unsigned = json!(note["url"].as_str().unwrap().split('?').next().unwrap());
    assert_eq!(talk.fetch(&unsigned).await.0, 404);

    let path = format!("/messages/{}", message["id"].as_str().unwrap());
    let payload = json!({"attachments": [{"id": 0}]}).to_string();
    let parts = [("payload_json", None, &*payload), ("files[0]", Some("new.txt"), "new")];
    let (status, edited) = talk.upload("PATCH", &path, &parts).await;
    assert_eq!(status, 200, "{edited}");
    let names: Vec<_> = edited["attachments"].as_array().unwrap().iter().map(|a| &a["filename"]).collect();
    assert_eq!(names, ["new.txt"]);
    let missing = [("payload_json", None, "{\"attachments\": [{\"id\": 4}]}"), ("files[0]", Some("x"), "x")];
    let (status, error) = talk.upload("POST", "/messages", &missing).await;
    assert_eq!(
        (status, &error["errors"]["attachments"]["0"]["id"]["_errors"][0]["code"]),
        (400, &json!("ATTACHMENT_NOT_FOUND"))
    );
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_keeps_what_the_message_was() {
    let talk = talk().await;
    let source = talk.post(json!({"content": "original"})).await;
    let reference = json!({"type": 1, "message_id": source["id"], "channel_id": talk.channel});
    let forward = talk.post(json!({"message_reference": reference})).await;
    let path = format!("/messages/{}", source["id"].as_str().unwrap());
    assert_eq!(talk.call("DELETE", &path, Value::Null).await.0, 204);
    let (_, list) = talk.call("GET", "/messages?limit=1", Value::Null).await;
    assert_eq!(list[0]["id"], forward["id"]);
    assert_eq!(list[0]["message_snapshots"][0]["message"]["content"], "original");
    assert_eq!((&list[0]["flags"], &list[0]["content"]), (&json!(1 << 14), &json!("")));
    let again =
        json!({"message_reference": {"type": 1, "message_id": source["id"], "channel_id": talk.channel}});
    assert_eq!(talk.call("POST", "/messages", again).await.1["code"], 10008);
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_pins_and_threads_answer_on_their_paths() {
    let talk = talk().await;
    let id = talk.post(json!({"content": "x"})).await["id"].as_str().unwrap().to_owned();
    let heart = format!("/messages/{id}/reactions/%E2%9D%A4%EF%B8%8F");
    assert_eq!(talk.call("PUT", &format!("{heart}/@me"), Value::Null).await.0, 204);
    let (status, users) = talk.call("GET", &heart, Value::Null).await;
    assert_eq!((status, &users[0]["username"]), (200, &json!("ada")));
    assert_eq!(talk.call("DELETE", &format!("{heart}/@me"), Value::Null).await.0, 204);
    let unknown = format!("/messages/{id}/reactions/nothing/@me");
    assert_eq!(talk.call("PUT", &unknown, Value::Null).await.1["code"], 10014);

    assert_eq!(talk.call("PUT", &format!("/messages/pins/{id}"), Value::Null).await.0, 204);
    let (_, pins) = talk.call("GET", "/messages/pins", Value::Null).await;
    assert_eq!((&pins["items"][0]["message"]["id"], &pins["has_more"]), (&json!(id), &json!(false)));
    assert_eq!(talk.call("GET", "/pins", Value::Null).await.1[0]["id"], id);
    assert_eq!(talk.call("DELETE", &format!("/pins/{id}"), Value::Null).await.0, 204);

    let (status, thread) =
        talk.call("POST", &format!("/messages/{id}/threads"), json!({"name": "talk"})).await;
    assert_eq!((status, &thread["id"]), (201, &json!(id)));
    let thread = format!("/channels/{id}");
    let (status, renamed) = talk.world.call("PATCH", &thread, &talk.token, json!({"name": "better"})).await;
    assert_eq!((status, &renamed["name"]), (200, &json!("better")));
    let archive = json!({"archived": true, "locked": true});
    assert_eq!(
        talk.world.call("PATCH", &thread, &talk.token, archive).await.1["thread_metadata"]["locked"],
        true
    );
    let (_, list) = talk.call("GET", "/threads/archived/public", Value::Null).await;
    assert_eq!((&list["threads"][0]["name"], &list["members"][0]["id"]), (&json!("better"), &json!(id)));
    assert_eq!(talk.call("GET", "/threads/archived/public?limit=1", Value::Null).await.0, 400);
    assert_eq!(talk.world.call("DELETE", &thread, &talk.token, Value::Null).await.0, 200);
    assert_eq!(talk.world.call("GET", &thread, &talk.token, Value::Null).await.0, 404);
    assert_eq!(talk.call("POST", "/typing", Value::Null).await.0, 204);
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_by_field() {
    let talk = talk().await;
    let at = |error: &Value, path: &str| {
        let leaf = path.split('.').fold(error["errors"].clone(), |value, key| value[key].clone());
        leaf["_errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    };
    let (status, error) = talk.call("POST", "/messages", json!({"content": "x".repeat(2001)})).await;
    assert_eq!(
        (status, &error["code"], at(&error, "content")),
        (400, &json!(50035), "BASE_TYPE_MAX_LENGTH".to_owned())
    );
    let (_, error) = talk.call("GET", "/messages?limit=101", Value::Null).await;
    assert_eq!(at(&error, "limit"), "NUMBER_TYPE_MAX");
    assert_eq!(talk.call("GET", "/messages?before=1&after=2", Value::Null).await.0, 400);
    assert_eq!(talk.call("POST", "/messages/bulk-delete", json!({"messages": ["1"]})).await.1["code"], 50016);
    assert_eq!(talk.call("POST", "/messages", json!({})).await.1["code"], 50006);
    assert_eq!(talk.call("GET", "/messages/7", Value::Null).await.1["code"], 10008);
    assert_eq!(
        talk.world.call("GET", "/channels/7/messages", &talk.token, Value::Null).await.1["code"],
        10003
    );
    assert_eq!(talk.world.call("GET", "/channels/7/messages", "", Value::Null).await.0, 401);
    talk.world.node.shutdown().await;
}
