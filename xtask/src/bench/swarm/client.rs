//! One client: as little memory as it takes to be a session.

use super::inflate::Inflater;
use std::net::TcpStream;

/// A client that takes whatever event comes next as the one that should: it has no history any more.
pub const ANY: u32 = u32::MAX;

/// How far a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It has no socket: not yet, or it was cut off.
    Absent,
    /// The socket connects.
    Connecting,
    /// The upgrade is asked for.
    Upgrading,
    /// Upgraded; HELLO, READY or RESUMED are to come.
    Starting,
    /// READY or RESUMED has come.
    Ready,
    /// A connection without a protocol.
    Raw,
}

/// When a client's socket is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As soon as something comes.
    Live,
    /// Now and then, with whatever has come.
    Lazy,
    /// Not at all: it is slow.
    Never,
}

/// A client.
pub struct Client {
    pub socket: Option<TcpStream>,
    pub stage: Stage,
    pub reading: Reading,
    /// It has a session to go on with.
    pub resuming: bool,
    /// It has been ready before.
    pub known: bool,
    /// A heartbeat is not answered yet.
    pub ack_due: bool,
    /// How many connections it has begun.
    pub attempt: u8,
    /// The event that should come next, or [`ANY`].
    pub next: u32,
    /// The last sequence number; without a protocol, bytes so far.
    pub seq: u64,
    /// When the present connection was begun.
    pub since: u64,
    /// What came of a frame that is not whole yet.
    pub partial: Vec<u8>,
    /// Kept by clients that go on looking into compressed messages.
    pub inflater: Option<Box<Inflater>>,
    pub session: Option<Box<[u8]>>,
}

impl Client {
    /// One that has not begun.
    pub fn new() -> Self {
        Self {
            socket: None,
            stage: Stage::Absent,
            reading: Reading::Live,
            resuming: false,
            known: false,
            ack_due: false,
            attempt: 0,
            next: 0,
            seq: 0,
            since: 0,
            partial: Vec::new(),
            inflater: None,
            session: None,
        }
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }
}

// hundreds of thousands of clients are to fit beside the server
const _: () = assert!(size_of::<Client>() <= 96);
