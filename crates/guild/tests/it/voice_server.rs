//! What the voice server is told: all that is so of a user, whenever it changes.

use std::time::Duration;

use consort_model::{ChannelId, ChannelType, Overwrite, Patch, Permissions, Timestamp};
use consort_rpc::guild::member::{self, Update};
use consort_rpc::guild::{Op, channel, role, settings};
use consort_rpc::voice::{self, Participant, Rights};

use crate::voice::speak;
use crate::world::{GUILD, OWNER, Session, World, new_channel};

/// The last that the voice server was told of a user; it was told of no other.
fn told(world: &World, user: u64) -> Option<Participant> {
    let told = world.told_voice();
    assert!(told.iter().all(|op| op.user() == user.into()), "{told:?}");
    match told.into_iter().next_back()? {
        voice::Op::Put(participant) => Some(*participant),
        voice::Op::Remove { .. } => None,
    }
}

/// A member in a voice channel, of which everything was told.
fn joined() -> (World, ChannelId, Session, Participant) {
    let mut world = World::new();
    world.seed([2]);
    let session = world.connect(2);
    let channel = world.create_channel(new_channel("v", ChannelType::GuildVoice));
    world.ok(2, speak(session, Some(channel)));
    let participant = told(&world, 2).unwrap();
    world.look_away();
    (world, channel, session, participant)
}

fn update(user: u64, update: Update) -> Op {
    Op::Member(member::Op::Update { user: user.into(), update: Box::new(update) })
}

#[test]
fn a_place_says_who_where_and_what_for() {
    let (_, channel, session, participant) = joined();
    assert_eq!(
        (participant.user, participant.channel, &*participant.session_id),
        (2.into(), channel, "session1")
    );
    assert_eq!((participant.session.number, participant.token.len()), (session.0, 32));
    let rights = Rights { speak: true, hear: true, priority: false, video: true };
    assert_eq!(participant.rights, rights);
}

#[test]
fn who_asks_for_what_is_so_gets_both_events_and_who_changes_flags_only_one() {
    let (mut world, channel, session, participant) = joined();
    world.ok(2, speak(session, Some(channel)));
    assert_eq!(world.names(session), ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"]);
    let again = told(&world, 2).unwrap();
    assert_ne!(again.token, participant.token);
    let flags = consort_rpc::guild::voice::Flags { self_deaf: true, ..Default::default() };
    let deafened = Op::Voice(consort_rpc::guild::voice::Op::Update {
        session: session.key(),
        session_id: "session1".to_owned(),
        channel: Some(channel),
        flags,
    });
    world.ok(2, deafened);
    assert_eq!(world.names(session), ["VOICE_STATE_UPDATE"]);
    let deafened = told(&world, 2).unwrap();
    assert_eq!((deafened.token, deafened.rights.hear), (again.token, false));
}

#[test]
fn mute_roles_overwrites_and_timeouts_reach_the_voice_server() {
    let (mut world, channel, session, participant) = joined();
    let may_speak = |world: &World| told(world, 2).map(|participant| participant.rights.speak);
    let mute = |muted| update(2, Update { mute: Patch::Value(muted), ..Update::default() });
    world.ok(OWNER, mute(true));
    assert_eq!(may_speak(&world), Some(false));
    world.ok(OWNER, mute(false));
    assert_eq!(may_speak(&world), Some(true));
    let denied = Overwrite::role(GUILD.cast(), Permissions::empty(), Permissions::SPEAK);
    world.overwrite(channel, denied);
    assert_eq!(may_speak(&world), Some(false));
    world.look_away();
    let allowed = world.create_role("speaker", Permissions::empty());
    world.overwrite(channel, Overwrite::role(allowed, Permissions::SPEAK, Permissions::empty()));
    assert_eq!(told(&world, 2), None, "it does not have the role");
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 2.into(), role: allowed }));
    assert_eq!(may_speak(&world), Some(true));
    let suppressed = world.take(session).into_iter().filter(|(name, _)| name == "VOICE_STATE_UPDATE");
    assert_eq!(suppressed.map(|(_, state)| state["suppress"].clone()).collect::<Vec<_>>(), [false]);
    world.ok(OWNER, Op::Role(role::Op::Delete { role: allowed }));
    assert_eq!(may_speak(&world), Some(false));
    world.ok(OWNER, Op::Channel(channel::Op::DeleteOverwrite { channel, id: GUILD.cast() }));
    assert_eq!(may_speak(&world), Some(true));
    let until = Timestamp::from_ms(world.now_ms() + 60_000);
    world.ok(
        OWNER,
        update(2, Update { communication_disabled_until: Patch::Value(until), ..Update::default() }),
    );
    assert_eq!(may_speak(&world), Some(false));
    world.advance(Duration::from_secs(61));
    assert_eq!(told(&world, 2).unwrap(), participant, "as it was, with the token that it had");
}

#[test]
fn a_move_has_a_token_of_its_own_and_who_leaves_is_taken_out() {
    let (mut world, channel, session, participant) = joined();
    let other = world.create_channel(new_channel("w", ChannelType::GuildVoice));
    world.ok(OWNER, update(2, Update { channel_id: Patch::Value(other), ..Update::default() }));
    assert_eq!(world.names(session)[1..], ["VOICE_STATE_UPDATE", "VOICE_SERVER_UPDATE"]);
    let moved = told(&world, 2).unwrap();
    assert_eq!(moved.channel, other);
    assert_ne!(moved.token, participant.token);
    let removed = [voice::Op::Remove { user: 2.into() }];
    world.ok(2, speak(session, None));
    assert_eq!(world.told_voice(), removed);
    world.ok(2, speak(session, Some(channel)));
    world.told_voice();
    world.ok(OWNER, Op::Settings(settings::Op::Delete));
    assert_eq!(world.told_voice(), removed, "the guild is gone");
}

#[test]
fn an_owner_that_is_loaded_again_goes_on_with_the_tokens_there_are() {
    let (mut world, _, _, participant) = joined();
    world.restart();
    world.told_voice();
    world.ok(OWNER, update(2, Update { mute: Patch::Value(true), ..Update::default() }));
    let muted = Participant { rights: Rights { speak: false, ..participant.rights }, ..participant };
    assert_eq!(told(&world, 2), Some(muted));
}
