//! The sender's side of effects: which are pending, for whom, and when they are sent.
//!
//! A queue is what one sender has for one receiver, in order. Up to [`WINDOW`] effects of a queue are under way at a time, each
//! naming the one before it, so that the receiver refuses what comes before its turn. When one is refused or not answered
//! the queue pauses, and then sends again from its first.
//!
//! Each pending effect is a row of [`Table::Outbox`], in the sender's own partition, written with the turn that caused it and
//! deleted, with a later commit or after [`CLEANUP`], once the receiver has acknowledged it. A successor of the sender, in this
//! process or in the next, goes on from the rows. So that somebody wakes it, the sender's name is in [`Table::Senders`]; see
//! `senders.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use consort_model::ApiError;
use consort_rpc::{Effect, Number, Origin, Owner, Reply};
use consort_runtime::Planted;
use consort_store::{Batch, Bound, Error, Key, Range, Row, Scan, StoreExt as _, StoreRef, Table, row};
use tokio::time::Instant;

use crate::owner_key::prefix;
use crate::{EFFECT_LIFE, EFFECTS_PENDING_MAX, senders};

/// Effects of one queue under way at a time.
const WINDOW: usize = 256;
/// Rows of acknowledged effects that one batch deletes.
const CLEANED_MAX: usize = 256;
/// Rows of acknowledged effects are deleted with the next commit, and without one after this.
const CLEANUP: Duration = Duration::from_secs(1);
/// Pause of a queue after the first failure; it doubles with each further one.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause of a queue.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// An effect that has broken its receiver so often is given up.
const BREAKS_MAX: u32 = 8;
/// Rows read together with all else when a sender comes to life: few have any.
const FIRST_ROWS: usize = 32;
/// Rows read at a time beyond those.
const PAGE_ROWS: usize = 1_000;

fn number_bytes(number: Number) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.epoch.to_be_bytes());
    bytes[8..].copy_from_slice(&number.id.to_be_bytes());
    bytes
}

/// The number in the 16 bytes that `encode_number` made.
pub(crate) fn decode_number(bytes: &[u8]) -> Option<Number> {
    let (epoch, id) = bytes.split_first_chunk::<8>()?;
    Some(Number { epoch: u64::from_be_bytes(*epoch), id: u64::from_be_bytes(id.try_into().ok()?) })
}

/// A number as a mark's value.
pub(crate) fn encode_number(number: Number) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(&number_bytes(number))
}

/// Milliseconds since the Unix epoch at which an effect was caused.
pub(crate) fn caused_ms(number: Number) -> u64 {
    consort_model::UserId::new(number.id).timestamp_ms()
}

/// An effect to be sent now; `attempt` comes back with the answer.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) effect: Effect,
    pub(crate) origin: Origin,
    pub(crate) receiver: Owner,
    pub(crate) attempt: u32,
}

struct Item {
    number: Number,
    effect: Effect,
}

#[derive(Default)]
struct Queue {
    /// What is not acknowledged, in order.
    items: VecDeque<Item>,
    /// How many of them are under way.
    sent: usize,
    /// Counts the failures, so that answers to what was sent before one are not taken for a failure of what was sent after.
    attempt: u32,
    /// Failures since the last success.
    failures: u32,
    /// How often the first one has broken the receiver.
    breaks: u32,
    paused_until: Option<Instant>,
}

/// The pending effects of one owner.
pub(crate) struct Outbox {
    me: Owner,
    queues: BTreeMap<Owner, Queue>,
    pending: usize,
    /// Numbers of acknowledged effects whose rows are still there.
    acknowledged: Vec<Number>,
    clean_at: Option<Instant>,
    /// The span of time in which the name of this sender was written last.
    named_in: u64,
}

impl Outbox {
    pub(crate) fn new(me: Owner) -> Self {
        Self {
            me,
            queues: BTreeMap::new(),
            pending: 0,
            acknowledged: Vec::new(),
            clean_at: None,
            named_in: 0,
        }
    }

    /// Where the first of what an owner has pending is.
    pub(crate) fn scan(owner: &Owner) -> Scan {
        let range = Range::prefix(&prefix(owner), FIRST_ROWS);
        Scan { table: Table::Outbox, partition: owner.key, range }
    }

    /// Reads what an owner had pending, oldest first. A row that cannot be read is passed over and stays. `first`: what
    /// [`Outbox::scan`] has found.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn read(
        store: &StoreRef,
        owner: &Owner,
        first: Vec<Row>,
    ) -> Result<Vec<(Number, Effect)>, Error> {
        let (start, mut pending) = (prefix(owner), Vec::new());
        let mut take = |rows: Vec<Row>| {
            for found in rows {
                let number = decode_number(&found.key.as_bytes()[start.len()..]);
                match (number, row::decode(&found.value)) {
                    (Some(number), Ok(effect)) => pending.push((number, effect)),
                    _ => tracing::error!(%owner, key = ?found.key, "a pending effect cannot be read"),
                }
            }
        };
        let last = first.last().filter(|_| first.len() >= FIRST_ROWS).map(|row| row.key.clone());
        take(first);
        if let Some(last) = last {
            let rest = Range { from: Bound::Excluded(last), ..Range::prefix(&start, PAGE_ROWS) };
            let mut pages = store.pages(Table::Outbox, owner.key, rest);
            while let Some(rows) = pages.next().await? {
                take(rows);
            }
        }
        Ok(pending)
    }

    /// Writes the row of an effect, and the sender's name with the first one of a span.
    pub(crate) fn write(&mut self, batch: &mut Batch, now_ms: u64, number: Number, effect: &Effect) {
        if Planted::EffectWithoutRow.is_here() {
            return;
        }
        let span = senders::span(now_ms);
        if span != self.named_in {
            self.named_in = span;
            senders::name(batch, &self.me, span);
        }
        batch.put(Table::Outbox, self.me.key, self.key(number), row::encode(effect));
    }

    fn key(&self, number: Number) -> Key {
        let mut key = prefix(&self.me);
        key.extend_from_slice(&number_bytes(number));
        Key::bytes(&key)
    }

    /// Takes an effect whose row is durable, and sends it unless its queue pauses or is full.
    pub(crate) fn add(&mut self, number: Number, effect: Effect, out: &mut Vec<Sending>) {
        let receiver = effect.receiver();
        self.pending += 1;
        self.queues.entry(receiver.clone()).or_default().items.push_back(Item { number, effect });
        self.fill(&receiver, out);
    }

    fn fill(&mut self, receiver: &Owner, out: &mut Vec<Sending>) {
        let Some(queue) = self.queues.get_mut(receiver).filter(|queue| queue.paused_until.is_none()) else {
            return;
        };
        while queue.sent < queue.items.len().min(WINDOW) {
            let item = &queue.items[queue.sent];
            let after = queue.sent.checked_sub(1).map(|before| queue.items[before].number);
            let origin = Origin { sender: self.me.clone(), number: item.number, after };
            let (effect, receiver) = (item.effect.clone(), receiver.clone());
            out.push(Sending { effect, origin, receiver, attempt: queue.attempt });
            queue.sent += 1;
        }
    }

    /// Takes the answer to an effect; gives the numbers that are done with.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        (receiver, number, attempt): (&Owner, Number, u32),
        reply: &Reply,
        out: &mut Vec<Sending>,
    ) -> Vec<Number> {
        let Some(queue) = self.queues.get_mut(receiver) else { return Vec::new() };
        let failure = reply.as_ref().err().filter(|error| error.status >= 500);
        let failure = failure.filter(|_| !Planted::EffectNotSentAgain.is_here());
        if let Some(error) = failure {
            return self.failed(now, (receiver, number, attempt), error);
        }
        if let Err(error) = reply {
            tracing::debug!(sender = %self.me, %receiver, status = error.status, code = error.code, "an effect was refused");
        }
        let done: Vec<_> = std::iter::from_fn(|| queue.items.pop_front_if(|item| item.number <= number))
            .map(|i| i.number)
            .collect();
        queue.sent = queue.sent.saturating_sub(done.len());
        (queue.failures, queue.breaks) = (0, 0);
        if queue.items.is_empty() {
            self.queues.remove(receiver);
        } else {
            self.fill(receiver, out);
        }
        self.finished(now, &done);
        done
    }

    fn finished(&mut self, now: Instant, done: &[Number]) {
        self.pending -= done.len();
        self.acknowledged.extend(done);
        if !done.is_empty() {
            self.clean_at.get_or_insert(now + CLEANUP);
        }
    }

    fn failed(
        &mut self,
        now: Instant,
        (receiver, number, attempt): (&Owner, Number, u32),
        error: &ApiError,
    ) -> Vec<Number> {
        let Some(queue) = self.queues.get_mut(receiver).filter(|queue| queue.attempt == attempt) else {
            return Vec::new();
        };
        let pause = PAUSE_MIN.saturating_mul(1 << queue.failures.min(10)).min(PAUSE_MAX);
        queue.paused_until = Some(now + pause);
        queue.attempt = queue.attempt.wrapping_add(1);
        queue.failures = queue.failures.saturating_add(1);
        queue.sent = 0;
        if error.status != 500 || queue.items.front().is_none_or(|item| item.number != number) {
            return Vec::new();
        }
        queue.breaks += 1;
        if queue.breaks < BREAKS_MAX {
            return Vec::new();
        }
        tracing::error!(sender = %self.me, %receiver, "an effect is given up: it has broken its receiver too often");
        self.give_up_first(now, receiver)
    }

    fn give_up_first(&mut self, now: Instant, receiver: &Owner) -> Vec<Number> {
        let Some(queue) = self.queues.get_mut(receiver) else { return Vec::new() };
        queue.breaks = 0;
        let done: Vec<_> = queue.items.pop_front().map(|item| item.number).into_iter().collect();
        if queue.items.is_empty() {
            self.queues.remove(receiver);
        }
        self.finished(now, &done);
        done
    }

    /// Sends again what has paused long enough. Gives what is given up, since nobody has taken it for [`EFFECT_LIFE`]:
    /// marks of receivers are kept a little longer than that, and no longer.
    pub(crate) fn resume(&mut self, now: Instant, now_ms: u64, out: &mut Vec<Sending>) -> Vec<Number> {
        let due = |queue: &Queue| queue.paused_until.is_some_and(|until| until <= now);
        let due: Vec<Owner> = self
            .queues
            .iter()
            .filter(|(_, queue)| due(queue))
            .map(|(receiver, _)| receiver.clone())
            .collect();
        let mut given_up = Vec::new();
        for receiver in due {
            let too_old = |queue: &Queue| {
                let first = queue.items.front();
                first.is_some_and(|item| caused_ms(item.number) + EFFECT_LIFE.as_millis() as u64 <= now_ms)
            };
            while self.queues.get(&receiver).is_some_and(too_old) {
                tracing::error!(sender = %self.me, %receiver, "an effect is given up: nobody has taken it for very long");
                given_up.extend(self.give_up_first(now, &receiver));
            }
            if let Some(queue) = self.queues.get_mut(&receiver) {
                queue.paused_until = None;
            }
            self.fill(&receiver, out);
        }
        given_up
    }

    /// Receivers may have moved to where they can be reached: nothing pauses any longer.
    pub(crate) fn hurry(&mut self, now: Instant) {
        let paused = self.queues.values_mut().filter(|queue| queue.paused_until.is_some());
        paused.for_each(|queue| queue.paused_until = Some(now));
    }

    /// Deletes rows of acknowledged effects with this batch.
    pub(crate) fn clean(&mut self, batch: &mut Batch) {
        let count = self.acknowledged.len().min(CLEANED_MAX);
        for number in self.acknowledged.drain(..count).collect::<Vec<_>>() {
            batch.delete(Table::Outbox, self.me.key, self.key(number));
        }
        if self.acknowledged.is_empty() {
            self.clean_at = None;
        }
    }

    /// Whether rows of acknowledged effects are to be deleted now, although nothing else is written.
    pub(crate) fn cleaning_due(&self, now: Instant) -> bool {
        self.clean_at.is_some_and(|at| at <= now)
    }

    /// Whether there are rows of acknowledged effects.
    pub(crate) fn is_clean(&self) -> bool {
        self.acknowledged.is_empty()
    }

    /// Effects that are not acknowledged.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Whether the owner should take no further call until some effects are acknowledged.
    pub(crate) fn is_full(&self) -> bool {
        self.pending >= EFFECTS_PENDING_MAX
    }

    /// Whether an answer to something sent may come.
    pub(crate) fn is_sending(&self) -> bool {
        self.queues.values().any(|queue| queue.sent > 0)
    }

    /// When there is something to do here.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.queues.values().filter_map(|queue| queue.paused_until).chain(self.clean_at).min()
    }
}
