//! A node with one guild, whose relay and users' owners write down what they are told.

use std::sync::{Arc, Mutex};

use consort_actor::{Env, Owners, Work, run_scheduler};
use consort_guild::Guild;
use consort_model::{
    ApiError, ChannelId, GuildId, Member, Message, Overwrite, Permissions, Timestamp, User, UserId,
};
use consort_rpc::guild::{self, channel, gateway, settings, thread};
use consort_rpc::message::{self, Create};
use consort_rpc::relay::{self, Question, SessionKey};
use consort_rpc::{
    Call, Caller, Client, Event, Host, InProcess, Mesh, NodeId, Reply, Service, Static, View, user,
};
use consort_runtime::{Ids, Manual, Registry};
use consort_store::memory::Memory;
use consort_store::{Batch, StoreRef, Table};
use serde_json::Value;

pub const NOW_MS: u64 = 1_790_000_000_000;
pub const GUILD: GuildId = GuildId::new(1_000_000_000_000_000);
pub const OWNER: UserId = UserId::new(1);
pub const ANN: UserId = UserId::new(2);
pub const BEN: UserId = UserId::new(3);
const NODE: NodeId = NodeId(1);

/// Writes down the calls of a service.
struct Recorder<S: Service>(Mutex<Vec<(u64, S::Op)>>);

impl<S: Service> Host<S> for Recorder<S> {
    fn deliver(&self, key: u64, call: Call<S>) {
        self.0.lock().unwrap().push((key, call.op));
        call.respond.send(Ok(consort_rpc::Answer::Empty));
    }
}

pub struct World {
    pub clock: Arc<Manual>,
    pub store: StoreRef,
    ids: Arc<Ids>,
    env: Env,
    directory: Arc<Static>,
    scheduler: Option<tokio::task::JoinHandle<()>>,
    guild: Client<guild::Guild>,
    relay: Arc<Recorder<relay::Relay>>,
    users: Arc<Recorder<user::User>>,
}

/// An event as its receivers see it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    pub body: Value,
    pub event: Arc<Event>,
}

fn start(store: StoreRef, clock: Arc<Manual>, ids: Arc<Ids>) -> World {
    let directory = Arc::new(Static::new(vec![NODE]));
    let mesh = Mesh::new(NODE, directory.clone(), Arc::new(InProcess::new()));
    let relay = Arc::new(Recorder::<relay::Relay>(Mutex::default()));
    let users = Arc::new(Recorder::<user::User>(Mutex::default()));
    let env = Env {
        clock: clock.clone(),
        store: store.clone(),
        mesh: mesh.clone(),
        links: consort_files::Links::sample(),
        ids: ids.clone(),
        registry: Registry::default(),
        work: Work::default(),
    };
    mesh.host::<guild::Guild>(Owners::<Guild>::new(env.clone()));
    mesh.host::<relay::Relay>(relay.clone());
    mesh.host::<user::User>(users.clone());
    World { clock, store, ids, env, directory, scheduler: None, guild: mesh.client(), relay, users }
}

/// A guild with an owner, two members and the channels `general` (text), `news` (announcement) and `forum`, with one
/// session attached for each member.
pub async fn world() -> World {
    let (store, clock): (StoreRef, _) = (Arc::new(Memory::new()), Manual::new(NOW_MS));
    let ids = Arc::new(Ids::new(1));
    let founding = start(store.clone(), clock.clone(), ids.clone());
    let channels = [("general", 0), ("news", 5), ("forum", 15)].map(|(name, kind)| channel::Create {
        name: name.to_owned(),
        kind,
        ..Default::default()
    });
    let owner = Box::new(User::person(OWNER, "owner"));
    let op =
        settings::Op::Create { owner, name: "Testers".to_owned(), icon: None, channels: channels.into() };
    founding.ask(OWNER, guild::Op::Settings(op)).await.unwrap();
    let mut batch = Batch::new();
    for (id, name) in [(ANN, "ann"), (BEN, "ben")] {
        let member = Member::new(User::person(id, name), Timestamp::from_ms(NOW_MS));
        batch.put_row(Table::Members, GUILD.get(), id.get(), &member);
    }
    store.commit(batch).await.unwrap();
    let world = start(store, clock, ids);
    for user in [OWNER, ANN, BEN] {
        world.attach(user).await;
    }
    world.clear();
    world
}

impl World {
    /// The guild on another node: everything in memory is gone.
    pub async fn restarted(&self) -> World {
        let world = start(self.store.clone(), self.clock.clone(), self.ids.clone());
        for user in [OWNER, ANN, BEN] {
            world.attach(user).await;
        }
        world.clear();
        world
    }

    /// The next life of the node, with its scheduler and without sessions: nobody has called the guild yet.
    pub fn crashed(&self) -> World {
        self.next_life(self.clock.clone())
    }

    /// As [`World::crashed`], with a clock that shows another time.
    pub fn crashed_at(&self, now_ms: u64) -> World {
        self.next_life(Manual::new(now_ms))
    }

    fn next_life(&self, clock: Arc<Manual>) -> World {
        self.stop();
        // What still runs of this life does nothing more.
        self.directory.set(vec![NodeId(2)]);
        // Another node draws ids of its own.
        let world = start(self.store.clone(), clock, Arc::new(Ids::new(2)));
        World { scheduler: Some(tokio::spawn(run_scheduler(world.env.clone()))), ..world }
    }

    /// Its scheduler wakes nobody any more.
    pub fn stop(&self) {
        self.scheduler.iter().for_each(tokio::task::JoinHandle::abort);
    }

    /// Whether the guild's owner is in memory.
    pub fn is_loaded(&self) -> bool {
        !self.env.registry.list(None).is_empty()
    }

    pub async fn attach(&self, user: UserId) -> Value {
        let session = SessionKey { node: NODE, generation: 7, slice: 0, number: user.get(), user };
        let op = gateway::Op::Attach {
            session,
            question: Question::default(),
            large_threshold: 250,
            presences: true,
            heard: None,
        };
        self.ask(user, guild::Op::Gateway(op)).await.unwrap();
        let told = self.relay.0.lock().unwrap();
        let last = told.iter().rev().find_map(|(_, op)| match word(op) {
            relay::Op::Attached { guild_create, .. } => Some(guild_create.clone()),
            _ => None,
        });
        serde_json::from_slice(&last.unwrap()).unwrap()
    }

    pub async fn ask(&self, user: UserId, op: guild::Op) -> Reply {
        self.guild.call(GUILD.get(), Caller::user(user, false), op).await
    }

    pub async fn ask_as(&self, caller: Caller, op: guild::Op) -> Reply {
        self.guild.call(GUILD.get(), caller, op).await
    }

    /// Asks and reads the answer; null for an empty one.
    pub async fn json(&self, user: UserId, op: guild::Op) -> Result<Value, ApiError> {
        let answer = self.ask(user, op).await?;
        Ok(answer.body().map_or(Value::Null, |body| serde_json::from_slice(body).unwrap()))
    }

    pub async fn message(
        &self,
        user: UserId,
        channel: ChannelId,
        op: message::Op,
    ) -> Result<Value, ApiError> {
        self.json(user, guild::Op::Message { channel, op }).await
    }

    pub async fn thread(&self, user: UserId, channel: ChannelId, op: thread::Op) -> Result<Value, ApiError> {
        self.json(user, guild::Op::Thread { channel, op }).await
    }

    /// Posts what a JSON body says.
    pub async fn post(&self, user: UserId, channel: ChannelId, body: Value) -> Result<Message, ApiError> {
        let create = Create {
            body: consort_model::request::message::CreateMessage::parse(&body)?,
            ..Create::default()
        };
        let answer = self.message(user, channel, message::Op::Create(Box::new(create))).await?;
        Ok(serde_json::from_value(answer).unwrap())
    }

    pub async fn channel(&self, name: &str) -> ChannelId {
        let channels = self.json(OWNER, guild::Op::Channel(channel::Op::List)).await.unwrap();
        let found = channels.as_array().unwrap().iter().find(|channel| channel["name"] == name);
        found.unwrap()["id"].as_str().unwrap().parse().unwrap()
    }

    /// Sets the overwrite of @everyone in a channel.
    pub async fn overwrite(&self, channel: ChannelId, allow: Permissions, deny: Permissions) {
        let overwrite = Overwrite::role(GUILD.cast(), allow, deny);
        let op = channel::Op::SetOverwrite { channel, overwrite };
        self.ask(OWNER, guild::Op::Channel(op)).await.unwrap();
        self.clear();
    }

    /// Forgets what was told so far.
    pub fn clear(&self) {
        self.relay.0.lock().unwrap().clear();
        self.users.0.lock().unwrap().clear();
    }

    /// The events published since, audit log entries apart.
    pub fn events(&self) -> Vec<Seen> {
        let told = self.relay.0.lock().unwrap();
        let events = told.iter().filter_map(|(_, op)| match word(op) {
            relay::Op::Publish(event) => Some(event.clone()),
            _ => None,
        });
        let seen = |event: Arc<Event>| Seen {
            name: event.name.to_string(),
            body: serde_json::from_slice(&event.body).unwrap(),
            event,
        };
        events.map(seen).filter(|seen| seen.name != "GUILD_AUDIT_LOG_ENTRY_CREATE").collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.events().into_iter().map(|seen| seen.name).collect()
    }

    pub fn event(&self, name: &str) -> Seen {
        let events = self.events();
        let found = events.iter().find(|seen| seen.name == name).cloned();
        found.unwrap_or_else(|| panic!("no {name} among {events:?}"))
    }

    /// What users' owners were told, as `user: kind`.
    pub fn users_told(&self) -> Vec<String> {
        let told = self.users.0.lock().unwrap();
        let shown = |(user, op): &(u64, user::Op)| match op {
            user::Op::Posted { .. } => format!("{user}: posted"),
            user::Op::Mentioned { .. } => format!("{user}: mentioned"),
            other => format!("{user}: {other:?}"),
        };
        told.iter().map(shown).collect()
    }

    /// The audit log's newest entry.
    pub async fn audited(&self) -> Value {
        let op = settings::Op::AuditLog { user: None, action: None, before: None, after: None, limit: 1 };
        self.json(OWNER, guild::Op::Settings(op)).await.unwrap()["audit_log_entries"][0].clone()
    }
}

impl Seen {
    /// Whether it is for the classes that see a channel rather than for everyone or for nobody.
    pub fn is_for_classes(&self) -> bool {
        matches!(&self.event.audience.view, View::Classes(classes) if !classes.is_empty())
    }
}

/// What a relay is told, without its number.
fn word(op: &relay::Op) -> &relay::Op {
    match op {
        relay::Op::Numbered(word) => &word.op,
        op => op,
    }
}
