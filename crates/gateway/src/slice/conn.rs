//! One connection: its stream, its decoder, its own small frames, its deadlines.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use consort_wire::compress::stream::{Recipe, Stream};
use consort_wire::gateway::limits::{COMMAND_WINDOW, MAX_COMMANDS, MAX_USER_PAYLOAD_BYTES};
use consort_wire::gateway::{CloseCode, Connect, ConnectError, outbound};
use consort_wire::ws;
use consort_wire::ws::handshake::{self, Head};

use super::Slice;
use super::timers::Due;
use crate::Seat;
use crate::config::{OWN_BYTES_MAX, PATIENCE, TURNED_AWAY_MAX};

/// How often it is asked whether a connection may go on waiting for its IDENTIFY.
const SEAT_INTERVAL: Duration = Duration::from_millis(500);

/// Tells the connections of a slot apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnId(pub(crate) u64);

/// What the HTTP side knows of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) connect: Result<Connect, ConnectError>,
    pub(crate) resume_url: Box<str>,
}

/// A connection that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    /// Where it was.
    pub(crate) slot: usize,
    /// The peer takes nothing, so what the kernel still holds for it is to be forgotten. It would keep that, and try again
    /// and again, for minutes after the socket is closed.
    pub(crate) reset: bool,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The request for the upgrade has not come whole; only on listeners of the slice's own.
    Handshake,
    /// The upgrade is answered. HELLO waits a moment, so that it is not read together with the answer.
    Upgraded,
    /// HELLO is sent.
    Unidentified,
    /// IDENTIFY is being looked at.
    Identifying,
    /// Speaks for the session in this slot.
    Live(usize),
    /// A close frame is on its way or sent; nothing the client says matters any more, but for its own close frame.
    Closing { peer_has_closed: bool },
}

/// A connection. About 200 bytes while idle.
pub(crate) struct Conn {
    pub(super) id: ConnId,
    pub(super) stream: Stream,
    pub(super) version: u8,
    pub(super) payload_zlib: bool,
    pub(super) phase: Phase,
    pub(super) decoder: ws::Decoder,
    /// Frames that are the connection's own, and how much of them is written.
    pub(super) own: Vec<u8>,
    pub(super) own_written: usize,
    /// Before them: what is left of a dispatch whose session the connection has left.
    pub(super) rest: VecDeque<Bytes>,
    /// How much of them is a payload of the session's that was compressed by itself.
    pub(super) payload_bytes: usize,
    /// Bytes already written of the session's next frame, and how it was made.
    pub(super) offset: usize,
    pub(super) recipe: Recipe,
    pub(super) dirty: bool,
    /// Over; only its slot is still taken.
    pub(super) gone: bool,
    /// The socket took less than it was given; it will say when it can take more.
    pub(super) blocked: bool,
    pub(super) opened_at: Instant,
    pub(super) heartbeat_at: Instant,
    pub(super) stalled_since: Option<Instant>,
    pub(super) closing_since: Option<Instant>,
    due: Option<Instant>,
    window_since: Instant,
    commands: u32,
    pub(super) presence_since: Instant,
    pub(super) presences: u8,
    pub(super) resume_url: Box<str>,
    /// What has come of the request for the upgrade.
    pub(super) head: Vec<u8>,
    /// Its place among those who have not identified, and when it was last looked at.
    pub(super) seat: Option<Box<dyn Seat>>,
    seat_at: Instant,
    /// There is no room for it: its request is answered so.
    pub(super) turned_away: bool,
}

impl Conn {
    /// Counts a command. Gives `false` when there were too many ("Rate Limiting", Gateway: 120 in 60 s).
    pub(super) fn count_command(&mut self, now: Instant) -> bool {
        if now.duration_since(self.window_since) >= COMMAND_WINDOW {
            self.window_since = now;
            self.commands = 0;
        }
        self.commands += 1;
        self.commands <= MAX_COMMANDS
    }

    /// Whether it has not said yet who it is.
    fn is_new(&self) -> bool {
        matches!(self.phase, Phase::Handshake | Phase::Upgraded | Phase::Unidentified)
    }

    pub(super) fn has_output(&self) -> bool {
        !self.rest.is_empty() || self.own_written < self.own.len()
    }

    /// So much was written of what is before the own frames and of them. Gives how much was of them.
    pub(super) fn rest_written(&mut self, mut written: usize) -> usize {
        while let Some(piece) = self.rest.front_mut() {
            let taken = written.min(piece.len());
            piece.advance(taken);
            written -= taken;
            if !piece.is_empty() {
                return 0;
            }
            self.rest.pop_front();
        }
        if self.rest.capacity() > 0 {
            self.rest = VecDeque::new();
        }
        written
    }

    fn deadline(&self, config: &crate::Config) -> Instant {
        if let Some(since) = self.closing_since {
            return since + config.close_timeout;
        }
        let heartbeat = self.heartbeat_at + config.heartbeat_timeout();
        let identify = match self.phase {
            Phase::Upgraded => self.opened_at + config.hello_delay,
            Phase::Handshake | Phase::Unidentified => self.opened_at + config.identify_timeout,
            // Should the answer be lost, nobody waits for ever.
            Phase::Identifying => self.opened_at + 2 * config.identify_timeout,
            Phase::Live(_) | Phase::Closing { .. } => heartbeat,
        };
        let seat = match self.phase {
            Phase::Unidentified if self.seat.is_some() => self.seat_at + SEAT_INTERVAL,
            _ => heartbeat,
        };
        let stall = self.stalled_since.map_or(heartbeat, |since| since + config.stall_timeout);
        heartbeat.min(identify).min(stall).min(seat)
    }
}

impl Slice {
    /// Takes a connection whose upgrade is done. HELLO, or the refusal, is its first frame. Gives its slot.
    pub(crate) fn accept(&mut self, now: Instant, opening: Opening) -> usize {
        let slot = self.insert_conn(now);
        self.open(now, slot, opening);
        slot
    }

    /// As [`Slice::accept`], with its place among those who have not identified.
    pub(crate) fn accept_seated(
        &mut self,
        now: Instant,
        opening: Opening,
        seat: Option<Box<dyn Seat>>,
    ) -> usize {
        let slot = self.accept(now, opening);
        self.conns[slot].seat = seat;
        self.schedule_conn(slot);
        slot
    }

    /// Takes a connection that one of the slice's own listeners has accepted, with its place among those of its address that
    /// have not identified. Gives its slot.
    pub(crate) fn accept_raw(&mut self, now: Instant, seat: Option<Box<dyn Seat>>) -> usize {
        let slot = self.insert_conn(now);
        self.conns[slot].phase = Phase::Handshake;
        self.conns[slot].seat = seat;
        self.schedule_conn(slot);
        slot
    }

    /// Takes a connection as [`Slice::accept_raw`] does, for which there is no room: whoever asks is told so. `None` when too
    /// many are being told already.
    pub(crate) fn turn_away(&mut self, now: Instant) -> Option<usize> {
        if self.turned_away >= TURNED_AWAY_MAX {
            return None;
        }
        let slot = self.accept_raw(now, None);
        self.conns[slot].turned_away = true;
        self.turned_away += 1;
        Some(slot)
    }

    /// Closes the connection that has been longest without an IDENTIFY, if it has had time for one. Whether there was one.
    pub(crate) fn make_room(&mut self, now: Instant) -> bool {
        while let Some((slot, id)) = self.newcomers.front().copied() {
            let conn = self.conns.get(slot).filter(|conn| conn.id == id && !conn.gone && conn.is_new());
            if conn.is_some_and(|conn| now.duration_since(conn.opened_at) < PATIENCE) {
                return false;
            }
            let leaves = conn.is_some();
            self.newcomers.pop_front();
            if leaves {
                self.lost(now, slot);
                return true;
            }
        }
        false
    }

    /// Whether clients are being sent away.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    fn insert_conn(&mut self, now: Instant) -> usize {
        self.next_conn += 1;
        let conn = self.new_conn(now);
        let id = conn.id;
        let slot = self.conns.insert(conn);
        self.newcomers.push_back((slot, id));
        self.bound_newcomers(now);
        slot
    }

    /// Closes the connections that have been longest without an IDENTIFY, when there are too many. Looked at once there are
    /// twice as many newcomers, so that each costs little.
    fn bound_newcomers(&mut self, now: Instant) {
        let max = self.config.unidentified_max_of_slice();
        if self.newcomers.len() <= 2 * max {
            return;
        }
        let Self { conns, newcomers, .. } = self;
        newcomers.retain(|(slot, id)| {
            let conn = conns.get(*slot).filter(|conn| conn.id == *id && !conn.gone);
            conn.is_some_and(Conn::is_new)
        });
        let over = newcomers.len().saturating_sub(max);
        for (slot, _) in newcomers.drain(..over).collect::<Vec<_>>() {
            self.lost(now, slot);
        }
    }

    fn new_conn(&self, now: Instant) -> Conn {
        let connect = Connect::default();
        Conn {
            id: ConnId(self.next_conn),
            stream: Stream::new(connect.compress, connect.encoding),
            version: connect.version,
            payload_zlib: false,
            phase: Phase::Unidentified,
            decoder: ws::Decoder::server(MAX_USER_PAYLOAD_BYTES),
            own: Vec::new(),
            own_written: 0,
            rest: VecDeque::new(),
            payload_bytes: 0,
            offset: 0,
            recipe: Recipe::default(),
            dirty: false,
            gone: false,
            blocked: false,
            opened_at: now,
            heartbeat_at: now,
            stalled_since: None,
            closing_since: None,
            due: None,
            window_since: now,
            commands: 0,
            presence_since: now,
            presences: 0,
            resume_url: Box::default(),
            head: Vec::new(),
            seat: None,
            seat_at: now,
            turned_away: false,
        }
    }

    /// The upgrade is done: HELLO, or the refusal of what the URL asks for.
    fn open(&mut self, now: Instant, slot: usize, opening: Opening) {
        let conn = &mut self.conns[slot];
        let connect = opening.connect.unwrap_or_default();
        conn.phase = Phase::Upgraded;
        conn.opened_at = now;
        conn.stream = Stream::new(connect.compress, connect.encoding);
        conn.version = connect.version;
        conn.resume_url = opening.resume_url;
        match opening.connect {
            Err(error) => self.close(now, slot, error.close_code().number()),
            Ok(_) if self.config.hello_delay.is_zero() => self.hello(slot),
            Ok(_) => {}
        }
        self.schedule_conn(slot);
    }

    /// Says HELLO, once its time has come or the client has spoken.
    pub(super) fn hello(&mut self, slot: usize) {
        let conn = &mut self.conns[slot];
        if conn.phase != Phase::Upgraded {
            return;
        }
        conn.phase = Phase::Unidentified;
        let encoding = conn.stream.encoding();
        let interval_ms = u32::try_from(self.config.heartbeat_interval.as_millis()).unwrap_or(u32::MAX);
        self.put_own(slot, &outbound::hello(encoding, interval_ms));
        if self.draining {
            self.tell_to_leave(slot);
        }
    }

    /// Takes bytes of the request for the upgrade. Gives the bytes that are frames already, once it has come whole.
    pub(super) fn handshake(&mut self, now: Instant, slot: usize, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut head = std::mem::take(&mut self.conns[slot].head);
        head.extend_from_slice(bytes);
        let upgrade = match Head::parse(&head) {
            Ok(None) => {
                self.conns[slot].head = head;
                return None;
            }
            Ok(Some(request)) => request.upgrade().map(|accept| {
                let public = self.config.public_url.as_deref();
                let opening = Opening {
                    connect: Connect::parse_target(request.target),
                    resume_url: crate::resume_url::resume_url(public, |name| request.header(name)),
                };
                (accept, opening, request.len)
            }),
            Err(error) => Err(error),
        };
        let refusal = match (&upgrade, self.conns[slot].turned_away) {
            (_, true) => Some(handshake::FULL.to_vec()),
            (Err(error), false) => Some(error.response()),
            (Ok(_), false) => None,
        };
        match upgrade {
            Ok((accept, opening, len)) if refusal.is_none() => {
                self.put_frame(slot, &accept.response());
                self.open(now, slot, opening);
                Some(head.split_off(len))
            }
            _ => {
                let conn = &mut self.conns[slot];
                conn.phase = Phase::Closing { peer_has_closed: true };
                conn.closing_since = Some(now);
                self.put_frame(slot, &refusal.unwrap_or_default());
                self.schedule_conn(slot);
                None
            }
        }
    }

    /// Takes a connection over from another slice.
    pub(super) fn adopt(&mut self, mut conn: Conn) -> usize {
        self.next_conn += 1;
        conn.id = ConnId(self.next_conn);
        conn.due = None;
        conn.dirty = false;
        conn.blocked = false;
        let slot = self.conns.insert(conn);
        self.schedule_conn(slot);
        self.mark_dirty(slot);
        slot
    }

    /// Takes a connection out, to be handed to another slice. Its slot is free afterwards.
    pub(crate) fn release(&mut self, slot: usize) -> Conn {
        self.conns.remove(slot)
    }

    /// A connection by slot and identity.
    pub(super) fn conn(&mut self, slot: usize, id: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(slot).filter(|conn| conn.id == id)
    }

    pub(super) fn mark_dirty(&mut self, slot: usize) {
        let conn = &mut self.conns[slot];
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push_back(slot);
        }
    }

    /// Sends a small frame that is no dispatch.
    pub(super) fn put_own(&mut self, slot: usize, message: &[u8]) {
        let conn = &mut self.conns[slot];
        conn.stream.own(message, &mut self.compressor, &mut conn.own);
        self.mark_dirty(slot);
    }

    pub(super) fn put_invalid_session(&mut self, slot: usize, resumable: bool) {
        let message = outbound::invalid_session(self.conns[slot].stream.encoding(), resumable);
        self.put_own(slot, &message);
    }

    /// Sends bytes that are a whole WebSocket frame already, uncompressed (pong, close).
    pub(super) fn put_frame(&mut self, slot: usize, frame: &[u8]) {
        self.conns[slot].own.extend_from_slice(frame);
        self.mark_dirty(slot);
    }

    /// Whether a client makes us write more than it reads.
    pub(super) fn owns_too_much(&self, slot: usize) -> bool {
        let conn = &self.conns[slot];
        // The payload is the session's, whatever its size, and always the first of them.
        conn.own.len() - conn.own_written.max(conn.payload_bytes) > OWN_BYTES_MAX
    }

    /// Closes from our side: the frame goes out after what is being written, then the socket lingers for the peer. The
    /// session, if any, is left as resumable as it is.
    pub(super) fn close(&mut self, now: Instant, slot: usize, code: u16) {
        let reason = CloseCode::from_number(code).map_or("", CloseCode::reason);
        self.close_with(now, slot, &ws::close_frame(code, reason), false);
    }

    pub(super) fn close_with(&mut self, now: Instant, slot: usize, frame: &[u8], peer_has_closed: bool) {
        match self.conns[slot].phase {
            Phase::Closing { .. } => return,
            // Nobody there who understands frames.
            Phase::Handshake => return self.lost(now, slot),
            _ => self.leave_session(now, slot),
        }
        let conn = &mut self.conns[slot];
        conn.phase = Phase::Closing { peer_has_closed };
        conn.closing_since = Some(now);
        self.put_frame(slot, frame);
        self.schedule_conn(slot);
    }

    /// Both sides have said goodbye: the socket goes as soon as ours is out.
    pub(super) fn peer_has_closed(&mut self, now: Instant, slot: usize) {
        if self.conns[slot].has_output() {
            self.conns[slot].phase = Phase::Closing { peer_has_closed: true };
        } else {
            self.lost(now, slot);
        }
    }

    /// The socket is gone, or is to go without a word.
    pub(crate) fn lost(&mut self, now: Instant, slot: usize) {
        if std::mem::replace(&mut self.conns[slot].gone, true) {
            return;
        }
        if let Phase::Live(session) = self.conns[slot].phase {
            self.conns[slot].phase = Phase::Closing { peer_has_closed: true };
            self.detach(now, session);
        }
        let conn = &self.conns[slot];
        let late = |since: Instant| now.duration_since(since) >= self.config.close_timeout;
        let reset = conn.stalled_since.is_some() || conn.closing_since.is_some_and(late);
        self.gone.push(Gone { slot, reset });
    }

    /// Parts connection and session: what is half written stays with the connection, the session can be resumed.
    pub(super) fn leave_session(&mut self, now: Instant, slot: usize) {
        if let Phase::Live(session) = self.conns[slot].phase {
            self.release_output(slot);
            self.conns[slot].phase = Phase::Unidentified;
            self.detach(now, session);
        }
    }

    pub(super) fn conn_due(&mut self, now: Instant, at: Instant, slot: usize, id: ConnId) {
        let config = self.config.clone();
        let Some(conn) = self.conn(slot, id).filter(|conn| !conn.gone) else { return };
        if conn.due != Some(at) {
            return;
        }
        conn.due = None;
        conn.seat_at = now;
        let must_leave =
            conn.phase == Phase::Unidentified && conn.seat.as_ref().is_some_and(|seat| !seat.may_wait());
        if must_leave {
            // Others need its place now: there is no time for a close frame and its answer.
            self.lost(now, slot);
        } else if conn.deadline(&config) <= now {
            self.conn_is_late(now, slot);
        }
        if !self.conns[slot].gone {
            self.schedule_conn(slot);
        }
    }

    fn conn_is_late(&mut self, now: Instant, slot: usize) {
        if self.conns[slot].phase == Phase::Upgraded {
            return self.hello(slot);
        }
        let conn = &self.conns[slot];
        let after = |since: Instant, timeout: Duration| now.duration_since(since) >= timeout;
        if conn.closing_since.is_some() {
            self.lost(now, slot);
        } else if conn.stalled_since.is_some_and(|since| after(since, self.config.stall_timeout)) {
            self.cut_slow(now, slot);
        } else if after(conn.heartbeat_at, self.config.heartbeat_timeout()) {
            // Documented as a connection gone zombie; any code that clients resume after will do, 4000 is one.
            self.figures.cut_zombie += 1;
            self.close(now, slot, CloseCode::UnknownError.number());
        } else {
            // Nobody ever said who it is. (Saying something else first is what 4003 is for.)
            self.close(now, slot, CloseCode::SessionTimedOut.number());
        }
    }

    /// A connection takes less than it is sent. No close frame could reach it.
    pub(super) fn cut_slow(&mut self, now: Instant, slot: usize) {
        self.figures.cut_slow += 1;
        self.lost(now, slot);
    }

    pub(super) fn schedule_conn(&mut self, slot: usize) {
        let conn = &mut self.conns[slot];
        let next = conn.deadline(&self.config);
        if conn.due.is_none_or(|due| next < due) {
            conn.due = Some(next);
            self.timers.add(next, Due::Conn(slot, conn.id));
        }
    }
}
