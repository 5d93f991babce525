//! Calls in a private channel: who is in voice, and who is rung (userdoccers, Channel, "Call").
//!
//! A call begins when the first of the people joins its voice, and ends with the last. Sessions tell only a living owner when they
//! end, so an owner that finds a call in its rows and not in what the one before has handed over does not know who is still there:
//! that call is lost, and over. People join again. An alarm wakes an owner for that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::{Host as _, amend, stored, system_message};
use consort_model::{
    ApiError, ChannelId, GuildId, Intents, MessageCall, MessageId, MessageType, Permissions, Timestamp,
    UserId, VoiceState,
};
use consort_rpc::guild::voice::Flags;
use consort_rpc::private::{self, call::Op};
use consort_rpc::relay::{self, SessionKey};
use consort_rpc::voice::{self, Participant, Rights};
use consort_rpc::{Audience, Effect, Event, Fact, NodeId, Publication, user};
use consort_store::{Key, Range, Scan, Table, row};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::PrivateChannel;

/// How long somebody is rung; choice of ours.
const RING_MS: u64 = 30_000;
/// Characters of the token of VOICE_SERVER_UPDATE: 190 bits.
const TOKEN_CHARS: usize = 32;
/// There is one region, this installation.
const REGION: &str = "local";
/// How long after its owner died a lost call is ended at the latest; choice of ours. Costs a commit so often.
const WATCH_MS: u64 = 60_000;
/// The key of the call in `Table::PrivateChannels`.
pub(super) const CALL: &str = "call";

/// Where the call of a channel stands.
pub(super) fn scan(channel: u64) -> Scan {
    Scan { table: Table::PrivateChannels, partition: channel, range: Range::one(Key::text(CALL)) }
}

/// A call that goes on: the row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    /// The message that tells of it.
    message: MessageId,
    /// Who is rung, and until when, Unix milliseconds.
    ringing: BTreeMap<UserId, u64>,
    speakers: BTreeMap<UserId, Speaker>,
    /// Who has been in it.
    participants: BTreeSet<UserId>,
    /// When the owner is to be awake, Unix milliseconds; see [`WATCH_MS`].
    watched_until_ms: u64,
}

/// Somebody in the call.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Speaker {
    state: VoiceState,
    session: SessionKey,
    token: String,
}

impl Call {
    /// When somebody has been rung for long enough.
    fn next_deadline_ms(&self) -> Option<u64> {
        self.ringing.values().min().copied()
    }

    /// The nodes of those in it.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        let nodes: BTreeSet<_> = self.speakers.values().map(|speaker| speaker.session.node).collect();
        nodes.into_iter().collect()
    }
}

/// The calls of a channel.
#[derive(Debug, Default)]
pub(super) struct Calls {
    now: Option<Call>,
    /// One that an owner before has lost.
    lost: Option<Call>,
}

impl Calls {
    /// With a call that the rows have.
    pub(super) fn found(call: Option<Call>) -> Self {
        Self { now: None, lost: call }
    }

    /// Whether there is one.
    pub(super) fn is_empty(&self) -> bool {
        self.now.is_none() && self.lost.is_none()
    }

    /// When something is to be done.
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.alarm_ms().into_iter().chain(self.now.as_ref().and_then(Call::next_deadline_ms)).min()
    }

    /// When the owner must be awake.
    pub(super) fn alarm_ms(&self) -> Option<u64> {
        let lost = self.lost.as_ref().map(|_| 0);
        lost.or_else(|| self.now.as_ref().map(|call| call.watched_until_ms))
    }

    /// The nodes of those who are in it.
    pub(super) fn nodes(&self) -> Vec<NodeId> {
        self.now.as_ref().map_or_else(Vec::new, Call::nodes)
    }

    /// The call in bytes, for an owner elsewhere.
    pub(super) fn freeze(&self) -> Option<Box<[u8]>> {
        self.now.as_ref().map(|call| row::encode(call).to_vec().into())
    }

    /// Takes up what an owner before has handed over; false when it cannot be read.
    pub(super) fn thaw(&mut self, frozen: &[u8]) -> bool {
        let Ok(call) = row::decode(frozen) else { return false };
        *self = Self { now: Some(call), lost: None };
        true
    }
}

impl PrivateChannel {
    pub(super) fn handle_call(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Join { session, session_id, flags } => self.join_call(cx, *session, session_id, *flags)?,
            Op::Leave { session } => {
                let user = if cx.caller.system { session.user } else { cx.caller.user };
                self.leave_call(cx, user, |speaker| is_same(&speaker, session));
            }
            Op::Show { session } => self.show_call(cx, *session)?,
            Op::Ringable => {
                self.row_for(cx)?;
                return match self.may_call(cx) {
                    Err(Stop::Load(load)) => Err(Stop::Load(load)),
                    may => Outcome::json(&json!({"ringable": may.is_ok()})),
                };
            }
            Op::Confirm => {
                self.row_for(cx)?;
                self.calls.now.as_ref().ok_or_else(ApiError::unknown_channel)?;
            }
            Op::Ring { users } => self.ring(cx, users.as_deref())?,
            Op::StopRinging { users } => self.stop_ringing(cx, users.as_deref())?,
            Op::Ended { message, participants, at } => {
                Self::require_system(cx)?;
                let mut message = stored(cx, self.id, *message)?;
                let participants = participants.clone();
                message.call = Some(MessageCall { participants, ended_timestamp: Some(*at) });
                amend(self, cx, &message);
            }
        }
        Outcome::EMPTY
    }

    /// Bots call nobody (Voice Connections page), nor does who could not write.
    fn may_call(&mut self, cx: &mut Cx<'_>) -> Result<(), Stop> {
        self.row_for(cx)?;
        if cx.caller.bot {
            return Err(ApiError::bots_not_allowed().into());
        }
        self.look_for_reach(cx)?;
        Ok(self.may_write(cx, self.id, Permissions::DM)?)
    }

    fn join_call(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionKey,
        session_id: &str,
        flags: Flags,
    ) -> Result<(), Stop> {
        self.may_call(cx)?;
        if self.calls.lost.is_some() {
            // It ends at the next tick; the gateway tells of the session again.
            return Err(ApiError::overloaded().into());
        }
        let user = cx.caller.user;
        if self.calls.now.is_none() {
            self.begin_call(cx, user);
        }
        let Some(call) = &mut self.calls.now else { return Ok(()) };
        let state = voice_state(self.id, user, session_id, flags);
        // The account that joined is the one to be told, whatever is said of its session.
        let session = SessionKey { user, ..session };
        let stays = call.speakers.get(&user).filter(|before| before.session == session);
        // Whoever asks for what is so already has lost its voice connection, and is given a new token.
        let known = stays.filter(|before| before.state != state).map(|before| before.token.clone());
        let is_new = known.is_none();
        let token = known.unwrap_or_else(|| cx.random.token(TOKEN_CHARS));
        let speaker = Speaker { state: state.clone(), session, token };
        let participant = participant(self.id, &speaker);
        call.participants.insert(user);
        let was_rung = call.ringing.remove(&user).is_some();
        call.speakers.insert(user, speaker);
        if is_new {
            // The session's own state goes to it directly, too: by way of its account it could come after VOICE_SERVER_UPDATE.
            Self::tell_session(cx, session, "VOICE_STATE_UPDATE", &state);
            cx.tell(Fact::User { user, op: user::Op::InCall { channel: self.id, session } });
        }
        self.tell_all(cx, "VOICE_STATE_UPDATE", &state);
        if was_rung {
            self.tell_ringing(cx);
        }
        cx.tell(Fact::Voice { guild: self.voice_key(), op: voice::Op::Put(Box::new(participant)) });
        self.store_call(cx);
        Ok(())
    }

    /// By what voice servers know the call: upstream's clients name the channel as the server, too.
    fn voice_key(&self) -> GuildId {
        GuildId::new(self.id.get())
    }

    fn begin_call(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(author) = self.person(user).cloned() else { return };
        let id = self.id;
        let message = system_message(self, cx, id, author, MessageType::Call, "", |message| {
            message.call = Some(MessageCall { participants: vec![user], ended_timestamp: None });
        });
        self.calls.now = Some(Call {
            message: message.id,
            ringing: BTreeMap::new(),
            speakers: BTreeMap::new(),
            participants: BTreeSet::new(),
            watched_until_ms: cx.now_ms + WATCH_MS,
        });
        if let Some(body) = self.call_body(true) {
            self.tell_all(cx, "CALL_CREATE", &body);
        }
    }

    /// Takes somebody out of the call, if it is there by a session that `of` accepts. The last one ends it.
    fn leave_call(&mut self, cx: &mut Cx<'_>, user: UserId, of: impl Fn(SessionKey) -> bool) {
        let Some(call) = &mut self.calls.now else { return };
        if !call.speakers.get(&user).is_some_and(|speaker| of(speaker.session)) {
            return;
        }
        let Some(speaker) = call.speakers.remove(&user) else { return };
        let over = call.speakers.is_empty();
        let state = VoiceState { channel_id: None, self_stream: false, self_video: false, ..speaker.state };
        self.tell_all(cx, "VOICE_STATE_UPDATE", &state);
        cx.tell(Fact::Voice { guild: self.voice_key(), op: voice::Op::Remove { user } });
        if over {
            self.end_call(cx);
        }
        self.store_call(cx);
    }

    /// Somebody is no longer one of the people.
    pub(super) fn forget_in_call(&mut self, cx: &mut Cx<'_>, user: UserId) {
        self.leave_call(cx, user, |_| true);
        if self.calls.now.as_mut().is_some_and(|call| call.ringing.remove(&user).is_some()) {
            self.tell_ringing(cx);
            self.store_call(cx);
        }
    }

    fn end_call(&mut self, cx: &mut Cx<'_>) {
        let Some(call) = self.calls.now.take() else { return };
        self.tell_all(cx, "CALL_DELETE", &json!({"channel_id": self.id}));
        // The message is read and changed in a turn of its own.
        let participants = call.participants.into_iter().collect();
        let at = Timestamp::from_ms(cx.now_ms);
        let op = private::Op::Call(Op::Ended { message: call.message, participants, at });
        cx.effect(Effect::Private { channel: self.id, op });
    }

    fn store_call(&self, cx: &mut Cx<'_>) {
        match &self.calls.now {
            Some(call) => cx.put(Table::PrivateChannels, self.id.get(), CALL, call),
            None => cx.delete(Table::PrivateChannels, self.id.get(), CALL),
        }
    }

    /// A node is gone, and the sessions it had.
    pub(super) fn end_calls_of_node(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        for user in self.in_call() {
            self.leave_call(cx, user, |session| session.node == node);
        }
    }

    fn in_call(&self) -> Vec<UserId> {
        self.calls.now.iter().flat_map(|call| call.speakers.keys().copied()).collect()
    }

    /// Ends a lost call, and lets be those who have been rung for long enough.
    pub(super) fn tick_call(&mut self, cx: &mut Cx<'_>) {
        if let Some(call) = self.calls.lost.take() {
            self.calls.now = Some(call);
            for user in self.in_call() {
                self.leave_call(cx, user, |_| true);
            }
        }
        let Some(call) = &mut self.calls.now else { return };
        let rung = call.ringing.len();
        call.ringing.retain(|_, until| *until > cx.now_ms);
        let is_fewer = call.ringing.len() < rung;
        if call.watched_until_ms <= cx.now_ms {
            call.watched_until_ms = cx.now_ms + WATCH_MS;
        }
        if is_fewer {
            self.tell_ringing(cx);
            self.store_call(cx);
        }
    }

    /// Rings these people, or all. Whoever rings is in the call.
    fn ring(&mut self, cx: &mut Cx<'_>, users: Option<&[UserId]>) -> Result<(), Stop> {
        self.may_call(cx)?;
        let wanted = |user: &UserId| users.is_none_or(|users| users.contains(user));
        let people: Vec<_> =
            self.people().into_iter().filter(|user| wanted(user) && self.is_person(*user)).collect();
        let caller = cx.caller.user;
        let inside = self.calls.now.as_mut().filter(|call| call.speakers.contains_key(&caller));
        let call = inside.ok_or_else(ApiError::unknown_voice_state)?;
        let before = call.ringing.len();
        for user in people.into_iter().filter(|user| !call.speakers.contains_key(user)) {
            call.ringing.insert(user, cx.now_ms + RING_MS);
        }
        let is_more = call.ringing.len() != before;
        if is_more {
            self.tell_ringing(cx);
        }
        self.store_call(cx);
        Ok(())
    }

    /// Stops to ring these people, or the caller. Whoever stops it for others is in the call.
    fn stop_ringing(&mut self, cx: &mut Cx<'_>, users: Option<&[UserId]>) -> Result<(), Stop> {
        self.row_for(cx)?;
        let caller = cx.caller.user;
        let Some(call) = &mut self.calls.now else { return Ok(()) };
        let own = [caller];
        let users = users.unwrap_or(&own);
        if users != own && !call.speakers.contains_key(&caller) {
            return Err(ApiError::unknown_voice_state().into());
        }
        let before = call.ringing.len();
        call.ringing.retain(|user, _| !users.contains(user));
        if call.ringing.len() < before {
            self.tell_ringing(cx);
            self.store_call(cx);
        }
        Ok(())
    }

    /// Opcode 13: a session asks whether there is a call.
    fn show_call(&mut self, cx: &mut Cx<'_>, session: SessionKey) -> Result<(), Stop> {
        self.row_for(cx)?;
        if let Some(body) = self.call_body(true) {
            Self::tell_session(cx, session, "CALL_CREATE", &body);
        }
        Ok(())
    }

    /// The call as its events have it. `whole`: with who is in it.
    fn call_body(&self, whole: bool) -> Option<Value> {
        let call = self.calls.now.as_ref()?;
        let mut body = json!({
            "channel_id": self.id, "message_id": call.message, "region": REGION,
            "ringing": call.ringing.keys().collect::<Vec<_>>(),
        });
        if whole {
            body["voice_states"] =
                json!(call.speakers.values().map(|speaker| &speaker.state).collect::<Vec<_>>());
        }
        Some(body)
    }

    fn tell_ringing(&self, cx: &mut Cx<'_>) {
        if let Some(body) = self.call_body(false) {
            self.tell_all(cx, "CALL_UPDATE", &body);
        }
    }

    fn is_person(&self, user: UserId) -> bool {
        self.person(user).is_some_and(|person| !person.bot)
    }

    /// Tells all of the people but bots, who call nobody.
    fn tell_all<T: Serialize + ?Sized>(&self, cx: &mut Cx<'_>, name: &'static str, d: &T) {
        for user in self.people().into_iter().filter(|user| self.is_person(*user)) {
            self.tell(cx, user, name, d);
        }
    }

    /// Tells one session.
    fn tell_session<T: Serialize + ?Sized>(cx: &mut Cx<'_>, to: SessionKey, name: &'static str, d: &T) {
        let event = Event::new(name, Intents::empty(), Audience::all(), d);
        let message = relay::Op::Direct { sessions: vec![to], event: Arc::new(event) };
        cx.publish(Publication::Relay { node: to.node, message });
    }
}

/// Whether two addresses are of one session, whoever has it by what is said.
fn is_same(one: &SessionKey, other: &SessionKey) -> bool {
    SessionKey { user: other.user, ..*one } == *other
}

fn voice_state(channel: ChannelId, user: UserId, session_id: &str, flags: Flags) -> VoiceState {
    VoiceState {
        guild_id: None,
        channel_id: Some(channel),
        user_id: user,
        member: None,
        session_id: session_id.to_owned(),
        deaf: false,
        mute: false,
        self_deaf: flags.self_deaf,
        self_mute: flags.self_mute || flags.self_deaf,
        self_stream: flags.self_stream,
        self_video: flags.self_video,
        suppress: false,
        request_to_speak_timestamp: None,
    }
}

/// What the voice server is told: in a call everybody may speak and show.
fn participant(channel: ChannelId, speaker: &Speaker) -> Participant {
    let Speaker { state, session, token } = speaker;
    let rights = Rights { speak: true, hear: !state.self_deaf, priority: false, video: true };
    let (session_id, token) = (state.session_id.clone(), token.clone());
    Participant { user: state.user_id, session: *session, session_id, channel, token, rights }
}
