use consort_rpc::Audience;
use serde_json::json;

use crate::client::Client;
use crate::rig::{Rig, event, guild};

const QUERIES: [&str; 7] = [
    "v=10&encoding=json",
    "v=9&encoding=json&compress=zlib-stream",
    "v=10&encoding=json&compress=zstd-stream",
    "v=10&encoding=etf",
    "v=10&encoding=etf&compress=zlib-stream",
    "compress=zstd-stream&encoding=etf&v=10",
    "",
];

async fn all(rig: &Rig) -> Vec<Client> {
    rig.member(2, &[guild(1)]);
    let mut clients = Vec::new();
    for query in QUERIES {
        let mut client = rig.connect(query).await;
        let ready = client.identify("bot-2").await;
        assert_eq!(ready["v"], if query.contains("v=9") { 9 } else { 10 }, "{query}");
        assert_eq!(client.dispatch().await.0, "GUILD_CREATE", "{query}");
        clients.push(client);
    }
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn every_encoding_and_transport_brings_the_same() {
    let rig = Rig::start().await;
    let mut clients = all(&rig).await;
    let bodies = [
        json!({"content": "hello", "n": [1, -2, 3.5, null, true]}),
        json!({"content": "x".repeat(300_000)}),
        json!({}),
        json!({"content": (0..2000).map(|n| n.to_string()).collect::<String>()}),
    ];
    for body in bodies.iter().cycle().take(40) {
        rig.publish_event(event(guild(1), Audience::all(), body));
    }
    for (client, query) in clients.iter_mut().zip(QUERIES) {
        for body in bodies.iter().cycle().take(40) {
            let (name, d) = client.dispatch().await;
            assert!(name == "MESSAGE_CREATE" && d == *body, "{query}");
        }
        client.settle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acks_and_resumes_fit_into_compressed_streams() {
    let rig = Rig::start().await;
    for query in QUERIES {
        let mut client = rig.connect(query).await;
        rig.member(4, &[guild(1)]);
        let ready = client.identify("bot-4").await;
        assert_eq!(client.dispatch().await.0, "GUILD_CREATE");
        for n in 0..5 {
            rig.publish(guild(1), n);
            assert_eq!(client.dispatch().await.1["n"], n, "{query}");
            client.settle().await;
        }
        let seq = client.seq;
        client.cut().await;
        rig.publish(guild(1), 77);
        // The new connection may speak another encoding.
        for query in QUERIES {
            let mut again = rig.connect(query).await;
            again.resume("bot-4", &ready["session_id"], seq).await;
            assert_eq!(again.dispatch().await.1["n"], 77, "{query}");
            // Those of former resumes are replayed, too.
            assert_eq!(again.dispatch().await.0, "RESUMED", "{query}");
            again.close(4000).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_payload_compression_large_payloads_are_compressed_by_themselves() {
    let rig = Rig::start().await;
    rig.member(2, &[guild(1)]);
    let mut client = rig.connect("v=10").await;
    client.identify_as(json!({"token": "bot-2", "intents": 513, "compress": true})).await;
    client.dispatch().await;
    for n in 0..20 {
        let d = json!({"n": n, "x": "y".repeat(if n % 3 == 0 { 20_000 } else { 10 })});
        rig.publish_event(event(guild(1), Audience::all(), &d));
    }
    for n in 0..20 {
        let large = n % 3 == 0;
        let (binary, payload) = client.frame().await;
        assert_eq!((binary, &payload["d"]["n"]), (large, &json!(n)));
    }
}
