//! Putting a finished message into a channel: row, event, unread marks.

use consort_actor::Cx;
use consort_model::{
    ChannelId, Message, MessageFlags, MessageId, MessageReference, MessageType, Permissions, Timestamp, User,
    UserId,
};
use consort_rpc::user::Reach;
use consort_rpc::{Effect, Publication, user};

use crate::events::{publish_created, publish_edited, publish_updated};
use crate::{Host, polls, store};

/// Members of a mentioned role who are told so one by one; for larger roles clients count from `mention_roles`, as they
/// do with @everyone.
const ROLE_MEMBERS_TOLD_MAX: usize = 100;
/// Members who are told one by one of a message to everyone; where there are more, they count when they come
/// ([`Host::posted_to_everyone`]).
const EVERYONE_TOLD_MAX: usize = 1000;

/// A message on its way into a channel.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The message as it is answered: with `nonce` and `referenced_message`, which are not stored.
    pub message: Message,
    /// Whether it gives nobody an unread mark of a mention.
    pub silent: bool,
}

/// An empty message of a kind by an author, with a new id.
pub fn blank(cx: &Cx<'_>, channel: ChannelId, author: User, kind: MessageType) -> Message {
    Message {
        id: MessageId::new(cx.next_id()),
        channel_id: channel,
        guild_id: None,
        author,
        member: None,
        content: String::new(),
        timestamp: Timestamp::from_ms(cx.now_ms),
        edited_timestamp: None,
        tts: false,
        mention_everyone: false,
        mentions: Vec::new(),
        mention_roles: Vec::new(),
        attachments: Vec::new(),
        embeds: Vec::new(),
        reactions: Vec::new(),
        nonce: None,
        pinned: false,
        webhook_id: None,
        kind,
        application_id: None,
        flags: MessageFlags::default(),
        message_reference: None,
        referenced_message: None,
        message_snapshots: Vec::new(),
        thread: None,
        components: Vec::new(),
        sticker_items: Vec::new(),
        stickers: Vec::new(),
        position: None,
        poll: None,
        interaction_metadata: None,
        call: None,
        interaction: None,
    }
}

/// Posts a message and gives it back as it is shown. All rights have been checked, everything has been read.
pub fn post<H: Host>(host: &mut H, cx: &mut Cx<'_>, draft: Draft) -> Message {
    let Draft { mut message, silent } = draft;
    host.before_post(cx, message.channel_id, message.author.id);
    if let Some(channel) =
        host.channel(message.channel_id).filter(|channel| channel.thread_metadata.is_some())
    {
        message.position = Some(channel.total_message_sent.unwrap_or(0));
    }
    let (nonce, referenced) = (message.nonce.take(), message.referenced_message.take());
    store(cx, &message);
    consort_files::claim_files(&mut cx.batch, &message);
    (message.nonce, message.referenced_message) = (nonce, referenced);
    polls::watch(host, cx, &message);
    publish_created(host, cx, &message);
    host.posted(cx, &message);
    if !silent {
        tell_users(host, cx, &message);
    }
    cx.links.show(cx.now_ms, &mut message);
    message
}

/// Puts an answer in the place of the message that promised it, and gives it back as it is shown.
pub(crate) fn fulfil<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    promise: &Message,
    mut answer: Message,
) -> Message {
    store(cx, &answer);
    consort_files::claim_files(&mut cx.batch, &answer);
    polls::watch(host, cx, &answer);
    publish_edited(host, cx, promise, &Message { tts: false, ..answer.clone() });
    // Only now does it name anybody.
    tell_users(host, cx, &answer);
    cx.links.show(cx.now_ms, &mut answer);
    answer
}

/// Tells the author's owner that it has read up to here, and those who are mentioned that they are.
fn tell_users<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    let (guild, channel, id) = (host.guild(), message.channel_id, message.id);
    if message.webhook_id.is_none() {
        let news = user::News::Posted { channel, message: id };
        cx.publish(Publication::User { user: message.author.id, news });
    }
    let names = message.mentions.iter().map(|mention| mention.user.id).chain(host.notified(channel));
    let mut told: Vec<(UserId, Reach)> = names.map(|user| (user, Reach::Name)).collect();
    for role in &message.mention_roles {
        let members = host.role_members(*role, ROLE_MEMBERS_TOLD_MAX);
        told.extend(members.into_iter().map(|user| (user, Reach::Role)));
    }
    if message.mention_everyone {
        let everyone = host.everyone(EVERYONE_TOLD_MAX);
        if everyone.is_empty() {
            host.posted_to_everyone(cx, message);
        }
        told.extend(everyone.into_iter().map(|user| (user, Reach::Everyone)));
    }
    // Of several ways to somebody the closest counts.
    told.sort_unstable();
    told.dedup_by_key(|(user, _)| *user);
    // A mention gives nobody sight of a channel, nor a mark on one that it does not see.
    let sees = |user: &UserId| {
        let held = host.permissions(cx, *user, channel);
        held.is_some_and(|held| held.contains(Permissions::VIEW_CHANNEL))
    };
    let author = message.author.id;
    told.retain(|(user, _)| *user != author && sees(user));
    for (user, by) in told {
        let news = user::News::Mentioned { guild, channel, message: id, author, by };
        match by {
            Reach::Name | Reach::Role => cx.effect(Effect::User { user, op: news.into() }),
            // News to many: a row for each until it is applied would cost more than a count is worth.
            Reach::Everyone => cx.publish(Publication::User { user, news }),
        }
    }
}

/// Posts what the system says on behalf of `author`: joins (7), pins (6), names (4), threads (18) and the like. `adjust`
/// sets what the kind needs besides content, such as a reference.
pub fn system_message<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    author: User,
    kind: MessageType,
    content: impl Into<String>,
    adjust: impl FnOnce(&mut Message),
) -> Message {
    let mut message = blank(cx, channel, author, kind);
    message.content = content.into();
    adjust(&mut message);
    post(host, cx, Draft { message, silent: true })
}

/// Puts a message of the system in the place of what it was, and tells of it.
pub fn amend<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    store(cx, message);
    publish_updated(host, cx, message);
}

/// A reference to a message, as a message carries it.
pub(crate) fn reference<H: Host>(host: &H, channel: ChannelId, message: MessageId) -> MessageReference {
    MessageReference { kind: 0, message_id: Some(message), channel_id: channel, guild_id: host.guild() }
}
