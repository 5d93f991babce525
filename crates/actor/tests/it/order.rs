//! When answers and effects leave, and in which order.

use serde_json::json;

use crate::bench::Bench;
use crate::toy::Op;

#[tokio::test(start_paused = true)]
async fn answer_and_effects_wait_for_the_commit() {
    let bench = Bench::new();
    bench.gate.hold_writes();
    let add = bench.send(Op::Add(1));
    bench.settle().await;
    assert!(!add.is_finished());
    assert_eq!(bench.told(), [0; 0]);
    bench.gate.pass();
    assert_eq!(add.await.unwrap(), Ok(json!(1)));
    assert_eq!(bench.told(), [1]);
}

#[tokio::test(start_paused = true)]
async fn calls_go_on_while_a_batch_is_on_its_way_and_what_they_write_goes_together() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let calls: Vec<_> = (0..20).map(|_| bench.send(Op::Add(1))).collect();
    bench.settle().await;
    assert_eq!(bench.gate.waiting(), 1);
    bench.gate.pass();
    bench.settle().await;
    assert_eq!(bench.told(), [1, 2]);
    assert_eq!(bench.gate.waiting(), 1, "of nineteen calls");
    bench.gate.pass();
    for (done, call) in calls.into_iter().enumerate() {
        assert_eq!(call.await.unwrap(), Ok(json!(done + 2)));
    }
    assert_eq!(bench.told(), (1..=21).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_later_commit_that_is_durable_first_is_told_later_all_the_same() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let first = bench.send(Op::Add(1));
    bench.settle().await;
    bench.gate.hold_writes();
    // Whoever reads what is not durable yet waits behind it, and so does a refusal.
    let (sum, refused) = (bench.send(Op::Sum), bench.send(Op::Refuse));
    bench.settle().await;
    assert!(!first.is_finished() && !sum.is_finished() && !refused.is_finished());
    bench.gate.pass();
    assert_eq!(first.await.unwrap(), Ok(json!(2)));
    assert_eq!(sum.await.unwrap(), Ok(json!(2)));
    assert_eq!(refused.await.unwrap(), Err((403, 50013)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_handled_after_a_batch_that_may_not_be() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let claim = bench.send(Op::Claim("a".into()));
    let add = bench.send(Op::Add(10));
    bench.settle().await;
    assert_eq!(bench.gate.waiting(), 1);
    bench.gate.pass();
    bench.settle().await;
    bench.gate.open_writes();
    assert_eq!(claim.await.unwrap(), Ok(json!(2)));
    assert_eq!(add.await.unwrap(), Ok(json!(12)));
}
