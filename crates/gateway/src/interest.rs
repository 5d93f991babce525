//! Which slices have sessions of a guild, and when the last one has left the node.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use consort_model::{GuildId, UserId};

use crate::config::SLICES_MAX;

const SHARDS: usize = 32;

/// Counts, for each guild and slice, the sessions that are attached or about to be. A session is counted before its
/// guild is asked and until after it has let go, so a guild with events for a slice always finds it here.
#[derive(Debug)]
pub(crate) struct Interest {
    slices: usize,
    shards: [Mutex<HashMap<GuildId, Box<[u32]>>>; SHARDS],
    /// The slices where a user has sessions, or is about to.
    users: [Mutex<HashMap<UserId, Slices>>; SHARDS],
}

/// A set of slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slices(u64);

impl Slices {
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..SLICES_MAX).filter(move |slice| self.0 >> slice & 1 == 1)
    }
}

impl Interest {
    pub(crate) fn new(slices: usize) -> Self {
        let users = std::array::from_fn(|_| Mutex::default());
        Self { slices, shards: std::array::from_fn(|_| Mutex::default()), users }
    }

    pub(crate) fn add(&self, guild: GuildId, slice: u16) {
        let mut shard = self.shard(guild);
        let counts = shard.entry(guild).or_insert_with(|| vec![0; self.slices].into());
        counts[usize::from(slice)] += 1;
    }

    /// Counts a session out. `true` when it was the node's last: the guild is to be told, by way of
    /// [`Interest::if_nobody`].
    pub(crate) fn remove(&self, guild: GuildId, slice: u16) -> bool {
        let mut shard = self.shard(guild);
        let Some(counts) = shard.get_mut(&guild) else { return false };
        counts[usize::from(slice)] = counts[usize::from(slice)].saturating_sub(1);
        let last = counts.iter().all(|count| *count == 0);
        if last {
            shard.remove(&guild);
        }
        last
    }

    /// Runs `tell` if the node still has no session of the guild, before anybody can be counted in: so what it tells the
    /// guild arrives before the question of a newcomer, or not at all.
    pub(crate) fn if_nobody(&self, guild: GuildId, tell: impl FnOnce()) {
        let shard = self.shard(guild);
        if !shard.contains_key(&guild) {
            tell();
        }
    }

    /// The slices with sessions of a guild.
    pub(crate) fn slices(&self, guild: GuildId) -> Slices {
        let shard = self.shard(guild);
        let counts = shard.get(&guild).map_or(&[][..], |counts| counts);
        let bits = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        Slices(bits.fold(0, |set, (slice, _)| set | 1 << slice))
    }

    /// Guilds with sessions on this node.
    pub(crate) fn guilds(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// A user is about to have a session on a slice, or has one.
    pub(crate) fn add_user(&self, user: UserId, slice: u16) {
        self.users_of(user).entry(user).or_default().0 |= 1 << slice;
    }

    /// A user has no session on a slice any more.
    pub(crate) fn remove_user(&self, user: UserId, slice: u16) {
        let mut users = self.users_of(user);
        if let Some(slices) = users.get_mut(&user) {
            slices.0 &= !(1 << slice);
            if slices.0 == 0 {
                users.remove(&user);
            }
        }
    }

    /// The slices with sessions of a user.
    pub(crate) fn slices_of_user(&self, user: UserId) -> Slices {
        self.users_of(user).get(&user).copied().unwrap_or_default()
    }

    fn users_of(&self, user: UserId) -> MutexGuard<'_, HashMap<UserId, Slices>> {
        self.users[place(user.get())].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, guild: GuildId) -> MutexGuard<'_, HashMap<GuildId, Box<[u32]>>> {
        self.shards[place(guild.get())].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The low 22 bits of a snowflake are hardly random; the time in milliseconds is.
fn place(id: u64) -> usize {
    (id >> 22) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_of_all_slices_leaves() {
        let interest = Interest::new(3);
        let guild = GuildId::new(5);
        interest.add(guild, 0);
        interest.add(guild, 2);
        interest.add(guild, 2);
        assert_eq!(interest.slices(guild).iter().collect::<Vec<_>>(), [0, 2]);
        assert!(!interest.remove(guild, 2));
        assert!(!interest.remove(guild, 0));
        assert_eq!(interest.slices(guild).iter().collect::<Vec<_>>(), [2]);
        let mut told = 0;
        interest.if_nobody(guild, || told += 1);
        assert_eq!(told, 0);
        assert!(interest.remove(guild, 2));
        assert!(!interest.remove(guild, 2));
        interest.if_nobody(guild, || told += 1);
        assert_eq!((told, interest.guilds()), (1, 0));
    }

    #[test]
    fn users_are_known_while_a_slice_has_them() {
        let interest = Interest::new(64);
        let user = UserId::new(5);
        for slice in [63, 0, 63] {
            interest.add_user(user, slice);
        }
        assert_eq!(interest.slices_of_user(user).iter().collect::<Vec<_>>(), [0, 63]);
        interest.remove_user(user, 0);
        assert_eq!(interest.slices_of_user(user).iter().collect::<Vec<_>>(), [63]);
        interest.remove_user(user, 63);
        assert_eq!(interest.slices_of_user(user).iter().count(), 0);
        assert!(interest.users.iter().all(|users| users.lock().expect("no panic").is_empty()));
    }
}
