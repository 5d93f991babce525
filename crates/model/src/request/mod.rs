//! Request bodies, one module per area; each decodes itself from a [`crate::Form`].

pub mod message;
pub mod thread;
