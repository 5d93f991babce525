//! The web client, inside the binary. (A debug build reads the files from `web/dist` instead.)

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// The page every path of the client is served with.
const INDEX: &str = "index.html";
/// Files under it have the hash of their content in their name.
const ASSETS: &str = "assets/";
/// The client runs its own scripts only. It may talk to a gateway of another name, and shows pictures from elsewhere.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss: http: https:; img-src * data: blob:; \
                      media-src * data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
                      frame-src https:; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

/// Serves the client's files, and its page for every other path without an extension.
pub fn router() -> Router {
    Router::new().fallback(serve)
}

async fn serve(request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    if let Some(file) = Dist::get(path) {
        return answer(path, file, request.headers());
    }
    let names_a_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    match Dist::get(INDEX) {
        Some(page) if !names_a_file => answer(INDEX, page, request.headers()),
        _ => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile, asked: &HeaderMap) -> Response {
    let digest: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    let is_known = asked.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
    let body = if is_known { Body::empty() } else { Body::from(file.data.into_owned()) };
    let mut response = Response::new(body);
    *response.status_mut() = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let headers = response.headers_mut();
    let cache = if path.starts_with(ASSETS) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(ETAG, tag);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt as _;

    async fn get(path: &str) -> Response {
        router().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn every_page_of_the_client_is_its_index_and_missing_files_are_missing() {
        for path in ["/", "/channels/1/2", "/login"] {
            let response = get(path).await;
            assert_eq!(response.status(), 200, "{path}");
            assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(response.headers()[CACHE_CONTROL], "no-cache");
        }
        assert_eq!(get("/assets/nothing.js").await.status(), 404);
        let post = router().oneshot(Request::post("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(post.status(), 405);
    }

    #[tokio::test]
    async fn a_page_that_is_known_is_not_sent_again() {
        let tag = get("/").await.headers()[ETAG].clone();
        let request = Request::get("/").header(IF_NONE_MATCH, tag).body(Body::empty()).unwrap();
        assert_eq!(router().oneshot(request).await.unwrap().status(), 304);
    }
}
