//! What only shows over several messages: one text again and again, and raids of mentions. In memory alone: a guild that is loaded
//! again begins anew. The numbers are ours; upstream's are not published.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash as _, Hasher as _};

use consort_model::UserId;

/// How long texts and mentions are remembered, in milliseconds.
const WINDOW_MS: u64 = 60_000;
/// The same text that often within [`WINDOW_MS`], wherever in the guild, is spam.
const REPEATS: usize = 4;
/// Texts of one author that are remembered.
const TEXTS_MAX: usize = 12;
/// Authors whose texts are remembered. When there are more, those who wrote in the last minute are forgotten with the others.
const AUTHORS_MAX: usize = 4_096;
/// Mentions by ordinary members within [`WINDOW_MS`] that are a raid: as many messages full of them, or this many.
const RAID_MESSAGES: usize = 5;
const RAID_MENTIONS_MIN: usize = 25;
/// How long no message may mention anybody after a raid, in milliseconds.
const RAID_MS: u64 = 10 * 60_000;
/// Messages with mentions that are remembered.
const RAID_MESSAGES_MAX: usize = 1_024;

/// Who wrote what lately.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    authors: BTreeMap<UserId, VecDeque<(u64, u64)>>,
}

impl Repeats {
    /// Notes what somebody writes; whether it is too often the same.
    pub(super) fn is_spam(&mut self, now_ms: u64, author: UserId, text: &str) -> bool {
        if text.trim().is_empty() {
            return false;
        }
        if self.authors.len() >= AUTHORS_MAX && !self.authors.contains_key(&author) {
            self.authors.retain(|_, texts| texts.back().is_some_and(|(at, _)| at + WINDOW_MS > now_ms));
            if self.authors.len() >= AUTHORS_MAX {
                self.authors.clear();
            }
        }
        let print = fingerprint(text);
        let texts = self.authors.entry(author).or_default();
        while texts.len() >= TEXTS_MAX || texts.front().is_some_and(|(at, _)| at + WINDOW_MS <= now_ms) {
            texts.pop_front();
        }
        texts.push_back((now_ms, print));
        texts.iter().filter(|(_, other)| *other == print).count() >= REPEATS
    }
}

/// The same for texts that differ in case and white space alone.
fn fingerprint(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    for c in text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase) {
        c.hash(&mut hasher);
    }
    hasher.finish()
}

/// Mentions by ordinary members lately.
#[derive(Debug, Default)]
pub(super) struct Raid {
    recent: VecDeque<(u64, usize)>,
    until_ms: u64,
}

/// What a message with mentions is, as a raid goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Raided {
    /// Nothing out of the ordinary.
    No,
    /// A raid goes on.
    Still,
    /// The message makes it a raid, until then.
    Begins { until_ms: u64 },
}

impl Raid {
    /// Notes a message with mentions. `limit`: how many one message may have.
    pub(super) fn note(&mut self, now_ms: u64, mentions: usize, limit: usize) -> Raided {
        if mentions == 0 {
            return Raided::No;
        }
        if self.until_ms > now_ms {
            return Raided::Still;
        }
        while self.recent.front().is_some_and(|(at, _)| at + WINDOW_MS <= now_ms)
            || self.recent.len() >= RAID_MESSAGES_MAX
        {
            self.recent.pop_front();
        }
        self.recent.push_back((now_ms, mentions));
        let all: usize = self.recent.iter().map(|(_, mentions)| mentions).sum();
        if all < (limit * RAID_MESSAGES).max(RAID_MENTIONS_MIN) {
            return Raided::No;
        }
        self.recent.clear();
        self.until_ms = now_ms + RAID_MS;
        Raided::Begins { until_ms: self.until_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_too_often_is_spam_until_a_minute_is_over() {
        let (mut repeats, author) = (Repeats::default(), UserId::new(1));
        for _ in 0..REPEATS - 1 {
            assert!(!repeats.is_spam(0, author, "Buy  now"));
        }
        assert!(!repeats.is_spam(0, UserId::new(2), "buy now"), "somebody else");
        assert!(!repeats.is_spam(1, author, "something else") && !repeats.is_spam(1, author, " "));
        assert!(repeats.is_spam(2, author, "BUYNOW"));
        assert!(!repeats.is_spam(WINDOW_MS + 2, author, "buy now"));
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut repeats = Repeats::default();
        for author in 0..10_000 {
            repeats.is_spam(0, UserId::new(author), "a");
        }
        assert!(repeats.authors.len() <= AUTHORS_MAX);
        let mut raid = Raid::default();
        for at in 0..10_000 {
            raid.note(at, 1, 1_000_000);
        }
        assert!(raid.recent.len() <= RAID_MESSAGES_MAX);
    }

    #[test]
    fn many_mentions_in_a_minute_are_a_raid_for_a_while() {
        let mut raid = Raid::default();
        assert_eq!(raid.note(0, 24, 5), Raided::No);
        assert_eq!(raid.note(1, 0, 5), Raided::No);
        assert_eq!(raid.note(2, 1, 5), Raided::Begins { until_ms: RAID_MS + 2 });
        assert_eq!(raid.note(3, 1, 5), Raided::Still);
        assert_eq!(raid.note(3, 0, 5), Raided::No, "others may talk");
        assert_eq!(raid.note(RAID_MS + 2, 1, 5), Raided::No);
    }
}
