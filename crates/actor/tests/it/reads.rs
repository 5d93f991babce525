//! How a core reads.

use consort_store::{Batch, Store, Table, row};
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::toy::Op;

#[tokio::test(start_paused = true)]
async fn a_read_parks_its_call_and_others_go_on() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_reads(true);
    let note = bench.send(Op::Note(5));
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)));
    assert!(!note.is_finished());
    bench.gate.hold_reads(false);
    assert_eq!(note.await.unwrap(), Ok(Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_read_or_written_is_not_read_again() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    let before = bench.gate.reads().len();
    for _ in 0..3 {
        assert_eq!(bench.ask(Op::Note(5)).await, Ok(Value::Null));
    }
    assert_eq!(bench.gate.reads()[before..], [(Table::Notes, 1)], "an absent row is remembered as well");
    assert_eq!(bench.ask(Op::Write(5, "a".into())).await, Ok(Value::Null));
    assert_eq!(bench.ask(Op::Note(5)).await, Ok(json!("a")));
    assert_eq!(bench.gate.reads().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_on_its_way_to_the_store_reads_as_written() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask(Op::Note(5)).await.unwrap();
    bench.gate.hold_writes();
    let first = bench.send(Op::Write(5, "a".into()));
    let second = bench.send(Op::Write(5, "b".into()));
    let read = bench.send(Op::Note(5));
    bench.settle().await;
    assert!(!read.is_finished(), "what is read might never have been");
    bench.gate.open_writes();
    assert_eq!(first.await.unwrap(), Ok(Value::Null));
    assert_eq!(second.await.unwrap(), Ok(json!("a")));
    assert_eq!(read.await.unwrap(), Ok(json!("b")));
}

#[tokio::test(start_paused = true)]
async fn a_row_deleted_while_it_was_being_read_is_gone() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Notes, 1, 5, row::encode("old"));
    bench.gate.memory().submit(batch).await.unwrap();
    bench.gate.hold_reads(true);
    let read = bench.send(Op::Note(5));
    bench.settle().await;
    assert_eq!(bench.ask(Op::Clear).await, Ok(Value::Null));
    bench.gate.hold_reads(false);
    assert_eq!(read.await.unwrap(), Ok(Value::Null));
    assert_eq!(bench.ask(Op::Note(5)).await, Ok(Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_range_is_read_for_each_call_anew() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    for (id, seen) in [(1, json!([])), (2, json!(["1"])), (3, json!(["1", "2"]))] {
        assert_eq!(bench.ask(Op::Notes).await, Ok(seen));
        bench.ask(Op::Write(id, id.to_string())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_refuses_its_call_alone() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.memory().set_overloaded(true);
    assert_eq!(bench.ask(Op::Note(5)).await, Err((503, 130000)));
    bench.gate.memory().set_overloaded(false);
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(1)));
    assert_eq!(bench.told(), [1], "the toy was not loaded again");
}

#[tokio::test(start_paused = true)]
async fn what_is_read_beside_the_actor_holds_nobody_up_and_sees_what_was_written_before() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_writes();
    let add = bench.send(Op::Add(2));
    let stored = bench.send(Op::Stored);
    bench.settle().await;
    bench.gate.hold_reads(true);
    bench.gate.open_writes();
    assert_eq!(add.await.unwrap(), Ok(json!(3)));
    assert_eq!(bench.ask(Op::Sum).await, Ok(json!(3)));
    assert!(!stored.is_finished());
    bench.gate.hold_reads(false);
    assert_eq!(stored.await.unwrap(), Ok(json!(3)));
}
