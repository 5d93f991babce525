//! Links between nodes. Each carries bytes in order, after a delay, and may be cut in one direction. What is on a link that is
//! cut is lost, as with a connection that breaks; what is sent on it gets no answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use consort_rpc::{CallError, InProcess, MeshRef, NodeId, Transport};
use consort_runtime::Scope;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::chance::Chance;

/// Things on one link at most; a real one is bounded, too, and then refuses.
const ON_LINK_MAX: usize = 65_536;

/// Direction of a link: from, to.
type Way = (NodeId, NodeId);
/// What is done when something arrives.
type Arrival = Box<dyn FnOnce() + Send>;

struct Link {
    queue: mpsc::Sender<(Instant, u64, Arrival)>,
    cut: bool,
    /// How often it was cut: what was sent before a cut does not arrive after it.
    cuts: u64,
}

#[derive(Default)]
struct State {
    links: BTreeMap<Way, Link>,
    scopes: HashMap<NodeId, Scope>,
}

/// All links of a cluster.
#[derive(Clone)]
pub(crate) struct Network {
    state: Arc<Mutex<State>>,
    plugs: InProcess,
    chance: Chance,
    /// Links belong to the world, not to a node.
    world: Scope,
}

impl Network {
    pub(crate) fn new(chance: Chance, world: Scope) -> Self {
        Self { state: Arc::default(), plugs: InProcess::new(), chance, world }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plugs a life of a node in; its tasks belong to `scope`.
    pub(crate) fn join(&self, mesh: &MeshRef, scope: &Scope) {
        self.lock().scopes.insert(mesh.node(), scope.clone());
        self.plugs.join(mesh);
    }

    /// Pulls the plug of a node that dies.
    pub(crate) fn part(&self, node: NodeId) {
        self.plugs.part(node);
        self.lock().scopes.remove(&node);
        let mut state = self.lock();
        let touched = state.links.iter_mut().filter(|((from, to), _)| *from == node || *to == node);
        touched.for_each(|(_, link)| link.cuts += 1);
    }

    /// Cuts or mends the way from one node to another.
    pub(crate) fn set_cut(&self, from: NodeId, to: NodeId, cut: bool) {
        let mut state = self.lock();
        let link = self.link(&mut state, (from, to));
        link.cut = cut;
        link.cuts += 1;
    }

    fn link<'a>(&self, state: &'a mut State, way: Way) -> &'a mut Link {
        state.links.entry(way).or_insert_with(|| {
            let (queue, arrivals) = mpsc::channel(ON_LINK_MAX);
            self.world.run(|| consort_runtime::spawn("link", carry(self.clone(), way, arrivals)));
            Link { queue, cut: false, cuts: 0 }
        })
    }

    /// Puts something on a link; gives false when there is no room.
    fn put(&self, way: Way, arrival: Arrival) -> bool {
        let slow = self.chance.per_mille(20);
        let at = Instant::now() + self.chance.millis(if slow { 50..400 } else { 0..5 });
        let mut state = self.lock();
        let link = self.link(&mut state, way);
        // What is sent on a cut link is lost without a word.
        link.cut || link.queue.try_send((at, link.cuts, arrival)).is_ok()
    }

    fn is_lost(&self, way: Way, cuts: u64) -> bool {
        self.lock().links.get(&way).is_none_or(|link| link.cut || link.cuts != cuts)
    }

    fn scope(&self, node: NodeId) -> Option<Scope> {
        self.lock().scopes.get(&node).cloned()
    }
}

async fn carry(network: Network, way: Way, mut arrivals: mpsc::Receiver<(Instant, u64, Arrival)>) {
    while let Some((at, cuts, arrival)) = arrivals.recv().await {
        sleep_until(at).await;
        if !network.is_lost(way, cuts) {
            arrival();
        }
    }
}

/// The end of all links at one node.
pub(crate) struct End {
    pub(crate) node: NodeId,
    pub(crate) network: Network,
}

impl Transport for End {
    fn call(
        &self,
        to: NodeId,
        service: &'static str,
        key: u64,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let (answer, answered) = oneshot::channel();
        let (network, from) = (self.network.clone(), self.node);
        let arrival = Box::new(move || {
            let Some(scope) = network.scope(to) else { return };
            let reply = scope.run(|| network.plugs.call(to, service, key, body));
            let back = network.clone();
            network.world.run(|| {
                consort_runtime::spawn("answer", async move {
                    let reply = reply.await;
                    back.put((to, from), Box::new(move || drop(answer.send(reply))));
                })
            });
        });
        let put = self.network.put((from, to), arrival);
        Box::pin(async move {
            if !put {
                return Err(CallError::Unreachable(to));
            }
            answered.await.map_err(|_| CallError::Lost)?
        })
    }

    fn cast(&self, to: NodeId, service: &'static str, key: u64, body: Bytes) -> Result<(), CallError> {
        let network = self.network.clone();
        let arrival = Box::new(move || {
            if let Some(scope) = network.scope(to) {
                // Whoever sent it hears nothing of what becomes of it here.
                let _refused = scope.run(|| network.plugs.cast(to, service, key, body));
            }
        });
        let put = self.network.put((self.node, to), arrival);
        if put { Ok(()) } else { Err(CallError::Unreachable(to)) }
    }
}
