//! Messages and what they carry.

use bitflags::bitflags;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::component::readable;
use super::{Channel, Component, Member, PartialEmoji, Sticker, StickerItem, User, numeric};
use crate::{
    ApplicationId, AttachmentId, ChannelId, GuildId, MessageId, RoleId, Timestamp, UserId, WebhookId,
};

numeric! {
    /// What a message is (Message, Message Types).
    MessageType {
        /// Somebody wrote it.
        Default = 0,
        /// Somebody was added to a group or thread.
        RecipientAdd = 1,
        /// Somebody was removed from a group or thread.
        RecipientRemove = 2,
        /// A call.
        Call = 3,
        /// The channel has a new name.
        ChannelNameChange = 4,
        /// The channel has a new icon.
        ChannelIconChange = 5,
        /// Something was pinned.
        ChannelPinnedMessage = 6,
        /// Somebody joined.
        UserJoin = 7,
        /// A followed channel was added.
        ChannelFollowAdd = 12,
        /// A thread was started on an older message.
        ThreadCreated = 18,
        /// It answers another.
        Reply = 19,
        /// A slash command's answer.
        ChatInputCommand = 20,
        /// The first message of a thread from a message.
        ThreadStarterMessage = 21,
        /// A context menu command's answer.
        ContextMenuCommand = 23,
        /// A word of the automatic moderation.
        AutoModerationAction = 24,
        /// A stage has begun; its topic is the content.
        StageStart = 27,
        /// A stage has ended.
        StageEnd = 28,
        /// Somebody speaks on a stage.
        StageSpeaker = 29,
        /// A stage has another topic.
        StageTopic = 31,
        /// A poll has ended.
        PollResult = 46,
    }
}

impl MessageType {
    /// Whether it may be deleted (not 1 to 5 and 21).
    pub const fn is_deletable(self) -> bool {
        !matches!(self.number(), 1..=5 | 21)
    }

    /// Whether people wrote it, so that it can be answered, edited and forwarded.
    pub const fn is_written(self) -> bool {
        matches!(self, Self::Default | Self::Reply | Self::ChatInputCommand | Self::ContextMenuCommand)
    }
}

bitflags! {
    /// Bits of `flags` (Message, Message Flags).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct MessageFlags: u64 {
        /// Was sent to followers.
        const CROSSPOSTED = 1 << 0;
        /// Came from a followed channel.
        const IS_CROSSPOST = 1 << 1;
        /// Embeds are hidden.
        const SUPPRESS_EMBEDS = 1 << 2;
        /// The crosspost's source is gone.
        const SOURCE_MESSAGE_DELETED = 1 << 3;
        /// From the system, urgent.
        const URGENT = 1 << 4;
        /// Has a thread of the same id.
        const HAS_THREAD = 1 << 5;
        /// Only for one person.
        const EPHEMERAL = 1 << 6;
        /// A command is thinking.
        const LOADING = 1 << 7;
        /// Some roles could not be brought into a thread.
        const FAILED_TO_MENTION_SOME_ROLES_IN_THREAD = 1 << 8;
        /// Without a sound.
        const SUPPRESS_NOTIFICATIONS = 1 << 12;
        /// A voice message.
        const IS_VOICE_MESSAGE = 1 << 13;
        /// A forward.
        const HAS_SNAPSHOT = 1 << 14;
        /// All content is in components.
        const IS_COMPONENTS_V2 = 1 << 15;
        const _ = !0;
    }
}

impl Serialize for MessageFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.bits())
    }
}

impl<'de> Deserialize<'de> for MessageFlags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_bits_retain)
    }
}

/// A client's own mark on a message, given back in the type it came in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Nonce {
    /// A number.
    Number(i64),
    /// Up to 25 characters.
    Text(String),
}

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id, and so when.
    pub id: MessageId,
    /// Where.
    pub channel_id: ChannelId,
    /// Only in the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// Who; for webhooks made up from the webhook.
    pub author: User,
    /// Only in the gateway, in guilds, without `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// Up to 2000 characters.
    pub content: String,
    /// When it was written.
    pub timestamp: Timestamp,
    /// When its author changed it last.
    pub edited_timestamp: Option<Timestamp>,
    /// To be read aloud.
    pub tts: bool,
    /// Pings everybody.
    pub mention_everyone: bool,
    /// Pinged people.
    pub mentions: Vec<MentionedUser>,
    /// Pinged roles.
    pub mention_roles: Vec<RoleId>,
    /// Files.
    pub attachments: Vec<Attachment>,
    /// Embeds.
    pub embeds: Vec<Embed>,
    /// Reactions; left out when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<Reaction>,
    /// The client's mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// The webhook that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<WebhookId>,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// The application, for answers of interactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_id: Option<ApplicationId>,
    /// Bits.
    #[serde(default)]
    pub flags: MessageFlags,
    /// What it answers or forwards, or the pinned message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_reference: Option<MessageReference>,
    /// The answered message; null when it is gone, absent when it was not loaded.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub referenced_message: Option<Option<Box<Message>>>,
    /// Forwarded messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub message_snapshots: Vec<MessageSnapshot>,
    /// The thread that was started from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Box<Channel>>,
    /// Buttons and the like.
    #[serde(default, deserialize_with = "readable")]
    pub components: Vec<Component>,
    /// Stickers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sticker_items: Vec<StickerItem>,
    /// Full stickers, in older answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stickers: Vec<Sticker>,
    /// Place in a thread, roughly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// A poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll: Option<Value>,
    /// The call it tells of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<MessageCall>,
    /// Which interaction it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction_metadata: Option<Value>,
    /// The same in the old form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<Value>,
}

/// A call in a private channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCall {
    /// Who has been in it.
    pub participants: Vec<UserId>,
    /// When it ended.
    pub ended_timestamp: Option<Timestamp>,
}

/// A pinged person; in the gateway of guilds with the member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MentionedUser {
    /// The account.
    #[serde(flatten)]
    pub user: User,
    /// Only in the gateway, in guilds, without `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
}

/// Tells null from absent: a value that is there, even as null, is `Some`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What a message refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReference {
    /// 0 reply, 1 forward.
    #[serde(rename = "type", default)]
    pub kind: u8,
    /// The message; left out in notes about a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// Its channel.
    pub channel_id: ChannelId,
    /// Its guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
}

/// A forwarded message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageSnapshot {
    /// What was in it.
    pub message: SnapshotMessage,
}

/// What a forward keeps of a message: no author.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotMessage {
    /// What it was.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// Its text.
    pub content: String,
    /// Its embeds.
    pub embeds: Vec<Embed>,
    /// Its files.
    pub attachments: Vec<Attachment>,
    /// When it was written.
    pub timestamp: Timestamp,
    /// When it was changed.
    pub edited_timestamp: Option<Timestamp>,
    /// Its bits.
    #[serde(default)]
    pub flags: MessageFlags,
    /// Whom it pinged.
    pub mentions: Vec<User>,
    /// Roles it pinged.
    pub mention_roles: Vec<RoleId>,
    /// Its stickers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sticker_items: Vec<StickerItem>,
    /// Its components.
    #[serde(default, deserialize_with = "readable")]
    pub components: Vec<Component>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// Cleaned name.
    pub filename: String,
    /// Bytes.
    pub size: u64,
    /// Where it is, signed.
    pub url: String,
    /// Where it can be had resized.
    pub proxy_url: String,
    /// The name as it was, if cleaning changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Alternative text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Only present when true.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub ephemeral: bool,
    /// Of a voice message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_secs: Option<f64>,
    /// Of a voice message, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waveform: Option<String>,
    /// Bits; 1<<3 spoiler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<u64>,
}

/// A framed piece of a message.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Embed {
    /// `rich` for those people and bots send.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Up to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Up to 4096 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Of the title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Shown in the footer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// 0xRRGGBB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<u32>,
    /// At the bottom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<EmbedFooter>,
    /// Large picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<EmbedMedia>,
    /// Small picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<EmbedMedia>,
    /// The server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<EmbedMedia>,
    /// The server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<EmbedProvider>,
    /// At the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<EmbedAuthor>,
    /// Up to 25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<EmbedField>,
}

/// At the bottom of an embed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EmbedFooter {
    /// Up to 2048 characters.
    pub text: String,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// The same through the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_icon_url: Option<String>,
}

/// A picture or film of an embed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EmbedMedia {
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The same through the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// Where an embed comes from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EmbedProvider {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// At the top of an embed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EmbedAuthor {
    /// Up to 256 characters.
    pub name: String,
    /// Of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// The same through the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_icon_url: Option<String>,
}

/// A name and a value in an embed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EmbedField {
    /// Up to 256 characters.
    pub name: String,
    /// Up to 1024 characters.
    pub value: String,
    /// Beside the others.
    #[serde(default)]
    pub inline: bool,
}

/// All reactions with one emoji.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reaction {
    /// The emoji.
    pub emoji: PartialEmoji,
    /// How many.
    pub count: u32,
    /// How many of each kind.
    pub count_details: CountDetails,
    /// Whether the receiver is among them.
    #[serde(default)]
    pub me: bool,
    /// Bursts are not offered.
    #[serde(default)]
    pub me_burst: bool,
    /// Bursts are not offered.
    #[serde(default)]
    pub burst_colors: Vec<String>,
    /// Bursts are not offered; some libraries read it.
    #[serde(default)]
    pub burst_me: bool,
    /// Bursts are not offered; some libraries read it.
    #[serde(default)]
    pub burst_count: u32,
}

/// Reactions by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CountDetails {
    /// Bursts are not offered.
    pub burst: u32,
    /// Plain.
    pub normal: u32,
}

impl Reaction {
    /// The first reaction with an emoji.
    pub fn first(emoji: PartialEmoji) -> Self {
        Self {
            emoji,
            count: 1,
            count_details: CountDetails { burst: 0, normal: 1 },
            me: false,
            me_burst: false,
            burst_colors: Vec::new(),
            burst_me: false,
            burst_count: 0,
        }
    }
}
