//! Whatever happens in whatever order, the hub stands, and nobody who has left is left behind.

use consort_rpc::voice::{Participant, Rights};
use consort_voice::protocol::decode;
use consort_voice::{ConnId, Output};
use proptest::prelude::*;
use serde_json::json;

use crate::world::World;

#[derive(Debug, Clone)]
enum Step {
    Put(u64, u64, Rights),
    Remove(u64),
    Connect(u8),
    Identify(u64, u64, u64),
    Resume(u64, u64, u64, i64),
    Select(u64),
    Say(u64, String),
    Disconnected(u64),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let rights =
        any::<[bool; 4]>().prop_map(|[speak, hear, priority, video]| Rights { speak, hear, priority, video });
    let said = prop_oneof![
        (0u8..35, -2i64..9).prop_map(|(op, d)| json!({"op": op, "d": d}).to_string()),
        (0u8..9).prop_map(|how| json!({"op": 5, "d": {"speaking": how}}).to_string()),
        any::<u64>().prop_map(|t| json!({"op": 3, "d": {"t": t, "seq_ack": t}}).to_string()),
        any::<u32>()
            .prop_map(|ssrc| json!({"op": 12, "d": {"video_ssrc": ssrc, "streams": [ssrc]}}).to_string()),
        ".{0,30}",
    ];
    let conn = || 0u64..12;
    prop_oneof![
        (0u64..3, 0u64..3, rights).prop_map(|(user, channel, rights)| Step::Put(user, channel, rights)),
        (0u64..3).prop_map(Step::Remove),
        (0u8..10).prop_map(Step::Connect),
        (conn(), 0u64..3, 0u64..3).prop_map(|(conn, user, channel)| Step::Identify(conn, user, channel)),
        (conn(), 0u64..3, 0u64..3, -1i64..9)
            .prop_map(|(conn, user, channel, seq)| Step::Resume(conn, user, channel, seq)),
        conn().prop_map(Step::Select),
        (conn(), said).prop_map(|(conn, said)| Step::Say(conn, said)),
        conn().prop_map(Step::Disconnected),
        (0u64..40_000).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn the_hub_stands_and_lets_go(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World::new();
        let mut open = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Put(user, channel, rights) => world.put(Participant { rights, ..World::participant(user, channel) }),
                Step::Remove(user) => world.remove(user),
                Step::Connect(version) => drop(open.insert(world.connect(version))),
                Step::Identify(conn, user, channel) => world.identify(ConnId(conn), &World::participant(user, channel)),
                Step::Resume(conn, user, channel, seq) => world.resume(ConnId(conn), &World::participant(user, channel), seq),
                Step::Select(conn) => world.select(ConnId(conn)),
                Step::Say(conn, said) => world.hub.receive(ConnId(conn), decode(&said), world.now_ms),
                Step::Disconnected(conn) => {
                    open.remove(&ConnId(conn));
                    world.hub.disconnected(ConnId(conn), world.now_ms);
                }
                Step::Pass(ms) => world.pass(ms),
            }
            for output in world.look() {
                match output {
                    Output::Send(conn, _) => prop_assert!(open.contains(&conn), "said to one that is closed"),
                    Output::Close(conn, _) => prop_assert!(open.remove(&conn), "closed twice"),
                    Output::Announce(..) | Output::Media(_) => {}
                }
            }
            let (seats, sessions) = world.hub.population();
            prop_assert!(seats <= 3 && sessions <= seats);
        }
        (0..3).for_each(|user| world.remove(user));
        world.pass(100_000);
        prop_assert_eq!(world.hub.population(), (0, 0));
        prop_assert_eq!(world.hub.next_deadline_ms(), None, "nothing is awaited any more");
    }
}
