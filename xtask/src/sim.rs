//! `cargo xtask sim`: whole clusters in one thread, each under a seed of its own. See `docs/simulation.md`.

use crate::args::Args;
use crate::sh;

/// Runs the simulations that the command line asks for.
///
/// # Errors
/// When a promise was broken; the output has the seed and the command that replays it.
pub fn run(args: &mut Args) -> Result<(), String> {
    let mut words: Vec<String> = Vec::new();
    for option in ["--seed", "--seeds", "--nodes", "--seconds"] {
        if let Some(value) = args.option::<u64>(option)? {
            words.extend([option.to_owned(), value.to_string()]);
        }
    }
    if args.flag("--keep-going") {
        words.push("--keep-going".to_owned());
    }
    args.rest()?;
    let status = command(&words).status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("a promise was broken".to_owned()) }
}

fn command(words: &[String]) -> std::process::Command {
    let mut command = sh::cargo();
    command.args(["run", "--quiet", "--locked", "-p", "consort-sim", "--"]).args(words);
    command
}
