//! The wiring of a node.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use consort_actor::{Env, Owners, Work, run_recovery, run_scheduler};
use consort_cdn::blobs::Blobs;
use consort_console::Operable;
use consort_discovery::Cluster;
use consort_eraser::Eraser;
use consort_gateway::{Gateway, Io, Others, PerNetwork};
use consort_rest::{App, Config, GatewayElsewhere, Parts, Serves};
use consort_rpc::{
    InProcess, Mesh, MeshRef, NodeId, Static, account, application, guild, limiter, name, private, search,
    user,
};
use consort_runtime::{Ahead, Clock as _, ClockRef, Health, Ids, Registry, System, spawn};
use consort_search::{Indexes, Shareable};
use consort_store::{Batch, Error, StoreExt as _, StoreRef, Table};
use consort_store_embedded::{Embedded, NewestId, Options};
use tokio::time::Instant;

use crate::files::{Files, open_blobs};
use crate::http::{Limits, Listener};
use crate::identity::Tokens;
use crate::member::{self, Member};
use crate::roles::{Role, Roles};
use crate::settings::GatewayIo;
use crate::voice::{self, Voice};
use crate::watch::{self, Room, Watch};
use crate::{Settings, descriptors, logging, operate, web};

/// The number of a node that is alone.
const ALONE: NodeId = NodeId(0);
/// The row of `Table::Meta`, in partition 0, that counts the lives of the installation.
const GENERATION: &str = "generation";
/// How far ids may be ahead of the clock when a node begins to serve: the second that the store's mark is ahead of them.
const IDS_AHEAD_MAX_MS: u64 = 1_000;
/// A clock that is behind by more was set back.
const IDS_WAITED_FOR_MS: u64 = 10_000;
/// How long clients have to go away when the server ends.
const DRAIN: Duration = Duration::from_secs(5);
/// From the beginning of the end until the store closes, at most. Clients and requests have their share of it
/// ([`DRAIN`], [`GRACE`](crate::http::GRACE)), the owners the rest.
const END_MAX: Duration = Duration::from_secs(14);

/// A server that runs its roles in this process.
pub struct Node {
    listener: Listener,
    gateway: Option<Arc<Gateway>>,
    voice: Option<Voice>,
    work: Work,
    store: StoreRef,
    app: Arc<App>,
    /// What runs beside until the node ends.
    background: Vec<tokio::task::JoinHandle<Option<()>>>,
    member: Option<Member>,
    /// What operators see it by; and the mesh, which the transport knows weakly and this keeps alive.
    _kept: (Operable, MeshRef),
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Where a node stands among those that share a store with it.
pub struct Membership {
    /// The node itself, which hosts nothing of its roles yet, and the way to the others.
    pub mesh: MeshRef,
    /// What they share.
    pub store: StoreRef,
    /// Draws its snowflakes, above all those in the store.
    pub ids: Arc<Ids>,
    /// The files that they share.
    pub files: Arc<dyn Blobs>,
    /// Where a gateway is, for a node without one.
    pub gateway_elsewhere: Option<GatewayElsewhere>,
    /// What it has as a member of a cluster.
    pub(crate) member: Option<Member>,
}

impl Membership {
    /// A place among nodes that are not found in etcd: those of one process.
    pub fn new(mesh: MeshRef, store: StoreRef, ids: Arc<Ids>, files: Arc<dyn Blobs>) -> Self {
        Self { mesh, store, ids, files, gateway_elsewhere: None, member: None }
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("mesh", &self.mesh).finish_non_exhaustive()
    }
}

/// What is made once for all parts of a node.
struct Common {
    clock: ClockRef,
    registry: Registry,
    health: Health,
    room: Room,
    work: Work,
}

impl Node {
    /// Starts its roles, alone and on the embedded store, or in the cluster that is set; serves when it returns.
    ///
    /// # Errors
    /// A text that says what is wrong with data directory, address or cluster.
    pub async fn start(settings: &Settings) -> Result<Self, String> {
        if let Some(place) = &settings.cluster {
            return member::start(settings, place).await;
        }
        let ids = Arc::new(Ids::new(ALONE.0));
        let newest = ids.clone();
        let opened = open_store(&settings.data, move || newest.newest(), settings.accept_data_loss).await;
        let (store, snowflake_mark) = opened?;
        ids.observe(snowflake_mark);
        let failed = |error: &dyn fmt::Display| format!("{}: {error}", settings.data.display());
        let generation = next_generation(&store).await.map_err(|error| failed(&error))?;
        let directory = Arc::new(Static::alone(ALONE, generation));
        let network = InProcess::new();
        let mesh = Mesh::new(ALONE, directory, Arc::new(network.clone()));
        network.join(&mesh);
        let files = open_blobs(settings).await?;
        Self::join(settings, Membership::new(mesh, store, ids, files)).await
    }

    /// Starts its roles in its place among other nodes.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn join(settings: &Settings, place: Membership) -> Result<Self, String> {
        let Membership { mesh, store, ids, files, gateway_elsewhere, member } = place;
        let roles = &settings.roles;
        let common = Common {
            clock: match settings.clock_ahead_s {
                0 => Arc::new(System),
                ahead_s => Arc::new(Ahead { by_ms: u64::from(ahead_s) * 1000 }),
            },
            registry: Registry::default(),
            health: Health::default(),
            room: Room::new(true.into()),
            work: Work::default(),
        };
        let_clock_catch_up(&ids, &common.clock).await;
        let files = Files::open(settings, &store, files, common.clock.clone()).await?;
        let cdn = files.cdn.clone();
        host_owners(
            roles,
            &Env {
                clock: common.clock.clone(),
                store: store.clone(),
                mesh: mesh.clone(),
                ids: ids.clone(),
                links: cdn.links().clone(),
                registry: common.registry.clone(),
                work: common.work.clone(),
            },
        );
        let app = App::new(Parts {
            mesh: mesh.clone(),
            store: store.clone(),
            cdn: cdn.clone(),
            media: files.media.clone(),
            clock: common.clock.clone(),
            ids: ids.clone(),
            registry: common.registry.clone(),
            health: common.health.clone(),
            room: common.room.clone(),
            config: Config {
                gateway_elsewhere: gateway_elsewhere.filter(|_| !roles.has(Role::Gateway)),
                ..edge_config(settings)
            },
        });
        host_limiter(roles, &app);
        let search = start_search(settings, &app)?;
        let others = member.as_ref().map(|member| member.others(&mesh, gateway_config(settings).public_url));
        let gateway = match roles.has(Role::Gateway) {
            true => Some(start_gateway(settings, &mesh, &app, &common, others)?),
            false => None,
        };
        let page = web::router(gateway_config(settings).public_url.as_deref(), member.is_some());
        let edge = consort_rest::router(app.clone(), Some(page));
        let listener = Listener::start(settings.listen, seat_limits(settings), edge, gateway.clone()).await;
        let listener = listener.map_err(|error| format!("{}: {error}", settings.listen))?;
        files.listening(listener.address());
        let voice = voice::start(settings, &listener, &mesh).await?;
        let cluster = member.as_ref().map(|member| member.cluster.clone());
        let operable = open_to_operators(settings, &mesh, &common, gateway.clone()).await?;
        let watch = watch_of(settings, &common, (&ids, gateway.as_ref(), cluster));
        let (work, mut background) = (common.work, vec![watch.start()]);
        background.extend(search);
        if roles.has(Role::Scheduler) {
            background.push(Eraser::new(store.clone(), &mesh).start());
            background.push(spawn("sweep", cdn.sweep_forever()));
        }
        Ok(Self { listener, gateway, voice, work, store, app, background, member, _kept: (operable, mesh) })
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// What whoever runs bots has to know of voice; `None` on a node without it.
    pub fn voice_notice(&self) -> Option<&str> {
        self.voice.as_ref().map(|voice| voice.notice.as_str())
    }

    /// The edge's state, for tests and tools in this process.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Waits until an operator asks the node to leave its cluster. Nobody does that of a node that is alone.
    pub async fn asked_to_leave(&self) {
        match &self.member {
            Some(member) => member.cluster.asked_to_leave().await,
            None => std::future::pending().await,
        }
    }

    /// Ends in order, so that everything acknowledged can be opened again: gives its keys to other nodes, takes nobody in, sends
    /// clients away and lets requests end, then lets the owners finish what they have, which what clients left behind is part of,
    /// and closes the store when nobody writes any more.
    pub async fn shutdown(self) {
        let deadline = Instant::now() + END_MAX;
        let keys_given = async {
            let Some(member) = &self.member else { return };
            if let Err(error) = member.cluster.leave().await {
                tracing::warn!(%error, "the node's keys are not given to others before it ends");
            }
        };
        let sent_away = async {
            if let Some(gateway) = &self.gateway {
                gateway.shutdown(DRAIN).await;
            }
        };
        let keys_given = tokio::time::timeout_at(deadline, keys_given);
        self.voice.iter().for_each(|voice| voice.server.shutdown());
        let _in_time = tokio::join!(keys_given, sent_away, self.listener.shutdown());
        let left = self.work.shutdown(deadline).await;
        if left > 0 {
            tracing::warn!(left, "the store closes although owners are at work");
        }
        self.background.iter().for_each(tokio::task::JoinHandle::abort);
        self.store.close().await;
        if let Some(member) = &self.member {
            member.cluster.end().await;
        }
        tracing::info!(casts_dropped = self.work.casts_dropped(), "closed");
    }
}

/// Runs the owners of a node's roles, and wakes those that have something to do.
fn host_owners(roles: &Roles, env: &Env) {
    let mesh = &env.mesh;
    if roles.has(Role::Account) {
        mesh.host::<account::Account>(Owners::<consort_account::Account>::new(env.clone()));
        mesh.host::<name::Name>(Owners::<consort_account::Names>::new(env.clone()));
    }
    if roles.has(Role::Application) {
        mesh.host::<application::Application>(Owners::<consort_application::Application>::new(env.clone()));
    }
    if roles.has(Role::Guild) {
        mesh.host::<guild::Guild>(Owners::<consort_guild::Guild>::new(env.clone()));
    }
    if roles.has(Role::User) {
        mesh.host::<user::User>(Owners::<consort_user::User>::new(env.clone()));
    }
    if roles.has(Role::Private) {
        mesh.host::<private::Private>(Owners::<consort_user::PrivateChannel>::new(env.clone()));
    }
    if roles.have_owners() {
        spawn("recovery", run_recovery(env.clone()));
        spawn("scheduler", run_scheduler(env.clone()));
    }
}

/// What looks at the machine and the cluster for a node.
fn watch_of(
    settings: &Settings,
    common: &Common,
    (ids, gateway, cluster): (&Arc<Ids>, Option<&Arc<Gateway>>, Option<Arc<Cluster>>),
) -> Watch {
    Watch {
        clock: common.clock.clone(),
        ids: ids.clone(),
        health: common.health.clone(),
        data: settings.data.clone(),
        room: common.room.clone(),
        roles: settings.roles.clone(),
        needs_store: settings.needs_store(),
        registry: common.registry.clone(),
        gateway: gateway.cloned(),
        cluster,
    }
}

/// Counts requests for the nodes that serve the API.
fn host_limiter(roles: &Roles, app: &App) {
    if roles.has(Role::Limiter) {
        app.mesh.host::<limiter::Limiter>(app.limiter.counter(app.clock.clone()));
    }
}

/// Hosts the indexes of messages, if that is one of the roles.
fn start_search(
    settings: &Settings,
    app: &App,
) -> Result<Option<tokio::task::JoinHandle<Option<()>>>, String> {
    if !settings.roles.has(Role::Search) {
        return Ok(None);
    }
    let folder = settings.data.join("search");
    let failed = |error: &dyn fmt::Display| format!("{}: {error}", settings.data.display());
    let indexes =
        Indexes::open(folder, app.store.clone(), app.clock.clone()).map_err(|error| failed(&error))?;
    app.mesh.host::<search::Search>(Arc::new(Shareable(indexes.clone())));
    Ok(Some(spawn("search sweep", indexes.sweep_forever())))
}

fn start_gateway(
    settings: &Settings,
    mesh: &MeshRef,
    app: &Arc<App>,
    common: &Common,
    others: Option<Arc<dyn Others>>,
) -> Result<Arc<Gateway>, String> {
    let env = consort_gateway::Env {
        mesh: mesh.clone(),
        auth: Arc::new(Tokens(app.clone())),
        registry: common.registry.clone(),
        clock: common.clock.clone(),
        others,
    };
    Gateway::start(gateway_config(settings), &env)
        .map_err(|error| format!("the gateway does not start: {error}"))
}

/// Lets operators look at the node.
async fn open_to_operators(
    settings: &Settings,
    mesh: &MeshRef,
    common: &Common,
    gateway: Option<Arc<Gateway>>,
) -> Result<Operable, String> {
    let place = settings.cluster.as_ref();
    let parts = consort_console::Parts {
        mesh: mesh.clone(),
        registry: common.registry.clone(),
        health: common.health.clone(),
        clock: common.clock.clone(),
        gateway,
        name: place.map(|place| place.node.clone()).unwrap_or_default(),
        roles: settings.roles.names(),
        set_log: Some(Arc::new(logging::set)),
    };
    let drain = place.map(|place| operate::drain_asked(&place.etcd));
    let mut operable = consort_console::open(parts, &settings.data, drain);
    if let Some(address) = settings.metrics_listen {
        let address = operable.serve_metrics(address).await?;
        tracing::info!(%address, "metrics are told at /metrics");
    }
    Ok(operable)
}

/// Counts the lives of an installation. The number is the epoch of all its owners, so it rises with every start, also after a
/// start that did nothing else.
async fn next_generation(store: &StoreRef) -> Result<u64, Error> {
    let last: Option<u64> = store.get_row(Table::Meta, 0, GENERATION).await?;
    let generation = last.unwrap_or(0) + 1;
    let mut batch = Batch::new();
    batch.put_row(Table::Meta, 0, GENERATION, &generation);
    store.commit(batch).await?;
    Ok(generation)
}

/// Opens the embedded store; gives it with a snowflake that none in it is above, as far as `newest` has told those who wrote it.
pub(crate) async fn open_store(
    data: &Path,
    newest: impl Fn() -> u64 + Send + Sync + 'static,
    accept_damage: bool,
) -> Result<(StoreRef, u64), String> {
    let data = data.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        watch::make_room_to_start(&data);
        let newest_id = Some(NewestId::new(newest));
        let options = Options { newest_id, accept_damage, ..Options::default() };
        Embedded::open(&data, options).map_err(|error| store_failure(&data, &error))
    });
    let store = opened.await.map_err(|error| format!("opening the store: {error}"))??;
    let mark = store.snowflake_mark();
    let store: StoreRef = Arc::new(store);
    let migrated = consort_actor::migrate(&store, System.now_ms()).await;
    migrated.map_err(|error| format!("bringing the store to this version: {error}"))?;
    Ok((store, mark))
}

/// After a crash ids begin up to a second ahead of the clock. One crash right after the other would drive them further, and what
/// is measured from the time in an id would take longer: so a start waits for the clock. One that was set back is not waited
/// for; then a warning says so.
async fn let_clock_catch_up(ids: &Ids, clock: &ClockRef) {
    let ahead_ms = ids.newest_ms().saturating_sub(clock.now_ms());
    if (IDS_AHEAD_MAX_MS..IDS_WAITED_FOR_MS).contains(&ahead_ms) {
        tokio::time::sleep(Duration::from_millis(ahead_ms - IDS_AHEAD_MAX_MS)).await;
    }
}

/// Says what is wrong with the store of a directory: in use by another process, of a newer version, damaged.
pub(crate) fn store_failure(data: &Path, error: &Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{}: {error}{source}", data.display())
}

fn edge_config(settings: &Settings) -> Config {
    Config {
        public_url: settings.public_url.clone(),
        gateway_url: settings.gateway_url.clone(),
        gateway_elsewhere: None,
        serves: Serves { api: settings.roles.has(Role::Rest), files: settings.roles.has(Role::Cdn) },
        dev: settings.dev,
        rate_limits: settings.rate_limits,
        registration: settings.registration,
        trusted_proxies: settings.trusted_proxies,
        invalid_requests_max: settings.invalid_requests_max,
        requests_max: settings.requests_max,
    }
}

/// Seats for connections of the main listener: as many as are set, but not more than their part of the descriptors.
fn seat_limits(settings: &Settings) -> Limits {
    let part = descriptors::share(descriptors::limit(), settings.gateway_listen.is_some());
    let seats = settings.connections_max.min(part.seats).max(1);
    // Behind proxies many people have one address, and the proxies limit them.
    let many = if settings.trusted_proxies > 0 { usize::MAX } else { (seats / 16).max(1) };
    Limits {
        seats,
        per_network: settings.connections_per_address.unwrap_or(many),
        limits_local: settings.connections_per_address.is_some(),
    }
}

/// What an address has of `unidentified_max` connections of the gateway's own listeners, as it has of the main one's.
fn per_network(settings: &Settings, unidentified_max: usize) -> Option<PerNetwork> {
    let many = (settings.trusted_proxies == 0).then_some((unidentified_max / 16).max(1));
    let max = settings.connections_per_address.or(many)?;
    Some(PerNetwork { max, limits_local: settings.connections_per_address.is_some() })
}

fn gateway_config(settings: &Settings) -> consort_gateway::Config {
    let from_public = || Some(settings.public_url.as_ref()?.replacen("http", "ws", 1));
    let defaults = consort_gateway::Config::default();
    let part = descriptors::share(descriptors::limit(), settings.gateway_listen.is_some());
    let connections_max = defaults.connections_max.min(part.sockets);
    consort_gateway::Config {
        connections_max,
        slices: settings.slices,
        listen: settings.gateway_listen,
        own_descriptors: settings.gateway_listen.is_some(),
        limits_commands: settings.rate_limits,
        per_network: per_network(settings, defaults.unidentified_max.min(connections_max / 4)),
        public_url: settings.gateway_url.clone().or_else(from_public),
        io: match settings.gateway_io {
            GatewayIo::Auto => Io::Auto,
            GatewayIo::Epoll => Io::Epoll,
            GatewayIo::Uring => Io::Uring,
        },
        ..defaults
    }
}
