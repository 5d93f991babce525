//! `cargo xtask tidy`: the rules of the repository that no lint knows.
//!
//! Sizes are a ratchet: a function or file that was long when the baseline was written may stay so, a new
//! crossing is refused. Everything else holds without exception.

use crate::args::Args;
use crate::sh;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

mod cores;
mod layers;
mod size;
mod words;

/// Runs every rule; with `--bless` writes the sizes' baseline anew.
///
/// # Errors
/// With everything found.
pub fn run(args: &mut Args) -> Result<(), String> {
    let bless = args.flag("--bless");
    args.rest()?;
    if bless {
        let long: BTreeSet<String> = size::crossings(&tracked()?).into_iter().map(|(key, _)| key).collect();
        let text = long.into_iter().map(|key| key + "\n").collect::<String>();
        return std::fs::write(baseline(), text).map_err(|error| error.to_string());
    }
    check()?;
    println!("tidy");
    Ok(())
}

/// Runs every rule.
///
/// # Errors
/// With everything found, a line each.
pub fn check() -> Result<(), String> {
    let files = tracked()?;
    let known = sh::read(&baseline());
    let known: BTreeSet<&str> = known.lines().collect();
    let mut found: Vec<String> = size::crossings(&files)
        .into_iter()
        .filter(|(key, _)| !known.contains(key.as_str()))
        .map(|(_, message)| message)
        .collect();
    found.extend(words::check(&files));
    found.extend(cores::check(&files));
    found.extend(layers::check()?);
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

fn baseline() -> PathBuf {
    sh::root().join("xtask/tidy-baseline.txt")
}

/// Every text file under version control or about to be, with its path from the root.
fn tracked() -> Result<Vec<(String, String)>, String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]).current_dir(sh::root());
    let list = sh::output(&mut git)?;
    Ok(list
        .lines()
        .filter_map(|path| Some((path.to_owned(), std::fs::read_to_string(sh::root().join(path)).ok()?)))
        .collect())
}
