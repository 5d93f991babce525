//! An owner that moves from node to node.

use std::sync::Arc;
use std::time::Duration;

use consort_actor::{Env, Owners, Work, run_recovery};
use consort_model::ApiError;
use consort_rpc::hand_over::{self, HandOver, Handed};
use consort_rpc::{
    Answer, Call, Caller, Client, Directory as _, Host, InProcess, Mesh, NodeId, Owner, Static, user,
};
use consort_runtime::{Ids, Manual, Registry};
use consort_store::{Batch, Error, Key, Store, Table, memory::Memory};
use serde_json::{Value, json};
use std::sync::Mutex;

use crate::bench::NOW_MS;
use crate::toy::{LISTENER, Op, Toy, Toys};

const NODES: [NodeId; 2] = [NodeId(1), NodeId(2)];
const LOST: Result<Value, (u16, u32)> = Err((503, 130000));

/// Two nodes over one store.
struct Cluster {
    directory: Arc<Static>,
    network: InProcess,
    store: Memory,
    nodes: Vec<Node>,
}

struct Node {
    client: Client<Toys>,
    env: Env,
    told: Arc<Told>,
    owners: Arc<Owners<Toy>>,
}

/// The owners of users: take effects unless they are told to be away.
#[derive(Default)]
struct Told {
    away: Mutex<bool>,
    sums: Mutex<Vec<i64>>,
}

impl Host<user::User> for Told {
    fn deliver(&self, _user: u64, call: Call<user::User>) {
        if *self.away.lock().unwrap() {
            return call.respond.send(Err(ApiError::overloaded()));
        }
        let told = match call.op {
            user::Op::GuildJoined { guild } => guild.get() as i64,
            user::Op::GuildLeft { guild } => -(guild.get() as i64),
            other => panic!("not told by toys: {other:?}"),
        };
        self.sums.lock().unwrap().push(told);
        call.respond.send(Ok(Answer::Empty));
    }
}

impl Cluster {
    fn new() -> Self {
        let (directory, network, store) =
            (Arc::new(Static::new(NODES.to_vec())), InProcess::new(), Memory::new());
        let clock = Manual::new(NOW_MS);
        let nodes = NODES.map(|id| {
            let mesh = Mesh::new(id, directory.clone(), Arc::new(network.clone()));
            network.join(&mesh);
            let env = Env {
                clock: clock.clone(),
                store: Arc::new(store.clone()),
                mesh: mesh.clone(),
                ids: Arc::new(Ids::new(id.0)),
                registry: Registry::default(),
                work: Work::default(),
                links: consort_files::Links::sample(),
            };
            let (owners, told) = (Owners::<Toy>::new(env.clone()), Arc::new(Told::default()));
            mesh.host::<Toys>(owners.clone());
            mesh.host::<user::User>(told.clone());
            Node { client: mesh.client(), env, told, owners }
        });
        Self { directory, network, store, nodes: nodes.into() }
    }

    /// A toy of the first node.
    fn key(&self) -> u64 {
        (1..100).find(|key| self.directory.owner("toy", *key) == Some(NODES[0])).unwrap()
    }

    async fn ask(&self, node: usize, key: u64, op: Op) -> Result<Value, (u16, u32)> {
        let reply = self.nodes[node].client.call(key, Caller::system(), op).await;
        let answer = reply.map_err(|error| (error.status, error.code))?;
        Ok(answer.body().map_or(Value::Null, |body| serde_json::from_slice(body).unwrap()))
    }

    /// Who takes effects for the listener now.
    fn listener(&self) -> &Told {
        let owner = self.directory.owner("user", LISTENER.get()).unwrap();
        &self.nodes[usize::from(owner.0) - 1].told
    }

    fn listed(&self, node: usize) -> usize {
        self.nodes[node].env.registry.list(None).len()
    }
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_whose_key_moves_stops_and_the_next_goes_on_from_its_rows() {
    let cluster = Cluster::new();
    let key = cluster.key();
    assert_eq!(cluster.ask(1, key, Op::Add(1)).await, Ok(json!(1)), "asked over the other node");
    assert_eq!((cluster.listed(0), cluster.listed(1)), (1, 0));
    cluster.directory.set(vec![NODES[1]]);
    settle().await;
    assert_eq!(cluster.listed(0), 0, "the old owner has gone by itself");
    assert_eq!(cluster.ask(1, key, Op::Add(10)).await, Ok(json!(11)));
    assert_eq!(cluster.ask(0, key, Op::Sum).await, Ok(json!(11)), "the old node asks the new one");
    cluster.directory.set(NODES.to_vec());
    assert_eq!(
        cluster.ask(1, key, Op::Add(100)).await,
        Ok(json!(111)),
        "it comes back with what the other wrote"
    );
    assert_eq!((cluster.listed(0), cluster.listed(1)), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_own_a_key_starts_nobody_and_answers_nothing() {
    let cluster = Cluster::new();
    let key = cluster.key();
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    let (respond, answer) = consort_rpc::Responder::channel();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let call = Call { caller: Caller::system(), op: Op::Sum, respond, deadline, origin: None };
    cluster.nodes[1].owners.deliver(key, call);
    assert_eq!(answer.await.unwrap().unwrap_err().status, 503);
    assert_eq!(cluster.listed(1), 0);
}

#[tokio::test(start_paused = true)]
async fn the_store_refuses_an_owner_of_an_older_epoch() {
    let cluster = Cluster::new();
    let key = cluster.key();
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    // Another owner, of whom this node has not heard, has written.
    let mut batch = Batch::new();
    batch.require_epoch("toy", key, 9).put_row(Table::Meta, key, 0, &50);
    cluster.store.commit(batch).await.unwrap();
    assert_eq!(cluster.ask(0, key, Op::Add(1)).await, LOST);
    settle().await;
    assert_eq!(cluster.listed(0), 0);
    let mut stale = Batch::new();
    stale.require_epoch("toy", key, 1).put_row(Table::Meta, key, 0, &2);
    assert!(matches!(cluster.store.commit(stale).await, Err(Error::StaleEpoch { stored: 9, .. })));
    let stored = cluster.store.get(Table::Epochs, key, Key::text("toy")).await.unwrap();
    assert_eq!(stored.unwrap().as_ref(), 9u64.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_rested_while_another_wrote_makes_way() {
    let cluster = Cluster::new();
    let key = cluster.key();
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    cluster.ask(0, key, Op::Hold(Some(5))).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mut batch = Batch::new();
    batch.require_epoch("toy", key, 9).put_row(Table::Meta, key, 0, &50);
    cluster.store.commit(batch).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(cluster.ask(0, key, Op::Sum).await, LOST);
    settle().await;
    assert_eq!(cluster.listed(0), 0);
    assert!(began.elapsed() < Duration::from_secs(1), "it does not read its rows again and again");
}

#[tokio::test(start_paused = true)]
async fn effects_that_an_owner_could_not_deliver_are_sent_by_the_next() {
    let cluster = Cluster::new();
    let key = cluster.key();
    cluster.nodes.iter().for_each(|node| *node.told.away.lock().unwrap() = true);
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    cluster.ask(0, key, Op::Add(10)).await.unwrap();
    cluster.network.part(NODES[0]);
    cluster.directory.set(vec![NODES[1]]);
    *cluster.listener().away.lock().unwrap() = false;
    let recovery = tokio::spawn(run_recovery(cluster.nodes[1].env.clone()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = cluster.listener().sums.lock().unwrap().clone();
    assert_eq!(told, [-11, 1, 11], "the next owner has come by itself, and both effects with it");
    assert_eq!(cluster.store.row_count(Table::Outbox), 0, "their rows are deleted before it is put away");
    recovery.abort();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_been_quiet_for_long_takes_over_pending_effects_at_once() {
    let cluster = Cluster::new();
    let key = cluster.key();
    let recovery = tokio::spawn(run_recovery(cluster.nodes[1].env.clone()));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    cluster.nodes.iter().for_each(|node| *node.told.away.lock().unwrap() = true);
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    cluster.network.part(NODES[0]);
    *cluster.nodes[1].told.away.lock().unwrap() = false;
    cluster.directory.set(vec![NODES[1]]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*cluster.nodes[1].told.sums.lock().unwrap(), [-1, 1]);
    recovery.abort();
}

#[tokio::test(start_paused = true)]
async fn an_owner_with_pending_effects_that_breaks_while_it_is_loaded_is_woken_again_within_seconds() {
    let cluster = Cluster::new();
    let key = cluster.key();
    *cluster.listener().away.lock().unwrap() = true;
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    let set = async |sum: u64| {
        let mut batch = Batch::new();
        batch.put_row(Table::Meta, key, 0, &sum);
        cluster.store.commit(batch).await.unwrap();
    };
    set(666).await;
    // The process that has it ends; its rows are found by the next.
    cluster.network.part(NODES[0]);
    cluster.directory.set(vec![NODES[1]]);
    *cluster.listener().away.lock().unwrap() = false;
    let recovery = tokio::spawn(run_recovery(cluster.nodes[1].env.clone()));
    tokio::time::sleep(Duration::from_secs(200)).await;
    assert!(cluster.listener().sums.lock().unwrap().is_empty());
    // It broke without a word. Once it can be loaded, nobody has to call it.
    set(1).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(*cluster.listener().sums.lock().unwrap(), [-1, 1]);
    recovery.abort();
}

#[tokio::test(start_paused = true)]
async fn what_an_owner_holds_in_memory_alone_moves_with_its_key() {
    let cluster = Cluster::new();
    let key = cluster.key();
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    cluster.ask(0, key, Op::Hold(Some(5))).await.unwrap();
    cluster.directory.set(vec![NODES[1]]);
    settle().await;
    assert_eq!((cluster.listed(0), cluster.listed(1)), (0, 1), "the next owner is up before the first call");
    assert_eq!(cluster.ask(1, key, Op::Hold(Some(6))).await, Ok(json!(5)));
    // And back, from an owner that rests by now, to one that is called before it has come.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    cluster.directory.set(NODES.to_vec());
    assert_eq!(cluster.ask(0, key, Op::Hold(None)).await, Ok(json!(6)));
    assert_eq!(cluster.ask(0, key, Op::Sum).await, Ok(json!(1)));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_in_time_is_not_waited_for_and_not_taken_later() {
    let cluster = Cluster::new();
    let key = cluster.key();
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    cluster.ask(0, key, Op::Hold(Some(5))).await.unwrap();
    cluster.network.part(NODES[1]);
    cluster.directory.set(vec![NODES[1]]);
    let began = tokio::time::Instant::now();
    assert_eq!(cluster.ask(1, key, Op::Hold(Some(7))).await, Ok(Value::Null));
    assert!(began.elapsed() <= Duration::from_millis(260), "{:?}", began.elapsed());
    cluster.network.join(&cluster.nodes[1].env.mesh);
    hand(&cluster, key, 1);
    settle().await;
    assert_eq!(cluster.ask(1, key, Op::Hold(None)).await, Ok(json!(7)), "it keeps what it has learnt itself");
}

/// Gives the second node a state of the owner in an epoch.
fn hand(cluster: &Cluster, key: u64, epoch: u64) {
    let state = 9u64.to_be_bytes().to_vec().into();
    let owner = Owner { service: "toy".into(), key };
    let handed = Handed { owner, epoch, format: 1, state, listeners: Vec::new(), rested: true };
    let nodes = cluster.nodes[0].env.mesh.client::<HandOver>();
    nodes.cast_lossy(2, Caller::system(), hand_over::Op::Take(vec![handed])).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_state_is_taken_only_if_nobody_was_the_owner_since() {
    for (epoch, taken) in [(1, Value::from(9)), (0, Value::Null)] {
        let cluster = Cluster::new();
        let key = cluster.key();
        // The first node has been the owner in epoch 1, and nobody after it.
        cluster.ask(0, key, Op::Add(1)).await.unwrap();
        cluster.directory.set(vec![NODES[1]]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        hand(&cluster, key, epoch);
        assert_eq!(cluster.ask(1, key, Op::Hold(None)).await, Ok(taken), "epoch {epoch}");
        assert_eq!(cluster.ask(1, key, Op::Sum).await, Ok(json!(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_after_its_node_has_gone_leaves_no_listener() {
    let cluster = Cluster::new();
    let key = cluster.key();
    cluster.ask(0, key, Op::Add(1)).await.unwrap();
    let listeners = async || cluster.ask(0, key, Op::Listeners).await;
    cluster.ask(0, key, Op::Listen(NODES[1])).await.unwrap();
    assert_eq!(listeners().await, Ok(json!([2])));
    cluster.directory.set(vec![NODES[0]]);
    assert_eq!(listeners().await, Ok(json!([])), "the node has gone");
    // Calls that it had sent before are still on their way to an owner that has heard of its end.
    cluster.ask(0, key, Op::Listen(NODES[1])).await.unwrap();
    assert_eq!(listeners().await, Ok(json!([])));
    tokio::time::sleep(Duration::from_secs(10)).await;
    cluster.ask(0, key, Op::Listen(NODES[1])).await.unwrap();
    assert_eq!(listeners().await, Ok(json!([])));
}
