//! What an owner answers.

use bytes::Bytes;
use consort_model::ApiError;
use serde::{Deserialize, Serialize};

/// A successful answer. Bodies are JSON already, made once by the owner from the typed models, so that the edge passes
/// them on without reading them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// A body.
    Json(Bytes),
    /// Done, and nothing to show.
    Empty,
    /// A body for something that was made rather than found (201 where the edge tells them apart).
    Created(Bytes),
}

impl Answer {
    /// Encodes a model.
    ///
    /// # Panics
    /// Never for our models: their maps have string keys and their serializers do not fail.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::Json(encode(value))
    }

    /// Encodes a model that was just made.
    pub fn created<T: Serialize + ?Sized>(value: &T) -> Self {
        Self::Created(encode(value))
    }

    /// The body, if there is one.
    pub fn body(&self) -> Option<&Bytes> {
        match self {
            Self::Json(body) | Self::Created(body) => Some(body),
            Self::Empty => None,
        }
    }
}

/// An owner's answer or its refusal.
pub type Reply = Result<Answer, ApiError>;

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(json) => json.into(),
        Err(error) => panic!("a model could not be encoded: {error}"),
    }
}
