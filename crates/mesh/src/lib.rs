//! How nodes talk over a network.
//!
//! [`Links`] is a [`Transport`](consort_rpc::Transport) over TCP with mutual TLS ([`Certificates`]). A link from one node to
//! another is one gRPC stream (`/consort.Mesh/Link`): the calls of the one go there, the answers come back. It is opened when
//! there is something to say and closed when there was nothing for a minute. What waits while a message is on its way goes
//! out in the next one. See `docs/decisions/0025-links.md`.
//!
//! The queue of a link ([`outbox`](Outbox)) and the bytes of a message are sans-IO; links and listener are the shell.

#![warn(missing_docs)]

mod certificates;
mod frame;
mod link;
mod listener;
mod outbox;
mod stream;

pub use certificates::{CertError, Certificates, make_ca, make_node};
pub use link::{Links, Peer, Peers, Stats};
pub use listener::{Generation, Listener};
pub use outbox::{Outbox, Urgency};

/// The version of what is said over a link. A node refuses those it does not speak and names those it does.
pub(crate) const PROTOCOL: &str = "2";
/// The path of the stream.
pub(crate) const PATH: &str = "/consort.Mesh/Link";
