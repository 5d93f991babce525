//! Invites: making, showing, using up, expiring, and who is told.

use std::time::Duration;

use consort_model::{ChannelType, Intents, Permissions};
use consort_rpc::guild::Op;
use consort_rpc::guild::invite::{self, Create};
use consort_rpc::guild::member;
use consort_rpc::{Answer, user};
use serde_json::Value;

use crate::world::{GUILD, OWNER, World, account, new_channel};

pub fn forever() -> Create {
    Create {
        max_age: 0,
        max_uses: 0,
        temporary: false,
        unique: true,
        target_type: None,
        target_user_id: None,
    }
}

pub fn make(world: &mut World, create: Create) -> String {
    let channel = world.channel("general");
    let op = invite::Op::Create { channel, create: Box::new(create) };
    world.ok(OWNER, Op::Invite(op))["code"].as_str().unwrap().to_owned()
}

pub fn join(code: &str, user: u64) -> Op {
    Op::Member(member::Op::JoinByInvite { code: code.to_owned(), user: Box::new(account(user)) })
}

fn resolve(world: &World, code: &str) -> Result<Value, (u16, u32)> {
    let op = Op::Invite(invite::Op::Resolve { code: code.to_owned(), with_counts: true, event: None });
    match world.system(op) {
        Ok(Answer::Json(body)) => Ok(serde_json::from_slice(&body).unwrap()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err((error.status, error.code)),
    }
}

#[test]
fn an_invite_leads_to_a_stream_while_it_is_shown() {
    let mut world = World::new();
    world.seed([2]);
    let room = world.create_channel(new_channel("room", ChannelType::GuildVoice));
    let invite = |kind, user: Option<u64>| {
        let create = Create { target_type: Some(kind), target_user_id: user.map(Into::into), ..forever() };
        Op::Invite(invite::Op::Create { channel: room, create: Box::new(create) })
    };
    assert_eq!(world.err(OWNER, invite(2, None)), (400, 50035), "there is nothing to embed");
    assert_eq!(world.err(OWNER, invite(1, Some(2))), (400, 50035));
    let session = world.connect(2);
    world.ok(2, crate::voice::stream(session, Some(room)));
    assert_eq!(world.err(OWNER, invite(1, None)), (400, 50035));
    let made = world.ok(OWNER, invite(1, Some(2)));
    assert_eq!((&made["target_type"], &made["target_user"]["id"]), (&1.into(), &"2".into()));
    let shown = resolve(&world, made["code"].as_str().unwrap()).unwrap();
    assert_eq!(shown["target_user"]["id"], "2");
}

#[test]
fn joining_makes_a_member_whose_sessions_attach_and_who_is_welcomed() {
    let mut world = World::new();
    let owner = world.connect(OWNER);
    let code = make(&mut world, forever());
    let joining = world.connect(7);
    world.look_away();
    let shown = world.ok(7, join(&code, 7));
    assert_eq!((&shown["new_member"], &shown["guild"]["name"]), (&true.into(), &"guild".into()));
    assert!(shown.get("uses").is_none());
    assert_eq!(world.names(owner), ["GUILD_MEMBER_ADD", "MESSAGE_CREATE"]);
    assert!(world.session(joining).guild_create.is_some());
    assert!(matches!(world.told(7)[..], [user::Op::GuildJoined { guild }, ..] if guild == GUILD));

    let again = world.ok(7, join(&code, 7));
    assert_eq!(again["new_member"], false);
    assert_eq!(world.names(owner), [""; 0]);
}

#[test]
fn what_an_invite_shows_depends_on_who_asks() {
    let mut world = World::new();
    let code = make(&mut world, Create { max_age: 60, ..forever() });
    let public = resolve(&world, &code).unwrap();
    assert_eq!(public["approximate_member_count"], 1);
    assert_eq!(public["expires_at"], "2027-01-15T08:01:00.000000+00:00");
    assert_eq!(public["inviter"]["id"], OWNER.to_string());
    assert_eq!(public["channel"]["type"], 0);
    assert!(public.get("max_age").is_none());
    let listed = world.ok(OWNER, Op::Invite(invite::Op::List));
    assert_eq!((&listed[0]["max_age"], &listed[0]["uses"]), (&60.into(), &0.into()));
}

#[test]
fn invites_end_with_their_time_and_their_uses() {
    let mut world = World::new();
    let owner = world.connect(OWNER);
    let short = make(&mut world, Create { max_age: 60, ..forever() });
    let once = make(&mut world, Create { max_uses: 1, ..forever() });
    world.look_away();
    world.ok(5, join(&once, 5));
    assert_eq!(world.names(owner), ["INVITE_DELETE", "GUILD_MEMBER_ADD", "MESSAGE_CREATE"]);
    assert_eq!(world.err(6, join(&once, 6)), (404, 10006));
    world.advance(Duration::from_secs(61));
    assert_eq!(world.err(6, join(&short, 6)), (404, 10006));
    assert_eq!(resolve(&world, &short), Err((404, 10006)));
    assert_eq!(world.ok(OWNER, Op::Invite(invite::Op::List)).as_array().unwrap().len(), 0);
}

#[test]
fn an_equal_invite_is_given_again_unless_a_unique_one_is_wanted() {
    let mut world = World::new();
    let shared = Create { unique: false, ..forever() };
    let first = make(&mut world, shared.clone());
    assert_eq!(make(&mut world, shared.clone()), first);
    assert_ne!(make(&mut world, forever()), first);
    assert_ne!(make(&mut world, Create { max_uses: 5, ..shared }), first);
}

#[test]
fn only_those_who_manage_the_channel_are_told_of_invites() {
    let mut world = World::new();
    world.seed([2, 3]);
    let manager = world.create_role("manager", Permissions::MANAGE_CHANNELS);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 2.into(), role: manager }));
    let [manager, other] = [2, 3].map(|user| world.connect(user));
    let code = make(&mut world, forever());
    assert_eq!(world.names(manager), ["INVITE_CREATE"]);
    assert_eq!(world.names(other), [""; 0]);
    let delete = Op::Invite(invite::Op::Delete { code: code.clone() });
    assert_eq!(world.err(3, delete.clone()), (403, 50013));
    assert_eq!(world.err(99, delete.clone()), (403, 50001));
    world.ok(2, delete.clone());
    assert_eq!(world.names(manager), ["INVITE_DELETE"]);
    assert_eq!(world.err(2, delete), (404, 10006));
}

#[test]
fn invites_need_the_right_and_a_channel_that_can_have_them() {
    let mut world = World::new();
    world.seed([2]);
    let category = world.create_channel(new_channel("box", ChannelType::GuildCategory));
    let secret = world.create_channel(new_channel("secret", ChannelType::GuildText));
    world.hide(secret);
    let create = |channel| Op::Invite(invite::Op::Create { channel, create: Box::new(forever()) });
    assert_eq!(world.err(OWNER, create(category)), (400, 50024));
    assert_eq!(world.err(2, create(secret)), (403, 50001));
    assert_eq!(world.err(2, create(12345.into())), (404, 10003));
    assert_eq!(world.err(2, Op::Invite(invite::Op::List)), (403, 50013));
}

#[test]
fn invites_go_with_their_channel_and_are_kept_over_a_restart() {
    let mut world = World::new();
    let code = make(&mut world, forever());
    world.restart();
    assert!(resolve(&world, &code).is_ok());
    let channel = world.channel("general");
    world.ok(OWNER, Op::Channel(consort_rpc::guild::channel::Op::Delete { channel }));
    assert_eq!(resolve(&world, &code), Err((404, 10006)));
}

#[test]
fn temporary_members_leave_when_they_are_offline() {
    let mut world = World::new();
    let code = make(&mut world, Create { temporary: true, ..forever() });
    let role = world.create_role("kept", Permissions::empty());
    for user in [5, 6] {
        world.ok(user, join(&code, user));
    }
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 6.into(), role }));
    world.restart();
    let owner = world.connect(OWNER);
    for user in [5, 6] {
        world.present(user, "online");
        world.present(user, "offline");
    }
    let removed: Vec<_> =
        world.take(owner).into_iter().filter(|(name, _)| name == "GUILD_MEMBER_REMOVE").collect();
    assert_eq!(removed.len(), 1);
    assert_eq!(removed[0].1["user"]["id"], "5");
}

#[test]
fn the_intent_decides_whether_joins_are_told() {
    let mut world = World::new();
    let with = world.connect_with(OWNER, Intents::GUILD_MEMBERS);
    let without = world.connect_with(OWNER, Intents::GUILDS);
    let code = make(&mut world, forever());
    world.look_away();
    world.ok(5, join(&code, 5));
    assert_eq!(world.names(with), ["GUILD_MEMBER_ADD"]);
    assert_eq!(world.names(without), [""; 0]);
}
