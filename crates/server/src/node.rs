//! The wiring of a node.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use consort_actor::{Env, Owners, Work, run_courier, run_scheduler};
use consort_eraser::Eraser;
use consort_gateway::{Gateway, Io};
use consort_rest::{App, Config, Parts};
use consort_rpc::{
    Directory, InProcess, Mesh, MeshRef, NodeId, Static, account, application, guild, name, private, user,
};
use consort_runtime::{Ahead, ClockRef, Health, Ids, Registry, System, spawn};
use consort_store::{Batch, Error, StoreExt as _, StoreRef, Table};
use consort_store_embedded::{Embedded, NewestId, Options};
use tokio::time::Instant;

use crate::files::Files;
use crate::http::{Limits, Listener};
use crate::identity::Tokens;
use crate::settings::GatewayIo;
use crate::watch::{self, Room, Watch};
use crate::{Settings, descriptors, web};

/// The number of a node that is alone.
const ALONE: NodeId = NodeId(0);
/// The row of `Table::Meta`, in partition 0, that counts the lives of the installation.
const GENERATION: &str = "generation";
/// How long clients have to go away when the server ends.
const DRAIN: Duration = Duration::from_secs(5);
/// From the beginning of the end until the store closes, at most. Clients and requests have their share of it
/// ([`DRAIN`], [`GRACE`](crate::http::GRACE)), the owners the rest.
const END_MAX: Duration = Duration::from_secs(14);

/// Files of the store and of what is uploaded and fetched, at once, roughly.
const FILES_OPEN_MAX: usize = 1024;

/// A server that runs every role in this process.
pub struct Node {
    listener: Listener,
    gateway: Arc<Gateway>,
    work: Work,
    store: StoreRef,
    app: Arc<App>,
    /// What runs beside until the node ends.
    background: [tokio::task::JoinHandle<Option<()>>; 3],
    // The transport knows meshes weakly; this is what keeps the node's own alive.
    _mesh: MeshRef,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Where a node stands among those that share a store with it.
pub struct Membership {
    /// Its number, unique among them.
    pub node: NodeId,
    /// Who they are.
    pub directory: Arc<dyn Directory>,
    /// The way to the others.
    pub network: InProcess,
    /// What they share.
    pub store: StoreRef,
    /// Draws its snowflakes, above all those in the store.
    pub ids: Arc<Ids>,
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Node {
    /// Starts everything, alone and on the embedded store; serves when it returns.
    ///
    /// # Errors
    /// A text that says what is wrong with data directory or address.
    pub async fn start(settings: &Settings) -> Result<Self, String> {
        let ids = Arc::new(Ids::new(ALONE.0));
        let store = open_store(&settings.data, &ids, settings.accept_data_loss).await?;
        let generation = next_generation(&store).await;
        let generation = generation.map_err(|error| format!("{}: {error}", settings.data.display()))?;
        let directory = Arc::new(Static::alone(ALONE, generation));
        Self::join(settings, Membership { node: ALONE, directory, network: InProcess::new(), store, ids })
            .await
    }

    /// Starts everything in its place among other nodes.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn join(settings: &Settings, place: Membership) -> Result<Self, String> {
        let Membership { node, directory, network, store, ids } = place;
        let clock: ClockRef = match settings.clock_ahead_s {
            0 => Arc::new(System),
            ahead_s => Arc::new(Ahead { by_ms: u64::from(ahead_s) * 1000 }),
        };
        let registry = Registry::default();
        let (health, room) = (Health::default(), Room::new(true.into()));
        let files = Files::open(settings, &store, clock.clone()).await?;
        let cdn = files.cdn.clone();

        let mesh = Mesh::new(node, directory, Arc::new(network.clone()));
        network.join(&mesh);
        let work = Work::default();
        let env = Env {
            clock: clock.clone(),
            store: store.clone(),
            mesh: mesh.clone(),
            ids: ids.clone(),
            links: cdn.links().clone(),
            registry: registry.clone(),
            work: work.clone(),
        };
        mesh.host::<account::Account>(Owners::<consort_account::Account>::new(env.clone()));
        mesh.host::<application::Application>(Owners::<consort_application::Application>::new(env.clone()));
        mesh.host::<name::Name>(Owners::<consort_account::Names>::new(env.clone()));
        mesh.host::<guild::Guild>(Owners::<consort_guild::Guild>::new(env.clone()));
        mesh.host::<user::User>(Owners::<consort_user::User>::new(env.clone()));
        mesh.host::<private::Private>(Owners::<consort_user::PrivateChannel>::new(env.clone()));
        spawn("courier", run_courier(env.clone()));
        spawn("scheduler", run_scheduler(env));

        let app = App::new(Parts {
            mesh: mesh.clone(),
            store: store.clone(),
            cdn: cdn.clone(),
            media: files.media.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            registry: registry.clone(),
            health: health.clone(),
            room: room.clone(),
            config: edge_config(settings),
        });
        let gateway = Gateway::start(
            gateway_config(settings),
            &consort_gateway::Env {
                mesh: mesh.clone(),
                auth: Arc::new(Tokens(app.clone())),
                registry,
                clock: clock.clone(),
            },
        );
        let gateway = gateway.map_err(|error| format!("the gateway does not start: {error}"))?;
        let page = web::router(gateway_config(settings).public_url.as_deref());
        let edge = consort_rest::router(app.clone(), Some(page));
        let listener = Listener::start(settings.listen, seat_limits(settings), edge, gateway.clone()).await;
        let listener = listener.map_err(|error| format!("{}: {error}", settings.listen))?;
        files.listening(listener.address());
        let background = [
            Watch { clock, ids, health, data: settings.data.clone(), room }.start(),
            Eraser::new(store.clone(), &mesh).start(),
            consort_runtime::spawn("sweep", cdn.sweep_forever()),
        ];
        Ok(Self { listener, gateway, work, store, app, background, _mesh: mesh })
    }

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The edge's state, for tests and tools in this process.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Ends in order, so that everything acknowledged can be opened again: takes nobody in, sends clients away and lets
    /// requests end, then lets the owners finish what they have, which what clients left behind is part of, and closes the
    /// store when nobody writes any more.
    pub async fn shutdown(self) {
        let deadline = Instant::now() + END_MAX;
        tokio::join!(self.gateway.shutdown(DRAIN), self.listener.shutdown());
        let left = self.work.shutdown(deadline).await;
        if left > 0 {
            tracing::warn!(left, "the store closes although owners are at work");
        }
        self.background.iter().for_each(tokio::task::JoinHandle::abort);
        self.store.close().await;
        tracing::info!(casts_dropped = self.work.casts_dropped(), "closed");
    }
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

/// Opens the embedded store and has `ids` begin above what is in it.
async fn open_store(data: &Path, ids: &Arc<Ids>, accept_damage: bool) -> Result<StoreRef, String> {
    let (data, newest) = (data.to_owned(), ids.clone());
    let opened = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
        watch::make_room_to_start(&data);
        let newest_id = Some(NewestId::new(move || newest.newest()));
        let options = Options { newest_id, accept_damage, ..Options::default() };
        Embedded::open(&data, options).map_err(|error| store_failure(&data, &error))
    });
    let store = opened.await.map_err(|error| format!("opening the store: {error}"))??;
    ids.observe(store.snowflake_mark());
    Ok(Arc::new(store))
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
        dev: settings.dev,
        rate_limits: settings.rate_limits,
        registration: settings.registration,
        trusted_proxies: settings.trusted_proxies,
        invalid_requests_max: settings.invalid_requests_max,
        requests_max: settings.requests_max,
    }
}

/// Seats for connections: as many as are set, but not more than half of what the system lets the process open.
fn seat_limits(settings: &Settings) -> Limits {
    let seats = settings.connections_max.min(descriptors::limit() / 2).max(1);
    // Behind proxies many people have one address, and the proxies limit them.
    let many = if settings.trusted_proxies > 0 { usize::MAX } else { (seats / 16).max(1) };
    Limits {
        seats,
        per_network: settings.connections_per_address.unwrap_or(many),
        limits_local: settings.connections_per_address.is_some(),
    }
}

fn gateway_config(settings: &Settings) -> consort_gateway::Config {
    let from_public = || Some(settings.public_url.as_ref()?.replacen("http", "ws", 1));
    let defaults = consort_gateway::Config::default();
    // What strangers do not have of the descriptors, but for those of files. Slices that accept themselves have their own.
    let limits = seat_limits(settings);
    let taken = limits.seats + limits.standing() + FILES_OPEN_MAX.min(descriptors::limit() / 8);
    let left = descriptors::limit().saturating_sub(taken);
    let connections_max = match settings.gateway_listen {
        Some(_) => defaults.connections_max,
        None => defaults.connections_max.min(left),
    };
    consort_gateway::Config {
        connections_max,
        slices: settings.slices,
        listen: settings.gateway_listen,
        own_descriptors: settings.gateway_listen.is_some(),
        public_url: settings.gateway_url.clone().or_else(from_public),
        io: match settings.gateway_io {
            GatewayIo::Auto => Io::Auto,
            GatewayIo::Epoll => Io::Epoll,
            GatewayIo::Uring => Io::Uring,
        },
        ..defaults
    }
}
