//! Threads. Active ones live in the guild's memory ([`Guild::threads`]); archived ones are rows, of which the lately used
//! are kept beside.
//!
//! Rows: [`Table::Threads`] holds each thread (partition guild, key thread) and an index of archived ones (partition parent
//! channel, key see [`archive`]); [`Table::ThreadMembers`] holds the members (partition thread, key user).

mod archive;
mod events;
mod members;
mod search;
mod start;
mod update;

use std::collections::{BTreeMap, VecDeque};

use consort_actor::{Cx, Outcome, Stop};
use consort_model::limits::THREAD_MEMBERS_MAX;
use consort_model::{ApiError, Channel, ChannelId, ChannelType, Message, Permissions, ThreadMember, UserId};
use consort_rpc::guild::thread::Op;
use consort_store::{Key, Range, Table};

use super::members::still_in;
use super::{Guild, Thread};
use crate::planted::Leak;

/// Archived threads kept in memory; the one brought in first makes room.
const ARCHIVED_MAX: usize = 256;
/// Where the count of members that is shown stops (Channel page, `member_count`).
const MEMBER_COUNT_MAX: u32 = consort_model::limits::THREAD_MEMBER_COUNT_SHOWN_MAX;

/// Archived threads in memory.
#[derive(Debug, Default)]
pub(crate) struct Archived {
    threads: BTreeMap<ChannelId, Thread>,
    order: VecDeque<ChannelId>,
}

impl Archived {
    fn insert(&mut self, thread: Thread) {
        let id = thread.channel.id;
        if self.threads.insert(id, thread).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > ARCHIVED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.threads.remove(&oldest);
        }
    }

    /// The archived threads in memory that a user is in.
    fn of_member(&self, user: UserId) -> Vec<ChannelId> {
        let inside = self.threads.iter().filter(|(_, thread)| thread.members.contains_key(&user));
        inside.map(|(id, _)| *id).collect()
    }

    fn remove(&mut self, thread: ChannelId) -> Option<Thread> {
        self.order.retain(|other| *other != thread);
        self.threads.remove(&thread)
    }
}

impl Guild {
    /// Threads, their members, the lists of them.
    pub(crate) fn handle_thread(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        op: &Op,
    ) -> Result<Outcome, Stop> {
        match op {
            Op::Start { thread, post } => return self.start_thread(cx, channel, thread, post.as_deref()),
            Op::StartFromMessage { message, thread } => {
                return self.start_thread_from(cx, channel, *message, thread);
            }
            Op::Archived { kind, limit } => return self.archived_threads(cx, channel, *kind, *limit),
            Op::Search(search) => return self.search_threads(cx, channel, search),
            Op::Active => return self.active_threads(cx),
            Op::ParentDeleted { parent } => return self.delete_threads_of(cx, *parent),
            _ => self.bring_thread(cx, channel)?,
        }
        let thread = self.thread(channel).ok_or_else(ApiError::unknown_channel)?;
        match op {
            Op::Get => {
                self.require_in(cx, channel, Permissions::VIEW_CHANNEL)?;
                Outcome::json(&with_member(thread, cx.caller.user))
            }
            Op::Update(update) => self.update_thread(cx, channel, update),
            Op::Delete => self.delete_thread(cx, channel),
            Op::Join => self.join_thread(cx, channel),
            Op::Leave => self.leave_thread(cx, channel),
            Op::AddMember { user } => self.add_thread_member(cx, channel, *user),
            Op::RemoveMember { user } => self.remove_thread_member(cx, channel, *user),
            Op::Member { user, with_member } => self.thread_member(cx, channel, *user, *with_member),
            Op::Members { with_member, after, limit } => {
                self.thread_members(cx, channel, *with_member, *after, *limit)
            }
            Op::SetNotifications { flags, muted } => {
                self.set_thread_notifications(cx, channel, *flags, *muted)
            }
            Op::Start { .. } | Op::StartFromMessage { .. } | Op::Archived { .. } => Outcome::EMPTY,
            Op::Active | Op::Search(_) | Op::ParentDeleted { .. } => Outcome::EMPTY,
        }
    }

    /// A thread that is in memory: active, or archived and lately used.
    pub(crate) fn thread(&self, thread: ChannelId) -> Option<&Thread> {
        self.threads.get(&thread).or_else(|| self.talk.archived.threads.get(&thread))
    }

    /// Refuses to write in a locked thread, for who does not manage it.
    ///
    /// # Errors
    /// 400/160005.
    pub(crate) fn not_locked(&self, channel: ChannelId) -> Result<(), ApiError> {
        let metadata = self.thread(channel).and_then(|thread| thread.channel.thread_metadata.as_ref());
        let locked = metadata.is_some_and(|metadata| metadata.locked);
        if locked && !Leak::Locks.is_planted() { Err(ApiError::thread_locked()) } else { Ok(()) }
    }

    fn thread_mut(&mut self, thread: ChannelId) -> Option<&mut Thread> {
        self.threads.get_mut(&thread).or_else(|| self.talk.archived.threads.get_mut(&thread))
    }

    /// Brings an archived thread into memory. Does nothing for channels, active threads and what does not exist.
    ///
    /// # Errors
    /// Rows to be loaded.
    pub(crate) fn bring_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId) -> Result<(), Stop> {
        if self.channels.contains_key(&thread) || self.thread(thread).is_some() {
            return Ok(());
        }
        let Some(channel): Option<Channel> = cx.row(Table::Threads, self.id.get(), thread.get())? else {
            return Ok(());
        };
        // Nobody joins or leaves an archived thread, so a scan sees its members right.
        let members: Vec<(Key, ThreadMember)> =
            cx.scan_rows(Table::ThreadMembers, thread.get(), Range::all(THREAD_MEMBERS_MAX))?;
        let members = members.into_iter().map(|(_, own)| own).filter(|own| still_in(&self.members, own));
        let members: BTreeMap<_, _> = members.map(|own| (own.user_id, own)).collect();
        // Whoever has left the guild since it was archived is counted no more.
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX).min(MEMBER_COUNT_MAX);
        let thread = Thread { channel: Channel { member_count: Some(count), ..channel }, members };
        if is_archived(&thread.channel) {
            self.talk.archived.insert(thread);
        } else {
            self.threads.insert(thread.channel.id, thread);
        }
        Ok(())
    }

    /// Writes a thread as it is now in memory.
    fn keep_thread(&self, cx: &mut Cx<'_>, thread: ChannelId) {
        if let Some(thread) = self.thread(thread) {
            cx.put(Table::Threads, self.id.get(), thread.channel.id.get(), &thread.channel);
        }
    }

    /// Changes a thread and writes it.
    pub(crate) fn touch_thread(
        &mut self,
        cx: &mut Cx<'_>,
        thread: ChannelId,
        change: impl FnOnce(&mut Channel),
    ) {
        if let Some(found) = self.thread_mut(thread) {
            change(&mut found.channel);
        }
        self.keep_thread(cx, thread);
    }

    /// A message was posted in an active thread: counters, and its author is a member from now on.
    pub(crate) fn thread_posted(&mut self, cx: &mut Cx<'_>, message: &Message) {
        let thread = message.channel_id;
        // The opening message of a forum post shares the post's id and is not counted (Channel page, `message_count`).
        let counts = message.kind.is_written() && message.id != thread.cast();
        self.touch_thread(cx, thread, |thread| {
            thread.last_message_id = Some(message.id);
            if counts {
                thread.message_count = Some(thread.message_count.unwrap_or(0) + 1);
                thread.total_message_sent = Some(thread.total_message_sent.unwrap_or(0) + 1);
            }
        });
        let author = message.author.id;
        if message.webhook_id.is_none() && message.kind.is_written() && self.members.contains(author) {
            self.enter_thread(cx, thread, author);
        }
    }

    /// Messages of a thread were deleted.
    pub(crate) fn thread_removed(&mut self, cx: &mut Cx<'_>, thread: ChannelId, messages: usize) {
        if self.thread(thread).is_none() {
            return;
        }
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.touch_thread(cx, thread, |thread| {
            thread.message_count = Some(thread.message_count.unwrap_or(0).saturating_sub(messages));
        });
    }
}

/// Whether a thread is archived.
pub(crate) fn is_archived(thread: &Channel) -> bool {
    thread.thread_metadata.as_ref().is_some_and(|metadata| metadata.archived)
}

/// Whether a thread is private.
pub(crate) fn is_private(thread: &Channel) -> bool {
    thread.kind == ChannelType::PrivateThread
}

/// The thread as a user sees it: with its own membership.
pub(crate) fn with_member(thread: &Thread, user: UserId) -> Channel {
    let mut channel = thread.channel.clone();
    channel.member = thread.members.get(&user).cloned();
    channel
}
