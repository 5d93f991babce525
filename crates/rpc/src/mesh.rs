//! A node's place among the others: clients, hosts, and the routing between them.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use consort_model::ApiError;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::service::{Placement, Service};
use crate::tell::Facts;
use crate::{
    Caller, Directory, Effect, NodeId, Origin, Ownership, Publication, Reply, Transport, Watcher, guild,
    identity, private, relay, user,
};

/// How long a call may take, from the caller's question to the answer, unless it says otherwise.
pub const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// After a node has answered that it does not own a key yet, or no longer.
const MAP_PAUSE: Duration = Duration::from_millis(20);
/// How long a call looks for an owner that nodes do not agree on. Maps reach all within milliseconds.
const MAP_PATIENCE: Duration = Duration::from_secs(2);
/// The code of [`moved`], which no client is told.
const MOVED: u32 = 130_999;

/// The refusal of a node that does not own the key of a call, or does not any more: nothing was done, and another will.
pub fn moved() -> ApiError {
    ApiError::new(503, MOVED, "the owner has moved")
}

fn is_moved(reply: &Reply) -> bool {
    reply.as_ref().is_err_and(|error| error.code == MOVED)
}

/// Takes the answer of a call; dropping it answers that the call was lost.
#[derive(Debug)]
pub struct Responder {
    sender: Option<oneshot::Sender<Reply>>,
    is_fact: bool,
}

impl Responder {
    /// For a call nobody waits for.
    pub fn none() -> Self {
        Self { sender: None, is_fact: false }
    }

    /// A responder and the place where its answer arrives.
    pub fn channel() -> (Self, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender: Some(sender), is_fact: false }, receiver)
    }

    /// The answer says only that a fact is taken ([`Mesh::tell`]).
    fn of_fact(self) -> Self {
        Self { is_fact: true, ..self }
    }

    /// Gives the answer. A caller that has gone away is no error.
    pub fn send(self, reply: Reply) {
        if let Some(sender) = self.sender {
            let _gone = sender.send(reply);
        }
    }

    /// Whether the call never wanted an answer: what is lost with it is lost.
    pub fn is_cast(&self) -> bool {
        self.sender.is_none()
    }
}

/// One operation on its way into an actor.
#[derive(Debug)]
pub struct Call<S: Service> {
    /// On whose behalf.
    pub caller: Caller,
    /// What.
    pub op: S::Op,
    /// Where the answer goes.
    pub respond: Responder,
    /// After this nobody waits any more: the owner may drop the call unhandled, unless it was sent ([`Call::is_sent`]).
    pub deadline: Instant,
    /// Set when the call carries an effect of another owner: then it is applied once, and its answer acknowledges it.
    pub origin: Option<Origin>,
}

impl<S: Service> Call<S> {
    /// Whether it was sent by somebody who does not ask: news, a fact or an effect. These have room in a mailbox that calls
    /// have not, and are taken while the node ends.
    pub fn is_sent(&self) -> bool {
        self.origin.is_some() || self.respond.is_fact || self.respond.is_cast()
    }

    /// Bytes of the operation as it travels between nodes. Encodes it, so this is for those who watch one actor.
    pub fn encoded_len(&self) -> u64 {
        rmp_serde::to_vec_named(&self.op).map_or(0, |bytes| bytes.len() as u64)
    }
}

/// Runs the actors of one service on this node. `deliver` never blocks: a full mailbox answers
/// [`ApiError::overloaded`].
pub trait Host<S: Service>: Send + Sync + 'static {
    /// Puts a call into the mailbox of the actor `key`, starting the actor if need be. Calls delivered one after the
    /// other by the same thread are handled in that order.
    fn deliver(&self, key: u64, call: Call<S>);
}

/// Why a call could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No node runs the service.
    #[error("no node runs {0}")]
    NoOwner(&'static str),
    /// The other node could not be reached.
    #[error("node unreachable: {0}")]
    Unreachable(NodeId),
    /// No answer before the deadline.
    #[error("no answer in time")]
    Deadline,
    /// The actor or its node went away with the call.
    #[error("the call was lost")]
    Lost,
    /// The node does not know yet, or no longer, that it owns the key.
    #[error("the node is not the owner")]
    NotOwner,
    /// A value could not be decoded: nodes of incompatible versions.
    #[error("undecodable: {0}")]
    Codec(String),
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        tracing::warn!(%error, "call failed");
        match error {
            CallError::NoOwner(service) => {
                ApiError::unavailable().message(format!("503: Service Unavailable. No node runs {service}."))
            }
            _ => ApiError::overloaded(),
        }
    }
}

/// A shared mesh.
pub type MeshRef = Arc<Mesh>;

/// This node, the services that run on it, and the way to the others.
pub struct Mesh {
    node: NodeId,
    directory: Arc<dyn Directory>,
    transport: Arc<dyn Transport>,
    hosts: RwLock<HashMap<&'static str, Arc<dyn AnyHost>>>,
    early: Mutex<VecDeque<Early>>,
    pub(crate) facts: Facts,
}

/// A call that came before the map by which its caller chose this node.
struct Early {
    map: u64,
    service: String,
    key: u64,
    body: Bytes,
    respond: Responder,
    until: Instant,
}

/// Calls that may wait for a map; more are refused.
const EARLY_MAX: usize = 16_384;

/// What becomes of a call from another node.
enum Taken {
    /// It is with its owner.
    Delivered,
    /// Its caller knows a newer map.
    Early { map: u64, respond: Responder },
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh").field("node", &self.node).finish_non_exhaustive()
    }
}

/// A call as it crosses between nodes.
#[derive(Serialize, Deserialize)]
struct Wire<Op> {
    caller: Caller,
    op: Op,
    /// The version of the map by which the caller chose the node.
    #[serde(default)]
    map: u64,
    #[serde(default)]
    origin: Option<Origin>,
    /// How long the caller still waits, in milliseconds: clocks of two nodes do not agree, so no moment is named.
    #[serde(default)]
    patience_ms: Option<u64>,
    /// Whether it is a fact.
    #[serde(default)]
    fact: bool,
}

/// A host whose service is not known to the type system any more.
trait AnyHost: Send + Sync {
    fn typed(&self) -> &dyn Any;
    fn deliver_bytes(&self, map: u64, key: u64, body: &[u8], respond: Responder) -> Result<Taken, CallError>;
}

struct Erased<S: Service>(Arc<dyn Host<S>>);

impl<S: Service> AnyHost for Erased<S> {
    fn typed(&self) -> &dyn Any {
        &self.0
    }

    fn deliver_bytes(&self, map: u64, key: u64, body: &[u8], respond: Responder) -> Result<Taken, CallError> {
        let wire: Wire<S::Op> = rmp_serde::from_slice(body).map_err(|e| CallError::Codec(e.to_string()))?;
        if wire.map > map && S::PLACEMENT == Placement::Ring {
            return Ok(Taken::Early { map: wire.map, respond });
        }
        let Wire { caller, op, origin, patience_ms, fact, .. } = wire;
        let respond = if fact { respond.of_fact() } else { respond };
        let patience = patience_ms.map_or(CALL_DEADLINE, Duration::from_millis).min(CALL_DEADLINE);
        let deadline = Instant::now() + patience;
        self.0.deliver(key, Call { caller, op, respond, deadline, origin });
        Ok(Taken::Delivered)
    }
}

impl Mesh {
    /// A node that so far hosts nothing.
    pub fn new(node: NodeId, directory: Arc<dyn Directory>, transport: Arc<dyn Transport>) -> MeshRef {
        let (hosts, early, facts) = (RwLock::default(), Mutex::default(), Facts::default());
        let mesh = Arc::new(Self { node, directory, transport, hosts, early, facts });
        let watcher: Weak<Self> = Arc::downgrade(&mesh);
        mesh.directory.watch(watcher);
        mesh
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Every live node that runs a service.
    pub fn nodes_of<S: Service>(&self) -> Vec<NodeId> {
        self.directory.nodes_of(S::NAME)
    }

    /// Runs a service here from now on.
    pub fn host<S: Service>(&self, host: Arc<dyn Host<S>>) {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(S::NAME, Arc::new(Erased(host)));
    }

    /// A client of a service, wherever its actors are.
    pub fn client<S: Service>(self: &Arc<Self>) -> Client<S> {
        Client { mesh: self.clone(), service: PhantomData }
    }

    /// Sends the news of a turn; the order of what one caller sends to one actor is kept.
    pub fn publish(self: &Arc<Self>, publication: Publication) {
        let system = Caller::system();
        let sent = match publication {
            Publication::Relay { node, message } => {
                self.client::<relay::Relay>().cast_lossy(u64::from(node.0), system, message)
            }
            Publication::User { user, news } => {
                self.client::<user::User>().cast_lossy(user.get(), system, news)
            }
            Publication::Everywhere(op) => {
                let identities = self.client::<identity::Identity>();
                let tell =
                    |node: NodeId| identities.cast_lossy(u64::from(node.0), system.clone(), op.clone());
                // All are told, whichever cannot be reached.
                self.nodes_of::<identity::Identity>().into_iter().map(tell).fold(Ok(()), Result::and)
            }
        };
        if let Err(error) = sent {
            tracing::warn!(%error, "a publication could not be delivered");
        }
    }

    /// Sends an effect to its receiver. Sent by this call, not by the first poll: the order of what one caller sends to one
    /// actor is kept. The answer says that the effect is applied, or why not.
    pub fn send(self: &Arc<Self>, effect: Effect, origin: Origin) -> BoxFuture<'static, Reply> {
        match effect {
            Effect::User { user, op } => self.client::<user::User>().send(user.get(), op, origin),
            Effect::Guild { guild, op } => self.client::<guild::Guild>().send(guild.get(), op, origin),
            Effect::Private { channel, op } => {
                self.client::<private::Private>().send(channel.get(), op, origin)
            }
        }
    }

    /// The version of the map as this node knows it.
    pub fn version(&self) -> u64 {
        self.directory.version()
    }

    /// The node that owns a key, as far as this one knows.
    pub fn owner_of<S: Service>(&self, key: u64) -> Option<NodeId> {
        self.owner::<S>(key).ok()
    }

    /// Makes this node the owner of a key, if the map says so.
    pub fn claim<S: Service>(&self, key: u64) -> Option<Ownership> {
        self.directory.claim(self.node, S::NAME, key)
    }

    /// Whether this node's ownership of a key still holds.
    pub fn holds<S: Service>(&self, key: u64, ownership: Ownership) -> bool {
        self.directory.holds(self.node, S::NAME, key, ownership)
    }

    /// Whether what this node holds to be its own surely is; see [`Directory::is_certain`].
    pub fn is_certain(&self) -> bool {
        self.directory.is_certain()
    }

    /// Tells `watcher` of every change of the map from now on.
    pub fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.directory.watch(watcher);
    }

    /// Takes a call that came from another node. One whose caller knows a newer map waits until that is here too, as long as a
    /// caller looks for an owner; then it is delivered, behind those that came before it.
    ///
    /// # Errors
    /// When the service does not run here, the call cannot be decoded, or too many wait.
    pub fn receive(&self, service: &str, key: u64, body: &[u8], respond: Responder) -> Result<(), CallError> {
        let host = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(service).cloned();
        let taken =
            host.ok_or(CallError::Lost)?.deliver_bytes(self.directory.version(), key, body, respond)?;
        let Taken::Early { map, respond } = taken else { return Ok(()) };
        let (service, body) = (service.to_owned(), Bytes::copy_from_slice(body));
        let until = Instant::now() + MAP_PATIENCE;
        {
            let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
            if early.len() >= EARLY_MAX {
                return Err(CallError::NotOwner);
            }
            early.push_back(Early { map, service, key, body, respond, until });
        }
        // The map may have come in between.
        self.deliver_early();
        Ok(())
    }

    fn deliver_early(&self) {
        let mut early = self.early.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let goes = |first: &mut Early| first.map <= self.directory.version() || first.until < now;
        while let Some(first) = early.pop_front_if(goes) {
            let Early { service, key, body, respond, until, .. } = first;
            if until < now {
                // Its caller has given up, and is told that it is lost.
                continue;
            }
            let host = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(&*service).cloned();
            // It was decoded before; what cannot be delivered is lost to its caller.
            let delivered =
                host.map(|host| host.deliver_bytes(self.directory.version(), key, &body, respond));
            if !matches!(delivered, Some(Ok(Taken::Delivered))) {
                tracing::warn!(service, key, "a call of another node that has waited for the map is lost");
            }
        }
    }

    fn owner<S: Service>(&self, key: u64) -> Result<NodeId, CallError> {
        match S::PLACEMENT {
            Placement::Ring => self.directory.owner(S::NAME, key).ok_or(CallError::NoOwner(S::NAME)),
            Placement::Node => u16::try_from(key).map(NodeId).map_err(|_| CallError::NoOwner(S::NAME)),
        }
    }

    fn local<S: Service>(&self) -> Result<Arc<dyn Host<S>>, CallError> {
        let hosts = self.hosts.read().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.get(S::NAME).ok_or(CallError::NoOwner(S::NAME))?;
        host.typed().downcast_ref::<Arc<dyn Host<S>>>().cloned().ok_or(CallError::NoOwner(S::NAME))
    }
}

impl Watcher for Mesh {
    fn moved(&self) {
        self.deliver_early();
        self.facts.hurry();
    }
}

/// Talks to the actors of a service.
pub struct Client<S: Service> {
    mesh: MeshRef,
    service: PhantomData<fn() -> S>,
}

impl<S: Service> Clone for Client<S> {
    fn clone(&self) -> Self {
        Self { mesh: self.mesh.clone(), service: PhantomData }
    }
}

impl<S: Service> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client<{}>", S::NAME)
    }
}

impl<S: Service> Client<S> {
    /// Asks and waits for the answer, at most [`CALL_DEADLINE`].
    ///
    /// # Errors
    /// The owner's refusal, or 503 when it could not be asked in time.
    pub async fn call(&self, key: u64, caller: Caller, op: S::Op) -> Reply {
        let deadline = Instant::now() + CALL_DEADLINE;
        let answer = tokio::time::timeout_at(deadline, self.ask(key, caller, op, deadline)).await;
        let reply = answer.unwrap_or(Err(CallError::Deadline))?;
        if is_moved(&reply) { Err(ApiError::overloaded()) } else { reply }
    }

    /// Sends news, once: it is lost when its receiver has no room for it or the way to it breaks. The order of what one caller
    /// sends to one actor is kept.
    ///
    /// # Errors
    /// When it is known at once that nobody can take it.
    pub fn cast_lossy(&self, key: u64, caller: Caller, news: S::News) -> Result<(), CallError> {
        let (owner, op) = (self.mesh.owner::<S>(key)?, news.into());
        if owner == self.mesh.node {
            let (respond, deadline) = (Responder::none(), Instant::now() + CALL_DEADLINE);
            self.mesh.local::<S>()?.deliver(key, Call { caller, op, respond, deadline, origin: None });
            return Ok(());
        }
        let volatile = S::is_volatile(&op);
        let body = encode(&self.wire((caller, &op), &Sent::Asked, Instant::now() + CALL_DEADLINE))?;
        match volatile {
            true => self.mesh.transport.cast_volatile(owner, S::NAME, key, body),
            false => self.mesh.transport.cast(owner, S::NAME, key, body),
        }
    }

    fn wire<'o>(&self, (caller, op): (Caller, &'o S::Op), sent: &Sent, deadline: Instant) -> Wire<&'o S::Op> {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience_ms = Some(left.as_millis().try_into().unwrap_or(u64::MAX));
        let (origin, fact) = (sent.origin(), matches!(sent, Sent::Fact));
        Wire { caller, op, map: self.mesh.directory.version(), origin, patience_ms, fact }
    }

    async fn ask(&self, key: u64, caller: Caller, op: S::Op, deadline: Instant) -> Result<Reply, CallError> {
        let patient = deadline.min(Instant::now() + MAP_PATIENCE);
        loop {
            let owner = self.mesh.owner::<S>(key)?;
            if owner == self.mesh.node {
                let (respond, answer) = Responder::channel();
                self.mesh.local::<S>()?.deliver(key, Call { caller, op, respond, deadline, origin: None });
                return answer.await.map_err(|_| CallError::Lost);
            }
            let body = encode(&self.wire((caller.clone(), &op), &Sent::Asked, deadline))?;
            let reply = match self.mesh.transport.call(owner, S::NAME, key, body).await {
                Err(CallError::NotOwner) => Err(moved()),
                answer => decode_reply(&answer?)?,
            };
            // Nothing was done, and it will be right in a moment: the map is on its way to that node, or to this one.
            if !is_moved(&reply) || Instant::now() > patient {
                return Ok(reply);
            }
            tokio::time::sleep(MAP_PAUSE).await;
        }
    }

    /// Asks, by this call and not by the first poll: the order of what one caller starts with one actor is kept. What cannot be
    /// sent fails with the first poll. The answer comes within [`CALL_DEADLINE`], or the call fails.
    pub fn start(&self, key: u64, caller: Caller, op: S::Op) -> BoxFuture<'static, Result<Reply, CallError>> {
        let deadline = Instant::now() + CALL_DEADLINE;
        match self.begin(key, (caller, op), &Sent::Asked, deadline) {
            Ok(answer) => Box::pin(async move {
                tokio::time::timeout_at(deadline, answer).await.unwrap_or(Err(CallError::Deadline))
            }),
            Err(error) => std::future::ready(Err(error)).boxed(),
        }
    }

    /// Sends an effect; see [`Mesh::send`].
    fn send(&self, key: u64, op: S::Op, origin: Origin) -> BoxFuture<'static, Reply> {
        self.begin_in_time(key, (Caller::system(), op), Sent::Effect(origin))
    }

    /// Sends a fact, by this call. The answer says that it is taken, or why not.
    pub(crate) fn tell_once(&self, key: u64, caller: Caller, op: S::Op) -> BoxFuture<'static, Reply> {
        self.begin_in_time(key, (caller, op), Sent::Fact)
    }

    fn begin_in_time(&self, key: u64, what: (Caller, S::Op), sent: Sent) -> BoxFuture<'static, Reply> {
        let deadline = Instant::now() + CALL_DEADLINE;
        match self.begin(key, what, &sent, deadline) {
            Ok(answer) => Box::pin(async move {
                tokio::time::timeout_at(deadline, answer).await.unwrap_or(Err(CallError::Deadline))?
            }),
            Err(error) => std::future::ready(Err(error.into())).boxed(),
        }
    }

    fn begin(
        &self,
        key: u64,
        (caller, op): (Caller, S::Op),
        sent: &Sent,
        deadline: Instant,
    ) -> Result<BoxFuture<'static, Result<Reply, CallError>>, CallError> {
        let owner = self.mesh.owner::<S>(key)?;
        if owner == self.mesh.node {
            let (respond, answer) = Responder::channel();
            let respond = if matches!(sent, Sent::Fact) { respond.of_fact() } else { respond };
            let call = Call { caller, op, respond, deadline, origin: sent.origin() };
            self.mesh.local::<S>()?.deliver(key, call);
            return Ok(Box::pin(async { answer.await.map_err(|_| CallError::Lost) }));
        }
        let body = encode(&self.wire((caller, &op), sent, deadline))?;
        let answer = self.mesh.transport.call(owner, S::NAME, key, body);
        Ok(Box::pin(async { decode_reply(&answer.await?) }))
    }
}

/// How something is sent.
enum Sent {
    /// By somebody who waits for the answer, or for nothing.
    Asked,
    /// Told until it is taken.
    Fact,
    /// Kept until it is done.
    Effect(Origin),
}

impl Sent {
    fn origin(&self) -> Option<Origin> {
        match self {
            Self::Effect(origin) => Some(origin.clone()),
            Self::Asked | Self::Fact => None,
        }
    }
}

fn decode_reply(answer: &[u8]) -> Result<Reply, CallError> {
    rmp_serde::from_slice(answer).map_err(|e| CallError::Codec(e.to_string()))
}

fn encode<T: Serialize>(value: &T) -> Result<Bytes, CallError> {
    rmp_serde::to_vec_named(value).map(Bytes::from).map_err(|e| CallError::Codec(e.to_string()))
}

/// Encodes an answer for the way back between nodes.
///
/// # Errors
/// When it cannot be encoded.
pub fn encode_reply(reply: &Reply) -> Result<Bytes, CallError> {
    encode(reply)
}
