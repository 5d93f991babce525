//! The core: who is where, the sessions of those who have connected, and their timers.
//!
//! A user in voice has a **seat**, which the guild's owner gives, moves and takes. With its token a client connects and has a
//! **session** there, until the seat goes, or the client has been away for long. Sessions in one channel of a guild know of each other.
//!
//! What is to be done is put into [`Hub::take_outputs`], in order.

mod encryption;
mod handshake;
mod log;
mod session;
mod talk;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use consort_model::{ChannelId, GuildId, UserId};
use consort_rpc::voice::{self, Participant};
use consort_runtime::Random;
use consort_sfu as sfu;

use self::session::{Seat, Session, media_rights};
use crate::dave::{ExternalSender, Group, Policy};
use crate::protocol::{CloseCode, Frame, Inbound, Message, Version};

/// Times and rates.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How often clients send a heartbeat, milliseconds: upstream's, observed by the authors of libraries.
    pub heartbeat_interval_ms: u64,
    /// How long a connection may do without IDENTIFY or RESUME, milliseconds; choice of ours.
    pub identify_ms: u64,
    /// How long a session waits for a client that is cut off, milliseconds; choice of ours.
    pub resume_ms: u64,
    /// How long after a move the former connection is closed, milliseconds: discord.py misses the news of the move otherwise (observed).
    pub moved_ms: u64,
    /// Messages that a connection may send at once; choice of ours.
    pub messages_burst: u32,
    /// Milliseconds until it may send one more.
    pub message_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            heartbeat_interval_ms: 13_750,
            identify_ms: 15_000,
            resume_ms: 30_000,
            moved_ms: 100,
            messages_burst: 120,
            message_ms: 200,
        }
    }
}

impl Limits {
    /// Two heartbeats may be missed, and be a second late.
    fn silence_ms(&self) -> u64 {
        2 * self.heartbeat_interval_ms + 1_000
    }
}

/// What clients are told of the media plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlane {
    /// The address that they send packets to.
    pub ip: String,
    /// The port there.
    pub port: u16,
    /// Of its certificate, for browsers, as in SDP.
    pub fingerprint: String,
}

/// A connection, by a number that is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message.
    Send(ConnId, Frame),
    /// Close a connection. Nothing comes for it after that.
    Close(ConnId, CloseCode),
    /// Tell the session of a participant that this server has its voice: VOICE_SERVER_UPDATE.
    Announce(GuildId, Box<Participant>),
    /// Tell the media plane.
    Media(sfu::Command),
}

/// A connection.
#[derive(Debug)]
struct Connection {
    version: Version,
    peer: SocketAddr,
    /// Whose it is, once that is known.
    who: Option<(GuildId, UserId)>,
    /// It is to be closed with this, and what comes from it means nothing any more.
    closing: Option<CloseCode>,
    messages: u32,
    messages_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A connection without a session, or one that is to be closed.
    Connection(ConnId),
    /// Silence of a session.
    Session(GuildId, UserId),
    /// What the group of a channel waits for.
    Group(GuildId, ChannelId),
}

/// The state machine.
#[derive(Debug)]
pub struct Hub {
    limits: Limits,
    random: Random,
    media: MediaPlane,
    guilds: BTreeMap<GuildId, BTreeMap<UserId, Seat>>,
    connections: BTreeMap<ConnId, Connection>,
    next_conn: u64,
    /// By the first SSRC.
    by_ssrc: BTreeMap<u32, (GuildId, UserId)>,
    policy: Policy,
    sender: Arc<ExternalSender>,
    /// The groups of channels, for encryption from end to end.
    groups: BTreeMap<(GuildId, ChannelId), Group>,
    timers: BTreeSet<(u64, Timer)>,
    outputs: Vec<Output>,
}

impl Hub {
    /// Nobody is there.
    pub fn new(
        limits: Limits,
        random: Random,
        media: MediaPlane,
        (policy, sender): (Policy, ExternalSender),
    ) -> Self {
        Self {
            limits,
            random,
            media,
            guilds: BTreeMap::new(),
            connections: BTreeMap::new(),
            next_conn: 0,
            by_ssrc: BTreeMap::new(),
            policy,
            sender: Arc::new(sender),
            groups: BTreeMap::new(),
            timers: BTreeSet::new(),
            outputs: Vec::new(),
        }
    }

    /// What is to be done since this was asked, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// When [`Hub::tick`] is to be called, if ever.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// How many users have a seat, and how many of them a session.
    pub fn population(&self) -> (usize, usize) {
        (self.guilds.values().map(BTreeMap::len).sum(), self.by_ssrc.len())
    }

    /// What the owner of a guild says.
    pub fn hear(&mut self, guild: GuildId, op: voice::Op, now_ms: u64) {
        match op {
            voice::Op::Put(participant) => self.put(guild, *participant, now_ms),
            voice::Op::Remove { user } => self.remove((guild, user), now_ms),
        }
    }

    fn put(&mut self, guild: GuildId, participant: Participant, now_ms: u64) {
        let who = (guild, participant.user);
        let before = self.seat(who).map(|seat| seat.participant.clone());
        let stays = |before: &Participant| {
            before.channel == participant.channel && before.session_id == participant.session_id
        };
        let moved = before.as_ref().is_some_and(|before| !stays(before));
        let is_news = before.as_ref().is_none_or(|before| before.token != participant.token);
        if moved {
            self.end_session(who, CloseCode::Disconnected, self.limits.moved_ms, now_ms);
        }
        if is_news {
            self.outputs.push(Output::Announce(guild, Box::new(participant.clone())));
        }
        let rights = participant.rights;
        match self.guilds.entry(guild).or_default().get_mut(&participant.user) {
            Some(seat) => seat.participant = participant,
            None => {
                let seat = Seat { participant, session: None };
                self.guilds.entry(guild).or_default().insert(who.1, seat);
            }
        }
        if before.is_some_and(|before| before.rights != rights) {
            self.apply_rights(who);
        }
    }

    fn remove(&mut self, who: (GuildId, UserId), now_ms: u64) {
        self.end_session(who, CloseCode::Disconnected, 0, now_ms);
        let Some(seats) = self.guilds.get_mut(&who.0) else { return };
        seats.remove(&who.1);
        if seats.is_empty() {
            self.guilds.remove(&who.0);
        }
    }

    /// The guilds whose voice is elsewhere now: clients are to ask where.
    pub fn keep_guilds(&mut self, is_ours: impl Fn(GuildId) -> bool, now_ms: u64) {
        let lost = self.guilds.iter().filter(|(guild, _)| !is_ours(**guild));
        let lost: Vec<_> = lost.flat_map(|(guild, seats)| seats.keys().map(|user| (*guild, *user))).collect();
        for who in lost {
            self.end_session(who, CloseCode::SessionInvalid, 0, now_ms);
            self.remove(who, now_ms);
        }
    }

    /// The media plane cannot take a session: its client begins anew.
    pub fn fail(&mut self, ssrc: u32, now_ms: u64) {
        if let Some(who) = self.by_ssrc.get(&ssrc).copied() {
            self.end_session(who, CloseCode::ServerCrashed, 0, now_ms);
        }
    }

    /// Somebody connects.
    pub fn connect(&mut self, version: Version, peer: SocketAddr, now_ms: u64) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let connection = Connection {
            version,
            peer,
            who: None,
            closing: None,
            messages: self.limits.messages_burst,
            messages_ms: now_ms,
        };
        self.connections.insert(conn, connection);
        self.timers.insert((now_ms + self.limits.identify_ms, Timer::Connection(conn)));
        self.send(conn, &Message::hello(version, self.limits.heartbeat_interval_ms));
        conn
    }

    /// Whether a connection has shown whose it is.
    pub fn is_identified(&self, conn: ConnId) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.who.is_some())
    }

    /// A connection has ended. Its session waits for the client.
    pub fn disconnected(&mut self, conn: ConnId, now_ms: u64) {
        let who = self.connections.remove(&conn).and_then(|connection| connection.who);
        let Some(who) = who else { return };
        let wait_ms = now_ms + self.limits.resume_ms;
        if let Some(session) = self.session_mut(who).filter(|session| session.conn == Some(conn)) {
            session.conn = None;
            session.heard_ms = now_ms;
            self.timers.insert((wait_ms, Timer::Session(who.0, who.1)));
        }
    }

    /// Closes all connections: the server ends.
    pub fn shutdown(&mut self, now_ms: u64) {
        for conn in self.connections.keys().copied().collect::<Vec<_>>() {
            self.close(conn, CloseCode::GoingAway, 0, now_ms);
        }
    }

    /// A message has come, or something that is none.
    pub fn receive(&mut self, conn: ConnId, message: Result<Inbound, CloseCode>, now_ms: u64) {
        let limits = self.limits;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.closing.is_some() {
            return;
        }
        let earned = now_ms.saturating_sub(connection.messages_ms) / limits.message_ms.max(1);
        connection.messages_ms += earned * limits.message_ms;
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        connection.messages = connection.messages.saturating_add(earned).min(limits.messages_burst);
        let who = connection.who;
        let done = match connection.messages.checked_sub(1) {
            None => Err(CloseCode::RateLimited),
            Some(left) => {
                connection.messages = left;
                message.and_then(|message| match who {
                    Some(who) => self.receive_of(who, conn, message, now_ms),
                    None => self.receive_first(conn, message, now_ms),
                })
            }
        };
        if let Err(code) = done {
            self.close(conn, code, 0, now_ms);
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now_ms: u64) {
        while let Some((due, timer)) = self.timers.first().copied().filter(|(due, _)| *due <= now_ms) {
            self.timers.remove(&(due, timer));
            match timer {
                Timer::Connection(conn) => self.tick_connection(conn, now_ms),
                Timer::Session(guild, user) => self.tick_session((guild, user), now_ms),
                Timer::Group(guild, channel) => {
                    self.with_group((guild, channel), now_ms, |group| group.tick(now_ms))
                }
            }
        }
    }

    fn tick_connection(&mut self, conn: ConnId, now_ms: u64) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.closing {
            Some(code) => {
                self.connections.remove(&conn);
                self.outputs.push(Output::Close(conn, code));
            }
            None if connection.who.is_none() => self.close(conn, CloseCode::SessionTimeout, 0, now_ms),
            None => {}
        }
    }

    /// A session whose client says nothing, or does not come back, ends. A timer that was set before something was heard looks again.
    fn tick_session(&mut self, who: (GuildId, UserId), now_ms: u64) {
        let limits = self.limits;
        let Some(session) = self.session_mut(who) else { return };
        let patience_ms = if session.conn.is_some() { limits.silence_ms() } else { limits.resume_ms };
        let due = session.heard_ms + patience_ms;
        if due > now_ms {
            self.timers.insert((due, Timer::Session(who.0, who.1)));
        } else {
            self.end_session(who, CloseCode::SessionTimeout, 0, now_ms);
        }
    }

    fn seat(&self, (guild, user): (GuildId, UserId)) -> Option<&Seat> {
        self.guilds.get(&guild)?.get(&user)
    }

    fn session_mut(&mut self, (guild, user): (GuildId, UserId)) -> Option<&mut Session> {
        self.guilds.get_mut(&guild)?.get_mut(&user)?.session.as_mut()
    }

    /// The others with a session in the channel of a user.
    fn others(&self, who: (GuildId, UserId)) -> impl Iterator<Item = (UserId, &Seat, &Session)> {
        let channel = self.seat(who).map(|seat| seat.participant.channel);
        let seats = self.guilds.get(&who.0).into_iter().flatten();
        seats
            .filter(move |(user, seat)| **user != who.1 && Some(seat.participant.channel) == channel)
            .filter_map(|(user, seat)| Some((*user, seat, seat.session.as_ref()?)))
    }

    /// Ends the session of a user, if it has one: its connection is closed after `after_ms`, and the others are told at once.
    fn end_session(&mut self, who: (GuildId, UserId), code: CloseCode, after_ms: u64, now_ms: u64) {
        let seat = self.guilds.get_mut(&who.0).and_then(|seats| seats.get_mut(&who.1));
        let Some(session) = seat.and_then(|seat| seat.session.take()) else { return };
        self.by_ssrc.remove(&session.ssrc);
        self.media(session.ssrc, sfu::Order::Close);
        self.tell_others(who, &Message::client_disconnect(who.1));
        self.leave_group(who, now_ms);
        if let Some(conn) = session.conn {
            self.close(conn, code, after_ms, now_ms);
        }
    }

    fn apply_rights(&mut self, who: (GuildId, UserId)) {
        let Some(seat) = self.seat(who) else { return };
        let Some(session) = &seat.session else { return };
        let (ssrc, rights, video) = (session.ssrc, seat.participant.rights, session.video.is_some());
        let shown = session.shown_speaking(rights);
        self.media(ssrc, sfu::Order::Allow(media_rights(rights)));
        if let Some(how) = shown {
            self.tell_others(who, &Message::speaking(who.1, ssrc, how));
        }
        if video && !rights.video {
            self.set_video(who, None);
        }
    }

    fn media(&mut self, ssrc: u32, order: sfu::Order) {
        self.outputs.push(Output::Media(sfu::Command { ssrc, order }));
    }

    /// Closes a connection, at once or a little later. What it still sends is not read.
    fn close(&mut self, conn: ConnId, code: CloseCode, after_ms: u64, now_ms: u64) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if after_ms > 0 {
            connection.closing = Some(code);
            self.timers.insert((now_ms + after_ms, Timer::Connection(conn)));
            return;
        }
        self.outputs.push(Output::Close(conn, code));
        // A client that has done something wrong may resume what it had.
        self.disconnected(conn, now_ms);
    }

    fn send(&mut self, conn: ConnId, message: &Message) {
        self.outputs.push(Output::Send(conn, message.encode(None)));
    }

    /// Sends a message to a session that is kept for it if it is cut off.
    fn tell(&mut self, who: (GuildId, UserId), message: &Message) {
        let Some(session) = self.session_mut(who) else { return };
        let frame = session.keep(message);
        if let Some(conn) = session.conn {
            self.outputs.push(Output::Send(conn, frame));
        }
    }

    /// The same to all others in the channel.
    fn tell_others(&mut self, who: (GuildId, UserId), message: &Message) {
        let others: Vec<_> = self.others(who).map(|(user, ..)| user).collect();
        for user in others {
            self.tell((who.0, user), message);
        }
    }
}
