//! What a session was sent, by sequence number: the outgoing queue and the memory for a RESUME in one.
//!
//! An entry is a reference to a shared event. Events that a session got one after the other from the same page of a
//! guild's [`Log`](crate::Log) are one item of 16 bytes, however many they are; anything else is an item each. The socket's
//! progress is a position in the journal, so a broadcast to many sessions copies nothing, counts no references, and a
//! slow client costs next to nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::log::{LogPosition, PAGE_EVENTS, Page};
use crate::{Choice, Dispatch};

/// Entries kept whatever the client says it has, if they are no more than [`JOURNAL_BYTES_KEPT`]: a client may resume from an older number than its last heartbeat's.
pub const JOURNAL_EVENTS_KEPT: usize = 256;
/// The most entries: 64 KiB of references at worst.
pub const JOURNAL_EVENTS_MAX: usize = 4096;
/// Bytes of bodies kept of what the client says it has: member chunks are large, and 256 of them would be too much to keep.
pub const JOURNAL_BYTES_KEPT: usize = 1024 * 1024;
/// The most bytes of bodies an entry may hold alive, counted as if nobody shared them.
pub const JOURNAL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Holes of a journal: READY, and READY_SUPPLEMENTAL.
const HOLES_MAX: u64 = 2;
/// Runs shorter than this are copied out of their page once they are over and the client has told their number, so that a session
/// with few events does not keep a whole page alive.
const RUN_KEPT: usize = PAGE_EVENTS / 8;

const _: () = assert!(JOURNAL_EVENTS_KEPT < JOURNAL_EVENTS_MAX);

/// See [`Journal::export`].
#[derive(Serialize, Deserialize)]
pub(crate) struct ExportedJournal {
    pub(crate) last: u64,
    pub(crate) holes: u64,
    pub(crate) acknowledged: u64,
    /// Up to `last`, in order. `None` where the body is not kept.
    pub(crate) entries: Vec<Option<ExportedEntry>>,
}

/// A dispatch as this session sees it.
#[derive(Serialize, Deserialize)]
pub(crate) struct ExportedEntry {
    pub(crate) name: String,
    pub(crate) d: Bytes,
}

impl ExportedEntry {
    pub(crate) fn dispatch(self) -> Arc<Dispatch> {
        Arc::new(Dispatch::new(self.name, self.d))
    }
}

/// One dispatch and which of its bodies the session may see.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The event.
    pub dispatch: &'a Arc<Dispatch>,
    /// Which body.
    pub choice: Choice,
}

impl Entry<'_> {
    fn bytes(&self) -> usize {
        self.dispatch.len(self.choice)
    }
}

/// Consecutive entries.
#[derive(Debug, Clone)]
enum Item {
    /// One whose body is not kept any more (READY once sent) or not known yet (READY while it is being made).
    /// READY does not count for the limit of bytes: it may be larger, and must not be forgotten before it is sent.
    Hole,
    One(Arc<Dispatch>, Choice),
    Run {
        page: Arc<Page>,
        from: u8,
        len: u8,
        choice: Choice,
    },
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Hole | Self::One(..) => 1,
            Self::Run { len, .. } => usize::from(*len),
        }
    }

    fn get(&self, offset: usize) -> Option<Entry<'_>> {
        match self {
            Self::Hole => None,
            Self::One(dispatch, choice) => Some(Entry { dispatch, choice: *choice }),
            Self::Run { page, from, choice, .. } => {
                Some(Entry { dispatch: page.get(usize::from(*from) + offset)?, choice: *choice })
            }
        }
    }
}

/// The dispatches of a session, the oldest ones forgotten when limits are reached.
#[derive(Debug, Default)]
pub struct Journal {
    items: VecDeque<Item>,
    /// Entries of all items.
    len: usize,
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
        self.last + 1 - self.len as u64
    }

    /// Bytes of bodies held alive, as if nobody shared them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many entries are known.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a dispatch and gives its sequence number.
    pub fn push(&mut self, dispatch: Arc<Dispatch>, choice: Choice) -> u64 {
        let bytes = dispatch.len(choice);
        self.items.push_back(Item::One(dispatch, choice));
        self.added(bytes)
    }

    /// Adds a dispatch that has a place in a log and gives its sequence number.
    pub fn push_logged(&mut self, place: &LogPosition, choice: Choice) -> u64 {
        let index = place.index();
        match self.items.back_mut() {
            Some(Item::Run { page, from, len, choice: same })
                if Arc::ptr_eq(page, place.page()) && *from + *len == index && *same == choice =>
            {
                *len += 1;
            }
            _ => {
                self.items.push_back(Item::Run { page: place.page().clone(), from: index, len: 1, choice });
            }
        }
        self.added(place.dispatch().len(choice))
    }

    fn added(&mut self, bytes: usize) -> u64 {
        self.bytes += bytes;
        self.len += 1;
        self.last += 1;
        self.trim();
        self.last
    }

    /// Adds a number whose dispatch will be told later, with [`Journal::fill`]. Only a new journal takes holes.
    pub fn push_hole(&mut self) -> u64 {
        debug_assert_eq!(self.last, self.holes);
        self.items.push_back(Item::Hole);
        self.len += 1;
        self.last += 1;
        self.holes = self.last;
        self.last
    }

    /// Tells the dispatch of a hole. Gives `false` when the hole has been forgotten.
    pub fn fill(&mut self, seq: u64, dispatch: Arc<Dispatch>, choice: Choice) -> bool {
        match self.hole(seq) {
            Some(item) => {
                *item = Item::One(dispatch, choice);
                true
            }
            None => false,
        }
    }

    /// Lets go of the body of what was a hole. The number stays, but cannot be replayed.
    pub fn forget(&mut self, seq: u64) {
        if let Some(item) = self.hole(seq) {
            *item = Item::Hole;
        }
    }

    /// The item of what is or was a hole: each has one of its own.
    fn hole(&mut self, seq: u64) -> Option<&mut Item> {
        let index = usize::try_from(seq.checked_sub(self.first())?).ok()?;
        if seq > self.holes { None } else { self.items.get_mut(index) }
    }

    /// The entry of a number.
    pub fn get(&self, seq: u64) -> Option<Entry<'_>> {
        let (item, offset) = self.find(seq)?;
        self.items[item].get(offset)
    }

    /// The entries behind a number, in order, as far as they are known.
    pub fn after(&self, seq: u64) -> impl Iterator<Item = (u64, Entry<'_>)> + '_ {
        let (item, skip) = self.find(seq + 1).unwrap_or((self.items.len(), 0));
        let items = self.items.range(item..);
        let entries = items.flat_map(|item| (0..item.len()).map(|offset| item.get(offset)));
        (seq + 1..).zip(entries.skip(skip)).map_while(|(seq, entry)| Some((seq, entry?)))
    }

    /// Where a number is. What is asked for is nearly always among the newest.
    fn find(&self, seq: u64) -> Option<(usize, usize)> {
        if seq < self.first() || seq > self.last {
            return None;
        }
        let mut next = self.last + 1;
        for (index, item) in self.items.iter().enumerate().rev() {
            next -= item.len() as u64;
            if next <= seq {
                return Some((index, (seq - next) as usize));
            }
        }
        None
    }

    /// Whether everything after `seq` can be replayed.
    pub fn reaches(&self, seq: u64) -> bool {
        seq <= self.last
            && seq + 1 >= self.first()
            && (seq + 1..=self.holes).all(|hole| self.get(hole).is_some())
    }

    /// The client says it has everything up to `seq` (heartbeat): what is older than that, and than
    /// [`JOURNAL_EVENTS_KEPT`] or [`JOURNAL_BYTES_KEPT`], may go.
    pub fn acknowledge(&mut self, seq: u64) {
        self.acknowledged = self.acknowledged.max(seq.min(self.last));
        self.trim();
        self.leave_pages();
        if self.items.capacity() > 16 && self.items.capacity() > 4 * self.items.len() {
            self.items.shrink_to(2 * self.items.len());
        }
    }

    /// The client says (RESUME) that it has no more than up to `seq`, whatever it said before: what is behind that is kept
    /// until it says that it has it again.
    pub fn take_back(&mut self, seq: u64) {
        self.acknowledged = self.acknowledged.min(seq);
    }

    /// What is known, the newest first as far as `bytes_max` reaches; the newest of all whatever its size.
    pub(crate) fn export(&self, bytes_max: usize) -> ExportedJournal {
        let known = self.items.iter().flat_map(|item| (0..item.len()).map(|offset| item.get(offset)));
        let known: Vec<_> = known.collect();
        let mut bytes = 0;
        let fits = known.iter().rev().take_while(|entry| {
            bytes += entry.as_ref().map_or(0, Entry::bytes);
            bytes <= bytes_max
        });
        let count = fits.count().max(1).min(known.len());
        let entries = known[known.len() - count..].iter().map(|entry| {
            let Entry { dispatch, choice } = entry.as_ref()?;
            Some(ExportedEntry { name: dispatch.name().to_owned(), d: dispatch.d(*choice).clone() })
        });
        ExportedJournal {
            last: self.last,
            holes: self.holes,
            acknowledged: self.acknowledged,
            entries: entries.collect(),
        }
    }

    /// The journal that was written out; `None` when what it says does not fit together.
    pub(crate) fn import(exported: ExportedJournal) -> Option<Self> {
        let ExportedJournal { last, holes, acknowledged, entries } = exported;
        let len = entries.len();
        let sound = (1..=JOURNAL_EVENTS_MAX).contains(&len)
            && len as u64 <= last
            && last < u64::MAX
            && holes <= HOLES_MAX.min(last)
            && acknowledged <= last;
        if !sound {
            return None;
        }
        let mut journal = Self { last, len, holes, acknowledged, ..Self::default() };
        for (seq, entry) in (journal.first()..).zip(entries) {
            let item = match entry {
                None if seq > holes => return None,
                None => Item::Hole,
                Some(entry) => Item::One(entry.dispatch(), Choice::Full),
            };
            if seq > holes {
                journal.bytes += item.get(0).map_or(0, |entry| entry.bytes());
            }
            journal.items.push_back(item);
        }
        journal.trim();
        Some(journal)
    }

    fn trim(&mut self) {
        loop {
            let over = self.len > JOURNAL_EVENTS_MAX || self.bytes > JOURNAL_BYTES_MAX;
            let many = self.len > JOURNAL_EVENTS_KEPT || self.bytes > JOURNAL_BYTES_KEPT;
            let had = many && self.first() <= self.acknowledged;
            // The newest entry stays even if it alone is over the limit: it is about to be sent.
            if !(over || had) || self.len <= 1 {
                return;
            }
            self.drop_first();
        }
    }

    /// Makes runs that are over and short references of their own: who gets few events of a guild must not keep all of them
    /// alive, page by page. Now and then is enough, and spares the way of an event.
    fn leave_pages(&mut self) {
        let last = self.items.len().saturating_sub(1);
        let is_short = |item: &Item| matches!(item, Item::Run { .. }) && item.len() < RUN_KEPT;
        if !self.items.range(..last).any(is_short) {
            return;
        }
        let mut items = VecDeque::with_capacity(self.items.len());
        for (index, item) in self.items.drain(..).enumerate() {
            match item {
                Item::Run { page, from, len, choice } if index < last && usize::from(len) < RUN_KEPT => {
                    let entries = (from..from + len).map(|index| page.get(usize::from(index)));
                    items.extend(entries.map(|entry| match entry {
                        Some(dispatch) => Item::One(dispatch.clone(), choice),
                        None => Item::Hole,
                    }));
                }
                item => items.push_back(item),
            }
        }
        self.items = items;
    }

    fn drop_first(&mut self) {
        let counts = self.first() > self.holes;
        let Some(item) = self.items.front_mut() else { return };
        if counts {
            self.bytes -= item.get(0).map_or(0, |entry| entry.bytes());
        }
        match item {
            Item::Run { from, len, .. } if *len > 1 => {
                *from += 1;
                *len -= 1;
            }
            _ => drop(self.items.pop_front()),
        }
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Log;
    use proptest::prelude::*;

    fn event(len: usize) -> Arc<Dispatch> {
        Arc::new(Dispatch::new("X", vec![b'1'; len]))
    }

    fn push(journal: &mut Journal, len: usize) -> u64 {
        journal.push(event(len), Choice::Full)
    }

    #[test]
    fn an_item_is_two_words() {
        assert_eq!(size_of::<Item>(), 16);
    }

    #[test]
    fn numbers_go_on_when_old_entries_are_forgotten() {
        let mut journal = Journal::default();
        for n in 1..=JOURNAL_EVENTS_MAX as u64 + 10 {
            assert_eq!(push(&mut journal, 1), n);
        }
        assert_eq!((journal.first(), journal.len()), (11, JOURNAL_EVENTS_MAX));
        assert!(journal.reaches(10) && !journal.reaches(9));
        assert!(journal.reaches(journal.last()) && !journal.reaches(journal.last() + 1));
        assert_eq!(journal.bytes(), JOURNAL_EVENTS_MAX);
    }

    #[test]
    fn what_the_client_has_is_kept_only_up_to_a_floor() {
        let mut journal = Journal::default();
        (0..1000).for_each(|_| assert!(push(&mut journal, 1) > 0));
        journal.acknowledge(900);
        assert_eq!(journal.first(), 745, "256 kept");
        journal.acknowledge(5_000);
        assert_eq!(journal.len(), JOURNAL_EVENTS_KEPT);
    }

    #[test]
    fn bytes_are_bounded_but_the_newest_entry_stays() {
        let mut journal = Journal::default();
        push(&mut journal, JOURNAL_BYTES_MAX - 1);
        push(&mut journal, JOURNAL_BYTES_MAX + 1);
        assert_eq!((journal.first(), journal.len()), (2, 1));
    }

    #[test]
    fn a_hole_is_filled_later_and_a_forgotten_body_cannot_be_replayed() {
        let mut journal = Journal::default();
        let hole = journal.push_hole();
        push(&mut journal, 3);
        assert!(!journal.reaches(0));
        assert_eq!(journal.after(0).count(), 0, "nothing before the hole is filled");
        assert!(journal.fill(hole, event(4), Choice::Full));
        assert!(journal.reaches(0));
        assert_eq!(journal.after(0).count(), 2);
        assert_eq!(journal.bytes(), 3);
        journal.forget(hole);
        assert!(!journal.reaches(0) && journal.reaches(1));
        assert_eq!(journal.bytes(), 3);
    }

    #[test]
    fn who_gets_few_events_of_a_guild_does_not_keep_the_others_alive() {
        let (mut journal, mut log) = (Journal::default(), Log::default());
        let mut bodies = Vec::new();
        for n in 0..20 * PAGE_EVENTS {
            let event = event(1);
            bodies.push(Arc::downgrade(&event));
            let place = log.append(event);
            if n % 10 < 2 {
                journal.push_logged(&place, Choice::Full);
            }
        }
        journal.acknowledge(0);
        let alive = bodies.iter().filter(|body| body.strong_count() > 0).count();
        // Its own, and those on the page that is being filled.
        assert_eq!(journal.len(), bodies.len() / 5);
        assert!(alive <= journal.len() + PAGE_EVENTS, "{alive} of {} are alive", bodies.len());
        let (first, last) = (journal.after(0).next(), journal.after(0).last());
        assert!(Arc::ptr_eq(first.unwrap().1.dispatch, &bodies[0].upgrade().unwrap()));
        assert!(Arc::ptr_eq(last.unwrap().1.dispatch, &bodies[bodies.len() - 9].upgrade().unwrap()));
        assert_eq!((journal.bytes(), journal.after(0).count()), (journal.len(), journal.len()));
    }

    #[test]
    fn a_thousand_events_of_one_guild_are_few_items() {
        let (mut journal, mut log) = (Journal::default(), Log::default());
        for _ in 0..1000 {
            journal.push_logged(&log.append(event(1)), Choice::Full);
        }
        assert_eq!((journal.len(), journal.bytes()), (1000, 1000));
        assert!(journal.items.len() <= 1000 / PAGE_EVENTS + 1);
        // One that is not for this session, and one in another form, begin new items.
        let before = journal.items.len();
        let _not_for_it = log.append(event(1));
        journal.push_logged(&log.append(event(1)), Choice::Full);
        journal.push_logged(&log.append(event(1)), Choice::Redacted);
        assert_eq!(journal.items.len(), before + 2);
    }

    /// What a journal does, on a plain list.
    #[derive(Default)]
    struct Model {
        first: usize,
        entries: Vec<Arc<Dispatch>>,
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Logged(usize, bool),
        Acknowledge(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            1 => (1..2_000_000usize).prop_map(Step::Push),
            40 => (0..3usize, prop::bool::weighted(0.9)).prop_map(|(log, wanted)| Step::Logged(log, wanted)),
            1 => (0..2_000usize).prop_map(Step::Acknowledge),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_list_however_the_entries_are_kept(steps in prop::collection::vec(step(), 1..1500)) {
            let (mut journal, mut model) = (Journal::default(), Model::default());
            let mut logs: Vec<Log> = (0..3).map(|_| Log::default()).collect();
            for step in steps {
                match step {
                    Step::Push(len) => {
                        let event = event(len);
                        model.entries.push(event.clone());
                        journal.push(event, Choice::Full);
                    }
                    Step::Logged(log, wanted) => {
                        let event = event(1);
                        let place = logs[log].append(event.clone());
                        if wanted {
                            model.entries.push(event);
                            journal.push_logged(&place, Choice::Full);
                        }
                    }
                    Step::Acknowledge(seq) => journal.acknowledge(seq as u64),
                }
                // What may be forgotten is told by the limits; here it is taken over, and all else compared.
                model.first = journal.first() as usize - 1;
            }
            prop_assert_eq!(journal.last() as usize, model.entries.len());
            let kept = &model.entries[model.first..];
            prop_assert_eq!(journal.bytes(), kept.iter().map(|event| event.len(Choice::Full)).sum::<usize>());
            for from in [model.first, model.first + kept.len() / 2, model.entries.len().saturating_sub(3).max(model.first)] {
                let after: Vec<_> = journal.after(from as u64).collect();
                prop_assert_eq!(after.len(), model.entries.len() - from);
                for (index, (seq, entry)) in after.iter().enumerate() {
                    prop_assert_eq!(*seq as usize, from + index + 1);
                    prop_assert!(Arc::ptr_eq(entry.dispatch, &model.entries[from + index]));
                }
            }
        }
    }
}
