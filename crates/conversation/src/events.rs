//! Dispatches of messages: what is added for sessions, and what is left out for those without message content.

use std::collections::BTreeSet;

use consort_actor::Cx;
use consort_model::{ChannelId, GuildId, Intents, Message, MessageId, MessageSnapshot, UserId};
use consort_rpc::{Answer, Change, Event, View, Withheld};
use serde::Serialize;

use crate::Host;
use crate::viewer::Viewer;

/// The intent a session needs for messages.
pub fn intents_of(guild: Option<GuildId>) -> Intents {
    match guild {
        Some(_) => Intents::GUILD_MESSAGES,
        None => Intents::DIRECT_MESSAGES,
    }
}

/// Sends MESSAGE_CREATE. The message is as answered to REST; `guild_id` and members are added.
pub(crate) fn publish_created<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    let event = showing(host, cx, "MESSAGE_CREATE", message);
    let change = Change::Message { channel: message.channel_id, id: message.id };
    let event = withhold(host, event, [message], Some(change));
    host.publish(cx, event);
}

/// Sends MESSAGE_UPDATE, as [`publish_created`] does. The message mentions whom it mentioned before.
pub(crate) fn publish_updated<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    publish_edited(host, cx, message, message);
}

/// Sends MESSAGE_UPDATE of a message that may mention others than `before`: those hear of it too, so that nobody is left with
/// a mention that was taken back.
pub(crate) fn publish_edited<H: Host>(host: &mut H, cx: &mut Cx<'_>, before: &Message, message: &Message) {
    let event = showing(host, cx, "MESSAGE_UPDATE", message);
    let event = withhold(host, event, [before, message], None);
    host.publish(cx, event);
}

/// An event that shows a message, with what only events show of it.
fn showing<H: Host>(host: &mut H, cx: &Cx<'_>, name: &'static str, message: &Message) -> Event {
    let guild = host.guild();
    let mut body = message.clone();
    cx.links.show(cx.now_ms, &mut body);
    body.guild_id = guild;
    if guild.is_some() {
        if body.webhook_id.is_none() {
            body.member = host.member(body.author.id);
        }
        for mention in &mut body.mentions {
            mention.member = host.member(mention.user.id);
        }
    }
    let mut event = Event::new(name, intents_of(guild), host.audience(message.channel_id), &body);
    if guild.is_some() && redact(&mut body) {
        event.redacted = Answer::json(&body).body().cloned();
        event.unredacted_for = entitled(message).collect();
    }
    event
}

/// Who gets the content whatever its intents: the author, and whom the message mentions (Gateway page, "Message Content
/// Intent").
fn entitled(message: &Message) -> impl Iterator<Item = UserId> {
    std::iter::once(message.author.id).chain(message.mentions.iter().map(|mention| mention.user.id))
}

/// Withholds an event about messages of a guild from those who do not look, but for their authors and whom they mention: of
/// what somebody was shown at once, the end is shown at once.
fn withhold<'a, H: Host>(
    host: &H,
    event: Event,
    messages: impl IntoIterator<Item = &'a Message>,
    change: Option<Change>,
) -> Event {
    if host.guild().is_none() {
        return event;
    }
    // Sets: each is told once, however often it is mentioned.
    let (mut users, mut roles, mut everyone) = (BTreeSet::new(), BTreeSet::new(), false);
    for message in messages {
        users.extend(entitled(message));
        roles.extend(message.mention_roles.iter().copied());
        everyone |= message.mention_everyone;
    }
    let classes = match (everyone, roles.is_empty()) {
        (true, _) => View::All,
        (false, true) => View::None,
        (false, false) => host.holders(&roles),
    };
    event.withhold(Withheld { users: users.into_iter().collect(), classes, change })
}

/// Takes from an answer what needs the MESSAGE_CONTENT intent, when its viewer does not have it: all that is not in a private
/// channel, its own or mentions it (Gateway, "Message Content Intent"). The message that is answered and those that are
/// forwarded are looked at by themselves.
pub(crate) fn conceal(viewer: &Viewer, message: &mut Message) {
    if viewer.guild.is_none() || !viewer.lacks.contains(Intents::MESSAGE_CONTENT) {
        return;
    }
    let may_read = |message: &Message| entitled(message).any(|user| user == viewer.user);
    if let Some(Some(answered)) = &mut message.referenced_message
        && !may_read(answered)
    {
        redact(answered);
    }
    if may_read(message) {
        message.message_snapshots.iter_mut().for_each(redact_snapshot);
        return;
    }
    let answered = message.referenced_message.take();
    redact(message);
    message.referenced_message = answered;
}

/// Empties what needs the MESSAGE_CONTENT intent. Gives false when there was nothing of it.
fn redact(message: &mut Message) -> bool {
    let mut redacted = !message.content.is_empty()
        || !message.embeds.is_empty()
        || !message.attachments.is_empty()
        || !message.components.is_empty()
        || message.poll.is_some();
    message.content.clear();
    message.embeds.clear();
    message.attachments.clear();
    message.components.clear();
    message.poll = None;
    if let Some(Some(referenced)) = &mut message.referenced_message {
        redacted |= redact(referenced);
    }
    for snapshot in &mut message.message_snapshots {
        redacted = true;
        redact_snapshot(snapshot);
    }
    redacted
}

fn redact_snapshot(snapshot: &mut MessageSnapshot) {
    let content = &mut snapshot.message;
    content.content.clear();
    content.embeds.clear();
    content.attachments.clear();
    content.components.clear();
}

#[derive(Serialize)]
struct MessageDelete {
    id: MessageId,
    channel_id: ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
}

/// Sends MESSAGE_DELETE.
pub(crate) fn publish_delete<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    let channel_id = message.channel_id;
    let body = MessageDelete { id: message.id, channel_id, guild_id: host.guild() };
    let event = Event::new("MESSAGE_DELETE", intents_of(host.guild()), host.audience(channel_id), &body);
    let event = withhold(host, event, [message], None);
    host.publish(cx, event);
}

#[derive(Serialize)]
struct MessageDeleteBulk<'a> {
    ids: &'a [MessageId],
    channel_id: ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
}

/// Sends MESSAGE_DELETE_BULK of messages of one channel.
pub(crate) fn publish_bulk_delete<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel_id: ChannelId,
    messages: &[Message],
) {
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    let body = MessageDeleteBulk { ids: &ids, channel_id, guild_id: host.guild() };
    let event = Event::new("MESSAGE_DELETE_BULK", intents_of(host.guild()), host.audience(channel_id), &body);
    let event = withhold(host, event, messages, None);
    host.publish(cx, event);
}
