//! A thread of clients: epoll, reads, heartbeats, commands.

use super::client::{Client, Reading, Stage};
use super::comeback::Comebacks;
use super::tally::Tally;
use super::{Board, Command, Plan, WAKER, socket, wire};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Read, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;
/// Events that are more than these are no small batch.
const SMALL_BATCH: usize = 64;
/// Lazy clients read between two looks at the others.
const LAZY_PER_TURN: usize = 64;
/// How long a thread with nothing to do sleeps at most.
const IDLE: Duration = Duration::from_millis(20);
/// Closed by the other side without a close frame (RFC 6455, section 7.1.5).
pub const CLOSED_SILENTLY: u16 = 1006;

/// The thread's state.
pub struct Worker {
    pub(super) plan: Arc<Plan>,
    pub(super) board: Arc<Board>,
    pub(super) poll: Poll,
    /// The number of the first client among all.
    pub(super) first: usize,
    pub(super) clients: Vec<Client>,
    pub(super) tally: Tally,
    pub(super) comebacks: Comebacks,
    /// The time of the last read, on the board's clock.
    pub(super) now: u64,
    /// Where the mark of an event was found last.
    pub(super) hint: usize,
    /// What inflates into.
    pub(super) plain: Vec<u8>,
    /// How often each client sends a heartbeat; the server says it in HELLO.
    pub(super) heartbeat: Option<Duration>,
    /// Events read since the board was told, with how many clients and when the last one.
    pub(super) fresh: Vec<(u64, usize, u64)>,
    /// Whether anything but answers to heartbeats was read.
    pub(super) heard: bool,
    /// Why this thread cannot go on.
    pub(super) failure: Option<String>,
    /// Clients that have been ready.
    pub(super) ready: usize,
    /// When all were cut off at once.
    pub(super) all_cut_at: Option<u64>,
    opened: usize,
    buffer: Vec<u8>,
    beat_at: usize,
    beat_time: Instant,
    lazy_at: usize,
    lazy_time: Instant,
}

impl Worker {
    /// Clients of these numbers.
    pub fn new(plan: Arc<Plan>, board: Arc<Board>, poll: Poll, clients: Range<usize>) -> Self {
        let now = Instant::now();
        Self {
            plan,
            board,
            poll,
            first: clients.start,
            clients: clients.clone().map(|_| Client::new()).collect(),
            tally: Tally::default(),
            comebacks: Comebacks::new(clients.start as u64),
            now: 0,
            hint: 0,
            plain: Vec::new(),
            heartbeat: None,
            fresh: Vec::new(),
            heard: false,
            failure: None,
            ready: 0,
            all_cut_at: None,
            opened: 0,
            buffer: vec![0; READ_BYTES],
            beat_at: 0,
            beat_time: now,
            lazy_at: 0,
            lazy_time: now,
        }
    }

    /// Runs until nobody can tell it anything any more.
    ///
    /// # Errors
    /// When a client fails that must not.
    pub fn run(mut self, commands: &Receiver<Command>) -> Result<(), String> {
        let mut events = Events::with_capacity(1024);
        while self.obey(commands) {
            self.connect_more();
            self.churn();
            self.come_back();
            self.beat();
            let lazy_left = self.read_lazy();
            let timeout = if lazy_left || self.is_connecting() { Duration::ZERO } else { self.timeout() };
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.to_string()),
                _ => {}
            }
            let mut count = 0;
            for event in &events {
                let Token(index) = event.token();
                if event.token() != WAKER && index < self.clients.len() {
                    count += 1;
                    self.ready_to_read(index, event.is_read_closed() || event.is_error());
                }
            }
            self.tell_board();
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            // a fan-out is taken in bites; without the sleep each send would wake this thread
            if (1..SMALL_BATCH).contains(&count) && !lazy_left && !self.is_connecting() {
                std::thread::sleep(self.plan.coalesce);
            }
        }
        self.clients.iter_mut().filter_map(|client| client.socket.take()).for_each(socket::cut);
        Ok(())
    }

    /// Does what it is told; `false` when it is to end.
    fn obey(&mut self, commands: &Receiver<Command>) -> bool {
        loop {
            match commands.try_recv() {
                // who asked may have gone away
                Ok(Command::Tally(give)) => drop(give.send(std::mem::take(&mut self.tally))),
                Ok(Command::Churn(per_second, gap)) => self.comebacks.churn(per_second, gap),
                Ok(Command::CutAll(gap)) => self.cut_all(gap),
                Ok(Command::Slow(every, give)) => drop(give.send(self.slow_down(every))),
                Ok(Command::Hurry(give)) => {
                    self.hurry();
                    let _ = give.send(());
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn is_connecting(&self) -> bool {
        self.opened < self.clients.len() && self.opened - self.ready.min(self.opened) < self.in_flight()
    }

    fn in_flight(&self) -> usize {
        // a share of all that the plan allows
        let all: usize = self.plan.targets.iter().map(|(_, count)| count).sum();
        (self.plan.in_flight * self.clients.len()).div_ceil(all.max(1)).max(1)
    }

    fn timeout(&self) -> Duration {
        self.comebacks.next().map_or(IDLE, |due| {
            let wait = Duration::from_nanos(due.saturating_sub(self.board.now()));
            wait.clamp(Duration::from_millis(1), IDLE)
        })
    }

    /// Connects clients as long as not too many are on their way.
    fn connect_more(&mut self) {
        for _ in 0..SMALL_BATCH {
            if !self.is_connecting() {
                return;
            }
            self.open(self.opened);
            self.opened += 1;
        }
    }

    /// Begins a client's connection.
    pub(super) fn open(&mut self, index: usize) {
        let number = self.first + index;
        let client = &mut self.clients[index];
        let (from, attempt) = (socket::source(number, client.attempt), client.attempt.wrapping_add(1));
        let Some(target) = self.plan.target(number) else { return };
        client.attempt = attempt;
        client.since = self.board.now();
        client.stage = Stage::Connecting;
        let opened = socket::begin(from, target).and_then(|socket| {
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(index), both)?;
            Ok(socket)
        });
        match opened {
            Ok(socket) => client.socket = Some(socket),
            Err(error) => self.lost(index, CLOSED_SILENTLY, &error.to_string()),
        }
    }

    fn ready_to_read(&mut self, index: usize, to_end: bool) {
        if self.clients[index].stage == Stage::Connecting {
            self.connected(index);
        }
        if self.clients[index].reading != Reading::Never {
            self.read(index, to_end);
        }
    }

    /// The first news of a socket: it is connected, or cannot be.
    fn connected(&mut self, index: usize) {
        let Some(socket) = &self.clients[index].socket else { return };
        if let Ok(Some(error)) | Err(error) = socket.take_error() {
            return self.lost(index, CLOSED_SILENTLY, &error.to_string());
        }
        if self.plan.raw > 0 {
            self.clients[index].stage = Stage::Raw;
            // a byte that the kernel sends again until the other side has a place for the connection: a bare one may be
            // forgotten there when many come at once, and would never be accepted
            self.write(index, b"x");
            return self.count_ready(index);
        }
        self.clients[index].stage = Stage::Upgrading;
        let request = self.upgrade_request(index);
        self.write(index, request.as_bytes());
    }

    /// Counts a client that is ready, for the first time or again.
    pub(super) fn count_ready(&mut self, index: usize) {
        let now = self.board.now();
        if !std::mem::replace(&mut self.clients[index].known, true) {
            self.ready += 1;
        } else if let Some(cut) = self.all_cut_at {
            self.tally.back.record(now.saturating_sub(cut) / 1000);
        }
        self.heard = true;
        self.board.ready_at.fetch_max(now, Relaxed);
        self.board.ready.fetch_add(1, Relaxed);
    }

    /// Writes a frame or request; so little fits into a socket's buffer always, unless the server has stopped reading.
    pub(super) fn write(&mut self, index: usize, bytes: &[u8]) {
        let Some(mut socket) = self.clients[index].socket.as_ref() else { return };
        if let Err(error) = socket.write_all(bytes)
            && self.clients[index].reading != Reading::Never
        {
            self.lost(index, CLOSED_SILENTLY, &error.to_string());
        }
    }

    /// Reads what has come, and the end of the connection if that has come, too.
    pub(super) fn read(&mut self, index: usize, to_end: bool) {
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            let client = &mut self.clients[index];
            let Some(mut socket) = client.socket.as_ref() else { break };
            let kept = client.partial.len();
            if buffer.len() < 2 * kept {
                buffer.resize(2 * kept, 0);
            }
            buffer[..kept].copy_from_slice(&client.partial);
            let count = match socket.read(&mut buffer[kept..]) {
                Ok(0) => {
                    self.lost(index, CLOSED_SILENTLY, "the server closed the connection");
                    break;
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.lost(index, CLOSED_SILENTLY, &error.to_string());
                    break;
                }
            };
            client.partial = Vec::new();
            self.tally.reads += 1;
            self.now = self.board.now();
            let filled = kept + count;
            let used = self.consume(index, &buffer[..filled]);
            if used < filled {
                self.clients[index].partial = buffer[used..filled].to_vec();
            }
            // less than there was room for: the kernel has no more, and will say when it has
            if filled < buffer.len() && !to_end {
                break;
            }
        }
        self.buffer = buffer;
    }

    /// Takes every whole frame; returns how many bytes they were.
    fn consume(&mut self, index: usize, data: &[u8]) -> usize {
        let mut at = 0;
        match self.clients[index].stage {
            Stage::Raw => {
                self.raw(index, data.len());
                return data.len();
            }
            Stage::Upgrading => {
                let Some(end) = wire::find(data, b"\r\n\r\n") else { return 0 };
                at = end + 4;
                self.upgraded(index, &data[..end]);
            }
            _ => {}
        }
        while let Some(frame) = wire::frame(&data[at..]) {
            if self.clients[index].socket.is_none() {
                return data.len();
            }
            at += frame.size;
            self.frame(index, &frame);
        }
        if self.clients[index].socket.is_none() { data.len() } else { at }
    }

    fn raw(&mut self, index: usize, bytes: usize) {
        self.clients[index].seq += bytes as u64;
        while self.clients[index].seq >= self.plan.raw * (u64::from(self.clients[index].next) + 1) {
            self.delivered(index, u64::from(self.clients[index].next));
        }
    }

    /// Sends the heartbeats that are due: each client's turn comes once in the interval.
    fn beat(&mut self) {
        let Some(interval) = self.heartbeat else {
            self.beat_time = Instant::now();
            return;
        };
        let gap = interval / u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        let now = Instant::now();
        while self.beat_time <= now {
            self.beat_time += gap;
            self.beat_at = (self.beat_at + 1) % self.clients.len();
            self.heartbeat(self.beat_at);
        }
    }

    /// Reads a turn's worth of the clients that are read now and then; `true` when there are more.
    fn read_lazy(&mut self) -> bool {
        let now = Instant::now();
        if self.plan.live_every <= 1 || self.plan.raw > 0 || (self.lazy_at == 0 && now < self.lazy_time) {
            return false;
        }
        if self.lazy_at == 0 {
            self.lazy_time = now + self.plan.lazy;
        }
        let mut read = 0;
        while self.lazy_at < self.clients.len() && read < LAZY_PER_TURN {
            if self.clients[self.lazy_at].reading == Reading::Lazy {
                self.read(self.lazy_at, false);
                read += 1;
            }
            self.lazy_at += 1;
        }
        if self.lazy_at == self.clients.len() {
            self.lazy_at = 0;
        }
        self.lazy_at > 0
    }

    /// Takes a client's socket out of epoll.
    pub(super) fn deregister(&mut self, index: usize) {
        if let Some(socket) = &self.clients[index].socket
            && let Err(error) = self.poll.registry().deregister(&mut SourceFd(&socket.as_raw_fd()))
        {
            self.failure = Some(format!("epoll: {error}"));
        }
    }

    /// Puts it back.
    pub(super) fn register(&mut self, index: usize) {
        if let Some(socket) = &self.clients[index].socket
            && let Err(error) = self.poll.registry().register(
                &mut SourceFd(&socket.as_raw_fd()),
                Token(index),
                Interest::READABLE,
            )
        {
            self.failure = Some(format!("epoll: {error}"));
        }
    }

    /// Tells the board what has been read in this turn.
    fn tell_board(&mut self) {
        for (number, count, at) in self.fresh.drain(..) {
            self.board.arrived(number, count, at);
        }
        if std::mem::take(&mut self.heard) {
            self.board.heard_at.fetch_max(self.board.now(), Relaxed);
        }
    }
}
