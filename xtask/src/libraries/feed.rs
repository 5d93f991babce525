//! What comes in from elsewhere, kept in the order it came, and waiting for what fits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A list that one thread fills and another looks through. It holds one library's run, a few hundred entries.
pub struct Feed<T>(Arc<(Mutex<Vec<T>>, Condvar)>);

impl<T> Clone for Feed<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Feed<T> {
    /// An empty one.
    pub fn new() -> Self {
        Self(Arc::new((Mutex::new(Vec::new()), Condvar::new())))
    }

    /// Adds an entry and wakes who waits.
    pub fn push(&self, entry: T) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        self.0.1.notify_all();
    }

    /// How many there are; what comes later is from this index on.
    pub fn len(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The entries from `from` on.
    pub fn since(&self, from: usize) -> Vec<T> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).iter().skip(from).cloned().collect()
    }

    /// The first entry from `from` on that fits, waiting for it at most for `limit`.
    pub fn wait(&self, from: usize, limit: Duration, fits: impl Fn(&T) -> bool) -> Option<T> {
        let end = Instant::now() + limit;
        let mut entries = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = entries.iter().skip(from).find(|entry| fits(entry)) {
                return Some(found.clone());
            }
            let left = end.checked_duration_since(Instant::now())?;
            entries = self.0.1.wait_timeout(entries, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Feed;
    use std::time::Duration;

    #[test]
    fn what_came_before_is_not_waited_for() {
        let feed = Feed::new();
        feed.push(1);
        assert_eq!(feed.wait(0, Duration::ZERO, |entry| *entry == 1), Some(1));
        assert_eq!(feed.wait(feed.len(), Duration::ZERO, |_| true), None);
    }
}
