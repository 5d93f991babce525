use consort_model::{Patch, UserId};
use consort_rpc::user::Op;
use consort_rpc::user::relationship::{Op as Relationship, Peer};
use consort_store::Table;
use serde_json::json;

use crate::world::{World, account};

fn op(op: Relationship) -> Op {
    Op::Relationship(op)
}

fn request(user: u64) -> Op {
    op(Relationship::Request { user: UserId::new(user) })
}

fn block(user: u64) -> Op {
    op(Relationship::Block { user: UserId::new(user) })
}

fn remove(user: u64) -> Op {
    op(Relationship::Remove { user: UserId::new(user) })
}

/// The kind of relationship that a user has to another; 0 for none.
fn kind(world: &mut World, user: u64, other: u64) -> u64 {
    let list = world.ok(user, op(Relationship::List));
    let found = list.as_array().unwrap().iter().find(|one| one["id"] == *other.to_string()).cloned();
    found.map_or(0, |one| one["type"].as_u64().unwrap())
}

/// What the owner of the first account tells another.
fn news(news: Peer, wish: u64) -> Op {
    op(Relationship::Peer { from: Box::new(account(1)), news, wish })
}

pub fn befriend(world: &mut World, a: u64, b: u64) {
    world.ok(a, request(b));
    world.ok(b, request(a));
    assert_eq!((kind(world, a, b), kind(world, b, a)), (1, 1));
}

#[test]
fn a_request_is_seen_by_both_and_accepted_by_asking_back() {
    let mut world = World::new([1, 2]);
    let (one, two) = (world.connect(1), world.connect(2));
    world.ok(1, request(2));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (4, 3));
    let (told_one, told_two) = (world.take(one), world.take(two));
    let add = |told: &[(String, serde_json::Value)]| {
        told.iter()
            .find(|(name, _)| name == "RELATIONSHIP_ADD")
            .map(|(_, d)| (d["type"].clone(), d["should_notify"].clone()))
    };
    assert_eq!(add(&told_one), Some((json!(4), json!(false))));
    assert_eq!(add(&told_two), Some((json!(3), json!(true))));
    world.ok(1, request(2));
    assert!(!world.names(two).contains(&"RELATIONSHIP_ADD".to_owned()), "a second request is no news");
    world.ok(2, request(1));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (1, 1));
    assert_eq!(world.err(1, request(2)), (400, 80007));
}

#[test]
fn requests_may_be_declined_taken_back_and_cleared() {
    let mut world = World::new([1, 2, 3]);
    world.connect(2);
    world.ok(1, request(2));
    world.ok(1, remove(2));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (0, 0));
    world.ok(1, request(2));
    world.ok(3, request(2));
    world.ok(2, remove(1));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 3, 2)), (0, 4));
    world.ok(2, op(Relationship::ClearRequests));
    assert_eq!((kind(&mut world, 3, 2), kind(&mut world, 2, 3)), (0, 0));
}

#[test]
fn some_cannot_be_asked() {
    let mut world = World::new([1, 2, 1000]);
    assert_eq!(world.err(1, request(1)), (400, 80003));
    assert_eq!(world.err(1, request(1000)), (400, 80002));
    assert_eq!(world.err(1, request(99)), (404, 10013));
    assert_eq!(world.err(1000, request(1)), (403, 20001));
    world.ok(2, block(1));
    assert_eq!(world.err(1, request(2)), (400, 80001));
    assert_eq!(kind(&mut world, 2, 1), 2);
}

#[test]
fn a_block_ends_a_friendship_and_unblocking_does_not_bring_it_back() {
    let mut world = World::new([1, 2]);
    let two = world.connect(2);
    befriend(&mut world, 1, 2);
    world.take(two);
    world.ok(1, block(2));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (2, 0));
    assert_eq!(world.names(two), ["RELATIONSHIP_REMOVE"]);
    world.ok(1, remove(2));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (0, 0));
}

#[test]
fn a_request_that_crosses_the_end_of_an_older_one_stands_for_both() {
    let mut world = World::new([1, 2]);
    world.connect(2);
    world.ok(2, request(1));
    // The first had asked before and taken it back; it knew of no request of the second then.
    world.tell(2, news(Peer::Requested, 1));
    assert_eq!(kind(&mut world, 2, 1), 1);
    world.tell(2, news(Peer::Removed, 0));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (3, 4));
    world.ok(1, request(2));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (1, 1));
    assert_eq!(world.err(2, news(Peer::Requested, 1)), (403, 50013), "only owners tell");
}

#[test]
fn a_request_that_crosses_a_block_ends() {
    let mut world = World::new([1, 2]);
    world.connect(2);
    world.ok(1, request(2));
    let asked = world.row_of_relationship(1, 2).wish;
    world.ok(2, remove(1));
    world.ok(2, block(1));
    world.tell(2, news(Peer::Requested, asked));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (0, 2));
    world.tell(2, news(Peer::Removed, u64::MAX));
    assert_eq!(kind(&mut world, 2, 1), 2, "a block stays whatever the other does");
}

#[test]
fn relationships_from_before_wishes_had_numbers_end_for_both() {
    let mut world = World::new([1, 2]);
    befriend(&mut world, 1, 2);
    for (user, other) in [(1, 2), (2, 1)] {
        let mut row = serde_json::to_value(world.row_of_relationship(user, other)).unwrap();
        let fields = row.as_object_mut().unwrap();
        assert!(fields.remove("wish").is_some() && fields.remove("peer_wish").is_some());
        world.write(|batch| {
            batch.put_row(Table::Relationships, user, other, &row);
        });
    }
    world.restart();
    world.ok(1, remove(2));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (0, 0));
}

#[test]
fn friends_may_have_another_name_and_everybody_a_note() {
    let mut world = World::new([1, 2]);
    world.connect(1);
    let nickname =
        |name: &str| op(Relationship::Nickname { user: UserId::new(2), nickname: Patch::Value(name.into()) });
    assert_eq!(world.err(1, nickname("two")), (400, 80006));
    befriend(&mut world, 1, 2);
    world.ok(1, nickname("two"));
    let note = |user, note: &str| op(Relationship::PutNote { user: UserId::new(user), note: note.into() });
    world.ok(1, note(2, "met in May"));
    let got = world.ok(1, op(Relationship::Note { user: UserId::new(2) }));
    assert_eq!(got, json!({"user_id": "1", "note_user_id": "2", "note": "met in May"}));
    assert_eq!(world.ok(1, op(Relationship::Notes)), json!({"2": "met in May"}));
    world.ok(1, note(2, ""));
    assert_eq!(world.err(1, op(Relationship::Note { user: UserId::new(2) })), (404, 10013));
    assert_eq!(world.err(1, note(2, &"x".repeat(257))), (400, 50015));
    assert_eq!(world.err(1, note(99, "x")), (404, 10013));
}

#[test]
fn relationships_outlive_their_owners() {
    let mut world = World::new([1, 2]);
    world.connect(1);
    befriend(&mut world, 1, 2);
    world.restart();
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (1, 1));
    world.ok(2, remove(1));
    assert_eq!((kind(&mut world, 1, 2), kind(&mut world, 2, 1)), (0, 0));
}

fn ignore(user: u64, ignored: bool) -> Op {
    op(Relationship::Ignore { user: UserId::new(user), ignored })
}

/// What a user has of another, as a list has it: its kind and whether it is ignored.
fn seen(world: &mut World, user: u64, other: u64) -> Option<(u64, bool)> {
    let list = world.ok(user, op(Relationship::List));
    let found = list.as_array().unwrap().iter().find(|one| one["id"] == *other.to_string()).cloned()?;
    Some((found["type"].as_u64().unwrap(), found["user_ignored"].as_bool().unwrap()))
}

#[test]
fn whoever_is_ignored_is_not_told_and_stays_so_over_restarts() {
    let mut world = World::new([1, 2]);
    let (one, two) = (world.connect(1), world.connect(2));
    world.ok(1, ignore(2, true));
    world.ok(1, ignore(2, true));
    let told = world.take(one);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0.as_str(), &told[0].1["type"]), ("RELATIONSHIP_ADD", &json!(0)));
    assert_eq!(told[0].1["user_ignored"], true);
    assert!(world.names(two).is_empty());
    world.outside().sessions.clear();
    world.restart();
    let ready = world.connect_as_raw(1, 0).0;
    assert_eq!(ready["relationships"][0]["user_ignored"], true);
    assert_eq!((seen(&mut world, 1, 2), seen(&mut world, 2, 1)), (Some((0, true)), None));
    let one = world.connect(1);
    world.ok(1, ignore(2, false));
    world.ok(1, ignore(2, false));
    assert_eq!(world.names(one), ["RELATIONSHIP_REMOVE"]);
    assert_eq!(seen(&mut world, 1, 2), None);
}

#[test]
fn ignoring_goes_beside_friendship_and_outlasts_it() {
    let mut world = World::new([1, 2]);
    let one = world.connect(1);
    world.ok(1, ignore(2, true));
    befriend(&mut world, 1, 2);
    assert_eq!(seen(&mut world, 1, 2), Some((1, true)), "who was ignored may become a friend");
    world.take(one);
    world.ok(1, ignore(2, false));
    world.ok(1, ignore(2, true));
    assert_eq!(world.names(one), ["RELATIONSHIP_UPDATE", "RELATIONSHIP_UPDATE"]);
    world.ok(2, remove(1));
    assert_eq!(seen(&mut world, 1, 2), Some((0, true)));
    assert_eq!(world.names(one), ["RELATIONSHIP_UPDATE"]);
    world.ok(1, block(2));
    world.ok(1, remove(2));
    assert_eq!(seen(&mut world, 1, 2), Some((0, true)));
    world.ok(2, request(1));
    assert_eq!(seen(&mut world, 1, 2), Some((3, true)), "and may ask again");
}

#[test]
fn nobody_is_ignored_who_does_not_exist_nor_oneself() {
    let mut world = World::new([1, 1000]);
    assert_eq!(world.err(1, ignore(1, true)), (400, 50033));
    assert_eq!(world.err(1, ignore(99, true)), (404, 10013));
    assert_eq!(world.err(1000, ignore(1, true)), (403, 20001));
    world.ok(1, ignore(99, false));
}
