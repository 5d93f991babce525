//! The CDN from the outside: what was put is served, signed URLs hold, nothing else is reachable.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use consort_cdn::blobs::{Blobs, Memory as MemoryBlobs, put};
use consort_cdn::{Cdn, Kind, Links, StoredAttachment, UploadSlot, Uploader, router};
use consort_files::{AttachmentPath, name, orphans};
use consort_model::{AttachmentId, ChannelId, Image, ImageFormat, UserId};
use consort_runtime::{Clock as _, Manual};
use consort_store::memory::Memory;
use consort_store::{Batch, StoreRef};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

const CHANNEL: ChannelId = ChannelId::new(10);
const USER: UserId = UserId::new(30);

struct World {
    cdn: Arc<Cdn>,
    clock: Arc<Manual>,
    store: StoreRef,
    blobs: MemoryBlobs,
}

fn world() -> World {
    let clock = Manual::new(1_790_000_000_000);
    let store: StoreRef = Arc::new(Memory::new());
    let blobs = MemoryBlobs::default();
    let links = Links::new([1; 32], "http://h");
    let cdn = Cdn::new(Arc::new(blobs.clone()), links, store.clone(), clock.clone());
    World { cdn, clock, store, blobs }
}

impl World {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        router(self.cdn.clone()).oneshot(request).await.unwrap()
    }

    async fn get(&self, url: &str) -> Response<Body> {
        let path = url.strip_prefix("http://h/cdn").unwrap_or(url);
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn commit(&self, build: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::new();
        build(&mut batch);
        self.store.commit(batch).await.unwrap();
    }

    /// Stores a file as the edge does, and takes it as an owner does.
    async fn attach(&self, id: u64, name: &str, bytes: impl Into<Bytes>) -> StoredAttachment {
        let blob = name::attachment(CHANNEL.get(), id);
        self.cdn.reserve_attachments(std::slice::from_ref(&blob)).await.unwrap();
        let stored =
            self.cdn.put_attachment(CHANNEL, AttachmentId::new(id), name, bytes.into()).await.unwrap();
        self.commit(|batch| orphans::claim(batch, &blob)).await;
        stored
    }

    fn url(&self, stored: &StoredAttachment) -> String {
        self.cdn.links().attachment(&AttachmentPath::parse(&stored.path).unwrap(), self.clock.now_ms())
    }

    async fn put(&self, url: &str, bytes: &'static str) -> StatusCode {
        let path = url.strip_prefix("http://h/cdn").unwrap();
        let mut request = Request::put(path).body(Body::from(bytes)).unwrap();
        request.extensions_mut().insert(Uploader(IpAddr::from([192, 0, 2, 1])));
        self.send(request).await.status()
    }

    fn slot(&self, bytes_max: u64) -> UploadSlot {
        self.cdn.upload_slot(CHANNEL, USER, "a b.txt", bytes_max)
    }
}

async fn body(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// A PNG of one pixel across and two down.
fn png() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(1, 2).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

fn picture() -> Image {
    Image { format: ImageFormat::Png, data: png() }
}

#[tokio::test]
async fn images_are_served_under_their_hash_whatever_the_extension() {
    let world = world();
    let hash = world.cdn.put_image(Kind::Avatar, 7, picture()).await.unwrap();
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
    let member = world.cdn.put_image(Kind::MemberAvatar { guild: 1 }, 7, picture()).await.unwrap();
    assert_eq!(world.get(&format!("/guilds/1/users/7/avatars/{member}.png")).await.status(), 200);
    let again = world.cdn.put_image(Kind::Avatar, 7, picture()).await.unwrap();
    assert_ne!(hash, again, "a name is used once");
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let world = world();
    let head = Image { format: ImageFormat::Png, data: png()[..40].to_vec() };
    assert_eq!(world.cdn.put_image(Kind::Icon, 1, head).await.unwrap_err().code, 50046);
    assert!(world.blobs.names().is_empty(), "nothing is kept");
}

#[tokio::test]
async fn emojis_stickers_and_default_avatars_are_served_by_id() {
    let world = world();
    assert!(!world.cdn.put_emoji(5, picture()).await.unwrap());
    assert_eq!(world.get("/emojis/5.webp").await.status(), 200);
    let lottie = Bytes::from_static(br#"{"v":"5","w":1,"h":1,"fr":60,"ip":0,"op":60,"layers":[]}"#);
    assert_eq!(world.cdn.put_sticker(6, lottie).await.unwrap(), 3);
    assert_eq!(world.get("/stickers/6.json").await.headers()["content-type"], "application/json");
    assert_eq!(world.get("/embed/avatars/5.png").await.headers()["content-type"], "image/png");
    assert_eq!(world.get("/embed/avatars/6.png").await.status(), 404);
}

#[tokio::test]
async fn attachments_need_their_signature() {
    let world = world();
    let stored = world.attach(20, "my cat.png", png()).await;
    assert_eq!((stored.filename.as_str(), stored.title.as_deref()), ("my_cat.png", Some("my cat")));
    assert_eq!((stored.width, stored.height), (Some(1), Some(2)));
    assert_eq!(stored.content_type.as_deref(), Some("image/png"));
    let url = world.url(&stored);
    assert!(url.starts_with("http://h/cdn/attachments/10/20/my_cat.png?ex="));
    let response = world.get(&url).await;
    assert!(response.headers()["cache-control"].to_str().unwrap().starts_with("private"));
    assert_eq!(body(response).await, png());
    for wrong in [
        url.split('?').next().unwrap().to_owned(),
        url.replace("/20/", "/21/"),
        url.replace("my_cat", "your_cat"),
        "/attachments/10/20/..%2F..%2Fx?ex=ffffffff&is=0&hm=".to_owned(),
    ] {
        assert_eq!(world.get(&wrong).await.status(), 404, "{wrong}");
    }
    world.clock.advance(24 * 3600 * 1000);
    assert_eq!(world.get(&url).await.status(), 404, "a day later");
}

#[tokio::test]
async fn what_is_released_is_not_served_and_soon_not_there() {
    let world = world();
    let (file, other) = (world.attach(20, "a.txt", "a").await, world.attach(21, "b.txt", "b").await);
    let avatar = world.cdn.put_image(Kind::Avatar, 7, picture()).await.unwrap();
    let avatar_url = format!("/avatars/7/{avatar}.png");
    world.commit(|batch| orphans::replace_image(batch, 0, (Kind::Avatar, 7), None, Some(&avatar))).await;
    world.commit(|batch| orphans::release(batch, &name::attachment(10, 20), 0)).await;
    assert_eq!(world.get(&world.url(&file)).await.status(), 404, "at once");
    assert_eq!(world.get(&world.url(&other)).await.status(), 200);
    world.cdn.sweep_all().await.unwrap();
    assert_eq!(world.blobs.names().len(), 2);
    world.commit(|batch| orphans::release(batch, &name::attachments_of(10), 0)).await;
    world.commit(|batch| orphans::replace_image(batch, 0, (Kind::Avatar, 7), Some(&avatar), None)).await;
    for gone in [&world.url(&other), &avatar_url] {
        assert_eq!(world.get(gone).await.status(), 404, "{gone}");
    }
    world.cdn.sweep_all().await.unwrap();
    assert!(world.blobs.names().is_empty());
}

#[tokio::test]
async fn what_nobody_takes_is_swept_in_time_and_what_is_taken_stays() {
    let world = world();
    world.attach(20, "a.txt", "taken").await;
    world.cdn.put_image(Kind::Icon, 7, picture()).await.unwrap();
    let refused = world.cdn.put_image(Kind::Icon, 8, picture()).await.unwrap();
    world.cdn.give_up(&[name::image(Kind::Icon, 8, &refused)]).await;
    world.cdn.sweep_all().await.unwrap();
    assert_eq!(world.blobs.names().len(), 2, "a refused image goes at once");
    world.clock.advance(orphans::RESERVED_MS);
    world.cdn.sweep_all().await.unwrap();
    assert_eq!(world.blobs.names(), [name::attachment(10, 20)]);
}

#[tokio::test]
async fn a_copy_of_a_file_outlives_it() {
    let world = world();
    let stored = world.attach(20, "a.txt", "x").await;
    let from = AttachmentPath::parse(&stored.path).unwrap();
    let to = AttachmentPath { channel: 11, attachment: 21, filename: "a.txt" };
    assert!(world.cdn.copy_attachment(&from, &to).await.unwrap());
    world.commit(|batch| orphans::release(batch, &from.blob(), 0)).await;
    world.cdn.sweep_all().await.unwrap();
    let url = world.cdn.links().attachment(&to, world.clock.now_ms());
    assert_eq!(body(world.get(&url).await).await, "x");
    assert!(!world.cdn.copy_attachment(&from, &to).await.unwrap());
}

#[tokio::test]
async fn active_content_is_only_given_as_download() {
    let world = world();
    for (id, name) in ["a.html", "a.svg", "a.bin"].into_iter().enumerate() {
        let stored = world.attach(id as u64, name, "<script>").await;
        let response = world.get(&world.url(&stored)).await;
        assert_eq!(response.headers()["content-disposition"], "attachment", "{name}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn parts_and_known_files_are_answered_as_such() {
    let world = world();
    let stored = world.attach(20, "a.txt", "0123456789").await;
    let url = world.url(&stored);
    let path = url.strip_prefix("http://h/cdn").unwrap();
    let with =
        |name: &'static str, value: &str| Request::get(path).header(name, value).body(Body::empty()).unwrap();
    let response = world.send(with("range", "bytes=2-4")).await;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(response.headers()["content-range"], "bytes 2-4/10");
    assert_eq!(body(response).await, "234");
    assert_eq!(world.send(with("range", "bytes=10-")).await.status(), 416);
    let etag = world.get(&url).await.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(world.send(with("if-none-match", &etag)).await.status(), 304);
}

#[tokio::test]
async fn an_upload_in_two_steps_becomes_an_attachment_of_its_message() {
    let world = world();
    let slot = world.slot(5);
    assert_eq!(world.put(&slot.upload_url, "123456").await, 413);
    assert_eq!(world.put(&slot.upload_url.replace("max=5", "max=6"), "123456").await, 403);
    assert_eq!(world.put(&slot.upload_url, "12345").await, 200, "after a failure it can be tried again");
    assert_eq!(world.put(&slot.upload_url, "54321").await, 403, "a slot takes one upload");
    let blob = world.cdn.uploaded_blob(&slot.upload_filename, CHANNEL, USER).unwrap();
    let stored = world.cdn.claim_upload(&blob, CHANNEL, AttachmentId::new(2), "a b.txt").await.unwrap();
    assert_eq!((stored.filename.as_str(), stored.size), ("a_b.txt", 5));
    world.cdn.give_up(std::slice::from_ref(&blob)).await;
    world.cdn.sweep_all().await.unwrap();
    assert_eq!(body(world.get(&world.url(&stored)).await).await, "12345");
    let gone = world.cdn.claim_upload(&blob, CHANNEL, AttachmentId::new(3), "a").await;
    assert_eq!(gone.unwrap_err().code, 50146);
}

#[tokio::test]
async fn an_upload_is_for_its_account_and_channel() {
    let world = world();
    let slot = world.slot(5);
    assert_eq!(world.put(&slot.upload_url, "12345").await, 200);
    for (channel, user) in [(CHANNEL, UserId::new(31)), (ChannelId::new(11), USER)] {
        let blob = world.cdn.uploaded_blob(&slot.upload_filename, channel, user);
        assert_eq!(blob.unwrap_err().code, 50146);
    }
    for path in ["/10/", "/30/"] {
        assert_eq!(world.put(&slot.upload_url.replace(path, "/99/"), "12345").await, 403);
    }
}

#[tokio::test]
async fn uploads_that_no_message_names_are_swept() {
    let world = world();
    let slot = world.slot(5);
    assert_eq!(world.put(&slot.upload_url, "12345").await, 200);
    world.cdn.sweep_all().await.unwrap();
    assert_eq!(world.blobs.names().len(), 1);
    world.clock.advance(6 * 3_600_000);
    world.cdn.sweep_all().await.unwrap();
    assert!(world.blobs.names().is_empty());
}

#[tokio::test]
async fn a_full_store_of_blobs_is_told_as_one() {
    #[derive(Debug)]
    struct Full;
    type Future<'a, T> = consort_store::BoxFuture<'a, consort_cdn::blobs::Result<T>>;
    impl Blobs for Full {
        fn create<'a>(&'a self, _: &'a str) -> Future<'a, Box<dyn consort_cdn::blobs::BlobWriter>> {
            Box::pin(async { Err(consort_cdn::blobs::BlobError::Full) })
        }
        fn open<'a>(&'a self, _: &'a str) -> Future<'a, Option<Box<dyn consort_cdn::blobs::BlobReader>>> {
            Box::pin(async { Ok(None) })
        }
        fn copy<'a>(&'a self, _: &'a str, _: &'a str) -> Future<'a, bool> {
            Box::pin(async { Err(consort_cdn::blobs::BlobError::Full) })
        }
        fn remove<'a>(&'a self, _: &'a str, _: usize) -> Future<'a, bool> {
            Box::pin(async { Ok(true) })
        }
    }
    let World { clock, store, .. } = world();
    assert!(put(&Full, "a/b", Bytes::new()).await.is_err());
    let cdn = Cdn::new(Arc::new(Full), Links::sample(), store, clock);
    assert_eq!(cdn.put_image(Kind::Icon, 1, picture()).await.unwrap_err().status, 507);
}
