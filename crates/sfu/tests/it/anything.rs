//! Whatever comes, the plane stands, sends nobody more than was sent to it, and forgets those who leave.

use consort_sfu::{Choice, IceLogin, Mode, Offer, Order, Rights, Room, Seat, discovery_request};
use proptest::prelude::*;

use crate::world::{World, address};

/// Bytes that are nearly something.
fn datagram() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..90);
    let rtp = (0x80u8.., any::<u8>(), 0u8..6, bytes()).prop_map(|(first, second, ssrc, rest)| {
        [&[first, second, 0, 1, 0, 0, 0, 0, 0, 0, 0, ssrc], &rest[..]].concat()
    });
    let rtcp = (200u8..207, 0u8..6, bytes())
        .prop_map(|(kind, ssrc, rest)| [&[0x80, kind, 0, 1, 0, 0, 0, ssrc], &rest[..]].concat());
    let discovery = (0u32..6).prop_map(|ssrc| discovery_request(ssrc).to_vec());
    let stun = (0u8..4, bytes()).prop_map(|(kind, mut rest)| {
        rest.truncate(rest.len() / 4 * 4);
        let length = u8::try_from(rest.len()).unwrap();
        [&[0, kind, 0, length, 0x21, 0x12, 0xA4, 0x42], &[7; 12][..], &rest[..]].concat()
    });
    let dtls = (20u8..64, bytes()).prop_map(|(kind, rest)| [&[kind, 0xFE, 0xFD], &rest[..]].concat());
    let ping = Just(vec![0x13, 0x37, 0xCA, 0xFE, 0, 0, 0, 0]);
    prop_oneof![bytes(), rtp, rtcp, discovery, stun, dtls, ping]
}

fn offer(ufrag: u8) -> Offer {
    let login = |name: &str| IceLogin { ufrag: format!("{name}{ufrag}"), password: "p".repeat(24) };
    let fingerprint = format!("sha-256 {}", ["AB"; 32].join(":"));
    let extensions = vec![(3, "urn:x".to_owned())];
    Offer {
        own: login("own"),
        theirs: login("theirs"),
        fingerprint,
        opus: 111,
        vp8: Some((96, Some(97))),
        extensions,
    }
}

fn order() -> impl Strategy<Value = Order> {
    let rights = any::<(bool, bool)>().prop_map(|(speak, hear)| Rights { speak, hear });
    let open = (any::<u32>(), 0u64..3, rights.clone())
        .prop_map(|(ssrcs, room, rights)| Order::Open(Seat { ssrcs, room: Room(room), rights }));
    let select = (0u16..6, any::<bool>()).prop_map(|(port, proven)| {
        Order::Select(Choice { mode: Mode::Aes256Gcm, key: [1; 32], address: address(port), proven })
    });
    let offer = (0u8..3).prop_map(|ufrag| Order::Offer(Box::new(offer(ufrag))));
    prop_oneof![6 => open, 6 => select, 1 => offer, 6 => Just(Order::Bind), 6 => rights.prop_map(Order::Allow), 6 => Just(Order::Close)]
}

proptest! {
    #[test]
    fn arbitrary_datagrams_and_orders_do_no_harm(
        steps in prop::collection::vec((0u32..6, order(), 0u16..6, datagram(), 0u64..70_000), 0..80)
    ) {
        let mut world = World::default();
        for (ssrc, order, port, datagram, passes_ms) in steps {
            world.now_ms += passes_ms;
            world.tell(ssrc, order);
            prop_assert!(world.pass(0).is_empty(), "nobody has shown where he is");
            for (to, bytes) in world.receive(address(port), &datagram) {
                // Nobody here has a key to say anything with, so there are answers only.
                prop_assert_eq!(to, address(port));
                prop_assert!(bytes.len() <= datagram.len());
            }
        }
        (0..6).for_each(|ssrc| world.tell(ssrc, Order::Close));
        prop_assert_eq!((world.plane.sessions(), world.plane.next_deadline_ms()), (0, None));
    }
}
