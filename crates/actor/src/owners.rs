//! The shell: mailboxes, tasks, the store and the mesh around the pipelines of all actors of one kind.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use consort_files::Links;
use consort_model::ApiError;
use consort_rpc::hand_over::Handed;
use consort_rpc::relay::{Epoch, Relay};
use consort_rpc::{Call, Caller, Effect, Host, MeshRef, NodeId, Number, Owner, Ownership, Service, Watcher};
use consort_runtime::{ActorState, ClockRef, Ids, Now, Planted, Random, Registry, spawn};
use consort_store::{Batch, Error, Row, Scan, StoreRef};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::alarm::Alarm;
use crate::core::Core;
use crate::directory::{Directory, Inbox, Resting};
use crate::gone::Gone;
use crate::hand_over::{self, Awaited, HAND_OVER_WAIT};
use crate::listed::Listed;
use crate::mailbox::{Mail, Mailbox};
use crate::moves::Moves;
use crate::outbox::Outbox;
use crate::pipeline::{End, Pipeline};
use crate::recovery;
use crate::running::{Actor, refuse};
use crate::turn::Machine;
use crate::work::{Kind, Task, Work};
use crate::{LOADING_MAX, MAILBOX_CALLS_MAX, MAILBOX_CASTS_MAX, RELOAD_PAUSE};

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
    pub(crate) fn now(&self) -> Now {
        Now::of(&self.clock)
    }
}

/// All actors of one kind on this node; starts them as they are called.
pub struct Owners<C: Core> {
    shared: Arc<Shared<C>>,
}

/// What the actors of one kind share.
pub(crate) struct Shared<C: Core> {
    pub(crate) env: Env,
    pub(crate) directory: Directory<C>,
    /// Actors beyond it wait for their turn to be loaded: when very many are called at once, the store is not asked more
    /// than it can take.
    loading: Semaphore,
    /// The nodes that have gone since this one began.
    pub(crate) gone: Gone,
    /// When the map changed: owners elsewhere may be about to hand over what they hold, and calls of nodes that have gone to come.
    pub(crate) moves: Moves,
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
        self.mail(key, |inbox| drop(inbox.map(|inbox| inbox.push(Mail::Look))));
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
        let registry = &self.env.registry;
        let gauge = registry.add(C::Service::NAME, key, self.env.clock.now_ms());
        let resting = Resting {
            state: handed.state.to_vec().into(),
            gauge: gauge.clone(),
            ownership,
            gone_seen: self.gone.count(),
            listeners: handed.listeners.into(),
            handed: Some(handed.epoch),
        };
        if self.directory.rest(key, resting).is_err() {
            return registry.remove(C::Service::NAME, key, &gauge);
        }
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
            if inbox.room() <= MAILBOX_CASTS_MAX && !call.is_sent() {
                return call.respond.send(Err(ApiError::overloaded()));
            }
            if let Err(mail) = inbox.push(Mail::Call(Box::new(call)))
                && let Some(call) = mail.into_call()
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
    pub(crate) fn refusal(&self, key: u64) -> ApiError {
        match self.env.mesh.owner_of::<C::Service>(key) {
            Some(owner) if owner == self.env.mesh.node() => ApiError::overloaded(),
            _ => consort_rpc::moved(),
        }
    }

    /// What an owner held that has lost its key, for the next.
    pub(crate) fn handed(
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
            // Otherwise what another node has written since may be missing. In doubt it is not: these are rows of the store.
            let holds = shared.env.mesh.holds::<C::Service>(key, ownership);
            call.respond.send(if holds { reply } else { Err(consort_rpc::moved()) });
        });
        None
    }

    /// Gives the mailbox of an actor to `send`. One that does not run is started, unless this node does not own it or ends.
    pub(crate) fn mail(&self, key: u64, send: impl FnOnce(Option<&Inbox<C>>)) {
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
    let (sender, receiver) = Mailbox::new(MAILBOX_CALLS_MAX + MAILBOX_CASTS_MAX);
    let (shared, own) = (shared.clone(), sender.clone());
    spawn(C::Service::NAME, async move {
        // Dropped last: until then the store must not close.
        let _task = task;
        let env = &shared.env;
        let mut broken = Broken(Some(env.work.clone()));
        let id = (C::Service::NAME, key);
        let (memory, mut listed, gone_seen) = match resting {
            Some(Resting { state, gauge, gone_seen, handed, .. }) => {
                let memory = Memory { state, handed };
                (Some(memory), Listed::new(id, env, own.clone(), Some(gauge)), gone_seen)
            }
            None => {
                let (gone, listed) = (shared.gone.count(), Listed::new(id, env, own.clone(), None));
                let handed = shared.await_hand_over(key, ownership).await;
                let memory = handed
                    .map(|handed| Memory { state: handed.state.to_vec().into(), handed: Some(handed.epoch) });
                (memory, listed, gone)
            }
        };
        listed.live.set_epoch(ownership.epoch);
        if memory.is_some() {
            listed.live.set_state(ActorState::Thawing);
        }
        let _running = shared.directory.count_running();
        match load::<C>(&shared, key, ownership, memory).await {
            Ok(Some((core, left))) => {
                let me = (env.mesh.node(), Epoch::next(ownership.epoch));
                let machine = Machine::new(core, me, env.ids.clone(), env.links.clone(), Random::system());
                let machine = machine.shared(ownership.fenced);
                let pipeline = Pipeline::new(machine, key, ownership).with_alarm(left.alarm_ms);
                let pipeline = pipeline.seen_in(listed.live.clone());
                let mut actor = Actor::new((key, ownership), pipeline, receiver, shared.clone(), &listed);
                actor.gone_seen = gone_seen;
                listed.live.set_state(ActorState::Running);
                actor.lose(&left.strangers);
                // Apart from the task, whose size is that of its largest step for as long as it lives.
                listed.stays = Box::pin(actor.run(left.pending)).await == End::Rest;
            }
            Ok(None) => refuse::<C>(receiver, key, &shared.directory, &C::not_found()),
            Err(error) => {
                tracing::error!(service = C::Service::NAME, key, %error, "an actor could not be loaded");
                env.work.may_owe();
                refuse::<C>(receiver, key, &shared.directory, &ApiError::overloaded());
            }
        }
        // Only this actor's own entry: a successor may have been started.
        shared.directory.remove_if(key, &own);
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
