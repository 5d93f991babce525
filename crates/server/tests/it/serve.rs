//! Page, API, files and gateway from one address; restart; shutdown.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::world::{World, next};

#[tokio::test(flavor = "multi_thread")]
async fn page_api_files_and_gateway_have_one_address() {
    let world = World::start().await;
    assert_eq!(world.raw("GET", "/healthz", "", None).await, (200, "ok\n".to_owned()));
    let (status, page) = world.raw("GET", "/channels/@me", "", None).await;
    assert!(status == 200 && page.to_lowercase().starts_with("<!doctype html>"), "{status} {page}");
    assert_eq!(world.raw("GET", "/cdn/embed/avatars/1.png", "", None).await.0, 200);
    let (status, error) = world.call("GET", "/nowhere", "", Value::Null).await;
    assert_eq!((status, error), (404, json!({"message": "404: Not Found", "code": 0})));
    let hello = next(&mut world.socket().await).await.unwrap();
    assert_eq!(hello["op"], 10);
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let world = World::start().await;
    let token = world.person("ada").await;
    let (_, application) = world.call("POST", "/applications", &token, json!({"name": "Helper"})).await;
    let world = world.restart().await;
    let (status, list) = world.call("GET", "/applications", &token, Value::Null).await;
    assert_eq!((status, &list[0]["id"]), (200, &application["id"]));
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_go_on_above_the_stored_ones_when_the_clock_is_behind() {
    use consort_store::{Batch, Key, Store as _, Table};
    use consort_store_embedded::{Embedded, NewestId, Options};
    // An earlier life of the server whose clock was an hour ahead.
    let directory = tempfile::tempdir().unwrap();
    let now_ms = consort_runtime::Clock::now_ms(&consort_runtime::System);
    let newest = consort_model::snowflake::at(now_ms + 3_600_000);
    let options = Options { newest_id: Some(NewestId::new(move || newest)), ..Options::default() };
    let store = Embedded::open(&directory.path().join("data"), options).unwrap();
    let mut batch = Batch::new();
    batch.put_row(Table::Meta, 0, Key::text("test"), &1);
    store.commit(batch).await.unwrap();
    store.close().await;

    let world = World::start_in(directory).await;
    let token = world.person("ada").await;
    let (_, me) = world.call("GET", "/users/@me", &token, Value::Null).await;
    let id: u64 = me["id"].as_str().unwrap().parse().unwrap();
    assert!(id > newest, "{id} is not above {newest}");
    let (status, health) = world.raw("GET", "/healthz", "", None).await;
    // An hour, less what the server took to start.
    assert!(status == 200 && health.contains("warning: clock: it is 3"), "{health}");
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_refused_by_the_gateway_as_documented() {
    let world = World::start().await;
    let mut socket = world.socket().await;
    next(&mut socket).await.unwrap();
    let identify = json!({"op": 2, "d": {"token": "nobody", "intents": 0, "properties": {"os": "", "browser": "", "device": ""}}});
    socket.send(Message::text(identify.to_string())).await.unwrap();
    assert_eq!(next(&mut socket).await, Err(Some(4004)));
    drop(socket);
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_has_one_server() {
    let world = World::start().await;
    let settings = consort_server::Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        ..consort_server::Settings::new(world.directory.path().join("data"))
    };
    let error = consort_server::Node::start(&settings).await.unwrap_err();
    assert!(error.contains("data"), "{error}");
    world.node.shutdown().await;
}
