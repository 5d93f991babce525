//! What the voice server of the guild is told: who is in which channel, by which token, and what each may do there.
//!
//! It is told all that is so of a user whenever that has changed, also by a role, an overwrite, or the end of a timeout.

use std::collections::BTreeMap;

use consort_actor::Cx;
use consort_model::{ChannelType, Permissions, UserId};
use consort_rpc::guild::{Op, member};
use consort_rpc::voice::{self, Participant, Rights};
use consort_rpc::{Fact, relay::SessionKey};

use super::voice::Speaker;
use super::{Guild, Phase};
use crate::roster::Packed;

/// Characters of the token of VOICE_SERVER_UPDATE: 190 bits.
const TOKEN_CHARS: usize = 32;

/// What the voice server knows.
#[derive(Debug, Default)]
pub(super) struct Told {
    participants: BTreeMap<UserId, Participant>,
    /// When timeouts of those in voice end, Unix milliseconds.
    timeouts: BTreeMap<UserId, u64>,
}

impl Told {
    /// When somebody may speak again.
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.timeouts.values().min().copied()
    }
}

/// Whose rights in voice an operation may have changed.
enum Whose {
    Nobodys,
    Ones(UserId),
    Everybodys,
}

fn whose(op: &Op) -> Whose {
    match op {
        // Answers to questions give roles.
        Op::Channel(_) | Op::Role(_) | Op::Settings(_) | Op::Onboarding(_) => Whose::Everybodys,
        Op::Member(
            member::Op::Update { user, .. }
            | member::Op::AddRole { user, .. }
            | member::Op::RemoveRole { user, .. },
        ) => Whose::Ones(*user),
        _ => Whose::Nobodys,
    }
}

impl Guild {
    /// A token that nobody knows yet.
    pub(super) fn new_voice_token(cx: &Cx<'_>) -> String {
        cx.random.token(TOKEN_CHARS)
    }

    /// Tells the voice server of a user in voice, if it does not know all.
    pub(super) fn tell_voice_server(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(Speaker { state, session: Some(session), token }) = self.voice.get(user) else { return };
        let (Some(channel), false) = (state.channel_id, token.is_empty()) else { return };
        let held = self.permissions_in(user, channel, cx.now_ms).unwrap_or(Permissions::empty());
        let rights = Rights {
            speak: !state.mute && !state.suppress,
            hear: !state.deaf && !state.self_deaf,
            priority: held.contains(Permissions::PRIORITY_SPEAKER),
            // The audience of a stage shows nothing either.
            video: held.contains(Permissions::STREAM) && !state.suppress,
        };
        let (session, session_id, token) = (*session, state.session_id.clone(), token.clone());
        // The account that joined is the one to be told, whatever is said of its session.
        let session = SessionKey { user, ..session };
        let participant = Participant { user, session, session_id, channel, token, rights };
        let timeout = self.members.get(user).and_then(Packed::timeout).map(|until| until.ms());
        let told = &mut self.voice.told;
        match timeout.filter(|until| *until > cx.now_ms) {
            Some(until) => drop(told.timeouts.insert(user, until)),
            None => drop(told.timeouts.remove(&user)),
        }
        if told.participants.get(&user) != Some(&participant) {
            told.participants.insert(user, participant.clone());
            cx.tell(Fact::Voice { guild: self.id, op: voice::Op::Put(Box::new(participant)) });
        }
    }

    /// Tells the voice server that a user has left.
    pub(super) fn tell_voice_left(&mut self, cx: &mut Cx<'_>, user: UserId) {
        self.voice.told.participants.remove(&user);
        self.voice.told.timeouts.remove(&user);
        cx.tell(Fact::Voice { guild: self.id, op: voice::Op::Remove { user } });
    }

    /// After an operation that has changed something: those in voice may do now what the guild says now.
    pub(super) fn follow_voice_rights(&mut self, cx: &mut Cx<'_>, op: &Op) {
        if cx.batch.is_empty() || self.phase != Phase::Live {
            return;
        }
        match whose(op) {
            Whose::Nobodys => {}
            Whose::Ones(user) => self.refresh_voice_rights(cx, user),
            Whose::Everybodys => {
                for user in self.voice.users().collect::<Vec<_>>() {
                    self.refresh_voice_rights(cx, user);
                }
            }
        }
    }

    /// Timeouts that have ended.
    pub(super) fn end_voice_timeouts(&mut self, cx: &mut Cx<'_>) {
        let ended = self.voice.told.timeouts.iter().filter(|(_, until)| **until <= cx.now_ms);
        for user in ended.map(|(user, _)| *user).collect::<Vec<_>>() {
            self.voice.told.timeouts.remove(&user);
            self.refresh_voice_rights(cx, user);
        }
    }

    pub(super) fn refresh_voice_rights(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(mut speaker) = self.voice.get(user).cloned() else { return };
        let suppress = self.is_suppressed(cx, user, &speaker.state);
        if suppress == speaker.state.suppress {
            self.tell_voice_server(cx, user);
        } else {
            speaker.state.suppress = suppress;
            self.keep_voice(cx, user, speaker);
        }
    }

    /// Whether somebody may not speak where it is: on a stage unless it was invited to, elsewhere without SPEAK.
    pub(super) fn is_suppressed(&self, cx: &Cx<'_>, user: UserId, state: &consort_model::VoiceState) -> bool {
        let Some(channel) = state.channel_id else { return false };
        match self.channels.get(&channel).map(|channel| channel.kind) {
            Some(ChannelType::GuildStageVoice) => state.suppress,
            _ => !self.holds(user, channel, Permissions::SPEAK, cx.now_ms),
        }
    }
}
