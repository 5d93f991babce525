//! The thread of a slice: epoll, one read buffer, sends. It feeds the core and does what the core wants.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use consort_runtime::{Live, OpId, OpName};
use mio::net::TcpStream as Socket;
use mio::{Events, Poll, Token, Waker};

use crate::config::{ACCEPTS_PER_TURN, OFFERS_PER_TURN};
use crate::fd_passing::{Carried, FdReceiver, FdSenders};
use crate::inbox::{InboxRef, Lost, Wake};
use crate::listener::SliceListener;
use crate::networks::Networks;
use crate::performer::Performer;
use crate::slice::{Gone, HandOver, Input, Slice};
use crate::stats::Gauges;
use crate::transmit::{Flusher, Way};

const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
/// Bytes read at once; larger messages come in pieces.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Reads of one socket before others get their turn.
const READS_PER_TURN: usize = 4;
/// How often the figures that need a walk over all sessions are made.
const WEIGH_INTERVAL: Duration = Duration::from_secs(10);

impl Wake for Waker {
    fn wake(&self) {
        if let Err(error) = Waker::wake(self) {
            tracing::error!(%error, "a slice could not be woken");
        }
    }
}

/// What a slice's thread needs.
pub(crate) struct Shell {
    pub(crate) core: Slice,
    pub(crate) poll: Poll,
    pub(crate) index: u16,
    pub(crate) inbox: InboxRef,
    pub(crate) inboxes: Vec<InboxRef>,
    pub(crate) performer: Performer,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) connections_max: usize,
    /// Sockets that the slice's own descriptor table has room for.
    pub(crate) own_max: usize,
    pub(crate) actor: Arc<Live>,
    /// Of each type of input, its place in the figures.
    ops: [OpId; Input::NAMES.len()],
    pub(crate) send_buffer_bytes: usize,
    networks: Arc<Networks>,
    listener: SliceListener,
    fd_senders: Arc<FdSenders>,
    receiver: FdReceiver,
    sockets: Vec<Option<Socket>>,
    flusher: Flusher<Socket>,
    /// Sockets that had more to read when their turn was over.
    unread: VecDeque<usize>,
    batch: VecDeque<Input>,
    buffer: Vec<u8>,
    weighed_at: Instant,
    stopped: bool,
}

/// The parts of a shell that are made outside its thread.
pub(crate) struct Parts {
    pub(crate) core: Slice,
    pub(crate) poll: Poll,
    pub(crate) index: u16,
    pub(crate) inboxes: Vec<InboxRef>,
    pub(crate) performer: Performer,
    pub(crate) gauges: Arc<Gauges>,
    pub(crate) connections_max: usize,
    pub(crate) own_max: usize,
    pub(crate) actor: Arc<Live>,
    pub(crate) send_buffer_bytes: usize,
    pub(crate) way: Way,
    pub(crate) networks: Arc<Networks>,
    pub(crate) listener: Option<TcpListener>,
    pub(crate) fd_senders: Arc<FdSenders>,
    pub(crate) receiver: FdReceiver,
}

/// Makes the poll of a slice and the waker for its inbox.
pub(crate) fn poll() -> io::Result<(Poll, Box<dyn Wake>)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    Ok((poll, Box::new(waker)))
}

impl Shell {
    /// To be called in the slice's thread.
    pub(crate) fn new(parts: Parts) -> Self {
        let inbox = parts.inboxes[usize::from(parts.index)].clone();
        Self {
            core: parts.core,
            poll: parts.poll,
            index: parts.index,
            inbox,
            inboxes: parts.inboxes,
            performer: parts.performer,
            gauges: parts.gauges,
            connections_max: parts.connections_max,
            own_max: parts.own_max,
            ops: Input::NAMES.map(|name| parts.actor.op(OpName::plain(name))),
            actor: parts.actor,
            send_buffer_bytes: parts.send_buffer_bytes,
            networks: parts.networks,
            listener: SliceListener::new(parts.listener),
            fd_senders: parts.fd_senders,
            receiver: parts.receiver,
            sockets: Vec::new(),
            flusher: Flusher::new(parts.way, parts.index),
            unread: VecDeque::new(),
            batch: VecDeque::new(),
            buffer: vec![0; READ_BUFFER_BYTES],
            weighed_at: Instant::now(),
            stopped: false,
        }
    }

    /// Runs until told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        if let Err(error) = self.listener.register(self.poll.registry(), LISTENER) {
            tracing::error!(%error, slice = self.index, "the slice cannot listen");
        }
        while !self.stopped {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout)
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, slice = self.index, "epoll failed; the slice ends");
                return;
            }
            if catch_unwind(AssertUnwindSafe(|| self.turn(&events))).is_err() {
                self.recover();
            }
        }
        // Close frames are the last thing that is written.
        while self.core.has_dirty() {
            self.flush();
        }
    }

    fn turn(&mut self, events: &Events) {
        let started = Instant::now();
        self.inputs(started);
        for event in events {
            match event.token() {
                WAKER => {}
                LISTENER => self.listener.wake(),
                _ => self.socket_event(started, event),
            }
        }
        self.accept(started);
        self.read_on(started);
        self.core.tick(started);
        self.perform();
        self.flush();
        self.report(started);
    }

    /// A broken invariant of ours takes this slice's connections and sessions, never the node: owners are told that the
    /// sessions are over, clients see their sockets close and identify again.
    fn recover(&mut self) {
        tracing::error!(
            slice = self.index,
            "the slice panicked; its connections are dropped and it begins anew"
        );
        let successor = self.core.successor();
        let told = catch_unwind(AssertUnwindSafe(|| {
            self.core.abandon();
            self.perform();
        }));
        if told.is_err() {
            tracing::error!(slice = self.index, "owners could not all be told of the sessions that are over");
        }
        self.core = successor;
        self.flusher.clear();
        self.sockets.clear();
        self.unread.clear();
        if self.buffer.len() < READ_BUFFER_BYTES {
            self.buffer = vec![0; READ_BUFFER_BYTES];
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if self.core.has_dirty()
            || !self.batch.is_empty()
            || !self.unread.is_empty()
            || self.listener.has_waiting()
        {
            return Some(Duration::ZERO);
        }
        let due = self.core.next_deadline().map(|due| due.saturating_duration_since(Instant::now()));
        // A deadline that has just been missed by a rounding is not polled for.
        Some(due.unwrap_or(WEIGH_INTERVAL).clamp(Duration::from_millis(1), WEIGH_INTERVAL))
    }

    /// Handles what is in the inbox, up to a turn's worth of work.
    fn inputs(&mut self, now: Instant) {
        let mut lost = Lost::default();
        if self.batch.is_empty() {
            lost = self.inbox.take(&mut self.batch);
        }
        let mut work = 0;
        while work < OFFERS_PER_TURN
            && let Some(input) = self.batch.pop_front()
        {
            self.seen(now, &input);
            self.input(now, input);
            work += 1 + self.core.take_offers();
        }
        if !lost.is_empty() {
            // Lost after everything in this batch: what is left of it goes first.
            while let Some(input) = self.batch.pop_front() {
                self.seen(now, &input);
                self.input(now, input);
            }
            self.core.lost_events(now, &lost);
            self.settle();
        }
    }

    /// Shows an input to operators before it is handled: should the slice stay in it, they see in which. No clock is read for it.
    fn seen(&self, now: Instant, input: &Input) {
        let op = self.ops[input.kind()];
        self.actor.taken();
        self.actor.count(op);
        self.actor.begin(op, now.into());
    }

    fn input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Connection { socket, opening, early, seat } => {
                let Some(socket) = self.receive(socket) else { return };
                let _ = socket.set_nodelay(true);
                let _ = socket2::SockRef::from(&socket).set_send_buffer_size(self.send_buffer_bytes);
                let slot = self.core.accept_seated(now, opening, seat);
                self.register(now, slot, Socket::from_std(socket), early);
            }
            Input::Adopt { socket, conn, resume, rest } => {
                // Without its socket the connection is over before it began here.
                let Some(socket) = self.receive(socket) else { return };
                let slot = self.core.adopt_resume(now, *conn, resume);
                self.register(now, slot, Socket::from_std(socket), rest);
            }
            input => {
                if matches!(input, Input::Drain { .. } | Input::Stop) {
                    self.listener.close();
                }
                self.core.input(now, input);
                self.hand_over(&[]);
                self.settle();
            }
        }
    }

    fn receive(&mut self, socket: Carried) -> Option<TcpStream> {
        let received = self.receiver.take(socket);
        received
            .inspect_err(|error| tracing::error!(%error, slice = self.index, "a socket did not arrive"))
            .ok()
    }

    /// Takes connections from the slice's own listener, a turn's worth.
    fn accept(&mut self, now: Instant) {
        if !self.listener.has_waiting() {
            return;
        }
        let draining = self.core.is_draining();
        // The kernel shares connections out unevenly, so one slice may have more than its part of them; its own descriptors
        // end somewhere, too.
        let own = self.own_max.saturating_sub(self.core.figures().connections);
        let mut room = self.gauges.room(self.connections_max).min(own);
        for _ in 0..ACCEPTS_PER_TURN {
            let Some((socket, ip)) = self.listener.next() else { return };
            // While it is draining the client tries again, elsewhere or later.
            let slot = if draining { None } else { self.let_in(now, ip, &mut room) };
            let Some(slot) = slot else { continue };
            let _ = socket.set_nodelay(true);
            let _ = socket2::SockRef::from(&socket).set_send_buffer_size(self.send_buffer_bytes);
            self.register(now, slot, socket, Vec::new());
        }
    }

    /// Gives a new connection its slot: among the others, or among those that are told that there is no room, if there is one
    /// among these.
    fn let_in(&mut self, now: Instant, ip: IpAddr, room: &mut usize) -> Option<usize> {
        let Ok(place) = self.networks.admit(now, ip) else { return self.core.turn_away(now) };
        if *room == 0 && !self.core.make_room(now) {
            self.gauges.tell_full(self.connections_max);
            return self.core.turn_away(now);
        }
        *room = room.saturating_sub(1);
        Some(self.core.accept_raw(now, place))
    }

    fn register(&mut self, now: Instant, slot: usize, mut socket: Socket, mut early: Vec<u8>) {
        if self.sockets.len() <= slot {
            self.sockets.resize_with(slot + 1, || None);
        }
        let both = mio::Interest::READABLE | mio::Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut socket, Token(slot), both) {
            tracing::warn!(%error, "a socket could not be registered");
            self.core.lost(now, slot);
        }
        self.sockets[slot] = Some(socket);
        if !early.is_empty() {
            self.received(now, slot, &mut early);
        }
        self.settle();
    }

    fn socket_event(&mut self, now: Instant, event: &mio::event::Event) {
        let Token(slot) = event.token();
        if self.sockets.get(slot).is_none_or(Option::is_none) {
            return;
        }
        if event.is_writable() {
            self.core.writable(slot);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(now, slot);
        }
    }

    /// Reads on where a turn was over; once each, so that nobody is read for ever.
    fn read_on(&mut self, now: Instant) {
        for _ in 0..self.unread.len() {
            if let Some(slot) = self.unread.pop_front() {
                self.read(now, slot);
            }
        }
    }

    fn read(&mut self, now: Instant, slot: usize) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for turn in 1.. {
            let Some(socket) = self.sockets.get_mut(slot).and_then(Option::as_mut) else { break };
            match socket.read(&mut buffer) {
                Ok(0) => {
                    self.core.lost(now, slot);
                    break;
                }
                Ok(len) => {
                    self.received(now, slot, &mut buffer[..len]);
                    // Less than was asked for: the kernel has no more, and will say when it has.
                    if len < READ_BUFFER_BYTES {
                        break;
                    }
                    if turn == READS_PER_TURN {
                        self.unread.push_back(slot);
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.core.lost(now, slot);
                    break;
                }
            }
        }
        self.buffer = buffer;
        self.settle();
    }

    fn received(&mut self, now: Instant, slot: usize, bytes: &mut [u8]) {
        let used = self.core.receive(now, slot, bytes);
        self.hand_over(&bytes[used..]);
    }

    /// Gives a connection to the slice where its session lives.
    fn hand_over(&mut self, rest: &[u8]) {
        let Some(HandOver { slot, slice, resume }) = self.core.take_hand_over() else { return };
        let conn = Box::new(self.core.release(slot));
        let Some(mut socket) = self.sockets[slot].take() else { return };
        if self.poll.registry().deregister(&mut socket).is_err() {
            return;
        }
        let Some(inbox) = self.inboxes.get(usize::from(slice)) else { return };
        let socket = match self.fd_senders.carry(usize::from(slice), TcpStream::from(socket)) {
            Ok(socket) => socket,
            Err(error) => return tracing::warn!(%error, slice, "a socket cannot be handed over"),
        };
        let adopt = Input::Adopt { socket, conn, resume, rest: rest.to_vec() };
        // A full inbox gives it back, and the client finds its socket closed and tries again.
        let _refused = inbox.push(adopt);
    }

    /// Closes the sockets of connections that are over.
    fn settle(&mut self) {
        for Gone { slot, reset } in self.core.take_gone() {
            if let Some(mut socket) = self.sockets.get_mut(slot).and_then(Option::take) {
                if reset {
                    let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                }
                let _ = self.poll.registry().deregister(&mut socket);
                self.gauges.of(self.index).closed.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.perform();
    }

    fn perform(&mut self) {
        for effect in self.core.take_effects() {
            self.stopped |= self.performer.perform(effect);
        }
    }

    /// Writes to connections that something waits for, a turn's worth.
    fn flush(&mut self) {
        let now = Instant::now();
        let sockets = &self.sockets;
        let socket = |slot: usize| sockets.get(slot).and_then(Option::as_ref);
        for slot in self.flusher.turn(now, &mut self.core, socket) {
            if let Some(socket) = socket(slot) {
                let _ = socket.shutdown(Shutdown::Write);
            }
        }
        self.settle();
    }

    fn report(&mut self, started: Instant) {
        if started.duration_since(self.weighed_at) >= WEIGH_INTERVAL {
            self.weighed_at = started;
            self.core.weigh_journals();
        }
        self.gauges.of(self.index).set(&self.core.figures());
        self.actor.end();
        self.actor.busy(started.into(), Instant::now().into());
    }
}
