//! The shell: mailboxes, tasks, the store and the mesh around the pipelines of all actors of one kind.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Poll;
use std::time::Duration;

use consort_files::Links;
use consort_model::ApiError;
use consort_rpc::hand_over::Handed;
use consort_rpc::relay::{Epoch, Relay};
use consort_rpc::{Call, Caller, Effect, Host, MeshRef, NodeId, Number, Owner, Ownership, Service, Watcher};
use consort_runtime::{ActorGauge, ClockRef, Ids, Now, Planted, Random, Registry, spawn};
use consort_store::{Batch, Error, Row, Scan, StoreRef};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::core::{Core, Load};
use crate::directory::{Directory, Inbox, Receiver, Resting};
use crate::gone::Gone;
use crate::hand_over::{self, Awaited, HAND_OVER_WAIT};
use crate::moves::{LateCalls, Moves};
use crate::outbox::{Outbox, Sending};
use crate::pipeline::{End, Input, Loaded, Output, Pipeline};
use crate::recovery;
use crate::scheduler::STAYS_BEFORE_MS;
use crate::turn::Machine;
use crate::work::{Kind, Task, Work};
use crate::{LINGER, LOADING_MAX, MAILBOX_CALLS_MAX, MAILBOX_CASTS_MAX, RELOAD_PAUSE};

/// Between two looks at an actor that nobody calls and whose effects nobody takes.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

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
    /// What makes the addresses of files.
    pub links: Links,
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

impl Env {
    fn now(&self) -> Now {
        Now::of(&self.clock)
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
    /// The nodes that have gone since this one began.
    gone: Gone,
    /// When the map changed: owners elsewhere may be about to hand over what they hold, and calls of nodes that have gone to come.
    moves: Moves,
    /// Actors that wait for that.
    awaited: Awaited,
    /// Where actors run, once there was one: to wake them from whatever thread changes the map.
    runtime: OnceLock<tokio::runtime::Handle>,
    /// To be given to tasks.
    own: Weak<Self>,
}

impl<C: Core> fmt::Debug for Owners<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Owners<{}>", C::Service::NAME)
    }
}

impl<C: Core> Owners<C> {
    /// A host without actors.
    pub fn new(env: Env) -> Arc<Self> {
        let shared = Arc::new_cyclic(|own| Shared {
            env,
            directory: Directory::default(),
            loading: Semaphore::new(LOADING_MAX),
            gone: Gone::default(),
            moves: Moves::default(),
            awaited: Awaited::default(),
            runtime: OnceLock::new(),
            own: own.clone(),
        });
        let (kind, watcher): (Weak<Shared<C>>, Weak<Shared<C>>) =
            (Arc::downgrade(&shared), Arc::downgrade(&shared));
        shared.env.work.add(kind);
        hand_over::host(&shared.env.mesh, &shared.env.work);
        shared.env.mesh.watch(watcher);
        Arc::new(Self { shared })
    }
}

impl<C: Core> Kind for Shared<C> {
    fn service(&self) -> &'static str {
        C::Service::NAME
    }

    fn rouse(&self) {
        self.directory.rouse();
    }

    fn wake(&self, key: u64) {
        // One whose mailbox is full is awake.
        self.mail(key, |inbox| drop(inbox.map(|inbox| inbox.try_send(None))));
    }

    fn owns(&self, key: u64) -> bool {
        self.env.mesh.owner_of::<C::Service>(key) == Some(self.env.mesh.node())
    }

    fn take_over(&self, handed: Handed) {
        let (key, rested) = (handed.owner.key, handed.rested);
        if C::FROZEN_FORMAT != Some(handed.format) {
            return;
        }
        // Whoever has started without it keeps what it has learnt itself.
        let Some(handed) = self.awaited.arrive(handed) else { return };
        let Some(ownership) = self.env.mesh.claim::<C::Service>(key) else { return };
        let listed = Listed::new(C::Service::NAME, key, &self.env);
        listed.gauge.resting.store(true, Ordering::Relaxed);
        let resting = Resting {
            state: handed.state.to_vec().into(),
            gauge: listed.gauge.clone(),
            ownership,
            gone_seen: self.gone.count(),
            listeners: handed.listeners.into(),
            handed: Some(handed.epoch),
        };
        if self.directory.rest(key, resting).is_err() {
            return;
        }
        listed.stay();
        if !rested && let (Some(shared), Some(runtime)) = (self.own.upgrade(), self.runtime()) {
            runtime.spawn(async move { shared.wake(key) });
        }
    }
}

impl<C: Core> Watcher for Shared<C> {
    /// One notice, however many sessions the node had: each actor takes out its own. [`Watcher::moved`], which follows, rouses
    /// those that run.
    fn node_gone(&self, node: NodeId, _generation: u64) {
        self.gone.add(node);
        let resting = self.directory.resting_with(node);
        if resting.is_empty() {
            return;
        }
        if let (Some(shared), Some(runtime)) = (self.own.upgrade(), self.runtime()) {
            runtime.spawn(async move { resting.into_iter().for_each(|key| shared.wake(key)) });
        }
    }

    fn moved(&self) {
        let (mesh, service) = (&self.env.mesh, C::Service::NAME);
        self.moves.note();
        let dropped = self.directory.drop_resting(|key, ownership| mesh.holds::<C::Service>(key, ownership));
        let handed = dropped.into_iter().filter_map(|(key, resting)| {
            self.env.registry.remove(service, key, &resting.gauge);
            // One that was handed to this node and has not been awake since is still the memory of the owner before.
            let epoch = resting.handed.unwrap_or(resting.ownership.epoch);
            let listeners = resting.listeners.to_vec();
            let to = mesh.owner_of::<C::Service>(key)?;
            Some((to, self.handed(key, (epoch, resting.state), listeners, true)?))
        });
        hand_over::send(mesh, handed);
        self.directory.rouse();
        self.env.work.has_moved();
    }
}

impl<C: Core> Host<C::Service> for Owners<C> {
    fn deliver(&self, key: u64, call: Call<C::Service>) {
        let work = &self.shared.env.work;
        if work.is_ending() && (!call.is_sent() || work.is_over()) {
            return work.turn_away(call, self.shared.refusal(key));
        }
        let Some(call) = self.shared.answer_beside(key, call) else { return };
        self.shared.mail(key, |inbox| {
            let Some(inbox) = inbox else { return work.turn_away(call, self.shared.refusal(key)) };
            // The last places are for what actors send: whoever waits for an answer can ask again.
            if inbox.capacity() <= MAILBOX_CASTS_MAX && !call.is_sent() {
                return call.respond.send(Err(ApiError::overloaded()));
            }
            if let Err(error) = inbox.try_send(Some(Box::new(call)))
                && let Some(call) = error.into_inner()
            {
                if call.respond.is_cast() {
                    tracing::warn!(service = C::Service::NAME, key, "a mailbox was full, news are lost");
                }
                call.respond.send(Err(ApiError::overloaded()));
            }
        });
    }
}

impl<C: Core> Shared<C> {
    /// The runtime that actors run on, once there was one or when called on it.
    fn runtime(&self) -> Option<tokio::runtime::Handle> {
        self.runtime.get().cloned().or_else(|| tokio::runtime::Handle::try_current().ok())
    }

    /// What a call is answered that finds no owner here: where the key is another node's, or soon, its caller is to look again.
    fn refusal(&self, key: u64) -> ApiError {
        match self.env.mesh.owner_of::<C::Service>(key) {
            Some(owner) if owner == self.env.mesh.node() => ApiError::overloaded(),
            _ => consort_rpc::moved(),
        }
    }

    /// What an owner held that has lost its key, for the next.
    fn handed(
        &self,
        key: u64,
        (epoch, state): (u64, Box<[u8]>),
        listeners: Vec<NodeId>,
        rested: bool,
    ) -> Option<Handed> {
        let owner = Owner::of::<C::Service>(key);
        Some(Handed { owner, epoch, format: C::FROZEN_FORMAT?, state: state.into(), listeners, rested })
    }

    /// Waits for what the owner before, on another node, hands over, if the map has just changed.
    async fn await_hand_over(&self, key: u64, ownership: Ownership) -> Option<Handed> {
        let may_come = ownership.fenced && C::FROZEN_FORMAT.is_some();
        let until = self.moves.last().filter(|_| may_come)? + HAND_OVER_WAIT;
        if until <= Instant::now() {
            return None;
        }
        let handed = tokio::time::timeout_at(until, self.awaited.expect(key)).await;
        self.awaited.forget(key);
        handed.ok()?.ok()
    }

    /// Has a call answered from rows for which the actor need not be started ([`Core::beside`]). Gives it back if it is not
    /// such a call.
    fn answer_beside(&self, key: u64, call: Call<C::Service>) -> Option<Call<C::Service>> {
        let Some(read) = C::beside(key, &call.caller, &call.op, self.env.clock.now_ms()) else {
            return Some(call);
        };
        if self.directory.has(key) {
            return Some(call);
        }
        let Some(ownership) = self.env.mesh.claim::<C::Service>(key) else { return Some(call) };
        let Some((task, shared)) = self.env.work.begin().zip(self.own.upgrade()) else { return Some(call) };
        spawn("owner-beside", async move {
            let _task = task;
            // As for those that are loaded: the store is not asked more than it can take.
            let _turn = shared.loading.acquire().await;
            if call.deadline < Instant::now() {
                return;
            }
            let reply = read(shared.env.store.clone()).await;
            // Otherwise what another node has written since may be missing.
            let holds = shared.env.mesh.holds::<C::Service>(key, ownership);
            call.respond.send(if holds { reply } else { Err(consort_rpc::moved()) });
        });
        None
    }

    /// Gives the mailbox of an actor to `send`. One that does not run is started, unless this node does not own it or ends.
    fn mail(&self, key: u64, send: impl FnOnce(Option<&Inbox<C>>)) {
        let start = |resting| start(&self.own.upgrade()?, key, resting, self.env.work.begin()?);
        self.directory.with_inbox(key, start, send);
    }

    /// The right to run an actor: that with which it rested, as long as it holds, or a new one.
    fn claim(&self, key: u64, resting: Option<Resting>) -> Option<(Ownership, Option<Resting>)> {
        let mesh = &self.env.mesh;
        match resting.filter(|resting| mesh.holds::<C::Service>(key, resting.ownership)) {
            Some(resting) => Some((resting.ownership, Some(resting))),
            None => Some((mesh.claim::<C::Service>(key)?, None)),
        }
    }
}

/// Starts the task of an actor, which may come back from its rest. `None` when this node does not own it.
fn start<C: Core>(
    shared: &Arc<Shared<C>>,
    key: u64,
    resting: Option<Resting>,
    task: Task,
) -> Option<Inbox<C>> {
    let (ownership, resting) = shared.claim(key, resting)?;
    let _runtime = shared.runtime.get_or_init(tokio::runtime::Handle::current);
    let (sender, receiver) = mpsc::channel(MAILBOX_CALLS_MAX + MAILBOX_CASTS_MAX);
    let (shared, own) = (shared.clone(), sender.downgrade());
    spawn(C::Service::NAME, async move {
        // Dropped last: until then the store must not close.
        let _task = task;
        let env = &shared.env;
        let mut broken = Broken(Some(env.work.clone()));
        let (memory, mut listed, gone_seen) = match resting {
            Some(Resting { state, gauge, gone_seen, handed, .. }) => {
                let memory = Memory { state, handed };
                (Some(memory), Listed::again(C::Service::NAME, key, env, gauge), gone_seen)
            }
            None => {
                let gone = shared.gone.count();
                let handed = shared.await_hand_over(key, ownership).await;
                let memory = handed
                    .map(|handed| Memory { state: handed.state.to_vec().into(), handed: Some(handed.epoch) });
                (memory, Listed::new(C::Service::NAME, key, env), gone)
            }
        };
        let _running = shared.directory.count_running();
        match load::<C>(&shared, key, ownership, memory).await {
            Ok(Some((core, left))) => {
                let me = (env.mesh.node(), Epoch::next(ownership.epoch));
                let machine = Machine::new(core, me, env.ids.clone(), env.links.clone(), Random::system());
                let machine = machine.shared(ownership.fenced);
                let pipeline = Pipeline::new(machine, key, ownership).with_alarm(left.alarm_ms);
                let mut actor =
                    Actor::new(key, pipeline, ownership, receiver, shared.clone(), listed.gauge.clone());
                actor.gone_seen = gone_seen;
                actor.lose(&left.strangers);
                // Apart from the task, whose size is that of its largest step for as long as it lives.
                listed.stays = Box::pin(actor.run(left.pending)).await == End::Rest;
            }
            Ok(None) => refuse::<C>(receiver, key, &shared.directory, C::not_found()).await,
            Err(error) => {
                tracing::error!(service = C::Service::NAME, key, %error, "an actor could not be loaded");
                env.work.may_owe();
                refuse::<C>(receiver, key, &shared.directory, ApiError::overloaded()).await;
            }
        }
        // Only this actor's own entry: a successor may have been started.
        if let Some(own) = own.upgrade() {
            shared.directory.remove_if(key, &own);
        }
        broken.0 = None;
    });
    Some(sender)
}

/// Has the recovery task look for an actor whose task breaks where nobody can say so any more: it may have effects pending.
struct Broken(Option<Work>);

impl Drop for Broken {
    fn drop(&mut self) {
        if let Some(work) = &self.0 {
            work.may_owe();
        }
    }
}

type Loading<C> = Option<(C, Left)>;

/// What the kit itself has kept of an owner.
struct Left {
    pending: Vec<(Number, Effect)>,
    alarm_ms: Option<u64>,
    /// Nodes that an owner elsewhere spoke to and that are not there any more.
    strangers: Vec<NodeId>,
    /// Whether marks may be there that nothing can need any more.
    old_marks: bool,
}

/// What an actor has kept in memory while it rested or moved.
struct Memory {
    state: Box<[u8]>,
    /// The epoch of the owner on another node that has handed it over.
    handed: Option<u64>,
}

/// Brings an actor to life from its rows, with the effects it had pending, and from what it kept while it rested. What rested
/// lives nowhere else, so its rows are read again until the store gives them; calls that cannot wait that long are dropped by
/// their deadlines.
async fn load<C: Core>(
    shared: &Shared<C>,
    key: u64,
    ownership: Ownership,
    mut memory: Option<Memory>,
) -> Result<Loading<C>, Error> {
    let env = &shared.env;
    if let Some(epoch) = memory.as_ref().and_then(|memory| memory.handed)
        && !hand_over::is_latest(&env.store, &Owner::of::<C::Service>(key), epoch).await?
    {
        tracing::info!(service = C::Service::NAME, key, epoch, "what an older owner held is not taken");
        memory = None;
    }
    // What rests comes back often, and has been here before.
    let is_new = memory.is_none();
    let (loaded, mut left) = loop {
        let turn = shared.loading.acquire().await;
        match read::<C>(env, key, ownership, is_new).await {
            // Once a later owner has written, this one is none, and must leave so that its next claim is a new one.
            Err(error) if memory.is_some() && !matches!(error, Error::Closed | Error::StaleEpoch { .. }) => {
                tracing::warn!(service = C::Service::NAME, key, %error, "a resting actor is read again");
            }
            loaded => break loaded?,
        }
        drop(turn);
        tokio::time::sleep(RELOAD_PAUSE).await;
    };
    let Some(mut core) = loaded.or_else(|| C::vacant(key)) else { return Ok(None) };
    if let Some(newest) = core.newest_id()
        && !Planted::IdsByClockAlone.is_here()
    {
        env.ids.observe(newest);
    }
    let moved = memory.as_ref().is_some_and(|memory| memory.handed.is_some());
    let thawed = memory.is_some_and(|memory| {
        let thawed = core.thaw(&memory.state, env.clock.now_ms());
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
        for fact in core.started(&env.mesh.nodes_of::<Relay>()) {
            env.mesh.tell(Caller::system(), fact);
        }
    }
    if left.old_marks {
        forget_marks::<C>(env, key);
    }
    if moved && thawed {
        // Its sender may not have heard yet of all who are gone.
        let nodes = env.mesh.nodes_of::<Relay>();
        left.strangers = core.listeners().into_iter().filter(|node| !nodes.contains(node)).collect();
    }
    Ok(Some((core, left)))
}

/// Forgets marks that nothing can need any more, beside the owner.
fn forget_marks<C: Core>(env: &Env, key: u64) {
    let Some(task) = env.work.begin() else { return };
    let env = env.clone();
    spawn("owner-marks", async move {
        let (_task, owner) = (task, Owner::of::<C::Service>(key));
        if let Err(error) = recovery::forget_marks(&env, &owner).await {
            tracing::warn!(%owner, %error, "old marks could not be forgotten");
        }
    });
}

/// Reads the rows of an owner. Where another node could still write them, its epoch is shut out first: a batch of the last owner
/// that is on its way to the store is then either seen by this reading or never written. Without, it could be acknowledged
/// and yet be missing in the memory of its successor.
///
/// `is_new`: it does not come back from its rest, so its marks are looked at, too.
async fn read<C: Core>(
    env: &Env,
    key: u64,
    ownership: Ownership,
    is_new: bool,
) -> Result<(Option<C>, Left), Error> {
    if ownership.fenced && !Planted::LoadWithoutFence.is_here() {
        let mut batch = Batch::new();
        batch.require_epoch(C::Service::NAME, key, ownership.epoch);
        env.store.commit(batch).await?;
    }
    let (me, now_ms) = (Owner::of::<C::Service>(key), env.clock.now_ms());
    let mut scans = C::first_scans(key);
    let of_core = scans.len();
    scans.push(Outbox::scan(&me));
    scans.extend(C::HAS_ALARMS.then(|| Alarm::scan(&me)));
    scans.extend(is_new.then(|| recovery::marks_scan(&me)));
    let mut first = look(&env.store, scans).await?;
    let mut of_kit = first.split_off(of_core).into_iter();
    let mut next = || of_kit.next().unwrap_or_default();
    let outbox = next();
    let alarm_ms = if C::HAS_ALARMS { Alarm::of(&next())? } else { None };
    let old_marks = is_new && recovery::may_have_old_marks(&next(), now_ms);
    let core = C::load(key, first, env.store.clone(), now_ms).await?;
    let pending = Outbox::read(&env.store, &me, outbox).await?;
    Ok((core, Left { pending, alarm_ms, strangers: Vec::new(), old_marks }))
}

/// Reads several intervals at once; one after the other what is too large together.
async fn look(store: &StoreRef, scans: Vec<Scan>) -> Result<Vec<Vec<Row>>, Error> {
    match store.scan_many(scans.clone()).await {
        Err(Error::TooLarge) => {}
        found => return found,
    }
    let mut found = Vec::with_capacity(scans.len());
    for Scan { table, partition, range } in scans {
        found.push(store.scan(table, partition, range).await?);
    }
    Ok(found)
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

impl Listed {
    /// It stays on the list although this goes.
    fn stay(mut self) {
        self.stays = true;
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

/// Takes the actor off the list and gives what has come meanwhile to the next one: what was not there for this one may be made
/// by one of these calls. What the next one does not find either it refuses itself.
async fn forward<C: Core>(mut receiver: Receiver<C>, key: u64, shared: &Arc<Shared<C>>) {
    shared.directory.remove(key);
    receiver.close();
    while let Some(mail) = receiver.recv().await {
        let Some(call) = mail else { continue };
        shared.mail(key, |inbox| {
            let Some(inbox) = inbox else { return shared.env.work.turn_away(*call, shared.refusal(key)) };
            if let Err(error) = inbox.try_send(Some(call))
                && let Some(call) = error.into_inner()
            {
                call.respond.send(Err(ApiError::overloaded()));
            }
        });
    }
}

type Pending<S> = FuturesUnordered<Pin<Box<dyn Future<Output = Input<S>> + Send>>>;

/// One actor at work: its pipeline, its mailbox, and what it waits for.
struct Actor<C: Core> {
    key: u64,
    pipeline: Pipeline<C>,
    ownership: Ownership,
    receiver: Receiver<C>,
    shared: Arc<Shared<C>>,
    gauge: Arc<ActorGauge>,
    /// Commits, loads and effects under way.
    pending: Pending<C::Service>,
    /// Outputs of the pipeline that are being carried out; kept for its room.
    out: Vec<Output>,
    /// When the last call came.
    called: Instant,
    /// Not to be put away before: something was under way.
    stay_until: Instant,
    /// How many of the nodes that have gone it has seen.
    gone_seen: usize,
    late_calls: LateCalls,
}

impl<C: Core> Actor<C> {
    fn new(
        key: u64,
        pipeline: Pipeline<C>,
        ownership: Ownership,
        receiver: Receiver<C>,
        shared: Arc<Shared<C>>,
        gauge: Arc<ActorGauge>,
    ) -> Self {
        let (pending, out, now) = (FuturesUnordered::new(), Vec::new(), Instant::now());
        let (called, stay_until) = (now, now);
        let gone_seen = 0;
        Self {
            key,
            pipeline,
            ownership,
            receiver,
            shared,
            gauge,
            pending,
            out,
            called,
            stay_until,
            gone_seen,
            late_calls: LateCalls::default(),
        }
    }

    async fn run(mut self, pending: Vec<(Number, Effect)>) -> End {
        self.out = self.pipeline.start(pending);
        self.perform(&mut VecDeque::new());
        let end = loop {
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
            self.gauge.queue.store(self.receiver.len() as u64, Ordering::Relaxed);
            self.gauge.commits_pending.store(self.pipeline.committing() as u64, Ordering::Relaxed);
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
            mail = self.receiver.recv(), if self.pipeline.may_take() => match mail {
                Some(Some(call)) => self.take(*call),
                Some(None) | None => {
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

    fn take(&mut self, call: Call<C::Service>) {
        self.called = Instant::now();
        self.check_ownership();
        self.check_nodes();
        self.gauge.handled.fetch_add(1, Ordering::Relaxed);
        self.feed(Input::Call(call));
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
    fn lose(&mut self, nodes: &[NodeId]) {
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

    /// Has the pipeline take an input and whatever follows at once.
    fn feed(&mut self, input: Input<C::Service>) {
        let now = self.shared.env.now();
        let mut decided = VecDeque::from([input]);
        loop {
            match decided.pop_front() {
                Some(input) => self.pipeline.handle(now, input, &mut self.out),
                None if self.pipeline.proceed(now, &mut self.out) => {}
                None => break,
            }
            self.perform(&mut decided);
        }
        self.gauge.busy_us.fetch_add(now.mono.elapsed().as_micros() as u64, Ordering::Relaxed);
        self.gauge.active_ms.store(now.wall_ms, Ordering::Relaxed);
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
        self.gauge.resting.store(true, Ordering::Relaxed);
        let resting = Resting {
            state,
            gauge: self.gauge.clone(),
            ownership: self.ownership,
            gone_seen: self.gone_seen,
            listeners: core.listeners().into(),
            handed: None,
        };
        if self.shared.directory.leave(self.key, &self.receiver, Some(resting)) {
            return Some(End::Rest);
        }
        self.gauge.resting.store(false, Ordering::Relaxed);
        None
    }

    /// Waits until the store has decided about all batches: a successor that loads while one is on its way would never see
    /// it. Then whoever still waits is answered.
    async fn finish(mut self, end: End) {
        while self.pipeline.is_committing() {
            match self.pending.next().await {
                Some(input) => self.feed(input),
                None => break,
            }
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
            return forward::<C>(self.receiver, self.key, &self.shared).await;
        }
        let (owes, refusal) = (self.pipeline.owes(), self.pipeline.refusal());
        refuse::<C>(self.receiver, self.key, &self.shared.directory, refusal).await;
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
