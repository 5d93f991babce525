use consort_model::{GuildId, Status};
use consort_rpc::relay::SessionKey;
use consort_rpc::user::Op;
use consort_rpc::user::account::Op as Account;
use consort_rpc::user::gateway;
use consort_rpc::user::relationship::Op as Relationship;
use consort_store::Table;
use serde_json::json;

use crate::relationships::befriend;
use crate::world::{GUILD, World};

fn statuses(world: &mut World) -> Vec<Status> {
    world.guild_presences().into_iter().map(|presence| presence.status).collect()
}

#[test]
fn guilds_are_told_of_changes_and_of_nothing_else() {
    let mut world = World::new([1]);
    let first = world.connect(1);
    assert_eq!(statuses(&mut world), [Status::Online]);
    let second = world.connect(1);
    assert_eq!(statuses(&mut world), []);
    world.show(second, Status::Dnd, vec![json!({"name": "chess", "type": 0})]);
    let told = world.guild_presences();
    assert_eq!((told.len(), told[0].status, told[0].activities.len()), (1, Status::Online, 1));
    assert_eq!(told[0].guild_id, Some(GUILD));
    world.disconnect(first);
    assert_eq!(statuses(&mut world), [Status::Dnd]);
    world.disconnect(second);
    assert_eq!(statuses(&mut world), [Status::Offline]);
}

#[test]
fn the_status_last_chosen_is_the_next_sessions() {
    let mut world = World::new([1]);
    let session = world.connect(1);
    let custom = json!({"name": "Custom Status", "type": 4, "state": "away"});
    world.show(session, Status::Invisible, vec![custom.clone()]);
    world.disconnect(session);
    world.guild_presences();
    world.restart();
    let session = world.connect(1);
    assert_eq!(statuses(&mut world), []);
    assert_eq!(world.outside().sessions[&session].ready["user_settings"]["status"], "invisible");
    world.show(session, Status::Idle, vec![custom.clone()]);
    let told = world.guild_presences();
    let shown = &told[0].activities;
    assert_eq!((told[0].status, shown.len(), shown[0].state.as_deref()), (Status::Idle, 1, Some("away")));
    assert!(shown[0].created_at > 0 && shown[0].id.len() == 16);
}

#[test]
fn friends_see_each_other_come_change_and_go() {
    let mut world = World::new([1, 2, 3]);
    let one = world.connect(1);
    befriend(&mut world, 1, 2);
    befriend(&mut world, 1, 3);
    world.take(one);
    let two = world.connect(2);
    let presences = |told: Vec<(String, serde_json::Value)>| -> Vec<_> {
        let presences = told.into_iter().filter(|(name, _)| name == "PRESENCE_UPDATE");
        presences.map(|(_, d)| (d["user"]["id"].clone(), d["status"].clone())).collect()
    };
    assert_eq!(presences(world.take(one)), [(json!("2"), json!("online"))]);
    assert_eq!(presences(world.take(two)), [(json!("1"), json!("online"))]);
    world.show(two, Status::Invisible, Vec::new());
    assert_eq!(presences(world.take(one)), [(json!("2"), json!("offline"))]);
    // Who is invisible sees the others all the same.
    world.show(one, Status::Dnd, Vec::new());
    assert_eq!(presences(world.take(two)), [(json!("1"), json!("dnd"))]);
    world.disconnect(one);
    assert_eq!(presences(world.take(two)), [(json!("1"), json!("offline"))]);
}

#[test]
fn a_new_owner_gets_its_sessions_and_friends_back() {
    let mut world = World::new([1, 2]);
    let (one, two) = (world.connect(1), world.connect(2));
    befriend(&mut world, 1, 2);
    world.guild_presences();
    world.restart();
    // The first call brings the owner to life.
    world.ok(1, Op::Account(Account::Get));
    world.settle();
    world.ok(2, Op::Account(Account::Get));
    world.settle();
    world.take(one);
    world.show(two, Status::Idle, Vec::new());
    let told = world.take(one);
    assert!(told.iter().any(|(name, d)| name == "PRESENCE_UPDATE" && d["status"] == "idle"), "{told:?}");
    assert_eq!(world.ok(1, Op::Sessions).as_array().unwrap().len(), 1);
}

#[test]
fn a_session_that_missed_a_word_of_the_last_owner_ends_and_the_others_go_on() {
    let mut world = World::new([1, 2]);
    let (whole, behind) = (world.connect(1), world.connect(1));
    befriend(&mut world, 1, 2);
    let said = world.outside().heard[&whole];
    assert_eq!(world.outside().heard[&behind], said);
    // The owner died after its last commit and before it could tell this session.
    world.outside().heard.insert(behind, said - 1);
    world.restart();
    // What brings the next owner to life is told to those who come back.
    world.ok(2, Op::Relationship(Relationship::Remove { user: 1.into() }));
    world.settle();
    let closed = |key| world.outside().sessions[key].closed;
    assert_eq!((closed(&whole), closed(&behind)), (None, Some(4000)));
    assert_eq!(world.outside().heard[&whole], said + 1);
    assert!(world.names(whole).contains(&"RELATIONSHIP_REMOVE".to_owned()));
}

#[test]
fn a_guild_joined_is_joined_by_every_session() {
    let mut world = World::new([1]);
    let (a, b) = (world.connect(1), world.connect(1));
    let guild = GuildId::new(88);
    world.guild_presences();
    world.tell(1, Op::GuildJoined { guild });
    let mut joins = world.outside().joins.clone();
    joins.sort();
    assert_eq!(joins, [(a, guild), (b, guild)]);
    assert_eq!(world.guild_presences()[0].guild_id, Some(guild));
    assert_eq!(world.ok(1, Op::Account(Account::Guilds)), json!(["77", "88"]));
    world.tell(1, Op::GuildLeft { guild });
    world.restart();
    assert_eq!(world.ok(1, Op::Account(Account::Guilds)), json!(["77"]));
    assert_eq!(world.err(1, Op::GuildJoined { guild }), (403, 50013));
}

#[test]
fn a_login_that_ends_takes_its_sessions_along() {
    let mut world = World::new([1]);
    let (a, b) = (world.connect(1), world.connect(1));
    world.take(b);
    world.tell(1, Op::Account(Account::LoggedOut { auth_sessions: vec![a.number] }));
    assert_eq!(world.outside().sessions[&a].closed, Some(4004));
    assert_eq!(world.outside().sessions[&b].closed, None);
    assert_eq!(world.names(b), ["SESSIONS_REPLACE"]);
    world.tell(1, Op::Account(Account::Disable));
    assert_eq!(world.outside().sessions[&b].closed, Some(4004));
    let open = world.outside().sessions[&b].open.clone();
    assert_eq!(world.err(1, Op::Gateway(gateway::Op::Open(open))), (401, 0));
}

/// The owner of the account's secrets takes a login away.
fn end_login(world: &World, session: SessionKey) {
    let (user, login) = (session.user.get(), session.number);
    world.write(|batch| {
        batch.delete(Table::UserTokens, user, login);
    });
}

#[test]
fn a_login_that_ends_between_the_look_at_its_token_and_its_session_opens_none() {
    let mut world = World::new([1, 1000]);
    for user in [1, 1000] {
        let session = world.connect(user);
        let open = world.outside().sessions[&session].open.clone();
        let ended = || Op::Account(Account::LoggedOut { auth_sessions: vec![session.number] });
        // Its token was looked at, and then it ends; what follows from that comes before the session.
        end_login(&world, session);
        world.tell(user, ended());
        assert_eq!(world.outside().sessions[&session].closed, Some(4004));
        assert_eq!(world.err(user, Op::Gateway(gateway::Op::Open(open))), (401, 0));
        // Or behind it: the session is registered, and found.
        assert_eq!(world.system(user, Op::Sessions), Ok(json!([session])));
        world.tell(user, ended());
        assert_eq!(world.system(user, Op::Sessions), Ok(json!([])));
    }
}

#[test]
fn a_session_that_comes_back_after_its_login_has_ended_is_closed() {
    let mut world = World::new([1]);
    let (a, b) = (world.connect(1), world.connect(1));
    // The end was told to an owner that did not know the session, and is no more.
    end_login(&world, a);
    world.restart();
    world.ok(1, Op::Account(Account::Guilds));
    assert_eq!(world.outside().sessions[&a].closed, Some(4004));
    assert_eq!(world.outside().sessions[&b].closed, None);
    assert_eq!(world.system(1, Op::Sessions), Ok(json!([b])));
}

#[test]
fn a_login_that_ends_while_its_session_is_on_its_way_to_another_node_ends_that_there() {
    let mut world = World::new([1]);
    let (a, b) = (world.connect(1), world.connect(1));
    let mut arrived = world.outside().sessions[&a].clone();
    world.tell(1, Op::Account(Account::LoggedOut { auth_sessions: vec![a.number] }));
    arrived.open.session.number += 1_000;
    (arrived.open.again, arrived.open.heard) = (true, world.outside().heard.get(&b).copied());
    let (open, there) = (arrived.open.clone(), arrived.open.session);
    world.outside().sessions.insert(there, arrived);
    world.ok(1, Op::Gateway(gateway::Op::Open(open)));
    assert_eq!(world.outside().sessions[&there].closed, Some(4004));
    assert_eq!(world.ok(1, Op::Sessions).as_array().unwrap().len(), 1);
}

#[test]
fn a_session_is_found_at_its_address_and_for_a_while_at_its_former_one() {
    let mut world = World::new([1, 2]);
    let a = world.connect(1);
    let mut open = world.outside().sessions[&a].open.clone();
    let session_id = open.session_id.clone();
    let find = |world: &mut World, caller: u64| {
        let op = Op::Gateway(gateway::Op::Find { session_id: session_id.clone() });
        world.find(caller, 1, op)
    };
    assert_eq!(find(&mut world, 1), Some(vec![a]));
    assert_eq!(find(&mut world, 2), None, "another account is told nothing");
    let mut moved = world.outside().sessions[&a].clone();
    open.session.number += 1_000;
    (open.again, open.heard) = (true, world.outside().heard.get(&a).copied());
    moved.open = open.clone();
    let there = open.session;
    world.outside().sessions.insert(there, moved);
    world.pass(1);
    world.ok(1, Op::Gateway(gateway::Op::Open(open.clone())));
    assert_eq!(find(&mut world, 1), Some(vec![there, a]));
    world.disconnect(a);
    assert_eq!(find(&mut world, 1), Some(vec![there]));
}

#[test]
fn the_oldest_of_too_many_sessions_of_a_person_ends() {
    let mut world = World::new([1]);
    let (first, second) = (world.connect(1), world.connect(1));
    let closed = |world: &World, key| world.outside().sessions[key].closed;
    (2..50).for_each(|_| drop(world.connect_as_raw(1, 0)));
    assert_eq!((closed(&world, &first), closed(&world, &second)), (None, None));
    world.connect_as_raw(1, 0);
    assert_eq!((closed(&world, &first), closed(&world, &second)), (Some(4009), None));
}

#[test]
fn sessions_that_come_together_are_told_of_together() {
    let mut world = World::new([1]);
    let session = world.connect(1);
    world.take(session);
    (0..20).for_each(|_| drop(world.connect_as_raw(1, 0)));
    world.pass(1_000);
    let told = world.names(session).len();
    assert!((1..=2).contains(&told), "told {told} times of 20 changes");
}

#[test]
fn ready_has_what_libraries_read_in_the_form_that_was_asked_for() {
    let mut world = World::new([1, 2, 1000]);
    let bot = world.connect(1000);
    let ready = world.outside().sessions[&bot].ready.clone();
    assert_eq!((&ready["user"]["id"], &ready["user"]["bot"]), (&json!("1000"), &json!(true)));
    for key in
        ["private_channels", "relationships", "presences", "guild_join_requests", "geo_ordered_rtc_regions"]
    {
        assert_eq!(ready[key], json!([]), "{key}");
    }
    assert_eq!((&ready["session_type"], &ready["user_settings"]), (&json!("normal"), &json!({})));
    assert_eq!((&ready["auth"], &ready["_trace"]), (&json!({}), &json!([])));
    befriend(&mut world, 1, 2);
    world.connect(2);
    // Everything that bits change: read states, guild settings, users, supplement.
    let session = world.connect_as_raw(1, 1 << 2 | 1 << 3 | 1 << 4 | 1 << 5);
    assert_eq!(session.0["read_state"], json!({"entries": [], "partial": false, "version": 0}));
    assert_eq!(session.0["user_guild_settings"]["entries"], json!([]));
    assert_eq!(session.0["relationships"][0]["user_id"], "2");
    assert!(session.0["relationships"][0].get("user").is_none());
    assert_eq!(session.0["users"][0]["username"], "user2");
    assert!(session.1.unwrap()["merged_presences"]["friends"].is_array());
    for key in [
        "auth_session_id_hash",
        "country_code",
        "consents",
        "tutorial",
        "experiments",
        "connected_accounts",
        "notes",
    ] {
        assert!(session.0.get(key).is_some(), "{key}");
    }
}

#[test]
fn what_happens_before_the_sessions_are_back_is_not_lost() {
    let mut world = World::new([1]);
    let (a, b) = (world.connect(1), world.connect(1));
    world.look_away();
    world.restart();
    // This brings the owner to life, before any relay could have told of its sessions.
    world.tell(1, Op::Account(Account::LoggedOut { auth_sessions: vec![a.number] }));
    assert_eq!(world.outside().sessions[&a].closed, Some(4004));
    assert_eq!(world.outside().sessions[&b].closed, None);
    world.restart();
    let guild = GuildId::new(88);
    world.tell(1, Op::GuildJoined { guild });
    assert_eq!(world.outside().joins, [(b, guild)]);
}

#[test]
fn a_guild_that_has_forgotten_is_told_again() {
    let mut world = World::new([1, 2]);
    let session = world.connect(1);
    world.guild_presences();
    world.tell(1, Op::PresenceWanted { guild: GUILD });
    assert_eq!(statuses(&mut world), [Status::Online]);
    world.tell(1, Op::PresenceWanted { guild: GuildId::new(99) });
    world.tell(2, Op::PresenceWanted { guild: GUILD });
    world.show(session, Status::Invisible, Vec::new());
    assert_eq!(statuses(&mut world), [Status::Offline]);
    world.tell(1, Op::PresenceWanted { guild: GUILD });
    assert_eq!(statuses(&mut world), []);
}

#[test]
fn who_leaves_while_nobody_owns_the_account_is_offline_for_everybody() {
    let mut world = World::new([1]);
    let session = world.connect(1);
    assert_eq!(statuses(&mut world), [Status::Online]);
    world.restart();
    world.disconnect(session);
    world.pass(6_000);
    assert_eq!(statuses(&mut world), [Status::Offline]);
    // Once is enough: what the next session ends with is told as ever.
    world.connect(1);
    assert_eq!(statuses(&mut world), [Status::Online]);
}
