//! The pipeline of one actor, without tasks, clocks or sockets: calls, loads, commits, effects and ticks go in, what is to be
//! read, written, sent and answered comes out. The shell ([`crate::owners`]) carries that out and nothing else, so a test can
//! step through every order of things.
//!
//! * Turns are handled at once and stand in **line** until the store has decided about their batches. From the front of the
//!   line on, what is durable leaves: effects, publications, the answer.
//! * One batch is with the store at a time; those of the turns after it wait **behind** it and then go together. Were two under
//!   way, the first could be lost and the second written: rows that build on rows that are not there, and a mark of effects that
//!   passes one that was never applied.
//! * After a batch that its preconditions may stop the **fence** is up: nothing is handled until it is decided, since it undoes
//!   its turn alone.
//! * When a commit fails, or the ownership is lost, the actor **ends**: memory and store may differ. Whatever is durable is
//!   still answered as done.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consort_model::ApiError;
use consort_rpc::{
    Call, Effect, Fact, NodeId, Number, Origin, Owner, Ownership, Publication, Reply, Responder, Service,
    op_name,
};
use consort_runtime::{Live, Now, OpId, OpName, Planted, Round, WaitsFor};
use consort_store::{Batch, Error, Row};
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::core::{Core, Later, Load, Outcome};
use crate::cx::After;
use crate::inbox::{Inbox, Verdict};
use crate::outbox::{Outbox, Sending};
use crate::rows::{RowKey, Scanned};
use crate::turn::{Machine, Step, Turn};
use crate::{COMMITS_PENDING_MAX, EFFECT_AWAITED, LOADS_PENDING_MAX};

/// Writes of turns that go together as one batch; choice of ours, so that the store's other owners do not wait long.
const TOGETHER_WRITES_MAX: usize = 1_024;
/// Bytes of them.
const TOGETHER_BYTES_MAX: usize = 1 << 20;

/// What a load brought.
#[derive(Debug)]
pub(crate) enum Loaded {
    Row(Result<Option<Bytes>, Error>),
    Scan(Result<Vec<Row>, Error>),
}

/// What goes in.
pub(crate) enum Input<S: Service> {
    /// A call from the mailbox; only while [`Pipeline::may_take`].
    Call(Call<S>),
    /// What [`Output::Load`] asked for.
    Loaded(u64, Loaded),
    /// The store has decided about a batch.
    Committed(u64, Result<(), Error>),
    /// The answer to an effect that was sent.
    Answered { receiver: Owner, number: Number, attempt: u32, reply: Reply },
    /// Something may be due.
    Tick,
    /// Another node may own the key: nothing more may be written, nor read from memory.
    Deposed,
    /// A node is gone; only while [`Pipeline::may_take`].
    NodeGone(NodeId),
    /// Keys have moved.
    Moved,
    /// The actor is to be put away: what can be left clean is.
    Settle,
}

/// What comes out, to be carried out in order.
pub(crate) enum Output {
    /// Read this.
    Load(u64, Load),
    /// Submit this. When the store decides at once, that is the next input.
    Submit(u64, Batch),
    /// Send this once.
    Publish(Publication),
    /// Send this until it is taken.
    Tell(Fact),
    /// Send this and say what the answer was.
    Send(Box<Sending>),
    /// Answer.
    Respond(Responder, Reply),
    /// Read beside the actor and answer.
    Read(Responder, Later),
}

/// Why an actor ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Nobody has called for long.
    Idle,
    /// As [`End::Idle`], and what it holds in memory alone is kept in few bytes.
    Rest,
    /// What it is about is gone for good, and nothing is pending.
    Over,
    /// A commit failed: memory is ahead of the store.
    Failed,
    /// A handler broke an invariant: its state cannot be trusted, the commits before it can.
    Broken,
    /// Another node may own the key.
    Deposed,
}

/// A call that waits for rows.
struct Parked<S: Service> {
    call: Call<S>,
    op: OpId,
    /// When it was taken.
    taken: Instant,
    scans: Vec<Scanned>,
    /// Since when what is written counts for the range that it waits for.
    since: u64,
}

impl<S: Service> Parked<S> {
    fn new(call: Call<S>, live: &Live, now: Now) -> Self {
        let op = live.op(op_name(&call.op));
        Self { call, op, taken: now.mono, scans: Vec::new(), since: 0 }
    }
}

/// What waits for a load.
enum Waiting<S: Service> {
    Handler(Parked<S>, Load),
    Mark(Call<S>, Owner),
}

/// What is to be handled before the mailbox is looked at.
enum Next<S: Service> {
    /// An effect that has waited for another of its sender.
    Call(Call<S>),
    /// What a load brought.
    Loaded(u64, Loaded),
    /// A call that has waited for commits.
    Parked(Parked<S>),
}

/// What leaves once its turn is durable.
enum Leaving {
    Effect(Number, Effect),
    Fact(Fact),
    Publication(Publication),
}

/// A turn in line.
struct InLine {
    number: u64,
    op: OpId,
    /// When it was handled.
    handled: Instant,
    /// Whether it has a batch.
    written: bool,
    /// The store's word about its batch. One without a batch waits for those before it only.
    decided: Option<Result<(), Error>>,
    leaving: Vec<Leaving>,
    outcome: Result<Outcome, Box<ApiError>>,
    conflict: Option<ApiError>,
    respond: Responder,
    /// Effects that the answer waits for.
    awaited: Vec<Number>,
}

/// An answer that waits until effects are applied.
struct Held {
    awaited: Vec<Number>,
    until: Instant,
    respond: Responder,
    outcome: Outcome,
}

/// See the module.
pub(crate) struct Pipeline<C: Core> {
    machine: Machine<C>,
    key: u64,
    ownership: Ownership,
    line: VecDeque<InLine>,
    /// The last turn of the batch that the store has.
    under_way: Option<u64>,
    /// Batches that wait for that one, with the numbers of their turns.
    behind: VecDeque<(u64, Batch)>,
    fence: Option<u64>,
    parked: BTreeMap<u64, Waiting<C::Service>>,
    /// Calls that wait for commits: these delete rows of a range that was read up to a limit. What follows the last row can be read only
    /// when they are durable.
    undecided: Vec<Parked<C::Service>>,
    loads: u64,
    /// What is to be handled next, one at a time: each may put up the fence.
    next: VecDeque<Next<C::Service>>,
    inbox: Inbox<C::Service>,
    outbox: Outbox,
    alarm: Alarm,
    held: Vec<Held>,
    /// What operators see.
    live: Arc<Live>,
    /// Whether another node may own the key without this one having heard.
    in_doubt: bool,
    end: Option<End>,
    /// Whether what stands in line may still be believed.
    sound: bool,
    /// Whether it is known of what stands in line that the store has written nothing of it.
    unwritten: bool,
    out: Vec<Output>,
}

impl<C: Core> Pipeline<C> {
    /// An actor that has just come to life, with the effects it had pending. They are sent by [`Pipeline::start`].
    pub(crate) fn new(machine: Machine<C>, key: u64, ownership: Ownership) -> Self {
        let me = Owner::of::<C::Service>(key);
        let alarm = Alarm::new(me.clone(), None, machine.core.alarm_ms());
        Self {
            machine,
            key,
            ownership,
            line: VecDeque::new(),
            under_way: None,
            behind: VecDeque::new(),
            fence: None,
            parked: BTreeMap::new(),
            undecided: Vec::new(),
            loads: 0,
            next: VecDeque::new(),
            inbox: Inbox::new(me.clone()),
            outbox: Outbox::new(me),
            alarm,
            held: Vec::new(),
            live: Live::new(None),
            in_doubt: false,
            end: None,
            sound: true,
            unwritten: false,
            out: Vec::new(),
        }
    }

    /// Takes over the alarm that a predecessor has set.
    pub(crate) fn with_alarm(self, set_ms: Option<u64>) -> Self {
        let me = Owner::of::<C::Service>(self.key);
        let alarm = Alarm::new(me, set_ms, self.machine.core.alarm_ms());
        Self { alarm, ..self }
    }

    /// Shows what it does to operators.
    pub(crate) fn seen_in(self, live: Arc<Live>) -> Self {
        Self { live, ..self }
    }

    /// What operators are told after each round.
    pub(crate) fn round(&self) -> Round {
        let parked = self.parked.values().find_map(|waiting| match waiting {
            Waiting::Handler(parked, _) => Some(parked),
            Waiting::Mark(..) => None,
        });
        let parked = parked.or(self.undecided.first());
        Round {
            waits_for: self.waits_for(),
            committing: self.line.len(),
            oldest_commit: self.line.front().map(|turn| (turn.op, turn.handled)),
            parked: self.parked.len() + self.undecided.len() + self.inbox.waiting(),
            oldest_parked: parked.map(|parked| (parked.op, parked.taken)),
            effects: self.outbox.pending(),
            answers_held: self.held.len(),
            rows: self.machine.rows.len(),
        }
    }

    /// What keeps it from the next call; see [`Pipeline::may_take`].
    fn waits_for(&self) -> WaitsFor {
        let parked = self.parked.len() + self.undecided.len() + self.inbox.waiting();
        let reasons = [
            (self.fence.is_some(), WaitsFor::Precondition),
            (!self.next.is_empty(), WaitsFor::Itself),
            (self.inbox.is_reading(), WaitsFor::Marks),
            (self.outbox.is_full(), WaitsFor::Effects),
            (self.line.len() >= COMMITS_PENDING_MAX, WaitsFor::Commits),
            (parked >= LOADS_PENDING_MAX, WaitsFor::Rows),
        ];
        reasons.iter().find(|(is_it, _)| *is_it).map_or(WaitsFor::Messages, |(_, waits_for)| *waits_for)
    }

    /// Whether the actor is to be awake at a moment before `until_ms`: then it is not put away.
    pub(crate) fn rings_before(&self, until_ms: u64) -> bool {
        self.alarm.at_ms().is_some_and(|at| at < until_ms)
    }

    /// Whether another node may own the key without this one having heard. Then each turn waits for the store's word that
    /// the epoch is still this owner's, also one that writes nothing.
    pub(crate) fn doubt(&mut self, in_doubt: bool) {
        self.in_doubt = in_doubt && self.ownership.fenced;
    }

    /// Sends what a predecessor has left.
    pub(crate) fn start(&mut self, pending: Vec<(Number, Effect)>) -> Vec<Output> {
        pending.into_iter().for_each(|(number, effect)| self.send(number, effect));
        std::mem::take(&mut self.out)
    }

    /// Handles one thing that waits inside; to be called until it says that there is none. `out` gets what is to be done.
    pub(crate) fn proceed(&mut self, now: Now, out: &mut Vec<Output>) -> bool {
        if self.fence.is_some() {
            return false;
        }
        let Some(next) = self.next.pop_front() else { return false };
        match next {
            Next::Call(call) => self.call(now, call),
            Next::Loaded(id, loaded) => self.loaded(now, id, loaded),
            Next::Parked(parked) => self.run(now, parked),
        }
        self.look_for_end(now);
        out.append(&mut self.out);
        true
    }

    /// Whether the next call may be taken from the mailbox.
    pub(crate) fn may_take(&self) -> bool {
        self.end.is_none() && self.waits_for() == WaitsFor::Messages
    }

    /// Takes one input; `out` gets what is to be done, in order. [`Pipeline::proceed`] follows.
    pub(crate) fn handle(&mut self, now: Now, input: Input<C::Service>, out: &mut Vec<Output>) {
        match input {
            Input::Call(call) => self.call(now, call),
            Input::Loaded(id, loaded) => self.next.push_back(Next::Loaded(id, loaded)),
            Input::Committed(number, result) => self.committed(now, number, result),
            Input::Answered { receiver, number, attempt, reply } => {
                let mut sending = Vec::new();
                let done = self.outbox.answered(now.mono, (&receiver, number, attempt), &reply, &mut sending);
                self.release(&done);
                self.sent(sending);
            }
            Input::Tick => self.tick(now),
            Input::Deposed => self.finish(End::Deposed),
            Input::NodeGone(node) => self.node_gone(now, node),
            Input::Moved => self.outbox.hurry(now.mono),
            Input::Settle => self.clean(now),
        }
        self.look_for_end(now);
        out.append(&mut self.out);
    }

    /// When [`Input::Tick`] has something to do. `None` while the fence is up: then the store speaks first.
    pub(crate) fn deadline(&self, now: Now) -> Option<Instant> {
        let acts = self.fence.is_none() && self.end.is_none();
        let alarm = self.alarm.refresh_ms();
        let core = self.machine.core.next_deadline_ms().into_iter().chain(alarm).min().filter(|_| acts);
        let core = core.map(|at| now.mono + Duration::from_millis(at.saturating_sub(now.wall_ms)));
        let held = self.held.iter().map(|held| held.until);
        held.chain(core).chain(self.outbox.deadline()).min()
    }

    /// Why the actor has ended, once it has.
    pub(crate) fn ended(&self) -> Option<End> {
        self.end
    }

    /// Whether the store has still to decide about a batch. A successor must not be loaded before.
    pub(crate) fn is_committing(&self) -> bool {
        !self.line.is_empty()
    }

    /// Whether nothing is under way, so that the actor may be put away. Effects that nobody takes are rows, and a node that
    /// ends does not wait for them.
    pub(crate) fn is_quiet(&self, ending: bool) -> bool {
        let effects = if ending { self.outbox.is_sending() } else { self.outbox.pending() > 0 };
        self.line.is_empty()
            && self.parked.is_empty()
            && self.next.is_empty()
            && self.held.is_empty()
            && self.outbox.is_clean()
            && !effects
    }

    /// Whether memory is what the store has, or will have: no batch was refused, and nothing is under way.
    pub(crate) fn is_settled(&self) -> bool {
        self.sound && self.line.is_empty()
    }

    /// Whether effects are pending: a successor must come to life to send them.
    pub(crate) fn owes(&self) -> bool {
        self.outbox.pending() > 0
            || self
                .line
                .iter()
                .any(|turn| turn.leaving.iter().any(|leaving| matches!(leaving, Leaving::Effect(..))))
    }

    /// The core.
    pub(crate) fn core(&self) -> &C {
        &self.machine.core
    }

    fn call(&mut self, now: Now, call: Call<C::Service>) {
        if self.end.is_some() {
            return self.refuse(call);
        }
        // Nobody waits for what another owner sends, so it is never too late for that.
        if call.deadline < now.mono && !call.is_sent() {
            return;
        }
        match call.origin.clone() {
            Some(origin) => self.effect(now, origin, call),
            None => self.run(now, Parked::new(call, &self.live, now)),
        }
    }

    /// Takes an effect of another owner.
    fn effect(&mut self, now: Now, origin: Origin, call: Call<C::Service>) {
        let Some(call) = self.inbox.admit(&origin.sender, call) else { return };
        match self.inbox.judge(&origin) {
            None => {
                self.inbox.begin(&origin.sender);
                self.inbox.reads();
                let (table, partition, key) = self.inbox.row(&origin.sender);
                self.park(Load::Row(table, partition, key), |_| Waiting::Mark(call, origin.sender));
            }
            Some(Verdict::Done) => {
                let (turn, op) = (self.machine.housekeep(Batch::new()), self.live.op(op_name(&call.op)));
                self.commit(now, turn, call.respond, op);
            }
            Some(Verdict::Early) => self.respond(call.respond, Err(ApiError::overloaded())),
            Some(Verdict::Apply) => {
                self.inbox.begin(&origin.sender);
                self.run(now, Parked::new(call, &self.live, now));
            }
        }
    }

    fn park(&mut self, load: Load, waiting: impl FnOnce(Load) -> Waiting<C::Service>) {
        self.loads += 1;
        self.parked.insert(self.loads, waiting(load.clone()));
        self.out.push(Output::Load(self.loads, load));
    }

    fn loaded(&mut self, now: Now, id: u64, loaded: Loaded) {
        match (self.parked.remove(&id), loaded) {
            (Some(Waiting::Mark(call, sender)), Loaded::Row(mark)) => {
                self.inbox.read(&sender, mark.as_ref().ok().map(|mark| mark.as_deref()));
                let waited = self.inbox.end(&sender);
                if mark.is_err() {
                    self.respond(call.respond, Err(ApiError::overloaded()));
                } else {
                    self.next.push_back(Next::Call(call));
                }
                self.next.extend(waited.into_iter().map(Next::Call));
            }
            (Some(Waiting::Handler(parked, load)), loaded) => self.resume(now, parked, load, loaded),
            // What was asked for by somebody who was refused meanwhile.
            _ => {}
        }
    }

    fn resume(&mut self, now: Now, mut parked: Parked<C::Service>, load: Load, loaded: Loaded) {
        let result = match (load, loaded) {
            (Load::Row(table, partition, key), Loaded::Row(value)) => {
                self.machine.rows.loaded((table, partition, key), value)
            }
            (Load::Scan(table, partition, range), Loaded::Scan(rows)) => {
                let since = parked.since;
                let rows = rows.inspect_err(|_| self.machine.rows.end_scan(since));
                rows.map(|rows| parked.scans.push(Scanned { table, partition, range, rows, since }))
            }
            (Load::Row(..), Loaded::Scan(_)) => Err(Error::Invalid("a range was brought for a row")),
            (Load::Scan(..), Loaded::Row(_)) => Err(Error::Invalid("a row was brought for a range")),
        };
        if let Err(error) = result {
            tracing::warn!(service = C::Service::NAME, key = self.key, %error, "a read failed");
            self.forget(&parked.scans);
            self.respond(parked.call.respond, Err(ApiError::overloaded()));
            return self.free(parked.call.origin.as_ref());
        }
        self.run(now, parked);
    }

    /// An effect is no longer under way: those of the same sender that wait for it go on.
    fn free(&mut self, origin: Option<&Origin>) {
        let Some(origin) = origin else { return };
        self.next.extend(self.inbox.end(&origin.sender).into_iter().map(Next::Call));
    }

    /// Ranges that were read are needed no more.
    fn forget(&mut self, scans: &[Scanned]) {
        scans.iter().for_each(|scan| self.machine.rows.end_scan(scan.since));
    }

    /// Runs the handler of a call, as far as the rows at hand carry it.
    fn run(&mut self, now: Now, mut parked: Parked<C::Service>) {
        if parked.call.deadline < now.mono && !parked.call.is_sent() {
            return self.forget(&parked.scans);
        }
        let rows = &mut self.machine.rows;
        let read = parked.scans.len();
        parked.scans.retain_mut(|scan| {
            let holds = rows.catch_up(scan);
            if !holds {
                rows.end_scan(scan.since);
            }
            holds
        });
        if parked.scans.len() < read && rows.is_pending() {
            return self.undecided.push(parked);
        }
        self.live.begin(parked.op, now.mono);
        let (machine, call) = (&mut self.machine, &parked.call);
        // A panic ends the actor, so its half-changed state is never seen again.
        let step =
            catch_unwind(AssertUnwindSafe(|| machine.handle(now, &call.caller, &call.op, &parked.scans)));
        match step {
            Ok(Step::Turn(mut turn)) => {
                self.forget(&parked.scans);
                let Call { respond, origin, .. } = parked.call;
                if let Some(origin) = &origin {
                    // What is over keeps no rows, so no mark either: what it does is to clear away what is left.
                    let changes = !turn.batch.is_empty() || !turn.after.is_empty();
                    let changes = changes && !self.machine.core.is_over();
                    self.inbox.applied(origin, changes.then_some(&mut turn.batch));
                    // Nobody sends it again once it is acknowledged, so an owner that may be none any more must not do that from memory:
                    // the next one may have begun without it.
                    turn.confirmed = true;
                }
                self.commit(now, turn, respond, parked.op);
                self.free(origin.as_ref());
            }
            Ok(Step::Load(load)) => {
                match &load {
                    Load::Row(table, partition, key) => {
                        self.machine.rows.loading((*table, *partition, key.clone()) as RowKey);
                    }
                    Load::Scan(..) => parked.since = self.machine.rows.begin_scan(),
                }
                self.park(load, |load| Waiting::Handler(parked, load));
            }
            Err(_) => {
                tracing::error!(
                    service = C::Service::NAME,
                    key = self.key,
                    "an operation broke an invariant"
                );
                self.respond(parked.call.respond, Err(ApiError::internal()));
                self.finish(End::Broken);
            }
        }
    }

    /// Puts a turn in line, with the rows of its effects, and submits its batch once those before it are decided. A turn that
    /// writes nothing still waits behind them.
    fn commit(&mut self, now: Now, turn: Turn, respond: Responder, op: OpId) {
        let Turn { number, mut batch, after, outcome, conflict, confirmed } = turn;
        let (leaving, awaited) = self.effects(now, after, &mut batch);
        if !batch.is_empty() {
            self.outbox.clean(&mut batch);
        }
        let core = &self.machine.core;
        self.alarm.write(&mut batch, now.wall_ms, core.alarm_ms(), core.is_over());
        let written = !batch.is_empty() || self.in_doubt || (confirmed && self.ownership.fenced);
        let decided = (!written || Planted::AnswerBeforeCommit.is_here()).then_some(Ok(()));
        if written {
            // A refusal by a precondition undoes this turn, so nothing may build on it. A stale epoch ends the actor anyway.
            if !batch.preconditions.is_empty() {
                self.fence = Some(number);
            }
            self.behind.push_back((number, batch));
        }
        self.line.push_back(InLine {
            number,
            op,
            handled: now.mono,
            written,
            decided,
            leaving,
            outcome,
            conflict,
            respond,
            awaited,
        });
        self.submit();
        self.advance(now);
    }

    /// Gives the store the oldest batch that waits, with as many of those behind it as may go with it, unless it has one.
    fn submit(&mut self) {
        if self.under_way.is_some() {
            return;
        }
        let Some((mut number, mut batch)) = self.behind.pop_front() else { return };
        let mut bytes = batch.byte_size();
        // What a precondition stops takes nothing else with it.
        while batch.preconditions.is_empty()
            && let Some((next, more)) = self.behind.pop_front_if(|(_, more)| {
                bytes += more.byte_size();
                more.preconditions.is_empty()
                    && batch.writes.len() + more.writes.len() <= TOGETHER_WRITES_MAX
                    && bytes <= TOGETHER_BYTES_MAX
            })
        {
            number = next;
            batch.merge(more);
        }
        if self.ownership.fenced && !Planted::BatchWithoutEpoch.is_here() {
            batch.require_epoch(C::Service::NAME, self.key, self.ownership.epoch);
        }
        self.under_way = Some(number);
        self.out.push(Output::Submit(number, batch));
    }

    /// Numbers the effects of a turn and writes their rows.
    fn effects(&mut self, now: Now, after: Vec<After>, batch: &mut Batch) -> (Vec<Leaving>, Vec<Number>) {
        let mut waits = Vec::new();
        let leaving = after.into_iter().map(|after| match after {
            After::Fact(fact) => Leaving::Fact(fact),
            After::Publication(publication) => Leaving::Publication(publication),
            After::Effect { effect, awaited } => {
                let id = self.machine.next_id(now.wall_ms);
                let epoch = if Planted::NumberWithoutEpoch.is_here() { 0 } else { self.ownership.epoch };
                let number = Number { epoch, id };
                self.outbox.write(batch, now.wall_ms, number, &effect);
                if awaited {
                    waits.push(number);
                }
                Leaving::Effect(number, effect)
            }
        });
        (leaving.collect(), waits)
    }

    fn committed(&mut self, now: Now, number: u64, result: Result<(), Error>) {
        self.under_way = None;
        let mut carried = self.line.iter_mut().filter(|turn| turn.number <= number && turn.decided.is_none());
        match result {
            Ok(()) => carried.for_each(|turn| turn.decided = Some(Ok(()))),
            Err(error) => {
                // The first says why. What it took with it, and what waits behind it, is not written either.
                self.unwritten = matches!(error, Error::StaleEpoch { .. });
                if let Some(first) = carried.next() {
                    first.decided = Some(Err(error));
                }
                self.behind.clear();
                let rest = self.line.iter_mut().filter(|turn| turn.decided.is_none());
                rest.for_each(|turn| turn.decided = Some(Err(Error::Closed)));
            }
        }
        self.submit();
        self.advance(now);
    }

    /// Lets leave what is durable, from the front of the line on.
    fn advance(&mut self, now: Now) {
        while let Some(mut turn) = self.line.pop_front_if(|turn| turn.decided.is_some()) {
            match turn.decided.take() {
                Some(Ok(())) if self.sound => {
                    if self.fence == Some(turn.number) {
                        self.fence = None;
                    }
                    self.machine.rows.durable(turn.number);
                    self.next.extend(self.undecided.drain(..).map(Next::Parked));
                    self.leave(now, turn);
                }
                Some(Err(error)) if self.sound => self.failed(turn, &error),
                _ if self.unwritten => self.respond(turn.respond, Err(consort_rpc::moved())),
                _ => self.respond(turn.respond, Err(ApiError::overloaded())),
            }
        }
        if self.line.is_empty() {
            self.inbox.trim();
        }
    }

    fn failed(&mut self, turn: InLine, error: &Error) {
        tracing::warn!(service = C::Service::NAME, key = self.key, %error, "a commit failed");
        let answer = match error {
            Error::Conflict { .. } => turn.conflict.unwrap_or_else(ApiError::overloaded),
            // Nothing of it is written: the next owner may be asked.
            Error::StaleEpoch { .. } => consort_rpc::moved(),
            _ => ApiError::overloaded(),
        };
        self.respond(turn.respond, Err(answer));
        self.sound = false;
        self.finish(if matches!(error, Error::StaleEpoch { .. }) { End::Deposed } else { End::Failed });
    }

    fn leave(&mut self, now: Now, turn: InLine) {
        for leaving in turn.leaving {
            match leaving {
                Leaving::Effect(number, effect) => self.send(number, effect),
                Leaving::Fact(fact) => self.out.push(Output::Tell(fact)),
                Leaving::Publication(publication) => self.out.push(Output::Publish(publication)),
            }
        }
        match turn.outcome {
            Ok(outcome) if turn.awaited.is_empty() || self.end.is_some() => {
                self.answer(turn.respond, outcome)
            }
            Ok(outcome) => {
                let until = now.mono + EFFECT_AWAITED;
                self.held.push(Held { awaited: turn.awaited, until, respond: turn.respond, outcome });
            }
            Err(error) => self.respond(turn.respond, Err(*error)),
        }
    }

    fn send(&mut self, number: Number, effect: Effect) {
        let mut sending = Vec::new();
        self.outbox.add(number, effect, &mut sending);
        self.sent(sending);
    }

    fn sent(&mut self, sending: Vec<Sending>) {
        self.out.extend(sending.into_iter().map(|sending| Output::Send(Box::new(sending))));
    }

    /// These effects are done with: answers that waited for them are given.
    fn release(&mut self, done: &[Number]) {
        self.held.iter_mut().for_each(|held| held.awaited.retain(|number| !done.contains(number)));
        self.release_if(|held| held.awaited.is_empty());
    }

    fn release_if(&mut self, may_go: impl Fn(&Held) -> bool) {
        for held in self.held.extract_if(.., |held| may_go(held)).collect::<Vec<_>>() {
            self.answer(held.respond, held.outcome);
        }
    }

    fn answer(&mut self, respond: Responder, outcome: Outcome) {
        match outcome {
            Outcome::Answer(answer) => self.respond(respond, Ok(answer)),
            Outcome::Later(read) => self.out.push(Output::Read(respond, read)),
            Outcome::Refused(error) => self.respond(respond, Err(*error)),
        }
    }

    fn respond(&mut self, respond: Responder, reply: Reply) {
        self.out.push(Output::Respond(respond, reply));
    }

    fn tick(&mut self, now: Now) {
        let mut sending = Vec::new();
        let given_up = self.outbox.resume(now.mono, now.wall_ms, &mut sending);
        self.sent(sending);
        self.release(&given_up);
        self.release_if(|held| held.until <= now.mono);
        if self.fence.is_some() || self.end.is_some() {
            return;
        }
        if self.machine.core.next_deadline_ms().is_some_and(|deadline| deadline <= now.wall_ms) {
            let (machine, op) = (&mut self.machine, self.live.op(OpName::plain("(time)")));
            self.live.begin(op, now.mono);
            match catch_unwind(AssertUnwindSafe(|| machine.tick(now))) {
                Ok(turn) => self.commit(now, turn, Responder::none(), op),
                Err(_) => return self.finish(End::Broken),
            }
        }
        if self.alarm.refresh_ms().is_some_and(|at| at <= now.wall_ms) {
            // Its rows go along with the turn.
            let turn = self.machine.housekeep(Batch::new());
            self.commit(now, turn, Responder::none(), self.live.op(OpName::plain("(alarm)")));
        }
        if self.outbox.cleaning_due(now.mono) {
            self.clean(now);
        }
    }

    fn node_gone(&mut self, now: Now, node: NodeId) {
        if self.end.is_some() {
            return;
        }
        let (machine, op) = (&mut self.machine, self.live.op(OpName::plain("(node gone)")));
        self.live.begin(op, now.mono);
        match catch_unwind(AssertUnwindSafe(|| machine.node_gone(now, node))) {
            Ok(turn) => self.commit(now, turn, Responder::none(), op),
            Err(_) => self.finish(End::Broken),
        }
    }

    /// Deletes the rows of acknowledged effects.
    fn clean(&mut self, now: Now) {
        if self.outbox.is_clean() || self.fence.is_some() || self.end.is_some() {
            return;
        }
        let mut batch = Batch::new();
        self.outbox.clean(&mut batch);
        let turn = self.machine.housekeep(batch);
        self.commit(now, turn, Responder::none(), self.live.op(OpName::plain("(effects done)")));
    }

    /// An actor whose subject is gone ends once it owes nothing.
    fn look_for_end(&mut self, now: Now) {
        let busy = !self.line.is_empty() || !self.parked.is_empty() || !self.next.is_empty();
        if self.end.is_some() || busy || !self.machine.core.is_over() || self.outbox.pending() > 0 {
            return;
        }
        if self.outbox.is_clean() {
            self.finish(End::Over);
        } else {
            self.clean(now);
        }
    }

    /// Refuses all that waits. What stands in line leaves or fails when the store has decided about it.
    fn finish(&mut self, end: End) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(end);
        if end == End::Deposed {
            // What was read from memory may be out of date; what is written and not refused is durable all the same.
            let turns = self.line.iter_mut().filter(|turn| !turn.written);
            turns.for_each(|turn| turn.outcome = Err(Box::new(consort_rpc::moved())));
        }
        self.release_if(|_| true);
        let parked = std::mem::take(&mut self.parked).into_values().map(|waiting| match waiting {
            Waiting::Handler(parked, _) => parked.call,
            Waiting::Mark(call, _) => call,
        });
        let next = std::mem::take(&mut self.next).into_iter().filter_map(|next| match next {
            Next::Call(call) => Some(call),
            Next::Parked(parked) => Some(parked.call),
            Next::Loaded(..) => None,
        });
        let undecided = std::mem::take(&mut self.undecided).into_iter().map(|parked| parked.call);
        let parked = parked.chain(undecided);
        let waiting: Vec<_> = parked.chain(self.inbox.take_all()).chain(next).collect();
        waiting.into_iter().for_each(|call| self.refuse(call));
    }

    fn refuse(&mut self, call: Call<C::Service>) {
        self.respond(call.respond, Err(self.refusal()));
    }

    /// What calls are answered that come too late.
    pub(crate) fn refusal(&self) -> ApiError {
        match self.end {
            Some(End::Over) => C::not_found(),
            // It was not begun: the next owner may be asked.
            Some(End::Deposed) => consort_rpc::moved(),
            _ => ApiError::overloaded(),
        }
    }
}

#[cfg(test)]
mod tests;
