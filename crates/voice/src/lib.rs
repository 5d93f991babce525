//! Voice signalling: what a client and this server say to each other over the voice gateway before, and while, packets flow.
//!
//! The guild's owner decides who is in which channel and what they may do there, and tells it ([`consort_rpc::voice`]). Packets
//! are the business of `consort-sfu`, which is told by this crate who is in a room.
//!
//! * [`protocol`]: opcodes, close codes, versions; what clients send, and how messages to them are written. Sans-IO.
//! * [`Hub`]: places, sessions, sockets by their numbers, timers: the state machine. Sans-IO.
//! * [`Server`]: the shell: TLS, WebSockets, the clock, the ways to media plane and relays.
//! * [`tls`]: the certificate, and the authority behind it.
//! * [`dave`]: encryption from end to end: the group of a channel. Sans-IO.

#![warn(missing_docs)]

pub mod dave;
mod hub;
pub mod protocol;
mod server;
mod socket;
mod strangers;
pub mod tls;

pub use hub::{ConnId, Hub, Limits, MediaPlane, Output};
pub use server::{Config, Server};
