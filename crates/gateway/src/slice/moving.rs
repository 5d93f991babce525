//! A session that moves: from one slice to another, of this node or of another.
//!
//! What moves is the session itself ([`Session::export`]) and what only its slice knows: how far it is in the words of its
//! account, what it looks at, what members it has asked for, its presence. It keeps its public id and its numbers, so its client
//! resumes as from a lost connection. Its account's owner says what the session has missed on the way, or that it cannot; its
//! guilds are attached to again. A place in a voice channel is not moved: it is left.
//!
//! Whoever carries the bytes gives them to one slice, once, and then tells the former one that they have arrived or are lost
//! ([`Slice::departed`]): in this order its account is not seen offline on the way, and what the former slice still has to tell of
//! the session comes before its end.

use std::time::Instant;

use consort_model::{ApplicationId, GuildId, Presence, UserId};
use consort_rpc::Caller;
use consort_rpc::guild::gateway::ChunkRequest;
use consort_rpc::relay::SessionKey;
use consort_session::{Attachment, ImportError, Session, SessionId};
use consort_wire::gateway::CloseCode;
use serde::{Deserialize, Serialize};

use super::members::MemberRequests;
use super::subscriptions::ExportedWatch;
use super::{ClientInfo, Effect, Held, Slice};

/// The form; fields may be added.
#[derive(Serialize, Deserialize)]
struct Exported {
    session: Vec<u8>,
    user: UserId,
    application: Option<ApplicationId>,
    /// The last word of the account that it took.
    heard: u64,
    client: String,
    presence: Option<Box<Presence>>,
    watching: Vec<ExportedWatch>,
    /// What it has asked for and not got whole, the next one first.
    members: Vec<(GuildId, ChunkRequest)>,
}

/// A session on its way to another slice.
#[derive(Debug)]
pub struct Departure {
    /// What the other slice is to be given.
    pub bytes: Vec<u8>,
    caller: Caller,
    key: SessionKey,
}

impl Departure {
    /// The slice that it leaves.
    pub(crate) fn slice(&self) -> usize {
        usize::from(self.key.slice)
    }
}

impl Slice {
    /// A session that was exported is where it goes, or lost: it is over here.
    pub(crate) fn departed(&mut self, departure: &Departure) {
        self.effects.push(Effect::closed(&departure.caller, departure.key));
    }

    /// Takes a session out as bytes; its connection is closed, and its client resumes where the bytes are imported. `None` when
    /// there is no such session, its client cannot know it yet, or its account's words have no numbers (within one process, where
    /// nobody could say what it misses on the way): then it stays.
    pub(crate) fn export(&mut self, now: Instant, id: SessionId) -> Option<Departure> {
        let number = self.number_of(id)?;
        let (_, held) = self.held(number)?;
        if held.session.identity().id != id || !held.session.is_live() || !held.session.is_known_to_client() {
            return None;
        }
        let heard = held.heard?;
        if let Some(conn) = held.conn {
            self.close(now, conn, CloseCode::UnknownError.number());
        }
        // Closing may have ended a session that was one too many without a connection.
        let (slot, _) = self.held(number)?;
        // What is gathered for it and not told yet goes along.
        let listed: Vec<_> = self.sessions[slot].session.attachments().collect();
        for (guild, attachment) in listed {
            if let Attachment::At(position) = attachment {
                self.tell_one(guild, position);
            }
        }
        let held = &mut self.sessions[slot];
        let session = held.session.export()?;
        let identity = held.session.identity().clone();
        let watching = std::mem::take(&mut held.watching);
        let exported = Exported {
            session,
            user: identity.viewer.user,
            application: held.application,
            heard,
            client: held.client.text().to_owned(),
            presence: held.presence.take(),
            members: held.members.take().map_or_else(Vec::new, |members| members.export()),
            watching: watching.iter().map(ExportedWatch::of).collect(),
        };
        let (caller, voice) = (held.caller(), std::mem::take(&mut held.voice));
        for guild in voice {
            self.effects.push(Effect::voice_gone(&caller, guild, identity.key));
        }
        for watched in watching {
            self.effects.push(Effect::unsubscribe(&caller, watched.guild, identity.key));
        }
        let bytes = rmp_serde::to_vec_named(&exported).unwrap_or_default();
        self.take_out(slot);
        Some(Departure { bytes, caller, key: identity.key })
    }

    /// Takes a session in that [`Slice::export`] has given, here or elsewhere, under a number that no other session of the node
    /// has. It waits for its client as if it had just lost its connection.
    ///
    /// # Errors
    /// When the bytes are no session.
    pub(crate) fn import(
        &mut self,
        now: Instant,
        bytes: &[u8],
        (generation, number): (u64, u64),
    ) -> Result<SessionId, ImportError> {
        let exported: Exported = rmp_serde::from_slice(bytes)?;
        let key = SessionKey { node: self.node, generation, slice: self.index, number, user: exported.user };
        let session = Session::import(&exported.session, key)?;
        let id = session.identity().id;
        let guilds: Vec<_> = session.attachments().map(|(guild, _)| guild).collect();
        let held = Held {
            application: exported.application,
            heard: Some(exported.heard),
            presence: exported.presence,
            watching: exported.watching.into_iter().map(ExportedWatch::watched).collect(),
            members: MemberRequests::import(exported.members),
            ..Held::new(session, ClientInfo::from_text(&exported.client))
        };
        let slot = self.sessions.insert(held);
        self.numbers.insert(number, slot);
        self.users.entry(key.user).or_default().push(slot);
        self.interest.add_user(key.user, self.index, None);
        self.interest.add_moved(id, (self.index, number));
        self.count_detached(now, slot);
        for guild in guilds {
            self.interest.add(guild, self.index);
            self.ask(slot, guild);
        }
        let held = &mut self.sessions[slot];
        held.attach_due = Some(now + self.config.attach_retry);
        self.schedule_session(slot);
        self.tell_owner_again(slot);
        self.bound_detached(now);
        Ok(id)
    }

    /// The number of the session with a public id, if it is on this slice.
    pub(super) fn number_of(&self, id: SessionId) -> Option<u64> {
        match self.interest.moved_to(id) {
            Some((slice, number)) => (slice == self.index).then_some(number),
            None => (id.node == self.node && id.slice == self.index).then_some(u64::from(id.number)),
        }
    }

    /// The slice of this node where a session with a public id is, if there is one.
    pub(super) fn slice_of(&self, id: SessionId) -> Option<u16> {
        match self.interest.moved_to(id) {
            Some((slice, _)) => Some(slice),
            None => (id.node == self.node && usize::from(id.slice) < self.config.slice_count())
                .then_some(id.slice),
        }
    }
}
