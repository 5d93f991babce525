//! What an owner answers.

use bytes::Bytes;
use consort_model::ApiError;
use serde::{Deserialize, Serialize};

use crate::account::TokenRow;
use crate::guild::gateway::ChunkPart;
use crate::session::Taken;
use crate::user::gateway::{Found, Opened};

/// A successful answer. What clients are given is JSON already, made once by the owner from the typed models, so that the
/// edge passes it on without reading it. What other parts of the system ask for is a type of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// A body.
    Json(Bytes),
    /// Done, and nothing to show.
    Empty,
    /// A body for something that was made rather than found (201 where the edge tells them apart).
    Created(Bytes),
    /// What a session begins with ([`crate::user::gateway::Op::Open`]).
    Opened(Box<Opened>),
    /// A token ([`crate::account::Op::Find`]).
    Token(Box<TokenRow>),
    /// What a part of the system itself answers another one, in an encoding of their own.
    Encoded(Bytes),
    /// Some of a guild's members ([`crate::guild::gateway::Op::Chunk`]).
    Chunk(Box<ChunkPart<Bytes>>),
    /// Where a session is ([`crate::user::gateway::Op::Find`]).
    Found(Found),
    /// What became of a session that is to move ([`crate::session::Op`]).
    Taken(Taken),
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

    /// The JSON of a model.
    ///
    /// # Panics
    /// See [`Answer::json`].
    pub fn bytes<T: Serialize + ?Sized>(value: &T) -> Bytes {
        encode(value)
    }

    /// The body, if there is one.
    pub fn body(&self) -> Option<&Bytes> {
        match self {
            Self::Json(body) | Self::Created(body) => Some(body),
            Self::Empty
            | Self::Opened(_)
            | Self::Token(_)
            | Self::Chunk(_)
            | Self::Encoded(_)
            | Self::Found(_)
            | Self::Taken(_) => None,
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
