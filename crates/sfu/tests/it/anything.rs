//! Whatever comes, the plane stands, sends nobody more than was sent to it, and forgets those who leave.

use consort_sfu::{Choice, Mode, Order, Rights, Room, Seat, discovery_request};
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
    prop_oneof![bytes(), rtp, rtcp, discovery, Just(vec![0x13, 0x37, 0xCA, 0xFE, 0, 0, 0, 0])]
}

fn order() -> impl Strategy<Value = Order> {
    let rights = any::<(bool, bool)>().prop_map(|(speak, hear)| Rights { speak, hear });
    let open = (any::<u32>(), 0u64..3, rights.clone())
        .prop_map(|(ssrcs, room, rights)| Order::Open(Seat { ssrcs, room: Room(room), rights }));
    let select = (0u16..6, any::<bool>()).prop_map(|(port, proven)| {
        Order::Select(Choice { mode: Mode::Aes256Gcm, key: [1; 32], address: address(port), proven })
    });
    prop_oneof![open, select, Just(Order::Bind), rights.prop_map(Order::Allow), Just(Order::Close)]
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
            for (to, bytes) in world.receive(address(port), &datagram) {
                // Nobody here has a key to say anything with, so there are answers only.
                prop_assert_eq!(to, address(port));
                prop_assert!(bytes.len() <= datagram.len());
            }
        }
        (0..6).for_each(|ssrc| world.tell(ssrc, Order::Close));
        prop_assert_eq!(world.plane.sessions(), 0);
    }
}
