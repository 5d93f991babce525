//! What compressing a busy guild's dispatches costs, in bytes and time, each way; `cargo xtask bench compression` runs it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use consort_wire::compress::broadcast::Broadcast;
use consort_wire::compress::context::{ZlibStream, ZstdStream};
use consort_wire::compress::past::LOOK_BACKS;
use consort_wire::compress::shared::Compressor;
use consort_wire::compress::stream::{Recipe, Stream};
use consort_wire::compress::{Error, Transport};
use consort_wire::gateway::{Encoding, outbound};
use consort_wire::ws;

use corpus::{Corpus, KINDS};

#[path = "compression/corpus.rs"]
mod corpus;

const DISPATCHES: usize = 4000;
const SEED: u64 = 20_261;
/// How often everything is compressed, for the time to be more than the clock's grain.
const ROUNDS: usize = 5;
/// Connections that are brought what has been compressed already.
const CONNECTIONS: usize = 400;
/// Connections with a context of their own.
const CONTEXTS: usize = 40;

/// What one way costs.
#[derive(Default)]
struct Cost {
    bytes: BTreeMap<&'static str, usize>,
    /// To compress a message: for all connections, or for one with a context of its own.
    event: Duration,
    /// To make a connection's frame of it.
    delivery: Duration,
    connections: usize,
    context_bytes: usize,
}

type Dispatches = [(&'static str, String)];

fn main() -> std::io::Result<()> {
    let dispatches: Vec<_> = Corpus::new(SEED).take(DISPATCHES).collect();
    let mut table = Table { out: std::io::stdout().lock(), dispatches: &dispatches };
    table.head()?;
    for encoding in [Encoding::Json, Encoding::Etf] {
        table.row(&format!("{encoding:?}, plain"), &shared(&dispatches, encoding, Transport::Plain, 0))?;
        for (name, transport) in [("zlib", Transport::Zlib), ("zstd", Transport::Zstd)] {
            for look_back in std::iter::once(0).chain(LOOK_BACKS.into_iter().rev()) {
                let way = match look_back {
                    0 => format!("{encoding:?}, {name}, shared"),
                    n => format!("{encoding:?}, {name}, shared by cohort, after {n}"),
                };
                table.row(&way, &shared(&dispatches, encoding, transport, look_back))?;
            }
        }
    }
    for (level, window_bits) in [(6, 15), (1, 15), (6, 12)] {
        let way = format!("Json, zlib, own context, level {level}, {} KiB", (1 << window_bits) / 1024);
        let new = || {
            let mut stream = ZlibStream::new(level, window_bits);
            move |message: &[u8], out: &mut Vec<u8>| stream.message(message, out)
        };
        table.row(&way, &own(&dispatches, new))?;
    }
    for (level, window_log) in [(3, 15), (6, 18)] {
        let way = format!("Json, zstd, own context, level {level}, {} KiB", (1 << window_log) / 1024);
        let new = || {
            let mut stream = ZstdStream::new(level, window_log);
            move |message: &[u8], out: &mut Vec<u8>| stream.message(message, out)
        };
        table.row(&way, &own(&dispatches, new))?;
    }
    Ok(())
}

/// Markdown.
struct Table<'d, W> {
    out: W,
    dispatches: &'d Dispatches,
}

impl<W: std::io::Write> Table<'_, W> {
    fn head(&mut self) -> std::io::Result<()> {
        let kinds = KINDS.join(" | ");
        writeln!(
            self.out,
            "| bytes a message | all | {kinds} | CPU µs an event | a delivery | context bytes |"
        )?;
        writeln!(self.out, "| --- |{}", " ---: |".repeat(KINDS.len() + 4))
    }

    fn row(&mut self, way: &str, cost: &Cost) -> std::io::Result<()> {
        let count = self.dispatches.len();
        write!(self.out, "| {way} | {} |", cost.bytes.values().sum::<usize>() / count)?;
        for kind in KINDS {
            let of_kind = self.dispatches.iter().filter(|(name, _)| *name == kind).count();
            write!(self.out, " {} |", cost.bytes[kind] / of_kind.max(1))?;
        }
        let micros = |time: Duration, of: usize| time.as_secs_f64() * 1e6 / of as f64;
        let event = micros(cost.event, count * ROUNDS);
        let delivery = micros(cost.delivery, count * cost.connections);
        writeln!(self.out, " {event:.1} | {delivery:.2} | {} |", cost.context_bytes)
    }
}

/// Compresses each dispatch once, after so many before it, and brings it to many connections.
fn shared(dispatches: &Dispatches, encoding: Encoding, transport: Transport, look_back: usize) -> Cost {
    let mut cost = Cost {
        connections: CONNECTIONS,
        context_bytes: size_of::<Stream>() + size_of::<Recipe>(),
        ..Cost::default()
    };
    let mut compressor = Compressor::default();
    let mut broadcasts = Vec::new();
    for _ in 0..ROUNDS {
        let make =
            |(name, d): &(&str, String)| Broadcast::new(encoding, name, d.as_bytes()).expect("JSON").joined();
        broadcasts = dispatches.iter().map(make).collect();
        let began = cpu_time();
        let lens = bring(&broadcasts, transport, look_back, &mut compressor);
        cost.event += cpu_time() - began;
        cost.bytes.clear();
        for ((name, _), len) in dispatches.iter().zip(lens) {
            *cost.bytes.entry(name).or_default() += payload_len(len);
        }
    }
    let began = cpu_time();
    for _ in 0..CONNECTIONS {
        black_box(bring(&broadcasts, transport, look_back, &mut compressor));
    }
    cost.delivery = cpu_time() - began;
    cost
}

/// Writes broadcasts to a connection's stream. Gives the lengths of the frames.
fn bring(
    broadcasts: &[Broadcast],
    transport: Transport,
    look_back: usize,
    compressor: &mut Compressor,
) -> Vec<usize> {
    let mut stream = Stream::new(transport, broadcasts[0].encoding());
    let mut lens = Vec::with_capacity(broadcasts.len());
    for (at, broadcast) in broadcasts.iter().enumerate() {
        let past = |back: usize| broadcasts.get(at.checked_sub(back)?).filter(|_| back <= look_back);
        let mut trail = stream.trail(past);
        lens.push(stream.dispatch(1000 + at as u64, broadcast, &mut trail, compressor).len());
    }
    lens
}

/// The length of a frame without its header.
fn payload_len(frame: usize) -> usize {
    (0..=ws::MAX_SERVER_HEADER_BYTES)
        .map(|header| frame - header)
        .find(|len| ws::frame_header(ws::Opcode::Binary, true, *len).len() + len == frame)
        .unwrap_or(frame)
}

/// Compresses each dispatch in a context of the connection's own.
fn own<F>(dispatches: &Dispatches, new: impl Fn() -> F) -> Cost
where
    F: FnMut(&[u8], &mut Vec<u8>) -> Result<(), Error>,
{
    let messages: Vec<_> = dispatches
        .iter()
        .enumerate()
        .map(|(at, (name, d))| outbound::dispatch(Encoding::Json, 1000 + at as u64, name, d.as_bytes()))
        .map(|message| message.expect("JSON"))
        .collect();
    let (mut cost, mut out) = (Cost { connections: CONTEXTS, ..Cost::default() }, Vec::new());
    for _ in 0..ROUNDS {
        cost.bytes.clear();
        let mut stream = new();
        let began = cpu_time();
        for (message, (name, _)) in messages.iter().zip(dispatches) {
            out.clear();
            stream(message, &mut out).expect("memory");
            *cost.bytes.entry(name).or_default() += out.len();
        }
        cost.event += cpu_time() - began;
    }
    // Many contexts, one message to each after the other, as in a gateway: none is in the caches when it is needed.
    let before = resident_bytes();
    let mut streams: Vec<_> = (0..CONTEXTS).map(|_| new()).collect();
    let began = cpu_time();
    for message in &messages {
        for stream in &mut streams {
            out.clear();
            stream(message, &mut out).expect("memory");
        }
    }
    cost.delivery = cpu_time() - began;
    cost.context_bytes = resident_bytes().saturating_sub(before) / CONTEXTS;
    cost
}

/// The thread's CPU time: what others do beside it does not count.
fn cpu_time() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(schedstat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
