//! What the benches with many sessions are asked for on the command line.

use super::floor::{self, Floors};
use super::swarm::{Compress, DEFAULT_COALESCE};
use crate::args::Args;
use std::path::PathBuf;
use std::time::Duration;

/// With more sessions than this the slices accept connections themselves, each with descriptors of its own.
pub const OWN_LISTENERS_ABOVE: usize = 15_000;
/// Connections of a slice then; the kernel spreads them unevenly, and a table may hold no more than 20,000 descriptors.
const SESSIONS_PER_SLICE: usize = 16_000;

/// The common options.
pub struct Options {
    /// The binary to measure.
    pub binary: PathBuf,
    /// Numbers of sessions, one server for each.
    pub sessions: Vec<usize>,
    /// Members of the guild; as many as sessions unless told otherwise.
    pub members: Option<usize>,
    /// Transport compression.
    pub compress: Compress,
    /// With compression, every how manieth client goes on inflating.
    pub inflate_every: usize,
    /// Every how manieth client is read at once and timed.
    pub live_every: usize,
    /// How often the others are read.
    pub lazy: Duration,
    /// How long clients sleep after a small batch of reads.
    pub coalesce: Duration,
    /// Clients on their way at once.
    pub in_flight: usize,
    /// Bytes of padding in a message.
    pub pad: usize,
    /// Whether slices accept connections themselves also with few sessions.
    pub own_listeners: bool,
    /// Threads of the server that own sockets, unless the number of sessions decides.
    pub slices: Option<usize>,
    /// How the server sends, unless it decides.
    pub gateway_io: Option<String>,
    /// Data and description of a world that is used, and made when it is not there.
    pub world: Option<(PathBuf, PathBuf)>,
    /// Whether the floors are measured, too.
    has_floors: bool,
}

impl Options {
    /// Takes them from the command line; `sessions` is the default.
    ///
    /// # Errors
    /// When one is not valid or the binary cannot be built.
    pub fn take(args: &mut Args, sessions: &str) -> Result<Self, String> {
        let sessions = args.option::<String>("--sessions")?.unwrap_or_else(|| sessions.to_owned());
        let sessions = sessions.split(',').map(|count| match count.parse() {
            Ok(0) | Err(_) => Err(format!("--sessions: {count:?} is no number of sessions")),
            Ok(count) => Ok(count),
        });
        let data = args.option::<PathBuf>("--data")?;
        let out = args.option::<PathBuf>("--out")?;
        let compress = args.option("--compress")?.unwrap_or_default();
        if cfg!(debug_assertions) && compress != Compress::None {
            eprintln!(
                "clients inflate several times faster with: cargo run --release --package xtask -- bench …"
            );
        }
        let coalesce = args.option("--coalesce-us")?.map_or(DEFAULT_COALESCE, Duration::from_micros);
        Ok(Self {
            sessions: sessions.collect::<Result<_, _>>()?,
            members: args.option("--members")?,
            compress,
            inflate_every: args.option("--inflate-every")?.unwrap_or(100),
            live_every: args.option("--live-every")?.unwrap_or(1),
            lazy: Duration::from_millis(args.option("--lazy-ms")?.unwrap_or(500)),
            coalesce,
            in_flight: args.option("--in-flight")?.unwrap_or(1000),
            pad: args.option("--pad")?.unwrap_or(150),
            own_listeners: args.flag("--own-listeners"),
            slices: args.option("--slices")?,
            gateway_io: args.option("--gateway-io")?,
            world: match (data, out) {
                (Some(data), Some(out)) => Some((data, out)),
                (None, None) => None,
                _ => return Err("--data and --out go together".to_owned()),
            },
            has_floors: !args.flag("--no-floor"),
            binary: super::binary(args)?,
        })
    }

    /// What sends of so many bytes to one of so many connections cost, unless that is not wanted.
    ///
    /// # Errors
    /// When it cannot be measured.
    pub fn floors(&self, sessions: usize, events: usize, bytes: u64) -> Result<Option<Floors>, String> {
        self.has_floors.then(|| floor::measure(sessions, events, bytes)).transpose()
    }

    /// Members of a guild with so many sessions.
    pub fn members(&self, sessions: usize) -> usize {
        self.members.unwrap_or(sessions).max(sessions)
    }

    /// Whether slices accept connections themselves.
    pub fn has_own_listeners(&self, sessions: usize) -> bool {
        self.own_listeners || sessions > OWN_LISTENERS_ABOVE
    }

    /// Threads of the server that own sockets; `None` leaves it to the server.
    pub fn slices(&self, sessions: usize) -> Option<usize> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let needed = sessions.div_ceil(SESSIONS_PER_SLICE);
        self.slices.or((needed > cores).then_some(needed))
    }
}
