//! The words of owners, as they reach this slice in order.

use std::sync::Arc;
use std::time::Instant;

use consort_model::{GuildId, UserId};
use consort_rpc::relay::{Op, SessionKey};
use consort_rpc::{ClassId, Event, View, user};
use consort_session::{Attachment, Choice, Dispatch};

use super::{Effect, Slice};
use crate::inbox::Lost;

impl Slice {
    /// Offers a guild's event to its subscribers.
    pub(super) fn publish(&mut self, dispatch: &Arc<Dispatch>) {
        let Some(event) = dispatch.event() else { return };
        let Some(guild) = event.guild else { return };
        if event.audience.view == View::None {
            return self.publish_to_users(guild, event, dispatch);
        }
        // The list is lent out while its sessions are touched; nothing on the way changes it.
        let Some(subscribers) = self.guilds.get_mut(&guild).map(std::mem::take) else { return };
        self.offers += subscribers.list.len();
        for subscriber in &subscribers.list {
            if let Some(choice) = subscriber.wants(event) {
                self.deliver(subscriber.session as usize, dispatch, choice);
            }
        }
        self.guilds.insert(guild, subscribers);
    }

    /// The few users that an event without a view is for are found by their ids, not by asking everybody.
    fn publish_to_users(&mut self, guild: GuildId, event: &Event, dispatch: &Arc<Dispatch>) {
        let audience = &event.audience;
        let always = audience.always.iter().filter(|user| !audience.users.contains(user));
        for user in audience.users.iter().chain(always) {
            for slot in self.users.get(user).cloned().unwrap_or_default() {
                let Some(Attachment::At(position)) = self.sessions[slot].session.attachment(guild) else {
                    continue;
                };
                let subscribers = self.guilds.get(&guild);
                let subscriber = subscribers.and_then(|guild| guild.list.get(position as usize));
                self.offers += 1;
                if let Some(choice) = subscriber.and_then(|subscriber| subscriber.wants(event)) {
                    self.deliver(slot, dispatch, choice);
                }
            }
        }
    }

    fn deliver(&mut self, slot: usize, dispatch: &Arc<Dispatch>, choice: Choice) {
        self.figures.deliveries += 1;
        let held = &mut self.sessions[slot];
        held.session.push(dispatch.clone(), choice);
        if let Some(conn) = held.conn {
            self.mark_dirty(conn);
        }
    }

    /// Offers an event to sessions by number.
    pub(super) fn direct(&mut self, numbers: &[u64], dispatch: &Arc<Dispatch>) {
        let Some(event) = dispatch.event().cloned() else { return };
        for number in numbers {
            self.offers += 1;
            if let Some((slot, held)) = self.held(*number)
                && held.session.offer_direct(&event, dispatch)
            {
                self.wake_session(slot);
            }
        }
    }

    /// Handles what is no event.
    pub(super) fn relay(&mut self, now: Instant, op: Op) {
        match op {
            Op::Publish(event) => self.publish(&Arc::new(Dispatch::of(event))),
            Op::Direct { sessions, event } => {
                let numbers: Vec<_> = sessions.iter().map(|key| key.number).collect();
                self.direct(&numbers, &Arc::new(Dispatch::of(event)));
            }
            Op::Attached { session, guild, class, guild_create } => {
                self.attached(now, session, guild, class, guild_create);
            }
            Op::Refused { session, guild, unavailable } => self.refused(now, session, guild, unavailable),
            Op::Class { guild, user, class } => self.set_class(guild, user, class),
            Op::Detach { guild, user } => self.detach_user(now, guild, user),
            Op::Drop { guild } => self.drop_guild(now, guild),
            Op::Join { sessions, guild } => self.join(now, &sessions, guild),
            Op::GuildRestarted { guild } => self.guild_restarted(now, guild),
            Op::UserRestarted { user } => self.user_restarted(user),
            Op::Close { sessions, code } => self.close_sessions(now, &sessions, code),
        }
    }

    fn set_class(&mut self, guild: GuildId, user: UserId, class: ClassId) {
        for slot in self.users.get(&user).cloned().unwrap_or_default() {
            if let Some(Attachment::At(position)) = self.sessions[slot].session.attachment(guild)
                && let Some(subscribers) = self.guilds.get_mut(&guild)
                && let Some(subscriber) = subscribers.list.get_mut(position as usize)
            {
                subscriber.class = class;
            }
        }
    }

    fn user_restarted(&mut self, user: UserId) {
        for slot in self.users.get(&user).cloned().unwrap_or_default() {
            let held = &self.sessions[slot];
            // The owner is about to hear of one that is being opened: very likely it was loaded for it.
            if held.session.is_opening() {
                continue;
            }
            let open = user::gateway::Op::Open(super::identify::open_session(
                held.session.identity(),
                &held.client,
                held.presence.clone(),
                true,
            ));
            let caller = held.caller();
            self.effects.push(Effect::user(&caller, open));
        }
    }

    /// Logout, password change, token reset: socket and session are over.
    fn close_sessions(&mut self, now: Instant, sessions: &[SessionKey], code: u16) {
        for key in sessions {
            let Some((slot, held)) = self.held(key.number) else { continue };
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

    /// Ends the sessions that have a gap because the inbox was full.
    pub(crate) fn lost_events(&mut self, now: Instant, lost: &Lost) {
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
