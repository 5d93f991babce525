//! Measures durable commits, newest-first scans and bulk loading: `cargo run --release --example commit_rate [DIR]`.

#![allow(clippy::print_stdout, reason = "a measuring program")]

use consort_store::{Batch, Key, Range, Row, Store, Table, row};
use consort_store_embedded::{Embedded, Options};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const ROW_BYTES: usize = 600;
const CHANNELS: u64 = 100;
const TIME: Duration = Duration::from_secs(5);
const MEMBERS: u64 = 600_000;

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

async fn commits(store: &Arc<Embedded>, next: &Arc<AtomicU64>, committers: usize) {
    let begin = Instant::now();
    let groups_before = store.stats().groups;
    let tasks: Vec<_> = (0..committers)
        .map(|_| {
            let (store, next) = (store.clone(), next.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while begin.elapsed() < TIME {
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    let mut batch = Batch::new();
                    batch.require_epoch("guild", id % CHANNELS, 1);
                    batch.put(Table::Messages, id % CHANNELS, id, vec![b'm'; ROW_BYTES].into());
                    let begin = Instant::now();
                    store.commit(batch).await.expect("the store works");
                    times.push(begin.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("no task panics"));
    }
    let elapsed = begin.elapsed().as_secs_f64();
    times.sort();
    let groups = (store.stats().groups - groups_before) as f64;
    println!(
        "{committers:3} committers: {:6.0} commits/s, {:4.1} a group, p50 {:?}, p99 {:?}, max {:?}",
        times.len() as f64 / elapsed,
        times.len() as f64 / groups,
        percentile(&times, 50),
        percentile(&times, 99),
        times[times.len() - 1],
    );
}

async fn scans(store: &Embedded) {
    let mut times = Vec::new();
    for number in 0..5_000 {
        let begin = Instant::now();
        let rows =
            store.scan(Table::Messages, number % CHANNELS, Range::newest(50)).await.expect("the store works");
        assert_eq!(rows.len(), 50);
        times.push(begin.elapsed());
    }
    times.sort();
    println!("newest 50 of a channel: p50 {:?}, p99 {:?}", percentile(&times, 50), percentile(&times, 99));
}

fn bulk(store: &Embedded) {
    let member = |id: u64| {
        let nick = format!("member number {id}");
        let value =
            row::encode(&(id, nick, "2026-01-01T00:00:00.000000+00:00", [1u64 << 50; 6], false, false));
        (Table::Members, 1, Row { key: Key::id((id << 22) + (1 << 60)), value })
    };
    let begin = Instant::now();
    store.bulk_load((0..MEMBERS).map(member)).expect("the store works");
    println!("{MEMBERS} members loaded in {:.1} s", begin.elapsed().as_secs_f64());
}

#[tokio::main]
async fn main() {
    let dir = std::env::args_os().nth(1).map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| std::env::temp_dir().join(format!("commit_rate-{}", std::process::id())));
    let store = Arc::new(Embedded::open(&dir, Options::default()).expect("the directory is free"));
    let next = Arc::new(AtomicU64::new(1 << 60));
    for committers in [1, 8, 32, 128] {
        commits(&store, &next, committers).await;
    }
    scans(&store).await;
    bulk(&store);
    println!("{:?}", store.stats());
    store.close().await;
    std::fs::remove_dir_all(&dir).expect("the directory is ours");
}
