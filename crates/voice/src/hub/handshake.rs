//! How a session begins, how it is resumed, and how packets are to travel.

use std::collections::btree_map::Entry;
use std::net::{IpAddr, SocketAddr};

use consort_model::{GuildId, UserId};
use consort_sfu as sfu;

use super::session::{Session, Transport, media_rights};
use super::{ConnId, Hub, MediaPlane, Timer};
use crate::protocol::{Beat, CloseCode, Identify, Inbound, Message, Resume, Select, sdp};

/// SSRCs are given out in blocks of so many: one session has at most [`sfu::SESSION_SSRCS_MAX`].
const SSRC_BLOCK: u32 = 16;
const _: () = assert!(sfu::SESSION_SSRCS_MAX < SSRC_BLOCK);

impl Hub {
    /// The first that matters on a connection is IDENTIFY or RESUME.
    pub(super) fn receive_first(
        &mut self,
        conn: ConnId,
        message: Inbound,
        now_ms: u64,
    ) -> Result<(), CloseCode> {
        match message {
            Inbound::Identify(identify) => self.identify(conn, identify, now_ms),
            Inbound::Resume(resume) => self.resume(conn, &resume, now_ms),
            Inbound::Heartbeat(beat) => {
                self.acknowledge(conn, &beat);
                Ok(())
            }
            _ => Err(CloseCode::NotAuthenticated),
        }
    }

    /// Answers a heartbeat in its own shape.
    pub(super) fn acknowledge(&mut self, conn: ConnId, beat: &Beat) {
        let answer = match beat {
            Beat::Numbered { t, .. } => serde_json::json!({"t": t}),
            Beat::Bare(nonce) => serde_json::json!(nonce),
        };
        self.send(conn, &Message::heartbeat_ack(answer));
    }

    /// The token says who may connect where, and the rest must agree with it. Whatever is wrong is answered alike, so that nobody can
    /// ask who is in voice.
    fn identify(&mut self, conn: ConnId, identify: Identify, now_ms: u64) -> Result<(), CloseCode> {
        let who = (identify.server_id, identify.user_id);
        let seat = self.seat(who).filter(|seat| is_same(&seat.participant.token, &identify.token));
        let seat = seat.ok_or(CloseCode::AuthenticationFailed)?;
        if seat.participant.session_id != identify.session_id {
            return Err(CloseCode::SessionInvalid);
        }
        self.require_encryption(identify.max_dave_protocol_version)?;
        let Some(connection) = self.connections.get(&conn) else { return Ok(()) };
        let (version, from) = (connection.version, connection.peer.ip());
        // One connection for a user in a guild: the newer one counts.
        self.end_session(who, CloseCode::Disconnected, 0, now_ms);
        let ssrc = self.new_ssrc(who);
        let session = Session::new(identify, ssrc, (conn, from, version), now_ms);
        let (ssrcs, streams) = (session.ssrcs(), session.described_streams());
        let Some(seat) = self.guilds.get_mut(&who.0).and_then(|seats| seats.get_mut(&who.1)) else {
            return Ok(());
        };
        seat.session = Some(session);
        let (room, rights) =
            (sfu::Room(seat.participant.channel.get()), media_rights(seat.participant.rights));
        self.hold(conn, who, now_ms);
        self.media(ssrc, sfu::Order::Open(sfu::Seat { ssrcs, room, rights }));
        let (ip, port) = (self.media.ip.clone(), self.media.port);
        self.send(conn, &Message::ready(ssrc, (&ip, port), &streams, self.limits.heartbeat_interval_ms));
        let present: Vec<_> = self.others(who).map(|(user, ..)| user).collect();
        if !present.is_empty() {
            self.tell(who, &Message::clients_connect(&present));
        }
        self.tell_others(who, &Message::clients_connect(&[who.1]));
        Ok(())
    }

    /// A connection is that of a session from now on.
    fn hold(&mut self, conn: ConnId, who: (GuildId, UserId), now_ms: u64) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.who = Some(who);
        }
        self.timers.insert((now_ms + self.limits.silence_ms(), Timer::Session(who.0, who.1)));
    }

    /// An SSRC with room for more behind it, which nobody has.
    fn new_ssrc(&mut self, who: (GuildId, UserId)) -> u32 {
        loop {
            // The upper half of a random number, at the beginning of a block.
            let ssrc = (self.random.number() >> 32) as u32 / SSRC_BLOCK * SSRC_BLOCK + 1;
            if let Entry::Vacant(free) = self.by_ssrc.entry(ssrc) {
                free.insert(who);
                return ssrc;
            }
        }
    }

    fn resume(&mut self, conn: ConnId, resume: &Resume, now_ms: u64) -> Result<(), CloseCode> {
        let Some(connection) = self.connections.get(&conn) else { return Ok(()) };
        let (version, from) = (connection.version, connection.peer.ip());
        let seats = self.guilds.get_mut(&resume.server_id).into_iter().flatten();
        let found = seats.into_iter().find_map(|(user, seat)| {
            let known = seat.participant.session_id == resume.session_id;
            let participant_token = &seat.participant.token;
            let session = seat.session.as_mut().filter(|_| known)?;
            let fits = is_same(participant_token, &resume.token) | is_same(&session.token, &resume.token);
            fits.then_some((*user, session))
        });
        let (user, session) = found.ok_or(CloseCode::SessionInvalid)?;
        let who = (resume.server_id, user);
        let missed = match version.is_numbered() {
            true => session.log.after(resume.seq_ack).ok_or(CloseCode::SessionInvalid)?.cloned().collect(),
            false => Vec::new(),
        };
        let transport = session.transport.filter(|_| version.is_numbered());
        let (ssrc, former) = (session.ssrc, session.conn.replace(conn));
        (session.version, session.from, session.heard_ms) = (version, from, now_ms);
        if let Some(former) = former {
            self.close(former, CloseCode::SessionInvalid, 0, now_ms);
        }
        self.hold(conn, who, now_ms);
        self.send(conn, &Message::resumed());
        if let Some(Transport::Raw { mode, key }) = transport {
            // discord.py waits for it before it calls itself connected again; others pass over it (observed).
            let dave = self.group_version(who);
            self.describe(conn, ssrc, (mode, &key), dave);
        }
        for frame in missed {
            self.outputs.push(super::Output::Send(conn, frame));
        }
        if !version.is_numbered() {
            self.in_group(who, now_ms, |group| group.missed(user, now_ms));
        }
        Ok(())
    }

    /// How packets are to travel.
    pub(super) fn select(
        &mut self,
        who: (GuildId, UserId),
        conn: ConnId,
        select: &Select,
        now_ms: u64,
    ) -> Result<(), CloseCode> {
        match select.protocol.as_str() {
            "udp" => self.select_raw(who, conn, select, now_ms),
            "webrtc" => self.select_browser(who, conn, select, now_ms),
            _ => Err(CloseCode::UnknownProtocol),
        }
    }

    fn select_raw(
        &mut self,
        who: (GuildId, UserId),
        conn: ConnId,
        select: &Select,
        now_ms: u64,
    ) -> Result<(), CloseCode> {
        let mode = sfu::Mode::of_name(&select.mode).ok_or(CloseCode::UnknownMode)?;
        let (ip, port) = select.address.ok_or(CloseCode::DecodeError)?;
        let mut key = [0; 32];
        key.chunks_mut(8).for_each(|part| part.copy_from_slice(&self.random.number().to_le_bytes()));
        let Some(session) = self.session_mut(who) else { return Ok(()) };
        let is_first = session.transport.replace(Transport::Raw { mode, key }).is_none();
        let (ssrc, from) = (session.ssrc, session.from);
        let address = SocketAddr::new(ip.to_canonical(), port);
        let proven = is_host(address.ip()) && from.to_canonical() == address.ip();
        self.media(ssrc, sfu::Order::Select(sfu::Choice { mode, key, address, proven }));
        let dave = self.enter_group(who, is_first, now_ms);
        self.describe(conn, ssrc, (mode, &key), dave);
        self.greet_in_group(who, now_ms);
        if is_first {
            self.show_others(who);
        }
        Ok(())
    }

    fn describe(&mut self, conn: ConnId, ssrc: u32, (mode, key): (sfu::Mode, &[u8; 32]), dave: u16) {
        self.send(conn, &Message::session_description(mode, key, &media_session(ssrc), dave));
    }

    /// A browser may offer again, when its network has changed: it gets a new login, and the former one is void.
    fn select_browser(
        &mut self,
        who: (GuildId, UserId),
        conn: ConnId,
        select: &Select,
        now_ms: u64,
    ) -> Result<(), CloseCode> {
        let browser = select.browser.as_deref().ok_or(CloseCode::DecodeError)?.clone();
        let random: [u64; 3] = std::array::from_fn(|_| self.random.number());
        let Some(session) = self.session_mut(who) else { return Ok(()) };
        let is_first = session.transport.replace(Transport::Browser).is_none();
        let ssrc = session.ssrc;
        let own = sfu::IceLogin {
            ufrag: format!("{ssrc:08x}{:016x}", random[0]),
            password: format!("{:016x}{:016x}", random[1], random[2]),
        };
        let MediaPlane { ip, port, fingerprint } = &self.media;
        let sdp = sdp::answer(&own, fingerprint, (ip, *port));
        let sdp::Browser { ice: theirs, fingerprint, opus, vp8, extensions } = browser;
        let offer = sfu::Offer { own, theirs, fingerprint, opus, vp8, extensions };
        self.media(ssrc, sfu::Order::Offer(Box::new(offer)));
        let dave = self.enter_group(who, is_first, now_ms);
        self.send(conn, &Message::session_description_of_browser(&sdp, &media_session(ssrc), dave));
        self.greet_in_group(who, now_ms);
        if is_first {
            self.show_others(who);
        }
        Ok(())
    }

    /// A newcomer learns who speaks and who shows something.
    fn show_others(&mut self, who: (GuildId, UserId)) {
        let mut messages = Vec::new();
        for (user, seat, session) in self.others(who) {
            if let Some(how) = session.shown_speaking(seat.participant.rights) {
                messages.push(Message::speaking(user, session.ssrc, how));
            }
            if let Some(video) = &session.video {
                messages.push(Message::video(user, (session.ssrc, video.ssrc), &video.streams));
            }
        }
        messages.iter().for_each(|message| self.tell(who, message));
    }
}

/// The name of a session's media, for reports.
fn media_session(ssrc: u32) -> String {
    format!("{ssrc:08x}")
}

/// Whether two secrets are the same, in a time that does not say where they differ.
fn is_same(secret: &str, said: &str) -> bool {
    let differing = secret.bytes().zip(said.bytes()).fold(0, |found, (a, b)| found | (a ^ b));
    differing == 0 && secret.len() == said.len() && !secret.is_empty()
}

/// Whether an address can be that of one host.
fn is_host(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || broadcast)
}
