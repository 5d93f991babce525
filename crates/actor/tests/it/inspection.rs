//! What is seen of an actor from outside, also when it is stuck.

use std::time::Duration;

use consort_actor::{MAILBOX_CALLS_MAX, MAILBOX_CASTS_MAX};
use consort_runtime::{ActorInfo, ActorState, AtWork, WaitsFor};

use crate::bench::Bench;
use crate::toy::Op;

fn seen(bench: &Bench) -> ActorInfo {
    bench.registry.get("toy", 1).expect("it is listed")
}

fn at_work(op: &str, seconds: u64) -> Option<AtWork> {
    // What the bench's own waiting takes is no part of it.
    Some(AtWork { op: op.to_owned(), for_us: seconds * 1_000_000 })
}

fn whole_seconds(at_work: Option<AtWork>) -> Option<AtWork> {
    at_work.map(|at_work| AtWork { for_us: at_work.for_us / 1_000_000 * 1_000_000, ..at_work })
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_a_stopped_store_shows_its_queue_its_oldest_item_and_what_it_waits_for() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let claimed = bench.send(Op::Claim("name".to_owned()));
    bench.settle().await;
    bench.advance(Duration::from_secs(3)).await;
    let waiting: Vec<_> = [Op::Sum, Op::Note(1), Op::Note(2)].map(|op| bench.send(op)).into();
    bench.advance(Duration::from_secs(2)).await;

    let stuck = seen(&bench);
    assert_eq!((stuck.state, stuck.waits_for), (ActorState::Running, WaitsFor::Precondition));
    assert_eq!((stuck.queue, stuck.oldest_us.map(|us| us / 1_000_000)), (3, Some(2)));
    assert_eq!((stuck.commits_pending, stuck.handling), (1, None));
    assert_eq!(whole_seconds(stuck.oldest_commit), at_work("Claim", 5));
    let live = bench.registry.find("toy", 1).unwrap().live().unwrap();
    let queue = live.queue().unwrap();
    let types: Vec<_> = queue.types(2).iter().map(ToString::to_string).collect();
    assert_eq!(
        (types, queue.capacity()),
        (vec!["Sum".into(), "Note".into()], MAILBOX_CALLS_MAX + MAILBOX_CASTS_MAX)
    );

    bench.gate.open_writes();
    assert!(claimed.await.unwrap().is_ok());
    for answer in waiting {
        drop(answer.await.unwrap());
    }
    bench.settle().await;
    let well = seen(&bench);
    assert_eq!((well.queue, well.commits_pending, well.waits_for), (0, 0, WaitsFor::Messages));
    let counts: Vec<_> = live.ops().map(|(name, total)| (name.to_string(), total.count)).collect();
    assert!(
        counts.contains(&("Claim".to_owned(), 1)) && counts.contains(&("Sum".to_owned(), 1)),
        "{counts:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_rows_says_whose_call_that_is() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_reads(true);
    let read = bench.send(Op::Notes);
    bench.advance(Duration::from_secs(4)).await;
    let parked = seen(&bench);
    assert_eq!((parked.parked, parked.waits_for), (1, WaitsFor::Messages), "others may be handled meanwhile");
    assert_eq!(whole_seconds(parked.oldest_parked), at_work("Notes", 4));
    bench.gate.hold_reads(false);
    assert!(read.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_loaded_is_listed_with_those_who_wait_for_it() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_reads(true);
    let loading = bench.send_toy(2, Op::Sum);
    bench.advance(Duration::from_secs(1)).await;
    let seen = bench.registry.get("toy", 2).unwrap();
    assert_eq!((seen.state, seen.queue), (ActorState::Loading, 1));
    bench.gate.hold_reads(false);
    drop(loading.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_trace_has_types_and_sizes_and_nothing_of_the_contents() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    let live = bench.registry.find("toy", 1).unwrap().live().unwrap();
    live.watch(Duration::from_secs(5), 0);
    bench.ask(Op::Write(1, "a secret".repeat(100))).await.unwrap();
    let traced = live.watch(Duration::from_secs(5), 0);
    assert_eq!((traced.len(), &*traced[0].op, &*traced[0].from), (1, "Write", "system"));
    assert!(traced[0].bytes > 800 && !format!("{traced:?}").contains("secret"));
    bench.advance(Duration::from_secs(6)).await;
    bench.ask(Op::Sum).await.unwrap();
    assert_eq!(live.watch(Duration::ZERO, 1), [], "nobody watches any more");
}
