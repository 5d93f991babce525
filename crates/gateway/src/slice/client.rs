//! What clients say.

use std::sync::Arc;
use std::time::Instant;

use consort_model::{ChannelId, GuildId};
use consort_rpc::guild::voice;
use consort_rpc::private::call;
use consort_rpc::user;
use consort_session::{Choice, Dispatch};
use consort_wire::gateway::limits::MAX_USER_PAYLOAD_BYTES;
use consort_wire::gateway::{
    CloseCode, GuildSubscription, Inbound, PresenceUpdate, VoiceStateUpdate, close_code_for, decode,
    ends_session, outbound,
};
use consort_wire::ws::{self, Decoder, Message};
use serde_json::{Value, json};

use super::{Effect, Phase, Slice};
use crate::config::{PRESENCE_UPDATES_MAX, PRESENCE_WINDOW};
use crate::presence::presence_of;

/// Guild ids in one command; a longer list is not looked at further.
pub(super) const GUILDS_PER_COMMAND_MAX: usize = 200;

impl Slice {
    /// Handles bytes that a socket brought. Gives how many were used: fewer than all when the connection is handed to
    /// another slice, which gets the rest.
    pub(crate) fn receive(&mut self, now: Instant, slot: usize, bytes: &mut [u8]) -> usize {
        let len = bytes.len();
        if self.conns[slot].phase == Phase::Handshake {
            let Some(mut frames) = self.handshake(now, slot, bytes) else { return len };
            // The request ended within these bytes, so what is not used of the frames is their end.
            let used = self.receive(now, slot, &mut frames);
            return len - (frames.len() - used).min(len);
        }
        let mut input = ws::Input::new(bytes);
        // The decoder is lent out while its messages are handled.
        let mut decoder = std::mem::replace(&mut self.conns[slot].decoder, Decoder::server(0));
        let mut handed_over = false;
        loop {
            let outcome = match decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(message)) => self.message(now, slot, &message),
                Err(error) => {
                    self.close(now, slot, close_code_for(&error));
                    Outcome::Go
                }
            };
            match outcome {
                Outcome::Go => {}
                Outcome::Limit(max) => decoder.set_max_message_bytes(max),
                Outcome::HandedOver => {
                    handed_over = true;
                    break;
                }
            }
        }
        let used = if handed_over { len - input.remaining() } else { len };
        self.conns[slot].decoder = decoder;
        used
    }

    fn message(&mut self, now: Instant, slot: usize, message: &Message<'_>) -> Outcome {
        if self.conns[slot].gone {
            return Outcome::Go;
        }
        self.hello(slot);
        if let Phase::Closing { .. } = self.conns[slot].phase {
            if let Message::Close(_) = message {
                self.peer_has_closed(now, slot);
            }
            return Outcome::Go;
        }
        if let Message::Close(reason) = *message {
            self.peer_closes(now, slot, reason.map(|(code, _)| code));
            return Outcome::Go;
        }
        if self.config.limits_commands && !self.conns[slot].count_command(now) {
            self.close(now, slot, CloseCode::RateLimited.number());
            return Outcome::Go;
        }
        match message {
            Message::Text(text) => self.payload(now, slot, text.as_bytes()),
            Message::Binary(bytes) => self.payload(now, slot, bytes),
            Message::Ping(payload) => {
                self.put_frame(slot, &ws::pong_frame(payload));
                self.check_own(now, slot);
                Outcome::Go
            }
            Message::Pong(_) | Message::Close(_) => Outcome::Go,
        }
    }

    /// The client says goodbye: with 1000 or 1001 the session is over, otherwise it can be resumed.
    fn peer_closes(&mut self, now: Instant, slot: usize, code: Option<u16>) {
        if ends_session(code)
            && let Phase::Live(session) = self.conns[slot].phase
        {
            self.release_output(slot);
            self.end_session(session);
        }
        let frame = ws::close_frame(code.unwrap_or(CloseCode::Normal.number()), "");
        self.close_with(now, slot, &frame, true);
    }

    fn check_own(&mut self, now: Instant, slot: usize) {
        if self.owns_too_much(slot) {
            self.cut_slow(now, slot);
        }
    }

    fn payload(&mut self, now: Instant, slot: usize, bytes: &[u8]) -> Outcome {
        let encoding = self.conns[slot].stream.encoding();
        // The decoder of frames has the limit of the account; this one is the outer bound.
        let inbound = match decode(encoding, bytes, MAX_USER_PAYLOAD_BYTES) {
            Ok(inbound) => inbound,
            Err(error) => {
                let code = match (self.conns[slot].phase, error.close_code()) {
                    (Phase::Unidentified, CloseCode::UnknownOpcode) if !is_first(&error) => {
                        CloseCode::NotAuthenticated
                    }
                    (_, code) => code,
                };
                self.close(now, slot, code.number());
                return Outcome::Go;
            }
        };
        match inbound {
            Inbound::Heartbeat(seq) => self.heartbeat(now, slot, seq),
            Inbound::Identify(identify) => self.identify(now, slot, *identify),
            Inbound::Resume(resume) => {
                if self.resume(now, slot, resume) {
                    return Outcome::HandedOver;
                }
                if let Phase::Live(session) = self.conns[slot].phase {
                    let bot = self.sessions[session].session.identity().bot;
                    return Outcome::Limit(super::identify::max_payload_bytes(bot));
                }
            }
            command => match self.conns[slot].phase {
                Phase::Live(session) => self.command(now, slot, session, command),
                // What comes before READY is early, not wrong.
                Phase::Identifying | Phase::Handshake | Phase::Upgraded | Phase::Closing { .. } => {}
                Phase::Unidentified => self.close(now, slot, CloseCode::NotAuthenticated.number()),
            },
        }
        Outcome::Go
    }

    fn heartbeat(&mut self, now: Instant, slot: usize, seq: Option<u64>) {
        let conn = &mut self.conns[slot];
        conn.heartbeat_at = now;
        let ack = outbound::heartbeat_ack(conn.stream.encoding());
        if let Phase::Live(session) = conn.phase {
            self.sessions[session].session.acknowledge(seq.unwrap_or(0));
        }
        self.put_own(slot, ack);
        self.check_own(now, slot);
    }

    fn command(&mut self, now: Instant, slot: usize, session: usize, command: Inbound) {
        match command {
            Inbound::PresenceUpdate(update) => self.set_presence(now, slot, session, &update),
            Inbound::VoiceStateUpdate(update) => self.voice_state(session, &update),
            Inbound::RequestGuildMembers(request) => self.request_members(now, session, &request),
            Inbound::GuildSubscriptions(subscription) => self.subscribe(session, &subscription),
            Inbound::GuildSubscriptionsBulk(subscriptions) => {
                for subscription in subscriptions.iter().take(GUILDS_PER_COMMAND_MAX) {
                    self.subscribe(session, subscription);
                }
            }
            Inbound::CallConnect { channel_id } => self.show_call(session, ChannelId::new(channel_id)),
            Inbound::RequestSoundboardSounds { guild_ids } => self.soundboard_sounds(session, &guild_ids),
            // Known opcodes for which this platform has nothing to say; clients do without an answer.
            _ => {}
        }
    }

    fn set_presence(&mut self, now: Instant, slot: usize, session: usize, update: &PresenceUpdate) {
        let conn = &mut self.conns[slot];
        if now.duration_since(conn.presence_since) >= PRESENCE_WINDOW {
            conn.presence_since = now;
            conn.presences = 0;
        }
        conn.presences = conn.presences.saturating_add(1);
        if conn.presences > PRESENCE_UPDATES_MAX {
            return;
        }
        let held = &mut self.sessions[session];
        let identity = held.session.identity();
        held.presence = Some(Box::new(presence_of(identity.viewer.user, identity.bot, update)));
        if held.session.is_opening() {
            held.presence_is_news = true;
        } else {
            self.tell_presence(session);
        }
    }

    pub(super) fn tell_presence(&mut self, session: usize) {
        let held = &self.sessions[session];
        let Some(presence) = held.presence.clone() else { return };
        let op = user::gateway::Op::SetPresence { session: held.session.identity().key, presence };
        let effect = Effect::user(&held.caller(), op);
        self.effects.push(effect);
    }

    fn voice_state(&mut self, session: usize, update: &VoiceStateUpdate) {
        let Some(guild) = update.guild_id.map(GuildId::new) else { return self.call_state(session, update) };
        if update.channel_id.is_some() {
            self.leave_call(session);
        }
        let held = &mut self.sessions[session];
        if held.session.attachment(guild).is_none() {
            return;
        }
        held.voice.retain(|joined| *joined != guild);
        if update.channel_id.is_some() {
            held.voice.push(guild);
        }
        let flags = flags(update);
        let identity = held.session.identity();
        let channel = update.channel_id.map(Into::into);
        let effect = Effect::voice(&held.caller(), guild, (identity.key, identity.id), channel, flags);
        self.effects.push(effect);
    }

    /// Opcode 4 without a guild: a person joins the call of a private channel, or leaves voice, wherever it is (people's clients name no
    /// guild then). A person's session is in one call, or in voice of a guild.
    fn call_state(&mut self, session: usize, update: &VoiceStateUpdate) {
        let held = &self.sessions[session];
        if held.session.identity().bot {
            return;
        }
        let channel = update.channel_id.map(ChannelId::new);
        if channel.is_none() || held.call != channel {
            self.leave_voice(session);
        }
        let Some(channel) = channel else { return };
        let held = &mut self.sessions[session];
        held.call = Some(channel);
        let identity = held.session.identity();
        let (key, session_id) = (identity.key, identity.id.to_string());
        let op = call::Op::Join { session: key, session_id, flags: flags(update) };
        let effect = Effect::call(&held.caller(), channel, op);
        self.effects.push(effect);
    }

    /// Opcode 13.
    fn show_call(&mut self, session: usize, channel: ChannelId) {
        let held = &self.sessions[session];
        let op = call::Op::Show { session: held.session.identity().key };
        let effect = Effect::call(&held.caller(), channel, op);
        self.effects.push(effect);
    }

    fn leave_call(&mut self, session: usize) {
        let held = &mut self.sessions[session];
        if let Some(channel) = held.call.take() {
            let op = call::Op::Leave { session: held.session.identity().key };
            let effect = Effect::call(&held.caller(), channel, op);
            self.effects.push(effect);
        }
    }

    /// The session is in voice nowhere any more.
    pub(super) fn leave_voice(&mut self, session: usize) {
        self.leave_call(session);
        let held = &mut self.sessions[session];
        let (caller, key) = (held.caller(), held.session.identity().key);
        for guild in std::mem::take(&mut held.voice) {
            self.effects.push(Effect::voice_gone(&caller, guild, key));
        }
    }

    fn soundboard_sounds(&mut self, session: usize, guilds: &[u64]) {
        for guild in guilds.iter().take(GUILDS_PER_COMMAND_MAX).copied().map(GuildId::new) {
            let held = &self.sessions[session];
            if held.session.attachment(guild).is_some() {
                let effect = Effect::sounds(&held.caller(), guild, held.session.identity().key);
                self.effects.push(effect);
            }
        }
    }

    pub(super) fn tell(&mut self, session: usize, name: &'static str, d: &Value) {
        self.sessions[session].session.push(Arc::new(Dispatch::new(name, d.to_string())), Choice::Full);
        self.wake_session(session);
    }
}

fn flags(update: &VoiceStateUpdate) -> voice::Flags {
    voice::Flags {
        self_mute: update.self_mute,
        self_deaf: update.self_deaf,
        self_video: update.self_video,
        ..voice::Flags::default()
    }
}

/// What the reading loop does after a message.
enum Outcome {
    Go,
    /// The account is known now, and with it the longest message.
    Limit(usize),
    HandedOver,
}

/// Whether an undecodable payload was itself an IDENTIFY, RESUME or heartbeat, or no opcode at all: then it says more
/// than that the client has not identified.
fn is_first(error: &consort_wire::gateway::DecodeError) -> bool {
    use consort_wire::gateway::{DecodeError, Opcode};
    match error {
        DecodeError::BadPayload { op, .. } => {
            matches!(op, Opcode::Identify | Opcode::Resume | Opcode::Heartbeat | Opcode::QosHeartbeat)
        }
        _ => true,
    }
}

/// A subscription as it came, ids as strings.
pub(super) fn subscription_json(subscription: &GuildSubscription) -> Value {
    let ids = |ids: &Vec<u64>| Value::from(ids.iter().map(u64::to_string).collect::<Vec<_>>());
    let mut out = json!({"guild_id": subscription.guild_id.to_string()});
    let flags = [
        ("typing", subscription.typing),
        ("activities", subscription.activities),
        ("threads", subscription.threads),
        ("member_updates", subscription.member_updates),
    ];
    for (key, flag) in flags {
        if let Some(flag) = flag {
            out[key] = flag.into();
        }
    }
    if let Some(members) = &subscription.members {
        out["members"] = ids(members);
    }
    if let Some(threads) = &subscription.thread_member_lists {
        out["thread_member_lists"] = ids(threads);
    }
    if let Some(channels) = &subscription.channels {
        let windows = channels.iter().map(|(channel, ranges)| {
            let ranges: Vec<_> = ranges.iter().map(|range| json!([range.first, range.last])).collect();
            (channel.to_string(), Value::from(ranges))
        });
        out["channels"] = Value::Object(windows.collect());
    }
    out
}

#[cfg(test)]
mod tests {
    use consort_wire::gateway::MemberRange;

    use super::*;

    #[test]
    fn a_subscription_keeps_its_form() {
        let subscription = GuildSubscription {
            guild_id: 1,
            typing: Some(true),
            members: Some(vec![2, 3]),
            channels: Some(vec![(4, vec![MemberRange { first: 0, last: 99 }])]),
            ..GuildSubscription::default()
        };
        let expected =
            json!({"guild_id": "1", "typing": true, "members": ["2", "3"], "channels": {"4": [[0, 99]]}});
        assert_eq!(subscription_json(&subscription), expected);
    }
}
