//! The shell: mailboxes, loading, pipelined commits, effects. One loop for every kind of owner.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use consort_model::ApiError;
use consort_rpc::{Call, Effect, Host, MeshRef, Reply, Responder, Service};
use consort_runtime::{ActorGauge, ClockRef, Ids, Registry, spawn};
use consort_store::{Error, Precondition, Row, StoreRef};
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::core::{Core, Load, Outcome};
use crate::directory::{Directory, Inbox, Receiver, Resting};
use crate::rows::RowKey;
use crate::turn::{Machine, Step, Turn};
use crate::work::{Rouse, Task, Work};
use crate::{
    COMMITS_PENDING_MAX, LINGER, LOADING_MAX, LOADS_PENDING_MAX, MAILBOX_CALLS_MAX, MAILBOX_CASTS_MAX,
    RELOAD_PAUSE,
};

/// What every owner of a node shares.
#[derive(Clone)]
pub struct Env {
    /// The time.
    pub clock: ClockRef,
    /// Where rows are.
    pub store: StoreRef,
    /// The other actors.
    pub mesh: MeshRef,
    /// Snowflakes of this node.
    pub ids: Arc<Ids>,
    /// The list of actors.
    pub registry: Registry,
    /// What they have under way.
    pub work: Work,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("node", &self.mesh.node()).finish_non_exhaustive()
    }
}

/// All actors of one kind on this node; starts them as they are called.
pub struct Owners<C: Core> {
    shared: Arc<Shared<C>>,
}

/// What the actors of one kind share.
struct Shared<C: Core> {
    env: Env,
    directory: Directory<C>,
    /// Actors beyond it wait for their turn to be loaded: when very many are called at once, the store is not asked more
    /// than it can take.
    loading: Semaphore,
}

impl<C: Core> fmt::Debug for Owners<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owners<{}>", C::Service::NAME)
    }
}

impl<C: Core> Owners<C> {
    /// A host without actors.
    pub fn new(env: Env) -> Arc<Self> {
        let directory = Directory::default();
        let shared = Arc::new(Shared { env, directory, loading: Semaphore::new(LOADING_MAX) });
        let kind: Weak<Shared<C>> = Arc::downgrade(&shared);
        shared.env.work.add(kind);
        Arc::new(Self { shared })
    }
}

impl<C: Core> Rouse for Shared<C> {
    fn rouse(&self) {
        self.directory.rouse();
    }
}

impl<C: Core> Host<C::Service> for Owners<C> {
    fn deliver(&self, key: u64, call: Call<C::Service>) {
        let work = &self.shared.env.work;
        if work.is_ending() && (!call.respond.is_cast() || work.is_over()) {
            return work.turn_away(call);
        }
        self.shared.directory.with_inbox(
            key,
            |resting| Some(start(&self.shared, key, resting, work.begin()?)),
            |inbox| {
                let Some(inbox) = inbox else { return work.turn_away(call) };
                // The last places are for casts: whoever waits for an answer can ask again, a cast that is lost is lost.
                if inbox.capacity() <= MAILBOX_CASTS_MAX && !call.respond.is_cast() {
                    return call.respond.send(Err(ApiError::overloaded()));
                }
                if let Err(error) = inbox.try_send(Some(Box::new(call))) {
                    tracing::warn!(service = C::Service::NAME, key, "a mailbox was full, a cast is lost");
                    if let Some(call) = error.into_inner() {
                        call.respond.send(Err(ApiError::overloaded()));
                    }
                }
            },
        );
    }
}

/// Starts the task of an actor, which may come back from its rest.
fn start<C: Core>(shared: &Arc<Shared<C>>, key: u64, resting: Option<Resting>, task: Task) -> Inbox<C> {
    let (sender, receiver) = mpsc::channel(MAILBOX_CALLS_MAX + MAILBOX_CASTS_MAX);
    let (shared, own) = (shared.clone(), sender.downgrade());
    spawn(C::Service::NAME, async move {
        // Dropped last: until then the store must not close.
        let _task = task;
        let env = &shared.env;
        let (state, mut listed) = match resting {
            Some(Resting { state, gauge }) => (Some(state), Listed::again(C::Service::NAME, key, env, gauge)),
            None => (None, Listed::new(C::Service::NAME, key, env)),
        };
        let _running = shared.directory.count_running();
        match load::<C>(&shared, key, state).await {
            Ok(Some(core)) => {
                let actor = Actor::new(key, core, receiver, shared.clone(), listed.gauge.clone());
                // Apart from the task, whose size is that of its largest step for as long as it lives.
                listed.stays = Box::pin(actor.run()).await == End::Rest;
            }
            Ok(None) => refuse::<C>(receiver, key, &shared.directory, C::not_found()).await,
            Err(error) => {
                tracing::error!(service = C::Service::NAME, key, %error, "an actor could not be loaded");
                refuse::<C>(receiver, key, &shared.directory, ApiError::overloaded()).await;
            }
        }
        // Only this actor's own entry: a successor may have been started.
        if let Some(own) = own.upgrade() {
            shared.directory.remove_if(key, &own);
        }
    });
    sender
}

/// Brings an actor to life from its rows, and from what it kept while it rested. What rested lives nowhere else, so its
/// rows are read again until the store gives them; calls that cannot wait that long are dropped by their deadlines.
async fn load<C: Core>(shared: &Shared<C>, key: u64, state: Option<Box<[u8]>>) -> Result<Option<C>, Error> {
    let env = &shared.env;
    let loaded = loop {
        let turn = shared.loading.acquire().await;
        match C::load(key, env.store.clone(), env.clock.now_ms()).await {
            Err(error) if state.is_some() && !matches!(error, Error::Closed) => {
                tracing::warn!(service = C::Service::NAME, key, %error, "a resting actor is read again");
            }
            loaded => break loaded?,
        }
        drop(turn);
        tokio::time::sleep(RELOAD_PAUSE).await;
    };
    let Some(mut core) = loaded.or_else(|| C::vacant(key)) else { return Ok(None) };
    let thawed = state.is_some_and(|state| {
        let thawed = core.thaw(&state, env.clock.now_ms());
        if !thawed {
            tracing::error!(
                service = C::Service::NAME,
                key,
                "what an actor kept while it rested cannot be read"
            );
        }
        thawed
    });
    // One that comes for a last cast while the node ends goes again at once; its successor will say that it is there.
    if !thawed && !env.work.is_ending() {
        for effect in core.started(&env.mesh.nodes()) {
            env.mesh.perform(effect);
        }
    }
    Ok(Some(core))
}

/// Keeps an actor on the operator's list for as long as its task lives, however that ends, and while it rests.
struct Listed {
    service: &'static str,
    key: u64,
    registry: Registry,
    gauge: Arc<ActorGauge>,
    stays: bool,
}

impl Listed {
    fn new(service: &'static str, key: u64, env: &Env) -> Self {
        let gauge = env.registry.add(service, key);
        gauge.started_ms.store(env.clock.now_ms(), Ordering::Relaxed);
        Self { service, key, registry: env.registry.clone(), gauge, stays: false }
    }

    /// An actor that was listed while it rested.
    fn again(service: &'static str, key: u64, env: &Env, gauge: Arc<ActorGauge>) -> Self {
        gauge.resting.store(false, Ordering::Relaxed);
        Self { service, key, registry: env.registry.clone(), gauge, stays: false }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        if !self.stays {
            self.registry.remove(self.service, self.key, &self.gauge);
        }
    }
}

/// Takes the actor off the list and answers everything in the mailbox with `error`.
async fn refuse<C: Core>(mut receiver: Receiver<C>, key: u64, directory: &Directory<C>, error: ApiError) {
    directory.remove(key);
    receiver.close();
    while let Some(mail) = receiver.recv().await {
        let Some(call) = mail else { continue };
        call.respond.send(Err(error.clone()));
    }
}

/// A turn on its way to being durable.
struct Committed {
    number: u64,
    result: Result<(), Error>,
    effects: Vec<Effect>,
    outcome: Result<Outcome, Box<ApiError>>,
    conflict: Option<ApiError>,
    respond: Responder,
}

/// A call that waits for rows.
struct Parked<S: Service> {
    call: Call<S>,
    scans: Vec<(Load, Vec<Row>)>,
}

/// What a load brought.
enum Loaded {
    Row(RowKey, Result<Option<Bytes>, Error>),
    Scan(Load, Result<Vec<Row>, Error>),
}

type BoxFut<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A call and what it waited for.
type Brought<S> = (Parked<S>, Loaded);

struct Actor<C: Core> {
    key: u64,
    machine: Machine<C>,
    receiver: Receiver<C>,
    shared: Arc<Shared<C>>,
    gauge: Arc<ActorGauge>,
    commits: FuturesOrdered<BoxFut<Committed>>,
    loads: FuturesUnordered<BoxFut<Brought<C::Service>>>,
    /// A turn that may turn out never to have been: nothing is handled until its commit is decided, since the store would
    /// take later batches that build on it.
    fence: Option<u64>,
}

/// Why the loop ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nobody has called for long.
    Idle,
    /// As [`End::Idle`], and what it holds in memory alone is kept in few bytes.
    Rest,
    /// What it is about is gone for good.
    Over,
    /// A commit failed: memory is ahead of the store.
    Failed,
    /// A handler broke an invariant: its state cannot be trusted, the commits before it can.
    Broken,
}

impl<C: Core> Actor<C> {
    fn new(key: u64, core: C, receiver: Receiver<C>, shared: Arc<Shared<C>>, gauge: Arc<ActorGauge>) -> Self {
        let machine = Machine::new(core, shared.env.mesh.node(), shared.env.ids.clone());
        let (commits, loads) = (FuturesOrdered::new(), FuturesUnordered::new());
        Self { key, machine, receiver, shared, gauge, commits, loads, fence: None }
    }

    async fn run(mut self) -> End {
        let end = loop {
            let wake = self.wake_at();
            let free = self.fence.is_none();
            let may_take =
                free && self.commits.len() < COMMITS_PENDING_MAX && self.loads.len() < LOADS_PENDING_MAX;
            let ended = tokio::select! {
                Some(committed) = self.commits.next(), if !self.commits.is_empty() => self.committed(committed),
                Some((parked, loaded)) = self.loads.next(), if free && !self.loads.is_empty() => {
                    self.loaded(parked, loaded)
                }
                mail = self.receiver.recv(), if may_take => match mail {
                    Some(Some(call)) => self.take(Parked { call: *call, scans: Vec::new() }),
                    Some(None) => None,
                    None => Some(End::Over),
                },
                () = tokio::time::sleep_until(wake), if free => self.woken(),
            };
            if let Some(end) = ended {
                break end;
            }
            self.gauge.queue.store(self.receiver.len() as u64, Ordering::Relaxed);
            self.gauge.commits_pending.store(self.commits.len() as u64, Ordering::Relaxed);
        };
        if !matches!(end, End::Idle | End::Rest) {
            self.finish(end).await;
        }
        end
    }

    /// Answers whoever still waits. The actor stays listed until the store has decided about all its batches: a successor
    /// that loads while one is on its way would never see it.
    async fn finish(mut self, end: End) {
        let mut sound = end != End::Failed;
        while let Some(committed) = self.commits.next().await {
            sound = sound && committed.result.is_ok();
            if sound {
                self.complete(committed.effects, committed.outcome, committed.respond);
            } else {
                committed.respond.send(Err(ApiError::overloaded()));
            }
        }
        let error = if end == End::Over { C::not_found() } else { ApiError::overloaded() };
        while let Some((parked, _)) = self.loads.next().await {
            parked.call.respond.send(Err(error.clone()));
        }
        if end != End::Over {
            let key = self.key;
            tracing::error!(service = C::Service::NAME, key, "an actor failed and will be loaded again");
        }
        refuse::<C>(self.receiver, self.key, &self.shared.directory, error).await;
    }

    fn wake_at(&self) -> Instant {
        let shared = &self.shared;
        let idle =
            Instant::now() + if shared.env.work.is_ending() { LINGER } else { shared.directory.patience() };
        let Some(deadline_ms) = self.machine.core.next_deadline_ms() else { return idle };
        let wait = deadline_ms.saturating_sub(self.shared.env.clock.now_ms());
        idle.min(Instant::now() + Duration::from_millis(wait))
    }

    fn take(&mut self, parked: Parked<C::Service>) -> Option<End> {
        // Nobody waits for a cast, so it is never too late for one.
        if parked.call.deadline < Instant::now() && !parked.call.respond.is_cast() {
            return None;
        }
        let now_ms = self.shared.env.clock.now_ms();
        let started = Instant::now();
        let machine = &mut self.machine;
        // A panic ends the actor, so its half-changed state is never seen again.
        let step = catch_unwind(AssertUnwindSafe(|| {
            machine.handle(now_ms, &parked.call.caller, &parked.call.op, &parked.scans)
        }));
        self.gauge.busy_us.fetch_add(started.elapsed().as_micros() as u64, Ordering::Relaxed);
        self.gauge.active_ms.store(now_ms, Ordering::Relaxed);
        match step {
            Ok(Step::Turn(turn)) => {
                self.gauge.handled.fetch_add(1, Ordering::Relaxed);
                self.commit(turn, parked.call.respond)
            }
            Ok(Step::Load(load)) => {
                self.load(parked, load);
                None
            }
            Err(_) => {
                tracing::error!(
                    service = C::Service::NAME,
                    key = self.key,
                    "an operation broke an invariant"
                );
                parked.call.respond.send(Err(ApiError::internal()));
                Some(End::Broken)
            }
        }
    }

    fn load(&mut self, parked: Parked<C::Service>, load: Load) {
        let store = self.shared.env.store.clone();
        if let Load::Row(table, partition, key) = &load {
            self.machine.rows.loading((*table, *partition, key.clone()));
        }
        self.loads.push(Box::pin(async move {
            let loaded = match load {
                Load::Row(table, partition, key) => {
                    let value = store.get(table, partition, key.clone()).await;
                    Loaded::Row((table, partition, key), value)
                }
                Load::Scan(table, partition, range) => {
                    let rows = store.scan(table, partition, range.clone()).await;
                    Loaded::Scan(Load::Scan(table, partition, range), rows)
                }
            };
            (parked, loaded)
        }));
    }

    fn loaded(&mut self, mut parked: Parked<C::Service>, loaded: Loaded) -> Option<End> {
        let result = match loaded {
            Loaded::Row(key, value) => self.machine.rows.loaded(key, value),
            Loaded::Scan(load, rows) => rows.map(|rows| parked.scans.push((load, rows))),
        };
        if let Err(error) = result {
            tracing::warn!(service = C::Service::NAME, key = self.key, %error, "a read failed");
            parked.call.respond.send(Err(ApiError::overloaded()));
            return None;
        }
        self.take(parked)
    }

    /// Puts a turn in line. A turn that writes nothing still waits behind the commits before it.
    fn commit(&mut self, turn: Turn, respond: Responder) -> Option<End> {
        let Turn { number, batch, effects, outcome, conflict } = turn;
        if batch.is_empty() && self.commits.is_empty() {
            self.machine.rows.durable(number);
            self.complete(effects, outcome, respond);
            return self.machine.core.is_over().then_some(End::Over);
        }
        let conditional = batch.preconditions.iter().any(|p| !matches!(p, Precondition::Epoch { .. }));
        let mut written = (!batch.is_empty()).then(|| self.shared.env.store.submit(batch));
        // A refusal at the door (queue full, batch too large) is known now, before anything could follow.
        let decided = written.as_mut().and_then(|written| written.now_or_never());
        if matches!(decided, Some(Err(_))) || conditional && decided.is_none() {
            self.fence = Some(number);
        }
        self.commits.push_back(Box::pin(async move {
            let result = match (decided, written) {
                (Some(result), _) => result,
                (None, Some(written)) => written.await,
                (None, None) => Ok(()),
            };
            Committed { number, result, effects, outcome, conflict, respond }
        }));
        None
    }

    fn committed(&mut self, committed: Committed) -> Option<End> {
        let Committed { number, result, effects, outcome, conflict, respond } = committed;
        if let Err(error) = result {
            let conflicted = matches!(error, Error::Conflict { .. });
            tracing::warn!(service = C::Service::NAME, key = self.key, %error, "a commit failed");
            let answer = conflict.filter(|_| conflicted).unwrap_or_else(ApiError::overloaded);
            respond.send(Err(answer));
            return Some(End::Failed);
        }
        if self.fence == Some(number) {
            self.fence = None;
        }
        self.machine.rows.durable(number);
        self.complete(effects, outcome, respond);
        (self.machine.core.is_over() && self.commits.is_empty()).then_some(End::Over)
    }

    fn complete(&self, effects: Vec<Effect>, outcome: Result<Outcome, Box<ApiError>>, respond: Responder) {
        for effect in effects {
            self.shared.env.mesh.perform(effect);
        }
        match outcome {
            Ok(Outcome::Answer(answer)) => respond.send(Ok(answer)),
            Err(error) => respond.send(Err(*error)),
            Ok(Outcome::Later(read)) => {
                let store = self.shared.env.store.clone();
                // This actor's own task is counted, so another may be.
                let task = self.shared.env.work.begin();
                spawn("owner-read", async move {
                    let _task = task;
                    let reply: Reply = read(store).await;
                    respond.send(reply);
                });
            }
        }
    }

    fn woken(&mut self) -> Option<End> {
        let now_ms = self.shared.env.clock.now_ms();
        if self.machine.core.next_deadline_ms().is_some_and(|deadline| deadline <= now_ms) {
            let machine = &mut self.machine;
            let Ok(turn) = catch_unwind(AssertUnwindSafe(|| machine.tick(now_ms))) else {
                return Some(End::Broken);
            };
            return self.commit(turn, Responder::none());
        }
        if !self.commits.is_empty() || !self.loads.is_empty() {
            return None;
        }
        let core = &self.machine.core;
        let state = if core.is_idle() { None } else { core.freeze() };
        let Some(state) = state else {
            // When the node ends, what only lives in memory ends with it.
            let may_go = core.is_idle() || self.shared.env.work.is_ending();
            let gone = may_go && self.shared.directory.leave(self.key, &self.receiver, None);
            return gone.then_some(End::Idle);
        };
        self.gauge.resting.store(true, Ordering::Relaxed);
        let resting = Resting { state, gauge: self.gauge.clone() };
        if self.shared.directory.leave(self.key, &self.receiver, Some(resting)) {
            return Some(End::Rest);
        }
        self.gauge.resting.store(false, Ordering::Relaxed);
        None
    }
}
