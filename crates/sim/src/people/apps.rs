//! What people do with logins, applications and files.

use consort_files::{name, orphans};
use consort_model::request::command::Draft;
use consort_model::request::message::CreateMessage;
use consort_model::{Application, Attachment, AuthSessionId, ChannelId, CommandId, InteractionId, UserId};
use consort_rpc::account::{self, ClientInfo, Kind, TokenRow};
use consort_rpc::application::{self, CommandOp, Interaction, InteractionOp, Settled, State};
use consort_rpc::{Caller, guild};
use consort_store::{Batch, Store as _};
use futures_util::future::join;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Founded, Outcome, Person, Thing, account as person};
use crate::world::Life;

/// The application of a person has this number and the person's.
const APPLICATIONS: u64 = 1_000;
/// Names of commands.
const COMMANDS: u64 = 3;

/// A token as it is kept.
pub(crate) fn token(user: u64, session: u64, kind: Kind, now_ms: u64) -> TokenRow {
    TokenRow {
        user: UserId::new(user),
        session: AuthSessionId::new(session),
        kind,
        hash: session.to_string(),
        created_ms: now_ms,
        expires_ms: None,
        client: ClientInfo::default(),
    }
}

impl Person {
    /// Logs in anew, and ends the login before: its sessions end, and none begins with it any more.
    pub(super) async fn change_login(&mut self) {
        let Some(life) = self.life() else { return };
        let (user, login) = (self.id, life.ids.next(self.world.wall_ms()));
        let tokens = vec![token(user, login, Kind::User, self.world.wall_ms())];
        let op = account::Op::Add { tokens, using: None, alone: false };
        let began = self.people.facts().tick();
        let (outcome, _) = self.ask_as::<account::Account>(&life, Caller::system(), user, op).await;
        self.people.facts().wished(Thing::Token { user, session: login }, 1, began, outcome);
        if outcome != Outcome::Acknowledged {
            return;
        }
        let before = self.world.logins().change(user, login);
        sleep(self.chance.millis(0..1_500)).await;
        let Some(life) = self.life() else { return };
        let op = account::Op::End { sessions: vec![AuthSessionId::new(before)] };
        let began = self.people.facts().tick();
        let (outcome, _) = self.ask_as::<account::Account>(&life, Caller::system(), user, op).await;
        self.people.facts().wished(Thing::Token { user, session: before }, 0, began, outcome);
        if outcome == Outcome::Acknowledged {
            self.world.logins().ended(before);
        }
    }

    /// The number of the own application, once it is there.
    async fn application(&mut self, life: &Life) -> Option<u64> {
        let id = APPLICATIONS + self.id;
        if !self.has_application {
            let application = Box::new(Application::new(id.into(), "helper", person(self.id), "00".into()));
            let op = application::Op::Found { application };
            let (outcome, _) = self.ask_as::<application::Application>(life, Caller::system(), id, op).await;
            self.has_application = outcome == Outcome::Acknowledged;
        }
        self.has_application.then_some(id)
    }

    /// Makes a command of the own application, or another in its place, or deletes one.
    pub(super) async fn use_command(&mut self) {
        let Some(life) = self.life() else { return };
        let Some(application) = self.application(&life).await else { return };
        let name = format!("c{}", self.chance.of(0..COMMANDS));
        let thing = Thing::Command { application, name: name.clone() };
        let known = self.commands.get(&name).copied().filter(|_| self.chance.per_mille(300));
        let (value, op) = match known {
            Some(command) => (0, CommandOp::Delete { guild: None, command: CommandId::new(command) }),
            None => {
                self.edits += 1;
                let body = json!({"name": name, "description": self.edits.to_string()});
                let Ok(draft) = Draft::read(&body) else { return };
                (self.edits, CommandOp::Put { guild: None, draft: Box::new(draft) })
            }
        };
        let began = self.people.facts().tick();
        let op = application::Op::Command(op);
        let (outcome, shown) =
            self.ask_as::<application::Application>(&life, Caller::system(), application, op).await;
        self.people.facts().wished(thing, value, began, outcome);
        if let Some(id) = super::id_of(&shown["command"]) {
            self.commands.insert(name, id);
        }
    }

    /// Has an application asked for something, which answers it twice at once: one answer counts.
    pub(super) async fn interact(&mut self) {
        let Some(guild) = self.some_guild(|_| true) else { return };
        let (Some(life), Some(other)) = (self.life(), self.life()) else { return };
        let Some(application) = self.application(&life).await else { return };
        let id = life.ids.next(self.world.wall_ms());
        let (interaction, hash) = (InteractionId::new(id), id.to_string());
        let begin = InteractionOp::Begin {
            interaction: Box::new(self.interaction(application, id, &guild)),
            payload: json!({"id": hash}),
            over_http: false,
        };
        let ask = async |life: &Life, op: InteractionOp| {
            let op = application::Op::Interaction(op);
            self.ask_as::<application::Application>(life, Caller::system(), application, op).await.0
        };
        if ask(&life, begin).await != Outcome::Acknowledged {
            return;
        }
        let claim = || InteractionOp::Claim { interaction, hash: hash.clone() };
        let claims = join(ask(&life, claim()), ask(&other, claim())).await;
        if claims == (Outcome::Acknowledged, Outcome::Acknowledged) {
            self.world.report().broken.push(format!("interaction {id} was answered twice"));
        }
        if claims.0 != Outcome::Acknowledged && claims.1 != Outcome::Acknowledged {
            return;
        }
        let settled =
            Settled { state: State::Answered, ephemeral: true, original: None, form: None, told: true };
        let settle = InteractionOp::Settle { interaction, settled: Box::new(settled), choices: None };
        let began = self.people.facts().tick();
        let outcome = ask(&life, settle).await;
        self.people.facts().wished(Thing::Answer { application, interaction: id }, 1, began, outcome);
    }

    fn interaction(&self, application: u64, id: u64, guild: &Founded) -> Interaction {
        Interaction {
            id: InteractionId::new(id),
            kind: 2,
            application: application.into(),
            user: UserId::new(self.id),
            guild: Some(guild.id),
            channel: guild.channel,
            token_hash: id.to_string(),
            nonce: None,
            metadata: Value::Null,
            old: None,
            message_kind: None,
            may_mention_all: false,
            source: None,
            form: None,
            state: State::Pending,
            ephemeral: false,
            original: None,
        }
    }

    /// Posts a file, which was stored before.
    pub(super) async fn post_file(&mut self) {
        if self.is_listener() {
            return;
        }
        let Some(guild) = self.some_guild(|_| true) else { return };
        let Some(file) = self.store_file(guild.channel).await else { return };
        let channel = guild.channel;
        let wrap = move |op| guild::Op::Message { channel, op };
        let with = (None, CreateMessage::default(), Some(file));
        self.write_with::<guild::Guild>(guild.id.get(), channel, with, wrap).await;
    }

    /// Notes a file as one that belongs to nothing yet, as the edge does before it stores it.
    async fn store_file(&self, channel: ChannelId) -> Option<Attachment> {
        let life = self.life()?;
        let id = life.ids.next(self.world.wall_ms());
        let mut batch = Batch::new();
        let due_ms = self.world.wall_ms() + orphans::RESERVED_MS;
        orphans::reserve(&mut batch, &name::attachment(channel.get(), id), due_ms);
        life.scope.within(life.disk.commit(batch)).await.ok()?;
        let url = format!("/attachments/{channel}/{id}/file.txt");
        let file =
            json!({"id": id.to_string(), "filename": "file.txt", "size": 1, "url": url, "proxy_url": url});
        serde_json::from_value(file).ok()
    }
}
