//! Bans: who may, who is told, what goes with them.

use consort_model::{ApiError, Intents, Permissions};
use consort_rpc::guild::Op;
use consort_rpc::guild::ban::Op as B;
use consort_rpc::guild::member;
use consort_rpc::message;
use serde_json::{Value, json};

use crate::invites::{forever, join, make};
use crate::world::{OWNER, World, account};

fn ban(user: u64) -> Op {
    Op::Ban(B::Create { user: Box::new(account(user)), delete_message_seconds: 0 })
}

fn moderated(rights: Permissions) -> World {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    let moderator = world.create_role("moderator", rights);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 2.into(), role: moderator }));
    world
}

#[test]
fn a_banned_user_is_out_and_cannot_come_back_until_pardoned() {
    let mut world = moderated(Permissions::BAN_MEMBERS);
    let code = make(&mut world, forever());
    world.reason = Some("spam".into());
    world.ok(2, ban(4));
    assert!(!world.truth().unwrap().members.iter().any(|m| m.user.as_ref().unwrap().id.get() == 4));
    let found = world.ok(2, Op::Ban(B::Get { user: 4.into() }));
    assert_eq!((&found["reason"], &found["user"]["id"]), (&"spam".into(), &"4".into()));
    world.restart();
    assert_eq!(world.err(4, join(&code, 4)), (403, 40007));
    let pardon = Op::Ban(B::Delete { user: 4.into() });
    assert_eq!(world.err(3, pardon.clone()), (403, 50013));
    world.ok(2, pardon.clone());
    assert_eq!(world.err(2, pardon), (404, 10026));
    assert_eq!(world.err(2, Op::Ban(B::Get { user: 4.into() })), (404, 10026));
    world.ok(4, join(&code, 4));
}

#[test]
fn bans_need_the_right_and_the_rank_but_no_member() {
    let mut world = moderated(Permissions::BAN_MEMBERS);
    assert_eq!(world.err(3, ban(4)), (403, 50013));
    assert_eq!(world.err(2, ban(OWNER)), (403, 50013));
    assert_eq!(world.err(2, ban(2)), (403, 50013));
    assert_eq!(world.err(99, ban(4)), (403, 50001));
    world.ok(2, ban(500));
    world.ok(2, ban(500));
}

#[test]
fn moderators_alone_are_told_of_bans() {
    let mut world = moderated(Permissions::BAN_MEMBERS);
    let intents = Intents::GUILD_MODERATION;
    let [moderator, other] = [2, 3].map(|user| world.connect_with(user, intents));
    world.ok(OWNER, ban(4));
    world.ok(OWNER, Op::Ban(B::Delete { user: 4.into() }));
    assert_eq!(world.names(moderator), ["GUILD_BAN_ADD", "GUILD_BAN_REMOVE"]);
    assert_eq!(world.names(other), [""; 0]);
}

#[test]
fn bans_are_paged_by_user_in_both_directions() {
    let mut world = World::new();
    for user in [10, 11, 12, 13] {
        world.ok(OWNER, ban(user));
    }
    let mut page = |limit, before: Option<u64>, after: Option<u64>| {
        let op = B::List { limit, before: before.map(Into::into), after: after.map(Into::into) };
        let page = world.ok(OWNER, Op::Ban(op));
        let ids = page.as_array().unwrap().iter().map(|ban| ban["user"]["id"].as_str().unwrap().parse());
        ids.collect::<Result<Vec<u64>, _>>().unwrap()
    };
    assert_eq!(page(1000, None, None), [10, 11, 12, 13]);
    assert_eq!(page(2, None, Some(10)), [11, 12]);
    assert_eq!(page(2, Some(13), Some(10)), [11, 12]);
}

#[test]
fn a_bulk_ban_says_whom_it_could_not_ban() {
    let mut world = moderated(Permissions::BAN_MEMBERS | Permissions::MANAGE_GUILD);
    let bulk = |users: &[u64]| {
        let users = users.iter().map(|user| account(*user)).collect();
        Op::Ban(B::Bulk { users, unknown: vec![77.into()], delete_message_seconds: 0 })
    };
    let answer = world.ok(2, bulk(&[OWNER, 3, 4, 3]));
    assert_eq!(answer, json!({"banned_users": ["3", "4"], "failed_users": ["77", "1", "3"]}));
    assert_eq!(world.err(2, bulk(&[3, 4, OWNER])), (400, 500_000));
    let mut world = moderated(Permissions::BAN_MEMBERS);
    assert_eq!(world.err(2, bulk(&[3])), (403, 50013));
}

fn say(world: &mut World, user: u64, text: &str) -> Value {
    let channel = world.channel("general");
    let body = consort_model::request::message::CreateMessage::parse(&json!({"content": text})).unwrap();
    let create = message::Create { body, ..message::Create::default() };
    world.ok(user, Op::Message { channel, op: message::Op::Create(Box::new(create)) })
}

fn texts(world: &mut World) -> Result<Vec<String>, ApiError> {
    let channel = world.channel("general");
    let op = message::Op::List { page: message::Page::Newest, limit: 50 };
    let list = world.call(OWNER, Op::Message { channel, op })?;
    let list: Vec<Value> = serde_json::from_slice(list.body().unwrap()).unwrap();
    Ok(list.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect())
}

#[test]
fn a_ban_takes_the_messages_of_the_last_seconds_with_it() {
    let mut world = World::new();
    world.seed([4]);
    say(&mut world, 4, "old");
    world.advance(std::time::Duration::from_secs(7200));
    say(&mut world, 4, "one");
    say(&mut world, OWNER, "mine");
    say(&mut world, 4, "two");
    let owner = world.connect(OWNER);
    world.ok(OWNER, Op::Ban(B::Create { user: Box::new(account(4)), delete_message_seconds: 3600 }));
    // The purge is made of calls that the guild asks of itself.
    for _ in 0..20 {
        world.advance(std::time::Duration::from_millis(1));
    }
    assert!(world.names(owner).iter().any(|name| name == "MESSAGE_DELETE_BULK"));
    assert_eq!(texts(&mut world).unwrap(), ["mine", "old"]);
}
