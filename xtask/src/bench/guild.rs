//! Benches of a guild's core: an example of its crate, which calls the core without a server around it.

use crate::args::Args;
use crate::sh;

/// Runs the cases named, or all.
///
/// # Errors
/// When one fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    let cases = args.rest()?;
    let mut bench = sh::cargo();
    bench.args(["run", "--release", "-p", "consort-guild", "--example", "bench", "--"]).args(cases);
    let status = bench.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("bench: {status}")) }
}
