//! Very many gateway clients in this process: a few threads, each with a descriptor table, an epoll and up to some
//! 19,000 clients of its own, and as little work a delivery as possible, since the server needs the same cores.
//!
//! A client finds `op`, `s` and `t` of a payload and the number of the event in it (see [`wire`]), and looks that up on
//! the [`board`], where the poster has noted when it posted it. With transport compression all clients read the stream up to
//! READY, and after that only every hundredth; the others count messages.

pub mod board;
mod client;
mod comeback;
mod inflate;
mod protocol;
mod socket;
mod tally;
mod wire;
mod worker;

pub use board::Board;
pub use comeback::Gap;
pub use inflate::Compress;
pub use socket::{clients_per_table, hints};
pub use tally::Tally;

use mio::{Poll, Token, Waker};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use worker::Worker;

/// How long nothing may come before all sessions are taken to be quiet.
const QUIET: Duration = Duration::from_millis(700);
/// How long nothing may come before what is missing is taken to be lost: threads of clients that have much to read are slow.
const GIVEN_UP: Duration = Duration::from_secs(5);
/// How long nothing may come before the run is given up.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Commands that may wait for a thread.
const COMMANDS_MAX: usize = 16;
/// The token of a thread's waker.
const WAKER: Token = Token(usize::MAX);

/// What the clients are to do.
pub struct Plan {
    /// Where they connect, and how many of them to each.
    pub targets: Vec<(SocketAddr, usize)>,
    /// Bytes of an event without a protocol; 0 is the gateway protocol.
    pub raw: u64,
    /// A token for each client; fewer are used in turn.
    pub tokens: Vec<Box<str>>,
    /// Intents of IDENTIFY.
    pub intents: u64,
    /// The names of the dispatches that are events of the bench.
    pub events: &'static [&'static str],
    /// Transport compression.
    pub compress: Compress,
    /// With compression, every how manieth client goes on inflating.
    pub inflate_every: usize,
    /// Every how manieth client is read at once and timed; the others now and then.
    pub live_every: usize,
    /// How often the others are read.
    pub lazy: Duration,
    /// Whether a client that is closed comes back; otherwise it ends the run.
    pub tolerant: bool,
    /// Clients on their way at once.
    pub in_flight: usize,
    /// How long a thread sleeps after a small batch of reads: fewer wake-ups for both ends, latencies that much coarser.
    pub coalesce: Duration,
}

impl Plan {
    /// Clients without a protocol: an event is so many bytes.
    pub fn raw(targets: Vec<(SocketAddr, usize)>, bytes: u64) -> Self {
        Self {
            targets,
            raw: bytes,
            tokens: Vec::new(),
            intents: 0,
            events: &[],
            compress: Compress::None,
            inflate_every: 1,
            live_every: 1,
            lazy: Duration::ZERO,
            tolerant: false,
            in_flight: 1000,
            coalesce: DEFAULT_COALESCE,
        }
    }

    fn clients(&self) -> usize {
        self.targets.iter().map(|(_, count)| count).sum()
    }

    fn target(&self, index: usize) -> Option<SocketAddr> {
        let mut rest = index;
        self.targets.iter().find_map(|(address, count)| match rest.checked_sub(*count) {
            None => Some(*address),
            Some(less) => {
                rest = less;
                None
            }
        })
    }

    fn token(&self, index: usize) -> &str {
        self.tokens.get(index % self.tokens.len().max(1)).map_or("", |token| token)
    }
}

/// How long clients sleep after a small batch of reads, unless told otherwise.
pub const DEFAULT_COALESCE: Duration = Duration::from_micros(300);

/// What a thread is told.
enum Command {
    /// To hand over what it has counted.
    Tally(SyncSender<Tally>),
    /// To cut off so many of its clients a second, which come back after the gap; 0 stops that.
    Churn(f64, Gap),
    /// To cut off all of its clients at once.
    CutAll(Gap),
    /// To stop reading every so manieth client, and to say which addresses these have.
    Slow(usize, SyncSender<Vec<SocketAddr>>),
    /// To read the slow ones again, and to say when it has begun to.
    Hurry(SyncSender<()>),
}

struct Hand {
    /// `None` once the thread is to end.
    commands: Option<SyncSender<Command>>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// The clients.
pub struct Swarm {
    /// What is known of events and sessions.
    pub board: Arc<Board>,
    clients: usize,
    hands: Vec<Hand>,
}

impl Swarm {
    /// Starts the threads; clients begin to connect.
    ///
    /// # Errors
    /// When the system gives no thread or epoll.
    pub fn start(plan: Plan) -> Result<Self, String> {
        let clients = plan.clients();
        let per_thread = clients.div_ceil(clients.div_ceil(clients_per_table()).max(1)).max(1);
        let (plan, board) = (Arc::new(plan), Arc::new(Board::new(clients)));
        let mut hands = Vec::new();
        for first in (0..clients).step_by(per_thread) {
            let range = first..clients.min(first + per_thread);
            hands.push(start_thread(&plan, &board, range).map_err(|error| error.to_string())?);
        }
        Ok(Self { board, clients, hands })
    }

    /// Waits until all clients are ready; returns how long that took since the start.
    ///
    /// # Errors
    /// When a client fails, or nothing comes any more.
    pub fn await_ready(&self) -> Result<Duration, String> {
        let (board, clients) = (&self.board, self.clients);
        let state = || format!("{} of {clients} sessions are ready", board.ready.load(Relaxed));
        board.wait(PATIENCE, state, || (board.ready.load(Relaxed) == clients).then_some(()))?;
        Ok(Duration::from_nanos(board.ready_at.load(Relaxed)))
    }

    /// Waits until nothing but answers to heartbeats has come for a while.
    ///
    /// # Errors
    /// When a client fails.
    pub fn await_quiet(&self) -> Result<(), String> {
        self.board.wait(PATIENCE, String::new, || self.is_quiet(QUIET).then_some(()))
    }

    /// Waits until all have these events, or nothing comes any more, though the clients have had time to read.
    ///
    /// # Errors
    /// When a client fails.
    pub fn await_rest(&self, events: Range<u64>) -> Result<(), String> {
        let mut events = events.peekable();
        self.board.wait(PATIENCE, String::new, || {
            while events.next_if(|number| self.board.wall(*number).is_some()).is_some() {}
            (events.peek().is_none() || self.is_quiet(GIVEN_UP)).then_some(())
        })
    }

    fn is_quiet(&self, time: Duration) -> bool {
        let silence = self.board.now().saturating_sub(self.board.heard_at.load(Relaxed));
        silence > time.as_nanos() as u64
    }

    /// What was counted since the last call.
    ///
    /// # Errors
    /// When a thread has ended.
    pub fn tally(&self) -> Result<Tally, String> {
        let mut sum = Tally::default();
        self.ask(Command::Tally)?.iter().for_each(|part| sum.add(part));
        Ok(sum)
    }

    /// Cuts off so many clients a second from here on; each comes back after the gap.
    ///
    /// # Errors
    /// When a thread has ended.
    pub fn churn(&self, per_second: f64, gap: Gap) -> Result<(), String> {
        let share = per_second / self.hands.len().max(1) as f64;
        self.tell_all(|| Command::Churn(share, gap))
    }

    /// Cuts off all clients at once.
    ///
    /// # Errors
    /// When a thread has ended.
    pub fn cut_all(&self, gap: Gap) -> Result<(), String> {
        self.tell_all(|| Command::CutAll(gap))
    }

    /// Lets every so manieth client stop reading; returns their addresses.
    ///
    /// # Errors
    /// When a thread has ended.
    pub fn slow(&self, every: usize) -> Result<Vec<SocketAddr>, String> {
        Ok(self.ask(|give| Command::Slow(every, give))?.concat())
    }

    /// Lets the slow clients read again; those that the server has cut know it when this returns.
    ///
    /// # Errors
    /// When a thread has ended.
    pub fn hurry(&self) -> Result<(), String> {
        self.ask(Command::Hurry).map(|_: Vec<()>| ())
    }

    /// Asks every thread and waits for the answers.
    fn ask<T>(&self, command: impl Fn(SyncSender<T>) -> Command) -> Result<Vec<T>, String> {
        let (give, take) = sync_channel(self.hands.len());
        self.tell_all(|| command(give.clone()))?;
        drop(give);
        let answers: Vec<T> = take.iter().take(self.hands.len()).collect();
        if answers.len() == self.hands.len() { Ok(answers) } else { Err(self.why()) }
    }

    fn tell_all(&self, command: impl Fn() -> Command) -> Result<(), String> {
        for hand in &self.hands {
            let told = hand.commands.as_ref().is_some_and(|commands| commands.send(command()).is_ok());
            if !told || hand.waker.wake().is_err() {
                return Err(self.why());
            }
        }
        Ok(())
    }

    fn why(&self) -> String {
        let ended = || "a thread of clients has ended".to_owned();
        self.board.wait(Duration::ZERO, ended, || None).err().unwrap_or_default()
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        for hand in &mut self.hands {
            hand.commands = None;
            // a thread that is not woken looks by itself soon
            let _ = hand.waker.wake();
        }
        for thread in self.hands.iter_mut().filter_map(|hand| hand.thread.take()) {
            if thread.join().is_err() {
                eprintln!("a thread of clients panicked");
            }
        }
    }
}

fn start_thread(plan: &Arc<Plan>, board: &Arc<Board>, clients: Range<usize>) -> std::io::Result<Hand> {
    // made here, so that their numbers mean the same in this thread's table and in that one's
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    let (commands, told): (_, Receiver<Command>) = sync_channel(COMMANDS_MAX);
    let (plan, board) = (plan.clone(), board.clone());
    let run = move || {
        let ended = socket::own_descriptors()
            .map_err(|error| format!("no descriptor table for a thread: {error}"))
            .and_then(|()| Worker::new(plan, board.clone(), poll, clients).run(&told));
        if let Err(reason) = ended {
            board.fail(reason);
        }
    };
    let thread = std::thread::Builder::new().name("clients".to_owned()).spawn(run)?;
    Ok(Hand { commands: Some(commands), waker, thread: Some(thread) })
}

/// The first so many tokens of a file with one a line.
///
/// # Errors
/// When it cannot be read or has fewer.
pub fn read_tokens(path: &Path, count: usize) -> Result<Vec<Box<str>>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let tokens: Vec<Box<str>> = text.lines().take(count).map(Into::into).collect();
    if tokens.len() < count {
        return Err(format!("{} has {} tokens, not {count}", path.display(), tokens.len()));
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_filled_in_turn() {
        let [one, two] = ["127.0.0.1:1", "127.0.0.1:2"].map(|text| text.parse().unwrap());
        let plan = Plan::raw(vec![(one, 2), (two, 1)], 10);
        assert_eq!([0, 1, 2, 3].map(|index| plan.target(index)), [Some(one), Some(one), Some(two), None]);
        assert_eq!(plan.clients(), 3);
    }

    #[test]
    fn raw_clients_count_events_by_their_bytes() {
        use std::io::Write as _;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let swarm = Swarm::start(Plan::raw(vec![(listener.local_addr().unwrap(), 3)], 1000)).unwrap();
        let mut sockets: Vec<_> = (0..3).map(|_| listener.accept().unwrap().0).collect();
        swarm.await_ready().unwrap();
        for number in 0..2 {
            swarm.board.post(number, std::time::Instant::now()).unwrap();
            for socket in &mut sockets {
                socket.write_all(&[b'x'; 600]).unwrap();
                socket.write_all(&[b'x'; 400]).unwrap();
            }
            swarm.board.await_event(number, PATIENCE).unwrap();
        }
        let tally = swarm.tally().unwrap();
        assert_eq!((tally.deliveries, tally.latency.count(), tally.faults()), (6, 6, 0));
        drop(sockets);
        let error = swarm.board.await_event(2, PATIENCE).unwrap_err();
        assert!(error.contains("closed"), "{error}");
    }
}
