//! Messages of the guild's channels and threads: the guild as [`Host`] of `consort-conversation`.

use std::collections::BTreeSet;

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::{Audit, Host};
use consort_model::{
    ApiError, AuditLogEvent, Channel, ChannelId, Emoji, EmojiId, GuildId, Member, Message, MessageId,
    Permissions, RoleId, Sticker, StickerId, Timestamp, User, UserId,
};
use consort_rpc::{Audience, Event, View, message};
use consort_store::Table;

use super::Guild;
use super::audit::Note;
use super::threads::Archived;
use crate::roster::Packed;

/// Members above which nobody is told one by one of a mentioned role.
const MEMBERS_SEARCHED_MAX: usize = 5_000;

/// What the guild remembers of its talk in memory.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) conversation: consort_conversation::Talk,
    /// Archived threads that somebody looked at lately.
    pub(crate) archived: Archived,
}

impl Guild {
    /// Messages, reactions, pins, typing of a channel or thread.
    pub(crate) fn handle_message(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        op: &message::Op,
    ) -> Result<Outcome, Stop> {
        self.bring_thread(cx, channel)?;
        consort_conversation::handle(self, cx, channel, op)
    }

    /// The account of a member.
    pub(crate) fn account(&self, user: UserId) -> Option<User> {
        self.members.get(user)?.account()
    }

    /// Keeps the row of a channel after a change of what messages change in it.
    pub(crate) fn touch_channel(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        change: impl FnOnce(&mut Channel),
    ) {
        if let Some(found) = self.channels.get_mut(&channel) {
            change(found);
            cx.put(Table::Channels, self.id.get(), channel.get(), found);
        }
    }
}

impl Host for Guild {
    fn guild(&self) -> Option<GuildId> {
        Some(self.id)
    }

    fn talk(&mut self) -> &mut consort_conversation::Talk {
        &mut self.talk.conversation
    }

    fn channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.channels.get(&channel).or_else(|| Some(&self.thread(channel)?.channel))
    }

    fn permissions(&self, cx: &Cx<'_>, user: UserId, channel: ChannelId) -> Option<Permissions> {
        self.permissions_in(user, channel, cx.now_ms)
    }

    fn user(&self, user: UserId) -> Option<User> {
        self.account(user)
    }

    fn member(&self, user: UserId) -> Option<Member> {
        self.members.get(user).map(Packed::without_user)
    }

    fn role_mentionable(&self, role: RoleId) -> Option<bool> {
        Some(self.roles.get(&role)?.mentionable)
    }

    fn role_members(&self, role: RoleId, max: usize) -> Vec<UserId> {
        if self.members.len() > MEMBERS_SEARCHED_MAX || role == self.id.cast() {
            return Vec::new();
        }
        let holders = self.members.iter().filter(|member| member.roles().contains(&role));
        let holders: Vec<_> = holders.map(Packed::id).take(max + 1).collect();
        if holders.len() > max { Vec::new() } else { holders }
    }

    fn everyone(&self, max: usize) -> Vec<UserId> {
        if self.members.len() > max { Vec::new() } else { self.members.iter().map(Packed::id).collect() }
    }

    fn posted_to_everyone(&mut self, cx: &mut Cx<'_>, message: &Message) {
        self.keep_for_everyone(cx, message);
    }

    fn emoji(&self, user: UserId, emoji: EmojiId) -> Option<&Emoji> {
        self.emojis.get(&emoji).filter(|emoji| self.may_use(user, emoji))
    }

    fn sticker(&self, sticker: StickerId) -> Option<&Sticker> {
        self.stickers.get(&sticker)
    }

    fn audience(&mut self, channel: ChannelId) -> Audience {
        self.audience_of(channel)
    }

    fn holders(&self, roles: &BTreeSet<RoleId>) -> View {
        // Where nothing is withheld nobody asks, and the classes need not be gone through.
        if self.withholds() { self.holders_of(roles) } else { View::None }
    }

    fn publish(&mut self, cx: &mut Cx<'_>, event: Event) {
        Guild::publish(self, cx, event);
    }

    fn may_write(&self, cx: &Cx<'_>, channel: ChannelId, held: Permissions) -> Result<(), ApiError> {
        // Some ways to write need no right of their own: joining in a reaction that is there, voting.
        if !cx.caller.system && self.is_silenced(cx.caller.user, cx.now_ms) {
            return Err(ApiError::missing_permissions());
        }
        if held.contains(Permissions::MANAGE_THREADS) { Ok(()) } else { self.not_locked(channel) }
    }

    fn screen(&mut self, cx: &mut Cx<'_>, said: &Message) -> Result<(), Stop> {
        self.screen_message(cx, said)
    }

    fn before_post(&mut self, cx: &mut Cx<'_>, channel: ChannelId, _author: UserId) {
        self.reopen_thread(cx, channel);
    }

    fn posted(&mut self, cx: &mut Cx<'_>, message: &Message) {
        if self.threads.contains_key(&message.channel_id) {
            return self.thread_posted(cx, message);
        }
        self.touch_channel(cx, message.channel_id, |channel| channel.last_message_id = Some(message.id));
    }

    fn removed(&mut self, cx: &mut Cx<'_>, channel: ChannelId, messages: &[MessageId]) {
        self.thread_removed(cx, channel, messages.len());
    }

    fn pinned(&mut self, cx: &mut Cx<'_>, channel: ChannelId, newest: Option<Timestamp>) {
        if self.threads.contains_key(&channel) {
            return self.touch_thread(cx, channel, |thread| thread.last_pin_timestamp = newest);
        }
        self.touch_channel(cx, channel, |channel| channel.last_pin_timestamp = newest);
    }

    fn crossposted(&mut self, cx: &mut Cx<'_>, message: &Message) {
        self.send_to_followers(cx, message);
    }

    fn audit(&mut self, cx: &mut Cx<'_>, entry: Audit) {
        let (action, note) = match entry {
            Audit::Deleted { channel, author } => (
                AuditLogEvent::MessageDelete,
                Note::of(author, Vec::new()).with("channel_id", channel).with("count", 1),
            ),
            Audit::BulkDeleted { channel, count } => {
                (AuditLogEvent::MessageBulkDelete, Note::of(channel, Vec::new()).with("count", count))
            }
            Audit::Pinned { channel, message, author } => (
                AuditLogEvent::MessagePin,
                Note::of(author, Vec::new()).with("channel_id", channel).with("message_id", message),
            ),
            Audit::Unpinned { channel, message, author } => (
                AuditLogEvent::MessageUnpin,
                Note::of(author, Vec::new()).with("channel_id", channel).with("message_id", message),
            ),
        };
        Guild::audit(self, cx, action, note);
    }
}
