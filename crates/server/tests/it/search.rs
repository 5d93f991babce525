//! Search for messages, over HTTP.

use serde_json::{Value, json};

use crate::messages::{Talk, talk};

impl Talk {
    /// What a query finds, by content, in the order it is answered.
    async fn found_by(&self, token: &str, query: &str) -> Vec<String> {
        let path = format!("/guilds/{}/messages/search?{query}", self.guild().await);
        let (status, answer) = self.world.call("GET", &path, token, Value::Null).await;
        assert_eq!(status, 200, "{query}: {answer}");
        contents(&answer)
    }

    async fn found(&self, query: &str) -> Vec<String> {
        self.found_by(&self.token, query).await
    }

    async fn guild(&self) -> String {
        let (_, channel) = self.call("GET", "", Value::Null).await;
        channel["guild_id"].as_str().unwrap().to_owned()
    }

    async fn did(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let (status, answer) = self.world.call(method, path, token, body).await;
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// Somebody who comes into the guild.
    async fn member(&self, name: &str) -> (String, String) {
        let token = self.world.person(name).await;
        let invite =
            self.did("POST", &format!("/channels/{}/invites", self.channel), &self.token, json!({})).await;
        self.did("POST", &format!("/invites/{}", invite["code"].as_str().unwrap()), &token, json!({})).await;
        let id = self.did("GET", "/users/@me", &token, Value::Null).await["id"].as_str().unwrap().to_owned();
        (token, id)
    }
}

fn contents(answer: &Value) -> Vec<String> {
    let messages = answer["messages"].as_array().unwrap();
    messages.iter().map(|found| found[0]["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn messages_are_found_by_words_phrases_people_and_parts() {
    let talk = talk().await;
    let (bob, bob_id) = talk.member("bob").await;
    for text in ["the quick brown fox", "foxes ran https://docs.example.org/a", "Über Zürich", "日本語の検索"]
    {
        talk.post(json!({"content": text})).await;
    }
    let path = format!("/channels/{}/messages", talk.channel);
    talk.did("POST", &path, &bob, json!({"content": "brown bear, quick!"})).await;
    let poll = json!({"question": {"text": "which fox?"}, "answers": [{"poll_media": {"text": "red"}}]});
    talk.post(json!({"content": "", "poll": poll})).await;

    assert_eq!(talk.found("content=fox&author_type=user&has=-poll").await.len(), 2, "stems are one word");
    assert_eq!(talk.found("content=quick%20brown").await.len(), 2);
    assert_eq!(talk.found("content=%22quick%20brown%22").await, ["the quick brown fox"]);
    assert_eq!(talk.found("content=the%20fox&slop=2").await, ["the quick brown fox"]);
    assert_eq!(talk.found("content=the%20fox&slop=1").await, [""; 0]);
    assert_eq!(talk.found("content=uber").await, ["Über Zürich"]);
    assert_eq!(talk.found("content=%E6%A4%9C%E7%B4%A2").await, ["日本語の検索"]);
    assert_eq!(talk.found(&format!("author_id={bob_id}&has=-link")).await[0], "brown bear, quick!");
    assert_eq!(talk.found("has=link").await, ["foxes ran https://docs.example.org/a"]);
    assert_eq!(talk.found("link_hostname=docs.example.org").await.len(), 1);
    assert_eq!(talk.found("content=fox&has=poll").await, [""], "the question of a poll");
    assert_eq!(talk.found("content=zebra").await, [""; 0]);
    assert_eq!(talk.found("content=%21%21%21").await, [""; 0], "nothing that could be found");
    assert_eq!(talk.found("content=brown&sort_order=asc&limit=1").await, ["the quick brown fox"]);
    assert_eq!(talk.found("content=brown&limit=1&offset=1").await, ["the quick brown fox"]);
}

#[tokio::test]
async fn what_changes_is_found_as_it_is_now_also_after_a_restart() {
    let mut talk = talk().await;
    let first = talk.post(json!({"content": "apple"})).await;
    let second = talk.post(json!({"content": "pear"})).await;
    assert_eq!(talk.found("content=apple").await, ["apple"]);
    let message = |message: &Value| format!("/messages/{}", message["id"].as_str().unwrap());
    talk.call("PATCH", &message(&first), json!({"content": "plum"})).await;
    talk.call("DELETE", &message(&second), Value::Null).await;
    assert_eq!(talk.found("content=apple").await, [""; 0]);
    assert_eq!(talk.found("content=pear").await, [""; 0]);
    assert_eq!(talk.found("content=plum").await, ["plum"]);
    assert_eq!(talk.found("pinned=true").await, [""; 0]);
    talk.call("PUT", &format!("/pins/{}", first["id"].as_str().unwrap()), json!({})).await;
    assert_eq!(talk.found("pinned=true").await, ["plum"]);
    talk.world = talk.world.restart().await;
    talk.call("PATCH", &message(&first), json!({"content": "cherry"})).await;
    assert_eq!(talk.found("content=plum").await, [""; 0]);
    assert_eq!(talk.found("content=cherry").await, ["cherry"]);
}

#[tokio::test]
async fn nobody_finds_what_they_may_not_read() {
    let talk = talk().await;
    let (bob, bob_id) = talk.member("bob").await;
    let (eve, eve_id) = talk.member("eve").await;
    let guild = talk.guild().await;
    let hidden = json!({"name": "hidden", "type": 0, "permission_overwrites": [{"id": guild, "type": 0, "deny": "1024"}]});
    let hidden = talk.did("POST", &format!("/guilds/{guild}/channels"), &talk.token, hidden).await;
    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    let post = async |channel: &str, token: &str, text: &str| {
        talk.did("POST", &format!("/channels/{channel}/messages"), token, json!({"content": text})).await
    };
    post(&id(&hidden), &talk.token, "secret one").await;
    let threads = format!("/channels/{}/threads", talk.channel);
    let private = talk.did("POST", &threads, &talk.token, json!({"name": "p", "type": 12})).await;
    let private = id(&private);
    talk.did("PUT", &format!("/channels/{private}/thread-members/{bob_id}"), &talk.token, json!({})).await;
    post(&private, &talk.token, "secret two").await;
    let all = ["secret two", "secret one"];
    assert_eq!(talk.found("content=secret").await, all);
    assert_eq!(talk.found_by(&bob, "content=secret").await, ["secret two"]);
    assert_eq!(talk.found_by(&eve, "content=secret").await, [""; 0]);
    assert_eq!(talk.found_by(&eve, &format!("content=secret&channel_id={}", id(&hidden))).await, [""; 0]);

    // The same when the thread is only a row.
    talk.did("PATCH", &format!("/channels/{private}"), &talk.token, json!({"archived": true})).await;
    assert_eq!(talk.found("content=secret").await, all);
    assert_eq!(talk.found_by(&bob, "content=secret").await, ["secret two"]);
    assert_eq!(talk.found_by(&eve, "content=secret").await, [""; 0]);
    let one = talk.found_by(&eve, "sort_by=relevance").await;
    assert!(!one.iter().any(|text| text.contains("secret")), "{one:?}");

    // Rights that change count at once.
    let overwrite = format!("/channels/{}/permissions/{eve_id}", id(&hidden));
    talk.did("PUT", &overwrite, &talk.token, json!({"type": 1, "allow": "66560"})).await;
    assert_eq!(talk.found_by(&eve, "content=secret").await, ["secret one"]);
    talk.did("DELETE", &format!("/users/@me/guilds/{guild}"), &bob, Value::Null).await;
    let path = format!("/guilds/{guild}/messages/search?content=secret");
    assert_eq!(talk.world.call("GET", &path, &bob, Value::Null).await.1["code"], 50001);
    talk.did("DELETE", &format!("/channels/{}", id(&hidden)), &talk.token, Value::Null).await;
    assert_eq!(talk.found("content=secret").await, ["secret two"]);
}

#[tokio::test]
async fn a_private_channel_is_searched_by_its_people_only() {
    let talk = talk().await;
    let (bob, bob_id) = talk.member("bob").await;
    let (eve, _) = talk.member("eve").await;
    let dm = talk.did("POST", "/users/@me/channels", &talk.token, json!({"recipient_id": bob_id})).await;
    let dm = dm["id"].as_str().unwrap();
    talk.did("POST", &format!("/channels/{dm}/messages"), &talk.token, json!({"content": "tea?"})).await;
    let path = format!("/channels/{dm}/messages/search?content=tea");
    let (status, answer) = talk.world.call("GET", &path, &bob, Value::Null).await;
    assert_eq!((status, contents(&answer)), (200, vec!["tea?".to_owned()]));
    let (status, _) = talk.world.call("GET", &path, &eve, Value::Null).await;
    assert!(status == 403 || status == 404, "{status}");
    assert_eq!(talk.found("content=tea").await, [""; 0], "the guild is another place");
    let path = format!("/channels/{}/messages/search?content=tea", talk.channel);
    assert_eq!(talk.world.call("GET", &path, &eve, Value::Null).await.1["total_results"], 0);
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused_by_field() {
    let talk = talk().await;
    let guild = talk.guild().await;
    for (query, field) in [
        ("has=teapot", "has"),
        ("author_type=cat", "author_type"),
        ("limit=26", "limit"),
        ("offset=9976", "offset"),
        ("sort_by=luck", "sort_by"),
        ("min_id=x", "min_id"),
        ("slop=101", "slop"),
    ] {
        let path = format!("/guilds/{guild}/messages/search?{query}");
        let (status, answer) = talk.world.call("GET", &path, &talk.token, Value::Null).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{query}: {answer}");
        assert!(answer["errors"][field].is_object(), "{query}: {answer}");
    }
}
