//! `cargo xtask bench offered`: events at a fixed rate, whether or not the last one is everywhere: what is delivered, how
//! late, and at what cost. An event's latency counts from when it was due, so a slow answer to a post hides nothing.

use super::options::Options;
use super::report;
use super::rig::{Rig, Wants};
use crate::args::Args;
use serde_json::json;
use std::time::Duration;

/// Events of the floors' measurement.
const FLOOR_EVENTS: usize = 20;

/// Runs the bench for each number of sessions and each rate.
///
/// # Errors
/// When a process fails or an event does not reach everybody in the end.
pub fn run(args: &mut Args) -> Result<(), String> {
    let rates = args.option::<String>("--rate")?.unwrap_or_else(|| "5,25".to_owned());
    let rates = rates.split(',').map(|rate| match rate.parse::<f64>() {
        Ok(rate) if rate > 0.0 => Ok(rate),
        _ => Err(format!("--rate: {rate:?} is no number of events a second")),
    });
    let rates: Vec<f64> = rates.collect::<Result<_, _>>()?;
    let time = Duration::from_secs(args.option("--seconds")?.unwrap_or(10));
    let options = Options::take(args, "10000")?;
    args.rest()?;
    options.sessions.iter().try_for_each(|sessions| one_size(&options, &rates, time, *sessions))
}

fn one_size(options: &Options, rates: &[f64], time: Duration, sessions: usize) -> Result<(), String> {
    let mut rig = Rig::start(options, sessions, Wants::default())?;
    let mut phases = Vec::new();
    for rate in rates {
        phases.push(rig.phase(&format!("{rate} events/s"), |rig| {
            let events = rig.poster.post_at_rate(*rate, time)?;
            rig.await_all(events.clone())?;
            Ok(events)
        })?);
    }
    rig.weigh("after events")?;
    let frame_bytes = phases.first().map_or(900, |phase| phase.tally.frame_bytes);
    let floors = options.floors(sessions, FLOOR_EVENTS, frame_bytes)?;
    report::table(&rig, &phases, floors);
    let rows: Vec<_> = phases
        .iter()
        .zip(rates)
        .map(|(phase, rate)| {
            let mut row = report::phase_json(&rig, phase, floors);
            row["offered_per_s"] = json!(rate * sessions as f64);
            row["behind_s"] = json!(phase.wall.saturating_sub(time).as_secs_f64());
            row
        })
        .collect();
    for row in &rows {
        println!(
            "{}: {} offered a second, {} delivered a second, the last {:.1} s after the end",
            row["phase"].as_str().unwrap_or_default(),
            row["offered_per_s"],
            row["deliveries_per_s"],
            row["behind_s"].as_f64().unwrap_or_default()
        );
    }
    report::json_line(
        "offered",
        &rig,
        json!({"floors_us": report::floors_json(floors), "live_every": options.live_every, "rows": rows}),
    );
    rig.stop();
    Ok(())
}
