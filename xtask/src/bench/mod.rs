//! Benches of the whole server, over its public interface.

use crate::args::Args;

/// Runs the named bench.
///
/// # Errors
/// When there is none of that name or it fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    Err(format!("no bench {:?}", args.task().unwrap_or_default()))
}
