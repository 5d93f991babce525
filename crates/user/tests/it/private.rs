use consort_model::request::message::CreateMessage;
use consort_model::{ChannelId, MessageId, Patch, UserId};
use consort_rpc::message::{self, Create};
use consort_rpc::private::Op;
use consort_rpc::user;
use consort_rpc::user::relationship::Op as Relationship;
use consort_store::Table;
use serde_json::{Value, json};

use crate::relationships::befriend;
use crate::world::World;

impl World {
    /// Opens the DM of two users as the edge does.
    pub fn open_dm(&mut self, user: u64, other: u64) -> ChannelId {
        if let Some(channel) = self.dm(user, other) {
            self.private(user, channel, Op::Open);
            return channel;
        }
        let drawn = ChannelId::new(self.next_id());
        let channel = self.reserve_dm(user, other, drawn);
        self.private(user, channel, found(&[other], false));
        channel
    }

    /// Asks which DM two users have or are to have; `drawn` if there is none.
    fn reserve_dm(&mut self, user: u64, other: u64, drawn: ChannelId) -> ChannelId {
        let high = UserId::new(user.max(other));
        let answer = self.system(user.min(other), user::Op::Dm { other: high, channel: drawn }).unwrap();
        answer.as_str().unwrap().parse().map(ChannelId::new).unwrap()
    }

    pub fn say(&mut self, user: u64, channel: ChannelId, content: &str) -> Value {
        self.private(user, channel, create(channel, content))
    }

    fn say_err(&mut self, user: u64, channel: ChannelId) -> (u16, u32) {
        self.private_err(user, channel, create(channel, "hello"))
    }

    pub fn found_group(&mut self, user: u64, others: &[u64]) -> ChannelId {
        let channel = ChannelId::new(self.next_id());
        self.private(user, channel, found(others, true));
        channel
    }
}

fn found(others: &[u64], group: bool) -> Op {
    Op::Found { group, recipients: others.iter().map(|id| UserId::new(*id)).collect() }
}

fn create(channel: ChannelId, content: &str) -> Op {
    let body = CreateMessage { content: content.into(), ..CreateMessage::default() };
    let create = Create { body, ..Create::default() };
    Op::Message { channel, op: message::Op::Create(Box::new(create)) }
}

fn block(user: u64) -> user::Op {
    user::Op::Relationship(Relationship::Block { user: UserId::new(user) })
}

#[test]
fn a_dm_is_listed_for_the_other_by_the_first_message() {
    let mut world = World::new([1, 2]);
    let (one, two) = (world.connect(1), world.connect(2));
    world.look_away();
    let dm = world.open_dm(1, 2);
    let created = world.take(one);
    assert_eq!((created.len(), created[0].0.as_str()), (1, "CHANNEL_CREATE"));
    assert_eq!(created[0].1["recipients"].as_array().unwrap().len(), 1);
    assert_eq!(created[0].1["recipients"][0]["id"], "2");
    assert_eq!(world.names(two), Vec::<String>::new());
    world.say(1, dm, "hello");
    assert_eq!(world.names(one), ["MESSAGE_CREATE"]);
    assert_eq!(world.names(two), ["CHANNEL_CREATE", "MESSAGE_CREATE"]);
    world.say(2, dm, "hi");
    assert_eq!(world.names(one), ["MESSAGE_CREATE"]);
    assert_eq!(world.ok(2, user::Op::Channels)[0]["id"], dm.to_string());
}

#[test]
fn two_people_have_one_dm() {
    let mut world = World::new([1, 2]);
    let dm = world.open_dm(1, 2);
    assert_eq!(world.open_dm(2, 1), dm);
    // Both at once: they are given one id, and the second one finds the channel made.
    let other = ChannelId::new(world.next_id());
    assert_eq!(world.reserve_dm(2, 1, other), dm);
    assert_eq!(world.private_err(2, other, found(&[1], false)), (409, 0));
    assert_eq!(world.dm(1, 2), Some(dm));
    assert_eq!(world.private_err(1, other, Op::Get), (404, 10003));
    assert_eq!(world.private_err(2, dm, found(&[1], false)), (409, 0));
}

#[test]
fn a_dm_that_was_reserved_and_never_made_is_made_by_the_next_who_asks() {
    let mut world = World::new([1, 2, 500]);
    let drawn = ChannelId::new(world.next_id());
    assert_eq!(world.reserve_dm(1, 2, drawn), drawn);
    assert_eq!(world.private_err(1, drawn, Op::Open), (404, 10003));
    let other = ChannelId::new(world.next_id());
    assert_eq!(world.reserve_dm(2, 1, other), drawn, "whoever asks, and whenever");
    world.private(2, drawn, found(&[1], false));
    world.say(2, drawn, "hello");
    // Nothing is reserved for two who may not speak, nor on behalf of anybody but the system.
    let dm = user::Op::Dm { other: UserId::new(500), channel: other };
    assert_eq!(world.system(1, dm.clone()), Err((403, 50278)));
    assert_eq!(world.err(1, dm), (403, 50013));
    assert_eq!(world.dm(1, 500), None);
}

#[test]
fn only_its_two_people_see_a_dm() {
    let mut world = World::new([1, 2, 3]);
    let dm = world.open_dm(1, 2);
    let message = world.say(1, dm, "between us")["id"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(world.private_err(3, dm, Op::Get), (403, 50001));
    assert_eq!(world.say_err(3, dm), (403, 50001));
    let get = Op::Message { channel: dm, op: message::Op::Get { message: MessageId::new(message) } };
    assert_eq!(world.private_err(3, dm, get.clone()), (403, 50001));
    assert_eq!(world.private(2, dm, get)["content"], "between us");
    assert_eq!(world.private_err(3, dm, Op::Close), (403, 50001));
    assert_eq!(
        world.private_err(1, dm, Op::UserChanged { user: Box::new(crate::world::account(2)) }),
        (403, 50013)
    );
}

#[test]
fn who_shares_nothing_cannot_write() {
    let mut world = World::new([1, 2, 500, 501, 1000, 1001]);
    let id = || ChannelId::new(900);
    assert_eq!(world.private_err(1, id(), found(&[500], false)), (403, 50278));
    assert_eq!(world.private_err(1000, id(), found(&[500], false)), (403, 50278));
    assert_eq!(world.private_err(1000, id(), found(&[1001], false)), (403, 50007));
    assert_eq!(world.private_err(1, id(), found(&[1], false)), (400, 50033));
    assert_eq!(world.private_err(1, id(), found(&[99], false)), (400, 50033));
    befriend(&mut world, 500, 501);
    let dm = world.open_dm(500, 501);
    world.say(500, dm, "friends need no guild");
    world.ok(500, user::Op::Relationship(Relationship::Remove { user: UserId::new(501) }));
    world.clock.advance(61_000);
    assert_eq!(world.say_err(500, dm), (403, 50278));
}

#[test]
fn a_block_silences_both_until_it_ends() {
    let mut world = World::new([1, 2]);
    world.connect(1);
    let dm = world.open_dm(1, 2);
    world.say(1, dm, "hello");
    world.ok(2, block(1));
    assert_eq!(world.say_err(1, dm), (403, 50007));
    assert_eq!(world.say_err(2, dm), (403, 50007));
    world.restart();
    assert_eq!(world.say_err(1, dm), (403, 50007));
    world.ok(2, user::Op::Relationship(Relationship::Remove { user: UserId::new(1) }));
    world.say(1, dm, "again");
}

#[test]
fn who_is_blocked_before_the_first_word_cannot_say_it() {
    let mut world = World::new([1, 2]);
    let two = world.connect(2);
    let dm = world.open_dm(1, 2);
    world.ok(2, block(1));
    world.look_away();
    assert_eq!(world.say_err(1, dm), (403, 50007));
    assert_eq!(world.names(two), Vec::<String>::new());
}

#[test]
fn a_closed_dm_comes_back_with_the_next_message() {
    let mut world = World::new([1, 2]);
    let one = world.connect(1);
    let dm = world.open_dm(1, 2);
    world.say(1, dm, "hello");
    world.take(one);
    assert_eq!(world.private(1, dm, Op::Close)["id"], dm.to_string());
    assert_eq!(world.names(one), ["CHANNEL_DELETE"]);
    assert_eq!(world.ok(1, user::Op::Channels), json!([]));
    // Also when the message is what brings the owners of both back to life.
    world.restart();
    world.say(2, dm, "are you there?");
    assert_eq!(world.names(one), ["CHANNEL_CREATE", "MESSAGE_CREATE", "SESSIONS_REPLACE"]);
    assert_eq!(world.ok(1, user::Op::Channels)[0]["id"], dm.to_string());
}

#[test]
fn a_bot_hears_of_a_dm_by_its_messages_alone() {
    let mut world = World::new([1, 1000]);
    let bot = world.connect(1000);
    let dm = world.open_dm(1000, 1);
    world.say(1000, dm, "beep");
    world.say(1, dm, "hello");
    assert_eq!(world.names(bot), ["MESSAGE_CREATE", "MESSAGE_CREATE"]);
}

#[test]
fn a_group_grows_shrinks_and_ends() {
    let mut world = World::new([1, 2, 3, 4]);
    for other in [2, 3] {
        befriend(&mut world, 1, other);
    }
    befriend(&mut world, 2, 4);
    let (one, two, four) = (world.connect(1), world.connect(2), world.connect(4));
    let group = world.found_group(1, &[2, 3]);
    assert_eq!(world.names(two).last().unwrap(), "CHANNEL_CREATE");
    world.say(3, group, "hello");
    world.look_away();
    assert_eq!(world.private_err(1, group, Op::AddRecipient { user: UserId::new(4) }), (400, 50033));
    world.private(2, group, Op::AddRecipient { user: UserId::new(4) });
    assert_eq!(world.names(one), ["CHANNEL_RECIPIENT_ADD", "MESSAGE_CREATE"]);
    assert_eq!(world.names(four), ["CHANNEL_CREATE", "MESSAGE_CREATE"]);
    assert_eq!(world.private_err(2, group, Op::RemoveRecipient { user: UserId::new(4) }), (403, 50013));
    world.private(1, group, Op::RemoveRecipient { user: UserId::new(4) });
    assert_eq!(world.names(four).last().unwrap(), "CHANNEL_DELETE");
    assert_eq!(world.say_err(4, group), (403, 50001));
    // The owner leaves: somebody else is it now.
    world.take(two);
    world.private(1, group, Op::Close);
    assert_eq!(world.names(two), ["MESSAGE_CREATE", "CHANNEL_RECIPIENT_REMOVE", "CHANNEL_UPDATE"]);
    assert_eq!(world.private(2, group, Op::Get)["owner_id"], "2");
    world.private(3, group, Op::RemoveRecipient { user: UserId::new(3) });
    world.private(2, group, Op::Close);
    assert_eq!(world.private_err(2, group, Op::Get), (404, 10003));
    world.erase();
    assert_eq!(world.rows(Table::Messages, group.get()), 0);
    assert_eq!(world.rows(Table::ChannelIndex, group.get()), 0);
}

#[test]
fn a_group_has_a_name_an_icon_and_an_owner() {
    let mut world = World::new([1, 2, 3]);
    befriend(&mut world, 1, 2);
    befriend(&mut world, 1, 3);
    let two = world.connect(2);
    let group = world.found_group(1, &[2, 3]);
    world.take(two);
    let rename = Op::Update { name: Patch::Value("us".into()), icon: Patch::Absent, owner: None };
    assert_eq!(world.private(2, group, rename)["name"], "us");
    let told = world.take(two);
    assert_eq!((told[0].0.as_str(), &told[0].1["name"]), ("CHANNEL_UPDATE", &json!("us")));
    assert_eq!((&told[1].1["type"], &told[1].1["content"]), (&json!(4), &json!("us")));
    let icon = Op::Update { name: Patch::Absent, icon: Patch::Value("hash".into()), owner: None };
    world.private(3, group, icon);
    assert_eq!(world.take(two)[1].1["type"], 5);
    let give = |to| Op::Update { name: Patch::Absent, icon: Patch::Absent, owner: Some(UserId::new(to)) };
    assert_eq!(world.private_err(2, group, give(2)), (403, 50013));
    assert_eq!(world.private_err(1, group, give(9)), (400, 50033));
    assert_eq!(world.private(1, group, give(2))["owner_id"], "2");
    let dm = world.open_dm(1, 2);
    assert_eq!(world.private_err(1, dm, give(2)), (400, 50003));
}

#[test]
fn a_group_has_ten_people_at_most() {
    let mut world = World::new(1..=11);
    for other in 2..=11 {
        befriend(&mut world, 1, other);
    }
    let all: Vec<_> = (2..=11).collect();
    assert_eq!(world.private_err(1, ChannelId::new(900), found(&all, true)), (400, 30004));
    let group = world.found_group(1, &all[..9]);
    assert_eq!(world.private_err(1, group, Op::AddRecipient { user: UserId::new(11) }), (400, 30004));
}

#[test]
fn pins_and_acknowledgements_of_a_dm_keep_to_the_law() {
    let mut world = World::new([1, 2]);
    let (one, _two) = (world.connect(1), world.connect(2));
    let dm = world.open_dm(1, 2);
    let message = world.say(2, dm, "remember this")["id"].as_str().unwrap().parse::<u64>().unwrap();
    let message = MessageId::new(message);
    world.private(1, dm, Op::Message { channel: dm, op: message::Op::Pin { message } });
    assert!(world.names(one).contains(&"CHANNEL_PINS_UPDATE".to_owned()));
    world.private(1, dm, Op::Message { channel: dm, op: message::Op::Unpin { message } });
    let ack = user::read_state::Ack {
        channel: dm,
        message,
        manual: false,
        mention_count: None,
        flags: None,
        last_viewed: None,
    };
    world.ok(1, user::Op::ReadState(user::read_state::Op::Ack(ack)));
}

#[test]
fn a_poll_in_a_dm_ends_by_itself_even_after_a_restart() {
    let mut world = World::new([1, 2]);
    let (_, two) = (world.connect(1), world.connect(2));
    let dm = world.open_dm(1, 2);
    let answers = json!([{"poll_media": {"text": "yes"}}, {"poll_media": {"text": "no"}}]);
    let body = json!({"poll": {"question": {"text": "tea?"}, "answers": answers, "duration": 1}});
    let body = CreateMessage::parse(&body).unwrap();
    let create = Create { body, ..Create::default() };
    world.private(1, dm, Op::Message { channel: dm, op: message::Op::Create(Box::new(create)) });
    assert_eq!(world.names(two), ["CHANNEL_CREATE", "MESSAGE_CREATE"]);
    assert_eq!(world.rows(Table::Timers, dm.get()), 1);
    // Its owner is put away, so that nothing of the life before can end the poll.
    world.pass(700_000);
    world.restart();
    let two = world.connect(2);
    world.private(1, dm, Op::Get);
    world.look_away();
    world.pass(3_600_000);
    assert_eq!(world.names(two), ["MESSAGE_UPDATE", "MESSAGE_CREATE"]);
    assert_eq!(world.rows(Table::Timers, dm.get()), 0);
}
