//! The binary: settings, wiring, shutdown.
//!
//! [`node::Node::start`] is the wiring, read top-down: store, mesh, owners, gateway, edge, sockets. Nothing here knows what
//! a guild or a message is.

pub mod cli;
mod descriptors;
mod files;
mod http;
mod identity;
mod logging;
mod member;
pub mod node;
mod operate;
pub mod roles;
pub mod settings;
pub mod voice;
mod watch;
mod web;
mod world;

pub use node::{Membership, Node};
pub use settings::Settings;
