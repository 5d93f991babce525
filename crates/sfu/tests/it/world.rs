//! Clients in rooms, without sockets.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

use consort_sfu::{
    Choice, Command, DATAGRAM_BYTES_MAX, Identity, Mode, Order, Plane, Rights, Room, Sealer, Seat, Transmit,
    discovery_request,
};

/// What was sent, and where to.
#[derive(Default)]
pub struct Sent(pub Vec<(SocketAddr, Vec<u8>)>);

impl Transmit for Sent {
    fn transmit(
        &mut self,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8; DATAGRAM_BYTES_MAX]) -> Option<usize>,
    ) {
        let mut buffer = [0xAA; DATAGRAM_BYTES_MAX];
        if let Some(bytes) = write(&mut buffer) {
            self.0.push((to, buffer[..bytes].to_vec()));
        }
    }
}

/// A client that has joined.
pub struct Client {
    pub ssrc: u32,
    pub address: SocketAddr,
    pub sealer: Sealer,
    sequence: u16,
}

impl Client {
    /// A packet of audio with a header of its own choice.
    pub fn packet_under(&mut self, header: &[u8], text: &[u8]) -> Vec<u8> {
        self.sealer.seal(header, text)
    }

    pub fn packet(&mut self, text: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        let header = rtp_header(0x80, 120, self.sequence, self.ssrc);
        self.packet_under(&header, text)
    }

    /// What a packet says that was sent to this client.
    pub fn open(&self, packet: &[u8]) -> Option<Vec<u8>> {
        self.sealer.open(packet, 12)
    }
}

pub fn rtp_header(first: u8, payload_type: u8, sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut header = vec![first, payload_type];
    header.extend_from_slice(&sequence.to_be_bytes());
    header.extend_from_slice(&(u32::from(sequence) * 960).to_be_bytes());
    header.extend_from_slice(&ssrc.to_be_bytes());
    header
}

pub const BOTH: Rights = Rights { speak: true, hear: true };

/// A plane and the time.
pub struct World {
    pub plane: Plane,
    pub now_ms: u64,
    pub identity: Identity,
    pub epoch: Instant,
}

impl Default for World {
    fn default() -> Self {
        static IDENTITY: OnceLock<Identity> = OnceLock::new();
        let identity = IDENTITY.get_or_init(|| Identity::generate().unwrap()).clone();
        let epoch = Instant::now();
        Self { plane: Plane::new(identity.clone(), epoch), now_ms: 0, identity, epoch }
    }
}

impl World {
    pub fn tell(&mut self, ssrc: u32, order: Order) {
        self.plane.apply(&Command { ssrc, order }, self.now_ms, &mut Sent::default());
    }

    /// What the plane sends when time has passed.
    pub fn pass(&mut self, by_ms: u64) -> Vec<(SocketAddr, Vec<u8>)> {
        self.now_ms += by_ms;
        let mut sent = Sent::default();
        self.plane.tick(self.now_ms, &mut sent);
        sent.0
    }

    /// What the plane sends when it gets a datagram.
    pub fn receive(&mut self, from: SocketAddr, datagram: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Sent::default();
        self.plane.receive(from, &mut datagram.to_vec(), self.now_ms, &mut sent);
        sent.0
    }

    pub fn send(&mut self, client: &mut Client, text: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let packet = client.packet(text);
        self.receive(client.address, &packet)
    }

    pub fn seat(&mut self, ssrc: u32, room: u64) {
        self.tell(ssrc, Order::Open(Seat { ssrcs: 1, room: Room(room), rights: BOTH }));
    }

    /// A client that has asked for its address, chosen a mode, and said that it speaks.
    pub fn join(&mut self, ssrc: u32, room: u64, mode: Mode) -> Client {
        self.seat(ssrc, room);
        let address = address(u16::try_from(ssrc).unwrap());
        assert_eq!(self.receive(address, &discovery_request(ssrc)).len(), 1);
        let key = [u8::try_from(ssrc % 251).unwrap(); 32];
        self.tell(ssrc, Order::Select(Choice { mode, key, address, proven: false }));
        self.tell(ssrc, Order::Bind);
        Client { ssrc, address, sealer: Sealer::new(mode, &key), sequence: 0 }
    }
}

pub fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}
