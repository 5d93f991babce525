//! The next map: what one node decides for all.

use std::collections::BTreeMap;

use consort_placement::{Departures, FULL_WEIGHT, Life, Map, Member, Pin, RAMP_MS, ramp};

use crate::record::Registration;

/// Makes the next map.
#[derive(Debug, Default)]
pub(crate) struct Decider {
    departures: Departures,
}

impl Decider {
    /// The map that is to follow `map`, or `None` when it is right as it is. `above` is the highest version that this node has
    /// seen: also when etcd has lost its data versions go on rising.
    pub(crate) fn next(
        &mut self,
        now_ms: u64,
        map: &Map,
        above: u64,
        nodes: &BTreeMap<u16, Registration>,
        pins: impl Iterator<Item = Pin>,
    ) -> Option<Map> {
        let alive =
            |life: &Life| nodes.get(&life.node).is_some_and(|node| node.generation == life.generation);
        let lost = map.members.iter().filter(|member| !alive(&member.life));
        // Another life in the place of one proves that it is gone, and one without a share takes nothing with it.
        let lost = lost.filter(|member| !nodes.contains_key(&member.life.node) && member.weight > 0);
        let lost: Vec<_> = lost.map(|member| member.life).collect();
        let let_go = self.departures.admit(now_ms, map.members.len(), &lost);
        let stays = |member: &&Member| lost.contains(&member.life) && !let_go.contains(&member.life);
        let mut members: Vec<_> = map.members.iter().filter(stays).cloned().collect();
        let warm = nodes.values().any(|node| now_ms.saturating_sub(node.since_ms) >= RAMP_MS);
        members.extend(nodes.values().map(|node| {
            let life = Life { node: node.node, generation: node.generation };
            let before = map.members.iter().find(|member| member.life == life);
            Member { life, roles: node.roles.clone(), weight: weight(node, before, now_ms, warm) }
        }));
        members.sort_unstable_by_key(|member| member.life);
        let pins: Vec<_> = pins.collect();
        if members == map.members && pins == map.pins {
            return None;
        }
        let version = map.version.max(above).saturating_add(1).max(now_ms);
        Some(Map { version, before: map.version, members, pins })
    }
}

/// A node's share. It never falls unless the node leaves, since each change moves keys. Where all nodes are new none is slow to
/// start: nothing is hot anywhere.
fn weight(node: &Registration, before: Option<&Member>, now_ms: u64, warm: bool) -> u16 {
    if node.leaving || node.starting {
        return 0;
    }
    let grown = if warm { ramp(now_ms.saturating_sub(node.since_ms)) } else { FULL_WEIGHT };
    before.map_or(grown, |member| grown.max(member.weight))
}

#[cfg(test)]
mod tests {
    use consort_placement::WINDOW_MS;

    use super::*;

    fn node(node: u16, generation: u64, since_ms: u64) -> (u16, Registration) {
        let registration = Registration {
            node,
            generation,
            name: format!("n{node}"),
            roles: vec!["guild".to_owned()],
            mesh: "127.0.0.1:1".to_owned(),
            address: "127.0.0.1:2".to_owned(),
            version: "1".to_owned(),
            region: None,
            since_ms,
            starting: false,
            leaving: false,
        };
        (node, registration)
    }

    fn weights(map: &Map) -> Vec<(u16, u64, u16)> {
        map.members.iter().map(|member| (member.life.node, member.life.generation, member.weight)).collect()
    }

    #[test]
    fn nodes_that_come_and_go_make_maps_whose_versions_rise_and_name_the_one_before() {
        let mut decider = Decider::default();
        let mut nodes = BTreeMap::from([node(1, 5, 1000), node(2, 6, 1000)]);
        let first = decider.next(1000, &Map::default(), 0, &nodes, [].into_iter()).unwrap();
        assert_eq!((first.version, first.before), (1000, 0));
        assert_eq!(weights(&first), [(1, 5, 100), (2, 6, 100)]);
        assert_eq!(decider.next(2000, &first, 1000, &nodes, [].into_iter()), None, "nothing has changed");
        nodes.insert(1, node(1, 9, 2000).1);
        let second = decider.next(500, &first, 1000, &nodes, [].into_iter()).unwrap();
        assert_eq!((second.version, second.before), (1001, 1000), "also when the clock was put back");
        assert_eq!(weights(&second), [(1, 9, 100), (2, 6, 100)]);
        nodes.remove(&1);
        let third = decider.next(3000, &second, 7000, &nodes, [].into_iter()).unwrap();
        assert_eq!((third.version, weights(&third)), (7001, vec![(2, 6, 100)]));
    }

    #[test]
    fn a_cold_node_among_warm_ones_starts_slowly_and_one_that_leaves_has_no_share() {
        let mut decider = Decider::default();
        let mut nodes = BTreeMap::from([node(1, 1, 0)]);
        let map = decider.next(RAMP_MS, &Map::default(), 0, &nodes, [].into_iter()).unwrap();
        nodes.extend([node(2, 2, RAMP_MS)]);
        let map = decider.next(RAMP_MS, &map, 0, &nodes, [].into_iter()).unwrap();
        assert_eq!(weights(&map), [(1, 1, 100), (2, 2, 12)]);
        let map = decider.next(2 * RAMP_MS, &map, 0, &nodes, [].into_iter()).unwrap();
        assert_eq!(weights(&map), [(1, 1, 100), (2, 2, 100)]);
        nodes.get_mut(&1).unwrap().leaving = true;
        let map = decider.next(2 * RAMP_MS, &map, 0, &nodes, [].into_iter()).unwrap();
        assert_eq!(weights(&map), [(1, 1, 0), (2, 2, 100)]);
    }

    #[test]
    fn many_that_are_gone_together_go_one_after_the_other_and_those_that_left_do_not_count() {
        let mut decider = Decider::default();
        let mut nodes: BTreeMap<_, _> = (1..=4).map(|n| node(n, 1, 0)).collect();
        let map = decider.next(0, &Map::default(), 0, &nodes, [].into_iter()).unwrap();
        nodes.get_mut(&4).unwrap().leaving = true;
        let map = decider.next(1, &map, 0, &nodes, [].into_iter()).unwrap();
        nodes.retain(|node, _| *node == 1);
        let map = decider.next(2, &map, 0, &nodes, [].into_iter()).unwrap();
        assert_eq!(weights(&map), [(1, 1, 100), (3, 1, 100)]);
        assert_eq!(decider.next(3, &map, 0, &nodes, [].into_iter()), None);
        let map = decider.next(2 + WINDOW_MS, &map, 0, &nodes, [].into_iter()).unwrap();
        assert_eq!(weights(&map), [(1, 1, 100)]);
    }
}
