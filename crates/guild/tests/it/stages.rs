//! Stages: opened and closed by moderators, seen by who sees the channel, over when nobody speaks, and events on them.

use std::time::Duration;

use consort_model::request::scheduled_event::EventForm;
use consort_model::{ChannelId, ChannelType, Form, Patch, Permissions, Timestamp};
use consort_rpc::guild::stage::Op as S;
use consort_rpc::guild::voice::Op as V;
use consort_rpc::guild::{Op, channel, event, member};
use consort_rpc::message;
use serde_json::{Value, json};

use crate::voice::speak;
use crate::world::{OWNER, World, id, new_channel};

const ANN: u64 = 2;
const BEN: u64 = 3;
const BOT: u64 = 1000;
const SILENCE: Duration = Duration::from_secs(180);

/// Four members and a stage channel.
fn world() -> (World, ChannelId) {
    let mut world = World::new();
    world.seed([ANN, BEN, BOT]);
    let stage = world.create_channel(new_channel("stage", ChannelType::GuildStageVoice));
    (world, stage)
}

fn open(channel: ChannelId, topic: &str) -> Op {
    Op::Stage(S::Open { channel, topic: topic.into(), notify: false, event: None })
}

fn close(channel: ChannelId) -> Op {
    Op::Stage(S::Close { channel })
}

fn get(channel: ChannelId) -> Op {
    Op::Stage(S::Get { channel })
}

fn suppress(user: u64, suppress: bool) -> Op {
    let request_to_speak = Patch::Absent;
    Op::Voice(V::Modify {
        user: Some(user.into()),
        channel: None,
        suppress: Some(suppress),
        request_to_speak,
    })
}

/// Gives a member the rights of a stage moderator.
fn make_moderator(world: &mut World, user: u64) {
    let rights = Permissions::MANAGE_CHANNELS | Permissions::MUTE_MEMBERS | Permissions::MOVE_MEMBERS;
    let role = world.create_role("moderator", rights);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: user.into(), role }));
}

/// The types of the messages in a channel, the oldest first.
fn talk(world: &mut World, channel: ChannelId) -> Vec<Value> {
    let list = message::Op::List { page: message::Page::Newest, limit: 50 };
    let list = world.ok(OWNER, Op::Message { channel, op: list });
    let kinds = list.as_array().unwrap().iter().rev();
    kinds.map(|message| json!([message["type"], message["content"], message["author"]["id"]])).collect()
}

fn audited(world: &mut World) -> Vec<Value> {
    let log = consort_rpc::guild::settings::Op::AuditLog {
        user: None,
        action: None,
        before: None,
        after: None,
        limit: 10,
    };
    let log = world.ok(OWNER, Op::Settings(log));
    let entries = log["audit_log_entries"].as_array().unwrap().iter();
    let stages = entries.filter(|entry| (83..=85).contains(&entry["action_type"].as_u64().unwrap()));
    stages.map(|entry| json!([entry["action_type"], entry["options"]["channel_id"]])).collect()
}

#[test]
fn moderators_open_change_and_close_a_stage() {
    let (mut world, stage) = world();
    let ann = world.connect(ANN);
    assert_eq!(world.err(BEN, open(stage, "Talk")), (403, 50013));
    let text = world.channel("general");
    assert_eq!(world.err(OWNER, open(text, "Talk")), (400, 50024));
    assert_eq!(world.err(OWNER, get(stage)), (404, 10067));
    make_moderator(&mut world, BEN);
    world.look_away();
    let made = world.ok(BEN, open(stage, "Talk"));
    assert_eq!((&made["topic"], &made["privacy_level"]), (&json!("Talk"), &json!(2)));
    assert_eq!(world.ok(ANN, get(stage)), made);
    assert_eq!(world.err(BEN, open(stage, "Other")), (400, 150_006));
    assert_eq!(
        world.err(ANN, Op::Stage(S::Update { channel: stage, topic: Some("Mine".into()) })),
        (403, 50013)
    );
    let changed = world.ok(BEN, Op::Stage(S::Update { channel: stage, topic: Some("More".into()) }));
    assert_eq!((&changed["topic"], &changed["id"]), (&json!("More"), &made["id"]));
    world.restart();
    assert_eq!(world.ok(ANN, get(stage)), changed);
    assert_eq!(world.err(ANN, close(stage)), (403, 50013));
    world.ok(BEN, close(stage));
    assert_eq!(world.err(BEN, close(stage)), (404, 10067));
    let told = world.names(ann).into_iter().filter(|name| name.starts_with("STAGE"));
    assert_eq!(told.collect::<Vec<_>>(), ["STAGE_INSTANCE_DELETE"], "the rest was told before the restart");
    let ben = "3";
    let said = [json!([27, "Talk", ben]), json!([31, "More", ben]), json!([28, "More", ben])];
    assert_eq!(talk(&mut world, stage), said);
    let by = |action| json!([action, stage]);
    assert_eq!(audited(&mut world), [by(85), by(84), by(83)]);
}

#[test]
fn naming_everybody_needs_its_right() {
    let (mut world, stage) = world();
    make_moderator(&mut world, BEN);
    world.overwrite(
        stage,
        consort_model::Overwrite::role(
            crate::world::GUILD.cast(),
            Permissions::empty(),
            Permissions::MENTION_EVERYONE,
        ),
    );
    let loud = || Op::Stage(S::Open { channel: stage, topic: "Talk".into(), notify: true, event: None });
    assert_eq!(world.err(BEN, loud()), (403, 50013));
    let ann = world.connect(ANN);
    world.ok(OWNER, loud());
    let said = world.take(ann).into_iter().find(|(name, _)| name == "MESSAGE_CREATE").unwrap().1;
    assert_eq!((&said["type"], &said["mention_everyone"]), (&json!(27), &json!(true)));
}

#[test]
fn who_sees_the_channel_sees_its_stage() {
    let (mut world, stage) = world();
    let ann = world.connect(ANN);
    world.ok(OWNER, open(stage, "Talk"));
    assert_eq!(world.guild_create(ANN).unwrap()["stage_instances"][0]["topic"], "Talk");
    world.look_away();
    world.hide(stage);
    assert_eq!(world.names(ann), ["STAGE_INSTANCE_DELETE", "CHANNEL_DELETE"]);
    assert_eq!(world.guild_create(ANN).unwrap()["stage_instances"], json!([]));
    assert_eq!(world.err(ANN, get(stage)), (403, 50001));
    world.ok(OWNER, Op::Stage(S::Update { channel: stage, topic: Some("Secret".into()) }));
    assert!(world.names(ann).is_empty());
    let shown = channel::Op::DeleteOverwrite { channel: stage, id: crate::world::GUILD.cast() };
    world.ok(OWNER, Op::Channel(shown));
    assert_eq!(world.names(ann), ["CHANNEL_CREATE", "STAGE_INSTANCE_CREATE"]);
    world.ok(OWNER, Op::Channel(channel::Op::Delete { channel: stage }));
    assert_eq!(world.names(ann), ["STAGE_INSTANCE_DELETE", "CHANNEL_DELETE"]);
    assert_eq!(world.guild_create(OWNER).unwrap()["stage_instances"], json!([]));
}

#[test]
fn a_stage_is_over_some_minutes_after_the_last_speaker_has_left_also_across_restarts() {
    let (mut world, stage) = world();
    let (owner, ann) = (world.connect(OWNER), world.connect(ANN));
    world.ok(OWNER, open(stage, "Talk"));
    world.ok(ANN, speak(ann, Some(stage)));
    world.ok(OWNER, suppress(ANN, false));
    world.advance(SILENCE * 2);
    world.ok(OWNER, get(stage));
    // Whoever listens does not keep it.
    world.ok(ANN, suppress(ANN, true));
    world.advance(SILENCE / 2);
    world.restart();
    world.advance(SILENCE / 2 - Duration::from_secs(1));
    world.ok(OWNER, get(stage));
    world.look_away();
    world.advance(Duration::from_secs(1));
    assert_eq!(world.err(OWNER, get(stage)), (404, 10067));
    assert_eq!(world.names(owner), ["STAGE_INSTANCE_DELETE"]);
    // One where nobody ever spoke, too.
    world.ok(OWNER, open(stage, "Again"));
    world.advance(SILENCE);
    assert_eq!(world.err(OWNER, get(stage)), (404, 10067));
}

#[test]
fn an_invitation_is_taken_up_and_bots_need_none() {
    let (mut world, stage) = world();
    let (ann, bot) = (world.connect(ANN), world.connect(BOT));
    world.ok(OWNER, open(stage, "Talk"));
    for (user, session) in [(ANN, ann), (BOT, bot)] {
        world.ok(user, speak(session, Some(stage)));
    }
    let state = |world: &mut World, user: u64| {
        let state = world.ok(OWNER, Op::Voice(V::Get { user: Some(user.into()) }));
        (state["suppress"].clone(), state["request_to_speak_timestamp"].clone())
    };
    assert_eq!(state(&mut world, ANN), (json!(true), Value::Null), "whoever comes listens");
    let own = |suppress, request_to_speak| {
        Op::Voice(V::Modify { user: None, channel: Some(stage), suppress, request_to_speak })
    };
    let past = Timestamp::from_ms(world.now_ms() - 60_000);
    let now = json!(Timestamp::from_ms(world.now_ms()));
    world.ok(ANN, own(None, Patch::Value(past)));
    assert_eq!(state(&mut world, ANN), (json!(true), now.clone()), "nobody asks in the past");
    world.ok(ANN, own(None, Patch::Null));
    assert_eq!(state(&mut world, ANN), (json!(true), Value::Null));
    assert_eq!(world.err(ANN, own(Some(false), Patch::Absent)), (403, 50013));
    world.ok(OWNER, suppress(ANN, false));
    assert_eq!(state(&mut world, ANN), (json!(false), now));
    world.ok(ANN, own(Some(false), Patch::Null));
    assert_eq!(state(&mut world, ANN), (json!(false), Value::Null));
    world.ok(OWNER, suppress(BOT, false));
    assert_eq!(state(&mut world, BOT), (json!(false), Value::Null));
    assert_eq!(talk(&mut world, stage)[1..], [json!([29, "", "2"]), json!([29, "", "1000"])]);
    let other = world.create_channel(new_channel("other", ChannelType::GuildStageVoice));
    let update = member::Update { channel_id: Patch::Value(other), ..member::Update::default() };
    world.ok(OWNER, Op::Member(member::Op::Update { user: ANN.into(), update: Box::new(update) }));
    assert_eq!(state(&mut world, ANN), (json!(true), Value::Null), "on another stage one listens again");
}

fn form(body: &Value, new: bool) -> Box<EventForm> {
    Box::new(Form::root(body).unwrap().check(|f| EventForm::read(f, new)).unwrap().0)
}

fn update(event: u64, body: &Value) -> Op {
    Op::Event(event::Op::Update { event: event.into(), form: form(body, false) })
}

/// Plans an event on a stage.
fn plan(world: &mut World, event: u64, stage: ChannelId, more: &Value) {
    let start = Timestamp::from_ms(world.now_ms() + 3_600_000);
    let mut body = json!({
        "name": "Show", "privacy_level": 2, "entity_type": 1, "channel_id": stage, "scheduled_start_time": start,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.ok(OWNER, Op::Event(event::Op::Create { id: event.into(), form: form(&body, true) }));
}

fn status(world: &mut World, event: u64) -> (Value, Value) {
    let event = world.ok(OWNER, Op::Event(event::Op::Get { event: event.into(), with_user_count: false }));
    (event["status"].clone(), event["entity_id"].clone())
}

#[test]
fn an_event_that_begins_opens_its_stage_and_ends_with_it() {
    let (mut world, stage) = world();
    plan(&mut world, 50, stage, &json!({}));
    world.ok(OWNER, open(stage, "Talk"));
    assert_eq!(world.err(OWNER, update(50, &json!({"status": 2}))), (400, 180_002));
    world.ok(OWNER, close(stage));
    world.ok(OWNER, update(50, &json!({"status": 2})));
    let opened = world.ok(OWNER, get(stage));
    assert_eq!((&opened["topic"], &opened["guild_scheduled_event_id"]), (&json!("Show"), &json!("50")));
    assert_eq!(status(&mut world, 50), (json!(2), opened["id"].clone()));
    assert_eq!(world.err(OWNER, update(50, &json!({"channel_id": world.channel("General")}))), (400, 50035));
    world.ok(OWNER, close(stage));
    assert_eq!(status(&mut world, 50), (json!(3), Value::Null));

    plan(&mut world, 51, stage, &json!({}));
    world.ok(OWNER, update(51, &json!({"status": 2})));
    world.ok(OWNER, update(51, &json!({"status": 3})));
    assert_eq!(world.err(OWNER, get(stage)), (404, 10067));

    plan(&mut world, 52, stage, &json!({}));
    let with = |event: u64| {
        Op::Stage(S::Open { channel: stage, topic: "Talk".into(), notify: false, event: Some(event.into()) })
    };
    assert_eq!(world.err(OWNER, with(51)), (400, 50035));
    let made = world.ok(OWNER, with(52));
    assert_eq!(status(&mut world, 52), (json!(2), json!(id::<consort_model::StageId>(&made))));
    world.ok(OWNER, Op::Event(event::Op::Delete { event: 52.into() }));
    assert_eq!(world.err(OWNER, get(stage)), (404, 10067));
}
