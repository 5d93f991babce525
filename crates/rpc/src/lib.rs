//! The one seam between actors. A caller holds a [`Client`] of a [`Service`] and cannot tell whether the actor it
//! talks to lives in this process or on another node.
//!
//! * [`Service`]: a kind of actor, addressed by a 64-bit key, with its operations as one enum.
//! * [`Mesh`]: a node's view of the others: who owns a key ([`Directory`]), how to reach them ([`Transport`]), and
//!   the hosts of the services that run here.
//! * What one actor causes in others, by how sure it is: an [`Effect`] is kept until it is done, a [`Fact`] is told until it is
//!   taken, as long as whoever tells it lives, and a [`Publication`] is sent once and may be lost.
//! * Contracts: [`guild`], [`private`], [`user`], [`account`], [`name`], [`relay`], [`session`], [`voice`], [`identity`], [`limiter`], [`search`], [`hand_over`], [`operate`], and [`message`], which guilds and
//!   private channels share.
//!
//! Locally a call is a typed value in a bounded mailbox. Between nodes it is MessagePack with named fields, so that
//! a field may be added without stopping the cluster.

pub mod account;
mod answer;
pub mod application;
mod caller;
mod directory;
mod effect;
mod event;
pub mod guild;
pub mod hand_over;
pub mod identity;
pub mod limiter;
mod mesh;
pub mod message;
pub mod name;
mod op_name;
pub mod operate;
pub mod private;
pub mod relay;
pub mod search;
mod service;
pub mod session;
mod tell;
mod telling;
mod transport;
pub mod user;
pub mod voice;
mod withheld;

pub use answer::{Answer, Reply};
pub use caller::Caller;
pub use directory::{Directory, NodeId, Ownership, Static, Watcher, rendezvous};
pub use effect::{Effect, Number, Origin, Owner, Publication};
pub use event::{Audience, ClassId, ClassSet, Event, View};
pub use mesh::{CALL_DEADLINE, Call, CallError, Client, Host, Mesh, MeshRef, Responder, encode_reply, moved};
pub use op_name::op_name;
pub use service::{Nothing, Placement, Service};
pub use tell::{FACTS_WAITING_MAX, Fact};
pub use transport::{InProcess, Transport};
pub use withheld::{Change, Withheld};
