//! What many sessions of an account hold of a guild is held once.
//!
//! GUILD_CREATE of a large guild is a megabyte, and a part of READY. Each session that attaches is answered by itself, but
//! what the sessions of one account are answered is the same as long as the guild is, so the node keeps one of them: they
//! share its bytes, encoded and compressed, until the last of them has been written. Nothing is kept for who may come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use consort_model::{GuildId, UserId};
use consort_session::{Choice, Dispatch, GuildCreate};

/// Smaller ones are not looked for: it would cost as much as it saves.
const SHARED_FROM: usize = 16 * 1024;
/// Those that nobody holds any more are taken out when there are twice as many as were left the last time, and so many.
const SWEPT_FROM: usize = 64;

/// The large guilds that sessions of a node hold.
#[derive(Debug, Default)]
pub(crate) struct Bodies(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    bodies: HashMap<(UserId, GuildId), Weak<Dispatch>>,
    /// How many were held when they were last looked through.
    held: usize,
}

impl Bodies {
    /// The guild as a session of an account was told it; that of another session, if it was told the same.
    pub(crate) fn share(&self, user: UserId, guild: GuildId, json: Bytes) -> GuildCreate {
        if json.len() < SHARED_FROM {
            return json.into();
        }
        let known = self.held().bodies.get(&(user, guild)).and_then(Weak::upgrade);
        // Compared without the lock.
        if let Some(known) = known.filter(|known| *known.d(Choice::Full) == json) {
            return known.into();
        }
        let new = GuildCreate::from(json);
        let mut held = self.held();
        held.bodies.insert((user, guild), Arc::downgrade(new.dispatch()));
        if held.bodies.len() >= SWEPT_FROM.max(2 * held.held) {
            held.bodies.retain(|_, body| body.strong_count() > 0);
            held.held = held.bodies.len();
        }
        new
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(of: u8) -> Bytes {
        format!("{{\"x\":\"{}\"}}", char::from(of).to_string().repeat(SHARED_FROM)).into()
    }

    #[test]
    fn sessions_of_an_account_share_what_is_the_same() {
        let bodies = Bodies::default();
        let (user, guild) = (UserId::new(1), GuildId::new(2));
        let share = |user, json| bodies.share(user, guild, json);
        let first = share(user, json(b'a'));
        assert!(Arc::ptr_eq(first.dispatch(), share(user, json(b'a')).dispatch()));
        assert!(!Arc::ptr_eq(first.dispatch(), share(UserId::new(3), json(b'a')).dispatch()));
        let changed = share(user, json(b'b'));
        assert!(!Arc::ptr_eq(first.dispatch(), changed.dispatch()));
        assert_eq!(changed.json(), &json(b'b'));
    }

    #[test]
    fn what_nobody_holds_is_gone() {
        let bodies = Bodies::default();
        let guild = GuildId::new(2);
        let kept = bodies.share(UserId::new(1), guild, json(b'a'));
        let weak = Arc::downgrade(bodies.share(UserId::new(2), guild, json(b'a')).dispatch());
        assert_eq!(weak.strong_count(), 0);
        (10..1000).for_each(|user| drop(bodies.share(UserId::new(user), guild, json(b'a'))));
        assert!(bodies.held().bodies.len() <= SWEPT_FROM);
        assert!(Arc::ptr_eq(kept.dispatch(), bodies.share(UserId::new(1), guild, json(b'a')).dispatch()));
    }
}
