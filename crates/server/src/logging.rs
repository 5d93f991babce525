//! What is logged, and how that is changed while the process runs.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt};

static FILTER: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// Logs to standard error; `CONSORT_LOG` says what, as in `info,consort_rest=debug`.
pub(crate) fn to_stderr() {
    let filter = EnvFilter::try_from_env("CONSORT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let (filter, handle) = reload::Layer::new(filter);
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(lines).init();
    // A process begins to log once.
    let _first = FILTER.set(handle);
}

/// Sets what is logged from now on; gives what was before.
///
/// # Errors
/// A text that says what is wrong with the filter, or that the process does not log.
pub(crate) fn set(filter: &str) -> Result<String, String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    let handle = FILTER.get().ok_or("this process does not log by itself")?;
    let before = handle.with_current(ToString::to_string).map_err(|error| error.to_string())?;
    handle.reload(filter).map_err(|error| error.to_string())?;
    Ok(before)
}
