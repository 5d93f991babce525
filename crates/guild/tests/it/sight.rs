//! Threads and voice come and go with the sight of their channel.

use std::time::Duration;

use consort_model::request::thread::StartThread;
use consort_model::{ChannelId, ChannelType, Intents, Overwrite, Patch, Permissions, Timestamp};
use consort_rpc::NodeId;
use consort_rpc::guild::{Op, member, thread, voice};
use consort_rpc::relay::SessionKey;

use crate::world::{GUILD, OWNER, Session, World, id, new_channel};

const NONE: Permissions = Permissions::empty();
const VIEW: Permissions = Permissions::VIEW_CHANNEL;

fn start(kind: u8) -> thread::Op {
    let thread = StartThread { name: "t".into(), kind: Some(kind), ..StartThread::default() };
    thread::Op::Start { thread: Box::new(thread), post: None }
}

fn start_thread(world: &mut World, user: u64, channel: ChannelId, kind: u8) -> ChannelId {
    id(&world.ok(user, Op::Thread { channel, op: start(kind) }))
}

/// Everyone's right to see a channel.
fn show(world: &mut World, channel: ChannelId, shown: bool) {
    let (allow, deny) = if shown { (VIEW, NONE) } else { (NONE, VIEW) };
    world.overwrite(channel, Overwrite::role(GUILD.cast(), allow, deny));
}

#[test]
fn threads_come_back_with_their_channel_and_with_ones_own_membership() {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    let place = world.create_channel(new_channel("place", ChannelType::GuildText));
    let (public, private) = (start_thread(&mut world, 2, place, 11), start_thread(&mut world, 3, place, 12));
    world.ok(3, Op::Thread { channel: private, op: thread::Op::AddMember { user: 2.into() } });
    let sessions = [2, 3, 4].map(|user| world.connect(user));
    show(&mut world, place, false);
    assert_eq!(sessions.map(|s| world.names(s)), [["CHANNEL_DELETE"]; 3]);
    show(&mut world, place, true);
    // The laws have checked that each has exactly its threads again; 4 is in none and does not see the private one.
    assert!(world.take(sessions[2]).iter().all(|(_, d)| !d.to_string().contains(&private.to_string())));
    // One by one as well: a role, and an overwrite of one's own.
    show(&mut world, place, false);
    let role = world.create_role("r", NONE);
    world.overwrite(place, Overwrite::role(role, VIEW, NONE));
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 2.into(), role }));
    world.overwrite(place, Overwrite::member(3.into(), VIEW, NONE));
    world.ok(OWNER, Op::Member(member::Op::RemoveRole { user: 2.into(), role }));
    assert_eq!(world.err(2, Op::Thread { channel: public, op: thread::Op::Get }), (403, 50001));
}

#[test]
fn private_threads_are_shown_to_those_who_begin_to_manage_threads() {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    let place = world.create_channel(new_channel("place", ChannelType::GuildText));
    let private = start_thread(&mut world, 3, place, 12);
    let role = world.create_role("r", NONE);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 4.into(), role }));
    let sessions = [2, 3, 4].map(|user| world.connect(user));
    let manage = |world: &mut World, allow| world.overwrite(place, Overwrite::role(role, allow, NONE));
    manage(&mut world, Permissions::MANAGE_THREADS);
    let told = sessions.map(|s| world.names(s).contains(&"THREAD_CREATE".to_owned()));
    assert_eq!(told, [false, false, true]);
    manage(&mut world, NONE);
    let told = sessions.map(|s| world.names(s).contains(&"THREAD_DELETE".to_owned()));
    assert_eq!(told, [false, false, true]);
    manage(&mut world, Permissions::MANAGE_THREADS);
    world.look_away();
    // Given and taken to one member, and with the whole channel.
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 2.into(), role }));
    world.ok(OWNER, Op::Member(member::Op::RemoveRole { user: 2.into(), role }));
    assert_eq!(world.names(sessions[0]).iter().filter(|n| n.starts_with("THREAD")).count(), 2);
    show(&mut world, place, false);
    show(&mut world, place, true);
    world.ok(3, Op::Thread { channel: private, op: thread::Op::Leave });
}

#[test]
fn a_timeout_does_not_change_what_one_sees() {
    let mut world = World::new();
    world.seed([2]);
    let place = world.create_channel(new_channel("place", ChannelType::GuildText));
    start_thread(&mut world, OWNER, place, 12);
    world.overwrite(place, Overwrite::member(2.into(), Permissions::MANAGE_THREADS, NONE));
    let session = world.connect(2);
    let until = Patch::Value(Timestamp::from_ms(1_800_000_000_000 + 60_000));
    let update = member::Update { communication_disabled_until: until, ..Default::default() };
    world.ok(OWNER, Op::Member(member::Op::Update { user: 2.into(), update: Box::new(update) }));
    assert_eq!(world.names(session), ["GUILD_MEMBER_UPDATE"]);
    assert_eq!(world.err(2, Op::Thread { channel: place, op: start(11) }), (403, 50013));
    world.advance(Duration::from_secs(61));
    start_thread(&mut world, 2, place, 11);
}

fn join_voice(world: &mut World, user: u64, session: Session, channel: Option<ChannelId>) {
    let session =
        SessionKey { node: NodeId(1), generation: 7, slice: 0, number: session.0, user: user.into() };
    let flags = voice::Flags::default();
    world.ok(user, Op::Voice(voice::Op::Update { session, session_id: "s".into(), channel, flags }));
}

/// Checks that every client knows who is in voice, as one that has just come does.
fn check_voice(world: &World) {
    for (_, state) in world.sessions() {
        let (Some(client), user) = (state.client, state.user) else { continue };
        let fresh = crate::client::Client::new(user, &world.guild_create(user.get()).unwrap());
        assert_eq!(client.differences(&fresh, true), [""; 0], "user {user}");
    }
}

#[test]
fn who_is_in_voice_is_known_to_those_who_see_the_channel() {
    let mut world = World::new();
    world.seed([2, 3]);
    let (open, hidden) =
        (world.channel("General"), world.create_channel(new_channel("hidden", ChannelType::GuildVoice)));
    show(&mut world, hidden, false);
    world.overwrite(hidden, Overwrite::member(2.into(), VIEW | Permissions::CONNECT, NONE));
    let (own, other) = (world.connect(2), world.connect(3));
    for channel in [Some(open), Some(hidden), Some(open), None, Some(hidden)] {
        join_voice(&mut world, 2, own, channel);
        check_voice(&world);
    }
    assert!(!world.take(other).iter().any(|(_, d)| d.to_string().contains(&hidden.to_string())));
    show(&mut world, hidden, true);
    assert_eq!(world.names(other), ["CHANNEL_CREATE", "VOICE_STATE_UPDATE"]);
    check_voice(&world);
    show(&mut world, hidden, false);
    check_voice(&world);
    world.ok(OWNER, Op::Channel(consort_rpc::guild::channel::Op::Delete { channel: hidden }));
    check_voice(&world);
}

#[test]
fn a_bot_is_told_what_its_intents_ask_for() {
    let mut world = World::new();
    world.seed([2, 1000]);
    let bot = world.connect_with(1000, Intents::GUILDS);
    let role = world.create_role("r", NONE);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 2.into(), role }));
    assert_eq!(world.names(bot), ["GUILD_ROLE_CREATE"], "members are another intent");
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 1000.into(), role }));
    assert_eq!(world.names(bot), ["GUILD_MEMBER_UPDATE"], "but for its own");
}
