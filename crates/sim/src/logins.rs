//! With what people are logged in.

use std::collections::BTreeMap;

/// The logins of all people. The first of each has the person's own number.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    current: BTreeMap<u64, u64>,
    /// Those that somebody wants to end, and whether that was acknowledged.
    ending: BTreeMap<u64, bool>,
}

impl Logins {
    /// With what somebody identifies now.
    pub(crate) fn of(&self, user: u64) -> u64 {
        self.current.get(&user).copied().unwrap_or(user)
    }

    /// Somebody has another login; the one before is about to be ended, and given.
    pub(crate) fn change(&mut self, user: u64, login: u64) -> u64 {
        let before = self.of(user);
        self.current.insert(user, login);
        self.ending.insert(before, false);
        before
    }

    /// The end of a login was acknowledged.
    pub(crate) fn ended(&mut self, login: u64) {
        self.ending.insert(login, true);
    }

    /// Whether a login may have ended.
    pub(crate) fn is_ending(&self, login: u64) -> bool {
        self.ending.contains_key(&login)
    }

    /// Whether a login has ended for sure.
    pub(crate) fn has_ended(&self, login: u64) -> bool {
        self.ending.get(&login) == Some(&true)
    }
}
