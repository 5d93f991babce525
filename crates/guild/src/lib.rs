//! The guild actor: one owner per community.
//!
//! Owns settings, roles, channels, threads, members, emojis, invites, webhooks, voice states and presences of one guild,
//! the permission cache, and the list of nodes whose sessions listen. It never sees a socket or an opcode; of HTTP it knows the status
//! that a documented refusal has ([`consort_model::ApiError`]):
//! edges call it through [`consort_rpc::guild`], and its events leave as [`consort_rpc::Event`]s with their audience.
//!
//! Invariants: every check of a permission is made here, by the owner; every change is in the batch of the call that
//! makes it; every event about a channel goes to the classes that see it and to nobody else.
//!
//! Start with [`core`] (the state and the dispatch), then `core/access.rs` (who may, who sees). [`roster`] holds the members.

#![warn(missing_docs)]

pub mod automod;
pub mod core;
mod json;
pub mod planted;
pub mod ranked_list;
pub mod roster;

pub use core::Guild;
