//! What a node tells of itself to the node that an operator has come to.

use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use consort_gateway::{Gateway, SliceStats};
use consort_model::ApiError;
use consort_rpc::operate::{
    self, ACTORS_MAX, Actor, Actors, By, GatewayInfo, NodeInfo, Op, OpInfo, Operate, Trace,
};
use consort_rpc::{Answer, Call, Host, MeshRef, NodeId, Reply};
use consort_runtime::{ActorInfo, ActorState, ClockRef, Health, Registry, spawn};
use tokio::sync::{Semaphore, oneshot};

use crate::metrics::Figures;
use crate::process;

/// Messages looked at in a mailbox.
const WALKED_MAX: usize = 1_024;
/// How long an actor has to say what state it is in.
const STATE_MAX: Duration = Duration::from_secs(2);
/// How long an actor is watched after it was last asked about.
const WATCH_LIFE: Duration = Duration::from_secs(10);
/// Questions answered at once; more are refused.
const AT_ONCE_MAX: usize = 64;

/// Sets what is logged; gives the setting before.
pub type SetLog = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// What a node has that operators look at.
#[derive(Clone)]
pub struct Parts {
    /// The node, among the others.
    pub mesh: MeshRef,
    /// Its actors.
    pub registry: Registry,
    /// Its warnings.
    pub health: Health,
    /// The time.
    pub clock: ClockRef,
    /// Its gateway, if it has one.
    pub gateway: Option<Arc<Gateway>>,
    /// Its name in the cluster; empty for one that is alone.
    pub name: String,
    /// What it does.
    pub roles: Vec<String>,
    /// What sets its log; `None` where the process does not log by itself, as in tests.
    pub set_log: Option<SetLog>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("node", &self.mesh.node()).finish_non_exhaustive()
    }
}

/// Answers for a node.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) parts: Parts,
    started_ms: u64,
    at_once: Arc<Semaphore>,
}

impl Console {
    /// Answers other nodes from now on.
    pub(crate) fn start(parts: Parts) -> Arc<Self> {
        let (started_ms, at_once) = (parts.clock.now_ms(), Arc::new(Semaphore::new(AT_ONCE_MAX)));
        let mesh = parts.mesh.clone();
        let console = Arc::new(Self { parts, started_ms, at_once });
        // The mesh knows it by way of a handle of its own, which does not keep the mesh alive in turn.
        mesh.host::<Operate>(Arc::new(Answers(Arc::downgrade(&console))));
        console
    }

    async fn answer(&self, op: Op) -> Reply {
        match op {
            Op::Node => operate::answer(&self.node()),
            Op::Actors { kind, by, limit, resting } => {
                operate::answer(&self.actors(kind.as_deref(), by, limit, resting))
            }
            Op::Actor { kind, key } => match self.actor(&kind, key) {
                Some(actor) => operate::answer(&actor),
                None => Ok(Answer::Empty),
            },
            Op::State { who, kind, key } => {
                audit(&who, &format!("state of {kind} {key}"));
                self.state(&kind, key).await
            }
            Op::Watch { who, kind, key, after } => {
                if after == 0 {
                    audit(&who, &format!("watch {kind} {key}"));
                }
                let live = self.parts.registry.find(&kind, key).and_then(|gauge| gauge.live());
                let messages = live.map_or_else(Vec::new, |live| live.watch(WATCH_LIFE, after));
                operate::answer(&Trace { messages })
            }
            Op::Sessions { who, user } => {
                audit(&who, &format!("sessions of {user}"));
                match &self.parts.gateway {
                    Some(gateway) => operate::answer(&gateway.sessions(user).await),
                    None => operate::answer(&operate::Sessions::default()),
                }
            }
            Op::LogLevel { who, filter } => {
                audit(&who, &format!("log level {filter:?}"));
                let Some(set) = &self.parts.set_log else {
                    return Err(refused("the log of this process cannot be set"));
                };
                let before = set(&filter).map_err(|error| refused(&error))?;
                operate::answer(&before)
            }
        }
    }

    /// Everything that metrics are made from.
    pub(crate) fn figures(&self) -> Figures {
        let registry = &self.parts.registry;
        Figures { node: self.node(), actors: registry.list(None), totals: registry.totals() }
    }

    pub(crate) fn node(&self) -> NodeInfo {
        let Parts { mesh, registry, health, clock, gateway, name, roles, .. } = &self.parts;
        let process = process::read();
        let queued = registry.list(None).iter().map(|actor| actor.queue).sum();
        let counts = registry.counts().into_iter().filter(|(_, count)| *count > 0);
        NodeInfo {
            node: mesh.node().0,
            name: name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            roles: roles.clone(),
            started_ms: self.started_ms,
            now_ms: clock.now_ms(),
            map: mesh.version(),
            actors: counts.map(|(kind, count)| (kind.to_owned(), count)).collect(),
            queued,
            cpu_us: process.cpu_us,
            rss_bytes: process.rss_bytes,
            descriptors: process.descriptors,
            descriptors_max: process.descriptors_max,
            warnings: health.text().lines().skip(1).map(str::to_owned).collect(),
            gateway: gateway.as_deref().map(gateway_info),
        }
    }

    fn actors(&self, kind: Option<&str>, by: By, limit: usize, resting: bool) -> Actors {
        let mut actors = self.parts.registry.list(kind);
        actors.retain(|actor| resting || actor.state != ActorState::Resting);
        let total = actors.len() as u64;
        actors.sort_by_key(|actor| first(by, actor));
        actors.truncate(limit.min(ACTORS_MAX));
        Actors { total, actors }
    }

    fn actor(&self, kind: &str, key: u64) -> Option<Actor> {
        let info = self.parts.registry.get(kind, key)?;
        let live = self.parts.registry.find(kind, key)?.live();
        let queue = live.as_ref().and_then(|live| live.queue());
        let types = queue.map_or_else(Vec::new, |queue| queue.types(WALKED_MAX));
        let mut waiting: Vec<(String, u64)> = Vec::new();
        for name in types.iter().map(ToString::to_string) {
            match waiting.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => waiting.push((name, 1)),
            }
        }
        waiting.sort_by_key(|(_, count)| Reverse(*count));
        let ops = live.iter().flat_map(|live| live.ops()).filter(|(_, total)| total.count > 0);
        let mut ops: Vec<_> = ops
            .map(|(name, total)| OpInfo {
                op: name.to_string(),
                count: total.count,
                total_us: total.total_ns / 1_000,
                max_us: total.max_ns / 1_000,
            })
            .collect();
        ops.sort_by_key(|op| (Reverse(op.total_us), Reverse(op.count)));
        let capacity = queue.map_or(0, |queue| queue.capacity() as u64);
        Some(Actor { info, capacity, waiting, walked: types.len() as u64, ops })
    }

    async fn state(&self, kind: &str, key: u64) -> Reply {
        let gauge =
            self.parts.registry.find(kind, key).ok_or_else(|| refused("there is no such actor here"))?;
        let live = gauge
            .live()
            .ok_or_else(|| refused("the actor rests: it has no state in memory but what it froze"))?;
        let (answer, answered) = oneshot::channel();
        let asked = live.queue().is_some_and(|queue| queue.ask_state(answer));
        let late = || refused("the actor does not get to the question: it is stuck, or has much to do");
        if !asked {
            return Err(late());
        }
        match tokio::time::timeout(STATE_MAX, answered).await {
            Ok(Ok(json)) => Ok(Answer::Json(json.into())),
            _ => Err(late()),
        }
    }
}

fn refused(why: &str) -> ApiError {
    ApiError::unavailable().message(why.to_owned())
}

/// Writes what an operator does into the log.
pub(crate) fn audit(who: &str, what: &str) {
    tracing::info!(target: "consort_console::audit", who, what, "an operator");
}

fn age(actor: &ActorInfo) -> u64 {
    let at_work = [&actor.handling, &actor.oldest_commit, &actor.oldest_parked];
    let at_work = at_work.into_iter().flatten().map(|at_work| at_work.for_us);
    at_work.chain(actor.oldest_us).max().unwrap_or(0)
}

fn first(by: By, actor: &ActorInfo) -> Reverse<(u64, u64)> {
    Reverse(match by {
        By::Queue => (actor.queue, age(actor)),
        By::Age => (age(actor), actor.queue),
        By::Busy => (actor.busy_us, actor.handled),
        By::Handled => (actor.handled, actor.busy_us),
        By::Rows => (actor.rows, actor.busy_us),
    })
}

/// Sorts actors of several nodes.
pub(crate) fn sort_all(actors: &mut [(NodeId, ActorInfo)], by: By) {
    actors.sort_by_key(|(_, actor)| first(by, actor));
}

fn gateway_info(gateway: &Gateway) -> GatewayInfo {
    let stats = gateway.stats();
    let size = |of: fn(&SliceStats) -> usize| stats.slices.iter().map(of).sum::<usize>() as u64;
    let count = |of: fn(&SliceStats) -> u64| stats.slices.iter().map(of).sum::<u64>();
    GatewayInfo {
        connections: size(|slice| slice.connections),
        sessions: size(|slice| slice.sessions),
        detached: size(|slice| slice.detached),
        guilds: stats.guilds as u64,
        identifies: stats.identifies as u64,
        journal_bytes: size(|slice| slice.journal_bytes),
        queued: size(|slice| slice.inbox_depth),
        deliveries: count(|slice| slice.deliveries),
        dropped_volatile: count(|slice| slice.dropped_volatile),
        lost_events: count(|slice| slice.lost_events),
        cut_slow: count(|slice| slice.cut_slow),
        cut_zombie: count(|slice| slice.cut_zombie),
        invalidated: count(|slice| slice.invalidated),
        resumed: count(|slice| slice.resumed),
    }
}

/// Takes what other nodes ask.
#[derive(Debug)]
struct Answers(std::sync::Weak<Console>);

impl Host<Operate> for Answers {
    fn deliver(&self, _node: u64, call: Call<Operate>) {
        let Some(console) = self.0.upgrade() else { return };
        if !call.caller.system {
            return call.respond.send(Err(ApiError::unauthorized()));
        }
        let Ok(turn) = console.at_once.clone().try_acquire_owned() else {
            return call.respond.send(Err(ApiError::overloaded()));
        };
        spawn("operate", async move {
            let _turn = turn;
            let reply = console.answer(call.op).await;
            call.respond.send(reply);
        });
    }
}
