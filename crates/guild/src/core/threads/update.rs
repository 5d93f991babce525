//! Changing and deleting threads.

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::{note_change, system_message};
use consort_model::limits::FORUM_PINNED_POSTS_MAX;
use consort_model::request::thread::UpdateThread;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, Channel, ChannelId, Message, MessageType, Permissions,
    ThreadMetadata,
};
use consort_rpc::search::Change;
use consort_rpc::{Effect, guild};
use consort_store::erasure::CHANNEL_TABLES;
use consort_store::{Key, Range, Table};

use super::archive::PINNED;
use super::{is_archived, is_private, with_member};
use crate::core::Guild;
use crate::core::audit::Note;

/// Archived threads that go with a deleted channel at once; then the guild asks itself to go on. Fewer than are kept in memory.
const DELETED_AT_ONCE: usize = 100;

impl Guild {
    /// Changes a thread.
    pub(super) fn update_thread(
        &mut self,
        cx: &mut Cx<'_>,
        thread: ChannelId,
        update: &UpdateThread,
    ) -> Result<Outcome, Stop> {
        self.require_in(cx, thread, Permissions::VIEW_CHANNEL)?;
        let before = self.thread(thread).ok_or_else(ApiError::unknown_channel)?.channel.clone();
        let metadata = before.thread_metadata.clone().ok_or_else(ApiError::unknown_channel)?;
        self.may_update(cx, &before, &metadata, update)?;
        if let (Some(tags), Some(parent)) = (update.applied_tags.as_option(), before.parent_id) {
            let held = self.permissions_in(cx.caller.user, thread, cx.now_ms).unwrap_or_default();
            self.check_tags(parent, tags, held)?;
        }
        if update.flags.is_some_and(|flags| flags & PINNED != 0) {
            self.may_pin_post(&before)?;
        }
        let author = self.account(cx.caller.user);
        if let Some(name) = update.name.as_ref().filter(|name| before.name.as_ref() != Some(name)) {
            self.screen_title(cx, thread, name)?;
        }

        let reopened = update.archived == Some(false) && self.unarchive_thread(cx, thread);
        self.touch_thread(cx, thread, |channel| apply(channel, update));
        if update.archived == Some(true) {
            self.archive_thread(cx, thread);
        }
        self.publish_thread_update(cx, thread);
        if reopened {
            self.publish_reopened(cx, thread);
        }
        let after = self.thread(thread).ok_or_else(ApiError::unknown_channel)?.channel.clone();
        let changes = changes(&before, &after);
        if !changes.is_empty() {
            self.audit(cx, AuditLogEvent::ThreadUpdate, Note::of(thread, changes));
        }
        if let (true, Some(author), false) = (before.name != after.name, author, is_archived(&after)) {
            let name = after.name.clone().unwrap_or_default();
            system_message(self, cx, thread, author, MessageType::ChannelNameChange, name, |_| {});
        }
        let found = self.thread(thread).ok_or_else(ApiError::unknown_channel)?;
        Outcome::json(&with_member(found, cx.caller.user))
    }

    /// Posts of a forum can be pinned, so many at once (Channel, Channel Flags).
    fn may_pin_post(&self, thread: &Channel) -> Result<(), Stop> {
        let parent = thread.parent_id.and_then(|parent| self.channels.get(&parent));
        if !parent.is_some_and(|parent| parent.kind.is_forum()) {
            return Err(ApiError::wrong_channel_type().into());
        }
        let others = self.threads.values().map(|other| &other.channel).filter(|other| other.id != thread.id);
        let pinned = others.filter(|other| other.parent_id == thread.parent_id && other.flags & PINNED != 0);
        if pinned.count() >= FORUM_PINNED_POSTS_MAX {
            return Err(ApiError::max_pinned_threads().into());
        }
        Ok(())
    }

    /// Who may change what: the starter its name, archiving and tags, moderators everything; whoever may write may open an
    /// archived thread that is not locked (Channel page, Modify Channel; Threads page, "Editing & Deleting Threads").
    fn may_update(
        &self,
        cx: &Cx<'_>,
        thread: &Channel,
        metadata: &ThreadMetadata,
        update: &UpdateThread,
    ) -> Result<(), Stop> {
        let moderator = self.manages_threads(cx, thread.id);
        let opens = update.archived == Some(false);
        if metadata.archived && !opens {
            return Err(ApiError::thread_archived().into());
        }
        if metadata.locked && !moderator {
            return Err(ApiError::missing_permissions().into());
        }
        let only_opens =
            opens && *update == UpdateThread { archived: Some(false), ..UpdateThread::default() };
        if moderator || (only_opens && self.may_send(cx, thread.id)) {
            return Ok(());
        }
        let moderated =
            update.locked.is_some() || update.rate_limit_per_user.is_present() || update.flags.is_some();
        if moderated || !self.has_say_in(cx, thread.id) {
            return Err(ApiError::missing_permissions().into());
        }
        Ok(())
    }

    fn may_send(&self, cx: &Cx<'_>, thread: ChannelId) -> bool {
        let held = self.permissions_in(cx.caller.user, thread, cx.now_ms).unwrap_or_default();
        held.contains(Permissions::SEND_MESSAGES)
    }

    /// Deletes a thread with all that was written in it.
    pub(super) fn delete_thread(&mut self, cx: &mut Cx<'_>, thread: ChannelId) -> Result<Outcome, Stop> {
        self.require_in(cx, thread, Permissions::MANAGE_THREADS)?;
        let channel = self.thread(thread).ok_or_else(ApiError::unknown_channel)?.channel.clone();
        // The first message of a forum post has its files under the forum, which was there before the post.
        let first: Option<Message> = cx.row(Table::Messages, thread.get(), thread.get())?;
        self.erase_thread(cx, &channel);
        if let Some(first) = first {
            let now_ms = cx.now_ms;
            consort_files::release_files(&mut cx.batch, &first, None, now_ms);
        }
        self.audit(cx, AuditLogEvent::ThreadDelete, Note::of(thread, Vec::new()));
        Outcome::json(&channel)
    }

    fn erase_thread(&mut self, cx: &mut Cx<'_>, thread: &Channel) {
        let audience = self.audience_of(thread.id);
        let id = thread.id.get();
        cx.delete(Table::Threads, self.id.get(), id);
        super::archive::erase_index(cx, thread);
        for table in CHANNEL_TABLES {
            cx.batch.erase_later(*table, id);
        }
        note_change(self, cx, thread.id, &Change::Thread(thread.id));
        consort_conversation::forget_polls(self, cx, thread.id);
        self.release_channel_files(cx, thread.id);
        cx.delete(Table::ChannelIndex, id, Key::empty());
        self.publish_thread_delete(cx, audience, thread);
        self.threads.remove(&thread.id);
        self.talk.archived.remove(thread.id);
    }

    /// Deletes the active threads of a channel that is being deleted. The archived ones must be read first, so the guild asks
    /// itself to delete them next.
    pub(crate) fn drop_threads_of(&mut self, cx: &mut Cx<'_>, parent: ChannelId) {
        let of_parent = |channel: &&Channel| channel.parent_id == Some(parent);
        let doomed: Vec<Channel> =
            self.threads.values().map(|thread| &thread.channel).filter(of_parent).cloned().collect();
        doomed.iter().for_each(|thread| self.erase_thread(cx, thread));
        self.go_on_deleting(cx, parent);
    }

    fn go_on_deleting(&self, cx: &mut Cx<'_>, parent: ChannelId) {
        let op = guild::Op::Thread { channel: parent, op: guild::thread::Op::ParentDeleted { parent } };
        cx.effect(Effect::Guild { guild: self.id, op });
    }

    /// Deletes some of the archived threads of a channel that was deleted, and goes on until there are none.
    pub(super) fn delete_threads_of(&mut self, cx: &mut Cx<'_>, parent: ChannelId) -> Result<Outcome, Stop> {
        if !cx.caller.system {
            return Err(ApiError::missing_permissions().into());
        }
        let rows: Vec<(Key, ChannelId)> =
            cx.scan_rows(Table::Threads, parent.get(), Range::all(DELETED_AT_ONCE))?;
        for (_, thread) in &rows {
            self.bring_thread(cx, *thread)?;
        }
        let doomed: Vec<Channel> =
            rows.iter().filter_map(|(_, id)| Some(self.thread(*id)?.channel.clone())).collect();
        doomed.iter().for_each(|thread| self.erase_thread(cx, thread));
        // Also where an entry has lost its thread: it would be found again and again.
        rows.iter().for_each(|(key, _)| cx.delete(Table::Threads, parent.get(), key.clone()));
        if rows.len() == DELETED_AT_ONCE {
            self.go_on_deleting(cx, parent);
        }
        Outcome::EMPTY
    }
}

fn apply(thread: &mut Channel, update: &UpdateThread) {
    let private = is_private(thread);
    if let Some(name) = &update.name {
        thread.name = Some(name.clone());
    }
    update.rate_limit_per_user.apply_or(&mut thread.rate_limit_per_user, 0);
    if let Some(flags) = update.flags {
        thread.flags = (thread.flags & !PINNED) | (flags & PINNED);
    }
    if let (Some(tags), true) = (update.applied_tags.as_option(), thread.applied_tags.is_some()) {
        thread.applied_tags = Some(tags.clone());
    }
    let Some(metadata) = &mut thread.thread_metadata else { return };
    if let Some(minutes) = update.auto_archive_duration {
        metadata.auto_archive_duration = minutes;
    }
    if let Some(locked) = update.locked {
        metadata.locked = locked;
    }
    if let (Some(invitable), true) = (update.invitable, private) {
        metadata.invitable = Some(invitable);
    }
}

fn changes(before: &Channel, after: &Channel) -> Vec<AuditLogChange> {
    let flat = |channel: &Channel| {
        let mut value = serde_json::to_value(channel).unwrap_or_default();
        if let Some(serde_json::Value::Object(metadata)) = value.get("thread_metadata").cloned()
            && let Some(fields) = value.as_object_mut()
        {
            fields.extend(metadata);
        }
        value
    };
    let keys = [
        "name",
        "rate_limit_per_user",
        "flags",
        "applied_tags",
        "archived",
        "auto_archive_duration",
        "locked",
        "invitable",
    ];
    AuditLogChange::between(&flat(before), &flat(after), &keys)
}
