use consort_model::object::account::UserRow;
use consort_model::{Patch, User, UserId};
use consort_rpc::user::Op;
use consort_rpc::user::account::{Op as Account, Update};
use consort_rpc::user::relationship::Op as Relationship;
use consort_rpc::{guild, private};
use serde_json::json;

use crate::relationships::befriend;
use crate::world::{NOW_MS, World};

fn update(update: Update) -> Op {
    Op::Account(Account::Update(Box::new(update)))
}

/// A change by somebody whose names are reserved for long enough.
fn reserved() -> Update {
    Update { reserved_until_ms: u64::MAX, ..Update::default() }
}

fn rename(name: &str) -> Op {
    update(Update { username: Some(name.into()), ..reserved() })
}

#[test]
fn a_new_name_reaches_everybody_who_shows_it() {
    let mut world = World::new([1, 2, 3]);
    let (one, two) = (world.connect(1), world.connect(2));
    befriend(&mut world, 1, 2);
    let dm = world.open_dm(1, 3);
    world.take(one);
    world.take(two);
    world.outside().guilds.clear();
    let answer = world.ok(1, rename("ada"));
    assert_eq!((&answer["username"], &answer["discriminator"]), (&json!("ada"), &json!("0")));
    assert_eq!(world.names(one), ["USER_UPDATE"]);
    let told = world.take(two);
    assert!(
        told.iter().any(|(name, d)| name == "PRESENCE_UPDATE" && d["user"]["username"] == "ada"),
        "{told:?}"
    );
    let told = std::mem::take(&mut world.outside().guilds);
    assert!(
        matches!(&told[..], [(_, guild::Op::Gateway(guild::gateway::Op::UserChanged { user }))] if user.username == "ada")
    );
    let shown = world.private(3, dm, private::Op::Get);
    assert_eq!(shown["recipients"][0]["username"], "ada");
    // User 3 has never been written to and does not list the channel, but it is shown there.
    world.look_away();
    world.ok(3, rename("bob"));
    let told = world.take(one);
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["recipients"][0]["username"]),
        ("CHANNEL_UPDATE", &json!("bob"))
    );
}

#[test]
fn names_are_taken_only_while_they_are_reserved() {
    let mut world = World::new([1]);
    let late = Update { username: Some("ada".into()), reserved_until_ms: NOW_MS + 1000, ..Update::default() };
    assert_eq!(world.err(1, update(late)), (503, 130_000));
    let email = Update { email: Some("a@example.org".into()), ..Update::default() };
    assert_eq!(world.err(1, update(email)), (503, 130_000));
    let same = Update { username: Some("user1".into()), bio: Patch::Value("x".into()), ..Update::default() };
    assert_eq!(world.ok(1, update(same))["bio"], "x");
    world.ok(1, rename("ada"));
    world.restart();
    assert_eq!(world.ok(1, Op::Account(Account::Get))["username"], "ada");
}

#[test]
fn an_account_is_made_once() {
    let mut world = World::new([1]);
    let row = |name: &str| Box::new(UserRow::person(User::person(UserId::new(7), name), "de"));
    let found = |name: &str, until_ms| Op::Account(Account::Found { row: row(name), until_ms });
    assert_eq!(world.err(7, Op::Account(Account::Get)), (404, 10013));
    assert_eq!(world.system(7, found("eve", NOW_MS + 1000)), Err((503, 130_000)));
    assert_eq!(world.system(7, found("eve", u64::MAX)).unwrap()["username"], "eve");
    assert_eq!(world.system(7, found("mallory", u64::MAX)).unwrap()["username"], "eve");
    world.restart();
    assert_eq!(world.ok(7, Op::Account(Account::Get))["locale"], "de");
    assert_eq!(world.err(7, found("mallory", u64::MAX)), (403, 50013));
}

#[test]
fn what_only_oneself_sees_is_told_to_nobody_else() {
    let mut world = World::new([1, 2]);
    let (one, two) = (world.connect(1), world.connect(2));
    befriend(&mut world, 1, 2);
    world.look_away();
    let change = Update { email: Some("a@example.org".into()), ..reserved() };
    let answer = world.ok(1, update(change));
    assert_eq!(answer["email"], "a@example.org");
    assert_eq!(world.names(one), ["USER_UPDATE"]);
    assert_eq!(world.names(two), Vec::<String>::new());
    let bio = Update {
        bio: Patch::Value("I was here".into()),
        global_name: Patch::Value("Ada".into()),
        ..Update::default()
    };
    assert_eq!(world.ok(1, update(bio))["global_name"], "Ada");
}

#[test]
fn a_profile_is_for_those_who_know_somebody() {
    let mut world = World::new([1, 2, 3, 500]);
    let profile = |user| {
        let user = UserId::new(user);
        Op::Account(Account::Profile { user, mutual_guilds: true, mutual_friends: true })
    };
    befriend(&mut world, 1, 3);
    befriend(&mut world, 2, 3);
    let seen = world.ok(1, profile(2));
    assert_eq!(seen["user"]["username"], "user2");
    assert_eq!(seen["mutual_guilds"], json!([{"id": "77", "nick": null}]));
    assert_eq!((&seen["mutual_friends_count"], &seen["mutual_friends"][0]["id"]), (&json!(1), &json!("3")));
    assert_eq!(world.err(1, profile(500)), (403, 50001));
    assert_eq!(world.err(1, profile(99)), (404, 10013));
    world.ok(500, Op::Relationship(Relationship::Request { user: UserId::new(1) }));
    assert_eq!(world.ok(1, profile(500))["user"]["id"], "500");
    assert_eq!(world.ok(1, profile(1))["user"]["id"], "1");
}
