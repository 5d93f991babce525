//! What holds for every map: balance, that little moves, and who has owned what since when.

use std::collections::{BTreeMap, HashMap};

use consort_placement::{Current, FULL_WEIGHT, Life, Map, Member, Pin, Placement, SLOTS, slot};
use proptest::prelude::*;

fn same(service: &str) -> &str {
    service
}

fn member(node: u16, weight: u16) -> Member {
    Member { life: Life { node, generation: 1 }, roles: vec!["guild".to_owned()], weight }
}

fn map(version: u64, weights: &BTreeMap<u16, u16>) -> Map {
    let members = weights.iter().map(|(node, weight)| member(*node, *weight)).collect();
    Map { version, before: version - 1, members, pins: Vec::new() }
}

fn full(nodes: impl IntoIterator<Item = u16>) -> BTreeMap<u16, u16> {
    nodes.into_iter().map(|node| (node, FULL_WEIGHT)).collect()
}

/// The owner of one key of each slot that the first hundred thousand keys fall into.
fn owners(placement: &Placement) -> HashMap<u64, Life> {
    (0..20_000).filter_map(|key| Some((key, placement.owner("guild", key)?))).collect()
}

#[test]
fn keys_are_spread_evenly_over_nodes_and_by_weight() {
    for nodes in [2, 5, 20, 500] {
        let placement = Placement::new(map(1, &full(0..nodes)), same);
        let slots = placement.slots("guild");
        let fair = SLOTS as f64 / f64::from(nodes);
        // Six standard deviations.
        let most = fair + 6.0 * fair.sqrt();
        assert_eq!((slots.len(), slots.values().sum::<usize>()), (usize::from(nodes), SLOTS));
        assert!(slots.values().all(|n| (*n as f64) < most && (*n as f64) > 2.0 * fair - most), "{slots:?}");
    }
    let placement = Placement::new(map(1, &BTreeMap::from([(0, 100), (1, 50), (2, 50), (3, 200)])), same);
    let slots = placement.slots("guild");
    for (node, part) in [(0, 0.25), (1, 0.125), (2, 0.125), (3, 0.5)] {
        let share = slots[&Life { node, generation: 1 }] as f64 / SLOTS as f64;
        assert!((share - part).abs() < 0.01, "node {node} has {share} for {part}");
    }
}

#[test]
fn keys_of_one_service_that_follow_each_other_fall_into_all_slots() {
    let mut seen = vec![0u32; SLOTS];
    (0..SLOTS as u64 * 8).for_each(|n| seen[slot("guild", n << 22)] += 1);
    assert!(seen.iter().all(|n| *n < 40) && seen.iter().filter(|n| **n == 0).count() < 60);
    assert!((0..100).any(|key| slot("guild", key) != slot("user", key)), "services are apart");
}

#[test]
fn placements_are_the_same_in_every_build() {
    let placement = Placement::new(map(1, &full([3, 7, 11, 900])), same);
    let owners: Vec<_> = (0..16).map(|key| placement.owner("guild", key << 22).unwrap().node).collect();
    assert_eq!(owners, GOLDEN, "changed placement moves every key when the first node of a new build starts");
}

const GOLDEN: [u16; 16] = [11, 3, 7, 11, 3, 900, 900, 11, 900, 7, 900, 11, 7, 900, 900, 900];

#[test]
fn without_a_node_of_the_role_nobody_owns_and_a_node_that_wants_no_more_owns_as_the_last() {
    let placement = Placement::new(map(1, &full([1])), same);
    assert_eq!(placement.owner("user", 1), None);
    let leaving = Placement::new(map(1, &BTreeMap::from([(1, 0), (2, 100)])), same);
    assert!(owners(&leaving).values().all(|life| life.node == 2));
    let last = Placement::new(map(1, &BTreeMap::from([(1, 0)])), same);
    assert!(owners(&last).values().all(|life| life.node == 1));
}

#[test]
fn a_pin_holds_while_its_node_lives_and_its_coming_and_going_count_as_moves() {
    let mut pinned = map(1, &full([1, 2, 3]));
    let free = Placement::new(pinned.clone(), same);
    let key = (0..).find(|key| free.owner("guild", *key).unwrap().node == 1).unwrap();
    let (one, two) = (Life { node: 1, generation: 1 }, Life { node: 2, generation: 1 });
    pinned.pins.push(Pin { service: "guild".to_owned(), key, node: 2 });
    (pinned.version, pinned.before) = (2, 1);
    let held = free.next(pinned.clone());
    assert_eq!(held.owner("guild", key), Some(two));
    assert!(held.has_owned(two, "guild", key, 2) && !held.has_owned(two, "guild", key, 1));
    let back = held.next(Map { pins: Vec::new(), version: 3, before: 2, ..pinned.clone() });
    assert!(back.has_owned(one, "guild", key, 3));
    assert!(!back.has_owned(one, "guild", key, 2), "the slot never moved, the key did");
    let gone = held.next(Map { version: 3, before: 2, ..pinned_without(&pinned, 2) });
    assert_eq!(gone.owner("guild", key), Some(one), "the pin's node is gone");
}

fn pinned_without(map: &Map, node: u16) -> Map {
    let members = map.members.iter().filter(|member| member.life.node != node).cloned().collect();
    Map { members, ..map.clone() }
}

#[test]
fn another_life_of_a_node_owns_nothing_of_the_first_and_a_hole_in_the_versions_ends_all() {
    let first = map(1, &full([1, 2]));
    let placement = Placement::new(first.clone(), same);
    let key = (0..).find(|key| placement.owner("guild", *key).unwrap().node == 1).unwrap();
    let mut second = Map { version: 2, before: 1, ..first.clone() };
    second.members[0].life.generation = 2;
    let next = placement.next(second);
    let (old, new) = (Life { node: 1, generation: 1 }, Life { node: 1, generation: 2 });
    assert_eq!(next.owner("guild", key), Some(new));
    assert!(!next.has_owned(old, "guild", key, 1) && !next.has_owned(new, "guild", key, 1));
    let hole = placement.next(Map { version: 9, before: 8, ..first.clone() });
    assert!(!hole.has_owned(old, "guild", key, 1) && hole.has_owned(old, "guild", key, 9));
    let same = placement.next(Map { version: 9, before: 1, ..first });
    assert!(same.has_owned(old, "guild", key, 1));
}

#[test]
fn readers_go_on_while_the_map_changes() {
    let current = Current::new(Placement::new(map(1, &full(0..50)), same));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut versions = Vec::new();
            while versions.last() != Some(&20) {
                let placement = current.load();
                let version = placement.map().version;
                assert!(placement.owner("guild", version).is_some());
                versions.push(version);
            }
            versions
        });
        (2..=20).for_each(|version| current.follow(map(version, &full(0..50 - version as u16))));
        assert!(reader.join().unwrap().is_sorted());
    });
}

fn weights() -> impl Strategy<Value = BTreeMap<u16, u16>> {
    proptest::collection::btree_map(0u16..40, prop_oneof![Just(FULL_WEIGHT), 1u16..200], 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn when_a_node_goes_only_its_keys_move(weights in weights(), which in any::<prop::sample::Index>()) {
        let before = Placement::new(map(1, &weights), same);
        let gone = *which.get(&weights.keys().collect::<Vec<_>>()).to_owned();
        let mut fewer = weights.clone();
        fewer.remove(&gone);
        let after = before.next(map(2, &fewer));
        let now = owners(&after);
        for (key, life) in owners(&before) {
            if life.node == gone {
                prop_assert!(now.get(&key).is_none_or(|life| after.has_owned(*life, "guild", key, 2)));
                prop_assert!(now.get(&key).is_none_or(|life| !after.has_owned(*life, "guild", key, 1)));
            } else {
                prop_assert_eq!(now[&key], life);
                prop_assert!(after.has_owned(life, "guild", key, 1));
            }
        }
    }

    #[test]
    fn when_a_weight_changes_keys_move_to_or_from_that_node_only(weights in weights(), weight in 1u16..200) {
        let before = Placement::new(map(1, &weights), same);
        let mut other = weights.clone();
        let (node, _) = other.pop_first().unwrap();
        other.insert(node, weight);
        let grows = weight >= weights[&node];
        let after = owners(&before.next(map(2, &other)));
        for (key, life) in owners(&before) {
            let moved_right = if grows { after[&key].node == node } else { life.node == node };
            prop_assert!(after[&key] == life || moved_right);
        }
    }

    #[test]
    fn the_order_in_which_nodes_came_is_forgotten(weights in weights()) {
        let one_by_one = weights.keys().enumerate().fold(None, |before: Option<Placement>, (n, _)| {
            let some = weights.iter().take(n + 1).map(|(node, weight)| (*node, *weight)).collect();
            let map = map(n as u64 + 1, &some);
            Some(before.map_or_else(|| Placement::new(map.clone(), same), |before| before.next(map.clone())))
        });
        let at_once = Placement::new(map(1, &weights), same);
        prop_assert_eq!(owners(&one_by_one.unwrap()), owners(&at_once));
    }
}
