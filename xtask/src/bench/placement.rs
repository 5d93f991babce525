//! What it costs to find the owner of a key: an example of the crate that does it.

use crate::args::Args;
use crate::sh;

/// Runs it.
///
/// # Errors
/// When it fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    args.rest()?;
    let mut bench = sh::cargo();
    bench.args(["run", "--release", "-p", "consort-placement", "--example", "bench"]);
    let status = bench.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("bench: {status}")) }
}
