//! Counting requests in fixed windows. Pure: time comes in.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::quota::Quota;

/// Locks the buckets are spread over.
const SHARDS: usize = 16;
/// Buckets of one lock. Beyond it those whose window is over are forgotten; if all are running, all are, which lets some
/// requests through twice rather than let memory grow.
const BUCKETS_MAX: usize = 16_384;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may go on.
    pub allowed: bool,
    /// Requests left in the window.
    pub remaining: u32,
    /// When the window ends, Unix milliseconds.
    pub reset_ms: u64,
}

impl Verdict {
    /// Seconds until the window ends.
    pub fn reset_after_secs(&self, now_ms: u64) -> f64 {
        self.reset_ms.saturating_sub(now_ms) as f64 / 1000.0
    }
}

#[derive(Debug, Clone, Copy)]
struct Window {
    used: u32,
    reset_ms: u64,
}

/// Windows by key. Keys are hashed with a random seed, so nobody can aim at another's bucket.
#[derive(Debug)]
pub struct Buckets {
    seeds: [RandomState; 2],
    shards: Vec<Mutex<HashMap<u128, Window>>>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            seeds: [RandomState::new(), RandomState::new()],
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Buckets {
    /// Counts one request in the bucket `key`. A window begins with its first request.
    pub fn take(&self, now_ms: u64, quota: &Quota, key: &[&str]) -> Verdict {
        let [low, high] = [self.seeds[0].hash_one(key), self.seeds[1].hash_one(key)];
        let mut windows = self.shard(low);
        if windows.len() >= BUCKETS_MAX {
            windows.retain(|_, window| window.reset_ms > now_ms);
            if windows.len() >= BUCKETS_MAX {
                windows.clear();
            }
        }
        let fresh = Window { used: 0, reset_ms: now_ms + quota.window_ms };
        let window = windows.entry(u128::from(low) << 64 | u128::from(high)).or_insert(fresh);
        if window.reset_ms <= now_ms {
            *window = fresh;
        }
        let allowed = window.used < quota.limit;
        window.used += u32::from(allowed);
        Verdict { allowed, remaining: quota.limit.saturating_sub(window.used), reset_ms: window.reset_ms }
    }

    /// What [`Buckets::take`] would say; counts nothing.
    pub fn look(&self, now_ms: u64, quota: &Quota, key: &[&str]) -> Verdict {
        let [low, high] = [self.seeds[0].hash_one(key), self.seeds[1].hash_one(key)];
        let windows = self.shard(low);
        let window = windows.get(&(u128::from(low) << 64 | u128::from(high)));
        let running = window.copied().filter(|window| window.reset_ms > now_ms);
        let Window { used, reset_ms } =
            running.unwrap_or(Window { used: 0, reset_ms: now_ms + quota.window_ms });
        Verdict { allowed: used < quota.limit, remaining: quota.limit.saturating_sub(used), reset_ms }
    }

    fn shard(&self, low: u64) -> MutexGuard<'_, HashMap<u128, Window>> {
        self.shards[low as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::quota::Per;
    use super::*;

    const QUOTA: Quota = Quota { name: "test", limit: 3, window_ms: 1000, per: Per::Caller };

    #[test]
    fn a_window_lets_its_limit_through_and_starts_anew() {
        let buckets = Buckets::default();
        let take = |now| buckets.take(now, &QUOTA, &["a"]);
        assert_eq!(take(100), Verdict { allowed: true, remaining: 2, reset_ms: 1100 });
        assert_eq!(take(500).remaining, 1);
        assert_eq!(take(600).remaining, 0);
        let refused = take(850);
        assert_eq!(refused, Verdict { allowed: false, remaining: 0, reset_ms: 1100 });
        assert_eq!(refused.reset_after_secs(850), 0.25);
        assert_eq!(take(1100), Verdict { allowed: true, remaining: 2, reset_ms: 2100 });
    }

    #[test]
    fn looking_counts_nothing() {
        let buckets = Buckets::default();
        let look = |now| buckets.look(now, &QUOTA, &["a"]);
        assert_eq!(look(100), Verdict { allowed: true, remaining: 3, reset_ms: 1100 });
        for _ in 0..3 {
            buckets.take(200, &QUOTA, &["a"]);
        }
        assert_eq!(look(300), Verdict { allowed: false, remaining: 0, reset_ms: 1200 });
        assert!(look(1200).allowed);
    }

    #[test]
    fn keys_do_not_share_a_window() {
        let buckets = Buckets::default();
        for _ in 0..3 {
            assert!(buckets.take(0, &QUOTA, &["a", "b"]).allowed);
        }
        assert!(!buckets.take(0, &QUOTA, &["a", "b"]).allowed);
        assert!(buckets.take(0, &QUOTA, &["ab", ""]).allowed);
    }

    #[test]
    fn memory_is_bounded_and_running_windows_outlive_a_sweep() {
        let buckets = Buckets::default();
        for n in 0..400_000u64 {
            buckets.take(n, &QUOTA, &[&n.to_string()]);
        }
        assert!(buckets.len() <= SHARDS * BUCKETS_MAX, "{}", buckets.len());
        assert_eq!(buckets.take(400_000, &QUOTA, &["399999"]).remaining, 1);
    }
}
