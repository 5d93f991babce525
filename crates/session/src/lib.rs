//! One logical gateway session: identity, filter, sequence, journal, and the way from IDENTIFY to READY. Sans-IO.
//!
//! * [`Viewer`] and [`Shard`] decide what a session may have.
//! * [`Dispatch`] is an event on its way to many sessions, encoded and compressed once.
//! * [`Journal`] is what a session was sent: the outgoing queue and the memory for a RESUME in one.
//! * [`Session`] puts them together. It knows no socket: its owner asks what is [unsent](Session::unsent), writes it, and
//!   says [how far it got](Session::mark_sent). It can be [written out](Session::export) and [read in](Session::import)
//!   elsewhere, where it goes on as it would have.
//!
//! Invariants: sequence numbers start at 1 with READY and have no gap; nothing is unsent before READY is complete; what
//! a RESUME replays is exactly what is behind the client's number, or it is refused.

mod dispatch;
mod export;
mod id;
mod journal;
mod log;
pub mod ready;
mod session;
mod viewer;

#[cfg(test)]
mod session_tests;

pub use dispatch::Dispatch;
pub use export::{EXPORT_BYTES_MAX, ImportError};
pub use id::{NoSessionId, SessionId};
pub use journal::{
    Entry, JOURNAL_BYTES_KEPT, JOURNAL_BYTES_MAX, JOURNAL_EVENTS_KEPT, JOURNAL_EVENTS_MAX, Journal,
};
pub use log::{Log, LogPosition};
pub use ready::GuildCreate;
pub use session::{
    ATTACH_WINDOW, Attachment, BACKLOG_ATTACH_BYTES, Identity, Opened, READY_GUILDS_BYTES_MAX, ResumeError,
    Session, Step,
};
pub use viewer::{Choice, Shard, Viewer};
