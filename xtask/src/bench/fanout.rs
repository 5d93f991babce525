//! `cargo xtask bench fanout`: what it costs to deliver a message to every session of a guild, beside what
//! plain sends of as many bytes cost in the same minute.

use super::{http, measure};
use crate::api::{Api, text};
use crate::args::Args;
use crate::server::Server;
use crate::sh;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How many sessions a client process holds: descriptors of a process may be limited to 20,000.
const SESSIONS_PER_PROCESS: usize = 15_000;
/// How many events warm up.
const WARM_UP: usize = 3;
/// How much padding a message carries, so that its frame is of a usual size.
const PAD: usize = 150;

/// Where to post, and who listens.
struct World {
    channel: String,
    authorization: String,
    tokens: PathBuf,
}

/// One measured phase.
struct Phase {
    name: &'static str,
    sessions: usize,
    events: usize,
    wall: Duration,
    server_us: u64,
    figures: Vec<Value>,
}

/// Runs the bench for each number of sessions and prints a table and a line of JSON each.
///
/// # Errors
/// When a process fails or an event does not reach everybody.
pub fn run(args: &mut Args) -> Result<(), String> {
    let sessions = args.option::<String>("--sessions")?.unwrap_or_else(|| "1000,10000".to_owned());
    let events: usize = args.option("--events")?.unwrap_or(20);
    let batch: usize = args.option("--batch")?.unwrap_or(100);
    let binary = super::binary(args)?;
    args.rest()?;
    for count in sessions.split(',') {
        let count: usize = count.parse().map_err(|_| format!("--sessions: {count:?} is no number"))?;
        one_size(&binary, count, events, batch)?;
    }
    Ok(())
}

fn one_size(binary: &Path, sessions: usize, events: usize, batch: usize) -> Result<(), String> {
    let data = sh::fresh("bench-data")?;
    let out = sh::fresh("bench-world")?;
    let prepared = prepared_world(binary, &data, &out, sessions);
    let server = super::start(binary, &data)?;
    let world = match prepared {
        Ok(world) => world,
        Err(reason) => {
            eprintln!("{reason}\nall sessions are of one bot instead");
            small_world(&server, &out)?
        }
    };
    let rss_before = measure::rss_kib(server.pid())?;
    let mut helpers = Helpers::gateway(&server, &world, sessions)?;
    let rss_after = measure::rss_kib(server.pid())?;
    let mut poster = Poster { http: http::Http::connect(server.address)?, world: &world, next: 0 };
    for _ in 0..WARM_UP {
        helpers.await_event(poster.post()?)?;
    }
    helpers.figures()?;
    let one = phase("one at a time", sessions, events, server.pid(), &mut helpers, |helpers| {
        for _ in 0..events {
            helpers.await_event(poster.post()?)?;
        }
        Ok(())
    })?;
    let many = phase("batch", sessions, batch, server.pid(), &mut helpers, |helpers| {
        let mut last = 0;
        for _ in 0..batch {
            last = poster.post()?;
        }
        helpers.await_event(last)
    })?;
    let frame_bytes = one.figures.first().and_then(|figures| figures["frame_bytes"].as_u64()).unwrap_or(900);
    helpers.stop();
    server.stop()?;
    let floor = floor(sessions, events, frame_bytes)?;
    let memory = (rss_after.saturating_sub(rss_before) * 1024) as f64 / sessions as f64;
    print(&[one, many], floor, frame_bytes, memory);
    Ok(())
}

/// Measures what `body` costs the process `pid`, and collects the clients' figures.
fn phase(
    name: &'static str,
    sessions: usize,
    events: usize,
    pid: u32,
    helpers: &mut Helpers,
    mut body: impl FnMut(&mut Helpers) -> Result<(), String>,
) -> Result<Phase, String> {
    let (before, start) = (measure::cpu_us(pid)?, Instant::now());
    body(helpers)?;
    let (wall, after) = (start.elapsed(), measure::cpu_us(pid)?);
    Ok(Phase { name, sessions, events, wall, server_us: after - before, figures: helpers.figures()? })
}

/// A guild with a member for each session, written into the store while no server runs.
fn prepared_world(binary: &Path, data: &Path, out: &Path, sessions: usize) -> Result<World, String> {
    let count = sessions.to_string();
    let mut fill = Command::new(binary);
    fill.args(["bench-world", "--members", &count, "--tokens", &count, "--data"])
        .arg(data)
        .arg("--out")
        .arg(out);
    sh::logged("bench-world", &mut fill, Duration::from_secs(10 * 60))?;
    let env = sh::read(&out.join("world.env"));
    let value = |name: &str| {
        env.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
            .ok_or_else(|| format!("world.env has no {name}"))
    };
    Ok(World {
        channel: value("CHANNEL_ID")?,
        authorization: value("POST_TOKEN")?,
        tokens: out.join("tokens.txt"),
    })
}

/// A guild made over REST, with one bot, whose token serves all sessions.
fn small_world(server: &Server, out: &Path) -> Result<World, String> {
    let api = Api::new(&server.api());
    let owner = api.user("owner", "bench")?;
    let (guild, channel) = api.guild(&owner, "Bench")?;
    let bot = api.bot(&owner, "bench")?;
    api.authorise(&owner, &bot, &guild, "8")?;
    let tokens = out.join("tokens.txt");
    std::fs::write(&tokens, &bot.token).map_err(|error| error.to_string())?;
    Ok(World { channel, authorization: bot.authorization(), tokens })
}

/// Posts numbered events.
struct Poster<'a> {
    http: http::Http,
    world: &'a World,
    next: u64,
}

impl Poster<'_> {
    /// Posts the next event and returns its number.
    fn post(&mut self) -> Result<u64, String> {
        let number = self.next;
        self.next += 1;
        let content = format!("fan {number} {} {}", measure::now_ns(), "x".repeat(PAD));
        let path = format!("/channels/{}/messages", self.world.channel);
        let body = json!({ "content": content }).to_string();
        let answer = self.http.call(&http::request("POST", &path, &self.world.authorization, &body))?;
        let message: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
        text(&message, "id").map(|_| number)
    }
}

/// A helper process of ours with its two pipes.
struct Helper {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    /// Starts `xtask bench WORDS` with all the descriptors that the machine allows.
    fn start(words: &[String]) -> Result<Self, String> {
        let exe = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" bench \"$@\""])
            .arg(exe)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("no output of a helper")?;
        Ok(Self { child, input, output: BufReader::new(output).lines() })
    }

    fn line(&mut self) -> Result<String, String> {
        match self.output.next() {
            Some(Ok(line)) => Ok(line),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("a helper process ended early".to_owned()),
        }
    }

    fn ask(&mut self) -> Result<(), String> {
        self.input.as_mut().ok_or("no input of a helper")?.write_all(b"\n").map_err(|error| error.to_string())
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // the end of its input ends it; killing is for one that hangs, and fails when it is gone
        self.input = None;
        let child = &mut self.child;
        if !sh::poll(Duration::from_secs(5), || child.try_wait().is_ok_and(|status| status.is_some())) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The client processes.
struct Helpers(Vec<Helper>);

impl Helpers {
    /// Starts enough processes for all sessions and waits until every session is ready.
    fn gateway(server: &Server, world: &World, sessions: usize) -> Result<Self, String> {
        let start = Instant::now();
        let mut helpers = Vec::new();
        for skip in (0..sessions).step_by(SESSIONS_PER_PROCESS) {
            let count = SESSIONS_PER_PROCESS.min(sessions - skip);
            let tokens = world.tokens.display().to_string();
            let words = [
                "clients".to_owned(),
                server.address.to_string(),
                tokens,
                skip.to_string(),
                count.to_string(),
            ];
            helpers.push(Helper::start(&words)?);
        }
        let mut all = Self(helpers);
        all.await_line("ready")?;
        eprintln!("{sessions} sessions ready after {:.1} s", start.elapsed().as_secs_f64());
        Ok(all)
    }

    fn await_event(&mut self, number: u64) -> Result<(), String> {
        self.await_line(&format!("event {number}"))
    }

    fn await_line(&mut self, wanted: &str) -> Result<(), String> {
        for helper in &mut self.0 {
            while helper.line()? != wanted {}
        }
        Ok(())
    }

    fn figures(&mut self) -> Result<Vec<Value>, String> {
        let mut all = Vec::new();
        for helper in &mut self.0 {
            helper.ask()?;
            loop {
                let line = helper.line()?;
                if line.starts_with('{') {
                    all.push(serde_json::from_str(&line).map_err(|error| error.to_string())?);
                    break;
                }
            }
        }
        Ok(all)
    }

    fn stop(self) {
        drop(self.0);
    }
}

/// CPU microseconds of one plain send of `bytes` to one of `sessions` connections.
fn floor(sessions: usize, events: usize, bytes: u64) -> Result<f64, String> {
    let mut sender = Helper::start(&["floor".to_owned(), sessions.to_string(), bytes.to_string()])?;
    let address = sender.line()?;
    let mut receivers = Vec::new();
    for skip in (0..sessions).step_by(SESSIONS_PER_PROCESS) {
        let count = SESSIONS_PER_PROCESS.min(sessions - skip).to_string();
        let words =
            ["clients", "--raw", &bytes.to_string(), &address, "none", "0", &count].map(str::to_owned);
        receivers.push(Helper::start(&words)?);
    }
    let mut receivers = Helpers(receivers);
    receivers.await_line("ready")?;
    let pid = sender.child.id();
    let mut before = 0;
    for event in 0..WARM_UP + events {
        if event == WARM_UP {
            before = measure::cpu_us(pid)?;
        }
        sender.ask()?;
        receivers.await_event(event as u64)?;
    }
    let spent = measure::cpu_us(pid)? - before;
    Ok(spent as f64 / (sessions * events) as f64)
}

fn print(phases: &[Phase], floor: f64, frame_bytes: u64, memory: f64) {
    println!(
        "\n{:<14} {:>8} {:>7} {:>13} {:>15} {:>8} {:>9} {:>9} {:>6}",
        "phase",
        "sessions",
        "events",
        "deliveries/s",
        "CPU µs/delivery",
        "× floor",
        "p50 ms",
        "p99 ms",
        "wrong"
    );
    let mut rows = Vec::new();
    for phase in phases {
        let deliveries = (phase.sessions * phase.events) as f64;
        let cpu = phase.server_us as f64 / deliveries;
        let worst =
            |key: &str| phase.figures.iter().filter_map(|one| one[key].as_u64()).max().unwrap_or_default();
        let (p50, p99, wrong) =
            (worst("p50_us") as f64 / 1000.0, worst("p99_us") as f64 / 1000.0, worst("wrong"));
        let rate = deliveries / phase.wall.as_secs_f64();
        println!(
            "{:<14} {:>8} {:>7} {rate:>13.0} {cpu:>15.2} {:>8.2} {p50:>9.1} {p99:>9.1} {wrong:>6}",
            phase.name,
            phase.sessions,
            phase.events,
            cpu / floor.max(0.01)
        );
        rows.push(json!({
            "phase": phase.name, "sessions": phase.sessions, "events": phase.events, "deliveries_per_s": rate.round(),
            "cpu_us_per_delivery": cpu, "ratio_to_floor": cpu / floor.max(0.01), "p50_ms": p50, "p99_ms": p99,
            "wrong": wrong,
        }));
    }
    println!(
        "floor: {floor:.2} µs for a plain send of {frame_bytes} bytes; {memory:.0} bytes of the server's memory a session"
    );
    let line = json!({
        "bench": "fanout", "floor_us": floor, "frame_bytes": frame_bytes, "bytes_per_session": memory.round(), "rows": rows,
    });
    println!("{line}");
}
