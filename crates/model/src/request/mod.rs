//! Request bodies, one module per area; each decodes itself from a [`crate::Form`].

pub mod auto_moderation;
pub mod command;
pub mod component;
pub mod message;
pub mod modal;
pub mod onboarding;
pub mod role_connection;
pub mod scheduled_event;
pub mod thread;
