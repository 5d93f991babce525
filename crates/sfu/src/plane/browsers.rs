//! Sessions of browsers among the others: who they are by what comes in, and when they are looked after.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::session::Session;
use super::{Plane, Transmit, forget};
use crate::packet::{OPUS, RTP_BYTES, word};
use crate::rtc::{Browser, Happening, Media, Offer, ufrag_of};

/// How long a browser may take from its offer until it is connected. Browsers themselves give up after 15 to 30 seconds.
const ESTABLISH_MS: u64 = 30_000;
/// An address is its browser's for so long after something last came from there; then another may show itself there. Browsers check
/// at least every 2.5 seconds (observed of Chromium; RFC 7675, 5.1, says about 5).
const HELD_MS: u64 = 10_000;
/// The longest that a browser is not looked after.
const LOOK_MS: u64 = 60_000;

/// How browsers are found.
#[derive(Default)]
pub(super) struct Browsers {
    by_ufrag: HashMap<String, usize>,
    by_address: HashMap<SocketAddr, usize>,
    /// When each is to be looked after, milliseconds.
    due: BTreeSet<(u64, usize)>,
    /// What they have done, to be worked on.
    happened: Vec<(usize, Happening)>,
}

impl Browsers {
    /// Whose an address is.
    pub(super) fn at(&self, from: SocketAddr) -> Option<usize> {
        self.by_address.get(&from).copied()
    }

    /// When the first is to be looked after.
    pub(super) fn next_due_ms(&self) -> Option<u64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    /// A session is over: what is known of it, and what it did at the end, goes.
    fn forget(&mut self, index: usize, browser: &Browser, due_ms: u64) {
        self.by_ufrag.remove(browser.ufrag());
        browser.addresses().for_each(|address| forget(&mut self.by_address, address, index));
        self.due.remove(&(due_ms, index));
        self.happened.retain(|(of, _)| *of != index);
    }
}

impl Plane {
    fn instant(&self, now_ms: u64) -> Instant {
        self.epoch + Duration::from_millis(now_ms)
    }

    /// The client of a session is a browser, and has made an offer. One that it has made before is void.
    pub(super) fn meet(&mut self, index: usize, offer: &Offer, now_ms: u64, out: &mut impl Transmit) {
        self.part(index);
        if self.browsers.by_ufrag.contains_key(&offer.own.ufrag) {
            return tracing::error!("a user name of ICE is given out twice");
        }
        let now = self.instant(now_ms);
        let session = &mut self.sessions[index];
        session.leave_transport().into_iter().for_each(|at| forget(&mut self.by_address, at, index));
        let (identity, own) = (&self.identity, (session.ssrc, session.layer_ssrcs()));
        let made = catch_unwind(AssertUnwindSafe(|| Browser::new(identity, offer, own, now)));
        match made {
            Ok(Ok(browser)) => {
                self.browsers.by_ufrag.insert(offer.own.ufrag.clone(), index);
                self.browsers.due.insert((now_ms, index));
                session.meet(browser, now_ms);
                self.act(index, now_ms, out, |_, _| ());
            }
            Ok(Err(error)) => {
                self.counts.failed += 1;
                tracing::debug!(%error, "an offer of a browser cannot be taken");
            }
            Err(_) => self.counts.failed += 1,
        }
    }

    /// A session has no browser any more.
    pub(super) fn part(&mut self, index: usize) {
        if let Some((browser, due_ms)) = self.sessions.get_mut(index).and_then(Session::part) {
            self.browsers.forget(index, &browser, due_ms);
        }
    }

    /// Has a browser do something, and takes what comes of it. What cannot go on is dropped; its client begins anew.
    pub(super) fn act<R>(
        &mut self,
        index: usize,
        now_ms: u64,
        out: &mut impl Transmit,
        act: impl FnOnce(&mut Browser, Instant) -> R,
    ) -> Option<R> {
        let now = self.instant(now_ms);
        let (counts, happened) = (&mut self.counts, &mut self.browsers.happened);
        let (browser, due_ms, since_ms) = self.sessions.get_mut(index)?.browser()?;
        // It has a library's state machines in it. If one breaks, it is this session's alone.
        let acted = catch_unwind(AssertUnwindSafe(|| {
            let result = act(browser, now);
            let send = |to: SocketAddr, bytes: &[u8]| {
                counts.sent += 1;
                out.transmit(to, |buffer| {
                    buffer.get_mut(..bytes.len())?.copy_from_slice(bytes);
                    Some(bytes.len())
                });
            };
            let due = browser.poll(now, send, |what| happened.push((index, what)));
            (result, due)
        }));
        let Ok((result, due)) = acted else {
            tracing::error!("a browser's session broke");
            self.counts.failed += 1;
            self.part(index);
            return None;
        };
        let expires_ms = since_ms.saturating_add(ESTABLISH_MS);
        let is_late = !browser.is_connected() && now_ms >= expires_ms;
        if !browser.is_alive() || is_late {
            self.counts.failed += 1;
            self.part(index);
            return None;
        }
        // Rounded up, so that it is due then.
        let in_ms = due.saturating_duration_since(now).as_micros().div_ceil(1000);
        let in_ms = u64::try_from(in_ms).unwrap_or(LOOK_MS).clamp(1, LOOK_MS);
        let mut next_ms = now_ms.saturating_add(in_ms);
        if !browser.is_connected() {
            next_ms = next_ms.min(expires_ms);
        }
        if *due_ms != next_ms {
            self.browsers.due.remove(&(*due_ms, index));
            self.browsers.due.insert((next_ms, index));
            *due_ms = next_ms;
        }
        Some(result)
    }

    /// Looks after the browsers for whom it is time.
    pub(super) fn tick_browsers(&mut self, now_ms: u64, out: &mut impl Transmit) {
        while let Some((due_ms, index)) = self.browsers.due.first().copied().filter(|(due, _)| *due <= now_ms)
        {
            if self.act(index, now_ms, out, |browser, now| browser.tick(now)).is_none() {
                self.browsers.due.remove(&(due_ms, index));
            }
        }
        self.settle(now_ms, out);
    }

    /// A check of ICE has come. With the right passwords it shows that a browser is at this address.
    pub(super) fn check(&mut self, from: SocketAddr, datagram: &[u8], now_ms: u64, out: &mut impl Transmit) {
        let Some(ufrag) = catch_unwind(|| ufrag_of(datagram)).ok().flatten() else {
            self.counts.malformed += 1;
            return;
        };
        let Some(index) = self.browsers.by_ufrag.get(&ufrag).copied() else {
            self.counts.unknown += 1;
            return;
        };
        let now = self.instant(now_ms);
        let Some((browser, ..)) = self.sessions.get_mut(index).and_then(Session::browser) else { return };
        let knows = catch_unwind(AssertUnwindSafe(|| browser.knows(from, datagram, now)));
        if !knows.unwrap_or(false) || self.is_anothers(from, index, now_ms) {
            self.counts.forged += 1;
            return;
        }
        let session = &mut self.sessions[index];
        if !session.spend(now_ms) {
            self.counts.throttled += 1;
            return;
        }
        let Some((browser, ..)) = session.browser() else { return };
        if let Some(forgotten) = browser.show_at(from, now_ms) {
            forget(&mut self.browsers.by_address, forgotten, index);
        }
        self.browsers.by_address.insert(from, index);
        self.act(index, now_ms, out, |browser, now| browser.receive(from, datagram, now));
        self.settle(now_ms, out);
    }

    /// Whether somebody else is at an address: whoever can forge the sender of a datagram takes nobody's place.
    fn is_anothers(&mut self, from: SocketAddr, index: usize, now_ms: u64) -> bool {
        if self.by_address.contains_key(&from) {
            return true;
        }
        let Some(holder) = self.browsers.at(from).filter(|holder| *holder != index) else { return false };
        let holder = self.sessions.get_mut(holder).and_then(Session::browser);
        let heard_ms = holder.and_then(|(browser, ..)| browser.heard_ms(from));
        heard_ms.is_some_and(|heard_ms| now_ms < heard_ms.saturating_add(HELD_MS))
    }

    /// DTLS, RTP and RTCP of a browser, told by its address.
    pub(super) fn receive_of_browser(
        &mut self,
        index: usize,
        (from, datagram): (SocketAddr, &[u8]),
        now_ms: u64,
        out: &mut impl Transmit,
    ) {
        if !self.sessions[index].spend(now_ms) {
            self.counts.throttled += 1;
            return;
        }
        let taken = self.act(index, now_ms, out, |browser, now| {
            browser.hear_from(from, now_ms);
            browser.receive(from, datagram, now)
        });
        if taken == Some(false) {
            self.counts.malformed += 1;
        }
        self.settle(now_ms, out);
    }

    /// Works on what browsers have done.
    fn settle(&mut self, now_ms: u64, out: &mut impl Transmit) {
        // What comes of it makes nothing more happen, unless a browser breaks.
        while !self.browsers.happened.is_empty() {
            for (index, what) in std::mem::take(&mut self.browsers.happened) {
                match what {
                    Happening::Audio(media) => self.forward_of_browser(index, &media, now_ms, out),
                    Happening::Video(media) => self.forward_video(index, &media, now_ms, out),
                    Happening::WantsKeyframe { ssrc } => self.pass_request(index, ssrc, now_ms, out),
                }
            }
        }
    }

    fn forward_of_browser(&mut self, index: usize, media: &Media, now_ms: u64, out: &mut impl Transmit) {
        let Some(session) = self.sessions.get(index) else { return };
        if !session.bound || !session.rights.speak {
            self.counts.silenced += 1;
            return;
        }
        self.counts.forwarded += 1;
        let room = session.room;
        let header = rtp_header(media);
        self.send_to_others(index, room, (&header, &media.payload), now_ms, out);
    }

    /// Sends somebody's audio to a browser.
    pub(super) fn write_to_browser(
        &mut self,
        index: usize,
        media: &Media,
        now_ms: u64,
        out: &mut impl Transmit,
    ) {
        let session = &mut self.sessions[index];
        let hears = session.rights.hear;
        let Some((browser, ..)) = session.browser() else { return };
        if !hears || !browser.is_connected() {
            return;
        }
        if !browser.has_stream(media.ssrc) {
            self.act(index, now_ms, out, |browser, _| browser.begin_audio(media.ssrc));
        }
        self.act(index, now_ms, out, |browser, now| browser.write(media, now));
    }

    /// Somebody is gone, and his streams with him.
    pub(super) fn end_streams(
        &mut self,
        index: usize,
        ssrcs: impl Iterator<Item = u32>,
        now_ms: u64,
        out: &mut impl Transmit,
    ) {
        for ssrc in ssrcs {
            let has = self.sessions.get_mut(index).and_then(Session::browser);
            if has.is_some_and(|(browser, ..)| browser.has_stream(ssrc)) {
                self.act(index, now_ms, out, |browser, _| browser.end_stream(ssrc));
            }
        }
    }
}

/// The header that clients of raw packets know.
fn rtp_header(media: &Media) -> [u8; RTP_BYTES] {
    let mut header = [0; RTP_BYTES];
    header[0] = 0x80;
    header[1] = OPUS | u8::from(media.marker) << 7;
    header[2..4].copy_from_slice(&media.sequence.to_be_bytes());
    header[4..8].copy_from_slice(&media.timestamp.to_be_bytes());
    header[8..].copy_from_slice(&media.ssrc.to_be_bytes());
    header
}

/// A decrypted packet without what browsers are not sent: extensions and padding. `header` stood in clear. `None` when it says to be
/// longer than it is.
pub(super) fn media_of(header: &[u8], text: &[u8]) -> Option<Media> {
    let extension = match header[0] & 0x10 {
        0 => 0,
        // Its length in words is the end of the preamble.
        _ => 4 * usize::from(u16::from_be_bytes(*header.last_chunk()?)),
    };
    let payload = text.get(extension..)?;
    let padding = match header[0] & 0x20 {
        0 => 0,
        _ => usize::from(*payload.last()?),
    };
    let payload = payload.get(..payload.len().checked_sub(padding)?)?;
    Some(Media {
        ssrc: word(header, 8),
        sequence: u16::from_be_bytes([header[2], header[3]]),
        timestamp: word(header, 4),
        marker: header[1] & 0x80 != 0,
        payload: payload.into(),
    })
}
