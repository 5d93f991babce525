//! The loop of one actor: waits for what comes next, has its pipeline take it, and carries out what that wants done.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use consort_model::ApiError;
use consort_rpc::relay::Relay;
use consort_rpc::{Call, Caller, Effect, NodeId, Number, Ownership, Service, op_name};
use consort_runtime::{ActorGauge, ActorState, Live, Now, Traced, spawn};
use consort_store::{Batch, StoreRef};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::core::{Core, Load};
use crate::directory::{Directory, Receiver, Resting};
use crate::listed::Listed;
use crate::mailbox::{Letter, Mail};
use crate::moves::LateCalls;
use crate::outbox::Sending;
use crate::owners::Shared;
use crate::pipeline::{End, Input, Loaded, Output, Pipeline};
use crate::scheduler::STAYS_BEFORE_MS;
use crate::work::Kind as _;
use crate::{Env, LINGER, RELOAD_PAUSE, hand_over};

/// Between two looks at an actor that nobody calls and whose effects nobody takes.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

type Pending<S> = FuturesUnordered<Pin<Box<dyn Future<Output = Input<S>> + Send>>>;

/// One actor at work: its pipeline, its mailbox, and what it waits for.
pub(crate) struct Actor<C: Core> {
    key: u64,
    pipeline: Pipeline<C>,
    ownership: Ownership,
    receiver: Receiver<C>,
    shared: Arc<Shared<C>>,
    gauge: Arc<ActorGauge>,
    live: Arc<Live>,
    /// Commits, loads and effects under way.
    pending: Pending<C::Service>,
    /// Outputs of the pipeline that are being carried out; kept for its room.
    out: Vec<Output>,
    /// When the last call came.
    called: Instant,
    /// Not to be put away before: something was under way.
    stay_until: Instant,
    /// How many of the nodes that have gone it has seen.
    pub(crate) gone_seen: usize,
    late_calls: LateCalls,
}

impl<C: Core> Actor<C> {
    pub(crate) fn new(
        (key, ownership): (u64, Ownership),
        pipeline: Pipeline<C>,
        receiver: Receiver<C>,
        shared: Arc<Shared<C>>,
        listed: &Listed,
    ) -> Self {
        let now = Instant::now();
        Self {
            key,
            pipeline,
            ownership,
            receiver,
            shared,
            gauge: listed.gauge.clone(),
            live: listed.live.clone(),
            pending: FuturesUnordered::new(),
            out: Vec::new(),
            called: now,
            stay_until: now,
            gone_seen: 0,
            late_calls: LateCalls::default(),
        }
    }

    pub(crate) async fn run(mut self, pending: Vec<(Number, Effect)>) -> End {
        self.out = self.pipeline.start(pending);
        self.perform(&mut VecDeque::new());
        let end = loop {
            self.live.round(&self.pipeline.round());
            let now = self.shared.env.now();
            if let Some(end) = self.pipeline.ended() {
                break end;
            }
            if self.pipeline.deadline(now).is_some_and(|deadline| deadline <= now.mono) {
                self.feed(Input::Tick);
                continue;
            }
            if let Some(end) = self.wait(now).await {
                return end;
            }
            self.check_strangers();
        };
        self.finish(end).await;
        end
    }

    /// Waits for the next thing that happens, and has the pipeline take it. Completions come first, since they are what
    /// calls wait for.
    async fn wait(&mut self, now: Now) -> Option<End> {
        let patience = match self.shared.env.work.is_ending() {
            true => LINGER,
            false => self.shared.directory.patience(),
        };
        let idle = (self.called + patience).max(self.stay_until);
        let wake = self.pipeline.deadline(now).map_or(idle, |deadline| idle.min(deadline));
        tokio::select! {
            biased;
            Some(input) = self.pending.next(), if !self.pending.is_empty() => self.feed(input),
            letter = self.receiver.recv(), if self.pipeline.may_take() => match letter {
                Some(Letter { mail: Mail::Call(call), came }) => self.take(*call, came),
                Some(Letter { mail: Mail::State(answer), .. }) => {
                    // Whoever has asked may have gone.
                    let _told = answer.send(self.pipeline.core().inspect().to_string());
                }
                Some(Letter { mail: Mail::Look, .. }) | None => {
                    self.check_ownership();
                    self.check_nodes();
                    self.feed(Input::Moved);
                }
            },
            () = tokio::time::sleep_until(wake) => {
                // A deadline is seen by the next round.
                if wake == idle {
                    return self.idle(now.mono + patience);
                }
            }
        }
        None
    }

    fn take(&mut self, call: Call<C::Service>, came: Instant) {
        self.check_ownership();
        self.check_nodes();
        self.live.taken();
        let traced = self.live.is_traced(came).then(|| trace(&call));
        let (from, until) = self.feed_timed(Input::Call(call));
        self.called = from;
        if let Some(traced) = traced {
            let at_ms = self.shared.env.clock.now_ms();
            let (waited, took) =
                (from.saturating_duration_since(came), until.saturating_duration_since(from));
            let (waited_us, took_us) = (waited.as_micros() as u64, took.as_micros() as u64);
            self.live.trace(Traced { at_ms, waited_us, took_us, ..traced });
        }
    }

    /// Nothing is answered from memory once another node may own the key.
    fn check_ownership(&mut self) {
        if !self.shared.env.mesh.holds::<C::Service>(self.key, self.ownership) {
            tracing::info!(service = C::Service::NAME, key = self.key, "an actor has moved to another node");
            self.feed(Input::Deposed);
        }
    }

    /// A node that has gone is gone before anything is handled that came later: a new life of the node is another.
    fn check_nodes(&mut self) {
        let Some(missed) = self.shared.gone.since(self.gone_seen) else { return };
        self.gone_seen = missed.seen;
        let strangers = if missed.more { self.strangers() } else { Vec::new() };
        let news = strangers.into_iter().chain(missed.nodes);
        news.for_each(|node| self.feed(Input::NodeGone(node)));
    }

    /// A call may be on its way for longer than its node lives: nobody else says that the node is gone to an owner which was loaded in
    /// between, or had heard it before.
    fn check_strangers(&mut self) {
        if self.late_calls.are_expected(&self.shared.moves) {
            let strangers = self.strangers();
            strangers.into_iter().for_each(|node| self.feed(Input::NodeGone(node)));
        }
    }

    /// Nodes that it speaks to and that are not there any more.
    fn strangers(&self) -> Vec<NodeId> {
        let (listeners, nodes) = (self.pipeline.core().listeners(), self.shared.env.mesh.nodes_of::<Relay>());
        listeners.into_iter().filter(|node| !nodes.contains(node)).collect()
    }

    /// Takes nodes out that went while nobody owned the key.
    pub(crate) fn lose(&mut self, nodes: &[NodeId]) {
        nodes.iter().for_each(|node| self.feed(Input::NodeGone(*node)));
    }

    /// Gives what is held in memory alone to the node that owns the key now.
    fn hand_over(&self) {
        let (shared, core) = (&self.shared, self.pipeline.core());
        if C::FROZEN_FORMAT.is_none() || !self.pipeline.is_settled() || core.is_idle() {
            return;
        }
        let to = shared.env.mesh.owner_of::<C::Service>(self.key).filter(|to| *to != shared.env.mesh.node());
        let Some((to, state)) = to.zip(core.freeze()) else { return };
        let handed = shared.handed(self.key, (self.ownership.epoch, state), core.listeners(), false);
        hand_over::send(&shared.env.mesh, handed.map(|handed| (to, handed)));
    }

    fn feed(&mut self, input: Input<C::Service>) {
        self.feed_timed(input);
    }

    /// Has the pipeline take an input and whatever follows at once. Gives when that began and was done.
    fn feed_timed(&mut self, input: Input<C::Service>) -> (Instant, Instant) {
        let now = self.shared.env.now();
        self.pipeline.doubt(!self.shared.env.mesh.is_certain());
        let mut since = now.mono;
        let mut decided = VecDeque::from([input]);
        loop {
            match decided.pop_front() {
                Some(input) => self.pipeline.handle(now, input, &mut self.out),
                None if self.pipeline.proceed(now, &mut self.out) => {}
                None => break,
            }
            since = self.live.done(since);
            self.perform(&mut decided);
        }
        let until = Instant::now();
        self.live.busy(now.mono, until);
        (now.mono, until)
    }

    /// Carries out what the pipeline wants done. What the store decides at once goes to `decided`.
    fn perform(&mut self, decided: &mut VecDeque<Input<C::Service>>) {
        let mut out = std::mem::take(&mut self.out);
        let env = &self.shared.env;
        for output in out.drain(..) {
            match output {
                Output::Load(id, load) => self.pending.push(bring(env.store.clone(), id, load)),
                Output::Submit(number, batch) => submit(env, &self.pending, number, batch, decided),
                Output::Publish(publication) => env.mesh.publish(publication),
                Output::Tell(fact) => env.mesh.tell(Caller::system(), fact),
                Output::Send(sending) => self.pending.push(deliver(env, *sending)),
                Output::Respond(respond, reply) => respond.send(reply),
                Output::Read(respond, read) => {
                    let store = env.store.clone();
                    // This actor's own task is counted, so another may be.
                    let task = env.work.begin();
                    spawn("owner-read", async move {
                        let _task = task;
                        respond.send(read(store).await);
                    });
                }
            }
        }
        self.out = out;
    }

    /// Nothing has come for long: the actor may be put away.
    fn idle(&mut self, again: Instant) -> Option<End> {
        let ending = self.shared.env.work.is_ending();
        self.feed(Input::Settle);
        if !self.pipeline.is_quiet(ending) {
            let pause = if ending || self.pipeline.is_committing() { LINGER } else { LOOK_AGAIN };
            self.stay_until = Instant::now() + pause;
            return None;
        }
        self.stay_until = again;
        if !ending && self.pipeline.rings_before(self.shared.env.clock.now_ms() + STAYS_BEFORE_MS) {
            self.stay_until = Instant::now() + LOOK_AGAIN;
            return None;
        }
        let core = self.pipeline.core();
        let state = if core.is_idle() || !core.may_rest() { None } else { core.freeze() };
        let Some(state) = state else {
            // When the node ends, what only lives in memory ends with it.
            let may_go = core.is_idle() || ending;
            let gone = may_go && self.shared.directory.leave(self.key, &self.receiver, None);
            return gone.then_some(End::Idle);
        };
        let resting = Resting {
            state,
            gauge: self.gauge.clone(),
            ownership: self.ownership,
            gone_seen: self.gone_seen,
            listeners: core.listeners().into(),
            handed: None,
        };
        self.shared.directory.leave(self.key, &self.receiver, Some(resting)).then_some(End::Rest)
    }

    /// Waits until the store has decided about all batches: a successor that loads while one is on its way would never see
    /// it. Then whoever still waits is answered.
    async fn finish(mut self, end: End) {
        self.live.set_state(if end == End::Deposed { ActorState::Moving } else { ActorState::Ending });
        while self.pipeline.is_committing() {
            match self.pending.next().await {
                Some(input) => self.feed(input),
                None => break,
            }
            self.live.round(&self.pipeline.round());
        }
        if end == End::Deposed {
            self.hand_over();
        }
        if !matches!(end, End::Over | End::Deposed) {
            tracing::error!(
                service = C::Service::NAME,
                key = self.key,
                "an actor failed and will be loaded again"
            );
        }
        if end == End::Over {
            return forward::<C>(self.receiver, self.key, &self.shared);
        }
        let (owes, refusal) = (self.pipeline.owes(), self.pipeline.refusal());
        refuse::<C>(self.receiver, self.key, &self.shared.directory, &refusal);
        if owes && end != End::Deposed {
            self.shared.env.work.may_owe();
            let (shared, key) = (self.shared, self.key);
            spawn("owner-wake", async move {
                tokio::time::sleep(RELOAD_PAUSE).await;
                shared.wake(key);
            });
        }
    }
}

type Pushed<S> = Pin<Box<dyn Future<Output = Input<S>> + Send>>;

fn bring<S: Service>(store: StoreRef, id: u64, load: Load) -> Pushed<S> {
    Box::pin(async move {
        let loaded = match load {
            Load::Row(table, partition, key) => Loaded::Row(store.get(table, partition, key).await),
            Load::Scan(table, partition, range) => Loaded::Scan(store.scan(table, partition, range).await),
        };
        Input::Loaded(id, loaded)
    })
}

/// Submits a batch. One that is refused at the store's door (queue full, too large) is decided now, before anything could
/// follow.
fn submit<S: Service>(
    env: &Env,
    pending: &Pending<S>,
    number: u64,
    batch: Batch,
    decided: &mut VecDeque<Input<S>>,
) {
    let mut written = env.store.submit(batch);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match written.as_mut().poll(&mut context) {
        Poll::Ready(result) => decided.push_back(Input::Committed(number, result)),
        Poll::Pending => pending.push(Box::pin(async move { Input::Committed(number, written.await) })),
    }
}

fn deliver<S: Service>(env: &Env, sending: Sending) -> Pushed<S> {
    let Sending { effect, origin, receiver, attempt } = sending;
    let number = origin.number;
    let reply = env.mesh.send(effect, origin);
    Box::pin(async move { Input::Answered { receiver, number, attempt, reply: reply.await } })
}

/// What a trace says of a call.
fn trace<S: Service>(call: &Call<S>) -> Traced {
    let Caller { user, system, .. } = &call.caller;
    let from = match (&call.origin, system) {
        (Some(origin), _) => origin.sender.to_string(),
        (None, true) => "system".to_owned(),
        (None, false) => format!("user {user}"),
    };
    let bytes = call.encoded_len();
    Traced { n: 0, at_ms: 0, op: op_name(&call.op).to_string(), from, bytes, waited_us: 0, took_us: 0 }
}

/// Takes the actor off the list and answers everything in the mailbox with `error`.
pub(crate) fn refuse<C: Core>(receiver: Receiver<C>, key: u64, directory: &Directory<C>, error: &ApiError) {
    directory.remove(key);
    for call in receiver.close().into_iter().filter_map(|letter| letter.mail.into_call()) {
        call.respond.send(Err(error.clone()));
    }
}

/// Takes the actor off the list and gives what has come meanwhile to the next one: what was not there for this one may be made
/// by one of these calls. What the next one does not find either it refuses itself.
fn forward<C: Core>(receiver: Receiver<C>, key: u64, shared: &Shared<C>) {
    shared.directory.remove(key);
    for call in receiver.close().into_iter().filter_map(|letter| letter.mail.into_call()) {
        shared.mail(key, |inbox| {
            let Some(inbox) = inbox else { return shared.env.work.turn_away(*call, shared.refusal(key)) };
            if let Err(mail) = inbox.push(Mail::Call(call))
                && let Some(call) = mail.into_call()
            {
                call.respond.send(Err(ApiError::overloaded()));
            }
        });
    }
}
