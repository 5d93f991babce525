//! Wakes owners when they must be awake although nobody calls; see [`crate::alarm`] for the rows.
//!
//! Each node looks at every shard and wakes those owners that are its own, so no node is the one that must not fail, and a key that moves takes
//! its alarm along. It looks at what is due within [`AHEAD_MS`] only, every [`ROUND`], and keeps that in memory. An owner that is
//! loaded keeps its times itself, and is not put away shortly before one ([`STAYS_BEFORE_MS`]), so what is set between two looks is
//! not late.
//!
//! An owner deletes its alarm when what it was for is done. One that could not be loaded is woken again by the next round.

use std::collections::BTreeSet;
use std::time::Duration;

use consort_rpc::Owner;
use consort_store::{Batch, Bound, Error, Key, Range, StoreExt as _, Table};
use tokio::time::{Instant, sleep};

use crate::Env;
use crate::alarm::{day, decode, partition};
use crate::owner_key::SHARDS;

/// Between two looks at the alarms.
const ROUND: Duration = Duration::from_secs(30);
/// How far ahead a look sees. More than two rounds, so that each alarm is seen before it is due.
const AHEAD_MS: u64 = 70_000;
/// An owner is not put away when its alarm is nearer than this: the next look may be a round away.
pub(crate) const STAYS_BEFORE_MS: u64 = 60_000;
/// Alarms kept in memory; those that find no room are seen by a later round, when they are due.
const SOON_MAX: usize = 65_536;
/// Alarms read at a time.
const PAGE_ROWS: usize = 256;
/// After each page of owners that were woken: what became due while nobody was there is done little by little.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest sleep, so that a clock that was set forward is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// Wakes the owners of a node at their times, until the node ends. To be started when all its kinds of owners are there.
pub async fn run_scheduler(env: Env) {
    let mut scheduler = Scheduler { env, soon: BTreeSet::new(), first_days: vec![None; SHARDS as usize] };
    while !scheduler.env.work.is_ending() {
        let next_look = Instant::now() + ROUND;
        if let Err(error) = scheduler.look().await {
            tracing::warn!(%error, "alarms could not be looked for");
        }
        while Instant::now() < next_look && !scheduler.env.work.is_ending() {
            let now_ms = scheduler.env.clock.now_ms();
            scheduler.ring(now_ms);
            let next = scheduler.soon.first().map_or(u64::MAX, |(at, _)| at.saturating_sub(now_ms));
            let wait = Duration::from_millis(next).min(SLEEP_MAX);
            sleep(wait.min(next_look.saturating_duration_since(Instant::now()))).await;
        }
    }
}

struct Scheduler {
    env: Env,
    /// What is due soon, by time.
    soon: BTreeSet<(u64, Owner)>,
    /// Of each shard, the first day that may have alarms, once it is known.
    first_days: Vec<Option<u64>>,
}

impl Scheduler {
    /// Wakes whom it is time for.
    fn ring(&mut self, now_ms: u64) {
        while self.soon.first().is_some_and(|(at, _)| *at <= now_ms) {
            if let Some((_, owner)) = self.soon.pop_first() {
                self.env.work.wake(&owner);
            }
        }
    }

    /// Looks at all shards: wakes those whose time has come, and notes those whose time comes soon.
    async fn look(&mut self) -> Result<(), Error> {
        self.soon.clear();
        for shard in 0..SHARDS {
            let today = day(self.env.clock.now_ms());
            let known = self.first_day(shard, today).await?;
            // A clock that was set back makes days begin again.
            let from = known.min(today.saturating_sub(1));
            let mut first = None;
            for day in from..=self::day(self.env.clock.now_ms() + AHEAD_MS) {
                if self.look_at(shard, day).await? {
                    first.get_or_insert(day);
                }
            }
            // Owners elsewhere may still be in yesterday.
            let first = first.unwrap_or(today).min(today.saturating_sub(1));
            if first > known {
                self.keep_first_day(shard, first).await?;
            }
        }
        Ok(())
    }

    /// Looks at one day of a shard; whether there is anything.
    async fn look_at(&mut self, shard: u64, day: u64) -> Result<bool, Error> {
        let (mut from, mut found) = (Bound::Unbounded, false);
        loop {
            let range = Range { from, ..Range::all(PAGE_ROWS) };
            let rows = self.env.store.scan(Table::Alarms, partition(shard, day), range).await?;
            let Some(last) = rows.last().map(|row| row.key.clone()) else { return Ok(found) };
            let (now_ms, full, mut woken) = (self.env.clock.now_ms(), rows.len() == PAGE_ROWS, false);
            found = true;
            for row in rows {
                let Some((at, owner)) = decode(row.key.as_bytes()) else {
                    tracing::error!(key = ?row.key, "the key of an alarm cannot be read");
                    continue;
                };
                if at <= now_ms {
                    self.env.work.wake(&owner);
                    woken = true;
                } else if at > now_ms + AHEAD_MS || self.soon.len() >= SOON_MAX {
                    return Ok(true);
                } else {
                    self.soon.insert((at, owner));
                }
            }
            if !full {
                return Ok(found);
            }
            if woken {
                sleep(PAUSE).await;
                // What has become due meanwhile does not wait for the rest.
                self.ring(self.env.clock.now_ms());
            }
            from = Bound::Excluded(last);
        }
    }

    /// The first day of a shard that may have alarms. An installation that has none yet begins yesterday.
    async fn first_day(&mut self, shard: u64, today: u64) -> Result<u64, Error> {
        if let Some(known) = self.first_days[shard as usize] {
            return Ok(known);
        }
        let stored: Option<u64> = self.env.store.get_row(Table::Alarms, shard, first_day_key()).await?;
        match stored {
            Some(day) => {
                self.first_days[shard as usize] = Some(day);
                Ok(day)
            }
            None => {
                let day = today.saturating_sub(1);
                self.keep_first_day(shard, day).await?;
                Ok(day)
            }
        }
    }

    async fn keep_first_day(&mut self, shard: u64, day: u64) -> Result<(), Error> {
        let mut batch = Batch::new();
        batch.put_row(Table::Alarms, shard, first_day_key(), &day);
        self.env.store.commit(batch).await?;
        self.first_days[shard as usize] = Some(day);
        Ok(())
    }
}

/// Where a shard keeps its first day, beside the alarms of owners, whose keys begin with a name.
fn first_day_key() -> Key {
    Key::bytes(&[0])
}
