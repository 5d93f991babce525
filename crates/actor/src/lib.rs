//! The kit of an owner. An owner is a **core** (a state machine without clock, socket or task: [`Core`]) in the one
//! **shell** of this crate ([`Owners`]), which feeds it calls, brings what it wants to read, commits what it writes
//! and performs its effects.
//!
//! How a call goes:
//!
//! 1. `Core::handle(cx, op)` checks permissions and reads through [`Cx`]. What is not at hand is asked for by returning
//!    [`Stop::Load`] (the `?` of [`Cx::row`] and [`Cx::scan`] does): the shell loads it and calls `handle` again with the
//!    same call. So a handler **reads everything first, then changes its state**; `Cx` asserts that in debug builds. Calls
//!    are handled in the order they came, but one that has to read is overtaken by those that have not.
//! 2. The handler changes its own state, puts rows in the batch of `cx` and adds effects.
//! 3. The shell submits the batch and goes on with the next call at once; commits are pipelined. Effects and answer
//!    of a call wait until its batch, and those of all calls before it, are durable. So nobody sees or is told what a
//!    crash could undo, and everybody sees events in the order of commits.
//!
//! Rows an owner has read or written stay in a bounded write-through cache ([`Cx::row`]); since it is the only writer of
//! its partitions, the cache is always right, commits on their way included.
//!
//! An actor that nobody calls is put away, and loaded again by the next call. One that holds something in memory alone
//! (the sessions of a user) **rests**: it gives up task, mailbox and rows and keeps that in a few bytes
//! ([`Core::freeze`]), so that very many accounts may be connected and few be at work.
//!
//! If a commit fails, memory and store differ: the actor is dropped with its pending calls (503) and loaded again by the
//! next call. The store goes on with the batches after a failed one, so nothing is handled after a batch that its
//! preconditions may stop, or that was refused at the store's door, until that is decided.
//!
//! A node ends by [`Work::shutdown`]: calls are refused, actors finish what they have and what they cast to each other, and
//! only then the store may close.

use std::time::Duration;

mod core;
mod cx;
mod directory;
mod driven;
mod owners;
mod rows;
mod turn;
mod work;

pub use self::core::{Core, Load, Outcome, Stop};
pub use cx::Cx;
pub use driven::Driven;
pub use owners::{Env, Owners};
pub use work::Work;

/// Calls waiting for one actor; the next one is answered 503 with code 130000.
pub const MAILBOX_CALLS_MAX: usize = 4096;
/// Casts waiting for one actor beyond that; the next one is lost, and logged. As many as when very many people come at once:
/// each of them is a few casts to the guilds it is in.
pub const MAILBOX_CASTS_MAX: usize = 65_536;
/// Commits of one actor on their way to the store; more calls wait in the mailbox.
pub const COMMITS_PENDING_MAX: usize = 512;
/// Calls of one actor that wait for rows to be loaded; more calls wait in the mailbox.
pub const LOADS_PENDING_MAX: usize = 512;
/// Rows in the cache of one actor.
pub const CACHED_ROWS_MAX: usize = 4096;
/// Actors of one kind that are loaded at once; more wait for their turn.
pub const LOADING_MAX: usize = 256;
/// An actor without calls for so long is put away.
pub const IDLE: Duration = Duration::from_secs(600);
/// The same, while more than [`Core::RUNNING_MAX`] actors of the kind run.
pub const HASTE: Duration = Duration::from_millis(200);
/// The same, while the node ends: others that end may still have something for it, and it should not be loaded for that again.
pub const LINGER: Duration = Duration::from_millis(50);
/// Between two tries to read the rows of an actor that rested.
pub const RELOAD_PAUSE: Duration = Duration::from_millis(500);
