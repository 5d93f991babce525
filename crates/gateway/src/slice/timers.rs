//! Deadlines. An entry that was overtaken by an earlier one is recognised by its time and ignored, so nothing is ever
//! searched for in the heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use consort_model::GuildId;

use super::ConnId;

/// Whose deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A connection's: slot and identity.
    Conn(usize, ConnId),
    /// A session's, by number.
    Session(u64),
    /// A guild's: its passive sessions are to be told what changed.
    Deltas(GuildId),
    /// The next clients are to be told to go elsewhere.
    Leaving,
}

#[derive(Debug, Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(Instant, Due)>>);

impl Timers {
    pub(super) fn add(&mut self, at: Instant, due: Due) {
        self.0.push(Reverse((at, due)));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn pop(&mut self, now: Instant) -> Option<(Instant, Due)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(entry)| entry)
    }
}
