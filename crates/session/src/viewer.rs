//! Who looks: the part of a session that decides what it may have.

use consort_model::{GuildId, Intents, UserId};
use consort_rpc::{ClassId, Event, View};

/// Which body of a dispatch a session gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The whole one.
    Full,
    /// The one without message content.
    Redacted,
}

/// The account behind a session, and its intents. User accounts have all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Viewer {
    /// The account.
    pub user: UserId,
    /// What the session asked for and may have.
    pub intents: Intents,
    /// Whether it is a bot's.
    pub bot: bool,
}

impl Viewer {
    /// Decides about a guild's event for a session whose member is of `class` in that guild.
    pub fn wants(&self, event: &Event, class: ClassId) -> Option<Choice> {
        let audience = &event.audience;
        if audience.except.contains(&self.user) {
            return None;
        }
        let in_view = match &audience.view {
            View::All => true,
            View::Classes(classes) => classes.contains(class),
            View::None => false,
        };
        let wanted = (in_view || audience.users.contains(&self.user)) && self.intends(event)
            || audience.always.contains(&self.user);
        wanted.then(|| self.choice(event))
    }

    /// Decides about an event that was sent to this very session: intents count, the audience does not.
    pub fn wants_direct(&self, event: &Event) -> Option<Choice> {
        (self.intends(event) || event.audience.always.contains(&self.user)).then(|| self.choice(event))
    }

    fn intends(&self, event: &Event) -> bool {
        if event.bots_only && !self.bot {
            return false;
        }
        event.intents.is_empty() || self.intents.intersects(event.intents)
    }

    fn choice(&self, event: &Event) -> Choice {
        let redacted = event.redacted.is_some()
            && !self.intents.contains(Intents::MESSAGE_CONTENT)
            && !event.unredacted_for.contains(&self.user);
        if redacted { Choice::Redacted } else { Choice::Full }
    }
}

/// A shard of a bot: which guilds are its own ("Sharding": `shard_id = (guild_id >> 22) % num_shards`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0.
    pub id: u32,
    /// How many there are; at least 1.
    pub count: u32,
}

impl Shard {
    /// Whether the shard serves this guild. What is of no guild goes to shard 0.
    pub fn serves(self, guild: Option<GuildId>) -> bool {
        match guild {
            Some(guild) => (guild.get() >> 22) % u64::from(self.count.max(1)) == u64::from(self.id),
            None => self.id == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use consort_rpc::{Audience, ClassSet};

    use super::*;

    fn viewer(user: u64, intents: Intents) -> Viewer {
        Viewer { user: UserId::new(user), intents, bot: true }
    }

    fn event(audience: Audience) -> Event {
        Event::new("MESSAGE_CREATE", Intents::GUILD_MESSAGES, audience, &1)
    }

    fn users(ids: &[u64]) -> Vec<UserId> {
        ids.iter().copied().map(UserId::new).collect()
    }

    #[test]
    fn a_class_outside_the_view_gets_nothing() {
        let classes = Arc::new(ClassSet::from_iter([1, 70]));
        let event = event(Audience::view(View::Classes(classes)));
        let me = viewer(1, Intents::all());
        assert_eq!(me.wants(&event, 70), Some(Choice::Full));
        assert_eq!(me.wants(&event, 2), None);
        assert_eq!(me.wants(&event, 7000), None);
    }

    #[test]
    fn intents_are_needed_but_for_those_who_always_get_it() {
        let event = event(Audience::all().and_always(users(&[2])));
        assert_eq!(viewer(1, Intents::GUILDS).wants(&event, 0), None);
        assert_eq!(viewer(2, Intents::GUILDS).wants(&event, 0), Some(Choice::Full));
        assert_eq!(viewer(1, Intents::GUILD_MESSAGES).wants(&event, 0), Some(Choice::Full));
        assert_eq!(viewer(1, Intents::GUILDS).wants_direct(&event), None);
        assert_eq!(viewer(2, Intents::GUILDS).wants_direct(&event), Some(Choice::Full));
    }

    #[test]
    fn what_is_for_bots_alone_does_not_reach_people() {
        let event = Event { bots_only: true, ..event(Audience::all()) };
        let bot = viewer(1, Intents::all());
        assert_eq!(bot.wants(&event, 0), Some(Choice::Full));
        assert_eq!(Viewer { bot: false, ..bot }.wants(&event, 0), None);
    }

    #[test]
    fn named_users_get_it_within_their_intents_and_excepted_ones_never() {
        let event = event(Audience::users(users(&[3, 4])).and_always(users(&[5])).without(users(&[4, 5])));
        let all = Intents::all();
        assert_eq!(viewer(3, all).wants(&event, 0), Some(Choice::Full));
        assert_eq!(viewer(3, Intents::GUILDS).wants(&event, 0), None);
        assert_eq!(viewer(4, all).wants(&event, 0), None);
        assert_eq!(viewer(5, all).wants(&event, 0), None);
        assert_eq!(viewer(6, all).wants(&event, 0), None);
    }

    #[test]
    fn content_is_for_those_with_the_intent_and_those_concerned() {
        let mut event = event(Audience::all());
        event.redacted = Some("2".into());
        event.unredacted_for = users(&[9]).into();
        let without = Intents::GUILD_MESSAGES;
        assert_eq!(viewer(1, without).wants(&event, 0), Some(Choice::Redacted));
        assert_eq!(viewer(9, without).wants(&event, 0), Some(Choice::Full));
        assert_eq!(viewer(1, without | Intents::MESSAGE_CONTENT).wants(&event, 0), Some(Choice::Full));
    }

    #[test]
    fn every_guild_has_one_shard_and_private_events_are_for_the_first() {
        let shards = [0, 1, 2].map(|id| Shard { id, count: 3 });
        for raw in 0..50u64 {
            let guild = GuildId::new(raw << 22 | 0x3f);
            assert_eq!(shards.iter().filter(|s| s.serves(Some(guild))).count(), 1);
        }
        assert_eq!(shards.map(|s| s.serves(None)), [true, false, false]);
    }
}
