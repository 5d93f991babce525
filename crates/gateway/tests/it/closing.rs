use std::time::Duration;

use consort_gateway::Config;
use consort_rpc::relay::Op;
use serde_json::{Value, json};

use crate::client::{Client, Got};
use crate::rig::{Rig, guild};

/// Connects, sends one payload after HELLO, and gives the close code.
async fn code_after(rig: &Rig, payload: Value) -> u16 {
    let mut client = rig.connect("v=10").await;
    client.op(10).await;
    client.send(payload).await;
    client.close_code().await
}

fn identify(d: Value) -> Value {
    json!({"op": 2, "d": d})
}

async fn ready(rig: &Rig) -> Client {
    rig.ready("user-2").await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_and_encodings_that_are_not_served_are_refused() {
    let rig = Rig::start().await;
    assert_eq!(rig.connect("v=8").await.close_code().await, 4012);
    assert_eq!(rig.connect("v=10&encoding=bson").await.close_code().await, 4002);
}

#[tokio::test(flavor = "multi_thread")]
async fn identifies_are_refused_with_the_documented_codes() {
    let rig = Rig::start().await;
    let props = || json!({});
    let wrong_token = identify(json!({"token": "nobody", "intents": 0, "properties": props()}));
    assert_eq!(code_after(&rig, wrong_token).await, 4004);
    let no_such_shard =
        identify(json!({"token": "bot-1", "intents": 0, "properties": props(), "shard": [2, 2]}));
    assert_eq!(code_after(&rig, no_such_shard).await, 4010);
    let unknown_intents = identify(json!({"token": "bot-1", "intents": 1_u64 << 40, "properties": props()}));
    assert_eq!(code_after(&rig, unknown_intents).await, 4013);
    let privileged = identify(json!({"token": "bot-1", "intents": 1 << 15, "properties": props()}));
    assert_eq!(code_after(&rig, privileged).await, 4014);
    let guilds: Vec<_> = (0..2501).map(guild).collect();
    rig.member(1, &guilds);
    let too_many_guilds = identify(json!({"token": "bot-1", "intents": 0, "properties": props()}));
    assert_eq!(code_after(&rig, too_many_guilds).await, 4011);
    rig.closed(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_that_make_no_sense_are_refused_with_the_documented_codes() {
    let rig = Rig::start().await;
    assert_eq!(code_after(&rig, json!({"op": 3, "d": {"status": "online"}})).await, 4003);
    assert_eq!(code_after(&rig, json!([1])).await, 4002);
    assert_eq!(code_after(&rig, identify(json!({"token": 7}))).await, 4001);
    let cases = [
        (json!({"op": 99, "d": null}).to_string(), 4001),
        (json!({"op": 0, "d": null}).to_string(), 4001),
        (json!({"op": 3, "d": 7}).to_string(), 4001),
        ("{".to_owned(), 4002),
        (format!("{{\"op\":1,\"d\":\"{}\"}}", "x".repeat(16 * 1024)), 4002),
        (identify(json!({"token": "user-2", "properties": {}})).to_string(), 4005),
        (json!({"op": 6, "d": {"token": "user-2", "session_id": "x", "seq": 1}}).to_string(), 4005),
    ];
    for (payload, code) in cases {
        let mut client = ready(&rig).await;
        client.send_text(&payload).await;
        assert_eq!(client.close_code().await, code, "{}", &payload[..payload.len().min(80)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bots_have_shorter_payloads_than_users() {
    let rig = Rig::start().await;
    let long = format!("{{\"op\":1,\"d\":null,\"x\":\"{}\"}}", "x".repeat(5000));
    let mut user = ready(&rig).await;
    user.send_text(&long).await;
    user.op(11).await;
    let (mut bot, _) = rig.ready("bot-2").await;
    bot.send_text(&long).await;
    assert_eq!(bot.close_code().await, 4002);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_120_commands_in_a_minute_are_too_many() {
    let rig = Rig::start().await;
    let mut client = ready(&rig).await;
    for _ in 0..119 {
        client.settle().await;
    }
    client.send(json!({"op": 1, "d": null})).await;
    assert_eq!(client.close_code().await, 4008);
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_not_counted_where_limits_are_off() {
    let rig = Rig::with(Config { slices: 1, limits_commands: false, ..Config::default() }).await;
    let mut client = ready(&rig).await;
    for _ in 0..250 {
        client.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_ends_the_session_and_any_other_end_keeps_it() {
    let rig = Rig::start().await;
    let (mut polite, ready) = rig.ready("user-2").await;
    polite.close(1001).await;
    assert_eq!(polite.next().await, Got::Closed(1001));
    rig.closed(2).await;
    let mut again = rig.connect("v=10").await;
    again.resume("user-2", &ready["session_id"], 1).await;
    assert_eq!(again.op(9).await, false);

    let (mut rude, ready) = rig.ready("user-4").await;
    rude.close(4000).await;
    assert_eq!(rude.next().await, Got::Closed(4000));
    let mut again = rig.connect("v=10").await;
    again.resume("user-4", &ready["session_id"], 1).await;
    assert_eq!(again.dispatch().await.0, "RESUMED");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_heartbeats_the_connection_is_cut_and_the_session_kept() {
    let config = Config { slices: 1, heartbeat_interval: Duration::from_millis(200), ..Config::default() };
    let rig = Rig::with(config).await;
    let mut client = rig.connect("v=10").await;
    assert_eq!(client.op(10).await["heartbeat_interval"], 200);
    client.send(identify(json!({"token": "user-2", "properties": {}}))).await;
    let session_id = client.dispatch().await.1["session_id"].take();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        client.settle().await;
    }
    assert_eq!(client.close_code().await, 4000);
    let mut again = rig.connect("v=10").await;
    again.resume("user-2", &session_id, 1).await;
    assert_eq!(again.dispatch().await.0, "RESUMED");
    assert_eq!(rig.gateway.stats().slices[0].cut_zombie, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_says_who_it_is_is_sent_away() {
    let config = Config { slices: 1, identify_timeout: Duration::from_millis(50), ..Config::default() };
    let rig = Rig::with(config).await;
    let mut client = rig.connect("v=10").await;
    client.op(10).await;
    assert_eq!(client.close_code().await, 4009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_session_ends_when_its_time_is_up() {
    let config = Config { slices: 1, resume_window: Duration::from_millis(50), ..Config::default() };
    let rig = Rig::with(config).await;
    rig.member(2, &[guild(1)]);
    let (client, ready) = rig.ready("user-2").await;
    client.cut().await;
    rig.closed(2).await;
    rig.guilds
        .log
        .wait(|told| match &told.op {
            consort_rpc::guild::Op::Gateway(consort_rpc::guild::gateway::Op::Detached { .. }) => Some(()),
            _ => None,
        })
        .await;
    let mut again = rig.connect("v=10").await;
    again.resume("user-2", &ready["session_id"], 1).await;
    assert_eq!(again.op(9).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_closes_socket_and_session() {
    let rig = Rig::start().await;
    let (mut client, ready) = rig.ready("user-2").await;
    let session = rig.opened(2).await.session;
    rig.relay(Op::Close { sessions: vec![session], code: 4004 });
    assert_eq!(client.close_code().await, 4004);
    rig.closed(2).await;
    let mut again = rig.connect("v=10").await;
    again.resume("user-2", &ready["session_id"], 1).await;
    assert_eq!(again.op(9).await, false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_sends_everybody_away_and_closes_who_stays() {
    let rig = Rig::start().await;
    let mut obedient = ready(&rig).await;
    let mut stubborn = ready(&rig).await;
    let gateway = rig.gateway.clone();
    let shutdown = tokio::spawn(async move { gateway.shutdown(Duration::from_millis(300)).await });
    assert_eq!(obedient.op(7).await, Value::Null);
    assert_eq!(stubborn.op(7).await, Value::Null);
    obedient.close(4000).await;
    assert_eq!(obedient.next().await, Got::Closed(4000));
    assert_eq!(stubborn.close_code().await, 1001);
    shutdown.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_upgrade_are_answered_in_http() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let rig = Rig::start().await;
    let cases = [
        ("GET /?v=10 HTTP/1.1\r\nHost: a\r\n\r\n", "426"),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\n\r\n",
            "426",
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
            "400",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
            "405",
        ),
    ];
    for (request, status) in cases {
        let mut socket = tokio::net::TcpStream::connect(rig.addr).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer[9..]).unwrap(), status, "{request}");
    }
}
