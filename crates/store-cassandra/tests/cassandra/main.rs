//! The store against a real Cassandra: `cargo xtask test --only cassandra` starts one and names it in `CONSORT_CASSANDRA`.

mod nodes;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use consort_runtime::random_u64;
use consort_store::{BoxFuture, StoreRef, contract};
use consort_store_cassandra::{Address, Cassandra, Ring};

/// The ring's keyspace for tests. Each test has namespaces of its own in it, since tables take seconds to be made.
const KEYSPACE: &str = "consort_test";

async fn ring() -> Arc<Ring> {
    let host = std::env::var("CONSORT_CASSANDRA").expect("CONSORT_CASSANDRA names a node");
    let address: Address = format!("cassandra://{host}/{KEYSPACE}").parse().expect("the address is one");
    Ring::connect(&address).await.expect("the ring is there")
}

/// A namespace that nobody has used, also not in a run before.
fn namespace() -> i32 {
    static NEXT: AtomicI32 = AtomicI32::new(0);
    let first = (random_u64() >> 34) as i32;
    (first & !0xffff) + 1 + NEXT.fetch_add(1, Ordering::Relaxed)
}

struct Subject {
    ring: Arc<Ring>,
    namespace: i32,
    store: Arc<Cassandra>,
}

impl Subject {
    fn new(ring: &Arc<Ring>) -> Subject {
        let namespace = namespace();
        let store = Arc::new(Cassandra::open(ring.clone(), namespace));
        Subject { ring: ring.clone(), namespace, store }
    }
}

impl contract::Subject for Subject {
    fn store(&self) -> StoreRef {
        self.store.clone()
    }

    fn reopen(&mut self) -> BoxFuture<'_, ()> {
        self.store = Arc::new(Cassandra::open(self.ring.clone(), self.namespace));
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_laws_of_every_store() {
    let ring = ring().await;
    contract::every_store(|| Subject::new(&ring)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_laws_of_one_partition() {
    let ring = ring().await;
    contract::one_partition(|| Subject::new(&ring)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_laws_of_one_owners_log() {
    let ring = ring().await;
    contract::owners_log(|| Subject::new(&ring)).await;
}
