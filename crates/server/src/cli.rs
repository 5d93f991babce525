//! The command line.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use consort_console::Tool;
use consort_store_embedded::Embedded;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::operate::{self, CertCommand, ClusterCommand, DrainArgs};
use crate::settings::ServeArgs;
use crate::world::WorldArgs;
use crate::{Node, Settings, descriptors, logging, node, world};

/// An open, self-hostable platform for real-time communication
#[derive(Debug, Parser)]
#[command(name = "consort", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves everything in one process
    Serve(Box<ServeArgs>),
    /// Reads the whole store of a server that does not run, and tells what is damaged
    Check {
        /// Directory of all data
        #[arg(long, env = "CONSORT_DATA", default_value = "data")]
        data: std::path::PathBuf,
    },
    /// Writes a guild with many members into a data directory, for measurements
    BenchWorld(WorldArgs),
    /// Makes certificates with which nodes of a cluster know each other
    #[command(subcommand)]
    Cert(CertCommand),
    /// Has a node leave its cluster: its keys go to others, its clients are sent away, it ends
    Drain(DrainArgs),
    /// Looks at a cluster
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Looks into a server that runs.
    #[command(flatten)]
    Tool(Tool),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let Cli { command } = Cli::parse();
    let done = match command {
        Command::Serve(args) => serve(*args),
        Command::BenchWorld(args) => bench_world(&args),
        Command::Check { data } => check(&data),
        Command::Cert(command) => operate::cert(&command),
        Command::Drain(args) => runtime().and_then(|runtime| runtime.block_on(operate::drain(&args))),
        Command::Cluster(command) => {
            runtime().and_then(|runtime| runtime.block_on(operate::cluster(&command)))
        }
        Command::Tool(tool) => runtime().and_then(|runtime| runtime.block_on(tool.run())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed; there is nobody left to tell.
            let _told = writeln!(io::stderr(), "consort: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: ServeArgs) -> Result<(), String> {
    logging::to_stderr();
    let settings = Settings::resolve(args)?;
    descriptors::raise_limit();
    let runtime = runtime()?;
    let ended = runtime.block_on(run(settings));
    // What still blocks a thread belongs to requests that were cut off; nobody waits for it.
    runtime.shutdown_background();
    ended
}

fn check(data: &std::path::Path) -> Result<(), String> {
    if !data.join("store.sqlite").exists() {
        return Err(format!("{}: there is no store", data.display()));
    }
    let found = Embedded::check(data).map_err(|error| node::store_failure(data, &error))?;
    if found.is_empty() {
        let _told = writeln!(io::stdout(), "{}: no damage found", data.display());
        return Ok(());
    }
    Err(format!("{}: the database is damaged, restore a backup:\n  {}", data.display(), found.join("\n  ")))
}

fn bench_world(args: &WorldArgs) -> Result<(), String> {
    logging::to_stderr();
    runtime()?.block_on(world::fill(args))
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| format!("no runtime: {error}"))
}

async fn run(settings: Settings) -> Result<(), String> {
    let mut signals = Signals::catch()?;
    let node = tokio::select! {
        node = Node::start(&settings) => node?,
        () = signals.next() => return Err("ended before it served".to_owned()),
    };
    // Whoever started the server by a script waits for this line; that nobody reads it is no error.
    let _told = writeln!(io::stdout(), "listening on http://{}", node.address());
    if let Some(notice) = node.voice_notice() {
        let _told = writeln!(io::stdout(), "{notice}");
    }
    tracing::info!(address = %node.address(), data = %settings.data.display(), dev = settings.dev, "serving");
    tokio::select! {
        () = signals.next() => tracing::info!("shutting down; once more ends at once"),
        () = node.asked_to_leave() => tracing::info!("shutting down as an operator asks; a signal ends it at once"),
    }
    tokio::select! {
        () = node.shutdown() => Ok(()),
        () = signals.next() => Err("ended before everything was done".to_owned()),
    }
}

/// SIGINT and SIGTERM, caught for as long as it lives: one that comes while nobody waits is found by the next wait.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn catch() -> Result<Self, String> {
        let catch = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
        Ok(Self { interrupt: catch(SignalKind::interrupt())?, terminate: catch(SignalKind::terminate())? })
    }

    /// Waits for one of them.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
