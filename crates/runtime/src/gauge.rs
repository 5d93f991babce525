//! The live figures of one actor. Its own loop writes them, with plain stores; whoever looks reads them from outside, so an actor
//! that is stuck shows the truth too. Neither side takes a lock for a message.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Types of messages counted for one actor; more are counted together.
const OPS_MAX: u32 = 64;
/// Types that find room at a time: most actors are sent few.
const OPS_IN_CHUNK: usize = 8;
/// Messages of a trace that are kept until somebody fetches them; older ones are dropped, which shows in their numbers.
pub const TRACED_MAX: usize = 512;
/// The longest time that a trace goes on without being asked for again.
pub const TRACE_LIFE_MAX: Duration = Duration::from_secs(60);

/// The type of a message: the variant of an operation, and that of the operation inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpName {
    /// Such as `Message`.
    pub outer: &'static str,
    /// Such as `Send`; empty where there is nothing inside.
    pub inner: &'static str,
}

impl OpName {
    /// Those beyond [`OPS_MAX`].
    const OTHER: Self = Self::plain("(other)");

    /// A type without anything inside.
    pub const fn plain(outer: &'static str) -> Self {
        Self { outer, inner: "" }
    }
}

impl fmt::Display for OpName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inner {
            "" => f.write_str(self.outer),
            inner => write!(f, "{}.{inner}", self.outer),
        }
    }
}

/// A type of message of one actor, by the order in which they came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpId(u32);

/// What an actor's mailbox tells those who look at it.
pub trait Queue: Send + Sync + fmt::Debug {
    /// How many messages wait.
    fn depth(&self) -> usize;
    /// How long the oldest has waited.
    fn oldest(&self) -> Option<Duration>;
    /// How many may wait.
    fn capacity(&self) -> usize;
    /// The types of the first `walked` messages that wait, in order.
    fn types(&self, walked: usize) -> Vec<OpName>;
    /// Has the actor itself say what state it is in, as JSON, once it gets to that. Whether there was room for the question.
    fn ask_state(&self, answer: oneshot::Sender<String>) -> bool;
}

/// What an actor is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorState {
    /// Its rows are being read.
    Loading,
    /// The same, and it takes up again what it held in memory while it rested or moved.
    Thawing,
    /// At work, or ready to be.
    Running,
    /// Its key is another node's: it waits for its last commits, and gives away what it holds.
    Moving,
    /// It has failed or is over, and waits for its last commits.
    Ending,
    /// Without a task until it is called again.
    Resting,
}

impl ActorState {
    const ALL: [Self; 6] =
        [Self::Loading, Self::Thawing, Self::Running, Self::Moving, Self::Ending, Self::Resting];

    /// As operators read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Thawing => "thawing",
            Self::Running => "running",
            Self::Moving => "moving",
            Self::Ending => "ending",
            Self::Resting => "resting",
        }
    }
}

/// What keeps an actor from taking its next message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Nothing but a message.
    #[default]
    Messages,
    /// The store's word about a batch with a precondition, before which nothing may be handled.
    Precondition,
    /// Commits: as many are on their way as may be.
    Commits,
    /// Rows: as many calls wait for some as may.
    Rows,
    /// How far a sender of effects has come.
    Marks,
    /// Other owners that have not taken its effects.
    Effects,
    /// Nothing: something that was brought is handled first.
    Itself,
}

impl WaitsFor {
    const ALL: [Self; 7] = [
        Self::Messages,
        Self::Precondition,
        Self::Commits,
        Self::Rows,
        Self::Marks,
        Self::Effects,
        Self::Itself,
    ];

    /// As operators read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Precondition => "a precondition",
            Self::Commits => "commits",
            Self::Rows => "rows",
            Self::Marks => "marks of senders",
            Self::Effects => "effects",
            Self::Itself => "itself",
        }
    }
}

/// What an actor says of its insides after each round of its loop.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// Turns whose commits are on their way.
    pub committing: usize,
    /// The oldest of them, and when it was handled.
    pub oldest_commit: Option<(OpId, Instant)>,
    /// Calls that wait for rows.
    pub parked: usize,
    /// The oldest of them, and when it came.
    pub oldest_parked: Option<(OpId, Instant)>,
    /// Effects that their receivers have not acknowledged.
    pub effects: usize,
    /// Answers that wait for effects.
    pub answers_held: usize,
    /// Rows in its cache.
    pub rows: usize,
}

/// A type of message and a moment; 0 is none.
#[derive(Debug, Default)]
struct Doing {
    op: AtomicU32,
    since_ns: AtomicU64,
}

impl Doing {
    fn set(&self, doing: Option<(OpId, u64)>) {
        let Some((OpId(op), since_ns)) = doing else { return self.op.store(0, Relaxed) };
        self.since_ns.store(since_ns, Relaxed);
        self.op.store(op + 1, Relaxed);
    }

    fn get(&self) -> Option<(OpId, u64)> {
        let op = self.op.load(Relaxed).checked_sub(1)?;
        Some((OpId(op), self.since_ns.load(Relaxed)))
    }
}

/// Adds to a figure that one thread alone writes at a time.
fn add(figure: &AtomicU64, by: u64) {
    figure.store(figure.load(Relaxed).wrapping_add(by), Relaxed);
}

#[derive(Debug, Default)]
struct Slot {
    name: OnceLock<OpName>,
    count: AtomicU64,
    total_ns: AtomicU64,
    max_ns: AtomicU64,
}

#[derive(Debug, Default)]
struct Chunk {
    slots: [Slot; OPS_IN_CHUNK],
    next: OnceLock<Box<Chunk>>,
}

/// Counts and times by type of message: a list that only grows, so that readers need no lock.
#[derive(Debug, Default)]
struct Ops(OnceLock<Box<Chunk>>);

impl Ops {
    fn id(&self, name: OpName) -> OpId {
        let (mut chunk, mut first) = (self.0.get_or_init(Box::default), 0);
        loop {
            for (slot, id) in chunk.slots.iter().zip(first..) {
                let wanted = if id + 1 == OPS_MAX { OpName::OTHER } else { name };
                if *slot.name.get_or_init(|| wanted) == wanted {
                    return OpId(id);
                }
            }
            first += OPS_IN_CHUNK as u32;
            chunk = chunk.next.get_or_init(Box::default);
        }
    }

    fn slot(&self, OpId(id): OpId) -> Option<&Slot> {
        let mut chunk = self.0.get()?;
        for _ in 0..id as usize / OPS_IN_CHUNK {
            chunk = chunk.next.get()?;
        }
        chunk.slots.get(id as usize % OPS_IN_CHUNK)
    }

    fn name(&self, id: OpId) -> OpName {
        self.slot(id).and_then(|slot| slot.name.get()).copied().unwrap_or(OpName::OTHER)
    }

    fn all(&self) -> impl Iterator<Item = (OpName, OpTotal)> + '_ {
        let ids = (0..OPS_MAX).map_while(|id| self.slot(OpId(id)));
        ids.filter_map(|slot| {
            let (count, total_ns) = (slot.count.load(Relaxed), slot.total_ns.load(Relaxed));
            Some((*slot.name.get()?, OpTotal { count, total_ns, max_ns: slot.max_ns.load(Relaxed) }))
        })
    }
}

/// What messages of one type have cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpTotal {
    /// How many were handled. A call that had to read counts each time it was taken up.
    pub count: u64,
    /// Time in the handler, nanoseconds.
    pub total_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl OpTotal {
    /// Adds another count of the same type.
    pub fn add(&mut self, other: Self) {
        self.count += other.count;
        self.total_ns += other.total_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

/// A message that was handled while somebody watched: its type and size, and nothing of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// Counts up from 1 within a trace.
    pub n: u64,
    /// When it was taken, Unix milliseconds.
    pub at_ms: u64,
    /// Its type.
    pub op: String,
    /// On whose behalf: `user 5`, `system`, or the owner whose effect it is.
    pub from: String,
    /// Bytes of it as between nodes.
    pub bytes: u64,
    /// How long it has waited in the mailbox, microseconds.
    pub waited_us: u64,
    /// How long the loop was at it, microseconds.
    pub took_us: u64,
}

#[derive(Debug, Default)]
struct Kept {
    last: u64,
    messages: VecDeque<Traced>,
}

/// Figures of an actor while it has a task. See the module.
#[derive(Debug)]
pub struct Live {
    born: Instant,
    queue: Option<Arc<dyn Queue>>,
    state: AtomicU8,
    epoch: AtomicU64,
    handled: AtomicU64,
    busy_ns: AtomicU64,
    active_ns: AtomicU64,
    handling: Doing,
    waits_for: AtomicU8,
    committing: AtomicU64,
    oldest_commit: Doing,
    parked: AtomicU64,
    oldest_parked: Doing,
    effects: AtomicU64,
    answers_held: AtomicU64,
    rows: AtomicU64,
    ops: Ops,
    /// Until when messages are traced, nanoseconds since `born`; 0 when they are not.
    traced_until_ns: AtomicU64,
    traced: Mutex<Kept>,
}

impl Live {
    /// An actor that is loading. `queue`: its mailbox, if it has one of the kit's.
    pub fn new(queue: Option<Arc<dyn Queue>>) -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            queue,
            state: AtomicU8::default(),
            epoch: AtomicU64::default(),
            handled: AtomicU64::default(),
            busy_ns: AtomicU64::default(),
            active_ns: AtomicU64::default(),
            handling: Doing::default(),
            waits_for: AtomicU8::default(),
            committing: AtomicU64::default(),
            oldest_commit: Doing::default(),
            parked: AtomicU64::default(),
            oldest_parked: Doing::default(),
            effects: AtomicU64::default(),
            answers_held: AtomicU64::default(),
            rows: AtomicU64::default(),
            ops: Ops::default(),
            traced_until_ns: AtomicU64::default(),
            traced: Mutex::default(),
        })
    }

    fn ns(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.born).as_nanos() as u64
    }

    /// It is in another state now.
    pub fn set_state(&self, state: ActorState) {
        self.state.store(state as u8, Relaxed);
    }

    /// The epoch in which it owns its key.
    pub fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Relaxed);
    }

    /// The id of a type of message.
    pub fn op(&self, name: OpName) -> OpId {
        self.ops.id(name)
    }

    /// A handler is about to be called.
    pub fn begin(&self, op: OpId, now: Instant) {
        self.handling.set(Some((op, self.ns(now))));
    }

    /// Counts a message whose handler is not timed by itself.
    pub fn count(&self, op: OpId) {
        self.ops.slot(op).iter().for_each(|slot| add(&slot.count, 1));
    }

    /// Nothing is being handled any more.
    pub fn end(&self) {
        self.handling.set(None);
    }

    /// If a handler was called since `since`: it is done, and took all the time since then. The moment from which the next one
    /// counts.
    pub fn done(&self, since: Instant) -> Instant {
        let Some((op, _)) = self.handling.get() else { return since };
        let now = Instant::now();
        self.handling.set(None);
        let Some(slot) = self.ops.slot(op) else { return now };
        let took_ns = now.saturating_duration_since(since).as_nanos() as u64;
        add(&slot.count, 1);
        add(&slot.total_ns, took_ns);
        if took_ns > slot.max_ns.load(Relaxed) {
            slot.max_ns.store(took_ns, Relaxed);
        }
        now
    }

    /// A message was taken from the mailbox.
    pub fn taken(&self) {
        add(&self.handled, 1);
    }

    /// The loop was busy from `since` until `until`.
    pub fn busy(&self, since: Instant, until: Instant) {
        add(&self.busy_ns, until.saturating_duration_since(since).as_nanos() as u64);
        self.active_ns.store(self.ns(until), Relaxed);
    }

    /// A round of the loop is over.
    pub fn round(&self, round: &Round) {
        let doing = |doing: Option<(OpId, Instant)>| doing.map(|(op, since)| (op, self.ns(since)));
        self.waits_for.store(round.waits_for as u8, Relaxed);
        self.committing.store(round.committing as u64, Relaxed);
        self.oldest_commit.set(doing(round.oldest_commit));
        self.parked.store(round.parked as u64, Relaxed);
        self.oldest_parked.set(doing(round.oldest_parked));
        self.effects.store(round.effects as u64, Relaxed);
        self.answers_held.store(round.answers_held as u64, Relaxed);
        self.rows.store(round.rows as u64, Relaxed);
    }

    /// Whether somebody watches its messages.
    pub fn is_traced(&self, now: Instant) -> bool {
        let until = self.traced_until_ns.load(Relaxed);
        until != 0 && self.ns(now) < until
    }

    /// Keeps a message for those who watch; its number is given here.
    pub fn trace(&self, message: Traced) {
        let mut kept = self.kept();
        kept.last += 1;
        let n = kept.last;
        if kept.messages.len() == TRACED_MAX {
            kept.messages.pop_front();
        }
        kept.messages.push_back(Traced { n, ..message });
    }

    /// Watches its messages from now on for a while, at most [`TRACE_LIFE_MAX`]; gives those after number `after`.
    pub fn watch(&self, life: Duration, after: u64) -> Vec<Traced> {
        let until = Instant::now() + life.min(TRACE_LIFE_MAX);
        self.traced_until_ns.store(self.ns(until), Relaxed);
        self.kept().messages.iter().filter(|message| message.n > after).cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.traced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and times by type of message.
    pub fn ops(&self) -> impl Iterator<Item = (OpName, OpTotal)> + '_ {
        self.ops.all()
    }

    /// Its mailbox.
    pub fn queue(&self) -> Option<&Arc<dyn Queue>> {
        self.queue.as_ref()
    }

    pub(crate) fn handled(&self) -> u64 {
        self.handled.load(Relaxed)
    }

    pub(crate) fn busy_us(&self) -> u64 {
        self.busy_ns.load(Relaxed) / 1_000
    }

    fn at_work_on(&self, doing: &Doing, now: Instant) -> Option<AtWork> {
        let (op, since_ns) = doing.get()?;
        Some(AtWork {
            op: self.ops.name(op).to_string(),
            for_us: self.ns(now).saturating_sub(since_ns) / 1_000,
        })
    }

    /// Fills in what it says of itself.
    pub(crate) fn read(&self, info: &mut ActorInfo) {
        let now = Instant::now();
        let state = ActorState::ALL.get(usize::from(self.state.load(Relaxed)));
        let waits_for = WaitsFor::ALL.get(usize::from(self.waits_for.load(Relaxed)));
        info.state = state.copied().unwrap_or(ActorState::Running);
        info.epoch = self.epoch.load(Relaxed);
        info.queue = self.queue.as_ref().map_or(0, |queue| queue.depth() as u64);
        let oldest = self.queue.as_ref().and_then(|queue| queue.oldest());
        info.oldest_us = oldest.map(|oldest| oldest.as_micros() as u64);
        info.handling = self.at_work_on(&self.handling, now);
        info.waits_for = waits_for.copied().unwrap_or_default();
        info.commits_pending = self.committing.load(Relaxed);
        info.oldest_commit = self.at_work_on(&self.oldest_commit, now);
        info.parked = self.parked.load(Relaxed);
        info.oldest_parked = self.at_work_on(&self.oldest_parked, now);
        info.effects_pending = self.effects.load(Relaxed);
        info.answers_held = self.answers_held.load(Relaxed);
        info.rows = self.rows.load(Relaxed);
        info.handled += self.handled();
        info.busy_us += self.busy_us();
        info.idle_us = self.ns(now).saturating_sub(self.active_ns.load(Relaxed)) / 1_000;
    }
}

/// A message that something is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtWork {
    /// Its type.
    pub op: String,
    /// Since when, microseconds.
    pub for_us: u64,
}

/// One actor as seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorInfo {
    /// The service's name.
    pub kind: String,
    /// Its key: the id of a guild, a user and so on.
    pub key: u64,
    /// What it is doing.
    pub state: ActorState,
    /// The epoch in which it owns its key.
    pub epoch: u64,
    /// Messages that wait.
    pub queue: u64,
    /// How long the oldest of them has waited, microseconds.
    pub oldest_us: Option<u64>,
    /// The message whose handler runs now.
    pub handling: Option<AtWork>,
    /// What keeps it from the next message.
    pub waits_for: WaitsFor,
    /// Turns whose commits are on their way.
    pub commits_pending: u64,
    /// The oldest of them.
    pub oldest_commit: Option<AtWork>,
    /// Calls that wait for rows.
    pub parked: u64,
    /// The oldest of them.
    pub oldest_parked: Option<AtWork>,
    /// Effects that other owners have not acknowledged.
    pub effects_pending: u64,
    /// Answers that wait for effects.
    pub answers_held: u64,
    /// Rows in its cache.
    pub rows: u64,
    /// Messages handled since it is listed.
    pub handled: u64,
    /// Time at work since it is listed, microseconds.
    pub busy_us: u64,
    /// Time since it last did anything, microseconds.
    pub idle_us: u64,
    /// When it was listed, Unix milliseconds.
    pub started_ms: u64,
}

impl ActorInfo {
    /// Whether it has no task until it is called again.
    pub fn is_resting(&self) -> bool {
        self.state == ActorState::Resting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_beyond_the_limit_are_counted_together() {
        let ops = Ops::default();
        let names: Vec<&'static str> = (0..100).map(|n| &*format!("Op{n}").leak()).collect();
        let ids: Vec<_> = names.iter().map(|name| ops.id(OpName::plain(name))).collect();
        assert_eq!(ids[..63], (0..63).map(OpId).collect::<Vec<_>>());
        assert!(ids[63..].iter().all(|id| *id == OpId(63)), "the last place is for all others");
        assert_eq!(ops.id(OpName::plain("Op7")), OpId(7), "the next time too");
        assert_eq!(
            (ops.name(OpId(9)).to_string(), ops.name(OpId(63)).to_string()),
            ("Op9".into(), "(other)".into())
        );
        assert_eq!(ops.all().count(), 64);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_handler_is_at_is_seen_while_it_is_and_counted_when_it_is_done() {
        let live = Live::new(None);
        let (op, began) = (live.op(OpName { outer: "Message", inner: "Send" }), Instant::now());
        live.begin(op, began);
        tokio::time::advance(Duration::from_millis(30)).await;
        let stuck = live.at_work_on(&live.handling, Instant::now());
        assert_eq!(stuck, Some(AtWork { op: "Message.Send".into(), for_us: 30_000 }));
        let next = live.done(began);
        assert_eq!(live.done(next), next, "nothing ran since");
        assert_eq!(live.at_work_on(&live.handling, Instant::now()), None);
        let all: Vec<_> = live.ops().collect();
        assert_eq!(all[0].1, OpTotal { count: 1, total_ns: 30_000_000, max_ns: 30_000_000 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_trace_ends_by_itself_and_keeps_the_newest() {
        let live = Live::new(None);
        assert!(!live.is_traced(Instant::now()));
        assert!(live.watch(Duration::from_secs(3_600), 0).is_empty());
        let message = |at_ms| Traced {
            n: 0,
            at_ms,
            op: "Add".into(),
            from: "system".into(),
            bytes: 1,
            waited_us: 0,
            took_us: 0,
        };
        (0..TRACED_MAX as u64 + 2).for_each(|n| live.trace(message(n)));
        let kept = live.watch(Duration::from_secs(3_600), 4);
        assert_eq!((kept.len(), kept[0].n, kept[0].at_ms), (TRACED_MAX - 2, 5, 4));
        assert!(live.is_traced(Instant::now()));
        tokio::time::advance(TRACE_LIFE_MAX).await;
        assert!(!live.is_traced(Instant::now()), "nobody has asked again");
    }
}
