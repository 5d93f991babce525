//! Node-wide snowflakes: unique over all actors of a node, rising in time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Milliseconds between the Unix epoch and the first second of 2015, where snowflakes begin (API Reference, Snowflakes).
const EPOCH_MS: u64 = 1_420_070_400_000;
/// Low bits below the time: 10 of worker and process, 12 of increment.
const TIME_SHIFT: u32 = 22;
const INCREMENT_BITS: u32 = 12;

/// Draws snowflakes; lock-free, shared by all actors of a node.
#[derive(Debug)]
pub struct Ids {
    worker: u64,
    /// Time and increment of the last id, without the worker: `(ms << 12) | increment`.
    last: AtomicU64,
}

impl Ids {
    /// `worker` is the node's number, of which the low 10 bits are used.
    pub fn new(worker: u16) -> Self {
        Self { worker: u64::from(worker & 0x3ff), last: AtomicU64::new(0) }
    }

    /// The next id at `now_ms` (Unix). Never repeats or falls: past 4096 ids in a millisecond, or when the clock steps
    /// back, it goes on counting from the last id.
    pub fn next(&self, now_ms: u64) -> u64 {
        let floor = now_ms.saturating_sub(EPOCH_MS) << INCREMENT_BITS;
        let previous = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(floor.max(last + 1)))
            .unwrap_or_else(|last| last);
        let drawn = floor.max(previous + 1);
        let (time, increment) = (drawn >> INCREMENT_BITS, drawn & ((1 << INCREMENT_BITS) - 1));
        (time << TIME_SHIFT) | (self.worker << INCREMENT_BITS) | increment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_within_a_millisecond_and_when_the_clock_steps_back() {
        let ids = Ids::new(5);
        let mut last = 0;
        for now in [1_500_000_000_000, 1_500_000_000_000, 1_499_999_999_000, 1_500_000_000_001] {
            for _ in 0..5000 {
                let id = ids.next(now);
                assert!(id > last);
                assert_eq!((id >> 12) & 0x3ff, 5);
                last = id;
            }
        }
    }
}
