//! The kit of an owner. An owner is a **core** (a state machine without clock, socket or task: [`Core`]) in the one
//! **shell** of this crate ([`Owners`]), which feeds it calls, brings what it wants to read, commits what it writes and sends
//! what follows from it.
//!
//! How a call goes:
//!
//! 1. `Core::handle(cx, op)` checks permissions and reads through [`Cx`]. What is not at hand is asked for by returning
//!    [`Stop::Load`] (the `?` of [`Cx::row`] and [`Cx::scan`] does): the shell loads it and calls `handle` again with the
//!    same call. So a handler **reads everything first, then changes its state**; `Cx` asserts that in debug builds. Calls
//!    are handled in the order they came, but one that has to read is overtaken by those that have not.
//! 2. The handler changes its own state, puts rows in the batch of `cx`, and adds effects and publications.
//! 3. The shell submits the batch and goes on with the next call at once; commits are pipelined. What follows from a call,
//!    and its answer, wait until its batch, and those of all calls before it, are durable. So nobody sees or is told what a
//!    crash could undo, and everybody sees events in the order of commits.
//!
//! # What one owner does to another
//!
//! A **publication** is sent once and may be lost: events to relays, counts. A **fact** is what lives in memory (presence, a
//! session that is to end): it is told until it is taken, as long as the process lives, and newer ones take the place of older
//! ones. An **effect** is not lost:
//!
//! * Its row is in the batch of the turn that causes it (`Table::Outbox`). It is sent when the batch is durable, and again
//!   until the receiver has acknowledged it; then the row is deleted with a later commit.
//! * The receiver writes the number of the last effect of each sender (`Table::Marks`) with what that effect changes, so
//!   it applies each effect once, in the sender's order. It acknowledges once that is durable.
//! * Numbers of a sender rise for ever: epoch, then snowflake.
//! * An owner with pending effects is not put away. When its process dies, [`run_recovery`] of the next one finds the rows
//!   and wakes it. A full mailbox only delays an effect.
//! * A turn without effects costs nothing of this.
//!
//! What bounds it: an effect is kept for [`EFFECT_LIFE`], a mark for a day longer than that after its last use, so an owner
//! has one mark for each owner that has sent to it within that time. An owner with [`EFFECTS_PENDING_MAX`] effects pending
//! takes no further call until some are acknowledged.
//!
//! # Ownership
//!
//! An actor runs with an **epoch**, claimed from the directory. Where another node could write to the same store, each batch
//! carries it and the store refuses an older one; nothing is answered from memory once the directory does not vouch for it
//! any more. A node that is alone holds its store locked; its batches need no check. An owner whose key moves to another node
//! hands over what it holds in memory alone; `hand_over.rs` says how.
//!
//! # Time
//!
//! [`Core::tick`] is called when [`Core::next_deadline_ms`] has come, as long as the actor is loaded. What must happen whether or
//! not it is loaded is also its [`Core::alarm_ms`]: a row in the batch of the turn that sets it, which [`run_scheduler`] finds when it is
//! due, and wakes the owner. The owner's own rows decide what is due, so it is done once however often the owner is woken.
//!
//! # Rows, rest, failure, end
//!
//! Rows an owner has read or written stay in a bounded write-through cache ([`Cx::row`]); since it is the only writer of
//! its partitions, the cache is always right, commits on their way included.
//!
//! An actor that nobody calls is put away, and loaded again by the next call. One that holds something in memory alone
//! (the sessions of a user) **rests**: it gives up task, mailbox and rows and keeps that in a few bytes
//! ([`Core::freeze`]), so that very many accounts may be connected and few be at work.
//!
//! What is asked of very many actors once each, and stands in rows, is answered without starting one ([`Core::beside`]).
//!
//! If a commit fails, memory and store differ: the actor is dropped with its pending calls (503) and loaded again by the
//! next call. The store goes on with the batches after a failed one, so nothing is handled after a batch that its
//! preconditions may stop, or that the store has refused at once, until the store has decided about it.
//!
//! A node ends by [`Work::shutdown`]: calls are refused, actors finish what they have and what they send to each other, and
//! only then the store may close.
//!
//! Where to read next: `pipeline.rs` is the order of all this, without a task or a clock; `outbox.rs` and `inbox.rs` are the
//! two sides of effects; `owners.rs` is the asynchronous shell, `running.rs` the loop of one actor. What operators see of an actor is
//! [`consort_runtime::Live`], read from outside.

use std::time::Duration;

mod alarm;
mod core;
mod cx;
mod directory;
mod driven;
mod gone;
mod hand_over;
mod inbox;
mod listed;
mod mailbox;
mod moves;
mod outbox;
mod owner_key;
mod owners;
mod pipeline;
mod recovery;
mod rows;
mod running;
mod scheduler;
mod senders;
mod turn;
mod work;

pub use self::core::{Core, Later, Load, Outcome, Stop};
pub use cx::Cx;
pub use driven::{Driven, Leaving};
pub use hand_over::{HAND_OVER_BYTES_MAX, HAND_OVER_WAIT};
pub use owners::{Env, Owners};
pub use recovery::run_recovery;
pub use scheduler::run_scheduler;
pub use senders::migrate;
pub use work::Work;

/// Calls waiting for one actor; the next one is answered 503 with code 130000.
pub const MAILBOX_CALLS_MAX: usize = 4096;
/// News, facts and effects waiting for one actor beyond that; the next news are lost, and logged, the next fact or effect is sent
/// again.
/// Sized for a reconnect storm: each arriving user casts to every guild it is in.
pub const MAILBOX_CASTS_MAX: usize = 65_536;
/// Commits of one actor on their way to the store; more calls wait in the mailbox.
pub const COMMITS_PENDING_MAX: usize = 512;
/// Calls of one actor that wait for rows to be loaded; more calls wait in the mailbox.
pub const LOADS_PENDING_MAX: usize = 512;
/// Effects of one owner that are not acknowledged; with more it takes no further call.
pub const EFFECTS_PENDING_MAX: usize = 65_536;
/// How long an effect is sent again before it is given up, with an error in the log.
pub const EFFECT_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long an answer waits for effects it promises ([`Cx::effect_before_answer`]).
pub const EFFECT_AWAITED: Duration = Duration::from_secs(2);
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
