//! The writer: one thread that commits what waits as one transaction.

use crate::{
    apply::{Applied, Broken, Epochs, apply},
    checkpoint::Checkpoints,
    mark::Mark,
    options::Counts,
    queue::Queue,
    turn::Turn,
    wal,
};
use consort_store::{Batch, Error};
use rusqlite::Connection;
use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};
use tokio::sync::oneshot;

/// Batches of one transaction at most: beyond it the cost of the synchronisation is spread thin enough.
const GROUP_BATCHES_MAX: usize = 128;

/// A transaction takes no further batch once it has so many bytes (4 MiB).
const GROUP_BYTES_MAX: usize = 4 << 20;

/// A batch that waits for the writer, and where its outcome goes.
pub(crate) struct WriteJob {
    pub(crate) batch: Batch,
    pub(crate) done: oneshot::Sender<Result<(), Error>>,
}

type Outcome = Result<(), Error>;

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) queue: Arc<Queue<WriteJob>>,
    pub(crate) turn: Arc<Turn>,
    pub(crate) checkpoints: Arc<Checkpoints>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) epochs: Epochs,
    pub(crate) mark: Mark,
}

/// What ends with the writer, also when it panics: nobody may wait for it any more.
struct Ending(Arc<Queue<WriteJob>>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Writer {
    /// Serves the queue until it is closed and empty.
    pub(crate) fn run(mut self) {
        let _ending = Ending(self.queue.clone());
        while self.queue.wait() {
            let turn = self.turn.take();
            // Taken only now, so that what came while waiting for the turn is in the same group.
            let jobs = self.queue.drain(GROUP_BATCHES_MAX, GROUP_BYTES_MAX);
            let (batches, answers): (Vec<_>, Vec<_>) =
                jobs.into_iter().map(|job| (job.batch, job.done)).unzip();
            let outcomes = self.commit(&batches);
            drop(turn);
            self.count(&outcomes);
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                // Nobody needs to wait for the outcome.
                let _ = answer.send(outcome);
            }
        }
    }

    fn count(&self, outcomes: &[Outcome]) {
        let committed = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
        self.counts.groups.fetch_add(1, Ordering::Relaxed);
        self.counts.committed.fetch_add(committed, Ordering::Relaxed);
        self.counts.refused.fetch_add(outcomes.len() as u64 - committed, Ordering::Relaxed);
        if committed > 0 {
            self.checkpoints.note_writes();
        }
    }

    /// Commits a group as one transaction, and without the batches that turn out to be at fault halfway through.
    fn commit(&mut self, batches: &[Batch]) -> Vec<Outcome> {
        let mut faults = HashMap::new();
        loop {
            match self.transaction(batches, &faults) {
                Ok(mut outcomes) => {
                    faults.into_iter().for_each(|(index, error)| outcomes[index] = Err(error));
                    return outcomes;
                }
                Err(Failure::Batch(index, error)) => {
                    self.undo();
                    faults.insert(index, error);
                }
                Err(Failure::Database(error)) => {
                    tracing::error!(%error, batches = batches.len(), "group commit failed");
                    wal::note_corruption(&error);
                    self.undo();
                    let error = Arc::new(error);
                    return batches.iter().map(|_| Err(Error::backend(error.clone()))).collect();
                }
            }
        }
    }

    fn transaction(
        &mut self,
        batches: &[Batch],
        faults: &HashMap<usize, Error>,
    ) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::with_capacity(batches.len());
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for (index, batch) in batches.iter().enumerate() {
            if faults.contains_key(&index) {
                // Replaced by the fault.
                outcomes.push(Ok(()));
                continue;
            }
            match apply(&self.connection, &mut self.epochs, batch) {
                Ok(Applied::Done) => outcomes.push(Ok(())),
                Ok(Applied::Refused(error)) => outcomes.push(Err(error)),
                Err(Broken::Batch(error)) => return Err(Failure::Batch(index, error)),
                Err(Broken::Database(error)) => return Err(error.into()),
            }
        }
        match self.mark.raise(&self.connection) {
            Ok(()) => {}
            Err(Broken::Database(error)) => return Err(error.into()),
            Err(Broken::Batch(_)) => unreachable!("the mark is no snowflake's row"),
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.mark.committed();
        Ok(outcomes)
    }

    /// Undoes the transaction, if the failure has not done so.
    fn undo(&mut self) {
        self.epochs.forget();
        self.mark.undone();
        if !self.connection.is_autocommit()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "rollback failed");
        }
    }
}

/// Why a transaction must be undone.
enum Failure {
    /// The batch at this position is at fault.
    Batch(usize, Error),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Failure {
        Failure::Database(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, schema};
    use consort_store::Table;

    fn writer(dir: &std::path::Path) -> Writer {
        let path = dir.join("store.sqlite");
        Writer {
            connection: schema::open_writer(&path, &Options::default()).unwrap(),
            queue: Arc::new(Queue::new(10, 1_000)),
            turn: Arc::default(),
            checkpoints: Arc::new(Checkpoints::new(&path, u64::MAX)),
            counts: Arc::default(),
            epochs: Epochs::default(),
            mark: Mark::default(),
        }
    }

    fn batch(id: u64, bytes: usize) -> Batch {
        let mut batch = Batch::new();
        batch.require_epoch("guild", 1, id).put(Table::Users, id, 1, vec![0; bytes].into());
        batch
    }

    #[test]
    fn a_full_disk_fails_the_group_and_nothing_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = writer(dir.path());
        let pages: i64 = writer.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let set_max = format!("PRAGMA max_page_count = {}", pages + 10);
        writer.connection.query_row(&set_max, [], |_| Ok(())).unwrap();

        let outcomes = writer.commit(&[batch(5, 10), batch(6, 200_000)]);
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(Error::Backend(_)))), "{outcomes:?}");
        assert!(writer.connection.is_autocommit(), "no transaction is left open");
        let rows = |writer: &Writer| {
            let count = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM epochs)";
            writer.connection.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(rows(&writer), 0);
        // Epoch 6 was never recorded, so 4 is not stale.
        assert!(writer.commit(&[batch(4, 10)])[0].is_ok());
        assert_eq!(rows(&writer), 2);
    }

    #[test]
    fn a_writer_that_ends_leaves_nobody_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(dir.path());
        let (done, mut receiver) = oneshot::channel();
        writer.queue.push(WriteJob { batch: batch(1, 1), done }, 1).unwrap();
        drop(Ending(writer.queue.clone()));
        assert!(matches!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        let (done, _) = oneshot::channel();
        let refused = writer.queue.push(WriteJob { batch: batch(1, 1), done }, 1);
        assert!(matches!(refused, Err(Error::Closed)));
    }
}
