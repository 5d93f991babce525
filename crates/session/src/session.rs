//! The session itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use consort_model::{GuildId, Intents};
use consort_rpc::relay::{Question, SessionKey};
use consort_rpc::{ClassId, Event};
use consort_runtime::Planted;

use crate::journal::{Entry, JOURNAL_BYTES_MAX, Journal};
use crate::log::LogPosition;
use crate::ready::{self, GuildCreate, ReadyGuild};
use crate::{Choice, Dispatch, SessionId, Shard, Viewer};

/// Attachments of a session on their way at once; the next one starts when one is answered.
pub const ATTACH_WINDOW: usize = 16;
/// Bytes of guilds that READY of a person carries; guilds that answer once it has more come after it, each with a GUILD_CREATE
/// at the client's pace. READY is made as one piece and waits for its client as one.
pub const READY_GUILDS_BYTES_MAX: usize = 8 * 1024 * 1024;
/// With more unsent bytes than this no further guild is attached and no member chunk is asked for: what comes in bulk goes at
/// the client's pace.
pub const BACKLOG_ATTACH_BYTES: usize = 256 * 1024;

/// Who a session is; does not change while it lives.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Where it lives.
    pub key: SessionKey,
    /// Its public id.
    pub id: SessionId,
    /// The account and its intents.
    pub viewer: Viewer,
    /// Whether it is a bot's.
    pub bot: bool,
    /// The shard of a bot.
    pub shard: Option<Shard>,
    /// The login behind it.
    pub auth_session: u64,
    /// SHA-256 of the token, to know the client by when it resumes.
    pub token_hash: [u8; 32],
    /// IDENTIFY's capability bits.
    pub capabilities: u64,
    /// IDENTIFY's `large_threshold`.
    pub large_threshold: u16,
}

impl Identity {
    /// Bit 5 of the capabilities of user accounts: READY_SUPPLEMENTAL follows READY.
    const SUPPLEMENTAL: u64 = 1 << 5;
    /// Bit 14 of the capabilities of user accounts: PASSIVE_UPDATE_V2 for guilds that the session does not look at.
    const PASSIVE_V2: u64 = 1 << 14;

    /// Whether READY_SUPPLEMENTAL is to follow READY.
    pub fn wants_supplemental(&self) -> bool {
        !self.bot && self.capabilities & Self::SUPPLEMENTAL != 0
    }

    /// Whether the session takes deltas in the place of the stream of guilds that it does not look at.
    pub fn takes_deltas(&self) -> bool {
        !self.bot && self.capabilities & Self::PASSIVE_V2 != 0
    }

    /// Whether the session is concerned with what happens in this guild (`None`: outside guilds).
    pub fn serves(&self, guild: Option<GuildId>) -> bool {
        self.shard.is_none_or(|shard| shard.serves(guild))
    }
}

/// What the user's owner said, prepared.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// READY up to its guilds, from [`ready::opening`].
    pub opening: Vec<u8>,
    /// The owner's READY_SUPPLEMENTAL.
    pub supplemental: Option<Bytes>,
    /// The user's guilds, those of the shard.
    pub guilds: Vec<GuildId>,
    /// When the owner was loaded, Unix milliseconds.
    pub owner_since_ms: u64,
    /// The number of the account's last word before the session; see [`consort_rpc::user::gateway::Opened`].
    pub heard: Option<u64>,
}

/// How far a session is with a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// The owner was asked this, or will be again.
    Awaited(Question),
    /// Events flow; the number is for the owner of the session to find it in its list.
    At(u32),
}

impl Attachment {
    /// Whether the owner's answer is awaited.
    pub fn is_awaited(self) -> bool {
        matches!(self, Self::Awaited(_))
    }
}

#[derive(Debug, Clone, Copy)]
struct Guild {
    id: GuildId,
    attachment: Attachment,
    /// Whether the client has the guild as available (READY or GUILD_CREATE).
    known: bool,
}

#[derive(Debug)]
enum Phase {
    /// The user's owner has not answered.
    Opening,
    /// READY waits for its guilds.
    Attaching(Box<Gathering>),
    /// READY is in the journal.
    Live,
}

#[derive(Debug)]
struct Gathering {
    opened: Opened,
    bodies: BTreeMap<GuildId, GuildCreate>,
    waiting: BTreeSet<GuildId>,
    /// Of all bodies.
    bytes: usize,
}

impl Gathering {
    fn answered(&mut self, id: GuildId, body: Option<GuildCreate>) {
        self.waiting.remove(&id);
        self.bytes += body.as_ref().map_or(0, GuildCreate::len);
        let old = match body {
            Some(body) => self.bodies.insert(id, body),
            None => self.bodies.remove(&id),
        };
        self.bytes -= old.map_or(0, |old| old.len());
    }
}

/// What the owner of a session must do next for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    None,
    /// READY has just become complete.
    Ready,
}

/// Why a RESUME is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// The client has a number that it was never sent (close code 4007).
    #[error("sequence number was never sent")]
    Ahead,
    /// What was missed is not known any more (opcode 9, `false`).
    #[error("the journal does not reach back that far")]
    Gone,
}

/// A logical session: lives longer than its sockets.
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    phase: Phase,
    /// By id.
    guilds: Vec<Guild>,
    /// Guilds of a bot whose attachment has not begun, the next one last.
    queued: Vec<GuildId>,
    awaited: u32,
    /// The number of the last question to a guild.
    questions: u32,
    journal: Journal,
    /// Written to the present socket up to here.
    sent: u64,
    /// Written to any socket up to here.
    sent_ever: u64,
    backlog: usize,
}

impl Session {
    /// A session whose user's owner is about to be asked. READY's number, 1, is taken already: what arrives meanwhile
    /// comes after it.
    pub fn new(identity: Identity) -> Self {
        let mut journal = Journal::default();
        journal.push_hole();
        if identity.wants_supplemental() {
            journal.push_hole();
        }
        Self {
            identity,
            phase: Phase::Opening,
            guilds: Vec::new(),
            queued: Vec::new(),
            awaited: 0,
            questions: 0,
            journal,
            sent: 0,
            sent_ever: 0,
            backlog: 0,
        }
    }

    /// A session that has moved here: see [`Session::import`].
    pub(crate) fn moved(
        identity: Identity,
        guilds: Vec<(GuildId, bool)>,
        queued: Vec<GuildId>,
        journal: Journal,
        (sent, sent_ever): (u64, u64),
    ) -> Self {
        let guild = |((id, known), question)| {
            let attachment = Attachment::Awaited(Question(question));
            Guild { id, attachment, known }
        };
        let guilds: Vec<_> = guilds.into_iter().zip(1..).map(guild).collect();
        let awaited = guilds.len() as u32;
        let mut session = Self {
            identity,
            phase: Phase::Live,
            guilds,
            queued,
            awaited,
            questions: awaited,
            journal,
            sent,
            sent_ever,
            backlog: 0,
        };
        session.backlog = session.unsent_bytes();
        session
    }

    /// Its guilds, and whether the client has each.
    pub(crate) fn known_guilds(&self) -> impl Iterator<Item = (GuildId, bool)> + '_ {
        self.guilds.iter().map(|guild| (guild.id, guild.known))
    }

    /// Guilds whose attachment has not begun, the next one last.
    pub(crate) fn queued(&self) -> &[GuildId] {
        &self.queued
    }

    /// The number of the last dispatch that was written whole to any socket.
    pub(crate) fn sent_ever(&self) -> u64 {
        self.sent_ever
    }

    fn unsent_bytes(&self) -> usize {
        self.unsent().map(|(_, entry)| entry.dispatch.len(entry.choice)).sum()
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Whether the user's owner has not answered yet.
    pub fn is_opening(&self) -> bool {
        matches!(self.phase, Phase::Opening)
    }

    /// Whether READY is complete.
    pub fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live)
    }

    /// Whether the client can know the session's id: READY was written whole.
    pub fn is_known_to_client(&self) -> bool {
        self.sent_ever >= 1
    }

    /// The number of the newest dispatch.
    pub fn seq(&self) -> u64 {
        self.journal.last()
    }

    /// Bytes of bodies that are not written yet.
    pub fn backlog(&self) -> usize {
        self.backlog
    }

    /// Bytes that are here for the client and not written yet, those of a READY that is being made included.
    pub fn held_bytes(&self) -> usize {
        match &self.phase {
            Phase::Attaching(gathering) => self.backlog + gathering.bytes,
            _ => self.backlog,
        }
    }

    /// Whether more of what comes in bulk may come: the client has taken nearly all there was.
    pub fn takes_bulk(&self) -> bool {
        self.is_live() && self.backlog <= BACKLOG_ATTACH_BYTES
    }

    /// Whether a guild of so many bytes may come now: what waits to be written, READY included, leaves room for events.
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.backlog == 0 || self.backlog.saturating_add(bytes) <= JOURNAL_BYTES_MAX / 2
    }

    /// The number of the last dispatch that is written whole to the present socket.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether something is to be written.
    pub fn has_unsent(&self) -> bool {
        self.is_live() && self.sent < self.journal.last()
    }

    /// Whether the journal has forgotten something before it was written: the client is too slow.
    pub fn has_lost_unsent(&self) -> bool {
        self.journal.first() > self.sent + 1
    }

    // ---- READY and the guilds ----------------------------------------------------------------------------------

    /// Takes what the user's owner said. A bot's READY is complete at once; a user account's when its guilds have
    /// answered.
    pub fn opened(&mut self, opened: Opened) -> Step {
        self.queued = opened.guilds.iter().rev().copied().collect();
        self.guilds.reserve_exact(opened.guilds.len());
        if self.identity.bot {
            let stubs: Vec<_> = opened.guilds.iter().map(|id| ReadyGuild::Stub(*id)).collect();
            self.complete(opened, &stubs);
            return Step::Ready;
        }
        // One that was joined before this answer came may be attached already: its GUILD_CREATE follows READY.
        let attached = |id: &GuildId| matches!(self.attachment(*id), Some(Attachment::At(_)));
        let waiting = opened.guilds.iter().copied().filter(|id| !attached(id)).collect();
        self.phase =
            Phase::Attaching(Box::new(Gathering { opened, bodies: BTreeMap::new(), waiting, bytes: 0 }));
        self.ready_if_all_answered()
    }

    /// Gives the next guild to attach to, if the session is to begin one now.
    pub fn next_attach(&mut self) -> Option<GuildId> {
        let has_room = match &self.phase {
            Phase::Opening => false,
            Phase::Attaching(gathering) => gathering.bytes <= READY_GUILDS_BYTES_MAX,
            Phase::Live => self.backlog <= BACKLOG_ATTACH_BYTES,
        };
        if !has_room || self.awaited as usize >= ATTACH_WINDOW {
            return None;
        }
        loop {
            let guild = self.queued.pop()?;
            // One that was joined meanwhile has had its turn: attached again, it would be listed twice.
            if self.guild(guild).is_none() {
                self.await_guild(guild);
                return Some(guild);
            }
        }
    }

    /// Notes that the owner of a guild is asked anew: an answer to what it was asked before is none any more.
    pub fn await_guild(&mut self, id: GuildId) {
        self.questions = self.questions.wrapping_add(1);
        let attachment = Attachment::Awaited(Question(self.questions));
        match self.guilds.binary_search_by_key(&id, |guild| guild.id) {
            Ok(index) => {
                let before = std::mem::replace(&mut self.guilds[index].attachment, attachment);
                self.awaited += u32::from(!before.is_awaited());
            }
            Err(index) => {
                self.guilds.insert(index, Guild { id, attachment, known: false });
                self.awaited += 1;
            }
        }
    }

    /// The question to a guild that stands.
    pub fn question(&self, id: GuildId) -> Option<Question> {
        match self.attachment(id)? {
            Attachment::Awaited(question) => Some(question),
            Attachment::At(_) => None,
        }
    }

    /// How far the session is with a guild; `None` when it has nothing to do with it.
    pub fn attachment(&self, id: GuildId) -> Option<Attachment> {
        self.guild(id).map(|guild| guild.attachment)
    }

    /// Every guild and how far the session is with it.
    pub fn attachments(&self) -> impl Iterator<Item = (GuildId, Attachment)> + '_ {
        self.guilds.iter().map(|guild| (guild.id, guild.attachment))
    }

    /// How many guilds have been asked and have not answered.
    pub fn awaited(&self) -> usize {
        self.awaited as usize
    }

    /// Whether a guild's attachment is still to be begun.
    pub fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    /// Says where the attached session is in its owner's list now. One that is awaited is attached by
    /// [`Session::attached`] alone.
    pub fn set_position(&mut self, id: GuildId, position: u32) {
        if let Ok(index) = self.guilds.binary_search_by_key(&id, |guild| guild.id)
            && let Attachment::At(known) = &mut self.guilds[index].attachment
        {
            *known = position;
        }
    }

    /// A guild has answered: the session is attached from here on.
    pub fn attached(&mut self, id: GuildId, position: u32, guild_create: GuildCreate) -> Step {
        let Ok(index) = self.guilds.binary_search_by_key(&id, |guild| guild.id) else { return Step::None };
        let guild = &mut self.guilds[index];
        if guild.attachment.is_awaited() {
            self.awaited -= 1;
        }
        guild.attachment = Attachment::At(position);
        guild.known = true;
        // One that was joined since the user's owner answered is not in READY, but comes after it. So does the second answer of
        // a guild whose owner is new: the events since the first stand before it, and build on what READY says.
        if let Phase::Attaching(gathering) = &mut self.phase
            && gathering.opened.guilds.contains(&id)
            && (!gathering.bodies.contains_key(&id) || Planted::ReadyAhead.is_here())
        {
            gathering.answered(id, Some(guild_create));
            if gathering.bytes > READY_GUILDS_BYTES_MAX {
                // The others come after READY.
                gathering.waiting.retain(|waiting| !self.queued.contains(waiting));
            }
            return self.ready_if_all_answered();
        }
        if self.identity.viewer.intents.contains(Intents::GUILDS) {
            self.push(guild_create.dispatch().clone(), Choice::Full);
        }
        Step::None
    }

    /// A guild will not have the session, for now (`unavailable`: it is asked again later) or for good.
    pub fn refused(&mut self, id: GuildId, unavailable: bool) -> Step {
        let Ok(index) = self.guilds.binary_search_by_key(&id, |guild| guild.id) else { return Step::None };
        let guild = &mut self.guilds[index];
        let known = std::mem::take(&mut guild.known);
        if !unavailable {
            if guild.attachment.is_awaited() {
                self.awaited -= 1;
            }
            self.guilds.remove(index);
        }
        if let Phase::Attaching(gathering) = &mut self.phase
            && !gathering.bodies.contains_key(&id)
        {
            gathering.answered(id, None);
            if !unavailable {
                gathering.opened.guilds.retain(|guild| *guild != id);
            }
            return self.ready_if_all_answered();
        }
        // A client that was told of the guild hears that it is gone; one that has it as unavailable knows already.
        if (known || !unavailable) && self.identity.viewer.intents.contains(Intents::GUILDS) {
            let body = if unavailable {
                format!("{{\"id\":\"{id}\",\"unavailable\":true}}")
            } else {
                format!("{{\"id\":\"{id}\"}}")
            };
            self.push(Arc::new(Dispatch::new("GUILD_DELETE", body)), Choice::Full);
        }
        Step::None
    }

    /// The session has nothing to do with a guild any more. Gives how far it was.
    pub fn forget_guild(&mut self, id: GuildId) -> Option<Attachment> {
        self.queued.retain(|queued| *queued != id);
        let index = self.guilds.binary_search_by_key(&id, |guild| guild.id).ok()?;
        let guild = self.guilds.remove(index);
        if guild.attachment.is_awaited() {
            self.awaited -= 1;
        }
        if let Phase::Attaching(gathering) = &mut self.phase {
            gathering.answered(id, None);
            gathering.opened.guilds.retain(|guild| *guild != id);
        }
        Some(guild.attachment)
    }

    /// READY has waited long enough: guilds that have not answered are in it as unavailable.
    pub fn stop_waiting(&mut self) -> Step {
        if let Phase::Attaching(gathering) = &mut self.phase {
            gathering.waiting.clear();
        }
        self.ready_if_all_answered()
    }

    /// READY's wait is over when nobody is waited for, be it that a guild was refused, left or timed out.
    pub fn ready_if_all_answered(&mut self) -> Step {
        match &self.phase {
            Phase::Attaching(gathering) if gathering.waiting.is_empty() => {}
            _ => return Step::None,
        }
        let Phase::Attaching(gathering) = std::mem::replace(&mut self.phase, Phase::Live) else {
            return Step::None;
        };
        let Gathering { opened, mut bodies, .. } = *gathering;
        let guilds: Vec<_> = opened
            .guilds
            .iter()
            .map(|id| match bodies.remove(id) {
                Some(body) => ReadyGuild::Full(*id, body),
                None => ReadyGuild::Stub(*id),
            })
            .collect();
        self.complete(opened, &guilds);
        Step::Ready
    }

    fn complete(&mut self, opened: Opened, guilds: &[ReadyGuild]) {
        if self.identity.wants_supplemental() {
            let object = opened.supplemental.unwrap_or_else(|| Bytes::from_static(b"{}"));
            let body = ready::supplemental(&object, guilds)
                .unwrap_or_else(|| Bytes::from_static(b"{\"guilds\":[]}"));
            self.fill(2, Dispatch::new("READY_SUPPLEMENTAL", body));
        }
        self.fill(1, ready::finish(opened.opening, guilds));
        self.phase = Phase::Live;
    }

    fn fill(&mut self, seq: u64, dispatch: Dispatch) {
        self.backlog += dispatch.len(Choice::Full);
        // A hole that is gone means the journal overflowed before READY; `has_lost_unsent` tells the owner.
        self.journal.fill(seq, Arc::new(dispatch), Choice::Full);
    }

    fn guild(&self, id: GuildId) -> Option<&Guild> {
        self.guilds.binary_search_by_key(&id, |guild| guild.id).ok().map(|index| &self.guilds[index])
    }

    // ---- dispatches --------------------------------------------------------------------------------------------

    /// Takes an event of a guild the session is attached to, if it may have it.
    pub fn offer(&mut self, event: &Event, class: ClassId, dispatch: &Arc<Dispatch>) -> bool {
        let choice = self.identity.viewer.wants(event, class);
        choice.is_some_and(|choice| {
            self.push(dispatch.clone(), choice);
            true
        })
    }

    /// Takes an event that was sent to this very session, if it may have it.
    pub fn offer_direct(&mut self, event: &Event, dispatch: &Arc<Dispatch>) -> bool {
        let choice = self.identity.viewer.wants_direct(event).filter(|_| self.identity.serves(event.guild));
        choice.is_some_and(|choice| {
            self.push(dispatch.clone(), choice);
            true
        })
    }

    /// Adds a dispatch and gives its number.
    pub fn push(&mut self, dispatch: Arc<Dispatch>, choice: Choice) -> u64 {
        self.backlog += dispatch.len(choice);
        self.journal.push(dispatch, choice)
    }

    /// Adds a dispatch that has a place in its guild's log, and gives its number.
    pub fn push_logged(&mut self, place: &LogPosition, choice: Choice) -> u64 {
        self.backlog += place.dispatch().len(choice);
        self.journal.push_logged(place, choice)
    }

    /// What is to be written, in order.
    pub fn unsent(&self) -> impl Iterator<Item = (u64, Entry<'_>)> + '_ {
        let from = if self.is_live() { self.sent } else { self.journal.last() };
        self.journal.after(from)
    }

    /// Everything up to `seq` is written.
    pub fn mark_sent(&mut self, seq: u64) {
        let written = self.journal.after(self.sent).take_while(|(written, _)| *written <= seq);
        self.backlog -= written.map(|(_, entry)| entry.dispatch.len(entry.choice)).sum::<usize>();
        self.sent = seq.max(self.sent);
        if self.sent_ever < 2 {
            // READY is large and can never be asked for again: without it nobody knows the session's id.
            self.journal.forget(1);
            if seq >= 2 && self.identity.wants_supplemental() {
                self.journal.forget(2);
            }
        }
        self.sent_ever = self.sent_ever.max(self.sent);
    }

    /// The client says (heartbeat) that it has everything up to `seq`.
    pub fn acknowledge(&mut self, seq: u64) {
        // No more than was sent since it resumed: what it is sent again must not be forgotten before.
        self.journal.acknowledge(seq.min(self.sent));
    }

    /// Takes the session up on another socket, whose client has everything up to `seq`. What it missed is unsent again,
    /// RESUMED comes after it. Gives the number of dispatches replayed.
    ///
    /// # Errors
    /// See [`ResumeError`]; the session is as it was.
    pub fn resume(&mut self, seq: u64) -> Result<u64, ResumeError> {
        if seq > self.sent_ever {
            return Err(ResumeError::Ahead);
        }
        if !self.is_live() || seq == 0 || !self.journal.reaches(seq) {
            return Err(ResumeError::Gone);
        }
        self.journal.take_back(seq);
        self.sent = seq;
        self.backlog = self.unsent_bytes();
        let replayed = self.journal.last() - seq;
        self.push(Arc::new(Dispatch::new("RESUMED", Bytes::from_static(b"{\"_trace\":[]}"))), Choice::Full);
        Ok(replayed)
    }
}
