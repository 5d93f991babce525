use consort_model::{ChannelId, Guild, GuildId, Member, MessageId, Timestamp, UserId, snowflake};
use consort_rpc::guild::everyone;
use consort_rpc::user::read_state::{Ack, Op as ReadState};
use consort_rpc::user::relationship::Op as Relationship;
use consort_rpc::user::{Op, Reach};
use consort_store::{Key, Table};
use serde_json::json;

use crate::world::{NOW_MS, World, account};

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
fn a_mention_by_somebody_blocked_or_ignored_is_not_counted() {
    let mut world = World::new([1, 2, 3, 4]);
    world.ok(1, Op::Relationship(Relationship::Block { user: UserId::new(2) }));
    world.ok(1, Op::Relationship(Relationship::Ignore { user: UserId::new(4), ignored: true }));
    world.outside().sessions.clear();
    for (message, author) in [(10, 2), (11, 3), (12, 4)] {
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

/// A guild with a channel for all (5), one for its owner alone (6), and messages to everybody in both.
fn large_guild(world: &mut World, messages: &[(u64, u64)]) {
    let guild = 900;
    world.tell(1, Op::GuildJoined { guild: GuildId::new(guild) });
    let everyone = json!({"id": "900", "name": "@everyone", "color": 0, "hoist": false, "position": 0, "managed": false,
        "mentionable": false, "permissions": "1024"});
    let channel = |id: u64, deny: &str| {
        let overwrites = json!([{"id": "900", "type": 0, "allow": "0", "deny": deny}]);
        json!({"id": id.to_string(), "type": 0, "name": "x", "permission_overwrites": overwrites})
    };
    let messages = messages.iter().map(|(id, author)| (MessageId::new(*id), UserId::new(*author)));
    let row = everyone::Row(messages.collect());
    let member = Member::new(account(1), Timestamp::from_ms(NOW_MS));
    world.write(|batch| {
        batch.put_row(
            Table::Guilds,
            guild,
            Key::empty(),
            &Guild::new(GuildId::new(guild), "Large", UserId::new(7)),
        );
        batch.put_row(Table::Roles, guild, guild, &everyone);
        batch.put_row(Table::Members, guild, 1, &member);
        for (id, deny) in [(5, "0"), (6, "1024")] {
            batch.put_row(Table::Channels, guild, id, &channel(id, deny));
            let key = Key::bytes(&everyone::key(ChannelId::new(id)));
            batch.put_row(Table::GuildMisc, guild, key, &row);
        }
    });
}

#[test]
fn messages_to_everybody_in_large_guilds_are_counted_when_a_session_begins() {
    let mut world = World::new([1]);
    let at = |ms: u64| snowflake::at(NOW_MS + ms);
    // One from before the account came, its own, two of others.
    let messages = [(snowflake::at(NOW_MS - 60_000), 7), (at(1000), 1), (at(2000), 7), (at(3000), 8)];
    large_guild(&mut world, &messages);
    let counted = |world: &mut World| {
        let ready = world.connect_as_raw(1, 0).0;
        let entries = ready["read_state"].as_array().unwrap().clone();
        let counted = entries.iter().map(|entry| (entry["id"].clone(), entry["mention_count"].clone()));
        counted.collect::<Vec<_>>()
    };
    assert_eq!(counted(&mut world), [(json!("5"), json!(2))], "and nothing of the hidden channel");
    world.ok(1, op(ReadState::Ack(ack(at(2000)))));
    assert_eq!(counted(&mut world), [(json!("5"), json!(1))]);
    // Marked as unread from an earlier message on, with as many mentions as the client has found.
    world.pass(10_000);
    world.ok(1, op(ReadState::Ack(Ack { manual: true, mention_count: Some(2), ..ack(at(500)) })));
    assert_eq!(counted(&mut world), [(json!("5"), json!(2))]);
    let quiet = json!({"suppress_everyone": true}).as_object().unwrap().clone();
    let patches = vec![(Some(GuildId::new(900)), quiet)];
    world.ok(1, op(ReadState::Ack(ack(at(600)))));
    assert_eq!(counted(&mut world), [(json!("5"), json!(2))]);
    world.ok(1, Op::Settings(consort_rpc::user::settings::Op::PatchGuilds { patches }));
    assert_eq!(counted(&mut world), [(json!("5"), json!(0))]);
}

#[test]
fn how_far_a_deleted_channel_was_read_is_forgotten_when_sessions_come() {
    let mut world = World::new([1]);
    let gone = Ack { channel: ChannelId::new(77), ..ack(3) };
    world.ok(1, op(ReadState::AckBulk { acks: vec![ack(10), gone] }));
    assert_eq!(world.rows(Table::ReadStates, 1), 2);
    // READY does not wait for it.
    assert_eq!(world.connect_as_raw(1, 0).0["read_state"].as_array().unwrap().len(), 2);
    world.settle();
    assert_eq!(world.rows(Table::ReadStates, 1), 1);
    assert_eq!(world.connect_as_raw(1, 0).0["read_state"].as_array().unwrap().len(), 1);
}
