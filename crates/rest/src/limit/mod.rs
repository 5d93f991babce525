//! Rate limits: the pure counting in [`bucket`], the table of quotas in [`quota`], and the layer that applies them.
//!
//! Every limited answer carries all five `X-RateLimit` headers, or none does: twilight reads them as a set. What the
//! headers mean is in "Rate Limits" of the API documentation; the numbers are ours.

pub mod bucket;
pub mod quota;

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts as _;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use consort_model::ApiError;
use consort_model::snowflake::EPOCH_MS;
use http::{HeaderMap, HeaderValue, Method};
use sha2::{Digest as _, Sha256};

use self::bucket::{Buckets, Verdict};
use self::quota::{Per, Quota};
use crate::extract::Identity;
use crate::{App, Failure, normalise};

/// Requests a second of one token, or of one address without a token (Rate Limits, "Global Rate Limit").
const GLOBAL: Quota = Quota { name: "global", limit: 50, window_ms: 1000, per: Per::Caller };
/// Messages older than this have a deletion bucket of their own (discord.js, eris and oceanic count so).
const OLD_MESSAGE_MS: u64 = 14 * 24 * 3600 * 1000;

/// The counters of a node.
#[derive(Debug, Default)]
pub struct Limiter(Buckets);

impl Limiter {
    /// No request counted yet.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Who is counted.
fn caller(identity: &Identity) -> String {
    match &identity.token {
        Some(token) => token.hash.clone(),
        None => address(identity.ip),
    }
}

/// An address as it is counted: of IPv6 the /64, which one customer has.
fn address(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{:x?}", &v6.segments()[..4]),
    }
}

/// Applies the limits to a routed request.
pub async fn layer(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let (Some(path), Some(identity)) =
        (request.extensions().get::<MatchedPath>().cloned(), request.extensions().get::<Identity>().cloned())
    else {
        return next.run(request).await;
    };
    if !app.config.rate_limits {
        return next.run(request).await;
    }
    let template = path.as_str().strip_prefix(normalise::API).unwrap_or(path.as_str()).to_owned();
    let params = params(&mut request).await;
    let now_ms = app.now_ms();
    let mut quota = quota::of(request.method(), &template);
    if app.config.dev && quota.per == Per::Address {
        quota = quota::OTHER_WRITE;
    }
    if is_old_message(request.method(), &template, &params, now_ms) {
        quota = quota::OLD_DELETE;
    }
    let who = if quota.per == Per::Address { address(identity.ip) } else { caller(&identity) };
    if !quota::is_exempt_from_global(&template) {
        let global = app.limiter.0.take(now_ms, &GLOBAL, &["global", &caller(&identity)]);
        if !global.allowed {
            return Failure(ApiError::rate_limited(global.reset_after_secs(now_ms), true)).into_response();
        }
    }
    let top = top_level(&params);
    let shared = quota::bucket_template(request.method(), &template);
    let verdict = app.limiter.0.take(now_ms, &quota, &[quota.name, shared, &top, &who]);
    let id = bucket_id(&quota, shared);
    let mut response = if verdict.allowed {
        next.run(request).await
    } else {
        Failure(ApiError::rate_limited(verdict.reset_after_secs(now_ms), false)).into_response()
    };
    write_headers(response.headers_mut(), &quota, &verdict, &id, now_ms);
    response
}

async fn params(request: &mut Request) -> Vec<(String, String)> {
    let taken = std::mem::take(request);
    let (mut parts, body) = taken.into_parts();
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    *request = Request::from_parts(parts, body);
    params
        .map(|params| params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
        .unwrap_or_default()
}

/// The top-level resource a bucket belongs to (Rate Limits: channel, guild, webhook with its token).
fn top_level(params: &[(String, String)]) -> String {
    match params.first() {
        Some((name, id)) if matches!(name.as_str(), "channel_id" | "guild_id" | "webhook_id") => {
            let token = params.iter().find(|(name, _)| name == "webhook_token");
            format!("{id}/{}", token.map_or("", |(_, token)| token))
        }
        _ => String::new(),
    }
}

fn is_old_message(method: &Method, template: &str, params: &[(String, String)], now_ms: u64) -> bool {
    if method != Method::DELETE || template != quota::MESSAGE {
        return false;
    }
    let id = params.iter().find(|(name, _)| name == "message_id").and_then(|(_, id)| id.parse::<u64>().ok());
    id.is_some_and(|id| (id >> 22) + EPOCH_MS + OLD_MESSAGE_MS < now_ms)
}

/// The opaque name of a bucket; without the top-level id, so that a library sees that routes share one.
fn bucket_id(quota: &Quota, template: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(quota.name);
    hasher.update([0]);
    hasher.update(template);
    hex::encode(&hasher.finalize()[..16])
}

fn write_headers(headers: &mut HeaderMap, quota: &Quota, verdict: &Verdict, id: &str, now_ms: u64) {
    let text = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""));
    headers.insert("x-ratelimit-limit", HeaderValue::from(quota.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(verdict.remaining));
    headers.insert("x-ratelimit-reset", text(format!("{:.3}", verdict.reset_ms as f64 / 1000.0)));
    headers.insert("x-ratelimit-reset-after", text(format!("{:.3}", verdict.reset_after_secs(now_ms))));
    headers.insert("x-ratelimit-bucket", text(id.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_belong_to_channel_guild_or_webhook() {
        let params = |pairs: &[(&str, &str)]| {
            top_level(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
        };
        assert_ne!(params(&[("channel_id", "1"), ("message_id", "2")]), params(&[("channel_id", "2")]));
        assert_eq!(params(&[("channel_id", "1"), ("message_id", "2")]), params(&[("channel_id", "1")]));
        assert_eq!(params(&[("user_id", "1")]), params(&[("user_id", "2")]));
        assert_ne!(
            params(&[("webhook_id", "1"), ("webhook_token", "a")]),
            params(&[("webhook_id", "1"), ("webhook_token", "b")])
        );
    }

    #[test]
    fn old_messages_are_deleted_from_another_bucket() {
        let now = EPOCH_MS + 100 * OLD_MESSAGE_MS;
        let params =
            |age: u64| vec![("message_id".to_owned(), ((100 * OLD_MESSAGE_MS - age) << 22).to_string())];
        assert!(is_old_message(&Method::DELETE, quota::MESSAGE, &params(OLD_MESSAGE_MS + 1), now));
        assert!(!is_old_message(&Method::DELETE, quota::MESSAGE, &params(1000), now));
        assert!(!is_old_message(&Method::PATCH, quota::MESSAGE, &params(OLD_MESSAGE_MS + 1), now));
    }

    #[test]
    fn all_five_headers_are_written_together() {
        let mut headers = HeaderMap::new();
        let verdict = Verdict { allowed: true, remaining: 4, reset_ms: 1_500_000_002_500 };
        write_headers(&mut headers, &GLOBAL, &verdict, "ab", 1_500_000_000_000);
        assert_eq!(headers["x-ratelimit-limit"], "50");
        assert_eq!(headers["x-ratelimit-remaining"], "4");
        assert_eq!(headers["x-ratelimit-reset"], "1500000002.500");
        assert_eq!(headers["x-ratelimit-reset-after"], "2.500");
        assert_eq!(headers["x-ratelimit-bucket"], "ab");
    }

    #[test]
    fn one_ipv6_customer_is_one_caller() {
        let ip = |text: &str| address(text.parse().unwrap());
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:1"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
    }
}
