//! Links from other nodes.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use consort_rpc::{CallError, Mesh, NodeId, Responder, encode_reply};
use h2::server::SendResponse;
use http::{HeaderMap, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::CertificateDer;

use crate::certificates::{Certificates, bears_name};
use crate::frame::{self, Frame, Kind};
use crate::link::{BEAT, CALLS_MAX, Peers, SILENCE, WINDOWS};
use crate::outbox::{Outbox, Urgency};
use crate::stream::{Messages, send};
use crate::{PATH, PROTOCOL};

/// How long a connection may take to say who it is.
const GREETING: Duration = Duration::from_secs(5);
/// Connections that have not said so yet.
const STRANGERS_MAX: usize = 256;

/// Takes links from other nodes until it is dropped.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    task: tokio::task::JoinHandle<Option<()>>,
    links: Arc<Mutex<Vec<tokio::task::AbortHandle>>>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
        self.links.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|link| link.abort());
    }
}

/// Tells which life of this node it is now: one that was taken for gone comes back as another.
pub type Generation = Arc<dyn Fn() -> u64 + Send + Sync>;

/// Whom links are for, and who may open them.
#[derive(Clone)]
struct Here {
    mesh: Weak<Mesh>,
    node: NodeId,
    generation: Generation,
    peers: Arc<dyn Peers>,
}

impl Listener {
    /// Takes links for a node, in the life of it that it says to be, from those whom `peers` knows.
    pub fn start(
        listener: TcpListener,
        certificates: Certificates,
        mesh: (Weak<Mesh>, NodeId),
        generation: Generation,
        peers: Arc<dyn Peers>,
    ) -> io::Result<Self> {
        let (mesh, node) = mesh;
        let (address, here) = (listener.local_addr()?, Here { mesh, node, generation, peers });
        let links = Arc::new(Mutex::new(Vec::new()));
        let task =
            consort_runtime::spawn("mesh-listener", accept(listener, certificates, here, links.clone()));
        Ok(Self { address, task, links })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(
    listener: TcpListener,
    certificates: Certificates,
    here: Here,
    links: Arc<Mutex<Vec<tokio::task::AbortHandle>>>,
) {
    let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
    loop {
        let Ok(stranger) = strangers.clone().acquire_owned().await else { return };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "a connection of another node is not taken");
                tokio::time::sleep(BEAT).await;
                continue;
            }
        };
        let (certificates, here) = (certificates.clone(), here.clone());
        let link = consort_runtime::spawn("mesh-link", async move {
            let greeted = timeout(GREETING, greet(socket, &certificates)).await;
            drop(stranger);
            let served = match greeted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok((connection, certificate)) => serve(connection, &certificate, &here).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::debug!(%error, "a link from another node has ended");
            }
        });
        let mut links = links.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| !link.is_finished());
        links.push(link.abort_handle());
    }
}

type Connection = h2::server::Connection<tokio_rustls::server::TlsStream<TcpStream>, Bytes>;

/// A connection, and the certificate of who has opened it.
async fn greet(
    socket: TcpStream,
    certificates: &Certificates,
) -> io::Result<(Connection, CertificateDer<'static>)> {
    socket.set_nodelay(true)?;
    let acceptor = TlsAcceptor::from(certificates.server().map_err(io::Error::other)?);
    let socket = acceptor.accept(socket).await?;
    let certificate = socket.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
    let certificate = certificate.ok_or_else(|| io::Error::other("no certificate"))?;
    let connection = h2::server::Builder::new()
        .initial_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_concurrent_streams(4)
        .handshake(socket)
        .await
        .map_err(io::Error::other)?;
    Ok((connection, certificate))
}

/// Serves the streams of a connection; a link is one.
async fn serve(
    mut connection: Connection,
    certificate: &CertificateDer<'static>,
    here: &Here,
) -> io::Result<()> {
    let mut streams = Streams(Vec::new());
    let mut silent_at = Instant::now() + GREETING;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = sleep_until(silent_at), if streams.all_over() => return Err(io::ErrorKind::TimedOut.into()),
        };
        let Some(accepted) = accepted else { return Ok(()) };
        let (request, mut respond) = accepted.map_err(io::Error::other)?;
        silent_at = Instant::now() + GREETING;
        if let Some(why) = refusal(request.uri().path(), request.headers(), certificate, here) {
            tracing::warn!(why, "a link from another node is refused");
            let answer =
                Response::builder().header("content-type", "application/grpc").header("grpc-status", "9");
            let answer = answer.header("grpc-message", why).body(()).map_err(io::Error::other)?;
            respond.send_response(answer, true).map_err(io::Error::other)?;
            continue;
        }
        let (messages, here) = (Messages::new(request.into_body()), here.clone());
        let stream = consort_runtime::spawn("mesh-stream", async move {
            if let Err(error) = answer_stream(messages, respond, &here).await {
                tracing::debug!(%error, "a link from another node has ended");
            }
        });
        streams.0.push(stream);
    }
}

/// Tasks that end with their connection.
struct Streams(Vec<tokio::task::JoinHandle<Option<()>>>);

impl Streams {
    fn all_over(&self) -> bool {
        self.0.iter().all(tokio::task::JoinHandle::is_finished)
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

fn refusal(
    path: &str,
    headers: &HeaderMap,
    certificate: &CertificateDer<'static>,
    here: &Here,
) -> Option<&'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is = |name: &str, wanted: &str| text(name) == Some(wanted);
    if path != PATH {
        return Some("no such method");
    }
    if !is("consort-protocol", PROTOCOL) {
        return Some("this node speaks protocol 1");
    }
    let generation = (here.generation)().to_string();
    if !is("consort-to", &here.node.0.to_string()) || !is("consort-generation", &generation) {
        return Some("this is another node, or another life of it");
    }
    // Whoever has a certificate is a node of the cluster; which one, it must not say of itself alone.
    let from = text("consort-from").and_then(|from| from.parse().ok()).map(NodeId);
    let Some(peer) = from.and_then(|from| here.peers.peer(from)) else {
        return Some("this node does not know you");
    };
    (!bears_name(certificate, &peer.name)).then_some("your certificate is another node's")
}

/// Answers of a stream that wait to be sent.
#[derive(Default)]
struct Answers {
    outbox: Mutex<Outbox>,
    wake: Notify,
}

impl Answers {
    fn put(&self, frame: Frame) {
        let mut outbox = self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        // When there is no room the caller does not hear, and gives up at its deadline: it does not take what it has asked for.
        if outbox.push(Urgency::Call, false, frame).is_err() {
            tracing::warn!("an answer to another node is dropped: it does not take its answers");
        }
        self.wake.notify_one();
    }
}

async fn answer_stream(
    mut messages: Messages,
    mut respond: SendResponse<Bytes>,
    here: &Here,
) -> io::Result<()> {
    let answer =
        Response::builder().header("content-type", "application/grpc").body(()).map_err(io::Error::other)?;
    let mut sender = respond.send_response(answer, false).map_err(io::Error::other)?;
    let answers = Arc::new(Answers::default());
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    let sending = async {
        loop {
            let next = answers.outbox.lock().unwrap_or_else(PoisonError::into_inner).next();
            let message = match next {
                Some(message) => message,
                None if timeout(BEAT, answers.wake.notified()).await.is_ok() => continue,
                None => beat(),
            };
            send(&mut sender, message).await.map_err(io::Error::other)?;
        }
    };
    let receiving = async {
        let mut silent_at = Instant::now() + SILENCE;
        loop {
            let message = tokio::select! {
                message = messages.next() => message?,
                () = sleep_until(silent_at) => return Err(io::Error::other("silent for too long")),
            };
            silent_at = Instant::now() + SILENCE;
            let Some(message) = message else { return Ok(()) };
            let frames = frame::read(message).ok_or_else(|| io::Error::other("undecodable"))?;
            let mesh = here.mesh.upgrade().ok_or(io::ErrorKind::NotConnected)?;
            frames.into_iter().for_each(|frame| take(&mesh, frame, &answers, &calls));
        }
    };
    tokio::select! {
        ended = sending => ended,
        ended = receiving => ended,
    }
}

fn beat() -> Bytes {
    let mut beat = bytes::BytesMut::new();
    Frame::answer(Kind::Beat, 0, Bytes::new()).write(&mut beat);
    beat.freeze()
}

/// Delivers one frame, in the order in which they came.
fn take(mesh: &Mesh, frame: Frame, answers: &Arc<Answers>, calls: &Arc<Semaphore>) {
    let Frame { kind, id, key, service, body } = frame;
    let service = String::from_utf8_lossy(&service);
    match kind {
        Kind::Cast => {
            if let Err(error) = mesh.receive(&service, key, &body, Responder::none()) {
                tracing::warn!(%error, service = %service, "a cast of another node is not delivered");
            }
        }
        Kind::Call => {
            let Ok(room) = calls.clone().try_acquire_owned() else {
                return answers.put(Frame::answer(Kind::Full, id, Bytes::new()));
            };
            let (respond, answer) = Responder::channel();
            if let Err(error) = mesh.receive(&service, key, &body, respond) {
                return answers.put(failed(id, error));
            }
            let answers = answers.clone();
            consort_runtime::spawn("mesh-answer", async move {
                let answer = answer.await.map_err(|_| CallError::Lost).and_then(|reply| encode_reply(&reply));
                drop(room);
                answers.put(
                    answer
                        .map_or_else(|error| failed(id, error), |body| Frame::answer(Kind::Reply, id, body)),
                );
            });
        }
        _ => {}
    }
}

fn failed(id: u64, error: CallError) -> Frame {
    match error {
        CallError::NotOwner => Frame::answer(Kind::NotOwner, id, Bytes::new()),
        CallError::Codec(what) => Frame::answer(Kind::Codec, id, what.into()),
        _ => Frame::answer(Kind::Lost, id, Bytes::new()),
    }
}
