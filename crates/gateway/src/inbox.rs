//! The bounded inbox of a slice.
//!
//! The slice takes everything that waits in one go, so its side of the lock is taken once for a whole batch. When the
//! inbox is full nobody waits: `deliver` of a relay must not block.
//!
//! * From [`INBOX_VOLATILE_MAX`] on, volatile events are dropped.
//! * From [`INBOX_EVENTS_MAX`] (or [`INBOX_BYTES_MAX`]) on, other events are lost. A session that should have had one
//!   would have a gap, so it ends: its guild or number is noted, and once the slice has worked off what came before, the
//!   sessions concerned are told to identify again (opcode 9 with `false`, then close code 4000).
//! * Changes of subscriptions and of what a member may see must never be lost alone; they have room up to
//!   [`INBOX_MAX`]. Beyond that every session of the slice ends in the same way.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use consort_model::GuildId;

use crate::config::{INBOX_BYTES_MAX, INBOX_EVENTS_MAX, INBOX_LOST_MAX, INBOX_MAX, INBOX_VOLATILE_MAX};
use crate::slice::Input;

/// Wakes the slice's thread.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

/// What was lost since the slice last looked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) everything: bool,
    pub(crate) guilds: HashSet<GuildId>,
    pub(crate) sessions: HashSet<u64>,
}

impl Lost {
    pub(crate) fn is_empty(&self) -> bool {
        !self.everything && self.guilds.is_empty() && self.sessions.is_empty()
    }

    fn note(&mut self, input: &Input) {
        if self.guilds.len() + self.sessions.len() >= INBOX_LOST_MAX {
            self.everything = true;
        }
        match input.concerns() {
            _ if self.everything => {}
            Concerns::Guild(guild) => drop(self.guilds.insert(guild)),
            Concerns::Sessions(numbers) => self.sessions.extend(numbers),
            Concerns::Everybody => self.everything = true,
        }
    }
}

/// Whose loss it is if an input is lost.
pub(crate) enum Concerns {
    Guild(GuildId),
    Sessions(Vec<u64>),
    Everybody,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Input>,
    bytes: usize,
    lost: Lost,
    woken: bool,
}

/// The inbox; shared by everybody who has something for the slice.
pub(crate) struct Inbox {
    state: Mutex<State>,
    waker: Box<dyn Wake>,
    depth: AtomicUsize,
    dropped_volatile: AtomicU64,
    lost_events: AtomicU64,
}

/// A shared inbox.
pub(crate) type InboxRef = Arc<Inbox>;

impl Inbox {
    pub(crate) fn new(waker: Box<dyn Wake>) -> InboxRef {
        Arc::new(Self {
            state: Mutex::default(),
            waker,
            depth: AtomicUsize::new(0),
            dropped_volatile: AtomicU64::new(0),
            lost_events: AtomicU64::new(0),
        })
    }

    /// Puts an input in, or does what the module says of a full inbox. Gives the input back when it is a connection
    /// there is no room for.
    pub(crate) fn push(&self, input: Input) -> Result<(), Box<Input>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (len, bytes) = (state.queue.len(), input.bytes());
        if input.is_volatile() && len >= INBOX_VOLATILE_MAX {
            self.dropped_volatile.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let full = if input.is_event() {
            len >= INBOX_EVENTS_MAX || state.bytes.saturating_add(bytes) > INBOX_BYTES_MAX
        } else {
            len >= INBOX_MAX
        };
        if full {
            if input.is_connection() {
                return Err(Box::new(input));
            }
            self.lost_events.fetch_add(1, Ordering::Relaxed);
            state.lost.note(&input);
            return Ok(());
        }
        state.bytes += bytes;
        state.queue.push_back(input);
        self.depth.store(state.queue.len(), Ordering::Relaxed);
        let wake = !std::mem::replace(&mut state.woken, true);
        drop(state);
        if wake {
            self.waker.wake();
        }
        Ok(())
    }

    /// Takes everything. `into` is empty and becomes the batch; what was lost was lost after it.
    pub(crate) fn take(&self, into: &mut VecDeque<Input>) -> Lost {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.queue, into);
        state.bytes = 0;
        state.woken = false;
        self.depth.store(0, Ordering::Relaxed);
        std::mem::take(&mut state.lost)
    }

    /// Inputs that wait.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Volatile events dropped so far.
    pub(crate) fn dropped_volatile(&self) -> u64 {
        self.dropped_volatile.load(Ordering::Relaxed)
    }

    /// Other inputs lost so far.
    pub(crate) fn lost_events(&self) -> u64 {
        self.lost_events.load(Ordering::Relaxed)
    }
}
