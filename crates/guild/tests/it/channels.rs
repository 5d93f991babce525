//! Channels: who sees them, who is told of them.

use consort_model::{ChannelType, Overwrite, Patch, Permissions};
use consort_rpc::guild::Op;
use consort_rpc::guild::channel::{self, Update};

use crate::world::{GUILD, OWNER, World, id, new_channel};

const NONE: Permissions = Permissions::empty();
const VIEW: Permissions = Permissions::VIEW_CHANNEL;

#[test]
fn a_hidden_channel_is_neither_in_guild_create_nor_its_events_delivered() {
    let mut world = World::new();
    world.seed([2]);
    let secret = world.create_channel(new_channel("secret", ChannelType::GuildText));
    world.hide(secret);
    let (owner, member) = (world.connect(OWNER), world.connect(2));
    let update = Update { topic: Patch::Value("x".into()), ..Update::default() };
    world.ok(OWNER, Op::Channel(channel::Op::Update { channel: secret, update: Box::new(update) }));
    assert_eq!(world.names(member), [""; 0]);
    assert_eq!(world.names(owner), ["CHANNEL_UPDATE", "GUILD_AUDIT_LOG_ENTRY_CREATE"]);
    let shown = world.guild_create(2).unwrap();
    assert!(!shown.to_string().contains("secret"), "{shown}");
}

#[test]
fn an_overwrite_tells_exactly_those_who_gain_keep_or_lose_a_channel() {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    let channel = world.create_channel(new_channel("place", ChannelType::GuildText));
    let member = |user: u64, allow, deny| Overwrite::member(user.into(), allow, deny);
    world.overwrite(channel, member(3, VIEW, NONE));
    let sessions = [2, 3, 4].map(|user| world.connect(user));

    world.overwrite(channel, Overwrite::role(GUILD.cast(), NONE, VIEW));
    assert_eq!(
        sessions.map(|s| world.names(s)),
        [vec!["CHANNEL_DELETE"], vec!["CHANNEL_UPDATE"], vec!["CHANNEL_DELETE"]]
    );
    world.overwrite(channel, member(4, VIEW, NONE));
    assert_eq!(sessions.map(|s| world.names(s)), [vec![], vec!["CHANNEL_UPDATE"], vec!["CHANNEL_CREATE"]]);
    world.overwrite(channel, member(3, NONE, NONE));
    assert_eq!(sessions.map(|s| world.names(s)), [vec![], vec!["CHANNEL_DELETE"], vec!["CHANNEL_UPDATE"]]);
    world.ok(OWNER, Op::Channel(channel::Op::DeleteOverwrite { channel, id: GUILD.cast() }));
    assert_eq!(
        sessions.map(|s| world.names(s)),
        [vec!["CHANNEL_CREATE"], vec!["CHANNEL_CREATE"], vec!["CHANNEL_UPDATE"]]
    );
}

#[test]
fn channels_follow_their_category_as_long_as_they_are_like_it() {
    let mut world = World::new();
    world.seed([2]);
    let category = world.channel("Text Channels");
    let (follower, own) = (world.channel("general"), new_channel("own", ChannelType::GuildText));
    let own = world.create_channel(channel::Create { parent_id: Some(category), ..own });
    world.overwrite(own, Overwrite::role(GUILD.cast(), VIEW, NONE));
    let session = world.connect(2);
    world.hide(category);
    assert_eq!(world.names(session), ["CHANNEL_DELETE", "CHANNEL_DELETE"], "category and follower");
    let after = world.truth().unwrap();
    assert!(crate::laws::sees(&after, 2.into(), own) && !crate::laws::sees(&after, 2.into(), follower));
    // A new channel takes its category's overwrites; given some, it has those.
    let inside =
        channel::Create { parent_id: Some(category), ..new_channel("inside", ChannelType::GuildText) };
    world.create_channel(inside.clone());
    assert_eq!(world.names(session), [""; 0]);
    world.create_channel(channel::Create { permission_overwrites: Some(Vec::new()), ..inside });
    assert_eq!(world.names(session), ["CHANNEL_CREATE"]);
    // And one that is moved there takes them when asked to.
    let entry = channel::Move {
        id: own,
        position: Some(3),
        lock_permissions: true,
        parent_id: Patch::Value(category),
    };
    world.ok(OWNER, Op::Channel(channel::Op::Move(vec![entry])));
    assert_eq!(world.names(session), ["CHANNEL_DELETE"]);
}

#[test]
fn a_deleted_category_lets_its_channels_stand_alone() {
    let mut world = World::new();
    world.seed([2]);
    let session = world.connect(2);
    let category = world.channel("Text Channels");
    world.ok(OWNER, Op::Channel(channel::Op::Delete { channel: category }));
    assert_eq!(world.names(session), ["CHANNEL_UPDATE", "CHANNEL_DELETE"]);
    let general = world.channel("general");
    assert_eq!(world.truth().unwrap().channels.iter().find(|c| c.id == general).unwrap().parent_id, None);
    // The system's channel goes with its channel.
    world.ok(OWNER, Op::Channel(channel::Op::Delete { channel: general }));
    assert_eq!(world.names(session), ["CHANNEL_DELETE", "GUILD_UPDATE"]);
    assert_eq!(world.truth().unwrap().guild.system_channel_id, None);
}

#[test]
fn categories_are_not_nested_and_hold_fifty_channels() {
    let mut world = World::founded(vec![
        new_channel("one", ChannelType::GuildCategory),
        new_channel("two", ChannelType::GuildCategory),
        new_channel("text", ChannelType::GuildText),
    ]);
    let (one, two, text) = (world.channel("one"), world.channel("two"), world.channel("text"));
    let inside = |id, parent| channel::Move {
        id,
        position: None,
        lock_permissions: false,
        parent_id: Patch::Value(parent),
    };
    world.ok(OWNER, Op::Channel(channel::Op::Move(vec![inside(one, two)])));
    let update = Update { parent_id: Patch::Value(two), ..Update::default() };
    world.ok(OWNER, Op::Channel(channel::Op::Update { channel: one, update: Box::new(update) }));
    assert!(world.truth().unwrap().channels.iter().all(|channel| channel.parent_id.is_none()));
    assert_eq!(world.err(OWNER, Op::Channel(channel::Op::Move(vec![inside(one, text)]))), (400, 50035));
    for n in 0..50 {
        let create = new_channel(&format!("c{n}"), ChannelType::GuildText);
        let create = channel::Create { parent_id: Some(two), ..create };
        world.call(OWNER, Op::Channel(channel::Op::Create(Box::new(create)))).unwrap();
    }
    assert_eq!(world.err(OWNER, Op::Channel(channel::Op::Move(vec![inside(text, two)]))), (400, 50035));
}

#[test]
fn a_guild_has_five_hundred_channels_at_most() {
    let world = World::founded(vec![new_channel("c", ChannelType::GuildText)]);
    let mut world = world;
    let create = || Op::Channel(channel::Op::Create(Box::new(new_channel("c", ChannelType::GuildText))));
    for _ in 1..500 {
        world.call(OWNER, create()).unwrap();
    }
    assert_eq!(world.err(OWNER, create()), (400, 30013));
}

#[test]
fn what_one_may_not_do_with_channels_is_refused_and_changes_nothing() {
    let mut world = World::new();
    world.seed([2, 3]);
    let (general, role) = (
        world.channel("general"),
        world.create_role("mod", Permissions::MANAGE_CHANNELS | Permissions::MANAGE_ROLES),
    );
    let secret = world.create_channel(new_channel("secret", ChannelType::GuildText));
    world.hide(secret);
    world.ok(OWNER, Op::Member(consort_rpc::guild::member::Op::AddRole { user: 2.into(), role }));
    let update = || Box::new(Update { name: Some("x".into()), ..Update::default() });
    let delete = |channel| Op::Channel(channel::Op::Delete { channel });
    // Somebody who is not here, a member without rights, a moderator before a channel it does not see.
    assert_eq!(
        world.err(99, Op::Channel(channel::Op::Update { channel: general, update: update() })),
        (403, 50001)
    );
    assert_eq!(world.err(99, Op::Channel(channel::Op::List)), (403, 50001));
    assert_eq!(
        world.err(3, Op::Channel(channel::Op::Update { channel: general, update: update() })),
        (403, 50013)
    );
    assert_eq!(world.err(3, delete(general)), (403, 50013));
    assert_eq!(world.err(2, delete(secret)), (403, 50001));
    assert_eq!(world.err(2, Op::Channel(channel::Op::Get { channel: secret })), (403, 50001));
    assert_eq!(world.err(2, delete(77.into())), (404, 10003));
    // Rights one has not oneself cannot be given or denied.
    let grant = |allow, deny| {
        Op::Channel(channel::Op::SetOverwrite {
            channel: general,
            overwrite: Overwrite::member(3.into(), allow, deny),
        })
    };
    assert_eq!(world.err(2, grant(Permissions::BAN_MEMBERS, NONE)), (403, 50013));
    assert_eq!(world.err(2, grant(NONE, Permissions::MANAGE_WEBHOOKS)), (403, 50013));
    world.ok(2, grant(NONE, Permissions::SEND_MESSAGES));
    // Not even by taking them over from a category.
    let category = world.create_channel(new_channel("strong", ChannelType::GuildCategory));
    let others = world.create_role("others", NONE);
    world.overwrite(category, Overwrite::role(others, Permissions::MANAGE_WEBHOOKS, NONE));
    let lock = channel::Move {
        id: general,
        position: None,
        lock_permissions: true,
        parent_id: Patch::Value(category),
    };
    assert_eq!(world.err(2, Op::Channel(channel::Op::Move(vec![lock]))), (403, 50013));
}

#[test]
fn stages_have_less_bitrate_than_voice_channels() {
    let mut world = World::new();
    let with = |bitrate, kind| {
        let create = channel::Create { bitrate: Some(bitrate), ..new_channel("v", kind) };
        Op::Channel(channel::Op::Create(Box::new(create)))
    };
    world.ok(OWNER, with(384_000, ChannelType::GuildVoice));
    assert_eq!(world.err(OWNER, with(64_001, ChannelType::GuildStageVoice)), (400, 30052));
    let stage = id(&world.ok(OWNER, with(64_000, ChannelType::GuildStageVoice)));
    let update = Update { bitrate: Patch::Value(64_001), ..Update::default() };
    let update = Op::Channel(channel::Op::Update { channel: stage, update: Box::new(update) });
    assert_eq!(world.err(OWNER, update), (400, 30052));
}

#[test]
fn overwrites_are_for_roles_that_exist_and_for_any_account() {
    let mut world = World::new();
    let general = world.channel("general");
    let others = world.create_role("others", NONE);
    let set = |overwrite| Op::Channel(channel::Op::SetOverwrite { channel: general, overwrite });
    let all = |overwrite| {
        let update = channel::Update {
            permission_overwrites: Patch::Value(vec![overwrite]),
            ..channel::Update::default()
        };
        Op::Channel(channel::Op::Update { channel: general, update: Box::new(update) })
    };
    let create = |overwrite| {
        let create = channel::Create {
            permission_overwrites: Some(vec![overwrite]),
            ..new_channel("new", ChannelType::GuildText)
        };
        Op::Channel(channel::Op::Create(Box::new(create)))
    };
    for wrong in [Overwrite::role(5.into(), VIEW, NONE), Overwrite::member(others.cast(), VIEW, NONE)] {
        for op in [set(wrong), all(wrong), create(wrong)] {
            assert_eq!(world.err(OWNER, op), (404, 10009), "{wrong:?}");
        }
    }
    let none = Op::Channel(channel::Op::DeleteOverwrite { channel: general, id: 5.into() });
    assert_eq!(world.err(OWNER, none), (404, 10009));
    // Whoever is not here yet has it from the first moment.
    let hidden = Overwrite::role(GUILD.cast(), NONE, VIEW);
    world.ok(OWNER, set(hidden));
    world.ok(OWNER, set(Overwrite::member(7.into(), VIEW, NONE)));
    let code = crate::invites::make(&mut world, crate::invites::forever());
    for (user, sees) in [(7, true), (8, false)] {
        world.ok(user, crate::invites::join(&code, user));
        let list = world.ok(user, Op::Channel(channel::Op::List));
        let found = list.as_array().unwrap().iter().any(|channel| channel["id"] == general.to_string());
        assert_eq!(found, sees, "{user}");
    }
}

#[test]
fn lists_show_what_the_caller_sees() {
    let mut world = World::new();
    world.seed([2]);
    let names = |world: &mut World, user| {
        let list = world.ok(user, Op::Channel(channel::Op::List));
        let names = list.as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    world.hide(world.channel("general"));
    assert_eq!(names(&mut world, OWNER).len(), 4);
    assert!(!names(&mut world, 2).contains(&"general".to_owned()));
}

#[test]
fn tags_of_forums_are_added_replaced_and_taken_away_one_by_one() {
    let mut world = World::new();
    world.seed([2]);
    let forum = world.create_channel(new_channel("forum", ChannelType::GuildForum));
    let text = world.create_channel(new_channel("text", ChannelType::GuildText));
    let tag = |name: &str| serde_json::json!({"id": "7", "name": name, "moderated": false});
    let add = |channel, name: &str| Op::Channel(channel::Op::AddTag { channel, tag: tag(name) });
    let names = |shown: &serde_json::Value| -> Vec<String> {
        let tags = shown["available_tags"].as_array().unwrap();
        tags.iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
    };
    world.ok(OWNER, add(forum, "a"));
    let shown = world.ok(OWNER, add(forum, "b"));
    assert_eq!(names(&shown), ["a", "b"]);
    let id = |n: usize| shown["available_tags"][n]["id"].as_str().unwrap().parse().unwrap();
    assert_ne!(id(0), id(1), "nobody chooses an id");
    let replace = |id| Op::Channel(channel::Op::ReplaceTag { channel: forum, id, tag: tag("c") });
    let remove = |id| Op::Channel(channel::Op::RemoveTag { channel: forum, id });
    let replaced = world.ok(OWNER, replace(id(0)));
    assert_eq!(names(&replaced), ["c", "b"]);
    assert_eq!(replaced["available_tags"][0]["id"], shown["available_tags"][0]["id"]);
    assert_eq!(names(&world.ok(OWNER, remove(id(0)))), ["b"]);
    for op in [remove(id(0)), replace(id(0))] {
        assert_eq!(world.call(OWNER, op).unwrap_err().code, 10_087);
    }
    assert_eq!(world.call(OWNER, add(text, "x")).unwrap_err().code, 50_024);
    for op in [add(forum, "x"), replace(id(1)), remove(id(1))] {
        assert_eq!(world.call(2, op).unwrap_err().code, 50_013);
    }
    for n in 1..20 {
        world.ok(OWNER, add(forum, &n.to_string()));
    }
    assert_eq!(world.call(OWNER, add(forum, "one too many")).unwrap_err().code, 50_035);
}
