//! The shell, over real sockets.

use std::net::UdpSocket;
use std::time::Duration;

use consort_sfu::{Choice, Command, Media, Mode, Order, Room, Sealer, Seat, discovery_request};

use crate::world::{BOTH, rtp_header};

/// A client that has joined room 7; its socket, and what makes and opens its packets.
fn join(media: &Media, ssrc: u32, mode: Mode) -> (UdpSocket, Sealer) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.connect(media.address()).unwrap();
    let tell = |order| media.command(Command { ssrc, order }).unwrap();
    tell(Order::Open(Seat { ssrcs: 1, room: Room(7), rights: BOTH }));
    socket.send(&discovery_request(ssrc)).unwrap();
    let mut answer = [0; 74];
    assert_eq!(socket.recv(&mut answer).unwrap(), 74);
    assert!(answer[8..].starts_with(b"127.0.0.1\0"));
    let address = socket.local_addr().unwrap();
    assert_eq!(answer[72..], address.port().to_be_bytes());
    let key = [u8::try_from(ssrc).unwrap(); 32];
    tell(Order::Select(Choice { mode, key, address, proven: true }));
    tell(Order::Bind);
    (socket, Sealer::new(mode, &key))
}

#[test]
fn packets_go_from_socket_to_socket_in_order_and_many_at_once() {
    let media = Media::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let (speaker, mut sealer) = join(&media, 1, Mode::Aes256Gcm);
    let listeners: Vec<_> = (2..80).map(|ssrc| join(&media, ssrc, Mode::XChaCha20Poly1305)).collect();
    for sequence in 0..3 {
        let packet = sealer.seal(&rtp_header(0x80, 120, sequence, 1), &sequence.to_be_bytes());
        speaker.send(&packet).unwrap();
    }
    for (socket, sealer) in &listeners {
        for sequence in 0u16..3 {
            let mut packet = [0; 100];
            let bytes = socket.recv(&mut packet).unwrap();
            assert_eq!(sealer.open(&packet[..bytes], 12).unwrap(), sequence.to_be_bytes());
        }
    }
    let speaks_no_more = Command { ssrc: 1, order: Order::Close };
    media.command(speaks_no_more).unwrap();
    speaker.send(&sealer.seal(&rtp_header(0x80, 120, 4, 1), b"late")).unwrap();
    // Answered in order: what was sent before it has been worked on.
    listeners[0].0.send(&discovery_request(2)).unwrap();
    let mut answer = [0; 100];
    assert_eq!(listeners[0].0.recv(&mut answer).unwrap(), 74, "the packet went nowhere");
}
