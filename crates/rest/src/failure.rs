//! Answers and refusals as HTTP.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use consort_model::ApiError;
use consort_rpc::{Answer, Reply};
use http::header::{CONTENT_TYPE, RETRY_AFTER, VIA};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// Exactly this and nothing more: libraries take a body with `; charset=utf-8` for text (observed with discord.py,
/// eris, oceanic, detritus, nextcord).
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Without it discord.py takes a 429 for a ban by a proxy and gives up.
pub(crate) const VIA_US: HeaderValue = HeaderValue::from_static("1.1 consort");

/// What a handler gives.
pub type Answered = Result<Response, Failure>;

/// A refusal on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(pub ApiError);

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<consort_model::FormErrors> for Failure {
    fn from(errors: consort_model::FormErrors) -> Self {
        Self(errors.into())
    }
}

impl From<consort_store::Error> for Failure {
    fn from(error: consort_store::Error) -> Self {
        if matches!(error, consort_store::Error::Corrupt(_) | consort_store::Error::Invalid(_)) {
            tracing::error!(%error, "the store refuses");
            return Self(ApiError::internal());
        }
        tracing::warn!(%error, "the store fails");
        Self(ApiError::overloaded())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = with_body(status, error.to_body().into());
        let headers = response.headers_mut();
        if error.status == 429 || error.status == 503 {
            headers.insert(VIA, VIA_US);
            let seconds = error.retry_after.unwrap_or(1.0).ceil().max(1.0) as u64;
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if error.status == 429 {
            let scope = if error.global { "global" } else { "user" };
            headers.insert("x-ratelimit-scope", HeaderValue::from_static(scope));
        }
        if error.global {
            headers.insert("x-ratelimit-global", HeaderValue::from_static("true"));
        }
        response
    }
}

/// Passes an owner's reply on: 200, 201 or 204, or its refusal.
pub fn answer(reply: Reply) -> Response {
    match reply {
        Ok(Answer::Json(body)) => with_body(StatusCode::OK, body),
        Ok(Answer::Created(body)) => with_body(StatusCode::CREATED, body),
        Ok(Answer::Empty) => empty(),
        Ok(
            Answer::Opened(_)
            | Answer::Token(_)
            | Answer::Chunk(_)
            | Answer::Encoded(_)
            | Answer::Found(_)
            | Answer::Taken(_),
        ) => {
            tracing::error!("an answer that is not for clients was asked for by one");
            Failure(ApiError::internal()).into_response()
        }
        Err(error) => Failure(error).into_response(),
    }
}

/// 200 with a model.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Response {
    answer(Ok(Answer::json(value)))
}

/// 201 with a model.
pub fn created<T: Serialize + ?Sized>(value: &T) -> Response {
    answer(Ok(Answer::created(value)))
}

/// 204: no body and no content type.
pub fn empty() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A JSON body under any status.
pub fn with_body(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_the_bare_content_type_and_204_has_none() {
        assert_eq!(json(&1).headers()[CONTENT_TYPE], "application/json");
        assert_eq!(created(&1).status(), 201);
        assert!(!empty().headers().contains_key(CONTENT_TYPE));
    }

    #[test]
    fn a_429_can_be_told_from_a_ban_and_rounds_its_wait_up() {
        let response = Failure(ApiError::rate_limited(1.2, true)).into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
        assert!(response.headers().contains_key(VIA));
        assert_eq!(response.headers()["x-ratelimit-scope"], "global");
        assert_eq!(response.headers()["x-ratelimit-global"], "true");
    }
}
