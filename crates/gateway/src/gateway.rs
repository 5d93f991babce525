//! The gateway of a node: its slices, its relay, its admission.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use consort_model::UserId;
use consort_rpc::MeshRef;
use consort_rpc::operate::Sessions;
use consort_runtime::{ActorState, ClockRef, Live, Registry};
use mio::Poll;
use socket2::{Domain, Socket, Type};

use crate::Seat;
use crate::admission::Admissions;
use crate::auth::Authenticator;
use crate::config::{BACKLOG, Config};
use crate::fd_passing::{self, FdReceiver, FdSenders, raise_descriptor_limit};
use crate::inbox::{Inbox, InboxRef};
use crate::interest::Interest;
use crate::networks::Networks;
use crate::performer::Performer;
use crate::relay::Router;
use crate::shell::{Parts, Shell, poll};
use crate::slice::{Asks, Input, LOOK_MAX, Look, Opening, Slice};
use crate::stats::{Gauges, SliceGauge, Stats};
use crate::transmit::{self, Way};
use crate::travel::{Others, Travel};

/// How long sessions are given to other nodes after clients have left.
const GIVE_MAX: Duration = Duration::from_secs(6);

/// What the gateway stands on.
#[derive(Clone)]
pub struct Env {
    /// The owners of users and guilds; the gateway hosts the node's relay on it.
    pub mesh: MeshRef,
    /// Who tokens belong to.
    pub auth: Arc<dyn Authenticator>,
    /// The list of actors, in which each slice has an entry.
    pub registry: Registry,
    /// The time, for that list.
    pub clock: ClockRef,
    /// The other nodes with a gateway; `None` for all that are on the map.
    pub others: Option<Arc<dyn Others>>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("mesh", &self.mesh).finish_non_exhaustive()
    }
}

/// The WebSocket edge of a node.
pub struct Gateway {
    pub(crate) config: Arc<Config>,
    inboxes: Vec<InboxRef>,
    gauges: Arc<Gauges>,
    interest: Arc<Interest>,
    admissions: Arc<Admissions>,
    travel: Arc<Travel>,
    fd_senders: Arc<FdSenders>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next_slice: AtomicUsize,
    draining: AtomicBool,
    addr: Option<SocketAddr>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("slices", &self.inboxes.len()).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Starts the slices and hosts the relay. Must be called on the runtime that owners run on.
    ///
    /// # Errors
    /// When the system gives no epoll instance or thread.
    pub fn start(config: Config, env: &Env) -> io::Result<Arc<Self>> {
        let count = config.slice_count();
        let limit = raise_descriptor_limit();
        // An eighth stays for whatever else is opened: files, the listener of the HTTP server, those who are turned away.
        let table =
            limit.map_or(usize::MAX, |limit| usize::try_from(limit - limit / 8).unwrap_or(usize::MAX));
        let room = if config.own_descriptors { table.saturating_mul(count) } else { table };
        let connections_max = config.connections_max.min(room);
        let config = Arc::new(Config { slices: count, connections_max, ..config });
        let own_tables = config.own_descriptors;
        tracing::info!(slices = count, ?limit, own_tables, connections_max, "the gateway starts");
        // Every waker and every way for sockets is there before any slice parts its descriptor table from the others'.
        let mut polls = Vec::with_capacity(count);
        let mut inboxes = Vec::with_capacity(count);
        for _ in 0..count {
            let (poll, waker) = poll()?;
            polls.push(poll);
            inboxes.push(Inbox::new(waker));
        }
        let (fd_senders, receivers) = if config.own_descriptors {
            FdSenders::new(count)?
        } else {
            (FdSenders::default(), std::iter::repeat_with(FdReceiver::default).take(count).collect())
        };
        let interest = Arc::new(Interest::new(count));
        let admissions =
            Admissions::new(env.mesh.clone(), env.auth.clone(), inboxes.clone(), interest.clone());
        let starter = Starter {
            travel: Travel::start(
                &env.mesh,
                env.others.clone(),
                admissions.clone(),
                inboxes.clone(),
                interest.clone(),
            ),
            admissions,
            interest,
            fd_senders: Arc::new(fd_senders),
            gauges: Gauges::new(count),
            networks: Networks::new(config.per_network),
            way: transmit::choose(config.io),
            own_max: if config.own_descriptors { table } else { usize::MAX },
            config,
            inboxes,
            env,
        };
        let mut threads = Vec::with_capacity(count);
        let mut addr = starter.config.listen;
        for ((index, poll), receiver) in (0..).zip(polls).zip(receivers) {
            let started = starter.start(index, poll, receiver, addr)?;
            // The first one may have been given a port by the system; the others share it.
            addr = started.addr;
            threads.push(started.thread);
        }
        let Starter { config, inboxes, gauges, interest, admissions, travel, fd_senders, .. } = starter;
        Router::start(inboxes.clone(), interest.clone(), &env.mesh);
        Ok(Arc::new(Self {
            config,
            inboxes,
            gauges,
            interest,
            admissions,
            travel,
            fd_senders,
            threads: Mutex::new(threads),
            next_slice: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            addr,
        }))
    }

    /// Where the slices accept connections themselves.
    pub fn address(&self) -> Option<SocketAddr> {
        self.addr
    }

    /// Whether another socket may come. When there is no room, whoever has long been without an IDENTIFY makes some for the
    /// next one.
    pub(crate) fn has_room(&self) -> bool {
        if self.draining.load(Ordering::Relaxed) {
            return false;
        }
        let has_room = self.gauges.room(self.config.connections_max) > 0;
        if !has_room {
            self.gauges.tell_full(self.config.connections_max);
            let slice = self.next_slice.fetch_add(1, Ordering::Relaxed) % self.inboxes.len();
            // Only sockets are ever given back.
            let _lost = self.inboxes[slice].push(Input::MakeRoom);
        }
        has_room
    }

    /// Gives an upgraded socket to a slice, in turn. `early` is what the client has sent after its request already.
    pub(crate) fn hand_in(
        &self,
        socket: TcpStream,
        opening: Opening,
        early: Vec<u8>,
        seat: Option<Box<dyn Seat>>,
    ) {
        let slice = self.next_slice.fetch_add(1, Ordering::Relaxed) % self.inboxes.len();
        let socket = match self.fd_senders.carry(slice, socket) {
            Ok(socket) => socket,
            Err(error) => return tracing::warn!(%error, slice, "an upgraded socket is dropped"),
        };
        if self.inboxes[slice].push(Input::Connection { socket, opening, early, seat }).is_err() {
            tracing::warn!(slice, "an upgraded socket is dropped: the inbox is full");
        }
    }

    /// The figures of the moment.
    pub fn stats(&self) -> Stats {
        let slice = |(gauge, inbox): (&SliceGauge, &InboxRef)| {
            let mut stats = gauge.read();
            stats.inbox_depth = inbox.depth();
            stats.dropped_volatile = inbox.dropped_volatile();
            stats.lost_events = inbox.lost_events();
            stats
        };
        Stats {
            guilds: self.interest.guilds(),
            identifies: self.admissions.identifies(),
            slices: self.gauges.all().zip(&self.inboxes).map(slice).collect(),
        }
    }

    /// The sessions of an account.
    pub async fn sessions(&self, user: UserId) -> Sessions {
        let now = Instant::now();
        let asked = self.inboxes.iter().map(|inbox| {
            let (answer, answered) = tokio::sync::oneshot::channel();
            let look = Look { asks: Asks::Sessions(user, answer), now };
            // A full inbox drops the question, and with it the way for the answer.
            let _full = inbox.push(Input::Look(Box::new(look)));
            answered
        });
        let (asked, mut found) = (asked.collect::<Vec<_>>(), Sessions::default());
        let until = tokio::time::Instant::from_std(now + LOOK_MAX);
        for (slice, answered) in (0..).zip(asked) {
            match tokio::time::timeout_at(until, answered).await {
                Ok(Ok(sessions)) => found.sessions.extend(sessions),
                _ => found.silent.push(slice),
            }
        }
        found
    }

    /// Sends every client away (opcode 7), waits until they have left and their IDENTIFYs have been looked at, but not longer
    /// than `grace`, gives the sessions that are left to other nodes, closes the rest and ends the slices.
    pub async fn shutdown(&self, grace: Duration) {
        self.draining.store(true, Ordering::Relaxed);
        self.travel.leave();
        let others = self.travel.staying();
        let gives = !others.is_empty();
        let urls: Arc<[String]> = others.into_iter().filter_map(|other| other.url).collect();
        self.tell_all(|| Input::Drain { urls: urls.clone(), gives });
        let at_work = || self.admissions.identifies() + self.travel.fetches() > 0;
        self.wait_while(grace, || self.stats().sum(|slice| slice.connections) > 0 || at_work()).await;
        if gives {
            self.travel.gives_all();
            self.tell_all(|| Input::GiveAll);
            self.wait_while(GIVE_MAX, || self.travel.is_giving()).await;
        }
        self.tell_all(|| Input::Stop);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().filter_map(|thread| thread.join().err()).count()
        });
        match joined.await {
            Ok(0) => {}
            other => tracing::error!(panicked = ?other.ok(), "slices did not end well"),
        }
    }

    async fn wait_while(&self, longest: Duration, goes_on: impl Fn() -> bool) {
        let over = async {
            while goes_on() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _in_time = tokio::time::timeout(longest, over).await;
    }

    fn tell_all(&self, input: impl Fn() -> Input) {
        for inbox in &self.inboxes {
            // Only sockets are ever given back.
            let _lost = inbox.push(input());
        }
    }
}

/// What all slices share at their start.
struct Starter<'e> {
    config: Arc<Config>,
    inboxes: Vec<InboxRef>,
    gauges: Arc<Gauges>,
    interest: Arc<Interest>,
    admissions: Arc<Admissions>,
    travel: Arc<Travel>,
    fd_senders: Arc<FdSenders>,
    networks: Arc<Networks>,
    way: Way,
    own_max: usize,
    env: &'e Env,
}

/// A slice that runs.
struct Started {
    thread: JoinHandle<()>,
    addr: Option<SocketAddr>,
}

impl Starter<'_> {
    /// Starts a slice's thread and waits until it listens.
    fn start(
        &self,
        index: u16,
        poll: Poll,
        receiver: FdReceiver,
        addr: Option<SocketAddr>,
    ) -> io::Result<Started> {
        let env = self.env;
        let gauge = env.registry.add("slice", u64::from(index), env.clock.now_ms());
        let actor = Live::new(Some(self.inboxes[usize::from(index)].clone()));
        actor.set_state(ActorState::Running);
        env.registry.wakes("slice", &gauge, actor.clone());
        let own_table = self.config.own_descriptors;
        let parts = Parts {
            core: Slice::new(env.mesh.node(), index, self.config.clone(), self.interest.clone()),
            poll,
            index,
            inboxes: self.inboxes.clone(),
            performer: Performer {
                index,
                mesh: env.mesh.clone(),
                interest: self.interest.clone(),
                admissions: self.admissions.clone(),
                travel: self.travel.clone(),
            },
            gauges: self.gauges.clone(),
            connections_max: self.config.connections_max,
            own_max: self.own_max,
            actor,
            send_buffer_bytes: self.config.send_buffer_bytes,
            way: self.way,
            networks: self.networks.clone(),
            listener: None,
            fd_senders: self.fd_senders.clone(),
            receiver,
        };
        let runtime = tokio::runtime::Handle::current();
        let (listening, listens) = std::sync::mpsc::sync_channel(1);
        let run = move || {
            // Casts may start actors, which are tasks of the runtime.
            let _runtime = runtime.enter();
            if own_table && let Err(error) = fd_passing::own_table() {
                // Sockets still arrive; only the limit of descriptors is shared then.
                tracing::warn!(%error, slice = index, "the slice shares the process's descriptor table");
            }
            // Not before: the listener must be open in no other table, or it could not be closed.
            let listener = match addr.map(listen).transpose() {
                Ok(listener) => listener,
                Err(error) => return drop(listening.send(Err(error))),
            };
            let addr = listener.as_ref().map(TcpListener::local_addr).transpose();
            // The other side waits for it.
            let _told = listening.send(addr);
            Shell::new(Parts { listener, ..parts }).run();
        };
        let thread = std::thread::Builder::new().name(format!("slice-{index}")).spawn(run)?;
        let addr =
            listens.recv().map_err(|_| io::Error::other("the slice's thread ended at its start"))??;
        Ok(Started { thread, addr })
    }
}

/// One of several listeners on the same address, among which the kernel shares the connections out.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
