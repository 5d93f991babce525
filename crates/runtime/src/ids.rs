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

    /// From now on ids are above `id`, which another life of this node, or another node, has drawn.
    pub fn observe(&self, id: u64) {
        // The worker's number stands above the increment: one that is greater than ours makes every id of its millisecond
        // greater than ours. So that millisecond is over.
        let millisecond = (id >> TIME_SHIFT) << INCREMENT_BITS;
        self.last.fetch_max(millisecond | ((1 << INCREMENT_BITS) - 1), Ordering::Relaxed);
    }

    /// From now on ids are of a later time than this, Unix milliseconds: another node may have drawn some until then with the
    /// same number.
    pub fn observe_ms(&self, until_ms: u64) {
        self.observe(until_ms.saturating_sub(EPOCH_MS) << TIME_SHIFT);
    }

    /// No id that was drawn so far is above this one.
    pub fn newest(&self) -> u64 {
        let last = self.last.load(Ordering::Relaxed);
        let (time, increment) = (last >> INCREMENT_BITS, last & ((1 << INCREMENT_BITS) - 1));
        (time << TIME_SHIFT) | (self.worker << INCREMENT_BITS) | increment
    }

    /// The time in the newest id, Unix milliseconds; 0 when none was drawn.
    pub fn newest_ms(&self) -> u64 {
        match self.last.load(Ordering::Relaxed) {
            0 => 0,
            last => (last >> INCREMENT_BITS) + EPOCH_MS,
        }
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

    #[test]
    fn ids_are_above_those_of_an_earlier_life_whatever_the_clock_says() {
        let before = Ids::new(1023);
        let newest = (0..10_000).map(|_| before.next(1_600_000_000_000)).max().unwrap();
        assert!(before.newest() >= newest && before.newest_ms() >= 1_600_000_000_000);
        let after = Ids::new(0);
        after.observe(newest);
        let mut last = newest;
        for now in [1_500_000_000_000, 1_600_000_000_000, 1_700_000_000_000] {
            let id = after.next(now);
            assert!(id > last, "{id} after {last}");
            last = id;
        }
        after.observe(newest);
        assert!(after.next(0) > last, "an older id takes nothing back");
        after.observe_ms(1_800_000_000_000);
        assert!(after.next(0) > Ids::new(1023).next(1_800_000_000_000));
    }
}
