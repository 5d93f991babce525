//! Beginning, sleeping, waking, ending.

use std::time::Duration;

use consort_actor::{HASTE, IDLE};
use serde_json::{Value, json};

use crate::bench::{Bench, NOW_MS};
use crate::toy::Op;

const UNKNOWN: Result<Value, (u16, u32)> = Err((404, 10004));

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_answers_so_until_it_is_founded() {
    let bench = Bench::new();
    assert_eq!(bench.ask(Op::Sum).await, UNKNOWN);
    assert_eq!(bench.ask_toy(100, Op::Add(1)).await, UNKNOWN, "cannot be founded");
    bench.settle().await;
    assert!(bench.registry.list(None).is_empty(), "nothing is kept for what does not exist");
    assert_eq!(bench.ask(Op::Add(1)).await, Ok(json!(1)));
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)));
    assert_eq!(bench.told(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_founding_that_fails_has_not_been() {
    let bench = Bench::new();
    bench.gate.hold_writes();
    let found = bench.send(Op::Add(1));
    bench.settle().await;
    bench.gate.refuse(consort_store::Error::Timeout);
    assert_eq!(found.await.unwrap(), Err((503, 130000)));
    bench.gate.open_writes();
    assert_eq!(bench.ask(Op::Sum).await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_unknown_to_those_who_waited_and_can_be_founded_again() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_reads(true);
    let parked = bench.send(Op::Note(1));
    bench.settle().await;
    bench.gate.hold_writes();
    let (end, behind) = (bench.send(Op::End), bench.send(Op::Sum));
    bench.settle().await;
    assert!(!behind.is_finished(), "the end is not durable yet");
    bench.gate.open_writes();
    bench.settle().await;
    bench.gate.hold_reads(false);
    assert_eq!(end.await.unwrap(), Ok(Value::Null));
    assert_eq!(behind.await.unwrap(), UNKNOWN);
    assert_eq!(parked.await.unwrap(), UNKNOWN);
    assert_eq!(bench.ask(Op::Add(3)).await, Ok(json!(3)));
}

#[tokio::test(start_paused = true)]
async fn an_idle_actor_is_put_away_and_woken_by_the_next_call() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask_toy(2, Op::Add(2)).await.unwrap();
    bench.ask_toy(2, Op::Busy(true)).await.unwrap();
    bench.advance(IDLE - Duration::from_secs(1)).await;
    assert_eq!(bench.registry.list(None).len(), 2);
    bench.advance(Duration::from_secs(2)).await;
    let listed: Vec<_> = bench.registry.list(None).iter().map(|actor| actor.key).collect();
    assert_eq!(listed, [2], "the one that holds what is no row stays");
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)));
    assert_eq!(bench.told(), [1, 2, -1]);
}

#[tokio::test(start_paused = true)]
async fn of_many_actors_those_that_are_not_called_leave_soon() {
    let bench = Bench::new();
    for key in 1..=6 {
        bench.ask_toy(key, Op::Add(key)).await.unwrap();
        bench.ask_toy(key, Op::Hold(Some(key))).await.unwrap();
    }
    bench.advance(HASTE + Duration::from_millis(10)).await;
    let resting = bench.registry.list(None).iter().filter(|actor| actor.is_resting()).count();
    assert_eq!(resting, 3, "as many stay as may");
    for key in 1..=6 {
        assert_eq!(bench.ask_toy(key, Op::Hold(None)).await, Ok(json!(key)));
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_is_lost_between_sleeping_and_waking() {
    let bench = Bench::new();
    bench.ask(Op::Add(0)).await.unwrap();
    for round in 0..50u64 {
        // The call arrives at the very moment of being put away, a little before or a little after.
        tokio::time::sleep(IDLE - Duration::from_millis(2) + Duration::from_micros(100 * round)).await;
        assert_eq!(bench.ask(Op::Add(1)).await, Ok(json!(round + 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_rests_keeps_its_memory_and_has_not_been_away() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    assert_eq!(bench.ask(Op::Hold(Some(5))).await, Ok(Value::Null));
    assert!(!bench.registry.list(None)[0].is_resting());
    bench.advance(IDLE + Duration::from_secs(1)).await;
    let list = bench.registry.list(None);
    let [actor] = list.as_slice() else { panic!("one actor: {list:?}") };
    assert_eq!((actor.key, actor.handled, actor.is_resting()), (1, 2, true));
    let reads = bench.gate.reads().len();
    assert_eq!(bench.ask(Op::Hold(Some(6))).await, Ok(json!(5)));
    assert!(bench.gate.reads().len() > reads, "its rows were read again");
    assert!(!bench.registry.list(None)[0].is_resting());
    assert_eq!(bench.registry.list(None)[0].handled, 3);
    assert_eq!(bench.told(), [1], "nobody was told of a start");
    bench.ask(Op::Hold(None)).await.unwrap();
    bench.advance(IDLE + Duration::from_secs(1)).await;
    assert!(bench.registry.list(None).is_empty(), "with nothing left in memory it goes");
}

#[tokio::test(start_paused = true)]
async fn no_call_is_lost_between_resting_and_waking() {
    let bench = Bench::new();
    bench.ask(Op::Add(0)).await.unwrap();
    bench.ask(Op::Hold(Some(0))).await.unwrap();
    for round in 1..50u64 {
        tokio::time::sleep(IDLE - Duration::from_millis(2) + Duration::from_micros(100 * round)).await;
        assert_eq!(bench.ask(Op::Hold(Some(round))).await, Ok(json!(round - 1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resting_actor_waits_until_its_rows_can_be_read() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask(Op::Hold(Some(5))).await.unwrap();
    bench.advance(IDLE + Duration::from_secs(1)).await;
    bench.gate.fail_reads(3);
    assert_eq!(bench.ask(Op::Hold(None)).await, Ok(json!(5)));
    assert_eq!(bench.told(), [1]);
}

#[tokio::test(start_paused = true)]
async fn memory_that_cannot_be_read_is_lost_and_others_are_told() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask(Op::Hold(Some(13))).await.unwrap();
    bench.advance(IDLE + Duration::from_secs(1)).await;
    assert_eq!(bench.ask(Op::Hold(None)).await, Ok(Value::Null));
    assert_eq!(bench.told(), [1, -1]);
}

#[tokio::test(start_paused = true)]
async fn an_actor_with_pending_work_is_not_put_away() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let add = bench.send(Op::Add(1));
    bench.advance(IDLE * 3).await;
    assert_eq!(bench.registry.list(None).len(), 1);
    bench.gate.open_writes();
    assert_eq!(add.await.unwrap(), Ok(json!(2)));
    assert_eq!(bench.told(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_done_on_time_and_committed() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask(Op::Alarm { at_ms: NOW_MS + 5_000, add: 7 }).await.unwrap();
    bench.advance(Duration::from_secs(4)).await;
    assert_eq!(bench.told(), [1]);
    bench.advance(Duration::from_secs(2)).await;
    assert_eq!(bench.told(), [1, 8]);
    assert_eq!(bench.ask(Op::Stored).await, Ok(json!(8)));
}

#[tokio::test(start_paused = true)]
async fn the_operator_sees_queue_commits_and_work() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let claim = bench.send(Op::Claim("a".into()));
    let more: Vec<_> = (0..3).map(|_| bench.send(Op::Sum)).collect();
    bench.settle().await;
    let list = bench.registry.list(None);
    let [actor] = list.as_slice() else { panic!("one actor: {list:?}") };
    assert_eq!((&*actor.kind, actor.key, actor.queue, actor.commits_pending), ("toy", 1, 3, 1));
    assert_eq!((actor.handled, actor.started_ms), (2, NOW_MS));
    bench.gate.open_writes();
    claim.await.unwrap().unwrap();
    for call in more {
        call.await.unwrap().unwrap();
    }
    bench.settle().await;
    assert_eq!(bench.registry.list(None)[0].queue, 0);
}
