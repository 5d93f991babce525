//! What nodes write into etcd, under `/consort/`.
//!
//! | key | value | lease |
//! | --- | --- | --- |
//! | `workers/N` | the name of the node that draws snowflakes with worker number N, which is its number | the node's |
//! | `used/N` | [`Used`]: until when that number has been used | none |
//! | `names/NAME` | the number of the node with this name | the node's |
//! | `alone/ROLE` | the name of the node that runs a role of which there may be one only | the node's |
//! | `drains/NAME` | the life of the node with this name that an operator has asked to leave | none |
//! | `nodes/N` | [`Registration`] | the node's |
//! | `map` | [`consort_placement::Map`] | none |
//! | `pins/SERVICE/KEY` | the number of the node that is to own the key | none |
//!
//! and under `/consort-loads/`, which no node follows, `N`: [`Load`], with the node's lease.

use std::collections::BTreeMap;

use consort_placement::{Map, Pin};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::etcd::{Change, KeyValue};

pub(crate) const PREFIX: &str = "/consort/";
/// Apart from the others: every node follows those.
pub(crate) const LOADS: &str = "/consort-loads/";
pub(crate) const MAP: &str = "/consort/map";
/// Numbers there are: the worker number of a snowflake has 10 bits.
pub(crate) const NODES_MAX: u16 = 1024;
/// Bytes of a registration at most.
const RECORD_BYTES_MAX: usize = 64 << 10;

pub(crate) fn worker(number: u16) -> String {
    format!("{PREFIX}workers/{number}")
}

pub(crate) fn used(number: u16) -> String {
    format!("{PREFIX}used/{number}")
}

pub(crate) fn name(name: &str) -> String {
    format!("{PREFIX}names/{name}")
}

pub(crate) fn alone(role: &str) -> String {
    format!("{PREFIX}alone/{role}")
}

pub(crate) fn drain(name: &str) -> String {
    format!("{PREFIX}drains/{name}")
}

pub(crate) fn node(number: u16) -> String {
    format!("{PREFIX}nodes/{number}")
}

pub(crate) fn load(number: u16) -> String {
    format!("{LOADS}{number}")
}

/// What nodes say that they carry. What cannot be read is passed over.
pub(crate) fn loads(kvs: Vec<KeyValue>) -> BTreeMap<u16, Load> {
    let read = |kv: KeyValue| {
        let key = String::from_utf8_lossy(&kv.key).into_owned();
        let number = number(&key, key.strip_prefix(LOADS)?).ok()?;
        Some((number, decode(&key, &kv.value, RECORD_BYTES_MAX).ok()?))
    };
    kvs.into_iter().filter_map(read).collect()
}

/// The last use of a worker number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Used {
    /// By which node.
    pub(crate) name: String,
    /// Unix milliseconds above all in the snowflakes drawn with it.
    pub(crate) until_ms: u64,
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Its number, also in the snowflakes it draws.
    pub node: u16,
    /// Which life of the number this is.
    pub generation: u64,
    /// Its name, as its operator knows it.
    pub name: String,
    /// The roles it runs.
    pub roles: Vec<String>,
    /// Where other nodes reach it, `HOST:PORT`.
    pub mesh: String,
    /// Where clients reach it, `HOST:PORT`.
    pub address: String,
    /// The version of its program.
    pub version: String,
    /// The region it stands in.
    #[serde(default)]
    pub region: Option<String>,
    /// When it came, Unix milliseconds by its own clock.
    pub since_ms: u64,
    /// It has come and takes no keys yet.
    #[serde(default)]
    pub starting: bool,
    /// It takes no more keys and is about to leave.
    #[serde(default)]
    pub leaving: bool,
}

/// What a node carries, as it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Sockets of clients.
    pub connections: u64,
    /// Sessions, with those whose client is away.
    pub sessions: u64,
    /// Owners that it runs or that rest, by service.
    pub owners: BTreeMap<String, u64>,
}

/// All that etcd holds of a cluster.
#[derive(Debug, Default, Clone)]
pub(crate) struct World {
    pub(crate) nodes: BTreeMap<u16, Registration>,
    pub(crate) map: Map,
    /// The revision at which the map was written; 0 when there is none.
    pub(crate) map_revision: i64,
    pub(crate) pins: BTreeMap<String, Pin>,
    pub(crate) workers: BTreeMap<u16, String>,
    pub(crate) used: BTreeMap<u16, Used>,
    pub(crate) names: BTreeMap<String, u16>,
    pub(crate) alone: BTreeMap<String, String>,
    pub(crate) drains: BTreeMap<String, u64>,
}

impl World {
    /// What was read at once. What cannot be understood is passed over with a warning: one bad record must not stop a cluster.
    pub(crate) fn read(kvs: Vec<KeyValue>) -> Self {
        let mut world = Self::default();
        kvs.into_iter().for_each(|kv| world.apply(Change::Put(kv)));
        world
    }

    pub(crate) fn apply(&mut self, change: Change) {
        if let Err(error) = self.try_apply(&change) {
            tracing::warn!(%error, "a record of the cluster is passed over");
        }
    }

    fn try_apply(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put(kv) => self.put(kv),
            Change::Deleted(key) => self.delete(key),
        }
    }

    fn put(&mut self, kv: &KeyValue) -> Result<(), Error> {
        let key = String::from_utf8_lossy(&kv.key).into_owned();
        let Some((kind, rest)) = split(&key) else { return Ok(()) };
        match kind {
            "map" => {
                // The map of a large cluster is some hundred kilobytes.
                self.map = decode(&key, &kv.value, usize::MAX)?;
                self.map_revision = kv.mod_revision;
            }
            "nodes" => {
                let registration: Registration = decode(&key, &kv.value, RECORD_BYTES_MAX)?;
                if node(registration.node) != key || registration.node >= NODES_MAX {
                    return Err(Error::Corrupt { key, what: "another node's registration".to_owned() });
                }
                self.nodes.insert(registration.node, registration);
            }
            "workers" => {
                drop(self.workers.insert(number(&key, rest)?, decode(&key, &kv.value, RECORD_BYTES_MAX)?))
            }
            "used" => drop(self.used.insert(number(&key, rest)?, decode(&key, &kv.value, RECORD_BYTES_MAX)?)),
            "names" => drop(self.names.insert(rest.to_owned(), decode(&key, &kv.value, RECORD_BYTES_MAX)?)),
            "alone" => drop(self.alone.insert(rest.to_owned(), decode(&key, &kv.value, RECORD_BYTES_MAX)?)),
            "drains" => {
                self.drains.insert(rest.to_owned(), decode(&key, &kv.value, RECORD_BYTES_MAX)?);
            }
            "pins" => {
                let pinned =
                    rest.split_once('/').and_then(|(service, key)| Some((service, key.parse().ok()?)));
                let Some((service, pinned)) = pinned else {
                    return Err(Error::Corrupt { key, what: "neither service nor key".to_owned() });
                };
                let (service, node) = (service.to_owned(), decode(&key, &kv.value, RECORD_BYTES_MAX)?);
                self.pins.insert(rest.to_owned(), Pin { service, key: pinned, node });
            }
            _ => {}
        }
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Error> {
        let key = String::from_utf8_lossy(key).into_owned();
        let Some((kind, rest)) = split(&key) else { return Ok(()) };
        match kind {
            "map" => (self.map, self.map_revision) = (Map::default(), 0),
            "nodes" => drop(self.nodes.remove(&number(&key, rest)?)),
            "workers" => drop(self.workers.remove(&number(&key, rest)?)),
            "used" => drop(self.used.remove(&number(&key, rest)?)),
            "names" => drop(self.names.remove(rest)),
            "alone" => drop(self.alone.remove(rest)),
            "drains" => drop(self.drains.remove(rest)),
            "pins" => drop(self.pins.remove(rest)),
            _ => {}
        }
        Ok(())
    }
}

/// How many of these keys and values would be passed over as records of a cluster; also takes them away again. For tests of what etcd
/// may hold.
pub fn passes_over(records: &[(&[u8], &[u8])]) -> usize {
    let mut world = World::default();
    let mut failed = 0;
    for (key, value) in records {
        let kv = KeyValue { key: key.to_vec(), value: value.to_vec(), mod_revision: 1 };
        drop(loads(vec![kv.clone()]));
        failed += usize::from(world.try_apply(&Change::Put(kv)).is_err());
    }
    for (key, _) in records {
        // A key that was no record is none to take away.
        let _gone = world.try_apply(&Change::Deleted(key.to_vec()));
    }
    failed
}

fn split(key: &str) -> Option<(&str, &str)> {
    let rest = key.strip_prefix(PREFIX)?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

fn number(key: &str, text: &str) -> Result<u16, Error> {
    let number = text.parse().ok().filter(|number| *number < NODES_MAX);
    number.ok_or_else(|| Error::Corrupt { key: key.to_owned(), what: "no number of a node".to_owned() })
}

fn decode<T: serde::de::DeserializeOwned>(key: &str, value: &[u8], most: usize) -> Result<T, Error> {
    let corrupt = |what| Error::Corrupt { key: key.to_owned(), what };
    if value.len() > most {
        return Err(corrupt("too long".to_owned()));
    }
    serde_json::from_slice(value).map_err(|error| corrupt(error.to_string()))
}

/// The JSON of a record.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::Invalid(error.to_string()))
}
