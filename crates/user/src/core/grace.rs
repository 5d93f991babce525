//! The first moments of a reloaded owner, in which it does not know yet which sessions it has.
//!
//! What it would tell them is kept, and told to each session that comes back. Without this, whatever makes the owner load
//! (a message to somebody who is there) would be lost on the way.

use std::collections::VecDeque;
use std::sync::Arc;

use consort_model::GuildId;
use consort_rpc::Event;
use consort_rpc::relay::{self, SessionKey};

/// How long relays may take to tell of their sessions; choice of ours, several times what a call between nodes takes.
pub(super) const GRACE_MS: u64 = 5_000;
/// How long the sessions of a node that is gone may come back; choice of ours, several times what a lease takes.
pub(super) const AWAY_MS: u64 = 60_000;
/// Notices kept; beyond it the oldest are dropped.
const NOTICES_MAX: usize = 1_000;

/// Something for every session of the account.
#[derive(Debug, Clone)]
pub(super) enum Notice {
    Event(Arc<Event>),
    Join(GuildId),
}

impl Notice {
    fn bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.body.len(),
            Self::Join(_) => 0,
        }
    }

    /// Whether it may be lost.
    pub(super) fn is_volatile(&self) -> bool {
        matches!(self, Self::Event(event) if event.volatile)
    }

    /// The message to a relay.
    pub(super) fn to(&self, sessions: Vec<SessionKey>) -> relay::Op {
        match self {
            Self::Event(event) => relay::Op::Direct { sessions, event: event.clone() },
            Self::Join(guild) => relay::Op::Join { sessions, guild: *guild },
        }
    }
}

/// What was told since the owner was loaded, while sessions may still come back.
#[derive(Debug)]
pub(super) struct Grace {
    until_ms: u64,
    notices: Vec<Notice>,
    dropped: u64,
}

impl Grace {
    pub(super) fn new(now_ms: u64) -> Self {
        Self::until(now_ms + GRACE_MS)
    }

    /// As new, with the end of another.
    pub(super) fn until(until_ms: u64) -> Self {
        Self { until_ms, notices: Vec::new(), dropped: 0 }
    }

    /// Puts the end off.
    pub(super) fn stay_until(&mut self, until_ms: u64) {
        self.until_ms = self.until_ms.max(until_ms);
    }

    /// Whether sessions that come back have missed nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.notices.is_empty() && self.dropped == 0
    }

    pub(super) fn until_ms(&self) -> u64 {
        self.until_ms
    }

    pub(super) fn keep(&mut self, notice: Notice) {
        if self.notices.len() >= NOTICES_MAX {
            self.notices.remove(0);
            self.dropped += 1;
        }
        self.notices.push(notice);
    }

    /// Everything so far, for a session that has come back.
    pub(super) fn missed(&self) -> &[Notice] {
        if self.dropped > 0 {
            tracing::warn!(
                dropped = self.dropped,
                "a session has come back to an owner that could not keep all it missed"
            );
        }
        &self.notices
    }
}

/// Words kept for sessions whose node was away; one that has missed more is told to identify again.
const WORDS_MAX: usize = 16;
/// Bytes of bodies kept with them.
const BYTES_MAX: usize = 16 * 1024;

/// The last words of an account whose words have numbers, oldest first.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    words: VecDeque<Notice>,
    bytes: usize,
}

impl LastWords {
    pub(super) fn push(&mut self, word: Notice) {
        self.bytes += word.bytes();
        self.words.push_back(word);
        while self.words.len() > WORDS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.words.pop_front() else { return };
            self.bytes -= oldest.bytes();
        }
    }

    /// The last so many; `None` when not as many are kept.
    pub(super) fn last(&self, count: u64) -> Option<impl Iterator<Item = &Notice>> {
        let from = self.words.len().checked_sub(usize::try_from(count).ok()?)?;
        Some(self.words.range(from..))
    }
}
