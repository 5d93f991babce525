//! Search for messages by what they say.
//!
//! Whoever asks has the owner of the channels say first where the reader may read ([`Scope`]); the index answers from there and
//! nowhere else. What owners note of messages that change after they were posted ([`Change`]) brings the index up to date.

use consort_model::{ChannelId, MessageId, RoleId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{Nothing, Service};

/// The service; its key is a guild, or a private channel.
#[derive(Debug)]
pub enum Search {}

impl Service for Search {
    const NAME: &'static str = "search";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Answers [`Answer`].
    Find { scope: Box<Scope>, query: Box<Query> },
}

/// Where a reader may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Who reads.
    pub reader: UserId,
    /// Since when they belong there: what they joined before is none of theirs.
    pub since: Timestamp,
    /// Channels and active threads.
    pub channels: Vec<SearchedChannel>,
    /// Channels whose private threads they read also without being in them.
    pub moderated: Vec<ChannelId>,
}

/// A channel or an active thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchedChannel {
    /// Its id.
    pub channel: ChannelId,
    /// The newest message that was ever in it.
    pub newest: Option<MessageId>,
    /// Whether its archived threads are searched, too.
    pub has_threads: bool,
}

/// What is looked for. All that is set must hold; of a list one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Words, and phrases between quotation marks.
    pub content: String,
    /// How many other words may stand between those of `content`; `None`: they may stand anywhere.
    pub slop: Option<u8>,
    /// Only in these channels.
    pub channels: Vec<ChannelId>,
    /// Written by.
    pub authors: Vec<UserId>,
    /// Written by somebody of this kind.
    pub author_kinds: Vec<Wanted<AuthorKind>>,
    /// Pings people.
    pub mentions: Vec<UserId>,
    /// Pings roles.
    pub mention_roles: Vec<RoleId>,
    /// Pings everybody.
    pub mention_everyone: Option<bool>,
    /// Answers people.
    pub replied_to_users: Vec<UserId>,
    /// Answers messages.
    pub replied_to_messages: Vec<MessageId>,
    /// What it holds.
    pub has: Vec<Wanted<Part>>,
    /// Links to hosts.
    pub link_hostnames: Vec<String>,
    /// Embeds of providers.
    pub embed_providers: Vec<String>,
    /// Embeds of types, as they are called in messages.
    pub embed_types: Vec<String>,
    /// Files whose names end so, without the dot.
    pub attachment_extensions: Vec<String>,
    /// Files of names.
    pub attachment_filenames: Vec<String>,
    /// Pinned, or not.
    pub pinned: Option<bool>,
    /// Only newer ones.
    pub after: Option<MessageId>,
    /// Only older ones.
    pub before: Option<MessageId>,
    /// By how well it fits; else by age.
    pub by_relevance: bool,
    /// The oldest first.
    pub ascending: bool,
    /// Passed over.
    pub offset: u16,
    /// Shown at most.
    pub limit: u8,
}

/// A property that must be there, or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted<T> {
    /// The property.
    pub what: T,
    /// Whether it must not be there.
    pub not: bool,
}

/// Kinds of authors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AuthorKind {
    /// A person.
    User,
    /// A bot.
    Bot,
    /// A webhook.
    Webhook,
}

/// What a message may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// A link.
    Link,
    /// An embed.
    Embed,
    /// A file.
    File,
    /// A picture.
    Image,
    /// A video.
    Video,
    /// A sound.
    Sound,
    /// A sticker.
    Sticker,
    /// A poll.
    Poll,
    /// A forwarded message.
    Snapshot,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The index is being built.
    NotReady {
        /// Messages that are in it.
        documents: u64,
    },
    /// What was found.
    Found {
        /// How many there are, counted up to a bound.
        total: u64,
        /// A page of them, in the wanted order.
        messages: Vec<(ChannelId, MessageId)>,
    },
}

/// What an owner notes for the index, with what it changes (`Table::Changes`: partition the owner's key, key a snowflake). A new
/// message needs no note: it is the newest of its channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Messages were changed or deleted.
    Messages(ChannelId, Vec<MessageId>),
    /// A thread was made, archived or deleted.
    Thread(ChannelId),
    /// A channel was deleted.
    Channel(ChannelId),
}

/// How long a [`Change`] is kept, in milliseconds: a week. An index that is further behind is made anew.
pub const CHANGE_KEPT_MS: u64 = 7 * 24 * 3_600_000;
