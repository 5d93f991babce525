//! The media plane takes datagrams from anybody: whatever comes, it stands, and says to nobody more than was said to it.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

use consort_sfu::{
    Choice, Command, DATAGRAM_BYTES_MAX, IceLogin, Identity, Mode, Offer, Order, Plane, Rights, Room, Sealer,
    Seat, Transmit,
};

static IDENTITY: OnceLock<Identity> = OnceLock::new();

struct Sent(usize);

impl Transmit for Sent {
    fn transmit(
        &mut self,
        _: SocketAddr,
        write: impl FnOnce(&mut [u8; DATAGRAM_BYTES_MAX]) -> Option<usize>,
    ) {
        self.0 += write(&mut [0; DATAGRAM_BYTES_MAX]).unwrap_or(0);
    }
}

/// Receives a datagram, as it is and as from somebody with a key.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let identity = IDENTITY.get_or_init(|| Identity::generate().unwrap());
    let mut plane = Plane::new(identity.clone(), Instant::now());
    let rights = Rights { speak: true, hear: true };
    for ssrc in 1..4u32 {
        let address = SocketAddr::from(([192, 0, 2, 1], ssrc as u16));
        let choice = Choice { mode: Mode::Aes256Gcm, key: [1; 32], address, proven: true };
        let orders =
            [Order::Open(Seat { ssrcs: 1, room: Room(1), rights }), Order::Select(choice), Order::Bind];
        orders.into_iter().for_each(|order| plane.apply(&Command { ssrc, order }, 0, &mut Sent(0)));
    }
    let login = |name: &str| IceLogin { ufrag: name.into(), password: "p".repeat(22) };
    let fingerprint = identity.fingerprint().to_owned();
    let (own, theirs) = (login("own0"), login("them"));
    let offer =
        Offer { own, theirs, fingerprint, opus: 111, vp8: Some((96, Some(97))), extensions: Vec::new() };
    let orders =
        [Order::Open(Seat { ssrcs: 1, room: Room(1), rights }), Order::Offer(Box::new(offer)), Order::Bind];
    orders.into_iter().for_each(|order| plane.apply(&Command { ssrc: 17, order }, 0, &mut Sent(0)));
    let from = SocketAddr::from(([192, 0, 2, 1], 1));
    // As it is, from somebody without a key.
    let mut sent = Sent(0);
    plane.receive(from, &mut data.to_vec(), 0, &mut sent);
    assert!(sent.0 <= data.len());
    // And as what somebody with a key has encrypted: the first bytes are the header.
    let (header, text) = data.split_at(data.len().min(12));
    let mut packet = Sealer::new(Mode::Aes256Gcm, &[1; 32]).seal(header, text);
    plane.receive(from, &mut packet, 0, &mut sent);
}
