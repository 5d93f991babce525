//! A log: how a group of batches is decided.
//!
//! A log is one row that only conditional writes change. It has the epoch of the owner, a number, and the writes of the last
//! group. A group is **decided** when the row has taken it, on the condition that epoch and number are still those it was made
//! for; so of two writers one wins, and an owner that was replaced has no more to say. Then the group is applied to its
//! tables, and only then answered. Whoever does not know that the last group was applied, such as the next owner, applies it once more
//! before anything else. So a group is in all its tables or will be, whatever happens to who has decided it.
//!
//! The outcome of a conditional write may stay unknown, when a node dies. Then the row is read again, which settles it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use consort_store::{Error, Precondition, Table, Write};
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use crate::Inner;
use crate::apply::is_shared;
use crate::codec;
use crate::errors::{backend, copy, unexpected};
use crate::queue::{Done, Item, Known, LogId};
use crate::ring::LogStatements;
use crate::stamps;

/// A group that is not decided and applied by then has an unknown outcome. An owner that hears so begins anew, so it is longer than
/// a node of the ring takes to be missed by the others.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before a log is tried again that others write, too, or whose nodes do not answer; it doubles up to 16 times as much.
const PAUSE: Duration = Duration::from_millis(5);

/// As many groups as may be written by others before somebody who has missed an answer asks what was done.
const WRITERS: usize = 16;

type Writers = [i64; WRITERS];

fn writers_bytes(writers: &Writers) -> Vec<u8> {
    writers.iter().flat_map(|writer| writer.to_be_bytes()).collect()
}

fn writers_of(bytes: &[u8]) -> Writers {
    let mut writers = Writers::default();
    for (writer, bytes) in writers.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *writer = i64::from_be_bytes(*bytes);
    }
    writers
}

/// Where a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The newest epoch that has written; 0 in the log of a partition.
    pub(crate) epoch: u64,
    /// The number of the last group.
    seq: i64,
    /// Who has written that and the groups before it, the last one first: a number that is drawn for each try.
    writers: Writers,
    /// The last timestamp of that group.
    newest: i64,
}

/// The pauses between tries, up to [`PATIENCE`].
struct Pauses {
    deadline: Instant,
    next: Duration,
}

impl Pauses {
    fn begin() -> Self {
        Self { deadline: Instant::now() + PATIENCE, next: PAUSE }
    }

    /// Waits, or says that it was long enough.
    async fn wait(&mut self) -> bool {
        if Instant::now() + self.next >= self.deadline {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(PAUSE * 16);
        true
    }
}

/// What each batch of a group is answered.
type Outcomes = Vec<Result<(), Error>>;

/// What became of a try.
enum Outcome {
    Decided,
    /// Somebody else was first.
    Lost,
}

impl Inner {
    fn log_statements(&self, log: LogId) -> &LogStatements {
        match log {
            LogId::Owner(..) => &self.ring.owners,
            LogId::Partition(..) => &self.ring.partitions,
        }
    }

    /// Decides and applies a group, and answers each of its batches.
    pub(crate) async fn commit_group(
        self: &Arc<Self>,
        log: LogId,
        known: &mut Known,
        group: Vec<(Item, Done)>,
    ) {
        let (mut items, mut answers) = (Vec::new(), Vec::new());
        for (item, done) in group {
            items.push(item);
            answers.push(done);
        }
        let outcomes = self.try_group(log, known, &mut items).await;
        if outcomes.is_err() {
            known.forget();
        }
        for (number, done) in answers.into_iter().enumerate() {
            let outcome = match &outcomes {
                Ok(outcomes) => outcomes[number].as_ref().copied().map_err(copy),
                Err(error) => Err(copy(error)),
            };
            // Who has gone needs no answer.
            let _ = done.send(outcome);
        }
    }

    /// The outcome of each batch, or an error after which that of all is unknown.
    async fn try_group(
        self: &Arc<Self>,
        log: LogId,
        known: &mut Known,
        items: &mut [Item],
    ) -> Result<Outcomes, Error> {
        let is_plain = match log {
            LogId::Owner(..) => false,
            LogId::Partition(table, _) => !is_shared(table) && !items.iter().any(Item::is_conditional),
        };
        if is_plain {
            self.write_plainly(log, known, items).await?;
            return Ok(items.iter().map(|_| Ok(())).collect());
        }
        let (mut pauses, mut tried) = (Pauses::begin(), Vec::new());
        loop {
            let failed = match self.decide(log, known, items, &mut tried).await {
                Ok(Some(outcomes)) => return Ok(outcomes),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            known.forget();
            if !pauses.wait().await {
                return Err(failed.unwrap_or(Error::Timeout));
            }
        }
    }

    /// Writes batches by whose rows nobody decides: the order of this process is enough.
    async fn write_plainly(
        self: &Arc<Self>,
        log: LogId,
        known: &mut Known,
        items: &mut [Item],
    ) -> Result<(), Error> {
        let writes: Vec<Write> = items.iter_mut().flat_map(|item| std::mem::take(&mut item.writes)).collect();
        let (first, mut pauses) = (stamps::take(writes.len(), 0), Pauses::begin());
        loop {
            // What another process has taken off the lists is not known here.
            known.listed.clear();
            match self.apply(log, &mut known.listed, &writes, first).await {
                Ok(()) => return Ok(()),
                Err(error) if !pauses.wait().await => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Tries once. `None`: somebody else has written meanwhile.
    ///
    /// # Errors
    /// When nodes do not answer; the next try finds out what was done.
    async fn decide(
        self: &Arc<Self>,
        log: LogId,
        known: &mut Known,
        items: &[Item],
        tried: &mut Vec<(Position, Outcomes)>,
    ) -> Result<Option<Outcomes>, Error> {
        let before = match known.position {
            Some(position) => position,
            None => self.catch_up(log, known).await?,
        };
        if let Some(outcomes) = settled(before, tried) {
            return Ok(Some(outcomes));
        }
        let stored = before.map_or(0, |position| position.epoch);
        let mut outcomes = Vec::with_capacity(items.len());
        for item in items {
            outcomes.push(self.check(item, stored).await?);
        }
        let accepted =
            || items.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(item, _)| item);
        let writes: Vec<Write> = accepted().flat_map(|item| item.writes.iter().cloned()).collect();
        let epoch = accepted().filter_map(Item::epoch).fold(stored, u64::max);
        if writes.is_empty() && epoch == stored {
            return Ok(Some(outcomes));
        }
        let mut writers = before.map_or(Writers::default(), |position| position.writers);
        writers.rotate_right(1);
        writers[0] = self.writers.fetch_add(1, Ordering::Relaxed).cast_signed();
        let first = stamps::take(writes.len(), before.map_or(0, |position| position.newest));
        let after = Position {
            epoch,
            seq: before.map_or(0, |position| position.seq) + 1,
            writers,
            newest: first + i64::try_from(writes.len()).unwrap_or(i64::MAX),
        };
        tried.push((after, outcomes));
        match self.write(log, before, after, &writes).await? {
            Outcome::Lost => {
                tried.pop();
                Ok(None)
            }
            Outcome::Decided => {
                self.apply(log, &mut known.listed, &writes, first).await?;
                known.position = Some(Some(after));
                Ok(tried.pop().map(|(_, outcomes)| outcomes))
            }
        }
    }

    /// Reads where a log is, and applies its last group, which may not be in its tables.
    async fn catch_up(self: &Arc<Self>, log: LogId, known: &mut Known) -> Result<Option<Position>, Error> {
        let Some((position, group)) = self.read_log(log).await? else {
            known.position = Some(None);
            return Ok(None);
        };
        let writes = codec::decode(&group)?;
        let first = position.newest - i64::try_from(writes.len()).unwrap_or(0);
        self.apply(log, &mut known.listed, &writes, first).await?;
        known.position = Some(Some(position));
        Ok(Some(position))
    }

    async fn read_log(&self, log: LogId) -> Result<Option<(Position, Vec<u8>)>, Error> {
        let (kind, key) = name(log);
        let values = (self.namespace, kind, key);
        let read = &self.log_statements(log).read;
        let found = self.ring.session.execute_unpaged(read, values).await.map_err(backend)?;
        let found = found.into_rows_result().map_err(unexpected)?;
        let row = found.maybe_first_row::<(i64, i64, &[u8], i64, &[u8])>().map_err(unexpected)?;
        Ok(row.map(|(epoch, seq, writers, newest, group)| {
            (
                Position { epoch: epoch.cast_unsigned(), seq, writers: writers_of(writers), newest },
                group.to_vec(),
            )
        }))
    }

    /// The conditional write by which a group is decided.
    async fn write(
        &self,
        log: LogId,
        before: Option<Position>,
        after: Position,
        writes: &[Write],
    ) -> Result<Outcome, Error> {
        let _permit = self.deciding.acquire().await.map_err(Error::backend)?;
        let (kind, key) = name(log);
        let group = codec::encode(writes);
        let of_log =
            (after.epoch.cast_signed(), after.seq, writers_bytes(&after.writers), after.newest, &group);
        let statements = self.log_statements(log);
        let session = &self.ring.session;
        let result = match before {
            None => {
                let values = (of_log.0, of_log.1, of_log.2, of_log.3, of_log.4, self.namespace, kind, key);
                session.execute_unpaged(&statements.insert, values).await
            }
            Some(before) => {
                let condition = (before.epoch.cast_signed(), before.seq);
                let values = (
                    of_log.0,
                    of_log.1,
                    of_log.2,
                    of_log.3,
                    of_log.4,
                    self.namespace,
                    kind,
                    key,
                    condition.0,
                    condition.1,
                );
                session.execute_unpaged(&statements.update, values).await
            }
        };
        let rows = result.map_err(backend)?.into_rows_result().map_err(unexpected)?;
        let applied = rows.first_row::<scylla::value::Row>().map_err(unexpected)?;
        // The first column of every answer to a conditional write is `[applied]`.
        let applied = applied.columns.first().and_then(|column| column.as_ref()?.as_boolean());
        Ok(if applied == Some(true) { Outcome::Decided } else { Outcome::Lost })
    }

    /// Whether the preconditions of a batch hold; the outer error says that it could not be found out.
    async fn check(&self, item: &Item, stored: u64) -> Result<Result<(), Error>, Error> {
        let reads = item.preconditions.iter().map(|(_, precondition)| async move {
            match precondition {
                Precondition::Absent { table, partition, key }
                | Precondition::Present { table, partition, key }
                | Precondition::Equals { table, partition, key, .. } => {
                    self.read_one(*table, *partition, key).await
                }
                Precondition::Epoch { .. } => Ok(None),
            }
        });
        let rows = try_join_all(reads).await?;
        for ((index, precondition), row) in item.preconditions.iter().zip(rows) {
            let holds = match precondition {
                Precondition::Absent { .. } => row.is_none(),
                Precondition::Present { .. } => row.is_some(),
                Precondition::Equals { value, .. } => row.as_ref() == Some(value),
                Precondition::Epoch { service, owner, epoch } => {
                    if stored > *epoch {
                        return Ok(Err(Error::StaleEpoch { service, owner: *owner, epoch: *epoch, stored }));
                    }
                    true
                }
            };
            if !holds {
                return Ok(Err(Error::Conflict { index: *index }));
            }
        }
        Ok(Ok(()))
    }

    /// Whether the preconditions of a batch over several partitions hold now.
    pub(crate) async fn check_now(&self, preconditions: &[Precondition]) -> Result<(), Error> {
        let preconditions = preconditions.iter().cloned().enumerate().collect();
        self.check(&Item { preconditions, writes: Vec::new() }, 0).await?
    }
}

/// What became of tries whose answers were missed, now that it is known where the log is. Where very many others have written since,
/// nobody can know any more.
fn settled(now: Option<Position>, tried: &mut Vec<(Position, Outcomes)>) -> Option<Outcomes> {
    let now = now?;
    while let Some((position, outcomes)) = tried.pop() {
        let Ok(since) = usize::try_from(now.seq - position.seq) else { continue };
        match now.writers.get(since) {
            Some(writer) if *writer == position.writers[0] => return Some(outcomes),
            Some(_) => {}
            None => return Some(outcomes.iter().map(|_| Err(Error::Timeout)).collect()),
        }
    }
    None
}

/// What a log is called in its table.
fn name(log: LogId) -> (&'static str, i64) {
    match log {
        LogId::Owner(service, key) => (service, key.cast_signed()),
        LogId::Partition(table, partition) => (Table::name(table), partition.cast_signed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_without_an_answer_is_done_or_not_or_nobody_knows() {
        let at = |seq, last: &[i64]| {
            let mut writers = Writers::default();
            writers[..last.len()].copy_from_slice(last);
            Position { epoch: 1, seq, writers, newest: 0 }
        };
        let settle = |now| {
            let outcomes = vec![Ok(()), Err(Error::Conflict { index: 2 })];
            settled(now, &mut vec![(at(5, &[70, 3]), outcomes)])
        };
        assert!(settle(None).is_none() && settle(Some(at(4, &[3]))).is_none(), "not done");
        assert!(settle(Some(at(5, &[9, 3]))).is_none(), "somebody else was first");
        for done in [at(5, &[70, 3]), at(7, &[8, 9, 70, 3])] {
            let outcomes = settle(Some(done)).expect("it was done");
            assert!(matches!(outcomes[..], [Ok(()), Err(Error::Conflict { index: 2 })]), "{outcomes:?}");
        }
        let lost = settle(Some(at(5 + WRITERS as i64, &[1; WRITERS]))).expect("nobody knows");
        assert!(lost.iter().all(|outcome| matches!(outcome, Err(Error::Timeout))), "{lost:?}");
        assert!(settled(Some(at(6, &[9])), &mut Vec::new()).is_none(), "nothing was tried");
        assert_eq!(writers_of(&writers_bytes(&at(5, &[70, -3]).writers)), at(5, &[70, -3]).writers);
    }
}
