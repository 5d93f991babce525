//! Wall time in milliseconds, as an input that tests can replace.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync + Debug + 'static {
    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;
}

/// A shared clock.
pub type ClockRef = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else asks")]
    fn now_ms(&self) -> u64 {
        // A clock set before 1970 is a broken machine; ids would repeat, so the epoch itself is the floor.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The machine's clock, and so much later: for looking at what happens in hours.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    /// How much later, in milliseconds.
    pub by_ms: u64,
}

impl Clock for Ahead {
    fn now_ms(&self) -> u64 {
        System.now_ms().saturating_add(self.by_ms)
    }
}

/// A clock that only moves when told to; for tests and simulations.
#[derive(Debug)]
pub struct Manual(AtomicU64);

impl Manual {
    /// Starts at `now_ms`.
    pub fn new(now_ms: u64) -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(now_ms)))
    }

    /// Moves forward by `by_ms`.
    pub fn advance(&self, by_ms: u64) {
        self.0.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for Manual {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
