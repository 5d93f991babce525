//! The media proxy: pictures that embeds take from other servers, fetched once by this one, so that those servers learn
//! nothing of who reads.
//!
//! Only addresses that this server has signed are fetched ([`Links::proxied`]). What was fetched is kept for a day in a
//! folder of its own within a bound, the least used leaving first; the folder is emptied at each start.

mod fetch;
mod guard;
mod places;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consort_files::Links;
use consort_runtime::ClockRef;
use tokio::sync::Semaphore;

use crate::blobs::{BlobReader, Blobs, head};
use crate::outgoing::Outgoing;
pub(crate) use fetch::Fetcher;
pub use fetch::Refusal;
use places::{Allowed, Places};

/// Posts to one host at once: applications have one host for all that is asked of them.
const POSTS_AT_ONCE_MAX: usize = 64;
/// Pictures fetched at once; more wait.
const FETCHES_MAX: usize = 32;
/// Requests that wait for their picture; more are told that there is none.
const WAITING_MAX: usize = 512;
/// Bytes kept.
const BYTES_MAX: u64 = 512 << 20;
/// Pictures kept, and those remembered as not to be had.
const ENTRIES_MAX: usize = 65_536;
/// Bytes that tell what a picture is.
const HEAD_BYTES: usize = 64;
/// How long a picture is kept.
const KEPT_MS: u64 = 24 * 3_600_000;
/// How long it is remembered that there was none.
const ABSENT_MS: u64 = 60_000;

/// Pictures of other servers.
#[derive(Debug)]
pub struct Media {
    links: Links,
    clock: ClockRef,
    blobs: Arc<dyn Blobs>,
    fetcher: Fetcher,
    outgoing: Arc<Outgoing>,
    fetches: Semaphore,
    waiting: Semaphore,
    kept: Mutex<Kept>,
    /// One turn for each picture that is being fetched.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A picture, or that there is none.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Its bytes.
    found: Option<u64>,
    until_ms: u64,
    /// Its place in the order of use.
    used: u64,
}

/// What is kept, in the order of use.
#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<String, Entry>,
    order: BTreeMap<u64, String>,
    bytes: u64,
    uses: u64,
}

impl Kept {
    fn find(&mut self, key: &str, now_ms: u64) -> Option<Entry> {
        let entry = *self.entries.get(key)?;
        if entry.until_ms <= now_ms {
            return None;
        }
        self.order.remove(&entry.used);
        self.uses += 1;
        let used = self.uses;
        self.order.insert(used, key.to_owned());
        let entry = Entry { used, ..entry };
        self.entries.insert(key.to_owned(), entry);
        Some(entry)
    }

    /// Adds what came of a fetch; gives the names of those that must go.
    fn add(&mut self, key: &str, found: Option<u64>, until_ms: u64) -> Vec<String> {
        self.remove(key);
        self.uses += 1;
        self.order.insert(self.uses, key.to_owned());
        self.entries.insert(key.to_owned(), Entry { found, until_ms, used: self.uses });
        self.bytes += found.unwrap_or(0);
        let mut gone = Vec::new();
        while self.bytes > BYTES_MAX || self.entries.len() > ENTRIES_MAX {
            let Some(oldest) = self.order.values().next().cloned() else { break };
            self.remove(&oldest);
            gone.push(oldest);
        }
        gone
    }

    fn remove(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
            self.bytes -= entry.found.unwrap_or(0);
        }
    }
}

impl Media {
    /// A proxy that keeps pictures in `blobs`, which hold nothing else and nothing yet. `anywhere` lets it go to any address,
    /// those of this machine included: for tests.
    pub fn new(links: Links, clock: ClockRef, blobs: Arc<dyn Blobs>, anywhere: bool) -> Arc<Self> {
        let allowed = || if anywhere { Allowed::Any } else { Allowed::Public };
        let poster = Fetcher::new(Places::with(allowed(), POSTS_AT_ONCE_MAX));
        Arc::new(Self {
            links,
            clock,
            blobs,
            fetcher: Fetcher::new(Places::new(allowed())),
            outgoing: Outgoing::new(poster, anywhere),
            fetches: Semaphore::new(FETCHES_MAX),
            waiting: Semaphore::new(WAITING_MAX),
            kept: Mutex::default(),
            turns: Mutex::default(),
        })
    }

    /// What posts to the places that applications name.
    pub fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// The picture behind a signed address; `None` when there is none.
    pub(crate) async fn open(&self, mac: &str, place: &str) -> Option<(Box<dyn BlobReader>, Vec<u8>)> {
        let address = self.links.unproxied(mac, place)?;
        // The signature is of this place alone, so it names it, in one of its forms.
        let mac = &*mac.to_ascii_lowercase();
        let known = self.lock().find(mac, self.clock.now_ms());
        if let Some(entry) = known {
            return self.read(mac, entry.found).await;
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let turn = self.turns().entry(mac.to_owned()).or_default().clone();
        let found = {
            let _turn = turn.lock().await;
            // Somebody else may have fetched it meanwhile.
            let known = self.lock().find(mac, self.clock.now_ms());
            match known {
                Some(entry) => entry.found,
                None => self.fetch(mac, &address).await,
            }
        };
        self.end_turn(mac, &turn);
        self.read(mac, found).await
    }

    fn end_turn(&self, mac: &str, turn: &Arc<tokio::sync::Mutex<()>>) {
        let mut turns = self.turns();
        // The caller's and the list's: nobody else waits for it.
        if Arc::strong_count(turn) <= 2 {
            turns.remove(mac);
        }
    }

    async fn fetch(&self, key: &str, address: &str) -> Option<u64> {
        let fetched = {
            let _fetching = self.fetches.acquire().await.ok()?;
            self.fetcher.fetch(address, &*self.blobs, &blob(key)).await
        };
        let (found, kept_ms) = match fetched {
            Ok(size) => (Some(size), KEPT_MS),
            // That its host has enough to do says nothing of the picture.
            Err(Refusal::Busy) => return None,
            Err(refusal) => {
                tracing::debug!(%refusal, "a picture of another server could not be had");
                (None, ABSENT_MS)
            }
        };
        let gone = self.lock().add(key, found, self.clock.now_ms() + kept_ms);
        for key in gone {
            if let Err(error) = self.blobs.remove(&blob(&key), 1).await {
                tracing::warn!(%error, "a picture of another server stays until the next start");
            }
        }
        found
    }

    async fn read(&self, key: &str, found: Option<u64>) -> Option<(Box<dyn BlobReader>, Vec<u8>)> {
        found?;
        let mut reader = self.blobs.open(&blob(key)).await.ok()??;
        let head = head(&mut *reader, HEAD_BYTES).await.ok()?;
        Some((reader, head))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<String, Arc<tokio::sync::Mutex<()>>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blob of a picture: by the first digits, so that no directory gets too large.
fn blob(key: &str) -> String {
    format!("{}/{key}", key.get(..2).unwrap_or("xx"))
}
