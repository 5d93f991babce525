//! Dispatches of messages: what is added for sessions, and what is left out for those without message content.

use consort_actor::Cx;
use consort_model::{ChannelId, GuildId, Intents, Message, MessageId, UserId};
use consort_rpc::{Answer, Change, Event, View, Withheld};
use serde::Serialize;

use crate::Host;

/// The intent a session needs for messages.
pub fn intents_of(guild: Option<GuildId>) -> Intents {
    match guild {
        Some(_) => Intents::GUILD_MESSAGES,
        None => Intents::DIRECT_MESSAGES,
    }
}

/// Sends MESSAGE_CREATE or MESSAGE_UPDATE. The message is as answered to REST; `guild_id` and members are added.
pub(crate) fn publish_message<H: Host>(host: &mut H, cx: &mut Cx<'_>, name: &'static str, message: &Message) {
    let guild = host.guild();
    let mut body = message.clone();
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
    if guild.is_some() {
        let created = name == "MESSAGE_CREATE";
        let change = Change::Message { channel: message.channel_id, id: message.id };
        event = event.withhold(Withheld {
            users: entitled(message),
            classes: if created { host.pinged(message) } else { View::None },
            change: created.then_some(change),
        });
        if redact(&mut body) {
            event.redacted = Answer::json(&body).body().cloned();
            event.unredacted_for = entitled(message);
        }
    }
    host.publish(cx, event);
}

/// Who gets the content whatever its intents: the author, and whom the message mentions (Gateway page, "Message Content
/// Intent").
fn entitled(message: &Message) -> std::sync::Arc<[UserId]> {
    std::iter::once(message.author.id).chain(message.mentions.iter().map(|mention| mention.user.id)).collect()
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
        let content = &mut snapshot.message;
        redacted = true;
        content.content.clear();
        content.embeds.clear();
        content.attachments.clear();
        content.components.clear();
    }
    redacted
}

#[derive(Serialize)]
struct MessageDelete {
    id: MessageId,
    channel_id: ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
}

/// Sends MESSAGE_DELETE.
pub(crate) fn publish_delete<H: Host>(host: &mut H, cx: &mut Cx<'_>, channel_id: ChannelId, id: MessageId) {
    let body = MessageDelete { id, channel_id, guild_id: host.guild() };
    let event = Event::new("MESSAGE_DELETE", intents_of(host.guild()), host.audience(channel_id), &body);
    let event = event.withhold(Withheld::wholly());
    host.publish(cx, event);
}

#[derive(Serialize)]
struct MessageDeleteBulk<'a> {
    ids: &'a [MessageId],
    channel_id: ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
}

/// Sends MESSAGE_DELETE_BULK.
pub(crate) fn publish_bulk_delete<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel_id: ChannelId,
    ids: &[MessageId],
) {
    let body = MessageDeleteBulk { ids, channel_id, guild_id: host.guild() };
    let event = Event::new("MESSAGE_DELETE_BULK", intents_of(host.guild()), host.audience(channel_id), &body);
    let event = event.withhold(Withheld::wholly());
    host.publish(cx, event);
}
