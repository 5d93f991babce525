//! `cargo xtask bench erase`: a channel of very many messages is deleted while another guild talks. How long does its talk
//! take meanwhile, how long does the call that deletes, and how long until nothing is left?

use super::{http, measure};
use crate::api::Api;
use crate::args::Args;
use crate::sh;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Messages of the channel, unless told otherwise.
const MESSAGES: u64 = 3_000_000;
/// Who talks in the other guild, each in a channel of its own.
const CLIENTS: usize = 4;
/// How long writing the world may take.
const FILL_LIMIT: Duration = Duration::from_secs(60 * 60);
/// How long erasing may take.
const ERASE_LIMIT: Duration = Duration::from_secs(2 * 60 * 60);
/// What the 99th percentile of the others is to stay under.
const GOAL_MS: f64 = 20.0;

/// Latencies of a phase, microseconds.
struct Phase {
    name: &'static str,
    sorted_us: Vec<u32>,
    failures: u64,
    took: Duration,
}

/// Runs the bench and prints a table and a line of JSON.
///
/// # Errors
/// When a process or a call fails, or the channel is not gone in time.
pub fn run(args: &mut Args) -> Result<(), String> {
    let messages: u64 = args.option("--messages")?.unwrap_or(MESSAGES);
    let rate: f64 = args.option("--rate")?.unwrap_or(100.0);
    let calm = Duration::from_secs(args.option("--seconds")?.unwrap_or(10));
    let binary = super::binary(args)?;
    args.rest()?;
    let (data, out) = (sh::fresh("bench-data")?, sh::fresh("bench-world")?);
    let mut fill = Command::new(&binary);
    fill.args([
        "bench-world",
        "--members",
        "1",
        "--tokens",
        "0",
        "--messages",
        &messages.to_string(),
        "--data",
    ]);
    fill.arg(&data).arg("--out").arg(&out);
    sh::logged("bench-world", &mut fill, FILL_LIMIT)?;
    let world = world(&sh::read(&out.join("world.env")));
    let of = |key: &str| world.get(key).cloned().ok_or_else(|| format!("the world has no {key}"));
    let (channel, token) = (of("FULL_CHANNEL_ID")?, format!("Bot {}", of("POST_TOKEN")?));
    let server = super::start(&binary, &data)?;
    let logged = sh::read(server.log()).len();
    let posts = posts(&Api::new(&server.api()))?;
    let address = server.address;
    let before = talk("before", address, &posts, rate, || {
        std::thread::sleep(calm);
        Ok(())
    })?;
    let mut call = Duration::ZERO;
    let cpu = measure::cpu_us(server.pid())?;
    let during = talk("while it is erased", address, &posts, rate, || {
        let request = http::request("DELETE", &format!("/channels/{channel}"), &token, "");
        let begun = Instant::now();
        http::Http::connect(address)?.call(&request)?;
        call = begun.elapsed();
        let erased = format!("channel={channel}");
        let gone = sh::poll(ERASE_LIMIT, || {
            let log = sh::read(server.log());
            log.get(logged..)
                .unwrap_or_default()
                .lines()
                .any(|line| line.contains("are erased") && line.contains(&erased))
        });
        if gone { Ok(()) } else { Err("the messages are not erased in time".to_owned()) }
    })?;
    let cpu = measure::cpu_us(server.pid())? - cpu;
    let rss = measure::memory(server.pid())?.rss / 1024;
    server.stop()?;
    print(&[before, during], messages, call, (cpu, rss));
    Ok(())
}

fn world(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A guild beside the one of the channel, and the request of each who talks there.
fn posts(api: &Api) -> Result<Vec<Vec<u8>>, String> {
    let owner = api.user("other", "bench")?;
    let (guild, first) = api.guild(&owner, "Other")?;
    let mut channels = vec![first];
    for index in 1..CLIENTS {
        channels.push(api.channel(&owner.token, &guild, &format!("talk-{index}"))?);
    }
    let body =
        json!({"content": "a message of usual length, such as people write to each other"}).to_string();
    let post = |channel: &String| {
        http::request("POST", &format!("/channels/{channel}/messages"), &owner.token, &body)
    };
    Ok(channels.iter().map(post).collect())
}

/// Posts at a rate while `body` runs. Latency counts from when a post was due, so that one that waits does not hide others.
fn talk(
    name: &'static str,
    address: SocketAddr,
    posts: &[Vec<u8>],
    rate: f64,
    body: impl FnOnce() -> Result<(), String>,
) -> Result<Phase, String> {
    let (ended, begun) = (AtomicBool::new(false), Instant::now());
    let pause = Duration::from_secs_f64(posts.len() as f64 / rate.max(0.1));
    let all = std::thread::scope(|scope| {
        let talkers: Vec<_> =
            posts.iter().map(|post| scope.spawn(|| one(address, post, pause, &ended))).collect();
        let done = body();
        ended.store(true, Relaxed);
        let mut all = (Vec::new(), 0);
        for talker in talkers {
            let (took, failures) = talker.join().unwrap_or_else(|_| Err("a client panicked".to_owned()))?;
            all.0.extend(took);
            all.1 += failures;
        }
        done.map(|()| all)
    });
    let (mut sorted_us, failures) = all?;
    sorted_us.sort_unstable();
    Ok(Phase { name, sorted_us, failures, took: begun.elapsed() })
}

/// One who talks: how long each post took, and how many failed.
fn one(
    address: SocketAddr,
    post: &[u8],
    pause: Duration,
    ended: &AtomicBool,
) -> Result<(Vec<u32>, u64), String> {
    let mut http = http::Http::connect(address)?;
    let (mut took, mut failures, mut due) = (Vec::new(), 0, Instant::now());
    while !ended.load(Relaxed) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        if http.call(post).is_err() {
            failures += 1;
            http = http::Http::connect(address)?;
        }
        took.push(u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX));
        due += pause;
    }
    Ok((took, failures))
}

fn print(phases: &[Phase], messages: u64, call: Duration, (cpu_us, rss_kib): (u64, u64)) {
    println!(
        "\n{:<20} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "phase", "seconds", "posts", "failed", "p50 ms", "p99 ms", "p99.9 ms", "max ms"
    );
    let mut rows = Vec::new();
    for phase in phases {
        let [p50, p99, p999, most] = [50.0, 99.0, 99.9, 100.0]
            .map(|percent| f64::from(measure::percentile(&phase.sorted_us, percent)) / 1000.0);
        let (seconds, posts) = (phase.took.as_secs_f64(), phase.sorted_us.len());
        println!(
            "{:<20} {seconds:>8.1} {posts:>8} {:>8} {p50:>9.2} {p99:>9.2} {p999:>9.2} {most:>9.2}",
            phase.name, phase.failures
        );
        let row: Value = json!({
            "phase": phase.name, "seconds": seconds, "posts": posts, "failed": phase.failures, "p50_ms": p50, "p99_ms": p99,
            "p999_ms": p999, "max_ms": most,
        });
        rows.push(row);
    }
    let p99 = rows.last().and_then(|row| row["p99_ms"].as_f64()).unwrap_or_default();
    let verdict = if p99 < GOAL_MS { "under" } else { "NOT under" };
    println!(
        "{messages} messages: the call that deletes took {:.1} ms; the others' p99 is {verdict} {GOAL_MS} ms; {:.1} CPU µs of the \
         server for each message, talk included; resident memory {:.1} MiB",
        call.as_secs_f64() * 1000.0,
        cpu_us as f64 / messages.max(1) as f64,
        rss_kib as f64 / 1024.0
    );
    let call_ms = call.as_secs_f64() * 1000.0;
    println!(
        "{}",
        json!({"bench": "erase", "messages": messages, "call_ms": call_ms, "cpu_us": cpu_us, "rows": rows})
    );
}
