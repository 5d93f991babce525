//! `cargo xtask bench churn`: sessions are cut off and RESUME while events flow. Every session must have every event
//! once and in order. With `--all`, all are cut off at one moment, and must come back for good.

use super::options::Options;
use super::report;
use super::rig::{Phase, Rig, Wants};
use super::swarm::{Gap, PATIENCE};
use crate::args::Args;
use serde_json::{Value, json};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Events after all have come back: who is closed again meanwhile is of a second wave.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What is to happen.
struct Asked {
    /// The part of the sessions that is cut off each second.
    share: f64,
    gap: Gap,
    rate: f64,
    time: Duration,
    all: bool,
}

/// Runs the bench for each number of sessions.
///
/// # Errors
/// When a process fails or sessions do not come back.
pub fn run(args: &mut Args) -> Result<(), String> {
    let millis = |ms: Option<u64>, otherwise| Duration::from_millis(ms.unwrap_or(otherwise));
    let asked = Asked {
        share: args.option("--percent")?.unwrap_or(1.0) / 100.0,
        gap: Gap {
            least: millis(args.option("--gap-ms")?, 300),
            jitter: millis(args.option("--jitter-ms")?, 0),
        },
        rate: args.option("--rate")?.unwrap_or(5.0),
        time: Duration::from_secs(args.option("--seconds")?.unwrap_or(20)),
        all: args.flag("--all"),
    };
    let mut options = Options::take(args, "10000")?;
    args.rest()?;
    // who resumes must know its sequence number, so all go on inflating
    options.inflate_every = 1;
    options.sessions.iter().try_for_each(|sessions| one_size(&options, &asked, *sessions))
}

fn one_size(options: &Options, asked: &Asked, sessions: usize) -> Result<(), String> {
    let mut rig = Rig::start(options, sessions, Wants { tolerant: true, ..Wants::default() })?;
    let mut rows = Vec::new();
    let mut phases = Vec::new();
    if asked.all {
        let cut = rig.phase("all cut at once", |rig| {
            rig.swarm.cut_all(asked.gap)?;
            let events = rig.poster.post_at_rate(asked.rate, asked.time)?;
            rig.await_back(PATIENCE)?;
            rig.settle(events)
        })?;
        let after = rig.phase("afterwards", |rig| {
            let events = rig.poster.post_at_rate(asked.rate, AFTERWARDS)?;
            rig.settle(events)
        })?;
        phases.extend([cut, after]);
    } else {
        let calm = rig.phase("calm", |rig| {
            let events = rig.poster.post_at_rate(asked.rate, AFTERWARDS)?;
            rig.settle(events)
        })?;
        let churned = rig.phase("churn", |rig| {
            rig.swarm.churn(sessions as f64 * asked.share, asked.gap)?;
            let events = rig.poster.post_at_rate(asked.rate, asked.time)?;
            rig.swarm.churn(0.0, asked.gap)?;
            rig.await_back(PATIENCE)?;
            rig.settle(events)
        })?;
        phases.extend([calm, churned]);
    }
    rig.weigh("after events")?;
    report::table(&rig, &phases, None);
    for phase in &phases {
        let row = row(&rig, phase);
        tell(phase, &row);
        rows.push(row);
    }
    let name = if asked.all { "storm" } else { "churn" };
    report::json_line(
        name,
        &rig,
        json!({"gap_ms": asked.gap.least.as_millis() as u64,
        "jitter_ms": asked.gap.jitter.as_millis() as u64, "rows": rows}),
    );
    rig.stop();
    Ok(())
}

fn row(rig: &Rig, phase: &Phase) -> Value {
    let tally = &phase.tally;
    let ms = |us: u64| us as f64 / 1000.0;
    let mut row = report::phase_json(rig, phase, None);
    row["cut"] = json!(tally.cut);
    row["resumed"] = json!(tally.resumed.count());
    row["resumed_ms"] = json!({
        "p50": ms(tally.resumed.percentile(50.0)), "p99": ms(tally.resumed.percentile(99.0)), "max": ms(tally.resumed.max()),
    });
    row["invalid_session"] = json!(tally.invalid);
    row["retries"] = json!(tally.retries);
    row["closes"] = json!(tally.closes());
    row["close_codes"] = json!(tally.closes);
    row["back_ms"] = json!({
        "p50": ms(tally.back.percentile(50.0)), "p99": ms(tally.back.percentile(99.0)), "all": ms(tally.back.max()),
    });
    row["server_us_per_cut"] = json!(phase.server_us as f64 / tally.cut.max(1) as f64);
    row["back"] = json!(rig.swarm.board.ready.load(Relaxed));
    row
}

fn tell(phase: &Phase, row: &Value) {
    let tally = &phase.tally;
    println!(
        "{}: {} of {} delivered, {} gaps, {} doubles; {} cut off, {} resumed after {} ms (p50) and {} ms (p99), \
         {} told op 9, {} tried again, {} closed by the server",
        phase.name,
        tally.deliveries,
        row["expected"],
        tally.gaps,
        tally.doubles,
        tally.cut,
        tally.resumed.count(),
        row["resumed_ms"]["p50"],
        row["resumed_ms"]["p99"],
        tally.invalid,
        tally.retries,
        tally.closes()
    );
    if tally.back.count() > 0 {
        let back = &row["back_ms"];
        println!(
            "back: half after {} ms, 99 % after {} ms, all after {} ms",
            back["p50"], back["p99"], back["all"]
        );
    }
}
