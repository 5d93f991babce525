//! How fast somebody may go on with something, such as an address with opening connections.

use std::time::{Duration, Instant};

/// What one of them has had: so many at once, and then one after the other.
///
/// Each taken moves the end of what is paid for on by its part of the window, from now on at least (the virtual scheduling of
/// the Generic Cell Rate Algorithm, ITU-T I.371). So nothing is saved up beyond one window, and nothing has to be counted down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    paid_until: Instant,
}

impl Pace {
    /// Of somebody who has had nothing.
    pub fn new(now: Instant) -> Self {
        Self { paid_until: now }
    }

    /// Takes one of the `max` that may be had in a window. When there is none left, takes nothing and says false.
    #[must_use]
    pub fn take(&mut self, now: Instant, max: usize, window: Duration) -> bool {
        let part = window / u32::try_from(max).unwrap_or(u32::MAX).max(1);
        let paid_until = self.paid_until.max(now) + part;
        let is_there = max > 0 && paid_until <= now + window;
        if is_there {
            self.paid_until = paid_until;
        }
        is_there
    }

    /// Whether as many may be taken as at the beginning, so that nothing need be remembered.
    pub fn is_idle(&self, now: Instant) -> bool {
        self.paid_until <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_after_the_other() {
        let (start, window) = (Instant::now(), Duration::from_secs(5));
        let mut pace = Pace::new(start);
        let mut at = |ms: u64| pace.take(start + Duration::from_millis(ms), 5, window);
        assert!((0..5).all(|_| at(0)));
        assert!(!at(0) && !at(999));
        assert!(at(1000) && !at(1000));
        assert!((0..5).all(|_| at(60_000)) && !at(60_000), "no more than that is saved up");
    }

    #[test]
    fn whoever_has_waited_a_window_has_had_nothing() {
        let (start, window) = (Instant::now(), Duration::from_secs(1));
        let mut pace = Pace::new(start);
        assert!(pace.is_idle(start));
        assert!(pace.take(start, 2, window) && !pace.is_idle(start));
        assert!(pace.is_idle(start + window / 2));
        assert!(!Pace::new(start).take(start, 0, window));
        assert!((0..1000).all(|_| pace.take(start, usize::MAX, window)));
    }
}
