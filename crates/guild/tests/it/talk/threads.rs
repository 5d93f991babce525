//! Threads.

use consort_model::request::message::CreateMessage;
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{ChannelId, Permissions};
use consort_rpc::guild;
use consort_rpc::guild::thread::{Archived, Op, Search, SearchOrder};
use consort_rpc::message::{self, Create};
use serde_json::{Value, json};

use super::world::{ANN, BEN, OWNER, World, world};

fn start(name: &str, kind: Option<u8>) -> Box<StartThread> {
    Box::new(StartThread { name: name.to_owned(), kind, ..StartThread::default() })
}

fn id(thread: &Value) -> ChannelId {
    thread["id"].as_str().unwrap().parse().unwrap()
}

async fn public(world: &World) -> ChannelId {
    let general = world.channel("general").await;
    let op = Op::Start { thread: start("talk", Some(11)), post: None };
    let thread = id(&world.thread(ANN, general, op).await.unwrap());
    world.clear();
    thread
}

#[tokio::test]
async fn a_thread_from_a_message_shares_its_id_and_begins_with_it() {
    let world = world().await;
    let general = world.channel("general").await;
    let source = world.post(ANN, general, json!({"content": "let us talk"})).await.unwrap();
    world.clear();
    let op = || Op::StartFromMessage { message: source.id, thread: start("talk", None) };
    let thread = world.thread(BEN, general, op()).await.unwrap();
    assert_eq!(
        (id(&thread), &thread["type"], &thread["owner_id"]),
        (source.id.cast(), &json!(11), &json!(BEN))
    );
    assert_eq!(thread["member"]["user_id"], BEN.to_string());
    assert_eq!(
        world.names(),
        ["THREAD_CREATE", "THREAD_MEMBERS_UPDATE", "MESSAGE_UPDATE", "MESSAGE_CREATE"],
        "the newest message needs no note in the channel"
    );
    assert_eq!(world.event("THREAD_CREATE").body["newly_created"], true);
    assert_eq!(world.event("MESSAGE_CREATE").body["type"], 21);
    let read = world.message(ANN, general, message::Op::Get { message: source.id }).await.unwrap();
    assert_eq!((&read["flags"], &read["thread"]["name"]), (&json!(32), &json!("talk")));
    let first = message::Op::List { page: message::Page::Newest, limit: 1 };
    let first = world.message(ANN, id(&thread), first).await.unwrap();
    assert_eq!(first[0]["referenced_message"]["content"], "let us talk");
    assert_eq!(world.thread(ANN, general, op()).await.unwrap_err().code, 160004);
}

#[tokio::test]
async fn writing_in_a_thread_counts_and_makes_a_member() {
    let world = world().await;
    let thread = public(&world).await;
    let first = world.post(BEN, thread, json!({"content": "1"})).await.unwrap();
    assert_eq!(world.names(), ["MESSAGE_CREATE", "THREAD_MEMBERS_UPDATE"]);
    let members = world.event("THREAD_MEMBERS_UPDATE");
    assert_eq!(members.body["added_members"][0]["user_id"], BEN.to_string());
    assert_eq!(*members.event.audience.always, [BEN]);
    world.post(BEN, thread, json!({"content": "2"})).await.unwrap();
    world.message(BEN, thread, message::Op::Delete { message: first.id }).await.unwrap();
    let shown = world.thread(ANN, thread, Op::Get).await.unwrap();
    let counts = (&shown["message_count"], &shown["total_message_sent"], &shown["member_count"]);
    assert_eq!(counts, (&json!(1), &json!(2), &json!(2)));
    world
        .overwrite(
            world.channel("general").await,
            Permissions::empty(),
            Permissions::SEND_MESSAGES_IN_THREADS,
        )
        .await;
    assert_eq!(world.post(BEN, thread, json!({"content": "3"})).await.unwrap_err().code, 50013);
}

#[tokio::test]
async fn a_private_thread_is_hidden_from_all_but_members_and_moderators() {
    let world = world().await;
    let general = world.channel("general").await;
    let op = Op::Start { thread: start("secret", None), post: None };
    let thread = world.thread(ANN, general, op).await.unwrap();
    let (secret, kind) = (id(&thread), &thread["type"]);
    assert_eq!(kind, &json!(12));
    assert_eq!(*world.event("THREAD_CREATE").event.audience.users, [ANN]);
    assert!(!world.names().contains(&"MESSAGE_CREATE".to_owned()), "the channel says nothing of it");
    assert_eq!(world.thread(BEN, secret, Op::Get).await.unwrap_err().code, 50001);
    assert_eq!(world.post(BEN, secret, json!({"content": "x"})).await.unwrap_err().code, 50001);
    assert!(world.thread(OWNER, secret, Op::Get).await.is_ok());
    let listed = world.thread(BEN, general, Op::Active).await.unwrap();
    assert_eq!(listed["threads"], json!([]));
    assert_eq!(world.attach(BEN).await["threads"], json!([]));
    world.clear();
    world.thread(ANN, secret, Op::AddMember { user: BEN }).await.unwrap();
    assert_eq!(world.names(), ["THREAD_MEMBERS_UPDATE", "THREAD_CREATE", "MESSAGE_CREATE"]);
    assert_eq!(world.event("THREAD_CREATE").body["member"]["user_id"], BEN.to_string());
    world.post(BEN, secret, json!({"content": "x"})).await.unwrap();
    assert_eq!(world.attach(BEN).await["threads"][0]["name"], "secret");
}

#[tokio::test]
async fn an_archived_thread_is_listed_and_opened_by_a_message() {
    let world = world().await;
    let general = world.channel("general").await;
    let thread = public(&world).await;
    let archived = Op::Archived { kind: Archived::Public { before: None }, limit: 50 };
    let update = UpdateThread { archived: Some(true), ..UpdateThread::default() };
    world.thread(ANN, thread, Op::Update(Box::new(update))).await.unwrap();
    let list = world.thread(BEN, general, archived.clone()).await.unwrap();
    assert_eq!((&list["threads"][0]["name"], &list["has_more"]), (&json!("talk"), &json!(false)));
    assert_eq!(world.thread(BEN, general, Op::Active).await.unwrap()["threads"], json!([]));
    assert_eq!(world.thread(BEN, thread, Op::Join).await.unwrap_err().code, 50083);

    // The same after a restart, when the thread is only a row.
    let world = world.restarted().await;
    assert_eq!(world.attach(BEN).await["threads"], json!([]));
    assert_eq!(world.thread(BEN, thread, Op::Get).await.unwrap()["thread_metadata"]["archived"], true);
    world.clear();
    world.post(BEN, thread, json!({"content": "again"})).await.unwrap();
    let names = ["THREAD_UPDATE", "THREAD_MEMBER_UPDATE", "MESSAGE_CREATE", "THREAD_MEMBERS_UPDATE"];
    assert_eq!(world.names(), names);
    assert_eq!(world.thread(BEN, general, archived).await.unwrap()["threads"], json!([]));
    assert_eq!(world.thread(BEN, general, Op::Active).await.unwrap()["threads"][0]["name"], "talk");
}

#[tokio::test]
async fn an_archived_thread_counts_nobody_who_has_left_the_guild_since() {
    let world = world().await;
    let thread = public(&world).await;
    world.thread(BEN, thread, Op::Join).await.unwrap();
    let update = UpdateThread { archived: Some(true), ..UpdateThread::default() };
    world.thread(ANN, thread, Op::Update(Box::new(update))).await.unwrap();
    assert_eq!(world.thread(ANN, thread, Op::Get).await.unwrap()["member_count"], 2);
    let world = world.restarted().await;
    world.json(BEN, guild::Op::Member(guild::member::Op::Leave)).await.unwrap();
    assert_eq!(world.thread(ANN, thread, Op::Get).await.unwrap()["member_count"], 1);
}

#[tokio::test]
async fn threads_are_found_by_name_whether_archived_or_not_but_never_somebody_elses_private_ones() {
    let world = world().await;
    let general = world.channel("general").await;
    let mut made = Vec::new();
    for (name, kind) in [("Old talk", 11), ("new TALK", 11), ("other", 11), ("secret talk", 12)] {
        let op = Op::Start { thread: start(name, Some(kind)), post: None };
        made.push(id(&world.thread(ANN, general, op).await.unwrap()));
    }
    let archive = UpdateThread { archived: Some(true), ..UpdateThread::default() };
    world.thread(ANN, made[0], Op::Update(Box::new(archive))).await.unwrap();
    let search = Search {
        name: Some("talk".into()),
        tags: Vec::new(),
        all_tags: false,
        archived: None,
        min_id: None,
        max_id: None,
        order: SearchOrder::Creation,
        ascending: true,
        limit: 1,
        offset: 0,
    };
    let find = async |search: &Search| {
        world.thread(BEN, general, Op::Search(Box::new(search.clone()))).await.unwrap()
    };
    let first = find(&search).await;
    assert_eq!((&first["total_results"], &first["has_more"]), (&json!(2), &json!(true)));
    assert_eq!(first["threads"][0]["name"], "Old talk");
    let second = find(&Search { offset: 1, ..search.clone() }).await;
    assert_eq!((&second["threads"][0]["name"], &second["has_more"]), (&json!("new TALK"), &json!(false)));
    let active = find(&Search { archived: Some(false), ..search.clone() }).await;
    assert_eq!((&active["threads"][0]["name"], &active["total_results"]), (&json!("new TALK"), &json!(1)));
    let after = find(&Search { name: None, min_id: Some(made[1]), ..search }).await;
    assert_eq!((&after["threads"][0]["name"], &after["total_results"]), (&json!("other"), &json!(1)));
}

#[tokio::test]
async fn a_locked_thread_is_for_moderators() {
    let world = world().await;
    let thread = public(&world).await;
    let update = |update: UpdateThread| Op::Update(Box::new(update));
    let lock =
        || update(UpdateThread { locked: Some(true), archived: Some(true), ..UpdateThread::default() });
    assert_eq!(
        world.thread(ANN, thread, lock()).await.unwrap_err().code,
        50013,
        "not even its starter locks it"
    );
    world.thread(OWNER, thread, lock()).await.unwrap();
    assert_eq!(world.post(ANN, thread, json!({"content": "x"})).await.unwrap_err().code, 160005);
    let open = || update(UpdateThread { archived: Some(false), ..UpdateThread::default() });
    assert_eq!(world.thread(ANN, thread, open()).await.unwrap_err().code, 50013);
    world.thread(OWNER, thread, open()).await.unwrap();
    assert_eq!(world.audited().await["action_type"], 111);
}

#[tokio::test]
async fn a_renamed_thread_says_so_inside() {
    let world = world().await;
    let thread = public(&world).await;
    let rename =
        |name: &str| Op::Update(Box::new(UpdateThread { name: Some(name.to_owned()), ..Default::default() }));
    assert_eq!(world.thread(BEN, thread, rename("x")).await.unwrap_err().code, 50013);
    let renamed = world.thread(ANN, thread, rename("better")).await.unwrap();
    assert_eq!(renamed["name"], "better");
    assert_eq!(world.names(), ["THREAD_UPDATE", "MESSAGE_CREATE"]);
    let note = world.event("MESSAGE_CREATE").body;
    assert_eq!((&note["type"], &note["content"]), (&json!(4), &json!("better")));
}

#[tokio::test]
async fn a_forum_post_has_the_id_of_its_first_message() {
    let world = world().await;
    let forum = world.channel("forum").await;
    let body = CreateMessage { content: "first".to_owned(), ..CreateMessage::default() };
    let post = Some(Box::new(Create { body, ..Create::default() }));
    let op = Op::Start { thread: start("post", None), post };
    let thread = world.thread(ANN, forum, op).await.unwrap();
    assert_eq!(thread["message"]["id"], thread["id"]);
    assert_eq!(thread["message"]["channel_id"], thread["id"]);
    assert_eq!((&thread["message_count"], &thread["total_message_sent"]), (&json!(0), &json!(0)));
    assert_eq!(world.names(), ["THREAD_CREATE", "THREAD_MEMBERS_UPDATE", "MESSAGE_CREATE"]);
    let empty = Op::Start { thread: start("post", None), post: Some(Box::new(Create::default())) };
    assert_eq!(world.thread(ANN, forum, empty).await.unwrap_err().code, 50006);
    let without = Op::Start { thread: start("post", None), post: None };
    assert_eq!(world.thread(ANN, forum, without).await.unwrap_err().code, 50035);
    assert_eq!(world.thread(ANN, forum, Op::Active).await.unwrap()["threads"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_post_of_a_forum_is_pinned_and_no_other_thread() {
    let world = world().await;
    let forum = world.channel("forum").await;
    let mut posts = Vec::new();
    for _ in 0..2 {
        let body = CreateMessage { content: "first".to_owned(), ..CreateMessage::default() };
        let post = Some(Box::new(Create { body, ..Create::default() }));
        let made = world.thread(ANN, forum, Op::Start { thread: start("post", None), post }).await.unwrap();
        posts.push(made["id"].as_str().unwrap().parse::<ChannelId>().unwrap());
    }
    let flags = |flags| Op::Update(Box::new(UpdateThread { flags: Some(flags), ..UpdateThread::default() }));
    for _ in 0..2 {
        assert_eq!(world.thread(OWNER, posts[0], flags(2)).await.unwrap()["flags"], 2);
    }
    assert_eq!(world.thread(OWNER, posts[1], flags(2)).await.unwrap_err().code, 30047);
    world.thread(OWNER, posts[0], flags(0)).await.unwrap();
    assert_eq!(world.thread(OWNER, posts[1], flags(2)).await.unwrap()["flags"], 2);
    let thread = public(&world).await;
    assert_eq!(world.thread(OWNER, thread, flags(2)).await.unwrap_err().code, 50024);
    // Archiving takes the pin off, so that what is opened again is no second one.
    let archived =
        |archived| Op::Update(Box::new(UpdateThread { archived: Some(archived), ..UpdateThread::default() }));
    assert_eq!(world.thread(OWNER, posts[1], archived(true)).await.unwrap()["flags"], 0);
    world.thread(OWNER, posts[0], flags(2)).await.unwrap();
    assert_eq!(world.thread(OWNER, posts[1], archived(false)).await.unwrap()["flags"], 0);
}

#[tokio::test]
async fn members_come_go_and_are_listed() {
    let world = world().await;
    let thread = public(&world).await;
    world.thread(BEN, thread, Op::Join).await.unwrap();
    world.thread(BEN, thread, Op::Join).await.unwrap();
    assert_eq!(world.names(), ["THREAD_MEMBERS_UPDATE"]);
    let all = Op::Members { with_member: false, after: None, limit: 100 };
    assert_eq!(world.thread(OWNER, thread, all).await.unwrap().as_array().unwrap().len(), 2);
    let page = Op::Members { with_member: true, after: Some(ANN), limit: 100 };
    let page = world.thread(OWNER, thread, page).await.unwrap();
    assert_eq!(page[0]["member"]["user"]["username"], "ben");
    let kick = Op::RemoveMember { user: BEN };
    assert_eq!(
        world.thread(ANN, thread, kick.clone()).await.unwrap_err().code,
        50013,
        "it is a public thread"
    );
    world.thread(OWNER, thread, kick).await.unwrap();
    let gone = Op::Member { user: BEN, with_member: false };
    assert_eq!(world.thread(OWNER, thread, gone).await.unwrap_err().code, 10007);
    world.thread(ANN, thread, Op::Leave).await.unwrap();
    assert_eq!(world.thread(ANN, thread, Op::Get).await.unwrap()["member_count"], 0);
}

#[tokio::test]
async fn a_deleted_thread_is_gone_with_its_messages() {
    let world = world().await;
    let thread = public(&world).await;
    let message = world.post(ANN, thread, json!({"content": "x"})).await.unwrap();
    world.clear();
    assert_eq!(world.thread(ANN, thread, Op::Delete).await.unwrap_err().code, 50013);
    world.thread(OWNER, thread, Op::Delete).await.unwrap();
    let delete = world.event("THREAD_DELETE");
    assert!(delete.is_for_classes());
    assert_eq!(delete.body["type"], 11);
    let get = message::Op::Get { message: message.id };
    assert_eq!(world.message(OWNER, thread, get).await.unwrap_err().code, 10003);
    assert_eq!(world.thread(OWNER, thread, Op::Get).await.unwrap_err().code, 10003);
}
