//! From IDENTIFY to the session.

use std::time::Instant;

use consort_model::{Presence, UserId};
use consort_rpc::Caller;
use consort_rpc::relay::SessionKey;
use consort_rpc::user::gateway::OpenSession;
use consort_session::{Identity, Opened, Session};
use consort_wire::compress::Transport;
use consort_wire::gateway::limits::{MAX_BOT_PAYLOAD_BYTES, MAX_USER_PAYLOAD_BYTES};
use consort_wire::gateway::{CloseCode, Identify, Properties};

use super::effect::Identifying;
use super::{Admission, ConnId, Effect, Held, Phase, Refusal, Slice};
use crate::config::{DETACHED_PER_SHARD_MAX, OPEN_TIMEOUT};

/// `os`, `browser` and `device` of IDENTIFY, cut short, in one allocation: every session keeps them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientInfo(Box<str>);

impl ClientInfo {
    pub(crate) fn of(properties: &Properties) -> Self {
        let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(64).collect::<String>();
        let parts = [&properties.os, &properties.browser, &properties.device].map(|text| short(text));
        Self(parts.join("\0").into())
    }

    /// As one text, for [`ClientInfo::from_text`].
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    pub(super) fn from_text(text: &str) -> Self {
        Self(text.chars().take(256).collect::<String>().into())
    }

    fn parts(&self) -> (String, String, String) {
        let mut parts = self.0.split('\0').map(str::to_owned);
        let mut next = || parts.next().unwrap_or_default();
        (next(), next(), next())
    }
}

/// What the user's owner is told of a session. `again`: what one heard last that was opened before.
pub(crate) fn open_session(
    identity: &Identity,
    client: &ClientInfo,
    presence: Option<Box<Presence>>,
    again: Option<Option<u64>>,
) -> OpenSession {
    OpenSession {
        session: identity.key,
        session_id: identity.id.to_string(),
        auth_session: identity.auth_session,
        presence,
        capabilities: identity.capabilities,
        client: client.parts(),
        shard: identity.shard.map(|shard| (shard.id, shard.count)),
        bot: identity.bot,
        again: again.is_some(),
        heard: again.flatten(),
    }
}

/// The longest message of an account.
pub(super) fn max_payload_bytes(bot: bool) -> usize {
    if bot { MAX_BOT_PAYLOAD_BYTES } else { MAX_USER_PAYLOAD_BYTES }
}

impl Slice {
    pub(super) fn identify(&mut self, now: Instant, slot: usize, identify: Identify) {
        let conn = &mut self.conns[slot];
        if conn.phase != Phase::Unidentified {
            return self.close(now, slot, CloseCode::AlreadyAuthenticated.number());
        }
        conn.phase = Phase::Identifying;
        let identifying = Identifying {
            slice: self.index,
            slot,
            conn: conn.id,
            identify,
            version: conn.version,
            resume_url: conn.resume_url.clone(),
        };
        self.effects.push(Effect::Identify(Box::new(identifying)));
        self.schedule_conn(slot);
    }

    pub(super) fn refuse(&mut self, now: Instant, slot: usize, conn: ConnId, refusal: Refusal) {
        if self.conn(slot, conn).is_none_or(|conn| conn.phase != Phase::Identifying) {
            return;
        }
        self.refuse_slot(now, slot, refusal);
    }

    fn refuse_slot(&mut self, now: Instant, slot: usize, refusal: Refusal) {
        match refusal {
            Refusal::Close(code) => self.close(now, slot, code.number()),
            Refusal::Later | Refusal::AskAgain => {
                self.conns[slot].phase = Phase::Unidentified;
                self.conns[slot].opened_at = now;
                self.put_invalid_session(slot, refusal == Refusal::AskAgain);
                self.schedule_conn(slot);
            }
        }
    }

    /// The session begins. Its user's owner is asked after this, so that whatever it sends finds the session here.
    pub(super) fn admit(&mut self, now: Instant, admission: Admission) {
        let Admission { slot: conn_slot, conn, identity, application, client, presence, compress } =
            admission;
        let Some(conn) = self.conn(conn_slot, conn).filter(|conn| conn.phase == Phase::Identifying) else {
            // The client has left; `opened` will find no session and say so.
            let user = identity.viewer.user;
            if !self.users.contains_key(&user) {
                self.interest.remove_user(user, self.index);
            }
            return;
        };
        conn.decoder.set_max_message_bytes(max_payload_bytes(identity.bot));
        conn.payload_zlib = compress && conn.stream.transport() == Transport::Plain;
        let (number, user) = (identity.key.number, identity.viewer.user);
        let slot = self.sessions.insert(Held {
            conn: Some(conn_slot),
            application,
            attach_due: Some(now + OPEN_TIMEOUT),
            presence,
            ..Held::new(Session::new(identity), client)
        });
        self.conns[conn_slot].phase = Phase::Live(slot);
        self.conns[conn_slot].seat = None;
        self.conns[conn_slot].stream.forget_past();
        self.numbers.insert(number, slot);
        self.users.entry(user).or_default().push(slot);
        self.interest.add_user(user, self.index, None);
        self.schedule_session(slot);
        self.bound_detached_of(user, slot);
    }

    pub(super) fn opened(
        &mut self,
        now: Instant,
        key: SessionKey,
        caller: &Caller,
        result: Result<Box<Opened>, Refusal>,
    ) {
        let Some((slot, held)) = self.at(&key) else {
            // The client left before the owner was asked, or the owner heard of the end first: it hears of it again.
            self.effects.push(Effect::closed(caller, key));
            return;
        };
        match result {
            Ok(_) if !held.session.is_opening() => {}
            Ok(opened) => {
                held.attach_due = None;
                let forgotten = held.owner_restarted_ms > opened.owner_since_ms;
                // A word that came before this answer came after the session.
                held.heard = held.heard.or(opened.heard);
                let step = held.session.opened(*opened);
                if forgotten {
                    // The owner that has answered is gone, and its successor asked before this.
                    self.tell_owner_again(slot);
                }
                let held = &mut self.sessions[slot];
                if std::mem::take(&mut held.presence_is_news) {
                    self.tell_presence(slot);
                }
                self.stepped(slot, step);
                self.attach_next(now, slot);
            }
            Err(refusal) => self.not_opened(now, slot, refusal),
        }
    }

    /// There will be no session: the owner would not, could not, or did not answer.
    pub(super) fn not_opened(&mut self, now: Instant, slot: usize, refusal: Refusal) {
        let conn = self.sessions[slot].conn;
        self.end_session(slot);
        if let Some(conn) = conn {
            self.refuse_slot(now, conn, refusal);
        }
    }

    /// An account that begins sessions and abandons them must not push out other people's: of its detached ones on this
    /// shard only the newest are kept.
    fn bound_detached_of(&mut self, user: UserId, newcomer: usize) {
        let shard = self.sessions[newcomer].session.identity().shard;
        let slots = self.users.get(&user).map_or(&[][..], |slots| slots);
        let mut detached: Vec<_> = slots
            .iter()
            .filter(|slot| self.sessions[**slot].session.identity().shard == shard)
            .filter_map(|slot| Some((self.sessions[*slot].detached_since?, *slot)))
            .collect();
        if detached.len() > DETACHED_PER_SHARD_MAX {
            detached.sort_unstable();
            detached.truncate(detached.len() - DETACHED_PER_SHARD_MAX);
            detached.into_iter().for_each(|(_, slot)| self.end_session(slot));
        }
    }
}
