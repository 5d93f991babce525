//! A session that moves: from one slice to another, of this node or of another.
//!
//! What moves is the session itself ([`Session::export`]) and what only its slice knows: how far it is in the words of its
//! account, what it looks at, what members it has asked for, its presence. It keeps its public id and its numbers, so its client
//! resumes as from a lost connection. Its account's owner says what the session has missed on the way, or that it cannot; its
//! guilds say what they have said since, and how they are now. A place in a voice channel is not moved: it is left.
//!
//! [`crate::travel`] carries the bytes: to one slice, once. When the account's owner knows where the session is, it is told that it is
//! no longer where it was: in this order its account is not seen offline on the way, and what the former slice still has to tell of
//! the session comes before its end.

use std::time::Instant;

use bytes::Bytes;
use consort_model::{ApplicationId, GuildId, Presence, UserId};
use consort_rpc::guild::gateway::ChunkRequest;
use consort_rpc::relay::{Heard, SessionKey};
use consort_rpc::session::Ticket;
use consort_rpc::{Caller, Fact, NodeId, Responder, user};
use consort_session::{Attachment, ImportError, Session, SessionId};
use consort_wire::gateway::{CloseCode, Resume};
use serde::{Deserialize, Serialize};

use super::members::MemberRequests;
use super::subscriptions::ExportedWatch;
use super::{ClientInfo, ConnId, Effect, Held, Phase, Slice};
use crate::travel::Passing;

/// The form; fields may be added.
#[derive(Serialize, Deserialize)]
struct Exported {
    session: Bytes,
    user: UserId,
    application: Option<ApplicationId>,
    /// The last word of the account that it took.
    heard: u64,
    client: String,
    presence: Option<Box<Presence>>,
    watching: Vec<ExportedWatch>,
    /// What it has asked for and not got whole, the next one first.
    members: Vec<(GuildId, ChunkRequest)>,
    /// How far it is in what its guilds say; none of those whose words have no numbers.
    #[serde(default)]
    places: Vec<(GuildId, Heard)>,
}

/// A session on its way to another slice.
#[derive(Debug)]
pub(crate) struct Departure {
    pub(crate) id: SessionId,
    /// What the other slice is to be given.
    pub(crate) bytes: Bytes,
    pub(crate) caller: Caller,
    pub(crate) key: SessionKey,
}

impl Departure {
    /// What the owner of its account is told in the end: it is not at this address any more.
    pub(crate) fn closed(&self) -> Fact {
        let op = user::gateway::Op::Closed { session: self.key };
        Fact::User { user: self.key.user, op: user::Op::Gateway(op) }
    }

    #[cfg(test)]
    pub(crate) fn sample(id: SessionId, bytes: &'static [u8]) -> Self {
        let user = UserId::new(1);
        let key = SessionKey { node: id.node, generation: 7, slice: 0, number: 1, user };
        Self { id, bytes: Bytes::from_static(bytes), caller: Caller::user(user, false), key }
    }
}

/// A session that another node asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) id: SessionId,
    /// Whose it must be, and the hash of the token it must have been opened with.
    pub(crate) user: UserId,
    pub(crate) token: [u8; 32],
    pub(crate) ticket: Ticket,
    pub(crate) respond: Responder,
    pub(crate) passing: Option<Passing>,
}

/// Where a session comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// It was taken out here, and went nowhere.
    Here(Departure),
    Node {
        node: NodeId,
        ticket: Ticket,
    },
}

/// A session that comes to a slice, with the connection of its client, if that waits for it.
pub(crate) struct Landing {
    pub(crate) copy: Bytes,
    pub(crate) address: (u64, u64),
    pub(crate) client: Option<(usize, ConnId, Resume)>,
    pub(crate) origin: Origin,
    /// Until it is there.
    pub(crate) passing: Option<Passing>,
}

/// A session that has come.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) id: SessionId,
    pub(crate) key: SessionKey,
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
}

impl Slice {
    /// Takes out a session that another node asks for, if it is its client that asks there.
    pub(super) fn export_for(&mut self, now: Instant, asked: Asked) {
        let is_its_own = |slice: &mut Self| {
            let number = slice.number_of(asked.id)?;
            let (_, held) = slice.held(number)?;
            let identity = held.session.identity();
            (identity.key.user == asked.user && identity.token_hash == asked.token).then_some(())
        };
        let departure = is_its_own(self).and_then(|()| self.export(now, asked.id));
        self.effects.push(Effect::Exported(Box::new((asked, departure))));
    }

    /// Takes in a session that comes from another node, or comes back, and has its client go on if that waits for it.
    pub(super) fn land(&mut self, now: Instant, landing: Landing) {
        let Landing { copy, address, client, origin, passing } = landing;
        let landed = self.import(now, &copy, address);
        drop(passing);
        match &landed {
            Ok(id) => {
                if let Some((_, held)) = self.held(address.1) {
                    let (key, caller) = (held.session.identity().key, held.caller());
                    self.effects.push(Effect::Landed(Box::new(Landed { id: *id, key, caller, origin })));
                }
            }
            Err(error) => tracing::error!(%error, "a session is lost on its way: it cannot be read"),
        }
        let Some((slot, conn, resume)) = client else { return };
        if self.conn(slot, conn).is_none_or(|conn| conn.phase != Phase::Identifying) {
            return;
        }
        self.conns[slot].phase = Phase::Unidentified;
        match landed {
            Ok(id) => self.resume_here(now, slot, id, &resume),
            Err(_) => self.put_invalid_session(slot, false),
        }
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
        let places = self.places_of(slot);
        let held = &mut self.sessions[slot];
        let session = held.session.export()?;
        let identity = held.session.identity().clone();
        let watching = std::mem::take(&mut held.watching);
        let exported = Exported {
            session: session.into(),
            user: identity.viewer.user,
            application: held.application,
            heard,
            client: held.client.text().to_owned(),
            presence: held.presence.take(),
            members: held.members.take().map_or_else(Vec::new, |members| members.export()),
            watching: watching.iter().map(ExportedWatch::of).collect(),
            places,
        };
        let caller = held.caller();
        self.leave_voice(slot);
        for watched in watching {
            self.effects.push(Effect::unsubscribe(&caller, watched.guild, identity.key));
        }
        let bytes = rmp_serde::to_vec_named(&exported).unwrap_or_default().into();
        self.take_out(slot);
        Some(Departure { id, bytes, caller, key: identity.key })
    }

    /// How far a session is in what each of its guilds says.
    fn places_of(&self, slot: usize) -> Vec<(GuildId, Heard)> {
        let held = &self.sessions[slot];
        let place = |(guild, attachment)| match attachment {
            Attachment::At(_) => Some((guild, self.guilds.get(&guild)?.heard?)),
            Attachment::Awaited(_) => Some((guild, held.heard_of(guild)?)),
        };
        held.session.attachments().filter_map(place).collect()
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
            heard_guilds: exported.places,
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
        self.interest.slice_of(id, self.node, self.config.slice_count())
    }
}
