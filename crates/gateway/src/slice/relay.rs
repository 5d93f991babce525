//! The words of owners, as they reach this slice in order.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Instant;

use consort_model::{GuildId, UserId};
use consort_rpc::relay::{Heard, Op, SessionKey};
use consort_rpc::{Audience, ClassId, View, Withheld, user};
use consort_runtime::Planted;
use consort_session::{Attachment, Choice, Dispatch};

use super::subscriber::Subscriber;
use super::subscribers::{LOGGED_FROM, Subscribers};
use super::timers::Due;
use super::{Effect, Said, Slice};
use crate::inbox::Lost;

impl Slice {
    /// Offers a guild's event to its subscribers.
    pub(super) fn publish(&mut self, now: Instant, dispatch: &Arc<Dispatch>) {
        let Some(event) = dispatch.event() else { return };
        let Some(guild) = event.guild else { return };
        if event.audience.view == View::None {
            let Audience { users, always, .. } = &event.audience;
            return self.publish_to_users(guild, dispatch, (users, always), |_, _| true);
        }
        match &event.withheld {
            None => {
                // It may change who sees what.
                if self.guilds.get(&guild).is_some_and(|subscribers| !subscribers.deltas.is_empty()) {
                    self.tell_deltas(now, guild);
                }
                self.publish_to(guild, dispatch, |subscribers| &subscribers.list, |_| true);
            }
            Some(withheld) => {
                self.publish_to(guild, dispatch, Subscribers::active, |_| true);
                self.publish_withheld(now, guild, withheld, dispatch);
            }
        }
    }

    /// Offers an event to those of some subscribers who are meant.
    fn publish_to(
        &mut self,
        guild: GuildId,
        dispatch: &Arc<Dispatch>,
        these: impl Fn(&Subscribers) -> &[Subscriber],
        meant: impl Fn(&Subscriber) -> bool,
    ) {
        let Some(event) = dispatch.event() else { return };
        // The list is lent out while its sessions are touched; nothing on the way changes it.
        let Some(mut subscribers) = self.guilds.get_mut(&guild).map(std::mem::take) else { return };
        let mut log = std::mem::take(&mut subscribers.log);
        let these = these(&subscribers);
        self.offers += these.len();
        let many = these.len() >= LOGGED_FROM;
        let mut place = None;
        for subscriber in these.iter().filter(|subscriber| meant(subscriber)) {
            let Some(choice) = subscriber.wants(event) else { continue };
            let slot = subscriber.session as usize;
            if many {
                let place = place.get_or_insert_with(|| log.append(dispatch.clone()));
                self.sessions[slot].session.push_logged(place, choice);
                self.delivered(slot);
            } else {
                self.deliver(slot, dispatch, choice);
            }
        }
        subscribers.log = log;
        self.guilds.insert(guild, subscribers);
    }

    /// What comes of an event to the passive sessions of the guild.
    fn publish_withheld(
        &mut self,
        now: Instant,
        guild: GuildId,
        withheld: &Withheld,
        dispatch: &Arc<Dispatch>,
    ) {
        let Some(event) = dispatch.event() else { return };
        let Some(subscribers) = self.guilds.get_mut(&guild) else { return };
        if subscribers.passive().is_empty() {
            return;
        }
        if let Some(change) = &withheld.change {
            let due = subscribers.deltas.add(now, self.config.passive_interval, event, change);
            due.into_iter().for_each(|due| self.timers.add(due, Due::Deltas(guild)));
        }
        let full = subscribers.deltas.is_full();
        let (users, always) = (&withheld.users, &event.audience.always);
        let passive = |subscribers: &Subscribers, position| subscribers.is_passive(position);
        match &withheld.classes {
            View::None => self.publish_to_users(guild, dispatch, (users, always), passive),
            View::All => self.publish_to(guild, dispatch, Subscribers::passive, |_| true),
            View::Classes(classes) => {
                let of_them = |subscriber: &Subscriber| classes.contains(subscriber.class);
                self.publish_to(guild, dispatch, Subscribers::passive, of_them);
                // Not by asking each session whether it is one of the users: a bulk deletion may name thousands.
                let besides = |subscribers: &Subscribers, position| {
                    passive(subscribers, position)
                        && !subscribers.list.get(position as usize).is_some_and(of_them)
                };
                self.publish_to_users(guild, dispatch, (users, always), besides);
            }
        }
        if full {
            self.tell_deltas(now, guild);
        }
    }

    /// A few users are found by their ids, not by asking everybody.
    fn publish_to_users(
        &mut self,
        guild: GuildId,
        dispatch: &Arc<Dispatch>,
        (users, others): (&[UserId], &[UserId]),
        meant: impl Fn(&Subscribers, u32) -> bool,
    ) {
        let Some(event) = dispatch.event() else { return };
        let others = others.iter().filter(|user| !users.contains(user));
        for user in users.iter().chain(others) {
            for slot in self.users.get(user).cloned().unwrap_or_default() {
                let Some(Attachment::At(position)) = self.sessions[slot].session.attachment(guild) else {
                    continue;
                };
                let Some(subscribers) = self.guilds.get(&guild) else { continue };
                if !meant(subscribers, position) {
                    continue;
                }
                self.offers += 1;
                let subscriber = subscribers.list.get(position as usize);
                if let Some(choice) = subscriber.and_then(|subscriber| subscriber.wants(event)) {
                    self.deliver(slot, dispatch, choice);
                }
            }
        }
    }

    pub(super) fn deliver(&mut self, slot: usize, dispatch: &Arc<Dispatch>, choice: Choice) {
        self.sessions[slot].session.push(dispatch.clone(), choice);
        self.delivered(slot);
    }

    fn delivered(&mut self, slot: usize) {
        self.figures.deliveries += 1;
        self.wake_session(slot);
    }

    /// Offers an event to the sessions at these addresses.
    pub(super) fn direct(&mut self, sessions: &[SessionKey], dispatch: &Arc<Dispatch>) {
        let Some(event) = dispatch.event().cloned() else { return };
        for key in sessions {
            self.offers += 1;
            if let Some((slot, held)) = self.at(key)
                && held.session.offer_direct(&event, dispatch)
            {
                self.wake_session(slot);
            }
        }
    }

    /// Takes an account's word for each of these sessions, once and in order. What is missing before it was told to nobody here
    /// and comes from nowhere any more, so such a session ends.
    pub(super) fn said(&mut self, now: Instant, n: u64, sessions: &[SessionKey], said: &Said) {
        for key in sessions {
            let Some((slot, held)) = self.at(key) else { continue };
            match held.heard.map_or(Ordering::Equal, |heard| n.cmp(&(heard + 1))) {
                Ordering::Less if !Planted::WordTwice.is_here() => continue,
                Ordering::Greater if !Planted::GapUnnoticed.is_here() => {
                    tracing::warn!(user = %key.user, n, "a session has missed words of its account and ends");
                    self.invalidate(now, slot);
                    continue;
                }
                _ => held.heard = Some(n),
            }
            match said {
                Said::Event(dispatch) => self.direct(std::slice::from_ref(key), dispatch),
                Said::Join(guild) => self.join(now, std::slice::from_ref(key), *guild),
            }
        }
    }

    /// Handles what is no event.
    pub(super) fn relay(&mut self, now: Instant, op: Op) {
        match op {
            // The node's relay has looked at the number.
            Op::Numbered(word) => {
                let (guild, place) = (word.guild, Heard { line: word.line, n: word.n });
                self.relay(now, word.op);
                self.heard_until(guild, place);
            }
            Op::Publish(event) => self.publish(now, &Arc::new(Dispatch::published(event))),
            Op::Direct { sessions, event } => {
                self.direct(&sessions, &Arc::new(Dispatch::direct(event)));
            }
            Op::Said { n, op } => match *op {
                Op::Direct { sessions, event } => {
                    self.said(now, n, &sessions, &Said::Event(Arc::new(Dispatch::direct(event))));
                }
                Op::Join { sessions, guild } => self.said(now, n, &sessions, &Said::Join(guild)),
                _ => tracing::error!(n, "an account has said what none says"),
            },
            Op::Behind { sessions, heard } => self.behind(now, &sessions, heard),
            Op::Attached { session, guild, question, class, guild_create, late } => {
                self.attached(now, (session, question), (guild, class), (guild_create.into(), &late));
            }
            Op::Refused { session, guild, question, unavailable } => {
                self.refused(now, (session, question), guild, unavailable);
            }
            Op::Class { guild, user, class } => self.set_class(guild, user, class),
            Op::Detach { guild, user } => self.detach_user(now, guild, user),
            Op::Drop { guild } => self.drop_guild(now, guild),
            Op::Join { sessions, guild } => self.join(now, &sessions, guild),
            Op::GuildRestarted { guild, .. } => self.guild_restarted(now, guild, None),
            // The node's relay knows how far it is.
            Op::GuildLoaded { .. } => {}
            Op::UserRestarted { user, since_ms } => self.user_restarted(user, since_ms),
            Op::Close { sessions, code } => self.close_sessions(now, &sessions, code),
        }
    }

    /// What these sessions have missed since they had heard so much is lost.
    fn behind(&mut self, now: Instant, sessions: &[SessionKey], heard: Option<u64>) {
        for key in sessions {
            match self.at(key) {
                Some((slot, held)) if held.heard == heard => self.invalidate(now, slot),
                // It has been told more since, by an owner before this one.
                Some((slot, _)) => self.tell_owner_again(slot),
                None => {}
            }
        }
    }

    /// All who are attached have heard a guild up to here. What is said aside may come late.
    pub(super) fn heard_until(&mut self, guild: GuildId, place: Heard) {
        let Some(subscribers) = self.guilds.get_mut(&guild) else { return };
        if subscribers.heard.is_none_or(|heard| heard.line != place.line || heard.n < place.n) {
            subscribers.heard = Some(place);
        }
    }

    fn set_class(&mut self, guild: GuildId, user: UserId, class: ClassId) {
        for slot in self.users.get(&user).cloned().unwrap_or_default() {
            if let Some(Attachment::At(position)) = self.sessions[slot].session.attachment(guild) {
                self.set_class_of(guild, position, class);
            }
        }
    }

    /// A session is of another class from here on. If it is passive, it first hears what it could see as one of the old.
    pub(super) fn set_class_of(&mut self, guild: GuildId, position: u32, class: ClassId) {
        self.tell_one(guild, position);
        let subscribers = self.guilds.get_mut(&guild);
        if let Some(subscriber) = subscribers.and_then(|guild| guild.list.get_mut(position as usize)) {
            subscriber.class = class;
        }
    }

    fn user_restarted(&mut self, user: UserId, since_ms: u64) {
        for slot in self.users.get(&user).cloned().unwrap_or_default() {
            let held = &mut self.sessions[slot];
            if held.session.is_opening() {
                // The owner is about to hear of it: very likely it was loaded for it. Should another one answer, it is told.
                held.owner_restarted_ms = since_ms;
            } else {
                self.tell_owner_again(slot);
            }
        }
    }

    /// Registers a session with its user's new owner.
    pub(super) fn tell_owner_again(&mut self, slot: usize) {
        let held = &self.sessions[slot];
        let open = user::gateway::Op::Open(super::identify::open_session(
            held.session.identity(),
            &held.client,
            held.presence.clone(),
            Some(held.heard),
        ));
        let caller = held.caller();
        self.effects.push(Effect::user(&caller, open));
    }

    /// Logout, password change, token reset: socket and session are over.
    fn close_sessions(&mut self, now: Instant, sessions: &[SessionKey], code: u16) {
        for key in sessions {
            let Some((slot, held)) = self.at(key) else { continue };
            let conn = held.conn;
            if let Some(conn) = conn {
                self.release_output(conn);
            }
            self.end_session(slot);
            if let Some(conn) = conn {
                self.close(now, conn, code);
            }
        }
    }

    /// Ends the sessions that have a gap because the inbox was full, and asks again for guilds that it had no room for.
    pub(crate) fn lost_events(&mut self, now: Instant, lost: &Lost) {
        if lost.has_gaps() {
            self.end_with_gaps(now, lost);
        }
        for (key, guild) in &lost.unattached {
            if let Some((slot, held)) = self.at(key)
                && held.session.question(*guild).is_some()
            {
                self.ask(slot, *guild);
            }
        }
    }

    fn end_with_gaps(&mut self, now: Instant, lost: &Lost) {
        let slots: Vec<usize> = if lost.everything {
            self.sessions.iter().map(|(slot, _)| slot).collect()
        } else {
            let of_guilds = lost.guilds.iter().filter_map(|guild| self.guilds.get(guild));
            let mut slots: Vec<_> =
                of_guilds.flat_map(|guild| guild.list.iter().map(|s| s.session as usize)).collect();
            slots.extend(lost.sessions.iter().filter_map(|number| self.numbers.get(number)));
            slots.sort_unstable();
            slots.dedup();
            slots
        };
        tracing::error!(
            slice = self.index,
            sessions = slots.len(),
            "the inbox was full: sessions have a gap and end"
        );
        slots.into_iter().for_each(|slot| self.invalidate(now, slot));
    }
}
