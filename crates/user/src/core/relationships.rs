//! Friends, requests, blocks and notes.
//!
//! Each owner keeps its own side and tells the other what it wishes ([`Peer`]). News come once and in order, but those of the two sides
//! may cross. Whoever takes something back says up to which wish of the other it knew, so that both sides come to the same end: a wish
//! that has crossed it stands as a request.

use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::limits::{NOTE_CHARS_MAX, RELATIONSHIPS_MAX};
use consort_model::{ApiError, ChannelId, Intents, Patch, Presence, Timestamp, User as UserObject, UserId};
use consort_rpc::user::relationship::{FriendPresence, Op, Peer};
use consort_rpc::{Answer, Audience, Effect, Event, private, user};
use consort_store::Table;
use serde::Serialize;
use serde_json::json;

use super::{User, notes};
use crate::private::are_within_reach;
use crate::reads::{account_of, dm_of, relation_of};
use crate::rows::{RelationshipKind, RelationshipRow};

const REQUEST_BLOCKED: ApiError = ApiError::new(400, 80001, "Friend request blocked");
const BOTS_HAVE_NO_FRIENDS: ApiError = ApiError::new(400, 80002, "Bots cannot have friends");
const NOT_ONESELF: ApiError = ApiError::new(400, 80003, "Cannot send friend request to self");
const NOT_FRIENDS: ApiError =
    ApiError::new(400, 80006, "You need to be friends in order to make this change.");
const ALREADY_FRIENDS: ApiError = ApiError::new(400, 80007, "You are already friends with that user.");

/// A relationship as it is answered and dispatched. `dedupe`: without the user object.
pub(super) fn view(id: UserId, row: &RelationshipRow, dedupe: bool) -> View<'_> {
    View {
        id,
        kind: row.number(),
        nickname: row.nickname.as_deref(),
        since: row.since,
        is_spam_request: false,
        stranger_request: false,
        user_ignored: row.ignored,
        user_id: dedupe.then_some(id),
        user: (!dedupe).then_some(&row.user),
        should_notify: None,
    }
}

/// See [`view`].
#[derive(Debug, Serialize)]
pub(super) struct View<'a> {
    id: UserId,
    #[serde(rename = "type")]
    kind: u8,
    nickname: Option<&'a str>,
    since: Timestamp,
    is_spam_request: bool,
    stranger_request: bool,
    user_ignored: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a UserObject>,
    /// Only where one is told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    should_notify: Option<bool>,
}

impl User {
    /// Which DM the account has with somebody of a higher id. Of two people the owner of the lower one decides, so there is one
    /// whoever of them asks, on whichever node. What was reserved and never made is made under that id by the next who asks.
    pub(super) fn dm(&mut self, cx: &mut Cx<'_>, other: UserId, channel: ChannelId) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let reserved: Option<ChannelId> = cx.row(Table::DmIndex, self.id.get(), other.get())?;
        if let Some(reserved) = reserved {
            return Outcome::json(&reserved);
        }
        if other <= self.id {
            return Err(ApiError::invalid_recipients().into());
        }
        if !are_within_reach(cx, self.id, other)? {
            return Err(ApiError::no_mutual_guild().into());
        }
        cx.put(Table::DmIndex, self.id.get(), other.get(), &channel);
        Outcome::json(&channel)
    }

    pub(super) fn handle_relationship(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require_self(cx)?;
        match op {
            Op::Peer { from, news, wish } => return self.peer(cx, from, *news, *wish),
            Op::Presence(presence) => return self.friend_presence(cx, presence),
            _ if self.is_bot() => return Err(ApiError::bots_not_allowed().into()),
            Op::List => {
                let all: Vec<_> = self.relations.iter().map(|(id, row)| view(*id, row, false)).collect();
                return Outcome::json(&all);
            }
            Op::Notes => return self.notes(),
            Op::Note { user } => return self.note(cx, *user),
            Op::Request { user } => self.request(cx, *user)?,
            Op::Block { user } => self.block(cx, *user)?,
            Op::Remove { user } => self.remove(cx, *user)?,
            Op::Ignore { user, ignored } => self.ignore(cx, *user, *ignored)?,
            Op::Nickname { user, nickname } => self.nickname(cx, *user, nickname)?,
            Op::ClearRequests => self.clear_requests(cx),
            Op::PutNote { user, note } => self.put_note(cx, *user, note)?,
        }
        Outcome::EMPTY
    }

    /// Whether the account has blocked or ignores somebody, so that what they write does not call it.
    pub(super) fn shuns(&self, user: UserId) -> bool {
        self.relations
            .get(&user)
            .is_some_and(|row| row.ignored || row.kind == Some(RelationshipKind::Blocked))
    }

    fn kind(&self, user: UserId) -> Option<RelationshipKind> {
        self.relations.get(&user)?.kind
    }

    /// How many relationships there are; those who are only ignored take no room from friends.
    fn related(&self) -> usize {
        self.relations.values().filter(|row| row.kind.is_some()).count()
    }

    fn request(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<(), Stop> {
        if user == self.id {
            return Err(NOT_ONESELF.into());
        }
        match self.kind(user) {
            Some(RelationshipKind::Friend) => return Err(ALREADY_FRIENDS.into()),
            Some(RelationshipKind::Outgoing) => return Ok(()),
            None if self.related() >= RELATIONSHIPS_MAX => return Err(ApiError::max_friends().into()),
            _ => {}
        }
        let account = account_of(cx, user)?;
        if account.user().bot {
            return Err(BOTS_HAVE_NO_FRIENDS.into());
        }
        if account.disabled {
            return Err(ApiError::unknown_user().into());
        }
        let theirs = relation_of(cx, user, self.id)?.and_then(|row| row.kind);
        if theirs == Some(RelationshipKind::Blocked) {
            return Err(REQUEST_BLOCKED.into());
        }
        let was_blocked = self.kind(user) == Some(RelationshipKind::Blocked);
        let dm = if was_blocked { dm_of(cx, self.id, user)? } else { None };
        let (kind, peer_wish) = match self.relations.get(&user) {
            Some(row) if row.kind == Some(RelationshipKind::Incoming) => {
                (RelationshipKind::Friend, row.peer_wish)
            }
            _ => (RelationshipKind::Outgoing, 0),
        };
        let wish = cx.next_id();
        self.set_relation(cx, account.user().clone(), kind, (wish, peer_wish), false);
        self.tell_peer(cx, user, Peer::Requested, wish);
        self.tell_block(cx, dm, false);
        Ok(())
    }

    fn block(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<(), Stop> {
        if user == self.id {
            return Err(ApiError::invalid_recipients().into());
        }
        let before = self.kind(user);
        match before {
            Some(RelationshipKind::Blocked) => return Ok(()),
            None if self.related() >= 2 * RELATIONSHIPS_MAX => {
                return Err(ApiError::max_friends().into());
            }
            _ => {}
        }
        let account = account_of(cx, user)?;
        let dm = dm_of(cx, self.id, user)?;
        let known = self.peer_wish(user);
        self.set_relation(cx, account.user().clone(), RelationshipKind::Blocked, (0, 0), false);
        if before.is_some() {
            self.tell_peer(cx, user, Peer::Removed, known);
        }
        self.tell_block(cx, dm, true);
        Ok(())
    }

    fn remove(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<(), Stop> {
        if self.kind(user) == Some(RelationshipKind::Blocked) {
            let dm = dm_of(cx, self.id, user)?;
            self.end(cx, user);
            self.tell_block(cx, dm, false);
        } else {
            let known = self.peer_wish(user);
            if self.end(cx, user).is_some() {
                self.tell_peer(cx, user, Peer::Removed, known);
            }
        }
        Ok(())
    }

    /// Nobody else is told. Who is ignored stays so whatever becomes of a friendship or a block.
    fn ignore(&mut self, cx: &mut Cx<'_>, user: UserId, ignored: bool) -> Result<(), Stop> {
        if user == self.id {
            return Err(ApiError::invalid_recipients().into());
        }
        match self.relations.get_mut(&user) {
            Some(row) if row.ignored == ignored => return Ok(()),
            Some(row) if !ignored && row.kind.is_none() => {
                self.forget(cx, user);
                return Ok(());
            }
            Some(row) => {
                row.ignored = ignored;
                self.retell(cx, user);
                return Ok(());
            }
            None if !ignored => return Ok(()),
            None => {}
        }
        if self.relations.len() - self.related() >= RELATIONSHIPS_MAX {
            return Err(ApiError::max_friends().into());
        }
        let user = account_of(cx, user)?.user().clone();
        self.add(cx, user, None, (0, 0), (true, false));
        Ok(())
    }

    fn clear_requests(&mut self, cx: &mut Cx<'_>) {
        let incoming = self.relations.iter().filter(|(_, row)| row.kind == Some(RelationshipKind::Incoming));
        let incoming: Vec<_> = incoming.map(|(id, row)| (*id, row.peer_wish)).collect();
        for (user, known) in incoming {
            self.end(cx, user);
            self.tell_peer(cx, user, Peer::Removed, known);
        }
    }

    fn nickname(&mut self, cx: &mut Cx<'_>, user: UserId, nickname: &Patch<String>) -> Result<(), Stop> {
        let row = self.relations.get_mut(&user).filter(|row| row.kind == Some(RelationshipKind::Friend));
        let row = row.ok_or(NOT_FRIENDS)?;
        nickname.clone().apply(&mut row.nickname);
        self.retell(cx, user);
        Ok(())
    }

    /// Takes what the other side has told.
    fn peer(&mut self, cx: &mut Cx<'_>, from: &UserObject, news: Peer, wish: u64) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        match news {
            Peer::Changed => self.peer_changed(cx, from),
            Peer::Requested => self.peer_requested(cx, from, wish),
            Peer::Removed => self.peer_removed(cx, from, wish),
        }
        Outcome::EMPTY
    }

    fn peer_requested(&mut self, cx: &mut Cx<'_>, from: &UserObject, wish: u64) {
        use RelationshipKind::{Blocked, Friend, Incoming, Outgoing};
        let (own, kind) = (self.wish(from.id), self.kind(from.id));
        match kind {
            None if self.related() >= RELATIONSHIPS_MAX => self.tell_peer(cx, from.id, Peer::Removed, wish),
            // It was on its way when the block came.
            Some(Blocked) => self.tell_peer(cx, from.id, Peer::Removed, wish),
            None => self.set_relation(cx, from.clone(), Incoming, (0, wish), true),
            // Both have asked: they are friends.
            Some(Outgoing) => self.set_relation(cx, from.clone(), Friend, (own, wish), true),
            Some(Incoming | Friend) => {
                let Some(row) = self.relations.get_mut(&from.id) else { return };
                row.peer_wish = wish;
                cx.put(Table::Relationships, self.id.get(), from.id.get(), row);
            }
        }
    }

    /// The other has taken back its wish, and those of this account up to `known`.
    fn peer_removed(&mut self, cx: &mut Cx<'_>, from: &UserObject, known: u64) {
        use RelationshipKind::{Blocked, Friend, Incoming, Outgoing};
        let own = self.wish(from.id);
        match self.kind(from.id) {
            Some(Friend) if own > known => self.set_relation(cx, from.clone(), Outgoing, (own, 0), false),
            Some(Outgoing) if own > known => {}
            Some(Friend | Incoming | Outgoing) => drop(self.end(cx, from.id)),
            None | Some(Blocked) => {}
        }
    }

    fn peer_changed(&mut self, cx: &mut Cx<'_>, from: &UserObject) {
        let Some(row) = self.relations.get_mut(&from.id) else { return };
        if row.user == *from {
            return;
        }
        row.user = from.clone();
        cx.put(Table::Relationships, self.id.get(), from.id.get(), row);
        // Clients take the names of friends from presences (observed).
        let presence = self.friends.get(&from.id).cloned().unwrap_or_else(|| Presence::offline(from.id));
        let mut body = json!(presence);
        body["user"] = json!(from);
        self.tell(cx, "PRESENCE_UPDATE", &body);
    }

    /// The number of this account's wish to be friends with somebody; 0 for none.
    fn wish(&self, user: UserId) -> u64 {
        self.relations.get(&user).map_or(0, |row| row.wish)
    }

    /// The number of somebody's wish to be friends with this account; 0 for none.
    fn peer_wish(&self, user: UserId) -> u64 {
        self.relations.get(&user).map_or(0, |row| row.peer_wish)
    }

    /// The newest number that a wish of this account has.
    pub(super) fn newest_wish(&self) -> u64 {
        self.relations.values().map(|row| row.wish).max().unwrap_or(0)
    }

    /// Makes somebody a friend, an asker, and so on, with the wishes of both. The nickname stays with a friend.
    fn set_relation(
        &mut self,
        cx: &mut Cx<'_>,
        user: UserObject,
        kind: RelationshipKind,
        wishes: (u64, u64),
        notify: bool,
    ) {
        let ignored = self.relations.get(&user.id).is_some_and(|row| row.ignored);
        self.add(cx, user, Some(kind), wishes, (ignored, notify));
    }

    fn add(
        &mut self,
        cx: &mut Cx<'_>,
        user: UserObject,
        kind: Option<RelationshipKind>,
        (wish, peer_wish): (u64, u64),
        (ignored, notify): (bool, bool),
    ) {
        let (id, since) = (user.id, Timestamp::from_ms(cx.now_ms));
        let row = RelationshipRow { kind, user, nickname: None, since, ignored, wish, peer_wish };
        cx.put(Table::Relationships, self.id.get(), id.get(), &row);
        let event = View { should_notify: Some(notify), ..view(id, &row, false) };
        self.tell(cx, "RELATIONSHIP_ADD", &event);
        self.relations.insert(id, row);
        match kind {
            Some(RelationshipKind::Friend) if !self.sessions.is_empty() => self.show_friend(cx, id, true),
            Some(RelationshipKind::Friend) => {}
            _ => self.forget_friend(id),
        }
    }

    /// Ends what two people are to each other; gives what it was.
    fn end(&mut self, cx: &mut Cx<'_>, user: UserId) -> Option<RelationshipKind> {
        let was = self.kind(user)?;
        self.forget_friend(user);
        match self.relations.get_mut(&user) {
            Some(row) if row.ignored => {
                (row.kind, row.nickname) = (None, None);
                (row.wish, row.peer_wish) = (0, 0);
                self.retell(cx, user);
            }
            _ => self.forget(cx, user),
        }
        Some(was)
    }

    /// Writes and tells what has changed of a relationship.
    fn retell(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(row) = self.relations.get(&user).cloned() else { return };
        cx.put(Table::Relationships, self.id.get(), user.get(), &row);
        self.tell(cx, "RELATIONSHIP_UPDATE", &view(user, &row, false));
    }

    fn forget(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(row) = self.relations.remove(&user) else { return };
        cx.delete(Table::Relationships, self.id.get(), user.get());
        let gone = json!({ "id": user, "type": row.number(), "nickname": row.nickname });
        self.tell(cx, "RELATIONSHIP_REMOVE", &gone);
    }

    fn forget_friend(&mut self, user: UserId) {
        self.friends.remove(&user);
    }

    fn friend_presence(&mut self, cx: &mut Cx<'_>, told: &FriendPresence) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let id = told.presence.user.id;
        if self.kind(id) != Some(RelationshipKind::Friend) || self.sessions.is_empty() {
            return Outcome::EMPTY;
        }
        let before = match told.watching {
            true => self.friends.insert(id, told.presence.clone()),
            false => self.friends.remove(&id),
        };
        let before = before.unwrap_or_else(|| Presence::offline(id));
        if before != told.presence {
            let event = Event {
                volatile: true,
                ..Event::new("PRESENCE_UPDATE", Intents::empty(), Audience::all(), &told.presence)
            };
            self.deliver(cx, Arc::new(event));
        }
        if told.wants_reply {
            self.show_friend(cx, id, false);
        }
        Outcome::EMPTY
    }

    fn tell_peer(&self, cx: &mut Cx<'_>, user: UserId, news: Peer, wish: u64) {
        let op = Op::Peer { from: Box::new(self.row.user().clone()), news, wish };
        cx.effect(Effect::User { user, op: user::Op::Relationship(op) });
    }

    /// Tells everybody who is related that this account looks different.
    pub(super) fn tell_related(&self, cx: &mut Cx<'_>) {
        let told = |row: &RelationshipRow| row.kind.is_some_and(|kind| kind != RelationshipKind::Blocked);
        let related = self.relations.iter().filter(|(_, row)| told(row));
        related.for_each(|(user, _)| self.tell_peer(cx, *user, Peer::Changed, 0));
    }

    /// Tells the DM with somebody of a block.
    fn tell_block(&self, cx: &mut Cx<'_>, dm: Option<ChannelId>, blocked: bool) {
        if let Some(channel) = dm {
            cx.effect(Effect::Private { channel, op: private::Op::Blocked { by: self.id, blocked } });
        }
    }

    fn notes(&self) -> Result<Outcome, Stop> {
        let id = self.id;
        Outcome::later(move |store| async move {
            let notes = notes::all(&store, id).await.map_err(|error| {
                tracing::warn!(%error, "notes could not be read");
                ApiError::overloaded()
            })?;
            Ok(Answer::json(&notes))
        })
    }

    fn note(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<Outcome, Stop> {
        let note: Option<String> = cx.row(Table::Notes, self.id.get(), user.get())?;
        let note = note.ok_or_else(ApiError::unknown_user)?;
        Outcome::json(&json!({ "user_id": self.id, "note_user_id": user, "note": note }))
    }

    fn put_note(&mut self, cx: &mut Cx<'_>, user: UserId, note: &str) -> Result<(), Stop> {
        if note.chars().count() > NOTE_CHARS_MAX {
            return Err(ApiError::note_too_long().into());
        }
        account_of(cx, user)?;
        if note.is_empty() {
            cx.delete(Table::Notes, self.id.get(), user.get());
        } else {
            cx.put(Table::Notes, self.id.get(), user.get(), note);
        }
        self.tell(cx, "USER_NOTE_UPDATE", &json!({ "id": user, "note": note }));
        Ok(())
    }
}
