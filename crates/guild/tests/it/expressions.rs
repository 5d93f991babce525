//! Emojis and stickers: who may make and change them, their number, and the lists that are sent.

use consort_model::request::onboarding::OnboardingForm;
use consort_model::{ChannelId, ChannelType, Form, Patch, Permissions};
use consort_rpc::guild::emoji::Op as E;
use consort_rpc::guild::{Op, channel, member, onboarding, settings};
use serde_json::{Value, json};

use crate::world::{OWNER, World, id, new_channel};

fn emoji(id: u64, animated: bool) -> Op {
    Op::Emoji(E::Create { id: id.into(), name: format!("emoji{id}"), animated, roles: Vec::new() })
}

fn sticker(id: u64) -> Op {
    let (name, tags) = (format!("sticker{id}"), "x".to_owned());
    Op::Emoji(E::CreateSticker { id: id.into(), name, description: None, tags, format: 1 })
}

fn rename(id: u64, name: &str) -> Op {
    Op::Emoji(E::Update { emoji: id.into(), name: Some(name.into()), roles: Patch::Absent })
}

/// A guild where 2 may make expressions and 3 may manage all.
fn world() -> World {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    for (user, right) in
        [(2, Permissions::CREATE_GUILD_EXPRESSIONS), (3, Permissions::MANAGE_GUILD_EXPRESSIONS)]
    {
        let role = world.create_role("maker", right);
        world.ok(OWNER, Op::Member(member::Op::AddRole { user: user.into(), role }));
    }
    world
}

#[test]
fn the_whole_list_is_sent_after_each_change() {
    let mut world = world();
    let member = world.connect(4);
    world.ok(2, emoji(10, false));
    world.ok(2, emoji(11, true));
    world.ok(3, rename(10, "renamed"));
    world.ok(3, Op::Emoji(E::Delete { emoji: 11.into() }));
    let told = world.take(member);
    let names = told.iter().map(|(name, d)| {
        assert_eq!(name, "GUILD_EMOJIS_UPDATE");
        d["emojis"]
            .as_array()
            .unwrap()
            .iter()
            .map(|emoji| emoji["name"].as_str().unwrap())
            .collect::<Vec<_>>()
    });
    let names: Vec<_> = names.collect();
    assert_eq!(
        names,
        [vec!["emoji10"], vec!["emoji10", "emoji11"], vec!["renamed", "emoji11"], vec!["renamed"]]
    );
    world.restart();
    let list = world.ok(4, Op::Emoji(E::List));
    assert_eq!((&list[0]["name"], list[0].get("user")), (&"renamed".into(), None));
    assert_eq!(world.ok(3, Op::Emoji(E::Get { emoji: 10.into() }))["user"]["id"], "2");
}

#[test]
fn makers_change_their_own_and_managers_all() {
    let mut world = world();
    assert_eq!(world.err(4, emoji(10, false)), (403, 50013));
    assert_eq!(world.err(99, emoji(10, false)), (403, 50001));
    world.ok(3, emoji(10, false));
    world.ok(2, emoji(11, false));
    assert_eq!(world.err(2, rename(10, "mine")), (403, 50013));
    world.ok(2, rename(11, "mine"));
    world.ok(3, rename(11, "ours"));
    assert_eq!(world.err(3, rename(12, "none")), (404, 10014));
    let roles = Patch::Value(vec![777.into()]);
    let op = Op::Emoji(E::Update { emoji: 10.into(), name: None, roles });
    assert_eq!(world.err(3, op), (404, 10011));
}

/// Has a call refused for its emoji.
fn refuse(world: &World, op: Op, path: &str) {
    let error = world.call(OWNER, op).unwrap_err();
    assert_eq!((error.status, error.code), (400, 50035), "{path}");
    assert_eq!(error.errors.unwrap().get(path)[0].code, "INVALID_EMOJI", "{path}");
}

#[test]
fn things_are_shown_with_emojis_of_the_guild() {
    let mut world = World::new();
    world.ok(OWNER, emoji(10, false));
    let tag = |emoji: &str| json!({"name": "tag", "emoji_id": emoji});
    let forum = |emoji: &str| {
        let create = channel::Create {
            available_tags: Some(vec![tag("10"), json!({"name": "other", "emoji_id": emoji})]),
            default_reaction_emoji: Some(json!({"emoji_id": "10"})),
            ..new_channel("forum", ChannelType::GuildForum)
        };
        Op::Channel(channel::Op::Create(Box::new(create)))
    };
    refuse(&world, forum("11"), "available_tags.1.emoji_id");
    let made: ChannelId = id(&world.ok(OWNER, forum("10")));
    let general = world.channel("general");
    let welcome = |emoji: &str| {
        let shown =
            json!({"channel_id": general, "description": "d", "emoji_id": emoji, "emoji_name": "duck"});
        let (enabled, description, channels) = (Some(true), Patch::Absent, Some(vec![shown]));
        Op::Settings(settings::Op::UpdateWelcomeScreen { enabled, description, channels })
    };
    refuse(&world, welcome("11"), "welcome_channels.0.emoji_id");
    world.ok(OWNER, welcome("10"));
    let ask = |emoji: &str| {
        let option = json!({"title": "a", "channel_ids": [general], "emoji_id": emoji});
        let body = json!({"prompts": [{"title": "q", "options": [option]}]});
        let form = Form::root(&body).unwrap().check(OnboardingForm::read).unwrap();
        Op::Onboarding(onboarding::Op::Set(Box::new(form)))
    };
    refuse(&world, ask("11"), "prompts.0.options.0.emoji_id");
    world.ok(OWNER, ask("10"));

    world.ok(OWNER, Op::Emoji(E::Delete { emoji: 10.into() }));
    let shown = world.ok(OWNER, Op::Settings(settings::Op::WelcomeScreen));
    assert_eq!(
        (&shown["welcome_channels"][0]["emoji_id"], &shown["welcome_channels"][0]["description"]),
        (&Value::Null, &json!("d"))
    );
    let asked = world.ok(OWNER, Op::Onboarding(onboarding::Op::Get));
    assert_eq!(asked["prompts"][0]["options"][0]["emoji"]["id"], Value::Null);
    // What a forum was shown with before may come back with a change of something else.
    let retag = |emoji: &str| {
        let update = channel::Update {
            available_tags: Some(vec![tag(emoji)]),
            default_reaction_emoji: Patch::Value(json!({"emoji_id": emoji})),
            ..channel::Update::default()
        };
        Op::Channel(channel::Op::Update { channel: made, update: Box::new(update) })
    };
    world.ok(OWNER, retag("10"));
    refuse(&world, retag("11"), "available_tags.0.emoji_id");
}

#[test]
fn fifty_still_and_fifty_moving_emojis_are_the_limit() {
    let mut world = World::new();
    for id in 1..=50 {
        world.ok(OWNER, emoji(id, false));
        world.ok(OWNER, emoji(100 + id, true));
    }
    assert_eq!(world.err(OWNER, emoji(200, false)), (400, 30008));
    assert_eq!(world.err(OWNER, emoji(201, true)), (400, 30018));
}

#[test]
fn stickers_are_made_changed_and_deleted() {
    let mut world = world();
    let member = world.connect(4);
    assert_eq!(world.err(4, sticker(10)), (403, 50013));
    let made = world.ok(2, sticker(10));
    assert_eq!((&made["type"], &made["format_type"]), (&2.into(), &1.into()));
    let change = E::UpdateSticker {
        sticker: 10.into(),
        name: Some("new".into()),
        description: Patch::Value("words".into()),
        tags: None,
    };
    assert_eq!(world.ok(2, Op::Emoji(change))["description"], "words");
    world.ok(3, Op::Emoji(E::DeleteSticker { sticker: 10.into() }));
    assert_eq!(world.names(member), ["GUILD_STICKERS_UPDATE"; 3]);
    assert_eq!(world.ok(4, Op::Emoji(E::ListStickers)), Value::Array(Vec::new()));
    assert_eq!(world.err(4, Op::Emoji(E::GetSticker { sticker: 10.into() })), (404, 10060));
    for id in 20..25 {
        world.ok(OWNER, sticker(id));
    }
    assert_eq!(world.err(OWNER, sticker(30)), (400, 30039));
}

#[test]
fn changes_are_in_the_audit_log() {
    let mut world = world();
    world.ok(2, emoji(10, false));
    world.ok(2, rename(10, "renamed"));
    let log = consort_rpc::guild::settings::Op::AuditLog {
        user: None,
        action: Some(61),
        before: None,
        after: None,
        limit: 1,
    };
    let entry = world.ok(OWNER, Op::Settings(log))["audit_log_entries"][0].clone();
    assert_eq!(entry["changes"], json!([{"key": "name", "old_value": "emoji10", "new_value": "renamed"}]));
    assert_eq!((&entry["user_id"], &entry["target_id"]), (&"2".into(), &"10".into()));
}
