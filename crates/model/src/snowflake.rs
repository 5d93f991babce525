//! Snowflakes: 64-bit ids that sort by time of creation.
//!
//! Layout (API Reference, "Snowflakes"): 42 bits of milliseconds since [`EPOCH_MS`], 10 bits of worker (the
//! protocol's 5 of worker and 5 of process taken as one number), 12 bits of increment.

/// First second of 2015 in Unix milliseconds.
pub const EPOCH_MS: u64 = 1_420_070_400_000;
/// Largest worker number: 10 bits.
pub const WORKER_MAX: u16 = (1 << 10) - 1;
const INCREMENT_MAX: u64 = (1 << 12) - 1;

/// Makes a snowflake for use as a cursor: the smallest id of the given Unix millisecond.
pub const fn at(unix_ms: u64) -> u64 {
    unix_ms.saturating_sub(EPOCH_MS) << 22
}

/// Mints snowflakes of one worker: strictly rising, never repeated.
#[derive(Debug, Clone)]
pub struct Generator {
    worker: u64,
    last_ms: u64,
    increment: u64,
}

impl Generator {
    /// Creates a generator; only the low 10 bits of `worker` count.
    pub fn new(worker: u16) -> Self {
        Self { worker: u64::from(worker & WORKER_MAX), last_ms: 0, increment: 0 }
    }

    /// Returns the next id at `now_ms` (Unix milliseconds). A clock that steps back is held at the latest time
    /// seen; after 4096 ids of one millisecond the next millisecond is borrowed.
    pub fn next(&mut self, now_ms: u64) -> u64 {
        let now = now_ms.saturating_sub(EPOCH_MS);
        if now > self.last_ms {
            self.last_ms = now;
            self.increment = 0;
        } else if self.increment == INCREMENT_MAX {
            self.last_ms += 1;
            self.increment = 0;
        } else {
            self.increment += 1;
        }
        (self.last_ms << 22) | (self.worker << 12) | self.increment
    }

    /// Makes sure that every later id is above `id`; used by an owner that takes over from another.
    pub fn observe(&mut self, id: u64) {
        let ms = id >> 22;
        if ms >= self.last_ms {
            self.last_ms = ms + 1;
            self.increment = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layout_is_time_worker_increment() {
        let mut generator = Generator::new(0x3ff);
        let id = generator.next(EPOCH_MS + 5);
        assert_eq!(id >> 22, 5);
        assert_eq!((id >> 12) & 0x3ff, 0x3ff);
        assert_eq!(id & 0xfff, 0);
        assert_eq!(generator.next(EPOCH_MS + 5) & 0xfff, 1);
    }

    #[test]
    fn a_full_millisecond_borrows_the_next() {
        let mut generator = Generator::new(1);
        let ids: Vec<u64> = (0..4097).map(|_| generator.next(EPOCH_MS + 9)).collect();
        assert_eq!(ids[4095] >> 22, 9);
        assert_eq!(ids[4096] >> 22, 10);
    }

    #[test]
    fn ids_are_above_what_was_observed() {
        let mut generator = Generator::new(1);
        let foreign = Generator::new(900).next(EPOCH_MS + 50);
        generator.observe(foreign);
        assert!(generator.next(EPOCH_MS + 10) > foreign);
    }

    proptest! {
        #[test]
        fn ids_rise_whatever_the_clock_does(clock in prop::collection::vec(0u64..20, 1..300)) {
            let mut generator = Generator::new(3);
            let mut last = 0;
            for ms in clock {
                let id = generator.next(EPOCH_MS + ms);
                prop_assert!(id > last || last == 0);
                last = id;
            }
        }
    }
}
