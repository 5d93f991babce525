//! `cargo xtask bench rest`: posting messages and reading history, over keep-alive connections.

use super::{http, measure};
use crate::api::Api;
use crate::args::Args;
use crate::sh;
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many clients call at once, one run each.
const CLIENTS: [usize; 3] = [1, 8, 32];
/// How many channels there are: one for each client.
const CHANNELS: usize = 32;
/// How long each case runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// What the clients of a case do.
struct Case {
    name: &'static str,
    clients: usize,
    /// The request of each client, by its index.
    request: Box<dyn Fn(usize) -> Vec<u8> + Sync>,
}

struct Row {
    name: &'static str,
    clients: usize,
    rate: f64,
    sorted_us: Vec<u32>,
    cpu_us: f64,
}

/// Runs every case against a fresh server and prints a table and a line of JSON.
///
/// # Errors
/// When the server or a call fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    let seconds: u64 = args.option("--seconds")?.unwrap_or(3);
    let binary = super::binary(args)?;
    args.rest()?;
    let data = sh::fresh("bench-data")?;
    let server = super::start(&binary, &data)?;
    let api = Api::new(&server.api());
    let owner = api.user("owner", "bench")?;
    let (guild, channel) = api.guild(&owner, "Bench")?;
    let bot = api.bot(&owner, "bench")?;
    api.authorise(&owner, &bot, &guild, "8")?;
    let mut channels = vec![channel];
    for index in 1..CHANNELS {
        channels.push(api.channel(&owner.token, &guild, &format!("bench-{index}"))?);
    }
    let mut rows = Vec::new();
    for case in cases(&channels, &bot.authorization()) {
        rows.push(measure(&case, server.address, server.pid(), Duration::from_secs(seconds))?);
        if let Some(row) = rows.last() {
            eprintln!("{} with {} clients: {:.0}/s", row.name, row.clients, row.rate);
        }
    }
    let rss = measure::memory(server.pid())?.rss / 1024;
    server.stop()?;
    print(&rows, rss);
    Ok(())
}

fn cases(channels: &[String], authorization: &str) -> Vec<Case> {
    let body =
        json!({"content": "a message of usual length, such as people write to each other all day long"})
            .to_string();
    let mut cases = Vec::new();
    for clients in CLIENTS {
        let post = |spread: bool| {
            let (channels, authorization, body) = (channels.to_vec(), authorization.to_owned(), body.clone());
            Box::new(move |index: usize| {
                let channel = &channels[if spread { index % channels.len() } else { 0 }];
                http::request("POST", &format!("/channels/{channel}/messages"), &authorization, &body)
            })
        };
        cases.push(Case { name: "post, a channel each", clients, request: post(true) });
        cases.push(Case { name: "post, one channel", clients, request: post(false) });
    }
    for clients in CLIENTS {
        let (channels, authorization) = (channels.to_vec(), authorization.to_owned());
        let request = Box::new(move |index: usize| {
            let path = format!("/channels/{}/messages?limit=50", channels[index % channels.len()]);
            http::request("GET", &path, &authorization, "")
        });
        cases.push(Case { name: "newest 50", clients, request });
    }
    cases
}

fn measure(case: &Case, address: SocketAddr, pid: u32, duration: Duration) -> Result<Row, String> {
    drive(case, address, WARM_UP)?;
    let before = measure::cpu_us(pid)?;
    let start = Instant::now();
    let mut sorted_us = drive(case, address, duration)?;
    let took = start.elapsed();
    let cpu = measure::cpu_us(pid)? - before;
    sorted_us.sort_unstable();
    let count = sorted_us.len().max(1) as f64;
    Ok(Row {
        name: case.name,
        clients: case.clients,
        rate: count / took.as_secs_f64(),
        cpu_us: cpu as f64 / count,
        sorted_us,
    })
}

/// Calls from all clients for a while; returns how long each call took, in microseconds.
fn drive(case: &Case, address: SocketAddr, duration: Duration) -> Result<Vec<u32>, String> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..case.clients)
            .map(|index| {
                scope.spawn(move || {
                    let mut http = http::Http::connect(address)?;
                    let request = (case.request)(index);
                    let mut took = Vec::new();
                    let end = Instant::now() + duration;
                    loop {
                        let start = Instant::now();
                        if start >= end {
                            return Ok(took);
                        }
                        http.call(&request).map_err(|error| format!("{}: {error}", case.name))?;
                        took.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            let took: Result<Vec<u32>, String> =
                thread.join().unwrap_or_else(|_| Err("a client panicked".to_owned()));
            all.extend(took?);
        }
        Ok(all)
    })
}

fn print(rows: &[Row], rss_kib: u64) {
    println!(
        "\n{:<24} {:>7} {:>9} {:>9} {:>9} {:>9} {:>12}",
        "case", "clients", "calls/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs/call"
    );
    let mut json_rows = Vec::new();
    for row in rows {
        let [p50, p95, p99] = [50.0, 95.0, 99.0]
            .map(|percent| f64::from(measure::percentile(&row.sorted_us, percent)) / 1000.0);
        println!(
            "{:<24} {:>7} {:>9.0} {p50:>9.2} {p95:>9.2} {p99:>9.2} {:>12.0}",
            row.name, row.clients, row.rate, row.cpu_us
        );
        json_rows.push(json!({
            "case": row.name, "clients": row.clients, "calls_per_s": row.rate.round(), "p50_ms": p50,
            "p95_ms": p95, "p99_ms": p99, "cpu_us_per_call": row.cpu_us.round(),
        }));
    }
    println!("resident memory afterwards: {:.1} MiB", rss_kib as f64 / 1024.0);
    println!("{}", json!({"bench": "rest", "rss_kib": rss_kib, "rows": json_rows}));
}
