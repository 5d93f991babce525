//! The actor of an application: its settings and secret, its emojis, its commands, and the interactions with it.
//!
//! Rows, each written by its owner alone, partition the application: `Applications` (the application itself under the empty key,
//! its secret, its emojis, interactions and the messages that one person sees: [`keys`]) and `Commands` (all commands of a scope in
//! one row, so that names stay unique and a list is replaced as a whole; who may use one in a guild).
//!
//! An interaction is a row for a quarter of an hour. In memory are those alone that wait for their first answer: after three
//! seconds the person is told that the application did not answer.

#![warn(missing_docs)]

mod commands;
mod connections;
mod core;
mod edit;
mod emojis;
mod interactions;
mod keys;

pub use core::Application;
pub use edit::{Edit, is_url};
