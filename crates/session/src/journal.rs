//! What a session was sent, by sequence number: the outgoing queue and the memory for a RESUME in one.
//!
//! An entry is a reference to a shared event, 16 bytes. The socket's progress is a position in the journal, so a
//! broadcast to many sessions copies nothing and a slow client costs no more than its references.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::{Choice, Dispatch};

/// Entries kept whatever the client says it has: a client may resume from an older number than its last heartbeat's.
pub const JOURNAL_EVENTS_KEPT: usize = 256;
/// The most entries: 64 KiB of references.
pub const JOURNAL_EVENTS_MAX: usize = 4096;
/// The most bytes of bodies an entry may hold alive, counted as if nobody shared them.
pub const JOURNAL_BYTES_MAX: usize = 16 * 1024 * 1024;

const _: () = assert!(JOURNAL_EVENTS_KEPT < JOURNAL_EVENTS_MAX);

/// One dispatch and which of its bodies the session may see.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event.
    pub dispatch: Arc<Dispatch>,
    /// Which body.
    pub choice: Choice,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.dispatch.len(self.choice)
    }
}

/// The dispatches of a session, the oldest ones forgotten when limits are reached.
#[derive(Debug, Default)]
pub struct Journal {
    /// `None` where the body is not kept any more (READY once sent) or not known yet (READY while it is being made).
    /// READY does not count for the limit of bytes: it may be larger, and must not be forgotten before it is sent.
    entries: VecDeque<Option<Entry>>,
    last: u64,
    /// Numbers up to this one were holes, whose bytes do not count.
    holes: u64,
    acknowledged: u64,
    bytes: usize,
}

impl Journal {
    /// The sequence number of the newest entry; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The sequence number of the oldest entry that is still known.
    pub fn first(&self) -> u64 {
        self.last + 1 - self.entries.len() as u64
    }

    /// Bytes of bodies held alive, as if nobody shared them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many entries are known.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a dispatch and gives its sequence number.
    pub fn push(&mut self, entry: Entry) -> u64 {
        self.bytes += entry.bytes();
        self.entries.push_back(Some(entry));
        self.last += 1;
        self.trim();
        self.last
    }

    /// Adds a number whose dispatch will be told later, with [`Journal::fill`]. Only a new journal takes holes.
    pub fn push_hole(&mut self) -> u64 {
        debug_assert_eq!(self.last, self.holes);
        self.entries.push_back(None);
        self.last += 1;
        self.holes = self.last;
        self.last
    }

    /// Tells the dispatch of a hole. Gives `false` when the hole has been forgotten.
    pub fn fill(&mut self, seq: u64, entry: Entry) -> bool {
        let Some(index) = self.index(seq) else { return false };
        self.entries[index] = Some(entry);
        true
    }

    /// Lets go of a body. The number stays, but cannot be replayed.
    pub fn forget(&mut self, seq: u64) {
        if let Some(index) = self.index(seq)
            && let Some(entry) = self.entries[index].take()
            && seq > self.holes
        {
            self.bytes -= entry.bytes();
        }
    }

    /// The entry of a number.
    pub fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(self.index(seq)?)?.as_ref()
    }

    /// Whether everything after `seq` can be replayed.
    pub fn reaches(&self, seq: u64) -> bool {
        seq <= self.last
            && seq + 1 >= self.first()
            && self.entries.iter().skip((seq + 1 - self.first()) as usize).all(Option::is_some)
    }

    /// The client says it has everything up to `seq` (heartbeat): what is older than that and than
    /// [`JOURNAL_EVENTS_KEPT`] may go.
    pub fn acknowledge(&mut self, seq: u64) {
        self.acknowledged = self.acknowledged.max(seq.min(self.last));
        self.trim();
        if self.entries.capacity() > 64 && self.entries.capacity() > 4 * self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }

    fn index(&self, seq: u64) -> Option<usize> {
        let index = usize::try_from(seq.checked_sub(self.first())?).ok()?;
        (index < self.entries.len()).then_some(index)
    }

    fn trim(&mut self) {
        loop {
            let over = self.entries.len() > JOURNAL_EVENTS_MAX || self.bytes > JOURNAL_BYTES_MAX;
            let had = self.entries.len() > JOURNAL_EVENTS_KEPT && self.first() <= self.acknowledged;
            // The newest entry stays even if it alone is over the limit: it is about to be sent.
            if !(over || had) || self.entries.len() <= 1 {
                return;
            }
            let counts = self.first() > self.holes;
            if let Some(Some(entry)) = self.entries.pop_front()
                && counts
            {
                self.bytes -= entry.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(len: usize) -> Entry {
        Entry { dispatch: Arc::new(Dispatch::new("X", vec![b'1'; len])), choice: Choice::Full }
    }

    #[test]
    fn an_entry_is_two_words() {
        assert_eq!(size_of::<Option<Entry>>(), 16);
    }

    #[test]
    fn numbers_go_on_when_old_entries_are_forgotten() {
        let mut journal = Journal::default();
        for n in 1..=JOURNAL_EVENTS_MAX as u64 + 10 {
            assert_eq!(journal.push(entry(1)), n);
        }
        assert_eq!((journal.first(), journal.len()), (11, JOURNAL_EVENTS_MAX));
        assert!(journal.reaches(10) && !journal.reaches(9));
        assert!(journal.reaches(journal.last()) && !journal.reaches(journal.last() + 1));
        assert_eq!(journal.bytes(), JOURNAL_EVENTS_MAX);
    }

    #[test]
    fn what_the_client_has_is_kept_only_up_to_a_floor() {
        let mut journal = Journal::default();
        (0..1000).for_each(|_| assert!(journal.push(entry(1)) > 0));
        journal.acknowledge(900);
        assert_eq!(journal.first(), 745, "256 kept");
        journal.acknowledge(5_000);
        assert_eq!(journal.len(), JOURNAL_EVENTS_KEPT);
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_entry_stays() {
        let mut journal = Journal::default();
        journal.push(entry(JOURNAL_BYTES_MAX - 1));
        journal.push(entry(JOURNAL_BYTES_MAX + 1));
        assert_eq!((journal.first(), journal.len()), (2, 1));
    }

    #[test]
    fn a_hole_is_filled_later_and_a_forgotten_body_cannot_be_replayed() {
        let mut journal = Journal::default();
        let hole = journal.push_hole();
        journal.push(entry(3));
        assert!(!journal.reaches(0));
        assert!(journal.fill(hole, entry(4)));
        assert!(journal.reaches(0));
        assert_eq!(journal.bytes(), 3);
        journal.forget(hole);
        assert!(!journal.reaches(0) && journal.reaches(1));
        assert_eq!(journal.bytes(), 3);
    }
}
