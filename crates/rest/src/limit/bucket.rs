//! Counting requests in fixed windows. Pure: time comes in.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use consort_rpc::limiter::Taken;

use super::quota::Quota;

/// Locks the buckets are spread over.
pub(super) const SHARDS: usize = 16;
/// Buckets of one lock. Beyond it those whose window is over are forgotten; if all are running, all are, which lets some
/// requests through twice rather than let memory grow.
pub(super) const BUCKETS_MAX: usize = 16_384;

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

/// Windows by name. A node that counts alone hashes keys with a random seed, so nobody can aim at another's bucket; where several count
/// together names are halves of a SHA-256.
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
        self.take_at(now_ms, quota, self.name(key))
    }

    /// The same, by the bucket's name.
    pub(super) fn take_at(&self, now_ms: u64, quota: &Quota, name: u128) -> Verdict {
        let Taken { granted, left, ends_in_ms } =
            self.take_many(now_ms, (quota.limit, quota.window_ms), name, 1);
        Verdict { allowed: granted > 0, remaining: left, reset_ms: now_ms + ends_in_ms }
    }

    /// Takes some of what is left of a bucket's window.
    pub(super) fn take_many(
        &self,
        now_ms: u64,
        (limit, window_ms): (u32, u64),
        name: u128,
        want: u32,
    ) -> Taken {
        let mut windows = self.shard(name);
        if windows.len() >= BUCKETS_MAX {
            windows.retain(|_, window| window.reset_ms > now_ms);
            if windows.len() >= BUCKETS_MAX {
                windows.clear();
            }
        }
        let fresh = Window { used: 0, reset_ms: now_ms + window_ms };
        let window = windows.entry(name).or_insert(fresh);
        if window.reset_ms <= now_ms {
            *window = fresh;
        }
        let granted = limit.saturating_sub(window.used).min(want);
        window.used += granted;
        let (left, ends_in_ms) = (limit.saturating_sub(window.used), window.reset_ms - now_ms);
        Taken { granted, left, ends_in_ms }
    }

    /// What [`Buckets::take`] would say; counts nothing.
    pub fn look(&self, now_ms: u64, quota: &Quota, key: &[&str]) -> Verdict {
        self.look_at(now_ms, quota, self.name(key))
    }

    /// The same, by the bucket's name.
    pub(super) fn look_at(&self, now_ms: u64, quota: &Quota, name: u128) -> Verdict {
        let windows = self.shard(name);
        let running = windows.get(&name).copied().filter(|window| window.reset_ms > now_ms);
        let Window { used, reset_ms } =
            running.unwrap_or(Window { used: 0, reset_ms: now_ms + quota.window_ms });
        Verdict { allowed: used < quota.limit, remaining: quota.limit.saturating_sub(used), reset_ms }
    }

    fn name(&self, key: &[&str]) -> u128 {
        let [low, high] = [self.seeds[0].hash_one(key), self.seeds[1].hash_one(key)];
        u128::from(low) << 64 | u128::from(high)
    }

    fn shard(&self, name: u128) -> MutexGuard<'_, HashMap<u128, Window>> {
        self.shards[name as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
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
