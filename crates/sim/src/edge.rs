//! The gateway of a node, as it ships but for threads and sockets, and the ends of the connections to it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use consort_gateway::stepped::{Line, Lines, Stepped, Waiting};
use consort_gateway::{AuthError, AuthFuture, Authenticator, Config, Principal};
use consort_model::UserId;
use consort_rpc::MeshRef;
use consort_runtime::{ClockRef, Registry};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

/// How long a session outlives its connection here.
pub(crate) const RESUME_WINDOW: Duration = Duration::from_secs(40);
/// How often clients beat.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(8);
/// How long a gateway that is drained waits for its clients to leave, and how long it gives sessions away.
const LEAVE_MAX: Duration = Duration::from_secs(8);
const GIVE_MAX: Duration = Duration::from_secs(6);
/// What the system takes for a client that does not read, bytes.
const ROOM: usize = 4096;

/// Knows tokens: each is the number of its account and of a login. One that has ended is taken for good, as by a node that has not heard
/// of the end yet.
struct Tokens;

impl Authenticator for Tokens {
    fn authenticate<'a>(&'a self, token: &'a str) -> AuthFuture<'a> {
        let read = || {
            let (user, login) = token.split_once('-')?;
            Some((UserId::new(user.parse().ok()?), login.parse().ok()?))
        };
        let principal = read().ok_or(AuthError::Invalid).map(|(user, auth_session)| Principal {
            user,
            bot: false,
            application: None,
            application_flags: 0,
            auth_session,
        });
        Box::pin(std::future::ready(principal))
    }
}

/// What is on its way to a client.
struct Wire {
    sent: VecDeque<u8>,
    blocked: bool,
    closed: bool,
    news: Arc<Notify>,
}

#[derive(Default)]
struct Wires(BTreeMap<Line, Wire>);

impl Lines for Wires {
    fn write(&mut self, line: Line, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(wire) = self.0.get_mut(&line).filter(|wire| !wire.closed) else {
            return Err(io::ErrorKind::ConnectionReset.into());
        };
        let mut taken = 0;
        for part in parts {
            let some = part.len().min(ROOM - wire.sent.len());
            wire.sent.extend(&part[..some]);
            taken += some;
        }
        let whole = taken == parts.iter().map(|part| part.len()).sum::<usize>();
        wire.blocked = !whole;
        wire.news.notify_one();
        if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn close(&mut self, line: Line) {
        if let Some(wire) = self.0.get_mut(&line) {
            wire.closed = true;
            wire.news.notify_one();
        }
    }
}

struct State {
    gateway: Stepped,
    wires: Wires,
}

/// The gateway of one life of a node.
pub(crate) struct Edge {
    /// `None` once the node is dead.
    state: Mutex<Option<State>>,
    wake: Arc<Notify>,
    pub(crate) is_dead: AtomicBool,
    /// It takes no connection any more.
    is_leaving: AtomicBool,
    /// It has ended in order: other nodes have all its sessions.
    has_given_all: AtomicBool,
    /// See [`Edge::invalidated`], once the node is dead.
    invalidated: AtomicU64,
}

impl Edge {
    pub(crate) fn start(mesh: &MeshRef, clock: ClockRef) -> Arc<Self> {
        let wake = Arc::new(Notify::new());
        let config = Config {
            slices: 2,
            resume_window: RESUME_WINDOW,
            heartbeat_interval: HEARTBEAT,
            ..Config::default()
        };
        let env = consort_gateway::Env {
            mesh: mesh.clone(),
            auth: Arc::new(Tokens),
            registry: Registry::default(),
            clock,
            others: None,
        };
        let waker = wake.clone();
        let gateway = Stepped::start(config, &env, Arc::new(move || waker.notify_one()));
        let state = Mutex::new(Some(State { gateway, wires: Wires::default() }));
        Arc::new(Self {
            state,
            wake,
            is_dead: false.into(),
            is_leaving: false.into(),
            has_given_all: false.into(),
            invalidated: 0.into(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the threads of the slices do.
    pub(crate) async fn serve(self: Arc<Self>) {
        loop {
            let due = match &mut *self.lock() {
                None => return,
                Some(State { gateway, wires }) => gateway.turn(now(), wires),
            };
            match due {
                None => self.wake.notified().await,
                // One that is due now lets others go first.
                Some(due) if due <= now() => tokio::task::yield_now().await,
                Some(due) => drop(timeout_at(due.into(), self.wake.notified()).await),
            }
        }
    }

    /// The node dies: clients find their connections closed.
    pub(crate) fn crash(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
        if let Some(state) = self.lock().take() {
            self.invalidated.store(state.gateway.invalidated(), Ordering::Relaxed);
            state.wires.0.values().for_each(|wire| wire.news.notify_one());
        }
    }

    /// Ends as a gateway that is drained: sends clients away, waits until they have left and nothing is under way, but not for ever, and gives
    /// what sessions are left to other nodes.
    pub(crate) async fn drain(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
        self.with(|state| state.gateway.drain());
        let has_clients = |state: &State| state.wires.0.values().any(|wire| !wire.closed);
        self.wait_while(LEAVE_MAX, |state| has_clients(state) || state.gateway.is_at_work()).await;
        self.with(|state| state.gateway.give_all());
        self.wait_while(GIVE_MAX, |state| state.gateway.is_giving()).await;
        let left = self.waiting().iter().map(|waiting| waiting.sessions).sum::<usize>();
        self.has_given_all.store(left == 0, Ordering::Relaxed);
    }

    /// Whether it is being drained, or was.
    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }

    /// Whether it has ended in order, with all its sessions at other nodes.
    pub(crate) fn has_given_all(&self) -> bool {
        self.has_given_all.load(Ordering::Relaxed)
    }

    fn with(&self, act: impl FnOnce(&State)) {
        if let Some(state) = &*self.lock() {
            act(state);
        }
        self.wake.notify_one();
    }

    async fn wait_while(&self, longest: Duration, goes_on: impl Fn(&State) -> bool) {
        let end = Instant::now() + longest;
        while Instant::now() < end && self.lock().as_ref().is_some_and(&goes_on) {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sessions that were told to identify again since they had missed something.
    pub(crate) fn invalidated(&self) -> u64 {
        let last = || self.invalidated.load(Ordering::Relaxed);
        self.lock().as_ref().map_or_else(last, |state| state.gateway.invalidated())
    }

    /// Whether a session is there.
    pub(crate) fn has_session(&self, id: &str) -> bool {
        self.lock().as_ref().is_some_and(|state| state.gateway.has_session(id))
    }

    /// What waits in each slice; nothing on a node that is dead.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        self.lock().as_mut().map_or_else(Vec::new, |state| state.gateway.waiting())
    }

    /// Events that slices could not keep.
    pub(crate) fn lost_events(&self) -> u64 {
        self.lock().as_ref().map_or(0, |state| state.gateway.lost_events())
    }

    /// Connects a client; `None` when the node is dead, or leaves.
    pub(crate) fn connect(self: &Arc<Self>) -> Option<Socket> {
        if self.is_leaving() {
            return None;
        }
        let news = Arc::new(Notify::new());
        let mut guard = self.lock();
        let State { gateway, wires } = guard.as_mut()?;
        let line = gateway.accept(now(), "v=10&encoding=json");
        let wire = Wire { sent: VecDeque::new(), blocked: false, closed: false, news: news.clone() };
        wires.0.insert(line, wire);
        self.wake.notify_one();
        drop(guard);
        Some(Socket { edge: self.clone(), line, news })
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// A client's end of a connection.
pub(crate) struct Socket {
    edge: Arc<Edge>,
    line: Line,
    news: Arc<Notify>,
}

impl Socket {
    /// Waits until there is something to read, at most until then. `None` when the connection is closed; nothing when time is
    /// over.
    pub(crate) async fn read(&self, until: Instant) -> Option<Vec<u8>> {
        loop {
            match self.taken() {
                Some(bytes) if bytes.is_empty() => {}
                taken => return taken,
            }
            if timeout_at(until, self.news.notified()).await.is_err() {
                return Some(Vec::new());
            }
        }
    }

    fn taken(&self) -> Option<Vec<u8>> {
        let mut guard = self.edge.lock();
        let State { gateway, wires } = guard.as_mut()?;
        let wire = wires.0.get_mut(&self.line)?;
        let bytes: Vec<u8> = wire.sent.drain(..).collect();
        if bytes.is_empty() && wire.closed {
            return None;
        }
        if std::mem::take(&mut wire.blocked) {
            gateway.writable(self.line);
            self.edge.wake.notify_one();
        }
        Some(bytes)
    }

    /// Sends bytes; they arrive at once.
    pub(crate) fn write(&self, mut bytes: Vec<u8>) {
        if let Some(state) = &mut *self.edge.lock() {
            state.gateway.receive(now(), self.line, &mut bytes);
            self.edge.wake.notify_one();
        }
    }

    /// Breaks the connection. Whether the other side hears of it is up to the caller.
    pub(crate) fn cut(self, heard: bool) {
        if let Some(State { gateway, wires }) = &mut *self.edge.lock() {
            // One that is not heard of fills up with what nobody reads.
            if heard {
                gateway.lost(now(), self.line);
                wires.0.remove(&self.line);
            }
            self.edge.wake.notify_one();
        }
    }
}
