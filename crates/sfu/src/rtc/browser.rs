//! One browser's side of a call: str0m, with a socket and a clock that are the plane's.
//!
//! str0m may be changed once between two times at which everything is asked of it that it has to say. So each method here
//! changes it once and is followed by [`Browser::poll`].

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use str0m::change::DirectApi;
use str0m::config::Fingerprint;
use str0m::format::{Codec, FormatParams, detect_vp8_keyframe};
use str0m::ice::StunMessage;
use str0m::media::{Frequency, KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, RtpWrite};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc, RtcConfig, RtcError};

use super::picture::{Fate, Numbers, Picture};
use super::{Identity, Offer};
use crate::plane::Name;

/// Where this server is, as ICE sees it, in either family. Only its peer has to know where it really is, and the socket does.
const HERE: (Ipv4Addr, Ipv6Addr, u16) =
    (Ipv4Addr::new(192, 0, 2, 1), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9);
/// Addresses from which checks of a browser came that are remembered: its networks, and what NATs make of them.
const ADDRESSES_MAX: usize = 8;
/// Outputs that are taken of str0m at once; it has some for each packet.
const OUTPUTS_MAX: usize = 4096;
/// Streams that a browser sends under SSRCs of its own choice.
const NAMES_MAX: usize = 16;
/// Streams of others that are sent to one browser.
const STREAMS_MAX: usize = 4096;

/// A packet of media without its encryption.
#[derive(Debug, Clone)]
pub(crate) struct Media {
    /// The sender's, as everybody knows it.
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Without extensions and padding.
    pub(crate) payload: Arc<[u8]>,
}

/// What a browser has done.
#[derive(Debug)]
pub(crate) enum Happening {
    /// Sent audio.
    Audio(Media),
    /// Sent a packet of a layer of its picture.
    Video(Media),
    /// Cannot see somebody's picture, and asks for one that stands alone.
    WantsKeyframe {
        /// Under what it gets the picture.
        ssrc: u32,
    },
}

/// A packet of a picture, and what a browser is to see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// Under what others get the picture.
    pub(crate) ssrc: u32,
    /// Which layer this browser is to get.
    pub(crate) target: u32,
    /// Whether the packet begins a picture that stands alone.
    pub(crate) begins: bool,
}

impl Media {
    /// Whether a picture that stands alone begins with it.
    pub(crate) fn begins_keyframe(&self) -> bool {
        detect_vp8_keyframe(&self.payload)
    }
}

/// A browser.
pub(crate) struct Browser {
    rtc: Rtc,
    ufrag: String,
    opus: Pt,
    vp8: Option<Pt>,
    /// The SSRC that its audio has for others, and those of its layers.
    ssrc: u32,
    layers: Vec<u32>,
    names: Vec<Name>,
    connected: bool,
    /// From where it has shown itself by ICE, and when something last came from there, the newest last.
    addresses: Vec<(SocketAddr, u64)>,
    outgoing: HashMap<u32, Outgoing>,
}

/// A stream of somebody else to a browser. Receivers begin to count with the first packet they get (RFC 3711, 3.3.1), so the numbers
/// here do, whatever the sender's count.
#[derive(Debug)]
enum Outgoing {
    Audio(Numbers),
    Video(Picture),
}

/// The user name's part of this side in a check of ICE; `None` when a datagram is none.
pub(crate) fn ufrag_of(datagram: &[u8]) -> Option<String> {
    let message = StunMessage::parse(datagram).ok()?;
    let asks = message.is_binding_request();
    message.split_username().filter(|_| asks).map(|(own, _)| own.to_owned())
}

/// Under what str0m has a stream: one name for each, since it sends one stream by name.
fn mid(ssrc: u32) -> Mid {
    format!("{ssrc:x}").as_str().into()
}

impl Browser {
    /// Begins with what was offered. `ssrc`: what its audio is sent under; `layers`: those of its picture, each with the next SSRC for what
    /// is sent again.
    ///
    /// # Errors
    /// When something of the offer is not what it should be.
    pub(crate) fn new(
        identity: &Identity,
        offer: &Offer,
        (ssrc, layers): (u32, impl Iterator<Item = u32>),
        now: Instant,
    ) -> Result<Self, RtcError> {
        let creds =
            |login: &super::IceLogin| IceCreds { ufrag: login.ufrag.clone(), pass: login.password.clone() };
        let (opus, vp8) = (Pt::from(offer.opus), offer.vp8.map(|(vp8, _)| Pt::from(vp8)));
        let mut config = identity.config().set_local_ice_credentials(creds(&offer.own)).set_ice_lite(true);
        add_codecs(&mut config, offer);
        for (id, uri) in &offer.extensions {
            if let Some(extension) = extension(uri) {
                config.extension_map().set(*id, extension);
            }
        }
        let mut rtc = config.build(now);
        for address in [SocketAddr::from((HERE.0, HERE.2)), SocketAddr::from((HERE.1, HERE.2))] {
            rtc.add_local_candidate(Candidate::host(address, "udp").map_err(RtcError::from)?);
        }
        let fingerprint: Fingerprint = offer.fingerprint.parse().map_err(RtcError::RemoteSdp)?;
        let mut direct = rtc.direct_api();
        direct.set_remote_ice_credentials(creds(&offer.theirs));
        direct.set_remote_fingerprint(fingerprint);
        direct.start_dtls(false)?;
        direct.enable_twcc_feedback();
        direct.declare_media(mid(ssrc), MediaKind::Audio);
        direct.expect_stream_rx(ssrc.into(), None, mid(ssrc), None).suppress_nack(true);
        let layers: Vec<_> = layers.filter(|_| vp8.is_some()).collect();
        for layer in layers.iter().copied() {
            direct.declare_media(mid(layer), MediaKind::Video);
            let again = offer.vp8.and_then(|(_, rtx)| rtx).map(|_| layer.wrapping_add(1).into());
            direct.expect_stream_rx(layer.into(), again, mid(layer), None);
        }
        let (ufrag, outgoing) = (offer.own.ufrag.clone(), HashMap::new());
        let names = Vec::new();
        Ok(Self {
            rtc,
            ufrag,
            opus,
            vp8,
            ssrc,
            layers,
            names,
            connected: false,
            addresses: Vec::new(),
            outgoing,
        })
    }

    /// By what checks of ICE name it.
    pub(crate) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// Whether it can be sent media.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether it is there at all.
    pub(crate) fn is_alive(&self) -> bool {
        self.rtc.is_alive()
    }

    /// From where it has shown itself.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().map(|(address, _)| *address)
    }

    /// When something last came from an address.
    pub(crate) fn heard_ms(&self, from: SocketAddr) -> Option<u64> {
        self.addresses.iter().find(|(address, _)| *address == from).map(|(_, heard_ms)| *heard_ms)
    }

    /// Something has come from an address that is its own.
    pub(crate) fn hear_from(&mut self, from: SocketAddr, now_ms: u64) {
        if let Some((_, heard_ms)) = self.addresses.iter_mut().find(|(address, _)| *address == from) {
            *heard_ms = now_ms;
        }
    }

    /// A check has come from an address that shows the browser to be there. Gives an address that is remembered no longer.
    pub(crate) fn show_at(&mut self, from: SocketAddr, now_ms: u64) -> Option<SocketAddr> {
        if self.heard_ms(from).is_some() {
            self.hear_from(from, now_ms);
            return None;
        }
        let oldest = self.addresses.iter().enumerate().min_by_key(|(_, (_, heard_ms))| *heard_ms);
        let forgotten = oldest.filter(|_| self.addresses.len() >= ADDRESSES_MAX).map(|(at, _)| at);
        let forgotten = forgotten.map(|at| self.addresses.remove(at).0);
        self.addresses.push((from, now_ms));
        forgotten
    }

    /// Whether a check of ICE has the passwords of this call.
    pub(crate) fn knows(&self, from: SocketAddr, datagram: &[u8], now: Instant) -> bool {
        received(from, datagram).is_some_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Takes a datagram; false when it is none of WebRTC.
    pub(crate) fn receive(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) -> bool {
        let Some(receive) = received(from, datagram) else { return false };
        match self.rtc.handle_input(Input::Receive(now, receive)) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(%error, "a datagram of a browser is not taken");
                false
            }
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.end_on_error(|rtc| rtc.handle_input(Input::Timeout(now)));
    }

    /// What cannot go on, ends.
    fn end_on_error(&mut self, act: impl FnOnce(&mut Rtc) -> Result<(), RtcError>) {
        if let Err(error) = act(&mut self.rtc) {
            tracing::debug!(%error, "a browser's call cannot go on");
            self.rtc.disconnect();
        }
    }

    /// Whether a stream of somebody else is known, so that it can be written to.
    pub(crate) fn has_stream(&self, ssrc: u32) -> bool {
        self.outgoing.contains_key(&ssrc)
    }

    /// Begins a stream of somebody else's audio.
    pub(crate) fn begin_audio(&mut self, ssrc: u32) {
        self.begin(ssrc, None, MediaKind::Audio, Outgoing::Audio(Numbers::default()));
    }

    /// Begins a stream of somebody else's picture.
    pub(crate) fn begin_video(&mut self, ssrc: u32) {
        let again = ssrc.wrapping_add(1);
        self.begin(ssrc, Some(again), MediaKind::Video, Outgoing::Video(Picture::default()));
    }

    fn begin(&mut self, ssrc: u32, again: Option<u32>, kind: MediaKind, outgoing: Outgoing) {
        if self.outgoing.len() >= STREAMS_MAX || self.outgoing.contains_key(&ssrc) {
            return;
        }
        self.outgoing.insert(ssrc, outgoing);
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid(ssrc), kind);
        direct.declare_stream_tx(ssrc.into(), again.map(Into::into), mid(ssrc), None);
    }

    /// A stream of the browser comes under another SSRC than it was given. The last word counts.
    pub(crate) fn name(&mut self, name: Name) {
        let is_audio = name.given == self.ssrc;
        let is_own = is_audio || self.layers.contains(&name.given);
        let full = self.names.len() >= NAMES_MAX;
        if !is_own || full || name.chosen == 0 || name.chosen == name.given || self.names.contains(&name) {
            return;
        }
        self.names.push(name);
        let again = name.again.filter(|again| *again != 0).map(Into::into);
        let mut direct = self.rtc.direct_api();
        let stream = direct.expect_stream_rx(name.chosen.into(), again, mid(name.given), None);
        if is_audio {
            stream.suppress_nack(true);
        }
    }

    fn given(&self, chosen: u32) -> u32 {
        let name = self.names.iter().rev().find(|name| name.chosen == chosen);
        name.map_or(chosen, |name| name.given)
    }

    fn chosen(&self, given: u32) -> u32 {
        let name = self.names.iter().rev().find(|name| name.given == given);
        name.map_or(given, |name| name.chosen)
    }

    /// Whether it takes pictures.
    pub(crate) fn sees(&self) -> bool {
        self.connected && self.vp8.is_some()
    }

    /// Which layer of somebody's picture it gets.
    pub(crate) fn layer_of(&self, ssrc: u32) -> Option<u32> {
        match self.outgoing.get(&ssrc) {
            Some(Outgoing::Video(picture)) => picture.layer(),
            _ => None,
        }
    }

    /// Somebody's picture is not wanted any more.
    pub(crate) fn look_away(&mut self, ssrc: u32) {
        if let Some(Outgoing::Video(picture)) = self.outgoing.get_mut(&ssrc) {
            picture.stop();
        }
    }

    /// Asks the browser for a picture that stands alone.
    pub(crate) fn request_keyframe(&mut self, layer: u32) {
        let layer = self.chosen(layer);
        if let Some(stream) = self.rtc.direct_api().stream_rx(&layer.into()) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
        }
    }

    /// Sends a packet of a layer of somebody's picture, if it is of the one that is to be seen. Gives whether that layer can only begin with a
    /// picture that stands alone, which this packet is not.
    pub(crate) fn write_picture(&mut self, sight: Sight, media: &Media, now_ms: u64, now: Instant) -> bool {
        let Some(Outgoing::Video(picture)) = self.outgoing.get_mut(&sight.ssrc) else { return false };
        let what = (media.sequence, media.timestamp);
        let (number, timestamp) = match picture.take((media.ssrc, sight.target), what, sight.begins, now_ms) {
            Fate::Send { number, timestamp } => (number, timestamp),
            fate => return fate == Fate::WantsKeyframe,
        };
        let Some(vp8) = self.vp8 else { return false };
        let mut direct: DirectApi<'_> = self.rtc.direct_api();
        if let Some(stream) = direct.stream_tx(&sight.ssrc.into()) {
            let packet = RtpWrite::new(vp8, number.into(), timestamp, now, media.payload.clone());
            stream.write_rtp(packet.marker(media.marker).nackable(true));
        }
        false
    }

    /// Ends one; whether there was one.
    pub(crate) fn end_stream(&mut self, ssrc: u32) -> bool {
        let was = self.outgoing.remove(&ssrc).is_some();
        if was {
            self.rtc.direct_api().remove_media(mid(ssrc));
        }
        was
    }

    /// Sends a packet on a stream that was begun; whether there is one.
    pub(crate) fn write(&mut self, media: &Media, now: Instant) -> bool {
        let Some(Outgoing::Audio(numbers)) = self.outgoing.get_mut(&media.ssrc) else { return false };
        let Some(number) = numbers.extend(media.sequence) else { return false };
        let mut direct: DirectApi<'_> = self.rtc.direct_api();
        let Some(stream) = direct.stream_tx(&media.ssrc.into()) else { return false };
        let packet = RtpWrite::new(self.opus, number.into(), media.timestamp, now, media.payload.clone());
        stream.write_rtp(packet.marker(media.marker));
        true
    }

    /// Takes everything that str0m has to say: what is to be sent goes to `send`, what has happened to `happened`. Gives when it is to
    /// be asked again.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        mut send: impl FnMut(SocketAddr, &[u8]),
        mut happened: impl FnMut(Happening),
    ) -> Instant {
        for _ in 0..OUTPUTS_MAX {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) if due > now || !self.rtc.is_alive() => return due,
                Ok(Output::Timeout(_)) => self.tick(now),
                Ok(Output::Transmit(transmit)) => send(transmit.destination, &transmit.contents),
                Ok(Output::Event(event)) => {
                    if let Some(what) = self.take(event) {
                        happened(what);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "a browser's call ends");
                    self.rtc.disconnect();
                    return now;
                }
            }
        }
        // There is more; others have their turn first.
        now
    }

    fn take(&mut self, event: Event) -> Option<Happening> {
        match event {
            Event::Connected => self.connected = true,
            Event::RtpPacket(packet) => {
                let media = |ssrc| Media {
                    ssrc,
                    sequence: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    marker: packet.header.marker,
                    payload: packet.payload.clone(),
                };
                let payload_type = packet.header.payload_type;
                if payload_type == self.opus {
                    return Some(Happening::Audio(media(self.ssrc)));
                }
                // Without a payload it is padding, by which browsers measure.
                if Some(payload_type) == self.vp8 && !packet.payload.is_empty() {
                    return Some(Happening::Video(media(self.given(*packet.header.ssrc))));
                }
            }
            Event::KeyframeRequest(request) => {
                let ssrc = u32::from_str_radix(&request.mid.to_string(), 16).ok()?;
                return Some(Happening::WantsKeyframe { ssrc });
            }
            _ => {}
        }
        None
    }
}

fn add_codecs(config: &mut RtcConfig, offer: &Offer) {
    let (format, codecs) = (FormatParams::default(), config.codec_config());
    codecs.add_config(offer.opus.into(), None, Codec::Opus, Frequency::FORTY_EIGHT_KHZ, Some(2), format);
    if let Some((vp8, rtx)) = offer.vp8 {
        codecs.add_config(vp8.into(), rtx.map(Into::into), Codec::Vp8, Frequency::NINETY_KHZ, None, format);
    }
}

fn received(from: SocketAddr, datagram: &[u8]) -> Option<Receive<'_>> {
    let here = if from.is_ipv4() { (HERE.0, HERE.2).into() } else { (HERE.1, HERE.2).into() };
    Receive::new(Protocol::Udp, from, here, datagram).ok()
}

/// The extensions that mean something here. Those that name streams are not among them: names are the browser's own, SSRCs are not.
fn extension(uri: &str) -> Option<Extension> {
    let known = [Extension::AbsoluteSendTime, Extension::TransportSequenceNumber];
    known.into_iter().find(|extension| extension.as_uri() == uri)
}
