//! The first moments of a reloaded owner, in which it does not know yet which sessions it has.
//!
//! What it would tell them is kept, and told to each session that comes back. Without this, whatever makes the owner load
//! (a message to somebody who is there) would be lost on the way.

use std::sync::Arc;

use consort_model::GuildId;
use consort_rpc::Event;
use consort_rpc::relay::{self, SessionKey};

/// How long relays may take to tell of their sessions; choice of ours, several times what a call between nodes takes.
const GRACE_MS: u64 = 5_000;
/// Notices kept; beyond it the oldest are dropped.
const NOTICES_MAX: usize = 1_000;

/// Something for every session of the account.
#[derive(Debug, Clone)]
pub(super) enum Notice {
    Event(Arc<Event>),
    Join(GuildId),
}

impl Notice {
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
    /// Logins that have ended meanwhile.
    pub(super) ended: Vec<u64>,
    dropped: u64,
}

impl Grace {
    pub(super) fn new(now_ms: u64) -> Self {
        Self::until(now_ms + GRACE_MS)
    }

    /// As new, with the end of another.
    pub(super) fn until(until_ms: u64) -> Self {
        Self { until_ms, notices: Vec::new(), ended: Vec::new(), dropped: 0 }
    }

    /// Whether sessions that come back have missed nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.notices.is_empty() && self.ended.is_empty() && self.dropped == 0
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
