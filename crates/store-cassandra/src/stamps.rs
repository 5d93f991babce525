//! Timestamps of writes.
//!
//! Of two writes of one cell Cassandra keeps the one with the higher timestamp, whatever came last, and of equal ones the
//! deletion. So no two writes of a log have the same one, and a log's rise for ever: they are microseconds of the clock, but always
//! above those the log had before, on whichever node.

use std::sync::atomic::{AtomicI64, Ordering};

use consort_runtime::{Clock as _, System};

/// The highest timestamp this process has given out.
static NEWEST: AtomicI64 = AtomicI64::new(0);

/// The first of `count` timestamps, all above `floor` and above all that were given out before.
pub(crate) fn take(count: usize, floor: i64) -> i64 {
    let now = i64::try_from(System.now_ms()).unwrap_or(i64::MAX / 2_000).saturating_mul(1_000);
    let count = i64::try_from(count.max(1)).unwrap_or(1);
    let mut newest = NEWEST.load(Ordering::Relaxed);
    loop {
        let first = now.max(newest + 1).max(floor + 1);
        match NEWEST.compare_exchange_weak(newest, first + count - 1, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return first,
            Err(other) => newest = other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::take;

    #[test]
    fn timestamps_rise_whatever_the_clock_does() {
        let first = take(10, 0);
        let second = take(1, 0);
        assert!(second >= first + 10);
        let ahead = second + 3_600_000_000;
        assert_eq!(take(5, ahead), ahead + 1, "another node's clock is an hour ahead");
        assert_eq!(take(1, 0), ahead + 6);
    }
}
