//! The wall clock of a node: simulated time, and a skew that may jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use consort_runtime::Clock;
use tokio::time::Instant;

/// When simulations begin, Unix milliseconds.
pub(crate) const START_MS: u64 = 1_800_000_000_000;

#[derive(Debug)]
pub(crate) struct SimClock {
    began: Instant,
    skew_ms: AtomicI64,
}

impl SimClock {
    pub(crate) fn new(began: Instant, skew_ms: i64) -> Arc<Self> {
        Arc::new(Self { began, skew_ms: skew_ms.into() })
    }

    /// Moves the clock, forward or back.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.skew_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now_ms(&self) -> u64 {
        let passed = self.began.elapsed().as_millis() as u64;
        (START_MS + passed).saturating_add_signed(self.skew_ms.load(Ordering::Relaxed))
    }
}
