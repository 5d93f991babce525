//! The owner of one account across its devices: sessions, presence, relationships, private channels, settings,
//! read states.

use std::sync::Arc;

use consort_model::{Channel, ChannelId, GuildId, MessageId, UserId};
use serde::{Deserialize, Serialize};

use crate::relay::SessionKey;
use crate::{Event, Service};

pub mod account;
pub mod gateway;
pub mod read_state;
pub mod relationship;
pub mod seat;
pub mod settings;

/// The service; its key is the user's id.
#[derive(Debug)]
pub struct User;

impl Service for User {
    const NAME: &'static str = "user";
    type Op = Op;
    type News = News;
}

/// What a user's owner is asked, by area.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// The account itself: profile, names, avatar, password.
    Account(account::Op),
    /// Sessions and presence, from the gateway.
    Gateway(gateway::Op),
    /// Friends, requests, blocks, notes.
    Relationship(relationship::Op),
    /// Read states and mentions.
    ReadState(read_state::Op),
    /// Settings of the account and per guild.
    Settings(settings::Op),
    /// Places among the guilds and groups that the account may be in.
    Seat(seat::Op),
    /// A guild's owner tells: the user is a member now. Sessions attach themselves.
    GuildJoined { guild: GuildId },
    /// A guild's owner tells: the user is no member any more.
    GuildLeft { guild: GuildId },
    /// A guild's owner asks for the presence of a member who has just attached, of whom it knows none: it was loaded again.
    PresenceWanted { guild: GuildId },
    /// A private channel's owner tells: the channel is there, `listed` for the user (again) or to be known only, or its
    /// people have changed. The channel is as the user sees it, with all people of a group in `recipients` but the user.
    ChannelOpened { channel: Box<Channel>, listed: bool },
    /// A private channel's owner tells: the channel is no longer listed for the user, who closed it.
    ChannelClosed { channel: ChannelId },
    /// A private channel's owner tells: the user is out of the group.
    ChannelLeft { channel: ChannelId },
    /// A private channel's owner tells: the user has joined its call by this session. Other sessions leave other calls. From the system.
    InCall { channel: ChannelId, session: SessionKey },
    /// An event for every session of this user ([`Event::audience`] is ignored; intents are applied).
    Deliver(Arc<Event>),
    /// A message mentions the user (or is in one of its private channels): counts as unread mention, unless it is muted,
    /// suppressed or of somebody blocked.
    Mentioned { guild: Option<GuildId>, channel: ChannelId, message: MessageId, author: UserId, by: Reach },
    /// The user has posted there: the channel is read up to its own message.
    Posted { channel: ChannelId, message: MessageId },
    /// The owner itself: looks which of these channels are still there, and forgets how far the others were read.
    LookAtReads { channels: Vec<ChannelId> },
    /// Which DM this user has with one of a higher id: the one that was reserved for the two before, or `channel` from now on.
    /// From the system. Answers a channel's id; 403/50278 when the two may not speak and have none.
    Dm { other: UserId, channel: ChannelId },
    /// The sessions of the user, for an owner that wants to reach them directly. Answers `[SessionKey]`.
    Sessions,
    /// The private channels that are listed for the user. Answers an array of channels.
    Channels,
}

/// What the owner of a user may miss.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum News {
    /// [`Op::Deliver`]: sessions that come later read it.
    Deliver(Arc<Event>),
    /// [`Op::Mentioned`] with everybody else: a count in a list.
    Mentioned { guild: Option<GuildId>, channel: ChannelId, message: MessageId, author: UserId, by: Reach },
    /// [`Op::Posted`]: the next one says so too.
    Posted { channel: ChannelId, message: MessageId },
    /// [`Op::PresenceWanted`]: asked again whenever a session attaches.
    PresenceWanted { guild: GuildId },
    /// [`Op::LookAtReads`]: the next session has others looked at, and in time these.
    LookAtReads { channels: Vec<ChannelId> },
}

impl From<News> for Op {
    fn from(news: News) -> Self {
        match news {
            News::Deliver(event) => Self::Deliver(event),
            News::Mentioned { guild, channel, message, author, by } => {
                Self::Mentioned { guild, channel, message, author, by }
            }
            News::Posted { channel, message } => Self::Posted { channel, message },
            News::PresenceWanted { guild } => Self::PresenceWanted { guild },
            News::LookAtReads { channels } => Self::LookAtReads { channels },
        }
    }
}

/// How a message reached somebody; the closest way counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reach {
    /// By name, by an answer, or in a private channel.
    Name,
    /// By a role.
    Role,
    /// With everybody else.
    Everyone,
}

/// Sessions as [`Op::Sessions`] answers them.
pub type Sessions = Vec<SessionKey>;
