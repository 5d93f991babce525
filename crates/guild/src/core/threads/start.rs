//! Starting threads: from a message, without one, and posts in forums.

use std::collections::BTreeMap;

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::{
    Draft, Rationed, compose, flag_message, note_change, post, require_turn, stored, system_message,
    take_turn,
};
use consort_model::id::Id;
use consort_model::limits::{ACTIVE_THREADS_MAX, AUTO_ARCHIVE_MINUTES_DEFAULT};
use consort_model::request::thread::StartThread;
use consort_model::{
    ApiError, AuditLogEvent, Channel, ChannelId, ChannelType, Message, MessageFlags, MessageId,
    MessageReference, MessageType, Permissions, ThreadMetadata, Timestamp, User,
};
use consort_rpc::message::Create;
use consort_rpc::search::Change;
use consort_store::{Key, Table};
use serde::Serialize;

use super::with_member;
use crate::core::audit::Note;
use crate::core::{Guild, Thread};

/// Bit of a forum's `flags`: posts need a tag (Channel page, Channel Flags).
const REQUIRE_TAG: u64 = 1 << 4;

#[derive(Serialize)]
struct Post {
    #[serde(flatten)]
    thread: Channel,
    message: Message,
}

impl Guild {
    /// Starts a thread without a message, or a forum post with one.
    pub(super) fn start_thread(
        &mut self,
        cx: &mut Cx<'_>,
        parent: ChannelId,
        start: &StartThread,
        post: Option<&Create>,
    ) -> Result<Outcome, Stop> {
        self.require_in(cx, parent, Permissions::VIEW_CHANNEL)?;
        match self.parent(parent)?.kind {
            ChannelType::GuildForum | ChannelType::GuildMedia => self.start_post(cx, parent, start, post),
            ChannelType::GuildText | ChannelType::GuildAnnouncement => self.start_bare(cx, parent, start),
            _ => Err(ApiError::wrong_channel_type().into()),
        }
    }

    fn parent(&self, parent: ChannelId) -> Result<&Channel, Stop> {
        Ok(self.channels.get(&parent).ok_or_else(ApiError::unknown_channel)?)
    }

    fn start_bare(
        &mut self,
        cx: &mut Cx<'_>,
        parent: ChannelId,
        start: &StartThread,
    ) -> Result<Outcome, Stop> {
        let announcement = self.parent(parent)?.kind == ChannelType::GuildAnnouncement;
        // "type currently defaults to PRIVATE_THREAD" (Channel page, Start Thread without Message).
        let kind = match (start.kind, announcement) {
            (Some(10 | 11) | None, true) => ChannelType::AnnouncementThread,
            (Some(11), false) => ChannelType::PublicThread,
            (Some(12) | None, false) => ChannelType::PrivateThread,
            _ => {
                let message = "Value must be a thread type that the channel can have.";
                return Err(ApiError::invalid_field("type", "BASE_TYPE_CHOICES", message).into());
            }
        };
        let private = kind == ChannelType::PrivateThread;
        let right =
            if private { Permissions::CREATE_PRIVATE_THREADS } else { Permissions::CREATE_PUBLIC_THREADS };
        let held = self.require_turn_to_start(cx, parent, right)?;
        let starter = self.starter(cx)?;
        let thread = self.new_thread(cx, ChannelId::new(cx.next_id()), parent, kind, start)?;
        self.screen_title(cx, parent, &start.name)?;
        take_turn(self, cx, parent, held, Rationed::Thread);
        let id = self.open_thread(cx, thread);
        if !private {
            self.announce_thread(cx, parent, id, starter);
        }
        self.answer_thread(cx, id)
    }

    /// Refuses who may not start threads in a channel, or not again yet; the rights there.
    fn require_turn_to_start(
        &self,
        cx: &mut Cx<'_>,
        parent: ChannelId,
        right: Permissions,
    ) -> Result<Permissions, Stop> {
        self.require_in(cx, parent, right)?;
        let held = self.permissions_in(cx.caller.user, parent, cx.now_ms).unwrap_or_default();
        require_turn(self, cx, parent, held, Rationed::Thread)?;
        Ok(held)
    }

    /// The caller as an author.
    fn starter(&self, cx: &Cx<'_>) -> Result<User, Stop> {
        Ok(self.account(cx.caller.user).ok_or_else(ApiError::missing_access)?)
    }

    fn answer_thread(&self, cx: &Cx<'_>, thread: ChannelId) -> Result<Outcome, Stop> {
        let thread = self.thread(thread).ok_or_else(ApiError::unknown_channel)?;
        Outcome::created(&with_member(thread, cx.caller.user))
    }

    /// A thread object, not yet opened.
    fn new_thread(
        &self,
        cx: &Cx<'_>,
        id: ChannelId,
        parent: ChannelId,
        kind: ChannelType,
        start: &StartThread,
    ) -> Result<Channel, Stop> {
        if self.threads.len() >= ACTIVE_THREADS_MAX {
            return Err(ApiError::max_threads().into());
        }
        let parent = self.parent(parent)?;
        let now = Timestamp::from_ms(cx.now_ms);
        let slowmode = start.rate_limit_per_user.or(parent.default_thread_rate_limit_per_user).unwrap_or(0);
        let archive = start.auto_archive_duration.or(parent.default_auto_archive_duration);
        let private = kind == ChannelType::PrivateThread;
        Ok(Channel {
            parent_id: Some(parent.id),
            owner_id: Some(cx.caller.user),
            rate_limit_per_user: slowmode,
            message_count: Some(0),
            member_count: Some(0),
            total_message_sent: Some(0),
            thread_metadata: Some(ThreadMetadata {
                archived: false,
                archive_timestamp: now,
                auto_archive_duration: archive.unwrap_or(AUTO_ARCHIVE_MINUTES_DEFAULT),
                locked: false,
                invitable: private.then_some(start.invitable.unwrap_or(true)),
                create_timestamp: Some(now),
            }),
            applied_tags: parent.kind.is_forum().then(|| start.applied_tags.clone()),
            ..Channel::guild(id, kind, self.id, start.name.clone())
        })
    }

    /// Opens a thread with its starter as first member: rows, memory, THREAD_CREATE, THREAD_MEMBERS_UPDATE. A webhook is no
    /// member.
    fn open_thread(&mut self, cx: &mut Cx<'_>, mut channel: Channel) -> ChannelId {
        let id = channel.id;
        let starter = channel.owner_id.filter(|starter| self.members.contains(*starter));
        channel.member_count = Some(u32::from(starter.is_some()));
        let members: BTreeMap<_, _> =
            starter.into_iter().map(|starter| (starter, self.new_thread_member(cx, id, starter))).collect();
        for (user, member) in &members {
            cx.put(Table::ThreadMembers, id.get(), user.get(), member);
        }
        cx.put(Table::Threads, self.id.get(), id.get(), &channel);
        cx.put(Table::ChannelIndex, id.get(), Key::empty(), &serde_json::json!({ "guild": self.id }));
        note_change(self, cx, id, &Change::Thread(id));
        self.threads.insert(id, Thread { channel, members });
        self.publish_thread_create(cx, id);
        if let Some(starter) = starter {
            self.publish_thread_members(cx, id, &[starter], &[]);
        }
        self.audit(cx, AuditLogEvent::ThreadCreate, Note::of(id, Vec::new()));
        id
    }

    /// The message in the parent channel that tells of a new public thread (18).
    fn announce_thread(&mut self, cx: &mut Cx<'_>, parent: ChannelId, thread: ChannelId, starter: User) {
        let name = self.thread(thread).and_then(|thread| thread.channel.name.clone()).unwrap_or_default();
        let guild_id = Some(self.id);
        system_message(self, cx, parent, starter, MessageType::ThreadCreated, name, |message| {
            message.message_reference =
                Some(MessageReference { kind: 0, message_id: None, channel_id: thread, guild_id });
        });
    }

    /// Starts a thread from a message; it has the message's id.
    pub(super) fn start_thread_from(
        &mut self,
        cx: &mut Cx<'_>,
        parent: ChannelId,
        message: MessageId,
        start: &StartThread,
    ) -> Result<Outcome, Stop> {
        let wanted = Permissions::CREATE_PUBLIC_THREADS | Permissions::READ_MESSAGE_HISTORY;
        let held = self.require_turn_to_start(cx, parent, wanted)?;
        let kind = match self.parent(parent)?.kind {
            ChannelType::GuildText => ChannelType::PublicThread,
            ChannelType::GuildAnnouncement => ChannelType::AnnouncementThread,
            _ => return Err(ApiError::wrong_channel_type().into()),
        };
        let source = stored(cx, parent, message)?;
        let id: ChannelId = message.cast();
        let exists = source.flags.contains(MessageFlags::HAS_THREAD) || self.thread(id).is_some();
        if exists || cx.has_row(Table::Threads, self.id.get(), id.get())? {
            return Err(ApiError::thread_already_exists().into());
        }
        let starter = self.starter(cx)?;
        let thread = self.new_thread(cx, id, parent, kind, start)?;
        let newest = self.parent(parent)?.last_message_id == Some(message);

        self.screen_title(cx, parent, &start.name)?;
        take_turn(self, cx, parent, held, Rationed::Thread);
        let id = self.open_thread(cx, thread);
        let shown = self.thread(id).map(|thread| Box::new(thread.channel.clone()));
        flag_message(self, cx, source, MessageFlags::HAS_THREAD, shown);
        let author = starter.clone();
        let reference = MessageReference {
            kind: 0,
            message_id: Some(message),
            channel_id: parent,
            guild_id: Some(self.id),
        };
        system_message(self, cx, id, author, MessageType::ThreadStarterMessage, "", |starter| {
            starter.message_reference = Some(reference);
        });
        // Behind an older message the thread would go unseen.
        if !newest {
            self.announce_thread(cx, parent, id, starter);
        }
        self.answer_thread(cx, id)
    }

    fn start_post(
        &mut self,
        cx: &mut Cx<'_>,
        parent: ChannelId,
        start: &StartThread,
        create: Option<&Create>,
    ) -> Result<Outcome, Stop> {
        // Writing a post needs SEND_MESSAGES of the forum only (Threads page).
        let held = self.require_turn_to_start(cx, parent, Permissions::SEND_MESSAGES)?;
        let Some(create) = create else {
            let message = "This field is required";
            return Err(ApiError::invalid_field("message", "BASE_TYPE_REQUIRED", message).into());
        };
        let (id, message) = self.open_post(cx, parent, start, create)?;
        take_turn(self, cx, parent, held, Rationed::Thread);
        let thread = self.thread(id).ok_or_else(ApiError::unknown_channel)?;
        Outcome::created(&Post { thread: with_member(thread, cx.caller.user), message })
    }

    /// Opens a post in a forum for the caller, or for a webhook that speaks through the system.
    pub(crate) fn open_post(
        &mut self,
        cx: &mut Cx<'_>,
        parent: ChannelId,
        start: &StartThread,
        create: &Create,
    ) -> Result<(ChannelId, Message), Stop> {
        let held = match cx.caller.system {
            true => Permissions::all(),
            false => self.permissions_in(cx.caller.user, parent, cx.now_ms).unwrap_or_default(),
        };
        self.check_tags(parent, &start.applied_tags, held)?;
        let id = ChannelId::new(cx.next_id());
        let mut thread = self.new_thread(cx, id, parent, ChannelType::PublicThread, start)?;
        let mut draft: Draft = compose(self, cx, parent, held, create)?;
        draft.message.id = id.cast();
        draft.message.channel_id = id;
        thread.owner_id = Some(draft.message.author.id);

        self.screen_title(cx, parent, &start.name)?;
        self.screen_post(cx, parent, &draft.message)?;
        let id = self.open_thread(cx, thread);
        let message = post(self, cx, draft);
        self.touch_channel(cx, parent, |forum| forum.last_message_id = Some(id.cast()));
        Ok((id, message))
    }

    /// Tags must be the forum's; moderated ones are for those who manage threads.
    pub(super) fn check_tags(
        &self,
        parent: ChannelId,
        wanted: &[Id<()>],
        held: Permissions,
    ) -> Result<(), Stop> {
        let forum = self.parent(parent)?;
        let tags = forum.available_tags.as_deref().unwrap_or_default();
        let moderator = held.contains(Permissions::MANAGE_THREADS);
        for (index, tag) in wanted.iter().enumerate() {
            let known = tags.iter().find(|known| known.id == *tag);
            if known.is_none_or(|tag| tag.moderated && !moderator) {
                let path = format!("applied_tags.{index}");
                return Err(ApiError::invalid_field(&path, "INVALID_TAG", "Unknown tag.").into());
            }
        }
        if forum.flags & REQUIRE_TAG != 0 && wanted.is_empty() {
            return Err(ApiError::tag_required().into());
        }
        Ok(())
    }
}
