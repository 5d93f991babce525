//! Reactions, pins and polls.

use consort_model::validate::{ReactionEmoji, parse_reaction};
use consort_model::{MessageId, Permissions};
use consort_rpc::message::Op;
use consort_store::{Table, erasure};
use serde_json::{Value, json};

use super::world::{ANN, BEN, OWNER, world};

fn emoji(text: &str) -> ReactionEmoji {
    parse_reaction(text).unwrap()
}

fn react(message: MessageId, text: &str) -> Op {
    Op::React { message, emoji: emoji(text), external: None }
}

#[tokio::test]
async fn a_reaction_is_counted_once_per_person_and_shown_as_ones_own() {
    let world = world().await;
    let general = world.channel("general").await;
    let id = world.post(ANN, general, json!({"content": "x"})).await.unwrap().id;
    world.clear();
    for (user, text) in [(ANN, "❤️"), (ANN, "❤"), (BEN, "❤")] {
        world.message(user, general, react(id, text)).await.unwrap();
    }
    assert_eq!(world.names(), ["MESSAGE_REACTION_ADD", "MESSAGE_REACTION_ADD"]);
    let add = world.event("MESSAGE_REACTION_ADD").body;
    assert_eq!(add["emoji"], json!({"id": null, "name": "❤️"}));
    assert_eq!(
        (&add["message_author_id"], &add["burst"], &add["type"]),
        (&json!(ANN), &json!(false), &json!(0))
    );
    assert!(add["member"].is_object());
    let shown = |value: Value| (value["reactions"][0]["count"].clone(), value["reactions"][0]["me"].clone());
    assert_eq!(
        shown(world.message(BEN, general, Op::Get { message: id }).await.unwrap()),
        (json!(2), json!(true))
    );
    assert_eq!(
        shown(world.message(OWNER, general, Op::Get { message: id }).await.unwrap()),
        (json!(2), json!(false))
    );
    world.message(BEN, general, Op::Unreact { message: id, emoji: emoji("❤"), user: None }).await.unwrap();
    world.message(ANN, general, Op::Unreact { message: id, emoji: emoji("❤"), user: None }).await.unwrap();
    let empty = world.message(BEN, general, Op::Get { message: id }).await.unwrap();
    assert!(empty.get("reactions").is_none());
}

#[tokio::test]
async fn an_emoji_that_is_there_needs_only_the_right_to_read() {
    let world = world().await;
    let general = world.channel("general").await;
    let id = world.post(ANN, general, json!({"content": "x"})).await.unwrap().id;
    world.message(OWNER, general, react(id, "👍")).await.unwrap();
    world.overwrite(general, Permissions::empty(), Permissions::ADD_REACTIONS).await;
    world.message(BEN, general, react(id, "👍")).await.unwrap();
    assert_eq!(world.message(BEN, general, react(id, "👎")).await.unwrap_err().code, 50013);
    let unknown = react(id, "blob:123456789012345678");
    assert_eq!(world.message(OWNER, general, unknown).await.unwrap_err().code, 10014);
}

#[tokio::test]
async fn twenty_emojis_are_the_limit_of_a_message() {
    let world = world().await;
    let general = world.channel("general").await;
    let id = world.post(ANN, general, json!({"content": "x"})).await.unwrap().id;
    for n in 0..20u32 {
        let face = char::from_u32(0x1f600 + n).unwrap().to_string();
        world.message(ANN, general, react(id, &face)).await.unwrap();
    }
    assert_eq!(world.message(ANN, general, react(id, "👍")).await.unwrap_err().code, 30010);
}

#[tokio::test]
async fn reactions_are_removed_by_moderators_one_emoji_or_all() {
    let world = world().await;
    let general = world.channel("general").await;
    let id = world.post(ANN, general, json!({"content": "x"})).await.unwrap().id;
    for (user, text) in [(ANN, "👍"), (BEN, "👍"), (BEN, "👎")] {
        world.message(user, general, react(id, text)).await.unwrap();
    }
    let theirs = Op::Unreact { message: id, emoji: emoji("👍"), user: Some(BEN) };
    assert_eq!(world.message(ANN, general, theirs.clone()).await.unwrap_err().code, 50013);
    world.message(OWNER, general, theirs).await.unwrap();
    world.clear();
    let clear = |emoji: Option<ReactionEmoji>| Op::ClearReactions { message: id, emoji };
    assert_eq!(world.message(ANN, general, clear(None)).await.unwrap_err().code, 50013);
    world.message(OWNER, general, clear(Some(emoji("👍")))).await.unwrap();
    world.message(OWNER, general, clear(None)).await.unwrap();
    assert_eq!(world.names(), ["MESSAGE_REACTION_REMOVE_EMOJI", "MESSAGE_REACTION_REMOVE_ALL"]);
    // Nothing is left that could come back with a new reaction.
    world.message(ANN, general, react(id, "👍")).await.unwrap();
    let read = world.message(BEN, general, Op::Get { message: id }).await.unwrap();
    assert_eq!((&read["reactions"][0]["count"], &read["reactions"][0]["me"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn a_pin_is_announced_listed_and_undone() {
    let world = world().await;
    let general = world.channel("general").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(world.post(ANN, general, json!({"content": n.to_string()})).await.unwrap().id);
    }
    assert_eq!(world.message(BEN, general, Op::Pin { message: ids[0] }).await.unwrap_err().code, 50013);
    world.clear();
    world.message(OWNER, general, Op::Pin { message: ids[0] }).await.unwrap();
    assert_eq!(world.names(), ["MESSAGE_UPDATE", "CHANNEL_PINS_UPDATE", "MESSAGE_CREATE"]);
    let note = world.event("MESSAGE_CREATE").body;
    assert_eq!((&note["type"], &note["message_reference"]["message_id"]), (&json!(6), &json!(ids[0])));
    assert!(world.event("CHANNEL_PINS_UPDATE").body["last_pin_timestamp"].is_string());
    world.clock.advance(1000);
    world.message(OWNER, general, Op::Pin { message: ids[2] }).await.unwrap();

    let page = |bare: bool, limit: u16| Op::Pins { before: None, limit, bare };
    let list = world.message(BEN, general, page(false, 1)).await.unwrap();
    assert_eq!((&list["items"][0]["message"]["content"], &list["has_more"]), (&json!("2"), &json!(true)));
    let before = serde_json::from_value(list["items"][0]["pinned_at"].clone()).unwrap();
    let older = world.message(BEN, general, Op::Pins { before, limit: 50, bare: false }).await.unwrap();
    assert_eq!((&older["items"][0]["message"]["content"], &older["has_more"]), (&json!("0"), &json!(false)));
    world.message(OWNER, general, Op::Unpin { message: ids[2] }).await.unwrap();
    let bare = world.message(BEN, general, page(true, 50)).await.unwrap();
    assert_eq!(bare.as_array().unwrap().len(), 1);
    assert_eq!(bare[0]["pinned"], true);
}

#[tokio::test]
async fn votes_are_replaced_counted_and_end_with_the_poll() {
    let world = world().await;
    let general = world.channel("general").await;
    let answers = json!([{"poll_media": {"text": "a"}}, {"poll_media": {"text": "b"}}]);
    let body = json!({"poll": {"question": {"text": "?"}, "answers": answers, "duration": 1}});
    let id = world.post(ANN, general, body).await.unwrap().id;
    world.clear();
    let vote = |answers: &[u8]| Op::Vote { message: id, answers: answers.to_vec() };
    world.message(BEN, general, vote(&[1])).await.unwrap();
    world.message(BEN, general, vote(&[2])).await.unwrap();
    assert_eq!(world.names(), ["MESSAGE_POLL_VOTE_ADD", "MESSAGE_POLL_VOTE_REMOVE", "MESSAGE_POLL_VOTE_ADD"]);
    assert_eq!(world.message(BEN, general, vote(&[1, 2])).await.unwrap_err().code, 50035);
    let read = world.message(BEN, general, Op::Get { message: id }).await.unwrap();
    let counts = read["poll"]["results"]["answer_counts"].clone();
    assert!(counts.as_array().unwrap().contains(&json!({"id": 2, "count": 1, "me_voted": true})), "{counts}");
    assert_eq!(read["poll"]["results"]["is_finalized"], false);
    world.clock.advance(3_600_000);
    assert_eq!(world.message(OWNER, general, vote(&[1])).await.unwrap_err().code, 520001);
    let over = world.message(BEN, general, Op::Get { message: id }).await.unwrap();
    assert_eq!(over["poll"]["results"]["is_finalized"], true);
}

#[tokio::test]
async fn a_poll_ends_by_itself_and_tells_its_outcome_even_after_a_restart() {
    let world = world().await;
    let general = world.channel("general").await;
    let answers = json!([{"poll_media": {"text": "yes"}}, {"poll_media": {"text": "no"}}]);
    let body = json!({"poll": {"question": {"text": "tea?"}, "answers": answers, "duration": 1}});
    let id = world.post(ANN, general, body).await.unwrap().id;
    world.message(BEN, general, Op::Vote { message: id, answers: vec![2] }).await.unwrap();
    let world = world.restarted().await;
    world.clock.advance(3_600_000);
    // With a clock of its own the actor looks at what is due after a call.
    for _ in 0..100 {
        world.message(OWNER, general, Op::Get { message: id }).await.unwrap();
        if world.names().len() >= 2 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(world.names(), ["MESSAGE_UPDATE", "MESSAGE_CREATE"]);
    assert_eq!(world.event("MESSAGE_UPDATE").body["poll"]["results"]["is_finalized"], true);
    let result = world.event("MESSAGE_CREATE").body;
    assert_eq!((&result["type"], &result["embeds"][0]["type"]), (&json!(46), &json!("poll_result")));
    let fields = result["embeds"][0]["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap()["value"].clone();
    assert_eq!((field("victor_answer_text"), field("total_votes")), (json!("no"), json!("1")));
    let again = world.message(ANN, general, Op::ExpirePoll { message: id }).await.unwrap_err();
    assert_eq!(again.code, 520001);
}

#[tokio::test]
async fn the_reactions_of_a_deleted_message_are_marked_to_be_erased() {
    let world = world().await;
    let general = world.channel("general").await;
    let id = world.post(ANN, general, json!({"content": "x"})).await.unwrap().id;
    let plain = world.post(ANN, general, json!({"content": "y"})).await.unwrap().id;
    world.message(BEN, general, react(id, "👍")).await.unwrap();
    for message in [id, plain] {
        world.message(ANN, general, Op::Delete { message }).await.unwrap();
    }
    let mut marked = Vec::new();
    for shard in 0..erasure::SHARDS {
        marked.extend(erasure::marked(&world.store, shard, 10).await.unwrap());
    }
    assert_eq!(marked, [erasure::Erasure { table: Table::Reactions, partition: id.get() }]);
}
