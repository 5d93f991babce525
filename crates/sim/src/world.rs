//! The nodes of a cluster, their lives, and what happens to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use consort_account::Account;
use consort_actor::{Env, Owners, Work, run_recovery, run_scheduler};
use consort_application::Application;
use consort_files::Links;
use consort_guild::Guild;
use consort_model::Message;
use consort_rpc::{
    Answer, Call, Host, Mesh, MeshRef, NodeId, account, application, guild, private, user, voice,
};
use consort_runtime::{Ids, Registry, Scope, spawn};
use consort_store::memory::Memory;
use consort_store::{Range, StoreExt as _, Table};
use consort_user::{PrivateChannel, User};
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::clock::{START_MS, SimClock};
use crate::device::Device;
use crate::directory::{Maps, Seen};
use crate::disk::{Disk, Ledger};
use crate::edge::Edge;
use crate::logins::Logins;
use crate::network::{End, Network};
use crate::people::{People, Person};
use crate::{Plan, Report, checks, queues};

/// How long after everything is mended until all that was caused must have been done. The last to happen: an owner that has
/// no more to do forgets what was acknowledged when it is put away, after ten minutes, and may have to be loaded once more.
const SETTLE: Duration = Duration::from_secs(1_500);

/// How long after everything is mended until clients must have heard everything.
const CONVERGE: Duration = Duration::from_secs(120);
/// How long a node is away from the map at most, and how long it takes at most until all have heard that it is back.
const STRIKE_MAX: Duration = Duration::from_secs(12);
const HEARD_BY_ALL: Duration = Duration::from_secs(8);
/// How long clients take to be judged.
const JUDGE: Duration = Duration::from_secs(60);

/// A voice server that carries nothing.
struct Silent;

impl Host<voice::Voice> for Silent {
    fn deliver(&self, _guild: u64, call: Call<voice::Voice>) {
        call.respond.send(Ok(Answer::Empty));
    }
}

/// One life of a node, from its start to its crash.
pub(crate) struct Life {
    pub(crate) scope: Scope,
    pub(crate) mesh: MeshRef,
    pub(crate) ids: Arc<Ids>,
    pub(crate) edge: Arc<Edge>,
    pub(crate) registry: Registry,
    /// How often it was taken from the map, or lost its links, and until when others may think that it is gone.
    strikes: AtomicU64,
    doubted_until: Mutex<Option<Instant>>,
    /// What had befallen the others when it was drained.
    quiet: AtomicU64,
    seen: Arc<Seen>,
    pub(crate) disk: Arc<Disk>,
    clock: Arc<SimClock>,
}

impl Life {
    /// How often it was taken from the map, or lost its links: others may have let go of its sessions.
    pub(crate) fn struck(&self) -> u64 {
        self.strikes.load(Ordering::Relaxed)
    }

    /// Whether others may think that it is gone, or have just learnt that it is not.
    pub(crate) fn is_doubted(&self) -> bool {
        let until = self.doubted_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether it was drained and has given all its sessions to others, and nothing has befallen those since.
    pub(crate) fn has_left_all_well(&self, world: &World) -> bool {
        self.edge.has_given_all() && world.befallen(self) == self.quiet.load(Ordering::Relaxed)
    }

    /// Something befalls it, and is over after so long, until all have heard of it.
    fn strike(&self, lasts: Duration) {
        self.strikes.fetch_add(1, Ordering::Relaxed);
        let until = Instant::now() + lasts + HEARD_BY_ALL;
        *self.doubted_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }
}

/// A cluster.
pub(crate) struct World {
    pub(crate) memory: Memory,
    pub(crate) chance: Chance,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) report: Mutex<Report>,
    pub(crate) plan: Plan,
    began: Instant,
    scope: Scope,
    network: Network,
    maps: Arc<Maps>,
    /// Whether disks work as they should.
    sound: Arc<AtomicBool>,
    lives: Mutex<BTreeMap<NodeId, Arc<Life>>>,
    stage: Mutex<Stage>,
    logins: Mutex<Logins>,
}

/// How far a simulation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// People are at work, and things happen.
    Busy,
    /// Everything works again.
    Calm,
    /// Nothing is on its way any more: what clients know is what is so.
    Judged,
    /// Whoever is still there is late.
    Over,
}

/// Who hears of a map, and of what.
struct Told {
    /// A node that does not hear.
    deaf: Option<NodeId>,
    /// A node whose next life this is.
    again: Option<NodeId>,
}

impl Told {
    const ALL: Self = Self { deaf: None, again: None };
}

/// Runs a plan in the current runtime.
pub(crate) async fn simulate(plan: Plan) -> Report {
    let world = World::new(plan);
    let people = Arc::new(People::register(&world).await);
    let nodes: Vec<NodeId> = (0..plan.nodes).map(NodeId).collect();
    nodes.iter().for_each(|node| world.start(*node));
    world.scope.run(|| spawn("queues", queues::watch(world.clone())));
    let persons: Vec<_> = (1..=plan.people)
        .map(|id| {
            let person = Person::new(id, world.clone(), people.clone());
            world.scope.run(|| spawn("person", person.live(plan.duration)))
        })
        .collect();
    let devices: Vec<_> = (1..=plan.people)
        .map(|id| {
            let device = Device::new(id, world.clone());
            world.scope.run(|| spawn("device", device.live()))
        })
        .collect();
    if plan.faults && plan.nodes > 1 {
        world.misfortunes(plan.duration).await;
    }
    for person in persons {
        let _ended = person.await;
    }
    world.mend().await;
    world.enter(Stage::Calm);
    sleep(CONVERGE).await;
    world.enter(Stage::Judged);
    sleep(JUDGE).await;
    world.enter(Stage::Over);
    for device in devices {
        if let Ok(Some((events, broken))) = device.await {
            world.report().events += events;
            world.report().broken.extend(broken);
        }
    }
    sleep(SETTLE).await;
    let left = queues::left(&world).await;
    world.report().broken.extend(left);
    let mut report = world.report().clone();
    report.broken.extend(checks::all(&world, &people).await);
    world.end();
    report
}

impl World {
    fn new(plan: Plan) -> Arc<Self> {
        let chance = Chance::new(plan.seed);
        let scope = Scope::default();
        let nodes = (0..plan.nodes).map(NodeId).collect();
        Arc::new(Self {
            memory: Memory::new(),
            network: Network::new(chance.fork(), scope.clone()),
            chance,
            ledger: Arc::default(),
            report: Mutex::default(),
            plan,
            began: Instant::now(),
            scope,
            maps: Maps::new(nodes),
            sound: Arc::new((!plan.faults).into()),
            lives: Mutex::default(),
            stage: Mutex::new(Stage::Busy),
            logins: Mutex::default(),
        })
    }

    pub(crate) fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With what people are logged in.
    pub(crate) fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lives(&self) -> MutexGuard<'_, BTreeMap<NodeId, Arc<Life>>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many people there are; they are numbered from 1.
    pub(crate) fn people(&self) -> u64 {
        self.plan.people
    }

    pub(crate) fn stage(&self) -> Stage {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// The messages that are stored of a channel, and their texts.
    pub(crate) async fn stored_messages(&self, channel: u64) -> BTreeMap<u64, String> {
        let rows = self.memory.scan_rows::<Message>(Table::Messages, channel, Range::all(10_000)).await;
        let rows = rows.unwrap_or_default().into_iter();
        rows.map(|(_, message)| (message.id.get(), message.content)).collect()
    }

    /// The true wall time, Unix milliseconds.
    pub(crate) fn wall_ms(&self) -> u64 {
        START_MS + self.passed_ms()
    }

    /// Some living node.
    pub(crate) fn any(&self, chance: &Chance) -> Option<Arc<Life>> {
        let lives: Vec<_> = self.lives().values().cloned().collect();
        chance.pick(&lives).cloned()
    }

    /// All living nodes.
    pub(crate) fn all(&self) -> Vec<Arc<Life>> {
        self.lives().values().cloned().collect()
    }

    /// Simulated time that has passed, milliseconds.
    pub(crate) fn passed_ms(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }

    fn start(self: &Arc<Self>, node: NodeId) {
        let chance = &self.chance;
        let scope = Scope::default();
        let disk = Disk::new(self.memory.clone(), node, self.ledger.clone());
        self.scope.run(|| spawn("disk", disk.clone().serve(chance.fork(), self.sound.clone())));
        let skew_ms = chance.of(0..400) as i64 - 200;
        let clock = SimClock::new(self.began, skew_ms);
        let seen = Seen::new(node, self.maps.clone());
        let end = End { node, network: self.network.clone() };
        let mesh = Mesh::new(node, seen.clone(), Arc::new(end));
        self.network.join(&mesh, &scope);
        let ids = Arc::new(Ids::new(node.0));
        let registry = Registry::default();
        let env = Env {
            clock: clock.clone(),
            store: disk.clone(),
            mesh: mesh.clone(),
            ids: ids.clone(),
            links: Links::sample(),
            registry: registry.clone(),
            work: Work::default(),
        };
        let edge = scope.run(|| Edge::start(&mesh, clock.clone()));
        scope.run(|| {
            mesh.host::<guild::Guild>(Owners::<Guild>::new(env.clone()));
            mesh.host::<user::User>(Owners::<User>::new(env.clone()));
            mesh.host::<account::Account>(Owners::<Account>::new(env.clone()));
            mesh.host::<private::Private>(Owners::<PrivateChannel>::new(env.clone()));
            mesh.host::<application::Application>(Owners::<Application>::new(env.clone()));
            mesh.host::<voice::Voice>(Arc::new(Silent));
            spawn("recovery", run_recovery(env.clone()));
            spawn("scheduler", run_scheduler(env));
            spawn("gateway", edge.clone().serve());
        });
        let (strikes, doubted_until) = (AtomicU64::new(0), Mutex::default());
        let quiet = AtomicU64::new(0);
        let life =
            Life { scope, mesh, ids, edge, registry, strikes, doubted_until, quiet, seen, disk, clock };
        self.lives().insert(node, Arc::new(life));
    }

    /// What befalls the cluster while people are at work.
    async fn misfortunes(self: &Arc<Self>, duration: Duration) {
        let chance = self.chance.fork();
        let end = Instant::now() + duration;
        for _ in 0..self.plan.faults_max {
            sleep(chance.millis(500..6_000)).await;
            if Instant::now() >= end {
                return;
            }
            let nodes: Vec<NodeId> = self.lives().keys().copied().collect();
            let Some(node) = chance.pick(&nodes).copied() else { continue };
            match chance.of(0..10) {
                0..3 => self.crash_and_return(node, &chance).await,
                3..5 => self.isolate(node, &chance).await,
                5..7 => self.cut_one_way(node, &nodes, &chance).await,
                7 => self.jump(node, &chance),
                8 => self.drain_and_return(node, &chance).await,
                _ => self.map_changes(node, &chance).await,
            }
        }
    }

    /// A node dies; the others hear of it, and it comes back.
    async fn crash_and_return(self: &Arc<Self>, node: NodeId, chance: &Chance) {
        let Some(life) = self.lives().remove(&node) else { return };
        self.network.part(node);
        life.scope.end();
        life.edge.crash();
        life.disk.crash(chance).await;
        self.report().crashes += 1;
        // It may be back before anybody has noticed.
        if chance.per_mille(700) {
            self.declare(|nodes| nodes.retain(|other| *other != node), chance).await;
        }
        sleep(chance.millis(0..4_000)).await;
        // Its next life is another entry on the map, also when nobody has noticed the end of the last one.
        self.declare_but(|nodes| nodes.push(node), chance, Told { again: Some(node), ..Told::ALL }).await;
        self.start(node);
    }

    /// A node ends in order, as for an upgrade: its clients and their sessions go elsewhere, then what it owns, and it comes back.
    async fn drain_and_return(self: &Arc<Self>, node: NodeId, chance: &Chance) {
        let Some(life) = self.lives().get(&node).cloned() else { return };
        if self.lives().len() < 2 || self.maps.newest().len() < 2 {
            return;
        }
        life.quiet.store(self.befallen(&life), Ordering::Relaxed);
        life.edge.drain().await;
        self.report().drained += 1;
        self.declare(|nodes| nodes.retain(|other| *other != node), chance).await;
        sleep(chance.millis(1_500..6_000)).await;
        self.lives().remove(&node);
        self.network.part(node);
        life.scope.end();
        life.edge.crash();
        life.disk.crash(chance).await;
        sleep(chance.millis(0..4_000)).await;
        self.declare_but(|nodes| nodes.push(node), chance, Told { again: Some(node), ..Told::ALL }).await;
        self.start(node);
    }

    /// What has befallen the nodes but this one so far, and their sessions: where it is the same later, all has been quiet.
    pub(crate) fn befallen(&self, but: &Life) -> u64 {
        let lives = self.all();
        let others = lives.iter().filter(|life| !std::ptr::eq(life.as_ref(), but));
        let of = |life: &Arc<Life>| life.struck() + life.edge.invalidated() + u64::from(life.is_doubted());
        let befallen: u64 = others.map(of).sum();
        let report = self.report();
        report.crashes + report.cuts + befallen
    }

    /// A node loses the directory for a while, and mostly the others, too. Its lease ends before others may own what was its own.
    async fn isolate(self: &Arc<Self>, node: NodeId, chance: &Chance) {
        let Some(life) = self.lives().get(&node).cloned() else { return };
        let others: Vec<NodeId> = self.lives().keys().copied().filter(|other| *other != node).collect();
        let cut = |cut| {
            for other in &others {
                self.network.set_cut(node, *other, cut);
                self.network.set_cut(*other, node, cut);
            }
        };
        life.strike(STRIKE_MAX);
        let pause = chance.millis(0..2_000);
        cut(!pause.as_millis().is_multiple_of(4));
        sleep(pause).await;
        life.seen.lease(false);
        self.declare_but(
            |nodes| nodes.retain(|other| *other != node),
            chance,
            Told { deaf: Some(node), ..Told::ALL },
        )
        .await;
        sleep(chance.millis(500..5_000)).await;
        cut(false);
        self.declare(|nodes| nodes.push(node), chance).await;
        life.seen.lease(true);
    }

    /// Nothing of what a node sends to another arrives for a while.
    async fn cut_one_way(&self, from: NodeId, nodes: &[NodeId], chance: &Chance) {
        let others: Vec<_> = nodes.iter().copied().filter(|to| *to != from).collect();
        let Some(to) = chance.pick(&others).copied() else { return };
        self.report().cuts += 1;
        self.network.set_cut(from, to, true);
        sleep(chance.millis(100..8_000)).await;
        self.network.set_cut(from, to, false);
    }

    fn jump(&self, node: NodeId, chance: &Chance) {
        let by_ms = chance.of(0..20_000) as i64 - 10_000;
        if let Some(life) = self.lives().get(&node) {
            life.clock.jump(by_ms);
        }
    }

    /// A living node is taken from the map for a while, as in a drain: its owners move away and come back.
    async fn map_changes(self: &Arc<Self>, node: NodeId, chance: &Chance) {
        if self.maps.newest().len() < 2 || !self.maps.newest().contains(&node) {
            return;
        }
        if let Some(life) = self.lives().get(&node) {
            life.strike(STRIKE_MAX);
        }
        self.declare(|nodes| nodes.retain(|other| *other != node), chance).await;
        sleep(chance.millis(100..4_000)).await;
        self.declare(|nodes| nodes.push(node), chance).await;
    }

    async fn declare(self: &Arc<Self>, change: impl FnOnce(&mut Vec<NodeId>), chance: &Chance) {
        self.declare_but(change, chance, Told::ALL).await;
    }

    /// Makes a new map. Whoever loses something hears first, as a lease ends before it is given to another; each of the others
    /// hears some time later.
    async fn declare_but(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Vec<NodeId>),
        chance: &Chance,
        told: Told,
    ) {
        let mut nodes = self.maps.newest();
        change(&mut nodes);
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.is_empty() {
            return;
        }
        self.maps.push(nodes, told.again);
        let count = self.maps.len();
        for (node, life) in self.lives().clone() {
            if Some(node) == told.deaf {
                continue;
            }
            let (pause, seen, scope) = (chance.millis(0..1_500), life.seen.clone(), life.scope.clone());
            self.scope.run(|| {
                spawn("hear", async move {
                    sleep(pause).await;
                    scope.run(|| seen.hear(count));
                })
            });
        }
        sleep(Duration::from_millis(chance.of(0..2_000))).await;
    }

    /// Everything works again and everybody knows.
    async fn mend(self: &Arc<Self>) {
        self.sound.store(true, Ordering::Relaxed);
        let nodes: Vec<NodeId> = (0..self.plan.nodes).map(NodeId).collect();
        for from in &nodes {
            nodes.iter().for_each(|to| self.network.set_cut(*from, *to, false));
        }
        for node in &nodes {
            if !self.lives().contains_key(node) {
                self.start(*node);
            }
        }
        let chance = self.chance.fork();
        self.declare(|map| map.clone_from(&nodes), &chance).await;
        sleep(Duration::from_secs(5)).await;
        for life in self.all() {
            life.scope.run(|| {
                life.seen.hear(self.maps.len());
                life.seen.lease(true);
            });
        }
    }

    /// The end of the world: no task is left, so that nothing of it is kept alive.
    fn end(&self) {
        for life in self.all() {
            life.scope.end();
            life.edge.crash();
        }
        self.scope.end();
        self.lives().clear();
    }
}
