//! The accept loop: HTTP/1 connections, of which upgrade requests go to the gateway and all others to the edge.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use consort_gateway::Gateway;
use consort_rest::Peer;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::ServiceExt as _;

/// How long a client may take to send the head of a request, and how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long open requests may go on when the server ends.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// Connections that may wait to be accepted; what the kernel allows at most, if less. When all clients of a node come back
/// at once, those who find no place try again after a second, then after two more, and so on.
const BACKLOG: u32 = 65_535;
/// How long to wait after the system had no descriptor or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection needs.
struct Shared {
    edge: Router,
    gateway: Arc<Gateway>,
    stopping: watch::Receiver<bool>,
}

/// A listening socket and the connections that came through it.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    slots: Arc<Semaphore>,
    slots_max: u32,
}

impl Listener {
    /// Listens and serves.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub async fn start(
        listen: SocketAddr,
        connections_max: usize,
        edge: Router,
        gateway: Arc<Gateway>,
    ) -> io::Result<Self> {
        let listener = bind(listen)?;
        let address = listener.local_addr()?;
        let slots_max = u32::try_from(connections_max).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
        let slots = Arc::new(Semaphore::new(slots_max as usize));
        let (stop, stopping) = watch::channel(false);
        let shared = Arc::new(Shared { edge, gateway, stopping });
        consort_runtime::spawn("accept", accept(listener, slots.clone(), shared));
        Ok(Self { address, stop, slots, slots_max })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, lets requests under way end, but not longer than [`GRACE`].
    pub async fn shutdown(&self) {
        // The accept loop may have ended already.
        self.stop.send_replace(true);
        let all_gone = self.slots.acquire_many(self.slots_max);
        if tokio::time::timeout(GRACE, all_gone).await.is_err() {
            tracing::warn!("requests were cut off");
        }
    }
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

async fn accept(listener: TcpListener, slots: Arc<Semaphore>, shared: Arc<Shared>) {
    let mut stopping = shared.stopping.clone();
    loop {
        // A slot first: connections beyond the limit wait in the system's queue.
        let accepted = async {
            let slot = slots.clone().acquire_owned().await;
            (listener.accept().await, slot)
        };
        let (accepted, slot) = tokio::select! {
            accepted = accepted => accepted,
            () = asked_to_stop(&mut stopping) => return,
        };
        let Ok(slot) = slot else { return };
        match accepted {
            Ok((socket, peer)) => {
                consort_runtime::spawn("connection", connection(socket, peer, slot, shared.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits until the server ends, or nobody is there any more who could say so.
async fn asked_to_stop(stopping: &mut watch::Receiver<bool>) {
    let _asked = stopping.wait_for(|stop| *stop).await;
}

async fn connection(socket: TcpStream, peer: SocketAddr, _slot: OwnedSemaphorePermit, shared: Arc<Shared>) {
    if let Err(error) = socket.set_nodelay(true) {
        return tracing::debug!(%error, "a connection was gone at once");
    }
    let mut stopping = shared.stopping.clone();
    let service = service_fn(move |request| answer(shared.clone(), peer, request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades();
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = asked_to_stop(&mut stopping) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

async fn answer(
    shared: Arc<Shared>,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    if consort_gateway::is_upgrade(request.headers()) {
        return Ok(consort_gateway::upgrade(shared.gateway.clone(), request).await);
    }
    request.extensions_mut().insert(Peer(peer));
    shared.edge.clone().oneshot(request.map(Body::new)).await
}
