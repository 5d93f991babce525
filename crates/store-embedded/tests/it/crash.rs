//! Kills a process that writes, and looks for everything it had acknowledged.

use super::*;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
};

/// Set for the process that writes: where to, and in which round.
const DIR: &str = "CONSORT_CRASH_TEST_DIR";
const ROUND: &str = "CONSORT_CRASH_TEST_ROUND";

/// Writers of the process that is killed.
const WRITERS: u64 = 8;

/// Acknowledged batches after which the process is killed.
const KILLED_AFTER: usize = 400;

/// Batch `id` of a round: two rows that must be there both or not at all.
fn batch(id: u64) -> Batch {
    let mut batch = Batch::new();
    batch.require_absent(Table::Messages, 1, id);
    batch.put(Table::Messages, 1, id, vec![b'm'; 600].into()).put_row(Table::Nonces, 1, id, &id);
    batch
}

/// Not a test of its own: the process that is killed. Does nothing when run as a test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_writes_until_it_is_killed() {
    let (Ok(dir), Ok(round)) = (std::env::var(DIR), std::env::var(ROUND)) else { return };
    let round: u64 = round.parse().unwrap();
    let store = Arc::new(open(Path::new(&dir)));
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0.. {
                let id = (round << 40) + number * WRITERS + writer;
                store.commit(batch(id)).await.unwrap();
                // One write call a line; not `print!`, which the test harness would keep.
                std::io::stdout().lock().write_all(format!("acknowledged {id}\n").as_bytes()).unwrap();
            }
        })
    });
    futures_util::future::join_all(writers.collect::<Vec<_>>()).await;
}

/// Runs the child until it has acknowledged enough, kills it, and gives all ids it had acknowledged.
fn run_and_kill(dir: &Path, round: u64) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child_that_writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut acknowledged = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).split(b'\n') {
        let line = String::from_utf8(line.unwrap()).unwrap();
        let Some((_, id)) = line.split_once("acknowledged ") else { continue };
        // The last line may be cut off; then the number is too small to be of this round.
        let id: u64 = id.parse().unwrap_or(0);
        if id >> 40 == round {
            acknowledged.push(id);
        }
        if acknowledged.len() == KILLED_AFTER {
            // SIGKILL; what is in the pipe is still read.
            child.kill().unwrap();
        }
    }
    assert!(!child.wait().unwrap().success());
    acknowledged
}

#[tokio::test]
async fn acknowledged_batches_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 1..=3 {
        let ids = run_and_kill(dir.path(), round);
        assert!(ids.len() >= KILLED_AFTER, "only {} batches in round {round}", ids.len());
        acknowledged.extend(ids);

        let store = open(dir.path());
        for ids in acknowledged.chunks(5_000) {
            let keys = || ids.iter().copied().map(Key::id).collect();
            let messages = store.get_many(Table::Messages, 1, keys()).await.unwrap();
            assert!(messages.iter().all(|message| message.as_ref().is_some_and(|value| value.len() == 600)));
            let nonces = store.get_rows::<u64>(Table::Nonces, 1, keys()).await.unwrap();
            assert!(nonces.iter().zip(ids).all(|(nonce, id)| *nonce == Some(*id)));
        }
        // What was written without being acknowledged is whole, too.
        let all = |table| store.scan(table, 1, Range::all(usize::MAX));
        let (messages, nonces) = (all(Table::Messages).await.unwrap(), all(Table::Nonces).await.unwrap());
        assert!(messages.iter().map(|row| &row.key).eq(nonces.iter().map(|row| &row.key)));
        assert!(messages.len() >= acknowledged.len());
    }
}
