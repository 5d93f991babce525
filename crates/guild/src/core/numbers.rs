//! The numbers of what a guild says to the relays of its nodes, and the last words themselves.
//!
//! While all nodes with sessions are this one, nothing is kept but what is said in the first moments: within a process no word is
//! lost on its way.
//!
//! * **What a relay has missed** is said again from memory ([`Guild::replay`]).
//! * **What nobody was told of the owner before** is said from rows, where nodes share a store: each word is one, in the batch of
//!   what it tells. So an owner whose node is gone loses nobody a word that was acknowledged.
//! * **Who attaches again** to a new owner hears behind the answer what that has said until then ([`Guild::said_since`]).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{GuildId, UserId};
use consort_rpc::relay::{self, Epoch, Heard, Numbered};
use consort_rpc::{ClassId, Event, NodeId, Publication, View};
use consort_store::{Bound, Error, Key, Range, StoreRef, Table};

use super::Guild;

/// Words kept for relays that have missed some; one that has missed more has its sessions attach again.
const WORDS_MAX: usize = 512;
/// Bytes of bodies kept with them. The bodies are those that sessions hold.
const BYTES_MAX: usize = 256 * 1024;
/// So many words are written between two deletions of old ones.
const SWEEP_EVERY: u64 = 64;
/// A node whose sessions were told to attach again is not told so again for so long.
const RESTART_PAUSE_MS: u64 = 2_000;
/// For so long after it was loaded an owner keeps what it says for those who attach again: several times what they take.
const LATE_MS: u64 = 15_000;

/// Where a guild is in what it says. Handlers publish while they read other parts of the guild, so it is changed through a
/// shared reference; a call that is refused or must load has published nothing.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The life that gave the first number, once one is given; see [`Numbered::line`].
    line: Cell<Option<Epoch>>,
    n: Cell<u64>,
    kept: RefCell<Kept>,
    /// The last words of the owner before, with their places, until [`Numbers::late_until_ms`].
    former: RefCell<Vec<(Heard, relay::Op)>>,
    /// Until when sessions of the owner before may attach; 0 if there was none.
    late_until_ms: u64,
    /// Whether the classes of those who may still attach were made.
    expected: Cell<bool>,
    /// The classes in which users were first that have moved to others since, before they were attached or not.
    first_classes: RefCell<BTreeMap<UserId, ClassId>>,
    /// When nodes were told last that their sessions are to attach again.
    restarted: RefCell<BTreeMap<NodeId, u64>>,
}

/// The last words, the newest with number `n`.
#[derive(Debug, Default)]
struct Kept {
    words: VecDeque<relay::Op>,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, op: relay::Op) {
        self.bytes += bytes(&op);
        self.words.push_back(op);
        while self.words.len() > WORDS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.words.pop_front() else { return };
            self.bytes -= bytes(&oldest);
        }
    }

    /// The words behind the last `count`, if so many are there.
    fn last(&self, count: u64) -> Option<impl ExactSizeIterator<Item = &relay::Op>> {
        let count = usize::try_from(count).ok().filter(|count| *count <= self.words.len())?;
        Some(self.words.range(self.words.len() - count..))
    }
}

fn bytes(op: &relay::Op) -> usize {
    match op {
        relay::Op::Publish(event) => event.body.len() + event.redacted.as_ref().map_or(0, |body| body.len()),
        _ => 0,
    }
}

/// The key of a word's row: lives in their order, then numbers.
fn key(Heard { line, n }: Heard) -> Key {
    Key::ids(&[line.ownership, line.life, n])
}

fn place(key: &Key) -> Option<Heard> {
    let [ownership, life, n] = key.to_ids()?.try_into().ok()?;
    Some(Heard { line: Epoch { ownership, life }, n })
}

impl Numbers {
    /// Where another owner was, for one that goes on in its place. Its last words are kept as far as they are rows: a relay that
    /// misses others has its sessions attach again. Sessions of the owner before that one may still come.
    pub(super) fn going_on(
        &self,
        (line, n): (Option<Epoch>, u64),
        first_classes: BTreeMap<UserId, ClassId>,
    ) -> Self {
        let (mut kept, mut next) = (Kept::default(), None);
        let is_of_line = |(place, _): &(Heard, relay::Op)| Some(place.line) == line;
        let (of_line, former): (Vec<_>, Vec<_>) = self.former.take().into_iter().partition(is_of_line);
        for (place, op) in of_line.into_iter().filter(|(place, _)| place.n <= n) {
            if next.is_some_and(|next| next != place.n) {
                kept = Kept::default();
            }
            kept.push(op);
            next = Some(place.n + 1);
        }
        if next != Some(n + 1) {
            kept = Kept::default();
        }
        Self {
            line: Cell::new(line),
            n: Cell::new(n),
            kept: RefCell::new(kept),
            former: RefCell::new(former),
            first_classes: RefCell::new(first_classes),
            late_until_ms: self.late_until_ms,
            ..Self::default()
        }
    }

    /// For an owner that is loaded: with the last words of the one before it, if they are rows.
    pub(super) async fn after(store: &StoreRef, guild: GuildId, now_ms: u64) -> Result<Self, Error> {
        let rows = store.scan(Table::Words, guild.get(), Range::newest(WORDS_MAX)).await?;
        let read = |row: consort_store::Row| match (place(&row.key), relay::decode_word(&row.value)) {
            (Some(place), Ok(op)) => Some((place, op)),
            _ => {
                tracing::error!(%guild, key = ?row.key, "a kept word cannot be read");
                None
            }
        };
        let mut former: Vec<_> = rows.into_iter().filter_map(read).collect();
        former.reverse();
        Ok(Self { former: RefCell::new(former), late_until_ms: now_ms + LATE_MS, ..Self::default() })
    }

    /// Where the guild is.
    pub(super) fn place(&self) -> (Option<Epoch>, u64) {
        (self.line.get(), self.n.get())
    }

    fn line(&self, epoch: Epoch) -> Epoch {
        let line = self.line.get().unwrap_or(epoch);
        self.line.set(Some(line));
        line
    }

    fn word(&self, guild: &Guild, epoch: Epoch, (n, follows): (u64, bool), op: relay::Op) -> relay::Op {
        let line = self.line(epoch);
        relay::Op::Numbered(Box::new(Numbered { guild: guild.id, epoch, line, n, follows, op }))
    }

    /// Whether sessions of the owner before may still come.
    fn is_early(&self, now_ms: u64) -> bool {
        let early = now_ms < self.late_until_ms;
        if !early && !(self.former.borrow().is_empty() && self.first_classes.borrow().is_empty()) {
            self.former.take();
            self.first_classes.take();
        }
        early
    }

    /// Whether sessions of the owner before may still come, and this was not asked before.
    pub(super) fn expects_late(&self, now_ms: u64) -> bool {
        !self.expected.replace(true) && self.is_early(now_ms)
    }

    /// A user is about to be told of another class.
    pub(super) fn leaves_class(&self, now_ms: u64, user: UserId, class: ClassId) {
        if self.is_early(now_ms) {
            self.first_classes.borrow_mut().entry(user).or_insert(class);
        }
    }

    /// See the field, for one that goes on in this one's place.
    pub(super) fn first_classes(&self) -> BTreeMap<UserId, ClassId> {
        self.first_classes.borrow().clone()
    }

    /// Whether something that an owner before has said comes behind a place and was told to nobody there: then what comes behind
    /// that would be told out of order.
    fn is_behind_former(&self, heard: Heard) -> bool {
        self.former.borrow().iter().any(|(place, _)| *place > heard)
    }

    /// What of the owner before comes behind a place, if nothing between is missing.
    fn missed_of_former(&self, heard: Heard) -> Vec<(u64, relay::Op)> {
        let former = self.former.borrow();
        let behind = former.iter().filter(|(place, _)| place.line == heard.line && place.n > heard.n);
        let missed: Vec<_> = behind.map(|(place, op)| (place.n, op.clone())).collect();
        let whole = missed.first().is_none_or(|(first, _)| *first == heard.n + 1);
        if whole { missed } else { Vec::new() }
    }

    /// Makes a word a row, and deletes those that nobody can need any more.
    fn write(&self, cx: &mut Cx<'_>, guild: GuildId, n: u64, op: &relay::Op) {
        let (partition, line) = (guild.get(), self.line(cx.epoch));
        match relay::encode_word(op) {
            Ok(bytes) => drop(cx.batch.put(Table::Words, partition, key(Heard { line, n }), bytes)),
            Err(error) => tracing::error!(%guild, %error, "a word cannot be kept"),
        }
        if n.is_multiple_of(SWEEP_EVERY) && !self.is_early(cx.now_ms) {
            let first = key(Heard { line, n: n.saturating_sub(WORDS_MAX as u64) });
            cx.batch.delete_range(Table::Words, partition, Bound::Unbounded, Bound::Excluded(first));
        }
    }
}

impl Guild {
    /// Says something that takes a number to every node with sessions of this guild. It takes one also when nobody is told: a node
    /// that was thought to be gone may come back, and finds that it has missed something.
    pub(super) fn say(&self, cx: &mut Cx<'_>, op: &relay::Op) {
        let numbers = &self.numbers;
        let early = numbers.is_early(cx.now_ms);
        let n = numbers.n.get() + 1;
        numbers.n.set(n);
        if cx.shared && (early || !self.nodes.is_empty()) {
            numbers.write(cx, self.id, n, op);
        }
        let mut kept = numbers.kept.borrow_mut();
        if early || cx.shared || self.nodes.iter().any(|node| *node != cx.node) {
            kept.push(op.clone());
        } else if !kept.words.is_empty() {
            *kept = Kept::default();
        }
        for node in &self.nodes {
            cx.publish(Publication::Relay {
                node: *node,
                message: numbers.word(self, cx.epoch, (n, false), op.clone()),
            });
        }
    }

    /// Says something that takes no number to some of these nodes.
    pub(super) fn say_aside<'n>(
        &self,
        cx: &mut Cx<'_>,
        nodes: impl IntoIterator<Item = &'n NodeId>,
        op: &relay::Op,
    ) {
        let n = self.numbers.n.get();
        for node in nodes {
            cx.publish(Publication::Relay {
                node: *node,
                message: self.numbers.word(self, cx.epoch, (n, true), op.clone()),
            });
        }
    }

    /// Says again what a relay has missed, be it of this owner or of the one before. In the second case, and when it has missed
    /// more than is known, its sessions attach again after that.
    pub(super) fn replay(
        &self,
        cx: &mut Cx<'_>,
        node: NodeId,
        line: Epoch,
        after: u64,
    ) -> Result<Outcome, Stop> {
        let numbers = &self.numbers;
        let own = numbers.line(cx.epoch);
        let kept = numbers.kept.borrow();
        // A node that is not on the list was thought to be gone, and is told nothing.
        let is_told = line == own && self.nodes.contains(&node);
        let missed = numbers.n.get().checked_sub(after).filter(|_| is_told);
        if let Some(missed) = missed.and_then(|missed| kept.last(missed)) {
            for (n, op) in (after + 1..).zip(missed) {
                let message = numbers.word(self, cx.epoch, (n, false), op.clone());
                cx.publish(Publication::Relay { node, message });
            }
            return Outcome::EMPTY;
        }
        for (n, op) in numbers.missed_of_former(Heard { line, n: after }) {
            // In the words of the owner before, whose classes the relay still has.
            let word = Numbered { guild: self.id, epoch: cx.epoch, line, n, follows: false, op };
            cx.publish(Publication::Relay { node, message: relay::Op::Numbered(Box::new(word)) });
        }
        // A relay that asks twice, since the map has changed and since the guild is there, is told once.
        let mut restarted = numbers.restarted.borrow_mut();
        let told = restarted.get(&node).copied();
        if line == own || told.is_none_or(|told| told + RESTART_PAUSE_MS <= cx.now_ms) {
            restarted.insert(node, cx.now_ms);
            let message = relay::Op::GuildRestarted { guild: self.id, line };
            cx.publish(Publication::Relay { node, message });
        }
        Outcome::EMPTY
    }

    /// What was said to the caller, who is of a class by now, after the place to which it has heard the guild: as far as it was of a
    /// class that could see it then. If it has left meanwhile, that is the last of it: what was said until it joined again is
    /// nothing to it, and what has come of it stands in the answer.
    pub(super) fn said_since(&self, cx: &Cx<'_>, class: ClassId, heard: Heard) -> Vec<Arc<Event>> {
        let numbers = &self.numbers;
        let from = if heard.line == numbers.line(cx.epoch) { heard.n } else { 0 };
        let kept = numbers.kept.borrow();
        let missed = numbers.n.get().checked_sub(from).and_then(|missed| kept.last(missed));
        let missed =
            missed.filter(|_| heard.line == numbers.line(cx.epoch) || !numbers.is_behind_former(heard));
        let Some(missed) = missed else {
            tracing::warn!(guild = %self.id, user = %cx.caller.user, "a session has missed more than is kept");
            return Vec::new();
        };
        let (user, bot) = (cx.caller.user, cx.caller.bot);
        let moves_to = |op: &relay::Op| match op {
            relay::Op::Class { user: moved, class, .. } if *moved == user => Some(*class),
            _ => None,
        };
        let before = kept.words.iter().rev().skip(missed.len()).find_map(moves_to);
        let before = before.or_else(|| numbers.first_classes.borrow().get(&user).copied());
        let mut then = before.unwrap_or(class);
        let mut late = Vec::new();
        for op in missed {
            if let Some(class) = moves_to(op) {
                then = class;
            }
            if matches!(op, relay::Op::Detach { user: left, .. } if *left == user) {
                break;
            }
            if let relay::Op::Publish(event) = op
                && reaches(event, user, then)
                && (bot || !event.bots_only)
            {
                late.push(event.clone());
            }
        }
        late
    }
}

/// Whether an event is for a member of a class, before intents.
fn reaches(event: &Event, user: UserId, class: ClassId) -> bool {
    let audience = &event.audience;
    if audience.except.contains(&user) {
        return false;
    }
    let seen = match &audience.view {
        View::All => true,
        View::Classes(classes) => classes.contains(class),
        View::None => false,
    };
    seen || audience.users.contains(&user) || audience.always.contains(&user)
}
