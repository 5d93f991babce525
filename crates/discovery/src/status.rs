//! What an operator sees of a cluster.

use serde::Serialize;

use crate::Error;
use crate::etcd::Client;
use crate::record::{PREFIX, Registration, World};

/// A cluster at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The version of the map.
    pub version: u64,
    /// All that are registered or on the map.
    pub nodes: Vec<NodeStatus>,
}

/// A node at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// What it says of itself; `None` when it is gone and still on the map.
    #[serde(flatten)]
    pub registration: Option<Registration>,
    /// Its number.
    pub number: u16,
    /// Its share of keys, in hundredths; `None` when it is not on the map yet.
    pub weight: Option<u16>,
}

/// Reads the state of a cluster.
///
/// # Errors
/// When etcd cannot be reached.
pub async fn status(etcd: &[String]) -> Result<Status, Error> {
    let (_, kvs) = Client::new(etcd)?.range(PREFIX).await?;
    let world = World::read(kvs);
    let mut numbers: Vec<u16> = world.nodes.keys().copied().collect();
    numbers.extend(world.map.members.iter().map(|member| member.life.node));
    numbers.sort_unstable();
    numbers.dedup();
    let node = |number: u16| NodeStatus {
        registration: world.nodes.get(&number).cloned(),
        number,
        weight: world.map.member(number).map(|member| member.weight),
    };
    Ok(Status { version: world.map.version, nodes: numbers.into_iter().map(node).collect() })
}
