//! The core of a slice: its connections and sessions, the guilds they are attached to, and what must be written. It has
//! no socket, clock or task: time and inputs come in, bytes are lent out, and what owners are to be asked is an
//! [`Effect`].
//!
//! A delivery takes no lock, wakes nobody and copies no body, and to offer one allocates nothing: a broadcast is offered to a dense list
//! of subscribers, each of which takes a reference into its journal; then every connection with something unsent is
//! written to once, heads and shared bodies in one send.

mod attach;
mod bulk;
mod client;
mod conn;
mod drain;
mod effect;
mod flush;
mod identify;
mod input;
mod look;
mod members;
mod moving;
mod passive;
mod relay;
mod resume;
mod subscriber;
mod subscribers;
mod subscriptions;
mod timers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use consort_model::{ApplicationId, ChannelId, GuildId, Lookup, Presence, UserId};
use consort_rpc::relay::{Heard, SessionKey};
use consort_rpc::{Caller, NodeId};
use consort_session::{Session, SessionId};
use consort_wire::compress::shared::Compressor;
use slab::Slab;

pub(crate) use conn::{Conn, ConnId, Gone, Opening, Phase};
pub(crate) use effect::{Effect, Fetching, HandOver, Identifying};
pub(crate) use flush::{Flushed, Offer};
pub(crate) use identify::{ClientInfo, open_session};
pub(crate) use input::{Admission, Attached, Input, Refusal, Said};
pub(crate) use look::{Asks, LOOK_MAX, Look};
pub(crate) use members::MemberChunk;
pub(crate) use moving::{Asked, Departure, Landed, Landing, Origin};

use crate::config::Config;
use crate::interest::Interest;
use subscribers::Subscribers;
use subscriptions::Watched;
use timers::{Due, Timers};

/// Figures of a slice, for the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) connections: usize,
    pub(crate) sessions: usize,
    pub(crate) detached: usize,
    pub(crate) journal_bytes: usize,
    pub(crate) journal_events: usize,
    pub(crate) cut_slow: u64,
    pub(crate) cut_zombie: u64,
    pub(crate) invalidated: u64,
    pub(crate) resumed: u64,
    pub(crate) deliveries: u64,
}

/// A session and what only its slice knows of it.
struct Held {
    session: Session,
    conn: Option<usize>,
    application: Option<ApplicationId>,
    detached_since: Option<Instant>,
    /// When to stop waiting for guilds: before READY, it is sent with those that have answered; after READY, the silent ones are asked
    /// again.
    attach_due: Option<Instant>,
    attach_tries: u8,
    /// The presence was changed before the user's owner knew of the session.
    presence_is_news: bool,
    /// Answers of guilds were not taken, since there was no room for them; they are asked again once there is.
    has_put_off: bool,
    /// When an owner of the user was loaded that asked who is here while the session was being opened, Unix milliseconds.
    owner_restarted_ms: u64,
    /// The number of the last word of the account that it took; `None` before the first, and where they have none.
    heard: Option<u64>,
    due: Option<Instant>,
    client: ClientInfo,
    presence: Option<Box<Presence>>,
    /// Guilds in which the session is active, and what of each it asked for.
    watching: Vec<Watched>,
    /// Guilds in whose voice channels it is.
    voice: Vec<GuildId>,
    /// The private channel in whose call it is.
    call: Option<ChannelId>,
    /// Guilds that it attaches to again, and how far it is in what they say.
    heard_guilds: Vec<(GuildId, Heard)>,
    /// When all members of a guild were last asked for.
    asked_all: Vec<(GuildId, Instant)>,
    /// What it holds or waits for of what comes in bulk, bytes; see [`bulk`].
    bulk: usize,
    /// Members it has asked for; only while there are such requests.
    members: Option<Box<members::MemberRequests>>,
}

impl Held {
    /// A session without a connection.
    fn new(session: Session, client: ClientInfo) -> Self {
        Self {
            session,
            conn: None,
            application: None,
            detached_since: None,
            attach_due: None,
            attach_tries: 0,
            presence_is_news: false,
            has_put_off: false,
            owner_restarted_ms: 0,
            heard: None,
            due: None,
            client,
            presence: None,
            watching: Vec::new(),
            voice: Vec::new(),
            call: None,
            heard_guilds: Vec::new(),
            asked_all: Vec::new(),
            bulk: 0,
            members: None,
        }
    }

    /// Whether the session gets every event of a guild, and not deltas now and then.
    fn is_active_in(&self, guild: GuildId) -> bool {
        !self.session.identity().takes_deltas() || self.watching.iter().any(|watched| watched.guild == guild)
    }

    /// How far it is in what a guild says that it attaches to again.
    fn heard_of(&self, guild: GuildId) -> Option<Heard> {
        self.heard_guilds.iter().find(|(known, _)| *known == guild).map(|(_, heard)| *heard)
    }

    /// The user is not in a guild any more.
    fn forget(&mut self, guild: GuildId) {
        self.watching.retain(|watched| watched.guild != guild);
        self.voice.retain(|joined| *joined != guild);
        self.heard_guilds.retain(|(known, _)| *known != guild);
    }

    fn caller(&self) -> Caller {
        let identity = self.session.identity();
        let mut caller = Caller::user(identity.viewer.user, identity.bot);
        caller.application = self.application;
        caller
    }
}

/// The core of a slice.
pub(crate) struct Slice {
    node: NodeId,
    index: u16,
    config: Arc<Config>,
    interest: Arc<Interest>,
    conns: Slab<Conn>,
    next_conn: u64,
    sessions: Slab<Held>,
    numbers: Lookup<u64, usize>,
    users: Lookup<UserId, Vec<usize>>,
    guilds: Lookup<GuildId, Subscribers>,
    bulk: bulk::Bulk,
    timers: Timers,
    /// Detached sessions in the order they were detached; those taken up again are still in it, for no longer than they
    /// could have waited.
    detached: VecDeque<(Instant, u64)>,
    detached_count: usize,
    /// Connections in the order they came, for those that do not identify; the others are taken out now and then.
    newcomers: VecDeque<(usize, ConnId)>,
    /// Connections that are only there to be told that there is no room.
    turned_away: usize,
    dirty: VecDeque<usize>,
    gone: Vec<Gone>,
    effects: Vec<Effect>,
    hand_over: Option<HandOver>,
    compressor: Compressor,
    /// Events offered to sessions since the shell last asked.
    offers: usize,
    draining: bool,
    leaving: drain::Leaving,
    figures: Figures,
    /// The last time that was told; before the first nobody waits for anything.
    ticked_at: Option<Instant>,
}

impl Slice {
    pub(crate) fn new(node: NodeId, index: u16, config: Arc<Config>, interest: Arc<Interest>) -> Self {
        Self {
            node,
            index,
            config,
            interest,
            conns: Slab::new(),
            next_conn: 0,
            sessions: Slab::new(),
            numbers: Lookup::default(),
            users: Lookup::default(),
            guilds: Lookup::default(),
            bulk: bulk::Bulk::default(),
            timers: Timers::default(),
            detached: VecDeque::new(),
            detached_count: 0,
            newcomers: VecDeque::new(),
            turned_away: 0,
            dirty: VecDeque::new(),
            gone: Vec::new(),
            effects: Vec::new(),
            hand_over: None,
            compressor: Compressor::default(),
            offers: 0,
            draining: false,
            leaving: drain::Leaving::default(),
            figures: Figures::default(),
            ticked_at: None,
        }
    }

    /// A new core in the place of this one, whose state cannot be trusted any more. Connections of the new one are told
    /// apart from those of the old.
    pub(crate) fn successor(&self) -> Self {
        let mut next = Self::new(self.node, self.index, self.config.clone(), self.interest.clone());
        next.next_conn = self.next_conn;
        next.draining = self.draining;
        next.figures = Figures { journal_bytes: 0, journal_events: 0, ..self.figures };
        next
    }

    /// Says of every session that it is over, as far as that can still be said.
    pub(crate) fn abandon(&mut self) {
        let slots: Vec<_> = self.sessions.iter().map(|(slot, _)| slot).collect();
        slots.into_iter().for_each(|slot| self.end_session(slot));
    }

    /// What owners and the shell are to do, in order.
    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// A connection that is to be handed to another slice.
    pub(crate) fn take_hand_over(&mut self) -> Option<HandOver> {
        self.hand_over.take()
    }

    /// Connections that are over: their sockets are to be closed. Slots are used again after this.
    pub(crate) fn take_gone(&mut self) -> Vec<Gone> {
        let gone = std::mem::take(&mut self.gone);
        for Gone { slot, .. } in &gone {
            let conn = self.conns.remove(*slot);
            self.turned_away -= usize::from(conn.turned_away);
        }
        gone
    }

    /// Events offered to sessions since the last call: the measure of work done.
    pub(crate) fn take_offers(&mut self) -> usize {
        std::mem::take(&mut self.offers)
    }

    /// The figures without those that need a walk over all sessions.
    pub(crate) fn figures(&self) -> Figures {
        Figures {
            connections: self.conns.len(),
            sessions: self.sessions.len(),
            detached: self.detached_count,
            ..self.figures
        }
    }

    /// Whether there is a session with this public id.
    pub(crate) fn has(&self, id: SessionId) -> bool {
        let slot = self.number_of(id).and_then(|number| self.numbers.get(&number));
        slot.is_some_and(|slot| self.sessions[*slot].session.identity().id == id)
    }

    /// Adds up the journals; a walk over all sessions.
    pub(crate) fn weigh_journals(&mut self) {
        let journals = self.sessions.iter().map(|(_, held)| held.session.journal());
        let (bytes, events) =
            journals.fold((0, 0), |(b, e), journal| (b + journal.bytes(), e + journal.len()));
        (self.figures.journal_bytes, self.figures.journal_events) = (bytes, events);
    }

    /// When [`Slice::tick`] wants to be called.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        // Those who may go on do so at once: any time that is past will do.
        self.ticked_at.filter(|_| self.bulk.has_ready()).or_else(|| self.timers.next())
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.ticked_at = Some(now);
        self.go_on_with_bulk(now);
        while let Some((at, due)) = self.timers.pop(now) {
            match due {
                Due::Conn(slot, id) => self.conn_due(now, at, slot, id),
                Due::Session(number) => self.session_due(now, at, number),
                Due::Deltas(guild) => self.deltas_due(now, at, guild),
                Due::Leaving => self.send_away(now),
            }
        }
    }

    // ---- sessions ----------------------------------------------------------------------------------------------

    fn held(&mut self, number: u64) -> Option<(usize, &mut Held)> {
        let slot = *self.numbers.get(&number)?;
        self.sessions.get_mut(slot).map(|held| (slot, held))
    }

    /// The session at an address, if there is just that one.
    fn at(&mut self, key: &SessionKey) -> Option<(usize, &mut Held)> {
        self.held(key.number).filter(|(_, held)| held.session.identity().key == *key)
    }

    fn session_due(&mut self, now: Instant, at: Instant, number: u64) {
        let Some((slot, held)) = self.held(number) else { return };
        if held.due != Some(at) {
            return;
        }
        held.due = None;
        if let Some(since) = held.detached_since
            && now.duration_since(since) >= self.config.resume_window
        {
            return self.end_session(slot);
        }
        if self.sessions[slot].attach_due.is_some_and(|due| due <= now) {
            self.attach_due(now, slot);
        }
        if self.numbers.get(&number) == Some(&slot) {
            self.schedule_session(slot);
        }
    }

    /// Puts the earliest deadline of a session into the timers.
    fn schedule_session(&mut self, slot: usize) {
        let held = &mut self.sessions[slot];
        let detached = held.detached_since.map(|since| since + self.config.resume_window);
        let Some(next) = [detached, held.attach_due].into_iter().flatten().min() else { return };
        if held.due.is_none_or(|due| next < due) {
            held.due = Some(next);
            self.timers.add(next, Due::Session(held.session.identity().key.number));
        }
    }

    /// The session's socket is gone; it can be resumed for a while.
    fn detach(&mut self, now: Instant, slot: usize) {
        let held = &mut self.sessions[slot];
        held.conn = None;
        // Nobody knows the id of a session whose READY did not arrive.
        if !held.session.is_known_to_client() {
            return self.end_session(slot);
        }
        self.count_detached(now, slot);
        self.weigh(slot);
        self.schedule_session(slot);
        self.bound_detached(now);
    }

    /// From now on a session waits for its client.
    fn count_detached(&mut self, now: Instant, slot: usize) {
        let held = &mut self.sessions[slot];
        held.detached_since = Some(now);
        self.detached.push_back((now, held.session.identity().key.number));
        self.detached_count += 1;
    }

    fn bound_detached(&mut self, now: Instant) {
        let max = self.config.detached_max / self.config.slice_count();
        // Who was detached longer ago is back or over.
        let window = self.config.resume_window;
        while self.detached.front().is_some_and(|(since, _)| now.duration_since(*since) >= window) {
            self.detached.pop_front();
        }
        if self.detached.capacity() > 1024 && self.detached.capacity() > 4 * self.detached.len() {
            self.detached.shrink_to(2 * self.detached.len());
        }
        while self.detached_count > max.max(1) || self.detached.len() > 4 * max.max(16) {
            let Some((since, number)) = self.detached.pop_front() else { return };
            if let Some((slot, held)) = self.held(number)
                && held.detached_since == Some(since)
                && self.detached_count > max.max(1)
            {
                self.end_session(slot);
            }
        }
    }

    /// A session is over: everybody who knew of it is told.
    fn end_session(&mut self, slot: usize) {
        let held = &mut self.sessions[slot];
        let identity = held.session.identity().clone();
        let caller = held.caller();
        let watching = std::mem::take(&mut held.watching);
        self.leave_voice(slot);
        for Watched { guild, .. } in watching {
            self.effects.push(Effect::unsubscribe(&caller, guild, identity.key));
        }
        self.take_out(slot);
        self.effects.push(Effect::closed(&caller, identity.key));
    }

    /// Takes a session off all lists.
    fn take_out(&mut self, slot: usize) {
        let guilds: Vec<_> = self.sessions[slot].session.attachments().collect();
        for (guild, attachment) in guilds {
            self.leave(guild, attachment);
        }
        let held = self.sessions.remove(slot);
        let identity = held.session.identity();
        self.bulk.forget(identity.viewer.user, identity.key.number, held.bulk);
        if held.detached_since.is_some() {
            self.detached_count -= 1;
        }
        self.numbers.remove(&identity.key.number);
        self.interest.remove_moved(identity.id, (self.index, identity.key.number));
        if let Some(slots) = self.users.get_mut(&identity.viewer.user) {
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.users.remove(&identity.viewer.user);
                self.interest.remove_user(identity.viewer.user, self.index);
            }
        }
        if let Some(conn) = held.conn {
            self.conns[conn].phase = Phase::Unidentified;
            self.conns[conn].offset = 0;
        }
    }

    /// The session has a gap or cannot go on: its client is told to identify again, and its socket is closed.
    fn invalidate(&mut self, now: Instant, slot: usize) {
        self.figures.invalidated += 1;
        let conn = self.sessions[slot].conn;
        if let Some(conn) = conn {
            self.release_output(conn);
            self.put_invalid_session(conn, false);
        }
        self.end_session(slot);
        if let Some(conn) = conn {
            self.close(now, conn, consort_wire::gateway::CloseCode::UnknownError.number());
        }
    }

    /// Something unsent: the connection, if there is one, is written to at the end of the turn.
    fn wake_session(&mut self, slot: usize) {
        if let Some(conn) = self.sessions[slot].conn {
            self.mark_dirty(conn);
        }
    }
}
