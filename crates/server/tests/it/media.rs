//! Pictures of other servers, shown through this one.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::messages::talk;

/// A host that answers each request for a path, and says how it was asked.
async fn host(answer: &'static [u8]) -> (String, tokio::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, seen) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = socket.read(&mut head).await.unwrap();
            asked.send(String::from_utf8_lossy(&head[..read]).into_owned()).await.unwrap();
            socket.write_all(answer).await.unwrap();
        }
    });
    (format!("http://{address}"), seen)
}

const PICTURE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 20\r\nSet-Cookie: a=b\r\n\r\n\x89PNG\r\n\x1a\n0123456789ab";
const PAGE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 20\r\n\r\n<html>0123456789abcd";

#[tokio::test(flavor = "multi_thread")]
async fn embedded_pictures_come_from_this_server_and_are_fetched_once() {
    let talk = talk().await;
    let (host, mut asked) = host(PICTURE).await;
    let embeds = json!([{"title": "t", "image": {"url": format!("{host}/cat.png?x=1")}}]);
    let message = talk.post(json!({"embeds": embeds})).await;
    let image = &message["embeds"][0]["image"];
    assert_eq!(image["url"], format!("{host}/cat.png?x=1"));
    let proxied = &image["proxy_url"];
    assert!(proxied.as_str().unwrap().starts_with(&talk.world.url("/media/external/")), "{proxied}");
    for _ in 0..2 {
        assert_eq!(talk.fetch(proxied).await.0, 200);
    }
    let request = asked.recv().await.unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /cat.png?x=1 http/1.1\r\n") && !request.contains("cookie"), "{request}");
    assert!(asked.try_recv().is_err(), "fetched once");
    let forged = proxied.as_str().unwrap().replace("/external/", "/external/00");
    assert_eq!(talk.fetch(&json!(forged)).await.0, 404);
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_picture_is_not_shown_whatever_its_host_calls_it() {
    let talk = talk().await;
    let (host, _asked) = host(PAGE).await;
    let embeds = json!([{"title": "t", "image": {"url": format!("{host}/page.png")}}]);
    let message = talk.post(json!({"embeds": embeds})).await;
    assert_eq!(talk.fetch(&message["embeds"][0]["image"]["proxy_url"]).await.0, 404);
    talk.world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_not_gone_to_unless_a_test_says_so() {
    let links = consort_cdn::Links::sample();
    let (host, mut asked) = host(PICTURE).await;
    let clock = std::sync::Arc::new(consort_runtime::System);
    let blobs = std::sync::Arc::new(consort_cdn::blobs::Memory::default());
    let media = consort_cdn::Media::new(links.clone(), clock.clone(), blobs.clone(), false);
    let store = std::sync::Arc::new(consort_store::memory::Memory::new());
    let router = consort_cdn::media_router(consort_cdn::Cdn::new(blobs, links.clone(), store, clock), media);
    let path = links.proxied(&format!("{host}/a.png"));
    let path = path.strip_prefix("http://files.test/media").unwrap();
    let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = tower::ServiceExt::oneshot(router, request).await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(asked.try_recv().is_err(), "nobody was asked");
}
