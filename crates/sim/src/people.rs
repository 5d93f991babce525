//! What people do, and what each of them was answered.

mod acts;
mod apps;
mod crafts;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use consort_model::object::account::UserRow;
use consort_model::request::message::CreateMessage;
use consort_model::{
    Attachment, ChannelId, CurrentUser, GuildId, MessageId, Nonce, Overwrite, Patch, Permissions, RoleId,
    User, UserId,
};
use consort_rpc::{Caller, Reply, Service, guild, message, private, user};
use consort_store::{Batch, Key, Store as _, Table};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use self::crafts::Hook;
pub(crate) use self::crafts::Thing;
use crate::chance::Chance;
use crate::world::{Life, World};
use consort_rpc::account::Kind;

/// Communities at most.
const GUILDS_MAX: usize = 4;
/// The last so many people write nothing in communities: they are mentioned, and their unread mentions are counted.
pub(crate) const LISTENERS: u64 = 3;
/// How often a message is sent again under its nonce when nobody knows whether it was posted.
const POSTS_AGAIN: usize = 3;

/// What became of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    /// Not done, for sure.
    Refused,
    /// Done or not.
    Unknown,
}

/// When an act began and when its outcome was known, in acts of everybody; without an end it may still happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) outcome: Outcome,
}

/// Into a guild or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// A guild that was founded.
#[derive(Debug, Clone)]
pub(crate) struct Founded {
    pub(crate) id: GuildId,
    pub(crate) owner: u64,
    pub(crate) channel: ChannelId,
    /// A channel that its owner hides now and then; nobody is mentioned there.
    hall: Option<ChannelId>,
    threads: Vec<ChannelId>,
    roles: Vec<RoleId>,
    invite: Option<String>,
    /// Invites that may be used a few times.
    invites: Vec<String>,
    webhooks: Vec<Hook>,
}

impl Founded {
    fn new(id: GuildId, owner: u64, channel: ChannelId) -> Self {
        Self {
            id,
            owner,
            channel,
            hall: None,
            threads: Vec::new(),
            roles: Vec::new(),
            invite: None,
            invites: Vec::new(),
            webhooks: Vec::new(),
        }
    }

    /// Whether a channel or thread is of this guild.
    fn has(&self, channel: ChannelId) -> bool {
        channel == self.channel || Some(channel) == self.hall || self.threads.contains(&channel)
    }
}

/// A message that somebody wanted to post.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    pub(crate) channel: ChannelId,
    pub(crate) author: u64,
    pub(crate) mentioned: Option<u64>,
    /// Its id, once it was acknowledged.
    pub(crate) id: Option<MessageId>,
    pub(crate) outcome: Outcome,
    /// When it was first sent, in acts of everybody.
    pub(crate) began: u64,
    /// Whether somebody tried to delete it.
    pub(crate) doomed: bool,
    pub(crate) is_poll: bool,
    /// The file that it has.
    pub(crate) file: Option<u64>,
}

impl Posted {
    fn new(channel: ChannelId, author: u64, mentioned: Option<u64>, began: u64) -> Self {
        let (id, outcome) = (None, Outcome::Unknown);
        Self { channel, author, mentioned, id, outcome, began, doomed: false, is_poll: false, file: None }
    }
}

/// Everything that happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    tick: u64,
    pub(crate) guilds: Vec<Founded>,
    /// Guilds whose founding nobody knows the outcome of are not here; nobody uses them.
    pub(crate) ways: BTreeMap<(u64, GuildId), Vec<(Way, Span)>>,
    /// By content, which is unique.
    pub(crate) posts: BTreeMap<String, Posted>,
    /// What people wanted things to be, and what came of it.
    pub(crate) wishes: BTreeMap<Thing, Vec<(u64, Span)>>,
}

/// See the module.
pub(crate) struct People(Mutex<Facts>);

pub(crate) fn account(id: u64) -> User {
    User::person(UserId::new(id), format!("person{id}"))
}

impl People {
    /// Everybody, registered.
    pub(crate) async fn register(world: &World) -> Self {
        let mut batch = Batch::new();
        for id in 1..=world.people() {
            let user = account(id);
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
            let row = UserRow { current, admin: false, application: None, disabled: false };
            batch.put_row(Table::Users, id, Key::empty(), &row);
            let login = apps::token(id, id, Kind::User, world.wall_ms());
            batch.put_row(Table::UserTokens, id, id, &login);
        }
        world.memory.commit(batch).await.expect("people are registered");
        Self(Mutex::default())
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    fn tick(&mut self) -> u64 {
        self.tick += 1;
        self.tick
    }

    /// Somebody wanted a thing to be so, from `began` on.
    fn wished(&mut self, thing: Thing, value: u64, began: u64, outcome: Outcome) {
        let ended = if outcome == Outcome::Unknown { u64::MAX } else { self.tick() };
        self.wishes.entry(thing).or_default().push((value, Span { began, ended, outcome }));
    }
}

/// One person.
pub(crate) struct Person {
    id: u64,
    world: Arc<World>,
    people: Arc<People>,
    chance: Chance,
    posts: u64,
    edits: u64,
    tokens: Vec<u64>,
    has_application: bool,
    /// The commands of the own application, by name.
    commands: BTreeMap<String, u64>,
}

impl Person {
    pub(crate) fn new(id: u64, world: Arc<World>, people: Arc<People>) -> Self {
        let chance = world.chance.fork();
        let (tokens, commands) = (Vec::new(), BTreeMap::new());
        Self { id, world, people, chance, posts: 0, edits: 0, tokens, has_application: false, commands }
    }

    /// Does things until the time is over.
    pub(crate) async fn live(mut self, duration: Duration) {
        let end = Instant::now() + duration;
        let mut acts = 0;
        while Instant::now() < end && acts < self.world.plan.acts_max {
            acts += 1;
            sleep(self.chance.millis(20..1_500)).await;
            match self.chance.of(0..132) {
                0..8 => self.found().await,
                8..25 => self.join().await,
                25..31 => self.leave().await,
                31..50 => self.post().await,
                50..57 => self.talk_in_thread().await,
                57..63 => self.react().await,
                63..68 => self.delete().await,
                68..76 => self.befriend().await,
                76..80 => self.part().await,
                80..82 => self.block().await,
                82..84 => self.kick().await,
                84..88 => self.arrange().await,
                88..92 => self.moderate().await,
                92..94 => self.write_in_group().await,
                94..98 => self.pin().await,
                98..102 => self.edit().await,
                102..107 => self.poll().await,
                107..110 => self.use_webhook().await,
                110..112 => self.use_invite().await,
                112..114 => self.use_token().await,
                114..117 => self.change_login().await,
                117..121 => self.use_command().await,
                121..124 => self.interact().await,
                124..127 => self.post_file().await,
                _ => self.write_privately().await,
            }
        }
    }

    fn is_listener(&self) -> bool {
        self.id > self.world.people() - LISTENERS
    }

    fn caller(&self) -> Caller {
        Caller::user(UserId::new(self.id), false)
    }

    fn life(&self) -> Option<Arc<Life>> {
        self.world.any(&self.chance)
    }

    /// Asks an owner through some node, and counts the outcome.
    async fn ask<S: Service>(&self, life: &Life, key: u64, op: S::Op) -> (Outcome, Value) {
        self.ask_as::<S>(life, self.caller(), key, op).await
    }

    async fn ask_as<S: Service>(&self, life: &Life, caller: Caller, key: u64, op: S::Op) -> (Outcome, Value) {
        let client = life.mesh.client::<S>();
        let reply: Reply = life.scope.within(client.call(key, caller, op)).await;
        let outcome = match &reply {
            Ok(_) => Outcome::Acknowledged,
            Err(error) if error.status < 500 => Outcome::Refused,
            Err(_) => Outcome::Unknown,
        };
        let mut report = self.world.report();
        match outcome {
            Outcome::Acknowledged => report.acknowledged += 1,
            Outcome::Refused => report.refused += 1,
            Outcome::Unknown => report.unknown += 1,
        }
        let body = reply.ok().and_then(|answer| serde_json::from_slice(answer.body()?).ok());
        (outcome, body.unwrap_or_default())
    }

    /// A guild that satisfies a condition.
    fn some_guild(&self, fits: impl Fn(&Founded) -> bool) -> Option<Founded> {
        let guilds: Vec<_> = self.people.facts().guilds.iter().filter(|guild| fits(guild)).cloned().collect();
        self.chance.pick(&guilds).cloned()
    }

    async fn found(&mut self) {
        if self.is_listener() || self.people.facts().guilds.len() >= GUILDS_MAX {
            return;
        }
        let Some(life) = self.life() else { return };
        let id = life.ids.next(self.world.wall_ms());
        let owner = Box::new(account(self.id));
        let create =
            guild::settings::Op::Create { owner, name: "guild".into(), icon: None, channels: Vec::new() };
        let began = self.people.facts().tick();
        let (outcome, shown) = self.ask::<guild::Guild>(&life, id, guild::Op::Settings(create)).await;
        let Some(channel) = text_channel(&shown).filter(|_| outcome == Outcome::Acknowledged) else { return };
        let mut facts = self.people.facts();
        let ended = facts.tick();
        let guild = GuildId::new(id);
        facts.ways.entry((self.id, guild)).or_default().push((Way::In, Span { began, ended, outcome }));
        facts.guilds.push(Founded::new(guild, self.id, channel));
    }

    /// The code of an invite; made when there is none.
    async fn invite(&self, guild: &Founded) -> Option<String> {
        if let Some(code) = &guild.invite {
            return Some(code.clone());
        }
        let life = self.life()?;
        let create = guild::invite::Create {
            max_age: 0,
            max_uses: 0,
            temporary: false,
            unique: false,
            target_type: None,
            target_user_id: None,
        };
        let op = guild::invite::Op::Create { channel: guild.channel, create: Box::new(create) };
        // The owner makes it, whoever is at work here.
        let client = life.mesh.client::<guild::Guild>();
        let owner = Caller::user(UserId::new(guild.owner), false);
        let reply =
            life.scope.within(client.call(guild.id.get(), owner, guild::Op::Invite(op))).await.ok()?;
        let shown: Value = serde_json::from_slice(reply.body()?).ok()?;
        let code = shown["code"].as_str()?.to_owned();
        let mut facts = self.people.facts();
        let founded = facts.guilds.iter_mut().find(|other| other.id == guild.id)?;
        founded.invite = Some(code.clone());
        Some(code)
    }

    async fn join(&mut self) {
        let Some(guild) = self.some_guild(|_| true) else { return };
        let Some(code) = self.invite(&guild).await else { return };
        let op = guild::member::Op::JoinByInvite { code, user: Box::new(account(self.id)) };
        self.go(self.id, &guild, Way::In, op).await;
    }

    async fn leave(&mut self) {
        // Listeners stay, so that what they have not read can be counted.
        let id = self.id;
        let Some(guild) = self.some_guild(|guild| guild.owner != id) else { return };
        if !self.is_listener() {
            self.go(id, &guild, Way::Out, guild::member::Op::Leave).await;
        }
    }

    /// Changes something of an own guild: its name, roles, channels, and who sees them.
    async fn arrange(&mut self) {
        let id = self.id;
        let Some(guild) = self.some_guild(|guild| guild.owner == id) else { return };
        let Some(life) = self.life() else { return };
        let name = format!("named-{}", self.chance.of(0..1_000));
        let op = match self.chance.of(0..5) {
            0 => {
                let update =
                    guild::settings::Update { name: Some(name), ..guild::settings::Update::default() };
                guild::Op::Settings(guild::settings::Op::Update(Box::new(update)))
            }
            1 => {
                let fields =
                    guild::role::Fields { name: Patch::Value(name), ..guild::role::Fields::default() };
                guild::Op::Role(guild::role::Op::Create(Box::new(fields)))
            }
            2 => {
                let create = guild::channel::Create { name, ..guild::channel::Create::default() };
                guild::Op::Channel(guild::channel::Op::Create(Box::new(create)))
            }
            3 => {
                let update = guild::channel::Update { name: Some(name), ..guild::channel::Update::default() };
                let (channel, update) = (guild.channel, Box::new(update));
                guild::Op::Channel(guild::channel::Op::Update { channel, update })
            }
            _ => {
                // Everybody but the owner loses sight of the channel, or has it again.
                let Some(channel) = guild.hall else { return };
                let hidden = self.chance.per_mille(400);
                let deny = if hidden { Permissions::VIEW_CHANNEL } else { Permissions::empty() };
                let everyone = RoleId::new(guild.id.get());
                let overwrite = Overwrite::role(everyone, Permissions::empty(), deny);
                guild::Op::Channel(guild::channel::Op::SetOverwrite { channel, overwrite })
            }
        };
        let made = matches!(op, guild::Op::Channel(guild::channel::Op::Create(_)));
        let role_made = matches!(op, guild::Op::Role(guild::role::Op::Create(_)));
        let (_, shown) = self.ask::<guild::Guild>(&life, guild.id.get(), op).await;
        match id_of(&shown) {
            Some(channel) if made => {
                self.note(&guild, |founded| founded.hall = Some(ChannelId::new(channel)))
            }
            Some(role) if role_made => self.note_role(&guild, role),
            _ => {}
        }
    }

    async fn kick(&mut self) {
        let id = self.id;
        let Some(guild) = self.some_guild(|guild| guild.owner == id) else { return };
        let others: Vec<u64> = (1..=self.world.people() - LISTENERS).filter(|other| *other != id).collect();
        let Some(victim) = self.chance.pick(&others).copied() else { return };
        self.go(victim, &guild, Way::Out, guild::member::Op::Kick { user: UserId::new(victim) }).await;
    }

    async fn go(&self, who: u64, guild: &Founded, way: Way, op: guild::member::Op) {
        let Some(life) = self.life() else { return };
        let began = self.people.facts().tick();
        let (outcome, _) = self.ask::<guild::Guild>(&life, guild.id.get(), guild::Op::Member(op)).await;
        let mut facts = self.people.facts();
        let ended = if outcome == Outcome::Unknown { u64::MAX } else { facts.tick() };
        facts.ways.entry((who, guild.id)).or_default().push((way, Span { began, ended, outcome }));
    }

    async fn post(&mut self) {
        if self.is_listener() {
            return;
        }
        let Some(guild) = self.some_guild(|_| true) else { return };
        if let Some(hall) = guild.hall.filter(|_| self.chance.per_mille(500)) {
            let wrap = move |op| guild::Op::Message { channel: hall, op };
            return self.write::<guild::Guild>(guild.id.get(), hall, None, wrap).await;
        }
        let first_listener = self.world.people() - LISTENERS + 1;
        let mentioned =
            self.chance.per_mille(400).then(|| self.chance.of(first_listener..self.world.people() + 1));
        let channel = guild.channel;
        let wrap = move |op| guild::Op::Message { channel, op };
        self.write::<guild::Guild>(guild.id.get(), channel, mentioned, wrap).await;
    }

    /// Posts a message, and again under its nonce as long as nobody knows whether it was posted.
    async fn write<S: Service>(
        &mut self,
        owner: u64,
        channel: ChannelId,
        mentioned: Option<u64>,
        wrap: impl Fn(message::Op) -> S::Op,
    ) {
        self.write_with::<S>(owner, channel, (mentioned, CreateMessage::default(), None), wrap).await;
    }

    /// As [`Person::write`], with what `body` has besides text, and a file.
    async fn write_with<S: Service>(
        &mut self,
        owner: u64,
        channel: ChannelId,
        (mentioned, body, file): (Option<u64>, CreateMessage, Option<Attachment>),
        wrap: impl Fn(message::Op) -> S::Op,
    ) {
        self.posts += 1;
        let nonce = format!("{}-{}", self.id, self.posts);
        let content = match mentioned {
            Some(mentioned) => format!("{nonce} <@{mentioned}>"),
            None => nonce.clone(),
        };
        let began = self.people.facts().tick();
        let is_poll = body.poll.is_some();
        let file_id = file.as_ref().map(|file| file.id.get());
        let posted = Posted { is_poll, file: file_id, ..Posted::new(channel, self.id, mentioned, began) };
        self.people.facts().posts.insert(content.clone(), posted);
        for again in 0..=POSTS_AGAIN {
            let Some(life) = self.life() else { return };
            let body = CreateMessage {
                content: content.clone(),
                nonce: Some(Nonce::Text(nonce.clone())),
                enforce_nonce: true,
                ..body.clone()
            };
            let attachments = file.clone().into_iter().collect();
            let create = message::Create { body, attachments, ..message::Create::default() };
            let op = message::Op::Create(Box::new(create));
            let (outcome, shown) = self.ask::<S>(&life, owner, wrap(op)).await;
            if let Some(posted) = self.people.facts().posts.get_mut(&content) {
                // A refusal after an unknown outcome does not take back what may have happened before.
                if outcome != Outcome::Refused || again == 0 {
                    posted.outcome = outcome;
                }
                posted.id = id_of(&shown).map(MessageId::new);
            }
            if outcome != Outcome::Unknown {
                return;
            }
            sleep(self.chance.millis(100..2_000)).await;
        }
    }

    async fn delete(&mut self) {
        let (own, person) = (self.id, self.people.clone());
        let mine: Vec<(String, ChannelId, MessageId)> = {
            let facts = person.facts();
            let posts = facts.posts.iter().filter(|(_, posted)| posted.author == own && !posted.doomed);
            posts
                .filter_map(|(content, posted)| Some((content.clone(), posted.channel, posted.id?)))
                .collect()
        };
        let Some((content, channel, id)) = self.chance.pick(&mine).cloned() else { return };
        let guild = person.facts().guilds.iter().find(|guild| guild.has(channel)).cloned();
        let Some(life) = self.life() else { return };
        if let Some(posted) = person.facts().posts.get_mut(&content) {
            posted.doomed = true;
        }
        let op = message::Op::Delete { message: id };
        match guild {
            Some(guild) => {
                let op = guild::Op::Message { channel, op };
                self.ask::<guild::Guild>(&life, guild.id.get(), op).await;
            }
            None => {
                let op = private::Op::Message { channel, op };
                self.ask::<private::Private>(&life, channel.get(), op).await;
            }
        }
    }

    fn other(&self) -> u64 {
        let other = self.chance.of(1..self.world.people());
        if other >= self.id { other + 1 } else { other }
    }

    async fn befriend(&mut self) {
        let Some(life) = self.life() else { return };
        let op = user::relationship::Op::Request { user: UserId::new(self.other()) };
        self.ask::<user::User>(&life, self.id, user::Op::Relationship(op)).await;
    }

    async fn part(&mut self) {
        let Some(life) = self.life() else { return };
        let op = user::relationship::Op::Remove { user: UserId::new(self.other()) };
        self.ask::<user::User>(&life, self.id, user::Op::Relationship(op)).await;
    }

    /// Begins to talk with somebody, or goes on.
    async fn write_privately(&mut self) {
        let Some(life) = self.life() else { return };
        let (drawn, other) = (ChannelId::new(life.ids.next(self.world.wall_ms())), self.other());
        let dm = user::Op::Dm { other: UserId::new(self.id.max(other)), channel: drawn };
        let users = life.mesh.client::<user::User>();
        let of_two = users.call(self.id.min(other), Caller::system(), dm);
        let of_two: Reply = life.scope.within(of_two).await;
        let reserved: Option<ChannelId> =
            of_two.ok().and_then(|answer| serde_json::from_slice(answer.body()?).ok());
        let Some(channel) = reserved else { return };
        let op = private::Op::Found { group: false, recipients: vec![UserId::new(other)] };
        let (outcome, _) = self.ask::<private::Private>(&life, channel.get(), op).await;
        if outcome == Outcome::Acknowledged {
            let wrap = move |op| private::Op::Message { channel, op };
            self.write::<private::Private>(channel.get(), channel, None, wrap).await;
        }
    }
}

/// The text channel of a guild that was just founded, where the system writes.
fn text_channel(guild: &Value) -> Option<ChannelId> {
    guild["system_channel_id"].as_str()?.parse().ok().map(ChannelId::new)
}

fn id_of(object: &Value) -> Option<u64> {
    object["id"].as_str()?.parse().ok()
}
