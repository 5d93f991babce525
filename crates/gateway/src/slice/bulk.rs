//! What comes in bulk (READY, GUILD_CREATE) is shared fairly within an account.
//!
//! A session alone is paced by what its client reads. An account with many sessions whose clients do not read would still hold
//! as many copies of all its guilds. So the sessions of an account on a slice count together what they hold unwritten and what
//! they have asked for: beyond [`ACCOUNT_BULK_BYTES_MAX`] of the others a session asks for no further guild, until one of them
//! has written, or is gone. READY does not wait for ever: a guild that has not come in time follows it.
//!
//! Sessions that hold next to nothing, nearly all at any time, are not counted and cost nothing here.

use std::time::Instant;

use consort_model::{Lookup, UserId};
use consort_session::BACKLOG_ATTACH_BYTES;

use super::{Held, Slice};
use crate::config::{ACCOUNT_BULK_BYTES_MAX, ATTACH_BYTES};

/// The accounts that hold something, and who may go on.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    accounts: Lookup<UserId, Account>,
    /// Numbers of sessions that waited and need not any more.
    ready: Vec<u64>,
}

#[derive(Debug, Default)]
struct Account {
    bytes: usize,
    /// Numbers of sessions that wait for others of the account.
    waiting: Vec<u64>,
}

impl Bulk {
    /// Whether sessions may go on that had to wait.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// What each account's sessions hold together.
    #[cfg(test)]
    pub(super) fn counted(&self) -> Lookup<UserId, usize> {
        let counted = self.accounts.entries().into_iter().map(|(user, account)| (*user, account.bytes));
        counted.filter(|(_, bytes)| *bytes > 0).collect()
    }

    /// What an account's sessions hold together, but for one that holds `own`.
    fn of_others(&self, user: UserId, own: usize) -> usize {
        self.accounts.get(&user).map_or(0, |account| account.bytes.saturating_sub(own))
    }

    fn wait(&mut self, user: UserId, number: u64) {
        let waiting = &mut self.accounts.entry(user).or_default().waiting;
        if !waiting.contains(&number) {
            waiting.push(number);
        }
    }

    /// A session holds another amount than before.
    fn change(&mut self, user: UserId, before: usize, after: usize) {
        let account = self.accounts.entry(user).or_default();
        account.bytes = (account.bytes + after).saturating_sub(before);
        if after < before {
            self.ready.append(&mut account.waiting);
        }
        if account.bytes == 0 && account.waiting.is_empty() {
            self.accounts.remove(&user);
        }
    }
}

impl Bulk {
    /// A session is over.
    pub(super) fn forget(&mut self, user: UserId, number: u64, held: usize) {
        if let Some(account) = self.accounts.get_mut(&user) {
            account.waiting.retain(|waiting| *waiting != number);
            self.change(user, held, 0);
        }
    }
}

impl Held {
    /// What the session holds or waits for of what comes in bulk. What a session without a socket holds is bounded otherwise,
    /// and nobody waits for it.
    fn weighs(&self) -> usize {
        let asked = self.session.awaited() * ATTACH_BYTES;
        let held = self.session.held_bytes();
        match self.conn {
            Some(_) if asked > 0 || held > BACKLOG_ATTACH_BYTES => asked + held,
            _ => 0,
        }
    }
}

impl Slice {
    /// Takes note of what a session holds now.
    pub(super) fn weigh(&mut self, slot: usize) {
        let held = &mut self.sessions[slot];
        let after = held.weighs();
        let before = std::mem::replace(&mut held.bulk, after);
        if before != after {
            let user = held.session.identity().viewer.user;
            self.bulk.change(user, before, after);
        }
    }

    /// Whether a session may ask for another guild. If not, it goes on when others of its account have less.
    pub(super) fn has_bulk_room(&mut self, slot: usize) -> bool {
        let held = &self.sessions[slot];
        let identity = held.session.identity();
        let (user, number) = (identity.viewer.user, identity.key.number);
        if self.bulk.of_others(user, held.bulk) <= ACCOUNT_BULK_BYTES_MAX {
            return true;
        }
        if held.session.has_queued() {
            self.bulk.wait(user, number);
        }
        false
    }

    /// Lets those go on who had to wait for others of their account.
    pub(super) fn go_on_with_bulk(&mut self, now: Instant) {
        for number in std::mem::take(&mut self.bulk.ready) {
            if let Some((slot, _)) = self.held(number) {
                self.attach_next(now, slot);
            }
        }
    }
}
