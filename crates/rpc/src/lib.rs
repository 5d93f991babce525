//! The one seam between actors. A caller holds a [`Client`] of a [`Service`] and cannot tell whether the actor it
//! talks to lives in this process or on another node.
//!
//! * [`Service`]: a kind of actor, addressed by a 64-bit key, with its operations as one enum.
//! * [`Mesh`]: a node's view of the others: who owns a key ([`Directory`]), how to reach them ([`Transport`]), and
//!   the hosts of the services that run here.
//! * Contracts: [`guild`], [`private`], [`user`], [`relay`], and [`message`], which guilds and private channels share.
//!
//! Locally a call is a typed value in a bounded mailbox. Between nodes it is MessagePack with named fields, so that
//! a field may be added without stopping the cluster.

mod answer;
mod caller;
mod directory;
mod event;
pub mod guild;
mod mesh;
pub mod message;
pub mod private;
pub mod relay;
mod transport;
pub mod user;
mod withheld;

pub use answer::{Answer, Reply};
pub use caller::Caller;
pub use directory::{Directory, NodeId, Static};
pub use event::{Audience, ClassId, ClassSet, Event, View};
pub use mesh::{CALL_DEADLINE, Call, CallError, Client, Host, Mesh, MeshRef, Placement, Responder, Service};
pub use transport::{InProcess, Transport};
pub use withheld::{Change, Withheld};

use serde::{Deserialize, Serialize};

use consort_model::{ChannelId, GuildId, UserId};

/// What an owner asks of another actor as a consequence of a change, without waiting for an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Effect {
    /// To the relay of a node: an event for its sessions, or a change of a subscription.
    Relay { node: NodeId, message: relay::Op },
    /// To the owner of a user.
    User { user: UserId, op: user::Op },
    /// To the owner of a guild.
    Guild { guild: GuildId, op: guild::Op },
    /// To the owner of a private channel.
    Private { channel: ChannelId, op: private::Op },
}
