//! What an owner causes in other actors: effects, which are kept until they are done, and publications, which may be lost.

use std::borrow::Cow;
use std::fmt;

use consort_model::{ChannelId, GuildId, UserId};
use serde::{Deserialize, Serialize};

use crate::{NodeId, Service, guild, identity, private, relay, user};

/// A change that a turn of one owner makes another owner carry out. It is stored with the turn that causes it, sent until
/// the other owner has acknowledged it, and applied once, in the order it was added. See `consort_actor`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Effect {
    /// To the owner of a user.
    User { user: UserId, op: user::Op },
    /// To the owner of a guild.
    Guild { guild: GuildId, op: guild::Op },
    /// To the owner of a private channel.
    Private { channel: ChannelId, op: private::Op },
}

impl Effect {
    /// Who is to carry it out.
    pub fn receiver(&self) -> Owner {
        match self {
            Self::User { user, .. } => Owner::of::<user::User>(user.get()),
            Self::Guild { guild, .. } => Owner::of::<guild::Guild>(guild.get()),
            Self::Private { channel, .. } => Owner::of::<private::Private>(channel.get()),
        }
    }
}

/// News of a turn that leaves once the turn is durable and is sent once. It is lost when its receiver cannot be reached or
/// has no room, or when the process dies; whoever sends one accepts that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Publication {
    /// To the relay of a node: an event for its sessions, or a change of a subscription. What a guild says to all has numbers, so
    /// that a relay asks for what it has missed; sessions that miss something else attach again.
    Relay { node: NodeId, message: relay::Op },
    /// To the owner of a user.
    User { user: UserId, news: user::News },
    /// To every node: what it remembers of tokens and applications is wrong. A node believes its memory for a while only.
    Everywhere(identity::Op),
}

/// An actor by its kind and key. Owners of two kinds may have one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The name of its service.
    pub service: Cow<'static, str>,
    /// Its key.
    pub key: u64,
}

impl Owner {
    /// The owner of a key in a service.
    pub fn of<S: Service>(key: u64) -> Self {
        Self { service: Cow::Borrowed(S::NAME), key }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.service, self.key)
    }
}

/// The number of an effect. Those of one sender rise for ever: within an epoch by the snowflake, from one epoch to the next
/// by the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Number {
    /// The epoch in which the sender caused it.
    pub epoch: u64,
    /// A snowflake of the node that owned the sender.
    pub id: u64,
}

/// What a call says of itself that carries an effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who causes it.
    pub sender: Owner,
    /// Its number.
    pub number: Number,
    /// The effect before it from this sender to this receiver, unless that was acknowledged. A receiver that has not applied
    /// it refuses this one, so that nothing is left out when an effect is lost on the way.
    pub after: Option<Number>,
}
