//! Snowflakes, objects, permissions, intents, limits: pure data and pure rules.
//!
//! This crate does no I/O and holds no clock, random source, task or lock. The objects are at once rows in the
//! store, answers of the REST edge and bodies of gateway dispatches, so there is one struct per thing.
//! Start with [`object`] for the data, [`permissions`] for who may do what, [`form`] and [`error`] for how a
//! request is refused.

pub mod error;
pub mod form;
pub mod id;
pub mod intents;
pub mod limits;
pub mod lookup;
pub mod mention;
pub mod object;
pub mod patch;
pub mod permissions;
pub mod request;
pub mod snowflake;
pub mod time;
pub mod validate;

pub use error::{ApiError, FieldError, FormErrors};
pub use form::{Form, Image, ImageFormat};
pub use id::*;
pub use intents::Intents;
pub use lookup::{Lookup, LookupSet};
pub use object::*;
pub use patch::Patch;
pub use permissions::{Overwrite, OverwriteKind, Permissions, RoleRank};
pub use time::Timestamp;

/// Result whose error is the documented answer to a caller.
pub type ApiResult<T> = Result<T, ApiError>;
