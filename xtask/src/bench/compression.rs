//! What compressing a busy guild's dispatches costs, each way: an example of the crate that does it, run here.

use crate::sh;

/// Builds the example and runs it.
///
/// # Errors
/// When either fails.
pub fn run() -> Result<(), String> {
    let mut command = sh::cargo();
    command.args([
        "run",
        "--locked",
        "--release",
        "--quiet",
        "--package",
        "consort-wire",
        "--example",
        "compression",
    ]);
    let status = command.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
