//! The listener against clients that are late, silent, slow or many, on plain sockets.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::raw::{Raw, blocking};
use crate::world::{World, next};

/// Asks for something by a connection of its own.
fn get(address: SocketAddr, path: &str, token: &str) -> u16 {
    let mut raw = Raw::connect(address);
    raw.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n\r\n"));
    raw.answer().0
}

/// Requests that are refused before anybody looks at their bodies, and their statuses.
fn refused(token: &str) -> Vec<(&'static str, &'static str, String, u16)> {
    let token = || token.to_owned();
    vec![
        ("POST", "/api/v10/channels/1/messages", String::new(), 401),
        ("POST", "/api/v10/channels/x/messages", token(), 400),
        ("POST", "/api/v10/nowhere", token(), 404),
        ("PUT", "/api/v10/auth/login", token(), 405),
        ("DELETE", "/api/v10/channels/1/messages/2", token(), 404),
        ("PUT", "/api/v10/channels/1/messages/2/reactions/%E2%9C%85/@me", token(), 404),
        ("POST", "/api/v10/channels/1/typing", token(), 404),
        ("GET", "/api/v10/users/@me", token(), 200),
        ("OPTIONS", "/api/v10/users/@me", String::new(), 204),
        ("POST", "/", String::new(), 405),
        ("PUT", "/cdn/embed/avatars/0.png", String::new(), 405),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_a_client_that_sends_a_large_body_after_it() {
    let world = World::start().await;
    let token = world.person("ada").await;
    let address = world.node.address();
    blocking(move || {
        for (method, path, token, status) in refused(&token) {
            let mut raw = Raw::connect(address);
            raw.send(&format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\ncontent-length: 300000\r\n\r\n"
            ));
            let (got, head, _) = raw.answer();
            assert_eq!(got, status, "{method} {path}");
            assert!(head.contains("connection: close"), "{method} {path}: {head}");
            // Only now comes the body, as from a client that sends all before it reads.
            raw.send(&"x".repeat(300_000));
            raw.0.shutdown(Shutdown::Write).unwrap();
            assert!(raw.ends(), "{method} {path} ends with a reset");
        }
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_post_is_refused_before_the_files_come() {
    let world = World::unlimited().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let guild = world.call("POST", "/guilds", &ada, json!({"name": "Guild"})).await.1;
    let channels = format!("/guilds/{}/channels", guild["id"].as_str().unwrap());
    let channels = world.call("GET", &channels, &ada, Value::Null).await.1;
    let of_kind = |channel: &&Value| channel["type"] == 0;
    let channel =
        channels.as_array().unwrap().iter().find(of_kind).unwrap()["id"].as_str().unwrap().to_owned();
    let messages = format!("/channels/{channel}/messages");
    let message = world.call("POST", &messages, &ada, json!({"content": "x"})).await.1;
    let message = message["id"].as_str().unwrap().to_owned();
    let hooks = format!("/channels/{channel}/webhooks");
    let hook = world.call("POST", &hooks, &ada, json!({"name": "h"})).await.1;
    let hook = hook["id"].as_str().unwrap().to_owned();
    let address = world.node.address();
    blocking(move || {
        let refused = [
            ("POST", messages.clone(), &*eve, 403),
            ("POST", "/channels/1/messages".to_owned(), &eve, 404),
            ("PATCH", format!("{messages}/{message}"), &eve, 403),
            ("POST", format!("/channels/{channel}/threads"), &eve, 403),
            ("POST", format!("/webhooks/{hook}/wrong"), "", 401),
            ("PATCH", format!("/webhooks/{hook}/wrong/messages/{message}"), "", 401),
            ("POST", format!("/interactions/{hook}/wrong/callback"), "", 404),
            ("POST", format!("/guilds/{hook}/stickers"), &ada, 404),
        ];
        for (method, path, token, status) in refused {
            let mut raw = Raw::connect(address);
            raw.send(&format!(
                "{method} /api/v10{path} HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n\
                 content-type: multipart/form-data; boundary=xx\r\ncontent-length: 26000000\r\n\r\n"
            ));
            let (got, head, body) = raw.answer();
            assert_eq!(got, status, "{method} {path}: {body}");
            assert!(head.contains("connection: close"), "{method} {path}: {head}");
            // A client that sends all before it reads finds the answer, too.
            let part = "x".repeat(1 << 20);
            (0..5).for_each(|_| raw.send(&part));
            raw.0.shutdown(Shutdown::Write).unwrap();
            assert!(raw.ends(), "{method} {path} ends with a reset");
        }
    })
    .await;
    world.node.shutdown().await;
}

/// Asks with a large body that only follows when the answer is there, as whoever sends all before it reads is served, too.
fn refused_unread(address: SocketAddr, (method, path, token): (&str, &str, &str), kind: &str) -> u16 {
    let mut raw = Raw::connect(address);
    raw.send(&format!(
        "{method} /api/v10{path} HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\n\
         content-type: {kind}\r\ncontent-length: 12000000\r\n\r\n"
    ));
    let (status, head, body) = raw.answer();
    assert!(head.contains("connection: close"), "{method} {path}: {head}");
    assert!(status < 400 || body.contains("\"code\""), "{method} {path}: {body}");
    let part = "x".repeat(1 << 20);
    (0..3).for_each(|_| raw.send(&part));
    raw.0.shutdown(Shutdown::Write).unwrap();
    assert!(raw.ends(), "{method} {path} ends with a reset");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_send_a_picture_is_refused_before_it_comes() {
    let world = World::unlimited().await;
    let [ada, ben, eve] = [world.person("ada").await, world.person("ben").await, world.person("eve").await];
    let made = async |method: &str, path: &str, token: &str, body: Value| {
        let (status, answer) = world.call(method, path, token, body).await;
        assert!(status < 300, "{method} {path}: {answer}");
        answer
    };
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let guild = id(&made("POST", "/guilds", &ada, json!({"name": "Guild"})).await);
    let channels = made("GET", &format!("/guilds/{guild}/channels"), &ada, Value::Null).await;
    let channel = id(channels.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap());
    let invite = made("POST", &format!("/channels/{channel}/invites"), &ada, json!({})).await;
    made("POST", &format!("/invites/{}", invite["code"].as_str().unwrap()), &ben, json!({})).await;
    let hook = id(&made("POST", &format!("/channels/{channel}/webhooks"), &ada, json!({"name": "h"})).await);
    let role = id(&made("POST", &format!("/guilds/{guild}/roles"), &ada, json!({"name": "r"})).await);
    let application = id(&made("POST", "/applications", &ada, json!({"name": "a"})).await);
    let group = id(&made("POST", "/users/@me/channels", &ada, json!({"recipients": []})).await);
    let address = world.node.address();
    blocking(move || {
        let of_guild = |rest: &str| format!("/guilds/{guild}{rest}");
        let cases = [
            // Of who is a member and may not, of who is none, and by which path.
            ("PATCH", of_guild(""), 403, 403),
            ("POST", of_guild("/emojis"), 403, 403),
            ("POST", of_guild("/soundboard-sounds"), 403, 403),
            ("POST", of_guild("/roles"), 403, 403),
            ("PATCH", of_guild(&format!("/roles/{role}")), 403, 403),
            ("POST", of_guild("/scheduled-events"), 403, 403),
            ("PATCH", of_guild("/scheduled-events/1"), 404, 403),
            ("POST", format!("/channels/{channel}/webhooks"), 403, 403),
            ("PATCH", format!("/webhooks/{hook}"), 403, 403),
            ("PATCH", format!("/webhooks/{hook}/wrong"), 401, 401),
            ("PATCH", format!("/channels/{group}"), 403, 403),
            ("PATCH", format!("/channels/{channel}"), 413, 413),
            ("PATCH", format!("/applications/{application}"), 403, 403),
            ("POST", format!("/applications/{application}/emojis"), 403, 403),
            ("PUT", format!("/applications/{application}/commands"), 403, 403),
            ("POST", "/guilds/templates/nothing".to_owned(), 404, 404),
        ];
        for (method, path, of_member, of_stranger) in cases {
            for (token, wanted) in [(&ben, of_member), (&eve, of_stranger)] {
                let got = refused_unread(address, (method, &path, token), "application/json");
                assert_eq!(got, wanted, "{method} {path}");
            }
        }
        let own = of_guild("/members/@me");
        assert_eq!(refused_unread(address, ("PATCH", &own, &eve), "application/json"), 403);
        let stickers = of_guild("/stickers");
        for token in [&ben, &eve] {
            let form = "multipart/form-data; boundary=xx";
            assert_eq!(refused_unread(address, ("POST", &stickers, token), form), 403);
        }
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_refusal_with_a_small_body_the_connection_goes_on() {
    let world = World::unlimited().await;
    let token = world.person("ada").await;
    let address = world.node.address();
    blocking(move || {
        let mut raw = Raw::connect(address);
        for (method, path, token, status) in refused(&token) {
            raw.send(&format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\ncontent-length: 3000\r\n\r\n"
            ));
            raw.send(&"x".repeat(3000));
            assert_eq!(raw.answer().0, status, "{method} {path}");
            raw.send(&format!(
                "{method} {path} HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\ntransfer-encoding: chunked\r\n\r\n"
            ));
            raw.send("5\r\nhello\r\n0\r\n\r\n");
            assert_eq!(raw.answer().0, status, "{method} {path}");
        }
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_body_never_comes_is_answered_and_a_client_that_waits_is_told_at_once() {
    let world = World::start().await;
    let address = world.node.address();
    blocking(move || {
        let mut raw = Raw::connect(address);
        raw.send("POST /api/v10/nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n");
        let (status, head, _) = raw.answer();
        assert!(status == 404 && head.contains("connection: close"), "{head}");
        let mut raw = Raw::connect(address);
        raw.send(
            "POST /api/v10/nowhere HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 10\r\n\r\n",
        );
        assert_eq!(raw.answer().0, 404, "not 100: nobody wants the body");
        let mut raw = Raw::connect(address);
        raw.send(&format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(200 << 10)));
        assert_eq!(raw.answer().0, 431);
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_sent_everything_and_says_so_is_answered() {
    let world = World::unlimited().await;
    let token = world.person("ada").await;
    let address = world.node.address();
    blocking(move || {
        let body = r#"{"name": "Guild"}"#;
        let head = format!(
            "POST /api/v10/guilds HTTP/1.1\r\nhost: a\r\nauthorization: {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut raw = Raw::connect(address);
        raw.send(&format!("{head}{body}"));
        raw.0.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(raw.answer().0, 201);
        assert!(raw.ends(), "there is nothing more to be asked");
        let mut raw = Raw::connect(address);
        raw.send(&format!("{head}{{"));
        raw.0.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(raw.answer().0, 400, "half a body");
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_is_refused_so_that_the_refusal_arrives() {
    let world = World::start().await;
    let address = world.node.address();
    blocking(move || {
        let socket = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                      sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let plain = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n";
        for (request, headers, status) in [
            ("POST /?v=10", socket, 400),
            ("GET /?v=10", socket, 400),
            ("POST /voice?v=8", socket, 400),
            ("POST /api/v10/guilds", plain, 401),
        ] {
            let mut raw = Raw::connect(address);
            raw.send(&format!("{request} HTTP/1.1\r\nhost: a\r\n{headers}content-length: 500000\r\n\r\n"));
            raw.send(&"x".repeat(500_000));
            assert_eq!(raw.answer().0, status, "{request}");
            assert!(raw.ends(), "{request}: the answer is not taken back");
        }
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_silent_sockets_keep_nobody_out() {
    let world = World::with(|settings| settings.connections_max = 40).await;
    let token = world.person("ada").await;
    let address = world.node.address();
    blocking(move || {
        let silent: Vec<_> = (0..200).map(|_| Raw::connect(address)).collect();
        assert_eq!(get(address, "/healthz", ""), 200);
        let halves = [
            "G",
            "GET / HTTP/1.1\r\nx: ",
            "POST /api/v10/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n",
        ];
        let slow: Vec<_> = (0..200)
            .map(|n| {
                let mut raw = Raw::connect(address);
                raw.send(halves[n % halves.len()]);
                raw
            })
            .collect();
        assert_eq!(get(address, "/healthz", ""), 200);
        assert_eq!(get(address, "/api/v10/users/@me", &token), 200);
        drop((silent, slow));
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_without_an_identify_keep_nobody_out_and_sessions_stay() {
    let world = World::with(|settings| settings.connections_max = 40).await;
    let token = world.person("ada").await;
    let mut session = world.socket().await;
    next(&mut session).await.unwrap();
    let properties = json!({"os": "", "browser": "", "device": ""});
    let identify = json!({"op": 2, "d": {"token": token, "intents": 0, "properties": properties}});
    session.send(Message::text(identify.to_string())).await.unwrap();
    assert_eq!(next(&mut session).await.unwrap()["t"], "READY");
    let address = world.node.address();
    blocking(move || {
        let upgrade = "GET /?v=10 HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let sockets: Vec<_> = (0..150)
            .map(|_| {
                let mut raw = Raw::connect(address);
                raw.send(upgrade);
                raw
            })
            .collect();
        assert_eq!(get(address, "/healthz", ""), 200);
        assert_eq!(get(address, "/api/v10/users/@me", &token), 200);
        drop(sockets);
    })
    .await;
    session.send(Message::text(json!({"op": 1, "d": Value::Null}).to_string())).await.unwrap();
    loop {
        if next(&mut session).await.unwrap()["op"] == 11 {
            break;
        }
    }
    drop(session);
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_give_up_their_seats() {
    let world = World::with(|settings| settings.connections_max = 8).await;
    let address = world.node.address();
    blocking(move || {
        // Many requests at once, whose answers nobody reads: more than the system keeps for a socket.
        let requests = "GET /cdn/embed/avatars/0.png HTTP/1.1\r\nhost: a\r\n\r\n".repeat(1000);
        let stuck: Vec<_> = (0..8)
            .map(|_| {
                let mut raw = Raw::connect_narrow(address);
                raw.0.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
                // Until the server takes no more, since it cannot get rid of its answers.
                while raw.0.write_all(requests.as_bytes()).is_ok() {}
                raw
            })
            .collect();
        for _ in 0..20 {
            assert_eq!(get(address, "/healthz", ""), 200);
        }
        drop(stuck);
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_its_share_of_connections() {
    let world = World::with(|settings| settings.connections_per_address = Some(5)).await;
    let address = world.node.address();
    blocking(move || {
        let mut kept: Vec<_> = (0..5).map(|_| Raw::connect(address)).collect();
        for raw in &mut kept {
            raw.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!(raw.answer().0, 200);
        }
        let mut more = Raw::connect(address);
        more.send("GET /embed HTTP/1.1\r\nhost: a\r\n\r\n");
        let (status, head, body) = more.answer();
        assert_eq!(status, 503, "{body}");
        assert!(head.contains("retry-after") && head.contains("connection: close"), "{head}");
        let mut other = Raw::connect_from([127, 0, 0, 2], address);
        other.send("GET /embed HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_ne!(other.answer().0, 503);
        // Those who are in stay.
        kept[0].send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(kept[0].answer().0, 200);
    })
    .await;
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_opens_hundreds_of_sockets_has_its_share_and_others_theirs() {
    let world = World::with(|settings| settings.connections_per_address = Some(20)).await;
    let address = world.node.address();
    blocking(move || {
        let halves = ["", "G", "GET / HTTP/1.1\r\nx: "];
        let crowd: Vec<_> = (0..300)
            .map(|n| {
                let mut raw = Raw::connect_from([127, 0, 0, 2], address);
                // The server may have closed it already.
                let _sent = raw.0.write_all(halves[n % halves.len()].as_bytes());
                raw
            })
            .collect();
        for n in 0..10 {
            let mut other = Raw::connect_from([127, 0, 0, 10 + n], address);
            other.send("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!(other.answer().0, 200);
        }
        // Those beyond its share, and the few who stand beside it, are closed: a read of them ends.
        let kept = crowd.iter().filter(|raw| !raw.has_answer()).count();
        assert!(kept <= 20 + 512 / 4 + 1, "{kept}");
        drop(crowd);
    })
    .await;
    world.node.shutdown().await;
}
