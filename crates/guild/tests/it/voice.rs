//! Voice states: joining, moving, leaving, moderators, and who hears of it.

use std::time::Duration;

use consort_model::{ChannelId, ChannelType, Intents, Patch, Permissions};
use consort_rpc::guild::Op;
use consort_rpc::guild::channel;
use consort_rpc::guild::member::{self, Update};
use consort_rpc::guild::voice::{Flags, Op as V};
use serde_json::{Value, json};

use crate::world::{OWNER, Session, World, new_channel};

pub fn speak(session: Session, channel: Option<ChannelId>) -> Op {
    enter(session, channel, Flags { self_mute: true, ..Flags::default() })
}

pub fn stream(session: Session, channel: Option<ChannelId>) -> Op {
    enter(session, channel, Flags { self_stream: true, ..Flags::default() })
}

fn enter(session: Session, channel: Option<ChannelId>, flags: Flags) -> Op {
    let session_id = format!("session{}", session.0);
    Op::Voice(V::Update { session: session.key(), session_id, channel, flags })
}

fn moderate(user: u64, update: Update) -> Op {
    Op::Member(member::Op::Update { user: user.into(), update: Box::new(update) })
}

fn states(world: &mut World, session: Session) -> Vec<Value> {
    let told = world.take(session).into_iter();
    told.filter(|(name, _)| name == "VOICE_STATE_UPDATE")
        .map(|(_, state)| state["channel_id"].clone())
        .collect()
}

#[test]
fn joining_tells_the_guild_and_gives_the_session_a_server() {
    let mut world = World::new();
    world.seed([2]);
    let (owner, member) = (world.connect(OWNER), world.connect(2));
    let channel = world.channel("General");
    world.ok(2, speak(member, Some(channel)));
    let told = world.take(member);
    assert_eq!(told[0].0, "VOICE_STATE_UPDATE");
    let state = &told[0].1;
    assert_eq!((&state["self_mute"], &state["session_id"]), (&true.into(), &"session2".into()));
    assert_eq!(state["member"]["user"]["id"], "2");
    assert_eq!(
        (told[1].0.as_str(), &told[1].1["endpoint"]),
        ("VOICE_SERVER_UPDATE", &"voice.example".into())
    );
    assert_eq!(world.names(owner), ["VOICE_STATE_UPDATE"]);
    assert_eq!(world.guild_create(OWNER).unwrap()["voice_states"][0]["user_id"], "2");
    let get = |user: Option<u64>| Op::Voice(V::Get { user: user.map(Into::into) });
    assert_eq!(world.ok(OWNER, get(Some(2)))["channel_id"], channel.to_string());
    assert_eq!(world.err(OWNER, get(None)), (404, 10065));

    world.ok(2, speak(member, None));
    assert_eq!(states(&mut world, owner), [Value::Null]);
    world.ok(2, speak(member, None));
    assert_eq!(world.names(owner), [""; 0]);
}

#[test]
fn only_the_session_that_joined_takes_the_user_out_when_it_ends() {
    let mut world = World::new();
    let (first, second) = (world.connect(OWNER), world.connect(OWNER));
    let channel = world.channel("General");
    world.ok(OWNER, speak(first, Some(channel)));
    world.ok(OWNER, Op::Voice(V::Gone { session: second.key() }));
    assert_eq!(world.guild_create(OWNER).unwrap()["voice_states"].as_array().unwrap().len(), 1);
    world.ok(OWNER, Op::Voice(V::Gone { session: first.key() }));
    assert_eq!(world.guild_create(OWNER).unwrap()["voice_states"].as_array().unwrap().len(), 0);
}

#[test]
fn a_channel_is_limited_to_as_many_people_as_its_kind_may_hold() {
    let mut world = World::new();
    let create = |kind, user_limit| channel::Create { user_limit, ..new_channel("v", kind) };
    let op = |create| Op::Channel(channel::Op::Create(Box::new(create)));
    assert_eq!(world.err(OWNER, op(create(ChannelType::GuildVoice, Some(100)))), (400, 50035));
    let voice = world.create_channel(create(ChannelType::GuildVoice, Some(99)));
    world.ok(OWNER, op(create(ChannelType::GuildStageVoice, Some(10_000))));
    let limited = |wanted| {
        let update =
            channel::Update { user_limit: consort_model::Patch::Value(wanted), ..Default::default() };
        Op::Channel(channel::Op::Update { channel: voice, update: Box::new(update) })
    };
    assert_eq!(world.err(OWNER, limited(100)), (400, 50035));
    assert_eq!(world.ok(OWNER, limited(0))["user_limit"], 0);
}

#[test]
fn connecting_needs_the_right_and_a_place() {
    let mut world = World::new();
    world.seed([2, 3]);
    let sessions = [OWNER, 2, 3].map(|user| world.connect(user));
    let small = channel::Create { user_limit: Some(1), ..new_channel("small", ChannelType::GuildVoice) };
    let small = world.create_channel(small);
    let closed = world.create_channel(new_channel("closed", ChannelType::GuildVoice));
    let everyone = crate::world::GUILD.cast();
    let no_connect = consort_model::Overwrite::role(everyone, Permissions::empty(), Permissions::CONNECT);
    world.overwrite(closed, no_connect);
    assert_eq!(world.err(2, speak(sessions[1], Some(closed))), (403, 50013));
    world.ok(2, speak(sessions[1], Some(small)));
    assert_eq!(world.err(3, speak(sessions[2], Some(small))), (403, 50013));
    // Who may move members always finds a place.
    world.ok(OWNER, speak(sessions[0], Some(small)));
    let text = world.channel("general");
    assert_eq!(world.err(3, speak(sessions[2], Some(text))), (400, 50024));
    world.hide(closed);
    assert_eq!(world.err(3, speak(sessions[2], Some(closed))), (403, 50001));
}

#[test]
fn voice_in_a_hidden_channel_is_hidden() {
    let mut world = World::new();
    world.seed([2]);
    let secret = world.create_channel(new_channel("secret", ChannelType::GuildVoice));
    world.hide(secret);
    let open = world.channel("General");
    let (owner, other) = (world.connect(OWNER), world.connect(2));
    world.ok(OWNER, speak(owner, Some(secret)));
    assert_eq!(world.names(other), [""; 0]);
    assert_eq!(world.guild_create(2).unwrap()["voice_states"], json!([]));
    world.ok(OWNER, speak(owner, Some(open)));
    assert_eq!(states(&mut world, other), [json!(open)]);
    // For those who see only where the user was, it is gone.
    world.ok(OWNER, speak(owner, Some(secret)));
    assert_eq!(states(&mut world, other), [Value::Null]);
    // Who begins to see the channel sees who is in it.
    let op = channel::Op::DeleteOverwrite { channel: secret, id: crate::world::GUILD.cast() };
    world.ok(OWNER, Op::Channel(op));
    assert_eq!(states(&mut world, other), [json!(secret)]);
}

#[test]
fn moderators_mute_move_and_disconnect() {
    let mut world = World::new();
    world.seed([2, 3]);
    let rights = Permissions::MUTE_MEMBERS | Permissions::MOVE_MEMBERS;
    let role = world.create_role("moderator", rights);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 2.into(), role }));
    let session = world.connect_with(3, Intents::empty());
    let (first, second) =
        (world.channel("General"), world.create_channel(new_channel("two", ChannelType::GuildVoice)));
    let mute = |user| moderate(user, Update { mute: Patch::Value(true), ..Update::default() });
    assert_eq!(world.err(2, mute(3)), (400, 40032));
    world.ok(3, speak(session, Some(first)));
    world.look_away();
    assert_eq!(world.err(3, mute(3)), (403, 50013));
    assert_eq!(world.ok(2, mute(3))["mute"], true);
    let deafen = moderate(3, Update { deaf: Patch::Value(true), ..Update::default() });
    assert_eq!(world.err(2, deafen), (403, 50013));
    let put = |channel| moderate(3, Update { channel_id: channel, ..Update::default() });
    let text = world.channel("general");
    assert_eq!(world.err(2, put(Patch::Value(text))), (400, 50024));
    world.ok(2, put(Patch::Value(second)));
    world.ok(2, put(Patch::Null));
    assert_eq!(
        world.names(session),
        [
            "GUILD_MEMBER_UPDATE",
            "VOICE_STATE_UPDATE",
            "VOICE_STATE_UPDATE",
            "VOICE_SERVER_UPDATE",
            "VOICE_STATE_UPDATE"
        ]
    );
    let log = consort_rpc::guild::settings::Op::AuditLog {
        user: Some(2.into()),
        action: None,
        before: None,
        after: None,
        limit: 5,
    };
    let log = world.ok(OWNER, Op::Settings(log));
    let actions: Vec<_> = log["audit_log_entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["action_type"].clone())
        .collect();
    assert_eq!(actions, [27, 26, 24]);
}

#[test]
fn on_a_stage_one_asks_before_one_speaks() {
    let mut world = World::new();
    world.seed([2]);
    let (owner, member) = (world.connect(OWNER), world.connect(2));
    let stage = world.create_channel(new_channel("stage", ChannelType::GuildStageVoice));
    world.ok(2, speak(member, Some(stage)));
    let modify = |user: Option<u64>, suppress, asked| {
        Op::Voice(V::Modify {
            user: user.map(Into::into),
            channel: Some(stage),
            suppress,
            request_to_speak: asked,
        })
    };
    assert_eq!(world.err(2, modify(None, Some(false), Patch::Absent)), (403, 50013));
    let now = consort_model::Timestamp::from_ms(1_800_000_000_000);
    world.look_away();
    world.ok(2, modify(None, None, Patch::Value(now)));
    world.ok(OWNER, modify(Some(2), Some(false), Patch::Absent));
    let told = world.take(owner);
    assert!(told[0].1["request_to_speak_timestamp"].is_string());
    // An invitation, which is taken up.
    assert_eq!(
        (&told[1].1["suppress"], &told[1].1["request_to_speak_timestamp"]),
        (&false.into(), &json!(now))
    );
    world.ok(2, modify(None, Some(false), Patch::Null));
    assert_eq!(world.take(owner)[0].1["request_to_speak_timestamp"], Value::Null);
    assert_eq!(world.err(OWNER, modify(None, Some(true), Patch::Absent)), (404, 10065));
}

#[test]
fn who_leaves_the_guild_or_loses_the_channel_is_out_of_voice() {
    let mut world = World::new();
    world.seed([2]);
    let (owner, member) = (world.connect(OWNER), world.connect(2));
    let channel = world.channel("General");
    world.ok(2, speak(member, Some(channel)));
    world.look_away();
    world.ok(2, Op::Member(member::Op::Leave));
    assert_eq!(world.names(owner), ["VOICE_STATE_UPDATE", "GUILD_MEMBER_REMOVE"]);
    world.ok(OWNER, speak(owner, Some(channel)));
    world.ok(OWNER, Op::Channel(channel::Op::Delete { channel }));
    assert_eq!(world.guild_create(OWNER).unwrap()["voice_states"], json!([]));
}

/// A channel where 2 and 3 speak and 1 looks on; all but the voice of it has been seen.
fn speaking(world: &mut World) -> (ChannelId, [Session; 3]) {
    world.seed([2, 3]);
    let channel = world.create_channel(new_channel("v", ChannelType::GuildVoice));
    let sessions = [OWNER, 2, 3].map(|user| world.connect(user));
    for (user, session) in [(2, sessions[1]), (3, sessions[2])] {
        world.ok(user, speak(session, Some(channel)));
    }
    world.look_away();
    (channel, sessions)
}

fn in_voice(world: &World, user: u64) -> Vec<String> {
    let guild = world.guild_create(user).unwrap();
    let states = guild["voice_states"].as_array().unwrap().iter();
    states.map(|state| state["user_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn voice_outlasts_the_guilds_owner_as_long_as_the_sessions_do() {
    let mut world = World::new();
    let (channel, sessions) = speaking(&mut world);
    world.restart();
    assert_eq!(in_voice(&world, OWNER), ["2", "3"]);
    world.advance(Duration::from_secs(90));
    assert_eq!(in_voice(&world, OWNER), ["2", "3"], "their sessions have attached again");
    assert_eq!(states(&mut world, sessions[0]), [""; 0]);
    // And each is as it was: a moderator may move it, its session may end.
    world.ok(2, Op::Voice(V::Gone { session: sessions[1].key() }));
    assert_eq!(states(&mut world, sessions[0]), [Value::Null]);
    world.ok(OWNER, Op::Channel(channel::Op::Delete { channel }));
    assert_eq!(in_voice(&world, OWNER), [""; 0]);
    world.restart();
    assert_eq!(in_voice(&world, OWNER), [""; 0], "nothing comes back that has ended");
}

#[test]
fn voice_whose_session_is_lost_with_its_owner_ends_before_everybody() {
    let mut world = World::new();
    let (_, sessions) = speaking(&mut world);
    // The session dies without a word while nobody owns the guild.
    world.lose(sessions[1]);
    world.restart();
    world.advance(Duration::from_secs(30));
    assert_eq!(in_voice(&world, OWNER), ["2", "3"], "it may still come");
    world.advance(Duration::from_secs(31));
    assert_eq!(states(&mut world, sessions[0]), [Value::Null]);
    assert_eq!(in_voice(&world, OWNER), ["3"]);
    world.restart();
    assert_eq!(in_voice(&world, OWNER), ["3"]);
}

#[test]
fn voice_of_a_nodes_earlier_life_ends_when_the_next_one_attaches() {
    let mut world = World::new();
    let (_, sessions) = speaking(&mut world);
    sessions.into_iter().for_each(|session| world.lose(session));
    world.begin_generation();
    world.restart();
    let looker = world.connect(OWNER);
    assert_eq!(world.session(looker).guild_create.unwrap()["voice_states"], json!([]));
}

#[test]
fn voice_ends_with_the_last_session_of_its_node() {
    let mut world = World::new();
    let (_, sessions) = speaking(&mut world);
    sessions.into_iter().for_each(|session| world.disconnect(session));
    assert_eq!(in_voice(&world, OWNER), [""; 0]);
}
