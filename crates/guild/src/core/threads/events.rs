//! What sessions are told of threads.

use consort_actor::Cx;
use consort_model::{
    Channel, ChannelId, ChannelType, GuildId, Intents, Member, Permissions, Presence, ThreadMember, UserId,
};
use consort_rpc::{Audience, Event, Withheld};
use serde::Serialize;

use super::{MEMBER_COUNT_MAX, is_private, with_member};
use crate::core::{Guild, Thread};
use crate::planted::Leak;

#[derive(Serialize)]
struct ThreadDelete {
    id: ChannelId,
    guild_id: GuildId,
    parent_id: Option<ChannelId>,
    #[serde(rename = "type")]
    kind: ChannelType,
}

#[derive(Serialize)]
struct MembersUpdate<'a> {
    id: ChannelId,
    guild_id: GuildId,
    member_count: u32,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    added_members: &'a [AddedMember],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    removed_member_ids: &'a [UserId],
}

#[derive(Serialize)]
struct AddedMember {
    #[serde(flatten)]
    own: ThreadMember,
    member: Member,
    presence: Option<Presence>,
}

#[derive(Serialize)]
struct MemberUpdate {
    #[serde(flatten)]
    own: ThreadMember,
    guild_id: GuildId,
}

#[derive(Serialize)]
struct NewThread<'a> {
    #[serde(flatten)]
    thread: &'a Channel,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    newly_created: bool,
}

#[derive(Serialize)]
struct ListSync {
    guild_id: GuildId,
    channel_ids: Vec<ChannelId>,
    threads: Vec<Channel>,
    members: Vec<ThreadMember>,
}

impl Guild {
    /// THREAD_CREATE for everyone who sees a new thread.
    pub(super) fn publish_thread_create(&mut self, cx: &mut Cx<'_>, thread: ChannelId) {
        let audience = self.audience_of(thread);
        let Some(found) = self.thread(thread) else { return };
        let body = NewThread { thread: &found.channel, newly_created: true };
        let event = Event::new("THREAD_CREATE", Intents::GUILDS, audience, &body);
        self.publish(cx, event);
    }

    /// THREAD_CREATE for one who was added to a private thread and did not see it before.
    pub(crate) fn publish_thread_shown(&self, cx: &mut Cx<'_>, thread: &Thread, user: UserId) {
        if Leak::Unannounced.is_planted() {
            return;
        }
        let body = NewThread { thread: &with_member(thread, user), newly_created: false };
        self.publish(cx, Event::new("THREAD_CREATE", Intents::GUILDS, Audience::users([user]), &body));
    }

    /// THREAD_UPDATE. The membership of the receiver is not part of it.
    pub(super) fn publish_thread_update(&mut self, cx: &mut Cx<'_>, thread: ChannelId) {
        let audience = self.audience_of(thread);
        let Some(found) = self.thread(thread) else { return };
        let event = Event::new("THREAD_UPDATE", Intents::GUILDS, audience, &found.channel);
        self.publish(cx, event);
    }

    /// THREAD_DELETE; `audience` is from before the deletion.
    pub(crate) fn publish_thread_delete(&self, cx: &mut Cx<'_>, audience: Audience, thread: &Channel) {
        let body =
            ThreadDelete { id: thread.id, guild_id: self.id, parent_id: thread.parent_id, kind: thread.kind };
        self.publish(cx, Event::new("THREAD_DELETE", Intents::GUILDS, audience, &body));
    }

    /// THREAD_MEMBERS_UPDATE: with GUILD_MEMBERS for all who see the thread; without it for those it is about, as long as they
    /// see the channel.
    pub(super) fn publish_thread_members(
        &mut self,
        cx: &mut Cx<'_>,
        thread: ChannelId,
        added: &[UserId],
        removed: &[UserId],
    ) {
        let concerned = added.iter().chain(removed).copied().collect();
        let concerned = self.who_see_parent(thread, concerned);
        let audience = self.audience_of(thread).and_always(concerned);
        let Some(found) = self.thread(thread) else { return };
        let added: Vec<_> = added.iter().filter_map(|user| self.added_member(found, *user)).collect();
        let body = MembersUpdate {
            id: thread,
            guild_id: self.id,
            member_count: u32::try_from(found.members.len()).unwrap_or(u32::MAX).min(MEMBER_COUNT_MAX),
            added_members: &added,
            removed_member_ids: removed,
        };
        // Who is in a private thread decides who sees it.
        let private = is_private(&found.channel);
        let mut event = Event::new("THREAD_MEMBERS_UPDATE", Intents::GUILD_MEMBERS, audience, &body);
        if !private {
            event = event.withhold(Withheld::wholly());
        }
        self.publish(cx, event);
    }

    fn added_member(&self, thread: &Thread, user: UserId) -> Option<AddedMember> {
        let own = thread.members.get(&user)?.clone();
        Some(AddedMember {
            own,
            member: self.members.get(user)?.unpack(),
            presence: self.presences.get(self.id, user),
        })
    }

    /// THREAD_MEMBER_UPDATE for one member: its own settings, or that the thread is active again.
    pub(crate) fn publish_thread_member(&self, cx: &mut Cx<'_>, own: &ThreadMember, user: UserId) {
        let body = MemberUpdate { own: own.clone(), guild_id: self.id };
        self.publish(cx, Event::new("THREAD_MEMBER_UPDATE", Intents::GUILDS, Audience::users([user]), &body));
    }

    /// Tells those who gained sight of a channel of its active threads (THREAD_LIST_SYNC), but for private ones and for
    /// their own memberships, which `announce_threads` tells one by one.
    pub(crate) fn sync_threads(&self, cx: &mut Cx<'_>, channel: ChannelId, audience: Audience) {
        let of_channel = self.threads.values().filter(|thread| thread.channel.parent_id == Some(channel));
        let threads: Vec<Channel> = of_channel
            .filter(|thread| !is_private(&thread.channel) || Leak::ThreadLists.is_planted())
            .map(|thread| thread.channel.clone())
            .collect();
        if threads.is_empty() {
            return;
        }
        let body = ListSync { guild_id: self.id, channel_ids: vec![channel], threads, members: Vec::new() };
        self.publish(cx, Event::new("THREAD_LIST_SYNC", Intents::GUILDS, audience, &body));
    }

    /// The active threads a member sees now, with its own membership; for GUILD_CREATE and lists.
    pub(crate) fn threads_seen_by(&self, user: UserId, now_ms: u64) -> Vec<Channel> {
        let sees = |thread: &&Thread| {
            let held = self.permissions_in(user, thread.channel.id, now_ms);
            held.is_some_and(|held| held.contains(Permissions::VIEW_CHANNEL))
        };
        self.threads.values().filter(sees).map(|thread| with_member(thread, user)).collect()
    }
}
