//! `cargo xtask sim`: whole clusters in one thread, each under a seed of its own. See `docs/simulation.md`.

use std::time::Duration;

use crate::args::Args;
use crate::sh;

/// Seeds that every run of the tests goes through: some three minutes on one core.
const SEEDS_TESTED: u64 = 1000;
/// How long they may take on a slow and busy machine.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Runs the simulations that the command line asks for.
///
/// # Errors
/// When a promise was broken; the output has the seed and the command that replays it.
pub fn run(args: &mut Args) -> Result<(), String> {
    let mut words: Vec<String> = Vec::new();
    for option in ["--seed", "--seeds", "--nodes", "--seconds", "--people", "--acts", "--faults"] {
        if let Some(value) = args.option::<u64>(option)? {
            words.extend([option.to_owned(), value.to_string()]);
        }
    }
    for flag in ["--keep-going", "--planted", "--no-shrink"] {
        if args.flag(flag) {
            words.push(flag.to_owned());
        }
    }
    args.rest()?;
    let status = command(&words).status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("a promise was broken".to_owned()) }
}

/// The simulations of the tests; gives how many seeds passed.
///
/// # Errors
/// The end of the output when a promise was broken.
pub fn check() -> Result<u64, String> {
    let words = ["--seeds".to_owned(), SEEDS_TESTED.to_string()];
    sh::logged("sim", &mut command(&words), LIMIT)?;
    Ok(SEEDS_TESTED)
}

/// Looks for the planted bugs.
///
/// # Errors
/// The end of the output when one was not found.
pub fn check_planted() -> Result<(), String> {
    sh::logged("planted-bugs", &mut command(&["--planted".to_owned()]), LIMIT).map(drop)
}

fn command(words: &[String]) -> std::process::Command {
    let mut command = sh::cargo();
    // One build serves both; a bug is there only where it is planted.
    command.args(["run", "--quiet", "--locked", "--profile", "sim", "-p", "consort-sim"]);
    command.args(["--features", "planted", "--"]).args(words);
    command
}
