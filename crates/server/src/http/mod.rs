//! The accept loop: HTTP/1 connections, of which upgrade requests go to the gateway and all others to the edge.
//!
//! * [`seats`]: who may be connected, and who leaves when others come.
//! * [`socket`]: tells a seat whose turn it is; closes so that the last answer arrives.
//! * [`voice`]: the voice gateway for pages of this server.
//! * [`body`]: reads what nobody wanted of a request, so that every refusal reaches its client.

mod body;
mod seats;
mod socket;
#[cfg(test)]
mod tests;
mod voice;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use consort_gateway::Gateway;
use consort_model::ApiError;
use consort_rest::{Failure, Peer};
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONNECTION, EXPECT, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tower::ServiceExt as _;

use self::body::{Answer, Lender};
use self::seats::{Seat, Seats, TakenSeat};
use self::socket::Socket;

pub(crate) use self::seats::Limits;

/// How long a client may take to send the head of a request, and how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long open requests may go on when the server ends.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// Connections that may wait to be accepted; what the kernel allows at most, if less. When all clients of a node come back
/// at once, those who find no place try again after a second, then after two more, and so on.
const BACKLOG: u32 = 65_535;
/// How often it is looked who takes nothing of what is sent.
const SWEEP: Duration = Duration::from_secs(1);
/// How long to wait after the system had no descriptor or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What every connection needs.
struct Shared {
    edge: Router,
    /// `None` on a node that does not run it.
    gateway: Option<Arc<Gateway>>,
    /// The voice gateway for pages of this server; set once it runs, if this node has one.
    voice: Arc<OnceLock<Arc<consort_voice::Server>>>,
    stopping: watch::Receiver<bool>,
}

/// A listening socket and the connections that came through it.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    seats: Arc<Seats>,
    voice: Arc<OnceLock<Arc<consort_voice::Server>>>,
}

impl Listener {
    /// Listens and serves.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub(crate) async fn start(
        listen: SocketAddr,
        limits: Limits,
        edge: Router,
        gateway: Option<Arc<Gateway>>,
    ) -> io::Result<Self> {
        let listener = bind(listen)?;
        let address = listener.local_addr()?;
        let seats = Seats::new(limits);
        let (stop, stopping) = watch::channel(false);
        let voice = Arc::default();
        let shared = Arc::new(Shared { edge, gateway, voice: Arc::clone(&voice), stopping });
        consort_runtime::spawn("sweep", sweep(seats.clone(), shared.stopping.clone()));
        consort_runtime::spawn("accept", accept(listener, seats.clone(), shared));
        Ok(Self { address, stop, seats, voice })
    }

    /// Serves this node's voice gateway, too, under [`voice::PATH`].
    pub(crate) fn serve_voice(&self, server: Arc<consort_voice::Server>) {
        // There is one voice gateway in the life of a node.
        let _first = self.voice.set(server);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connection, lets requests under way end, but not longer than [`GRACE`].
    pub async fn shutdown(&self) {
        // The accept loop may have ended already.
        self.stop.send_replace(true);
        if tokio::time::timeout(GRACE, self.seats.all_gone()).await.is_err() {
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

async fn accept(listener: TcpListener, seats: Arc<Seats>, shared: Arc<Shared>) {
    let mut stopping = shared.stopping.clone();
    loop {
        let accepted = async {
            let accepted = listener.accept().await;
            // Only now that somebody has come is anybody asked to leave.
            seats.has_room().await;
            accepted
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = asked_to_stop(&mut stopping) => return,
        };
        match accepted {
            Ok((socket, peer)) => match seats.admit(peer.ip()) {
                Some(place) => {
                    consort_runtime::spawn("connection", connection(socket, peer, place, shared.clone()));
                }
                None => tracing::debug!(%peer, "there is no room for a connection"),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                seats.ask_some();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Cuts those off who do not read what they asked for.
async fn sweep(seats: Arc<Seats>, mut stopping: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => seats.cut_stalled(),
            () = asked_to_stop(&mut stopping) => return,
        }
    }
}

/// Waits until the server ends, or nobody is there any more who could say so.
async fn asked_to_stop(stopping: &mut watch::Receiver<bool>) {
    let _asked = stopping.wait_for(|stop| *stop).await;
}

/// What the requests of a connection share.
struct Visit {
    seat: Arc<Seat>,
    /// The place; the gateway takes it over with the socket.
    place: Mutex<Option<TakenSeat>>,
    /// Whether a request was answered that had not come whole.
    is_unread: AtomicBool,
    /// Of the last request that asked for another protocol and did not get it. hyper gives the socket away with the end of such
    /// a connection as if it had.
    refused: Mutex<Option<OnUpgrade>>,
}

impl Visit {
    fn refused(&self) -> MutexGuard<'_, Option<OnUpgrade>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The socket of a connection that hyper has given away. `None` when it went to the gateway.
    async fn socket_back(&self) -> Option<Socket> {
        let refused = self.refused().take()?;
        let parts = refused.await.ok()?.downcast::<TokioIo<Socket>>().ok()?;
        Some(parts.io.into_inner())
    }
}

async fn connection(socket: TcpStream, peer: SocketAddr, place: TakenSeat, shared: Arc<Shared>) {
    if let Err(error) = socket.set_nodelay(true) {
        return tracing::debug!(%error, "a connection was gone at once");
    }
    let seat = place.seat().clone();
    let visit = Arc::new(Visit {
        seat: seat.clone(),
        place: Mutex::new(Some(place)),
        is_unread: false.into(),
        refused: Mutex::default(),
    });
    let stopping = shared.stopping.clone();
    let service = {
        let visit = visit.clone();
        service_fn(move |request| answer(shared.clone(), visit.clone(), peer, request))
    };
    let mut serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // Whoever has sent all it has may say so and still wait for its answer.
        .half_close(true)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(Socket::new(socket, seat.clone())), service)
        .with_upgrades();
    let end = until_end(&mut serving, &seat, stopping).await;
    let (mut socket, has_begun) = match serving.into_parts() {
        Some(parts) => (parts.io.into_inner(), !parts.read_buf.is_empty()),
        None => match visit.socket_back().await {
            Some(socket) => (socket, false),
            None => return,
        },
    };
    match end {
        End::Left { listens: true } => socket.reset(),
        End::Left { listens: false } => {}
        End::Served(Ok(())) if visit.is_unread.load(Ordering::Relaxed) => socket.close().await,
        End::Served(Ok(())) => {}
        End::Served(Err(error)) => {
            tracing::debug!(%error, "a connection ended");
            let unanswered = unanswered(&error, has_begun);
            if let Some(status) = unanswered {
                socket.say(status).await;
            }
            if error.is_parse() || unanswered.is_some() {
                socket.close().await;
            }
        }
    }
}

/// What is to be said to a client whose request was given up before it was one, and that hyper leaves without an answer: it speaks
/// HTTP/2, or has begun a head and not ended it.
fn unanswered(error: &hyper::Error, has_begun: bool) -> Option<StatusCode> {
    match () {
        () if error.is_parse_version_h2() => Some(StatusCode::HTTP_VERSION_NOT_SUPPORTED),
        () if error.is_timeout() && has_begun => Some(StatusCode::REQUEST_TIMEOUT),
        () => None,
    }
}

/// How a connection came to its end.
enum End {
    /// By itself.
    Served(hyper::Result<()>),
    /// Others need its seat, and it waited for its client; `listens` when that takes nothing.
    Left { listens: bool },
}

/// Serves a connection to its end. One that is asked to leave, or to stop, may finish what it is at.
async fn until_end<S, B>(
    serving: &mut http1::UpgradeableConnection<TokioIo<Socket>, S>,
    seat: &Seat,
    mut stopping: watch::Receiver<bool>,
) -> End
where
    S: hyper::service::HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    http1::UpgradeableConnection<TokioIo<Socket>, S>: Future<Output = hyper::Result<()>> + Unpin,
{
    let mut is_last = false;
    loop {
        tokio::select! {
            ended = &mut *serving => return End::Served(ended),
            () = asked_to_stop(&mut stopping), if !is_last => {}
            () = seat.asked_to_leave(), if !is_last => {
                if let Some(listens) = seat.waits() {
                    return End::Left { listens };
                }
            }
        }
        is_last = true;
        std::pin::Pin::new(&mut *serving).graceful_shutdown();
    }
}

/// Answers a request. Whatever the answer is, it can reach the client: what is left of the body is read if it is little, and
/// otherwise the connection is closed with care.
async fn answer(
    shared: Arc<Shared>,
    visit: Arc<Visit>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let seat = &visit.seat;
    seat.asked();
    let (parts, body) = request.into_parts();
    let waits = parts.headers.contains_key(EXPECT);
    let is_authorized = parts.headers.contains_key(AUTHORIZATION);
    let upgrade = parts.extensions.get::<OnUpgrade>().cloned();
    let lender = Lender::default();
    let body = lender.lend(body, seat.clone());
    let mut response = if !names_one_host(&parts) {
        visit.is_unread.store(true, Ordering::Relaxed);
        Failure(ApiError::bad_request()).into_response()
    } else if parts.method == Method::CONNECT {
        // Nothing is tunnelled here, and what follows may be meant for the other end of the tunnel.
        visit.is_unread.store(true, Ordering::Relaxed);
        Failure(ApiError::method_not_allowed()).into_response()
    } else if seat.stands() && !may_stand(&parts) {
        Failure(ApiError::overloaded()).into_response()
    } else {
        respond(&shared, &visit, peer, Request::from_parts(parts, body)).await
    };
    *visit.refused() = upgrade.filter(|_| response.status() != StatusCode::SWITCHING_PROTOCOLS);
    if is_authorized && response.status() != StatusCode::UNAUTHORIZED {
        seat.authenticated();
    }
    let is_drained = lender.drain(waits).await;
    if !is_drained || seat.stands() || visit.is_unread.load(Ordering::Relaxed) {
        visit.is_unread.store(true, Ordering::Relaxed);
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Body::new(Answer::new(body, visit.seat.clone()))))
}

/// Whether a request says once for whom it is, as HTTP/1.1 asks (RFC 9112, 3.2): what is said twice others may read otherwise.
fn names_one_host(parts: &Parts) -> bool {
    parts.version < http::Version::HTTP_11 || parts.headers.get_all(http::header::HOST).iter().count() == 1
}

/// Whether a request is answered for which there is no seat.
fn may_stand(parts: &Parts) -> bool {
    parts.uri.path() == consort_rest::HEALTH || parts.headers.contains_key(AUTHORIZATION)
}

async fn respond(shared: &Shared, visit: &Visit, peer: SocketAddr, mut request: Request<Body>) -> Response {
    if consort_gateway::is_upgrade(request.headers()) {
        // What would be its body here others could take for frames.
        if !hyper::body::Body::is_end_stream(request.body()) {
            return Failure(ApiError::bad_request()).into_response();
        }
        if request.uri().path() == voice::PATH {
            return voice::upgrade(shared, visit, peer, request);
        }
        let Some(gateway) = shared.gateway.clone() else {
            return Failure(consort_rest::role_elsewhere("gateway")).into_response();
        };
        let seat = || {
            visit.seat.upgraded();
            let place = visit.place.lock().unwrap_or_else(PoisonError::into_inner).take();
            place.map(|place| Box::new(place) as Box<dyn consort_gateway::Seat>)
        };
        return consort_gateway::upgrade::<Socket, _, _>(gateway, request, seat).await;
    }
    request.extensions_mut().insert(Peer(peer));
    match shared.edge.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
