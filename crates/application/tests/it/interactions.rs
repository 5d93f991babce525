//! Interactions: one answer each, or the person is told that there was none.

use std::time::Duration;

use consort_model::limits::{INTERACTION_ANSWER_MS, INTERACTION_TOKEN_MS};
use consort_model::request::modal::Modal;
use consort_model::{ChannelId, InteractionId, MessageId, snowflake};
use consort_rpc::application::{Interaction, InteractionOp, Op, Settled, State};
use serde_json::{Value, json};

use crate::world::{ADA, APPLICATION, NOW_MS, World, world};

fn id() -> InteractionId {
    InteractionId::new(snowflake::at(NOW_MS))
}

fn interaction(kind: u8) -> Box<Interaction> {
    Box::new(Interaction {
        id: id(),
        kind,
        application: APPLICATION,
        user: ADA,
        guild: None,
        channel: ChannelId::new(3),
        token_hash: "hash".into(),
        nonce: Some(json!("7")),
        metadata: json!({}),
        old: None,
        message_kind: None,
        may_mention_all: false,
        source: None,
        form: None,
        state: State::Pending,
        ephemeral: false,
        original: None,
    })
}

async fn begin(world: &World, kind: u8) {
    let op = InteractionOp::Begin {
        interaction: interaction(kind),
        payload: json!({"id": id()}),
        over_http: false,
    };
    world.ask(Op::Interaction(op)).await.unwrap();
}

fn claim() -> Op {
    Op::Interaction(InteractionOp::Claim { interaction: id(), hash: "hash".into() })
}

fn settle(settled: Settled) -> Op {
    Op::Interaction(InteractionOp::Settle { interaction: id(), settled: Box::new(settled), choices: None })
}

fn answered() -> Settled {
    Settled { state: State::Answered, ephemeral: false, original: None, form: None, told: true }
}

fn get(hash: Option<&str>) -> Op {
    Op::Interaction(InteractionOp::Get { interaction: id(), hash: hash.map(str::to_owned) })
}

#[tokio::test]
async fn of_two_answers_one_counts_and_the_person_is_told() {
    let world = world().await;
    begin(&world, 2).await;
    assert_eq!(world.users.names(), [(7, "INTERACTION_CREATE"), (5, "INTERACTION_CREATE")]);
    let (first, second) = tokio::join!(world.ask(claim()), world.ask(claim()));
    let refused = [first, second].into_iter().find_map(Result::err).unwrap();
    assert_eq!(refused.code, 40060);
    world.ask(settle(answered())).await.unwrap();
    let told = world.users.take();
    assert_eq!((told[0].0, told[0].1, &told[0].2["nonce"]), (7, "INTERACTION_SUCCESS", &json!("7")));
    let wrong = InteractionOp::Claim { interaction: id(), hash: "other".into() };
    assert_eq!(world.refused(Op::Interaction(wrong)).await, 10062);
}

#[tokio::test]
async fn an_answer_that_came_to_nothing_may_be_tried_again() {
    let world = world().await;
    begin(&world, 2).await;
    world.ask(claim()).await.unwrap();
    let unclaim = InteractionOp::Unclaim { interaction: id(), state: State::Pending };
    world.ask(Op::Interaction(unclaim)).await.unwrap();
    world.ask(claim()).await.unwrap();
}

#[tokio::test]
async fn a_promised_message_is_given_once() {
    let world = world().await;
    begin(&world, 2).await;
    world.ask(claim()).await.unwrap();
    world.ask(settle(Settled { state: State::Deferred, ephemeral: true, ..answered() })).await.unwrap();
    let world = world.restart();
    let late = || Op::Interaction(InteractionOp::ClaimDeferred { interaction: id(), hash: "hash".into() });
    assert!(world.read::<Interaction>(late()).await.ephemeral);
    assert_eq!(world.refused(late()).await, 40060);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_in_time_the_person_is_told_even_by_the_next_owner() {
    let world = world().await;
    begin(&world, 2).await;
    world.users.take();
    let world = world.restart();
    // The first call brings the owner to life, which finds who waits.
    world.ask(get(None)).await.unwrap();
    world.clock.advance(INTERACTION_ANSWER_MS);
    tokio::time::sleep(Duration::from_millis(INTERACTION_ANSWER_MS + 1)).await;
    world.ask(get(None)).await.unwrap();
    let told = world.users.take();
    assert_eq!((told[0].0, told[0].1, &told[0].2["nonce"]), (7, "INTERACTION_FAILURE", &json!("7")));
    assert_eq!(told.len(), 1);
    // A little more is let through, and no more than that.
    world.clock.advance(1000);
    world.ask(claim()).await.unwrap();
    let unclaim = InteractionOp::Unclaim { interaction: id(), state: State::Pending };
    world.ask(Op::Interaction(unclaim)).await.unwrap();
    world.clock.advance(2000);
    assert_eq!(world.refused(claim()).await, 10062);
}

#[tokio::test]
async fn nobody_waits_for_what_is_only_typed() {
    let world = world().await;
    begin(&world, 4).await;
    assert_eq!(world.users.names(), [(5, "INTERACTION_CREATE")]);
    world.ask(claim()).await.unwrap();
    let choices = Some(json!([{"name": "A", "value": "a"}]));
    let op = InteractionOp::Settle { interaction: id(), settled: Box::new(answered()), choices };
    world.ask(Op::Interaction(op)).await.unwrap();
    assert_eq!(world.users.names(), [(7, "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE")]);
}

#[tokio::test]
async fn a_form_is_remembered_before_it_is_shown() {
    let world = world().await;
    begin(&world, 2).await;
    world.users.take();
    world.ask(claim()).await.unwrap();
    let form = Modal::parse(&json!({"custom_id": "m", "title": "T", "components": [
        {"type": 18, "label": "L", "component": {"type": 4, "custom_id": "a", "style": 1}},
    ]}));
    world.ask(settle(Settled { form: Some(form.unwrap()), ..answered() })).await.unwrap();
    assert_eq!(world.users.names(), [(7, "INTERACTION_MODAL_CREATE"), (7, "INTERACTION_SUCCESS")]);
    let world = world.restart();
    assert_eq!(world.read::<Interaction>(get(None)).await.form.unwrap().custom_id, "m");
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let world = world().await;
    begin(&world, 2).await;
    let message = MessageId::new(snowflake::at(NOW_MS));
    let body = json!({"id": message, "content": "only you"});
    let show = InteractionOp::Show { interaction: id(), message, shown: body.clone(), body, is_new: true };
    world.ask(Op::Interaction(show)).await.unwrap();
    let shown = |user| Op::Interaction(InteractionOp::Shown { message, user });
    assert_eq!(world.read::<Value>(shown(ADA)).await["content"], "only you");
    assert_eq!(world.read::<Value>(shown(8.into())).await, Value::Null);
    assert_eq!(world.rows().await, 3);
    world.clock.advance(INTERACTION_TOKEN_MS + 1);
    assert_eq!(world.refused(get(Some("hash"))).await, 10062);
    world.clock.advance(120_000);
    let next = InteractionId::new(snowflake::at(NOW_MS + INTERACTION_TOKEN_MS + 120_001));
    let interaction = Box::new(Interaction { id: next, ..*interaction(2) });
    let op = InteractionOp::Begin { interaction, payload: json!({}), over_http: false };
    world.ask(Op::Interaction(op)).await.unwrap();
    assert_eq!(world.rows().await, 2, "the application and the new interaction");
}

#[tokio::test]
async fn much_that_is_over_is_forgotten_with_several_interactions() {
    let world = world().await;
    let begin_at = async |ms: u64| {
        let interaction = Interaction { id: InteractionId::new(snowflake::at(ms)), ..*interaction(2) };
        let op =
            InteractionOp::Begin { interaction: Box::new(interaction), payload: json!({}), over_http: false };
        world.ask(Op::Interaction(op)).await.unwrap();
    };
    for n in 0..300 {
        begin_at(NOW_MS + n).await;
    }
    let later_ms = INTERACTION_TOKEN_MS + 180_000;
    world.clock.advance(later_ms);
    let mut left = Vec::new();
    for n in 0..4 {
        begin_at(NOW_MS + later_ms + n).await;
        left.push(world.rows().await);
    }
    // With the application and those that came meanwhile.
    assert_eq!(left, [300 - 128 + 2, 300 - 256 + 3, 4, 5]);
}
