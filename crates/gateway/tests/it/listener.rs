//! Slices that accept connections themselves.

use std::net::SocketAddr;

use consort_gateway::{Config, Io, PerNetwork};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, Got};
use crate::rig::{Rig, guild};

async fn rig(io: Io) -> (Rig, SocketAddr) {
    rig_with(Config { io, ..Config::default() }).await
}

async fn rig_with(config: Config) -> (Rig, SocketAddr) {
    let listen = "127.0.0.1:0".parse().unwrap();
    let config = Config { slices: 3, listen: Some(listen), own_descriptors: true, ..config };
    let rig = Rig::with(config).await;
    let addr = rig.gateway.address().unwrap();
    (rig, addr)
}

async fn sessions_begin_resume_and_move_between_slices(io: Io) {
    let (rig, addr) = rig(io).await;
    rig.member(2, &[guild(1)]);
    let mut client = Client::connect(addr, "v=10&encoding=json&compress=zlib-stream").await;
    let ready = client.identify("bot-2").await;
    assert_eq!(ready["resume_gateway_url"], format!("ws://{addr}"));
    client.dispatch().await;
    // The kernel picks the slice by the client's port, the HTTP server takes turns.
    for n in 0..12 {
        let seq = client.seq;
        client.cut().await;
        rig.publish(guild(1), n);
        client = Client::connect(if n % 2 == 0 { addr } else { rig.addr }, "v=10").await;
        client.resume("bot-2", &ready["session_id"], seq).await;
        assert_eq!(client.dispatch().await.1["n"], n);
        assert_eq!(client.dispatch().await.0, "RESUMED");
    }
}

async fn a_request_may_come_in_pieces_and_with_frames_behind_it(io: Io) {
    let (_rig, addr) = rig(io).await;
    let key = consort_wire::ws::client::key([7; 16]);
    let mut request = consort_wire::ws::client::request("a", "/?v=10", &key);
    let beat = json!({"op": 1, "d": null}).to_string();
    consort_wire::ws::client::put_frame(
        &mut request,
        consort_wire::ws::Opcode::Text,
        true,
        [1, 2, 3, 4],
        beat.as_bytes(),
    );
    for cut in [1, 40, request.len() - 3, request.len()] {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        socket.set_nodelay(true).unwrap();
        socket.write_all(&request[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        socket.write_all(&request[cut..]).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(8).any(|window| window == b"\"op\":11,") {
            assert!(socket.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
        }
        assert!(consort_wire::ws::client::check_response(&answer, &key).unwrap().is_some());
    }
}

async fn what_is_no_upgrade_is_answered_and_closed(io: Io) {
    let (_rig, addr) = rig(io).await;
    for (request, status) in [("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "426"), ("nonsense\r\n\r\n", "400")] {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert_eq!(Client::connect(addr, "v=3").await.next().await, Got::Closed(4012));
}

/// Asks for an upgrade; the whole answer.
async fn ask(addr: SocketAddr) -> String {
    let key = consort_wire::ws::client::key([7; 16]);
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let request = consort_wire::ws::client::request("a", "/?v=10", &key);
    socket.write_all(&request).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(crate::rig::PATIENCE, socket.read_to_string(&mut answer)).await;
    read.expect("an answer in time").expect("no reset");
    answer.to_ascii_lowercase()
}

async fn the_limit_of_sockets_is_the_nodes_and_not_a_slices(io: Io) {
    // The kernel picks the slice, and one may get most of them.
    let (rig, addr) = rig_with(Config { connections_max: 8, io, ..Config::default() }).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = Client::connect(addr, "v=10").await;
        client.identify("bot-2").await;
        // An answer comes in a later turn than the one that took it in and counted it.
        client.settle().await;
        clients.push(client);
    }
    // Here and at the HTTP server, whoever finds no room is told so and when to come again.
    for addr in [addr, rig.addr] {
        let answer = ask(addr).await;
        assert!(answer.starts_with("http/1.1 503 "), "{answer}");
        assert!(answer.contains("retry-after: 5\r\n"), "{answer}");
    }
    drop(clients);
}

async fn an_address_has_its_share_of_sockets_without_a_session(io: Io) {
    let share = PerNetwork { max: 4, limits_local: true };
    let (_rig, addr) = rig_with(Config { per_network: Some(share), io, ..Config::default() }).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(addr, "v=10").await);
    }
    let answer = ask(addr).await;
    assert!(answer.starts_with("http/1.1 503 ") && answer.contains("retry-after: 5\r\n"), "{answer}");
    // Another address finds its own, and who was there first stays.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let mut other = socket.connect(addr).await.unwrap();
    let key = consort_wire::ws::client::key([7; 16]);
    other.write_all(&consort_wire::ws::client::request("a", "/?v=10", &key)).await.unwrap();
    let mut answer = [0; 12];
    other.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    for mut client in clients {
        client.identify("bot-2").await;
    }
}

async fn after_a_shutdown_nobody_listens(io: Io) {
    let (rig, addr) = rig(io).await;
    let mut client = Client::connect(addr, "v=10").await;
    client.identify("bot-2").await;
    let gateway = rig.gateway.clone();
    let shutdown = tokio::spawn(async move { gateway.shutdown(std::time::Duration::from_secs(5)).await });
    client.op(7).await;
    // Every slice has a listener of its own to close.
    let refused = async { while TcpStream::connect(addr).await.is_ok() {} };
    tokio::time::timeout(crate::rig::PATIENCE, refused).await.expect("nobody listens");
    client.close(4000).await;
    assert_eq!(client.next().await, Got::Closed(4000));
    shutdown.await.unwrap();
}

crate::rig::by_each_way! {
    sessions_begin_resume_and_move_between_slices,
    a_request_may_come_in_pieces_and_with_frames_behind_it,
    what_is_no_upgrade_is_answered_and_closed,
    the_limit_of_sockets_is_the_nodes_and_not_a_slices,
    an_address_has_its_share_of_sockets_without_a_session,
    after_a_shutdown_nobody_listens,
}
