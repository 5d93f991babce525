//! Links to other nodes.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use consort_rpc::{CallError, NodeId, Transport};
use futures_util::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use crate::certificates::{Certificates, server_name};
use crate::frame::{self, BODY_BYTES_MAX, Frame, Kind};
use crate::outbox::{Outbox, Urgency};
use crate::stream::{Messages, send};
use crate::{PATH, PROTOCOL};

/// How often each side says that it lives.
pub(crate) const BEAT: Duration = Duration::from_millis(200);
/// After so long without a word the other side is taken for dead.
pub(crate) const SILENCE: Duration = Duration::from_millis(900);
/// How long it may take to open a link.
const OPEN: Duration = Duration::from_secs(1);
/// A link over which nothing was said for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Calls of one link that wait for their answers.
pub(crate) const CALLS_MAX: usize = 16_384;
/// How much the receiver takes before it has worked on it, of one stream and of all.
pub(crate) const WINDOWS: (u32, u32) = (4 << 20, 8 << 20);

/// Another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its name, which its certificate must bear.
    pub name: String,
    /// Which life of its number is meant.
    pub generation: u64,
    /// `HOST:PORT`.
    pub address: String,
}

/// Knows where other nodes are.
pub trait Peers: Send + Sync + 'static {
    /// The node with a number, if it lives.
    fn peer(&self, node: NodeId) -> Option<Peer>;
}

/// Figures of all links since the start.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Links that are open or being opened.
    pub links: usize,
    /// Volatile events that were dropped because a queue was half full.
    pub volatile_dropped: u64,
}

/// The way to all other nodes.
#[derive(Clone)]
pub struct Links(Arc<Shared>);

struct Shared {
    node: NodeId,
    certificates: Certificates,
    peers: Arc<dyn Peers>,
    links: Mutex<HashMap<NodeId, Arc<Link>>>,
    volatile_dropped: AtomicU64,
}

/// One link: what waits, and who waits for answers.
struct Link {
    state: Mutex<State>,
    /// There is something to send, or the link is over.
    wake: Notify,
}

#[derive(Default)]
struct State {
    outbox: Outbox,
    next_id: u64,
    waiting: HashMap<u64, oneshot::Sender<Result<Bytes, CallError>>>,
    closed: bool,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("node", &self.0.node).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Links {
    /// The links of a node, none of them open.
    pub fn new(node: NodeId, certificates: Certificates, peers: Arc<dyn Peers>) -> Self {
        let (links, volatile_dropped) = (Mutex::default(), AtomicU64::new(0));
        Self(Arc::new(Shared { node, certificates, peers, links, volatile_dropped }))
    }

    /// Figures.
    pub fn stats(&self) -> Stats {
        let volatile_dropped = self.0.volatile_dropped.load(Ordering::Relaxed);
        Stats { links: lock(&self.0.links).len(), volatile_dropped }
    }

    /// Puts a frame into the queue of a link, which is opened if need be. `waiter` is given the answer.
    fn say(
        &self,
        to: NodeId,
        frame: Frame,
        volatile: bool,
        waiter: Option<oneshot::Sender<Result<Bytes, CallError>>>,
    ) -> Result<(), CallError> {
        let unreachable = || CallError::Unreachable(to);
        if frame.body.len() > BODY_BYTES_MAX {
            return Err(CallError::Codec(format!("{} bytes are too many", frame.body.len())));
        }
        let mut links = lock(&self.0.links);
        let link = match links.get(&to) {
            Some(link) => link.clone(),
            None => {
                let peer = self.0.peers.peer(to).ok_or_else(unreachable)?;
                let link = Arc::new(Link { state: Mutex::default(), wake: Notify::new() });
                links.insert(to, link.clone());
                consort_runtime::spawn("link", run(self.0.clone(), to, peer, link.clone()));
                link
            }
        };
        // Still under the lock of the map: a link that ends takes itself off it before it closes.
        let mut state = lock(&link.state);
        if state.waiting.len() >= CALLS_MAX {
            // Those whose callers have given up, and whose answers may never come.
            state.waiting.retain(|_, waiter| !waiter.is_closed());
        }
        if state.closed || (waiter.is_some() && state.waiting.len() >= CALLS_MAX) {
            return Err(unreachable());
        }
        let urgency = if frame.service.as_ref() == b"relay" { Urgency::Event } else { Urgency::Call };
        let id = state.next_id;
        state.next_id += 1;
        let dropped = state.outbox.push(urgency, volatile, Frame { id, ..frame }).is_err();
        self.0.volatile_dropped.fetch_add(u64::from(dropped && volatile), Ordering::Relaxed);
        if dropped {
            return Err(unreachable());
        }
        if let Some(waiter) = waiter {
            state.waiting.insert(id, waiter);
        }
        link.wake.notify_one();
        Ok(())
    }
}

impl Transport for Links {
    fn call(
        &self,
        to: NodeId,
        service: &'static str,
        key: u64,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let (waiter, answer) = oneshot::channel();
        let frame =
            Frame { kind: Kind::Call, id: 0, key, service: Bytes::from_static(service.as_bytes()), body };
        let said = self.say(to, frame, false, Some(waiter));
        Box::pin(async move {
            said?;
            answer.await.unwrap_or(Err(CallError::Lost))
        })
    }

    fn cast(&self, to: NodeId, service: &'static str, key: u64, body: Bytes) -> Result<(), CallError> {
        self.say(to, cast(service, key, body), false, None)
    }

    fn cast_volatile(
        &self,
        to: NodeId,
        service: &'static str,
        key: u64,
        body: Bytes,
    ) -> Result<(), CallError> {
        self.say(to, cast(service, key, body), true, None)
    }
}

fn cast(service: &'static str, key: u64, body: Bytes) -> Frame {
    Frame { kind: Kind::Cast, id: 0, key, service: Bytes::from_static(service.as_bytes()), body }
}

/// Opens a link, works it until it ends, and tells those who wait.
async fn run(shared: Arc<Shared>, to: NodeId, peer: Peer, link: Arc<Link>) {
    let opened = timeout(OPEN, open(&shared, to, &peer)).await;
    let ended = match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(streams) => work(&shared, to, &link, streams).await,
        Err(error) => Err(error),
    };
    match &ended {
        Ok(()) => tracing::debug!(%to, "a link that was idle is closed"),
        Err(error) => tracing::warn!(%to, name = peer.name, %error, "a link is down"),
    }
    let mut links = lock(&shared.links);
    let mut state = lock(&link.state);
    state.closed = true;
    // One that was idle has taken itself off already, and another may be in its place.
    if links.get(&to).is_some_and(|listed| Arc::ptr_eq(listed, &link)) {
        links.remove(&to);
    }
    for (_, waiter) in state.waiting.drain() {
        let _gone = waiter.send(Err(CallError::Unreachable(to)));
    }
}

type Streams = (h2::SendStream<Bytes>, Messages, tokio::task::JoinHandle<Option<()>>);

async fn open(shared: &Shared, to: NodeId, peer: &Peer) -> io::Result<Streams> {
    let name = server_name(&peer.name).ok_or_else(|| io::Error::other("no name of a node"))?;
    let connector = TlsConnector::from(shared.certificates.client().map_err(io::Error::other)?);
    let socket = TcpStream::connect(&peer.address).await?;
    socket.set_nodelay(true)?;
    let socket = connector.connect(name, socket).await?;
    let (mut client, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .enable_push(false)
        .handshake(socket)
        .await
        .map_err(io::Error::other)?;
    let driver = consort_runtime::spawn("link-io", async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection between nodes has ended");
        }
    });
    let request = http::Request::post(format!("https://{}.mesh.consort{PATH}", peer.name))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("consort-protocol", PROTOCOL)
        .header("consort-from", shared.node.0.to_string())
        .header("consort-to", to.0.to_string())
        .header("consort-generation", peer.generation.to_string())
        .body(())
        .map_err(io::Error::other)?;
    let (answer, sender) = client.send_request(request, false).map_err(io::Error::other)?;
    let answer = answer.await.map_err(io::Error::other)?;
    let status = answer.headers().get("grpc-status").and_then(|status| status.to_str().ok());
    if !answer.status().is_success() || status.is_some_and(|status| status != "0") {
        let why = answer.headers().get("grpc-message").and_then(|why| why.to_str().ok()).unwrap_or("refused");
        driver.abort();
        return Err(io::Error::other(why.to_owned()));
    }
    Ok((sender, Messages::new(answer.into_body()), driver))
}

/// Sends what waits and takes answers, until the other side is silent or nothing is left to say.
async fn work(shared: &Shared, to: NodeId, link: &Link, streams: Streams) -> io::Result<()> {
    let (mut sender, mut messages, driver) = streams;
    let mut said = Instant::now();
    let sending = async {
        loop {
            let next = lock(&link.state).outbox.next();
            match next {
                Some(message) => {
                    said = Instant::now();
                    send(&mut sender, message).await.map_err(io::Error::other)?;
                }
                None => {
                    if timeout(BEAT, link.wake.notified()).await.is_ok() {
                        continue;
                    }
                    if said.elapsed() > IDLE && may_close(shared, to, link) {
                        return Ok(());
                    }
                    let beat = Frame::answer(Kind::Beat, 0, Bytes::new());
                    let _full = lock(&link.state).outbox.push(Urgency::Control, false, beat).is_err();
                    let beat = lock(&link.state).outbox.next().unwrap_or_default();
                    send(&mut sender, beat).await.map_err(io::Error::other)?;
                }
            }
        }
    };
    let receiving = async {
        let mut silent_at = Instant::now() + SILENCE;
        loop {
            let message = tokio::select! {
                message = messages.next() => message?.ok_or(io::ErrorKind::UnexpectedEof)?,
                () = sleep_until(silent_at) => return Err(io::Error::other("silent for too long")),
            };
            silent_at = Instant::now() + SILENCE;
            let frames = frame::read(message).ok_or_else(|| io::Error::other("undecodable"))?;
            let mut state = lock(&link.state);
            for frame in frames {
                // A sign of life has the id of no call.
                if frame.kind != Kind::Beat
                    && let Some(waiter) = state.waiting.remove(&frame.id)
                {
                    let _gone = waiter.send(answer(frame, to));
                }
            }
        }
    };
    let ended = tokio::select! {
        ended = sending => ended,
        ended = receiving => ended,
    };
    driver.abort();
    ended
}

fn answer(frame: Frame, to: NodeId) -> Result<Bytes, CallError> {
    match frame.kind {
        Kind::Reply => Ok(frame.body),
        Kind::NotOwner => Err(CallError::NotOwner),
        Kind::Codec => Err(CallError::Codec(String::from_utf8_lossy(&frame.body).into_owned())),
        Kind::Full => Err(CallError::Unreachable(to)),
        _ => Err(CallError::Lost),
    }
}

/// Takes an idle link off the map, unless something has come meanwhile.
fn may_close(shared: &Shared, to: NodeId, link: &Link) -> bool {
    let mut links = lock(&shared.links);
    let mut state = lock(&link.state);
    state.waiting.retain(|_, waiter| !waiter.is_closed());
    let idle = state.outbox.is_empty() && state.waiting.is_empty();
    if idle {
        state.closed = true;
        links.remove(&to);
    }
    idle
}
