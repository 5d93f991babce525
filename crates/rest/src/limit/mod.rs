//! Rate limits: the pure counting in [`bucket`], the table of quotas in [`quota`], the buckets of several nodes in [`shared`], and the
//! layer that applies them.
//!
//! Every limited answer carries all five `X-RateLimit` headers, or none does: twilight reads them as a set. What the
//! headers mean is in "Rate Limits" of the API documentation; the numbers are ours.

pub mod bucket;
pub mod quota;
pub mod shared;

use std::sync::Arc;

use axum::extract::FromRequestParts as _;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use consort_model::limits::{
    BAD_REQUEST_WINDOW_SECS, BULK_DELETE_AGE_MS_MAX, GLOBAL_REQUESTS_PER_SECOND, OLD_MESSAGE_EDIT_MS,
};
use consort_model::{ApiError, GenericId, MessageId};
use consort_runtime::network;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use sha2::{Digest as _, Sha256};

use self::bucket::Verdict;
use self::quota::{OLD_EDIT, Per, Quota};
pub use self::shared::Limiter;
use crate::extract::Identity;
use crate::token::Kind;
use crate::{App, Failure, normalise};

/// Requests a second of one account, or of one address without a token (Rate Limits, "Global Rate Limit").
const GLOBAL: Quota =
    Quota { name: "global", limit: GLOBAL_REQUESTS_PER_SECOND, window_ms: 1000, per: Per::Caller };

/// Who is counted: an account, whichever of its logins it uses; what an application does for a person, apart from the
/// person; an address, of who has no token.
fn caller(identity: &Identity) -> String {
    match &identity.token {
        Some(token) => match &token.kind {
            Kind::User | Kind::Bot { .. } => format!("user {}", token.user),
            _ => format!("user {} {:?}", token.user, token.application()),
        },
        None => network(identity.ip).to_string(),
    }
}

/// A routed request, as far as limits are concerned.
struct Asked {
    template: String,
    quota: Quota,
    /// What of the template names the bucket.
    shared: String,
    /// The channel, guild, webhook or interaction that has the bucket.
    top: String,
    /// Who is counted in it.
    who: String,
    caller: String,
    address: String,
    /// Whether it edits a message of long ago.
    edits_old: bool,
    /// Whether its failures may keep an address out. Who is on this machine does not come from elsewhere, unless by a proxy
    /// that is not trusted, and then many come from here.
    is_guarded: bool,
}

impl Asked {
    async fn read(app: &App, request: &mut Request, now_ms: u64) -> Option<Self> {
        let path = request.extensions().get::<MatchedPath>().cloned()?;
        let identity = request.extensions().get::<Identity>().cloned()?;
        let template = path.as_str().strip_prefix(normalise::API).unwrap_or(path.as_str()).to_owned();
        let params = params(request).await;
        let mut quota = quota::of(request.method(), &template);
        if app.config.dev && quota.per == Per::Address {
            quota = quota::OTHER_WRITE;
        }
        let age_ms = message_age_ms(&template, &params, now_ms);
        let is_older = |method: Method, ms| *request.method() == method && age_ms > ms;
        // discord.js, eris and oceanic count so.
        if is_older(Method::DELETE, BULK_DELETE_AGE_MS_MAX) {
            quota = quota::OLD_DELETE;
        }
        let edits_old = is_older(Method::PATCH, OLD_MESSAGE_EDIT_MS);
        let address = network(identity.ip).to_string();
        let caller = caller(&identity);
        let who = match quota.per {
            Per::Address => address.clone(),
            // Whoever has the webhook's or interaction's token is the same caller to it.
            Per::Caller if quota::is_exempt_from_global(&template) => String::new(),
            Per::Caller => caller.clone(),
        };
        Some(Self {
            quota,
            shared: quota::bucket_template(request.method(), &template).to_owned(),
            top: top_level(&params),
            who,
            caller,
            address,
            edits_old,
            is_guarded: !app.config.dev && !identity.ip.is_loopback(),
            template,
        })
    }

    /// Limits beside that of the route: those of the address that does everything wrong, and of the caller altogether.
    async fn beside(&self, app: &App, now_ms: u64) -> Result<(), ApiError> {
        let limiter = &app.limiter;
        let refuse_unless = |verdict: Verdict| match verdict.allowed {
            true => Ok(()),
            false => Err(ApiError::rate_limited(verdict.reset_after_secs(now_ms), true)),
        };
        if self.is_guarded {
            refuse_unless(limiter.look(now_ms, &invalid(app), &[INVALID, &self.address]))?;
        }
        refuse_unless(match quota::is_exempt_from_global(&self.template) {
            true => limiter.look(now_ms, &GLOBAL, &[MISSES, &self.address]),
            false => limiter.take(now_ms, &GLOBAL, &[GLOBAL.name, &self.caller]).await,
        })
    }

    /// Counts what came of it.
    fn note(&self, app: &App, now_ms: u64, status: StatusCode) {
        let limiter = &app.limiter;
        if self.is_guarded && matches!(status.as_u16(), 401 | 403 | 429) {
            limiter.count(now_ms, invalid(app), [INVALID, &self.address]);
        }
        if status.is_client_error() && quota::is_exempt_from_global(&self.template) {
            limiter.count(now_ms, GLOBAL, [MISSES, &self.address]);
        }
    }
}

/// Bucket of an address's answers of 401, 403 and 429.
const INVALID: &str = "invalid";
/// Bucket of an address's calls that would not count, had their token been right: who guesses is a caller like others.
const MISSES: &str = "misses";

/// Answers of 401, 403 and 429 that an address may get (Rate Limits, "Invalid Request Limit").
fn invalid(app: &App) -> Quota {
    let window_ms = BAD_REQUEST_WINDOW_SECS * 1000;
    Quota { name: INVALID, limit: app.config.invalid_requests_max, window_ms, per: Per::Address }
}

/// Applies the limits to a routed request.
pub async fn layer(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if !app.config.rate_limits {
        return next.run(request).await;
    }
    let now_ms = app.now_ms();
    let Some(asked) = Asked::read(&app, &mut request, now_ms).await else {
        return next.run(request).await;
    };
    let response = match asked.beside(&app, now_ms).await {
        Ok(()) => in_bucket(&app, &asked, now_ms, request, next).await,
        Err(refusal) => Failure(refusal).into_response(),
    };
    asked.note(&app, now_ms, response.status());
    response
}

/// Applies the limit of the route, and the one of edits of old messages, of which headers say nothing, as upstream.
async fn in_bucket(app: &App, asked: &Asked, now_ms: u64, request: Request, next: Next) -> Response {
    let Asked { quota, shared, top, who, .. } = asked;
    let verdict = app.limiter.take(now_ms, quota, &[quota.name, shared, top, who]).await;
    let mut refusal = None;
    if !verdict.allowed {
        refusal = Some(ApiError::rate_limited(verdict.reset_after_secs(now_ms), false));
    } else if asked.edits_old {
        let verdict = app.limiter.take(now_ms, &OLD_EDIT, &[OLD_EDIT.name, top, who]).await;
        let wait = verdict.reset_after_secs(now_ms);
        refusal = (!verdict.allowed).then(|| ApiError::old_message_edits(wait));
    }
    let mut response = match refusal {
        None => next.run(request).await,
        Some(refusal) => Failure(refusal).into_response(),
    };
    if !quota::is_silent(&asked.template) {
        write_headers(response.headers_mut(), quota, &verdict, &bucket_id(quota, shared), now_ms);
    }
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

/// The top-level resource a bucket belongs to (Rate Limits: channel, guild, webhook with its token; an interaction is like a
/// webhook). Whatever is no id has no bucket of its own.
fn top_level(params: &[(String, String)]) -> String {
    let Some((name, id)) = params.first() else { return String::new() };
    let token = match name.as_str() {
        "channel_id" | "guild_id" => None,
        "webhook_id" => Some("webhook_token"),
        "interaction_id" => Some("interaction_token"),
        _ => return String::new(),
    };
    let id = id.parse().map_or_else(|_| "no id".to_owned(), |id: GenericId| id.to_string());
    let token = params.iter().find(|(name, _)| token == Some(name.as_str()));
    format!("{id}/{}", token.map_or("", |(_, token)| token))
}

/// How old the message is that a route is about; 0 when it is about none.
fn message_age_ms(template: &str, params: &[(String, String)], now_ms: u64) -> u64 {
    if template != quota::MESSAGE {
        return 0;
    }
    let id = params.iter().find(|(name, _)| name == "message_id").and_then(|(_, id)| id.parse().ok());
    id.map_or(0, |id: MessageId| now_ms.saturating_sub(id.timestamp_ms()))
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
    use consort_model::snowflake::EPOCH_MS;

    #[test]
    fn buckets_belong_to_channel_guild_or_webhook() {
        let params = |pairs: &[(&str, &str)]| {
            top_level(&pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
        };
        assert_ne!(params(&[("channel_id", "1"), ("message_id", "2")]), params(&[("channel_id", "2")]));
        assert_eq!(params(&[("channel_id", "1"), ("message_id", "2")]), params(&[("channel_id", "1")]));
        assert_eq!(params(&[("user_id", "1")]), params(&[("user_id", "2")]));
        // However often an id is misspelt, and in whatever way.
        assert_eq!(params(&[("channel_id", "01")]), params(&[("channel_id", "001")]));
        assert_eq!(params(&[("channel_id", "x")]), params(&[("channel_id", "+1")]));
        assert_ne!(
            params(&[("webhook_id", "1"), ("webhook_token", "a")]),
            params(&[("webhook_id", "1"), ("webhook_token", "b")])
        );
    }

    #[test]
    fn the_age_of_a_message_is_in_its_id() {
        let age = |template, id: String, now| {
            message_age_ms(template, &[("message_id".to_owned(), id)], EPOCH_MS + now)
        };
        assert_eq!(age(quota::MESSAGE, (1000_u64 << 22).to_string(), 5000), 4000);
        assert_eq!(age(quota::MESSAGE, (5000_u64 << 22).to_string(), 1000), 0, "from the future");
        assert_eq!(age(quota::MESSAGE, "x".to_owned(), 5000), 0);
        assert_eq!(age("/channels/{channel_id}/pins/{message_id}", "1".to_owned(), 5000), 0);
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
}
