//! Encryption from end to end: which group a session is in, and what it says there.

use consort_model::{ChannelId, GuildId, UserId};

use consort_sfu as sfu;

use super::{Hub, Timer};
use crate::dave::{Commit, Group, KeyPackage, Policy, VERSION};
use crate::protocol::CloseCode;

impl Hub {
    /// Whether a client of this version may come in.
    pub(super) fn require_encryption(&self, version: u16) -> Result<(), CloseCode> {
        match self.policy {
            Policy::Require if version < VERSION => Err(CloseCode::EncryptionRequired),
            _ => Ok(()),
        }
    }

    fn group_of(&self, who: (GuildId, UserId)) -> Option<(GuildId, ChannelId)> {
        Some((who.0, self.seat(who)?.participant.channel))
    }

    /// A session is about to be told how packets travel: gives the version of encryption from end to end. What else there is to be
    /// told follows by [`Hub::flush_group`].
    pub(super) fn enter_group(&mut self, who: (GuildId, UserId), is_first: bool, now_ms: u64) -> u16 {
        let Some(key) = self.group_of(who).filter(|_| self.policy != Policy::Off) else { return 0 };
        let is_able = self.session_mut(who).is_some_and(|session| session.dave >= VERSION);
        let sender = self.sender.clone();
        let group = self.groups.entry(key).or_insert_with(|| Group::new(key.1, sender));
        let version = if is_first { group.join(who.1, is_able, now_ms) } else { group.version() };
        if is_first && version < VERSION && group.is_changing() {
            self.take_sealed(who, false);
        }
        version
    }

    /// The version that is in force for a session.
    pub(super) fn group_version(&self, who: (GuildId, UserId)) -> u16 {
        let group = self.group_of(who).and_then(|key| self.groups.get(&key));
        group.map_or(0, Group::version)
    }

    pub(super) fn leave_group(&mut self, who: (GuildId, UserId), now_ms: u64) {
        self.in_group(who, now_ms, |group| group.leave(who.1, now_ms));
    }

    pub(super) fn take_key_package(
        &mut self,
        who: (GuildId, UserId),
        key_package: KeyPackage,
        now_ms: u64,
    ) -> Result<(), CloseCode> {
        if key_package.user != who.1 {
            return Err(CloseCode::BadRequest);
        }
        self.in_group(who, now_ms, |group| group.key_package(who.1, key_package, now_ms));
        Ok(())
    }

    pub(super) fn take_commit(&mut self, who: (GuildId, UserId), commit: Commit, now_ms: u64) {
        self.in_group(who, now_ms, |group| group.commit(who.1, commit, now_ms));
    }

    /// Does something to the group of a user, if it has one.
    pub(super) fn in_group(&mut self, who: (GuildId, UserId), now_ms: u64, act: impl FnOnce(&mut Group)) {
        if let Some(key) = self.group_of(who) {
            self.with_group(key, now_ms, act);
        }
    }

    pub(super) fn with_group(
        &mut self,
        key: (GuildId, ChannelId),
        now_ms: u64,
        act: impl FnOnce(&mut Group),
    ) {
        if let Some(group) = self.groups.get_mut(&key) {
            act(group);
            self.flush_group(key, now_ms);
        }
    }

    /// Tells members what their group says. A group without members is forgotten.
    fn flush_group(&mut self, key: (GuildId, ChannelId), now_ms: u64) {
        let Some(group) = self.groups.get_mut(&key) else { return };
        let outputs = group.take_outputs();
        if let Some(due_ms) = group.next_deadline_ms() {
            self.timers.insert((due_ms.max(now_ms), Timer::Group(key.0, key.1)));
        }
        if group.is_empty() {
            self.groups.remove(&key);
        }
        for (user, message) in outputs {
            if message.begins_epoch() {
                self.take_sealed((key.0, user), true);
            }
            self.tell((key.0, user), &message);
        }
    }

    /// While others still fall back, whoever came without encryption would hear noise.
    fn take_sealed(&mut self, who: (GuildId, UserId), takes: bool) {
        if let Some(ssrc) = self.session_mut(who).map(|session| session.ssrc) {
            self.media(ssrc, sfu::Order::TakeSealed(takes));
        }
    }

    /// What there is to be told after a session knows the version.
    pub(super) fn greet_in_group(&mut self, who: (GuildId, UserId), now_ms: u64) {
        self.in_group(who, now_ms, |_| {});
    }
}
