//! The shell: what the hub says is done here, and whatever happens is told to it.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use consort_model::GuildId;
use consort_rpc::voice::{Op, Voice, server_update};
use consort_rpc::{Answer, Call, Host, Mesh, MeshRef, Watcher};
use consort_runtime::{Random, spawn};
use consort_sfu::{Counts, Media};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::dave::{ExternalSender, Policy};
use crate::hub::{ConnId, Hub, Limits, MediaPlane, Output};
use crate::protocol::{CloseCode, Inbound, Version};
use crate::socket::{self, Outgoing};
use crate::strangers::Strangers;
use crate::tls::Tls;

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 16_384;
/// Messages that wait for a connection. One that has more is cut, and may resume.
const MESSAGES_WAITING_MAX: usize = 1024;
/// How long to wait after the system had no descriptor or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a voice server is set up.
#[derive(Debug)]
pub struct Config {
    /// The certificate.
    pub tls: Tls,
    /// What sessions are told, host and port: where the voice gateway is reached.
    pub endpoint: String,
    /// Where clients send packets, address and port.
    pub media_address: (String, u16),
    /// Times and rates.
    pub limits: Limits,
    /// Encryption from end to end: whether, and who proposes members.
    pub dave: (Policy, ExternalSender),
}

/// A voice server: its gateway, and the media plane behind it.
pub struct Server {
    state: Mutex<State>,
    media: Media,
    /// Weak, since the mesh holds its hosts.
    mesh: Weak<Mesh>,
    endpoint: String,
    started: Instant,
    /// A deadline has come that is earlier than those before.
    sooner: Notify,
    stop: watch::Sender<bool>,
    strangers: Arc<Strangers>,
}

struct State {
    hub: Hub,
    sockets: BTreeMap<ConnId, mpsc::Sender<Outgoing>>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Server {
    /// Serves on a listener, and hears what the owners of guilds say on the mesh.
    pub fn start(config: Config, listener: TcpListener, media: Media, mesh: &MeshRef) -> Arc<Self> {
        let (ip, port) = config.media_address;
        let fingerprint = media.identity().fingerprint().to_owned();
        let plane = MediaPlane { ip, port, fingerprint };
        let hub = Hub::new(config.limits, Random::system(), plane, config.dave);
        let server = Arc::new(Self {
            state: Mutex::new(State { hub, sockets: BTreeMap::new() }),
            media,
            mesh: Arc::downgrade(mesh),
            endpoint: config.endpoint,
            started: Instant::now(),
            sooner: Notify::new(),
            stop: watch::Sender::new(false),
            strangers: Arc::default(),
        });
        let watcher: Weak<Self> = Arc::downgrade(&server);
        mesh.watch(watcher);
        mesh.host::<Voice>(server.clone());
        spawn("voice timers", run_timers(Arc::downgrade(&server), server.stop.subscribe()));
        spawn("voice accept", accept(listener, TlsAcceptor::from(config.tls.config), server.clone()));
        server
    }

    /// What sessions are told, host and port.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Takes in a client that another listener of this node has let in, if there is room; false when there is none. `upgrading` gives its
    /// WebSocket, already upgraded, and what it has sent since. `query` is that of its address; `keep` is kept until the connection ends.
    pub fn take_in<S>(
        self: &Arc<Self>,
        peer: SocketAddr,
        query: Option<&str>,
        upgrading: impl Future<Output = Option<(S, Vec<u8>)>> + Send + 'static,
        keep: impl Send + 'static,
    ) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(stranger) = self.strangers.admit(peer.ip()) else { return false };
        let (server, version) = (self.clone(), Version::of_query(query));
        // There may be a proxy before that listener: where the connection comes from says nothing of where packets may go.
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        spawn("voice connection", async move {
            let _keep = keep;
            if let Some((stream, sent)) = upgrading.await {
                socket::serve_upgraded(stream, sent, (version, nowhere), &server, stranger).await;
            }
        });
        true
    }

    /// What the media plane has done.
    pub fn media_counts(&self) -> Counts {
        self.media.counts()
    }

    /// Takes nobody in any more and tells clients that it ends.
    pub fn shutdown(&self) {
        self.stop.send_replace(true);
        self.with(Hub::shutdown);
        let counts = self.media.counts();
        tracing::debug!(?counts, "the media plane ends");
    }

    /// Has the hub do something, and does what it says.
    fn with<R>(&self, call: impl FnOnce(&mut Hub, u64) -> R) -> R {
        let mut state = self.lock();
        let before = state.hub.next_deadline_ms();
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let result = call(&mut state.hub, now_ms);
        self.perform(&mut state, now_ms);
        let after = state.hub.next_deadline_ms();
        drop(state);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.sooner.notify_one();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn perform(&self, state: &mut State, now_ms: u64) {
        loop {
            let outputs = state.hub.take_outputs();
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                match output {
                    Output::Send(conn, frame) => state.give(conn, Outgoing::Frame(frame)),
                    Output::Close(conn, code) => {
                        state.give(conn, Outgoing::Close(code));
                        state.sockets.remove(&conn);
                    }
                    Output::Announce(guild, place) => {
                        if let Some(mesh) = self.mesh.upgrade() {
                            mesh.publish(server_update(guild, &place, Some(&self.endpoint)));
                        }
                    }
                    Output::Media(command) => {
                        let ssrc = command.ssrc;
                        if self.media.command(command).is_err() {
                            tracing::error!("the media plane takes no more; a voice session is ended");
                            state.hub.fail(ssrc, now_ms);
                        }
                    }
                }
            }
        }
    }

    /// A client has connected; what is for it goes into the queue.
    pub(crate) fn connected(&self, version: Version, peer: SocketAddr) -> (ConnId, mpsc::Receiver<Outgoing>) {
        let (sender, receiver) = mpsc::channel(MESSAGES_WAITING_MAX);
        let mut state = self.lock();
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let conn = state.hub.connect(version, peer, now_ms);
        state.sockets.insert(conn, sender);
        self.perform(&mut state, now_ms);
        drop(state);
        self.sooner.notify_one();
        (conn, receiver)
    }

    /// A client has sent something. Gives whether it has shown who it is.
    pub(crate) fn received(&self, conn: ConnId, message: Result<Inbound, CloseCode>) -> bool {
        self.with(|hub, now_ms| {
            hub.receive(conn, message, now_ms);
            hub.is_identified(conn)
        })
    }

    /// A connection has ended.
    pub(crate) fn disconnected(&self, conn: ConnId) {
        self.with(|hub, now_ms| hub.disconnected(conn, now_ms));
        self.lock().sockets.remove(&conn);
    }
}

impl State {
    /// Puts something into the queue of a connection. One that does not take it in time loses its queue, and with that it ends.
    fn give(&mut self, conn: ConnId, what: Outgoing) {
        if self.sockets.get(&conn).is_some_and(|socket| socket.try_send(what).is_err()) {
            self.sockets.remove(&conn);
        }
    }
}

impl Host<Voice> for Server {
    fn deliver(&self, guild: u64, call: Call<Voice>) {
        let Call { op, respond, .. } = call;
        let what: Op = op;
        self.with(|hub, now_ms| hub.hear(GuildId::new(guild), what, now_ms));
        respond.send(Ok(Answer::Empty));
    }
}

impl Watcher for Server {
    fn moved(&self) {
        let Some(mesh) = self.mesh.upgrade() else { return };
        let is_ours = |guild: GuildId| mesh.owner_of::<Voice>(guild.get()) == Some(mesh.node());
        self.with(|hub, now_ms| hub.keep_guilds(is_ours, now_ms));
    }
}

async fn run_timers(server: Weak<Server>, mut stopping: watch::Receiver<bool>) {
    loop {
        let Some(living) = server.upgrade() else { return };
        let due = living.lock().hub.next_deadline_ms();
        let due = due.map(|due_ms| living.started + Duration::from_millis(due_ms));
        let wait = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => living.with(Hub::tick),
            () = living.sooner.notified() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, server: Arc<Server>) {
    let mut stopping = server.stop.subscribe();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = async {
            let place = room.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted): (_, io::Result<(TcpStream, SocketAddr)>) = tokio::select! {
            accepted = accepted => accepted,
            _ = stopping.wait_for(|stop| *stop) => return,
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a voice connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(stranger) = server.strangers.admit(peer.ip()) else {
            tracing::debug!(%peer, "there is no room for a stranger");
            continue;
        };
        let (acceptor, server) = (acceptor.clone(), server.clone());
        spawn("voice connection", async move {
            let _place = place;
            socket::serve(tcp, peer, acceptor, &server, stranger).await;
        });
    }
}
