//! A node among the others.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use consort_placement::{Current, Life, Map, Placement};
use consort_rpc::{Directory, NodeId, Ownership, Watcher};
use consort_runtime::{Clock as _, System};
use futures_util::StreamExt as _;
use tokio::sync::watch;

use crate::Error;
use crate::decide::Decider;
use crate::etcd::{Change, Client, Write};
use crate::lease::{Lease, Validity};
use crate::record::{self, Load, PREFIX, Registration, Used, World};

/// For how long a node may be silent before its lease runs out, unless it is said otherwise.
pub const LEASE: Duration = Duration::from_secs(2);
/// How often a node looks whether the map is to change though nothing has happened, and how it is.
const LOOK: Duration = Duration::from_secs(1);
/// How long a node that has to decide may take before others do.
const OTHERS_DECIDE: Duration = Duration::from_secs(2);
/// How often what a node carries is written, if it has changed: nobody but operators reads it.
const LOAD_EVERY: Duration = Duration::from_secs(5);
/// The same of a node that leaves: an operator waits for it.
const LOAD_OF_LEAVING_EVERY: Duration = Duration::from_millis(500);
/// How far ahead the use of a worker number is written.
const USED_AHEAD_MS: u64 = 10_000;
/// How often.
const USED_EVERY_MS: u64 = 5_000;
/// How long a node tries to become a member.
const JOIN_PATIENCE: Duration = Duration::from_secs(20);
/// How long giving the lease back may take.
const END_PATIENCE: Duration = Duration::from_secs(3);
/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// How a node is to stand in the cluster.
#[derive(Debug, Clone)]
pub struct Joining {
    /// The addresses of etcd, `http://HOST:PORT`.
    pub etcd: Vec<String>,
    /// The node's name, unique in the cluster.
    pub name: String,
    /// The roles it runs.
    pub roles: Vec<String>,
    /// Where other nodes reach it.
    pub mesh: String,
    /// Where clients reach it.
    pub address: String,
    /// The version of its program.
    pub version: String,
    /// The region it stands in.
    pub region: Option<String>,
    /// Its lease; in whole seconds.
    pub lease: Duration,
    /// Those of its roles that only one live node may run.
    pub alone_in: Vec<String>,
}

/// What a node does for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It has come and takes no keys yet.
    Starting,
    /// It takes keys.
    Serving,
    /// It takes none any more.
    Leaving,
    /// It is over: its lease is given back.
    Ended,
}

/// A node's place in the cluster, and what it knows of the others.
pub struct Cluster {
    client: Client,
    joining: Joining,
    /// The node's number and life.
    me: ArcSwap<Life>,
    validity: Validity,
    current: Current,
    /// What is known of the members, also of those that are gone and not let go yet.
    known: ArcSwap<HashMap<u16, Arc<Registration>>>,
    watchers: Mutex<Vec<Weak<dyn Watcher>>>,
    version: watch::Sender<u64>,
    phase: watch::Sender<Phase>,
    /// Becomes true when the lease has been given back.
    gone: watch::Sender<bool>,
    /// Becomes true when an operator has asked this life of the node to leave.
    drained: watch::Sender<bool>,
    /// What the node carries.
    load: ArcSwap<Load>,
    floor_ms: u64,
    role_of: fn(&str) -> &str,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.joining.name)
            .field("me", &self.me.load())
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Becomes a member: takes a lease and a number, says what it is, and waits until it is on the map. It is given no keys,
    /// unless nobody else could have them, until [`Cluster::serve`]. `role_of` tells which role runs a service; the empty one
    /// is run by every node.
    ///
    /// # Errors
    /// When etcd cannot be reached, another node of this name lives, or all numbers are taken.
    pub async fn join(joining: Joining, role_of: fn(&str) -> &str) -> Result<Arc<Self>, Error> {
        check_name(&joining.name)?;
        let client = Client::new(&joining.etcd)?;
        let validity = Validity::new();
        let deadline = tokio::time::Instant::now() + JOIN_PATIENCE;
        let (lease, life, floor_ms) = loop {
            let entered = enter(&client, &joining, &validity, None, Phase::Starting).await;
            match entered {
                Ok(entered) => break entered,
                Err(Error::Address(address)) => return Err(Error::Address(address)),
                Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
                Err(error) => tracing::info!(%error, "not a member yet"),
            }
            tokio::time::sleep(TRY_AGAIN).await;
        };
        let cluster = Arc::new(Self {
            client,
            me: ArcSwap::from_pointee(life),
            validity,
            current: Current::new(Placement::new(Map::default(), role_of)),
            known: ArcSwap::default(),
            watchers: Mutex::default(),
            version: watch::channel(0).0,
            phase: watch::channel(Phase::Starting).0,
            gone: watch::channel(false).0,
            drained: watch::channel(false).0,
            load: ArcSwap::default(),
            floor_ms,
            role_of,
            joining,
        });
        consort_runtime::spawn("cluster", run(Arc::downgrade(&cluster), lease));
        let mut version = cluster.version.subscribe();
        let on_the_map = version.wait_for(|_| cluster.is_on_the_map());
        match tokio::time::timeout_at(deadline, on_the_map).await {
            Ok(Ok(_)) => {}
            _ => return Err(Error::Deadline),
        }
        Ok(cluster)
    }

    /// The node's number.
    pub fn node(&self) -> NodeId {
        NodeId(self.me.load().node)
    }

    /// Which life of its number the node is.
    pub fn generation(&self) -> u64 {
        self.me.load().generation
    }

    /// Snowflakes of this number up to here were drawn by earlier nodes, perhaps; Unix milliseconds.
    pub fn floor_ms(&self) -> u64 {
        self.floor_ms
    }

    /// What a member says of itself.
    pub fn peer(&self, node: NodeId) -> Option<Arc<Registration>> {
        self.known.load().get(&node.0).cloned()
    }

    /// Which of these services no node runs.
    pub fn missing<'a>(&self, services: &[&'a str]) -> Vec<&'a str> {
        let placement = self.current.load();
        services.iter().copied().filter(|service| placement.owner(service, 0).is_none()).collect()
    }

    /// Whether the node's lease holds.
    pub fn is_member(&self) -> bool {
        self.validity.holds()
    }

    /// Waits until an operator asks this node to leave ([`crate::drain`]).
    pub async fn asked_to_leave(&self) {
        let mut drained = self.drained.subscribe();
        // The other end is this cluster's own.
        let _asked = drained.wait_for(|drained| *drained).await;
    }

    /// Says what the node carries; operators see it within some seconds ([`crate::status`]).
    pub fn carry(&self, load: Load) {
        self.load.store(Arc::new(load));
    }

    /// Says that the node takes keys from now on.
    pub fn serve(&self) {
        self.phase.send_replace(Phase::Serving);
    }

    /// Gives the lease back: the node is gone for all others at once. Waits for that as long as an answer may take.
    pub async fn end(&self) {
        let mut gone = self.gone.subscribe();
        self.phase.send_replace(Phase::Ended);
        if !matches!(tokio::time::timeout(END_PATIENCE, gone.wait_for(|gone| *gone)).await, Ok(Ok(_))) {
            tracing::warn!("the node's lease is not given back and runs out");
        }
    }

    /// Says that the node leaves and waits until the map gives it no keys any more, unless it is the last.
    ///
    /// # Errors
    /// When that is not so within 20 seconds.
    pub async fn leave(&self) -> Result<(), Error> {
        self.phase.send_replace(Phase::Leaving);
        let mut version = self.version.subscribe();
        let gone = version.wait_for(|_| {
            let (placement, me) = (self.current.load(), self.me.load());
            placement.map().member(me.node).is_none_or(|member| member.life != **me || member.weight == 0)
        });
        match tokio::time::timeout(JOIN_PATIENCE, gone).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::Deadline),
        }
    }

    fn is_on_the_map(&self) -> bool {
        let me = self.me.load();
        self.current.load().map().member(me.node).is_some_and(|member| member.life == **me)
    }

    /// Takes what is known now: puts a newer map in place and tells the watchers.
    fn take(&self, world: &World) {
        let mut known: HashMap<_, _> = (**self.known.load()).clone();
        known.extend(world.nodes.iter().map(|(node, registration)| (*node, Arc::new(registration.clone()))));
        let before = self.current.load().map().clone();
        let newer = world.map_revision != 0 && world.map.version > before.version;
        if newer {
            known.retain(|node, _| world.map.member(*node).is_some() || world.nodes.contains_key(node));
        }
        self.known.store(Arc::new(known));
        if !newer {
            return;
        }
        self.current.follow(world.map.clone());
        let lives = |member: &&consort_placement::Member| {
            world.map.member(member.life.node).is_none_or(|now| now.life != member.life)
        };
        let gone: Vec<_> = before.members.iter().filter(lives).map(|member| member.life).collect();
        let watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for watcher in watchers.iter().filter_map(Weak::upgrade) {
            gone.iter().for_each(|life| watcher.node_gone(NodeId(life.node), life.generation));
            watcher.moved();
        }
        tracing::info!(version = world.map.version, members = world.map.members.len(), ?gone, "a new map");
        self.version.send_replace(world.map.version);
    }
}

impl Directory for Cluster {
    fn owner(&self, service: &str, key: u64) -> Option<NodeId> {
        self.current.owner(service, key).map(|life| NodeId(life.node))
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.current.load().map().members.iter().map(|member| NodeId(member.life.node)).collect()
    }

    fn nodes_of(&self, service: &str) -> Vec<NodeId> {
        let (placement, role) = (self.current.load(), (self.role_of)(service));
        let runs = |member: &&consort_placement::Member| {
            role.is_empty() || member.roles.iter().any(|running| running == role)
        };
        placement.map().members.iter().filter(runs).map(|member| NodeId(member.life.node)).collect()
    }

    fn version(&self) -> u64 {
        self.current.load().map().version
    }

    fn claim(&self, node: NodeId, service: &str, key: u64) -> Option<Ownership> {
        let (placement, me) = (self.current.load(), self.me.load());
        let owns = node.0 == me.node && placement.owner(service, key) == Some(**me);
        owns.then(|| Ownership { epoch: placement.map().version, fenced: true })
    }

    fn holds(&self, node: NodeId, service: &str, key: u64, ownership: Ownership) -> bool {
        let me = self.me.load();
        node.0 == me.node && self.current.load().has_owned(**me, service, key, ownership.epoch)
    }

    fn is_certain(&self) -> bool {
        self.validity.holds()
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        let mut watchers = self.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(watcher);
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-');
    let wrong = || Error::Invalid(format!("{name:?}: a node's name has 1 to 63 of a-z, 0-9 and -"));
    fits.then_some(()).ok_or_else(wrong)
}

/// Takes a lease, the name and a number, and registers: the number that the node has now (`again`), or one that it, or nobody,
/// or somebody long ago, had.
async fn enter(
    client: &Client,
    joining: &Joining,
    validity: &Validity,
    again: Option<u16>,
    phase: Phase,
) -> Result<(Lease, Life, u64), Error> {
    let (_, kvs) = client.range(PREFIX).await?;
    let world = World::read(kvs);
    if let Some(number) = world.names.get(&joining.name) {
        return Err(Error::Invalid(format!("a node named {} lives, with number {number}", joining.name)));
    }
    if let Some((role, other)) = joining.alone_in.iter().find_map(|role| Some((role, world.alone.get(role)?)))
    {
        return Err(Error::Invalid(format!("node {other} runs {role}, which only one node may")));
    }
    let number = free_number(&world, &joining.name, again);
    let number = number.ok_or_else(|| Error::Invalid("all numbers of nodes are taken".to_owned()))?;
    let lease = Lease::start(joining.etcd.clone(), joining.lease, validity.clone()).await?;
    let (name, worker) = (record::name(&joining.name), record::worker(number));
    let put = |key: &str, value| Write { key: key.to_owned(), value, lease: lease.id };
    let mut writes = vec![put(&name, record::encode(&number)?), put(&worker, record::encode(&joining.name)?)];
    let alone: Vec<_> = joining.alone_in.iter().map(|role| record::alone(role)).collect();
    for role in &alone {
        writes.push(put(role, record::encode(&joining.name)?));
    }
    let mut free = vec![(name.as_str(), 0), (worker.as_str(), 0)];
    free.extend(alone.iter().map(|role| (role.as_str(), 0)));
    let taken = client.write(&free, writes).await?;
    let revision = taken.ok_or_else(|| Error::Invalid("another node was faster".to_owned()))?;
    let life = Life { node: number, generation: revision.try_into().unwrap_or_default() };
    let registration = registration(joining, life, System.now_ms(), phase);
    let (key, value) = (record::node(number), record::encode(&registration)?);
    client.write(&[], vec![Write { key, value, lease: lease.id }]).await?;
    let floor = world.used.get(&number).map_or(0, |used| used.until_ms);
    Ok((lease, life, floor))
}

fn free_number(world: &World, name: &str, again: Option<u16>) -> Option<u16> {
    let free = |number: &u16| !world.workers.contains_key(number);
    if let Some(number) = again {
        return Some(number).filter(free);
    }
    let own = world.used.iter().find(|(_, used)| used.name == name).map(|(number, _)| *number).filter(free);
    let last_used = |number: &u16| (world.used.get(number).map_or(0, |used| used.until_ms), *number);
    own.or_else(|| (0..record::NODES_MAX).filter(free).min_by_key(last_used))
}

fn registration(joining: &Joining, life: Life, since_ms: u64, phase: Phase) -> Registration {
    let Joining { name, roles, mesh, address, version, region, .. } = joining.clone();
    let Life { node, generation } = life;
    Registration {
        node,
        generation,
        name,
        roles,
        mesh,
        address,
        version,
        region,
        since_ms,
        starting: phase == Phase::Starting,
        leaving: matches!(phase, Phase::Leaving | Phase::Ended),
    }
}

/// Follows the cluster until the node is dropped.
async fn run(cluster: Weak<Cluster>, mut lease: Lease) {
    let mut follower = Follower::default();
    let Some(gone) = cluster.upgrade().map(|cluster| cluster.gone.clone()) else { return };
    while let Some(strong) = cluster.upgrade() {
        let (client, validity) = (strong.client.clone(), strong.validity.clone());
        let ended = follower.follow(&cluster, strong, &mut lease).await;
        match ended {
            Ok(()) => {
                // The node is gone: so are its records. It is certain of nothing from before then on.
                let id = lease.id;
                drop(lease);
                validity.end();
                let _expires_anyway = client.revoke(id).await;
                gone.send_replace(true);
                return;
            }
            Err(error) => tracing::warn!(%error, "the cluster is read again"),
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

#[derive(Default)]
struct Follower {
    world: World,
    decider: Decider,
    /// Since when another node has something to decide.
    undecided: Option<tokio::time::Instant>,
    used_ms: u64,
    /// What was written of this node last, if anything but that it starts.
    told: Option<Phase>,
    /// What was written of what it carries, and when.
    load: Option<(Arc<Load>, tokio::time::Instant)>,
}

impl Follower {
    /// Reads everything, then follows each change. Gives an error when it must be read again.
    async fn follow(
        &mut self,
        weak: &Weak<Cluster>,
        cluster: Arc<Cluster>,
        lease: &mut Lease,
    ) -> Result<(), Error> {
        if *lease.lost.borrow() {
            self.enter_again(&cluster, lease).await?;
        }
        let (revision, kvs) = cluster.client.range(PREFIX).await?;
        self.world = World::read(kvs);
        let changes = cluster.client.watch(PREFIX, revision + 1).await?;
        let mut changes = std::pin::pin!(changes);
        let mut phase = cluster.phase.subscribe();
        let mut strong = Some(cluster);
        loop {
            let Some(cluster) = strong.take().or_else(|| weak.upgrade()) else { return Ok(()) };
            cluster.take(&self.world);
            if *cluster.phase.borrow() == Phase::Ended {
                return Ok(());
            }
            let drained = self.world.drains.get(&cluster.joining.name);
            if drained == Some(&cluster.me.load().generation) && !*cluster.drained.borrow() {
                tracing::info!("an operator has asked this node to leave");
                cluster.drained.send_replace(true);
            }
            self.tell(&cluster, lease).await?;
            self.decide(&cluster).await?;
            drop(cluster);
            tokio::select! {
                change = changes.next() => {
                    let changed = change.unwrap_or_else(|| Err(Error::Status("the watch ended".to_owned())))?;
                    self.apply(weak, changed);
                }
                _ = lease.lost.wait_for(|lost| *lost) => return Err(Error::Status("the lease is lost".to_owned())),
                _ = phase.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Takes changes one by one, so that no map is left out between two others.
    fn apply(&mut self, weak: &Weak<Cluster>, changes: Vec<Change>) {
        for change in changes {
            self.world.apply(change);
            if let Some(cluster) = weak.upgrade() {
                cluster.take(&self.world);
            }
        }
    }

    async fn enter_again(&mut self, cluster: &Arc<Cluster>, lease: &mut Lease) -> Result<(), Error> {
        let number = cluster.me.load().node;
        let phase = *cluster.phase.borrow();
        let entered = enter(&cluster.client, &cluster.joining, &cluster.validity, Some(number), phase).await;
        let (new, life, _) = entered?;
        tracing::warn!(node = number, generation = life.generation, "the node is a member again");
        *lease = new;
        self.told = Some(phase);
        self.load = None;
        cluster.me.store(Arc::new(life));
        let watchers = cluster.watchers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        watchers.iter().filter_map(Weak::upgrade).for_each(|watcher| watcher.reborn());
        Ok(())
    }

    /// Writes how this node is.
    async fn tell(&mut self, cluster: &Cluster, lease: &Lease) -> Result<(), Error> {
        let (now, me, mut writes) = (System.now_ms(), **cluster.me.load(), Vec::new());
        if now >= self.used_ms + USED_EVERY_MS || now < self.used_ms {
            let used = Used { name: cluster.joining.name.clone(), until_ms: now + USED_AHEAD_MS };
            let (key, value) = (record::used(me.node), record::encode(&used)?);
            writes.push(Write { key, value, lease: 0 });
        }
        let phase = *cluster.phase.borrow();
        if self.told.unwrap_or(Phase::Starting) != phase {
            let since = self.world.nodes.get(&me.node).map_or(now, |own| own.since_ms);
            let value = record::encode(&registration(&cluster.joining, me, since, phase))?;
            writes.push(Write { key: record::node(me.node), value, lease: lease.id });
        }
        let (load, at) = (cluster.load.load_full(), tokio::time::Instant::now());
        let every = if phase == Phase::Leaving { LOAD_OF_LEAVING_EVERY } else { LOAD_EVERY };
        let due = |(told, when): &(Arc<Load>, _)| **told != *load && at.duration_since(*when) >= every;
        let carries = self.load.as_ref().is_none_or(due);
        if carries {
            let (key, value) = (record::load(me.node), record::encode(&*load)?);
            writes.push(Write { key, value, lease: lease.id });
        }
        if writes.is_empty() {
            return Ok(());
        }
        let uses = writes.iter().any(|write| write.lease == 0);
        cluster.client.write(&[], writes).await?;
        self.told = Some(phase);
        if carries {
            self.load = Some((load, at));
        }
        if uses {
            self.used_ms = now;
        }
        Ok(())
    }

    /// Writes the next map if it is this node that decides: the one that has been here longest.
    async fn decide(&mut self, cluster: &Cluster) -> Result<(), Error> {
        let me = **cluster.me.load();
        let first = self.world.nodes.values().min_by_key(|node| node.generation);
        let decides = first.is_some_and(|first| first.node == me.node && first.generation == me.generation);
        let waited = self.undecided.is_some_and(|since| since.elapsed() > OTHERS_DECIDE);
        let above = cluster.current.load().map().version;
        let pins = self.world.pins.values().cloned();
        let next = self.decider.next(System.now_ms(), &self.world.map, above, &self.world.nodes, pins);
        let Some(next) = next.filter(|_| !self.world.nodes.is_empty()) else {
            self.undecided = None;
            return Ok(());
        };
        if !decides && !waited {
            self.undecided.get_or_insert_with(tokio::time::Instant::now);
            return Ok(());
        }
        let write = Write { key: record::MAP.to_owned(), value: record::encode(&next)?, lease: 0 };
        // Whoever was faster has decided; the watch brings that map.
        let written = cluster.client.write(&[(record::MAP, self.world.map_revision)], vec![write]).await?;
        if let Some(revision) = written {
            (self.world.map, self.world.map_revision) = (next, revision);
            cluster.take(&self.world);
        }
        Ok(())
    }
}
