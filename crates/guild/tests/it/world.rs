//! A guild with its callers, its store and the sessions that listen to it, in one thread and without sockets.
//!
//! The guild runs in the shell it ships with, over a store in memory; what it tells other actors is taken by a relay and an
//! owner of users that are made of lists. Time stands still until [`World::advance`].
//!
//! ```ignore
//! let mut world = World::new();                       // founded by OWNER, with the usual four channels
//! world.seed([2, 3]);                                 // two more members
//! let session = world.connect(2);                     // attaches; the session is told what user 2 may be told
//! let channel = world.ok(OWNER, Op::Channel(..));     // calls, expects success, checks the laws
//! assert_eq!(world.err(3, Op::Channel(..)), (403, 50013));
//! assert_eq!(world.names(session), ["CHANNEL_CREATE"]);
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use consort_actor::{Core, Env, Owners, Work};
use consort_eraser::Eraser;
use consort_guild::Guild;
use consort_model::account::UserRow;
use consort_model::{
    ChannelId, ChannelType, GatewayGuild, GuildId, Intents, Member, Overwrite, Patch, Permissions, RoleId,
    TemplateGuild, Timestamp, User, UserId,
};
use consort_rpc::guild::{Op, channel, gateway, role, settings};
use consort_rpc::relay::{Question, SessionKey};
use consort_rpc::{
    Answer, Call, Caller, ClassId, Event, Host, InProcess, Mesh, MeshRef, NodeId, Publication, Reply, Static,
    View, guild, relay, user, voice,
};
use consort_runtime::{Clock as _, Ids, Manual, Registry};
use consort_store::{Batch, Key, Range, Store, Table, memory::Memory};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::client::Client;
use crate::laws;
use crate::moving::Moving;

/// Who founds the guild of a [`World`].
pub const OWNER: u64 = 1;
/// The guild's id.
pub const GUILD: GuildId = GuildId::new(1_000_000_000_000);
const NODE: NodeId = NodeId(1);
const NOW_MS: u64 = 1_800_000_000_000;
/// Sessions with this number or a higher one only look at GUILD_CREATE.
const PROBES: u64 = 1 << 40;
/// Sessions with this number or a higher one are of the gateway's second life.
const NEXT_GENERATION: u64 = 1 << 20;

/// One connected session, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session(pub u64);

impl Session {
    /// How other actors name it.
    pub fn key(self) -> SessionKey {
        key(self.0)
    }
}

/// A dispatch as a session got it: name and body.
pub type Dispatch = (String, Value);

/// See the module.
pub struct World {
    pub runtime: Runtime,
    pub clock: Arc<Manual>,
    pub store: Memory,
    node: Node,
    start: Start,
    ids: Arc<Ids>,
    next_session: u64,
    /// The reason of the audit log in the next calls.
    pub reason: Option<String>,
}

/// What a process has: the guild's owner, and the fakes it talks to.
struct Node {
    mesh: MeshRef,
    relay: Arc<Relay>,
    users: Arc<Users>,
    voice: Arc<Voice>,
    _owners: Arc<dyn Any>,
}

impl World {
    /// A guild that [`OWNER`] has just founded.
    pub fn new() -> Self {
        Self::founded(Vec::new())
    }

    /// A guild founded with these channels instead of the usual ones.
    pub fn founded(channels: Vec<channel::Create>) -> Self {
        Self::found(channels, Node::staying)
    }

    /// As [`World::founded`], with a guild that moves whenever it is left alone.
    pub fn moving(channels: Vec<channel::Create>) -> Self {
        Self::found(channels, Node::moving)
    }

    fn found(channels: Vec<channel::Create>, start: Start) -> Self {
        let owner = Box::new(account(OWNER));
        Self::found_by(settings::Op::Create { owner, name: "guild".into(), icon: None, channels }, start)
    }

    fn found_by(create: settings::Op, start: Start) -> Self {
        let runtime = new_runtime();
        let (clock, store, ids) = (Manual::new(NOW_MS), Memory::new(), Arc::new(Ids::new(1)));
        let node = start(&clock, &store, &ids);
        let world = Self { runtime, clock, store, node, start, ids, next_session: 1, reason: None };
        world.call(OWNER, Op::Settings(create)).expect("founded");
        world
    }

    /// A guild that [`OWNER`] has just made of a template.
    pub fn of_template(template: TemplateGuild) -> Self {
        let (owner, template) = (Box::new(account(OWNER)), Box::new(template));
        Self::found_by(
            settings::Op::CreateFrom { owner, name: "guild".into(), icon: None, template },
            Node::staying,
        )
    }

    /// Makes these users members without roles, as if they had always been.
    pub fn seed(&mut self, users: impl IntoIterator<Item = u64>) {
        self.seed_members(
            users.into_iter().map(|user| Member::new(account(user), Timestamp::from_ms(NOW_MS))),
        );
    }

    /// Makes these members, as if they had always been: writes their rows and loads the guild again.
    pub fn seed_members(&mut self, members: impl IntoIterator<Item = Member>) {
        let mut batch = Batch::new();
        for member in members {
            let id = member.user.as_ref().expect("a member with its account").id;
            batch.put_row(Table::Members, GUILD.get(), id.get(), &member);
        }
        self.runtime.block_on(self.store.commit(batch)).expect("seeded");
        self.restart();
    }

    /// Stores the accounts of these users, as their owners do.
    pub fn know(&self, users: impl IntoIterator<Item = u64>) {
        let mut batch = Batch::new();
        for user in users {
            let mut row = serde_json::to_value(account(user)).expect("an account");
            row["locale"] = "en-US".into();
            let row: UserRow = serde_json::from_value(row).expect("the row of an account");
            batch.put_row(Table::Users, user, Key::empty(), &row);
        }
        self.runtime.block_on(self.store.commit(batch)).expect("stored");
    }

    /// Lets the eraser do what deletions left to it.
    pub fn erase(&self) {
        let eraser = Eraser::new(Arc::new(self.store.clone()), &self.node.mesh);
        self.runtime.block_on(async { while eraser.round().await.expect("erased") > 0 {} });
    }

    /// Ends the guild's actor and starts it again on the same rows; sessions attach themselves anew.
    pub fn restart(&mut self) {
        let sessions = std::mem::take(&mut *self.node.relay.sessions());
        // What ran until now ends with its runtime: two owners at a time would write each other's rows.
        self.runtime = new_runtime();
        self.node = (self.start)(&self.clock, &self.store, &self.ids);
        for (number, session) in sessions {
            self.attach(Session(number), session.user, session.intents);
        }
    }

    /// The time, Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Connects a session of a person, who has all intents, and attaches it.
    pub fn connect(&mut self, user: u64) -> Session {
        self.connect_with(user, Intents::all())
    }

    /// Connects a session with these intents and attaches it.
    pub fn connect_with(&mut self, user: u64, intents: Intents) -> Session {
        let session = Session(self.next_session);
        self.next_session += 1;
        self.attach(session, UserId::new(user), intents);
        session
    }

    fn attach(&mut self, session: Session, user: UserId, intents: Intents) {
        self.node.relay.sessions().insert(session.0, FakeSession::new(user, intents));
        self.ask_to_attach(session.0, user, intents);
    }

    fn ask_to_attach(&self, number: u64, user: UserId, intents: Intents) {
        let presences = intents.contains(Intents::GUILD_PRESENCES);
        let attach = gateway::Op::Attach {
            session: key(number),
            question: Question::default(),
            large_threshold: 250,
            presences,
            heard: None,
        };
        self.call(user.get(), Op::Gateway(attach)).expect("attached or refused");
    }

    /// Disconnects a session. When it is the last one the guild is told that the node has none.
    pub fn disconnect(&mut self, session: Session) {
        let mut sessions = self.node.relay.sessions();
        sessions.remove(&session.0);
        let last = sessions.is_empty();
        drop(sessions);
        if last {
            self.system(Op::Gateway(gateway::Op::Detached { node: NODE })).expect("detached");
            self.node.relay.forget_position();
        }
    }

    /// A session dies with its node: nobody is told.
    pub fn lose(&self, session: Session) {
        self.node.relay.sessions().remove(&session.0);
    }

    /// The gateway has died and lives again: sessions from now on are of its next life.
    pub fn begin_generation(&mut self) {
        self.next_session += NEXT_GENERATION;
    }

    /// Calls the guild on behalf of a user. Users from 1000 on are bots.
    pub fn call(&self, user: u64, op: Op) -> Reply {
        let caller = Caller { reason: self.reason.clone(), ..Caller::user(UserId::new(user), user >= 1000) };
        self.call_as(caller, op)
    }

    /// Calls the guild as another owner does.
    pub fn system(&self, op: Op) -> Reply {
        self.call_as(Caller::system(), op)
    }

    fn call_as(&self, caller: Caller, op: Op) -> Reply {
        let client = self.node.mesh.client::<guild::Guild>();
        let reply = self.runtime.block_on(client.call(GUILD.get(), caller, op));
        for user in self.node.users.take_joined() {
            let waiting: Vec<_> = self.node.relay.sessions().iter().map(|(n, s)| (*n, s.clone())).collect();
            let waiting = waiting.into_iter().filter(|(_, s)| s.user == user && s.class.is_none());
            waiting.for_each(|(number, session)| self.ask_to_attach(number, user, session.intents));
        }
        reply
    }

    /// Calls, expects success, and checks the laws of [`laws`]; the answer's body, null when it has none.
    ///
    /// # Panics
    /// When the call is refused or a law does not hold.
    pub fn ok(&mut self, user: u64, op: Op) -> Value {
        let before = self.truth();
        let position = self.positions();
        let shown = format!("{op:?}");
        let answer = self.call(user, op).unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        let after = self.truth();
        laws::check(self, &shown, before.as_ref(), after.as_ref(), &position);
        answer.body().map_or(Value::Null, |body| serde_json::from_slice(body).expect("a JSON body"))
    }

    /// Calls, whether it may succeed or not, and checks what [`World::ok`] or [`World::err`] does; whether it did.
    ///
    /// # Panics
    /// As those two.
    pub fn attempt(&mut self, user: u64, op: Op) -> bool {
        let (before, position, shown) = (self.truth(), self.positions(), format!("{op:?} by {user}"));
        let reply = self.call(user, op);
        if let Err(error) = &reply {
            assert!(error.status < 500, "{shown}: {error:?}");
            assert_eq!(self.positions(), position, "{shown}: a refused call has told something");
        }
        laws::check(self, &shown, before.as_ref(), self.truth().as_ref(), &position);
        reply.is_ok()
    }

    /// Calls and expects a refusal, which must leave everything as it was; its status and code.
    ///
    /// # Panics
    /// When the call succeeds, breaks the actor, or changes or tells anything.
    pub fn err(&mut self, user: u64, op: Op) -> (u16, u32) {
        let (before, position, shown) = (self.truth(), self.positions(), format!("{op:?}"));
        let Err(error) = self.call(user, op) else { panic!("{shown}: not refused") };
        assert!(error.status < 500, "{shown}: {error:?}");
        assert_eq!(self.truth(), before, "{shown}: a refused call has changed something");
        assert_eq!(self.positions(), position, "{shown}: a refused call has told something");
        (error.status, error.code)
    }

    /// How many rows of a table the guild has in the store.
    pub fn stored_rows(&self, table: Table) -> usize {
        self.runtime.block_on(self.store.scan(table, GUILD.get(), Range::all(usize::MAX))).unwrap().len()
    }

    /// Lets time pass, and what is due happen.
    pub fn advance(&mut self, by: Duration) {
        self.clock.advance(by.as_millis() as u64);
        self.runtime.block_on(async {
            tokio::time::advance(by).await;
            // Whatever the actor does when it wakes needs no other time than this.
            tokio::time::sleep(Duration::from_millis(1)).await;
        });
    }

    /// What a session was told since the last look.
    pub fn take(&mut self, session: Session) -> Vec<Dispatch> {
        let mut sessions = self.node.relay.sessions();
        let session = sessions.get_mut(&session.0).expect("a connected session");
        let new = session.seen[session.looked..].to_vec();
        session.looked = session.seen.len();
        new
    }

    /// The names of what a session was told since the last look.
    pub fn names(&mut self, session: Session) -> Vec<String> {
        self.take(session).into_iter().map(|(name, _)| name).collect()
    }

    /// Passes over what all sessions were told so far.
    pub fn look_away(&mut self) {
        self.node.relay.sessions().values_mut().for_each(|session| session.looked = session.seen.len());
    }

    /// What the owner of a user was told since the last look.
    pub fn told(&mut self, user: u64) -> Vec<user::Op> {
        self.node.users.told.lock().unwrap().remove(&UserId::new(user)).unwrap_or_default()
    }

    /// What the voice server was told since the last look.
    pub fn told_voice(&self) -> Vec<voice::Op> {
        std::mem::take(&mut self.node.voice.told.lock().unwrap().ops)
    }

    /// A copy of a session's state.
    pub fn session(&self, session: Session) -> FakeSession {
        self.node.relay.sessions().get(&session.0).expect("a connected session").clone()
    }

    /// All sessions.
    pub fn sessions(&self) -> Vec<(Session, FakeSession)> {
        self.node
            .relay
            .sessions()
            .iter()
            .map(|(number, session)| (Session(*number), session.clone()))
            .collect()
    }

    /// How much each session was told so far.
    pub fn positions(&self) -> BTreeMap<Session, usize> {
        let sessions = self.node.relay.sessions();
        sessions.iter().map(|(number, state)| (Session(*number), state.seen.len())).collect()
    }

    /// Looks at each session, without a copy. `look` may not call the guild.
    ///
    /// # Errors
    /// The first that `look` gives.
    pub fn each_session<E>(
        &self,
        mut look: impl FnMut(Session, &FakeSession) -> Result<(), E>,
    ) -> Result<(), E> {
        let sessions = self.node.relay.sessions();
        sessions.iter().try_for_each(|(number, state)| look(Session(*number), state))
    }

    /// GUILD_CREATE as the living guild would give it to a user now; `None` when it refuses.
    pub fn guild_create(&self, user: u64) -> Option<Value> {
        self.node.probe(&self.runtime, user)
    }

    /// GUILD_CREATE as a guild loaded from the rows would give it to a user now; `None` when it refuses.
    pub fn stored_guild_create(&self, user: u64) -> Option<Value> {
        Node::staying(&self.clock, &self.store, &self.ids).probe(&new_runtime(), user)
    }

    /// The whole guild, as stored: what its owner sees.
    pub fn truth(&self) -> Option<GatewayGuild> {
        let row =
            self.runtime.block_on(self.store.get(Table::Guilds, GUILD.get(), "".into())).expect("a row");
        let info: consort_model::Guild = consort_store::row::decode(&row?).expect("a guild");
        let seen = self.stored_guild_create(info.owner_id.get())?;
        Some(serde_json::from_value(seen).expect("GUILD_CREATE"))
    }
}

/// The usual changes.
impl World {
    /// The channel of this name.
    pub fn channel(&self, name: &str) -> ChannelId {
        let truth = self.truth().expect("a guild");
        let found = truth.channels.iter().find(|channel| channel.name.as_deref() == Some(name));
        found.unwrap_or_else(|| panic!("no channel {name}")).id
    }

    /// Makes a channel.
    pub fn create_channel(&mut self, create: channel::Create) -> ChannelId {
        id(&self.ok(OWNER, Op::Channel(channel::Op::Create(Box::new(create)))))
    }

    /// Makes a role with these rights.
    pub fn create_role(&mut self, name: &str, permissions: Permissions) -> RoleId {
        let (name, permissions) = (Patch::Value(name.to_owned()), Patch::Value(permissions));
        let fields = role::Fields { name, permissions, ..Default::default() };
        id(&self.ok(OWNER, Op::Role(role::Op::Create(Box::new(fields)))))
    }

    /// Sets an overwrite.
    pub fn overwrite(&mut self, channel: ChannelId, overwrite: Overwrite) {
        self.ok(OWNER, Op::Channel(channel::Op::SetOverwrite { channel, overwrite }));
    }

    /// Has the owner of a user tell its presence.
    pub fn present(&mut self, user: u64, status: &str) {
        let presence = serde_json::json!({
            "user": {"id": user.to_string()}, "status": status, "activities": [], "client_status": {},
        });
        let presence = Box::new(serde_json::from_value(presence).expect("a presence"));
        self.ok(user, Op::Gateway(gateway::Op::Presence { presence }));
    }

    /// Hides a channel from everyone without a role or overwrite that shows it.
    pub fn hide(&mut self, channel: ChannelId) {
        self.overwrite(
            channel,
            Overwrite::role(GUILD.cast(), Permissions::empty(), Permissions::VIEW_CHANNEL),
        );
    }
}

/// A channel to be made.
pub fn new_channel(name: &str, kind: ChannelType) -> channel::Create {
    channel::Create { name: name.into(), kind: kind.number() as u8, ..Default::default() }
}

/// The account of a user; from 1000 on they are bots.
pub fn account(user: u64) -> User {
    let (id, name) = (UserId::new(user), format!("user{user}"));
    if user >= 1000 { User::bot(id, name) } else { User::person(id, name) }
}

/// The `id` of a JSON object.
pub fn id<T: From<u64>>(object: &Value) -> T {
    T::from(object["id"].as_str().and_then(|id| id.parse::<u64>().ok()).expect("an object with an id"))
}

fn new_runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}

fn key(number: u64) -> SessionKey {
    let generation = if (NEXT_GENERATION..PROBES).contains(&number) { 8 } else { 7 };
    SessionKey { node: NODE, generation, slice: 0, number, user: UserId::new(1) }
}

/// How a process starts.
type Start = fn(&Arc<Manual>, &Memory, &Arc<Ids>) -> Node;

impl Node {
    fn staying(clock: &Arc<Manual>, store: &Memory, ids: &Arc<Ids>) -> Self {
        Self::new::<Guild>(clock, store, ids)
    }

    fn moving(clock: &Arc<Manual>, store: &Memory, ids: &Arc<Ids>) -> Self {
        Self::new::<Moving>(clock, store, ids)
    }

    fn new<C: Core<Service = guild::Guild>>(clock: &Arc<Manual>, store: &Memory, ids: &Arc<Ids>) -> Self {
        let directory = Arc::new(Static::new(vec![NODE]));
        let mesh = Mesh::new(NODE, directory, Arc::new(InProcess::new()));
        let env = Env {
            clock: clock.clone(),
            store: Arc::new(store.clone()),
            mesh: mesh.clone(),
            links: consort_files::Links::sample(),
            ids: ids.clone(),
            registry: Registry::default(),
            work: Work::default(),
        };
        let owners = Owners::<C>::new(env);
        let (relay, users) = (Arc::new(Relay::default()), Arc::new(Users::default()));
        users.relay.lock().unwrap().replace(relay.clone());
        mesh.host::<guild::Guild>(owners.clone());
        mesh.host::<relay::Relay>(relay.clone());
        mesh.host::<user::User>(users.clone());
        let voice = Arc::new(Voice { relay: relay.clone(), told: Mutex::default() });
        mesh.host::<voice::Voice>(voice.clone());
        Self { mesh, relay, users, voice, _owners: owners }
    }

    fn probe(&self, runtime: &Runtime, user: u64) -> Option<Value> {
        let number = PROBES + user;
        let user = UserId::new(user);
        self.relay.sessions().insert(number, FakeSession::new(user, Intents::all()));
        let attach = gateway::Op::Attach {
            session: key(number),
            question: Question::default(),
            large_threshold: 250,
            presences: true,
            heard: None,
        };
        let caller = Caller::user(user, user.get() >= 1000);
        let client = self.mesh.client::<guild::Guild>();
        let reply = runtime.block_on(client.call(GUILD.get(), caller, Op::Gateway(attach)));
        let probe = self.relay.sessions().remove(&number);
        reply.expect("attached or refused");
        let guild_create = probe.and_then(|session| session.guild_create)?;
        let typed: GatewayGuild = serde_json::from_value(guild_create.clone()).expect("GUILD_CREATE");
        let typed = serde_json::to_value(typed).expect("GUILD_CREATE");
        assert_eq!(guild_create, typed, "GUILD_CREATE has the fields of its type");
        Some(guild_create)
    }
}

/// What a session is and was told.
#[derive(Debug, Clone)]
pub struct FakeSession {
    pub user: UserId,
    pub intents: Intents,
    /// Its class while it is attached.
    pub class: Option<ClassId>,
    /// The GUILD_CREATE it began with.
    pub guild_create: Option<Value>,
    /// What a client has made of GUILD_CREATE and the events after it.
    pub client: Option<Client>,
    /// Everything it was told since it attached.
    pub seen: Vec<Dispatch>,
    looked: usize,
}

impl FakeSession {
    fn new(user: UserId, intents: Intents) -> Self {
        Self { user, intents, class: None, guild_create: None, client: None, seen: Vec::new(), looked: 0 }
    }

    /// Whether a guild's event is for this session, as a relay decides it.
    fn wants(&self, event: &Event) -> bool {
        let Some(class) = self.class else { return false };
        let audience = &event.audience;
        let in_view = match &audience.view {
            View::All => true,
            View::Classes(classes) => classes.contains(class),
            View::None => false,
        };
        let intended = event.intents.is_empty() || self.intents.intersects(event.intents);
        let wanted = (in_view || audience.users.contains(&self.user)) && intended;
        !audience.except.contains(&self.user) && (wanted || audience.always.contains(&self.user))
    }

    fn tell(&mut self, event: &Event) {
        let may_read =
            self.intents.contains(Intents::MESSAGE_CONTENT) || event.unredacted_for.contains(&self.user);
        let body = event.redacted.as_ref().filter(|_| !may_read).unwrap_or(&event.body);
        let body: Value = serde_json::from_slice(body).expect("a JSON body");
        if let Some(client) = &mut self.client {
            client.apply(&event.name, &body);
        }
        self.seen.push((event.name.to_string(), body));
    }
}

/// The relay of the one node: does at once what a relay does for the sessions of one guild.
#[derive(Default)]
struct Relay(Mutex<BTreeMap<u64, FakeSession>>, Mutex<Option<(relay::Epoch, u64)>>);

impl Relay {
    fn sessions(&self) -> MutexGuard<'_, BTreeMap<u64, FakeSession>> {
        self.0.lock().unwrap()
    }

    fn tell_user(&self, user: UserId, event: &Event) {
        self.sessions()
            .values_mut()
            .filter(|session| session.user == user)
            .for_each(|session| session.tell(event));
    }

    /// A node that listens no more is told nothing, while the guild goes on counting.
    fn forget_position(&self) {
        self.1.lock().unwrap().take();
    }

    /// What a guild says has numbers without a gap, in each of its lives, as long as its node listens.
    fn numbered(&self, word: &relay::Numbered) {
        let heard = self.1.lock().unwrap().replace((word.epoch, word.n));
        if let Some((_, n)) = heard.filter(|(epoch, _)| *epoch == word.epoch) {
            assert_eq!(word.n, n + u64::from(!word.follows), "{:?}", word.op);
        }
    }

    fn take(&self, op: relay::Op) {
        let mut sessions = self.sessions();
        match op {
            relay::Op::Numbered(word) => {
                drop(sessions);
                self.numbered(&word);
                self.take(word.op);
            }
            relay::Op::Publish(event) => {
                assert_eq!(event.guild, Some(GUILD), "{} is published without its guild", event.name);
                sessions.values_mut().filter(|s| s.wants(&event)).for_each(|s| s.tell(&event));
            }
            relay::Op::Direct { sessions: keys, event } => {
                for key in keys {
                    if let Some(session) = sessions.get_mut(&key.number) {
                        session.tell(&event);
                    }
                }
            }
            relay::Op::Attached { session, class, guild_create, .. } => {
                let Some(session) = sessions.get_mut(&session.number) else { return };
                let snapshot: Value = serde_json::from_slice(&guild_create).expect("a JSON body");
                session.client = Some(Client::new(session.user, &snapshot));
                (session.class, session.guild_create) = (Some(class), Some(snapshot));
            }
            relay::Op::Class { user, class, .. } => {
                let attached = sessions.values_mut().filter(|s| s.user == user && s.class.is_some());
                attached.for_each(|session| session.class = Some(class));
            }
            relay::Op::Detach { user, .. } => {
                sessions.values_mut().filter(|s| s.user == user).for_each(FakeSession::detach);
            }
            relay::Op::Drop { .. } => sessions.values_mut().for_each(FakeSession::detach),
            relay::Op::Refused { .. } | relay::Op::Join { .. } | relay::Op::Close { .. } => {}
            relay::Op::GuildLoaded { .. }
            | relay::Op::GuildRestarted { .. }
            | relay::Op::UserRestarted { .. } => {}
            relay::Op::Said { .. } | relay::Op::Behind { .. } => panic!("an account says that, no guild"),
        }
    }
}

impl FakeSession {
    fn detach(&mut self) {
        (self.class, self.client, self.guild_create) = (None, None, None);
    }
}

impl Host<relay::Relay> for Relay {
    fn deliver(&self, _node: u64, call: Call<relay::Relay>) {
        self.take(call.op);
        call.respond.send(Ok(Answer::Empty));
    }
}

/// The owners of all users: writes down what they are told.
#[derive(Default)]
struct Users {
    told: Mutex<BTreeMap<UserId, Vec<user::Op>>>,
    joined: Mutex<Vec<UserId>>,
    relay: Mutex<Option<Arc<Relay>>>,
}

impl Users {
    fn take_joined(&self) -> Vec<UserId> {
        std::mem::take(&mut self.joined.lock().unwrap())
    }
}

impl Host<user::User> for Users {
    fn deliver(&self, user: u64, call: Call<user::User>) {
        let user = UserId::new(user);
        match &call.op {
            user::Op::Deliver(event) => {
                if let Some(relay) = self.relay.lock().unwrap().as_ref() {
                    relay.tell_user(user, event);
                }
            }
            user::Op::GuildJoined { .. } => self.joined.lock().unwrap().push(user),
            _ => {}
        }
        self.told.lock().unwrap().entry(user).or_default().push(call.op);
        call.respond.send(Ok(Answer::Empty));
    }
}

/// The voice server: writes down what it is told, and gives sessions its address with each token that is new.
struct Voice {
    relay: Arc<Relay>,
    told: Mutex<ToldVoice>,
}

#[derive(Default)]
struct ToldVoice {
    ops: Vec<voice::Op>,
    tokens: BTreeMap<UserId, String>,
}

impl Host<voice::Voice> for Voice {
    fn deliver(&self, guild: u64, call: Call<voice::Voice>) {
        let mut told = self.told.lock().unwrap();
        if let voice::Op::Put(place) = &call.op
            && told.tokens.insert(place.user, place.token.clone()).as_ref() != Some(&place.token)
            && let Publication::Relay { message, .. } =
                voice::server_update(guild.into(), place, Some("voice.example"))
        {
            self.relay.take(message);
        }
        told.ops.push(call.op);
        call.respond.send(Ok(Answer::Empty));
    }
}
