//! What somebody tries who wants in, or wants others out: on sockets, in paths, with what is not theirs, all at once.

use std::net::Shutdown;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::raw::{Raw, blocking};
use crate::world::World;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A guild of ada's, of which ben is a member and eve is not.
struct Town {
    world: World,
    ada: String,
    ben: String,
    eve: String,
    guild: String,
    channel: String,
}

impl Town {
    async fn new() -> Self {
        let world = World::unlimited().await;
        let [ada, ben, eve] =
            [world.person("ada").await, world.person("ben").await, world.person("eve").await];
        let guild = text(&world.call("POST", "/guilds", &ada, json!({"name": "Guild"})).await.1["id"]);
        let channels = world.call("GET", &format!("/guilds/{guild}/channels"), &ada, Value::Null).await.1;
        let is_text = |channel: &&Value| channel["type"] == 0;
        let channel = text(&channels.as_array().unwrap().iter().find(is_text).unwrap()["id"]);
        let town = Self { world, ada, ben, eve, guild, channel };
        let code = town.invite(json!({})).await;
        town.ok("POST", &format!("/invites/{code}"), &town.ben, json!({})).await;
        town
    }

    async fn ok(&self, method: &str, path: &str, token: &str, body: Value) -> Value {
        let (status, answer) = self.world.call(method, path, token, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Status and code of a refusal.
    async fn refusal(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, u64) {
        let (status, answer) = self.world.call(method, path, token, body).await;
        assert!((400..500).contains(&status), "{method} {path}: {status} {answer}");
        (status, answer["code"].as_u64().unwrap_or_else(|| panic!("no code: {answer}")))
    }

    async fn invite(&self, body: Value) -> String {
        let path = format!("/channels/{}/invites", self.channel);
        text(&self.ok("POST", &path, &self.ada, body).await["code"])
    }

    async fn post(&self, token: &str, body: Value) -> Value {
        self.ok("POST", &format!("/channels/{}/messages", self.channel), token, body).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_of_headers_are_cut_and_keep_nobody_out() {
    let world = World::with(|settings| settings.connections_max = 64).await;
    let address = world.node.address();
    blocking(move || {
        let floods: Vec<_> = (0..100)
            .map(|n| {
                let mut raw = Raw::connect(address);
                raw.send("GET /healthz HTTP/1.1\r\nhost: a\r\n");
                // Headers without an end: many short ones, or one that goes on.
                let part = if n % 2 == 0 { "x: y\r\n".repeat(500) } else { "y".repeat(3000) };
                // A server that has had enough may have closed.
                while let Ok(()) = std::io::Write::write_all(&mut raw.0, part.as_bytes()) {
                    if raw.has_answer() {
                        break;
                    }
                }
                raw
            })
            .collect();
        let mut raw = Raw::connect(address);
        raw.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(raw.answer().0, 200);
        drop(floods);
        for head in [
            format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(200)),
            format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(100_000)),
        ] {
            let mut raw = Raw::connect(address);
            raw.send(&head);
            let status = raw.answer().0;
            assert!(matches!(status, 400 | 414 | 431), "{status}");
        }
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_two_servers_could_read_differently_are_refused() {
    let world = World::start().await;
    let address = world.node.address();
    blocking(move || {
        let refused = [
            "GET /healthz HTTP/1.1\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nhost : a\r\n\r\n",
            "GET /healthz HTTP/1.1\r\n host: a\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n",
            "POST /api/v10/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nhello",
            "POST /api/v10/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello",
            "POST /api/v10/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 3\r\n\r\nhello",
            "POST /api/v10/auth/login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "POST /api/v10/auth/login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
            "POST /api/v10/auth/login HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET  /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /healthz HTTP/9.1\r\nhost: a\r\n\r\n",
        ];
        for request in refused {
            let mut raw = Raw::connect(address);
            raw.send(request);
            assert!(raw.is_answered(), "{request:?} is closed without a word");
            let (status, head, _) = raw.answer();
            assert!(matches!(status, 400 | 505), "{request:?}: {status}");
            assert!(head.contains("connection: close") || raw.ends(), "{request:?}: {head}");
        }
        // Both lengths: the chunks count, and the connection may end with the answer (RFC 9112, 6.3). If it goes on, it does
        // after the chunks.
        for lengths in [
            "content-length: 4\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked\r\ncontent-length: 4",
        ] {
            let mut raw = Raw::connect(address);
            raw.send(&format!("POST /api/v10/auth/login HTTP/1.1\r\nhost: a\r\n{lengths}\r\n\r\n"));
            raw.send("2\r\n{}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!(raw.answer().0, 400);
            assert!(!raw.is_answered() || raw.answer().0 == 200, "{lengths}");
        }
        // A request as proxies get it names the host itself.
        let mut raw = Raw::connect(address);
        raw.send("GET http://other.example/api/v10/gateway HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(raw.answer().0, 200);
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_have_one_form_and_others_are_no_ids() {
    let town = Town::new().await;
    let channel = &town.channel;
    let spelt = [
        format!("0{channel}"),
        format!("+{channel}"),
        format!("%20{channel}"),
        format!("{channel}%20"),
        format!("{channel}%00"),
        format!("{channel}.0"),
        format!("{channel}e0"),
        format!("-{channel}"),
        format!("0x{channel}"),
        channel.chars().map(|digit| char::from_u32(digit as u32 + 0xfee0).unwrap()).fold(
            String::new(),
            |all, wide| {
                let mut bytes = [0; 4];
                let coded: String =
                    wide.encode_utf8(&mut bytes).bytes().map(|byte| format!("%{byte:02X}")).collect();
                all + coded.as_str()
            },
        ),
        "18446744073709551616".to_owned(),
        "99999999999999999999999999".to_owned(),
        "-1".to_owned(),
        "null".to_owned(),
        "%2e%2e".to_owned(),
    ];
    for id in &spelt {
        for (method, path) in [
            ("GET", format!("/channels/{id}")),
            ("POST", format!("/channels/{id}/messages")),
            ("PATCH", format!("/guilds/{id}")),
            ("PUT", format!("/channels/{channel}/messages/pins/{id}")),
            ("GET", format!("/users/{id}")),
            ("POST", format!("/webhooks/{id}/token")),
        ] {
            let (status, _) = town.refusal(method, &path, &town.ada, json!({"content": "x"})).await;
            assert!(matches!(status, 400 | 401 | 404 | 405), "{method} {path}: {status}");
        }
        let query = format!("/channels/{channel}/messages?before={id}");
        let (status, answer) = town.world.call("GET", &query, &town.ada, Value::Null).await;
        assert!(status == 400 || answer.as_array().is_some(), "{query}: {status} {answer}");
    }
    for id in
        [json!(1.5), json!(-1), json!("0x1"), json!(" 1"), json!([1]), json!({}), json!(true), json!("1e3")]
    {
        let reply = json!({"content": "x", "message_reference": {"message_id": id}});
        let path = format!("/channels/{channel}/messages");
        assert_eq!(town.refusal("POST", &path, &town.ada, reply).await, (400, 50035), "{id}");
    }
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_chooses_the_ids_of_tags() {
    let town = Town::new().await;
    let path = format!("/guilds/{}/channels", town.guild);
    let forum = text(&town.ok("POST", &path, &town.ada, json!({"name": "f", "type": 15})).await["id"]);
    let path = format!("/channels/{forum}");
    let tags = json!([{"id": "18446744073709551615", "name": "a"}, {"name": "b"}, {"id": "5", "name": "c"}, {"id": 5, "name": "d"}]);
    let shown = town.ok("PATCH", &path, &town.ada, json!({"available_tags": tags})).await;
    let ids = |shown: &Value| -> std::collections::BTreeSet<String> {
        shown["available_tags"].as_array().unwrap().iter().map(|tag| text(&tag["id"])).collect()
    };
    assert_eq!(ids(&shown).len(), 4);
    assert!(ids(&shown).iter().all(|id| id != "5" && id != "18446744073709551615"), "{shown}");
    // One by one, as interactions.py does.
    let added =
        town.ok("POST", &format!("{path}/tags"), &town.ada, json!({"name": "e", "emoji_name": "✅"})).await;
    let id = text(&added["available_tags"][4]["id"]);
    let replaced = town.ok("PUT", &format!("{path}/tags/{id}"), &town.ada, json!({"name": "f"})).await;
    assert_eq!(
        (&replaced["available_tags"][4]["name"], &replaced["available_tags"][4]["id"]),
        (&json!("f"), &json!(id))
    );
    let left = town.ok("DELETE", &format!("{path}/tags/{id}"), &town.ada, Value::Null).await;
    assert_eq!(ids(&left), ids(&shown));
    assert_eq!(
        town.refusal("POST", &format!("{path}/tags"), &town.ben, json!({"name": "x"})).await,
        (403, 50013)
    );
    assert_eq!(town.refusal("POST", &format!("{path}/tags"), &town.ada, json!({})).await, (400, 50035));
    assert_eq!(
        town.refusal("DELETE", &format!("{path}/tags/{id}"), &town.ada, Value::Null).await,
        (404, 10087)
    );
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_all_ids_is_nobodys() {
    let town = Town::new().await;
    let last = u64::MAX;
    for (method, path, body) in [
        ("POST", "/users/@me/channels".to_owned(), json!({ "recipient_id": last.to_string() })),
        ("PUT", format!("/users/@me/relationships/{last}"), json!({})),
        ("GET", format!("/users/{last}/profile"), Value::Null),
        ("PUT", format!("/guilds/{}/bans/{last}", town.guild), json!({})),
        ("GET", format!("/channels/{}/messages/{last}", town.channel), Value::Null),
    ] {
        town.refusal(method, &path, &town.ada, body).await;
    }
    let paged = ["before", "after", "around"].map(|key| format!("{key}={last}"));
    for query in paged {
        town.ok("GET", &format!("/channels/{}/messages?{query}", town.channel), &town.ada, Value::Null).await;
    }
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_unpack_to_much_are_not_unpacked() {
    let town = Town::new().await;
    let (address, token, channel) = (town.world.node.address(), town.ada.clone(), town.channel.clone());
    blocking(move || {
        // 10 MB of blanks in 10 KB.
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut packed, &vec![b' '; 10 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        for encoding in ["gzip", "deflate", "br", "gzip, gzip"] {
            let mut raw = Raw::connect(address);
            raw.send(&format!(
                "POST /api/v10/channels/{channel}/messages HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n\
                 content-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
                packed.len()
            ));
            std::io::Write::write_all(&mut raw.0, &packed).unwrap();
            let status = raw.answer().0;
            assert!(matches!(status, 400 | 415), "{encoding}: {status}");
        }
        // JSON that is deep or wide rather than long.
        for body in [
            "[".repeat(100_000),
            "{\"a\":".repeat(50_000),
            format!("{{\"content\":\"x\",\"embeds\":[{}]}}", vec!["{}"; 60_000].join(",")),
        ] {
            let mut raw = Raw::connect(address);
            raw.send(&format!(
                "POST /api/v10/channels/{channel}/messages HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ));
            assert_eq!(raw.answer().0, 400);
        }
    })
    .await;
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_message_has_an_end() {
    let world = World::start().await;
    let address = world.node.address();
    blocking(move || {
        // First a text frame that is not the last one, then continuations; with a mask of zeros, so that nothing changes.
        let frame = |opcode: u8, length: usize| {
            let mut frame = vec![opcode, 0x80 | 126, (length >> 8) as u8, length as u8, 0, 0, 0, 0];
            frame.extend(vec![b' '; length]);
            frame
        };
        for length in [0, 1, 1000] {
            let mut raw = Raw::connect(address);
            raw.send(
                "GET /?v=10 HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            );
            assert_eq!(raw.answer().0, 101);
            std::io::Write::write_all(&mut raw.0, &frame(0x01, length)).unwrap();
            let more = frame(0x00, length).repeat(256);
            let mut sent = 0_usize;
            // Until it is told to go; what it still says then nobody reads.
            while !raw.is_told_to_close() {
                assert!(sent < 64 << 20, "fragments of {length} bytes go on without end");
                if std::io::Write::write_all(&mut raw.0, &more).is_err() {
                    break;
                }
                sent += more.len();
            }
        }
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_not_published_edited_or_spoken_for() {
    let town = Town::new().await;
    let news = json!({"name": "news", "type": 5});
    let news =
        text(&town.ok("POST", &format!("/guilds/{}/channels", town.guild), &town.ada, news).await["id"]);
    let at = format!("/channels/{news}/messages");
    let message = text(&town.ok("POST", &at, &town.ada, json!({"content": "x"})).await["id"]);
    let crosspost = format!("{at}/{message}/crosspost");
    assert_eq!(town.refusal("POST", &crosspost, &town.ben, json!({})).await, (403, 50013));
    assert_eq!(town.refusal("POST", &crosspost, &town.eve, json!({})).await, (403, 50001));
    let edit = format!("{at}/{message}");
    assert_eq!(town.refusal("PATCH", &edit, &town.ben, json!({"content": "y"})).await, (403, 50005));
    assert_eq!(town.refusal("DELETE", &edit, &town.ben, Value::Null).await, (403, 50013));
    town.ok("POST", &crosspost, &town.ada, json!({})).await;
    assert_eq!(town.refusal("POST", &crosspost, &town.ada, json!({})).await.1, 40033);
    // What only the server may say of a message is not taken from who posts it.
    let claims = json!({
        "content": "x", "id": "1", "author": {"id": "1"}, "webhook_id": "1", "application_id": "1", "type": 7, "pinned": true,
        "timestamp": "2000-01-01T00:00:00Z", "flags": 0xff, "mention_everyone": true, "interaction_metadata": {"id": "1"},
    });
    let posted = town.post(&town.ben, claims).await;
    assert_eq!(posted["author"]["username"], "ben");
    assert_eq!((&posted["type"], &posted["flags"], &posted["pinned"]), (&json!(0), &json!(4), &json!(false)));
    assert!(posted.get("webhook_id").is_none() && posted.get("interaction_metadata").is_none(), "{posted}");
    assert_eq!(posted["mention_everyone"], false);
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_mentions_whom_it_is_allowed_to_and_its_token_is_needed() {
    let town = Town::new().await;
    let me = text(&town.ok("GET", "/users/@me", &town.ben, Value::Null).await["id"]);
    let hooks = format!("/channels/{}/webhooks", town.channel);
    assert_eq!(town.refusal("POST", &hooks, &town.ben, json!({"name": "h"})).await, (403, 50013));
    let hook = town.ok("POST", &hooks, &town.ada, json!({"name": "h"})).await;
    let (id, token) = (text(&hook["id"]), text(&hook["token"]));
    let words = format!("@everyone <@{me}>");
    let run = |allowed: Value| json!({"content": words.clone(), "allowed_mentions": allowed});
    let execute = format!("/webhooks/{id}/{token}?wait=true");
    let silent = town.ok("POST", &execute, "", run(json!({"parse": []}))).await;
    assert_eq!((&silent["mention_everyone"], &silent["mentions"]), (&json!(false), &json!([])));
    let one = town.ok("POST", &execute, "", run(json!({"parse": [], "users": [me]}))).await;
    assert_eq!((&one["mention_everyone"], one["mentions"].as_array().unwrap().len()), (&json!(false), 1));
    let both = json!({"parse": ["users"], "users": [me]});
    assert_eq!(town.refusal("POST", &execute, "", run(both)).await, (400, 50035));
    for wrong in ["x".to_owned(), token[1..].to_owned(), format!("{token}x"), token.to_uppercase()] {
        let path = format!("/webhooks/{id}/{wrong}");
        assert_eq!(town.refusal("POST", &path, "", run(json!({}))).await, (401, 50027), "{wrong}");
        assert_eq!(town.refusal("DELETE", &path, "", Value::Null).await, (401, 50027));
    }
    // Neither an account's token nor the id alone is enough.
    assert_eq!(
        town.refusal("DELETE", &format!("/webhooks/{id}"), &town.ben, Value::Null).await,
        (403, 50013)
    );
    assert_eq!(town.refusal("GET", &format!("/webhooks/{id}"), "", Value::Null).await.0, 401);
    let message = town.post(&town.ada, json!({"content": "a person's"})).await;
    let path = format!("/webhooks/{id}/{token}/messages/{}", text(&message["id"]));
    for (method, body) in [("GET", Value::Null), ("PATCH", json!({"content": "y"})), ("DELETE", Value::Null)]
    {
        assert_eq!(town.refusal(method, &path, "", body).await, (404, 10008), "{method}");
    }
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_come_at_once_as_many_are_let_in_as_may() {
    let town = Town::new().await;
    let people = join_all((0..12).map(|n| {
        let world = &town.world;
        async move { world.person(&format!("guest_{n}")).await }
    }))
    .await;
    let code = town.invite(json!({"max_uses": 3})).await;
    let path = format!("/invites/{code}");
    let came = join_all(people.iter().map(|token| town.world.call("POST", &path, token, json!({})))).await;
    assert_eq!(came.iter().filter(|(status, _)| *status == 200).count(), 3, "{came:?}");
    assert!(came.iter().all(|(status, answer)| *status == 200 || answer["code"] == 10006), "{came:?}");
    // One name, many who want it.
    let body = json!({"username": "the_one", "password": "long enough"});
    let named = join_all((0..8).map(|_| town.world.call("POST", "/auth/register", "", body.clone()))).await;
    assert_eq!(named.iter().filter(|(status, _)| *status == 201).count(), 1, "{named:?}");
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_is_of_its_author_and_its_channel() {
    let town = Town::new().await;
    let body = json!({"content": "once", "nonce": "n", "enforce_nonce": true});
    let at = format!("/channels/{}/messages", town.channel);
    let posted = join_all((0..10).map(|_| town.world.call("POST", &at, &town.ada, body.clone()))).await;
    let ids: std::collections::BTreeSet<_> = posted.iter().map(|(_, message)| text(&message["id"])).collect();
    assert_eq!(ids.len(), 1, "{posted:?}");
    let other = town.post(&town.ben, body.clone()).await;
    assert!(!ids.contains(&text(&other["id"])), "the nonce of somebody else");
    let second = json!({"name": "second", "type": 0});
    let second =
        text(&town.ok("POST", &format!("/guilds/{}/channels", town.guild), &town.ada, second).await["id"]);
    let there = town.ok("POST", &format!("/channels/{second}/messages"), &town.ada, body).await;
    assert_eq!(there["channel_id"], json!(second));
    assert!(!ids.contains(&text(&there["id"])), "the nonce of another channel");
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_an_interaction_is_for_its_application_alone() {
    use base64::Engine as _;
    let town = Town::new().await;
    let application = text(&town.ok("POST", "/applications", &town.ada, json!({"name": "a"})).await["id"]);
    let forged = |application: &str, secret: &str| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(format!("interaction:{application}:1:{secret}"))
    };
    for token in [forged(&application, &"x".repeat(64)), forged("1", ""), forged("x", "y"), "e30".to_owned()]
    {
        let body = json!({"type": 4, "data": {"content": "x"}});
        assert_eq!(
            town.refusal("POST", &format!("/interactions/1/{token}/callback"), "", body).await.0,
            404,
            "{token}"
        );
        for (method, path) in [
            ("GET", "/messages/@original"),
            ("PATCH", "/messages/@original"),
            ("DELETE", "/messages/@original"),
            ("POST", ""),
        ] {
            let path = format!("/webhooks/{application}/{token}{path}");
            let (status, _) = town.refusal(method, &path, "", json!({"content": "x"})).await;
            assert!(matches!(status, 401 | 404), "{method} {path}: {status}");
        }
    }
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authorization_leads_back_to_a_registered_address_only() {
    let town = Town::new().await;
    let application = text(&town.ok("POST", "/applications", &town.ada, json!({"name": "a"})).await["id"]);
    let home = "https://home.example/back?x=1";
    let register = json!({"redirect_uris": [home]});
    town.ok("PATCH", &format!("/applications/{application}"), &town.ada, register).await;
    let link = |redirect: &str| {
        let redirect: String = redirect.bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!(
            "/oauth2/authorize?client_id={application}&response_type=code&scope=identify&redirect_uri={redirect}"
        )
    };
    let granted = town.ok("POST", &link(home), &town.ben, json!({"authorize": true})).await;
    assert!(text(&granted["location"]).starts_with("https://home.example/back?x=1&code="), "{granted}");
    for wrong in [
        "https://home.example/back",
        "https://home.example/back?x=1&y=2",
        "https://home.example/back?x=1#y",
        "https://home.example.evil.example/back?x=1",
        "https://home.example@evil.example/back?x=1",
        "http://home.example/back?x=1",
        "https://HOME.example/back?x=1/../..",
        "https://home.example/back?x=1%0d%0aset-cookie:a=b",
        "javascript:alert(1)",
        "//evil.example",
    ] {
        let (status, _) = town.refusal("POST", &link(wrong), &town.ben, json!({"authorize": true})).await;
        assert_eq!(status, 400, "{wrong}");
    }
    town.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_origins_may_ask_with_a_token_but_never_with_what_a_browser_keeps() {
    let world = World::start().await;
    let address = world.node.address();
    blocking(move || {
        for path in ["/api/v10/users/@me", "/api/v9/nowhere", "/cdn/nowhere", "/media/external/x/y"] {
            for method in ["OPTIONS", "GET"] {
                let mut raw = Raw::connect(address);
                raw.send(&format!(
                    "{method} {path} HTTP/1.1\r\nhost: a\r\norigin: https://evil.example\r\ncookie: a=b\r\n\
                     access-control-request-method: DELETE\r\naccess-control-request-headers: authorization\r\n\r\n"
                ));
                let (_, head, _) = raw.answer();
                assert!(head.contains("access-control-allow-origin: *\r\n"), "{method} {path}: {head}");
                assert!(!head.contains("allow-credentials") && !head.contains("set-cookie"), "{head}");
            }
        }
        // The page itself is nobody else's to read or to frame.
        let mut raw = Raw::connect(address);
        raw.send("GET / HTTP/1.1\r\nhost: a\r\norigin: https://evil.example\r\n\r\n");
        let (_, head, _) = raw.answer();
        assert!(!head.contains("access-control-allow-origin"), "{head}");
        let _gone = raw.0.shutdown(Shutdown::Both);
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_an_account_hold_for_whoever_asks_for_everything_at_once() {
    let town = Town::new().await;
    let world = &town.world;
    let many = async |count: usize, token: &str, method: &str, paths: Vec<String>, body: Value| {
        let calls = (0..count).map(|n| world.call(method, &paths[n % paths.len()], token, body.clone()));
        let answers = join_all(calls).await;
        let refused: Vec<_> = answers.iter().filter(|(status, _)| *status >= 300).collect();
        assert!(refused.iter().all(|(status, _)| *status == 400), "{refused:?}");
        count - refused.len()
    };
    let one = |path: &str| vec![path.to_owned()];
    // Ben is in one already.
    assert_eq!(many(110, &town.ben, "POST", one("/guilds"), json!({"name": "Guild"})).await, 99);
    let guilds = town.ok("GET", "/users/@me/guilds", &town.ben, Value::Null).await;
    assert_eq!(guilds.as_array().unwrap().len(), 100);
    let code = {
        let guild = town.ok("POST", "/guilds", &town.eve, json!({"name": "Guild"})).await;
        let channel = text(&guild["system_channel_id"]);
        let invite = town.ok("POST", &format!("/channels/{channel}/invites"), &town.eve, json!({})).await;
        text(&invite["code"])
    };
    assert_eq!(town.refusal("POST", &format!("/invites/{code}"), &town.ben, json!({})).await, (400, 30001));
    town.ok("DELETE", &format!("/users/@me/guilds/{}", town.guild), &town.ben, Value::Null).await;
    assert_eq!(many(8, &town.ben, "POST", one(&format!("/invites/{code}")), json!({})).await, 8, "one guild");
    assert_eq!(many(60, &town.ada, "POST", one("/applications"), json!({"name": "App"})).await, 50);
    let mut friends = Vec::new();
    for (token, other) in [(&town.ben, &town.ada), (&town.eve, &town.ada)] {
        let [own, others] = [token, other].map(|token| town.ok("GET", "/users/@me", token, Value::Null));
        let (own, others) = (text(&own.await["id"]), text(&others.await["id"]));
        town.ok("PUT", &format!("/users/@me/relationships/{others}"), token, json!({})).await;
        town.ok("PUT", &format!("/users/@me/relationships/{own}"), other, json!({})).await;
        friends.push(own);
    }
    let group = json!({ "recipients": friends });
    assert_eq!(many(20, &town.ada, "POST", one("/users/@me/channels"), group).await, 10);
    let mut messages = Vec::new();
    for _ in 0..260 {
        messages.push(text(&town.post(&town.ada, json!({"content": "x"})).await["id"]));
    }
    let pins: Vec<_> =
        messages.iter().map(|id| format!("/channels/{}/messages/pins/{id}", town.channel)).collect();
    for pin in &pins[..220] {
        town.ok("PUT", pin, &town.ada, Value::Null).await;
    }
    assert_eq!(many(40, &town.ada, "PUT", pins[220..].to_vec(), Value::Null).await, 30);
    town.world.node.shutdown().await;
}
