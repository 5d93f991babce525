//! The WebSocket edge: slices that own sockets and sessions, the node's relay, identify and resume.
//!
//! ```text
//! HTTP server --upgrade--> slice (thread): epoll, sockets, sessions, guild subscriptions
//! owners ------relay-----> inbox of each slice concerned      (in order, bounded, never waiting)
//! slice ------effects----> owners (casts), admission (identify, member chunks: tasks)
//! ```
//!
//! * [`Gateway`] starts the slices, hosts the relay, says how things are.
//! * `slice` is the core: sans-IO. `shell` is its thread. `inbox` says what happens when a slice cannot keep up.
//! * `relay` routes owners' words by `interest`: which slices have sessions of a guild.
//! * `transmit` sends: by a system call each, or many at once through a ring of io_uring.
//! * `fd_passing` brings sockets to slices that have a descriptor table of their own.
//! * `admission` is where an IDENTIFY waits for the account's owner, beside the path of events.
//! * [`upgrade`] is what the HTTP server calls.
//! * [`stepped`] is a gateway without threads and sockets, for simulations.
//!
//! A session lives in one slice. A RESUME that lands elsewhere on the node is handed over, socket and all; one that lands on another
//! node has that ask for the session (`travel`, `moves`).

mod admission;
mod auth;
mod bodies;
mod config;
mod fd_passing;
mod gateway;
mod inbox;
mod interest;
mod listener;
mod moves;
mod networks;
mod performer;
mod presence;
mod relay;
mod resume_url;
mod seat;
mod shell;
mod slice;
mod stats;
pub mod stepped;
mod transmit;
mod travel;
mod upgrade;

pub use auth::{AuthError, AuthFuture, Authenticator, Principal};
pub use config::*;
pub use gateway::{Env, Gateway};
pub use networks::PerNetwork;
pub use seat::Seat;
pub use stats::{SliceStats, Stats};
pub use travel::{Elsewhere, Others};
pub use upgrade::{is_upgrade, upgrade};
