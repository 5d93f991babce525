//! Nodes that find each other in a real etcd.

mod server;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consort_discovery::{Cluster, Joining, LEASE, status};
use consort_rpc::{Directory as _, NodeId, Watcher};

use server::Etcd;

fn joining(etcd: &Etcd, name: &str, roles: &[&str]) -> Joining {
    Joining {
        etcd: vec![etcd.url()],
        name: name.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        mesh: "127.0.0.1:1".to_owned(),
        address: "127.0.0.1:2".to_owned(),
        version: "0".to_owned(),
        region: None,
        lease: LEASE,
        alone_in: roles.iter().filter(|role| **role == "store").map(|role| (*role).to_owned()).collect(),
    }
}

async fn join(etcd: &Etcd, name: &str, roles: &[&str]) -> Arc<Cluster> {
    let cluster = Cluster::join(joining(etcd, name, roles), |service| service).await.unwrap();
    cluster.serve();
    cluster
}

/// Waits until something is so; panics after twenty seconds.
async fn until(what: &str, so: impl Fn() -> bool) {
    let waits = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap_or_else(|_| panic!("{what}"));
}

fn owners(cluster: &Cluster) -> Vec<Option<NodeId>> {
    (0..1000).map(|key| cluster.owner("guild", key)).collect()
}

#[derive(Default)]
struct Heard(Mutex<Vec<(NodeId, u64)>>);

impl Watcher for Heard {
    fn node_gone(&self, node: NodeId, generation: u64) {
        self.0.lock().unwrap().push((node, generation));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_agree_on_owners_and_each_owns_what_it_claims() {
    let etcd = Etcd::start().await;
    let (a, b) = tokio::join!(join(&etcd, "a", &["guild"]), join(&etcd, "b", &["guild", "user"]));
    assert_ne!(a.node(), b.node());
    until("they do not know each other", || a.nodes().len() == 2 && a.version() == b.version()).await;
    // Each is given keys once it serves, which may be a map later.
    let count = |cluster: &Cluster| owners(cluster).into_iter().flatten().collect::<BTreeSet<_>>().len();
    until("one of them has no keys", || [&a, &b].iter().all(|one| count(one) == 2)).await;
    until("they do not agree", || a.version() == b.version() && owners(&a) == owners(&b)).await;
    assert_eq!((a.owner("user", 1), a.missing(&["guild", "user", "cdn"])), (Some(b.node()), vec!["cdn"]));
    let key = (0..).find(|key| a.owner("guild", *key) == Some(a.node())).unwrap();
    let ownership = a.claim(a.node(), "guild", key).unwrap();
    assert!(ownership.fenced && a.holds(a.node(), "guild", key, ownership));
    assert!(b.claim(b.node(), "guild", key).is_none());
    assert_eq!(b.peer(a.node()).unwrap().name, "a");
    let status = status(&[etcd.url()]).await.unwrap();
    assert_eq!((status.nodes.len(), status.version), (2, a.version()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_leaves_gives_its_keys_away_before_it_goes_and_is_told_once() {
    let etcd = Etcd::start().await;
    let (a, b) = tokio::join!(join(&etcd, "a", &["guild"]), join(&etcd, "b", &["guild"]));
    until("they do not know each other", || a.nodes().len() == 2 && b.nodes().len() == 2).await;
    let heard = Arc::new(Heard::default());
    let watcher: Arc<dyn Watcher> = heard.clone();
    b.watch(Arc::downgrade(&watcher));
    let key = (0..).find(|key| a.owner("guild", *key) == Some(a.node())).unwrap();
    let first = a.claim(a.node(), "guild", key).unwrap();
    a.leave().await.unwrap();
    until("the keys stay", || owners(&b).iter().all(|owner| *owner == Some(b.node()))).await;
    assert!(!a.holds(a.node(), "guild", key, first));
    assert!(b.claim(b.node(), "guild", key).unwrap().epoch > first.epoch);
    assert_eq!((heard.0.lock().unwrap().len(), b.nodes().len()), (0, 2), "it lives while it hands over");
    let gone = (a.node(), a.generation());
    drop(a);
    until("it stays", || b.nodes().len() == 1).await;
    assert_eq!(*heard.0.lock().unwrap(), [gone]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_given_keys_once_it_serves_and_a_role_for_one_node_only_is_free_when_that_has_ended() {
    let etcd = Etcd::start().await;
    let a = join(&etcd, "a", &["guild", "store"]).await;
    let b = Cluster::join(joining(&etcd, "b", &["guild"]), |service| service).await.unwrap();
    until("they do not know each other", || a.nodes().len() == 2).await;
    assert!(owners(&a).iter().all(|owner| *owner == Some(a.node())));
    b.serve();
    until("it is given no keys", || owners(&a).contains(&Some(b.node()))).await;
    let second = Cluster::join(joining(&etcd, "c", &["store"]), |service| service);
    assert!(tokio::time::timeout(Duration::from_secs(1), second).await.is_err(), "there is one already");
    a.end().await;
    assert!(!a.is_member());
    let c = join(&etcd, "c", &["store"]).await;
    assert_eq!(c.nodes_of("store"), [c.node()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_a_number_have_one_node_and_a_number_that_comes_back_says_until_when_it_was_used() {
    let etcd = Etcd::start().await;
    let a = join(&etcd, "a", &["guild"]).await;
    assert_eq!(a.floor_ms(), 0);
    let twin = Cluster::join(joining(&etcd, "a", &[]), |service| service);
    assert!(
        tokio::time::timeout(Duration::from_secs(1), twin).await.is_err(),
        "it waits for the first to go"
    );
    let (node, generation) = (a.node(), a.generation());
    let used = async { while status(&[etcd.url()]).await.unwrap().version == 0 {} };
    used.await;
    drop(a);
    let again = join(&etcd, "a", &["guild"]).await;
    assert_eq!(again.node(), node);
    assert!(again.generation() > generation && again.floor_ms() > 0);
    let wrong = Cluster::join(joining(&etcd, "no name", &[]), |service| service).await;
    assert!(wrong.unwrap_err().to_string().contains("no name"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_etcd_is_away_nobody_is_certain_for_longer_than_the_lease_and_all_goes_on_when_it_is_back() {
    let mut etcd = Etcd::start().await;
    let a = join(&etcd, "a", &["guild"]).await;
    let ownership = a.claim(a.node(), "guild", 1).unwrap();
    etcd.kill();
    let away = std::time::Instant::now();
    until("it is certain for ever", || !a.is_certain()).await;
    assert!(away.elapsed() <= LEASE);
    assert!(a.holds(a.node(), "guild", 1, ownership), "nobody is known to have come after it");
    assert_eq!(a.claim(a.node(), "guild", 1), Some(ownership), "in doubt, the store decides by the epoch");
    assert_eq!(a.owner("guild", 1), Some(a.node()), "others may ask");
    etcd.start_again().await;
    until("it is never certain again", || a.is_certain() && a.claim(a.node(), "guild", 1).is_some()).await;
}
