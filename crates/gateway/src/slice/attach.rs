//! Sessions and guilds: attaching, letting go, asking again.

use std::sync::Arc;
use std::time::Instant;

use consort_model::{GuildId, Intents, UserId};
use consort_rpc::relay::{Heard, Question, SessionKey};
use consort_rpc::{ClassId, Event};
use consort_session::{Attachment, Dispatch, GuildCreate, Step};
use slab::Slab;

use super::subscriber::Subscriber;
use super::{Effect, Held, Refusal, Slice};
use crate::config::{ASK_AGAIN, ATTACH_BACKOFF_MAX};

impl Slice {
    /// Begins as many attachments as the session is to have on their way.
    pub(super) fn attach_next(&mut self, now: Instant, slot: usize) {
        let mut any = false;
        self.weigh(slot);
        while self.has_bulk_room(slot)
            && let Some(guild) = self.sessions[slot].session.next_attach()
        {
            self.interest.add(guild, self.index);
            self.ask(slot, guild);
            self.weigh(slot);
            any = true;
        }
        let held = &mut self.sessions[slot];
        // One that waits for others of its account has begun, too.
        if (any || held.session.has_queued()) && held.attach_due.is_none() {
            let wait =
                if held.session.is_live() { self.config.attach_retry } else { self.config.attach_deadline };
            held.attach_due = Some(now + wait);
            self.schedule_session(slot);
        }
    }

    /// Asks a guild's owner what the session awaits of it. Asked once more, it is the same question.
    pub(super) fn ask(&mut self, slot: usize, guild: GuildId) {
        let held = &self.sessions[slot];
        let Some(question) = held.session.question(guild) else { return };
        let identity = held.session.identity();
        let presences = identity.viewer.intents.contains(Intents::GUILD_PRESENCES);
        let heard = held.heard_of(guild);
        let (key, threshold) = (identity.key, identity.large_threshold);
        let effect = Effect::attach(&held.caller(), guild, (key, question), (threshold, presences), heard);
        self.effects.push(effect);
    }

    /// READY has waited long enough, or guilds that have not answered are asked again.
    pub(super) fn attach_due(&mut self, now: Instant, slot: usize) {
        let held = &mut self.sessions[slot];
        held.attach_due = None;
        if held.session.is_opening() {
            return self.not_opened(now, slot, Refusal::Later);
        }
        if held.session.is_live() {
            self.ask_again(slot);
        } else {
            // Who has not answered yet is not asked again just now: it is busy, most likely.
            let step = held.session.stop_waiting();
            self.stepped(slot, step);
        }
        let held = &mut self.sessions[slot];
        if held.session.awaited() > 0 {
            held.attach_due = Some(now + self.config.attach_retry * (1 << held.attach_tries));
            held.attach_tries = (held.attach_tries + 1).min(ATTACH_BACKOFF_MAX);
        } else {
            held.attach_tries = 0;
        }
        self.attach_next(now, slot);
    }

    /// The answer of a guild could not be taken, since something was missing before it. It is asked again soon.
    pub(super) fn unattached(&mut self, now: Instant, key: SessionKey, guild: GuildId) {
        let Some((slot, held)) = self.at(&key) else { return };
        if held.session.question(guild).is_none() || !held.session.is_live() {
            return;
        }
        let soon = now + ASK_AGAIN;
        held.attach_due = Some(held.attach_due.map_or(soon, |due| due.min(soon)));
        self.schedule_session(slot);
    }

    /// Asks guilds again whose answers were not taken, once the client has read what there was.
    pub(super) fn ask_put_off(&mut self, slot: usize) {
        let held = &mut self.sessions[slot];
        if held.has_put_off && held.session.takes_bulk() {
            held.has_put_off = false;
            self.ask_again(slot);
        }
    }

    /// Whom sessions have asked to attach may not be the owner any more, or gone with the question.
    pub(super) fn moved(&mut self) {
        let waiting = self.sessions.iter().filter(|(_, held)| held.session.awaited() > 0);
        let waiting: Vec<_> = waiting.map(|(slot, _)| slot).collect();
        waiting.into_iter().for_each(|slot| self.ask_again(slot));
    }

    fn ask_again(&mut self, slot: usize) {
        let attachments = self.sessions[slot].session.attachments();
        let awaited = attachments.filter(|(_, attachment)| attachment.is_awaited());
        let awaited: Vec<_> = awaited.map(|(guild, _)| guild).collect();
        awaited.into_iter().for_each(|guild| self.ask(slot, guild));
    }

    /// A session may have become ready.
    pub(super) fn stepped(&mut self, slot: usize, step: Step) {
        if step == Step::Ready
            && let Some(conn) = self.sessions[slot].conn
        {
            // It is in READY; a connection that is to identify again does so before one.
            self.conns[conn].resume_url = Box::default();
        }
        if step == Step::Ready || self.sessions[slot].session.has_unsent() {
            self.wake_session(slot);
        }
    }

    /// Whether an answer is one of an owner before the one that the session has heard, where it was before it came to this node: it does
    /// not know what the session knows. Its node has not heard of the next one yet.
    pub(super) fn is_of_former_owner(
        &mut self,
        key: &SessionKey,
        guild: GuildId,
        place: Option<Heard>,
    ) -> bool {
        let heard = self.at(key).and_then(|(_, held)| held.heard_of(guild));
        heard.zip(place).is_some_and(|(heard, place)| place.line < heard.line)
    }

    pub(super) fn attached(
        &mut self,
        now: Instant,
        (key, question): (SessionKey, Question),
        (guild, class): (GuildId, ClassId),
        (guild_create, late): (GuildCreate, &[Arc<Event>]),
    ) {
        let index = self.index;
        let Some((slot, held)) = self.at(&key) else {
            // Nobody waits for it. If it was the last one of the guild here, its end has said so.
            return;
        };
        // Many answers at once are more than the journal holds: after READY stopped waiting, or when owners are new. Who reads slowly
        // would be cut for it. The guild is asked again when there is room.
        if held.session.is_live() && !held.session.has_room_for(guild_create.len()) {
            held.has_put_off = true;
            return;
        }
        let subscriber = Subscriber { viewer: held.session.identity().viewer, class, session: slot as u32 };
        let position = match held.session.attachment(guild) {
            // Left in the meantime.
            None => return,
            // Asked twice: the second answer brings the newer class.
            Some(Attachment::At(position)) => return self.set_class_of(guild, position, class),
            // The answer to an earlier question: the one to what stands is on its way.
            Some(Attachment::Awaited(stands)) if stands != question => return,
            Some(Attachment::Awaited(_)) => {
                let active = held.is_active_in(guild);
                let Self { guilds, sessions, .. } = self;
                let moved = |session, position| move_session(sessions, guild, session, position);
                guilds.entry(guild).or_default().push(subscriber, active, moved)
            }
        };
        debug_assert_eq!(key.slice, index);
        self.sessions[slot].heard_guilds.retain(|(known, _)| *known != guild);
        // What was said meanwhile builds on what the client knows; the guild as it is now comes behind that.
        for event in late {
            if let Some(choice) = subscriber.wants(event) {
                self.deliver(slot, &Arc::new(Dispatch::published(event.clone())), choice);
            }
        }
        let step = self.sessions[slot].session.attached(guild, position, guild_create);
        self.subscribe_again(slot, guild);
        self.stepped(slot, step);
        self.attach_next(now, slot);
    }

    pub(super) fn refused(
        &mut self,
        now: Instant,
        (key, question): (SessionKey, Question),
        guild: GuildId,
        unavailable: bool,
    ) {
        let Some((slot, held)) = self.at(&key) else { return };
        if held.session.question(guild) != Some(question) {
            return;
        }
        let step = held.session.refused(guild, unavailable);
        if !unavailable {
            held.forget(guild);
            self.let_go(guild);
        }
        self.stepped(slot, step);
        self.attach_next(now, slot);
    }

    /// The session was taken out of its own list already, or never attached: counts it out.
    fn let_go(&mut self, guild: GuildId) {
        if self.interest.remove(guild, self.index) {
            self.effects.push(Effect::Detached(guild));
        }
    }

    /// Takes a session out of a guild's list.
    fn unlist(&mut self, guild: GuildId, position: u32) {
        let Self { guilds, sessions, .. } = self;
        let Some(subscribers) = guilds.get_mut(&guild) else { return };
        subscribers.remove(position, |session, position| move_session(sessions, guild, session, position));
        if subscribers.list.is_empty() {
            self.guilds.remove(&guild);
        }
    }

    /// A session leaves a guild.
    pub(super) fn leave(&mut self, guild: GuildId, attachment: Attachment) {
        if let Attachment::At(position) = attachment {
            self.unlist(guild, position);
        }
        self.let_go(guild);
    }

    fn leave_session_guild(&mut self, now: Instant, slot: usize, guild: GuildId) {
        let held = &mut self.sessions[slot];
        held.forget(guild);
        if let Some(attachment) = held.session.forget_guild(guild) {
            self.leave(guild, attachment);
        }
        let step = self.sessions[slot].session.ready_if_all_answered();
        self.stepped(slot, step);
        self.attach_next(now, slot);
    }

    pub(super) fn detach_user(&mut self, now: Instant, guild: GuildId, user: UserId) {
        for slot in self.users.get(&user).cloned().unwrap_or_default() {
            let session = &mut self.sessions[slot].session;
            if session.question(guild).is_some() {
                // Its user may have joined again since, and that it awaits the guild may be because of that: the guild knows.
                session.await_guild(guild);
                self.ask(slot, guild);
            } else {
                self.leave_session_guild(now, slot, guild);
            }
        }
    }

    /// A guild is gone. Those who still wait for it are not looked for among all sessions: they are refused when it is asked
    /// again, and tell their clients, who may have heard of it before.
    pub(super) fn drop_guild(&mut self, now: Instant, guild: GuildId) {
        let listed = self.guilds.get(&guild).map_or(&[][..], |subscribers| &subscribers.list);
        let slots: Vec<_> = listed.iter().map(|subscriber| subscriber.session as usize).collect();
        slots.into_iter().for_each(|slot| self.leave_session_guild(now, slot, guild));
    }

    /// The users of these sessions have joined a guild.
    pub(super) fn join(&mut self, now: Instant, sessions: &[SessionKey], guild: GuildId) {
        let retry = now + self.config.attach_retry;
        for key in sessions {
            let Some((slot, held)) = self.at(key) else { continue };
            let identity = held.session.identity();
            if !identity.serves(Some(guild)) {
                continue;
            }
            match held.session.attachment(guild) {
                // What it was asked before may have been answered before its user joined.
                Some(Attachment::Awaited(_)) => {}
                // It was a member before, and that it has left is still on its way from the guild.
                Some(Attachment::At(position)) => self.unlist(guild, position),
                None => self.interest.add(guild, self.index),
            }
            let held = &mut self.sessions[slot];
            held.session.await_guild(guild);
            held.attach_due.get_or_insert(retry);
            self.ask(slot, guild);
            self.schedule_session(slot);
        }
    }

    /// The guild's owner is new and numbers its classes anew: nobody gets anything of it until attached again, and then first
    /// what it has said meanwhile. `heard` is how far all who are attached are.
    pub(super) fn guild_restarted(&mut self, now: Instant, guild: GuildId, heard: Option<Heard>) {
        let Some(subscribers) = self.guilds.remove(&guild) else { return };
        for subscriber in subscribers.list {
            let slot = subscriber.session as usize;
            let held = &mut self.sessions[slot];
            held.session.await_guild(guild);
            if let Some(heard) = heard {
                held.heard_guilds.retain(|(known, _)| *known != guild);
                held.heard_guilds.push((guild, heard));
            }
            held.attach_due.get_or_insert(now + self.config.attach_retry);
            self.ask(slot, guild);
            self.schedule_session(slot);
        }
    }
}

/// Another session of a guild's list has this place now.
pub(super) fn move_session(sessions: &mut Slab<Held>, guild: GuildId, session: u32, position: u32) {
    if let Some(held) = sessions.get_mut(session as usize) {
        held.session.set_position(guild, position);
    }
}
