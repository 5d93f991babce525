//! What a large guild withholds from sessions that do not look at it, and what they are told instead.

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
    let create = role::Op::Create(Box::default());
    let role: RoleId =
        serde_json::from_value(world.json(OWNER, guild::Op::Role(create)).await.unwrap()["id"].clone())
            .unwrap();
    update_member(&world, BEN, member::Update { roles: Patch::Value(vec![role]), ..Default::default() })
        .await;
    world.clear();
    world.post(OWNER, general, json!({"content": format!("hello <@&{role}>")})).await.unwrap();
    let View::Classes(classes) = withheld(&world, "MESSAGE_CREATE").unwrap().classes else { panic!() };
    // Ann, the owner and Ben are of one class each, in the order in which they came.
    assert_eq!((0..8).filter(|class| classes.contains(*class)).collect::<Vec<_>>(), [2]);
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
            session: SessionKey { node: NodeId(1), slice: 0, number: ANN.get() },
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
