//! Webhooks of a guild.

use consort_model::request::thread::StartThread;
use consort_model::{ChannelId, GuildId, Message, MessageId, Patch, WebhookId};
use serde::{Deserialize, Serialize};

use crate::message;

/// What can be asked. A token, where given, stands in for the caller's rights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// MANAGE_WEBHOOKS. Answers an array.
    List,
    /// MANAGE_WEBHOOKS in the channel. Answers an array.
    ListChannel { channel: ChannelId },
    /// MANAGE_WEBHOOKS in the channel. Answers the webhook with its token.
    /// An avatar is stored under `id`.
    Create { id: WebhookId, channel: ChannelId, name: String, avatar: Option<String> },
    /// One webhook.
    Get { webhook: WebhookId, token: Option<String> },
    /// Answers the webhook.
    Update {
        webhook: WebhookId,
        token: Option<String>,
        name: Option<String>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        avatar: Patch<String>,
        channel: Option<ChannelId>,
    },
    /// Deletes it.
    Delete { webhook: WebhookId, token: Option<String> },
    /// Whether the caller may follow an announcement channel of this guild. Answers [`Source`].
    Followable { channel: ChannelId },
    /// Follows an announcement channel into one of this guild's channels (MANAGE_WEBHOOKS there). Answers
    /// `{channel_id, webhook_id}`.
    Follow { id: WebhookId, source: Source, target: ChannelId },
    /// A channel of this guild has got a follower. From the follower's guild.
    Followed { channel: ChannelId, webhook: WebhookId, guild: GuildId },
    /// A follower is gone. From the follower's guild.
    Unfollowed { channel: ChannelId, webhook: WebhookId },
    /// A message of a followed channel was published. From the followed channel's guild.
    Deliver { webhook: WebhookId, message: Box<Message> },
    /// Delivers a published message to the followers of its channel after a webhook, some at a time. From the system.
    Spread { channel: ChannelId, message: MessageId, after: Option<WebhookId> },
    /// Posts a message by token; from the system. Answers the message.
    Execute(Box<Execute>),
    /// One of the webhook's own messages, by token; from the system. Answers the message, or nothing for a deletion.
    OnMessage {
        webhook: WebhookId,
        token: String,
        thread: Option<ChannelId>,
        message: MessageId,
        act: OnMessage,
    },
}

/// An announcement channel that can be followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its guild.
    pub guild: GuildId,
    /// The guild's name.
    pub guild_name: String,
    /// Hash of the guild's icon.
    pub guild_icon: Option<String>,
    /// The channel.
    pub channel: ChannelId,
    /// The channel's name.
    pub channel_name: String,
}

/// A message to be posted by a webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Execute {
    /// The webhook.
    pub webhook: WebhookId,
    /// Its token.
    pub token: String,
    /// A thread of its channel, in place of the channel itself.
    pub thread: Option<ChannelId>,
    /// The post to be opened with the message, in a forum.
    pub post: Option<StartThread>,
    /// A name for this message.
    pub username: Option<String>,
    /// The message.
    pub create: message::Create,
}

/// What is to be done with a message of a webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum OnMessage {
    /// Read it.
    Get,
    /// Change it.
    Edit(Box<message::Edit>),
    /// Delete it.
    Delete,
}

/// The row of `Table::WebhookIndex` by which an edge finds the guild of a webhook; the partition is the webhook's id, the
/// key is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRow {
    /// The guild that has the webhook.
    pub guild: GuildId,
}
