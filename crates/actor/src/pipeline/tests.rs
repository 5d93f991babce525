//! Steps through the pipeline: failures, crashes and orders that no test of the shell could bring about at will.

use std::time::Duration;

use consort_model::{ChannelId, MessageId, UserId};
use consort_rpc::{Caller, NodeId, Nothing, user};
use consort_runtime::{Ids, Random};
use consort_store::{BoxFuture, Key, Precondition, Row, StoreRef, Table, Write};
use serde::{Deserialize, Serialize};

use super::*;

use crate::core::Stop;
use crate::cx::Cx;

const WALL_MS: u64 = 1_800_000_000_000;
const OWNERSHIP: Ownership = Ownership { epoch: 3, fenced: true };

/// Counts what it is told, and tells others.
#[derive(Default)]
struct Counter {
    count: u64,
    over: bool,
}

struct Counters;

impl Service for Counters {
    const NAME: &'static str = "counter";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Op {
    /// Counts.
    Add,
    /// Reads a row first, then counts.
    ReadAndAdd,
    /// Reads what is in memory.
    Count,
    /// Changes nothing.
    Nothing,
    /// Changes nothing, and is sure of it.
    Sure,
    /// Counts and tells these users, the answer waits for those who are told.
    Tell(Vec<u64>, bool),
    /// Takes a name.
    Claim,
    /// Adds a row unless there are three.
    Enter(u64),
    /// Deletes that row.
    Leave(u64),
    Break,
    End,
}

impl Core for Counter {
    type Service = Counters;

    fn load(
        _: u64,
        _: Vec<Vec<Row>>,
        _: StoreRef,
        _: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async { Ok(None) })
    }

    fn not_found() -> ApiError {
        ApiError::unknown_user()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Add => self.add(cx),
            Op::ReadAndAdd => {
                cx.row::<u64>(Table::Notes, 1, 9)?;
                self.add(cx);
            }
            Op::Count | Op::Nothing => {}
            Op::Sure => cx.confirm(),
            Op::Tell(users, awaited) => {
                self.add(cx);
                for user in users {
                    let effect = told(*user, self.count);
                    if *awaited { cx.effect_before_answer(effect) } else { cx.effect(effect) }
                }
            }
            Op::Claim => {
                cx.batch.require_absent(Table::UsernameIndex, 0, "name");
                cx.on_conflict(ApiError::missing_access());
                self.add(cx);
            }
            Op::Enter(id) => {
                let seats = cx.scan(Table::Notes, 2, consort_store::Range::all(10))?;
                if seats.len() >= 3 {
                    return Err(ApiError::max_guilds().into());
                }
                cx.row::<u64>(Table::Notes, 3, *id)?;
                cx.put(Table::Notes, 2, *id, id);
            }
            Op::Leave(id) => cx.delete(Table::Notes, 2, *id),
            Op::Break => panic!("broken on purpose"),
            Op::End => {
                cx.delete(Table::Notes, 1, 1);
                cx.effect(told(5, 0));
                self.over = true;
            }
        }
        Outcome::json(&self.count)
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Counter {
    fn add(&mut self, cx: &mut Cx<'_>) {
        self.count += 1;
        cx.put(Table::Notes, 1, 1, &self.count);
    }
}

fn told(user: u64, count: u64) -> Effect {
    let (channel, message, author) = (ChannelId::new(1), MessageId::new(count), UserId::new(9));
    let by = user::Reach::Name;
    let op = user::Op::Mentioned { guild: None, channel, message, author, by };
    Effect::User { user: user.into(), op }
}

/// A pipeline with what came out of it.
struct Bench {
    pipeline: Pipeline<Counter>,
    now: Now,
    loads: VecDeque<(u64, Load)>,
    submitted: VecDeque<(u64, Batch)>,
    sent: VecDeque<Sending>,
    answers: Vec<(u64, Result<u64, u16>)>,
    waiting: Vec<(u64, tokio::sync::oneshot::Receiver<Reply>)>,
    calls: u64,
}

impl Bench {
    fn new() -> Self {
        Self::with(Vec::new())
    }

    fn with(pending: Vec<(Number, Effect)>) -> Self {
        let ids = std::sync::Arc::new(Ids::new(1));
        let machine = Machine::new(
            Counter::default(),
            (NodeId(1), Default::default()),
            ids,
            consort_files::Links::sample(),
            Random::seeded(1),
        );
        let mut pipeline = Pipeline::new(machine, 7, OWNERSHIP);
        let out = pipeline.start(pending);
        let mut bench = Self {
            pipeline,
            now: Now { wall_ms: WALL_MS, mono: Instant::now() },
            loads: VecDeque::new(),
            submitted: VecDeque::new(),
            sent: VecDeque::new(),
            answers: Vec::new(),
            waiting: Vec::new(),
            calls: 0,
        };
        bench.take(out);
        bench
    }

    fn advance(&mut self, by: Duration) {
        self.now.mono += by;
        self.now.wall_ms += by.as_millis() as u64;
        self.input(Input::Tick);
    }

    fn input(&mut self, input: Input<Counters>) {
        let mut out = Vec::new();
        self.pipeline.handle(self.now, input, &mut out);
        while self.pipeline.proceed(self.now, &mut out) {}
        self.take(out);
    }

    fn take(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Load(id, load) => self.loads.push_back((id, load)),
                Output::Submit(number, batch) => self.submitted.push_back((number, batch)),
                Output::Send(sending) => self.sent.push_back(*sending),
                Output::Respond(respond, reply) => respond.send(reply),
                Output::Publish(_) | Output::Tell(_) | Output::Read(..) => panic!("counters do not"),
            }
        }
        self.waiting.retain_mut(|(id, answer)| match answer.try_recv() {
            Ok(reply) => {
                let count = |reply: consort_rpc::Answer| {
                    reply.body().map_or(0, |body| serde_json::from_slice(body).unwrap())
                };
                self.answers.push((*id, reply.map(count).map_err(|error| error.status)));
                false
            }
            Err(_) => true,
        });
    }

    /// Calls; the calls are numbered from 1.
    fn call(&mut self, op: Op) -> u64 {
        self.deliver(op, None)
    }

    /// Has an effect of a guild arrive.
    fn effect(&mut self, op: Op, id: u64, after: Option<u64>) -> u64 {
        let sender = Owner { service: "guild".into(), key: 1 };
        let number = |id| Number { epoch: 1, id };
        self.deliver(op, Some(Origin { sender, number: number(id), after: after.map(number) }))
    }

    fn deliver(&mut self, op: Op, origin: Option<Origin>) -> u64 {
        let (respond, answer) = Responder::channel();
        self.calls += 1;
        self.waiting.push((self.calls, answer));
        let deadline = self.now.mono + Duration::from_secs(10);
        self.input(Input::Call(Call { caller: Caller::system(), op, respond, deadline, origin }));
        self.calls
    }

    /// The first load asked for brings this row.
    fn bring(&mut self, value: Result<Option<Bytes>, Error>) {
        let (id, _) = self.loads.pop_front().expect("something is loaded");
        self.input(Input::Loaded(id, Loaded::Row(value)));
    }

    /// The mark of the sender is read: none.
    fn no_mark(&mut self) {
        assert!(matches!(self.loads.front(), Some((_, Load::Row(Table::Marks, ..)))), "{:?}", self.loads);
        self.bring(Ok(None));
    }

    fn decide(&mut self, result: Result<(), Error>) -> Batch {
        let (number, batch) = self.submitted.pop_front().expect("something is submitted");
        self.input(Input::Committed(number, result));
        batch
    }

    fn commit(&mut self) -> Batch {
        self.decide(Ok(()))
    }

    fn answers(&mut self) -> Vec<(u64, Result<u64, u16>)> {
        std::mem::take(&mut self.answers)
    }

    /// What was sent since: user, count, and whether it names one before it.
    fn sent(&mut self) -> Vec<(u64, u64, bool)> {
        self.sent.drain(..).map(|sending| described(&sending)).collect()
    }

    fn acknowledge(&mut self, sending: &Sending, reply: Reply) {
        let (receiver, number, attempt) = (sending.receiver.clone(), sending.origin.number, sending.attempt);
        self.input(Input::Answered { receiver, number, attempt, reply });
    }
}

fn described(sending: &Sending) -> (u64, u64, bool) {
    let Effect::User { user, op: user::Op::Mentioned { message, .. } } = &sending.effect else {
        panic!("not told by counters")
    };
    (user.get(), message.get(), sending.origin.after.is_some())
}

fn done() -> Reply {
    Ok(consort_rpc::Answer::Empty)
}

fn rows(batch: &Batch, table: Table) -> Vec<Key> {
    let puts = batch.writes.iter().filter_map(|write| match write {
        Write::Put { table: of, key, .. } if *of == table => Some(key.clone()),
        _ => None,
    });
    puts.collect()
}

fn deletions(batch: &Batch) -> usize {
    let of_outbox = |write: &&Write| matches!(write, Write::Delete { table: Table::Outbox, .. });
    batch.writes.iter().filter(of_outbox).count()
}

#[test]
fn a_turn_without_effects_writes_its_own_rows_and_nothing_else() {
    let mut bench = Bench::new();
    bench.call(Op::Add);
    let batch = bench.commit();
    assert_eq!(batch.writes.len(), 1);
    assert_eq!(batch.preconditions.len(), 1, "the epoch");
    bench.call(Op::Count);
    assert!(bench.submitted.is_empty(), "what writes nothing is not submitted");
    assert_eq!(bench.answers(), [(1, Ok(1)), (2, Ok(1))]);
}

#[test]
fn calls_that_count_rows_count_those_of_calls_before_them() {
    let mut bench = Bench::new();
    // The store has one row, and says so to all before anything of theirs is durable.
    let found = || vec![Row { key: Key::id(9), value: consort_store::row::encode(&9_u64) }];
    for id in 1..=4 {
        bench.call(Op::Enter(id));
    }
    while let Some((id, load)) = bench.loads.pop_front() {
        let loaded = match load {
            Load::Scan(..) => Loaded::Scan(Ok(found())),
            Load::Row(..) => Loaded::Row(Ok(None)),
        };
        bench.input(Input::Loaded(id, loaded));
    }
    while !bench.submitted.is_empty() {
        bench.commit();
    }
    let taken = |bench: &mut Bench| bench.answers().into_iter().filter(|(_, answer)| answer.is_ok()).count();
    assert_eq!(taken(&mut bench), 2);
    // One that was read before somebody has left, and looks after that, finds room.
    bench.call(Op::Enter(5));
    let (id, _) = bench.loads.pop_front().unwrap();
    let store = [1, 2, 9].map(|id| Row { key: Key::id(id), value: Bytes::new() });
    bench.call(Op::Leave(9));
    bench.commit();
    bench.input(Input::Loaded(id, Loaded::Scan(Ok(store.to_vec()))));
    bench.bring(Ok(None));
    bench.commit();
    assert_eq!(taken(&mut bench), 2, "who has left, and who has come");
}

#[test]
fn a_range_that_was_cut_is_read_again_when_what_was_deleted_from_it_is_durable_and_not_before() {
    let mut bench = Bench::new();
    let found = |ids: std::ops::RangeInclusive<u64>| {
        let rows = ids.map(|id| Row { key: Key::id(id), value: Bytes::new() });
        Loaded::Scan(Ok(rows.take(10).collect()))
    };
    bench.call(Op::Leave(9));
    bench.call(Op::Enter(99));
    let (id, _) = bench.loads.pop_front().unwrap();
    bench.input(Input::Loaded(id, found(1..=10)));
    assert!(bench.loads.is_empty(), "the store would say the same again and again");
    assert!(!bench.pipeline.is_quiet(false));
    bench.commit();
    let (id, _) = bench.loads.pop_front().expect("what follows the last row can be read now");
    bench.input(Input::Loaded(id, found(10..=19)));
    assert_eq!(bench.answers(), [(1, Ok(0)), (2, Err(400))]);
    // One that waits when the commit fails is refused with it.
    bench.call(Op::Leave(10));
    bench.call(Op::Enter(99));
    let (id, _) = bench.loads.pop_front().unwrap();
    bench.input(Input::Loaded(id, found(10..=19)));
    bench.decide(Err(Error::Overloaded));
    assert_eq!(bench.answers(), [(3, Err(503)), (4, Err(503))]);
}

#[test]
fn an_effect_is_a_row_of_the_batch_and_sent_once_that_is_durable() {
    let mut bench = Bench::new();
    bench.call(Op::Tell(vec![5], false));
    assert_eq!(rows(&bench.submitted[0].1, Table::Outbox).len(), 1);
    assert!(bench.sent().is_empty(), "a crash now leaves neither the change nor the effect");
    bench.commit();
    assert_eq!(bench.answers(), [(1, Ok(1))]);
    assert_eq!(bench.sent(), [(5, 1, false)]);
}

#[test]
fn after_a_crash_between_commit_and_sending_the_successor_sends_in_order() {
    let number = |id| Number { epoch: 2, id };
    let mut bench =
        Bench::with(vec![(number(1), told(5, 1)), (number(2), told(6, 2)), (number(3), told(5, 3))]);
    assert_eq!(bench.sent(), [(5, 1, false), (6, 2, false), (5, 3, true)]);
    assert!(bench.pipeline.owes() && !bench.pipeline.is_quiet(false), "it stays until they are taken");
    assert!(!bench.pipeline.is_quiet(true), "also when the node ends, as long as an answer may come");
}

#[test]
fn an_acknowledged_effect_is_deleted_with_the_next_commit_or_soon_without_one() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        bench.call(Op::Tell(vec![5], false));
        bench.commit();
        let sending = bench.sent.pop_front().unwrap();
        bench.acknowledge(&sending, done());
    }
    assert_eq!(bench.pipeline.outbox.pending(), 0);
    bench.call(Op::Add);
    assert_eq!(deletions(&bench.commit()), 1, "the first one went with the second turn");
    bench.call(Op::Tell(vec![5], false));
    bench.commit();
    let sending = bench.sent.pop_front().unwrap();
    bench.acknowledge(&sending, done());
    assert!(!bench.pipeline.is_quiet(false));
    bench.advance(Duration::from_secs(2));
    assert_eq!(deletions(&bench.commit()), 1);
    assert!(bench.pipeline.is_quiet(false));
}

#[test]
fn an_effect_that_is_not_answered_is_sent_again_with_those_after_it_in_order() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.call(Op::Tell(vec![5], false));
        bench.commit();
    }
    let sent: Vec<_> = bench.sent.drain(..).collect();
    assert_eq!(sent.iter().map(described).collect::<Vec<_>>(), [(5, 1, false), (5, 2, true), (5, 3, true)]);
    bench.acknowledge(&sent[0], Err(ApiError::overloaded()));
    bench.acknowledge(&sent[1], Err(ApiError::overloaded()));
    bench.call(Op::Tell(vec![5], false));
    bench.commit();
    assert!(bench.sent().is_empty(), "the queue pauses");
    bench.call(Op::Tell(vec![6], false));
    bench.commit();
    assert_eq!(bench.sent(), [(6, 5, false)], "others are not held up");
    bench.advance(Duration::from_millis(150));
    assert_eq!(bench.sent(), [(5, 1, false), (5, 2, true), (5, 3, true), (5, 4, true)]);
    // A failure of the first attempt that comes late says nothing of the second.
    bench.acknowledge(&sent[2], Err(ApiError::overloaded()));
    bench.advance(Duration::from_secs(60));
    assert!(bench.sent().is_empty());
}

#[test]
fn an_acknowledgement_of_an_earlier_attempt_counts() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        bench.call(Op::Tell(vec![5], false));
        bench.commit();
    }
    let sent: Vec<_> = bench.sent.drain(..).collect();
    bench.acknowledge(&sent[0], Err(ApiError::overloaded()));
    bench.acknowledge(&sent[1], done());
    assert_eq!(bench.pipeline.outbox.pending(), 0, "who has taken the second has taken the first");
}

#[test]
fn a_refused_effect_is_done_and_one_that_breaks_its_receiver_is_given_up_in_the_end() {
    let mut bench = Bench::new();
    bench.call(Op::Tell(vec![5], false));
    bench.commit();
    let sending = bench.sent.pop_front().unwrap();
    bench.acknowledge(&sending, Err(ApiError::unknown_user()));
    assert!(!bench.pipeline.owes());
    for _ in 0..2 {
        bench.call(Op::Tell(vec![5], false));
        bench.commit();
    }
    let mut tries = 0;
    while bench.pipeline.outbox.pending() == 2 {
        let first = bench.sent.pop_front().expect("it is tried again");
        bench.sent.clear();
        bench.acknowledge(&first, Err(ApiError::internal()));
        bench.advance(Duration::from_secs(11));
        tries += 1;
    }
    assert_eq!(tries, 8);
    assert_eq!(bench.sent(), [(5, 3, false)], "the one behind it is not held up for ever");
}

#[test]
fn an_effect_that_nobody_takes_for_a_month_is_given_up() {
    let mut bench = Bench::new();
    bench.call(Op::Tell(vec![5], true));
    bench.commit();
    bench.now.wall_ms += crate::EFFECT_LIFE.as_millis() as u64;
    let sending = bench.sent.pop_front().unwrap();
    bench.acknowledge(&sending, Err(ApiError::overloaded()));
    bench.advance(Duration::from_secs(1));
    assert!(!bench.pipeline.owes() && bench.sent().is_empty());
}

#[test]
fn an_answer_waits_for_the_effects_it_promises_but_not_for_ever() {
    let mut bench = Bench::new();
    bench.call(Op::Tell(vec![5, 6], true));
    bench.commit();
    let sent: Vec<_> = bench.sent.drain(..).collect();
    bench.acknowledge(&sent[1], done());
    assert!(bench.answers().is_empty());
    bench.acknowledge(&sent[0], done());
    assert_eq!(bench.answers(), [(1, Ok(1))]);
    bench.call(Op::Tell(vec![5], true));
    bench.commit();
    bench.advance(Duration::from_millis(1_999));
    assert!(bench.answers().is_empty());
    bench.advance(Duration::from_millis(1));
    assert_eq!(bench.answers(), [(2, Ok(2))], "it is durable");
}

#[test]
fn an_effect_is_applied_once_and_its_mark_is_in_the_same_batch() {
    let mut bench = Bench::new();
    bench.effect(Op::Add, 10, None);
    bench.no_mark();
    let batch = &bench.submitted[0].1;
    assert_eq!((rows(batch, Table::Notes).len(), rows(batch, Table::Marks).len()), (1, 1));
    assert!(bench.answers().is_empty(), "not acknowledged before it is durable");
    bench.effect(Op::Add, 10, None);
    assert_eq!(bench.submitted.len(), 1, "the second copy changes nothing");
    assert!(bench.answers().is_empty(), "and is not acknowledged before the first is durable");
    bench.commit();
    assert_eq!(bench.answers(), [(1, Ok(1)), (2, Ok(0))]);
    bench.effect(Op::Add, 9, None);
    assert!(bench.submitted.is_empty());
}

#[test]
fn a_receiver_that_comes_back_knows_what_it_has_applied() {
    let mut bench = Bench::new();
    bench.effect(Op::Add, 10, None);
    bench.no_mark();
    let batch = bench.commit();
    let mark = batch.writes.iter().find_map(|write| match write {
        Write::Put { table: Table::Marks, value, .. } => Some(value.clone()),
        _ => None,
    });
    let mut successor = Bench::new();
    // The acknowledgement was lost with the process.
    successor.effect(Op::Add, 10, None);
    successor.bring(Ok(mark));
    assert!(successor.submitted.is_empty());
    assert_eq!(successor.answers(), [(1, Ok(0))]);
    successor.effect(Op::Add, 11, None);
    assert_eq!(successor.submitted.len(), 1);
}

#[test]
fn an_effect_whose_predecessor_is_missing_is_refused_until_that_has_come() {
    let mut bench = Bench::new();
    bench.effect(Op::Add, 11, Some(10));
    bench.no_mark();
    assert_eq!(bench.answers(), [(1, Err(503))]);
    bench.effect(Op::Add, 10, None);
    bench.effect(Op::Add, 11, Some(10));
    bench.commit();
    bench.commit();
    assert_eq!(bench.answers(), [(2, Ok(1)), (3, Ok(2))]);
}

#[test]
fn effects_of_one_sender_do_not_overtake_each_other_when_one_must_read() {
    let mut bench = Bench::new();
    bench.effect(Op::Nothing, 9, None);
    bench.no_mark();
    bench.commit();
    assert_eq!(bench.answers(), [(1, Ok(0))]);
    bench.effect(Op::ReadAndAdd, 10, None);
    bench.effect(Op::Add, 11, Some(10));
    bench.call(Op::Add);
    assert_eq!(bench.submitted.len(), 1, "calls of others go on");
    bench.bring(Ok(None));
    assert_eq!(bench.commit().writes.len(), 1, "that of the call");
    assert_eq!(rows(&bench.commit(), Table::Marks).len(), 2, "both effects");
    assert_eq!(bench.answers(), [(4, Ok(1)), (2, Ok(2)), (3, Ok(3))]);
}

#[test]
fn no_call_is_taken_while_a_mark_is_read() {
    let mut bench = Bench::new();
    bench.effect(Op::Add, 10, None);
    assert!(!bench.pipeline.may_take(), "who has heard of the change finds its effects");
    bench.no_mark();
    assert!(bench.pipeline.may_take());
}

#[test]
fn a_mark_that_cannot_be_read_is_asked_for_again_by_the_next_try() {
    let mut bench = Bench::new();
    bench.effect(Op::Add, 10, None);
    bench.bring(Err(Error::Overloaded));
    assert_eq!(bench.answers(), [(1, Err(503))]);
    bench.effect(Op::Add, 10, None);
    bench.no_mark();
    bench.commit();
    assert_eq!(bench.answers(), [(2, Ok(1))]);
}

#[test]
fn after_a_failed_commit_nothing_is_handled_and_nothing_more_is_written() {
    let mut bench = Bench::new();
    let calls = [bench.call(Op::Tell(vec![5], false)), bench.call(Op::Add), bench.call(Op::Count)];
    assert!(bench.pipeline.is_committing(), "a successor must wait");
    bench.decide(Err(Error::Timeout));
    assert_eq!(bench.pipeline.ended(), Some(End::Failed));
    assert!(!bench.pipeline.is_committing());
    assert!(bench.submitted.is_empty(), "nothing is written that builds on what is not");
    let lost: Vec<_> = calls.iter().map(|call| (*call, Err(503))).collect();
    assert_eq!(bench.answers(), lost);
    assert!(bench.sent().is_empty());
    bench.call(Op::Add);
    assert_eq!(bench.answers(), [(4, Err(503))]);
}

#[test]
fn batches_go_one_at_a_time_and_those_that_wait_go_together() {
    let mut bench = Bench::new();
    (0..3).for_each(|_| _ = bench.call(Op::Add));
    bench.call(Op::Claim);
    assert_eq!(bench.submitted.len(), 1);
    assert_eq!(bench.commit().writes.len(), 1);
    assert_eq!(bench.answers(), [(1, Ok(1))]);
    let together = bench.commit();
    assert_eq!(rows(&together, Table::Notes).len(), 2, "{together:?}");
    assert_eq!(bench.answers(), [(2, Ok(2)), (3, Ok(3))]);
    let claim = bench.decide(Err(Error::Conflict { index: 0 }));
    assert_eq!(rows(&claim, Table::Notes).len(), 1, "what a precondition may stop goes alone");
    assert_eq!(bench.answers(), [(4, Err(403))]);
    assert!(!bench.pipeline.is_committing());
}

#[test]
fn very_many_turns_do_not_go_as_one_batch() {
    let mut bench = Bench::new();
    (0..TOGETHER_WRITES_MAX + 10).for_each(|_| _ = bench.call(Op::Add));
    bench.commit();
    assert_eq!(bench.commit().writes.len(), TOGETHER_WRITES_MAX);
    assert_eq!(bench.commit().writes.len(), 9);
    assert_eq!(bench.answers().len(), TOGETHER_WRITES_MAX + 10);
}

#[test]
fn nothing_is_handled_behind_a_batch_that_a_precondition_may_stop() {
    let mut bench = Bench::new();
    bench.effect(Op::Nothing, 9, None);
    bench.no_mark();
    bench.commit();
    bench.effect(Op::ReadAndAdd, 10, None);
    bench.call(Op::Claim);
    assert!(!bench.pipeline.may_take());
    bench.bring(Ok(None));
    assert_eq!(bench.submitted.len(), 1, "what a load brings waits too");
    bench.commit();
    assert_eq!(bench.submitted.len(), 1);
    assert!(bench.pipeline.may_take());
    let conflict = Bench::new();
    let mut bench = conflict;
    bench.call(Op::Claim);
    bench.decide(Err(Error::Conflict { index: 0 }));
    assert_eq!(bench.answers(), [(1, Err(403))], "the answer of the handler");
}

#[test]
fn a_batch_carries_the_epoch_and_a_stale_one_ends_the_actor() {
    let mut bench = Bench::new();
    bench.call(Op::Add);
    bench.call(Op::Count);
    let batch = bench.decide(Err(Error::StaleEpoch { service: "counter", owner: 7, epoch: 3, stored: 4 }));
    let epoch =
        |p: &Precondition| matches!(p, Precondition::Epoch { service: "counter", owner: 7, epoch: 3 });
    assert!(batch.preconditions.iter().any(epoch));
    assert_eq!(bench.pipeline.ended(), Some(End::Deposed));
    assert_eq!(bench.answers(), [(1, Err(503)), (2, Err(503))]);
}

#[test]
fn what_must_not_come_from_the_past_waits_for_the_stores_word() {
    let mut bench = Bench::new();
    bench.call(Op::Sure);
    assert_eq!(bench.answers(), []);
    let batch = bench.commit();
    assert!(batch.writes.is_empty() && batch.preconditions.len() == 1, "{batch:?}");
    assert_eq!(bench.answers(), [(1, Ok(0))]);
    bench.call(Op::Sure);
    bench.decide(Err(Error::StaleEpoch { service: "counter", owner: 7, epoch: 3, stored: 4 }));
    assert_eq!(bench.answers(), [(2, Err(503))]);
    assert_eq!(bench.pipeline.ended(), Some(End::Deposed));
}

#[test]
fn in_doubt_nothing_is_answered_that_the_store_has_not_confirmed() {
    let mut bench = Bench::new();
    bench.pipeline.doubt(true);
    bench.call(Op::Count);
    assert_eq!(bench.answers(), [], "not from memory");
    let batch = bench.commit();
    assert!(batch.writes.is_empty() && batch.preconditions.len() == 1, "{batch:?}");
    assert_eq!(bench.answers(), [(1, Ok(0))]);
    bench.call(Op::Count);
    bench.pipeline.doubt(false);
    bench.call(Op::Count);
    assert_eq!(bench.answers(), [], "what is asked later is not answered before");
    bench.decide(Err(Error::StaleEpoch { service: "counter", owner: 7, epoch: 3, stored: 4 }));
    assert_eq!(bench.answers(), [(2, Err(503)), (3, Err(503))]);
    assert_eq!(bench.pipeline.ended(), Some(End::Deposed));
}

#[test]
fn an_effect_that_writes_nothing_is_acknowledged_by_nobody_but_the_owner() {
    let mut bench = Bench::new();
    bench.effect(Op::Nothing, 10, None);
    bench.no_mark();
    assert_eq!(bench.answers(), [], "not from memory");
    let batch = bench.commit();
    assert!(batch.writes.is_empty() && batch.preconditions.len() == 1, "{batch:?}");
    assert_eq!(bench.answers(), [(1, Ok(0))]);
    bench.effect(Op::Nothing, 11, Some(10));
    bench.decide(Err(Error::StaleEpoch { service: "counter", owner: 7, epoch: 3, stored: 4 }));
    assert_eq!(bench.answers(), [(2, Err(503))], "the sender asks the next owner");
}

#[test]
fn an_owner_that_is_deposed_answers_no_read_but_says_what_is_durable() {
    let mut bench = Bench::new();
    bench.call(Op::Add);
    bench.call(Op::Count);
    bench.call(Op::ReadAndAdd);
    bench.input(Input::Deposed);
    assert_eq!(bench.answers(), [(3, Err(503))]);
    bench.commit();
    assert_eq!(bench.answers(), [(1, Ok(1)), (2, Err(503))]);
    assert!(!bench.pipeline.is_committing());
}

#[test]
fn a_handler_that_breaks_leaves_the_turns_before_it_sound() {
    let mut bench = Bench::new();
    bench.call(Op::Tell(vec![5], false));
    bench.call(Op::Break);
    assert_eq!((bench.answers(), bench.pipeline.ended()), (vec![(2, Err(500))], Some(End::Broken)));
    bench.commit();
    assert_eq!((bench.answers(), bench.sent()), (vec![(1, Ok(1))], vec![(5, 1, false)]));
    assert!(bench.pipeline.owes(), "a successor must come to life to hear of it");
}

#[test]
fn what_is_over_stays_until_its_effects_are_taken_and_their_rows_are_gone() {
    let mut bench = Bench::new();
    bench.call(Op::End);
    bench.commit();
    assert_eq!(bench.pipeline.ended(), None);
    let sending = bench.sent.pop_front().unwrap();
    bench.acknowledge(&sending, done());
    assert_eq!(bench.pipeline.ended(), None);
    assert_eq!(deletions(&bench.commit()), 1);
    assert_eq!(bench.pipeline.ended(), Some(End::Over));
}

#[test]
fn numbers_of_a_sender_rise_also_when_the_clock_falls() {
    let mut bench = Bench::new();
    let mut last = None;
    for step in [0, 5, 0, 1_000_000] {
        bench.now.wall_ms = WALL_MS - step;
        bench.call(Op::Tell(vec![5], false));
        bench.commit();
        let number = Some(bench.sent.pop_front().unwrap().origin.number);
        assert!(number > last);
        last = number;
    }
    assert!(Number { epoch: 4, id: 0 } > last.unwrap(), "an owner of a later epoch goes on above");
}

#[test]
fn an_owner_with_very_many_effects_pending_takes_no_further_call() {
    let mut bench = Bench::new();
    let users: Vec<u64> = (10..10 + crate::EFFECTS_PENDING_MAX as u64).collect();
    bench.call(Op::Tell(users, false));
    bench.commit();
    assert!(!bench.pipeline.may_take());
    let sending = bench.sent.pop_front().unwrap();
    bench.acknowledge(&sending, done());
    assert!(bench.pipeline.may_take());
}
