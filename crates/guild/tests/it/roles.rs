//! Roles: what they show and hide, and who may hand them out.

use consort_model::{ChannelType, Overwrite, Patch, Permissions, RoleId};
use consort_rpc::guild::role::{Fields, Op as RoleOp};
use consort_rpc::guild::{Op, member};
use serde_json::{Value, json};

use crate::world::{GUILD, OWNER, World, new_channel};

const NONE: Permissions = Permissions::empty();
const VIEW: Permissions = Permissions::VIEW_CHANNEL;

fn add(user: u64, role: RoleId) -> Op {
    Op::Member(member::Op::AddRole { user: user.into(), role })
}

fn remove(user: u64, role: RoleId) -> Op {
    Op::Member(member::Op::RemoveRole { user: user.into(), role })
}

fn permit(role: RoleId, permissions: Permissions) -> Op {
    let fields = Fields { permissions: Patch::Value(permissions), ..Fields::default() };
    Op::Role(RoleOp::Update { role, fields: Box::new(fields) })
}

/// A guild with members 2 and 3, a role, and a channel that only the role shows.
fn with_role() -> (World, RoleId) {
    let mut world = World::new();
    world.seed([2, 3]);
    let role = world.create_role("key", NONE);
    let secret = world.create_channel(new_channel("secret", ChannelType::GuildText));
    world.hide(secret);
    world.overwrite(secret, Overwrite::role(role, VIEW, NONE));
    (world, role)
}

#[test]
fn a_role_given_shows_its_channels_to_exactly_that_member() {
    let (mut world, role) = with_role();
    let sessions = [world.connect(2), world.connect(2), world.connect(3)];
    world.ok(OWNER, add(2, role));
    let own = vec!["GUILD_MEMBER_UPDATE", "CHANNEL_CREATE"];
    let mut told = sessions.map(|session| world.names(session));
    told.iter_mut().for_each(|names| names.sort_by_key(|name| name == "CHANNEL_CREATE"));
    assert_eq!(told, [own.clone(), own, vec!["GUILD_MEMBER_UPDATE"]]);
    world.ok(OWNER, remove(2, role));
    let told = sessions.map(|session| world.names(session).contains(&"CHANNEL_DELETE".to_owned()));
    assert_eq!(told, [true, true, false]);
}

#[test]
fn members_with_the_same_roles_are_told_the_same_and_a_session_that_comes_later_too() {
    let (mut world, role) = with_role();
    world.ok(OWNER, add(2, role));
    world.ok(OWNER, add(3, role));
    let early = world.connect(2);
    let late = world.connect(3);
    world.ok(OWNER, permit(role, Permissions::ADMINISTRATOR));
    let hidden = world.create_channel(new_channel("hidden", ChannelType::GuildVoice));
    world.hide(hidden);
    world.ok(OWNER, permit(role, NONE));
    assert_eq!(world.names(early), world.names(late));
}

#[test]
fn a_deleted_role_takes_with_it_what_it_showed() {
    let (mut world, role) = with_role();
    world.ok(OWNER, add(2, role));
    let sessions = [world.connect(2), world.connect(3)];
    world.ok(OWNER, Op::Role(RoleOp::Delete { role }));
    assert_eq!(
        sessions.map(|s| world.names(s)),
        [vec!["GUILD_ROLE_DELETE", "CHANNEL_DELETE"], vec!["GUILD_ROLE_DELETE"]]
    );
    let truth = world.truth().unwrap();
    assert!(truth.members.iter().all(|member| member.roles.is_empty()));
    assert!(
        truth
            .channels
            .iter()
            .flat_map(|c| c.permission_overwrites.iter().flatten())
            .all(|o| o.id != role.cast())
    );
    assert_eq!(world.err(OWNER, add(2, role)), (404, 10011));
    // Whoever had it goes on being told what everybody is.
    world.look_away();
    world.create_channel(new_channel("next", ChannelType::GuildText));
    assert_eq!(sessions.map(|s| world.names(s)), [vec!["CHANNEL_CREATE"], vec!["CHANNEL_CREATE"]]);
}

#[test]
fn what_everyone_may_changes_what_everyone_sees() {
    let (mut world, _) = with_role();
    let session = world.connect(2);
    world.ok(OWNER, permit(GUILD.cast(), NONE));
    let told = world.names(session);
    assert_eq!((told[0].as_str(), told.len()), ("GUILD_ROLE_UPDATE", 5), "{told:?}");
    world.ok(OWNER, permit(GUILD.cast(), VIEW));
    assert_eq!(world.names(session).iter().filter(|name| *name == "CHANNEL_CREATE").count(), 4);
    assert_eq!(world.err(OWNER, Op::Role(RoleOp::Delete { role: GUILD.cast() })).1, 50028);
}

fn positions(world: &World) -> Vec<String> {
    let mut roles = world.truth().unwrap().guild.roles;
    roles.sort_by_key(|role| role.position);
    let distinct: std::collections::BTreeSet<_> = roles.iter().map(|role| role.position).collect();
    assert_eq!(distinct.len(), roles.len(), "no two roles share a position");
    roles.into_iter().map(|role| role.name).collect()
}

fn moves(moves: &[(RoleId, i64)]) -> Op {
    Op::Role(RoleOp::Move(moves.iter().map(|(role, position)| (*role, Some(*position))).collect()))
}

#[test]
fn roles_are_moved_to_where_they_are_said_to_be_whatever_the_order_of_saying() {
    let mut world = World::new();
    world.seed([2]);
    let session = world.connect(2);
    let [c, b, a] = ["c", "b", "a"].map(|name| world.create_role(name, NONE));
    assert_eq!(positions(&world), ["@everyone", "a", "b", "c"]);
    for order in [[(c, 2), (b, 1)], [(b, 1), (c, 2)]] {
        world.ok(OWNER, moves(&order));
        assert_eq!(positions(&world), ["@everyone", "b", "c", "a"]);
        world.ok(OWNER, moves(&[(a, 1), (b, 2), (c, 3)]));
        assert_eq!(positions(&world), ["@everyone", "a", "b", "c"]);
    }
    world.look_away();
    world.ok(OWNER, moves(&[(a, 1)]));
    assert_eq!(world.names(session), [""; 0], "nothing has moved");
    world.ok(OWNER, moves(&[(a, 1), (a, 99)]));
    assert_eq!(positions(&world), ["@everyone", "b", "c", "a"]);
    let list = world.ok(2, Op::Role(RoleOp::List));
    let listed: Vec<_> = list.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap()).collect();
    assert_eq!(listed, ["@everyone", "b", "c", "a"]);
}

#[test]
fn nobody_reaches_above_their_own_highest_role() {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    let [top, own, lesser, low] = ["top", "own", "lesser", "low"]
        .map(|name| world.create_role(name, Permissions::MANAGE_ROLES | Permissions::KICK_MEMBERS));
    assert_eq!(positions(&world), ["@everyone", "low", "lesser", "own", "top"]);
    world.ok(OWNER, add(2, own));
    world.ok(OWNER, add(2, lesser));
    world.ok(OWNER, add(3, top));
    let refused = (403, 50013);
    for op in [
        add(4, own),
        add(4, top),
        remove(3, top),
        permit(own, NONE),
        Op::Role(RoleOp::Delete { role: top }),
        moves(&[(top, 1)]),
        moves(&[(own, 4)]),
        moves(&[(lesser, 3)]),
        moves(&[(low, 9)]),
        Op::Member(member::Op::Kick { user: 3.into() }),
        Op::Member(member::Op::Kick { user: OWNER.into() }),
        permit(low, Permissions::ADMINISTRATOR),
    ] {
        assert_eq!(world.err(2, op), refused);
    }
    world.ok(2, add(4, low));
    world.ok(2, moves(&[(low, 2)]));
    assert_eq!(positions(&world), ["@everyone", "lesser", "low", "own", "top"]);
    world.ok(2, Op::Member(member::Op::Kick { user: 4.into() }));
    // Members without the right, and those who are none.
    assert_eq!(world.err(99, add(2, low)), (403, 50001));
    world.ok(OWNER, remove(3, top));
    assert_eq!(world.err(3, add(3, low)), refused);
    assert_eq!(world.err(3, moves(&[(low, 1)])), refused);
}

#[test]
fn a_guild_has_two_hundred_and_fifty_roles_at_most() {
    let mut world = World::new();
    let create = || Op::Role(RoleOp::Create(Box::default()));
    for _ in 1..250 {
        world.call(OWNER, create()).unwrap();
    }
    assert_eq!(world.err(OWNER, create()), (400, 30005));
}

#[test]
fn changes_are_in_the_audit_log_with_who_what_and_why() {
    let mut world = World::new();
    world.seed([2]);
    let session = world.connect(2);
    let reader = world.create_role("reader", Permissions::VIEW_AUDIT_LOG);
    assert!(!world.names(session).contains(&"GUILD_AUDIT_LOG_ENTRY_CREATE".to_owned()));
    world.ok(OWNER, add(2, reader));
    world.look_away();
    world.reason = Some("because".into());
    let fields = Fields { name: Patch::Value("named".into()), ..Fields::default() };
    world.ok(OWNER, Op::Role(RoleOp::Update { role: reader, fields: Box::new(fields) }));
    let told = world.take(session);
    let (name, entry) = told.last().unwrap();
    assert_eq!(name, "GUILD_AUDIT_LOG_ENTRY_CREATE");
    let wanted = json!({
        "guild_id": GUILD, "id": entry["id"], "action_type": 31, "user_id": "1", "target_id": reader,
        "changes": [{"key": "name", "old_value": "reader", "new_value": "named"}], "reason": "because",
    });
    let shown: Value = entry
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, v)| !v.is_null())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    assert_eq!(shown, wanted);
    let log = |user: Option<u64>, action, limit| {
        Op::Settings(consort_rpc::guild::settings::Op::AuditLog {
            user: user.map(Into::into),
            action,
            before: None,
            after: None,
            limit,
        })
    };
    let read = world.ok(2, log(None, None, 2));
    let kinds: Vec<_> = read["audit_log_entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["action_type"].as_u64().unwrap())
        .collect();
    assert_eq!(kinds, [31, 25], "newest first");
    assert_eq!(read["users"].as_array().unwrap().len(), 2, "who did it and to whom");
    let read = world.ok(2, log(Some(OWNER), Some(30), 100));
    assert_eq!(read["audit_log_entries"].as_array().unwrap().len(), 1);
    assert_eq!(world.err(99, log(None, None, 1)), (403, 50001));
    world.ok(OWNER, remove(2, reader));
    assert_eq!(world.err(2, log(None, None, 1)), (403, 50013));
}
