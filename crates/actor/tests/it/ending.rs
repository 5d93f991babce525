//! The end of a node.

use std::sync::Arc;
use std::time::Duration;

use consort_actor::{Core, Cx, Env, IDLE, LINGER, Outcome, Owners, Stop};
use consort_model::ApiError;
use consort_rpc::{Call, Caller, Host, Responder, user};
use consort_runtime::Ids;
use consort_store::{BoxFuture, Error, Row, StoreExt, StoreRef, Table};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::bench::Bench;
use crate::toy::{LISTENER, Op};

const BUSY: Result<Value, (u16, u32)> = Err((503, 130000));
const LIMIT: Duration = Duration::from_secs(5);

/// Begins the end, which must be over within [`LIMIT`].
async fn end(bench: &Bench) -> JoinHandle<usize> {
    let (work, deadline) = (bench.work.clone(), Instant::now() + LIMIT);
    let ending = tokio::spawn(async move { work.shutdown(deadline).await });
    bench.settle().await;
    ending
}

fn cast(bench: &Bench, key: u64, op: Op) {
    let (caller, respond, deadline) = (Caller::system(), Responder::none(), Instant::now());
    bench.owners.deliver(key, Call { caller, op, respond, deadline, origin: None });
}

async fn stored(bench: &Bench, key: u64) -> Option<u64> {
    bench.gate.memory().get_row(Table::Meta, key, 0).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_commits_and_refuses_calls() {
    let bench = Bench::new();
    bench.gate.hold_writes();
    let adds = [bench.send(Op::Add(1)), bench.send_toy(2, Op::Add(20))];
    bench.settle().await;
    let ending = end(&bench).await;
    assert_eq!(bench.ask(Op::Add(2)).await, BUSY, "a call to one that is at work");
    assert_eq!(bench.ask_toy(3, Op::Add(2)).await, BUSY, "a call to one that is not");
    cast(&bench, 1, Op::Add(3));
    cast(&bench, 4, Op::Add(4));
    bench.advance(LINGER * 10).await;
    assert!(!ending.is_finished());
    assert_eq!(bench.gate.waiting(), 3, "of two calls and two casts; one goes behind that of its actor");
    bench.gate.pass();
    bench.advance(LINGER * 10).await;
    assert!(!ending.is_finished(), "others are still on their way");
    bench.gate.open_writes();
    assert_eq!(ending.await.unwrap(), 0);
    let [first, second] = adds;
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Ok(json!(1)), Ok(json!(20))));
    assert_eq!((stored(&bench, 1).await, stored(&bench, 2).await), (Some(4), Some(20)));
    assert_eq!((stored(&bench, 3).await, stored(&bench, 4).await), (None, Some(4)));
    assert!(bench.registry.list(None).is_empty());
    assert_eq!(bench.work.casts_dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_loads_and_for_reads_beside_actors() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.gate.hold_reads(true);
    let (note, beside) = (bench.send(Op::Note(1)), bench.send(Op::Stored));
    // Not even loaded.
    let second = bench.send_toy(2, Op::Add(5));
    bench.settle().await;
    let ending = end(&bench).await;
    bench.advance(LINGER * 10).await;
    assert!(!ending.is_finished());
    bench.gate.hold_reads(false);
    assert_eq!(ending.await.unwrap(), 0);
    assert_eq!((note.await.unwrap(), beside.await.unwrap()), (Ok(Value::Null), Ok(json!(1))));
    assert_eq!(second.await.unwrap(), Ok(json!(5)));
}

#[tokio::test(start_paused = true)]
async fn after_the_deadline_nobody_waits_and_casts_are_counted_instead_of_handled() {
    let bench = Bench::new();
    bench.ask_toy(2, Op::Add(1)).await.unwrap();
    bench.advance(Duration::from_secs(2)).await;
    bench.gate.hold_writes();
    let add = bench.send(Op::Add(1));
    bench.settle().await;
    let before = Instant::now();
    assert_eq!(end(&bench).await.await.unwrap(), 1, "the other one has ended");
    assert_eq!(before.elapsed(), LIMIT);
    cast(&bench, 1, Op::Add(1));
    cast(&bench, 2, Op::Add(1));
    assert_eq!(bench.ask(Op::Sum).await, BUSY);
    bench.settle().await;
    assert_eq!((bench.gate.waiting(), bench.work.casts_dropped()), (1, 2));
    bench.gate.open_writes();
    assert_eq!(add.await.unwrap(), Ok(json!(1)), "whom the store still lets");
}

#[tokio::test(start_paused = true)]
async fn actors_without_work_leave_at_once_and_those_that_rest_are_left_alone() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask(Op::Hold(Some(5))).await.unwrap();
    bench.advance(IDLE + Duration::from_secs(1)).await;
    bench.ask_toy(2, Op::Add(2)).await.unwrap();
    bench.ask_toy(3, Op::Add(3)).await.unwrap();
    bench.ask_toy(3, Op::Busy(true)).await.unwrap();
    bench.ask_toy(4, Op::Add(4)).await.unwrap();
    bench.ask_toy(4, Op::Hold(Some(6))).await.unwrap();
    // The rows of their effects are deleted.
    bench.advance(Duration::from_secs(2)).await;
    let (reads, before) = (bench.gate.reads().len(), Instant::now());
    bench.gate.hold_writes();
    assert_eq!(end(&bench).await.await.unwrap(), 0);
    assert!(before.elapsed() < LINGER * 2, "{:?}", before.elapsed());
    assert_eq!((bench.gate.reads().len(), bench.gate.waiting()), (reads, 0), "the store was not asked");
    let mut listed: Vec<_> =
        bench.registry.list(None).iter().map(|actor| (actor.key, actor.is_resting())).collect();
    listed.sort_unstable();
    assert_eq!(listed, [(1, true), (4, true)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_resting_actor_is_told_at_the_end_is_done_with_what_it_knows() {
    let bench = Bench::new();
    bench.ask(Op::Add(1)).await.unwrap();
    bench.ask(Op::Hold(Some(5))).await.unwrap();
    bench.ask_toy(2, Op::Add(2)).await.unwrap();
    bench.advance(IDLE + Duration::from_secs(1)).await;
    bench.gate.hold_writes();
    let add = bench.send_toy(3, Op::Add(3));
    bench.settle().await;
    let ending = end(&bench).await;
    cast(&bench, 1, Op::Add(10));
    cast(&bench, 2, Op::Add(10));
    bench.settle().await;
    bench.gate.open_writes();
    assert_eq!(ending.await.unwrap(), 0);
    assert_eq!(add.await.unwrap(), Ok(json!(3)));
    assert_eq!((stored(&bench, 1).await, stored(&bench, 2).await), (Some(11), Some(12)));
    // Nobody hears that the second one, which was put away, has come back for this.
    assert_eq!(bench.told(), [1, 2, 3, 11, 12]);
}

/// Writes down what it is told by toys.
struct Listener(u64);

impl Core for Listener {
    type Service = user::User;

    fn load(
        key: u64,
        _: Vec<Vec<Row>>,
        _: StoreRef,
        _: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(std::future::ready(Ok(Some(Self(key)))))
    }

    fn not_found() -> ApiError {
        ApiError::unknown_user()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &user::Op) -> Result<Outcome, Stop> {
        let user::Op::GuildJoined { guild } = op else { panic!("not told by toys: {op:?}") };
        cx.put(Table::Meta, self.0 + 1000, 0, &guild.get());
        Outcome::EMPTY
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_what_one_kind_casts_to_another() {
    let bench = Bench::new();
    let env = Env {
        clock: bench.clock.clone(),
        store: bench.gate.clone(),
        mesh: bench.mesh.clone(),
        links: consort_files::Links::sample(),
        ids: Arc::new(Ids::new(1)),
        registry: bench.registry.clone(),
        work: bench.work.clone(),
    };
    bench.mesh.host::<user::User>(Owners::<Listener>::new(env));
    bench.gate.hold_writes();
    let add = bench.send(Op::Add(7));
    bench.settle().await;
    let ending = end(&bench).await;
    bench.advance(LINGER * 10).await;
    assert_eq!(bench.gate.waiting(), 1, "the listener has heard nothing yet");
    bench.gate.pass();
    bench.advance(LINGER * 10).await;
    assert_eq!(add.await.unwrap(), Ok(json!(7)));
    assert_eq!(bench.gate.waiting(), 1, "what the listener writes");
    assert!(!ending.is_finished());
    bench.gate.open_writes();
    assert_eq!(ending.await.unwrap(), 0);
    assert_eq!(stored(&bench, LISTENER.get() + 1000).await, Some(7));
}
