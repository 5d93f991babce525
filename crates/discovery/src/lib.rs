//! Nodes that find each other in etcd.
//!
//! A [`Cluster`] is a node's membership: a lease that is renewed by a thread of its own, a number (which is also the worker
//! number of its snowflakes), and what it says of itself. One node, the one that has been here longest, decides the
//! [map](consort_placement::Map) for all, and each follows every version of it; whoever misses one reads everything again. As a
//! [`Directory`](consort_rpc::Directory) it places keys, and gives out ownership whose epoch is the version of the map and which
//! ends with the lease.
//!
//! [`status`] is what an operator sees. What is written, key by key, is described in `record.rs`.

#![warn(missing_docs)]

mod cluster;
mod decide;
mod etcd;
mod lease;
mod record;
mod status;

pub use cluster::{Cluster, Joining, LEASE};
pub use etcd::Error;
pub use record::{Load, Registration, passes_over};
pub use status::{Drain, Leaving, NodeStatus, Status, drain, status};
