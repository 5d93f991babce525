//! Calls in private channels: joining and leaving, ringing, and who hears of it.

use consort_model::ChannelId;
use consort_rpc::guild::voice::Flags;
use consort_rpc::message;
use consort_rpc::private::Op;
use consort_rpc::private::call::Op as C;
use consort_rpc::relay::SessionKey;
use consort_rpc::user;
use consort_rpc::user::relationship::Op as Relationship;
use serde_json::{Value, json};

use crate::relationships::befriend;
use crate::world::World;

fn join(session: SessionKey) -> Op {
    Op::Call(C::Join { session, session_id: format!("s{}", session.number), flags: Flags::default() })
}

fn leave(session: SessionKey) -> Op {
    Op::Call(C::Leave { session })
}

fn ring(users: Option<&[u64]>) -> Op {
    Op::Call(C::Ring { users: users.map(|users| users.iter().map(|user| (*user).into()).collect()) })
}

fn stop(users: Option<&[u64]>) -> Op {
    Op::Call(C::StopRinging { users: users.map(|users| users.iter().map(|user| (*user).into()).collect()) })
}

/// The messages of calls in a channel.
fn calls(world: &mut World, user: u64, channel: ChannelId) -> Vec<Value> {
    let list = message::Op::List { page: message::Page::Newest, limit: 10 };
    let list = world.private(user, channel, Op::Message { channel, op: list });
    let calls = list.as_array().unwrap().iter().filter(|message| message["type"] == 3);
    calls.map(|message| message["call"].clone()).collect()
}

/// Two people with a DM, and their sessions.
fn pair() -> (World, ChannelId, [SessionKey; 2]) {
    let mut world = World::new([1, 2]);
    let sessions = [world.connect(1), world.connect(2)];
    let dm = world.open_dm(1, 2);
    world.say(1, dm, "hello");
    world.look_away();
    (world, dm, sessions)
}

/// Where something stands among what a session was told.
fn place(told: &[(String, Value)], name: &str) -> usize {
    told.iter().position(|(other, _)| other == name).unwrap_or_else(|| panic!("no {name} in {told:?}"))
}

#[test]
fn a_call_begins_with_the_first_and_ends_with_the_last() {
    let (mut world, dm, [one, two]) = pair();
    world.private(1, dm, join(one));
    let told = world.take(one);
    let body = |name: &str| told[place(&told, name)].1.clone();
    let (message, call) = (body("MESSAGE_CREATE"), body("CALL_CREATE"));
    assert_eq!(message["call"], json!({"participants": ["1"], "ended_timestamp": null}));
    assert_eq!(call["message_id"], message["id"]);
    let (state, server) = (body("VOICE_STATE_UPDATE"), body("VOICE_SERVER_UPDATE"));
    assert_eq!((&state["guild_id"], &state["channel_id"]), (&Value::Null, &json!(dm)));
    assert_eq!((&server["guild_id"], &server["channel_id"]), (&Value::Null, &json!(dm)));
    assert!(place(&told, "VOICE_STATE_UPDATE") < place(&told, "VOICE_SERVER_UPDATE"), "{told:?}");
    assert_eq!(world.names(two), ["MESSAGE_CREATE", "CALL_CREATE", "VOICE_STATE_UPDATE"]);
    world.private(2, dm, join(two));
    assert_eq!(world.names(one), ["VOICE_STATE_UPDATE"]);
    world.look_away();
    world.private(1, dm, leave(one));
    assert_eq!(world.names(two), ["VOICE_STATE_UPDATE"]);
    world.private(2, dm, leave(one));
    assert_eq!(world.names(two), [""; 0], "another session's end is not one's own");
    world.private(2, dm, leave(two));
    assert_eq!(world.names(two), ["VOICE_STATE_UPDATE", "CALL_DELETE", "MESSAGE_UPDATE"]);
    let call = &calls(&mut world, 1, dm)[0];
    assert_eq!(call["participants"], json!(["1", "2"]));
    assert!(call["ended_timestamp"].is_string());
    world.private(1, dm, join(one));
    assert_eq!(calls(&mut world, 1, dm).len(), 2, "the next one is another");
}

#[test]
fn whoever_asks_again_is_told_again_with_another_token_and_a_muted_microphone_needs_none() {
    let (mut world, dm, [one, _]) = pair();
    let token = |world: &mut World| {
        let told = world.take(one);
        told.iter().find(|(name, _)| name == "VOICE_SERVER_UPDATE").map(|(_, body)| body["token"].clone())
    };
    world.private(1, dm, join(one));
    let first = token(&mut world);
    world.private(1, dm, join(one));
    let second = token(&mut world);
    assert!(first.is_some() && second.is_some() && first != second);
    let flags = Flags { self_mute: true, ..Flags::default() };
    let session_id = format!("s{}", one.number);
    world.private(1, dm, Op::Call(C::Join { session: one, session_id, flags }));
    assert_eq!(token(&mut world), None, "the server knows the token");
}

#[test]
fn a_person_is_in_one_call_and_in_it_by_one_session() {
    let mut world = World::new([1, 2, 3]);
    let [here, there, two] = [1, 1, 2].map(|user| world.connect(user));
    let [dm, other] = [2, 3].map(|friend| world.open_dm(1, friend));
    world.private(1, dm, join(here));
    world.private(1, dm, join(there));
    world.look_away();
    world.private(1, dm, leave(here));
    assert_eq!(world.names(two), [""; 0], "the other session has taken over");
    world.private(1, other, join(here));
    let left = world.take(two).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(left, ["VOICE_STATE_UPDATE", "CALL_DELETE", "MESSAGE_UPDATE"]);
}

#[test]
fn a_call_whose_owner_was_lost_ends_and_another_begins() {
    let (mut world, dm, [one, two]) = pair();
    world.private(1, dm, join(one));
    world.private(2, dm, join(two));
    world.look_away();
    world.restart();
    world.private(1, dm, Op::Get);
    let told =
        world.names(two).into_iter().filter(|name| name.starts_with("CALL") || name.starts_with("VOICE"));
    assert_eq!(told.collect::<Vec<_>>(), ["VOICE_STATE_UPDATE", "VOICE_STATE_UPDATE", "CALL_DELETE"]);
    assert!(calls(&mut world, 1, dm)[0]["ended_timestamp"].is_string());
    world.look_away();
    world.private(2, dm, join(two));
    assert!(world.names(one).contains(&"CALL_CREATE".to_owned()));
}

#[test]
fn who_is_rung_answers_declines_or_is_let_be() {
    let (mut world, dm, [one, two]) = pair();
    assert_eq!(world.private_err(1, dm, ring(None)), (404, 10065), "from within the call");
    world.private(1, dm, join(one));
    world.look_away();
    let rung = |world: &mut World| {
        let told = world.take(two).into_iter().filter(|(name, _)| name == "CALL_UPDATE");
        told.map(|(_, call)| call["ringing"].clone()).collect::<Vec<_>>()
    };
    world.private(1, dm, ring(None));
    assert_eq!(rung(&mut world), [json!(["2"])]);
    world.private(1, dm, ring(Some(&[2])));
    assert_eq!(rung(&mut world), [Value::Null; 0]);
    world.private(2, dm, stop(None));
    assert_eq!(rung(&mut world), [json!([])]);
    assert_eq!(world.private_err(2, dm, stop(Some(&[1]))), (404, 10065));
    world.private(1, dm, ring(None));
    world.pass(31_000);
    assert_eq!(rung(&mut world), [json!(["2"]), json!([])], "nobody is rung for ever");
    world.private(1, dm, ring(None));
    world.look_away();
    world.private(2, dm, join(two));
    assert_eq!(world.names(one), ["VOICE_STATE_UPDATE", "CALL_UPDATE"]);
}

#[test]
fn who_is_blocked_or_no_recipient_calls_nobody() {
    let mut world = World::new([1, 2, 3]);
    let [one, two, three] = [1, 2, 3].map(|user| world.connect(user));
    let dm = world.open_dm(1, 2);
    let ringable =
        |world: &mut World, user| world.private(user, dm, Op::Call(C::Ringable))["ringable"].clone();
    assert_eq!(ringable(&mut world, 1), true);
    assert_eq!(world.private_err(3, dm, join(three)), (403, 50001));
    assert_eq!(world.private_err(3, dm, Op::Call(C::Ringable)), (403, 50001));
    world.ok(2, user::Op::Relationship(Relationship::Block { user: 1.into() }));
    assert_eq!(ringable(&mut world, 1), false);
    assert_eq!(world.private_err(1, dm, join(one)), (403, 50007));
    assert_eq!(world.private_err(2, dm, join(two)), (403, 50007));
}

#[test]
fn whoever_comes_later_asks_for_the_call_and_whoever_leaves_the_group_is_out_of_it() {
    let mut world = World::new([1, 2, 3]);
    let [one, two, three] = [1, 2, 3].map(|user| world.connect(user));
    befriend(&mut world, 1, 2);
    befriend(&mut world, 1, 3);
    let group = world.found_group(1, &[2, 3]);
    world.private(2, group, Op::Call(C::Show { session: two }));
    world.look_away();
    world.private(1, group, join(one));
    world.private(2, group, join(two));
    world.private(1, group, ring(None));
    world.look_away();
    world.private(3, group, Op::Call(C::Show { session: three }));
    let (name, call) = world.take(three).pop().unwrap();
    assert_eq!((name.as_str(), call["voice_states"].as_array().unwrap().len()), ("CALL_CREATE", 2));
    assert_eq!(call["ringing"], json!(["3"]));
    world.private(2, group, Op::Close);
    world.private(3, group, Op::Close);
    let told =
        world.names(one).into_iter().filter(|name| name.starts_with("CALL") || name.starts_with("VOICE"));
    assert_eq!(told.collect::<Vec<_>>(), ["VOICE_STATE_UPDATE", "CALL_UPDATE"]);
}
