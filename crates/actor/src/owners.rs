//! The shell: mailboxes, loading, pipelined commits, effects. One loop for every kind of owner.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use consort_model::ApiError;
use consort_rpc::{Call, Effect, Host, MeshRef, Reply, Responder, Service};
use consort_runtime::{ActorGauge, ClockRef, Ids, Registry, spawn};
use consort_store::{Error, Row, StoreRef};
use futures_util::StreamExt as _;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::core::{Core, Load, Outcome};
use crate::turn::{Machine, Step, Turn};
use crate::{COMMITS_PENDING_MAX, IDLE, LOADS_PENDING_MAX, MAILBOX_CALLS_MAX};

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
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("node", &self.mesh.node()).finish_non_exhaustive()
    }
}

type Inbox<C> = mpsc::Sender<Call<<C as Core>::Service>>;
type Actors<C> = Arc<Mutex<HashMap<u64, Inbox<C>>>>;

/// All actors of one kind on this node; starts them as they are called.
pub struct Owners<C: Core> {
    env: Env,
    actors: Actors<C>,
}

impl<C: Core> fmt::Debug for Owners<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owners<{}>", C::Service::NAME)
    }
}

impl<C: Core> Owners<C> {
    /// A host without actors.
    pub fn new(env: Env) -> Arc<Self> {
        Arc::new(Self { env, actors: Arc::default() })
    }
}

impl<C: Core> Host<C::Service> for Owners<C> {
    fn deliver(&self, key: u64, call: Call<C::Service>) {
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        let inbox = actors.entry(key).or_insert_with(|| start::<C>(key, &self.env, &self.actors));
        let call = match inbox.try_send(call) {
            Ok(()) => return,
            Err(mpsc::error::TrySendError::Full(call)) => {
                return call.respond.send(Err(ApiError::overloaded()));
            }
            // It died without taking itself off the list: start it again.
            Err(mpsc::error::TrySendError::Closed(call)) => call,
        };
        let inbox = start::<C>(key, &self.env, &self.actors);
        if let Err(error) = inbox.try_send(call) {
            error.into_inner().respond.send(Err(ApiError::overloaded()));
        }
        actors.insert(key, inbox);
    }
}

fn start<C: Core>(key: u64, env: &Env, actors: &Actors<C>) -> Inbox<C> {
    let (sender, receiver) = mpsc::channel(MAILBOX_CALLS_MAX);
    let (env, actors, own) = (env.clone(), actors.clone(), sender.downgrade());
    spawn(C::Service::NAME, async move {
        let gauge = env.registry.add(C::Service::NAME, key);
        gauge.started_ms.store(env.clock.now_ms(), Ordering::Relaxed);
        let store = env.store.clone();
        let loaded = C::load(key, store, env.clock.now_ms()).await;
        let loaded = loaded.map(|core| core.or_else(|| C::vacant(key)));
        match loaded {
            Ok(Some(core)) => {
                for effect in core.started(&env.mesh.nodes()) {
                    env.mesh.perform(effect);
                }
                Actor::new(key, core, receiver, env.clone(), actors.clone(), gauge.clone()).run().await;
            }
            Ok(None) => refuse::<C>(receiver, key, &actors, C::not_found()).await,
            Err(error) => {
                tracing::error!(service = C::Service::NAME, key, %error, "an actor could not be loaded");
                refuse::<C>(receiver, key, &actors, ApiError::overloaded()).await;
            }
        }
        // Only this actor's own entry: a successor may have been started.
        let mut map = actors.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(listed), Some(own)) = (map.get(&key), own.upgrade())
            && listed.same_channel(&own)
        {
            map.remove(&key);
        }
        drop(map);
        env.registry.remove(C::Service::NAME, key, &gauge);
    });
    sender
}

/// Takes the actor off the list and answers everything in the mailbox with `error`.
async fn refuse<C: Core>(
    mut receiver: mpsc::Receiver<Call<C::Service>>,
    key: u64,
    actors: &Actors<C>,
    error: ApiError,
) {
    actors.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    receiver.close();
    while let Some(call) = receiver.recv().await {
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
    Row(Load, Option<Bytes>),
    Scan(Load, Vec<Row>),
}

type BoxFut<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A call and what it waited for.
type Brought<S> = (Parked<S>, Result<Loaded, Error>);

struct Actor<C: Core> {
    key: u64,
    machine: Machine<C>,
    receiver: mpsc::Receiver<Call<C::Service>>,
    env: Env,
    actors: Actors<C>,
    gauge: Arc<ActorGauge>,
    commits: FuturesOrdered<BoxFut<Committed>>,
    loads: FuturesUnordered<BoxFut<Brought<C::Service>>>,
}

/// Why the loop ends.
enum End {
    Idle,
    Over,
    Failed,
}

impl<C: Core> Actor<C> {
    fn new(
        key: u64,
        core: C,
        receiver: mpsc::Receiver<Call<C::Service>>,
        env: Env,
        actors: Actors<C>,
        gauge: Arc<ActorGauge>,
    ) -> Self {
        let machine = Machine::new(core, env.mesh.node(), env.ids.clone());
        let (commits, loads) = (FuturesOrdered::new(), FuturesUnordered::new());
        Self { key, machine, receiver, env, actors, gauge, commits, loads }
    }

    async fn run(mut self) {
        let end = loop {
            let wake = self.wake_at();
            let may_take = self.commits.len() < COMMITS_PENDING_MAX && self.loads.len() < LOADS_PENDING_MAX;
            let ended = tokio::select! {
                Some(committed) = self.commits.next(), if !self.commits.is_empty() => self.committed(committed),
                Some((parked, loaded)) = self.loads.next(), if !self.loads.is_empty() => self.loaded(parked, loaded),
                call = self.receiver.recv(), if may_take => match call {
                    Some(call) => self.take(Parked { call, scans: Vec::new() }),
                    None => Some(End::Over),
                },
                () = tokio::time::sleep_until(wake) => self.woken(),
            };
            if let Some(end) = ended {
                break end;
            }
            self.gauge.queue.store(self.receiver.len() as u64, Ordering::Relaxed);
            self.gauge.commits_pending.store(self.commits.len() as u64, Ordering::Relaxed);
        };
        match end {
            End::Idle => {}
            End::Over => refuse::<C>(self.receiver, self.key, &self.actors, C::not_found()).await,
            End::Failed => {
                tracing::error!(
                    service = C::Service::NAME,
                    key = self.key,
                    "an actor failed and will be loaded again"
                );
                refuse::<C>(self.receiver, self.key, &self.actors, ApiError::overloaded()).await;
            }
        }
    }

    fn wake_at(&self) -> Instant {
        let idle = Instant::now() + IDLE;
        let Some(deadline_ms) = self.machine.core.next_deadline_ms() else { return idle };
        let wait = deadline_ms.saturating_sub(self.env.clock.now_ms());
        idle.min(Instant::now() + Duration::from_millis(wait))
    }

    fn take(&mut self, parked: Parked<C::Service>) -> Option<End> {
        if parked.call.deadline < Instant::now() {
            return None;
        }
        let now_ms = self.env.clock.now_ms();
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
                Some(End::Failed)
            }
        }
    }

    fn load(&mut self, parked: Parked<C::Service>, load: Load) {
        let store = self.env.store.clone();
        self.loads.push(Box::pin(async move {
            let loaded = match load {
                Load::Row(table, partition, key) => {
                    let value = store.get(table, partition, key.clone()).await;
                    value.map(|value| Loaded::Row(Load::Row(table, partition, key), value))
                }
                Load::Scan(table, partition, range) => {
                    let rows = store.scan(table, partition, range.clone()).await;
                    rows.map(|rows| Loaded::Scan(Load::Scan(table, partition, range), rows))
                }
            };
            (parked, loaded)
        }));
    }

    fn loaded(&mut self, mut parked: Parked<C::Service>, loaded: Result<Loaded, Error>) -> Option<End> {
        match loaded {
            Ok(Loaded::Row(Load::Row(table, partition, key), value)) => {
                self.machine.rows.loaded((table, partition, key), value);
            }
            Ok(Loaded::Scan(load, rows)) => parked.scans.push((load, rows)),
            Ok(Loaded::Row(..)) => unreachable!("a row is loaded for a row"),
            Err(error) => {
                tracing::warn!(service = C::Service::NAME, key = self.key, %error, "a read failed");
                parked.call.respond.send(Err(ApiError::overloaded()));
                return None;
            }
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
        let written = (!batch.is_empty()).then(|| self.env.store.submit(batch));
        self.commits.push_back(Box::pin(async move {
            let result = match written {
                Some(written) => written.await,
                None => Ok(()),
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
        self.machine.rows.durable(number);
        self.complete(effects, outcome, respond);
        (self.machine.core.is_over() && self.commits.is_empty()).then_some(End::Over)
    }

    fn complete(&self, effects: Vec<Effect>, outcome: Result<Outcome, Box<ApiError>>, respond: Responder) {
        for effect in effects {
            self.env.mesh.perform(effect);
        }
        match outcome {
            Ok(Outcome::Answer(answer)) => respond.send(Ok(answer)),
            Err(error) => respond.send(Err(*error)),
            Ok(Outcome::Later(read)) => {
                let store = self.env.store.clone();
                spawn("owner-read", async move {
                    let reply: Reply = read(store).await;
                    respond.send(reply);
                });
            }
        }
    }

    fn woken(&mut self) -> Option<End> {
        let now_ms = self.env.clock.now_ms();
        if self.machine.core.next_deadline_ms().is_some_and(|deadline| deadline <= now_ms) {
            let turn = self.machine.tick(now_ms);
            return self.commit(turn, Responder::none());
        }
        let quiet = self.commits.is_empty() && self.loads.is_empty() && self.machine.core.is_idle();
        if !quiet {
            return None;
        }
        // Under the lock that senders hold, so that no call can slip in between the look and the removal.
        let mut actors = self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.receiver.is_empty() {
            return None;
        }
        actors.remove(&self.key);
        Some(End::Idle)
    }
}
