//! Benches of the whole server, over its public interface, with clients in other processes or threads; and of parts alone.
//!
//! Walls depend on what else the machine does; the server's CPU time for a unit of work is the figure that can
//! be compared between runs. See `docs/benchmarks.md`.

use crate::args::Args;
use crate::server::{self, Server};
use crate::sh;
use std::path::PathBuf;
use std::time::Duration;

mod account;
mod churn;
mod compression;
mod erase;
mod fanout;
mod floor;
mod http;
mod kernel;
mod measure;
mod offered;
mod options;
mod report;
mod rest;
mod rig;
mod slow;
mod swarm;
mod world;

/// Runs the named bench, or a helper process of one.
///
/// # Errors
/// When there is none of that name or it fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    match args.task().as_deref() {
        Some("account") => account::run(args),
        Some("rest") => rest::run(args),
        Some("fanout") => fanout::run(args),
        Some(alone @ ("guild" | "placement" | "search")) => alone_in_a_process(alone, args),
        Some("offered") => offered::run(args),
        Some("churn") => churn::run(args),
        Some("slow") => slow::run(args),
        Some("erase") => erase::run(args),
        Some("passive") => passive(),
        Some("compression") => compression::run(),
        // a helper process
        Some("floor") => floor::run(args),
        other => Err(format!(
            "no bench {other:?}; there are rest, fanout, offered, churn, slow, erase, account, passive, compression, guild, placement \
             and search"
        )),
    }
}

/// A part without a server around it: the example `bench` of its crate, which takes what is left of the arguments.
fn alone_in_a_process(part: &str, args: &mut Args) -> Result<(), String> {
    let mut bench = sh::cargo();
    bench.args([
        "run",
        "--locked",
        "--release",
        "-p",
        &format!("consort-{part}"),
        "--example",
        "bench",
        "--",
    ]);
    bench.args(std::iter::from_fn(|| args.task()));
    let status = bench.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("bench: {status}")) }
}

/// Ten minutes of a guild in made-up time: the gateway's own test of it, in a release build, with as many sessions as a large
/// guild has.
fn passive() -> Result<(), String> {
    let mut command = sh::cargo();
    command.args(["test", "--locked", "--release", "--package", "consort-gateway", "--lib"]);
    command.args(["slice::tests::cost", "--", "--nocapture"]);
    let out = sh::logged("bench-passive", &mut command, Duration::from_secs(40 * 60))?;
    out.lines().filter(|line| line.starts_with("passive ")).for_each(|line| println!("{line}"));
    Ok(())
}

/// The binary to measure: the release build, or with `--debug-build` the one that tests use.
fn binary(args: &mut Args) -> Result<PathBuf, String> {
    let release = !args.flag("--debug-build");
    if !release {
        println!("a debug build: its figures mean nothing");
    }
    server::build(release)
}

/// Starts the server to measure.
fn start(binary: &std::path::Path, data: &std::path::Path) -> Result<Server, String> {
    let extra = ["--dev", "--rate-limits", "off"];
    Server::start(&server::Options { binary, data, log: "bench-server", extra: &extra, env: &[] })
}
