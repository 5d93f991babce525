//! The shell: a thread with a socket.
//!
//! A turn takes some datagrams, then the commands that have come until then, then works on the datagrams. So what a client was
//! told over signalling is in force for what it sends after that, and commands never wait for a flood of packets.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};

use crate::counts::Counts;
use crate::plane::{Command, Order, Plane};
use crate::rtc::Identity;
use crate::socket::{Inbox, Outbox, Socket};

/// Commands that wait for the thread. With more, what opens and changes sessions is refused; that one is closed is always taken.
pub const COMMANDS_WAITING_MAX: usize = 65_536;
/// Turns of datagrams after which it is looked whether the thread is to end.
const TURNS_MAX: usize = 64;

const SOCKET: Token = Token(0);
const WAKER: Token = Token(1);

/// The plane has too many commands to take another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A media server: a thread that runs a [`Plane`] behind a UDP socket. Ends when it is dropped.
#[derive(Debug)]
pub struct Media {
    address: SocketAddr,
    identity: Identity,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    waker: Waker,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    commands: Vec<Command>,
    counts: Counts,
    is_over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Media {
    /// Listens and runs.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub fn start(listen: SocketAddr) -> io::Result<Self> {
        let mut socket = Socket::bind(listen)?;
        let address = socket.address()?;
        let identity = Identity::generate()?;
        let poll = Poll::new()?;
        poll.registry().register(socket.source(), SOCKET, Interest::READABLE)?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let shared = Arc::new(Shared { waker, state: Mutex::default() });
        let thread = std::thread::Builder::new().name("media".to_owned()).spawn({
            let (shared, identity) = (shared.clone(), identity.clone());
            move || run(poll, &socket, &shared, identity)
        })?;
        Ok(Self { address, identity, shared, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What browsers are told of it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Tells the plane something, in order.
    ///
    /// # Errors
    /// [`Full`]; never of [`Order::Close`].
    pub fn command(&self, command: Command) -> Result<(), Full> {
        let mut state = self.shared.lock();
        if state.commands.len() >= COMMANDS_WAITING_MAX && command.order != Order::Close {
            return Err(Full);
        }
        let is_first = state.commands.is_empty();
        state.commands.push(command);
        drop(state);
        if is_first {
            self.wake();
        }
        Ok(())
    }

    /// What it has done, as of its last turn.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    fn wake(&self) {
        if let Err(error) = self.shared.waker.wake() {
            tracing::error!(%error, "the media thread cannot be woken");
        }
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn run(mut poll: Poll, socket: &Socket, shared: &Shared, identity: Identity) {
    let started = Instant::now();
    let mut turn = Turn {
        plane: Plane::new(identity, started),
        inbox: Inbox::new(),
        outbox: Outbox::new(socket),
        commands: Vec::new(),
    };
    let mut events = Events::with_capacity(2);
    loop {
        let due = turn.plane.next_deadline_ms().map(|due_ms| started + Duration::from_millis(due_ms));
        let wait = due.map(|due| due.saturating_duration_since(Instant::now()));
        if let Err(error) = poll.poll(&mut events, wait)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return tracing::error!(%error, "the media thread cannot wait for packets");
        }
        loop {
            let ran = catch_unwind(AssertUnwindSafe(|| turn.run(socket, shared, started)));
            match ran {
                Ok(Ended::Over) => return,
                Ok(Ended::Waits) => break,
                Ok(Ended::Busy) => {}
                Err(_) => tracing::error!("a turn of the media thread panicked; its packets are lost"),
            }
        }
    }
}

/// What a turn works with.
struct Turn<'s> {
    plane: Plane,
    inbox: Inbox,
    outbox: Outbox<'s>,
    commands: Vec<Command>,
}

/// How some turns ended.
enum Ended {
    /// There may be more datagrams.
    Busy,
    /// There are none.
    Waits,
    /// The thread is to end.
    Over,
}

impl Turn<'_> {
    fn run(&mut self, socket: &Socket, shared: &Shared, started: Instant) -> Ended {
        for _ in 0..TURNS_MAX {
            let received = self.inbox.receive(socket);
            {
                let mut state = shared.lock();
                if state.is_over {
                    return Ended::Over;
                }
                state.counts = self.plane.counts();
                std::mem::swap(&mut state.commands, &mut self.commands);
            }
            let now_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (plane, outbox) = (&mut self.plane, &mut self.outbox);
            self.commands.drain(..).for_each(|command| plane.apply(&command, now_ms, outbox));
            let all = self.inbox.each(|from, datagram| plane.receive(from, datagram, now_ms, outbox));
            plane.tick(now_ms, outbox);
            outbox.flush();
            plane.counts_mut().unsent += outbox.take_unsent();
            plane.counts_mut().malformed += all.too_long;
            if received.is_last {
                shared.lock().counts = plane.counts();
                return Ended::Waits;
            }
        }
        Ended::Busy
    }
}
