//! The web client, inside the binary. (A debug build reads the files from `web/dist` instead.)

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
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
/// The worker that encrypts calls from end to end. WebAssembly runs there, and in no page.
const DAVE_WORKER: &str = "assets/dave-";
const DAVE_WORKER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; frame-ancestors 'none'",
);
/// What a page of the client may not ask the browser for. Voice needs microphone, camera and screen.
const PERMISSIONS: &str = "accelerometer=(), bluetooth=(), camera=(self), display-capture=(self), geolocation=(), \
                           gyroscope=(), hid=(), magnetometer=(), microphone=(self), midi=(), payment=(), serial=(), usb=()";

/// The client runs its own scripts only, and asks nobody but this server for pictures and files: whoever embeds a picture of
/// their own host learns nothing of who reads it. `gateway` is the gateway's address, if it has a name of its own. `voice_elsewhere`: other
/// nodes have voice gateways, whose names nobody here knows.
fn policy(gateway: Option<&str>, voice_elsewhere: bool) -> HeaderValue {
    let mut connect = gateway.and_then(origin).map(|origin| format!(" {origin}")).unwrap_or_default();
    if voice_elsewhere {
        connect.push_str(" wss:");
    }
    let policy = format!(
        "default-src 'self'; connect-src 'self'{connect}; img-src 'self' blob: data:; media-src 'self' blob:; \
         style-src 'self' 'unsafe-inline'; font-src 'self' data:; frame-src 'none'; object-src 'none'; \
         base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// Serves the client's files, and its page for every other path without an extension that is not among the assets. `gateway` is the address that clients
/// are given of the gateway, if it is set; `voice_elsewhere`: whether other nodes may have a guild's voice.
pub fn router(gateway: Option<&str>, voice_elsewhere: bool) -> Router {
    Router::new().fallback(serve).with_state(policy(gateway, voice_elsewhere))
}

async fn serve(State(policy): State<HeaderValue>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    let names_a_file =
        path.starts_with(ASSETS) || path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let wanted = if names_a_file { path } else { INDEX };
    let found = packed(wanted, request.headers(), Dist::get).or_else(|| Some((None, Dist::get(wanted)?)));
    match found {
        Some((coding, file)) => answer(wanted, coding, file, request.headers(), policy),
        None => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

/// Codings that the build has made of files worth it, the smaller first, and what it appends to their names.
const CODINGS: [(&str, &str); 2] = [("br", "br"), ("gzip", "gz")];

/// A file as the client takes it packed, if there is one; `get` finds files.
fn packed<F>(
    path: &str,
    asked: &HeaderMap,
    get: impl Fn(&str) -> Option<F>,
) -> Option<(Option<&'static str>, F)> {
    CODINGS
        .into_iter()
        .filter(|(coding, _)| takes(asked, coding))
        .find_map(|(coding, extension)| Some((Some(coding), get(&format!("{path}.{extension}"))?)))
}

/// Whether `Accept-Encoding` names a coding, and not to refuse it (RFC 9110, 12.5.3).
fn takes(asked: &HeaderMap, coding: &str) -> bool {
    let lines = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|entry| {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let is_refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(coding) && !is_refused
    })
}

fn answer(
    path: &str,
    coding: Option<&'static str>,
    file: EmbeddedFile,
    asked: &HeaderMap,
    policy: HeaderValue,
) -> Response {
    let digest: String = file.metadata.sha256_hash()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    let is_known = asked.get(IF_NONE_MATCH).is_some_and(|known| *known == tag);
    let body = if is_known { Body::empty() } else { Body::from(file.data.into_owned()) };
    let mut response = Response::new(body);
    *response.status_mut() = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let headers = response.headers_mut();
    let cache = if path.starts_with(ASSETS) { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(ETAG, tag);
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(coding) = coding.filter(|_| !is_known) {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("permissions-policy", HeaderValue::from_static(PERMISSIONS));
    let is_dave = path.starts_with(DAVE_WORKER) && path.ends_with(".js");
    headers.insert(CONTENT_SECURITY_POLICY, if is_dave { DAVE_WORKER_POLICY } else { policy });
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
        router(None, false).oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap()
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
        let post =
            router(None, false).oneshot(Request::post("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(post.status(), 405);
    }

    #[test]
    fn files_are_served_packed_as_the_client_takes_them() {
        let choose = |accepted: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            packed("a.js", &headers, |path| Some(path.to_owned()))
                .map(|(coding, path)| (coding.unwrap(), path))
        };
        assert_eq!(choose("gzip, deflate, br, zstd"), Some(("br", "a.js.br".to_owned())));
        assert_eq!(choose("GZIP;q=0.5, br;q=0"), Some(("gzip", "a.js.gz".to_owned())));
        assert_eq!(choose("identity"), None);
        assert_eq!(choose("gzip;q=0.0"), None);
    }

    #[tokio::test]
    async fn a_page_reaches_this_server_and_its_gateway_and_nobody_else() {
        let policy = get("/").await.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        for part in
            ["img-src 'self' blob: data:;", "connect-src 'self';", "form-action 'self'", "frame-src 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains('*') && !policy.contains("http"), "{policy}");
        let page = Request::get("/").body(Body::empty()).unwrap();
        let named = router(Some("wss://gateway.example:444/x"), false).oneshot(page).await.unwrap();
        let policy = named.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("connect-src 'self' wss://gateway.example:444;"), "{policy}");
        assert_eq!(named.headers()["cross-origin-opener-policy"], "same-origin");
    }

    #[test]
    fn only_the_worker_that_encrypts_calls_may_run_webassembly() {
        let policy_of = |path: &str| {
            let file = Dist::get(INDEX).expect("the client is built");
            let response = answer(path, None, file, &HeaderMap::new(), policy(None, false));
            response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
        };
        assert!(policy_of("assets/dave-a1.js").contains("script-src 'self' 'wasm-unsafe-eval'"));
        for path in ["index.html", "assets/index-a1.js", "assets/davey-a1.wasm", "assets/dave-a1.css"] {
            assert!(!policy_of(path).contains("wasm"), "{path}");
        }
    }

    #[tokio::test]
    async fn a_page_that_is_known_is_not_sent_again() {
        let tag = get("/").await.headers()[ETAG].clone();
        let request = Request::get("/").header(IF_NONE_MATCH, tag).body(Body::empty()).unwrap();
        assert_eq!(router(None, false).oneshot(request).await.unwrap().status(), 304);
    }
}
