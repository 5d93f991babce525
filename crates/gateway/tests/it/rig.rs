//! A gateway behind hyper, and owners that answer as told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use consort_gateway::{AuthError, AuthFuture, Authenticator, Config, Env, Gateway, Principal};
use consort_model::{ApplicationId, GuildId, Intents, UserId};
use consort_rpc::guild::gateway::{ChunkNext, ChunkPart, ChunkRequest};
use consort_rpc::relay::{Op as RelayOp, Question, SessionKey};
use consort_rpc::user::gateway::{OpenSession, Opened};
use consort_rpc::{
    Answer, Audience, Call, Event, Host, InProcess, Mesh, MeshRef, NodeId, Publication, Static, guild, user,
};
use consort_runtime::{Registry, System};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::Client;

/// Makes two tests of each of these functions: one for each way in which slices send. Where the system has no io_uring, both
/// ways are the same.
macro_rules! by_each_way {
    ($($name:ident),* $(,)?) => {
        mod epoll {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(consort_gateway::Io::Epoll).await;
            })*
        }
        mod uring {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(consort_gateway::Io::Uring).await;
            })*
        }
    };
}
pub(crate) use by_each_way;

pub const NODE: NodeId = NodeId(1);
/// Longer than anything takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A guild id that differs in the bits which decide about shards.
pub fn guild(n: u64) -> GuildId {
    GuildId::new(n << 22 | 7)
}

/// What owners were told, with a way to wait for it.
pub struct Log<T> {
    seen: Mutex<Vec<T>>,
    count: watch::Sender<usize>,
}

impl<T: Clone> Log<T> {
    fn new() -> Self {
        Self { seen: Mutex::default(), count: watch::Sender::new(0) }
    }

    fn add(&self, value: T) {
        self.seen.lock().unwrap().push(value);
        self.count.send_modify(|count| *count += 1);
    }

    pub fn all(&self) -> Vec<T> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until so much was told.
    pub async fn wait_for(&self, count: usize) {
        let mut counted = self.count.subscribe();
        let enough = counted.wait_for(|told| *told >= count);
        tokio::time::timeout(PATIENCE, enough).await.expect("the owner is told").unwrap();
    }

    /// Waits until something told makes `find` give a value.
    pub async fn wait<R>(&self, mut find: impl FnMut(&T) -> Option<R>) -> R {
        let mut count = self.count.subscribe();
        let found = async {
            loop {
                if let Some(found) = self.seen.lock().unwrap().iter().find_map(&mut find) {
                    return found;
                }
                count.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the owner is told")
    }
}

#[derive(Clone, Debug)]
pub struct Told<Op> {
    pub key: u64,
    pub op: Op,
}

/// How a made-up guild answers an attachment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    Welcoming,
    Silent,
    Unavailable,
    NoMember,
}

pub struct Users {
    pub log: Log<Told<user::Op>>,
    guilds: Mutex<HashMap<u64, Vec<GuildId>>>,
}

pub struct Guilds {
    mesh: MeshRef,
    pub log: Log<Told<guild::Op>>,
    manners: Mutex<HashMap<GuildId, Manner>>,
    classes: Mutex<HashMap<UserId, u32>>,
    /// Bytes by which each guild is larger than it need be.
    pub padding: AtomicUsize,
}

impl Host<user::User> for Users {
    fn deliver(&self, key: u64, call: Call<user::User>) {
        let answer = match &call.op {
            user::Op::Gateway(user::gateway::Op::Open(open)) if !open.again => {
                Answer::Opened(Box::new(Opened {
                    ready: json!({"user": {"id": key.to_string()}, "presences": []}).to_string().into(),
                    supplemental: Some(json!({"lazy_private_channels": []}).to_string().into()),
                    guilds: self.guilds.lock().unwrap().get(&key).cloned().unwrap_or_default(),
                    owner_since_ms: 1,
                    heard: None,
                }))
            }
            _ => Answer::Empty,
        };
        self.log.add(Told { key, op: call.op });
        call.respond.send(Ok(answer));
    }
}

impl Host<guild::Guild> for Guilds {
    fn deliver(&self, key: u64, call: Call<guild::Guild>) {
        let guild = GuildId::new(key);
        let mut answer = Answer::Empty;
        match &call.op {
            guild::Op::Gateway(guild::gateway::Op::Attach { session, question, .. }) => {
                self.attach(guild, (*session, *question), call.caller.user);
            }
            guild::Op::Gateway(guild::gateway::Op::Chunk(request)) => {
                answer = Answer::Chunk(Box::new(chunk(guild, request)));
            }
            _ => {}
        }
        self.log.add(Told { key, op: call.op });
        call.respond.send(Ok(answer));
    }
}

/// One of two chunks, without members.
fn chunk(guild: GuildId, request: &ChunkRequest) -> ChunkPart<Bytes> {
    let index = request.next.map_or(0, |next| next.index);
    let chunk = json!({
        "guild_id": guild, "members": [], "chunk_index": index, "chunk_count": 2, "nonce": request.nonce,
    });
    let next =
        ChunkNext { after: UserId::new(u64::from(index)), index: 1, count: 2, left: u32::MAX, began_ms: 5 };
    let chunk = chunk.to_string().into();
    ChunkPart { chunk, next: (index == 0).then_some(next) }
}

impl Guilds {
    fn attach(&self, guild: GuildId, (session, question): (SessionKey, Question), user: UserId) {
        let manner = self.manners.lock().unwrap().get(&guild).copied().unwrap_or(Manner::Welcoming);
        let message = match manner {
            Manner::Silent => return,
            Manner::Unavailable => RelayOp::Refused { session, guild, question, unavailable: true },
            Manner::NoMember => RelayOp::Refused { session, guild, question, unavailable: false },
            Manner::Welcoming => self.welcome(guild, (session, question), user),
        };
        self.mesh.publish(Publication::Relay { node: session.node, message });
    }

    pub fn welcome(
        &self,
        guild: GuildId,
        (session, question): (SessionKey, Question),
        user: UserId,
    ) -> RelayOp {
        let class = self.classes.lock().unwrap().get(&user).copied().unwrap_or(0);
        let padding = "y".repeat(self.padding.load(Ordering::Relaxed));
        let body = json!({"id": guild, "unavailable": false, "voice_states": [], "x": padding});
        RelayOp::Attached {
            session,
            guild,
            question,
            class,
            guild_create: body.to_string().into(),
            late: Vec::new(),
        }
    }
}

/// Tokens are `bot-USER` and `user-USER`; bots of odd id have no privileged intents.
struct Tokens;

impl Authenticator for Tokens {
    fn authenticate<'a>(&'a self, token: &'a str) -> AuthFuture<'a> {
        Box::pin(async move {
            let (kind, id) = token.split_once('-').ok_or(AuthError::Invalid)?;
            let id: u64 = id.parse().map_err(|_| AuthError::Invalid)?;
            let bot = match kind {
                "bot" => true,
                "user" => false,
                "later" => return Err(AuthError::Unavailable),
                _ => return Err(AuthError::Invalid),
            };
            let flags = if id.is_multiple_of(2) { 1 << 13 | 1 << 15 | 1 << 19 } else { 0 };
            Ok(Principal {
                user: UserId::new(id),
                bot,
                application: bot.then(|| ApplicationId::new(id)),
                application_flags: flags,
                auth_session: 5,
            })
        })
    }
}

pub struct Rig {
    pub addr: SocketAddr,
    pub gateway: Arc<Gateway>,
    pub mesh: MeshRef,
    pub users: Arc<Users>,
    pub guilds: Arc<Guilds>,
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(Config { slices: 2, ..Config::default() }).await
    }

    pub async fn with(config: Config) -> Self {
        let network = InProcess::new();
        let mesh = Mesh::new(NODE, Arc::new(Static::new(vec![NODE])), Arc::new(network.clone()));
        network.join(&mesh);
        let users = Arc::new(Users { log: Log::new(), guilds: Mutex::default() });
        let guilds = Arc::new(Guilds {
            mesh: mesh.clone(),
            log: Log::new(),
            manners: Mutex::default(),
            classes: Mutex::default(),
            padding: AtomicUsize::new(0),
        });
        mesh.host::<user::User>(users.clone());
        mesh.host::<guild::Guild>(guilds.clone());
        let env = Env {
            mesh: mesh.clone(),
            auth: Arc::new(Tokens),
            registry: Registry::default(),
            clock: Arc::new(System),
            others: None,
        };
        let gateway = Gateway::start(config, &env).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, gateway.clone()));
        Self { addr, gateway, mesh, users, guilds }
    }

    /// Makes a user a member of guilds.
    pub fn member(&self, user: u64, guilds: &[GuildId]) {
        self.users.guilds.lock().unwrap().insert(user, guilds.to_vec());
    }

    pub fn class(&self, user: u64, class: u32) {
        self.guilds.classes.lock().unwrap().insert(UserId::new(user), class);
    }

    pub fn manner(&self, guild: GuildId, manner: Manner) {
        self.guilds.manners.lock().unwrap().insert(guild, manner);
    }

    pub fn relay(&self, message: RelayOp) {
        self.mesh.publish(Publication::Relay { node: NODE, message });
    }

    /// Publishes an event with a number in it to everybody in a guild.
    pub fn publish(&self, guild: GuildId, n: u64) {
        self.publish_event(event(guild, Audience::all(), &json!({"n": n})));
    }

    pub fn publish_event(&self, event: Event) {
        self.relay(RelayOp::Publish(Arc::new(event)));
    }

    pub async fn connect(&self, query: &str) -> Client {
        Client::connect(self.addr, query).await
    }

    /// Connects, identifies, and waits for READY. Gives it, too.
    pub async fn ready(&self, token: &str) -> (Client, Value) {
        let mut client = self.connect("v=10&encoding=json").await;
        let ready = client.identify(token).await;
        (client, ready)
    }

    /// A bot that is ready and has been sent its guilds.
    pub async fn bot_in(&self, user: u64, guilds: &[GuildId]) -> (Client, Value) {
        self.member(user, guilds);
        let (mut client, ready) = self.ready(&format!("bot-{user}")).await;
        for _ in guilds {
            assert_eq!(client.dispatch().await.0, "GUILD_CREATE");
        }
        (client, ready)
    }

    /// The session that a user has opened last.
    pub async fn opened(&self, user: u64) -> OpenSession {
        self.users
            .log
            .wait(|told| match &told.op {
                user::Op::Gateway(user::gateway::Op::Open(open)) if told.key == user => Some(open.clone()),
                _ => None,
            })
            .await
    }

    /// Waits until a user's owner is told that a session is over.
    pub async fn closed(&self, user: u64) -> SessionKey {
        self.users
            .log
            .wait(|told| match &told.op {
                user::Op::Gateway(user::gateway::Op::Closed { session }) if told.key == user => {
                    Some(*session)
                }
                _ => None,
            })
            .await
    }
}

pub fn event(guild: GuildId, audience: Audience, d: &Value) -> Event {
    let mut event = Event::new("MESSAGE_CREATE", Intents::GUILD_MESSAGES, audience, d);
    event.guild = Some(guild);
    event
}

async fn serve(listener: tokio::net::TcpListener, gateway: Arc<Gateway>) {
    while let Ok((socket, _)) = listener.accept().await {
        let gateway = gateway.clone();
        let service = hyper::service::service_fn(move |request| {
            let gateway = gateway.clone();
            async move {
                let response: hyper::Response<Full<Bytes>> =
                    consort_gateway::upgrade::<tokio::net::TcpStream, _, _>(gateway, request, || None).await;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        tokio::spawn(connection.with_upgrades());
    }
}
