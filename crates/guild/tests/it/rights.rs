//! Rights are asked where the thing is: in the channel, where it goes, at its parent; and leaving takes nothing away from them.

use std::time::Duration;

use consort_model::request::message::CreateMessage;
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::validate::ReactionEmoji;
use consort_model::{
    ChannelId, ChannelType, Intents, Overwrite, PartialEmoji, Patch, Permissions, RoleId, Timestamp, UserId,
};
use consort_rpc::guild::channel::{self, Move, Update};
use consort_rpc::guild::{Op, ban, emoji, invite, member, settings, thread, webhook};
use consort_rpc::message::{self, Create};
use consort_store::Table;
use serde_json::Value;

use crate::voice::speak;
use crate::world::{GUILD, OWNER, Session, World, account, id, new_channel};

const NONE: Permissions = Permissions::empty();
const VIEW: Permissions = Permissions::VIEW_CHANNEL;

fn give(world: &mut World, user: u64, rights: Permissions) -> RoleId {
    let role = world.create_role("given", rights);
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: user.into(), role }));
    role
}

fn everyone(allow: Permissions, deny: Permissions) -> Overwrite {
    Overwrite::role(GUILD.cast(), allow, deny)
}

fn moved(id: ChannelId, parent: ChannelId, lock_permissions: bool) -> Move {
    Move { id, position: None, lock_permissions, parent_id: Patch::Value(parent) }
}

fn bulk(moves: Vec<Move>) -> Op {
    Op::Channel(channel::Op::Move(moves))
}

fn update(channel: ChannelId, update: Update) -> Op {
    Op::Channel(channel::Op::Update { channel, update: Box::new(update) })
}

fn category(world: &mut World, name: &str) -> ChannelId {
    world.create_channel(new_channel(name, ChannelType::GuildCategory))
}

fn text(world: &mut World, name: &str) -> ChannelId {
    world.create_channel(new_channel(name, ChannelType::GuildText))
}

fn post(channel: ChannelId, content: &str) -> Op {
    let body = CreateMessage { content: content.to_owned(), ..CreateMessage::default() };
    Op::Message { channel, op: message::Op::Create(Box::new(Create { body, ..Create::default() })) }
}

fn read(channel: ChannelId) -> Op {
    Op::Message { channel, op: message::Op::List { page: message::Page::Newest, limit: 50 } }
}

fn start(channel: ChannelId, kind: u8) -> Op {
    let thread = StartThread { name: "t".into(), kind: Some(kind), ..StartThread::default() };
    Op::Thread { channel, op: thread::Op::Start { thread: Box::new(thread), post: None } }
}

fn archive(thread: ChannelId, archived: bool) -> Op {
    let update = UpdateThread { archived: Some(archived), ..UpdateThread::default() };
    Op::Thread { channel: thread, op: thread::Op::Update(Box::new(update)) }
}

fn time_out(user: u64, minutes: u64) -> Op {
    let until = Timestamp::from_ms(1_800_000_000_000 + minutes * 60_000);
    let update =
        member::Update { communication_disabled_until: Patch::Value(until), ..member::Update::default() };
    Op::Member(member::Op::Update { user: user.into(), update: Box::new(update) })
}

fn invite(world: &mut World) -> String {
    let (target_type, target_user_id) = (None, None);
    let create = invite::Create {
        max_age: 0,
        max_uses: 0,
        temporary: false,
        unique: true,
        target_type,
        target_user_id,
    };
    let create = Box::new(create);
    let channel = world.channel("general");
    let made = world.ok(OWNER, Op::Invite(invite::Op::Create { channel, create }));
    made["code"].as_str().unwrap().to_owned()
}

fn join(user: u64, code: &str) -> Op {
    Op::Member(member::Op::JoinByInvite { code: code.to_owned(), user: Box::new(account(user)) })
}

#[test]
fn a_bulk_move_asks_for_rights_in_the_channel_and_in_the_category() {
    let mut world = World::new();
    world.seed([2, 3]);
    give(&mut world, 2, Permissions::MANAGE_CHANNELS | Permissions::MANAGE_ROLES);
    give(&mut world, 3, Permissions::MANAGE_CHANNELS);
    let (open, closed) = (category(&mut world, "open"), category(&mut world, "closed"));
    world.overwrite(closed, everyone(NONE, Permissions::MANAGE_CHANNELS));
    let (secret, place) = (text(&mut world, "secret"), text(&mut world, "place"));
    world.hide(secret);
    // Out of sight: neither moved nor opened by taking over the category's overwrites.
    assert_eq!(world.err(2, bulk(vec![moved(secret, open, true)])), (403, 50001));
    assert_eq!(world.err(2, bulk(vec![moved(secret, open, false)])), (403, 50001));
    assert_eq!(world.err(2, read(secret)), (403, 50001));
    // Into a category that is not the caller's to manage, by each way there.
    assert_eq!(world.err(2, bulk(vec![moved(place, closed, false)])), (403, 50013));
    let into = Update { parent_id: Patch::Value(closed), ..Update::default() };
    assert_eq!(world.err(2, update(place, into)), (403, 50013));
    let create = channel::Create { parent_id: Some(closed), ..new_channel("new", ChannelType::GuildText) };
    assert_eq!(world.err(2, Op::Channel(channel::Op::Create(Box::new(create)))), (403, 50013));
    // Taking over overwrites needs MANAGE_ROLES as well; places in the list are the guild's business.
    world.overwrite(place, everyone(NONE, Permissions::ADD_REACTIONS));
    assert_eq!(world.err(3, bulk(vec![moved(place, open, true)])), (403, 50013));
    world.ok(3, bulk(vec![moved(place, open, false)]));
    let lower = Move { id: secret, position: Some(9), lock_permissions: false, parent_id: Patch::Absent };
    world.ok(3, bulk(vec![lower]));
}

#[test]
fn one_channel_changes_its_parent_at_a_time() {
    let mut world = World::new();
    let (a, b) = (text(&mut world, "a"), text(&mut world, "b"));
    let (one, two) = (category(&mut world, "one"), category(&mut world, "two"));
    assert_eq!(world.err(OWNER, bulk(vec![moved(a, one, false), moved(b, two, false)])), (400, 40009));
    world.ok(OWNER, bulk(vec![moved(a, one, false)]));
    // Naming the parent that a channel has already is no change.
    world.ok(OWNER, bulk(vec![moved(a, one, false), moved(b, two, false)]));
}

#[test]
fn manage_roles_in_a_channel_is_set_by_administrators_and_sets_everything_there() {
    let mut world = World::new();
    world.seed([2, 3]);
    give(&mut world, 2, Permissions::MANAGE_CHANNELS | Permissions::MANAGE_ROLES);
    let own = |rights| Overwrite::member(2.into(), rights, NONE);
    let create = |overwrite| {
        let permission_overwrites = Some(vec![overwrite]);
        let create = channel::Create { permission_overwrites, ..new_channel("x", ChannelType::GuildText) };
        Op::Channel(channel::Op::Create(Box::new(create)))
    };
    assert_eq!(world.err(2, create(own(Permissions::MANAGE_ROLES))), (403, 50013));
    world.ok(2, create(own(Permissions::MANAGE_CHANNELS)));
    world.ok(OWNER, create(own(Permissions::MANAGE_ROLES)));

    let place = text(&mut world, "place");
    let set = |overwrite| Op::Channel(channel::Op::SetOverwrite { channel: place, overwrite });
    assert_eq!(world.err(2, set(own(Permissions::MANAGE_ROLES))), (403, 50013));
    assert_eq!(world.err(2, set(own(Permissions::MANAGE_WEBHOOKS))), (403, 50013), "not held");
    assert_eq!(world.err(3, set(Overwrite::member(3.into(), VIEW, NONE))), (403, 50013));
    world.overwrite(place, Overwrite::member(3.into(), Permissions::MANAGE_ROLES, NONE));
    world.ok(
        3,
        set(Overwrite::member(3.into(), Permissions::MANAGE_ROLES | Permissions::MANAGE_MESSAGES, NONE)),
    );
    // Denied in the channel it is denied, by whichever way the overwrites come.
    world.overwrite(place, Overwrite::member(2.into(), NONE, Permissions::MANAGE_ROLES));
    let overwrites = Update { permission_overwrites: Patch::Value(Vec::new()), ..Update::default() };
    assert_eq!(world.err(2, update(place, overwrites)), (403, 50013));
}

#[test]
fn nobody_is_an_administrator_by_an_overwrite() {
    let mut world = World::new();
    world.seed([2]);
    let place = text(&mut world, "place");
    world.overwrite(place, Overwrite::member(2.into(), Permissions::ADMINISTRATOR, NONE));
    world.ok(OWNER, time_out(2, 10));
    assert_eq!(world.err(2, post(place, "x")), (403, 50013));
    assert_eq!(world.err(2, Op::Channel(channel::Op::Delete { channel: place })), (403, 50013));
}

#[test]
fn a_private_thread_is_silent_to_members_who_lost_its_channel() {
    let mut world = World::new();
    world.seed([2, 3, 1000]);
    let place = text(&mut world, "place");
    let thread: ChannelId = id(&world.ok(2, start(place, 12)));
    let add = |user: u64| Op::Thread { channel: thread, op: thread::Op::AddMember { user: user.into() } };
    for user in [OWNER, 3, 1000] {
        world.ok(2, add(user));
    }
    world.overwrite(place, Overwrite::member(2.into(), VIEW, NONE));
    let told = [(3, Intents::all()), (1000, Intents::all() & !Intents::GUILD_MEMBERS)];
    let told: [Session; 2] = told.map(|(user, intents)| world.connect_with(user, intents));
    world.hide(place);
    world.look_away();
    let message = world.ok(2, post(thread, "nobody's business"));
    let message = id(&message);
    for op in [
        message::Op::Typing,
        message::Op::React {
            message,
            emoji: consort_model::validate::parse_reaction("👍").unwrap(),
            external: None,
        },
        message::Op::Delete { message },
    ] {
        world.ok(2, Op::Message { channel: thread, op });
    }
    let rename = UpdateThread { name: Some("secret".into()), ..UpdateThread::default() };
    world.ok(2, Op::Thread { channel: thread, op: thread::Op::Update(Box::new(rename)) });
    world.ok(2, archive(thread, true));
    world.ok(2, archive(thread, false));
    world.ok(OWNER, Op::Thread { channel: thread, op: thread::Op::RemoveMember { user: 3.into() } });
    let late = world.connect(1000);
    world.ok(OWNER, Op::Thread { channel: thread, op: thread::Op::Delete });
    for session in told.into_iter().chain([late]) {
        let names = world.names(session);
        assert!(names.iter().all(|name| name.starts_with("GUILD_")), "{names:?}");
    }
    assert_eq!(world.err(3, read(thread)), (404, 10003));
}

#[test]
fn mentions_mark_only_channels_that_are_seen() {
    let mut world = World::new();
    world.seed([2, 3]);
    let place = text(&mut world, "place");
    world.hide(place);
    world.overwrite(place, Overwrite::member(3.into(), VIEW, NONE));
    world.told(2);
    world.told(3);
    world.ok(OWNER, post(place, "<@2> <@3>"));
    assert!(world.told(2).is_empty());
    assert_eq!(world.told(3).len(), 1);
}

#[test]
fn leaving_and_joining_again_ends_no_timeout() {
    let mut world = World::new();
    world.seed([2]);
    let (general, code) = (world.channel("general"), invite(&mut world));
    world.ok(OWNER, time_out(2, 10));
    assert_eq!(world.err(2, post(general, "x")), (403, 50013));
    for out in [(2, Op::Member(member::Op::Leave)), (OWNER, Op::Member(member::Op::Kick { user: 2.into() }))]
    {
        world.ok(out.0, out.1);
        world.restart();
        world.ok(2, join(2, &code));
        let back = world.ok(2, Op::Member(member::Op::Get { user: 2.into() }));
        assert!(back["communication_disabled_until"].is_string(), "{back}");
        assert_eq!(world.err(2, post(general, "x")), (403, 50013));
    }
    // It ends when it would have ended, and out of the guild as well.
    world.ok(2, Op::Member(member::Op::Leave));
    world.advance(Duration::from_secs(601));
    world.ok(2, join(2, &code));
    world.ok(2, post(general, "x"));
}

#[test]
fn whoever_leaves_has_left_archived_private_threads_too() {
    let mut world = World::new();
    world.seed([2, 3]);
    let (place, code) = (text(&mut world, "place"), invite(&mut world));
    let ban = Op::Ban(ban::Op::Create { user: Box::new(account(3)), delete_message_seconds: 0 });
    let unban = Op::Ban(ban::Op::Delete { user: 3.into() });
    let kick = Op::Member(member::Op::Kick { user: 3.into() });
    let ways =
        [vec![(OWNER, kick)], vec![(OWNER, ban), (OWNER, unban)], vec![(3, Op::Member(member::Op::Leave))]];
    for (way, in_memory) in ways.into_iter().flat_map(|way| [(way.clone(), true), (way, false)]) {
        let thread: ChannelId = id(&world.ok(2, start(place, 12)));
        world.ok(2, Op::Thread { channel: thread, op: thread::Op::AddMember { user: 3.into() } });
        world.ok(2, archive(thread, true));
        world.ok(3, read(thread));
        if !in_memory {
            world.restart();
        }
        way.into_iter().for_each(|(user, op)| drop(world.ok(user, op)));
        world.ok(3, join(3, &code));
        let kind = thread::Archived::Mine { before: None };
        let listed = world.ok(3, Op::Thread { channel: place, op: thread::Op::Archived { kind, limit: 50 } });
        assert_eq!(listed["threads"].as_array().unwrap().len(), 0, "{listed}");
        assert_eq!(world.err(3, read(thread)), (403, 50001));
        world.ok(2, archive(thread, false));
        assert_eq!(world.err(3, read(thread)), (403, 50001));
        // A new invitation is one.
        world.ok(2, Op::Thread { channel: thread, op: thread::Op::AddMember { user: 3.into() } });
        world.ok(2, archive(thread, true));
        world.restart();
        world.ok(3, read(thread));
        world.ok(OWNER, Op::Thread { channel: thread, op: thread::Op::Delete });
    }
}

#[test]
fn no_archived_thread_outlives_its_channel_however_many_there_are() {
    let mut world = World::new();
    let place = world.create_channel(new_channel("place", ChannelType::GuildText));
    let other = world.create_channel(new_channel("other", ChannelType::GuildText));
    let before = world.stored_rows(Table::Threads);
    for channel in (0..300).map(|_| place).chain([other]) {
        let thread: ChannelId =
            id(&serde_json::from_slice(world.call(OWNER, start(channel, 11)).unwrap().body().unwrap())
                .unwrap());
        world.call(OWNER, archive(thread, true)).unwrap();
    }
    assert_eq!(world.stored_rows(Table::Threads), before + 301);
    world.ok(OWNER, Op::Channel(channel::Op::Delete { channel: place }));
    for _ in 0..20 {
        world.advance(std::time::Duration::from_millis(1));
    }
    assert_eq!(world.stored_rows(Table::Threads), before + 1, "that of the other channel");
}

#[test]
fn slowmode_rations_threads_and_posts_apart_from_messages_and_over_restarts() {
    let mut world = World::new();
    world.seed([2, 1000]);
    let slow = |kind| channel::Create { rate_limit_per_user: Some(60), ..new_channel("slow", kind) };
    let place = world.create_channel(slow(ChannelType::GuildText));
    let forum = world.create_channel(slow(ChannelType::GuildForum));
    let body = CreateMessage { content: "x".into(), ..CreateMessage::default() };
    let entry = || {
        let thread = StartThread { name: "t".into(), ..StartThread::default() };
        let post = Some(Box::new(Create { body: body.clone(), ..Create::default() }));
        Op::Thread { channel: forum, op: thread::Op::Start { thread: Box::new(thread), post } }
    };
    let source = id(&world.ok(2, post(place, "x")));
    let from_message = || {
        let thread = StartThread { name: "t".into(), ..StartThread::default() };
        let op = thread::Op::StartFromMessage { message: source, thread: Box::new(thread) };
        Op::Thread { channel: place, op }
    };
    world.ok(2, start(place, 11));
    world.ok(2, entry());
    world.restart();
    world.advance(Duration::from_secs(59));
    for op in [post(place, "y"), start(place, 11), start(place, 12), from_message(), entry()] {
        assert_eq!(world.err(2, op), (429, 20016));
    }
    for op in [start(place, 11), start(place, 11), post(place, "z"), entry(), entry()] {
        world.ok(1000, op);
    }
    world.advance(Duration::from_secs(2));
    for op in [post(place, "y"), from_message(), entry()] {
        world.ok(2, op);
    }
    assert_eq!(world.err(2, start(place, 11)), (429, 20016));
}

#[test]
fn a_timeout_silences_in_every_way() {
    let mut world = World::new();
    world.seed([2, 3]);
    let place = text(&mut world, "place");
    let thread: ChannelId = id(&world.ok(2, start(place, 11)));
    let message = id(&world.ok(3, post(place, "x")));
    let emoji = consort_model::validate::parse_reaction("👍").unwrap();
    let react = || Op::Message {
        channel: place,
        op: message::Op::React { message, emoji: emoji.clone(), external: None },
    };
    world.ok(3, react());
    world.ok(OWNER, time_out(2, 10));
    let rename = UpdateThread { name: Some("speech".into()), ..UpdateThread::default() };
    let rename = Op::Thread { channel: thread, op: thread::Op::Update(Box::new(rename)) };
    for op in [post(place, "x"), post(thread, "x"), react(), rename, start(place, 11), start(place, 12)] {
        assert_eq!(world.err(2, op), (403, 50013));
    }
    world.ok(2, read(place));
}

#[test]
fn a_locked_thread_takes_in_nobody_and_nothing_but_by_moderators() {
    let mut world = World::new();
    world.seed([2, 3]);
    let place = text(&mut world, "place");
    let thread: ChannelId = id(&world.ok(2, start(place, 11)));
    let lock = UpdateThread { locked: Some(true), ..UpdateThread::default() };
    world.ok(OWNER, Op::Thread { channel: thread, op: thread::Op::Update(Box::new(lock)) });
    let add = || Op::Thread { channel: thread, op: thread::Op::AddMember { user: 3.into() } };
    assert_eq!(world.err(2, post(thread, "x")).1, 160_005);
    assert_eq!(world.err(2, add()).1, 160_005);
    world.ok(OWNER, add());
}

#[test]
fn webhooks_are_shown_and_moved_where_the_caller_manages_them() {
    let mut world = World::new();
    world.seed([2]);
    give(&mut world, 2, Permissions::MANAGE_WEBHOOKS | Permissions::VIEW_AUDIT_LOG);
    let (open, hidden) = (text(&mut world, "open"), text(&mut world, "hidden"));
    world.hide(hidden);
    let create = |id: u64, channel| {
        let op = webhook::Op::Create { id: id.into(), channel, name: "w".into(), avatar: None };
        Op::Webhook(op)
    };
    world.ok(OWNER, create(71, open));
    world.ok(OWNER, create(72, hidden));
    let listed = world.ok(2, Op::Webhook(webhook::Op::List));
    let ids: Vec<_> = listed.as_array().unwrap().iter().map(|webhook| webhook["id"].clone()).collect();
    assert_eq!(ids, ["71"], "those of hidden channels come with a token to write there");
    let into = |channel| {
        let (webhook, channel) = (71.into(), Some(channel));
        let op = webhook::Op::Update { webhook, token: None, name: None, avatar: Patch::Absent, channel };
        Op::Webhook(op)
    };
    assert_eq!(world.err(2, into(hidden)), (403, 50001));
    let log = settings::Op::AuditLog { user: None, action: None, before: None, after: None, limit: 50 };
    let log = world.ok(2, Op::Settings(log));
    assert_eq!(log["webhooks"].as_array().unwrap().len(), 2);
    assert!(log["webhooks"].as_array().unwrap().iter().all(|webhook| webhook["token"].is_null()), "{log}");
}

#[test]
fn the_audit_log_names_those_who_are_gone() {
    let mut world = World::new();
    world.seed([2, 3]);
    world.know([2, 3, 4]);
    world.ok(OWNER, Op::Member(member::Op::Kick { user: 2.into() }));
    world.ok(OWNER, Op::Ban(ban::Op::Create { user: Box::new(account(4)), delete_message_seconds: 0 }));
    let log = |before, after| {
        let op = settings::Op::AuditLog { user: None, action: None, before, after, limit: 50 };
        Op::Settings(op)
    };
    let all = world.ok(OWNER, log(None, None));
    let users: Vec<_> = all["users"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
    assert_eq!(users, ["1", "2", "4"]);
    let entry = |n: usize| -> u64 { all["audit_log_entries"][n]["id"].as_str().unwrap().parse().unwrap() };
    // Of `before` and `after` the first counts.
    let page = world.ok(OWNER, log(Some(entry(0)), Some(entry(0))));
    assert_eq!(page["audit_log_entries"][0]["id"], Value::from(entry(1).to_string()));
}

#[test]
fn the_audit_log_is_kept_for_45_days() {
    let mut world = World::new();
    let entries = |world: &mut World, after| {
        let op = settings::Op::AuditLog { user: None, action: None, before: None, after, limit: 100 };
        world.ok(OWNER, Op::Settings(op))["audit_log_entries"].as_array().unwrap().len()
    };
    let make =
        |world: &mut World, name: &str| world.create_channel(new_channel(name, ChannelType::GuildText));
    make(&mut world, "first");
    let day = Duration::from_secs(24 * 3600);
    world.advance(day * 44);
    make(&mut world, "second");
    assert_eq!(entries(&mut world, None), 2);
    world.advance(day * 2);
    assert_eq!((entries(&mut world, None), entries(&mut world, Some(1))), (1, 1));
    // The next entry takes the old ones out of the store.
    make(&mut world, "third");
    assert_eq!(world.stored_rows(Table::AuditLog), 2);
}

#[test]
fn voice_status_and_moves_ask_where_the_voice_channel_is() {
    let mut world = World::new();
    world.seed([2, 3]);
    give(&mut world, 2, Permissions::MOVE_MEMBERS | Permissions::SET_VOICE_CHANNEL_STATUS);
    let [here, there] =
        ["here", "there"].map(|n| world.create_channel(new_channel(n, ChannelType::GuildVoice)));
    world.overwrite(there, everyone(NONE, Permissions::MOVE_MEMBERS));
    let session = world.connect(3);
    world.ok(3, speak(session, Some(here)));
    let pull = member::Update { channel_id: Patch::Value(there), ..member::Update::default() };
    let pull = Op::Member(member::Op::Update { user: UserId::new(3), update: Box::new(pull) });
    assert_eq!(world.err(2, pull), (403, 50013));
    let status = || {
        let op = channel::Op::SetVoiceStatus { channel: here, status: Some("talk".into()) };
        Op::Channel(op)
    };
    assert_eq!(world.err(2, status()), (403, 50013), "from outside it is for who manages the channel");
    let session = world.connect(2);
    world.ok(2, speak(session, Some(here)));
    world.ok(2, status());
}

#[test]
fn reactions_use_emojis_of_roles_and_of_elsewhere_by_right() {
    let mut world = World::new();
    world.seed([2, 3]);
    let place = text(&mut world, "place");
    let role = give(&mut world, 2, NONE);
    let roles = vec![role];
    let create = emoji::Op::Create { id: 91.into(), name: "own".into(), animated: false, roles };
    world.ok(OWNER, Op::Emoji(create));
    let message = id(&world.ok(OWNER, post(place, "x")));
    let react = |id: u64, external| {
        let emoji = ReactionEmoji::Custom { id: id.into(), name: None, animated: false };
        Op::Message { channel: place, op: message::Op::React { message, emoji, external } }
    };
    assert_eq!(world.err(3, react(91, None)), (400, 10014), "for those with the role alone");
    world.ok(2, react(91, None));
    let usable = || Op::Emoji(emoji::Op::Usable { emoji: 91.into() });
    assert_eq!(world.err(3, usable()), (404, 10014));
    assert_eq!(world.err(9, usable()), (403, 50001));
    assert_eq!(world.ok(2, usable())["name"], "own");

    let other = |id: u64| PartialEmoji { id: Some(id.into()), name: Some("other".into()), animated: false };
    assert_eq!(world.err(3, react(92, None)), (400, 10014));
    assert_eq!(world.err(3, react(92, Some(other(93)))), (400, 10014));
    world.ok(3, react(92, Some(other(92))));
    world.overwrite(place, everyone(NONE, Permissions::USE_EXTERNAL_EMOJIS));
    assert_eq!(world.err(3, react(94, Some(other(94)))), (403, 50013));
    // One that is on the message already needs no right but to read.
    world.ok(2, react(92, None));
}
