//! The core: sessions in rooms, and what becomes of a datagram.

mod browsers;
mod session;
mod sight;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use slab::Slab;

use self::browsers::{Browsers, media_of};
use self::session::{Refusal, Session};
pub use self::sight::{LAYERS_MAX, Shown, WANTS_MAX, Wants};
use crate::cipher::{Mode, NONCE_BYTES, OVERHEAD_BYTES};
use crate::counts::Counts;
use crate::packet::{
    self, DATAGRAM_BYTES_MAX, DISCOVERY_BYTES, Kind, OPUS, RTCP_BYTES, RTP_BYTES, Rtp, word,
};
use crate::rtc::{Identity, Offer};

/// SSRCs that one session may have: audio, and four layers of video with theirs for what is sent again.
pub const SESSION_SSRCS_MAX: u32 = 9;

/// With what media ends that is encrypted from end to end (DAVE whitepaper, "Payload Format").
const SEALED: [u8; 2] = [0xFA, 0xFA];

/// Those who hear each other: a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Room(pub u64);

/// What a session may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// Whether others get what it sends.
    pub speak: bool,
    /// Whether it gets what others send.
    pub hear: bool,
}

/// What signalling tells the plane about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The session, by the SSRC of its audio. Orders for one that is not there do nothing.
    pub ssrc: u32,
    /// What is the matter with it.
    pub order: Order,
}

/// What is the matter with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// It is there.
    Open(Seat),
    /// The client has chosen how it is reached.
    Select(Choice),
    /// The client is a browser, and has offered how it is reached.
    Offer(Box<Offer>),
    /// The client is a browser, and sends one of its streams under another SSRC than it was given.
    Name(Name),
    /// The client shows something (opcode 12), or no longer. Pictures are passed from browsers to browsers.
    Show(Option<Shown>),
    /// The client has said what it wants to see (opcode 15).
    Want(Wants),
    /// The client has said that it speaks (opcode 5); from now on its media is taken.
    Bind,
    /// What it may do has changed.
    Allow(Rights),
    /// Whether it can take media that is encrypted from end to end; it can unless this says otherwise.
    TakeSealed(bool),
    /// It is gone.
    Close,
}

/// A stream that a browser sends under an SSRC of its own choice, as some must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// What it was given, under which others know the stream.
    pub given: u32,
    /// What it sends.
    pub chosen: u32,
    /// Under what it sends again what was lost of that.
    pub again: Option<u32>,
}

/// Where a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// How many SSRCs it has, from that of its audio on; at most [`SESSION_SSRCS_MAX`].
    pub ssrcs: u32,
    /// Who hears it, and whom it hears.
    pub room: Room,
    /// What it may do.
    pub rights: Rights,
}

/// How a client is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// How packets are encrypted.
    pub mode: Mode,
    /// With what.
    pub key: [u8; 32],
    /// Where the client says that it is.
    pub address: SocketAddr,
    /// Whether its signalling comes from the same host.
    pub proven: bool,
}

/// Without the key.
impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choice")
            .field("mode", &self.mode)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Takes what the plane sends.
pub trait Transmit {
    /// Sends a datagram: `write` puts it at the beginning of the buffer it is given and says how long it is; `None` when there is
    /// nothing to send after all. Must not block.
    fn transmit(
        &mut self,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8; DATAGRAM_BYTES_MAX]) -> Option<usize>,
    );
}

/// The sessions of a media server, and their rooms.
pub struct Plane {
    /// The time 0.
    epoch: Instant,
    identity: Identity,
    sessions: Slab<Session>,
    by_ssrc: HashMap<u32, usize>,
    /// Who was heard of at an address: for what bears no SSRC.
    by_address: HashMap<SocketAddr, usize>,
    /// Who is in a room. A room that is there has somebody.
    rooms: HashMap<Room, Vec<usize>>,
    browsers: Browsers,
    counts: Counts,
}

impl fmt::Debug for Plane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plane").field("sessions", &self.sessions.len()).field("counts", &self.counts).finish()
    }
}

impl Plane {
    /// Nobody is there. `identity`: what browsers are told of this server; `epoch`: what all times are counted from.
    pub fn new(identity: Identity, epoch: Instant) -> Self {
        Self {
            epoch,
            identity,
            sessions: Slab::new(),
            by_ssrc: HashMap::new(),
            by_address: HashMap::new(),
            rooms: HashMap::new(),
            browsers: Browsers::default(),
            counts: Counts::default(),
        }
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// For the shell, which counts what the system did not take.
    pub(crate) fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// When [`Plane::tick`] is to be called, if ever.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.browsers.next_due_ms()
    }

    /// Does what is due.
    pub fn tick(&mut self, now_ms: u64, out: &mut impl Transmit) {
        self.tick_browsers(now_ms, out);
    }

    /// Does what signalling says.
    pub fn apply(&mut self, command: &Command, now_ms: u64, out: &mut impl Transmit) {
        let Command { ssrc, ref order } = *command;
        let Some(index) = self.by_ssrc.get(&ssrc).copied() else {
            if let Order::Open(seat) = order {
                self.open(ssrc, seat);
            }
            return;
        };
        let session = &mut self.sessions[index];
        match order {
            Order::Select(choice) => {
                let before = session.select(choice, now_ms);
                before.into_iter().for_each(|address| forget(&mut self.by_address, address, index));
                self.by_address.insert(choice.address, index);
                self.part(index);
            }
            Order::Offer(offer) => self.meet(index, offer, now_ms, out),
            Order::Name(name) => {
                self.act(index, now_ms, out, |browser, _| browser.name(*name));
            }
            Order::Show(shown) => self.show(index, shown.as_ref(), now_ms, out),
            Order::Want(wants) => session.wants = wants.clone(),
            Order::Bind => session.bound = true,
            Order::Allow(rights) => session.rights = *rights,
            Order::TakeSealed(takes) => session.takes_sealed = *takes,
            Order::Close => self.close(index, now_ms, out),
            Order::Open(_) => tracing::error!(ssrc, "an SSRC is given out twice"),
        }
    }

    fn open(&mut self, ssrc: u32, seat: &Seat) {
        let session = Session::new(ssrc, seat);
        let taken = session.all_ssrcs();
        if taken.clone().any(|ssrc| self.by_ssrc.contains_key(&ssrc)) {
            return tracing::error!(ssrc, "an SSRC is given out twice");
        }
        let index = self.sessions.insert(session);
        self.by_ssrc.extend(taken.map(|ssrc| (ssrc, index)));
        self.rooms.entry(seat.room).or_default().push(index);
    }

    fn close(&mut self, index: usize, now_ms: u64, out: &mut impl Transmit) {
        self.part(index);
        let session = self.sessions.remove(index);
        for ssrc in session.all_ssrcs() {
            self.by_ssrc.remove(&ssrc);
        }
        session.addresses().for_each(|address| forget(&mut self.by_address, address, index));
        if let Some(inside) = self.rooms.get_mut(&session.room) {
            inside.retain(|other| *other != index);
            if inside.is_empty() {
                self.rooms.remove(&session.room);
            }
        }
        for other in self.rooms.get(&session.room).cloned().unwrap_or_default() {
            self.end_streams(other, session.all_ssrcs(), now_ms, out);
        }
    }

    /// Takes a datagram, which is decrypted in place.
    pub fn receive(&mut self, from: SocketAddr, datagram: &mut [u8], now_ms: u64, out: &mut impl Transmit) {
        self.counts.received += 1;
        if let Some(index) = self.browsers.at(from).filter(|_| packet::is_of_browser(datagram)) {
            return self.receive_of_browser(index, (from, datagram), now_ms, out);
        }
        match packet::classify(datagram) {
            Kind::Stun => self.check(from, datagram, now_ms, out),
            Kind::Dtls => self.counts.unknown += 1,
            Kind::Rtp(rtp) => self.receive_rtp(from, (rtp, datagram), now_ms, out),
            Kind::Rtcp { ssrc } => self.receive_rtcp(from, (ssrc, datagram), now_ms, out),
            Kind::Discovery { ssrc } => self.discover(from, ssrc, now_ms, out),
            Kind::Ping(counter) => {
                if self.hear_of(from, now_ms) {
                    self.counts.sent += 1;
                    out.transmit(from, |buffer| {
                        buffer[..4].copy_from_slice(&[0x13, 0x37, 0xF0, 0x0D]);
                        buffer[4..8].copy_from_slice(&counter);
                        Some(8)
                    });
                }
            }
            Kind::KeepAlive => drop(self.hear_of(from, now_ms)),
            Kind::Unknown => self.counts.malformed += 1,
        }
    }

    /// Something without an SSRC has come from an address; whether anybody is there.
    fn hear_of(&mut self, from: SocketAddr, now_ms: u64) -> bool {
        let known = self.by_address.get(&from).copied();
        match known.and_then(|index| self.sessions.get_mut(index)) {
            Some(session) => session.heard_from(from, now_ms),
            None => self.counts.unknown += 1,
        }
        known.is_some()
    }

    /// Tells a client its own address, as it is seen from here (Voice Connections, "IP Discovery").
    fn discover(&mut self, from: SocketAddr, ssrc: u32, now_ms: u64, out: &mut impl Transmit) {
        let Some(index) = self.by_ssrc.get(&ssrc).copied() else {
            self.counts.unknown += 1;
            return;
        };
        if let Some(forgotten) = self.sessions[index].asked_from(from, now_ms) {
            forget(&mut self.by_address, forgotten, index);
        }
        // Whoever speaks from there already stays known: an SSRC is no secret.
        self.by_address.entry(from).or_insert(index);
        self.counts.sent += 1;
        out.transmit(from, |buffer| {
            let answer = &mut buffer[..DISCOVERY_BYTES];
            answer.fill(0);
            answer[..4].copy_from_slice(&[0, 2, 0, 70]);
            answer[4..8].copy_from_slice(&ssrc.to_be_bytes());
            use std::io::Write as _;
            // 64 bytes hold every address.
            let _written = write!(&mut answer[8..72], "{}", from.ip().to_canonical());
            answer[72..].copy_from_slice(&from.port().to_be_bytes());
            Some(DISCOVERY_BYTES)
        });
    }

    fn receive_rtp(
        &mut self,
        from: SocketAddr,
        (rtp, datagram): (Rtp, &mut [u8]),
        now_ms: u64,
        out: &mut impl Transmit,
    ) {
        let (header, body) = datagram.split_at_mut(rtp.clear_bytes);
        let Some((index, text)) = self.open_from(from, rtp.ssrc, (header, body), now_ms) else { return };
        let session = &self.sessions[index];
        if !session.bound || !session.rights.speak {
            self.counts.silenced += 1;
            return;
        }
        if rtp.ssrc != session.ssrc || rtp.payload_type != OPUS {
            self.counts.video += 1;
            return;
        }
        self.counts.forwarded += 1;
        let room = session.room;
        match rtp.csrcs {
            0 => self.send_to_others(index, room, (header, text), now_ms, out),
            _ => self.send_to_others(index, room, (without_csrcs(rtp.csrcs, header), text), now_ms, out),
        }
    }

    /// RTCP of a sender goes to the room, what asks a sender for something to that sender; the rest is about what this server sends.
    fn receive_rtcp(
        &mut self,
        from: SocketAddr,
        (ssrc, datagram): (u32, &mut [u8]),
        now_ms: u64,
        out: &mut impl Transmit,
    ) {
        let (header, body) = datagram.split_at_mut(RTCP_BYTES);
        let Some((index, text)) = self.open_from(from, ssrc, (header, body), now_ms) else { return };
        let session = &self.sessions[index];
        let room = session.room;
        if !packet::is_sound_rtcp(header, text, |ssrc| session.owns(ssrc)) {
            self.counts.malformed += 1;
            return;
        }
        match header[1] {
            200 if session.bound && session.rights.speak => {
                self.counts.forwarded += 1;
                self.send_to_others(index, room, (header, text), now_ms, out);
            }
            205 | 206 => {
                let about = self.by_ssrc.get(&word(text, 0)).copied();
                let about = about.filter(|about| *about != index && self.sessions[*about].room == room);
                let Some(about) = about else { return self.counts.unknown += 1 };
                self.counts.forwarded += 1;
                self.counts.sent += send(&mut self.sessions[about], (header, text), now_ms, out);
            }
            _ => self.counts.reports += 1,
        }
    }

    /// The sender of what has come, and what it says.
    fn open_from<'b>(
        &mut self,
        from: SocketAddr,
        ssrc: u32,
        (header, body): (&[u8], &'b mut [u8]),
        now_ms: u64,
    ) -> Option<(usize, &'b mut [u8])> {
        let Some(index) = self.by_ssrc.get(&ssrc).copied() else {
            self.counts.unknown += 1;
            return None;
        };
        let session = &mut self.sessions[index];
        let (body, nonce) = body.split_last_chunk_mut::<NONCE_BYTES>()?;
        match session.open(u32::from_be_bytes(*nonce), (header, body), (from, now_ms)) {
            Ok((text, moved)) => {
                if !session.spend(now_ms) {
                    self.counts.throttled += 1;
                    return None;
                }
                if let Some(old) = moved {
                    forget(&mut self.by_address, old, index);
                    self.by_address.insert(from, index);
                }
                Some((index, text))
            }
            Err(Refusal::Forged) => {
                self.counts.forged += 1;
                None
            }
            Err(Refusal::Replayed) => {
                self.counts.replayed += 1;
                None
            }
        }
    }

    fn send_to_others(
        &mut self,
        sender: usize,
        room: Room,
        packet: (&[u8], &[u8]),
        now_ms: u64,
        out: &mut impl Transmit,
    ) {
        // Whoever acts while this runs stays where he is, so it is put back as it was.
        let Some(inside) = self.rooms.get_mut(&room).map(std::mem::take) else { return };
        let mut media = None;
        let is_sealed = is_rtp(packet.0) && packet.1.ends_with(&SEALED);
        for other in inside.iter().copied().filter(|other| *other != sender) {
            let session = &mut self.sessions[other];
            if is_sealed && !session.takes_sealed {
                continue;
            }
            if !session.is_browser() {
                self.counts.sent += send(session, packet, now_ms, out);
            } else if is_rtp(packet.0)
                && let Some(media) = media.get_or_insert_with(|| media_of(packet.0, packet.1))
            {
                self.write_to_browser(other, media, now_ms, out);
            }
        }
        if let Some(place) = self.rooms.get_mut(&room) {
            *place = inside;
        }
    }
}

/// Whether a header is one of media; of reports browsers get this server's own.
fn is_rtp(header: &[u8]) -> bool {
    !matches!(header[1], 200..=206)
}

fn forget(by_address: &mut HashMap<SocketAddr, usize>, address: SocketAddr, index: usize) {
    if by_address.get(&address) == Some(&index) {
        by_address.remove(&address);
    }
}

/// Encrypts a packet for a session and sends it; 1 if the session hears.
fn send(session: &mut Session, (header, text): (&[u8], &[u8]), now_ms: u64, out: &mut impl Transmit) -> u64 {
    let Some(to) = session.hears_at(now_ms) else { return 0 };
    let mut sent = 0;
    out.transmit(to, |buffer| {
        let (head, end) = (header.len(), header.len() + text.len());
        let packet = buffer.get_mut(..end + OVERHEAD_BYTES)?;
        packet[..head].copy_from_slice(header);
        packet[head..end].copy_from_slice(text);
        let (tag, nonce) = session.seal(header, &mut packet[head..end])?;
        packet[end..end + tag.len()].copy_from_slice(&tag);
        packet[end + tag.len()..].copy_from_slice(&nonce.to_be_bytes());
        sent = 1;
        Some(packet.len())
    });
    sent
}

/// Takes the CSRCs out of a header, whose end stays where it is.
fn without_csrcs(csrcs: usize, header: &mut [u8]) -> &[u8] {
    header[0] &= 0xF0;
    header.copy_within(..RTP_BYTES, 4 * csrcs);
    &header[4 * csrcs..]
}
