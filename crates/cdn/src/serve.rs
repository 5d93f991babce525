//! The HTTP side.

use std::io::SeekFrom;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use bytes::{Bytes, BytesMut};
use consort_model::ApiError;
use futures_util::stream;
use http::header::{
    ACCEPT_RANGES, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::image::{Kind, is_image_hash};
use crate::range::{self, Part};
use crate::sign::Signature;
use crate::{Cdn, attachment, default_avatar, media};

/// Bytes read from the disk at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// How long a client may take for an upload.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(120);
/// Blobs never change.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Everything below the CDN's path.
pub fn router(cdn: Arc<Cdn>) -> Router {
    Router::new()
        .route("/attachments/{channel}/{attachment}/{filename}", get(get_attachment))
        .route("/upload/{key}/{filename}", put(put_upload))
        .route("/embed/avatars/{file}", get(get_default_avatar))
        .route("/guilds/{guild}/users/{user}/{kind}/{file}", get(get_member_image))
        .route("/{kind}/{owner}/{file}", get(get_image))
        .route("/{kind}/{file}", get(get_by_id))
        .fallback(|| async { not_found() })
        .with_state(cdn)
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
    let path = attachment::path(channel, attachment, &filename);
    let signature = Signature::read(query.as_deref().unwrap_or_default());
    // Only cleaned names are ever signed, so a signed path is a path of ours.
    if !cdn.signer.verify(&path, &signature, cdn.now_s()) {
        return not_found();
    }
    serve(&cdn, path.trim_start_matches('/'), &filename, &attachment.to_string(), &headers).await
}

async fn get_image(
    State(cdn): State<Arc<Cdn>>,
    Path((kind, owner, file)): Path<(String, u64, String)>,
    headers: HeaderMap,
) -> Response {
    let hash = stem(&file);
    let Some(kind) = Kind::of_segment(&kind).filter(|_| is_image_hash(hash)) else { return not_found() };
    serve(&cdn, &format!("{}/{hash}", kind.directory(owner)), "", hash, &headers).await
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
    serve(&cdn, &format!("{}/{hash}", kind.directory(user)), "", hash, &headers).await
}

async fn get_by_id(
    State(cdn): State<Arc<Cdn>>,
    Path((kind, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let is_known = matches!(kind.as_str(), "emojis" | "stickers" | "soundboard-sounds");
    let (Ok(id), true) = (stem(&file).parse::<u64>(), is_known) else { return not_found() };
    // A Lottie sticker has nothing in its bytes that tells what it is.
    let name = if kind == "stickers" { "sticker.json" } else { "" };
    serve(&cdn, &format!("{kind}/{id}"), name, &id.to_string(), &headers).await
}

async fn get_default_avatar(Path(file): Path<String>) -> Response {
    let png = stem(&file).parse().ok().and_then(default_avatar::png);
    let Some(png) = png else { return not_found() };
    ([(CONTENT_TYPE, HeaderValue::from_static("image/png")), (CACHE_CONTROL, FOREVER)], png).into_response()
}

/// Serves a blob: whole, in part, or not at all if the client has it.
async fn serve(cdn: &Cdn, blob: &str, name: &str, tag: &str, asked: &HeaderMap) -> Response {
    let Ok(mut file) = File::open(cdn.blobs.path(blob)).await else { return not_found() };
    let Ok(metadata) = file.metadata().await else { return not_found() };
    let size = metadata.len();
    let mut head = [0; 64];
    let Ok(read) = file.read(&mut head).await else { return refuse(&ApiError::internal()) };
    let media_type = media::media_type(name, &head[..read]).unwrap_or("application/octet-stream");
    let etag = HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    if asked.get(IF_NONE_MATCH).is_some_and(|known| *known == etag) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, etag), (CACHE_CONTROL, FOREVER)]).into_response();
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
    if file.seek(SeekFrom::Start(from)).await.is_err() {
        return refuse(&ApiError::internal());
    }
    let mut response = Response::new(stream_file(file, length));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, etag);
    headers.insert(CACHE_CONTROL, FOREVER);
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

/// The next `length` bytes of a file, a chunk at a time.
fn stream_file(file: File, length: u64) -> Body {
    Body::from_stream(stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        let want = left.min(CHUNK_BYTES as u64);
        let mut chunk = BytesMut::with_capacity(want as usize);
        let read = (&mut file).take(want).read_buf(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some((chunk.freeze(), (file, left - read as u64))))
    }))
}

async fn put_upload(
    State(cdn): State<Arc<Cdn>>,
    Path((key, filename)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let Some(limit) = cdn.slot_limit(&key, &filename, query.as_deref().unwrap_or_default()) else {
        return refuse(&ApiError::forbidden());
    };
    match receive(request.into_body(), limit).await {
        Ok(bytes) => match cdn.fill_slot(&key, bytes).await {
            Ok(()) => StatusCode::OK.into_response(),
            Err(error) => refuse(&error),
        },
        Err(error) => refuse(&error),
    }
}

async fn receive(body: Body, limit: u64) -> Result<Bytes, ApiError> {
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    match tokio::time::timeout(UPLOAD_DEADLINE, limited.collect()).await {
        Err(_) => Err(ApiError::new(408, 0, "408: Request Timeout")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::too_large()),
        Ok(Err(_)) => Err(ApiError::bad_request()),
    }
}
