//! The whole service, and the guards in front of every route: path, CORS, load, deadline, panics, identity.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use consort_model::ApiError;
use futures_util::FutureExt as _;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CONTENT_TYPE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use tower::ServiceExt as _;

use crate::extract::Identity;
use crate::normalise::{self, Normal};
use crate::{App, Failure, extract, limit, routes};

/// From the head of a request to its answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// The same for a request that brings files: as long as they may take to arrive, and then some.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(150);
/// Where the CDN is.
const CDN: &str = "/cdn";

/// Everything the edge serves. `web` answers what is neither API, CDN nor health: the web client.
pub fn router(app: Arc<App>, web: Option<Router>) -> Router {
    let api = routes::all()
        .route_layer(from_fn_with_state(app.clone(), limit::layer))
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app.clone());
    let cdn = consort_cdn::router(app.cdn.clone());
    let health = app.health.clone();
    let inner = Router::new()
        .nest(normalise::API, api)
        .nest(CDN, cdn)
        .route("/healthz", axum::routing::get(move || async move { health.text() }))
        .fallback_service(web.unwrap_or_else(|| Router::new().fallback(no_route)));
    Router::new().fallback(move |request: Request| handle(app.clone(), inner.clone(), request))
}

async fn no_route() -> Failure {
    Failure(ApiError::not_found_route())
}

async fn wrong_method() -> Failure {
    Failure(ApiError::method_not_allowed())
}

async fn handle(app: Arc<App>, inner: Router, mut request: Request) -> Response {
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
    match normalise::normalise(request.uri().path()) {
        Normal::UnknownVersion => return Err(ApiError::invalid_api_version()),
        Normal::Rewritten(path) => rewrite(request, &path)?,
        Normal::Same => {}
    }
    let path = request.uri().path();
    Ok(path.starts_with(normalise::API) || path.starts_with(CDN))
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

/// Counts a request while it is handled.
struct InFlight(Arc<App>);

impl InFlight {
    fn enter(app: &Arc<App>) -> Option<Self> {
        let before = app.in_flight.fetch_add(1, Ordering::Relaxed);
        let guard = Self(app.clone());
        (before < app.config.requests_max).then_some(guard)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Sheds load, identifies the caller, bounds the time, and turns a panic into a 500.
async fn guarded(app: Arc<App>, inner: Router, mut request: Request) -> Response {
    let Some(_in_flight) = InFlight::enter(&app) else {
        return Failure(ApiError::overloaded()).into_response();
    };
    if !app.room.load(Ordering::Relaxed) && needs_room(&request) {
        return Failure(ApiError::storage_full()).into_response();
    }
    if request.uri().path().starts_with(normalise::API) {
        match identify(&app, request).await {
            Ok(identified) => request = identified,
            Err(failure) => return failure.into_response(),
        }
    }
    let deadline = deadline(&request);
    let handled = AssertUnwindSafe(inner.oneshot(request)).catch_unwind();
    match tokio::time::timeout(deadline, handled).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(never))) => match never {},
        Ok(Err(_)) => {
            tracing::error!("a handler panicked");
            Failure(ApiError::internal()).into_response()
        }
        Err(_) => Failure(ApiError::unavailable()).into_response(),
    }
}

/// Whether a request may make the store grow. Who is to delete something must be able to log in.
fn needs_room(request: &Request) -> bool {
    let path = request.uri().path();
    matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
        && (path.starts_with(normalise::API) || path.starts_with(CDN))
        && !path.ends_with("/auth/login")
}

fn deadline(request: &Request) -> Duration {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let uploads = kind.starts_with("multipart/")
        || (request.method() == Method::PUT && request.uri().path().starts_with(CDN));
    if uploads { UPLOAD_DEADLINE } else { DEADLINE }
}

/// Looks up the token once, for limits and handlers. A wrong one is no error here: some routes do not care.
async fn identify(app: &Arc<App>, request: Request) -> Result<Request, Failure> {
    let (mut parts, body) = request.into_parts();
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = if header.is_empty() { None } else { app.tokens.authorize(header).await? };
    let ip = extract::origin_ip(&parts, app.config.trust_proxy);
    parts.extensions.insert(Identity { token, ip });
    Ok(Request::from_parts(parts, body))
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
