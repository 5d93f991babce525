//! The arrays that lookups read.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::straw::{Straw, stretch};
use crate::{Life, Map};

/// Into how many slots the keys of a service fall. With 500 nodes each has some 65.
pub const SLOTS: usize = 1 << 15;

/// The slot of a key. The same in every build.
pub fn slot(service: &str, key: u64) -> usize {
    let seed = xxh3_64_with_seed(service.as_bytes(), 0);
    (xxh3_64_with_seed(&key.to_le_bytes(), seed) >> (64 - SLOTS.trailing_zeros())) as usize
}

/// The slots of one role.
#[derive(Debug)]
struct Role {
    /// The members that run it: life, weight and seed; those with a weight only, unless none has one.
    nodes: Vec<Candidate>,
    /// The owner of each slot, as an index into `nodes`; empty when there are none.
    owners: Vec<u16>,
    /// The version in which each slot's owner came to it.
    since: Vec<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Candidate {
    life: Life,
    weight: u16,
    stretch: u64,
    seed: u64,
}

/// Owners of all keys under one map.
#[derive(Debug)]
pub struct Placement {
    map: Arc<Map>,
    /// By role.
    roles: HashMap<String, Role>,
    /// By service and key.
    pins: HashMap<(String, u64), (Life, u64)>,
    role_of: RoleOf,
}

/// The role that runs a service.
pub type RoleOf = fn(service: &str) -> &str;

impl Placement {
    /// The placement of a map of which nothing came before. `role_of` says which role runs a service.
    pub fn new(map: Map, role_of: RoleOf) -> Self {
        Self::after(None, map, role_of)
    }

    /// The placement of the next map: owners that stay keep the version since which they own. After a hole in the versions
    /// nobody knows who owned a key meanwhile, so all begin anew.
    #[must_use]
    pub fn next(&self, map: Map) -> Self {
        let known = (map.before == self.map.version).then_some(self);
        Self::after(known, map, self.role_of)
    }

    fn after(before: Option<&Self>, map: Map, role_of: RoleOf) -> Self {
        let mut names: Vec<&String> = map.members.iter().flat_map(|member| &member.roles).collect();
        names.sort_unstable();
        names.dedup();
        let role = |name: &&String| {
            let before = before.and_then(|before| before.roles.get(*name));
            ((*name).clone(), Role::new(candidates(&map, name), map.version, before))
        };
        let roles = names.iter().map(role).collect();
        let mut placement = Self { roles, pins: HashMap::new(), role_of, map: Arc::new(map) };
        placement.pins = placement.pins(before);
        placement
    }

    fn pins(&self, before: Option<&Self>) -> HashMap<(String, u64), (Life, u64)> {
        let mut pins = HashMap::new();
        // A key whose pin has come or gone has another history than its slot: the placement before tells since when.
        let keys = self.map.pins.iter().map(|pin| (pin.service.clone(), pin.key));
        let unpinned = before.into_iter().flat_map(|before| before.pins.keys().cloned());
        for (service, key) in keys.chain(unpinned) {
            let role = (self.role_of)(&service);
            let of_slot = self.roles.get(role).and_then(|role| role.owner(slot(&service, key)));
            let live = |node| {
                let member = self.map.member(node)?;
                member.roles.iter().any(|name| name == role).then_some(member.life)
            };
            let pin = self.map.pins.iter().find(|pin| pin.service == service && pin.key == key);
            let Some(life) = pin.and_then(|pin| live(pin.node)).or(of_slot.map(|(life, _)| life)) else {
                continue;
            };
            let since = match before.and_then(|before| before.find(&service, key)) {
                Some((owner, since)) if owner == life => since,
                _ => self.map.version,
            };
            pins.insert((service, key), (life, since));
        }
        pins
    }

    fn find(&self, service: &str, key: u64) -> Option<(Life, u64)> {
        if !self.pins.is_empty()
            && let Some(pinned) = self.pins.get(&(service.to_owned(), key))
        {
            return Some(*pinned);
        }
        self.roles.get((self.role_of)(service))?.owner(slot(service, key))
    }

    /// The owner of a key, or `None` when no node runs the service.
    pub fn owner(&self, service: &str, key: u64) -> Option<Life> {
        self.find(service, key).map(|(life, _)| life)
    }

    /// Whether a life has owned a key in every version from `version` on.
    pub fn has_owned(&self, life: Life, service: &str, key: u64, version: u64) -> bool {
        self.find(service, key).is_some_and(|(owner, since)| owner == life && since <= version)
    }

    /// How many slots of a role each life has.
    pub fn slots(&self, role: &str) -> HashMap<Life, usize> {
        let mut slots = HashMap::new();
        let Some(role) = self.roles.get(role) else { return slots };
        role.owners
            .iter()
            .for_each(|owner| *slots.entry(role.nodes[usize::from(*owner)].life).or_default() += 1);
        slots
    }

    /// The map it was made of.
    pub fn map(&self) -> &Arc<Map> {
        &self.map
    }
}

fn candidates(map: &Map, role: &str) -> Vec<Candidate> {
    let running = map.members.iter().filter(|member| member.roles.iter().any(|name| name == role));
    let candidate = |member: &crate::Member| Candidate {
        life: member.life,
        weight: member.weight,
        stretch: stretch(member.weight),
        seed: xxh3_64_with_seed(&member.life.node.to_le_bytes(), 0),
    };
    let mut nodes: Vec<_> = running.map(candidate).collect();
    // Better one that wants no more than none at all.
    if nodes.iter().any(|node| node.weight > 0) {
        nodes.retain(|node| node.weight > 0);
    }
    nodes.sort_unstable_by_key(|node| node.life);
    nodes
}

impl Role {
    fn new(nodes: Vec<Candidate>, version: u64, before: Option<&Self>) -> Self {
        let equal = nodes.windows(2).all(|pair| pair[0].weight == pair[1].weight);
        let least_stretch = nodes.iter().map(|node| node.stretch).min().unwrap_or(1);
        let draw = |slot: u64, node: &Candidate, reach: u64| match equal {
            true => Some(Straw::among_equals(slot, node.seed)),
            false => Straw::draw(slot, node.seed, node.stretch, reach),
        };
        let (mut owners, mut since) = (Vec::with_capacity(SLOTS), Vec::with_capacity(SLOTS));
        if nodes.is_empty() {
            return Self { nodes, owners, since };
        }
        for number in 0..SLOTS {
            let seed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (mut best, mut reach) = (None, u64::MAX);
            for (index, node) in (0u16..).zip(&nodes) {
                let Some(straw) = draw(seed, node, reach) else { continue };
                if best.is_none_or(|(shortest, _)| straw < shortest) {
                    (best, reach) = (Some((straw, index)), straw.reach(least_stretch));
                }
            }
            let best = best.map_or(0, |(_, index)| index);
            let life = nodes[usize::from(best)].life;
            let kept = before.and_then(|before| before.owner(number)).filter(|(owner, _)| *owner == life);
            owners.push(best);
            since.push(kept.map_or(version, |(_, since)| since));
        }
        Self { nodes, owners, since }
    }

    fn owner(&self, slot: usize) -> Option<(Life, u64)> {
        let owner = self.owners.get(slot)?;
        Some((self.nodes[usize::from(*owner)].life, self.since[slot]))
    }
}

/// The newest placement. Readers are not stopped while the next one is made and put in its place.
#[derive(Debug)]
pub struct Current(ArcSwap<Placement>);

impl Current {
    /// Begins with a placement.
    pub fn new(placement: Placement) -> Self {
        Self(ArcSwap::from_pointee(placement))
    }

    /// The owner of a key under the newest map.
    pub fn owner(&self, service: &str, key: u64) -> Option<Life> {
        self.0.load().owner(service, key)
    }

    /// The newest placement, for several questions about one map.
    pub fn load(&self) -> arc_swap::Guard<Arc<Placement>> {
        self.0.load()
    }

    /// Makes the placement of the next map and puts it in place. One thread at a time.
    pub fn follow(&self, map: Map) {
        let next = self.0.load().next(map);
        self.0.store(Arc::new(next));
    }
}
