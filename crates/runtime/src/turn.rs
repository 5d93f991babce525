//! What a core is handed with each turn, since it may ask for nothing itself: the time, and randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use crate::{ClockRef, random_token, random_u64};

/// What time it is.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// On the calendar, Unix milliseconds: what rules go by. It may jump.
    pub wall_ms: u64,
    /// Since some moment, never stepping back: what deadlines, pauses and retries go by.
    pub mono: Instant,
}

impl Now {
    /// Looks at both clocks.
    pub fn of(clock: &ClockRef) -> Self {
        Self { wall_ms: clock.now_ms(), mono: Instant::now() }
    }

    /// A moment of the calendar, for cores that are driven by hand.
    pub fn at(wall_ms: u64) -> Self {
        Self { wall_ms, mono: Instant::now() }
    }
}

/// Where a core gets randomness from.
#[derive(Debug, Clone, Default)]
pub struct Random(Option<Arc<AtomicU64>>);

impl Random {
    /// The system's: fit for secrets.
    pub fn system() -> Self {
        Self(None)
    }

    /// The same numbers for the same seed: for tests, and never for a server.
    pub fn seeded(seed: u64) -> Self {
        Self(Some(Arc::new(AtomicU64::new(seed))))
    }

    /// A random number.
    pub fn number(&self) -> u64 {
        match &self.0 {
            None => random_u64(),
            // A step of a Weyl sequence, mixed as SplitMix64 does.
            Some(state) => mixed(state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)),
        }
    }

    /// `length` random characters of `A-Za-z0-9`: invite codes, parts of tokens.
    pub fn token(&self, length: usize) -> String {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        match &self.0 {
            None => random_token(length),
            Some(_) => (0..length).map(|_| char::from(ALPHABET[(self.number() % 62) as usize])).collect(),
        }
    }
}

fn mixed(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_what_is_drawn_and_the_system_draws_something_else_each_time() {
        let draw = |random: &Random| (random.number(), random.token(12));
        assert_eq!(draw(&Random::seeded(4)), draw(&Random::seeded(4)));
        let system = Random::system();
        assert_ne!(draw(&system), draw(&system));
        assert_eq!(system.token(7).len(), 7);
    }
}
