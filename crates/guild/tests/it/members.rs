//! Members: nicks, roles, timeouts, kicks, leaving, pruning, bots.

use std::time::Duration;

use consort_model::{ApplicationId, Member, Patch, Permissions, Timestamp, UserId};
use consort_rpc::guild::member::{Add, Op as M, Update, UpdateSelf};
use consort_rpc::guild::{Op, settings};
use consort_rpc::user;
use serde_json::Value;

use crate::invites::{forever, join, make};
use crate::world::{GUILD, OWNER, World, account, id};

const BOT: u64 = 1000;

fn update(user: u64, update: Update) -> Op {
    Op::Member(M::Update { user: user.into(), update: Box::new(update) })
}

fn nick(user: u64, nick: &str) -> Op {
    update(user, Update { nick: Patch::Value(nick.into()), ..Update::default() })
}

fn timeout(user: u64, until_ms: u64) -> Op {
    let until = Patch::Value(Timestamp::from_ms(until_ms));
    update(user, Update { communication_disabled_until: until, ..Update::default() })
}

/// A guild with a moderator (2) of these rights, a member with a higher role (3), and one without roles (4).
fn ranked(rights: Permissions) -> World {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    let top = world.create_role("top", Permissions::empty());
    let moderator = world.create_role("moderator", rights);
    let low = world.create_role("low", Permissions::empty());
    // New roles come in below the others.
    for (user, role) in [(3, top), (2, moderator), (4, low)] {
        world.ok(OWNER, Op::Member(M::AddRole { user: user.into(), role }));
    }
    world
}

fn newest_entry(world: &mut World) -> Value {
    let op = settings::Op::AuditLog { user: None, action: None, before: None, after: None, limit: 1 };
    world.ok(OWNER, Op::Settings(op))["audit_log_entries"][0].clone()
}

#[test]
fn nicks_need_the_right_and_the_rank() {
    let mut world = ranked(Permissions::MANAGE_NICKNAMES);
    assert_eq!(world.ok(2, nick(4, "four"))["nick"], "four");
    assert_eq!(newest_entry(&mut world)["action_type"], 24);
    assert_eq!(world.err(2, nick(3, "three")), (403, 50013));
    assert_eq!(world.err(2, nick(OWNER, "one")), (403, 50013));
    assert_eq!(world.err(4, nick(2, "two")), (403, 50013));
    assert_eq!(world.err(2, nick(55, "nobody")), (404, 10007));
    assert_eq!(world.err(55, nick(4, "stranger")), (403, 50001));
    assert_eq!(world.ok(4, nick(4, "own"))["nick"], "own");
    let own = UpdateSelf { nick: Patch::Value(String::new()), ..UpdateSelf::default() };
    assert_eq!(world.ok(4, Op::Member(M::UpdateSelf(Box::new(own))))["nick"], Value::Null);
}

#[test]
fn a_member_hears_of_itself_without_the_intent() {
    let mut world = ranked(Permissions::MANAGE_NICKNAMES);
    let own = world.connect_with(4, consort_model::Intents::GUILDS);
    let other = world.connect_with(3, consort_model::Intents::GUILDS);
    world.ok(2, nick(4, "four"));
    assert_eq!(world.names(own), ["GUILD_MEMBER_UPDATE"]);
    assert_eq!(world.names(other), [""; 0]);
}

#[test]
fn roles_are_given_and_taken_below_the_callers_own() {
    let mut world = ranked(Permissions::MANAGE_ROLES);
    let low = world.create_role("newcomer", Permissions::empty());
    let top = world.truth().unwrap().guild.roles.iter().find(|role| role.name == "top").unwrap().id;
    let give = |role, user: u64| Op::Member(M::AddRole { user: user.into(), role });
    world.ok(2, give(low, 4));
    world.ok(2, give(low, 3));
    let entry = newest_entry(&mut world);
    assert_eq!((&entry["action_type"], &entry["changes"][0]["key"]), (&25.into(), &"$add".into()));
    assert_eq!(entry["changes"][0]["new_value"][0]["name"], "newcomer");
    assert_eq!(world.err(2, give(top, 4)), (403, 50013));
    assert_eq!(world.err(4, give(low, 4)), (403, 50013));
    assert_eq!(world.err(2, give(GUILD.cast(), 4)), (400, 50028));
    assert_eq!(world.err(2, give(77.into(), 4)), (404, 10011));
    world.ok(2, Op::Member(M::RemoveRole { user: 4.into(), role: low }));

    let keep_top = Update { roles: Patch::Value(vec![top, low]), ..Update::default() };
    world.ok(2, update(3, keep_top));
    let without = Update { roles: Patch::Value(vec![low]), ..Update::default() };
    assert_eq!(world.err(2, update(3, without)), (403, 50013));
}

#[test]
fn a_role_shows_and_hides_channels_at_once() {
    let mut world = World::new();
    world.seed([2]);
    let role = world.create_role("insider", Permissions::empty());
    let general = world.channel("general");
    world.hide(general);
    let sight = Permissions::VIEW_CHANNEL;
    world.overwrite(general, consort_model::Overwrite::role(role, sight, Permissions::empty()));
    let member = world.connect(2);
    world.ok(OWNER, Op::Member(M::AddRole { user: 2.into(), role }));
    assert_eq!(world.names(member), ["GUILD_MEMBER_UPDATE", "CHANNEL_CREATE"]);
    world.ok(OWNER, Op::Member(M::RemoveRole { user: 2.into(), role }));
    assert_eq!(world.names(member), ["GUILD_MEMBER_UPDATE", "CHANNEL_DELETE"]);
}

#[test]
fn timeouts_are_bounded_and_spare_administrators() {
    let mut world = ranked(Permissions::MODERATE_MEMBERS);
    let now = consort_runtime::Clock::now_ms(&*world.clock);
    let day = 24 * 3_600_000;
    world.ok(2, timeout(4, now + day));
    assert_eq!(world.err(2, timeout(4, now + 29 * day)), (400, 50035));
    assert_eq!(world.err(2, timeout(3, now + day)), (403, 50013));
    assert_eq!(world.err(2, timeout(OWNER, now + day)), (403, 50013));
    let admin = world.create_role("admin", Permissions::ADMINISTRATOR);
    world.ok(OWNER, Op::Member(M::AddRole { user: 4.into(), role: admin }));
    assert_eq!(world.err(OWNER, timeout(4, now + day)), (403, 50013));
    assert_eq!(world.err(3, timeout(4, now + day)), (403, 50013));
}

#[test]
fn who_leaves_or_is_kicked_is_told_and_detached() {
    let mut world = ranked(Permissions::KICK_MEMBERS);
    let (owner, kicked) = (world.connect(OWNER), world.connect(4));
    let kick = |user: u64| Op::Member(M::Kick { user: user.into() });
    assert_eq!(world.err(2, kick(3)), (403, 50013));
    assert_eq!(world.err(2, kick(OWNER)), (403, 50013));
    assert_eq!(world.err(3, kick(4)), (403, 50013));
    world.told(4);
    world.ok(2, kick(4));
    assert_eq!(world.names(kicked), ["GUILD_DELETE"]);
    assert!(world.session(kicked).class.is_none());
    assert_eq!(world.names(owner), ["GUILD_MEMBER_REMOVE", "GUILD_AUDIT_LOG_ENTRY_CREATE"]);
    assert!(matches!(world.told(4)[..], [user::Op::GuildLeft { guild }] if guild == GUILD));
    assert_eq!(world.err(2, kick(4)), (404, 10007));

    world.ok(3, Op::Member(M::Leave));
    assert_eq!(world.names(owner), ["GUILD_MEMBER_REMOVE"]);
    assert_eq!(world.err(OWNER, Op::Member(M::Leave)), (400, 50055));
    assert_eq!(world.err(3, Op::Member(M::Leave)), (404, 10004));
}

#[test]
fn pruning_takes_only_members_who_are_away_and_without_roles() {
    let mut world = World::new();
    world.seed([2, 3, 4, 5]);
    let role = world.create_role("kept", Permissions::empty());
    world.ok(OWNER, Op::Member(M::AddRole { user: 2.into(), role }));
    world.advance(Duration::from_secs(10 * 24 * 3600));
    world.present(3, "online");
    world.present(4, "online");
    world.present(4, "offline");
    let prune = |include: &[_], dry| {
        Op::Member(M::Prune { days: 7, include_roles: include.to_vec(), compute: true, dry })
    };
    assert_eq!(world.ok(OWNER, prune(&[], true))["pruned"], 1);
    assert_eq!(world.ok(OWNER, prune(&[role], true))["pruned"], 2);
    assert_eq!(world.err(2, prune(&[], true)), (403, 50013));
    world.restart();
    world.present(3, "online");
    assert_eq!(world.ok(OWNER, prune(&[], false))["pruned"], 1);
    let left: Vec<_> = world.truth().unwrap().members.iter().filter_map(|m| m.user.clone()).collect();
    let left: Vec<_> = left.iter().map(|user| user.id.get()).collect();
    assert_eq!(left, [1, 2, 3, 4]);
}

fn add_bot(permissions: Permissions) -> Op {
    let (bot, application) = (Box::new(account(BOT)), ApplicationId::new(BOT));
    Op::Member(M::AddBot { bot, application, name: "helper".into(), permissions })
}

#[test]
fn an_added_bot_has_its_role_and_its_integration() {
    let mut world = World::new();
    world.seed([2]);
    let owner = world.connect(OWNER);
    assert_eq!(world.err(2, add_bot(Permissions::empty())), (403, 50013));
    let bot = world.ok(OWNER, add_bot(Permissions::MANAGE_CHANNELS));
    let told = world.names(owner);
    for name in ["GUILD_MEMBER_ADD", "GUILD_ROLE_CREATE", "INTEGRATION_CREATE", "GUILD_INTEGRATIONS_UPDATE"] {
        assert!(told.iter().any(|told| told == name), "{name}: {told:?}");
    }
    let truth = world.truth().unwrap();
    let role = truth.guild.roles.iter().find(|role| role.managed).unwrap();
    assert_eq!(bot["roles"][0], role.id.to_string());
    assert_eq!(role.tags.as_ref().unwrap().bot_id, Some(UserId::new(BOT)));
    assert_eq!(role.permissions, Permissions::MANAGE_CHANNELS);
    let take = Op::Member(M::RemoveRole { user: BOT.into(), role: role.id });
    assert_eq!(world.err(OWNER, take), (400, 50028));
    let integrations = world.ok(OWNER, Op::Settings(settings::Op::Integrations));
    assert_eq!(integrations[0]["application"]["id"], BOT.to_string());
    // A second time only the rights are new.
    world.ok(OWNER, add_bot(Permissions::BAN_MEMBERS));
    let truth = world.truth().unwrap();
    assert_eq!(truth.guild.roles.iter().filter(|role| role.managed).count(), 1);

    world.ok(OWNER, Op::Member(M::Kick { user: BOT.into() }));
    let truth = world.truth().unwrap();
    assert!(!truth.guild.roles.iter().any(|role| role.managed));
    assert_eq!(world.ok(OWNER, Op::Settings(settings::Op::Integrations)), Value::Array(Vec::new()));
}

#[test]
fn a_bot_gets_no_rights_that_its_adder_lacks() {
    let mut world = ranked(Permissions::MANAGE_GUILD | Permissions::KICK_MEMBERS);
    world.ok(2, add_bot(Permissions::KICK_MEMBERS | Permissions::ADMINISTRATOR));
    let truth = world.truth().unwrap();
    let role = truth.guild.roles.iter().find(|role| role.managed).unwrap();
    assert_eq!(role.permissions, Permissions::KICK_MEMBERS);
}

#[test]
fn members_are_paged_by_id_and_found_by_the_beginning_of_a_name() {
    let mut world = World::new();
    let named = |user: u64, nick: &str| Member {
        nick: Some(nick.into()),
        ..Member::new(account(user), Timestamp::from_ms(0))
    };
    world.seed_members([named(20, "Anna"), named(21, "annika"), named(22, "Bo")]);
    let list = |limit, after: u64| Op::Member(M::List { limit, after: after.into() });
    let ids = |page: &Value| page.as_array().unwrap().iter().map(|m| id(&m["user"])).collect::<Vec<u64>>();
    assert_eq!(ids(&world.ok(OWNER, list(2, 0))), [1, 20]);
    assert_eq!(ids(&world.ok(OWNER, list(5, 20))), [21, 22]);
    let search = |query: &str| Op::Member(M::Search { query: query.into(), limit: 10 });
    assert_eq!(ids(&world.ok(OWNER, search("ANN"))), [20, 21]);
    assert_eq!(world.err(99, search("x")), (403, 50001));
    assert_eq!(world.err(OWNER, Op::Member(M::Get { user: 99.into() })), (404, 10007));
}

#[test]
fn a_guild_that_lets_nobody_in_says_so() {
    let mut world = World::new();
    let code = make(&mut world, forever());
    let update =
        settings::Update { features: Some(vec!["INVITES_DISABLED".into()]), ..settings::Update::default() };
    world.ok(OWNER, Op::Settings(settings::Op::Update(Box::new(update))));
    assert_eq!(world.err(5, join(&code, 5)), (400, 40006));
}

#[test]
fn measures_against_a_raid_keep_people_out_until_they_end() {
    let mut world = World::new();
    let code = make(&mut world, forever());
    let until = |ms| {
        let invites_disabled_until = Patch::Value(Timestamp::from_ms(ms));
        Op::Settings(settings::Op::IncidentActions {
            invites_disabled_until,
            dms_disabled_until: Patch::Absent,
        })
    };
    assert_eq!(world.err(5, until(u64::MAX >> 20)), (403, 50001));
    let told = world.ok(OWNER, until(u64::MAX >> 20));
    assert_eq!(told["dms_disabled_until"], Value::Null);
    assert_eq!(world.err(5, join(&code, 5)), (400, 40006));
    world.ok(OWNER, until(0));
    world.ok(5, join(&code, 5));
}

#[test]
fn a_bot_brings_in_who_allowed_it_with_what_it_may_give() {
    let mut world = World::new();
    world.ok(OWNER, add_bot(Permissions::CREATE_INSTANT_INVITE | Permissions::MANAGE_NICKNAMES));
    let role = world.create_role("gift", Permissions::empty());
    let add = |nick: Option<&str>, roles: &[_]| {
        let nick = nick.map(str::to_owned);
        let add = Add { user: account(8), nick, roles: roles.to_vec(), mute: false, deaf: false };
        Op::Member(M::Add(Box::new(add)))
    };
    assert_eq!(world.err(BOT, add(None, &[role])), (403, 50013));
    assert_eq!(world.ok(BOT, add(Some("eight"), &[]))["nick"], "eight");
    assert_eq!(world.ok(BOT, add(None, &[])), Value::Null);
}
