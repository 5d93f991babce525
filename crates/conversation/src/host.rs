//! What a conversation wants of the owner whose channels it serves.

use std::collections::BTreeSet;

use consort_actor::{Cx, Stop};
use consort_model::{
    ApiError, Channel, ChannelId, Emoji, EmojiId, GuildId, Member, Message, MessageId, Permissions, RoleId,
    Sticker, StickerId, Timestamp, User, UserId,
};
use consort_rpc::{Audience, Event, View};

use crate::Talk;

/// An owner of channels: a guild, or a private channel (which has exactly one).
///
/// All reads are from memory. An owner that keeps some channels as rows (archived threads) brings them into memory, with
/// [`Cx::row`], before it calls [`crate::handle`].
///
/// A private channel gives the fixed rights of DMs from [`Host::permissions`] (empty for everyone but its recipients),
/// the recipients as [`Host::notified`] and [`Audience::only`] them as [`Host::audience`]; its [`Host::publish`] sends the
/// event to each recipient's owner with [`Cx::deliver`].
pub trait Host {
    /// The guild, or `None` for a private channel.
    fn guild(&self) -> Option<GuildId>;

    /// The conversation's own memory; one for all channels of the owner.
    fn talk(&mut self) -> &mut Talk;

    /// A channel or thread.
    fn channel(&self, channel: ChannelId) -> Option<&Channel>;

    /// The rights of a user in a channel or thread now. `None`: there is no such channel.
    fn permissions(&self, cx: &Cx<'_>, user: UserId, channel: ChannelId) -> Option<Permissions>;

    /// A user who is a member or recipient, as shown as an author. `None` for everybody else.
    fn user(&self, user: UserId) -> Option<User>;

    /// The member with its account, in a guild: as events of reactions and typing show it.
    fn member_with_user(&self, user: UserId) -> Option<Member> {
        let member = self.member(user)?;
        Some(Member { user: self.user(user), ..member })
    }

    /// The member without its account, in a guild: as it stands beside an author.
    fn member(&self, _user: UserId) -> Option<Member> {
        None
    }

    /// Whether a role may be mentioned by everyone. `None`: there is no such role.
    fn role_mentionable(&self, _role: RoleId) -> Option<bool> {
        None
    }

    /// Members with a role, for their unread counts; at most `max`, and none at all if there are more.
    fn role_members(&self, _role: RoleId, _max: usize) -> Vec<UserId> {
        Vec::new()
    }

    /// All members, for their unread counts; none at all if there are more than `max`.
    fn everyone(&self, _max: usize) -> Vec<UserId> {
        Vec::new()
    }

    /// A message to everybody was posted, of whom there are more than are told one by one.
    fn posted_to_everyone(&mut self, _cx: &mut Cx<'_>, _message: &Message) {}

    /// A custom emoji of the guild that the user may use.
    fn emoji(&self, _user: UserId, _emoji: EmojiId) -> Option<&Emoji> {
        None
    }

    /// A sticker of the guild.
    fn sticker(&self, _sticker: StickerId) -> Option<&Sticker> {
        None
    }

    /// Who gets the events of a channel or thread.
    fn audience(&mut self, channel: ChannelId) -> Audience;

    /// The classes of viewers who hold one of these roles now: what mentions a role comes to them at once, wherever they look.
    fn holders(&self, _roles: &BTreeSet<RoleId>) -> View {
        View::None
    }

    /// Sends an event. Of what is withheld from sessions that do not look, the host decides whether it is.
    fn publish(&mut self, cx: &mut Cx<'_>, event: Event);

    /// Users for whom each message of the channel counts as a mention: the recipients of a private channel. The author is
    /// left out by the caller.
    fn notified(&self, _channel: ChannelId) -> Vec<UserId> {
        Vec::new()
    }

    /// Refuses to let the caller write for a reason that is not a right: a block between the two of a DM (50007), no
    /// common guild (50278), a locked thread.
    ///
    /// # Errors
    /// The refusal.
    fn may_write(&self, _cx: &Cx<'_>, _channel: ChannelId, _held: Permissions) -> Result<(), ApiError> {
        Ok(())
    }

    /// Looks at what the caller is about to say, with all that is known of it: a new message, or one as it will be after a
    /// change. All has been read and nothing written.
    ///
    /// # Errors
    /// [`Stop::Refused`] when it must not be said.
    fn screen(&mut self, _cx: &mut Cx<'_>, _said: &Message) -> Result<(), Stop> {
        Ok(())
    }

    /// A message is about to be posted: an archived thread is opened again, a closed DM is listed again.
    fn before_post(&mut self, _cx: &mut Cx<'_>, _channel: ChannelId, _author: UserId) {}

    /// A message was posted: `last_message_id` and the counters of a thread change, its author joins the thread. Called
    /// after the event was published.
    fn posted(&mut self, cx: &mut Cx<'_>, message: &Message);

    /// Messages were deleted: the count of a thread falls.
    fn removed(&mut self, _cx: &mut Cx<'_>, _channel: ChannelId, _messages: &[MessageId]) {}

    /// The time of the newest pin is now this; kept as `last_pin_timestamp`.
    fn pinned(&mut self, cx: &mut Cx<'_>, channel: ChannelId, newest: Option<Timestamp>);

    /// Notes something in the guild's audit log.
    fn audit(&mut self, _cx: &mut Cx<'_>, _entry: Audit) {}

    /// A message was crossposted; its followers are to get it.
    fn crossposted(&mut self, _cx: &mut Cx<'_>, _message: &Message) {}
}

/// What of a conversation belongs in an audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audit {
    /// Somebody else's message was deleted (72).
    Deleted { channel: ChannelId, author: UserId },
    /// Messages were deleted together (73).
    BulkDeleted { channel: ChannelId, count: usize },
    /// A message was pinned (74).
    Pinned { channel: ChannelId, message: MessageId, author: UserId },
    /// A message was unpinned (75).
    Unpinned { channel: ChannelId, message: MessageId, author: UserId },
}
