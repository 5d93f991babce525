//! `consort-sim`: runs simulations from the command line.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use consort_runtime::Planted;
use consort_sim::{Plan, Report, run};

/// Simulates whole clusters, a seed each
#[derive(Debug, Parser)]
#[command(name = "consort-sim", version)]
struct Args {
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds, one after the other
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Nodes of the cluster
    #[arg(long, default_value_t = 3)]
    nodes: u16,
    /// Simulated seconds of work and faults
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// People
    #[arg(long, default_value_t = 10)]
    people: u64,
    /// Acts of each person at most
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    acts: u64,
    /// Crashes, partitions, jumps and moves at most
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    faults: u64,
    /// Does not look for a smaller failure
    #[arg(long)]
    no_shrink: bool,
    /// Plants one bug after the other and looks for it, in at most 200 seeds each
    #[arg(long)]
    planted: bool,
    /// Goes on after a seed that fails
    #[arg(long)]
    keep_going: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_env("CONSORT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time().init();
    let (done, end) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let code = if args.planted { find_planted(args.seed) } else { run_all(&args) };
        let _gone = done.send(code);
    });
    watch(&end)
}

/// Runs the seeds that the command line asks for.
fn run_all(args: &Args) -> ExitCode {
    let mut failed = 0;
    let mut sum = Report::default();
    let mut out = io::stdout().lock();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let plan = plan(args, seed);
        let report = run_watched(plan);
        sum.acknowledged += report.acknowledged;
        sum.refused += report.refused;
        sum.unknown += report.unknown;
        sum.events += report.events;
        sum.crashes += report.crashes;
        sum.drained += report.drained;
        sum.cuts += report.cuts;
        sum.ended += report.ended;
        sum.moved += report.moved;
        if report.broken.is_empty() {
            continue;
        }
        failed += 1;
        let _told = writeln!(out, "seed {seed}: {} broken", report.broken.len());
        for text in report.broken.iter().take(20) {
            let _told = writeln!(out, "  {text}");
        }
        let _told = writeln!(out, "  commit: {}\n  replay: {}", commit(), command(plan));
        if !args.no_shrink {
            let (smallest, broken) = shrink(plan, report.broken);
            let _told = writeln!(out, "  smallest: {}", command(smallest));
            for text in broken.iter().take(5) {
                let _told = writeln!(out, "    {text}");
            }
        }
        if !args.keep_going {
            break;
        }
    }
    let _told = writeln!(
        out,
        "{} seeds, {failed} failed; {} acts acknowledged, {} refused, {} unknown; {} events told; {} sessions ended, {} moved; {} crashes, {} drains, {} cuts",
        args.seeds,
        sum.acknowledged,
        sum.refused,
        sum.unknown,
        sum.events,
        sum.ended,
        sum.moved,
        sum.crashes,
        sum.drained,
        sum.cuts
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How long one plan may take on a slow and busy machine; it is a fraction of a second on a quiet one.
const PLAN_LIMIT: Duration = Duration::from_secs(300);
/// The plan that runs now, and since when.
static RUNNING: Mutex<Option<(Plan, Instant)>> = Mutex::new(None);

/// Runs a plan where [`watch`] sees it.
fn run_watched(plan: Plan) -> Report {
    let set = |running| *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = running;
    set(Some((plan, Instant::now())));
    let report = run(plan);
    set(None);
    report
}

/// Waits for the end of all plans, or names the one that does not end. Returning from `main` ends the process: nothing else can stop
/// a loop that never waits.
fn watch(end: &mpsc::Receiver<ExitCode>) -> ExitCode {
    loop {
        match end.recv_timeout(Duration::from_secs(1)) {
            Ok(code) => return code,
            // A panic has said what it was.
            Err(mpsc::RecvTimeoutError::Disconnected) => return ExitCode::FAILURE,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        let running = *RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((plan, since)) = running
            && since.elapsed() > PLAN_LIMIT
        {
            // Not to standard output: whoever does not end holds it.
            eprintln!("seed {} does not end\n  commit: {}\n  replay: {}", plan.seed, commit(), command(plan));
            return ExitCode::FAILURE;
        }
    }
}

fn plan(args: &Args, seed: u64) -> Plan {
    Plan {
        nodes: args.nodes,
        // Some only listen, and there must be somebody else.
        people: args.people.max(PEOPLE_MIN),
        duration: Duration::from_secs(args.seconds),
        faults_max: args.faults,
        acts_max: args.acts,
        ..Plan::of(seed)
    }
}

/// What runs a plan.
fn command(plan: Plan) -> String {
    let Plan { seed, nodes, people, duration, .. } = plan;
    let seconds = duration.as_secs();
    let mut words =
        format!("cargo xtask sim --seed {seed} --nodes {nodes} --people {people} --seconds {seconds}");
    let most = [("--acts", plan.acts_max), ("--faults", plan.faults_max)];
    for (option, most) in most.into_iter().filter(|(_, most)| *most != u64::MAX) {
        words.push_str(&format!(" {option} {most}"));
    }
    words
}

/// The commit of the sources.
fn commit() -> String {
    let told = std::process::Command::new("git").args(["rev-parse", "--short", "HEAD"]).output().ok();
    let text = told.and_then(|told| String::from_utf8(told.stdout).ok()).unwrap_or_default();
    text.trim().to_owned()
}

/// People at least.
const PEOPLE_MIN: u64 = 5;
/// Runs that shrinking takes at most.
const SHRINKS_MAX: usize = 60;

/// Looks for a smaller plan that fails, too: fewer people, fewer acts, fewer faults, less time. Gives the smallest one found,
/// and what it breaks.
fn shrink(mut plan: Plan, mut broken: Vec<String>) -> (Plan, Vec<String>) {
    let mut runs = 0;
    loop {
        let smaller = smaller(plan).into_iter().find_map(|smaller| {
            runs += 1;
            let broken = if runs <= SHRINKS_MAX { run_watched(smaller).broken } else { Vec::new() };
            (!broken.is_empty()).then_some((smaller, broken))
        });
        match smaller {
            Some((smaller, found)) => (plan, broken) = (smaller, found),
            None => return (plan, broken),
        }
    }
}

/// Plans a step smaller, the boldest first.
fn smaller(plan: Plan) -> Vec<Plan> {
    let seconds = plan.duration.as_secs();
    // No more than that happens in the time there is.
    let (acts, faults) = (plan.acts_max.min(2 * seconds), plan.faults_max.min(seconds / 2));
    let mut plans = Vec::new();
    for part in [2, 4] {
        let less = |number: u64| number - number.div_ceil(part);
        plans.extend([
            Plan { duration: Duration::from_secs(less(seconds)), ..plan },
            Plan { people: less(plan.people).max(PEOPLE_MIN), ..plan },
            Plan { acts_max: less(acts), ..plan },
            Plan { faults_max: less(faults), ..plan },
        ]);
    }
    plans.retain(|smaller| {
        smaller.duration < plan.duration
            || smaller.people < plan.people
            || smaller.acts_max < acts
            || smaller.faults_max < faults
    });
    plans
}

/// Seeds in which a planted bug must be found.
const PLANTED_SEEDS: u64 = 200;

/// Plants each bug and runs seeds until a check finds it.
fn find_planted(first: u64) -> ExitCode {
    let mut out = io::stdout().lock();
    if !cfg!(feature = "planted") {
        let _told = writeln!(out, "this build has no planted bugs: build it with --features planted");
        return ExitCode::FAILURE;
    }
    let mut missed = 0;
    for bug in Planted::ALL {
        consort_runtime::plant(Some(bug));
        let found = (first..first + PLANTED_SEEDS).find_map(|seed| {
            let broken = run_watched(Plan::of(seed)).broken;
            Some((seed, broken.first()?.clone()))
        });
        let _told = match found {
            Some((seed, text)) => writeln!(out, "{bug:?}: found by seed {seed}: {text}"),
            None => {
                missed += 1;
                writeln!(out, "{bug:?}: NOT FOUND in {PLANTED_SEEDS} seeds")
            }
        };
    }
    consort_runtime::plant(None);
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
