//! Scheduled events: who makes and sees them, what happens at their times, who is interested.

use std::time::Duration;

use consort_model::request::scheduled_event::EventForm;
use consort_model::{ChannelId, ChannelType, EventId, Form, Permissions, Timestamp};
use consort_rpc::guild::{Op, event, invite, member};
use serde_json::{Value, json};

use crate::voice::speak;
use crate::world::{OWNER, World, id, new_channel};

const ANN: u64 = 2;
const BEN: u64 = 3;
const HOUR: Duration = Duration::from_hours(1);

fn at(world: &World, hours: u64) -> Value {
    json!(Timestamp::from_ms(world.now_ms() + hours * 3_600_000))
}

fn form(body: &Value, new: bool) -> Box<EventForm> {
    Box::new(Form::root(body).unwrap().check(|f| EventForm::read(f, new)).unwrap().0)
}

/// An external event from the next hour to the third.
fn party(world: &World, event: u64, more: &Value) -> Op {
    let mut body = json!({
        "name": "Party", "privacy_level": 2, "entity_type": 3, "scheduled_start_time": at(world, 1),
        "scheduled_end_time": at(world, 3), "entity_metadata": {"location": "here"},
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Op::Event(event::Op::Create { id: event.into(), form: form(&body, true) })
}

fn in_channel(world: &World, event: u64, channel: ChannelId) -> Op {
    party(world, event, &json!({"entity_type": 2, "channel_id": channel, "entity_metadata": null}))
}

fn update(event: u64, body: &Value) -> Op {
    Op::Event(event::Op::Update { event: event.into(), form: form(body, false) })
}

fn get(event: u64) -> Op {
    Op::Event(event::Op::Get { event: event.into(), with_user_count: true })
}

fn status(world: &mut World, event: u64) -> u64 {
    world.ok(OWNER, get(event))["status"].as_u64().unwrap()
}

fn listed(world: &mut World, user: u64) -> Vec<u64> {
    let list = world.ok(user, Op::Event(event::Op::List { with_user_count: false }));
    list.as_array().unwrap().iter().map(|event| id::<EventId>(event).get()).collect()
}

fn world() -> World {
    let mut world = World::new();
    world.seed([ANN, BEN]);
    world
}

#[test]
fn an_event_is_made_changed_shown_and_deleted() {
    let mut world = world();
    let (owner, ann) = (world.connect(OWNER), world.connect(ANN));
    assert_eq!(world.err(ANN, party(&world, 50, &json!({}))), (403, 50013));
    let made = world.ok(OWNER, party(&world, 50, &json!({"description": "d"})));
    assert_eq!(
        (&made["status"], &made["creator_id"], &made["channel_id"]),
        (&json!(1), &json!("1"), &Value::Null)
    );
    assert_eq!(made["creator"]["id"], "1");
    let changed = world.ok(OWNER, update(50, &json!({"name": "Dance"})));
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Dance"), &json!("d")));
    assert_eq!(world.err(ANN, update(50, &json!({"name": "Mine"}))), (403, 50013));
    assert_eq!(
        world.take(ann).last().map(|(name, _)| name.clone()),
        Some("GUILD_SCHEDULED_EVENT_UPDATE".into())
    );
    world.restart();
    assert_eq!(listed(&mut world, ANN), [50]);
    world.ok(OWNER, Op::Event(event::Op::Delete { event: 50.into() }));
    assert_eq!(world.err(OWNER, get(50)), (404, 10070));
    assert!(listed(&mut world, ANN).is_empty());
    assert!(world.names(owner).contains(&"GUILD_SCHEDULED_EVENT_DELETE".to_owned()));
}

#[test]
fn what_an_event_cannot_be_is_refused_by_its_field() {
    let mut world = world();
    let text = world.channel("general");
    for (more, path) in [
        (json!({"scheduled_start_time": "2020-01-01T00:00:00+00:00"}), "scheduled_start_time"),
        (json!({"scheduled_end_time": at(&world, 1)}), "scheduled_end_time"),
        (json!({"scheduled_end_time": null}), "scheduled_end_time"),
        (json!({"entity_metadata": {}}), "entity_metadata/location"),
        (json!({"entity_type": 2}), "channel_id"),
        (json!({"entity_type": 2, "channel_id": text}), "channel_id"),
    ] {
        let error = world.call(OWNER, party(&world, 50, &more)).expect_err("refused");
        let body: Value = serde_json::from_slice(&error.to_body()).unwrap();
        assert!(body.pointer(&format!("/errors/{path}/_errors/0/code")).is_some(), "{path}: {body}");
    }
    for event in 0..100 {
        world.call(OWNER, party(&world, 1000 + event, &json!({}))).expect("made");
    }
    assert_eq!(world.err(OWNER, party(&world, 50, &json!({}))), (400, 30038));
}

#[test]
fn an_event_in_a_hidden_channel_is_hidden() {
    let mut world = world();
    let stage = world.create_channel(new_channel("voice", ChannelType::GuildVoice));
    world.ok(OWNER, in_channel(&world, 50, stage));
    let ann = world.connect(ANN);
    assert_eq!(listed(&mut world, ANN), [50]);
    world.hide(stage);
    assert!(listed(&mut world, ANN).is_empty());
    assert_eq!(world.err(ANN, get(50)), (403, 50001));
    assert_eq!(world.err(ANN, Op::Event(event::Op::Subscribe { event: 50.into() })), (403, 50001));
    let told = world.names(ann);
    assert_eq!(told, ["GUILD_SCHEDULED_EVENT_DELETE", "CHANNEL_DELETE"]);
    world.ok(OWNER, update(50, &json!({"name": "Secret"})));
    assert!(world.names(ann).is_empty());
    world.ok(OWNER, update(50, &json!({"entity_type": 3, "entity_metadata": {"location": "here"}})));
    assert_eq!(world.names(ann), ["GUILD_SCHEDULED_EVENT_CREATE"]);
    world.ok(OWNER, update(50, &json!({"entity_type": 2, "channel_id": stage})));
    assert_eq!(world.names(ann), ["GUILD_SCHEDULED_EVENT_DELETE"]);
    world.ok(OWNER, Op::Channel(consort_rpc::guild::channel::Op::Delete { channel: stage }));
    assert_eq!(world.err(OWNER, get(50)), (404, 10070));
}

#[test]
fn ones_own_events_are_changed_with_less() {
    let mut world = world();
    let makers = world.create_role("makers", Permissions::CREATE_EVENTS);
    for user in [ANN, BEN] {
        world.ok(OWNER, Op::Member(member::Op::AddRole { user: user.into(), role: makers }));
    }
    world.ok(ANN, party(&world, 50, &json!({})));
    world.ok(ANN, update(50, &json!({"name": "Mine"})));
    assert_eq!(world.err(BEN, update(50, &json!({"name": "Ours"}))), (403, 50013));
    let managers = world.create_role("managers", Permissions::MANAGE_EVENTS);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: BEN.into(), role: managers }));
    world.ok(BEN, Op::Event(event::Op::Delete { event: 50.into() }));
}

#[test]
fn external_events_begin_and_end_at_their_times() {
    let mut world = world();
    world.ok(OWNER, party(&world, 50, &json!({})));
    let ann = world.connect(ANN);
    world.advance(HOUR);
    assert_eq!(status(&mut world, 50), 2);
    world.restart();
    let ben = world.connect(BEN);
    world.advance(2 * HOUR);
    assert_eq!(status(&mut world, 50), 3);
    assert_eq!(world.err(OWNER, update(50, &json!({"name": "Late"}))), (400, 180_000));
    assert!(listed(&mut world, ANN).is_empty());
    assert_eq!(world.names(ben), ["GUILD_SCHEDULED_EVENT_UPDATE"]);
    assert_eq!(world.names(ann).len(), 1, "told again since it attached again");
}

#[test]
fn statuses_go_one_way() {
    let mut world = world();
    let voice = world.create_channel(new_channel("voice", ChannelType::GuildVoice));
    world.ok(OWNER, in_channel(&world, 50, voice));
    assert_eq!(world.err(OWNER, update(50, &json!({"status": 3}))), (400, 50035));
    world.ok(OWNER, update(50, &json!({"status": 2})));
    assert_eq!(world.err(OWNER, update(50, &json!({"status": 4}))), (400, 50035));
    world.ok(OWNER, update(50, &json!({"status": 3})));
    assert_eq!(world.err(OWNER, update(50, &json!({"status": 2}))), (400, 180_000));
    world.ok(OWNER, in_channel(&world, 51, voice));
    world.ok(OWNER, update(51, &json!({"status": 4})));
    assert_eq!(world.err(OWNER, update(51, &json!({"status": 1}))), (400, 180_000));
}

#[test]
fn an_event_in_a_channel_ends_when_all_have_left_and_is_called_off_when_nobody_begins_it() {
    let mut world = world();
    let voice = world.create_channel(new_channel("voice", ChannelType::GuildVoice));
    world.ok(OWNER, in_channel(&world, 50, voice));
    world.ok(OWNER, in_channel(&world, 51, voice));
    let ann = world.connect(ANN);
    world.ok(ANN, speak(ann, Some(voice)));
    world.ok(OWNER, update(50, &json!({"status": 2})));
    world.advance(HOUR);
    assert_eq!(status(&mut world, 50), 2);
    world.ok(ANN, speak(ann, None));
    world.advance(Duration::from_mins(2));
    assert_eq!(status(&mut world, 50), 2);
    world.advance(Duration::from_mins(2));
    assert_eq!((status(&mut world, 50), status(&mut world, 51)), (3, 1));
    world.advance(4 * HOUR);
    assert_eq!(status(&mut world, 51), 4);
}

#[test]
fn an_event_that_recurs_is_to_come_again() {
    let mut world = world();
    let start = at(&world, 1);
    let rule = json!({"start": start, "frequency": 3});
    world.ok(OWNER, party(&world, 50, &json!({"recurrence_rule": rule})));
    world.advance(4 * HOUR);
    let event = world.ok(OWNER, get(50));
    assert_eq!(event["status"], 1);
    let next = Timestamp::from_ms(world.now_ms() - 4 * 3_600_000 + 25 * 3_600_000);
    assert_eq!(event["scheduled_start_time"], json!(next));
    assert_eq!(event["scheduled_end_time"], json!(next.plus_ms(2 * 3_600_000)));
    // What was missed is stepped over.
    world.advance(100 * HOUR);
    assert!(status(&mut world, 50) < 3);
}

#[test]
fn who_is_interested_is_listed_by_pages_and_forgotten_with_its_membership() {
    let mut world = world();
    world.seed(10..15);
    world.ok(OWNER, party(&world, 50, &json!({})));
    let owner = world.connect(OWNER);
    for user in 10..15 {
        let answer = world.ok(user, Op::Event(event::Op::Subscribe { event: 50.into() }));
        assert_eq!((&answer["user_id"], &answer["response"]), (&json!(user.to_string()), &json!(1)));
    }
    world.ok(10, Op::Event(event::Op::Subscribe { event: 50.into() }));
    let told = world.names(owner);
    assert_eq!(told, ["GUILD_SCHEDULED_EVENT_USER_ADD"; 5]);
    world.restart();
    let page = |world: &mut World, before: Option<u64>, after: Option<u64>| {
        let (before, after) = (before.map(Into::into), after.map(Into::into));
        let op = event::Op::Users { event: 50.into(), with_member: true, before, after, limit: 2 };
        let list = world.ok(OWNER, Op::Event(op));
        let list = list.as_array().unwrap().clone();
        assert!(
            list.iter()
                .all(|one| one["member"]["joined_at"].is_string() && one["user"]["id"] == one["user_id"])
        );
        list.iter().map(|one| one["user_id"].as_str().unwrap().parse().unwrap()).collect::<Vec<u64>>()
    };
    assert_eq!(page(&mut world, None, None), [10, 11]);
    assert_eq!(page(&mut world, None, Some(11)), [12, 13]);
    assert_eq!(page(&mut world, Some(14), None), [12, 13]);
    world.ok(10, Op::Event(event::Op::Unsubscribe { event: 50.into() }));
    assert_eq!(world.err(10, Op::Event(event::Op::Unsubscribe { event: 50.into() })), (404, 10071));
    world.ok(11, Op::Member(member::Op::Leave));
    assert_eq!(world.ok(OWNER, get(50))["user_count"], 3);
    assert_eq!(page(&mut world, None, None), [12, 13]);
    assert_eq!(
        world.ok(OWNER, Op::Event(event::Op::Count { event: 50.into() }))["guild_scheduled_event_count"],
        3
    );
}

#[test]
fn an_invite_shows_the_event_it_is_asked_for() {
    let mut world = world();
    world.ok(OWNER, party(&world, 50, &json!({})));
    let create = json!({"max_age": 0, "max_uses": 0, "temporary": false, "unique": true});
    let create: Box<invite::Create> = serde_json::from_value(create).unwrap();
    let channel = world.channel("general");
    let code = world.ok(OWNER, Op::Invite(invite::Op::Create { channel, create }))["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let resolve = |event: Option<u64>| {
        let event = event.map(Into::into);
        Op::Invite(invite::Op::Resolve { code: code.clone(), with_counts: false, event })
    };
    assert_eq!(world.ok(ANN, resolve(Some(50)))["guild_scheduled_event"]["name"], "Party");
    assert!(world.ok(ANN, resolve(None)).get("guild_scheduled_event").is_none());
    assert!(world.ok(ANN, resolve(Some(51))).get("guild_scheduled_event").is_none());
}

#[test]
fn a_deleted_guild_leaves_nothing_of_its_events() {
    let mut world = world();
    world.ok(OWNER, party(&world, 50, &json!({})));
    world.ok(ANN, Op::Event(event::Op::Subscribe { event: 50.into() }));
    world.call(OWNER, Op::Settings(consort_rpc::guild::settings::Op::Delete)).expect("deleted");
    world.erase();
    assert_eq!(world.store.row_count(consort_store::Table::Events), 0);
}
