//! Benches of the whole server, over its public interface, with clients in other processes or threads.
//!
//! Walls depend on what else the machine does; the server's CPU time for a unit of work is the figure that can
//! be compared between runs. See `docs/benchmarks.md`.

use crate::args::Args;
use crate::server::{self, Server};
use std::path::PathBuf;

mod clients;
mod fanout;
mod floor;
mod http;
mod measure;
mod rest;

/// Runs the named bench, or a helper process of one.
///
/// # Errors
/// When there is none of that name or it fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    match args.task().as_deref() {
        Some("rest") => rest::run(args),
        Some("fanout") => fanout::run(args),
        // helper processes of fanout
        Some("clients") => clients::run(args),
        Some("floor") => floor::run(args),
        other => Err(format!("no bench {other:?}; there are rest and fanout")),
    }
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
    Server::start(&server::Options { binary, data, log: "bench-server", extra: &extra })
}
