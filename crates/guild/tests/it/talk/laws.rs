//! Talk and threads under the laws of [`crate::laws`]: what sessions made of the dispatches equals a fresh GUILD_CREATE, and
//! nobody is told of what it may not see.

use std::time::Duration;

use consort_model::request::message::CreateMessage;
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{ChannelId, ChannelType, Intents, UserId};
use consort_rpc::guild::{Op, thread};
use consort_rpc::message::{self, Create};
use serde_json::Value;

use crate::world::{OWNER, World, id, new_channel};

fn post(world: &mut World, user: u64, channel: ChannelId, content: &str) -> Value {
    let body = CreateMessage { content: content.to_owned(), ..CreateMessage::default() };
    let op = message::Op::Create(Box::new(Create { body, ..Create::default() }));
    world.ok(user, Op::Message { channel, op })
}

fn start(world: &mut World, user: u64, parent: ChannelId, kind: Option<u8>) -> ChannelId {
    let start = StartThread { name: "talk".to_owned(), kind, ..StartThread::default() };
    let op = thread::Op::Start { thread: Box::new(start), post: None };
    id(&world.ok(user, Op::Thread { channel: parent, op }))
}

fn ask(world: &mut World, user: u64, channel: ChannelId, op: thread::Op) -> Value {
    world.ok(user, Op::Thread { channel, op })
}

#[test]
fn threads_and_messages_keep_clients_in_step_with_the_guild() {
    let mut world = World::new();
    world.seed([2, 3]);
    let sessions = [OWNER, 2, 3].map(|user| world.connect(user));
    let hidden = world.create_channel(new_channel("hidden", ChannelType::GuildText));
    world.hide(hidden);
    let open = world.create_channel(new_channel("open", ChannelType::GuildText));
    world.look_away();

    post(&mut world, OWNER, hidden, "nobody else sees this");
    assert_eq!(world.names(sessions[1]), [""; 0]);
    let source = post(&mut world, 2, open, "a question");
    let begin = StartThread { name: "answers".to_owned(), ..StartThread::default() };
    let op = thread::Op::StartFromMessage { message: id(&source), thread: Box::new(begin) };
    let answers: ChannelId = id(&ask(&mut world, 3, open, op));
    post(&mut world, 2, answers, "an answer");
    let public = start(&mut world, 2, open, Some(11));
    ask(&mut world, 3, public, thread::Op::Join);
    ask(&mut world, 3, public, thread::Op::Leave);
    let rename = UpdateThread { name: Some("renamed".to_owned()), ..UpdateThread::default() };
    ask(&mut world, 2, public, thread::Op::Update(Box::new(rename)));

    world.look_away();
    let secret = start(&mut world, 2, open, Some(12));
    post(&mut world, 2, secret, "a secret");
    assert_eq!(world.names(sessions[2]), [""; 0], "a private thread is nobody else's business");
    ask(&mut world, 2, secret, thread::Op::AddMember { user: UserId::new(3) });
    post(&mut world, 3, secret, "thanks");
    ask(&mut world, OWNER, secret, thread::Op::RemoveMember { user: UserId::new(3) });
    assert_eq!(world.err(3, Op::Thread { channel: secret, op: thread::Op::Get }), (403, 50001));
    ask(&mut world, OWNER, answers, thread::Op::Delete);
}

#[test]
fn a_thread_archives_itself_when_its_time_is_over() {
    let mut world = World::new();
    world.seed([2]);
    let session = world.connect(2);
    let open = world.create_channel(new_channel("open", ChannelType::GuildText));
    let thread = start(&mut world, 2, open, Some(11));
    let update = UpdateThread { auto_archive_duration: Some(60), ..UpdateThread::default() };
    ask(&mut world, 2, thread, thread::Op::Update(Box::new(update)));
    world.advance(Duration::from_secs(1800));
    post(&mut world, 2, thread, "still here");
    world.look_away();
    world.advance(Duration::from_secs(3500));
    assert_eq!(world.names(session), [""; 0]);
    world.advance(Duration::from_secs(101));
    let told = world.take(session);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["thread_metadata"]["archived"]),
        ("THREAD_UPDATE", &true.into())
    );
    // The next call finds all sessions in step again.
    post(&mut world, 2, thread, "again");
    assert_eq!(world.names(session)[0], "THREAD_UPDATE");
}

#[test]
fn a_bot_without_message_content_gets_the_message_without_it() {
    let mut world = World::new();
    world.seed([2, 1000]);
    let open = world.create_channel(new_channel("open", ChannelType::GuildText));
    let blind = world.connect_with(1000, Intents::GUILDS | Intents::GUILD_MESSAGES);
    post(&mut world, 2, open, "hello all");
    post(&mut world, 2, open, "hello <@1000>");
    post(&mut world, 1000, open, "hello yourself");
    let told = world.take(blind);
    let contents: Vec<_> = told.iter().map(|(_, d)| d["content"].as_str().unwrap_or_default()).collect();
    assert_eq!(contents, ["", "hello <@1000>", "hello yourself"]);
}
