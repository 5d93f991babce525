//! The HTTP side.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use consort_files::{AttachmentPath, Kind, name, orphans};
use consort_model::ApiError;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::blobs::{BlobReader, head};
use crate::image::is_image_hash;
use crate::proxy::Media;
use crate::range::{self, Part};
use crate::upload::{Slot, Uploader};
use crate::{Cdn, default_avatar, failed, media};

/// Bytes read from the disk at a time.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes that tell what a blob is.
const HEAD_BYTES: usize = 64;
/// Blobs never change.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Pictures of other servers may change.
const FOR_A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");
/// What could not be had may be had later.
const FOR_A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// Files of messages are for who has their address, as long as it works; caches between must not outlive a deletion.
const FOR_ONE_READER: HeaderValue = HeaderValue::from_static("private, max-age=86400, immutable");

/// Everything below the CDN's path.
pub fn router(cdn: Arc<Cdn>) -> Router {
    Router::new()
        .route("/attachments/{channel}/{attachment}/{filename}", get(get_attachment))
        .route("/upload/{channel}/{user}/{key}/{filename}", put(put_upload))
        .route("/embed/avatars/{file}", get(get_default_avatar))
        .route("/guilds/{guild}/users/{user}/{kind}/{file}", get(get_member_image))
        .route("/{kind}/{owner}/{file}", get(get_image))
        .route("/{kind}/{file}", get(get_by_id))
        .fallback(|| async { not_found() })
        .with_state(cdn)
}

/// Everything below the media proxy's path: the files again, and pictures of other servers.
pub fn media_router(cdn: Arc<Cdn>, media: Arc<Media>) -> Router {
    Router::new().route("/external/{mac}/{place}", get(get_external)).with_state(media).merge(router(cdn))
}

async fn get_external(
    State(media): State<Arc<Media>>,
    Path((mac, place)): Path<(String, String)>,
    asked: HeaderMap,
) -> Response {
    match media.open(&mac, &place).await {
        Some((reader, head)) => show(reader, &head, What { name: "", tag: &mac, caching: FOR_A_DAY }, &asked),
        None => ([(CACHE_CONTROL, FOR_A_MINUTE)], not_found()).into_response(),
    }
}

fn refuse(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], error.to_body()).into_response()
}

fn not_found() -> Response {
    refuse(&ApiError::not_found_route())
}

/// A file's name without its extension.
fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

async fn get_attachment(
    State(cdn): State<Arc<Cdn>>,
    Path((channel, attachment, filename)): Path<(u64, u64, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let path = AttachmentPath { channel, attachment, filename: &filename };
    // Only cleaned names are ever signed, so a signed path is a path of ours.
    if !cdn.links().verify(&path, query.as_deref().unwrap_or_default(), cdn.now_ms()) {
        return not_found();
    }
    let what = What { name: &filename, tag: &attachment.to_string(), caching: FOR_ONE_READER };
    serve(&cdn, &path.blob(), what, &headers).await
}

async fn get_image(
    State(cdn): State<Arc<Cdn>>,
    Path((kind, owner, file)): Path<(String, u64, String)>,
    headers: HeaderMap,
) -> Response {
    let hash = stem(&file);
    let Some(kind) = Kind::of_segment(&kind).filter(|_| is_image_hash(hash)) else { return not_found() };
    serve(&cdn, &name::image(kind, owner, hash), What::image(hash), &headers).await
}

async fn get_member_image(
    State(cdn): State<Arc<Cdn>>,
    Path((guild, user, kind, file)): Path<(u64, u64, String, String)>,
    headers: HeaderMap,
) -> Response {
    let hash = stem(&file);
    let kind = match kind.as_str() {
        "avatars" => Kind::MemberAvatar { guild },
        "banners" => Kind::MemberBanner { guild },
        _ => return not_found(),
    };
    if !is_image_hash(hash) {
        return not_found();
    }
    serve(&cdn, &name::image(kind, user, hash), What::image(hash), &headers).await
}

async fn get_by_id(
    State(cdn): State<Arc<Cdn>>,
    Path((kind, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let is_known = matches!(kind.as_str(), "emojis" | "stickers" | "soundboard-sounds");
    let (Ok(id), true) = (stem(&file).parse::<u64>(), is_known) else { return not_found() };
    // A Lottie sticker has nothing in its bytes that tells what it is.
    let name = match kind.as_str() {
        "stickers" => "sticker.json",
        // An MP3 without a tag tells it no better.
        "soundboard-sounds" => "sound.mp3",
        _ => "",
    };
    let tag = id.to_string();
    serve(&cdn, &format!("{kind}/{id}"), What { name, ..What::image(&tag) }, &headers).await
}

async fn get_default_avatar(Path(file): Path<String>) -> Response {
    let png = stem(&file).parse().ok().and_then(default_avatar::png);
    let Some(png) = png else { return not_found() };
    ([(CONTENT_TYPE, HeaderValue::from_static("image/png")), (CACHE_CONTROL, FOREVER)], png).into_response()
}

/// What is said of a blob.
struct What<'a> {
    /// Its name, for what its bytes do not tell.
    name: &'a str,
    /// What it is called by caches.
    tag: &'a str,
    caching: HeaderValue,
}

impl<'a> What<'a> {
    fn image(tag: &'a str) -> Self {
        Self { name: "", tag, caching: FOREVER }
    }
}

/// Serves a blob: whole, in part, or not at all if the client has it.
async fn serve(cdn: &Cdn, blob: &str, what: What<'_>, asked: &HeaderMap) -> Response {
    match open(cdn, blob).await {
        Ok(Some((reader, head))) => show(reader, &head, what, asked),
        Ok(None) => not_found(),
        Err(error) => refuse(&error),
    }
}

/// Opens a blob that belongs to something still, and reads its head.
async fn open(cdn: &Cdn, blob: &str) -> Result<Option<(Box<dyn BlobReader>, Vec<u8>)>, ApiError> {
    // What it belonged to is gone, though nobody may have had the time to remove it.
    if orphans::is_released(&*cdn.store.0, blob).await.map_err(|error| failed(&error))? {
        return Ok(None);
    }
    let Some(mut reader) = cdn.blobs.open(blob).await? else { return Ok(None) };
    let head = head(&mut *reader, HEAD_BYTES).await?;
    Ok(Some((reader, head)))
}

fn show(reader: Box<dyn BlobReader>, head: &[u8], what: What<'_>, asked: &HeaderMap) -> Response {
    let What { name, tag, caching } = what;
    let size = reader.size();
    let media_type = media::media_type(name, head).unwrap_or("application/octet-stream");
    let etag = HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    if asked.get(IF_NONE_MATCH).is_some_and(|known| *known == etag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, etag), (CACHE_CONTROL, caching)]).into_response();
    }
    let range = asked.get(RANGE).and_then(|range| range.to_str().ok());
    let (status, from, length) = match range::parse(range, size) {
        Part::Whole => (StatusCode::OK, 0, size),
        Part::Bytes(from, to) => (StatusCode::PARTIAL_CONTENT, from, to - from + 1),
        Part::Unsatisfiable => {
            let range =
                HeaderValue::from_str(&format!("bytes */{size}")).unwrap_or(HeaderValue::from_static(""));
            return (StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, range)]).into_response();
        }
    };
    let mut response = Response::new(stream_blob(reader, from, length));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, caching);
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What people upload must never run as a page of this server.
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    if !media::is_inert(media_type) {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(range) = HeaderValue::from_str(&format!("bytes {from}-{}/{size}", from + length - 1))
    {
        headers.insert(CONTENT_RANGE, range);
    }
    response
}

/// `length` bytes of a blob from a position, a chunk at a time.
fn stream_blob(reader: Box<dyn BlobReader>, from: u64, length: u64) -> Body {
    Body::from_stream(stream::try_unfold((reader, from, length), |(mut reader, from, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let chunk = reader.read(from, want).await.map_err(std::io::Error::other)?;
        if chunk.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let read = chunk.len() as u64;
        Ok(Some((chunk, (reader, from + read, left - read))))
    }))
}

async fn put_upload(
    State(cdn): State<Arc<Cdn>>,
    Path((channel, user, key, filename)): Path<(u64, u64, String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let slot = Slot { channel, user, key: &key, filename: &filename };
    let Some(limit) = cdn.slot_limit(slot, query.as_deref().unwrap_or_default()) else {
        return refuse(&ApiError::forbidden());
    };
    if request.body().size_hint().lower() > limit {
        return refuse(&ApiError::too_large());
    }
    let from = request.extensions().get::<Uploader>().map(|uploader| uploader.0);
    match cdn.fill_slot(slot, from, limit, request.into_body()).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refuse(&error),
    }
}
