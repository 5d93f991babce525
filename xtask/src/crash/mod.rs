//! The crash test: the shipped binary is killed again and again while clients change things, started again, and must hold
//! everything it acknowledged.
//!
//! * [`messages`]: every acknowledged message is there, once, in the order of its client.
//! * [`owners`]: accounts, tokens, applications and commands: what works, and what does not any more.
//! * [`relations`]: what concerns two owners, or is seen in two places (a guild and its founder, friends, a mention and its
//!   reader, a file and its message, an answer of an application, ...), is the same from both sides; and what has its time
//!   happens, although the server was killed meanwhile.

mod messages;
mod owners;
mod relations;

use crate::args::Args;
use crate::server::{self, Options, Server};
use std::path::Path;

/// Rounds of changing relations and killing, unless `--rounds` says otherwise.
const ROUNDS: usize = 30;

/// Runs the crash test: `--rounds N`, `--seed N`.
///
/// # Errors
/// When a promise is broken.
pub fn run(args: &mut Args) -> Result<(), String> {
    let rounds = args.option("--rounds")?.unwrap_or(ROUNDS);
    let seed = args.option("--seed")?;
    args.rest()?;
    let binary = server::build(false)?;
    println!("{} acknowledged messages were found again", messages::check(&binary)?);
    println!("{} acknowledged acts of accounts and applications hold", owners::check(&binary)?);
    println!("{}", relations::check(&binary, rounds, seed)?);
    Ok(())
}

/// Runs the crash test as a part of all tests and returns how many acknowledged facts were found.
///
/// # Errors
/// With what was lost, doubled or different from its two sides.
pub fn check() -> Result<usize, String> {
    let binary = server::build(false)?;
    let messages = messages::check(&binary)?;
    let acts = owners::check(&binary)?;
    Ok(messages + acts + relations::check(&binary, ROUNDS, None)?.facts)
}

fn start(binary: &Path, data: &Path, log: &str) -> Result<Server, String> {
    start_with(binary, data, log, &[])
}

fn start_with(binary: &Path, data: &Path, log: &str, further: &[&str]) -> Result<Server, String> {
    let extra = [&["--dev", "--rate-limits", "off"], further].concat();
    Server::start(&Options { binary, data, log, extra: &extra, env: &[] })
}
