//! A shared store passes the suites of every store, and takes nothing that comes too late.

use std::sync::Arc;

use bytes::Bytes;
use consort_rpc::{Directory as _, InProcess, Mesh, MeshRef, NodeId, Static};
use consort_store::memory::Memory;
use consort_store::{Batch, BoxFuture, Error, Store as _, StoreExt as _, StoreRef, Table, contract};
use consort_store_rpc::{Remote, Shared, StoreService};

/// Two nodes, of which the first has the store.
struct Two {
    network: InProcess,
    meshes: [MeshRef; 2],
}

impl Two {
    fn new(store: StoreRef) -> Self {
        // The store's node is the first of those that run the service.
        let (directory, network) = (Arc::new(Static::new(vec![NodeId(1), NodeId(2)])), InProcess::new());
        let meshes = [1, 2].map(|node| Mesh::new(NodeId(node), directory.clone(), Arc::new(network.clone())));
        meshes.iter().for_each(|mesh| network.join(mesh));
        assert_eq!(directory.nodes()[0], NodeId(1));
        meshes[0].host::<StoreService>(Shared::new(store));
        Self { network, meshes }
    }

    fn remote(&self, life: u64) -> Remote {
        Remote::new(&self.meshes[1], life)
    }
}

struct Subject {
    two: Two,
    store: StoreRef,
    lives: u64,
}

impl Subject {
    fn new() -> Self {
        let two = Two::new(Arc::new(Memory::new()));
        let store = Arc::new(two.remote(1));
        Self { two, store, lives: 1 }
    }
}

impl contract::Subject for Subject {
    fn store(&self) -> StoreRef {
        self.store.clone()
    }

    fn reopen(&mut self) -> BoxFuture<'_, ()> {
        self.lives += 1;
        self.store = Arc::new(self.two.remote(self.lives));
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn passes_the_contract() {
    contract::run(Subject::new).await;
}

fn number(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put_row(Table::Guilds, 1, 1, &number);
    batch
}

async fn read(store: &StoreRef) -> Option<u64> {
    store.get_row(Table::Guilds, 1, 1).await.unwrap()
}

#[tokio::test]
async fn a_batch_whose_answer_was_missed_changes_nothing_behind_the_back_of_who_went_on() {
    let memory: StoreRef = Arc::new(Memory::new());
    let two = Two::new(memory.clone());
    let (before, after) = (two.remote(1), two.remote(2));
    before.commit(number(1)).await.unwrap();
    after.commit(number(2)).await.unwrap();
    // As it was sent before the second life began, and has come only now.
    assert!(matches!(before.commit(number(3)).await, Err(Error::Backend(_))));
    assert_eq!(read(&memory).await, Some(2));
    // The one that was refused has counted it as missed; it is of an earlier life all the same.
    assert!(before.commit(number(4)).await.is_err());
    after.commit(number(5)).await.unwrap();
    assert_eq!(read(&memory).await, Some(5));
}

#[tokio::test]
async fn while_the_node_with_the_store_is_away_nothing_is_taken_and_all_goes_on_when_it_is_back() {
    let two = Two::new(Arc::new(Memory::new()));
    let remote: StoreRef = Arc::new(two.remote(1));
    remote.commit(number(1)).await.unwrap();
    two.network.part(NodeId(1));
    assert!(matches!(remote.commit(number(2)).await, Err(Error::Overloaded)), "it was not begun");
    assert!(matches!(remote.get(Table::Guilds, 1, 1.into()).await, Err(Error::Backend(_))));
    two.network.join(&two.meshes[0]);
    assert_eq!(read(&remote).await, Some(1));
    remote.commit(number(3)).await.unwrap();
    assert_eq!(read(&remote).await, Some(3));
}

#[tokio::test]
async fn what_is_no_batch_is_refused_by_the_node_with_the_store() {
    let two = Two::new(Arc::new(Memory::new()));
    let client = two.meshes[1].client::<StoreService>();
    for op in [
        consort_store_rpc::Op::Read(Bytes::from_static(b"\xff")),
        consort_store_rpc::Op::Submit {
            term: consort_store_rpc::Term { node: 2, life: 1, missed: 0 },
            batch: Bytes::from_static(b"\0\0\0\x01\x07"),
        },
    ] {
        let refused = client.call(1, consort_rpc::Caller::system(), op).await.unwrap_err();
        assert_eq!(refused.status, 400);
    }
}
