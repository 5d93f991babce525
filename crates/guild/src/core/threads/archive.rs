//! Archiving: by hand, by time, and the lists of archived threads.
//!
//! Index: partition parent channel, key `kind, archive time (ms), thread`, where kind is 0 for public and 1 for private
//! threads. The value is the thread's id.

use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::note_change;
use consort_model::{
    ApiError, Channel, ChannelId, GuildId, LookupSet, Permissions, ThreadMember, Timestamp, UserId,
};
use consort_rpc::Answer;
use consort_rpc::guild::thread::Archived as Wanted;
use consort_rpc::search::Change;
use consort_store::{Error, Key, Range, StoreExt as _, StoreRef, Table};
use serde::Serialize;

use super::{is_archived, is_private};
use crate::core::Guild;
use crate::roster::Packed;

/// Bit of a post's `flags`: pinned to the top of its forum. Such a post is not archived by time, and no longer pinned when it is
/// archived (Threads, "Pinned Threads").
pub(super) const PINNED: u64 = 1 << 1;
const MINUTE_MS: u64 = 60_000;
/// Private archived threads of a channel that are searched for one's own.
const OWN_SEARCHED_MAX: usize = 1000;

#[derive(Serialize)]
struct Threads {
    threads: Vec<Channel>,
    members: Vec<ThreadMember>,
    has_more: bool,
}

fn index_key(private: bool, at: Timestamp, thread: u64) -> Key {
    let mut key = [0; 17];
    key[0] = u8::from(private);
    key[1..9].copy_from_slice(&at.ms().to_be_bytes());
    key[9..].copy_from_slice(&thread.to_be_bytes());
    Key::bytes(&key)
}

fn index_of(thread: &Channel) -> Option<(u64, Key)> {
    let at = thread.thread_metadata.as_ref()?.archive_timestamp;
    Some((thread.parent_id?.get(), index_key(is_private(thread), at, thread.id.get())))
}

/// When a thread is archived if nothing happens in it, Unix milliseconds. Activity is a message, and being opened again
/// (Threads page).
pub(super) fn archive_due_ms(thread: &Channel) -> u64 {
    let Some(metadata) = thread.thread_metadata.as_ref().filter(|_| thread.flags & PINNED == 0) else {
        return u64::MAX;
    };
    let posted = thread.last_message_id.map_or(0, |id| id.timestamp_ms());
    posted.max(metadata.archive_timestamp.ms()) + u64::from(metadata.auto_archive_duration) * MINUTE_MS
}

/// Who reads lists of threads, and since when it is a member of the guild.
#[derive(Debug, Clone, Copy)]
pub(super) struct Viewer {
    user: UserId,
    joined_at: Timestamp,
}

impl Guild {
    /// The caller as a reader of lists.
    pub(super) fn viewer(&self, cx: &Cx<'_>) -> Viewer {
        let user = cx.caller.user;
        let joined_at = self.members.get(user).map(Packed::joined_at);
        Viewer { user, joined_at: joined_at.unwrap_or_else(|| Timestamp::from_ms(cx.now_ms)) }
    }

    /// When the next thread is to be archived.
    pub(crate) fn next_thread_deadline_ms(&self) -> Option<u64> {
        self.threads.values().map(|thread| archive_due_ms(&thread.channel)).min()
    }

    /// Archives the threads whose time has come.
    pub(crate) fn archive_due_threads(&mut self, cx: &mut Cx<'_>) {
        let due = |channel: &Channel| archive_due_ms(channel) <= cx.now_ms;
        let ids: Vec<_> = self
            .threads
            .values()
            .filter(|thread| due(&thread.channel))
            .map(|thread| thread.channel.id)
            .collect();
        for thread in ids {
            self.archive_thread(cx, thread);
            self.publish_thread_update(cx, thread);
        }
    }

    /// Marks a thread as archived and moves it out of the active ones. The caller publishes.
    pub(super) fn archive_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId) {
        let Some(mut found) = self.threads.remove(&thread) else { return };
        if let Some(metadata) = &mut found.channel.thread_metadata {
            metadata.archived = true;
            metadata.archive_timestamp = Timestamp::from_ms(cx.now_ms);
        }
        found.channel.flags &= !PINNED;
        if let Some((parent, key)) = index_of(&found.channel) {
            cx.put(Table::Threads, parent, key, &thread);
        }
        self.talk.archived.insert(found);
        self.keep_thread(cx, thread);
        note_change(self, cx, thread, &Change::Thread(thread));
    }

    /// Makes an archived thread active again, if it is archived. The caller publishes. Gives whether it was.
    pub(super) fn unarchive_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId) -> bool {
        if !self.thread(thread).is_some_and(|thread| is_archived(&thread.channel)) {
            return false;
        }
        let Some(mut found) = self.talk.archived.remove(thread) else { return false };
        if let Some((parent, key)) = index_of(&found.channel) {
            cx.delete(Table::Threads, parent, key);
        }
        if let Some(metadata) = &mut found.channel.thread_metadata {
            metadata.archived = false;
            metadata.archive_timestamp = Timestamp::from_ms(cx.now_ms);
        }
        self.threads.insert(thread, found);
        self.keep_thread(cx, thread);
        true
    }

    /// Opens an archived thread that somebody writes in: THREAD_UPDATE, then THREAD_MEMBER_UPDATE to its members.
    pub(crate) fn reopen_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId) {
        if self.unarchive_thread(cx, thread) {
            self.publish_thread_update(cx, thread);
            self.publish_reopened(cx, thread);
        }
    }

    /// Tells the members of a thread that is active again of their membership.
    pub(super) fn publish_reopened(&mut self, cx: &mut Cx<'_>, thread: ChannelId) {
        let members = self.thread(thread).map(|found| found.members.keys().copied().collect());
        let told = self.who_see_parent(thread, members.unwrap_or_default());
        let Some(found) = self.thread(thread) else { return };
        for own in told.iter().filter_map(|user| found.members.get(user)) {
            self.publish_thread_member(cx, own, own.user_id);
        }
    }

    /// Active threads that the caller sees, with its memberships.
    pub(super) fn active_threads(&self, cx: &Cx<'_>) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let mut threads = self.threads_seen_by(cx.caller.user, cx.now_ms);
        let members = threads.iter_mut().filter_map(|thread| thread.member.take()).collect();
        threads.reverse();
        Outcome::json(&Threads { threads, members, has_more: false })
    }

    /// Archived threads of a channel.
    pub(super) fn archived_threads(
        &self,
        cx: &Cx<'_>,
        parent: ChannelId,
        wanted: Wanted,
        limit: u16,
    ) -> Result<Outcome, Stop> {
        let right = match wanted {
            Wanted::Private { .. } => Permissions::MANAGE_THREADS,
            Wanted::Public { .. } | Wanted::Mine { .. } => Permissions::empty(),
        };
        self.require_in(cx, parent, right | Permissions::READ_MESSAGE_HISTORY)?;
        if !self.channels.contains_key(&parent) {
            return Err(ApiError::wrong_channel_type().into());
        }
        let (guild, viewer, limit) = (self.id, self.viewer(cx), usize::from(limit));
        Outcome::later(move |store| async move {
            let page = match wanted {
                Wanted::Public { before } => by_time(&store, guild, parent, (false, before), limit).await,
                Wanted::Private { before } => by_time(&store, guild, parent, (true, before), limit).await,
                Wanted::Mine { before } => own(&store, guild, parent, (viewer, before), limit).await,
            };
            let page = match page {
                Ok((threads, has_more)) => {
                    let members = memberships(&store, viewer, &threads).await;
                    members.map(|members| Threads { threads, members, has_more })
                }
                Err(error) => Err(error),
            };
            page.map(|page| Answer::json(&page)).map_err(|error| {
                tracing::warn!(%error, "archived threads could not be read");
                ApiError::overloaded()
            })
        })
    }
}

/// A page of archived threads, the latest archived first.
pub(super) async fn by_time(
    store: &StoreRef,
    guild: GuildId,
    parent: ChannelId,
    (private, before): (bool, Option<Timestamp>),
    limit: usize,
) -> Result<(Vec<Channel>, bool), Error> {
    let kind = [u8::from(private)];
    let mut range = Range::prefix(&kind, limit + 1).descending();
    if let Some(before) = before {
        range.to = Bound::Excluded(index_key(private, before, 0));
    }
    let rows: Vec<(Key, ChannelId)> = store.scan_rows(Table::Threads, parent.get(), range).await?;
    let has_more = rows.len() > limit;
    let ids = rows.into_iter().take(limit).map(|(_, id)| id).collect();
    Ok((threads(store, guild, ids).await?, has_more))
}

/// A page of the private archived threads a user is in, the newest first.
async fn own(
    store: &StoreRef,
    guild: GuildId,
    parent: ChannelId,
    (viewer, before): (Viewer, Option<ChannelId>),
    limit: usize,
) -> Result<(Vec<Channel>, bool), Error> {
    let range = Range::prefix(&[1], OWN_SEARCHED_MAX).descending();
    let rows: Vec<(Key, ChannelId)> = store.scan_rows(Table::Threads, parent.get(), range).await?;
    let mut ids: Vec<_> = rows.into_iter().map(|(_, id)| id).collect();
    ids.retain(|id| before.is_none_or(|before| *id < before));
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let mut mine = Vec::new();
    for id in ids {
        if membership(store, viewer, id).await?.is_some() {
            mine.push(id);
        }
        if mine.len() > limit {
            break;
        }
    }
    let has_more = mine.len() > limit;
    mine.truncate(limit);
    Ok((threads(store, guild, mine).await?, has_more))
}

async fn threads(store: &StoreRef, guild: GuildId, ids: Vec<ChannelId>) -> Result<Vec<Channel>, Error> {
    let mut seen = LookupSet::default();
    let keys = ids.into_iter().filter(|id| seen.insert(*id)).map(|id| Key::id(id.get())).collect();
    let rows: Vec<Option<Channel>> = store.get_rows(Table::Threads, guild.get(), keys).await?;
    Ok(rows.into_iter().flatten().collect())
}

pub(super) async fn memberships(
    store: &StoreRef,
    viewer: Viewer,
    threads: &[Channel],
) -> Result<Vec<ThreadMember>, Error> {
    let mut members = Vec::new();
    for thread in threads {
        members.extend(membership(store, viewer, thread.id).await?);
    }
    Ok(members)
}

/// A viewer's membership of a thread. One from before it left the guild and came again is none.
async fn membership(
    store: &StoreRef,
    viewer: Viewer,
    thread: ChannelId,
) -> Result<Option<ThreadMember>, Error> {
    let key = Key::id(viewer.user.get());
    let own: Option<ThreadMember> = store.get_row(Table::ThreadMembers, thread.get(), key).await?;
    Ok(own.filter(|own| viewer.joined_at <= own.join_timestamp))
}

/// Takes a thread out of the index of archived ones, if it is there.
pub(super) fn erase_index(cx: &mut Cx<'_>, thread: &Channel) {
    if let (true, Some((parent, key))) = (is_archived(thread), index_of(thread)) {
        cx.delete(Table::Threads, parent, key);
    }
}

#[cfg(test)]
mod tests {
    use consort_model::{ChannelType, MessageId, ThreadMetadata, snowflake};

    use super::*;

    #[test]
    fn a_thread_is_due_its_time_after_the_last_activity() {
        let at = Timestamp::from_ms(1_700_000_000_000);
        let mut thread = Channel::guild(ChannelId::new(1), ChannelType::PublicThread, GuildId::new(2), "x");
        thread.thread_metadata = Some(ThreadMetadata {
            archived: false,
            archive_timestamp: at,
            auto_archive_duration: 60,
            locked: false,
            invitable: None,
            create_timestamp: None,
        });
        assert_eq!(archive_due_ms(&thread), at.ms() + 3_600_000);
        thread.last_message_id = Some(MessageId::new(snowflake::at(at.ms() + 1000)));
        assert_eq!(archive_due_ms(&thread), at.ms() + 3_601_000);
    }

    #[test]
    fn the_index_orders_by_kind_then_time() {
        let at = Timestamp::from_ms;
        let mut keys = [index_key(true, at(1), 1), index_key(false, at(2), 1), index_key(false, at(1), 9)];
        keys.sort();
        assert_eq!(keys, [index_key(false, at(1), 9), index_key(false, at(2), 1), index_key(true, at(1), 1)]);
    }
}
