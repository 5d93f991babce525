//! The other side of a call by WebRTC: str0m in the place of a browser.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use consort_sfu::{IceLogin, Identity, Offer, Order, Room, Seat};
use str0m::config::Fingerprint;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc};

use crate::world::{BOTH, World};

/// Where a browser finds the server.
const SERVER: ([u8; 4], u16) = ([198, 51, 100, 1], 50_000);
/// The number of Opus in this browser.
pub const OPUS: u8 = 111;
/// That of VP8, and of what is sent again of it.
pub const VP8: (u8, u8) = (96, 97);

/// A browser.
pub struct Peer {
    pub ssrc: u32,
    pub address: SocketAddr,
    rtc: Rtc,
    connected: bool,
    sequence: u64,
    /// What it has heard and seen.
    pub heard: Vec<RtpPacket>,
    /// How often it was asked for a picture that stands alone.
    pub asked: usize,
}

/// What the server tells a browser.
pub fn login(ssrc: u32) -> IceLogin {
    IceLogin { ufrag: format!("server{ssrc}"), password: format!("password-of-the-server-{ssrc}") }
}

impl Peer {
    /// A browser, and what it offers.
    pub fn new(world: &World, ssrc: u32, address: SocketAddr) -> (Self, Offer) {
        let identity = Identity::generate().unwrap();
        let mut config = identity.config();
        let (opus, rate) = (OPUS.into(), Frequency::FORTY_EIGHT_KHZ);
        config.codec_config().add_config(opus, None, Codec::Opus, rate, Some(2), FormatParams::default());
        let (vp8, rate, format) = (VP8.0.into(), Frequency::NINETY_KHZ, FormatParams::default());
        config.codec_config().add_config(vp8, Some(VP8.1.into()), Codec::Vp8, rate, None, format);
        let mut rtc = config.build(world.epoch + Duration::from_millis(world.now_ms));
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        rtc.add_remote_candidate(Candidate::host(SERVER.into(), "udp").unwrap());
        let own = login(ssrc);
        let mut direct = rtc.direct_api();
        let IceCreds { ufrag, pass } = direct.local_ice_credentials();
        let theirs = IceLogin { ufrag, password: pass };
        direct.set_ice_controlling(true);
        let creds = IceCreds { ufrag: own.ufrag.clone(), pass: own.password.clone() };
        direct.set_remote_ice_credentials(creds);
        let fingerprint: Fingerprint = world.identity.fingerprint().parse().unwrap();
        direct.set_remote_fingerprint(fingerprint);
        direct.start_dtls(true).unwrap();
        direct.declare_media("own".into(), MediaKind::Audio);
        direct.declare_stream_tx(ssrc.into(), None, "own".into(), None);
        direct.declare_media("eye".into(), MediaKind::Video);
        direct.declare_stream_tx((ssrc + 1).into(), Some((ssrc + 2).into()), "eye".into(), None);
        let fingerprint = identity.fingerprint().to_owned();
        let offer = Offer {
            own,
            theirs,
            fingerprint,
            opus: OPUS,
            vp8: Some((VP8.0, Some(VP8.1))),
            extensions: Vec::new(),
        };
        (Self { ssrc, address, rtc, connected: false, sequence: 65_530, heard: Vec::new(), asked: 0 }, offer)
    }

    /// Is told of a stream of somebody's audio.
    pub fn expect(&mut self, ssrc: u32) {
        self.expect_stream(ssrc, None, MediaKind::Audio);
    }

    /// Is told of a picture of somebody.
    pub fn expect_picture(&mut self, ssrc: u32) {
        self.expect_stream(ssrc, Some(ssrc + 1), MediaKind::Video);
    }

    fn expect_stream(&mut self, ssrc: u32, again: Option<u32>, kind: MediaKind) {
        let mid = format!("{ssrc}");
        let mut direct = self.rtc.direct_api();
        direct.declare_media(mid.as_str().into(), kind);
        direct.expect_stream_rx(ssrc.into(), again.map(Into::into), mid.as_str().into(), None);
    }

    /// From now on it sends its audio under an SSRC of its own choice.
    pub fn send_under(&mut self, ssrc: u32) {
        self.ssrc = ssrc;
        let mut direct = self.rtc.direct_api();
        direct.declare_media("chosen".into(), MediaKind::Audio);
        direct.declare_stream_tx(ssrc.into(), None, "chosen".into(), None);
    }

    /// Sends a packet of its picture, one of VP8 with a frame of its own.
    pub fn show(&mut self, is_key: bool, now: Instant) {
        let payload = [0x10, u8::from(!is_key), 0, 0, 0x9D, 0x01, 0x2A];
        let (number, time) = (self.sequence, self.sequence as u32 * 3000);
        self.sequence += 1;
        let mut direct = self.rtc.direct_api();
        let packet = RtpWrite::new(VP8.0.into(), number.into(), time, now, payload);
        direct.stream_tx(&(self.ssrc + 1).into()).unwrap().write_rtp(packet.marker(true).nackable(true));
    }

    /// Addresses the server by another login.
    pub fn log_in_as(&mut self, login: &IceLogin) {
        let creds = IceCreds { ufrag: login.ufrag.clone(), pass: login.password.clone() };
        self.rtc.direct_api().set_remote_ice_credentials(creds);
    }

    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// The next check of ICE that it sends.
    pub fn check(&mut self, world: &mut World) -> Vec<u8> {
        for _ in 0..100 {
            world.now_ms += 50;
            self.rtc.handle_input(Input::Timeout(world.now())).unwrap();
            if let Some(check) = self.poll(world.now()).pop() {
                return check;
            }
        }
        panic!("it checks nothing");
    }

    /// Takes what has come for it, and forgets what it would say to that.
    pub fn receive(&mut self, datagram: &[u8], now: Instant) {
        self.take(datagram, now);
        self.poll(now);
    }

    fn take(&mut self, datagram: &[u8], now: Instant) {
        let received = Receive::new(Protocol::Udp, SERVER.into(), self.address, datagram).unwrap();
        self.rtc.handle_input(Input::Receive(now, received)).unwrap();
    }

    /// What it has to send now.
    pub fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(due) if due > now => return sent,
                Output::Timeout(_) => self.rtc.handle_input(Input::Timeout(now)).unwrap(),
                Output::Transmit(transmit) => sent.push(transmit.contents.to_vec()),
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.heard.push(packet),
                Output::Event(Event::KeyframeRequest(_)) => self.asked += 1,
                Output::Event(_) => {}
            }
        }
    }

    /// Says something, which goes out when time passes.
    pub fn say(&mut self, payload: &[u8], now: Instant) {
        let (number, time) = (self.sequence, self.sequence as u32 * 960);
        self.sequence += 1;
        let mut direct = self.rtc.direct_api();
        let packet = RtpWrite::new(OPUS.into(), number.into(), time, now, payload);
        direct.stream_tx(&self.ssrc.into()).unwrap().write_rtp(packet.marker(true));
    }
}

impl World {
    pub fn now(&self) -> Instant {
        self.epoch + Duration::from_millis(self.now_ms)
    }

    /// Lets time pass, with what it brings between the plane and browsers. Gives what went to others.
    pub fn run(&mut self, peers: &mut [&mut Peer], ms: u64) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut others = Vec::new();
        for _ in 0..ms / 5 {
            let mut to_deliver = self.pass(5);
            for peer in &mut *peers {
                let _due = peer.rtc.handle_input(Input::Timeout(self.now()));
                for datagram in peer.poll(self.now()) {
                    to_deliver.extend(self.receive(peer.address, &datagram));
                }
            }
            while let Some((to, datagram)) = to_deliver.pop() {
                let Some(peer) = peers.iter_mut().find(|peer| peer.address == to) else {
                    others.push((to, datagram));
                    continue;
                };
                peer.take(&datagram, self.epoch + Duration::from_millis(self.now_ms));
                for answer in peer.poll(self.epoch + Duration::from_millis(self.now_ms)) {
                    to_deliver.extend(self.receive(peer.address, &answer));
                }
            }
        }
        others
    }

    /// A browser that is connected and has said that it speaks.
    pub fn join_by_browser(&mut self, ssrc: u32, room: u64, address: SocketAddr) -> Peer {
        self.tell(ssrc, Order::Open(Seat { ssrcs: 3, room: Room(room), rights: BOTH }));
        let (mut peer, offer) = Peer::new(self, ssrc, address);
        self.tell(ssrc, Order::Offer(Box::new(offer)));
        self.tell(ssrc, Order::Bind);
        for _ in 0..40 {
            self.run(&mut [&mut peer], 50);
            if peer.connected {
                return peer;
            }
        }
        panic!("the browser is not connected: {:?}", self.plane.counts());
    }
}
