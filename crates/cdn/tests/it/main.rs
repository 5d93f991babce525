//! The CDN from the outside: what was put is served, signed URLs hold, nothing else is reachable.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use consort_cdn::{Cdn, Kind, router};
use consort_model::{AttachmentId, ChannelId, Image, ImageFormat};
use consort_runtime::Manual;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const BASE: &str = "http://h";

struct World {
    cdn: Arc<Cdn>,
    clock: Arc<Manual>,
    _directory: tempfile::TempDir,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let clock = Manual::new(1_700_000_000_000);
    let cdn = Cdn::open(directory.path().join("blobs"), clock.clone()).unwrap();
    World { cdn, clock, _directory: directory }
}

impl World {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        router(self.cdn.clone()).oneshot(request).await.unwrap()
    }

    async fn get(&self, url: &str) -> Response<Body> {
        let path = url.strip_prefix("http://h/cdn").unwrap_or(url);
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }
}

async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// A PNG of 1 by 1 pixel, header only as far as its size is read.
fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x02\x08\x06\0\0\0".to_vec();
    png.extend([0; 16]);
    png
}

#[tokio::test]
async fn images_are_served_under_their_hash_whatever_the_extension() {
    let world = world();
    let image = Image { format: ImageFormat::Png, data: png() };
    let hash = world.cdn.put_image(Kind::Avatar, 7, image.clone()).await.unwrap();
    for extension in ["png", "webp"] {
        let response = world.get(&format!("/avatars/7/{hash}.{extension}?size=64")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "image/png");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        assert!(!response.headers().contains_key("content-disposition"));
        assert_eq!(body(response).await, png());
    }
    assert_eq!(world.get(&format!("/icons/7/{hash}.png")).await.status(), 404);
    assert_eq!(world.get("/avatars/7/..%2Fsigning.key").await.status(), 404);
    let member = world.cdn.put_image(Kind::MemberAvatar { guild: 1 }, 7, image).await.unwrap();
    assert_eq!(world.get(&format!("/guilds/1/users/7/avatars/{member}.png")).await.status(), 200);
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let world = world();
    let image = Image { format: ImageFormat::Png, data: b"\x89PNG\r\n\x1a\n".to_vec() };
    assert_eq!(world.cdn.put_image(Kind::Icon, 1, image).await.unwrap_err().code, 50046);
}

#[tokio::test]
async fn emojis_stickers_and_default_avatars_are_served_by_id() {
    let world = world();
    assert!(!world.cdn.put_emoji(5, Image { format: ImageFormat::Png, data: png() }).await.unwrap());
    assert_eq!(world.get("/emojis/5.webp").await.status(), 200);
    world.cdn.remove_emoji(5).await.unwrap();
    assert_eq!(world.get("/emojis/5.png").await.status(), 404);
    let lottie = Bytes::from_static(br#"{"v":"5","layers":[]}"#);
    assert_eq!(world.cdn.put_sticker(6, lottie).await.unwrap(), 3);
    assert_eq!(world.get("/stickers/6.json").await.headers()["content-type"], "application/json");
    assert_eq!(world.get("/embed/avatars/5.png").await.headers()["content-type"], "image/png");
    assert_eq!(world.get("/embed/avatars/6.png").await.status(), 404);
}

async fn attach(world: &World, name: &str, bytes: impl Into<Bytes>) -> consort_cdn::StoredAttachment {
    let (channel, id) = (ChannelId::new(10), AttachmentId::new(20));
    world.cdn.put_attachment(BASE, channel, id, name, bytes.into()).await.unwrap()
}

#[tokio::test]
async fn attachments_need_their_signature() {
    let world = world();
    let stored = attach(&world, "my cat.png", png()).await;
    assert_eq!((stored.filename.as_str(), stored.title.as_deref()), ("my_cat.png", Some("my cat")));
    assert_eq!((stored.width, stored.height), (Some(1), Some(2)));
    assert_eq!(stored.content_type.as_deref(), Some("image/png"));
    assert!(stored.url.starts_with("http://h/cdn/attachments/10/20/my_cat.png?ex="));
    assert_eq!(body(world.get(&stored.url).await).await, png());
    assert_eq!(world.get(stored.url.split('?').next().unwrap()).await.status(), 404);
    assert_eq!(world.get(&stored.url.replace("/20/", "/21/")).await.status(), 404);
    let refreshed = world.cdn.refresh_url(BASE, stored.url.split('?').next().unwrap()).unwrap();
    assert_eq!(world.get(&refreshed).await.status(), 200);
    assert_eq!(world.cdn.refresh_url(BASE, "http://h/cdn/attachments/1/2/../../signing.key"), None);
    world.clock.advance(11 * 365 * 24 * 3600 * 1000);
    assert_eq!(world.get(&stored.url).await.status(), 404);
}

#[tokio::test]
async fn active_content_is_only_given_as_download() {
    let world = world();
    for name in ["a.html", "a.svg", "a.bin"] {
        let stored = attach(&world, name, "<script>").await;
        let response = world.get(&stored.url).await;
        assert_eq!(response.headers()["content-disposition"], "attachment", "{name}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn parts_and_known_files_are_answered_as_such() {
    let world = world();
    let stored = attach(&world, "a.txt", "0123456789").await;
    let path = stored.url.strip_prefix("http://h/cdn").unwrap();
    let with =
        |name: &'static str, value: &str| Request::get(path).header(name, value).body(Body::empty()).unwrap();
    let response = world.send(with("range", "bytes=2-4")).await;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(response.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(body(response).await, "234");
    assert_eq!(world.send(with("range", "bytes=10-")).await.status(), 416);
    let etag = world.get(&stored.url).await.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(world.send(with("if-none-match", &etag)).await.status(), 304);
}

#[tokio::test]
async fn an_upload_in_two_steps_becomes_an_attachment_once() {
    let world = world();
    let slot = world.cdn.upload_slot(BASE, "a b.txt", 5);
    let path = slot.upload_url.strip_prefix("http://h/cdn").unwrap();
    let put = |path: &str, bytes: &'static str| Request::put(path).body(Body::from(bytes)).unwrap();
    assert_eq!(world.send(put(path, "123456")).await.status(), 413);
    assert_eq!(world.send(put(&path.replace("max=5", "max=6"), "123456")).await.status(), 403);
    assert_eq!(world.send(put(path, "12345")).await.status(), 200);
    let claim = || {
        world.cdn.claim_upload(
            BASE,
            &slot.upload_filename,
            ChannelId::new(1),
            AttachmentId::new(2),
            "a b.txt",
        )
    };
    let stored = claim().await.unwrap();
    assert_eq!((stored.filename.as_str(), stored.size), ("a_b.txt", 5));
    assert_eq!(body(world.get(&stored.url).await).await, "12345");
    assert_eq!(claim().await.unwrap_err().code, 50146);
}
