//! Voice states of a guild: who is in which voice channel, and how. Each is a row, so that it outlasts this owner.
//!
//! A state lives as long as the session that joined. That is told when it ends; a session that died with its node, or while
//! nobody owned the guild, says nothing. So states that were read from rows are in doubt until their sessions attach again, and
//! those that have not in [`GRACE_MS`] end, as do those of a node's earlier life once its next one attaches.
//!
//! What the voice server is told of it, which carries the voices and tells sessions where it is: `voice_server`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{
    ApiError, AuditLogEvent, Channel, ChannelId, ChannelType, Intents, Patch, Permissions, Timestamp, UserId,
    VoiceState,
};
use consort_rpc::guild::voice::{Flags, Op};
use consort_rpc::relay::SessionKey;
use consort_rpc::{Audience, Change, Event, NodeId, Publication, View, Withheld, relay};
use consort_store::Table;
use serde::{Deserialize, Serialize};

use super::Guild;
use super::audit::Note;
use super::members::member_key;
use super::voice_server::Told;
use crate::planted::Leak;
use crate::roster::Packed;

/// How long sessions may take to attach again to a guild that was loaded; choice of ours. Many people at once need most of a
/// minute.
const GRACE_MS: u64 = 60_000;
/// Keys in `Table::GuildMisc` of the voice states of members.
pub(super) const VOICE: &[u8] = b"voice/";

/// A state with the session that joined: the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Speaker {
    pub(super) state: VoiceState,
    pub(super) session: Option<SessionKey>,
    /// With which it may connect to the voice server; empty in rows of a time without one.
    #[serde(default)]
    pub(super) token: String,
}

/// States in doubt, and until when.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Doubt {
    users: BTreeSet<UserId>,
    until_ms: u64,
}

/// The voice states of a guild.
#[derive(Debug, Default)]
pub(crate) struct Voice {
    speakers: BTreeMap<UserId, Speaker>,
    /// Those whose sessions have not been heard of since the guild was loaded, and until when they may be.
    doubt: Doubt,
    pub(super) told: Told,
}

impl Voice {
    pub(super) fn get(&self, user: UserId) -> Option<&Speaker> {
        self.speakers.get(&user)
    }

    /// The users, by rising id.
    pub(super) fn users(&self) -> impl Iterator<Item = UserId> {
        self.speakers.keys().copied()
    }

    /// The states, by rising user id.
    pub(super) fn states(&self) -> impl Iterator<Item = &VoiceState> {
        self.speakers.values().map(|speaker| &speaker.state)
    }

    /// Takes in a stored state; its session must be heard of.
    pub(super) fn restore(&mut self, user: UserId, speaker: Speaker, now_ms: u64) {
        self.speakers.insert(user, speaker);
        self.doubt.users.insert(user);
        self.doubt.until_ms = now_ms + GRACE_MS;
    }

    /// The states in doubt.
    pub(super) fn doubt(&self) -> Doubt {
        self.doubt.clone()
    }

    /// Takes up another owner's doubts in place of one's own.
    pub(super) fn restore_doubt(&mut self, doubt: Doubt) {
        self.doubt = doubt;
    }

    /// Whether nobody is in a channel.
    pub(super) fn is_empty(&self, channel: ChannelId) -> bool {
        self.inside(channel).next().is_none()
    }

    fn inside(&self, channel: ChannelId) -> impl Iterator<Item = UserId> {
        let inside =
            self.speakers.iter().filter(move |(_, speaker)| speaker.state.channel_id == Some(channel));
        inside.map(|(user, _)| *user)
    }

    fn of_session(&self, ended: impl Fn(&SessionKey) -> bool) -> Vec<UserId> {
        let ended = |speaker: &Speaker| speaker.session.as_ref().is_some_and(&ended);
        self.speakers.iter().filter(|(_, speaker)| ended(speaker)).map(|(user, _)| *user).collect()
    }

    /// When states that are still in doubt end, or somebody may speak again.
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        let doubt = (!self.doubt.users.is_empty()).then_some(self.doubt.until_ms);
        doubt.into_iter().chain(self.told.next_deadline_ms()).min()
    }
}

impl Guild {
    pub(crate) fn handle_voice(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Update { session, session_id, channel, flags } => {
                self.update_voice(cx, *session, session_id, *channel, *flags)
            }
            Op::Gone { session } => {
                let user = cx.caller.user;
                if self.voice.get(user).is_some_and(|speaker| speaker.session == Some(*session)) {
                    self.leave_voice(cx, user);
                }
                Outcome::EMPTY
            }
            Op::Get { user } => self.get_voice_state(cx, *user),
            Op::Modify { user, channel, suppress, request_to_speak } => {
                self.modify_voice(cx, *user, *channel, *suppress, *request_to_speak)
            }
        }
    }

    /// A voice or stage channel.
    pub(crate) fn require_voice_channel(&self, channel: ChannelId) -> Result<&Channel, ApiError> {
        let found = self.channel(channel)?;
        if found.kind.is_voice() { Ok(found) } else { Err(ApiError::wrong_channel_type()) }
    }

    /// Opcode 4. What is refused is answered with the error, for the log: clients are told nothing upstream either.
    fn update_voice(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionKey,
        session_id: &str,
        channel: Option<ChannelId>,
        flags: Flags,
    ) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let user = cx.caller.user;
        let Some(channel) = channel else {
            self.leave_voice(cx, user);
            return Outcome::EMPTY;
        };
        let present = self.voice_channel_of(user) == Some(channel);
        if !present {
            self.may_connect(cx, user, channel)?;
        }
        let before = self.voice.get(user).filter(|_| present).cloned();
        let mut state = match &before {
            Some(speaker) => speaker.state.clone(),
            None => self.new_voice_state(cx, user, channel, session_id),
        };
        session_id.clone_into(&mut state.session_id);
        state.self_mute = flags.self_mute || flags.self_deaf;
        state.self_deaf = flags.self_deaf;
        let may_show = self.holds(user, channel, Permissions::STREAM, cx.now_ms);
        state.self_video = flags.self_video && may_show;
        state.self_stream = flags.self_stream && may_show;
        let stays = before.as_ref().filter(|before| before.session == Some(session));
        let asks_again = stays.is_some_and(|before| before.state == state);
        if asks_again {
            // Whoever asks for what is so already has lost its voice connection, and waits for both events.
            self.send_voice_state(cx, session, &state);
        }
        let known = stays.filter(|before| !asks_again && !before.token.is_empty());
        let token = known.map_or_else(|| Self::new_voice_token(cx), |before| before.token.clone());
        self.set_voice(cx, user, Speaker { state, session: Some(session), token });
        Outcome::EMPTY
    }

    pub(super) fn holds(&self, user: UserId, channel: ChannelId, wanted: Permissions, now_ms: u64) -> bool {
        self.permissions_in(user, channel, now_ms).is_some_and(|held| held.contains(wanted))
    }

    /// VIEW_CHANNEL and CONNECT, and a place: who may move members always finds one.
    fn may_connect(&self, cx: &Cx<'_>, user: UserId, channel: ChannelId) -> Result<(), Stop> {
        let limit = self.require_voice_channel(channel)?.user_limit.unwrap_or(0);
        self.require_in(cx, channel, Permissions::CONNECT)?;
        let inside = self.voice.inside(channel).count();
        let full = limit > 0 && inside >= limit as usize;
        if full && !self.holds(user, channel, Permissions::MOVE_MEMBERS, cx.now_ms) {
            return Err(ApiError::missing_permissions().into());
        }
        Ok(())
    }

    fn new_voice_state(&self, cx: &Cx<'_>, user: UserId, channel: ChannelId, session_id: &str) -> VoiceState {
        let member = self.members.get(user);
        let state = VoiceState {
            guild_id: Some(self.id),
            channel_id: Some(channel),
            user_id: user,
            member: None,
            session_id: session_id.to_owned(),
            deaf: member.is_some_and(Packed::is_deafened),
            mute: member.is_some_and(Packed::is_muted),
            self_deaf: false,
            self_mute: false,
            self_stream: false,
            self_video: false,
            suppress: true,
            request_to_speak_timestamp: None,
        };
        VoiceState { suppress: self.is_suppressed(cx, user, &state), ..state }
    }

    /// Keeps a state that its session, or a moderator, has just made, and tells of it.
    fn set_voice(&mut self, cx: &mut Cx<'_>, user: UserId, speaker: Speaker) {
        self.voice.doubt.users.remove(&user);
        self.keep_voice(cx, user, speaker);
    }

    /// Keeps a state and tells of it.
    pub(super) fn keep_voice(&mut self, cx: &mut Cx<'_>, user: UserId, speaker: Speaker) {
        if self.voice.get(user) != Some(&speaker) {
            cx.put(Table::GuildMisc, self.id.get(), member_key(VOICE, user), &speaker);
        }
        let state = speaker.state.clone();
        let before = self.voice.speakers.insert(user, speaker).map(|old| old.state);
        if before.as_ref() != Some(&state) {
            self.publish_voice(cx, before.and_then(|old| old.channel_id), state);
        }
        self.tell_voice_server(cx, user);
    }

    /// VOICE_STATE_UPDATE goes to those who see the channel, and to the user itself whatever its intents. Who sees only the
    /// channel that was left is told that the user is gone.
    fn publish_voice(&mut self, cx: &mut Cx<'_>, from: Option<ChannelId>, state: VoiceState) {
        let user = state.user_id;
        for channel in [from, state.channel_id].into_iter().flatten() {
            self.note_attendance(cx.now_ms, channel);
            self.note_speakers(cx, channel);
        }
        let state = VoiceState { member: self.members.get(user).map(Packed::unpack), ..state };
        let Some(channel) = state.channel_id.or(from) else { return };
        let audience = Audience::view(self.view_of(channel)).and_always([user]);
        let event = Event::new("VOICE_STATE_UPDATE", Intents::GUILD_VOICE_STATES, audience, &state);
        self.publish(cx, event.withhold(Withheld::but(Change::voice(&state, from != state.channel_id))));
        let Some(from) = from.filter(|from| *from != channel) else { return };
        let left_behind = self.seen_by(from).minus(&self.seen_by(channel));
        if !left_behind.is_empty() {
            let audience = Audience::view(View::Classes(Arc::new(left_behind))).without([user]);
            let state = departed(state);
            let event = Event::new("VOICE_STATE_UPDATE", Intents::GUILD_VOICE_STATES, audience, &state);
            self.publish(cx, event.withhold(Withheld::but(Change::voice(&state, false))));
        }
    }

    /// Tells those who begin to see a channel who is in it.
    pub(crate) fn sync_voice(&mut self, cx: &mut Cx<'_>, channel: ChannelId, audience: &Audience) {
        let inside: Vec<_> =
            self.voice.states().filter(|state| state.channel_id == Some(channel)).cloned().collect();
        for state in inside {
            let state = VoiceState { member: self.members.get(state.user_id).map(Packed::unpack), ..state };
            let intents = Intents::GUILD_VOICE_STATES;
            self.publish(cx, Event::new("VOICE_STATE_UPDATE", intents, audience.clone(), &state));
        }
    }

    /// Tells a session its own state, which it knows.
    fn send_voice_state(&self, cx: &mut Cx<'_>, session: SessionKey, state: &VoiceState) {
        let state =
            VoiceState { member: self.members.get(state.user_id).map(Packed::unpack), ..state.clone() };
        let event = Event::new("VOICE_STATE_UPDATE", Intents::empty(), Audience::all(), &state);
        let message = relay::Op::Direct { sessions: vec![session], event: Arc::new(event) };
        cx.publish(Publication::Relay { node: session.node, message });
    }

    /// Takes a user out of voice and tells of it.
    pub(crate) fn leave_voice(&mut self, cx: &mut Cx<'_>, user: UserId) {
        self.voice.doubt.users.remove(&user);
        let Some(Speaker { state, .. }) = self.voice.speakers.remove(&user) else { return };
        cx.delete(Table::GuildMisc, self.id.get(), member_key(VOICE, user));
        self.publish_voice(cx, state.channel_id, departed(state));
        self.tell_voice_left(cx, user);
    }

    /// A session attaches: it is there, and the earlier lives of its node are not.
    pub(crate) fn hear_of_session(&mut self, cx: &mut Cx<'_>, session: SessionKey) {
        let user = cx.caller.user;
        if self.voice.get(user).is_some_and(|speaker| speaker.session == Some(session)) {
            self.voice.doubt.users.remove(&user);
        }
        if self.voice.doubt.users.is_empty() {
            return;
        }
        let over = |other: &SessionKey| other.node == session.node && other.generation != session.generation;
        for user in self.voice.of_session(over) {
            self.leave_voice(cx, user);
        }
    }

    /// A node has no sessions of the guild any more.
    pub(crate) fn end_voice_of_node(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        for user in self.voice.of_session(|session| session.node == node) {
            self.leave_voice(cx, user);
        }
    }

    /// Ends the states whose sessions have not been heard of in time, and timeouts.
    pub(crate) fn tick_voice(&mut self, cx: &mut Cx<'_>) {
        self.end_voice_timeouts(cx);
        if self.voice.doubt.until_ms <= cx.now_ms {
            for user in std::mem::take(&mut self.voice.doubt.users) {
                self.leave_voice(cx, user);
            }
        }
    }

    /// Disconnects everybody from a channel.
    pub(crate) fn leave_voice_channel(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        for user in self.voice.inside(channel).collect::<Vec<_>>() {
            self.leave_voice(cx, user);
        }
    }

    /// A moderator throws a member out of voice.
    pub(crate) fn disconnect(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if self.voice.get(user).is_some() {
            self.leave_voice(cx, user);
            self.audit(cx, AuditLogEvent::MemberDisconnect, Note::default().with("count", 1));
        }
    }

    /// A moderator puts a member in another voice channel.
    pub(crate) fn move_voice(&mut self, cx: &mut Cx<'_>, user: UserId, channel: ChannelId) {
        let Some(Speaker { state, session, .. }) = self.voice.get(user).cloned() else { return };
        if state.channel_id == Some(channel) {
            return;
        }
        let fresh = self.new_voice_state(cx, user, channel, &state.session_id);
        let state = VoiceState {
            channel_id: Some(channel),
            suppress: fresh.suppress,
            request_to_speak_timestamp: None,
            ..state
        };
        self.set_voice(cx, user, Speaker { state, session, token: Self::new_voice_token(cx) });
        let note = Note::default().with("channel_id", channel).with("count", 1);
        self.audit(cx, AuditLogEvent::MemberMove, note);
    }

    /// Mute or deaf of the member has changed.
    pub(crate) fn refresh_voice(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(mut speaker) = self.voice.get(user).cloned() else { return };
        let Some(member) = self.members.get(user) else { return };
        (speaker.state.mute, speaker.state.deaf) = (member.is_muted(), member.is_deafened());
        self.set_voice(cx, user, speaker);
    }

    fn get_voice_state(&self, cx: &Cx<'_>, user: Option<UserId>) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let user = user.unwrap_or(cx.caller.user);
        let found =
            self.voice.get(user).and_then(|speaker| Some((&speaker.state, speaker.state.channel_id?)));
        let Some((state, channel)) = found else { return Err(ApiError::unknown_voice_state().into()) };
        if user != cx.caller.user {
            self.require_in(cx, channel, Permissions::VIEW_CHANNEL)?;
        }
        Outcome::json(&VoiceState { member: self.members.get(user).map(Packed::unpack), ..state.clone() })
    }

    /// Stage channels: speaking and asking to speak (Voice, Modify Current User Voice State, Modify User Voice State).
    fn modify_voice(
        &mut self,
        cx: &mut Cx<'_>,
        user: Option<UserId>,
        channel: Option<ChannelId>,
        suppress: Option<bool>,
        request_to_speak: Patch<Timestamp>,
    ) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let own = user.is_none_or(|user| user == cx.caller.user);
        let user = user.unwrap_or(cx.caller.user);
        let found = self.voice.get(user).cloned();
        let Speaker { state: before, session, token } = found.ok_or_else(ApiError::unknown_voice_state)?;
        let inside = before.channel_id.ok_or_else(ApiError::unknown_voice_state)?;
        if channel.is_some_and(|channel| channel != inside) {
            return Err(ApiError::unknown_voice_state().into());
        }
        if self.channel(inside)?.kind != ChannelType::GuildStageVoice {
            return Err(ApiError::wrong_channel_type().into());
        }
        // Everybody may stop to speak, and take up an invitation.
        let moderates = !own || before.suppress && suppress == Some(false);
        if moderates && !Leak::Speakers.is_planted() {
            self.require_in(cx, inside, Permissions::MUTE_MEMBERS)?;
        }
        if own && let Patch::Value(_) = request_to_speak {
            self.require_in(cx, inside, Permissions::REQUEST_TO_SPEAK)?;
        }
        let mut state = before.clone();
        state.suppress = suppress.unwrap_or(before.suppress);
        let bot = self.members.get(user).is_some_and(Packed::is_bot);
        let now = Timestamp::from_ms(cx.now_ms);
        state.request_to_speak_timestamp = match request_to_speak {
            // "Any present or future time"; who says to have asked before has asked now.
            Patch::Value(at) if own => Some(at.max(now)),
            Patch::Null if own => None,
            _ if state.suppress == before.suppress => before.request_to_speak_timestamp,
            // An invitation, which people take up themselves.
            _ => (!own && !state.suppress && !bot).then_some(now),
        };
        let speaks = |state: &VoiceState| !state.suppress && state.request_to_speak_timestamp.is_none();
        let begins = speaks(&state) && !speaks(&before);
        self.set_voice(cx, user, Speaker { state, session, token });
        if begins {
            self.say_who_speaks(cx, inside, user);
        }
        Outcome::EMPTY
    }
}

/// The state of somebody who is in no channel any more.
fn departed(state: VoiceState) -> VoiceState {
    VoiceState {
        channel_id: None,
        self_stream: false,
        self_video: false,
        suppress: false,
        request_to_speak_timestamp: None,
        ..state
    }
}
