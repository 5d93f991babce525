//! Accounts and private channels on three nodes in one thread, over one store in memory.
//!
//! Nodes talk through the transport that encodes every call. Guilds and relays are made of lists. [`World::ok`] checks the
//! laws after each call; see [`World::check`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use consort_actor::{Env, Owners, Work};
use consort_eraser::Eraser;
use consort_model::object::account::UserRow;
use consort_model::{ChannelId, CurrentUser, GuildId, Presence, Status, User as UserObject, UserId};
use consort_rpc::private::Op as PrivateOp;
use consort_rpc::relay::SessionKey;
use consort_rpc::user::Op;
use consort_rpc::user::gateway::{self, OpenSession, Opened};
use consort_rpc::{
    Call, Caller, Fact, Host, InProcess, Mesh, MeshRef, NodeId, Reply, Static, guild, private, relay, user,
    voice,
};
use consort_runtime::{Ids, Manual, Registry};
use consort_store::{Batch, Key, Range, Store, StoreExt as _, Table, memory::Memory};
use consort_user::rows::RelationshipRow;
use consort_user::{PrivateChannel, User};
use serde_json::{Value, json};

use crate::client::Client;

pub const NOW_MS: u64 = 1_800_000_000_000;
const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
/// Users from here on are bots.
pub const BOTS: u64 = 1000;
/// The guild that all users are in unless they are strangers.
pub const GUILD: GuildId = GuildId::new(77);
/// Users that are in no guild.
pub const STRANGERS: std::ops::Range<u64> = 500..600;

pub type Dispatch = (String, Value);

/// A connected session.
#[derive(Debug, Clone)]
pub struct FakeSession {
    pub user: UserId,
    pub open: OpenSession,
    /// What a client has made of READY and everything after it; people only.
    pub client: Option<Client>,
    pub ready: Value,
    pub seen: Vec<Dispatch>,
    pub closed: Option<u16>,
    looked: usize,
}

/// What the relays and guilds of all nodes have.
#[derive(Default)]
pub struct Outside {
    pub sessions: BTreeMap<SessionKey, FakeSession>,
    /// What guilds were told.
    pub guilds: Vec<(GuildId, guild::Op)>,
    /// Sessions that were told to attach themselves.
    pub joins: Vec<(SessionKey, GuildId)>,
    /// Events for sessions that are not open yet.
    pub early: BTreeMap<SessionKey, Vec<Dispatch>>,
    /// The number of the last word that each session was told.
    pub heard: BTreeMap<SessionKey, u64>,
}

impl Outside {
    /// Each session is told each word once and in order.
    fn hear(&mut self, n: u64, sessions: &[SessionKey]) {
        for session in sessions {
            let before = self.heard.insert(*session, n);
            assert!(before.is_none_or(|before| before + 1 == n), "{session:?} is told {n} after {before:?}");
        }
    }
}

fn session_key(node: NodeId, slice: u16, number: u64, user: u64) -> SessionKey {
    SessionKey { node, generation: 7, slice, number, user: UserId::new(user) }
}

type Shared = Arc<Mutex<Outside>>;

struct FakeRelay(Shared, MeshRef);
struct FakeGuilds(Shared);
/// A voice server, with the tokens that it knows.
struct FakeVoice(Mutex<BTreeMap<UserId, String>>, MeshRef);

impl Host<voice::Voice> for FakeVoice {
    fn deliver(&self, key: u64, call: Call<voice::Voice>) {
        let mut known = self.0.lock().unwrap();
        match call.op {
            voice::Op::Put(participant) => {
                let before = known.insert(participant.user, participant.token.clone());
                if before.is_none_or(|before| before != participant.token) {
                    let endpoint = Some("voice.example");
                    self.1.publish(voice::server_update(GuildId::new(key), &participant, endpoint));
                }
            }
            voice::Op::Remove { user } => drop(known.remove(&user)),
        }
        call.respond.send(Ok(consort_rpc::Answer::Empty));
    }
}

impl Host<guild::Guild> for FakeGuilds {
    fn deliver(&self, key: u64, call: Call<guild::Guild>) {
        self.0.lock().unwrap().guilds.push((GuildId::new(key), call.op));
        call.respond.send(Ok(consort_rpc::Answer::Empty));
    }
}

impl Host<relay::Relay> for FakeRelay {
    fn deliver(&self, _key: u64, call: Call<relay::Relay>) {
        let mut outside = self.0.lock().unwrap();
        let op = match call.op {
            relay::Op::Said { n, op } => {
                let (relay::Op::Direct { sessions, .. } | relay::Op::Join { sessions, .. }) = &*op else {
                    panic!("an owner of an account has said {op:?}")
                };
                outside.hear(n, sessions);
                *op
            }
            op => op,
        };
        match op {
            relay::Op::Direct { sessions, event } => {
                let body: Value = serde_json::from_slice(&event.body).unwrap();
                for key in sessions {
                    let dispatch = (event.name.to_string(), body.clone());
                    match outside.sessions.get_mut(&key) {
                        Some(session) => session.tell(dispatch),
                        None => outside.early.entry(key).or_default().push(dispatch),
                    }
                }
            }
            relay::Op::UserRestarted { user, .. } => {
                let here = outside.sessions.iter().filter(|(key, _)| key.node == self.1.node());
                for (_, session) in
                    here.filter(|(_, session)| session.user == user && session.closed.is_none())
                {
                    let heard = outside.heard.get(&session.open.session).copied();
                    let open = OpenSession { again: true, heard, ..session.open.clone() };
                    let op = Op::Gateway(gateway::Op::Open(open));
                    self.1.tell(Caller::user(user, session.open.bot), Fact::User { user, op });
                }
            }
            relay::Op::Join { sessions, guild } => {
                outside.joins.extend(sessions.into_iter().map(|session| (session, guild)));
            }
            relay::Op::Close { sessions, code } => {
                for key in sessions {
                    outside.sessions.get_mut(&key).unwrap().closed = Some(code);
                }
            }
            relay::Op::Behind { sessions, .. } => {
                for key in sessions {
                    outside.sessions.get_mut(&key).unwrap().closed = Some(4000);
                }
            }
            other => panic!("an owner of an account has sent {other:?}"),
        }
        drop(outside);
        call.respond.send(Ok(consort_rpc::Answer::Empty));
    }
}

impl FakeSession {
    fn tell(&mut self, (name, body): Dispatch) {
        if let Some(client) = &mut self.client {
            client.apply(&name, &body);
        }
        self.seen.push((name, body));
    }
}

/// See the module.
pub struct World {
    pub runtime: tokio::runtime::Runtime,
    pub clock: Arc<Manual>,
    pub store: Memory,
    pub outside: Shared,
    nodes: Vec<MeshRef>,
    ids: Arc<Ids>,
    next_session: u64,
    /// The next session opens on this node.
    pub turn: usize,
}

fn start(clock: &Arc<Manual>, store: &Memory, ids: &Arc<Ids>, outside: &Shared) -> Vec<MeshRef> {
    let network = InProcess::new();
    let directory = Arc::new(Static::new(NODES.to_vec()));
    let node = |id: NodeId| {
        let mesh = Mesh::new(id, directory.clone(), Arc::new(network.clone()));
        network.join(&mesh);
        let env = Env {
            clock: clock.clone(),
            store: Arc::new(store.clone()),
            mesh: mesh.clone(),
            links: consort_files::Links::sample(),
            ids: ids.clone(),
            registry: Registry::default(),
            work: Work::default(),
        };
        mesh.host::<user::User>(Owners::<User>::new(env.clone()));
        mesh.host::<private::Private>(Owners::<PrivateChannel>::new(env));
        mesh.host::<relay::Relay>(Arc::new(FakeRelay(outside.clone(), mesh.clone())));
        mesh.host::<guild::Guild>(Arc::new(FakeGuilds(outside.clone())));
        mesh.host::<voice::Voice>(Arc::new(FakeVoice(Mutex::default(), mesh.clone())));
        mesh
    };
    NODES.into_iter().map(node).collect()
}

/// The account of a user.
/// Channels that are there, whosever they are.
pub const CHANNELS: [u64; 2] = [5, 6];

pub fn account(user: u64) -> UserObject {
    let (id, name) = (UserId::new(user), format!("user{user}"));
    if user >= BOTS { UserObject::bot(id, name) } else { UserObject::person(id, name) }
}

impl World {
    /// These users, registered; all but [`STRANGERS`] are in [`GUILD`].
    pub fn new(users: impl IntoIterator<Item = u64>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let (clock, store, ids) = (Manual::new(NOW_MS), Memory::new(), Arc::new(Ids::new(1)));
        let outside = Shared::default();
        let mut batch = Batch::new();
        for id in users {
            register(&mut batch, id);
        }
        for channel in CHANNELS {
            batch.put_row(Table::ChannelIndex, channel, Key::empty(), &"1");
        }
        runtime.block_on(store.commit(batch)).expect("registered");
        let nodes = start(&clock, &store, &ids, &outside);
        Self { runtime, clock, store, outside, nodes, ids, next_session: 1, turn: 0 }
    }

    /// Ends all owners, as if all nodes had died, and starts new ones on the same rows.
    pub fn restart(&mut self) {
        self.nodes = start(&self.clock, &self.store, &self.ids, &self.outside);
    }

    /// Lets the eraser do what deletions left to it.
    pub fn erase(&self) {
        let eraser = Eraser::new(Arc::new(self.store.clone()), &self.nodes[0]);
        self.runtime.block_on(async { while eraser.round().await.expect("erased") > 0 {} });
    }

    /// Writes rows of other owners.
    pub fn write(&self, fill: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::new();
        fill(&mut batch);
        self.runtime.block_on(self.store.commit(batch)).expect("written");
    }

    /// What an account keeps of another.
    pub fn row_of_relationship(&self, user: u64, other: u64) -> RelationshipRow {
        let row = self.runtime.block_on(self.store.get_row(Table::Relationships, user, other));
        row.expect("read").expect("a relationship")
    }

    pub fn outside(&self) -> MutexGuard<'_, Outside> {
        self.outside.lock().unwrap()
    }

    /// Lets everything happen that was set going.
    pub fn settle(&self) {
        // The time stands still; it moves on only when every task waits for something.
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
    }

    pub fn connect(&mut self, user: u64) -> SessionKey {
        self.connect_as(user, |_| {})
    }

    /// Opens a session, with what `adjust` changes.
    pub fn connect_as(&mut self, user: u64, adjust: impl FnOnce(&mut OpenSession)) -> SessionKey {
        self.turn = (self.turn + 1) % NODES.len();
        let key = session_key(NODES[self.turn], 0, self.next_session, user);
        self.next_session += 1;
        let mut open = OpenSession {
            session: key,
            session_id: format!("session{}", key.number),
            auth_session: key.number,
            presence: None,
            capabilities: 0,
            client: ("Linux".into(), "Firefox".into(), String::new()),
            shard: None,
            bot: user >= BOTS,
            again: false,
            heard: None,
        };
        adjust(&mut open);
        let opened = self.open(&self.nodes[0].clone(), user, &open);
        let ready: Value = serde_json::from_slice(&opened.ready).unwrap();
        let session = FakeSession {
            user: UserId::new(user),
            client: (!open.bot).then(|| Client::new(user, &ready)),
            open,
            ready,
            seen: Vec::new(),
            closed: None,
            looked: 0,
        };
        let mut outside = self.outside();
        outside.sessions.insert(key, session);
        let heard = opened.heard.expect("nodes share a store");
        outside.heard.entry(key).or_insert(heard);
        let early = outside.early.remove(&key).unwrap_or_default();
        let session = outside.sessions.get_mut(&key).unwrap();
        early.into_iter().for_each(|dispatch| session.tell(dispatch));
        drop(outside);
        self.settle();
        self.check("a session has opened");
        key
    }

    /// READY and READY_SUPPLEMENTAL with these capabilities.
    pub fn connect_as_raw(&mut self, user: u64, capabilities: u64) -> (Value, Option<Value>) {
        let session = session_key(NODES[0], 2, self.next_session, user);
        self.next_session += 1;
        let open = OpenSession {
            session,
            session_id: "raw".into(),
            auth_session: 0,
            presence: None,
            capabilities,
            client: Default::default(),
            shard: None,
            bot: false,
            again: false,
            heard: None,
        };
        let opened = self.open(&self.nodes[0].clone(), user, &open);
        let parse = |bytes: &[u8]| serde_json::from_slice(bytes).expect("JSON");
        (parse(&opened.ready), opened.supplemental.as_deref().map(parse))
    }

    fn open(&self, mesh: &MeshRef, user: u64, open: &OpenSession) -> Opened {
        self.write(|batch| {
            let token = json!({"hash": format!("hash of {}", open.auth_session)});
            batch.put_row(Table::UserTokens, user, open.auth_session, &token);
        });
        let caller = Caller::user(UserId::new(user), open.bot);
        let op = Op::Gateway(gateway::Op::Open(open.clone()));
        let reply =
            self.runtime.block_on(mesh.client::<user::User>().call(user, caller, op)).expect("opened");
        let consort_rpc::Answer::Opened(opened) = reply else { panic!("{reply:?}") };
        *opened
    }

    /// Ends a session.
    pub fn disconnect(&mut self, session: SessionKey) {
        let user = self.outside().sessions.remove(&session).expect("a session").user;
        self.ok(user.get(), Op::Gateway(gateway::Op::Closed { session }));
    }

    /// Asks an owner where a session is; `None` when it does not say.
    pub fn find(&mut self, caller: u64, owner: u64, op: Op) -> Option<Vec<SessionKey>> {
        match self.reply_of_user(caller, owner, op) {
            Ok(consort_rpc::Answer::Found(found)) => Some(found.sessions),
            _ => None,
        }
    }

    /// Sets the presence of a session.
    pub fn show(&mut self, session: SessionKey, status: Status, activities: Vec<Value>) {
        let user = self.outside().sessions[&session].user;
        let read = |said: &Value| consort_model::Activity::from_client(said, false).expect("an activity");
        let activities = activities.iter().map(read).collect();
        let presence = Presence { status, activities, ..Presence::offline(user) };
        self.ok(user.get(), Op::Gateway(gateway::Op::SetPresence { session, presence: Box::new(presence) }));
    }

    fn caller(user: u64) -> Caller {
        if user == 0 { Caller::system() } else { Caller::user(UserId::new(user), user >= BOTS) }
    }

    fn reply_of_user(&self, caller: u64, owner: u64, op: Op) -> Reply {
        let client = self.nodes[0].client::<user::User>();
        let reply = self.runtime.block_on(client.call(owner, Self::caller(caller), op));
        self.settle();
        reply
    }

    fn reply_of_private(&self, user: u64, channel: ChannelId, op: PrivateOp) -> Reply {
        let client = self.nodes[0].client::<private::Private>();
        let reply = self.runtime.block_on(client.call(channel.get(), Self::caller(user), op));
        self.settle();
        reply
    }

    /// Asks the user's own owner, expects success and checks the laws.
    pub fn ok(&mut self, user: u64, op: Op) -> Value {
        let shown = format!("{op:?}");
        let reply = self.reply_of_user(user, user, op);
        self.check(&shown);
        body(&shown, reply)
    }

    /// Tells a user's owner something as another owner does.
    pub fn tell(&mut self, user: u64, op: Op) {
        let shown = format!("{op:?}");
        let reply = self.reply_of_user(0, user, op);
        self.check(&shown);
        body(&shown, reply);
    }

    /// Asks the user's own owner and expects a refusal.
    pub fn err(&mut self, user: u64, op: Op) -> (u16, u32) {
        let shown = format!("{op:?}");
        let error = self.reply_of_user(user, user, op).expect_err(&shown);
        self.check(&shown);
        (error.status, error.code)
    }

    /// Asks a user's owner as the system does.
    pub fn system(&mut self, user: u64, op: Op) -> Result<Value, (u16, u32)> {
        let shown = format!("{op:?}");
        let client = self.nodes[0].client::<user::User>();
        let reply = self.runtime.block_on(client.call(user, Caller::system(), op));
        self.settle();
        self.check(&shown);
        reply.map(|answer| body(&shown, Ok(answer))).map_err(|error| (error.status, error.code))
    }

    /// Asks a private channel, expects success and checks the laws.
    pub fn private(&mut self, user: u64, channel: ChannelId, op: PrivateOp) -> Value {
        let shown = format!("{op:?}");
        let reply = self.reply_of_private(user, channel, op);
        self.check(&shown);
        body(&shown, reply)
    }

    /// Asks a private channel and expects a refusal.
    pub fn private_err(&mut self, user: u64, channel: ChannelId, op: PrivateOp) -> (u16, u32) {
        let shown = format!("{op:?}");
        let error = self.reply_of_private(user, channel, op).expect_err(&shown);
        self.check(&shown);
        (error.status, error.code)
    }

    /// Lets time pass, and what is told once in a while be told.
    pub fn pass(&self, ms: u64) {
        self.clock.advance(ms);
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(ms + 1)).await });
        self.settle();
    }

    /// A new id.
    pub fn next_id(&self) -> u64 {
        self.clock.advance(1);
        self.ids.next(consort_runtime::Clock::now_ms(&*self.clock))
    }

    /// What a session was told since the last look.
    pub fn take(&mut self, session: SessionKey) -> Vec<Dispatch> {
        let mut outside = self.outside();
        let session = outside.sessions.get_mut(&session).expect("a session");
        let new = session.seen[session.looked..].to_vec();
        session.looked = session.seen.len();
        new
    }

    /// Passes over what all sessions were told so far.
    pub fn look_away(&mut self) {
        self.outside().sessions.values_mut().for_each(|session| session.looked = session.seen.len());
    }

    /// The names of what a session was told since the last look.
    pub fn names(&mut self, session: SessionKey) -> Vec<String> {
        self.take(session).into_iter().map(|(name, _)| name).collect()
    }

    /// What the guilds were told of presences since the last look.
    pub fn guild_presences(&mut self) -> Vec<Presence> {
        let told = std::mem::take(&mut self.outside().guilds);
        let presence = |(_, op)| match op {
            guild::Op::Gateway(guild::gateway::Op::Presence { presence }) => Some(*presence),
            _ => None,
        };
        told.into_iter().filter_map(presence).collect()
    }

    /// The law: what a client has made of its READY and the events since is what a fresh READY shows, now and after a
    /// restart from the rows alone.
    pub fn check(&mut self, after: &str) {
        self.pass(1_000);
        self.awake();
        let seen: Vec<_> =
            self.outside().sessions.iter().map(|(key, session)| (*key, session.seen.len())).collect();
        self.compare(after);
        self.pass(1_000);
        // What the probes have caused is nobody's business.
        let mut outside = self.outside();
        for (key, len) in seen {
            outside.sessions.get_mut(&key).expect("a session").seen.truncate(len);
        }
    }

    /// Brings the owners of all users with sessions to life.
    fn awake(&self) {
        let users: Vec<_> = self.outside().sessions.values().map(|session| session.user.get()).collect();
        users.into_iter().for_each(|user| drop(self.reply_of_user(0, user, Op::Sessions)));
        self.settle();
    }

    fn compare(&self, after: &str) {
        let sessions: Vec<_> = {
            let outside = self.outside();
            outside.sessions.iter().map(|(key, session)| (*key, session.clone())).collect()
        };
        for (key, session) in sessions {
            let (Some(client), None) = (&session.client, session.closed) else { continue };
            let user = session.user.get();
            let fresh = self.probe(&self.nodes[0].clone(), user);
            assert_eq!(*client, fresh, "{key:?} of user {user} after {after}");
            let stored = start(&self.clock, &self.store, &self.ids, &Shared::default());
            let stored = self.probe(&stored[0], user);
            assert_eq!(client.stored(), stored.stored(), "user {user} is stored otherwise after {after}");
        }
    }

    /// What a session that opens now would begin with. It is invisible, so that nobody notices.
    fn probe(&self, mesh: &MeshRef, user: u64) -> Client {
        let session = session_key(NODES[0], 1, 0, user);
        let open = OpenSession {
            session,
            session_id: "probe".into(),
            auth_session: 0,
            presence: Some(Box::new(Presence {
                status: Status::Invisible,
                ..Presence::offline(UserId::new(user))
            })),
            capabilities: 0,
            client: Default::default(),
            shard: None,
            bot: false,
            again: false,
            heard: None,
        };
        let opened = self.open(mesh, user, &open);
        let op = Op::Gateway(gateway::Op::Closed { session });
        let client = mesh.client::<user::User>();
        let closed = client.call(user, Caller::user(UserId::new(user), false), op);
        self.runtime.block_on(closed).expect("closed");
        let mut outside = self.outside();
        outside.early.remove(&session);
        // The others were told of the probe and that it has gone.
        drop(outside);
        self.settle();
        let mut client = Client::new(user, &serde_json::from_slice(&opened.ready).unwrap());
        client.without_session("probe");
        client
    }

    /// The number of rows of a partition.
    pub fn rows(&self, table: Table, partition: u64) -> usize {
        self.runtime.block_on(self.store.scan(table, partition, Range::all(1000))).unwrap().len()
    }

    /// The DM of two users, as the index has it.
    pub fn dm(&self, a: u64, b: u64) -> Option<ChannelId> {
        self.runtime.block_on(self.store.get_row(Table::DmIndex, a.min(b), a.max(b))).unwrap()
    }
}

fn body(shown: &str, reply: Reply) -> Value {
    let answer = reply.unwrap_or_else(|error| panic!("{shown}: {error:?}"));
    answer.body().map_or(Value::Null, |body| serde_json::from_slice(body).expect("a JSON body"))
}

fn register(batch: &mut Batch, id: u64) {
    let user = account(id);
    if !STRANGERS.contains(&id) {
        let row = consort_user::rows::UserGuildRow { joined_at: consort_model::Timestamp::from_ms(NOW_MS) };
        batch.put_row(Table::UserGuilds, id, GUILD.get(), &row);
    }
    let application = user.bot.then(|| user.id.cast());
    let current = CurrentUser {
        user,
        mfa_enabled: false,
        locale: "en-US".into(),
        premium_type: 0,
        email: None,
        verified: true,
        bio: String::new(),
        phone: None,
        nsfw_allowed: None,
        pronouns: String::new(),
    };
    batch.put_row(
        Table::Users,
        id,
        Key::empty(),
        &UserRow { current, admin: false, application, disabled: false },
    );
}
