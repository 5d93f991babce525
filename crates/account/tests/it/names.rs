//! Names that only one may have.

use consort_model::UserId;
use consort_rpc::name::{ADMINISTRATOR, Kind, Op, RESERVED_MS};

use crate::world::{ADA, NOW_MS, World, read, world};

const BOB: UserId = UserId::new(8);

fn reserve(kind: Kind, name: &str, user: UserId) -> Op {
    Op::Reserve { kind, name: name.to_owned(), user }
}

async fn status(world: &World, kind: Kind, name: &str, user: UserId) -> u16 {
    world.name(name, reserve(kind, name, user)).await.map_or_else(|error| error.status, |_| 200)
}

async fn holder(world: &World, kind: Kind, name: &str) -> Option<UserId> {
    read(world.name(name, Op::Find { kind, name: name.to_owned() }).await)
}

#[tokio::test]
async fn a_reservation_holds_for_a_while_and_then_lapses_if_it_is_not_used() {
    let world = world();
    let until: u64 = read(world.name("ada", reserve(Kind::Username, "ada", ADA)).await);
    assert_eq!(until, NOW_MS + RESERVED_MS);
    assert_eq!(status(&world, Kind::Username, "ada", BOB).await, 409);
    // A name of another kind is another name.
    assert_eq!(status(&world, Kind::Email, "ada", BOB).await, 200);
    let world = world.restart();
    assert_eq!(status(&world, Kind::Username, "ada", BOB).await, 409);
    assert_eq!(status(&world, Kind::Username, "ada", ADA).await, 200, "it is its own");
    world.clock.advance(RESERVED_MS);
    assert_eq!(status(&world, Kind::Username, "ada", BOB).await, 200);
    assert_eq!(holder(&world, Kind::Username, "ada").await, Some(BOB));
}

#[tokio::test]
async fn a_name_that_is_used_never_lapses_and_one_given_up_is_free() {
    let world = world();
    assert_eq!(status(&world, Kind::Username, "ada", ADA).await, 200);
    assert_eq!(status(&world, Kind::Email, "a@b.test", ADA).await, 200);
    world.user(ADA, "ada", Some("a@b.test")).await;
    world.clock.advance(100 * RESERVED_MS);
    assert_eq!(status(&world, Kind::Username, "ada", BOB).await, 409);
    assert_eq!(status(&world, Kind::Email, "a@b.test", BOB).await, 409);
    world.name("ada", Op::Release { kind: Kind::Username, name: "ada".into(), user: ADA }).await.unwrap();
    assert_eq!(holder(&world, Kind::Username, "ada").await, Some(ADA), "it is used");
    // The account has another name now, and nobody said so to the owner of this one.
    world.user(ADA, "lovelace", None).await;
    assert_eq!(status(&world, Kind::Username, "ada", BOB).await, 200);
    assert_eq!(status(&world, Kind::Email, "a@b.test", BOB).await, 200);
}

#[tokio::test]
async fn of_two_who_want_a_name_at_once_one_gets_it() {
    let world = world();
    let (a, b) =
        tokio::join!(status(&world, Kind::Username, "x", ADA), status(&world, Kind::Username, "x", BOB));
    assert_eq!(
        {
            let mut both = [a, b];
            both.sort_unstable();
            both
        },
        [200, 409]
    );
}

#[tokio::test]
async fn a_reservation_is_given_back_by_its_holder_only() {
    let world = world();
    assert_eq!(status(&world, Kind::Username, "ada", ADA).await, 200);
    let release = |user| Op::Release { kind: Kind::Username, name: "ada".into(), user };
    world.name("ada", release(BOB)).await.unwrap();
    assert_eq!(status(&world, Kind::Username, "ada", BOB).await, 409);
    world.name("ada", release(ADA)).await.unwrap();
    assert_eq!(holder(&world, Kind::Username, "ada").await, None);
}

#[tokio::test]
async fn there_is_one_administrator() {
    let world = world();
    // Its reservation counts from the moment its id was drawn.
    let (ada, bob) = (at(NOW_MS), at(NOW_MS + 1));
    assert_eq!(status(&world, Kind::Administrator, ADMINISTRATOR, ada).await, 200);
    assert_eq!(status(&world, Kind::Administrator, ADMINISTRATOR, bob).await, 409);
    world.clock.advance(RESERVED_MS + 1);
    assert_eq!(status(&world, Kind::Administrator, ADMINISTRATOR, bob).await, 200);
}

fn at(ms: u64) -> UserId {
    UserId::new(consort_model::snowflake::at(ms))
}
