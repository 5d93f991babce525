//! `cargo xtask bench fanout`: what it costs to deliver an event to every session of a guild, beside what mere sends of
//! as many bytes cost in the same minute.

use super::floor::Floors;
use super::options::Options;
use super::rig::{Phase, Rig, Wants};
use super::world::Kind;
use super::{measure, report};
use crate::args::Args;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Deliveries of a phase, as far as [`EVENTS_MOST`] allows.
const DELIVERIES_LEAST: usize = 200_000;
/// Events of a phase, at least and at most, unless told otherwise.
const EVENTS_LEAST: usize = 20;
const EVENTS_MOST: usize = 200;

/// How often events are made and what else is looked at.
struct Asked {
    /// One at a time; without a word, enough of them for the clock's steps of 10 ms.
    events: Option<usize>,
    batch: usize,
    names: bool,
    idle: Duration,
}

/// Runs the bench for each number of sessions and prints a table and a line of JSON each.
///
/// # Errors
/// When a process fails or an event does not reach everybody.
pub fn run(args: &mut Args) -> Result<(), String> {
    let asked = Asked {
        events: args.option("--events")?,
        batch: args.option("--batch")?.unwrap_or(100),
        names: args.flag("--username-change"),
        idle: Duration::from_secs(args.option("--idle")?.unwrap_or(0)),
    };
    let options = Options::take(args, "1000,10000")?;
    args.rest()?;
    options.sessions.iter().try_for_each(|sessions| one_size(&options, &asked, *sessions))
}

fn one_size(options: &Options, asked: &Asked, sessions: usize) -> Result<(), String> {
    let wants = Wants { names: asked.names, ..Wants::default() };
    let mut rig = Rig::start(options, sessions, wants)?;
    let events =
        asked.events.unwrap_or((DELIVERIES_LEAST / sessions).clamp(EVENTS_LEAST, EVENTS_MOST)).max(1);
    let mut phases = Vec::new();
    let idle = if asked.idle.is_zero() { None } else { Some(idle(&mut rig, asked.idle)?) };
    phases.push(rig.phase("one at a time", |rig| rig.one_at_a_time(Kind::Message, events))?);
    phases.push(rig.phase("batch", |rig| {
        let first = rig.poster.post(Kind::Message)?;
        let mut last = first;
        for _ in 1..asked.batch.max(1) {
            last = rig.poster.post(Kind::Message)?;
        }
        rig.await_all(first..last + 1)?;
        Ok(first..last + 1)
    })?);
    rig.weigh("after events")?;
    if asked.names {
        phases.push(rig.phase("username change", |rig| rig.one_at_a_time(Kind::Name, events))?);
        rig.weigh("after changes of names")?;
    }
    let frame_bytes = phases.first().map_or(900, |phase| phase.tally.frame_bytes);
    let floors = options.floors(sessions, events, frame_bytes)?;
    print(&rig, &phases, floors, idle);
    rig.stop();
    Ok(())
}

/// The server's CPU while nothing but heartbeats happens.
fn idle(rig: &mut Rig, time: Duration) -> Result<Value, String> {
    rig.swarm.tally()?;
    let (before, begun) = (measure::cpu_us(rig.pid())?, Instant::now());
    std::thread::sleep(time);
    let (spent, took) = (measure::cpu_us(rig.pid())? - before, begun.elapsed());
    let tally = rig.swarm.tally()?;
    let percent = spent as f64 / took.as_micros() as f64 * 100.0;
    let each = spent as f64 / tally.beats.max(1) as f64;
    println!(
        "idle for {:.0} s: {percent:.1} % of a core for {:.0} heartbeats a second, {each:.1} µs each",
        took.as_secs_f64(),
        tally.beats as f64 / took.as_secs_f64()
    );
    Ok(json!({
        "seconds": took.as_secs_f64(), "percent_of_a_core": percent, "heartbeats": tally.beats, "answers": tally.acks,
        "us_per_heartbeat": each, "other_dispatches": tally.others,
    }))
}

fn print(rig: &Rig, phases: &[Phase], floors: Option<Floors>, idle: Option<Value>) {
    report::table(rig, phases, floors);
    let memory = rig.memory_json();
    let bytes = |name: &str| memory[name]["pss_per_session"].as_u64().unwrap_or_default();
    if let Some(Floors { plain, ring }) = floors {
        let bytes = phases.first().map_or(0, |phase| phase.tally.frame_bytes);
        let ring = ring.map_or("not to be had".to_owned(), |ring| format!("{ring:.2} µs"));
        println!("floors, {bytes} bytes: {plain:.2} µs for a plain send, by io_uring {ring}");
    }
    println!(
        "ready after {:.1} s, {:.0} µs of the server's CPU a session; its memory a session: {} bytes when ready, {} after events",
        rig.ready.as_secs_f64(),
        rig.identify_us,
        bytes("ready"),
        bytes("after events"),
    );
    let rows: Vec<Value> = phases.iter().map(|phase| report::phase_json(rig, phase, floors)).collect();
    report::json_line(
        "fanout",
        rig,
        json!({"floors_us": report::floors_json(floors), "idle": idle, "rows": rows}),
    );
}
