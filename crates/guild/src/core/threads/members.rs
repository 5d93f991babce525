//! Who is in a thread.

use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::{Host, system_message};
use consort_model::limits::THREAD_MEMBERS_MAX;
use consort_model::{
    ApiError, ChannelId, MentionedUser, MessageType, Permissions, ThreadMember, Timestamp, UserId,
};
use consort_rpc::Audience;
use consort_store::Table;

use super::{MEMBER_COUNT_MAX, is_archived, is_private};
use crate::core::Guild;
use crate::roster::Packed;

/// Bits of a thread member's `flags` that a client sets: whether it interacted, and all, mentions or no messages notify
/// (Channel page of the community documentation, "Thread Member Flags").
const MEMBER_FLAGS: u64 = 0b1111;

impl Guild {
    /// Refuses callers who do not see a thread (50001), and archived threads (50083).
    fn require_active(&self, cx: &Cx<'_>, thread: ChannelId, wanted: Permissions) -> Result<(), Stop> {
        self.require_in(cx, thread, wanted | Permissions::VIEW_CHANNEL)?;
        match self.thread(thread) {
            Some(found) if is_archived(&found.channel) => Err(ApiError::thread_archived().into()),
            Some(_) => Ok(()),
            None => Err(ApiError::unknown_channel().into()),
        }
    }

    fn is_in_thread(&self, thread: ChannelId, user: UserId) -> bool {
        self.thread(thread).is_some_and(|thread| thread.members.contains_key(&user))
    }

    fn refuse_full(&self, thread: ChannelId) -> Result<(), Stop> {
        let full = self.thread(thread).is_some_and(|thread| thread.members.len() >= THREAD_MEMBERS_MAX);
        if full { Err(ApiError::max_thread_members().into()) } else { Ok(()) }
    }

    /// Makes a member of the guild a member of an active thread. Nothing happens if it is one, or if the thread is full.
    pub(super) fn enter_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId, user: UserId) {
        if self.is_in_thread(thread, user) || self.refuse_full(thread).is_err() {
            return;
        }
        let member = self.new_thread_member(cx, thread, user);
        cx.put(Table::ThreadMembers, thread.get(), user.get(), &member);
        if let Some(found) = self.threads.get_mut(&thread) {
            found.members.insert(user, member);
        }
        self.count_members(cx, thread);
        self.publish_thread_members(cx, thread, &[user], &[]);
    }

    fn exit_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId, user: UserId) {
        cx.delete(Table::ThreadMembers, thread.get(), user.get());
        if let Some(found) = self.thread_mut(thread) {
            found.members.remove(&user);
        }
        self.count_members(cx, thread);
        self.publish_thread_members(cx, thread, &[], &[user]);
        let held = self.permissions_in(user, thread, cx.now_ms).unwrap_or_default();
        let Some(found) = self.thread(thread).filter(|found| is_private(&found.channel)) else { return };
        // Who is out of a private thread does not see it any more, and is told so if it saw it until now.
        let channel = found.channel.clone();
        if !held.contains(Permissions::VIEW_CHANNEL) {
            let told = self.who_see_parent(thread, vec![user]);
            self.publish_thread_delete(cx, Audience::users(told), &channel);
        }
    }

    fn count_members(&mut self, cx: &mut Cx<'_>, thread: ChannelId) {
        let count = self.thread(thread).map_or(0, |thread| thread.members.len());
        let shown = u32::try_from(count).unwrap_or(u32::MAX).min(MEMBER_COUNT_MAX);
        self.touch_thread(cx, thread, |thread| thread.member_count = Some(shown));
    }

    /// A new membership. It is not older than that of the guild, by which it is known to be of now (see
    /// [`crate::core::members::still_in`]).
    pub(super) fn new_thread_member(&self, cx: &Cx<'_>, thread: ChannelId, user: UserId) -> ThreadMember {
        let now = Timestamp::from_ms(cx.now_ms);
        let join_timestamp = self.members.get(user).map_or(now, |member| member.joined_at().max(now));
        ThreadMember { id: thread, user_id: user, join_timestamp, flags: 0, member: None }
    }

    /// Takes somebody who leaves the guild out of all threads. Clients know the active ones only; of the archived ones those
    /// that are not in memory are left by leaving.
    pub(crate) fn leave_all_threads(&mut self, cx: &mut Cx<'_>, user: UserId) {
        for thread in self.talk.archived.of_member(user) {
            cx.delete(Table::ThreadMembers, thread.get(), user.get());
            if let Some(found) = self.thread_mut(thread) {
                found.members.remove(&user);
            }
            self.count_members(cx, thread);
        }
        let threads: Vec<_> =
            self.threads.keys().copied().filter(|id| self.is_in_thread(*id, user)).collect();
        for thread in threads {
            self.exit_thread(cx, thread, user);
        }
    }

    /// The caller joins.
    pub(super) fn join_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId) -> Result<Outcome, Stop> {
        self.require_active(cx, thread, Permissions::empty())?;
        if !self.is_in_thread(thread, cx.caller.user) {
            self.refuse_full(thread)?;
            self.enter_thread(cx, thread, cx.caller.user);
        }
        Outcome::EMPTY
    }

    /// The caller leaves.
    pub(super) fn leave_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId) -> Result<Outcome, Stop> {
        self.require_active(cx, thread, Permissions::empty())?;
        if self.is_in_thread(thread, cx.caller.user) {
            self.exit_thread(cx, thread, cx.caller.user);
        }
        Outcome::EMPTY
    }

    /// Whether the caller started the thread or manages threads. In a timeout nobody has a say in what they started.
    pub(super) fn has_say_in(&self, cx: &Cx<'_>, thread: ChannelId) -> bool {
        let owner = self.thread(thread).and_then(|thread| thread.channel.owner_id);
        let silenced = self.is_silenced(cx.caller.user, cx.now_ms);
        (owner == Some(cx.caller.user) && !silenced) || self.manages_threads(cx, thread)
    }

    /// Whether the caller manages threads.
    pub(super) fn manages_threads(&self, cx: &Cx<'_>, thread: ChannelId) -> bool {
        let held = self.permissions_in(cx.caller.user, thread, cx.now_ms).unwrap_or_default();
        cx.caller.system || held.contains(Permissions::MANAGE_THREADS)
    }

    /// Adds another member of the guild.
    pub(super) fn add_thread_member(
        &mut self,
        cx: &mut Cx<'_>,
        thread: ChannelId,
        user: UserId,
    ) -> Result<Outcome, Stop> {
        if user == cx.caller.user {
            return self.join_thread(cx, thread);
        }
        self.require_active(cx, thread, Permissions::SEND_MESSAGES)?;
        let held = self.permissions_in(cx.caller.user, thread, cx.now_ms).unwrap_or_default();
        Host::may_write(self, cx, thread, held)?;
        let target = self.account(user).ok_or_else(ApiError::unknown_member)?;
        let channel = self.thread(thread).ok_or_else(ApiError::unknown_channel)?.channel.clone();
        let invitable =
            channel.thread_metadata.as_ref().and_then(|metadata| metadata.invitable).unwrap_or(true);
        if is_private(&channel) && !invitable && !self.has_say_in(cx, thread) {
            return Err(ApiError::missing_permissions().into());
        }
        let parent = channel.parent_id.ok_or_else(ApiError::unknown_channel)?;
        let sees = self.permissions_in(user, parent, cx.now_ms).unwrap_or_default();
        if !sees.contains(Permissions::VIEW_CHANNEL) {
            return Err(ApiError::missing_access().into());
        }
        if self.is_in_thread(thread, user) {
            return Outcome::EMPTY;
        }
        self.refuse_full(thread)?;
        let adder = self.account(cx.caller.user);
        self.enter_thread(cx, thread, user);
        if is_private(&channel)
            && let Some(found) = self.thread(thread)
        {
            self.publish_thread_shown(cx, found, user);
        }
        if let Some(adder) = adder {
            system_message(self, cx, thread, adder, MessageType::RecipientAdd, "", |message| {
                message.mentions.push(MentionedUser { user: target, member: None });
            });
        }
        Outcome::EMPTY
    }

    /// Takes another member out: with MANAGE_THREADS, or as the creator of a private thread.
    pub(super) fn remove_thread_member(
        &mut self,
        cx: &mut Cx<'_>,
        thread: ChannelId,
        user: UserId,
    ) -> Result<Outcome, Stop> {
        if user == cx.caller.user {
            return self.leave_thread(cx, thread);
        }
        self.require_active(cx, thread, Permissions::empty())?;
        let private = self.thread(thread).is_some_and(|thread| is_private(&thread.channel));
        if !self.manages_threads(cx, thread) && !(private && self.has_say_in(cx, thread)) {
            return Err(ApiError::missing_permissions().into());
        }
        if !self.is_in_thread(thread, user) {
            return Err(ApiError::unknown_member().into());
        }
        let (remover, removed) = (self.account(cx.caller.user), self.account(user));
        self.exit_thread(cx, thread, user);
        if let (Some(remover), Some(removed)) = (remover, removed) {
            system_message(self, cx, thread, remover, MessageType::RecipientRemove, "", |message| {
                message.mentions.push(MentionedUser { user: removed, member: None });
            });
        }
        Outcome::EMPTY
    }

    fn shown_member(&self, own: &ThreadMember, with_member: bool) -> ThreadMember {
        let member = self.members.get(own.user_id).filter(|_| with_member).map(Packed::unpack);
        ThreadMember { member, ..own.clone() }
    }

    /// One member of a thread.
    pub(super) fn thread_member(
        &self,
        cx: &Cx<'_>,
        thread: ChannelId,
        user: UserId,
        with_member: bool,
    ) -> Result<Outcome, Stop> {
        self.require_in(cx, thread, Permissions::VIEW_CHANNEL)?;
        let found = self.thread(thread).and_then(|thread| thread.members.get(&user));
        Outcome::json(&self.shown_member(found.ok_or_else(ApiError::unknown_member)?, with_member))
    }

    /// The members of a thread: all, or a page of them with the members of the guild.
    pub(super) fn thread_members(
        &self,
        cx: &Cx<'_>,
        thread: ChannelId,
        with_member: bool,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Outcome, Stop> {
        self.require_in(cx, thread, Permissions::VIEW_CHANNEL)?;
        let found = self.thread(thread).ok_or_else(ApiError::unknown_channel)?;
        // Without `with_member` the list is not paged (Channel page, List Thread Members).
        let limit = if with_member { usize::from(limit) } else { THREAD_MEMBERS_MAX };
        let from = after.filter(|_| with_member).map_or(Bound::Unbounded, Bound::Excluded);
        let members = found.members.range((from, Bound::Unbounded)).take(limit);
        let members: Vec<_> = members.map(|(_, own)| self.shown_member(own, with_member)).collect();
        Outcome::json(&members)
    }

    /// The caller's own notification settings.
    pub(super) fn set_thread_notifications(
        &mut self,
        cx: &mut Cx<'_>,
        thread: ChannelId,
        flags: Option<u64>,
        _muted: Option<bool>,
    ) -> Result<Outcome, Stop> {
        self.require_active(cx, thread, Permissions::empty())?;
        let user = cx.caller.user;
        let own = self.thread_mut(thread).and_then(|thread| thread.members.get_mut(&user));
        let own = own.ok_or_else(ApiError::unknown_member)?;
        own.flags = flags.unwrap_or(own.flags) & MEMBER_FLAGS;
        let own = own.clone();
        cx.put(Table::ThreadMembers, thread.get(), user.get(), &own);
        self.publish_thread_member(cx, &own, user);
        Outcome::json(&own)
    }
}
