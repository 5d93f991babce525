//! What happens at its time although the guild is not loaded and nobody calls.

use std::time::Duration;

use consort_actor::IDLE;
use consort_model::request::thread::StartThread;
use consort_model::{Channel, ChannelId, Message};
use consort_rpc::guild::thread::Op as ThreadOp;
use consort_rpc::message::Op;
use consort_store::{StoreExt as _, Table};
use serde_json::json;

use super::world::{ANN, BEN, GUILD, World, world};

const HOUR_MS: u64 = 3_600_000;

async fn poll(world: &World) -> (ChannelId, Message) {
    let general = world.channel("general").await;
    let answers = json!([{"poll_media": {"text": "yes"}}, {"poll_media": {"text": "no"}}]);
    let body = json!({"poll": {"question": {"text": "tea?"}, "answers": answers, "duration": 1}});
    (general, world.post(ANN, general, body).await.unwrap())
}

async fn thread(world: &World) -> ChannelId {
    let general = world.channel("general").await;
    let thread = StartThread {
        name: "talk".to_owned(),
        kind: Some(11),
        auto_archive_duration: Some(60),
        ..StartThread::default()
    };
    let op = ThreadOp::Start { thread: Box::new(thread), post: None };
    let made = world.thread(ANN, general, op).await.unwrap();
    made["id"].as_str().unwrap().parse().unwrap()
}

async fn messages(world: &World, channel: ChannelId) -> Vec<Message> {
    let range = consort_store::Range::all(100);
    let rows: Vec<(_, Message)> = world.store.scan_rows(Table::Messages, channel.get(), range).await.unwrap();
    rows.into_iter().map(|(_, message)| message).collect()
}

/// How many messages tell the outcome of a poll.
async fn outcomes(world: &World, channel: ChannelId) -> usize {
    let found = messages(world, channel).await;
    found.iter().filter(|message| message.embeds.iter().any(|embed| embed.kind == "poll_result")).count()
}

async fn is_archived(world: &World, thread: ChannelId) -> bool {
    let row: Option<Channel> = world.store.get_row(Table::Threads, GUILD.get(), thread.get()).await.unwrap();
    row.unwrap().thread_metadata.unwrap().archived
}

/// Time passes, on both clocks.
async fn pass(world: &World, by: Duration) {
    world.clock.advance(by.as_millis() as u64);
    tokio::time::sleep(by).await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_ends_once_and_a_thread_archives_itself_after_a_crash_with_nobody_calling() {
    let world = world().await;
    let ((general, _), thread) = (poll(&world).await, thread(&world).await);
    let world = world.crashed();
    pass(&world, Duration::from_secs(60)).await;
    assert!(!world.is_loaded(), "nothing is due");
    assert_eq!((outcomes(&world, general).await, is_archived(&world, thread).await), (0, false));
    world.clock.advance(HOUR_MS);
    pass(&world, Duration::from_secs(40)).await;
    assert_eq!((outcomes(&world, general).await, is_archived(&world, thread).await), (1, true));
    let world = world.crashed();
    pass(&world, Duration::from_secs(3600)).await;
    assert_eq!(outcomes(&world, general).await, 1, "it is done once");
    assert!(!world.is_loaded(), "no alarm is left");
}

#[tokio::test(start_paused = true)]
async fn what_came_due_while_the_server_was_down_for_weeks_is_done_at_its_start() {
    let world = world().await;
    // The scheduler of the first life has looked, so the installation is not taken for a new one.
    let world = world.crashed();
    pass(&world, Duration::from_secs(1)).await;
    let (general, _) = poll(&world).await;
    world.stop();
    world.clock.advance(40 * 24 * HOUR_MS);
    let world = world.crashed();
    pass(&world, Duration::from_secs(5)).await;
    assert_eq!(outcomes(&world, general).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_guild_that_was_put_away_comes_back_at_its_time() {
    let world = world().await.crashed();
    let (general, _) = poll(&world).await;
    // Its sessions are those of the life before, so nothing keeps it.
    tokio::time::sleep(IDLE + Duration::from_secs(1)).await;
    assert!(!world.is_loaded());
    world.clock.advance(HOUR_MS);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(outcomes(&world, general).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_delays_and_one_that_is_set_forward_hastens() {
    let world = world().await;
    let (general, _) = poll(&world).await;
    let world = world.crashed_at(super::world::NOW_MS - 3 * 24 * HOUR_MS);
    pass(&world, Duration::from_secs(60)).await;
    assert_eq!(outcomes(&world, general).await, 0);
    world.clock.advance(4 * 24 * HOUR_MS);
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(outcomes(&world, general).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_its_author_has_ended_wakes_nobody_for_more_than_a_look() {
    let world = world().await;
    let (general, message) = poll(&world).await;
    world.message(ANN, general, Op::ExpirePoll { message: message.id }).await.unwrap();
    assert!(world.message(BEN, general, Op::Get { message: message.id }).await.is_ok());
    let world = world.crashed();
    world.clock.advance(HOUR_MS);
    pass(&world, Duration::from_secs(40)).await;
    assert_eq!(outcomes(&world, general).await, 1);
    let alarms = world.store.scan(Table::Alarms, 0, consort_store::Range::all(10)).await.unwrap();
    assert!(alarms.len() <= 1, "at most the shard's first day: {alarms:?}");
}
