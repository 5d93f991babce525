//! When the map of nodes has changed. A change that an actor has not seen yet costs it a lock, everything else one load of a counter.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use consort_rpc::CALL_DEADLINE;
use tokio::time::Instant;

/// How long after a change of the map calls of nodes that have gone may still come: twice what any call may take.
const CALLS_LATE_MAX: Duration = CALL_DEADLINE.saturating_mul(2);

/// The changes that a node has seen since it began.
#[derive(Default)]
pub(crate) struct Moves {
    last: Mutex<Option<Instant>>,
    count: AtomicUsize,
}

impl Moves {
    /// The map has changed just now.
    pub(crate) fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.count.fetch_add(1, Ordering::Release);
    }

    /// When it changed last; `None` when it never has.
    pub(crate) fn last(&self) -> Option<Instant> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long one actor still has to expect calls of nodes that have gone.
#[derive(Default)]
pub(crate) struct LateCalls {
    seen: usize,
    until: Option<Instant>,
}

impl LateCalls {
    /// Whether a call of a node that has gone may still come.
    pub(crate) fn are_expected(&mut self, moves: &Moves) -> bool {
        let count = moves.count.load(Ordering::Acquire);
        if count != self.seen {
            self.seen = count;
            self.until = moves.last().map(|last| last + CALLS_LATE_MAX);
        }
        self.until = self.until.filter(|until| Instant::now() < *until);
        self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn late_calls_are_expected_for_a_while_after_each_change_of_the_map() {
        let (moves, mut calls) = (Moves::default(), LateCalls::default());
        assert!(!calls.are_expected(&moves), "nothing has changed yet");
        for _ in 0..2 {
            moves.note();
            tokio::time::advance(CALLS_LATE_MAX - Duration::from_millis(1)).await;
            assert!(calls.are_expected(&moves));
            assert!(
                LateCalls::default().are_expected(&moves),
                "one that was loaded since then expects them too"
            );
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(!calls.are_expected(&moves));
        }
    }
}
