//! Who looks at which windows, and who may not any more.

use std::sync::Arc;

use consort_model::{ChannelId, Lookup, Permissions, UserId};
use consort_rpc::NodeId;
use consort_rpc::relay::SessionKey;

use super::{Guild, Lists};
use crate::ranked_list::Window;

/// Who looks, by which session, at which window of which list.
pub(super) type Looked<'a> = (UserId, SessionKey, &'a (Arc<str>, Window));

/// What sessions look at.
#[derive(Debug, Default)]
pub(super) struct Watches {
    sessions: Lookup<SessionKey, Watch>,
    /// The sessions of each user who looks at anything.
    users: Lookup<UserId, Vec<SessionKey>>,
}

#[derive(Debug)]
struct Watch {
    user: UserId,
    windows: Vec<(Arc<str>, Window)>,
}

impl Watches {
    pub(super) fn add(&mut self, user: UserId, session: SessionKey, list: Arc<str>, window: Window) {
        let watch = self.sessions.entry(session).or_insert_with(|| {
            self.users.entry(user).or_default().push(session);
            Watch { user, windows: Vec::new() }
        });
        watch.windows.push((list, window));
    }

    /// Everything that is looked at, by rising session.
    pub(super) fn all(&self) -> Vec<Looked<'_>> {
        let windows = self.sessions.entries().into_iter().flat_map(|(session, watch)| {
            watch.windows.iter().map(move |window| (watch.user, *session, window))
        });
        windows.collect()
    }

    /// The sessions of a node that look at anything, by rising session.
    pub(super) fn of_node(&self, node: NodeId) -> Vec<SessionKey> {
        self.sessions.keys().into_iter().filter(|session| session.node == node).copied().collect()
    }

    /// Forgets a session; what it looked at.
    pub(super) fn remove(&mut self, session: SessionKey) -> Vec<(Arc<str>, Window)> {
        let Some(watch) = self.sessions.remove(&session) else { return Vec::new() };
        if let Some(sessions) = self.users.get_mut(&watch.user) {
            sessions.retain(|other| *other != session);
            if sessions.is_empty() {
                self.users.remove(&watch.user);
            }
        }
        watch.windows
    }

    /// The users who look at anything, by rising id.
    fn users(&self) -> Vec<UserId> {
        self.users.keys().into_iter().copied().collect()
    }
}

impl Lists {
    /// Takes a session from the windows it looks at.
    pub(super) fn leave(&mut self, session: SessionKey) {
        for (id, window) in self.watches.remove(session) {
            let Some(listed) = self.lists.get_mut(&id) else { continue };
            let Some(watched) = listed.windows.get_mut(&window) else { continue };
            watched.sessions.remove(&session);
            if watched.sessions.is_empty() {
                listed.windows.remove(&window);
            }
        }
    }

    /// Sessions of a user with a list among theirs that is of a channel `is_hidden` from it.
    fn trespassers(&self, user: UserId, is_hidden: impl Fn(Option<ChannelId>) -> bool) -> Vec<SessionKey> {
        let hidden = |id: &Arc<str>| self.lists.get(id).is_some_and(|listed| is_hidden(listed.channel));
        let trespasses = |session: &&SessionKey| {
            let watch = self.watches.sessions.get(session);
            watch.is_some_and(|watch| watch.windows.iter().any(|(id, _)| hidden(id)))
        };
        self.watches.users.get(&user).into_iter().flatten().filter(trespasses).copied().collect()
    }
}

impl Guild {
    /// After a user has lost roles or membership: who looks at a list that it may not see now looks at none. Clients look
    /// anew at what they show then.
    pub(super) fn expel_watcher(&mut self, user: UserId, now_ms: u64) {
        if !self.lists.watches.users.contains_key(&user) {
            return;
        }
        let is_hidden = |channel: Option<ChannelId>| match channel {
            None => !self.members.contains(user),
            Some(channel) => {
                let held = self.permissions_in(user, channel, now_ms);
                !held.is_some_and(|held| held.contains(Permissions::VIEW_CHANNEL))
            }
        };
        let trespassers = self.lists.trespassers(user, is_hidden);
        if trespassers.is_empty() {
            return;
        }
        trespassers.into_iter().for_each(|session| self.lists.leave(session));
        self.lists.drop_unwatched();
    }

    /// As [`Guild::expel_watcher`] for everybody who looks, after roles or overwrites have changed.
    pub(super) fn expel_watchers(&mut self, now_ms: u64) {
        self.lists.watches.users().into_iter().for_each(|user| self.expel_watcher(user, now_ms));
    }
}
