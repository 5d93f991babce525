//! What fails, and what is left then.

use consort_store::{Batch, Error, Store, Table, row};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::toy::Op;

const LOST: Result<Value, (u16, u32)> = Err((503, 130000));

#[tokio::test(start_paused = true)]
async fn after_a_failed_commit_the_actor_is_loaded_with_what_is_stored() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let (first, second, read) = (bench.send(Op::Add(10)), bench.send(Op::Add(100)), bench.send(Op::Sum));
    bench.settle().await;
    bench.gate.refuse(Error::Backend("disk".into()));
    bench.settle().await;
    bench.gate.open_writes();
    for call in [first, second, read] {
        assert_eq!(call.await.unwrap(), LOST);
    }
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)), "nothing was written behind the one that failed");
    assert_eq!(bench.told(), [1, -1]);
}

#[tokio::test(start_paused = true)]
async fn a_successor_is_not_loaded_while_a_batch_of_its_predecessor_is_on_its_way() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let (add, behind, broken) = (bench.send(Op::Add(10)), bench.send(Op::Add(100)), bench.send(Op::Break));
    bench.settle().await;
    // In the mailbox of the one that has broken.
    let early = bench.send(Op::Sum);
    bench.settle().await;
    assert!(!early.is_finished());
    bench.gate.open_writes();
    assert_eq!((add.await.unwrap(), behind.await.unwrap()), (Ok(json!(11)), Ok(json!(111))));
    assert_eq!((broken.await.unwrap(), early.await.unwrap()), (Err((500, 0)), LOST));
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(111)));
}

#[tokio::test(start_paused = true)]
async fn a_batch_refused_at_the_door_is_followed_by_no_other() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.memory().set_overloaded(true);
    let refused = bench.send(Op::Add(10));
    let next = bench.send(Op::Add(100));
    bench.settle().await;
    bench.gate.memory().set_overloaded(false);
    assert_eq!(refused.await.unwrap(), LOST);
    assert_eq!(next.await.unwrap(), LOST);
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_answered_as_the_handler_said() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask_toy(2, Op::Add(5)).await.unwrap();
    bench.ask(Op::Claim("name".into())).await.unwrap();
    assert_eq!(bench.ask_toy(2, Op::Claim("name".into())).await, Err((403, 50001)));
    assert_eq!(bench.ask_toy(2, Op::Sum).await, Ok(json!(5)), "the claim is not counted");
    // Another failure of the same batch is not the conflict.
    bench.gate.hold_writes();
    let claim = bench.send_toy(2, Op::Claim("other".into()));
    bench.settle().await;
    bench.gate.refuse(Error::Timeout);
    assert_eq!(claim.await.unwrap(), LOST);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_breaks_takes_down_its_actor_alone() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask_toy(2, Op::Add(5)).await.unwrap();
    bench.gate.hold_writes();
    let before = bench.send(Op::Add(10));
    let (broken, behind) = (bench.send(Op::Break), bench.send(Op::Sum));
    bench.settle().await;
    assert_eq!(broken.await.unwrap(), Err((500, 0)));
    bench.gate.open_writes();
    assert_eq!(before.await.unwrap(), Ok(json!(11)), "what was done before is done and told");
    assert_eq!(behind.await.unwrap(), LOST);
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(11)), "what it had changed in memory is gone");
    assert_eq!(bench.ask_toy(2, Op::Sum).await, Ok(json!(5)));
    assert_eq!(bench.told(), [1, 5, 11, -11]);
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_breaks_takes_down_its_actor_alone() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask(Op::Alarm { at_ms: crate::bench::NOW_MS, add: 0 }).await.unwrap();
    bench.settle().await;
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)));
    assert_eq!(bench.told(), [1, -1]);
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_breaks_while_it_is_loaded_is_tried_again() {
    let bench = Bench::new();
    let write = async |sum: u64| {
        let mut batch = Batch::new();
        batch.put(Table::Meta, 3, 0, row::encode(&sum));
        bench.gate.memory().submit(batch).await.unwrap();
    };
    write(666).await;
    assert_eq!(bench.ask_toy(3, Op::Sum).await, LOST);
    bench.settle().await;
    assert!(bench.registry.list(None).is_empty());
    write(4).await;
    assert_eq!(bench.ask_toy(3, Op::Sum).await, Ok(json!(4)));
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_cannot_be_loaded_answers_that_it_is_busy() {
    let bench = Bench::new();
    bench.ask_toy(100, Op::Sum).await.unwrap_err();
    bench.gate.memory().set_overloaded(true);
    assert_eq!(bench.ask(Op::Add(1)).await, LOST);
    bench.gate.memory().set_overloaded(false);
    assert_eq!(bench.ask(Op::Add(1)).await, Ok(json!(1)));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_changes_nothing() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    assert_eq!(bench.ask(Op::Refuse).await, Err((403, 50013)));
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)));
}
