//! `cargo xtask bench slow`: a part of the sessions stops reading while events flow. What becomes of the others, when are
//! the slow ones cut, what do server and kernel hold for each until then, and how do they come back?

use super::kernel;
use super::measure;
use super::options::Options;
use super::report;
use super::rig::{Phase, Rig, Wants};
use super::swarm::PATIENCE;
use crate::args::Args;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often the kernel is asked what it holds.
const LOOK: Duration = Duration::from_millis(500);
/// Bytes of padding in a message, unless told otherwise: nearly the longest, so that buffers fill soon.
const PAD: usize = 1800;

struct Asked {
    every: usize,
    rate: f64,
    calm: Duration,
    time: Duration,
}

/// Runs the bench for each number of sessions.
///
/// # Errors
/// When a process fails or sessions do not come back.
pub fn run(args: &mut Args) -> Result<(), String> {
    let percent = args.option::<f64>("--percent")?.unwrap_or(1.0);
    if !(0.1..=50.0).contains(&percent) {
        return Err("--percent goes from 0.1 to 50".to_owned());
    }
    let time = args.option("--seconds")?.unwrap_or(60);
    let asked = Asked {
        every: (100.0 / percent).round() as usize,
        rate: args.option("--rate")?.unwrap_or(5.0),
        // as long, so that the journals of all are as full when it begins as they will be
        calm: Duration::from_secs(args.option("--calm-seconds")?.unwrap_or(time)),
        time: Duration::from_secs(time),
    };
    let pad = args.option("--pad")?.unwrap_or(PAD);
    let mut options = Options::take(args, "5000")?;
    args.rest()?;
    // who comes back must know its sequence number, so all go on inflating
    (options.inflate_every, options.pad) = (1, pad);
    options.sessions.iter().try_for_each(|sessions| one_size(&options, &asked, *sessions))
}

fn one_size(options: &Options, asked: &Asked, sessions: usize) -> Result<(), String> {
    let mut rig = Rig::start(options, sessions, Wants { tolerant: true, ..Wants::default() })?;
    let calm = rig.phase("nobody slow", |rig| {
        let events = rig.poster.post_at_rate(asked.rate, asked.calm)?;
        rig.settle(events)
    })?;
    let rss = rig.weigh("before they are slow")?.rss;
    let mut watch = Watch::new(rig.swarm.slow(asked.every)?, rig.pid(), rss);
    let mut missed = 0..0;
    let during = rig.phase("some slow", |rig| {
        missed = watch.during(|| rig.poster.post_at_rate(asked.rate, asked.time))?;
        rig.swarm.await_quiet()?;
        Ok(missed.clone())
    })?;
    let back = rig.phase("they come back", |rig| {
        rig.swarm.hurry()?;
        rig.await_back(PATIENCE)?;
        rig.settle(missed.clone())
    })?;
    rig.weigh("after they came back")?;
    let phases = [calm, during, back];
    report::table(&rig, &phases, None);
    let mut figures = watch.figures();
    tell(&phases, &mut figures);
    let rows: Vec<Value> = phases.iter().map(|phase| report::phase_json(&rig, phase, None)).collect();
    report::json_line("slow", &rig, json!({"slow": figures, "rows": rows}));
    rig.stop();
    Ok(())
}

/// Prints what became of the slow ones, and adds what the clients counted to the figures.
fn tell([calm, during, back]: &[Phase; 3], figures: &mut Value) {
    let p99 = |phase: &Phase| phase.tally.latency.percentile(99.0);
    let ratio = p99(during) as f64 / p99(calm).max(1) as f64;
    figures["p99_ratio"] = json!(ratio);
    figures["resumed"] = json!(back.tally.resumed.count());
    figures["invalid_session"] = json!(back.tally.invalid);
    figures["others_closed"] = json!(during.tally.closes);
    println!("the others' p99 is {ratio:.2} times what it is when nobody is slow");
    println!(
        "{} slow: {} cut, the first after {} s, the last after {} s; each held {} bytes in the kernel's queue of the server \
         at most and {} on average, {} in its own; the server's memory grew by {} bytes for each, all TCP buffers by {}; \
         after they were cut the kernel kept up to {} bytes for each",
        figures["sessions"],
        figures["cut"],
        figures["cut_after_s"]["first"],
        figures["cut_after_s"]["last"],
        figures["unsent_bytes"]["most"],
        figures["unsent_bytes"]["average"],
        figures["unread_bytes"],
        figures["server_bytes"],
        figures["tcp_bytes"],
        figures["orphan_bytes"],
    );
    println!(
        "back: {} resumed, {} told op 9; {} gaps, {} doubles in the whole",
        back.tally.resumed.count(),
        back.tally.invalid,
        calm.tally.gaps + during.tally.gaps + back.tally.gaps,
        calm.tally.doubles + during.tally.doubles + back.tally.doubles
    );
}

/// What is held for the slow ones, looked at again and again.
struct Watch {
    slow: HashSet<SocketAddr>,
    pid: u32,
    begun: Instant,
    cut: HashMap<SocketAddr, Duration>,
    rss: (u64, u64),
    tcp: (u64, u64),
    /// Bytes waiting in the server's sockets: of the fullest one, and of all at the fullest moment.
    unsent: (u64, u64),
    /// Bytes in all the slow clients' sockets.
    unread: u64,
    /// Bytes waiting in sockets that the server has closed, when there were most.
    orphans: u64,
}

impl Watch {
    fn new(slow: Vec<SocketAddr>, pid: u32, rss: u64) -> Self {
        let tcp = kernel::tcp_bytes();
        Self {
            slow: slow.into_iter().collect(),
            pid,
            begun: Instant::now(),
            cut: HashMap::new(),
            rss: (rss, rss),
            tcp: (tcp, tcp),
            unsent: (0, 0),
            unread: 0,
            orphans: 0,
        }
    }

    /// Looks while `body` runs, and once more at its end.
    fn during<T>(&mut self, body: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(Relaxed) {
                    self.look();
                    std::thread::sleep(LOOK);
                }
                self.look();
            });
            let result = body();
            ended.store(true, Relaxed);
            result
        })
    }

    fn look(&mut self) {
        let now = self.begun.elapsed();
        let mut open = HashSet::new();
        let (mut unsent, mut unread, mut orphans) = (0, 0, 0);
        for one in kernel::connections() {
            if self.slow.contains(&one.local) {
                unread += one.unread;
            } else if self.slow.contains(&one.remote) && one.is_open {
                open.insert(one.remote);
                unsent += one.unsent;
                self.unsent.0 = self.unsent.0.max(one.unsent);
            } else if self.slow.contains(&one.remote) {
                orphans += one.unsent;
            }
        }
        let Self { slow, cut, .. } = self;
        slow.iter().filter(|address| !open.contains(address)).for_each(|address| {
            cut.entry(*address).or_insert(now);
        });
        self.unsent.1 = self.unsent.1.max(unsent);
        self.unread = self.unread.max(unread);
        self.orphans = self.orphans.max(orphans);
        self.tcp.1 = self.tcp.1.max(kernel::tcp_bytes());
        // a server that is gone shows elsewhere
        self.rss.1 = self.rss.1.max(measure::memory(self.pid).map_or(0, |memory| memory.rss));
    }

    fn figures(&self) -> Value {
        let count = self.slow.len().max(1) as u64;
        let seconds = |time: Option<&Duration>| time.map(Duration::as_secs_f64);
        json!({
            "sessions": self.slow.len(), "cut": self.cut.len(),
            "cut_after_s": {"first": seconds(self.cut.values().min()), "last": seconds(self.cut.values().max())},
            "unsent_bytes": {"most": self.unsent.0, "average": self.unsent.1 / count},
            "unread_bytes": self.unread / count,
            "server_bytes": self.rss.1.saturating_sub(self.rss.0) / count,
            "tcp_bytes": self.tcp.1.saturating_sub(self.tcp.0) / count,
            "orphan_bytes": self.orphans / count,
        })
    }
}
