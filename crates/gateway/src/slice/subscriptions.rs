//! In which guilds a session is active, as its subscriptions say (opcodes 14 and 37).

use std::time::Instant;

use consort_model::GuildId;
use consort_session::{Attachment, Choice};
use consort_wire::gateway::{GuildSubscription, MemberRange};
use serde::{Deserialize, Serialize};

use super::attach::move_session;
use super::{Effect, Slice};
use crate::config::GUILDS_MAX;

/// Member lists of a guild that are remembered, for its owner serves no more, and windows of each.
const LISTS_MAX: usize = 10;
const WINDOWS_MAX: usize = 10;

/// What of a guild a session has asked for, as bits; with none left it is passive there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Subscribed(u8);

impl Subscribed {
    /// The guild was named and nothing else was said.
    const NAMED: u8 = 1 << 7;

    /// What is asked for after another subscription: what it does not mention stays.
    pub(super) fn after(self, subscription: &GuildSubscription) -> Self {
        let GuildSubscription { guild_id: _, typing, activities, threads, member_updates, .. } = subscription;
        let some = |list: &Option<Vec<_>>| list.as_ref().map(|list: &Vec<u64>| !list.is_empty());
        let asked = [
            *typing,
            *activities,
            *threads,
            *member_updates,
            some(&subscription.members),
            subscription.channels.as_ref().map(|channels| !channels.is_empty()),
            some(&subscription.thread_member_lists),
        ];
        if asked.iter().all(Option::is_none) {
            return Self(self.0 | Self::NAMED);
        }
        let mut bits = self.0 & !Self::NAMED;
        for (index, asked) in asked.into_iter().enumerate() {
            match asked {
                Some(true) => bits |= 1 << index,
                Some(false) => bits &= !(1 << index),
                None => {}
            }
        }
        Self(bits)
    }

    /// Whether nothing is asked for.
    pub(super) fn is_nothing(self) -> bool {
        self.0 == 0
    }
}

/// What a session has subscribed to in a guild.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) guild: GuildId,
    subscribed: Subscribed,
    /// The windows of member lists, which an owner that is loaded again must be told again.
    channels: Box<[(u64, Vec<MemberRange>)]>,
}

impl Watched {
    fn of(guild: GuildId) -> Self {
        Self { guild, subscribed: Subscribed::default(), channels: Box::default() }
    }
}

/// What a session has subscribed to, as it moves.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ExportedWatch {
    guild: GuildId,
    subscribed: u8,
    channels: Vec<(u64, Vec<(u32, u32)>)>,
}

impl ExportedWatch {
    pub(super) fn of(watched: &Watched) -> Self {
        let ranges =
            |ranges: &Vec<MemberRange>| ranges.iter().map(|range| (range.first, range.last)).collect();
        let channels = watched.channels.iter().map(|(channel, windows)| (*channel, ranges(windows)));
        Self { guild: watched.guild, subscribed: watched.subscribed.0, channels: channels.collect() }
    }

    pub(super) fn watched(self) -> Watched {
        let range = |(first, last): (u32, u32)| MemberRange { first, last: last.max(first) };
        let windows = |ranges: Vec<_>| ranges.into_iter().take(WINDOWS_MAX).map(range).collect();
        let channels = self.channels.into_iter().take(LISTS_MAX);
        let channels = channels.map(|(channel, ranges)| (channel, windows(ranges))).collect();
        Watched { guild: self.guild, subscribed: Subscribed(self.subscribed), channels }
    }
}

impl Slice {
    /// A session says what it wants of a guild. Its owner is told, too, since member lists are its affair.
    pub(super) fn subscribe(&mut self, session: usize, subscription: &GuildSubscription) {
        let guild = GuildId::new(subscription.guild_id);
        let held = &mut self.sessions[session];
        if held.session.attachment(guild).is_none() {
            return;
        }
        let known = held.watching.iter().position(|watched| watched.guild == guild);
        let mut watched = known.map_or(Watched::of(guild), |index| held.watching.swap_remove(index));
        watched.subscribed = watched.subscribed.after(subscription);
        if let Some(channels) = &subscription.channels {
            let kept = channels.iter().take(LISTS_MAX);
            let windows = |ranges: &Vec<MemberRange>| ranges.iter().take(WINDOWS_MAX).copied().collect();
            watched.channels = kept.map(|(channel, ranges)| (*channel, windows(ranges))).collect();
        }
        let subscribed = watched.subscribed;
        if !subscribed.is_nothing() && held.watching.len() < GUILDS_MAX {
            held.watching.push(watched);
        }
        self.set_activity(session, guild);
        let held = &self.sessions[session];
        let (caller, key) = (held.caller(), held.session.identity().key);
        let effect = Effect::subscribe(&caller, guild, key, super::client::subscription_json(subscription));
        self.effects.push(effect);
        if known.is_some() && subscribed.is_nothing() {
            self.effects.push(Effect::unsubscribe(&caller, guild, key));
        }
    }

    /// The guild's owner does not know which member lists the session has subscribed to: it was loaded again.
    pub(super) fn subscribe_again(&mut self, session: usize, guild: GuildId) {
        let held = &self.sessions[session];
        let watched = held.watching.iter().find(|watched| watched.guild == guild);
        let Some(watched) = watched.filter(|watched| !watched.channels.is_empty()) else { return };
        let subscription = GuildSubscription {
            guild_id: guild.get(),
            channels: Some(watched.channels.to_vec()),
            ..GuildSubscription::default()
        };
        let request = super::client::subscription_json(&subscription);
        let effect = Effect::subscribe(&held.caller(), guild, held.session.identity().key, request);
        self.effects.push(effect);
    }

    /// The session becomes active in a guild, or passive. What it has not heard of yet comes first; from here on it gets
    /// every event, or what has changed.
    fn set_activity(&mut self, session: usize, guild: GuildId) {
        let held = &self.sessions[session];
        let Some(Attachment::At(position)) = held.session.attachment(guild) else { return };
        let active = held.is_active_in(guild);
        let Some(subscribers) = self.guilds.get(&guild) else { return };
        if subscribers.is_passive(position) != active {
            return;
        }
        if active {
            self.tell_one(guild, position);
        }
        let Self { guilds, sessions, .. } = self;
        if let Some(subscribers) = guilds.get_mut(&guild) {
            let moved = |session, position| move_session(sessions, guild, session, position);
            subscribers.set_active(position, active, moved);
        }
    }

    /// Tells one passive session what is gathered, before something changes what it may hear.
    pub(super) fn tell_one(&mut self, guild: GuildId, position: u32) {
        let Some(subscribers) = self.guilds.get(&guild).filter(|all| all.is_passive(position)) else {
            return;
        };
        let Some(subscriber) = subscribers.list.get(position as usize) else { return };
        if let Some(delta) = subscribers.deltas.of_one(guild, subscriber) {
            self.deliver(subscriber.session as usize, &delta, Choice::Full);
        }
    }

    /// Tells all passive sessions of a guild what is gathered.
    pub(super) fn tell_deltas(&mut self, now: Instant, guild: GuildId) {
        let Some(mut subscribers) = self.guilds.get_mut(&guild).map(std::mem::take) else { return };
        let mut deltas = std::mem::take(&mut subscribers.deltas);
        self.offers += subscribers.passive().len();
        deltas.take(now, guild, subscribers.passive(), |session, delta| {
            self.deliver(session as usize, delta, Choice::Full);
        });
        subscribers.deltas = deltas;
        self.guilds.insert(guild, subscribers);
    }

    pub(super) fn deltas_due(&mut self, now: Instant, at: Instant, guild: GuildId) {
        if self.guilds.get(&guild).is_some_and(|subscribers| subscribers.deltas.is_due(at)) {
            self.tell_deltas(now, guild);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_looks_as_long_as_anything_is_asked_for() {
        let nothing = GuildSubscription::default();
        let typing = |on| GuildSubscription { typing: Some(on), ..GuildSubscription::default() };
        let list = |channels| GuildSubscription { channels: Some(channels), ..GuildSubscription::default() };
        let subscribed = Subscribed::default();
        assert!(subscribed.is_nothing() && subscribed.after(&typing(false)).is_nothing());
        assert!(!subscribed.after(&nothing).is_nothing());
        assert!(subscribed.after(&nothing).after(&typing(false)).is_nothing());
        let both = subscribed.after(&typing(true)).after(&list(vec![(1, Vec::new())]));
        assert!(!both.after(&typing(false)).is_nothing());
        assert!(!both.after(&list(Vec::new())).is_nothing());
        assert!(both.after(&typing(false)).after(&list(Vec::new())).is_nothing());
    }
}
