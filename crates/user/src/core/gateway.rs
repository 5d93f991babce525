//! Sessions coming, changing and going; the presence that guilds and friends are told; the list of guilds.

use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, GuildId, Intents, Presence, Status, Timestamp};
use consort_rpc::relay::{self, SessionKey};
use consort_rpc::user::gateway::{Found, Op, OpenSession, Opened};
use consort_rpc::user::relationship::{FriendPresence, Op as RelationshipOp};
use consort_rpc::{Answer, Audience, Event, Fact, Publication, guild, user};
use consort_runtime::Planted;
use consort_store::{Error, Range, Table};
use serde_json::json;

use super::grace::{AWAY_MS, GRACE_MS, Grace, Notice};
use super::presence::{Session, View, begun, merge};
use super::settings::STATUS_KEY;
use super::{User, ready};
use crate::limits::{ACTIVITIES_MAX, SESSIONS_MAX, SESSIONS_PER_PERSON_MAX, SESSIONS_REPLACE_INTERVAL_MS};
use crate::rows::{ChosenStatus, RelationshipKind, UserGuildRow};

/// Close code of a session whose login has ended (Opcodes and Status Codes: authentication failed; clients do not resume).
const CLOSE_LOGGED_OUT: u16 = 4004;
/// Close code of a session that had to make room for a newer one (Opcodes and Status Codes, Session timed out: "Reconnect and
/// start a new one").
const CLOSE_TIMED_OUT: u16 = 4009;
/// Logins that have ended and are remembered: more than an account has, and needed no longer than a row is read.
const ENDED_LOGINS_MAX: usize = 256;

/// What whoever opens a session is told when the store does not answer.
fn not_read(error: &Error) -> ApiError {
    tracing::warn!(%error, "a session could not be opened");
    ApiError::overloaded()
}

impl User {
    pub(super) fn handle_gateway(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require_self(cx)?;
        match op {
            Op::Open(open) => self.open(cx, open),
            Op::SetPresence { session, presence } => self.set_presence(cx, *session, presence),
            Op::Closed { session } => self.closed(cx, *session),
            Op::Find { session_id } => Ok(Outcome::Answer(Answer::Found(self.find(cx, session_id)))),
        }
    }

    fn find(&self, cx: &Cx<'_>, session_id: &str) -> Found {
        let found = self.sessions.iter().filter(|(_, session)| session.id == session_id);
        let mut found: Vec<_> = found.map(|(key, session)| (session.since_ms, *key)).collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        let sessions = found.into_iter().map(|(_, key)| key).collect();
        Found { sessions, may_come: cx.now_ms < self.since_ms + GRACE_MS }
    }

    fn open(&mut self, cx: &mut Cx<'_>, open: &OpenSession) -> Result<Outcome, Stop> {
        if self.row.disabled && !open.again {
            return Err(ApiError::unauthorized().into());
        }
        if open.again && (self.row.disabled || self.has_ended(cx, open.auth_session)?) {
            let message = relay::Op::Close { sessions: vec![open.session], code: CLOSE_LOGGED_OUT };
            cx.tell(Fact::Relay { node: open.session.node, message });
            return Outcome::EMPTY;
        }
        self.make_room(cx, open.session)?;
        let session = Session::open(open, &self.chosen, cx.now_ms);
        if open.again && !self.welcome_back(cx, open) {
            return Outcome::EMPTY;
        }
        let first = self.sessions.is_empty();
        self.sessions.insert(open.session, session);
        self.show(cx, first);
        self.replace_sessions(cx, Some(open.session).filter(|_| !open.again));
        if open.again {
            return Outcome::EMPTY;
        }
        if self.is_bot() {
            let opened = Opened {
                ready: ready::of_bot(self),
                supplemental: None,
                guilds: self.guilds.keys().copied().collect(),
                owner_since_ms: self.since_ms,
                heard: cx.shared.then_some(self.said),
            };
            let (id, login) = (self.id, open.auth_session);
            return Outcome::later(move |store| async move {
                match ready::is_login(&store, id, login).await {
                    Ok(true) => Ok(Answer::Opened(Box::new(opened))),
                    Ok(false) => Err(ApiError::unauthorized()),
                    Err(error) => Err(not_read(&error)),
                }
            });
        }
        // What private channels are like now is in their rows. Events from before this call were durable before them, events
        // from after it reach the session, so nothing is missed.
        self.look_at_some_reads(cx);
        let mut gathered = ready::Gathered::of(self, open, cx.now_ms);
        gathered.heard = cx.shared.then_some(self.said);
        Outcome::later(move |store| async move {
            let opened = ready::of_person(&store, gathered).await.map_err(|error| not_read(&error))?;
            opened.map(|opened| Answer::Opened(Box::new(opened))).ok_or_else(ApiError::unauthorized)
        })
    }

    /// Whether the login of a session that is open has ended. Its row is that of the account's secrets, whose owner deletes it before it
    /// says here that the login has ended: so one that ends while the row is read is remembered.
    fn has_ended(&self, cx: &mut Cx<'_>, login: u64) -> Result<bool, Stop> {
        let row = cx.scan(Table::UserTokens, self.id.get(), Range::one(login))?;
        Ok(self.ended_logins.contains(&login) || (row.is_empty() && !Planted::LoginUnchecked.is_here()))
    }

    /// A person's oldest session ends for a new one; a bot has as many as are allowed, and no more.
    fn make_room(&mut self, cx: &mut Cx<'_>, newcomer: SessionKey) -> Result<(), Stop> {
        if self.sessions.contains_key(&newcomer) {
            return Ok(());
        }
        if self.is_bot() {
            let full = self.sessions.len() >= SESSIONS_MAX;
            return if full { Err(ApiError::overloaded().into()) } else { Ok(()) };
        }
        while self.sessions.len() >= SESSIONS_PER_PERSON_MAX {
            let oldest = self.sessions.iter().min_by_key(|(key, session)| (session.since_ms, key.number));
            let Some(oldest) = oldest.map(|(key, _)| *key) else { break };
            let message = relay::Op::Close { sessions: vec![oldest], code: CLOSE_TIMED_OUT };
            cx.tell(Fact::Relay { node: oldest.node, message });
            self.sessions.remove(&oldest);
        }
        Ok(())
    }

    /// Tells a session that comes back what it has missed; gives false when nobody can say it any more.
    fn welcome_back(&self, cx: &mut Cx<'_>, open: &OpenSession) -> bool {
        if cx.shared {
            return self.welcome_back_to_next_owner(cx, open);
        }
        let (node, sessions) = (open.session.node, vec![open.session]);
        let (Some(grace), false) = (&self.grace, self.sessions.contains_key(&open.session)) else {
            return true;
        };
        for notice in grace.missed() {
            cx.publish(Publication::Relay { node, message: notice.to(sessions.clone()) });
        }
        true
    }

    /// As [`User::welcome_back`] where nodes share a store: words have numbers. Ends a session that has missed some which nobody
    /// has any more.
    fn welcome_back_to_next_owner(&self, cx: &mut Cx<'_>, open: &OpenSession) -> bool {
        let (node, sessions) = (open.session.node, vec![open.session]);
        if self.sessions.contains_key(&open.session) {
            return true;
        }
        let missed = open.heard.and_then(|heard| self.last_words.last(self.said.checked_sub(heard)?));
        let Some(missed) = missed else {
            tracing::debug!(user = %self.id, said = self.said, heard = ?open.heard, "a session is behind and ends");
            let message = relay::Op::Behind { sessions, heard: open.heard };
            cx.tell(Fact::Relay { node, message });
            return false;
        };
        for (n, notice) in (open.heard.unwrap_or_default() + 1..).zip(missed) {
            self.say_again(cx, node, (n, notice), sessions.clone());
        }
        true
    }

    fn set_presence(
        &mut self,
        cx: &mut Cx<'_>,
        key: SessionKey,
        presence: &Presence,
    ) -> Result<Outcome, Stop> {
        let Some(session) = self.sessions.get_mut(&key) else { return Outcome::EMPTY };
        session.status = presence.status;
        session.activities = begun(&presence.activities, cx.now_ms, &session.activities);
        let custom = session.activities.iter().find(|activity| activity.is_custom()).cloned();
        if !self.is_bot() {
            self.choose(cx, ChosenStatus { status: presence.status, custom });
        }
        self.show(cx, false);
        self.replace_sessions(cx, None);
        Outcome::EMPTY
    }

    fn closed(&mut self, cx: &mut Cx<'_>, key: SessionKey) -> Result<Outcome, Stop> {
        if self.sessions.remove(&key).is_some() {
            self.show(cx, false);
            self.replace_sessions(cx, None);
        } else if !self.has_shown {
            self.forgotten = true;
            if self.grace.is_none() {
                self.show_gone(cx);
            }
        }
        Outcome::EMPTY
    }

    /// Tells everybody that the account is offline, if they may have seen it online before this owner was loaded: the one before
    /// it was lost with its node, and the last session has ended since. Sessions that come back in the first moments are waited for.
    pub(super) fn show_gone(&mut self, cx: &mut Cx<'_>) {
        if !std::mem::take(&mut self.forgotten) || !self.sessions.is_empty() {
            return;
        }
        self.guilds.keys().for_each(|guild| self.show_guild(cx, *guild));
        self.friend_ids().for_each(|friend| self.show_friend(cx, friend, false));
    }

    /// A node is gone, and the sessions it had.
    pub(super) fn lose_sessions(&mut self, cx: &mut Cx<'_>, node: consort_rpc::NodeId) {
        let before = self.sessions.len();
        self.sessions.retain(|session, _| session.node != node);
        if self.sessions.len() < before {
            if cx.shared {
                // It may have been taken for gone, and come back with its sessions.
                self.grace.get_or_insert(Grace::new(cx.now_ms)).stay_until(cx.now_ms + AWAY_MS);
            }
            self.show(cx, false);
            self.replace_sessions(cx, None);
        }
    }

    /// Ends the sessions of logins that have ended.
    pub(super) fn end_logins(&mut self, cx: &mut Cx<'_>, logins: &[u64]) {
        self.log_out(cx, |login| logins.contains(&login));
        self.ended_logins.extend(logins);
        let surplus = self.ended_logins.len().saturating_sub(ENDED_LOGINS_MAX);
        self.ended_logins.drain(..surplus);
    }

    /// Ends sessions by their logins.
    pub(super) fn log_out(&mut self, cx: &mut Cx<'_>, over: impl Fn(u64) -> bool) {
        let ended: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, session)| over(session.auth_session))
            .map(|(key, _)| *key)
            .collect();
        for key in &ended {
            let message = relay::Op::Close { sessions: vec![*key], code: CLOSE_LOGGED_OUT };
            cx.tell(Fact::Relay { node: key.node, message });
            self.sessions.remove(key);
        }
        if !ended.is_empty() {
            self.show(cx, false);
            self.replace_sessions(cx, None);
        }
    }

    /// Keeps what a person has chosen to be seen as. Offline is what clients say when they leave, not a choice.
    pub(super) fn choose(&mut self, cx: &mut Cx<'_>, chosen: ChosenStatus) {
        if chosen == self.chosen || chosen.status == Status::Offline {
            return;
        }
        cx.put(Table::UserSettings, self.id.get(), STATUS_KEY, &chosen);
        self.chosen = chosen;
        let settings = json!({
            "status": self.chosen.status,
            "custom_status": super::settings::custom_status(self.chosen.custom.as_ref()),
        });
        self.tell(cx, "USER_SETTINGS_UPDATE", &settings);
    }

    /// Lets all sessions show what the person has chosen in the settings.
    pub(super) fn show_chosen(&mut self, cx: &mut Cx<'_>) {
        let ChosenStatus { status, custom } = self.chosen.clone();
        for session in self.sessions.values_mut() {
            session.status = status;
            session.activities.retain(|activity| !activity.is_custom());
            session.activities.splice(0..0, custom.clone());
            session.activities.truncate(ACTIVITIES_MAX);
        }
        self.show(cx, false);
        self.replace_sessions(cx, None);
    }

    /// Tells guilds and friends the merged presence, if it is another than before. `first`: the account has just come, so
    /// all friends are asked for theirs.
    fn show(&mut self, cx: &mut Cx<'_>, first: bool) {
        let presence = merge(self.id, &self.sessions);
        let changed = presence != self.shown;
        let over = self.sessions.is_empty();
        self.shown = presence;
        self.has_shown |= changed;
        if changed {
            for guild in self.guilds.keys() {
                self.show_guild(cx, *guild);
            }
        }
        if first {
            let friends: Vec<_> = self.friend_ids().collect();
            friends.into_iter().for_each(|friend| self.show_friend(cx, friend, true));
        } else if changed || over {
            self.friends.keys().for_each(|friend| self.show_friend(cx, *friend, false));
        }
        if over {
            // Nobody is here to be told of friends; they are asked again by the next session.
            self.friends.clear();
        }
    }

    fn show_guild(&self, cx: &mut Cx<'_>, guild: GuildId) {
        let presence = Presence { guild_id: Some(guild), ..self.shown.clone() };
        let op = guild::gateway::Op::Presence { presence: Box::new(presence) };
        cx.tell(Fact::Guild { guild, op: guild::Op::Gateway(op) });
    }

    /// Tells a guild that has lost it. Who is offline, or seems so, is not mentioned there anyway.
    pub(super) fn presence_wanted(&self, cx: &mut Cx<'_>, guild: GuildId) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if self.shown.status != Status::Offline && self.guilds.contains_key(&guild) {
            self.show_guild(cx, guild);
        }
        Outcome::EMPTY
    }

    /// Tells a friend this account's presence.
    pub(super) fn show_friend(&self, cx: &mut Cx<'_>, friend: consort_model::UserId, wants_reply: bool) {
        let presence =
            FriendPresence { presence: self.shown.clone(), watching: !self.sessions.is_empty(), wants_reply };
        let op = user::Op::Relationship(RelationshipOp::Presence(Box::new(presence)));
        cx.tell(Fact::User { user: friend, op });
    }

    pub(super) fn friend_ids(&self) -> impl Iterator<Item = consort_model::UserId> + '_ {
        self.relations.iter().filter(|(_, row)| row.kind == Some(RelationshipKind::Friend)).map(|(id, _)| *id)
    }

    /// All sessions, as the account's own clients see them.
    pub(super) fn session_views(&self) -> Vec<View<'_>> {
        self.sessions.values().map(Session::view).collect()
    }

    /// Tells all sessions of all sessions, or a little later, if they were just told. `except`: one that knows already.
    pub(super) fn replace_sessions(&mut self, cx: &mut Cx<'_>, except: Option<SessionKey>) {
        if self.is_bot() || self.sessions.is_empty() {
            self.replace_due_ms = None;
            return;
        }
        if except.is_some() && self.sessions.len() == 1 {
            return;
        }
        let due_ms = self.replaced_ms + SESSIONS_REPLACE_INTERVAL_MS;
        // A clock that was put back does not silence it.
        if cx.now_ms < due_ms && cx.now_ms >= self.replaced_ms {
            self.replace_due_ms = Some(due_ms);
            return;
        }
        (self.replaced_ms, self.replace_due_ms) = (cx.now_ms, None);
        let views = self.session_views();
        let event = Event::new("SESSIONS_REPLACE", Intents::empty(), Audience::all(), &views);
        self.notify_but(cx, except, &Notice::Event(Arc::new(event)));
    }

    pub(super) fn guild_joined(&mut self, cx: &mut Cx<'_>, guild: GuildId) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        // A guild says it again when somebody accepts an invite who is a member.
        if self.guilds.contains_key(&guild) {
            return Outcome::EMPTY;
        }
        let row = UserGuildRow { joined_at: Timestamp::from_ms(cx.now_ms) };
        self.guilds.insert(guild, row.joined_at);
        cx.put(Table::UserGuilds, self.id.get(), guild.get(), &row);
        self.notify(cx, Notice::Join(guild));
        if self.shown.status != Status::Offline {
            self.show_guild(cx, guild);
        }
        Outcome::EMPTY
    }

    pub(super) fn guild_left(&mut self, cx: &mut Cx<'_>, guild: GuildId) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if self.guilds.remove(&guild).is_some() {
            cx.delete(Table::UserGuilds, self.id.get(), guild.get());
        }
        if self.guild_settings.remove(&guild.get()).is_some() {
            cx.delete(Table::UserGuildSettings, self.id.get(), guild.get());
        }
        Outcome::EMPTY
    }
}
