//! The guild's own moderation: who may make rules, what they block, what they do about it.

use consort_model::request::auto_moderation::RuleForm;
use consort_model::request::message::{CreateMessage, EditMessage};
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{ChannelId, ChannelType, Form, Intents, MessageId, Permissions, RuleId};
use consort_rpc::guild::{Op, automod, invite, member, role, thread};
use consort_rpc::message;
use serde_json::{Value, json};

use crate::world::{OWNER, World, account, id, new_channel};

const ANN: u64 = 2;
const BOT: u64 = 1000;

fn form(body: &Value, new: bool) -> Box<RuleForm> {
    Box::new(Form::root(body).unwrap().check(|f| RuleForm::read(f, new)).unwrap())
}

fn rule(more: &Value) -> Op {
    let mut body = json!({
        "name": "words", "event_type": 1, "trigger_type": 1, "enabled": true,
        "trigger_metadata": {"keyword_filter": ["evil*"]}, "actions": [{"type": 1}],
    });
    let fields = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(fields);
    Op::AutoMod(automod::Op::Create(form(&body, true)))
}

fn update(rule: RuleId, body: &Value) -> Op {
    Op::AutoMod(automod::Op::Update { rule, form: form(body, false) })
}

fn say(channel: ChannelId, text: &str) -> Op {
    let body = CreateMessage::parse(&json!({ "content": text })).unwrap();
    let create = message::Create { body, ..message::Create::default() };
    Op::Message { channel, op: message::Op::Create(Box::new(create)) }
}

fn world() -> (World, ChannelId) {
    let mut world = World::new();
    world.seed([ANN, 3, BOT]);
    let general = world.channel("general");
    (world, general)
}

/// The code of a refusal that may have had effects.
fn refused(world: &World, user: u64, op: Op) -> u32 {
    world.call(user, op).expect_err("refused").code
}

fn code(world: &World, user: u64, op: Op) -> Option<u32> {
    world.call(user, op).err().map(|error| error.code)
}

#[test]
fn rules_are_the_managers_and_only_they_hear_of_them() {
    let (mut world, _) = world();
    let (owner, ann) = (world.connect(OWNER), world.connect(ANN));
    assert_eq!(world.err(ANN, rule(&json!({}))), (403, 50013));
    assert_eq!(world.err(9, Op::AutoMod(automod::Op::List)), (403, 50001));
    let made = world.ok(OWNER, rule(&json!({})));
    assert_eq!(
        made["trigger_metadata"],
        json!({"keyword_filter": ["evil*"], "regex_patterns": [], "allow_list": []})
    );
    assert_eq!(made["actions"], json!([{"type": 1, "metadata": {}}]));
    let rule_id: RuleId = id(&made);
    let changed = world.ok(OWNER, update(rule_id, &json!({"name": "renamed"})));
    assert_eq!((&changed["name"], &changed["actions"]), (&json!("renamed"), &made["actions"]));
    let mut told = world.names(owner);
    world.restart();
    assert_eq!(world.ok(OWNER, Op::AutoMod(automod::Op::List)), json!([changed]));
    assert_eq!(world.ok(OWNER, Op::AutoMod(automod::Op::Get { rule: rule_id })), changed);
    world.ok(OWNER, Op::AutoMod(automod::Op::Delete { rule: rule_id }));
    assert_eq!(world.err(OWNER, Op::AutoMod(automod::Op::Get { rule: rule_id })).0, 404);
    told.extend(world.names(owner));
    for name in ["AUTO_MODERATION_RULE_CREATE", "AUTO_MODERATION_RULE_UPDATE", "AUTO_MODERATION_RULE_DELETE"]
    {
        assert!(told.contains(&name.to_owned()), "{name}");
    }
    assert!(!world.names(ann).iter().any(|name| name.starts_with("AUTO_MODERATION")));
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_where_it_makes_none() {
    let (mut world, _) = world();
    for (more, path) in [
        (json!({"event_type": 2}), "event_type"),
        (json!({"trigger_metadata": {"regex_patterns": ["a", "("]}}), "trigger_metadata.regex_patterns.1"),
        (json!({"actions": [{"type": 4}]}), "actions.0.type"),
        (json!({"actions": [{"type": 1}, {"type": 1}]}), "actions.1.type"),
        (
            json!({"actions": [{"type": 2, "metadata": {"channel_id": "77"}}]}),
            "actions.0.metadata.channel_id",
        ),
        (
            json!({"trigger_type": 3, "actions": [{"type": 3, "metadata": {"duration_seconds": 1}}]}),
            "actions.0.type",
        ),
    ] {
        let error = world.call(OWNER, rule(&more)).expect_err("refused");
        assert_eq!((error.status, error.code), (400, 50035));
        let body: Value = serde_json::from_slice(&error.to_body()).unwrap();
        let pointer = format!("/errors/{}/_errors/0/code", path.replace('.', "/"));
        assert!(body.pointer(&pointer).is_some(), "{path}: {body}");
    }
    for _ in 0..6 {
        world.ok(OWNER, rule(&json!({})));
    }
    assert_eq!(world.err(OWNER, rule(&json!({}))), (400, 50035), "six of words");
    world.ok(OWNER, rule(&json!({"trigger_type": 5, "trigger_metadata": {"mention_total_limit": 3}})));
    assert_eq!(world.err(OWNER, rule(&json!({"trigger_type": 5}))), (400, 50035), "one of mentions");
}

#[test]
fn a_timeout_needs_the_right_to_give_one() {
    let (mut world, general) = world();
    let managers = world.create_role("managers", Permissions::MANAGE_GUILD);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: 3.into(), role: managers }));
    let timeout = rule(&json!({"actions": [{"type": 3, "metadata": {"duration_seconds": 60}}]}));
    assert_eq!(world.err(3, timeout.clone()), (403, 50013));
    world.ok(OWNER, timeout);
    assert_eq!(code(&world, ANN, say(general, "evil")), None, "nothing blocks it");
    assert_eq!(refused(&world, ANN, say(general, "good")), 50013);
    world.advance(std::time::Duration::from_secs(61));
    assert_eq!(code(&world, ANN, say(general, "good")), None);
}

#[test]
fn a_forbidden_word_blocks_new_and_changed_messages_and_leaves_its_traces() {
    let (mut world, general) = world();
    let alerts = world.create_channel(new_channel("alerts", ChannelType::GuildText));
    world.hide(alerts);
    let actions = json!([
        {"type": 1, "metadata": {"custom_message": "not here"}},
        {"type": 2, "metadata": {"channel_id": alerts}},
    ]);
    let made = world.ok(OWNER, rule(&json!({ "actions": actions })));
    let message: MessageId = id(&world.ok(ANN, say(general, "good")));
    let (owner, ann) = (world.connect(OWNER), world.connect(ANN));
    let execution = Intents::AUTO_MODERATION_EXECUTION;
    let unread = world.connect_with(OWNER, execution);

    let refusal = world.call(ANN, say(general, "so Evilest")).expect_err("blocked");
    assert_eq!((refusal.status, refusal.code, refusal.message.as_ref()), (400, 200_000, "not here"));
    assert_eq!(world.names(ann), Vec::<String>::new());
    let told = world.take(owner);
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "GUILD_AUDIT_LOG_ENTRY_CREATE",
            "AUTO_MODERATION_ACTION_EXECUTION",
            "MESSAGE_CREATE",
            "GUILD_AUDIT_LOG_ENTRY_CREATE",
            "AUTO_MODERATION_ACTION_EXECUTION",
        ]
    );
    let (entry, block, alert, told_of) = (&told[0].1, &told[1].1, &told[2].1, &told[4].1);
    assert_eq!(
        (&entry["action_type"], &entry["user_id"], &entry["target_id"]),
        (&json!(143), &Value::Null, &json!("2"))
    );
    assert_eq!(entry["options"]["auto_moderation_rule_name"], "words");
    assert_eq!(
        (&block["rule_id"], &block["user_id"], &block["action"]["type"]),
        (&made["id"], &json!("2"), &json!(1))
    );
    assert_eq!((&block["content"], &block["matched_keyword"]), (&json!("so Evilest"), &json!("evil*")));
    assert_eq!((&block["matched_content"], block.get("message_id")), (&json!("Evil"), None));
    assert_eq!((&alert["type"], &alert["author"]["id"]), (&json!(24), &json!("2")));
    assert_eq!(alert["embeds"][0]["type"], "auto_moderation_message");
    assert_eq!(told_of["alert_system_message_id"], alert["id"]);
    let hidden = world.take(unread);
    assert!(
        hidden.iter().all(|(_, body)| body["content"] == "" && body["matched_content"].is_null()),
        "{hidden:?}"
    );

    let body = EditMessage::parse(&json!({"content": "evil"})).unwrap();
    let edit = Box::new(message::Edit { body, ..message::Edit::default() });
    let edit = Op::Message { channel: general, op: message::Op::Edit { message, edit } };
    assert_eq!(refused(&world, ANN, edit), 200_000);
    let get = Op::Message { channel: general, op: message::Op::Get { message } };
    assert_eq!(world.ok(ANN, get)["content"], "good");
}

#[test]
fn threads_and_posts_are_read_with_their_titles() {
    let (mut world, general) = world();
    let forum = world.create_channel(new_channel("forum", ChannelType::GuildForum));
    let made: RuleId = id(&world.ok(OWNER, rule(&json!({}))));
    let start = |name: &str| StartThread { name: name.into(), kind: Some(11), ..StartThread::default() };
    let open = |channel, name: &str, text: Option<&str>| {
        let post = text.map(|text| {
            let body = CreateMessage::parse(&json!({ "content": text })).unwrap();
            Box::new(message::Create { body, ..message::Create::default() })
        });
        Op::Thread { channel, op: thread::Op::Start { thread: Box::new(start(name)), post } }
    };
    assert_eq!(refused(&world, ANN, open(general, "evil plans", None)), 200_001);
    assert_eq!(refused(&world, ANN, open(forum, "evil plans", Some("good"))), 200_001);
    assert_eq!(refused(&world, ANN, open(forum, "plans", Some("evil"))), 200_000);
    let thread: ChannelId = id(&world.ok(ANN, open(general, "plans", None)));
    assert_eq!(refused(&world, ANN, say(thread, "evil")), 200_000);
    let rename = UpdateThread { name: Some("evil".into()), ..UpdateThread::default() };
    let rename = Op::Thread { channel: thread, op: thread::Op::Update(Box::new(rename)) };
    assert_eq!(refused(&world, ANN, rename.clone()), 200_001);
    // A channel that is left alone is with its threads.
    world.ok(OWNER, update(made, &json!({"exempt_channels": [general]})));
    assert_eq!(code(&world, ANN, say(thread, "evil")), None);
    world.ok(ANN, rename);
}

#[test]
fn some_are_left_alone() {
    let (mut world, general) = world();
    let trusted = world.create_role("trusted", Permissions::empty());
    let made: RuleId = id(&world.ok(OWNER, rule(&json!({ "exempt_roles": [trusted] }))));
    assert_eq!(code(&world, OWNER, say(general, "evil")), None, "the owner");
    assert_eq!(code(&world, BOT, say(general, "evil")), None, "a bot");
    assert_eq!(refused(&world, ANN, say(general, "evil")), 200_000);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: ANN.into(), role: trusted }));
    assert_eq!(code(&world, ANN, say(general, "evil")), None, "an exempt role");
    assert_eq!(refused(&world, 3, say(general, "evil")), 200_000);
    world.ok(OWNER, update(made, &json!({"enabled": false})));
    assert_eq!(code(&world, 3, say(general, "evil")), None, "switched off");
}

#[test]
fn only_what_is_there_is_newly_left_alone() {
    let (mut world, general) = world();
    let trusted = world.create_role("trusted", Permissions::empty());
    let made: RuleId =
        id(&world.ok(OWNER, rule(&json!({ "exempt_roles": [trusted], "exempt_channels": [general] }))));
    for exempt in [json!({"exempt_roles": [trusted, "5"]}), json!({"exempt_channels": ["5"]})] {
        assert_eq!(world.err(OWNER, rule(&exempt)), (400, 50035), "{exempt}");
        assert_eq!(world.err(OWNER, update(made, &exempt)), (400, 50035), "{exempt}");
    }
    // Clients send back the whole list, be it with what has gone meanwhile.
    world.ok(OWNER, Op::Role(role::Op::Delete { role: trusted }));
    let kept = world.ok(OWNER, update(made, &json!({"exempt_roles": [trusted], "name": "kept"})));
    assert_eq!(kept["exempt_roles"], json!([trusted]));
}

#[test]
fn mentions_and_repetitions_are_counted() {
    let (mut world, general) = world();
    world.seed(10..20);
    let limit = json!({"mention_total_limit": 2, "mention_raid_protection_enabled": true});
    world.ok(OWNER, rule(&json!({"trigger_type": 5, "trigger_metadata": limit})));
    let mention = |users: std::ops::Range<u64>| users.map(|user| format!("<@{user}>")).collect::<String>();
    assert_eq!(code(&world, ANN, say(general, &format!("{}<@10>", mention(10..12)))), None, "two of them");
    assert_eq!(refused(&world, ANN, say(general, &mention(10..13))), 200_000);
    let owner = world.connect(OWNER);
    let raid: Vec<_> = (0..30).map(|n| code(&world, ANN, say(general, &format!("{n} <@10>")))).collect();
    assert!(raid.first() == Some(&None) && raid.last() == Some(&Some(200_000)), "{raid:?}");
    let told = world.names(owner);
    assert_eq!(told.iter().filter(|name| *name == "AUTO_MODERATION_MENTION_RAID_DETECTION").count(), 1);

    world.ok(OWNER, rule(&json!({"trigger_type": 3, "trigger_metadata": {}})));
    let repeated: Vec<_> = (0..5).map(|_| code(&world, 3, say(general, "buy now"))).collect();
    assert_eq!(repeated, [None, None, None, Some(200_000), Some(200_000)]);
}

#[test]
fn a_forbidden_name_keeps_a_member_from_acting_until_it_has_another() {
    let (mut world, general) = world();
    let alerts = world.create_channel(new_channel("alerts", ChannelType::GuildText));
    let actions = json!([{"type": 4}, {"type": 2, "metadata": {"channel_id": alerts}}]);
    let made: RuleId =
        id(&world.ok(OWNER, rule(&json!({"trigger_type": 6, "event_type": 2, "actions": actions}))));
    let nick = |nick: &str| {
        let update = json!({ "nick": nick });
        let update = serde_json::from_value(update).unwrap();
        Op::Member(member::Op::UpdateSelf(Box::new(update)))
    };
    let owner = world.connect(OWNER);
    let flags = |member: &Value| member["flags"].as_u64().unwrap();
    assert_eq!(flags(&world.ok(ANN, nick("Evil One"))), 1 << 7);
    let told = world.names(owner);
    assert_eq!(told.iter().filter(|name| *name == "AUTO_MODERATION_ACTION_EXECUTION").count(), 2);
    assert_eq!(refused(&world, ANN, say(general, "hello")), 50013);
    world.ok(OWNER, update(made, &json!({"enabled": false})));
    assert_eq!(code(&world, ANN, say(general, "hello")), None, "no rule, no block");
    world.ok(OWNER, update(made, &json!({"enabled": true})));
    assert_eq!(flags(&world.ok(ANN, nick("Good One"))), 0);
    assert_eq!(code(&world, ANN, say(general, "hello")), None);

    let mut stranger = account(30);
    stranger.username = "evilest".into();
    let create = json!({"max_age": 0, "max_uses": 0, "temporary": false, "unique": true});
    let create: Box<invite::Create> = serde_json::from_value(create).unwrap();
    let invite = Op::Invite(invite::Op::Create { channel: general, create });
    let invite = world.ok(OWNER, invite)["code"].as_str().unwrap().to_owned();
    world.ok(30, Op::Member(member::Op::JoinByInvite { code: invite, user: Box::new(stranger) }));
    assert_eq!(refused(&world, 30, say(general, "hello")), 50013);
}
