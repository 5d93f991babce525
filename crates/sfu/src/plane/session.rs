//! One client as the plane knows it.

use std::net::SocketAddr;

use super::sight::{Showing, Wants};
use super::{Choice, Rights, Room, SESSION_SSRCS_MAX, Seat};
use crate::cipher::Cipher;
use crate::rtc::Browser;
use crate::window::Window;

/// Packets that one may send at once, and per second: ten times what audio needs, with a second of it sent at once after a stall.
const PACKETS_PER_S: u64 = 1000;
/// Addresses from which a session was asked for that are remembered until one is chosen.
const ASKED_MAX: usize = 4;
/// An address that is not proven by its session's own connection gets media for so long after it was last heard of.
const UNPROVEN_MS: u64 = 60_000;

/// The transport that a client has chosen.
struct Transport {
    cipher: Cipher,
    address: SocketAddr,
    /// Whether the client is known to be at that address: its signalling comes from there, or a packet with its key.
    proven: bool,
    /// When something last came from there.
    heard_ms: Option<u64>,
    window: Window,
    /// The nonce of the next packet to it; `None` when all were used.
    nonce: Option<u32>,
}

/// A client that is a browser.
struct Meeting {
    browser: Browser,
    /// When it has made its offer.
    since_ms: u64,
    /// When it is to be looked after.
    due_ms: u64,
}

/// A client.
pub(super) struct Session {
    /// The first of its SSRCs, which is that of its audio.
    pub(super) ssrc: u32,
    /// How many it has.
    pub(super) ssrcs: u32,
    pub(super) room: Room,
    pub(super) rights: Rights,
    /// Whether it can take media that is encrypted from end to end.
    pub(super) takes_sealed: bool,
    /// Whether it has said by opcode 5 that its SSRC is in use.
    pub(super) bound: bool,
    /// What it shows.
    pub(super) shows: Option<Showing>,
    /// What it wants to see.
    pub(super) wants: Wants,
    transport: Option<Transport>,
    browser: Option<Box<Meeting>>,
    /// From where its SSRC was asked for, the newest last.
    asked: Vec<SocketAddr>,
    tokens: u64,
    tokens_ms: u64,
}

impl Session {
    pub(super) fn new(ssrc: u32, seat: &Seat) -> Self {
        Self {
            ssrc,
            ssrcs: seat.ssrcs.clamp(1, SESSION_SSRCS_MAX),
            room: seat.room,
            rights: seat.rights,
            takes_sealed: true,
            bound: false,
            shows: None,
            wants: Wants::default(),
            transport: None,
            browser: None,
            asked: Vec::new(),
            tokens: PACKETS_PER_S,
            tokens_ms: 0,
        }
    }

    pub(super) fn owns(&self, ssrc: u32) -> bool {
        ssrc.wrapping_sub(self.ssrc) < self.ssrcs
    }

    pub(super) fn all_ssrcs(&self) -> impl Iterator<Item = u32> + Clone + use<> {
        let first = self.ssrc;
        (0..self.ssrcs).map(move |step| first.wrapping_add(step))
    }

    /// The SSRCs of its layers: behind that of its audio, each with the next for what is sent again.
    pub(super) fn layer_ssrcs(&self) -> impl Iterator<Item = u32> + use<> {
        let first = self.ssrc;
        (1..self.ssrcs).step_by(2).map(move |step| first.wrapping_add(step))
    }

    /// Somebody at an address has asked for the session. Gives an address that is no longer remembered.
    pub(super) fn asked_from(&mut self, from: SocketAddr, now_ms: u64) -> Option<SocketAddr> {
        self.heard_from(from, now_ms);
        if self.asked.contains(&from) {
            return None;
        }
        let forgotten = (self.asked.len() >= ASKED_MAX).then(|| self.asked.remove(0));
        self.asked.push(from);
        forgotten.filter(|address| self.address() != Some(*address))
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.asked.iter().copied().chain(self.address())
    }

    fn address(&self) -> Option<SocketAddr> {
        self.transport.as_ref().map(|transport| transport.address)
    }

    /// Something has come from an address.
    pub(super) fn heard_from(&mut self, from: SocketAddr, now_ms: u64) {
        if let Some(transport) = self.transport.as_mut().filter(|transport| transport.address == from) {
            transport.heard_ms = Some(now_ms);
        }
    }

    /// The client chooses. An address that it does not prove must be one that has asked for the session. Gives the address it had.
    pub(super) fn select(&mut self, choice: &Choice, now_ms: u64) -> Option<SocketAddr> {
        let Choice { mode, key, address, proven } = *choice;
        let heard_ms = self.asked.contains(&address).then_some(now_ms);
        let before = self.address();
        self.transport = Some(Transport {
            cipher: Cipher::new(mode, &key),
            address,
            proven,
            heard_ms,
            window: Window::default(),
            nonce: Some(0),
        });
        before
    }

    /// The client is a browser.
    pub(super) fn meet(&mut self, browser: Browser, now_ms: u64) {
        self.browser = Some(Box::new(Meeting { browser, since_ms: now_ms, due_ms: now_ms }));
    }

    /// Whether the client is a browser.
    pub(super) fn is_browser(&self) -> bool {
        self.browser.is_some()
    }

    /// The browser, when it is to be looked after, and since when it is there.
    pub(super) fn browser(&mut self) -> Option<(&mut Browser, &mut u64, u64)> {
        let Meeting { browser, since_ms, due_ms } = self.browser.as_deref_mut()?;
        Some((browser, due_ms, *since_ms))
    }

    /// The browser is none any more. Gives it, and when it was to be looked after.
    pub(super) fn part(&mut self) -> Option<(Browser, u64)> {
        let meeting = *self.browser.take()?;
        Some((meeting.browser, meeting.due_ms))
    }

    /// Packets are no longer chosen to go straight to the client. Gives the addresses that it is known by.
    pub(super) fn leave_transport(&mut self) -> Vec<SocketAddr> {
        let addresses = self.addresses().collect();
        self.transport = None;
        self.asked.clear();
        addresses
    }

    /// Whether one more packet of it is taken.
    pub(super) fn spend(&mut self, now_ms: u64) -> bool {
        let earned = now_ms.saturating_sub(self.tokens_ms).saturating_mul(PACKETS_PER_S) / 1000;
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned).min(PACKETS_PER_S);
            self.tokens_ms = now_ms;
        }
        let spent = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        spent
    }

    /// Decrypts what the client has sent. A packet that is newer than all before it proves where the client is, which may have moved:
    /// its NAT gave it another address. Gives the address it had then, too.
    pub(super) fn open<'b>(
        &mut self,
        nonce: u32,
        (header, body): (&[u8], &'b mut [u8]),
        (from, now_ms): (SocketAddr, u64),
    ) -> Result<(&'b mut [u8], Option<SocketAddr>), Refusal> {
        let transport = self.transport.as_mut().ok_or(Refusal::Forged)?;
        if !transport.window.is_new(nonce) {
            return Err(Refusal::Replayed);
        }
        let text = transport.cipher.open(nonce, header, body).ok_or(Refusal::Forged)?;
        let mut moved = None;
        if transport.window.note(nonce) {
            moved = (transport.address != from).then(|| std::mem::replace(&mut transport.address, from));
            transport.proven = true;
            transport.heard_ms = Some(now_ms);
        }
        Ok((text, moved))
    }

    /// Where media for the session goes now, if any does.
    pub(super) fn hears_at(&self, now_ms: u64) -> Option<SocketAddr> {
        let transport = self.transport.as_ref().filter(|_| self.rights.hear)?;
        let heard = |heard_ms: u64| now_ms < heard_ms.saturating_add(UNPROVEN_MS);
        let reached = transport.proven || transport.heard_ms.is_some_and(heard);
        reached.then_some(transport.address)
    }

    /// Encrypts for the client, in place. Gives tag and nonce; `None` when no nonce is left for its key.
    pub(super) fn seal(&mut self, header: &[u8], text: &mut [u8]) -> Option<([u8; 16], u32)> {
        let transport = self.transport.as_mut()?;
        let nonce = transport.nonce?;
        transport.nonce = nonce.checked_add(1);
        Some((transport.cipher.seal(nonce, header, text)?, nonce))
    }
}

/// Why a packet is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Forged,
    Replayed,
}
