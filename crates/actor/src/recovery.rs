//! Wakes the owners that have effects pending: those of a process that died, of a node that is gone, and those whose actor
//! failed. Each then sends its own.
//!
//! It finds them by the names in `senders.rs`. All names are looked at when a node begins, as soon as the map has changed, and while
//! somebody may owe; else only those of spans that are over, whose names are taken off once nothing is pending.

use std::time::Duration;

use bytes::Bytes;
use consort_rpc::Owner;
use consort_runtime::Planted;
use consort_store::{Batch, Bound, Error, Key, Range, Row, Scan, Table};
use tokio::time::{Instant, sleep_until};

use crate::outbox::{caused_ms, decode_number};
use crate::owner_key::{SHARDS, prefix};
use crate::{EFFECT_LIFE, Env, senders};

/// Between two looks at the names of senders, when nobody owes anything.
const ROUND: Duration = Duration::from_secs(30);
/// The first pause while somebody owes, or the map has just changed; each further one is [`PAUSE_GROWS`] times as long, up to
/// [`ROUND`].
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_GROWS: u32 = 4;
/// For so long after the map has changed all names are looked at: the last batch of an owner that was replaced may be on its way to
/// the store still.
const EAGER: Duration = Duration::from_secs(90);
/// How much longer than [`EFFECT_LIFE`] a mark is kept: clocks differ, and what is on its way arrives.
const MARK_GRACE: Duration = Duration::from_secs(24 * 3600);
/// Marks looked at when an owner is loaded: most have few.
const FIRST_MARKS: usize = 32;
/// Marks looked at in one read beside it.
const PAGE_ROWS: usize = 1_000;

/// Serves the owners of a node until the node ends. To be started when all its kinds of owners are there: the first round
/// wakes those that a process which died has left with pending effects.
pub async fn run_recovery(env: Env) {
    let mut rounds = Rounds { map: None, moved_at: Instant::now(), busy: false, pause: ROUND };
    while !env.work.is_ending() {
        let all = rounds.begin(env.mesh.version(), env.work.take_owing(), Instant::now());
        match look(&env, all).await {
            // Whether those that were woken are done is seen by the next look.
            Ok(some_owe) => _ = some_owe.then(|| env.work.may_owe()),
            Err(error) => {
                env.work.may_owe();
                tracing::warn!(%error, "pending effects could not be looked for");
            }
        }
        let until = Instant::now() + rounds.pause;
        while !rounds.is_due(env.mesh.version(), env.work.is_owing()) {
            tokio::select! {
                biased;
                () = sleep_until(until) => break,
                () = env.work.news() => {}
            }
        }
    }
}

/// When the recovery task looks, and at what.
struct Rounds {
    /// The version of the map in the last round, and since when it has been that.
    map: Option<u64>,
    moved_at: Instant,
    /// Whether the last round looked at all names.
    busy: bool,
    /// Until the next round.
    pause: Duration,
}

impl Rounds {
    /// Begins a round; whether it looks at all names.
    fn begin(&mut self, version: u64, owing: bool, now: Instant) -> bool {
        let has_moved = self.map.replace(version) != Some(version);
        if has_moved {
            self.moved_at = now;
        }
        let was_busy = std::mem::replace(&mut self.busy, owing || now - self.moved_at <= EAGER);
        self.pause = match self.busy {
            false => ROUND,
            true if has_moved || !was_busy => PAUSE_MIN,
            true => self.pause.saturating_mul(PAUSE_GROWS).min(ROUND),
        };
        self.busy
    }

    /// Whether the next round is due before its time. Those who fail again and again are looked at after the pause there is.
    fn is_due(&self, version: u64, owing: bool) -> bool {
        self.map != Some(version) || (owing && !self.busy)
    }
}

/// Looks at the names of senders that belong to this node; `all`: also at those of spans that are not over. Gives whether one had
/// something pending.
async fn look(env: &Env, all: bool) -> Result<bool, Error> {
    // An owner may write with a clock of a moment ago, so the last span but one is over.
    let (running, mut some_owe) = (senders::span(env.clock.now_ms()) - 1, false);
    for shard in 0..SHARDS {
        for span in senders::spans(&env.store, shard).await? {
            let over = span < running;
            if all || over {
                some_owe |= look_at_span(env, (shard, span), over).await?;
            }
        }
    }
    Ok(some_owe)
}

async fn look_at_span(env: &Env, span: (u64, u64), over: bool) -> Result<bool, Error> {
    let (mut from, mut left, mut some_owe) = (Bound::Unbounded, false, false);
    loop {
        let (names, next) = senders::names(&env.store, span, from).await?;
        let mut done = Vec::new();
        for owner in names {
            if !env.work.owns(&owner) {
                left = true;
            } else if senders::owes(&env.store, &owner).await? {
                (left, some_owe) = (true, true);
                if !Planted::NoCourier.is_here() {
                    env.work.wake(&owner);
                }
            } else {
                done.push(owner);
            }
        }
        if over {
            senders::forget(&env.store, span, &done).await?;
        }
        let Some(next) = next else { break };
        from = next;
    }
    if over && !left {
        senders::close(&env.store, span).await?;
    }
    Ok(some_owe)
}

/// Where the first marks of an owner are.
pub(crate) fn marks_scan(owner: &Owner) -> Scan {
    let range = Range::prefix(&prefix(owner), FIRST_MARKS);
    Scan { table: Table::Marks, partition: owner.key, range }
}

/// Whether an owner whose first marks are these may have some to be forgotten.
pub(crate) fn may_have_old_marks(first: &[Row], now_ms: u64) -> bool {
    first.len() >= FIRST_MARKS || first.iter().any(|row| is_old(&row.value, now_ms))
}

/// Whether nothing has come from a mark's sender for longer than an effect is kept: what it could still send again is younger.
fn is_old(mark: &Bytes, now_ms: u64) -> bool {
    let before_ms = now_ms.saturating_sub((EFFECT_LIFE + MARK_GRACE).as_millis() as u64);
    decode_number(mark).is_some_and(|mark| caused_ms(mark) < before_ms)
}

/// Deletes the old marks of an owner. Runs beside it, after it was loaded.
///
/// # Errors
/// Those of the store.
pub(crate) async fn forget_marks(env: &Env, owner: &Owner) -> Result<(), Error> {
    let now_ms = env.clock.now_ms();
    let mut range = Range::prefix(&prefix(owner), PAGE_ROWS);
    loop {
        let rows = env.store.scan(Table::Marks, owner.key, range.clone()).await?;
        let is_last = rows.len() < PAGE_ROWS;
        let Some(last) = rows.last().map(|row| row.key.clone()) else { return Ok(()) };
        for row in rows.into_iter().filter(|row| is_old(&row.value, now_ms)) {
            forget_mark(env, owner, &row.key, row.value).await?;
        }
        if is_last {
            return Ok(());
        }
        range.from = Bound::Excluded(last);
    }
}

async fn forget_mark(env: &Env, owner: &Owner, key: &Key, value: Bytes) -> Result<(), Error> {
    // The owner may be writing a newer one.
    let mut batch = Batch::new();
    batch.require_equals(Table::Marks, owner.key, key, value);
    batch.delete(Table::Marks, owner.key, key);
    match env.store.commit(batch).await {
        Ok(()) | Err(Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
