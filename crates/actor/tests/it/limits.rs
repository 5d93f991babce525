//! Bounded queues, and calls that come too late.

use std::time::Duration;

use consort_actor::{COMMITS_PENDING_MAX, LOADS_PENDING_MAX, MAILBOX_CALLS_MAX, MAILBOX_CASTS_MAX};
use consort_rpc::{Call, Caller, Host, Responder};
use serde_json::json;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::toy::Op;

fn cast(bench: &Bench, op: Op) {
    let (caller, respond, deadline) = (Caller::system(), Responder::none(), Instant::now());
    bench.owners.deliver(1, Call { caller, op, respond, deadline, origin: None });
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_calls_at_once_and_still_takes_casts() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    // The actor is busy with a commit that must be decided first.
    bench.gate.hold_writes();
    let claim = bench.send(Op::Claim("a".into()));
    bench.settle().await;
    let waiting: Vec<_> = (0..MAILBOX_CALLS_MAX).map(|_| bench.send(Op::Sum)).collect();
    bench.settle().await;
    let refused = bench.send(Op::Sum);
    assert_eq!(refused.await.unwrap(), Err((503, 130000)));
    (0..MAILBOX_CASTS_MAX + 10).for_each(|_| cast(&bench, Op::Add(1)));
    bench.gate.open_writes();
    claim.await.unwrap().unwrap();
    for call in waiting {
        assert_eq!(call.await.unwrap(), Ok(json!(2)));
    }
    bench.settle().await;
    let sum = 2 + MAILBOX_CASTS_MAX;
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(sum)), "as many casts as there were places");
}

#[tokio::test(start_paused = true)]
async fn commits_on_their_way_are_bounded() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let calls: Vec<_> = (0..COMMITS_PENDING_MAX + 50).map(|_| bench.send(Op::Add(1))).collect();
    bench.settle().await;
    let pending: Vec<_> = bench.registry.list(None).iter().map(|actor| actor.commits_pending).collect();
    assert_eq!(pending, [COMMITS_PENDING_MAX as u64]);
    bench.gate.open_writes();
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn parked_calls_are_bounded() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_reads(true);
    let before = bench.gate.reads().len();
    let calls: Vec<_> = (0..LOADS_PENDING_MAX as u64 + 50).map(|id| bench.send(Op::Note(id))).collect();
    bench.settle().await;
    assert_eq!(bench.gate.reads().len() - before, LOADS_PENDING_MAX);
    bench.gate.hold_reads(false);
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_nobody_waits_for_any_more_is_not_handled_but_a_late_cast_is() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let claim = bench.send(Op::Claim("a".into()));
    bench.settle().await;
    let late = bench.deliver(1, Op::Add(100), Instant::now() + Duration::from_secs(1));
    cast(&bench, Op::Add(1000));
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.gate.open_writes();
    claim.await.unwrap().unwrap();
    assert!(late.await.is_err(), "no answer");
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1002)));
}
