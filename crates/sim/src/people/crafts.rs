//! What people make and change besides messages: pins, edits, polls, webhooks, invites, tokens.

use consort_model::request::message::{CreateMessage, EditMessage, NewPoll};
use consort_model::{AuthSessionId, MessageId, Patch, WebhookId};
use consort_rpc::account::{self, Kind};
use consort_rpc::{Caller, Service, guild, message, private};

use super::apps::token;
use super::{Founded, Outcome, Person, Posted, id_of};

/// Webhooks of a community at most.
const WEBHOOKS_MAX: usize = 3;
/// Invites of a community at most that may be used a few times only.
const INVITES_MAX: usize = 4;
/// Answers of a poll.
const ANSWERS: u8 = 3;

/// Something that is so or not, or has one of several values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thing {
    /// Whether a message is pinned.
    Pin { channel: u64, message: u64 },
    /// How often a message was edited; its text says it.
    Text { channel: u64, message: u64 },
    /// What somebody has voted for, 0 for nothing.
    Vote { message: u64, user: u64 },
    /// Whether there is a webhook.
    Webhook { guild: u64, webhook: u64 },
    /// Whether there is an invite.
    Invite { guild: u64, code: String },
    /// Whether a token of an account works.
    Token { user: u64, session: u64 },
    /// What the description of a command says, 0 when there is none.
    Command { application: u64, name: String },
    /// Whether an interaction was answered.
    Answer { application: u64, interaction: u64 },
}

/// A webhook and its token.
pub(crate) type Hook = (WebhookId, String);

impl Person {
    /// Asks for a thing to be so, and notes what came of it.
    async fn wish<S: Service>(&self, caller: Caller, key: u64, (thing, value): (Thing, u64), op: S::Op) {
        let Some(life) = self.life() else { return };
        let began = self.people.facts().tick();
        let (outcome, _) = self.ask_as::<S>(&life, caller, key, op).await;
        self.people.facts().wished(thing, value, began, outcome);
    }

    /// A message that was acknowledged and that nobody has tried to delete.
    fn some_post(&self, fits: impl Fn(&Posted) -> bool) -> Option<(String, Posted, MessageId)> {
        let posts: Vec<_> = {
            let facts = self.people.facts();
            let posts = facts.posts.iter().filter(|(_, posted)| !posted.doomed && fits(posted));
            posts
                .filter_map(|(content, posted)| Some((content.clone(), posted.clone(), posted.id?)))
                .collect()
        };
        self.chance.pick(&posts).cloned()
    }

    /// Asks the owner of a message's channel.
    async fn wish_of_message(&self, posted: &Posted, wish: (Thing, u64), op: message::Op) {
        let channel = posted.channel;
        match self.some_guild(|guild| guild.has(channel)) {
            Some(guild) => {
                let op = guild::Op::Message { channel, op };
                self.wish::<guild::Guild>(self.caller(), guild.id.get(), wish, op).await;
            }
            None => {
                let op = private::Op::Message { channel, op };
                self.wish::<private::Private>(self.caller(), channel.get(), wish, op).await;
            }
        }
    }

    /// Pins a message, or takes it from the pins.
    pub(super) async fn pin(&mut self) {
        let Some((_, posted, id)) = self.some_post(|_| true) else { return };
        let thing = Thing::Pin { channel: posted.channel.get(), message: id.get() };
        let pin = self.chance.per_mille(600);
        let op = if pin { message::Op::Pin { message: id } } else { message::Op::Unpin { message: id } };
        self.wish_of_message(&posted, (thing, u64::from(pin)), op).await;
    }

    /// Changes the text of an own message: after what it began with comes how often it was changed.
    pub(super) async fn edit(&mut self) {
        let own = self.id;
        // Who is mentioned is told once, so a message with a mention stays as it is.
        let fits = |posted: &Posted| posted.author == own && posted.mentioned.is_none() && !posted.is_poll;
        let Some((content, posted, id)) = self.some_post(fits) else { return };
        self.edits += 1;
        let thing = Thing::Text { channel: posted.channel.get(), message: id.get() };
        let body = EditMessage {
            content: Patch::Value(format!("{content} {}", self.edits)),
            ..EditMessage::default()
        };
        let edit = Box::new(message::Edit { body, ..message::Edit::default() });
        let op = message::Op::Edit { message: id, edit };
        self.wish_of_message(&posted, (thing, self.edits), op).await;
    }

    /// Opens a poll, or votes in one.
    pub(super) async fn poll(&mut self) {
        if let Some((_, posted, id)) = self.some_post(|posted| posted.is_poll)
            && self.chance.per_mille(800)
        {
            let answer = self.chance.of(0..u64::from(ANSWERS) + 1) as u8;
            let answers = if answer == 0 { Vec::new() } else { vec![answer] };
            let thing = Thing::Vote { message: id.get(), user: self.id };
            let op = message::Op::Vote { message: id, answers };
            return self.wish_of_message(&posted, (thing, u64::from(answer)), op).await;
        }
        if self.is_listener() {
            return;
        }
        let Some(guild) = self.some_guild(|_| true) else { return };
        let answers = (1..=ANSWERS).map(|answer| (format!("answer {answer}"), None)).collect();
        let poll = NewPoll { question: "what?".into(), answers, duration_hours: 1, allow_multiselect: false };
        let body = CreateMessage { poll: Some(poll), ..CreateMessage::default() };
        let channel = guild.channel;
        let wrap = move |op| guild::Op::Message { channel, op };
        self.write_with::<guild::Guild>(guild.id.get(), channel, (None, body, None), wrap).await;
    }

    /// Makes a webhook in an own community, speaks through one, or deletes one.
    pub(super) async fn use_webhook(&mut self) {
        let own = self.id;
        let Some(guild) = self.some_guild(|_| true) else { return };
        match self.chance.pick(&guild.webhooks).cloned() {
            Some((webhook, _)) if guild.owner == own && self.chance.per_mille(300) => {
                let thing = Thing::Webhook { guild: guild.id.get(), webhook: webhook.get() };
                let op = guild::webhook::Op::Delete { webhook, token: None };
                self.wish::<guild::Guild>(self.caller(), guild.id.get(), (thing, 0), guild::Op::Webhook(op))
                    .await;
            }
            Some(hook) if !self.is_listener() => self.speak_through(&guild, hook).await,
            _ if guild.owner == own && guild.webhooks.len() < WEBHOOKS_MAX => self.make_webhook(&guild).await,
            _ => {}
        }
    }

    async fn make_webhook(&self, guild: &Founded) {
        let Some(life) = self.life() else { return };
        let id = WebhookId::new(life.ids.next(self.world.wall_ms()));
        let create =
            guild::webhook::Op::Create { id, channel: guild.channel, name: "hook".into(), avatar: None };
        let began = self.people.facts().tick();
        let (outcome, shown) =
            self.ask::<guild::Guild>(&life, guild.id.get(), guild::Op::Webhook(create)).await;
        let thing = Thing::Webhook { guild: guild.id.get(), webhook: id.get() };
        self.people.facts().wished(thing, 1, began, outcome);
        if let Some(token) = shown["token"].as_str().filter(|_| outcome == Outcome::Acknowledged) {
            self.note(guild, |founded| founded.webhooks.push((id, token.to_owned())));
        }
    }

    /// What a webhook says has no nonce that counts, so it is said once: nobody knows whether it was posted when no answer comes.
    async fn speak_through(&mut self, guild: &Founded, (webhook, token): Hook) {
        let Some(life) = self.life() else { return };
        self.posts += 1;
        let content = format!("{}-{}", self.id, self.posts);
        let began = self.people.facts().tick();
        // Nobody edits or deletes it.
        let posted = Posted { doomed: false, ..Posted::new(guild.channel, 0, None, began) };
        self.people.facts().posts.insert(content.clone(), posted);
        let body = CreateMessage { content: content.clone(), ..CreateMessage::default() };
        let create = message::Create { body, ..message::Create::default() };
        let execute =
            guild::webhook::Execute { webhook, token, thread: None, post: None, username: None, create };
        let op = guild::Op::Webhook(guild::webhook::Op::Execute(Box::new(execute)));
        let (outcome, shown) = self.ask_as::<guild::Guild>(&life, Caller::system(), guild.id.get(), op).await;
        if let Some(posted) = self.people.facts().posts.get_mut(&content) {
            (posted.outcome, posted.id) = (outcome, id_of(&shown).map(MessageId::new));
        }
    }

    /// Makes an invite that may be used twice, joins by one, or deletes one.
    pub(super) async fn use_invite(&mut self) {
        let own = self.id;
        let Some(guild) = self.some_guild(|_| true) else { return };
        let thing = |code: &str| Thing::Invite { guild: guild.id.get(), code: code.to_owned() };
        match self.chance.pick(&guild.invites).cloned() {
            Some(code) if guild.owner == own && self.chance.per_mille(400) => {
                let wish = (thing(&code), 0);
                let op = guild::Op::Invite(guild::invite::Op::Delete { code });
                self.wish::<guild::Guild>(self.caller(), guild.id.get(), wish, op).await;
            }
            Some(code) => {
                // It may be the last use: then the invite is gone, or not.
                self.people.facts().wished(thing(&code), 0, 0, Outcome::Unknown);
                let user = Box::new(super::account(own));
                let op = guild::member::Op::JoinByInvite { code, user };
                self.go(own, &guild, super::Way::In, op).await;
            }
            None if guild.owner == own && guild.invites.len() < INVITES_MAX => {
                let Some(life) = self.life() else { return };
                let create = guild::invite::Create {
                    max_age: 0,
                    max_uses: 2,
                    temporary: false,
                    unique: true,
                    target_type: None,
                    target_user_id: None,
                };
                let op = guild::invite::Op::Create { channel: guild.channel, create: Box::new(create) };
                let began = self.people.facts().tick();
                let (outcome, shown) =
                    self.ask::<guild::Guild>(&life, guild.id.get(), guild::Op::Invite(op)).await;
                if let Some(code) = shown["code"].as_str() {
                    self.people.facts().wished(thing(code), 1, began, outcome);
                    self.note(&guild, |founded| founded.invites.push(code.to_owned()));
                }
            }
            None => {}
        }
    }

    /// Is given a token, of a login or of an application, or takes one back.
    pub(super) async fn use_token(&mut self) {
        let (user, system) = (self.id, Caller::system());
        if let Some(session) = self.chance.pick(&self.tokens).copied().filter(|_| self.chance.per_mille(500))
        {
            let op = account::Op::End { sessions: vec![AuthSessionId::new(session)] };
            let wish = (Thing::Token { user, session }, 0);
            return self.wish::<account::Account>(system, user, wish, op).await;
        }
        let Some(life) = self.life() else { return };
        let session = life.ids.next(self.world.wall_ms());
        let kind = match self.chance.per_mille(500) {
            true => Kind::User,
            false => Kind::Bot { application: session.into() },
        };
        let token = token(user, session, kind, self.world.wall_ms());
        self.tokens.push(session);
        let op = account::Op::Add { tokens: vec![token], using: None, alone: false };
        self.wish::<account::Account>(system, user, (Thing::Token { user, session }, 1), op).await;
    }
}
