//! `cargo xtask run`: from a fresh clone to a server that answers.

use crate::args::Args;
use crate::{server, sh, web};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The first port tried; the next free one is taken.
const FIRST_PORT: u16 = 8080;
/// How many ports are tried.
const PORTS: u16 = 100;

/// Builds web client and server, starts the server and stays until it ends.
///
/// # Errors
/// When something does not build or the server fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    let release = args.flag("--release");
    let port = args.option("--port")?;
    let data = args.option::<PathBuf>("--data")?.unwrap_or_else(|| sh::root().join("data"));
    args.rest()?;
    println!("1/3 the web client (when its sources changed; the first time its packages are fetched)");
    web::build()?;
    let kind = if release { "release build: several times as long as a debug build" } else { "debug build" };
    println!("2/3 the server, a {kind}; the first time some 250 crates, which takes minutes, later seconds");
    build(release)?;
    println!("3/3 starting it");
    let port = port.map_or_else(free_port, Ok)?;
    let mut child = Command::new(server::binary(release))
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(&data)
        .current_dir(sh::root())
        .stdin(Stdio::null())
        .spawn()
        .map_err(|error| format!("cannot start the server: {error}"))?;
    let url = format!("http://127.0.0.1:{port}");
    let up = sh::poll(Duration::from_secs(60), || {
        child.try_wait().ok().flatten().is_some() || ureq::get(format!("{url}/healthz")).call().is_ok()
    });
    if up && child.try_wait().ok().flatten().is_none() {
        println!(
            "\n  Consort serves on {url}\n  REST {url}/api/v10, data in {}, Ctrl-C ends it\n",
            data.display()
        );
    }
    match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the server ended with {status}")),
        Err(error) => Err(format!("the server: {error}")),
    }
}

/// Builds the binary with cargo's own progress on the terminal.
fn build(release: bool) -> Result<(), String> {
    let mut cargo = sh::cargo();
    cargo.args(["build", "--package", "consort-server", "--bin", "consort"]);
    if release {
        cargo.arg("--release");
    }
    match cargo.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the build failed ({status})")),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

fn free_port() -> Result<u16, String> {
    (FIRST_PORT..FIRST_PORT + PORTS)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .ok_or_else(|| format!("no free port from {FIRST_PORT} on"))
}
