//! The phases of the bench.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use consort_rpc::search::{Answer, Query};
use consort_runtime::System;
use consort_search::Indexes;
use consort_store::Store as _;
use consort_store_embedded::{Embedded, Options as StoreOptions};
use serde_json::json;
use tokio::task::JoinSet;

use crate::options::Options;
use crate::world::{Dice, World};

/// Who writes at once.
const WRITERS: usize = 8;
/// Every so many searches, somebody looks for what was acknowledged just before.
const FRESH_EACH: u64 = 10;

#[derive(Default)]
struct Counts {
    written: AtomicU64,
    not_ready: AtomicU64,
    refused: AtomicU64,
    fresh: AtomicU64,
    unseen: AtomicU64,
}

struct Bench {
    world: World,
    store: Arc<Embedded>,
    indexes: Arc<Indexes>,
    counts: Counts,
    over: AtomicBool,
}

/// Runs all phases, and prints a table and a line of JSON.
pub async fn run(options: &Options) {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let opened = Embedded::open(&folder.path().join("store"), StoreOptions::default());
    let store = Arc::new(opened.expect("the folder is free"));
    let begun = Instant::now();
    let world = World::fill(&store, options.guilds, options.messages).await;
    println!("{} messages in {} guilds written in {:.1} s", options.messages, options.guilds, seconds(begun));
    let files = folder.path().join("search");
    let indexes = Indexes::open(files.clone(), store.clone(), Arc::new(System)).expect("the folder is free");
    let over = AtomicBool::new(false);
    let bench = Arc::new(Bench { world, store, indexes, counts: Counts::default(), over });

    let (begun, cpu) = (Instant::now(), cpu_us());
    bench.build().await;
    let (built, built_us) = (seconds(begun), cpu_us() - cpu);
    let bytes = folder_bytes(&files);
    let each = options.messages.max(1) as f64;
    println!(
        "all indexes made in {built:.1} s: {:.1} CPU µs and {:.0} bytes on disk a message; resident {:.0} MiB",
        built_us as f64 / each,
        bytes as f64 / each,
        resident_mib()
    );

    let cpu = cpu_us();
    let mut took = bench.clone().search_and_write(options).await;
    took.sort();
    let spent = cpu_us() - cpu;
    report(
        options,
        &bench.counts,
        &took,
        &json!({"build_s": built, "build_cpu_us": built_us, "bytes": bytes, "cpu_us": spent}),
    );
    bench.store.close().await;
}

impl Bench {
    /// Searches in each guild once, until its index is ready.
    async fn build(&self) {
        for guild in 0..self.world.guilds() {
            while matches!(self.find(guild, "nothing at all").await, Found::NotReady) {}
        }
    }

    async fn find(&self, guild: usize, content: &str) -> Found {
        let query = Query { content: content.to_owned(), limit: 25, ..Query::default() };
        match self.indexes.find(self.world.key(guild), self.world.scope(guild), &query).await {
            Ok(Answer::Found { messages, .. }) => Found::Messages(messages.len()),
            Ok(Answer::NotReady { .. }) => Found::NotReady,
            Err(_) => Found::Refused,
        }
    }

    /// People search while people write. Gives how long each search took since it was due.
    async fn search_and_write(self: Arc<Self>, options: &Options) -> Vec<Duration> {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let pause = Duration::from_secs_f64(WRITERS as f64 / options.writes);
            writers.spawn(self.clone().write(writer as u64, pause));
        }
        let (begun, pause) = (Instant::now(), Duration::from_secs_f64(1.0 / options.queries));
        let mut searches = JoinSet::new();
        let (mut dice, mut due, mut number) = (Dice(7), Instant::now(), 0);
        while begun.elapsed() < options.time {
            tokio::time::sleep_until(due.into()).await;
            let (guild, question) = (self.world.draw(&mut dice), self.world.question(&mut dice));
            searches.spawn(self.clone().search(guild, question, number, due));
            (due, number) = (due + pause, number + 1);
        }
        let took = searches.join_all().await;
        self.over.store(true, Relaxed);
        writers.join_all().await;
        took
    }

    async fn write(self: Arc<Self>, number: u64, pause: Duration) {
        let (mut dice, mut due) = (Dice(1000 + number), Instant::now());
        while !self.over.load(Relaxed) {
            tokio::time::sleep_until(due.into()).await;
            let guild = self.world.draw(&mut dice);
            let _id = self.world.write(&self.store, guild, "", &mut dice).await;
            self.counts.written.fetch_add(1, Relaxed);
            due += pause;
        }
    }

    async fn search(self: Arc<Self>, guild: usize, question: String, number: u64, due: Instant) -> Duration {
        if number.is_multiple_of(FRESH_EACH) {
            return self.search_what_is_new(guild, number).await;
        }
        match self.find(guild, &question).await {
            Found::Messages(_) => {}
            Found::NotReady => drop(self.counts.not_ready.fetch_add(1, Relaxed)),
            Found::Refused => drop(self.counts.refused.fetch_add(1, Relaxed)),
        }
        due.elapsed()
    }

    /// Writes a message and looks for it at once: how far is what can be found behind what is acknowledged?
    async fn search_what_is_new(&self, guild: usize, number: u64) -> Duration {
        let word = format!("unique{number}");
        let _id = self.world.write(&self.store, guild, &word, &mut Dice(number)).await;
        let acknowledged = Instant::now();
        self.counts.fresh.fetch_add(1, Relaxed);
        if !matches!(self.find(guild, &word).await, Found::Messages(1)) {
            self.counts.unseen.fetch_add(1, Relaxed);
        }
        acknowledged.elapsed()
    }
}

enum Found {
    Messages(usize),
    NotReady,
    Refused,
}

fn report(options: &Options, counts: &Counts, took: &[Duration], more: &serde_json::Value) {
    let of = |count: &AtomicU64| count.load(Relaxed);
    let percentile = |percent: usize| {
        let index = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(index).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    };
    let (p50, p99, most) = (percentile(50), percentile(99), percentile(100));
    println!(
        "{} searches beside {} new messages: p50 {p50:.1} ms, p99 {p99:.1} ms, max {most:.1} ms; {} not ready, {} refused",
        took.len(),
        of(&counts.written),
        of(&counts.not_ready),
        of(&counts.refused)
    );
    println!(
        "{} of {} messages that were just acknowledged were not found at once; resident {:.0} MiB",
        of(&counts.unseen),
        of(&counts.fresh),
        resident_mib()
    );
    let figures = json!({
        "bench": "search", "messages": options.messages, "guilds": options.guilds, "searches": took.len(),
        "written": of(&counts.written), "p50_ms": p50, "p99_ms": p99, "max_ms": most, "not_ready": of(&counts.not_ready),
        "refused": of(&counts.refused), "fresh": of(&counts.fresh), "unseen": of(&counts.unseen),
        "resident_mib": resident_mib(), "more": more,
    });
    println!("{figures}");
}

fn seconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64()
}

/// CPU time of this process so far, microseconds: user and system, in ticks of 10 ms.
fn cpu_us() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks =
        |field: usize| fields.get(field).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) * 10_000
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or_default();
    kib / 1024.0
}

fn folder_bytes(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}
