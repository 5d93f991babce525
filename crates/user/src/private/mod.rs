//! The owner of one private channel: its people, its settings, and, through [`consort_conversation`], its messages.
//!
//! A DM is unique for its two people, by the index row that is written with it. It stays for ever; each of the two may
//! close it, until the next message lists it again. A group has an owner and ends with its last person.
//!
//! It holds nothing in memory that is not a row or can be looked up again: nonces that count and polls that are open are rows, and so is
//! a call. But while a call goes on its owner hears of sessions that end, so it does not rest, and hands the call over when it moves.

mod call;
mod found;
mod host;
mod recipients;

use std::collections::BTreeSet;
use std::sync::Arc;

use consort_actor::{Core, Cx, Outcome, Stop};
use consort_conversation::{Talk, read_polls, system_message};
use consort_files::{Kind, orphans};
use consort_model::{
    ApiError, Channel, ChannelId, ChannelType, Intents, MentionedUser, MessageId, MessageType, Patch, User,
    UserId,
};
use consort_rpc::private::{self, Op};
use consort_rpc::{Audience, Effect, Event, NodeId, message, user};
use consort_store::{BoxFuture, Error, Key, Range, Row, Scan, StoreExt as _, StoreRef, Table, row};

use crate::reads::{guilds_of, relation_of};
use crate::rows::{PrivateChannelRow, RelationshipKind, RelationshipRow};

/// How long it is believed that the two of a DM may speak, before their guilds are looked at again; choice of ours.
const REACH_MS: u64 = 60_000;

/// One DM or group DM.
#[derive(Debug)]
pub struct PrivateChannel {
    id: ChannelId,
    /// `None` until it is founded, and after the last has left.
    row: Option<PrivateChannelRow>,
    /// Those of a DM's two who block the other.
    blocks: BTreeSet<UserId>,
    talk: Talk,
    calls: call::Calls,
    /// Until then the two of a DM are known to share a guild or to be friends. Unix milliseconds.
    reach_until_ms: u64,
}

impl Core for PrivateChannel {
    type Service = private::Private;

    const HAS_ALARMS: bool = true;

    const FROZEN_FORMAT: Option<u16> = Some(1);

    fn first_scans(key: u64) -> Vec<Scan> {
        let row = Scan { table: Table::PrivateChannels, partition: key, range: Range::one(Key::empty()) };
        vec![row, call::scan(key)]
    }

    fn load(
        key: u64,
        first: Vec<Vec<Row>>,
        store: StoreRef,
        _now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async move {
            let Some(row) = first.first().and_then(|rows| rows.first()) else { return Ok(None) };
            let row: PrivateChannelRow = row::decode(&row.value)?;
            let blocks = if row.channel.kind == ChannelType::Dm {
                blocks(&store, &row).await?
            } else {
                BTreeSet::new()
            };
            let call = first.get(1).and_then(|rows| rows.first());
            let calls = call::Calls::found(call.map(|call| row::decode(&call.value)).transpose()?);
            let mut channel = Self { row: Some(row), blocks, calls, ..Self::empty(ChannelId::new(key)) };
            let polls = read_polls(&store, key).await?;
            polls.into_iter().for_each(|poll| channel.talk.watch_poll(poll));
            Ok(Some(channel))
        })
    }

    fn vacant(key: u64) -> Option<Self> {
        Some(Self::empty(ChannelId::new(key)))
    }

    fn not_found() -> ApiError {
        ApiError::unknown_channel()
    }

    fn newest_id(&self) -> Option<u64> {
        self.row.as_ref()?.channel.last_message_id.map(MessageId::get)
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Found { group, recipients } if self.row.is_none() => self.found(cx, *group, recipients),
            _ if self.row.is_none() => Err(Self::not_found().into()),
            Op::Found { .. } => Err(exists().into()),
            Op::Message { channel, op } if *channel == self.id => self.message(cx, op),
            Op::Message { .. } => Err(ApiError::unknown_channel().into()),
            Op::Call(op) => self.handle_call(cx, op),
            Op::Get => self.answer(cx),
            Op::Update { name, icon, owner } => self.update(cx, name, icon, *owner),
            Op::AddRecipient { user } => self.add_recipient(cx, *user),
            Op::RemoveRecipient { user } => self.remove_recipient(cx, *user),
            Op::Close => self.close(cx),
            Op::CloseFor { user } => self.close_for(cx, *user),
            Op::Open => self.open(cx),
            Op::Blocked { by, blocked } => self.blocked(cx, *by, *blocked),
            Op::UserChanged { user } => self.user_changed(cx, user),
        }
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.alarm_ms().into_iter().chain(self.calls.next_deadline_ms()).min()
    }

    fn alarm_ms(&self) -> Option<u64> {
        let polls = self.talk.next_deadline_ms().filter(|_| self.row.is_some());
        polls.into_iter().chain(self.calls.alarm_ms()).min()
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        consort_conversation::tick(self, cx);
        self.tick_call(cx);
    }

    fn node_gone(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        self.end_calls_of_node(cx, node);
    }

    fn listeners(&self) -> Vec<NodeId> {
        self.calls.nodes()
    }

    fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    fn may_rest(&self) -> bool {
        self.calls.is_empty()
    }

    fn freeze(&self) -> Option<Box<[u8]>> {
        self.calls.freeze()
    }

    fn thaw(&mut self, frozen: &[u8], _now_ms: u64) -> bool {
        self.calls.thaw(frozen)
    }

    fn is_over(&self) -> bool {
        self.row.is_none()
    }
}

/// What founding a DM is answered that exists already.
fn exists() -> ApiError {
    ApiError::new(409, 0, "409: Conflict")
}

async fn blocks(store: &StoreRef, row: &PrivateChannelRow) -> Result<BTreeSet<UserId>, Error> {
    let people: Vec<_> = row.people().collect();
    let mut blocks = BTreeSet::new();
    for user in &people {
        for other in people.iter().filter(|other| *other != user) {
            let relation =
                store.get_row::<RelationshipRow>(Table::Relationships, user.get(), other.get()).await?;
            if relation.is_some_and(|relation| relation.kind == Some(RelationshipKind::Blocked)) {
                blocks.insert(*user);
            }
        }
    }
    Ok(blocks)
}

impl PrivateChannel {
    fn empty(id: ChannelId) -> Self {
        Self {
            id,
            row: None,
            blocks: BTreeSet::new(),
            talk: Talk::default(),
            calls: call::Calls::default(),
            reach_until_ms: 0,
        }
    }

    fn people(&self) -> Vec<UserId> {
        self.row.iter().flat_map(PrivateChannelRow::people).collect()
    }

    fn person(&self, user: UserId) -> Option<&User> {
        self.row.as_ref()?.channel.recipients.iter().flatten().find(|person| person.id == user)
    }

    fn is_group(&self) -> bool {
        self.row.as_ref().is_some_and(|row| row.channel.kind == ChannelType::GroupDm)
    }

    /// The row of a channel whose caller is one of its people.
    fn row_for(&mut self, cx: &Cx<'_>) -> Result<&mut PrivateChannelRow, Stop> {
        let row = self.row.as_mut().ok_or_else(ApiError::unknown_channel)?;
        if cx.caller.system || row.people().any(|user| user == cx.caller.user) {
            return Ok(row);
        }
        Err(ApiError::missing_access().into())
    }

    fn require_group(&mut self, cx: &Cx<'_>) -> Result<&mut PrivateChannelRow, Stop> {
        let row = self.row_for(cx)?;
        match row.channel.kind {
            ChannelType::GroupDm => Ok(row),
            _ => Err(ApiError::cannot_execute_on_dm().into()),
        }
    }

    fn require_system(cx: &Cx<'_>) -> Result<(), Stop> {
        if cx.caller.system { Ok(()) } else { Err(ApiError::missing_permissions().into()) }
    }

    fn answer(&mut self, cx: &Cx<'_>) -> Result<Outcome, Stop> {
        let channel = self.row_for(cx)?.seen_by(cx.caller.user);
        Outcome::json(&channel)
    }

    fn store(&self, cx: &mut Cx<'_>) {
        if let Some(row) = &self.row {
            cx.put(Table::PrivateChannels, self.id.get(), Key::empty(), row);
        }
    }

    fn message(&mut self, cx: &mut Cx<'_>, op: &message::Op) -> Result<Outcome, Stop> {
        let writes = matches!(
            op,
            message::Op::Create(_) | message::Op::Typing | message::Op::MayPost | message::Op::MayAttach
        );
        if writes && !cx.caller.system {
            self.look_for_reach(cx)?;
        }
        let id = self.id;
        consort_conversation::handle(self, cx, id, op)
    }

    /// Looks whether the two of a DM are friends or share a guild, and remembers it for a while.
    fn look_for_reach(&mut self, cx: &mut Cx<'_>) -> Result<(), Stop> {
        if self.is_group() || self.reach_until_ms > cx.now_ms {
            return Ok(());
        }
        if let [a, b] = self.people()[..]
            && are_within_reach(cx, a, b)?
        {
            self.reach_until_ms = cx.now_ms + REACH_MS;
        }
        Ok(())
    }

    /// Tells each of the people something that looks different to each: the channel without themselves. Bots are told of
    /// messages only (Gateway Events, Channel Create).
    fn tell_views(&self, cx: &mut Cx<'_>, name: &'static str, people: &[UserId]) {
        let Some(row) = &self.row else { return };
        for user in people.iter().filter(|user| self.person(**user).is_none_or(|person| !person.bot)) {
            self.tell(cx, *user, name, &row.seen_by(*user));
        }
    }

    fn tell<T: serde::Serialize + ?Sized>(&self, cx: &mut Cx<'_>, user: UserId, name: &'static str, d: &T) {
        let event = Event::new(name, Intents::empty(), Audience::only([user]), d);
        cx.deliver_surely(user, Arc::new(event));
    }

    /// Tells the owner of one of the people. The caller finds it done wherever it looks next.
    fn tell_owner(&self, cx: &mut Cx<'_>, user: UserId, op: user::Op) {
        let effect = Effect::User { user, op };
        if user == cx.caller.user {
            cx.effect_before_answer(effect);
        } else {
            cx.effect(effect);
        }
    }

    /// Tells the owners of these people that the channel is listed for them.
    fn list_for(&self, cx: &mut Cx<'_>, people: &[UserId]) {
        self.acquaint(cx, people, true);
    }

    /// Tells the owners of these people of the channel, so that it learns from them who changes.
    fn acquaint(&self, cx: &mut Cx<'_>, people: &[UserId], listed: bool) {
        let Some(row) = &self.row else { return };
        for user in people {
            let op = user::Op::ChannelOpened { channel: Box::new(row.seen_by(*user)), listed };
            self.tell_owner(cx, *user, op);
        }
    }

    fn say(
        &mut self,
        cx: &mut Cx<'_>,
        author: UserId,
        kind: MessageType,
        content: &str,
        about: Option<User>,
    ) {
        let Some(author) = self.person(author).cloned() else { return };
        let id = self.id;
        system_message(self, cx, id, author, kind, content, |message| {
            message.mentions = about.into_iter().map(|user| MentionedUser { user, member: None }).collect();
        });
    }

    fn update(
        &mut self,
        cx: &mut Cx<'_>,
        name: &Patch<String>,
        icon: &Patch<String>,
        owner: Option<UserId>,
    ) -> Result<Outcome, Stop> {
        let row = self.require_group(cx)?;
        let caller = cx.caller.user;
        if let Some(owner) = owner.filter(|owner| Some(*owner) != row.channel.owner_id) {
            if row.channel.owner_id != Some(caller) {
                return Err(ApiError::missing_permissions().into());
            }
            if !row.people().any(|user| user == owner) {
                return Err(ApiError::invalid_recipients().into());
            }
            row.channel.owner_id = Some(owner);
        }
        let before = (row.channel.name.clone(), row.channel.icon.clone());
        name.clone().apply(&mut row.channel.name);
        icon.clone().apply(&mut row.channel.icon);
        let after = (row.channel.name.clone(), row.channel.icon.clone());
        self.store(cx);
        let (now_ms, of) = (cx.now_ms, (Kind::ChannelIcon, self.id.get()));
        orphans::replace_image(&mut cx.batch, now_ms, of, before.1.as_deref(), after.1.as_deref());
        let people = self.people();
        self.tell_views(cx, "CHANNEL_UPDATE", &people);
        if before.0 != after.0 {
            self.say(
                cx,
                caller,
                MessageType::ChannelNameChange,
                after.0.as_deref().unwrap_or_default(),
                None,
            );
        }
        if before.1 != after.1 {
            self.say(cx, caller, MessageType::ChannelIconChange, "", None);
        }
        self.answer(cx)
    }

    fn open(&mut self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        let caller = cx.caller.user;
        let row = self.row_for(cx)?;
        if !row.listed.contains(&caller) && !cx.caller.system {
            row.listed.push(caller);
            self.store(cx);
        }
        // Also when it is listed: should its owner have missed it, it learns it now.
        self.list_for(cx, &[caller]);
        self.answer(cx)
    }

    fn close(&mut self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        let caller = cx.caller.user;
        let shown = self.row_for(cx)?.seen_by(caller);
        if shown.kind == ChannelType::GroupDm {
            self.leave(cx, caller, caller);
        } else {
            self.unlist(cx, caller, &shown);
        }
        Outcome::json(&shown)
    }

    fn close_for(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if !self.is_group()
            && let Some(row) = &self.row
        {
            let shown = row.seen_by(user);
            self.unlist(cx, user, &shown);
        }
        Outcome::EMPTY
    }

    fn unlist(&mut self, cx: &mut Cx<'_>, user: UserId, shown: &Channel) {
        let Some(row) = &mut self.row else { return };
        if row.listed.contains(&user) {
            row.listed.retain(|listed| *listed != user);
            self.store(cx);
            self.tell(cx, user, "CHANNEL_DELETE", shown);
        }
        self.tell_owner(cx, user, user::Op::ChannelClosed { channel: self.id });
    }

    fn blocked(&mut self, cx: &mut Cx<'_>, by: UserId, blocked: bool) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if blocked {
            self.blocks.insert(by);
        } else {
            self.blocks.remove(&by);
        }
        Outcome::EMPTY
    }

    fn user_changed(&mut self, cx: &mut Cx<'_>, user: &User) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let people = self.row.as_mut().and_then(|row| row.channel.recipients.as_mut());
        let Some(person) = people.into_iter().flatten().find(|person| person.id == user.id) else {
            return Outcome::EMPTY;
        };
        if person != user {
            person.clone_from(user);
            self.store(cx);
            let others: Vec<_> = self.people().into_iter().filter(|other| *other != user.id).collect();
            self.tell_views(cx, "CHANNEL_UPDATE", &others);
        }
        Outcome::EMPTY
    }
}

/// Whether two people may speak: they are friends, or share a guild.
pub(crate) fn are_within_reach(cx: &mut Cx<'_>, a: UserId, b: UserId) -> Result<bool, Stop> {
    let relation = relation_of(cx, a, b)?;
    if relation.is_some_and(|relation| relation.kind == Some(RelationshipKind::Friend)) {
        return Ok(true);
    }
    Ok(!guilds_of(cx, a)?.is_disjoint(&guilds_of(cx, b)?))
}
