//! JSON bodies.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use consort_model::ApiError;
use consort_model::limits::JSON_DEPTH_MAX;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use crate::extract::Query;
use crate::{App, Failure};

/// Bytes of a plain JSON body; choice of ours.
pub const JSON_BYTES_MAX: usize = 256 << 10;
/// Bytes of a JSON body that may carry an image: 10 MiB in base64, and the rest.
pub const LARGE_JSON_BYTES_MAX: usize = (10 << 20) / 3 * 4 + JSON_BYTES_MAX;
/// How long a client may take to send a body of this kind.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// A body of JSON or of an urlencoded form, as a value to open with [`Form::root`](consort_model::Form::root). No body at
/// all is an empty object. Nesting is bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonBody<const MAX: usize = JSON_BYTES_MAX>(pub Value);

/// A body that may carry an image as data URI.
pub type LargeJson = JsonBody<LARGE_JSON_BYTES_MAX>;

/// What a `Content-Type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    None,
    Json,
    Form,
    Multipart,
    Other,
}

impl Media {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Self::None };
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match essence.to_ascii_lowercase().as_str() {
            "" => Self::None,
            "application/json" => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "multipart/form-data" => Self::Multipart,
            _ => Self::Other,
        }
    }
}

/// Refuses a body of a type that the route does not take.
pub(crate) fn unsupported(headers: &HeaderMap) -> ApiError {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let shown: String = kind.chars().take(100).collect();
    let message =
        format!("Expected \"Content-Type\" header to be one of {{'application/json'}}, not \"{shown}\".");
    ApiError::invalid_field("", "CONTENT_TYPE_INVALID", message)
}

impl<const MAX: usize> FromRequest<Arc<App>> for JsonBody<MAX> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let media = Media::of(&parts.headers);
        let _budget = reserve(app, &parts.headers, MAX)?;
        let bytes = collect(body, MAX).await?;
        Ok(Self(decode(media, &parts.headers, &bytes)?))
    }
}

fn decode(media: Media, headers: &HeaderMap, bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match media {
        Media::None | Media::Json => parse(bytes),
        Media::Form => Ok(form_value(bytes)),
        Media::Multipart | Media::Other => Err(unsupported(headers)),
    }
}

/// Parses JSON.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    let value = serde_json::from_slice(bytes).map_err(|_| ApiError::invalid_json())?;
    if nests_within(&value, JSON_DEPTH_MAX) { Ok(value) } else { Err(ApiError::invalid_json()) }
}

/// Whether a value nests no deeper than `levels`. The decoder itself stops at 128.
fn nests_within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(list) => levels > 0 && list.iter().all(|value| nests_within(value, levels - 1)),
        Value::Object(map) => levels > 0 && map.values().all(|value| nests_within(value, levels - 1)),
        _ => true,
    }
}

/// An urlencoded form as an object of texts; a key given twice is a list.
pub(crate) fn form_value(bytes: &[u8]) -> Value {
    let mut fields = Map::new();
    for (key, value) in Query::parse(bytes) {
        let value = Value::String(value);
        match fields.get_mut(&key) {
            None => drop(fields.insert(key, value)),
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    Value::Object(fields)
}

/// Reserves memory for a body of at most `max` bytes before it is read.
///
/// # Errors
/// 413/40005 when the body says that it is larger; 503 when other bodies take all memory there is for them.
pub(crate) fn reserve(
    app: &App,
    headers: &HeaderMap,
    max: usize,
) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let bytes = match length {
        Some(length) if length > max as u64 => return Err(ApiError::too_large()),
        Some(length) => length as usize,
        None => max,
    };
    // Small bodies are bounded by the number of requests alone.
    if bytes <= 64 << 10 {
        return Ok(None);
    }
    let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
    match app.body_budget.clone().try_acquire_many_owned(kib) {
        Ok(permit) => Ok(Some(permit)),
        Err(_) => Err(ApiError::overloaded()),
    }
}

/// Reads a whole body of at most `max` bytes.
///
/// # Errors
/// 413/40005 beyond `max`; 408 when it does not arrive in time; 400 when it breaks off.
pub(crate) async fn collect(body: Body, max: usize) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, max).collect()).await;
    match read {
        Err(_) => Err(ApiError::new(408, 0, "408: Request Timeout")),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::too_large()),
        Ok(Err(_)) => Err(ApiError::bad_request()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(kind: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        headers
    }

    fn read(kind: &str, body: &str) -> Result<Value, ApiError> {
        let headers = headers(kind);
        decode(Media::of(&headers), &headers, body.as_bytes())
    }

    #[test]
    fn bodies_may_be_missing_json_or_urlencoded() {
        assert_eq!(read("text/plain", ""), Ok(json!({})));
        assert_eq!(read("application/json; charset=utf-8", "{\"a\":1}"), Ok(json!({"a": 1})));
        assert_eq!(read("Application/JSON", "null"), Ok(Value::Null));
        assert_eq!(
            read("application/x-www-form-urlencoded", "a=1&b=2&b=3"),
            Ok(json!({"a": "1", "b": ["2", "3"]}))
        );
    }

    #[test]
    fn bad_json_deep_json_and_other_types_are_refused() {
        assert_eq!(read("application/json", "{").unwrap_err().code, 50109);
        assert_eq!(read("application/json", &"[".repeat(10_000)).unwrap_err().code, 50109);
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read("application/json", &nested(JSON_DEPTH_MAX)).is_ok());
        assert_eq!(read("application/json", &nested(JSON_DEPTH_MAX + 1)).unwrap_err().code, 50109);
        let error = read("text/plain", "hi").unwrap_err();
        assert_eq!((error.status, error.code), (400, 50035));
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_413() {
        let body = Body::from(vec![b' '; 11]);
        assert_eq!(collect(body, 10).await.unwrap_err().code, 40005);
        assert_eq!(collect(Body::from("abc"), 3).await.unwrap(), "abc");
    }
}
