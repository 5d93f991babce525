use std::time::Duration;

use consort_gateway::{Config, Io};
use consort_rpc::Audience;
use serde_json::json;
use tokio::net::TcpSocket;

use crate::client::Client;
use crate::rig::{PATIENCE, Rig, event, guild};

async fn a_hundred_sessions_read_every_event_once_and_in_order_while_some_are_cut_off(io: Io) {
    const EVENTS: u64 = 300;
    let rig = Rig::with(Config { slices: 2, io, ..Config::default() }).await;
    let mut tasks = Vec::new();
    for user in (2..=200).step_by(2) {
        rig.member(user, &[guild(1)]);
        let (mut client, ready) = rig.ready(&format!("bot-{user}")).await;
        client.dispatch().await;
        let addr = rig.addr;
        tasks.push(tokio::spawn(async move {
            let mut expected = 0;
            while expected < EVENTS {
                let (name, body) = client.dispatch().await;
                if name == "MESSAGE_CREATE" {
                    assert_eq!(body["n"], expected);
                    expected += 1;
                }
                if expected % 97 == user % 97 && name == "MESSAGE_CREATE" {
                    let seq = client.seq;
                    client.cut().await;
                    client = Client::connect(addr, "v=10").await;
                    client.resume(&format!("bot-{user}"), &ready["session_id"], seq).await;
                }
            }
        }));
    }
    for n in 0..EVENTS {
        rig.publish(guild(1), n);
        if n % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for task in tasks {
        tokio::time::timeout(3 * PATIENCE, task).await.unwrap().unwrap();
    }
    assert!(rig.gateway.stats().sum(|slice| slice.resumed as usize) > 100);
}

/// Sixty clients of one account ask for all its guilds, ten megabytes, and read nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_asks_for_much_and_does_not_read_costs_nobody_an_event() {
    const EVENTS: u64 = 500;
    let rig = Rig::with(Config { slices: 2, ..Config::default() }).await;
    let (mut bystander, _) = rig.bot_in(2, &[guild(1)]).await;
    rig.guilds.padding.store(1 << 20, std::sync::atomic::Ordering::Relaxed);
    let large: Vec<_> = (10..20).map(guild).collect();
    rig.member(101, &large);
    let mut silent = Vec::new();
    for _ in 0..60 {
        let mut client = rig.connect("v=10").await;
        client.op(10).await;
        let d = json!({"token": "user-101", "properties": {"os": "linux", "browser": "test", "device": ""}});
        client.send(json!({"op": 2, "d": d})).await;
        silent.push(client);
    }
    rig.opened(101).await;
    for n in 0..EVENTS {
        rig.publish(guild(1), n);
        assert_eq!(bystander.dispatch().await.1["n"], n);
    }
    assert_eq!(rig.gateway.stats().slices.iter().map(|slice| slice.lost_events).sum::<u64>(), 0);
    // Once for one client of each slice, and what others have asked for before it was there.
    let attached =
        rig.guilds.log.all().iter().filter(|told| large.iter().any(|guild| guild.get() == told.key)).count();
    assert!(attached <= 60, "ten guilds were made {attached} times for sixty clients");
}

async fn a_client_that_does_not_read_is_cut_and_hurts_nobody_else(io: Io) {
    let config = Config { slices: 1, stall_timeout: Duration::from_millis(300), io, ..Config::default() };
    let rig = Rig::with(config).await;
    rig.member(4, &[guild(1)]);
    let (mut good, _) = rig.bot_in(2, &[guild(1)]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let socket = socket.connect(rig.addr).await.unwrap();
    let mut slow = Client::over(socket, rig.addr, "v=10").await;
    let ready = slow.identify("bot-4").await;
    slow.dispatch().await;
    let seq = slow.seq;
    let body = json!({"x": "y".repeat(10_000)});
    for _ in 0..50 {
        rig.publish_event(event(guild(1), Audience::all(), &body));
        assert_eq!(good.dispatch().await.1, body);
    }
    let cut = async {
        while rig.gateway.stats().slices[0].cut_slow == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, cut).await.expect("the slow client is cut");
    good.settle().await;
    // Its session is none the worse for it.
    let mut again = rig.connect("v=10").await;
    again.resume("bot-4", &ready["session_id"], seq).await;
    for _ in 0..50 {
        assert_eq!(again.dispatch().await.1, body);
    }
    assert_eq!(again.dispatch().await.0, "RESUMED");
}

async fn a_client_that_reads_little_by_little_gets_everything(io: Io) {
    let rig = Rig::with(Config { slices: 2, io, ..Config::default() }).await;
    rig.member(4, &[guild(1)]);
    for query in ["v=10", "v=10&compress=zlib-stream", "v=10&compress=zstd-stream"] {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(rig.addr).await.unwrap();
        let mut client = Client::over(socket, rig.addr, query).await;
        client.identify("bot-4").await;
        client.dispatch().await;
        for n in 0..200u64 {
            // Hardly compressible.
            let noise: String =
                (0..2000u64).map(|i| char::from(33 + ((i * i * 7919 + n * 104_729) % 59) as u8)).collect();
            rig.publish_event(event(guild(1), Audience::all(), &json!({"n": n, "x": noise})));
        }
        // Own frames come between dispatches, however the socket cuts them.
        let mut expected = 0;
        let mut acks = 0;
        for _ in 0..20 {
            client.send(json!({"op": 1, "d": client.seq})).await;
        }
        while expected < 200 || acks < 20 {
            let payload = client.payload().await;
            if payload["op"] == 11 {
                acks += 1;
            } else {
                assert_eq!(payload["d"]["n"], expected, "{query}");
                expected += 1;
            }
        }
    }
}

crate::rig::by_each_way! {
    a_hundred_sessions_read_every_event_once_and_in_order_while_some_are_cut_off,
    a_client_that_does_not_read_is_cut_and_hurts_nobody_else,
    a_client_that_reads_little_by_little_gets_everything,
}
