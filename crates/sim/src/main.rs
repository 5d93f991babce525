//! `consort-sim`: runs simulations from the command line.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

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
    if args.planted {
        return find_planted(args.seed);
    }
    let mut failed = 0;
    let mut sum = Report::default();
    let mut out = io::stdout().lock();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let plan = Plan { nodes: args.nodes, duration: Duration::from_secs(args.seconds), ..Plan::of(seed) };
        let report = run(plan);
        sum.acknowledged += report.acknowledged;
        sum.refused += report.refused;
        sum.unknown += report.unknown;
        sum.events += report.events;
        sum.crashes += report.crashes;
        if report.broken.is_empty() {
            continue;
        }
        failed += 1;
        let _told = writeln!(out, "seed {seed}: {} broken", report.broken.len());
        for text in report.broken.iter().take(20) {
            let _told = writeln!(out, "  {text}");
        }
        let _told = writeln!(
            out,
            "  replay: cargo xtask sim --seed {seed} --nodes {} --seconds {}",
            args.nodes, args.seconds
        );
        if !args.keep_going {
            break;
        }
    }
    let _told = writeln!(
        out,
        "{} seeds, {failed} failed; {} acts acknowledged, {} refused, {} unknown; {} events told; {} crashes",
        args.seeds, sum.acknowledged, sum.refused, sum.unknown, sum.events, sum.crashes
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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
            let broken = run(Plan::of(seed)).broken;
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
