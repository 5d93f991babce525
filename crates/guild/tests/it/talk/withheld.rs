//! What a large guild withholds from sessions that do not look at it, and what they are told instead.

use std::sync::Arc;

use consort_model::request::message::EditMessage;
use consort_model::{Member, MessageId, Patch, RoleId, Timestamp, User, UserId, VoiceState};
use consort_rpc::guild::{self, channel, member, role, voice};
use consort_rpc::relay::SessionKey;
use consort_rpc::{Change, NodeId, View, Withheld, message};
use consort_store::{Batch, Table};
use serde_json::json;

use super::world::{ANN, BEN, GUILD, NOW_MS, OWNER, World, world};

/// As many members as a large guild has at least.
const MEMBERS: u64 = 2_500;

/// The guild of [`world`] with so many members more.
async fn world_with(more: u64) -> World {
    let world = world().await;
    let mut batch = Batch::new();
    for id in 1_000..1_000 + more {
        let member = Member::new(User::person(UserId::new(id), "crowd"), Timestamp::from_ms(NOW_MS));
        batch.put_row(Table::Members, GUILD.get(), id, &member);
    }
    world.store.commit(batch).await.unwrap();
    world.restarted().await
}

async fn large() -> World {
    world_with(MEMBERS).await
}

fn withheld(world: &World, name: &str) -> Option<Withheld> {
    world.event(name).event.withheld.as_deref().cloned()
}

/// Makes a role that Ben holds.
async fn role_of_ben(world: &World) -> RoleId {
    let create = role::Op::Create(Box::default());
    let created = world.json(OWNER, guild::Op::Role(create)).await.unwrap();
    let role = serde_json::from_value(created["id"].clone()).unwrap();
    let roles = Patch::Value(vec![role]);
    update_member(world, BEN, member::Update { roles, ..Default::default() }).await;
    world.clear();
    role
}

/// The class of Ben, who holds a role: Ann, the owner and Ben are of one class each, in the order in which they came.
fn class_of_ben() -> View {
    View::Classes(Arc::new([2].into_iter().collect()))
}

fn edit(message: MessageId, content: &str) -> message::Op {
    let body = EditMessage::parse(&json!({"content": content})).unwrap();
    message::Op::Edit { message, edit: Box::new(message::Edit { body, ..Default::default() }) }
}

async fn update_member(world: &World, user: UserId, update: member::Update) {
    let op = guild::Op::Member(member::Op::Update { user, update: Box::new(update) });
    world.ask(OWNER, op).await.unwrap();
}

#[tokio::test]
async fn a_guild_that_is_not_large_withholds_nothing() {
    // The owner and two more are in it already.
    for (more, large) in [(MEMBERS - 4, false), (MEMBERS - 3, true)] {
        let world = world_with(more).await;
        let general = world.channel("general").await;
        world.post(ANN, general, json!({"content": "hello"})).await.unwrap();
        assert_eq!(withheld(&world, "MESSAGE_CREATE").is_some(), large);
    }
}

#[tokio::test]
async fn a_message_is_for_those_it_is_about_and_a_change_of_its_channel_for_the_others() {
    let world = large().await;
    let general = world.channel("general").await;
    let sent = world.post(ANN, general, json!({"content": format!("hello <@{BEN}>")})).await.unwrap();
    let held = withheld(&world, "MESSAGE_CREATE").unwrap();
    assert_eq!(held.users[..], [ANN, BEN]);
    assert_eq!(held.classes, View::None);
    assert_eq!(held.change, Some(Change::Message { channel: general, id: sent.id }));
    world.clear();

    world.post(OWNER, general, json!({"content": "hello @everyone"})).await.unwrap();
    assert_eq!(withheld(&world, "MESSAGE_CREATE").unwrap().classes, View::All);
}

#[tokio::test]
async fn a_role_is_mentioned_at_once_to_those_who_hold_it() {
    let world = large().await;
    let general = world.channel("general").await;
    let role = role_of_ben(&world).await;
    world.post(OWNER, general, json!({"content": format!("hello <@&{role}>")})).await.unwrap();
    let View::Classes(classes) = withheld(&world, "MESSAGE_CREATE").unwrap().classes else { panic!() };
    assert_eq!((0..8).filter(|class| classes.contains(*class)).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn who_got_a_message_at_once_gets_what_becomes_of_it_at_once_and_nobody_else_does() {
    let world = large().await;
    let general = world.channel("general").await;
    let role = role_of_ben(&world).await;
    let cases = [
        ("hello".to_owned(), vec![OWNER], View::None),
        (format!("hello <@{OWNER}>"), vec![OWNER], View::None),
        (format!("hello <@{BEN}>"), vec![OWNER, BEN], View::None),
        (format!("hello <@&{role}>"), vec![OWNER], class_of_ben()),
        (format!("hello <@&{role}> <@{ANN}>"), vec![OWNER, ANN], class_of_ben()),
        ("hello @everyone".to_owned(), vec![OWNER], View::All),
    ];
    for (content, users, classes) in cases {
        world.clear();
        let sent = world.post(OWNER, general, json!({"content": content})).await.unwrap();
        let held = Withheld { users: users.into(), classes, change: None };
        let change = Some(Change::Message { channel: general, id: sent.id });
        let created = withheld(&world, "MESSAGE_CREATE");
        assert_eq!(created, Some(Withheld { change, ..held.clone() }), "{content}");
        let message = sent.id;
        for (name, op) in [
            ("MESSAGE_UPDATE", edit(message, &format!("{content}!"))),
            ("MESSAGE_UPDATE", message::Op::Pin { message }),
            ("MESSAGE_UPDATE", message::Op::Unpin { message }),
            ("MESSAGE_DELETE", message::Op::Delete { message }),
        ] {
            world.clear();
            world.message(OWNER, general, op.clone()).await.unwrap();
            assert_eq!(withheld(&world, name), Some(held.clone()), "{content}, {op:?}");
        }
    }
}

#[tokio::test]
async fn an_edit_comes_at_once_to_those_mentioned_before_it_and_after_it() {
    let world = large().await;
    let general = world.channel("general").await;
    let role = role_of_ben(&world).await;
    let (ann, ben) = (format!("<@{ANN}>"), format!("<@{BEN}>"));
    let everyone = "@everyone".to_owned();
    let both = vec![OWNER, ANN, BEN];
    for (one, other, users, classes) in [
        (&ann, &ben, both, View::None),
        (&format!("<@&{role}>"), &ann, vec![OWNER, ANN], class_of_ben()),
        (&everyone, &ann, vec![OWNER, ANN], View::All),
    ] {
        for (before, after) in [(one, other), (other, one)] {
            let message = world.post(OWNER, general, json!({"content": before})).await.unwrap().id;
            world.clear();
            world.message(OWNER, general, edit(message, after)).await.unwrap();
            let held = withheld(&world, "MESSAGE_UPDATE").unwrap();
            assert_eq!((&held.users[..], &held.classes), (&users[..], &classes), "{before}, then {after}");
        }
    }
    let message = world.post(OWNER, general, json!({"content": ben})).await.unwrap().id;
    world.message(OWNER, general, edit(message, "nobody")).await.unwrap();
    world.clear();
    world.message(OWNER, general, edit(message, "nobody at all")).await.unwrap();
    assert_eq!(
        withheld(&world, "MESSAGE_UPDATE").unwrap().users[..],
        [OWNER],
        "Ben knows it is not about him"
    );
}

#[tokio::test]
async fn a_bulk_deletion_comes_at_once_to_all_whom_one_of_the_messages_was_for() {
    let world = large().await;
    let general = world.channel("general").await;
    let role = role_of_ben(&world).await;
    let (crowd, plain) = (UserId::new(1_000), "hello".to_owned());
    let (user, role) = (format!("<@{crowd}>"), format!("<@&{role}>"));
    let everyone = "@everyone".to_owned();
    let cases = [
        (vec![(ANN, &plain), (ANN, &plain)], vec![ANN], View::None),
        (vec![(ANN, &plain), (BEN, &user), (BEN, &user)], vec![ANN, BEN, crowd], View::None),
        (vec![(OWNER, &role), (ANN, &user)], vec![OWNER, ANN, crowd], class_of_ben()),
        (vec![(OWNER, &role), (ANN, &user), (OWNER, &everyone)], vec![OWNER, ANN, crowd], View::All),
    ];
    for (posts, users, classes) in cases {
        let mut messages = Vec::new();
        for (author, content) in &posts {
            messages.push(world.post(*author, general, json!({"content": content})).await.unwrap().id);
        }
        world.clear();
        world.message(OWNER, general, message::Op::BulkDelete { messages }).await.unwrap();
        let held = Withheld { users: users.into(), classes, change: None };
        assert_eq!(withheld(&world, "MESSAGE_DELETE_BULK"), Some(held), "{posts:?}");
    }
}

#[tokio::test]
async fn pins_are_told_with_the_newest_message_and_the_rest_of_the_talk_is_not_told_at_all() {
    let world = large().await;
    let general = world.channel("general").await;
    let sent = world.post(OWNER, general, json!({"content": "hello"})).await.unwrap();
    world.clear();
    world.message(OWNER, general, message::Op::Pin { message: sent.id }).await.unwrap();
    let Some(Change::Pins { channel, last_message_id, at }) =
        withheld(&world, "CHANNEL_PINS_UPDATE").unwrap().change
    else {
        panic!()
    };
    let note: MessageId = last_message_id.unwrap();
    assert!(channel == general && at.is_some() && note >= sent.id);
    world.message(OWNER, general, message::Op::Typing).await.unwrap();
    world.message(OWNER, general, message::Op::Delete { message: sent.id }).await.unwrap();
    for name in ["MESSAGE_UPDATE", "TYPING_START", "MESSAGE_DELETE"] {
        assert_eq!(withheld(&world, name).unwrap().change, None, "{name}");
    }
    world.clear();
    let delete = channel::Op::Delete { channel: general };
    world.ask(OWNER, guild::Op::Channel(delete)).await.unwrap();
    assert_eq!(withheld(&world, "CHANNEL_DELETE"), None, "structure comes at once");
}

#[tokio::test]
async fn who_is_in_voice_is_told_with_the_member_when_it_comes() {
    let world = large().await;
    let voice = channel::Create { name: "voice".into(), kind: 2, ..Default::default() };
    world.ask(OWNER, guild::Op::Channel(channel::Op::Create(Box::new(voice)))).await.unwrap();
    let channel = world.channel("voice").await;
    let speak = |channel, self_mute| {
        guild::Op::Voice(voice::Op::Update {
            session: SessionKey { node: NodeId(1), generation: 7, slice: 0, number: ANN.get(), user: ANN },
            session_id: "s".into(),
            channel,
            flags: voice::Flags { self_mute, ..Default::default() },
        })
    };
    let told = |world: &World| match withheld(world, "VOICE_STATE_UPDATE").unwrap().change {
        Some(Change::Voice { user, state, member }) => {
            assert_eq!(user, ANN);
            let state = state.map(|state| serde_json::from_slice::<VoiceState>(&state).unwrap());
            (state, member.is_some())
        }
        other => panic!("{other:?}"),
    };
    world.clear();
    world.ask(ANN, speak(Some(channel), false)).await.unwrap();
    let (state, with_member) = told(&world);
    let state = state.unwrap();
    assert!(state.channel_id == Some(channel) && state.member.is_none() && with_member);
    world.clear();
    world.ask(ANN, speak(Some(channel), true)).await.unwrap();
    let (state, with_member) = told(&world);
    assert!(state.unwrap().self_mute && !with_member, "who it is was told before");
    world.clear();
    let nick = Patch::Value("Annie".to_owned());
    update_member(&world, ANN, member::Update { nick, ..Default::default() }).await;
    let held = withheld(&world, "GUILD_MEMBER_UPDATE").unwrap();
    let Some(Change::Member { user, member, seen_by: View::Classes(_) }) = held.change else { panic!() };
    let member: Member = serde_json::from_slice(&member).unwrap();
    assert_eq!((user, member.nick.as_deref()), (ANN, Some("Annie")));
    world.clear();
    world.ask(ANN, speak(None, false)).await.unwrap();
    assert_eq!(told(&world), (None, false));
    world.clear();
    let nick = Patch::Null;
    update_member(&world, ANN, member::Update { nick, ..Default::default() }).await;
    assert_eq!(
        withheld(&world, "GUILD_MEMBER_UPDATE").unwrap().change,
        None,
        "who is not in voice is not shown"
    );
}
