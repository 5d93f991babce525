use consort_model::{ChannelId, MessageId, UserId};
use consort_rpc::user::read_state::{Ack, Op as ReadState};
use consort_rpc::user::relationship::Op as Relationship;
use consort_rpc::user::{Op, Reach};
use serde_json::json;

use crate::world::World;

fn ack(message: u64) -> Ack {
    Ack {
        channel: ChannelId::new(5),
        message: MessageId::new(message),
        manual: false,
        mention_count: None,
        flags: None,
        last_viewed: None,
    }
}

fn op(op: ReadState) -> Op {
    Op::ReadState(op)
}

#[test]
fn every_session_hears_what_was_read_on_one() {
    let mut world = World::new([1]);
    let (a, b) = (world.connect(1), world.connect(1));
    world.look_away();
    world.ok(1, op(ReadState::Ack(ack(10))));
    for session in [a, b] {
        let told = world.take(session);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, "MESSAGE_ACK");
        assert_eq!((&told[0].1["message_id"], &told[0].1["version"]), (&json!("10"), &json!(1)));
    }
    // Late, so not even worth a word.
    world.ok(1, op(ReadState::Ack(ack(9))));
    assert_eq!(world.names(a), Vec::<String>::new());
}

#[test]
fn marking_unread_goes_back_and_names_the_mentions() {
    let mut world = World::new([1]);
    let session = world.connect(1);
    world.ok(1, op(ReadState::Ack(ack(10))));
    world.take(session);
    world.ok(1, op(ReadState::Ack(Ack { manual: true, mention_count: Some(3), ..ack(4) })));
    let told = world.take(session);
    assert_eq!(told[0].1["message_id"], "4");
    assert_eq!((&told[0].1["manual"], &told[0].1["mention_count"]), (&json!(true), &json!(3)));
}

#[test]
fn pins_bulk_and_forgetting() {
    let mut world = World::new([1]);
    let session = world.connect(1);
    let other = Ack { channel: ChannelId::new(6), ..ack(3) };
    world.ok(1, op(ReadState::AckBulk { acks: vec![ack(10), other] }));
    world.ok(1, op(ReadState::AckPins { channel: ChannelId::new(5) }));
    assert_eq!(world.names(session), ["MESSAGE_ACK", "MESSAGE_ACK", "CHANNEL_PINS_ACK"]);
    world.outside().sessions.clear();
    world.ok(1, op(ReadState::Forget { channel: ChannelId::new(6) }));
    world.restart();
    let fresh = world.connect_as_raw(1, 1 << 2).0;
    assert_eq!(fresh["read_state"]["entries"].as_array().unwrap().len(), 1);
    // The version goes on where it was.
    assert_eq!(fresh["read_state"]["version"], 3);
}

#[test]
fn a_mention_by_somebody_blocked_is_not_counted() {
    let mut world = World::new([1, 2, 3]);
    world.ok(1, Op::Relationship(Relationship::Block { user: UserId::new(2) }));
    world.outside().sessions.clear();
    for (message, author) in [(10, 2), (11, 3)] {
        let (channel, message, author) = (ChannelId::new(5), MessageId::new(message), UserId::new(author));
        world.tell(1, Op::Mentioned { guild: None, channel, message, author, by: Reach::Name });
    }
    let fresh = world.connect_as_raw(1, 0).0;
    assert_eq!(fresh["read_state"][0]["mention_count"], 1);
}

#[test]
fn nobody_reads_for_somebody_else() {
    let mut world = World::new([1, 1000]);
    assert_eq!(world.err(1000, op(ReadState::Ack(ack(1)))), (403, 20001));
    let foreign = Op::Mentioned {
        guild: None,
        channel: ChannelId::new(5),
        message: MessageId::new(1),
        author: UserId::new(2),
        by: Reach::Name,
    };
    assert_eq!(world.err(1, foreign), (403, 50013));
}
