//! How many guilds and groups an account is in.

use consort_model::limits::{GROUP_CHANNELS_MAX, USER_GUILDS_MAX};
use consort_model::{ChannelId, GuildId};
use consort_rpc::user::Op;
use consort_rpc::user::seat::{Op as SeatOp, Seat};
use serde_json::Value;

use crate::world::World;

const FULL: Result<Value, (u16, u32)> = Err((400, 30001));

fn guild(id: u64) -> Seat {
    Seat::Guild(GuildId::new(id))
}

fn take(world: &mut World, seat: Seat) -> Result<Value, (u16, u32)> {
    world.system(1, Op::Seat(SeatOp::Take { seat }))
}

fn give_back(world: &mut World, seat: Seat) {
    world.tell(1, Op::Seat(SeatOp::GiveBack { seat }));
}

/// An account with one guild less than it may have; it is in one from the start.
fn nearly_full() -> World {
    let mut world = World::new([1]);
    for id in 2..USER_GUILDS_MAX as u64 {
        world.tell(1, Op::GuildJoined { guild: GuildId::new(1000 + id) });
    }
    world
}

#[test]
fn whoever_enters_many_guilds_at_once_gets_into_as_many_as_are_allowed() {
    let mut world = nearly_full();
    assert!(take(&mut world, guild(1)).is_ok());
    assert_eq!(take(&mut world, guild(2)), FULL, "the last seat is taken");
    world.restart();
    assert_eq!(take(&mut world, guild(2)), FULL, "for the next owner, too");
    world.tell(1, Op::GuildJoined { guild: GuildId::new(1) });
    give_back(&mut world, guild(1));
    assert_eq!(take(&mut world, guild(2)), FULL, "somebody sits there");
    world.tell(1, Op::GuildLeft { guild: GuildId::new(1) });
    assert!(take(&mut world, guild(2)).is_ok());
    give_back(&mut world, guild(2));
    assert!(take(&mut world, guild(3)).is_ok(), "nothing came of it");
}

#[test]
fn a_guild_that_one_is_in_takes_no_other_seat_but_keeps_its_own() {
    let mut world = nearly_full();
    world.tell(1, Op::GuildJoined { guild: GuildId::new(1) });
    assert!(take(&mut world, guild(1)).is_ok(), "an invite is accepted again");
    assert!(take(&mut world, guild(1)).is_ok(), "twice at once");
    world.tell(1, Op::GuildLeft { guild: GuildId::new(1) });
    give_back(&mut world, guild(1));
    assert_eq!(take(&mut world, guild(2)), FULL, "it may be entered any moment");
    give_back(&mut world, guild(1));
    assert!(take(&mut world, guild(2)).is_ok());
}

#[test]
fn a_seat_that_nobody_gives_back_is_free_after_two_minutes() {
    let mut world = nearly_full();
    assert!(take(&mut world, guild(1)).is_ok());
    world.pass(59_000);
    assert_eq!(take(&mut world, guild(2)), FULL);
    world.pass(61_000);
    assert!(take(&mut world, guild(2)).is_ok());
    // What comes too late is taken all the same: it has happened.
    world.tell(1, Op::GuildJoined { guild: GuildId::new(1) });
    assert_eq!(take(&mut world, guild(3)), FULL);
}

#[test]
fn groups_have_seats_of_their_own() {
    let mut world = nearly_full();
    assert!(take(&mut world, guild(1)).is_ok());
    let group = |id| Seat::Group(ChannelId::new(id));
    for id in 1..=GROUP_CHANNELS_MAX as u64 {
        assert!(take(&mut world, group(id)).is_ok());
    }
    assert_eq!(take(&mut world, group(99)), Err((400, 30011)));
    assert_eq!(world.err(1, Op::Seat(SeatOp::GiveBack { seat: group(1) })), (403, 50013));
}
