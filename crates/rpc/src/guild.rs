//! The owner of one guild.

use consort_model::{ChannelId, GuildId, Permissions};
use serde::{Deserialize, Serialize};

use crate::relay::{Epoch, Heard, Question, SessionKey};
use crate::{NodeId, Service, message};

pub mod automod;
pub mod ban;
pub mod channel;
pub mod emoji;
pub mod event;
pub mod everyone;
pub mod gateway;
pub mod invite;
pub mod may;
pub mod member;
pub mod onboarding;
pub mod role;
pub mod settings;
pub mod sound;
pub mod stage;
pub mod template;
pub mod thread;
pub mod voice;
pub mod webhook;

/// The service; its key is the guild's id.
#[derive(Debug)]
pub struct Guild;

impl Service for Guild {
    const NAME: &'static str = "guild";
    type Op = Op;
    type News = News;
}

/// What a guild's owner is asked, by area. The permission checks are the owner's.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Reads and changes of the guild itself, its audit log, its deletion.
    Settings(settings::Op),
    /// Channels and their overwrites.
    Channel(channel::Op),
    /// Roles.
    Role(role::Op),
    /// Members: list, search, edit, kick, join, leave.
    Member(member::Op),
    /// Bans.
    Ban(ban::Op),
    /// Invites.
    Invite(invite::Op),
    /// Emojis and stickers.
    Emoji(emoji::Op),
    /// Webhooks.
    Webhook(webhook::Op),
    /// Rules of the automatic moderation.
    AutoMod(automod::Op),
    /// Questions for new members.
    Onboarding(onboarding::Op),
    /// The template.
    Template(template::Op),
    /// Scheduled events.
    Event(event::Op),
    /// Threads of one of its channels.
    Thread { channel: ChannelId, op: thread::Op },
    /// Messages, reactions, pins, typing of one of its channels or threads.
    Message { channel: ChannelId, op: message::Op },
    /// Where the caller may search for messages. Answers [`crate::search::Scope`].
    Searchable {
        /// Age-restricted channels, too.
        nsfw: bool,
    },
    /// Voice states.
    Voice(voice::Op),
    /// The soundboard.
    Sound(sound::Op),
    /// Stages that go on.
    Stage(stage::Op),
    /// What the gateway asks: attach, presence, member chunks.
    Gateway(gateway::Op),
    /// Whether the caller may do something, asked before what it sends is read.
    May(may::May),
    /// What the caller may do in a channel or thread now, by all that counts. Answers [`Rights`].
    Rights { channel: ChannelId },
}

macro_rules! from_area {
    ($($area:ident($($module:ident)::+),)+) => {$(
        impl From<$($module)::+> for Op {
            fn from(op: $($module)::+) -> Self {
                Self::$area(op)
            }
        }
    )+};
}
from_area! {
    Settings(settings::Op),
    Channel(channel::Op),
    Role(role::Op),
    Member(member::Op),
    Ban(ban::Op),
    Invite(invite::Op),
    Emoji(emoji::Op),
    Webhook(webhook::Op),
    AutoMod(automod::Op),
    Onboarding(onboarding::Op),
    Template(template::Op),
    Event(event::Op),
    Voice(voice::Op),
    Sound(sound::Op),
    Stage(stage::Op),
    Gateway(gateway::Op),
    May(may::May),
}

/// What somebody may do in a place at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// By roles and overwrites, less what a timeout or a missing screening takes away. Empty for who is no member.
    pub permissions: Permissions,
    /// Whether a timeout or a missing screening has taken something away: then nothing may be said, by whatever way.
    pub silenced: bool,
}

/// What the owner of a guild may miss.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum News {
    /// [`gateway::Op::Attach`]: what is not answered is asked for again.
    Attach {
        session: SessionKey,
        question: Question,
        large_threshold: u16,
        presences: bool,
        heard: Option<Heard>,
    },
    /// [`gateway::Op::Replay`]: the next word asks again.
    Replay { node: NodeId, line: Epoch, after: u64 },
    /// [`gateway::Op::Sounds`]: clients do without, and may ask again.
    Sounds { session: SessionKey },
}

impl From<News> for Op {
    fn from(news: News) -> Self {
        Self::Gateway(match news {
            News::Attach { session, question, large_threshold, presences, heard } => {
                gateway::Op::Attach { session, question, large_threshold, presences, heard }
            }
            News::Replay { node, line, after } => gateway::Op::Replay { node, line, after },
            News::Sounds { session } => gateway::Op::Sounds { session },
        })
    }
}

/// A guild as its own key.
pub fn key(guild: GuildId) -> u64 {
    guild.get()
}
