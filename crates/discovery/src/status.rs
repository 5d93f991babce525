//! What an operator sees of a cluster, and how one has a node leave.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::Error;
use crate::etcd::{Client, Write};
use crate::record::{self, LOADS, Load, PREFIX, Registration, World};

/// How long a node may take to leave: as long as it has to end in order, and for its lease.
const LEAVE_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a node that leaves.
const LOOK: Duration = Duration::from_millis(200);

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
    /// What it carried some seconds ago at most; `None` when it has not said so yet.
    pub load: Option<Load>,
}

/// Reads the state of a cluster.
///
/// # Errors
/// When etcd cannot be reached.
pub async fn status(etcd: &[String]) -> Result<Status, Error> {
    let client = Client::new(etcd)?;
    let (_, kvs) = client.range(PREFIX).await?;
    let (_, loads) = client.range(LOADS).await?;
    let (world, loads) = (World::read(kvs), record::loads(loads));
    let mut numbers: Vec<u16> = world.nodes.keys().copied().collect();
    numbers.extend(world.map.members.iter().map(|member| member.life.node));
    numbers.sort_unstable();
    numbers.dedup();
    let node = |number: u16| NodeStatus {
        registration: world.nodes.get(&number).cloned(),
        number,
        weight: world.map.member(number).map(|member| member.weight),
        load: loads.get(&number).cloned(),
    };
    Ok(Status { version: world.map.version, nodes: numbers.into_iter().map(node).collect() })
}

/// How far a node is that was asked to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// It has not said yet that it leaves.
    Asked,
    /// The map gives it keys.
    HasKeys(Load),
    /// The map gives it none: it hands over what it carries and sends its clients away.
    HandsOver(Load),
}

/// What came of a wish that a node leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drain {
    /// It has left.
    Left,
    /// Nothing was done: these roles of it no other node runs.
    Needed(Vec<String>),
}

/// Has a node leave: it gives its keys away, sends its clients away, and ends in order. Tells how far it is, and returns when it is
/// gone. One that alone runs a role leaves only `anyway`.
///
/// # Errors
/// When etcd cannot be reached, no such node lives, or it has not left within a minute.
pub async fn drain(
    etcd: &[String],
    name: &str,
    anyway: bool,
    mut tell: impl FnMut(Leaving),
) -> Result<Drain, Error> {
    let client = Client::new(etcd)?;
    let (_, kvs) = client.range(PREFIX).await?;
    let world = World::read(kvs);
    let nobody = || Error::Invalid(format!("no node named {name} lives"));
    let node = world.nodes.values().find(|node| node.name == name).ok_or_else(nobody)?;
    let needed = needed(&world, node);
    if !anyway && !needed.is_empty() {
        return Ok(Drain::Needed(needed));
    }
    let generation = node.generation;
    let (key, value) = (record::drain(name), record::encode(&generation)?);
    client.write(&[], vec![Write { key, value, lease: 0 }]).await?;
    let (deadline, mut told) = (Instant::now() + LEAVE_PATIENCE, None);
    loop {
        let (_, kvs) = client.range(PREFIX).await?;
        let world = World::read(kvs);
        let Some(node) = world.nodes.values().find(|node| node.generation == generation) else {
            return Ok(Drain::Left);
        };
        let (_, loads) = client.range(LOADS).await?;
        let load = record::loads(loads).remove(&node.node).unwrap_or_default();
        let step = match world.map.member(node.node) {
            _ if !node.leaving => Leaving::Asked,
            Some(member) if member.weight > 0 => Leaving::HasKeys(load),
            _ => Leaving::HandsOver(load),
        };
        if told.as_ref() != Some(&step) {
            tell(step.clone());
            told = Some(step);
        }
        if Instant::now() > deadline {
            return Err(Error::Deadline);
        }
        sleep(LOOK).await;
    }
}

/// The roles of a node that no other node which stays runs, while there are others.
fn needed(world: &World, node: &Registration) -> Vec<String> {
    let others = || world.nodes.values().filter(|other| other.node != node.node && !other.leaving);
    let alone = |role: &&String| !others().any(|other| other.roles.contains(*role));
    if others().next().is_none() {
        return Vec::new();
    }
    node.roles.iter().filter(alone).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(node: u16, roles: &[&str], leaving: bool) -> Registration {
        Registration {
            node,
            generation: 1,
            name: format!("n{node}"),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            mesh: String::new(),
            address: String::new(),
            version: String::new(),
            region: None,
            since_ms: 0,
            starting: false,
            leaving,
        }
    }

    #[test]
    fn a_role_is_needed_that_no_other_node_runs_which_stays() {
        let nodes = [
            node(1, &["store", "guild", "user"], false),
            node(2, &["guild"], false),
            node(3, &["user"], true),
        ];
        let mut world =
            World { nodes: nodes.iter().map(|node| (node.node, node.clone())).collect(), ..World::default() };
        assert_eq!(needed(&world, &nodes[0]), ["store", "user"]);
        assert!(needed(&world, &nodes[1]).is_empty());
        world.nodes.remove(&2);
        assert!(needed(&world, &nodes[0]).is_empty(), "it is the last that stays");
    }
}
