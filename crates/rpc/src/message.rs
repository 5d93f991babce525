//! Operations on the messages of one channel: the same for a guild's channels, threads and private channels.
//!
//! The edge has checked the form of a request (lengths, types, field paths) and stored its files; the owner checks who may
//! do it and everything that depends on the channel.

use consort_model::request::message::{CreateMessage, EditMessage};
use consort_model::validate::ReactionEmoji;
use consort_model::{
    ApplicationId, Attachment, Message, MessageId, PartialEmoji, Timestamp, UserId, WebhookId,
};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Posts a message. Answers it.
    Create(Box<Create>),
    /// Puts the answer that was promised into the message that promised it ([`Speaker::promises`]); from the system. Answers it.
    Fulfil { message: MessageId, create: Box<Create> },
    /// Changes a message. Answers it.
    Edit { message: MessageId, edit: Box<Edit> },
    /// Replaces the embeds that links unfurled to; from the system. Answers nothing.
    Unfurled { message: MessageId, embeds: Vec<consort_model::Embed> },
    /// Deletes a message.
    Delete { message: MessageId },
    /// Deletes 2 to 100 messages at once; those that do not exist are passed over.
    BulkDelete { messages: Vec<MessageId> },
    /// One message, as the caller sees it.
    Get { message: MessageId },
    /// A page of the history, newest first.
    List { page: Page, limit: u16 },
    /// Adds the caller's reaction. `external`: the emoji, when the caller may use it and it is of another guild or of an
    /// application.
    React {
        message: MessageId,
        emoji: ReactionEmoji,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external: Option<PartialEmoji>,
    },
    /// Takes back a reaction: the caller's, or another user's.
    Unreact { message: MessageId, emoji: ReactionEmoji, user: Option<UserId> },
    /// Removes all reactions, or all with one emoji.
    ClearReactions { message: MessageId, emoji: Option<ReactionEmoji> },
    /// Who has reacted with an emoji, by rising id. Answers users.
    Reactors { message: MessageId, emoji: ReactionEmoji, after: Option<UserId>, limit: u16 },
    /// Pins a message.
    Pin { message: MessageId },
    /// Unpins a message.
    Unpin { message: MessageId },
    /// Pinned messages, the newest pin first. Answers `{items, has_more}`, or with `bare` a list of messages.
    Pins { before: Option<Timestamp>, limit: u16, bare: bool },
    /// The caller types.
    Typing,
    /// Publishes a message of an announcement channel to its followers. Answers the message.
    Crosspost { message: MessageId },
    /// The caller's votes in a poll, replacing earlier ones; none takes them back.
    Vote { message: MessageId, answers: Vec<u8> },
    /// Who has voted for an answer, by rising id. Answers `{users}`.
    Voters { message: MessageId, answer: u8, after: Option<UserId>, limit: u16 },
    /// Ends one's own poll now. Answers the message.
    ExpirePoll { message: MessageId },
    /// Whether the caller may post here; asked before a body is read that is not known to hold files.
    MayPost,
    /// Whether the caller may upload files here; asked before the files are read and stored.
    MayAttach,
    /// Deletes what a user wrote after an id, which may be one made from a time (ban with `delete_message_seconds`); from
    /// the system.
    Purge { author: UserId, after: MessageId },
}

/// A message to be posted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Create {
    /// The request.
    pub body: CreateMessage,
    /// The files that come with it, stored already, in the order they are shown.
    pub attachments: Vec<Attachment>,
    /// For a forward: the message it refers to, as the caller was allowed to read it.
    pub forwarded: Option<Box<Message>>,
    /// Who speaks, if not the caller itself.
    pub speaker: Option<Box<Speaker>>,
}

/// A change of a message.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Edit {
    /// The request.
    pub body: EditMessage,
    /// New files, stored already; they are named by `body.attachments` or come after those that are kept.
    pub attachments: Vec<Attachment>,
    /// The webhook that edits its own message, in place of the caller.
    pub webhook: Option<WebhookId>,
}

/// An author that is no account: a webhook, or an application answering an interaction. Only the system may say so: rights
/// have been checked by whoever makes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Speaker {
    /// The author shown.
    pub author: consort_model::User,
    /// The webhook.
    pub webhook: Option<WebhookId>,
    /// The application.
    pub application: Option<ApplicationId>,
    /// The kind of message; `None` for an ordinary one.
    pub kind: Option<consort_model::MessageType>,
    /// `interaction_metadata` and the old `interaction`, as they are shown.
    pub interaction: Option<(serde_json::Value, serde_json::Value)>,
    /// Whether it may mention @everyone and every role.
    pub may_mention_all: bool,
    /// Whether the message only says that an answer will come (LOADING).
    #[serde(default)]
    pub promises: bool,
}

/// What part of a channel's history is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Page {
    /// The newest.
    Newest,
    /// Those before an id.
    Before(MessageId),
    /// The first ones after an id.
    After(MessageId),
    /// Half of them on each side of an id, with itself.
    Around(MessageId),
}
