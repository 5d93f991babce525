//! The whole service, and the guards in front of every route: path, CORS, load, deadline, panics, identity.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use consort_model::{ApiError, Intents};
use consort_runtime::{Holder, Sender, Share, network};
use futures_util::FutureExt as _;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tower::ServiceExt as _;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};

use crate::extract::Identity;
use crate::normalise::{self, Normal};
use crate::token::{Kind, TokenRow};
use crate::{App, Failure, coming, extract, limit, operations, routes};

/// From the end of a request to its answer. Whoever reads a body bounds how long that takes, and answers 408.
const DEADLINE: Duration = Duration::from_secs(15);
/// When a body counts as come, whoever reads it or does not. Later than any reader's bound.
const ARRIVAL_MAX: Duration = Duration::from_secs(135);
/// Bytes of an answer from which on it is compressed.
const COMPRESSED_BYTES_MIN: u16 = 1024;
/// Where the CDN is.
const CDN: &str = consort_files::CDN_PATH;
/// Where pictures of other servers are.
const MEDIA: &str = consort_files::MEDIA_PATH;
/// Where the server says whether it is well.
pub const HEALTH: &str = "/healthz";

/// Everything the edge serves. `web` answers what is neither API, CDN nor health: the web client.
pub fn router(app: Arc<App>, web: Option<Router>) -> Router {
    let api = routes::all()
        .route_layer(from_fn_with_state(app.clone(), limit::layer))
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app.clone())
        .layer(compression());
    let (cdn, media) = (app.cdn.clone(), app.media.clone());
    let (cdn, media) = (consort_cdn::router(cdn.clone()), consort_cdn::media_router(cdn, media));
    let (health, serves) = (app.health.clone(), app.config.serves);
    let web = web.unwrap_or_else(|| Router::new().fallback(no_route));
    let inner = Router::new()
        .nest(normalise::API, if serves.api { api } else { elsewhere("rest") })
        .nest(CDN, if serves.files { cdn } else { elsewhere("cdn") })
        .nest(MEDIA, if serves.files { media } else { elsewhere("cdn") })
        .route(HEALTH, axum::routing::get(move || async move { health.text() }))
        .fallback_service(if serves.api { web } else { elsewhere("rest") });
    Router::new().fallback(move |request: Request| handle(app.clone(), inner.clone(), request))
}

/// Answers of the API are compressed for who asks for it; small ones would not get smaller. By gzip only: all clients know it,
/// and at this level it costs least.
fn compression() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(COMPRESSED_BYTES_MIN).and(NotForContentType::IMAGES))
}

/// What a node answers for a role that it does not run: the client has come to the wrong one.
fn elsewhere(role: &'static str) -> Router {
    Router::new().fallback(move || async move { Failure(role_elsewhere(role)) })
}

/// 503, and which role this node does not run.
pub fn role_elsewhere(role: &str) -> ApiError {
    ApiError::unavailable().message(format!("503: Service Unavailable. This node does not run {role}."))
}

async fn no_route(method: Method, uri: Uri) -> Failure {
    Failure(unbuilt(&method, &uri).unwrap_or_else(ApiError::not_found_route))
}

async fn wrong_method(method: Method, uri: Uri) -> Failure {
    Failure(unbuilt(&method, &uri).unwrap_or_else(ApiError::method_not_allowed))
}

/// What is said of an operation of the API that is not built here; `None` for what is none.
fn unbuilt(method: &Method, uri: &Uri) -> Option<ApiError> {
    let path = uri.path().strip_prefix(normalise::API).unwrap_or(uri.path());
    let message = "501: Not Implemented. This operation of the API is not built here.";
    operations::is_known(method, path).then(|| ApiError::not_implemented().message(message))
}

async fn handle(app: Arc<App>, inner: Router, mut request: Request) -> Response {
    if request.method() == Method::OPTIONS && request.uri().path() == "*" {
        return StatusCode::NO_CONTENT.into_response();
    }
    let public = match route(&mut request) {
        Ok(public) => public,
        Err(error) => return Failure(error).into_response(),
    };
    if public && request.method() == Method::OPTIONS {
        return preflight(request.headers());
    }
    let mut response = guarded(app, inner, request).await;
    if public {
        allow_any_origin(response.headers_mut());
    }
    response
}

/// Brings the path into its routed form. Whether other origins may read the answer.
fn route(request: &mut Request) -> Result<bool, ApiError> {
    if normalise::is_v9(request.uri().path()) {
        request.extensions_mut().insert(extract::V9);
    }
    match normalise::normalise(request.uri().path()) {
        Normal::UnknownVersion => return Err(ApiError::invalid_api_version()),
        Normal::Rewritten(path) => rewrite(request, &path)?,
        Normal::Same => {}
    }
    let path = request.uri().path();
    Ok([normalise::API, CDN, MEDIA].iter().any(|public| path.starts_with(public)))
}

fn rewrite(request: &mut Request, path: &str) -> Result<(), ApiError> {
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let target: PathAndQuery = target.parse().map_err(|_| ApiError::bad_request())?;
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(target);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| ApiError::bad_request())?;
    Ok(())
}

/// Takes one of the places for requests, as yet for nobody in particular.
fn enter(app: &App) -> Result<Share, ApiError> {
    let mut place = app.requests.share(Vec::new());
    place.grow(1).map_err(|_| ApiError::overloaded())?;
    Ok(place)
}

/// Counts a place for who turned out to hold it. When places run short, those are refused who hold the most of them, and
/// the last eighth is for those with an account.
fn sit_down(app: &App, place: &mut Share, holders: &[Holder]) -> Result<(), ApiError> {
    let left = app.requests.total() - app.requests.used();
    if holders.iter().any(|holder| matches!(holder, Holder::Strangers(_))) && left < app.requests.total() / 8
    {
        return Err(ApiError::overloaded());
    }
    holders.iter().try_for_each(|holder| place.join(*holder)).map_err(|_| ApiError::overloaded())
}

/// Who a request is counted for.
fn holders(account: Option<u64>, ip: IpAddr) -> Vec<Holder> {
    let ip = network(ip);
    let who = account.map_or(Holder::Strangers(ip), Holder::Account);
    vec![who, Holder::Network(ip)]
}

/// Identifies the caller, sheds load, bounds the time, and turns a panic into a 500.
async fn guarded(app: Arc<App>, inner: Router, mut request: Request) -> Response {
    let _place = match admit(&app, &mut request).await {
        Ok(place) => place,
        Err(failure) => return failure.into_response(),
    };
    if !app.room.load(Ordering::Relaxed) && needs_room(&request) {
        return Failure(ApiError::storage_full()).into_response();
    }
    let (request, come) = coming::watched(request);
    let handled = AssertUnwindSafe(inner.oneshot(request)).catch_unwind();
    let deadline = async {
        let _come = tokio::time::timeout(ARRIVAL_MAX, come).await;
        tokio::time::sleep(DEADLINE).await;
    };
    tokio::select! {
        biased;
        handled = handled => match handled {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => {
                tracing::error!("a handler panicked");
                Failure(ApiError::internal()).into_response()
            }
        },
        () = deadline => Failure(ApiError::unavailable()).into_response(),
    }
}

/// Whether a request may make the store grow. Who is to delete something must be able to log in.
fn needs_room(request: &Request) -> bool {
    let path = request.uri().path();
    matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
        && (path.starts_with(normalise::API) || path.starts_with(CDN))
        && !path.ends_with("/auth/login")
}

/// Finds out who calls, and gives the request a place among those that are handled. Whether the server is well is answered
/// however many there are.
async fn admit(app: &Arc<App>, request: &mut Request) -> Result<Option<Share>, Failure> {
    if request.uri().path() == HEALTH {
        return Ok(None);
    }
    let mut place = enter(app)?;
    let taken = std::mem::take(request);
    let (mut parts, body) = taken.into_parts();
    let ip = extract::origin_ip(&parts, app.config.trusted_proxies);
    let token = identify(app, &parts).await?;
    let holders = holders(token.as_ref().map(|token| token.user.get()), ip);
    sit_down(app, &mut place, &holders)?;
    parts.extensions.insert(consort_cdn::Uploader(network(ip)));
    parts.extensions.insert(Sender { bytes: app.body_bytes.clone(), holders });
    let lacks = match token.as_deref().map(|token| &token.kind) {
        Some(Kind::Bot { application }) => app.lacking_intents(*application).await?,
        _ => Intents::empty(),
    };
    parts.extensions.insert(Identity { token, lacks, ip });
    *request = Request::from_parts(parts, body);
    Ok(Some(place))
}

/// Looks up the token once, for limits and handlers. A wrong one is no error here: some routes do not care.
async fn identify(app: &App, parts: &Parts) -> Result<Option<Arc<TokenRow>>, Failure> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header.is_empty() || !parts.uri.path().starts_with(normalise::API) {
        return Ok(None);
    }
    Ok(app.tokens.authorize(header).await?)
}

fn allow_any_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = "Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-RateLimit-Reset-After, \
                   X-RateLimit-Bucket, X-RateLimit-Scope, X-RateLimit-Global, Via, Date";
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
}

/// Answers what a browser asks before a request of another origin.
fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    allow_any_origin(headers);
    let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    let usual =
        HeaderValue::from_static("Authorization, Content-Type, X-Audit-Log-Reason, X-Super-Properties");
    let wanted = asked.get("access-control-request-headers").cloned().unwrap_or(usual);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}
