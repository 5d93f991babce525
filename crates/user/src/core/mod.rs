//! The account's state machine. One file per area; each adds `handle_*` methods to [`User`].

mod account;
mod channels;
mod everyone;
mod gateway;
mod grace;
mod load;
mod notes;
mod object;
mod presence;
mod profile;
mod proto;
mod read_states;
mod ready;
mod relationships;
mod rest;
mod seats;
mod settings;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use consort_actor::{Core, Cx, Outcome, Stop};
use consort_model::object::account::UserRow;
use consort_model::{self as model, ApiError, ChannelId, GuildId, Intents, Presence, Timestamp, UserId};
use consort_rpc::relay::{self, SessionKey};
use consort_rpc::user::settings::ProtoKind;
use consort_rpc::user::{self, Op};
use consort_rpc::{Audience, Event, Fact, NodeId, Publication};
use consort_store::{BoxFuture, Error, Row, Scan, StoreRef, Table};
use serde::Serialize;
use serde_json::{Map, Value};

use self::grace::{Grace, LastWords, Notice};
use self::settings::SAID_KEY;
use crate::limits::ACCOUNTS_RUNNING_MAX;
use crate::rows::{ChosenStatus, ReadStateRow, RelationshipRow, SeatRow, UserChannelRow};

/// One account.
#[derive(Debug)]
pub struct User {
    pub(crate) id: UserId,
    /// Whether there is such an account; if not, it may be made by a call.
    founded: bool,
    /// When this owner was loaded, Unix milliseconds; rest does not count.
    pub(crate) since_ms: u64,
    pub(crate) row: UserRow,
    /// With when each was joined.
    pub(crate) guilds: BTreeMap<GuildId, Timestamp>,
    pub(crate) channels: BTreeMap<ChannelId, UserChannelRow>,
    pub(crate) relations: BTreeMap<UserId, RelationshipRow>,
    pub(crate) reads: BTreeMap<ChannelId, ReadStateRow>,
    /// Counts the changes of read states.
    pub(crate) read_version: u64,
    /// Notification settings by guild; 0 is private channels.
    pub(crate) guild_settings: BTreeMap<u64, Map<String, Value>>,
    pub(crate) legacy: Map<String, Value>,
    pub(crate) protos: BTreeMap<u8, Bytes>,
    pub(crate) chosen: ChosenStatus,
    /// Seats that are taken.
    seats: Vec<SeatRow>,
    // In memory only:
    pub(crate) sessions: BTreeMap<SessionKey, presence::Session>,
    /// What was told to guilds and friends last.
    pub(crate) shown: Presence,
    /// Friends that have sessions, with what they show.
    pub(crate) friends: BTreeMap<UserId, Presence>,
    /// The number of the last word to sessions; grows where nodes share a store, from owner to owner. A row.
    said: u64,
    /// The last of them.
    last_words: LastWords,
    /// When all sessions were told of all sessions last, and when they are to be told again. Unix milliseconds.
    replaced_ms: u64,
    replace_due_ms: Option<u64>,
    /// The call that was joined last, and by which session.
    call: Option<(ChannelId, SessionKey)>,
    /// Set in the first moments after the owner was loaded.
    grace: Option<grace::Grace>,
    /// The logins that have ended last.
    ended_logins: VecDeque<u64>,
    /// A session has ended of which this owner never knew: whoever saw the account online may not know that it has gone.
    forgotten: bool,
    /// Whether this owner has told anybody a presence, so that what others believe is what it has told.
    has_shown: bool,
}

impl Core for User {
    type Service = user::User;

    const RUNNING_MAX: usize = ACCOUNTS_RUNNING_MAX;

    const FROZEN_FORMAT: Option<u16> = Some(2);

    fn first_scans(key: u64) -> Vec<Scan> {
        load::scans(UserId::new(key))
    }

    fn load(
        key: u64,
        first: Vec<Vec<Row>>,
        store: StoreRef,
        now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(load::load(UserId::new(key), first, store, now_ms))
    }

    fn vacant(key: u64) -> Option<Self> {
        let id = UserId::new(key);
        let row = UserRow::person(model::User::person(id, ""), "");
        Some(Self { founded: false, grace: None, ..load::blank(id, row, 0) })
    }

    fn not_found() -> ApiError {
        ApiError::unknown_user()
    }

    fn started(&self, nodes: &[NodeId]) -> Vec<Fact> {
        if !self.founded {
            return Vec::new();
        }
        let message = relay::Op::UserRestarted { user: self.id, since_ms: self.since_ms };
        nodes.iter().map(|node| Fact::Relay { node: *node, message: message.clone() }).collect()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        if !self.founded {
            return match op {
                Op::Account(user::account::Op::Found { row, until_ms }) => self.found(cx, row, *until_ms),
                _ => Err(Self::not_found().into()),
            };
        }
        match op {
            Op::Account(op) => self.handle_account(cx, op),
            Op::Gateway(op) => self.handle_gateway(cx, op),
            Op::Relationship(op) => self.handle_relationship(cx, op),
            Op::ReadState(op) => self.handle_read_state(cx, op),
            Op::Settings(op) => self.handle_settings(cx, op),
            Op::Seat(op) => self.handle_seat(cx, *op),
            Op::GuildJoined { guild } => self.guild_joined(cx, *guild),
            Op::LookAtReads { channels } => self.look_at_reads(cx, channels),
            Op::GuildLeft { guild } => self.guild_left(cx, *guild),
            Op::PresenceWanted { guild } => self.presence_wanted(cx, *guild),
            Op::ChannelOpened { channel, listed } => self.channel_opened(cx, channel, *listed),
            Op::ChannelClosed { channel } => self.channel_closed(cx, *channel),
            Op::ChannelLeft { channel } => self.channel_left(cx, *channel),
            Op::InCall { channel, session } => self.in_call(cx, *channel, *session),
            Op::Channels => self.list_channels(),
            Op::Deliver(event) => {
                self.deliver(cx, event.clone());
                Outcome::EMPTY
            }
            Op::Mentioned { guild, channel, message, author, by } => {
                self.mentioned(cx, *guild, *channel, *message, (*author, *by))
            }
            Op::Posted { channel, message } => self.posted(cx, *channel, *message),
            Op::Dm { other, channel } => self.dm(cx, *other, *channel),
            Op::Sessions => Outcome::json(&self.sessions.keys().collect::<Vec<_>>()),
        }
    }

    fn newest_id(&self) -> Option<u64> {
        Some(self.newest_wish()).filter(|wish| *wish > 0)
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        let grace = self.grace.as_ref().map(Grace::until_ms);
        grace.into_iter().chain(self.replace_due_ms).min()
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        if self.grace.as_ref().is_some_and(|grace| grace.until_ms() <= cx.now_ms) {
            self.grace = None;
            self.show_gone(cx);
        }
        if self.replace_due_ms.is_some_and(|due_ms| due_ms <= cx.now_ms) {
            self.replace_sessions(cx, None);
        }
    }

    fn node_gone(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        self.lose_sessions(cx, node);
    }

    fn listeners(&self) -> Vec<NodeId> {
        let mut nodes: Vec<_> = self.sessions.keys().map(|session| session.node).collect();
        nodes.dedup();
        nodes
    }

    fn inspect(&self) -> serde_json::Value {
        let sessions = self.sessions.keys();
        let sessions = sessions.map(|key| serde_json::json!([key.node.0, key.slice, key.number]));
        serde_json::json!({
            "founded": self.founded,
            "since_ms": self.since_ms,
            "guilds": self.guilds.len(),
            "private_channels": self.channels.len(),
            "relationships": self.relations.len(),
            "read_states": self.reads.len(),
            "friends_online": self.friends.len(),
            "sessions_as_node_slice_number": sessions.collect::<Vec<_>>(),
            "last_word": self.said,
        })
    }

    fn is_idle(&self) -> bool {
        self.sessions.is_empty() && self.grace.is_none()
    }

    fn is_over(&self) -> bool {
        !self.founded
    }

    fn freeze(&self) -> Option<Box<[u8]>> {
        self.remember()
    }

    fn thaw(&mut self, frozen: &[u8], now_ms: u64) -> bool {
        self.recall(frozen, now_ms)
    }
}

impl User {
    /// Whether it is a bot.
    pub(crate) fn is_bot(&self) -> bool {
        self.row.user().bot
    }

    /// Refuses callers other than the account itself and the system (403/50001).
    pub(crate) fn require_self(&self, cx: &Cx<'_>) -> Result<(), Stop> {
        if cx.caller.system || cx.caller.user == self.id {
            return Ok(());
        }
        Err(ApiError::missing_access().into())
    }

    /// Refuses callers other than the system (403/50013).
    pub(crate) fn require_system(cx: &Cx<'_>) -> Result<(), Stop> {
        if cx.caller.system { Ok(()) } else { Err(ApiError::missing_permissions().into()) }
    }

    /// Sends an event to all sessions: one message a node.
    fn deliver(&mut self, cx: &mut Cx<'_>, event: Arc<Event>) {
        self.notify(cx, Notice::Event(event));
    }

    /// Sends something to all sessions, and to those that may come back.
    fn notify(&mut self, cx: &mut Cx<'_>, notice: Notice) {
        if cx.shared && !notice.is_volatile() {
            return self.say(cx, notice);
        }
        self.notify_but(cx, None, &notice);
        if cx.shared {
            return;
        }
        if let Some(grace) = &mut self.grace {
            grace.keep(notice);
        }
    }

    /// Sends an event made here to all sessions; no intent is needed.
    fn tell<T: Serialize + ?Sized>(&mut self, cx: &mut Cx<'_>, name: &'static str, d: &T) {
        if !self.sessions.is_empty() || self.grace.is_some() {
            self.deliver(cx, Arc::new(Event::new(name, Intents::empty(), Audience::all(), d)));
        } else if cx.shared {
            self.number(cx);
            self.last_words = LastWords::default();
        }
    }

    /// As [`User::notify`] where nodes share a store: with a number that is written in the same commit, and to other nodes
    /// until they have taken it. So a session that comes to the next owner knows whether it has missed something.
    fn say(&mut self, cx: &mut Cx<'_>, notice: Notice) {
        self.number(cx);
        for (node, sessions) in self.sessions_by_node(None) {
            self.say_again(cx, node, (self.said, &notice), sessions);
        }
        // Also for a session of this node: it may be on its way to another.
        if self.grace.is_some() || !self.sessions.is_empty() {
            self.last_words.push(notice);
        } else {
            self.last_words = LastWords::default();
        }
    }

    /// A word has been said, also when nobody is here to hear it: sessions that this owner does not know may come back.
    fn number(&mut self, cx: &mut Cx<'_>) {
        self.said += 1;
        cx.put(Table::UserSettings, self.id.get(), SAID_KEY, &self.said);
    }

    /// Says a word to some sessions of a node.
    fn say_again(
        &self,
        cx: &mut Cx<'_>,
        node: NodeId,
        (n, notice): (u64, &Notice),
        sessions: Vec<SessionKey>,
    ) {
        let message = relay::Op::Said { n, op: Box::new(notice.to(sessions)) };
        if node == cx.node {
            cx.publish(Publication::Relay { node, message });
        } else {
            cx.tell(Fact::Relay { node, message });
        }
    }

    /// Sends something to all present sessions but one.
    fn notify_but(&self, cx: &mut Cx<'_>, except: Option<SessionKey>, notice: &Notice) {
        for (node, sessions) in self.sessions_by_node(except) {
            cx.publish(Publication::Relay { node, message: notice.to(sessions) });
        }
    }

    fn sessions_by_node(&self, except: Option<SessionKey>) -> BTreeMap<NodeId, Vec<SessionKey>> {
        let mut by_node: BTreeMap<NodeId, Vec<SessionKey>> = BTreeMap::new();
        for session in self.sessions.keys().filter(|session| Some(**session) != except) {
            by_node.entry(session.node).or_default().push(*session);
        }
        by_node
    }

    pub(crate) fn proto(&self, kind: ProtoKind) -> Bytes {
        self.protos.get(&kind.number()).cloned().unwrap_or_default()
    }
}
