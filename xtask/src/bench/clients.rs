//! Many gateway sessions in one process, on one thread: as little work a delivery as possible, so that the
//! server's cost shows and not ours.
//!
//! A helper of `bench fanout`. It says `ready` when every session is ready and quiet, then `event N` whenever
//! every session has event N, and answers each line on its input with its figures. An event is a message whose
//! content is `fan NUMBER NANOSECONDS`; with `--raw BYTES` there is no protocol and an event is that many bytes.

use super::measure;
use crate::args::Args;
use crate::gateway;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};
use serde_json::json;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

/// How many sessions may be on their way at once.
const CONNECTING_MAX: usize = 256;
/// How long nothing may come before all sessions are taken to be quiet.
const QUIET: Duration = Duration::from_millis(700);
/// How often each session sends a heartbeat; the server asks for one every 41.25 s.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How many latencies are kept.
const SAMPLES_MAX: usize = 4_000_000;
/// How much is read at once.
const READ_BYTES: usize = 256 << 10;
/// What marks an event in a frame.
const MARK: &[u8] = b"\"fan ";
/// GUILDS, GUILD_MESSAGES and MESSAGE_CONTENT.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 15;

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Upgrading,
    Greeted,
    Ready,
}

struct Session {
    socket: TcpStream,
    token: String,
    stage: Stage,
    /// What came of a frame that is not whole yet.
    partial: Vec<u8>,
    /// The number of the event that should come next.
    next: u64,
    /// Bytes so far, without a protocol.
    bytes: u64,
}

/// How the run was asked for.
struct Plan {
    address: SocketAddr,
    /// Bytes of an event without a protocol; 0 is the gateway protocol.
    raw: u64,
    tokens: Vec<String>,
}

struct Clients {
    plan: Plan,
    poll: Poll,
    sessions: Vec<Session>,
    /// What every session reads into.
    buffer: Vec<u8>,
    ready: usize,
    /// How many sessions have each event.
    counts: Vec<usize>,
    latencies_us: Vec<u32>,
    frame_bytes: usize,
    /// Events that came twice, out of order or with a gap before them.
    wrong: u64,
    last_data: Instant,
    beat_at: usize,
    beat_time: Instant,
}

/// Runs the helper process until its input ends.
///
/// # Errors
/// When a connection fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    let raw = args.option("--raw")?.unwrap_or(0);
    let words = args.rest()?;
    let [address, tokens, skip, count] = &words[..] else {
        return Err("ADDRESS TOKENS SKIP COUNT".to_owned());
    };
    let parse = |text: &String| text.parse::<usize>().map_err(|_| format!("{text:?} is no number"));
    let (skip, count) = (parse(skip)?, parse(count)?);
    let tokens = if raw > 0 {
        vec![String::new(); count]
    } else {
        let list = std::fs::read_to_string(tokens).map_err(|error| format!("{tokens}: {error}"))?;
        // one token may serve many sessions
        let list: Vec<&str> = list.lines().collect();
        (skip..skip + count)
            .filter_map(|index| list.get(index % list.len().max(1)))
            .map(|token| (*token).to_owned())
            .collect()
    };
    let address = address.parse().map_err(|_| format!("{address:?} is no address"))?;
    let mut clients = Clients::new(Plan { address, raw, tokens })?;
    let asked = clients.listen_to_input()?;
    clients.connect_all()?;
    println!("ready");
    clients.serve(&asked)
}

impl Clients {
    fn new(plan: Plan) -> Result<Self, String> {
        let now = Instant::now();
        Ok(Self {
            plan,
            poll: Poll::new().map_err(|error| error.to_string())?,
            sessions: Vec::new(),
            buffer: vec![0; READ_BYTES],
            ready: 0,
            counts: Vec::new(),
            latencies_us: Vec::new(),
            frame_bytes: 0,
            wrong: 0,
            last_data: now,
            beat_at: 0,
            beat_time: now,
        })
    }

    /// A thread that turns each line of the input into a question; the end of the input ends the channel.
    fn listen_to_input(&self) -> Result<Receiver<()>, String> {
        let waker =
            Arc::new(Waker::new(self.poll.registry(), Token(usize::MAX)).map_err(|error| error.to_string())?);
        let (ask, asked) = sync_channel(16);
        std::thread::spawn(move || {
            for line in std::io::stdin().lock().lines() {
                if line.is_err() || ask.send(()).is_err() || waker.wake().is_err() {
                    break;
                }
            }
            drop(ask);
            // the loop ends when it finds the channel closed
            let _ = waker.wake();
        });
        Ok(asked)
    }

    fn connect_all(&mut self) -> Result<(), String> {
        let total = self.plan.tokens.len();
        while self.ready < total || self.last_data.elapsed() < QUIET {
            while self.sessions.len() < total && self.sessions.len() - self.ready < CONNECTING_MAX {
                self.connect()?;
            }
            self.turn(Duration::from_millis(50))?;
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<(), String> {
        let index = self.sessions.len();
        let failed = |error: std::io::Error| format!("session {index}: {error}");
        let std = std::net::TcpStream::connect(self.plan.address).map_err(failed)?;
        std.set_nodelay(true).map_err(failed)?;
        let raw = self.plan.raw > 0;
        if !raw {
            (&std).write_all(gateway::upgrade(self.plan.address).as_bytes()).map_err(failed)?;
        }
        std.set_nonblocking(true).map_err(failed)?;
        let mut socket = TcpStream::from_std(std);
        self.poll.registry().register(&mut socket, Token(index), Interest::READABLE).map_err(failed)?;
        self.ready += usize::from(raw);
        let stage = if raw { Stage::Ready } else { Stage::Upgrading };
        let token = self.plan.tokens[index].clone();
        self.sessions.push(Session { socket, token, stage, partial: Vec::new(), next: 0, bytes: 0 });
        Ok(())
    }

    /// Serves until the input ends. Heartbeats begin here: answers to them would never let the sessions be quiet.
    fn serve(&mut self, asked: &Receiver<()>) -> Result<(), String> {
        self.beat_time = Instant::now();
        loop {
            self.turn(Duration::from_millis(500))?;
            if self.plan.raw == 0 {
                self.beat()?;
            }
            loop {
                match asked.try_recv() {
                    Ok(()) => self.answer(),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return Ok(()),
                }
            }
        }
    }

    /// Prints the figures since the last question.
    fn answer(&mut self) {
        self.latencies_us.sort_unstable();
        let [p50, p99, max] =
            [50.0, 99.0, 100.0].map(|percent| measure::percentile(&self.latencies_us, percent));
        let figures = json!({
            "deliveries": self.latencies_us.len(), "p50_us": p50, "p99_us": p99, "max_us": max,
            "frame_bytes": self.frame_bytes, "wrong": self.wrong,
        });
        println!("{figures}");
        self.latencies_us.clear();
    }

    /// Waits for data and reads all of it.
    fn turn(&mut self, limit: Duration) -> Result<(), String> {
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(limit)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        for event in &events {
            // the waker's token is no session's
            if event.token().0 < self.sessions.len() {
                self.read(event.token().0, &mut buffer)?;
            }
        }
        self.buffer = buffer;
        Ok(())
    }

    fn read(&mut self, index: usize, buffer: &mut [u8]) -> Result<(), String> {
        loop {
            let session = &mut self.sessions[index];
            let count = match session.socket.read(buffer) {
                Ok(0) => return Err(format!("session {index}: the server closed the connection")),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("session {index}: {error}")),
            };
            self.last_data = Instant::now();
            if self.plan.raw > 0 {
                session.bytes += count as u64;
                while self.sessions[index].bytes >= self.plan.raw * (self.sessions[index].next + 1) {
                    let number = self.sessions[index].next;
                    self.delivered(index, number);
                }
            } else if session.partial.is_empty() {
                let used = self.consume(index, &buffer[..count])?;
                self.sessions[index].partial.extend_from_slice(&buffer[used..count]);
            } else {
                let mut whole = std::mem::take(&mut session.partial);
                whole.extend_from_slice(&buffer[..count]);
                let used = self.consume(index, &whole)?;
                whole.drain(..used);
                self.sessions[index].partial = whole;
            }
        }
    }

    /// Takes every whole frame from `data`; returns how many bytes they were.
    fn consume(&mut self, index: usize, data: &[u8]) -> Result<usize, String> {
        let mut at = 0;
        if self.sessions[index].stage == Stage::Upgrading {
            let Some(end) = find(data, b"\r\n\r\n") else { return Ok(0) };
            if !data.starts_with(b"HTTP/1.1 101 ") {
                return Err(format!("session {index}: {}", String::from_utf8_lossy(&data[..end])));
            }
            self.sessions[index].stage = Stage::Greeted;
            at = end + 4;
        }
        while let Some((header, length)) = frame(&data[at..]) {
            if data.len() < at + header + length {
                break;
            }
            let body = &data[at + header..at + header + length];
            match data[at] & 0x0f {
                8 => return Err(format!("session {index} was closed: {}", close_reason(body))),
                _ => self.payload(index, body, header + length)?,
            }
            at += header + length;
        }
        Ok(at)
    }

    fn payload(&mut self, index: usize, body: &[u8], frame_bytes: usize) -> Result<(), String> {
        if self.sessions[index].stage == Stage::Greeted {
            if find(body, b"\"op\":10").is_some() {
                let identify = gateway::identify_payload(&self.sessions[index].token, INTENTS).to_string();
                return self.send(index, identify.as_bytes());
            }
            if find(body, b"\"op\":9").is_some() {
                return Err(format!("session {index}: the token was refused"));
            }
            if find(body, b"\"READY\"").is_some() {
                self.sessions[index].stage = Stage::Ready;
                self.ready += 1;
            }
            return Ok(());
        }
        if let Some(at) = find(body, MARK) {
            let mut words = body[at + MARK.len()..].split(|byte| !byte.is_ascii_digit());
            let mut number =
                || words.next().and_then(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
            if let (Some(event), Some(sent_ns)) = (number(), number()) {
                let took = measure::now_ns().saturating_sub(sent_ns) / 1000;
                if self.latencies_us.len() < SAMPLES_MAX {
                    self.latencies_us.push(u32::try_from(took).unwrap_or(u32::MAX));
                }
                self.frame_bytes = frame_bytes;
                self.delivered(index, event);
            }
        }
        Ok(())
    }

    fn delivered(&mut self, index: usize, event: u64) {
        let session = &mut self.sessions[index];
        self.wrong += u64::from(session.next != event);
        session.next = event + 1;
        let slot = usize::try_from(event).unwrap_or_default();
        if self.counts.len() <= slot {
            self.counts.resize(slot + 1, 0);
        }
        self.counts[slot] += 1;
        if self.counts[slot] == self.sessions.len() {
            println!("event {event}");
        }
    }

    /// Sends the heartbeats that are due: each session's turn comes once in [`HEARTBEAT`].
    fn beat(&mut self) -> Result<(), String> {
        if self.sessions.is_empty() {
            return Ok(());
        }
        let gap = HEARTBEAT / u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        while self.beat_time <= Instant::now() {
            self.beat_time += gap;
            self.beat_at = (self.beat_at + 1) % self.sessions.len();
            if self.sessions[self.beat_at].stage == Stage::Ready {
                self.send(self.beat_at, b"{\"op\":1,\"d\":null}")?;
            }
        }
        Ok(())
    }

    fn send(&mut self, index: usize, payload: &[u8]) -> Result<(), String> {
        let frame = gateway::masked_text(payload);
        // so little fits into a socket's buffer always, unless the server stopped reading
        self.sessions[index].socket.write_all(&frame).map_err(|error| format!("session {index}: {error}"))
    }
}

/// The lengths of a frame's header and body, when the header is whole.
fn frame(data: &[u8]) -> Option<(usize, usize)> {
    match *data.get(1)? & 0x7f {
        126 => Some((4, usize::from(u16::from_be_bytes(data.get(2..4)?.try_into().ok()?)))),
        127 => Some((10, usize::try_from(u64::from_be_bytes(data.get(2..10)?.try_into().ok()?)).ok()?)),
        short => Some((2, usize::from(short))),
    }
}

fn close_reason(body: &[u8]) -> String {
    let code = body.get(..2).map_or(0, |code| u16::from_be_bytes([code[0], code[1]]));
    format!("{code} {}", String::from_utf8_lossy(body.get(2..).unwrap_or_default()))
}

fn find(data: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = data[from..].iter().position(|byte| *byte == first) {
        if data[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_three_lengths() {
        assert_eq!(frame(&[0x81]), None);
        assert_eq!(frame(&[0x81, 5]), Some((2, 5)));
        assert_eq!(frame(&[0x81, 126, 1, 0]), Some((4, 256)));
        assert_eq!(frame(&[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Some((10, 65536)));
    }

    #[test]
    fn a_needle_is_found_behind_a_false_start() {
        assert_eq!(find(b"\"fa \"fan 1", MARK), Some(4));
        assert_eq!(find(b"nothing", MARK), None);
    }
}
