//! JSON bodies.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use consort_model::limits::{BODY_BYTES_MAX, IMAGE_BYTES_MAX, JSON_DEPTH_MAX};
use consort_model::{ApiError, Form};
use futures_util::TryStreamExt as _;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value};

use crate::extract::Query;
use crate::extract::arrival::Arrival;
use crate::{App, Failure};

/// Bytes of a JSON body that may carry an image, in base64.
pub const LARGE_JSON_BYTES_MAX: usize = IMAGE_BYTES_MAX / 3 * 4 + BODY_BYTES_MAX;
/// How long a client may take to send a body of this kind.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// A body of JSON or of an urlencoded form, to be read with [`JsonBody::check`]. No body at all is an empty object. Nesting
/// is bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonBody(pub Value);

impl Deref for JsonBody {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl JsonBody {
    /// Reads the body as a form.
    ///
    /// # Errors
    /// As those of [`Form::root`] and [`Form::check`].
    pub fn check<T>(&self, read: impl FnOnce(&Form<'_>) -> Option<T>) -> Result<T, ApiError> {
        Form::root(&self.0)?.check(read)
    }

    /// The body as a form, or the query when it is empty: older libraries put parameters there.
    ///
    /// # Errors
    /// As those of [`Form::root`].
    pub(crate) fn or(&self, query: &Query) -> Result<Form<'_>, ApiError> {
        let form = Form::root(&self.0)?;
        let is_empty = form.keys().next().is_none();
        Ok(if is_empty { query.form() } else { form })
    }
}

/// A body as of [`JsonBody`] that may carry an image as data URI and has not been read yet: whoever may not send it is refused
/// before.
#[derive(Debug)]
pub struct UnreadJson(Request);

impl UnreadJson {
    /// Reads it.
    ///
    /// # Errors
    /// As those of [`JsonBody`], with [`LARGE_JSON_BYTES_MAX`].
    pub async fn read(self) -> Result<JsonBody, Failure> {
        read(self.0, LARGE_JSON_BYTES_MAX).await.map(JsonBody)
    }

    /// Reads it where it can carry no image.
    ///
    /// # Errors
    /// As those of [`JsonBody`].
    pub async fn read_small(self) -> Result<JsonBody, Failure> {
        read(self.0, BODY_BYTES_MAX).await.map(JsonBody)
    }
}

impl FromRequest<Arc<App>> for UnreadJson {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Failure> {
        Ok(Self(request))
    }
}

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

impl FromRequest<Arc<App>> for JsonBody {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self, Failure> {
        read(request, BODY_BYTES_MAX).await.map(Self)
    }
}

/// Reads a body of at most `max` bytes.
async fn read(request: Request, max: usize) -> Result<Value, Failure> {
    let (parts, body) = request.into_parts();
    let media = Media::of(&parts.headers);
    let arrival = Arrival::begin(&parts, body, max)?;
    let _share = arrival.share();
    let read = tokio::time::timeout(BODY_DEADLINE, collect(arrival)).await;
    let bytes = read.map_err(|_| ApiError::too_slow())??;
    Ok(decode(media, &parts.headers, &bytes)?)
}

fn decode(media: Media, headers: &HeaderMap, bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match media {
        Media::None | Media::Json => parse(bytes),
        Media::Form => form_value(bytes),
        Media::Multipart | Media::Other => Err(unsupported(headers)),
    }
}

/// Parses JSON. Texts lose U+0000: what others are sent goes into databases that have no such character (PostgreSQL's `text`), and
/// means nothing.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    let mut value = serde_json::from_slice(bytes).map_err(|_| ApiError::invalid_json())?;
    if settle(&mut value, JSON_DEPTH_MAX) { Ok(value) } else { Err(ApiError::invalid_json()) }
}

/// Drops U+0000 from texts. Whether the value nests no deeper than `levels`; the decoder itself stops at 128.
fn settle(value: &mut Value, levels: usize) -> bool {
    match value {
        Value::Array(list) => levels > 0 && list.iter_mut().all(|value| settle(value, levels - 1)),
        Value::Object(map) => levels > 0 && map.values_mut().all(|value| settle(value, levels - 1)),
        Value::String(text) => {
            if text.contains('\0') {
                text.retain(|c| c != '\0');
            }
            true
        }
        _ => true,
    }
}

/// The field of a form, urlencoded or multipart, that holds the whole body as JSON (API Reference, "Uploading Files"; py-cord
/// sends it urlencoded when there is no file).
pub(crate) const PAYLOAD_JSON: &str = "payload_json";

/// An urlencoded form: what its `payload_json` says, or else an object of texts, where a key given twice is a list.
fn form_value(bytes: &[u8]) -> Result<Value, ApiError> {
    let mut fields = Map::new();
    for (key, value) in Query::parse(bytes) {
        let value = Value::String(value);
        match fields.get_mut(&key) {
            None => drop(fields.insert(key, value)),
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    match fields.get(PAYLOAD_JSON) {
        Some(Value::String(payload)) => parse(payload.as_bytes()),
        _ => Ok(Value::Object(fields)),
    }
}

/// Reads the whole body.
async fn collect(arrival: Arrival) -> Result<Bytes, ApiError> {
    let whole = arrival.stream().try_fold(BytesMut::new(), |mut whole, chunk| {
        whole.extend_from_slice(&chunk);
        std::future::ready(Ok(whole))
    });
    whole.await.map(BytesMut::freeze)
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
    fn an_urlencoded_form_may_hold_the_whole_body_as_json() {
        let read = |body: &str| read("application/x-www-form-urlencoded", body);
        assert_eq!(read("payload_json=%7B%22type%22%3A5%7D&x=1"), Ok(json!({"type": 5})));
        assert_eq!(read("payload_json=%7B").unwrap_err().code, 50109);
    }

    #[test]
    fn no_text_holds_a_nul() {
        let sent = r#"{"content":"a\u0000b","options":[{"value":"\u0000"}],"n":0}"#;
        let kept = json!({"content": "ab", "options": [{"value": ""}], "n": 0});
        assert_eq!(read("application/json", sent), Ok(kept.clone()));
        assert_eq!(read("application/x-www-form-urlencoded", &format!("payload_json={sent}")), Ok(kept));
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
}
