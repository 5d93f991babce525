//! The answer to a caller whose request is refused: HTTP status, JSON code, message and, for forms, a tree of
//! errors by field path.
//!
//! Codes and shapes: "Opcodes and Status Codes" and "API Reference" of the API documentation. The list of codes
//! is [`CATALOGUE`].

mod codes;
mod form_errors;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use codes::CATALOGUE;
pub use form_errors::{FieldError, FormErrors};

/// Refusal of a request. Crosses nodes; only self-describing formats can carry it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// JSON error code; 0 is general.
    pub code: u32,
    /// Text for people.
    pub message: Cow<'static, str>,
    /// Errors of a form by field path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<FormErrors>,
    /// Seconds after which to try again; set for 429 and for an index that is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<f64>,
    /// For 429: the global limit was hit.
    #[serde(default)]
    pub global: bool,
}

/// Serializes as the body of an answer.
#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    code: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a FormErrors>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    global: Option<bool>,
}

impl ApiError {
    /// Makes an error with a fixed message.
    pub const fn new(status: u16, code: u32, message: &'static str) -> Self {
        Self { status, code, message: Cow::Borrowed(message), errors: None, retry_after: None, global: false }
    }

    /// Makes an error with a message of its own.
    pub const fn with_message(status: u16, code: u32, message: String) -> Self {
        Self { status, code, message: Cow::Owned(message), errors: None, retry_after: None, global: false }
    }

    /// Refuses what is no emoji that can be reacted with. Unlike other things that there are not, 400, code 10014 (seen in
    /// reports of client libraries, such as discordgo's #519).
    pub const fn invalid_reaction_emoji() -> Self {
        Self::new(400, 10014, "Unknown Emoji")
    }

    /// Refuses a form (400, code 50035) with errors by field.
    pub fn invalid_form(errors: FormErrors) -> Self {
        let errors = (!errors.is_empty()).then_some(errors);
        Self { errors, ..Self::invalid_form_body() }
    }

    /// Refuses a form for one field. `path` is dotted: `embeds.0.title`.
    pub fn invalid_field(path: &str, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::invalid_form(FormErrors::at(path, code, message))
    }

    /// Refuses for coming too often (429). `retry_after` is in seconds.
    pub fn rate_limited(retry_after: f64, global: bool) -> Self {
        let message = if global {
            "You are being blocked from accessing our API temporarily due to exceeding our rate limits frequently."
        } else {
            "You are being rate limited."
        };
        Self { retry_after: Some(retry_after), global, ..Self::new(429, 0, message) }
    }

    /// Refuses a write in a channel with slowmode (429, code 20016). `retry_after` is in seconds.
    pub fn slowmode(retry_after: f64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::slowmode_rate_limited() }
    }

    /// Refuses one more edit of an old message (429, code 30046). `retry_after` is in seconds.
    pub fn old_message_edits(retry_after: f64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::max_old_message_edits() }
    }

    /// Answers that the search index is being built (202, code 110000). `retry_after` is in seconds.
    pub fn index_not_ready(retry_after: f64) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::new(202, 110000, "Index not yet available. Try again later")
        }
    }

    /// Replaces the message.
    pub fn message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// Returns the exact JSON body of the answer: `message`, `code`, and when set `errors`, `retry_after`, `global`.
    pub fn to_body(&self) -> Vec<u8> {
        let body = Body {
            message: &self.message,
            code: self.code,
            errors: self.errors.as_ref(),
            retry_after: self.retry_after,
            global: (self.status == 429).then_some(self.global),
        };
        // Strings, numbers and maps with string keys always serialize; the fallback keeps this free of panics.
        serde_json::to_vec(&body)
            .unwrap_or_else(|_| b"{\"message\":\"500: Internal Server Error\",\"code\":0}".to_vec())
    }

    /// Tells whether the same request may succeed later.
    pub const fn retryable(&self) -> bool {
        self.status == 429 || self.status >= 500 || self.status == 202
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.status, self.code, self.message)?;
        match &self.errors {
            Some(errors) => write!(f, " [{errors}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

impl From<FormErrors> for ApiError {
    fn from(errors: FormErrors) -> Self {
        Self::invalid_form(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_exactly_the_documented_keys() {
        let body = |error: ApiError| String::from_utf8(error.to_body()).unwrap();
        assert_eq!(body(ApiError::unknown_channel()), r#"{"message":"Unknown Channel","code":10003}"#);
        assert_eq!(body(ApiError::unauthorized()), r#"{"message":"401: Unauthorized","code":0}"#);
        assert_eq!(
            body(ApiError::invalid_field("a.0", "BASE_TYPE_REQUIRED", "This field is required")),
            r#"{"message":"Invalid Form Body","code":50035,"errors":{"a":{"0":{"_errors":[{"code":"BASE_TYPE_REQUIRED","message":"This field is required"}]}}}}"#
        );
        assert_eq!(
            body(ApiError::rate_limited(1.5, false)),
            r#"{"message":"You are being rate limited.","code":0,"retry_after":1.5,"global":false}"#
        );
    }

    #[test]
    fn errors_survive_the_mesh() {
        let error = ApiError::invalid_field(
            "embeds.0.title",
            "BASE_TYPE_MAX_LENGTH",
            "Must be 256 or fewer in length.",
        );
        let json = serde_json::to_vec(&error).unwrap();
        assert_eq!(serde_json::from_slice::<ApiError>(&json).unwrap(), error);
        let error = ApiError::slowmode(3.25);
        assert_eq!(serde_json::from_slice::<ApiError>(&serde_json::to_vec(&error).unwrap()).unwrap(), error);
    }

    #[test]
    fn codes_are_listed_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (status, code, message) in CATALOGUE.iter().filter(|(_, code, _)| *code != 0) {
            assert!(seen.insert(code), "{code} twice");
            assert!((400..600).contains(status) && !message.is_empty(), "{code}");
        }
        assert!(seen.len() > 150, "{}", seen.len());
    }
}
