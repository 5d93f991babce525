//! What a conversation remembers in memory: nonces, for minutes and bounded; polls that are open.

use std::collections::{BTreeSet, VecDeque};
use std::hash::Hash;

use consort_model::limits::NONCE_DEDUP_SECS;
use consort_model::{ChannelId, Lookup, MessageId, UserId};

use crate::OpenPoll;

/// How long a nonce with `enforce_nonce` is remembered.
pub(crate) const NONCE_MS: u64 = NONCE_DEDUP_SECS * 1000;
/// Nonces remembered by one owner; the oldest are forgotten first.
const NONCES_MAX: usize = 10_000;

/// A map that forgets its oldest entries.
#[derive(Debug)]
struct Recent<K: Eq + Hash, V> {
    entries: Lookup<K, V>,
    order: VecDeque<(u64, K)>,
    max: usize,
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    fn new(max: usize) -> Self {
        Self { entries: Lookup::default(), order: VecDeque::new(), max }
    }

    fn insert(&mut self, now_ms: u64, key: K, value: V) {
        if self.order.len() >= self.max
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back((now_ms, key.clone()));
        self.entries.insert(key, value);
    }

    fn forget_before(&mut self, ms: u64) {
        while let Some((_, key)) = self.order.pop_front_if(|(at, _)| *at < ms) {
            self.entries.remove(&key);
        }
    }
}

/// The memory of one owner's conversations.
#[derive(Debug)]
pub struct Talk {
    nonces: Recent<(ChannelId, UserId, String), MessageId>,
    /// When the first message came after the owner was loaded, Unix milliseconds by ids.
    since_ms: Option<u64>,
    /// The channels whose old nonces were deleted in this span of time.
    swept: (u64, BTreeSet<ChannelId>),
    /// Polls by their end; bounded by the rows they have.
    polls: BTreeSet<OpenPoll>,
    /// The span of time in which old notes of changes were deleted.
    changes_swept: u64,
}

impl Default for Talk {
    fn default() -> Self {
        Self {
            nonces: Recent::new(NONCES_MAX),
            since_ms: None,
            swept: (0, BTreeSet::new()),
            polls: BTreeSet::new(),
            changes_swept: 0,
        }
    }
}

impl Talk {
    /// Waits for the end of a poll.
    pub fn watch_poll(&mut self, poll: OpenPoll) {
        self.polls.insert(poll);
    }

    /// When the next poll ends, Unix milliseconds.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.polls.first().map(|poll| poll.ends_ms)
    }

    pub(crate) fn take_due_poll(&mut self, now_ms: u64) -> Option<OpenPoll> {
        self.polls.first().filter(|poll| poll.ends_ms <= now_ms)?;
        self.polls.pop_first()
    }

    /// Gives whether it was waited for.
    pub(crate) fn forget_poll(&mut self, poll: OpenPoll) -> bool {
        self.polls.remove(&poll)
    }

    /// Gives those of a channel that were waited for.
    pub(crate) fn forget_polls_of(&mut self, channel: ChannelId) -> Vec<OpenPoll> {
        self.polls.extract_if(.., |poll| poll.channel == channel).collect()
    }

    /// The message that was posted with this nonce in the last minutes.
    pub(crate) fn posted_with(
        &self,
        now_ms: u64,
        channel: ChannelId,
        author: UserId,
        nonce: &str,
    ) -> Option<MessageId> {
        let found = self.nonces.entries.get(&(channel, author, nonce.to_owned()))?;
        (found.timestamp_ms() + NONCE_MS > now_ms).then_some(*found)
    }

    /// Whether every nonce that still counts is in memory: none of an earlier owner, none forgotten for want of room.
    pub(crate) fn knows_all_nonces(&mut self, now_ms: u64) -> bool {
        let since = *self.since_ms.get_or_insert(now_ms);
        now_ms > since + NONCE_MS && self.nonces.order.len() < NONCES_MAX
    }

    /// Whether the old nonces of a channel are to be deleted: once in each span of time.
    pub(crate) fn sweeps_nonces(&mut self, span: u64, channel: ChannelId) -> bool {
        if self.swept.0 != span {
            self.swept = (span, BTreeSet::new());
        }
        self.swept.1.insert(channel)
    }

    /// Whether old notes of changes are to be deleted: once in each span of time.
    pub(crate) fn sweeps_changes(&mut self, span: u64) -> bool {
        std::mem::replace(&mut self.changes_swept, span) != span
    }

    pub(crate) fn note_nonce(&mut self, now_ms: u64, message: MessageId, at: (ChannelId, UserId, String)) {
        self.nonces.forget_before(now_ms.saturating_sub(NONCE_MS));
        self.nonces.insert(now_ms, at, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let mut recent = Recent::new(3);
        (0..5u64).for_each(|n| recent.insert(n, n, n));
        assert_eq!(recent.entries.len(), 3);
        assert!(!recent.entries.contains_key(&1) && recent.entries.contains_key(&2));
        recent.forget_before(4);
        assert_eq!(recent.entries.keys(), [&4]);
    }
}
