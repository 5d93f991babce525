//! A node among others: how it becomes a member of its cluster, finds them, and leaves.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use consort_cdn::blobs::{Blobs, FilesService, RemoteBlobs, SharedBlobs};
use consort_discovery::{Cluster, Joining, LEASE};
use consort_gateway::{Elsewhere, Others};
use consort_mesh::{Certificates, Links, Listener, Peer, Peers};
use consort_rest::GatewayElsewhere;
use consort_rpc::relay::Relay;
use consort_rpc::{Mesh, MeshRef, NodeId};
use consort_runtime::{Clock as _, Ids, System, random_u64};
use consort_store::{Key, Store as _, StoreRef, Table};
use consort_store_cassandra::{Address, Cassandra};
use consort_store_rpc::{Remote, Shared, StoreService};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout_at};

use crate::files::open_blobs;
use crate::node::{Membership, open_store};
use crate::roles::{Role, role_of};
use crate::settings::{BlobsKind, ClusterSettings, StoreKind};
use crate::{Node, Settings};

/// How long a node that starts waits for the one that has the store.
const STORE_PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// What a node has as a member of a cluster.
pub(crate) struct Member {
    pub(crate) cluster: Arc<Cluster>,
    /// Links of other nodes to this one.
    _listener: Listener,
}

/// The other members, as links find them.
struct Members(Arc<Cluster>);

impl Peers for Members {
    fn peer(&self, node: NodeId) -> Option<Peer> {
        let known = self.0.peer(node)?;
        let (name, address) = (known.name.clone(), known.mesh.clone());
        Some(Peer { name, generation: known.generation, address })
    }
}

/// Starts a node of a cluster; serves when it returns.
///
/// # Errors
/// A text that says what is wrong.
pub(crate) async fn start(settings: &Settings, place: &ClusterSettings) -> Result<Node, String> {
    let certificates = Certificates::open(&place.mesh_certs).map_err(|error| error.to_string())?;
    let socket = TcpListener::bind(place.mesh_listen).await;
    let socket = socket.map_err(|error| format!("{}: {error}", place.mesh_listen))?;
    let ids = Arc::new(OnceLock::new());
    let keeps_files = settings.roles.has(Role::Store) && settings.needs_store();
    let store = match (&place.store, keeps_files) {
        (StoreKind::Embedded, true) => Some(open_own_store(settings, &ids).await?),
        (StoreKind::Embedded, false) => None,
        (StoreKind::Cassandra(address), _) => Some(open_ring(address).await?),
    };
    let cluster = join(settings, place, &socket, keeps_files).await?;
    let (node, generation) = (cluster.node(), cluster.generation());
    let ids = ids.get_or_init(|| Arc::new(Ids::new(node.0))).clone();
    ids.observe_ms(cluster.floor_ms());

    let peers: Arc<dyn Peers> = Arc::new(Members(cluster.clone()));
    let links = Links::new(node, certificates.clone(), peers.clone());
    let mesh = Mesh::new(node, cluster.clone(), Arc::new(links));
    if let (StoreKind::Embedded, Some(own)) = (&place.store, &store) {
        mesh.host::<StoreService>(Shared::new(own.clone()));
    }
    let files: Arc<dyn Blobs> = match (&settings.blobs, keeps_files) {
        (BlobsKind::Folder, true) => {
            let blobs = open_blobs(settings).await?;
            mesh.host::<FilesService>(SharedBlobs::new(blobs.clone()));
            blobs
        }
        (BlobsKind::Folder, false) => Arc::new(RemoteBlobs::new(&mesh)),
        (BlobsKind::Bucket(_), _) => open_blobs(settings).await?,
    };
    let life = cluster.clone();
    let me = (Arc::downgrade(&mesh), node);
    let listener = Listener::start(socket, certificates, me, Arc::new(move || life.generation()), peers);
    let member = Member { cluster: cluster.clone(), _listener: listener.map_err(|error| error.to_string())? };
    let store = match store {
        Some(own) => own,
        None => reach_store(&mesh, generation).await?,
    };
    let gateway_elsewhere = Some(gateway_elsewhere(&mesh, &cluster));
    let place = Membership { mesh, store, ids, files, member: Some(member), gateway_elsewhere };
    let node = Node::join(settings, place).await?;
    cluster.serve();
    Ok(node)
}

async fn open_own_store(settings: &Settings, ids: &Arc<OnceLock<Arc<Ids>>>) -> Result<StoreRef, String> {
    let ids = ids.clone();
    let newest = move || ids.get().map_or(0, |ids: &Arc<Ids>| ids.newest());
    let (store, _) = open_store(&settings.data, newest, settings.accept_data_loss).await?;
    Ok(store)
}

/// Connects to the ring that has the rows of all nodes.
async fn open_ring(address: &Address) -> Result<StoreRef, String> {
    let store = Cassandra::connect(address).await;
    let store = store.map_err(|error| format!("Cassandra at {}: {error}", address.hosts.join(", ")))?;
    let store: StoreRef = Arc::new(store);
    let migrated = consort_actor::migrate(&store, System.now_ms()).await;
    migrated.map_err(|error| format!("bringing the store to this version: {error}"))?;
    Ok(store)
}

async fn join(
    settings: &Settings,
    place: &ClusterSettings,
    socket: &TcpListener,
    keeps_files: bool,
) -> Result<Arc<Cluster>, String> {
    let mesh = socket.local_addr().map_err(|error| error.to_string())?;
    let reachable = !mesh.ip().is_unspecified();
    let mesh = place.mesh_address.clone().or(reachable.then(|| mesh.to_string()));
    let mesh =
        mesh.ok_or("--mesh-address is needed: others do not find this node at the address it listens at")?;
    let joining = Joining {
        etcd: place.etcd.clone(),
        name: place.node.clone(),
        roles: settings.roles.names(),
        mesh,
        address: settings.listen.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        region: place.region.clone(),
        lease: LEASE,
        alone_in: keeps_files.then(|| Role::Store.name().to_owned()).into_iter().collect(),
    };
    tracing::info!(name = joining.name, etcd = ?joining.etcd, "joining the cluster");
    Cluster::join(joining, role_of).await.map_err(|error| error.to_string())
}

/// The store of another node, once that answers.
async fn reach_store(mesh: &MeshRef, life: u64) -> Result<StoreRef, String> {
    let (store, deadline) = (Remote::new(mesh, life), Instant::now() + STORE_PATIENCE);
    let mut told = false;
    loop {
        let read = timeout_at(deadline, store.get(Table::Meta, 0, Key::text("generation"))).await;
        match read {
            Ok(Ok(_)) => return Ok(Arc::new(store)),
            Ok(Err(error)) if Instant::now() < deadline => {
                if !std::mem::replace(&mut told, true) {
                    tracing::info!(%error, "waiting for the node that has the store");
                }
            }
            Ok(Err(error)) => return Err(format!("the store of the cluster cannot be reached: {error}")),
            Err(_) => return Err("the store of the cluster does not answer".to_owned()),
        }
        sleep(TRY_AGAIN).await;
    }
}

/// Nodes with a gateway that stay.
fn staying(mesh: &Mesh, cluster: &Cluster) -> Vec<(NodeId, String)> {
    let nodes = mesh.nodes_of::<Relay>().into_iter().filter_map(|node| Some((node, cluster.peer(node)?)));
    let staying = nodes.filter(|(_, peer)| !peer.leaving && !peer.starting);
    staying.map(|(node, peer)| (node, format!("ws://{}", peer.address))).collect()
}

/// Finds a gateway for clients that ask a node without one; another each time, so that they spread.
fn gateway_elsewhere(mesh: &MeshRef, cluster: &Arc<Cluster>) -> GatewayElsewhere {
    let (mesh, cluster) = (Arc::downgrade(mesh), cluster.clone());
    GatewayElsewhere(Arc::new(move || {
        let mut staying = staying(&*mesh.upgrade()?, &cluster);
        let at = (random_u64() as usize).checked_rem(staying.len())?;
        Some(staying.swap_remove(at).1)
    }))
}

/// The other gateways of a cluster.
struct OtherGateways {
    mesh: Weak<Mesh>,
    cluster: Arc<Cluster>,
    /// Clients come to all nodes by one address, and are told no other.
    one_address: bool,
}

impl Others for OtherGateways {
    fn staying(&self) -> Vec<Elsewhere> {
        let Some(mesh) = self.mesh.upgrade() else { return Vec::new() };
        let others = staying(&mesh, &self.cluster).into_iter().filter(|(node, _)| *node != mesh.node());
        let url = |url: String| (!self.one_address).then_some(url);
        others.map(|(node, address)| Elsewhere { node, url: url(address) }).collect()
    }
}

impl Member {
    /// The other gateways, for this node's; `public_url` where all have one address.
    pub(crate) fn others(&self, mesh: &MeshRef, public_url: Option<String>) -> Arc<dyn Others> {
        let (mesh, cluster) = (Arc::downgrade(mesh), self.cluster.clone());
        Arc::new(OtherGateways { mesh, cluster, one_address: public_url.is_some() })
    }
}
