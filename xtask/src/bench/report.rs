//! Tables and lines of JSON.

use super::floor::Floors;
use super::measure;
use super::rig::{Phase, Rig};
use serde_json::{Value, json};

const COLUMNS: [&str; 13] = [
    "phase",
    "sessions",
    "events",
    "deliveries/s",
    "µs/delivery",
    "× plain",
    "× io_uring",
    "client µs",
    "wall p50",
    "wall max",
    "p50 ms",
    "p99 ms",
    "wrong",
];

/// Prints the phases of one server as a table.
pub fn table(rig: &Rig, phases: &[Phase], floors: Option<Floors>) {
    println!();
    line(&COLUMNS.map(str::to_owned));
    for phase in phases {
        let figures = Figures::of(phase, floors);
        line(&[
            phase.name.clone(),
            rig.sessions.to_string(),
            phase.events.to_string(),
            format!("{:.0}", figures.rate),
            format!("{:.2}", figures.server_us),
            ratio(figures.to_plain),
            ratio(figures.to_ring),
            format!("{:.2}", figures.client_us),
            format!("{:.1}", figures.wall_p50_ms),
            format!("{:.1}", figures.wall_max_ms),
            format!("{:.1}", figures.p50_ms),
            format!("{:.1}", figures.p99_ms),
            phase.tally.faults().to_string(),
        ]);
    }
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
}

/// A line of the table; the first column is wide.
fn line(cells: &[String; COLUMNS.len()]) {
    let text: Vec<String> = cells[1..].iter().map(|cell| format!("{cell:>14}")).collect();
    println!("{:<22}{}", cells[0], text.concat());
}

struct Figures {
    rate: f64,
    server_us: f64,
    client_us: f64,
    to_plain: Option<f64>,
    to_ring: Option<f64>,
    wall_p50_ms: f64,
    wall_max_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
}

impl Figures {
    fn of(phase: &Phase, floors: Option<Floors>) -> Self {
        let deliveries = phase.tally.deliveries.max(1) as f64;
        let server_us = phase.server_us as f64 / deliveries;
        let wall = |percent: f64| f64::from(measure::percentile(&phase.walls, percent)) / 1000.0;
        let latency = |percent: f64| phase.tally.latency.percentile(percent) as f64 / 1000.0;
        let to = |floor: f64| server_us / floor.max(0.01);
        Self {
            rate: deliveries / phase.wall.as_secs_f64(),
            server_us,
            client_us: phase.client_us as f64 / deliveries,
            to_plain: floors.map(|floors| to(floors.plain)),
            to_ring: floors.and_then(|floors| floors.ring).map(to),
            wall_p50_ms: wall(50.0),
            wall_max_ms: wall(100.0),
            p50_ms: latency(50.0),
            p99_ms: latency(99.0),
        }
    }
}

/// The figures of a phase.
pub fn phase_json(rig: &Rig, phase: &Phase, floors: Option<Floors>) -> Value {
    let figures = Figures::of(phase, floors);
    let tally = &phase.tally;
    json!({
        "phase": phase.name, "events": phase.events, "wall_s": phase.wall.as_secs_f64(),
        "expected": phase.events * rig.sessions, "delivered": tally.deliveries, "deliveries_per_s": figures.rate.round(),
        "server_us_per_delivery": figures.server_us, "ratio_to_plain": figures.to_plain,
        "ratio_to_io_uring": figures.to_ring,
        "client_us_per_delivery": figures.client_us, "reads": tally.reads,
        "event_wall_ms": {"p50": figures.wall_p50_ms, "max": figures.wall_max_ms},
        "latency_ms": {"p50": figures.p50_ms, "p99": figures.p99_ms, "max": tally.latency.max() as f64 / 1000.0},
        "gaps": tally.gaps, "doubles": tally.doubles, "wrong": tally.wrong, "other_dispatches": tally.others,
        "frame_bytes": tally.frame_bytes,
    })
}

/// The floors in microseconds a send.
pub fn floors_json(floors: Option<Floors>) -> Value {
    json!({ "plain": floors.map(|floors| floors.plain), "io_uring": floors.and_then(|floors| floors.ring) })
}

/// Prints the line of JSON of one server, with what is the same for all benches.
pub fn json_line(bench: &str, rig: &Rig, mut figures: Value) {
    let common = json!({
        "bench": bench, "sessions": rig.sessions, "members": rig.members, "compress": rig.compress.name(), "gateway_io": rig.gateway_io,
        "ready_s": rig.ready.as_secs_f64(), "connects_tried_again": rig.retries, "identify_us_per_session": rig.identify_us, "memory": rig.memory_json(),
    });
    if let (Some(figures), Some(common)) = (figures.as_object_mut(), common.as_object()) {
        for (key, value) in common {
            figures.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    println!("{figures}");
}
