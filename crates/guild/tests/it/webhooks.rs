//! Webhooks: making them, speaking through them, what a token may and may not.

use consort_model::request::message::{CreateMessage, EditMessage};
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{ApiError, ChannelId, ChannelType, Patch, Permissions, WebhookId};
use consort_rpc::guild::webhook::{Execute, OnMessage, Op as W};
use consort_rpc::guild::{Op, thread};
use consort_rpc::message::{Create, Edit};
use serde_json::{Value, json};

use crate::world::{OWNER, World, new_channel};

const HOOK: WebhookId = WebhookId::new(900);

fn create(id: u64, channel: ChannelId) -> Op {
    Op::Webhook(W::Create { id: id.into(), channel, name: "Hook".into(), avatar: None })
}

fn made(world: &mut World, channel: ChannelId) -> String {
    world.ok(OWNER, create(HOOK.get(), channel))["token"].as_str().unwrap().to_owned()
}

fn read(reply: consort_rpc::Reply) -> Result<Value, (u16, u32)> {
    let answer = reply.map_err(|error: ApiError| (error.status, error.code))?;
    Ok(answer.body().map_or(Value::Null, |body| serde_json::from_slice(body).unwrap()))
}

fn saying(token: &str, text: &str) -> Execute {
    let body = CreateMessage::parse(&json!({"content": text})).unwrap();
    let create = Create { body, ..Create::default() };
    Execute { webhook: HOOK, token: token.into(), thread: None, post: None, username: None, create }
}

fn execute(world: &World, execute: Execute) -> Result<Value, (u16, u32)> {
    read(world.system(Op::Webhook(W::Execute(Box::new(execute)))))
}

fn on_message(world: &World, token: &str, message: &Value, act: OnMessage) -> Result<Value, (u16, u32)> {
    let message = message["id"].as_str().unwrap().parse().unwrap();
    let op = W::OnMessage { webhook: HOOK, token: token.into(), thread: None, message, act };
    read(world.system(Op::Webhook(op)))
}

#[test]
fn a_webhook_speaks_under_its_own_name_or_another() {
    let mut world = World::new();
    let channel = world.channel("general");
    let token = made(&mut world, channel);
    let owner = world.connect(OWNER);
    let message = execute(&world, saying(&token, "hello")).unwrap();
    assert_eq!(message["webhook_id"], HOOK.to_string());
    let author = &message["author"];
    assert_eq!((&author["username"], &author["discriminator"]), (&"Hook".into(), &"0000".into()));
    assert_eq!((&author["id"], &author["bot"]), (&HOOK.to_string().into(), &true.into()));
    let renamed = execute(&world, Execute { username: Some("Other".into()), ..saying(&token, "x") }).unwrap();
    assert_eq!(renamed["author"]["username"], "Other");
    assert_eq!(world.names(owner), ["MESSAGE_CREATE", "MESSAGE_CREATE"]);
    assert_eq!(execute(&world, saying("wrong", "x")), Err((401, 50027)));
    assert_eq!(execute(&world, saying(&token, "")), Err((400, 50006)));
    world.restart();
    assert!(execute(&world, saying(&token, "still")).is_ok());
    let forged = Op::Webhook(W::Execute(Box::new(saying(&token, "x"))));
    assert_eq!(world.err(OWNER, forged), (403, 50013));
}

#[test]
fn a_webhook_changes_its_own_messages_only() {
    let mut world = World::new();
    let channel = world.channel("general");
    let token = made(&mut world, channel);
    let own = execute(&world, saying(&token, "hello")).unwrap();
    let body = CreateMessage::parse(&json!({"content": "mine"})).unwrap();
    let op = consort_rpc::message::Op::Create(Box::new(Create { body, ..Create::default() }));
    let other = world.ok(OWNER, Op::Message { channel, op });
    let edit = || {
        let body = EditMessage::parse(&json!({"content": "changed"})).unwrap();
        OnMessage::Edit(Box::new(Edit { body, ..Edit::default() }))
    };
    assert_eq!(on_message(&world, &token, &own, OnMessage::Get).unwrap()["content"], "hello");
    assert_eq!(on_message(&world, &token, &own, edit()).unwrap()["content"], "changed");
    for act in [OnMessage::Get, edit(), OnMessage::Delete] {
        assert_eq!(on_message(&world, &token, &other, act), Err((404, 10008)));
    }
    assert_eq!(on_message(&world, "wrong", &own, OnMessage::Delete), Err((401, 50027)));
    assert_eq!(on_message(&world, &token, &own, OnMessage::Delete), Ok(Value::Null));
    assert_eq!(on_message(&world, &token, &own, OnMessage::Get), Err((404, 10008)));
}

#[test]
fn threads_and_forum_posts_take_webhooks_of_their_channel_only() {
    let mut world = World::new();
    let (general, other) =
        (world.channel("general"), world.create_channel(new_channel("other", ChannelType::GuildText)));
    let forum = world.create_channel(new_channel("forum", ChannelType::GuildForum));
    let token = made(&mut world, general);
    let start = |name: &str| StartThread { name: name.into(), kind: Some(11), ..StartThread::default() };
    let mut open = |channel| {
        let op = thread::Op::Start { thread: Box::new(start("talk")), post: None };
        crate::world::id::<ChannelId>(&world.ok(OWNER, Op::Thread { channel, op }))
    };
    let (here, there) = (open(general), open(other));
    let within = |thread| Execute { thread: Some(thread), ..saying(&token, "x") };
    assert_eq!(execute(&world, within(here)).unwrap()["channel_id"], here.to_string());
    assert_eq!(execute(&world, within(there)), Err((404, 10003)));
    let post = |token: &str| Execute { post: Some(start("post")), ..saying(token, "first") };
    assert_eq!(execute(&world, post(&token)), Err((400, 220_003)));

    world.ok(
        OWNER,
        Op::Webhook(W::Update {
            webhook: HOOK,
            token: None,
            name: None,
            avatar: Patch::Absent,
            channel: Some(forum),
        }),
    );
    assert_eq!(execute(&world, saying(&token, "x")), Err((400, 220_001)));
    assert_eq!(execute(&world, Execute { thread: Some(here), ..post(&token) }), Err((400, 220_002)));
    let first = execute(&world, post(&token)).unwrap();
    assert_eq!(first["id"], first["channel_id"]);
    let posts = world.truth().unwrap().threads;
    let posted = posts.iter().find(|thread| thread.parent_id == Some(forum)).unwrap();
    assert_eq!(posted.owner_id, Some(HOOK.cast()));
}

#[test]
fn a_webhook_opens_an_archived_thread_and_writes_in_no_locked_one() {
    let mut world = World::new();
    let general = world.channel("general");
    let token = made(&mut world, general);
    let open = StartThread { name: "talk".into(), kind: Some(11), ..StartThread::default() };
    let op = thread::Op::Start { thread: Box::new(open), post: None };
    let talk = crate::world::id::<ChannelId>(&world.ok(OWNER, Op::Thread { channel: general, op }));
    let update = |world: &mut World, update: UpdateThread| {
        let op = thread::Op::Update(Box::new(update));
        world.ok(OWNER, Op::Thread { channel: talk, op })
    };
    let say = |world: &World| execute(world, Execute { thread: Some(talk), ..saying(&token, "x") });
    update(&mut world, UpdateThread { archived: Some(true), ..UpdateThread::default() });
    assert!(say(&world).is_ok());
    let get = |world: &mut World| world.ok(OWNER, Op::Thread { channel: talk, op: thread::Op::Get });
    assert_eq!(get(&mut world)["thread_metadata"]["archived"], false);
    update(&mut world, UpdateThread { locked: Some(true), ..UpdateThread::default() });
    assert_eq!(say(&world), Err((400, 160_005)));
    update(&mut world, UpdateThread { archived: Some(true), ..UpdateThread::default() });
    for restarts in [false, true] {
        if restarts {
            world.restart();
        }
        assert_eq!(say(&world), Err((400, 160_005)));
        assert_eq!(get(&mut world)["thread_metadata"]["archived"], true);
    }
}

#[test]
fn managing_webhooks_needs_the_right_or_the_token() {
    let mut world = World::new();
    world.seed([2, 3]);
    let channel = world.channel("general");
    let role = world.create_role("keeper", Permissions::MANAGE_WEBHOOKS);
    let give = consort_rpc::guild::member::Op::AddRole { user: 2.into(), role };
    world.ok(OWNER, Op::Member(give));
    let member = world.connect(3);
    assert_eq!(world.err(3, create(1, channel)), (403, 50013));
    let token = world.ok(2, create(HOOK.get(), channel))["token"].as_str().unwrap().to_owned();
    assert_eq!(
        world.take(member),
        [(
            "WEBHOOKS_UPDATE".to_owned(),
            json!({
                "guild_id": crate::world::GUILD, "channel_id": channel,
            })
        )]
    );
    let get = |token: Option<&str>| W::Get { webhook: HOOK, token: token.map(str::to_owned) };
    assert_eq!(world.ok(2, Op::Webhook(get(None)))["user"]["id"], "2");
    assert_eq!(world.err(3, Op::Webhook(get(None))), (403, 50013));
    let by_token = read(world.system(Op::Webhook(get(Some(&token))))).unwrap();
    assert!(by_token.get("user").is_none() && by_token["token"] == token);
    let list =
        |world: &mut World| world.ok(2, Op::Webhook(W::ListChannel { channel })).as_array().unwrap().len();
    assert_eq!(list(&mut world), 1);
    let delete = W::Delete { webhook: HOOK, token: Some(token.clone()) };
    assert_eq!(read(world.system(Op::Webhook(delete.clone()))), Ok(Value::Null));
    assert_eq!(read(world.system(Op::Webhook(delete))), Err((404, 10015)));
    assert_eq!(list(&mut world), 0);
}

#[test]
fn a_channel_has_fifteen_webhooks_at_most() {
    let mut world = World::new();
    let channel = world.channel("general");
    for id in 1..=15 {
        world.ok(OWNER, create(id, channel));
    }
    assert_eq!(world.err(OWNER, create(16, channel)), (400, 30007));
    let category = world.create_channel(new_channel("box", ChannelType::GuildCategory));
    assert_eq!(world.err(OWNER, create(16, category)), (400, 50024));
}

fn settle(world: &mut World) {
    for _ in 0..5 {
        world.advance(std::time::Duration::from_millis(1));
    }
}

#[test]
fn what_is_published_in_a_followed_channel_is_posted_by_a_webhook() {
    let mut world = World::new();
    world.seed([2]);
    let news = world.create_channel(new_channel("news", ChannelType::GuildAnnouncement));
    let general = world.channel("general");
    let followable = |channel| Op::Webhook(W::Followable { channel });
    assert_eq!(world.err(OWNER, followable(general)), (400, 50024));
    let source = serde_json::from_value(world.ok(OWNER, followable(news))).unwrap();
    let follow = Op::Webhook(W::Follow { id: HOOK, source, target: general });
    assert_eq!(world.err(2, follow.clone()), (403, 50013));
    let answer = world.ok(OWNER, follow);
    assert_eq!(answer, json!({"channel_id": news, "webhook_id": HOOK}));
    settle(&mut world);
    world.restart();

    let body = CreateMessage::parse(&json!({"content": "big news"})).unwrap();
    let op = consort_rpc::message::Op::Create(Box::new(Create { body, ..Create::default() }));
    let message = crate::world::id(&world.ok(OWNER, Op::Message { channel: news, op }));
    let publish = consort_rpc::message::Op::Crosspost { message };
    world.ok(OWNER, Op::Message { channel: news, op: publish });
    settle(&mut world);
    let page = consort_rpc::message::Page::Newest;
    let op = consort_rpc::message::Op::List { page, limit: 1 };
    let posted = world.ok(OWNER, Op::Message { channel: general, op })[0].clone();
    assert_eq!((&posted["content"], &posted["flags"]), (&"big news".into(), &2.into()));
    assert_eq!(posted["author"]["username"], "guild #news");
    assert_eq!(posted["message_reference"]["channel_id"], news.to_string());
    assert_eq!(posted["webhook_id"], HOOK.to_string());

    world.ok(OWNER, Op::Webhook(W::Delete { webhook: HOOK, token: None }));
    assert_eq!(
        world.err(
            OWNER,
            Op::Webhook(W::Deliver {
                webhook: HOOK,
                message: Box::new(serde_json::from_value(posted).unwrap()),
            })
        ),
        (403, 50013)
    );
}
