//! Which node owns a key.

use std::collections::BTreeMap;

use consort_rpc::{Directory, NodeId, Static};

fn shares(nodes: u16, service: &str) -> BTreeMap<NodeId, u32> {
    let directory = Static::new((0..nodes).map(NodeId).collect());
    let mut shares = BTreeMap::new();
    for key in 0..20_000u64 {
        // Snowflakes of a few seconds, as guilds made in a row have them.
        let owner = directory.owner(service, 1_000_000_000_000_000_000 + (key << 22)).expect("an owner");
        *shares.entry(owner).or_default() += 1;
    }
    shares
}

#[test]
fn keys_are_spread_evenly() {
    for nodes in [2, 3, 10, 100] {
        let fair = 20_000 / u32::from(nodes);
        let shares = shares(nodes, "guild");
        assert_eq!(shares.len(), usize::from(nodes));
        let slack = fair / 10 + 4 * f64::from(fair).sqrt() as u32;
        for (node, share) in shares {
            assert!(share.abs_diff(fair) < slack, "{node} has {share} of {fair}");
        }
    }
}

#[test]
fn the_actors_of_different_services_with_one_key_are_not_on_one_node_by_rule() {
    let directory = Static::new((0..4).map(NodeId).collect());
    let together =
        (0..1000u64).filter(|key| directory.owner("guild", *key) == directory.owner("user", *key)).count();
    assert!((150..350).contains(&together), "{together} of 1000");
}

#[test]
fn placement_does_not_depend_on_the_order_of_nodes_and_is_the_same_in_every_build() {
    let (one, other) =
        (Static::new([0, 1, 2].map(NodeId).to_vec()), Static::new([2, 0, 1].map(NodeId).to_vec()));
    let owners: Vec<_> = (0..16).map(|key| one.owner("guild", key).unwrap().0).collect();
    assert!((0..1000).all(|key| one.owner("guild", key) == other.owner("guild", key)));
    // Nodes of two versions must agree: a change here moves every guild during a rolling restart.
    assert_eq!(owners, FIRST_OWNERS);
}

const FIRST_OWNERS: [u16; 16] = [2, 2, 1, 1, 2, 2, 2, 1, 1, 0, 1, 2, 1, 0, 2, 2];

#[test]
fn a_key_has_no_owner_where_there_is_no_node() {
    let directory = Static::new(Vec::new());
    assert_eq!(directory.owner("guild", 1), None);
    directory.set(vec![NodeId(3)]);
    assert_eq!(directory.owner("guild", 1), Some(NodeId(3)));
}
