//! The actors of an account and of a private channel.
//!
//! [`User`] owns what belongs to one account across its devices: the account's row, its sessions and merged presence,
//! relationships, read states, settings, notes, and the lists of its guilds and private channels. [`PrivateChannel`] owns
//! one DM or group DM with its messages. Neither sees a socket or an opcode; of HTTP they know the status that a
//! documented refusal has ([`consort_model::ApiError`]).
//!
//! Invariants: every row here is written by its owner alone. What another owner must know it is told as a fact about one's
//! own side, which may arrive twice. Sessions and the presences of friends live in memory only: a reloaded owner asks the
//! relays for the sessions it has, and says hello to its friends when the first one is back.
//!
//! Start with [`core`] for the account, [`private`] for channels.

#![warn(missing_docs)]

pub mod core;
pub mod private;
pub mod rows;

mod limits;
mod reads;

pub use core::User;
pub use private::PrivateChannel;
