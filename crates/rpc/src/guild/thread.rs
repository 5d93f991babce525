//! Operations on threads. The channel of [`super::Op::Thread`] is the parent for [`Op::Start`], [`Op::StartFromMessage`] and
//! [`Op::Archived`], the guild itself for [`Op::Active`], and the thread for everything else.

use consort_model::id::Id;
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{ChannelId, MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::message;

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Starts a thread without a message, or a post in a forum with its first message. Answers the thread, with
    /// `message` for a post.
    Start { thread: Box<StartThread>, post: Option<Box<message::Create>> },
    /// Starts a thread from a message; the two share an id. Answers the thread.
    StartFromMessage { message: MessageId, thread: Box<StartThread> },
    /// The thread. Answers a channel.
    Get,
    /// Changes a thread. Answers the channel.
    Update(Box<UpdateThread>),
    /// Deletes a thread with its messages. Answers the channel.
    Delete,
    /// The caller joins.
    Join,
    /// The caller leaves.
    Leave,
    /// Adds a member of the guild.
    AddMember { user: UserId },
    /// Takes a member out.
    RemoveMember { user: UserId },
    /// One member of the thread. Answers a thread member.
    Member { user: UserId, with_member: bool },
    /// The members, by rising user id. Answers thread members.
    Members { with_member: bool, after: Option<UserId>, limit: u16 },
    /// The caller's notification settings in the thread. Answers the thread member.
    SetNotifications { flags: Option<u64>, muted: Option<bool> },
    /// Archived threads, the latest archived first. Answers `{threads, members, has_more}`.
    Archived { kind: Archived, limit: u16 },
    /// Threads of a channel that fit. Answers `{threads, members, has_more, total_results}`.
    Search(Box<Search>),
    /// Active threads of the whole guild that the caller can see. Answers `{threads, members}`.
    Active,
    /// The parent channel was deleted: so are its threads. From the guild itself.
    ParentDeleted { parent: ChannelId },
}

/// What threads are searched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// A part of the name, whatever its case.
    pub name: Option<String>,
    /// Tags, all or one of which the thread has.
    pub tags: Vec<Id<()>>,
    /// Whether all of them.
    pub all_tags: bool,
    /// Only archived ones, or only active ones.
    pub archived: Option<bool>,
    /// Only threads with a higher id.
    pub min_id: Option<ChannelId>,
    /// Only threads with a lower id.
    pub max_id: Option<ChannelId>,
    /// By what.
    pub order: SearchOrder,
    /// The smallest first.
    pub ascending: bool,
    /// 1 to 25.
    pub limit: u16,
    /// How many to leave out.
    pub offset: u32,
}

/// The order of found threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SearchOrder {
    /// By when they were made.
    Creation,
    /// By their last message.
    LastMessage,
    /// By when they were archived.
    Archive,
}

/// Which archived threads are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Archived {
    /// Public ones, archived before a time.
    Public { before: Option<Timestamp> },
    /// Private ones, archived before a time; needs MANAGE_THREADS.
    Private { before: Option<Timestamp> },
    /// Private ones the caller is in, with a lower id.
    Mine { before: Option<ChannelId> },
}
