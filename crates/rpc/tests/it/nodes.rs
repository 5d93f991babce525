//! Three nodes in one process, over a transport of bytes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use consort_model::{ApiError, Intents, UserId};
use consort_rpc::relay::{Relay, SessionKey};
use consort_rpc::user::{News, Op, User};
use consort_rpc::{
    Answer, Call, CallError, Caller, Directory, Host, InProcess, Mesh, MeshRef, NodeId, Publication,
    Responder, Static, relay,
};
use tokio::time::Instant;

struct Cluster {
    directory: Arc<Static>,
    network: InProcess,
    nodes: Vec<(MeshRef, Arc<Seen>)>,
}

/// A host that writes down its calls, and keeps those to be answered later.
#[derive(Default)]
struct Seen {
    calls: Mutex<Vec<(u64, Caller, String)>>,
    kept: Mutex<Vec<Responder>>,
    deadlines: Mutex<Vec<Instant>>,
}

impl Seen {
    fn take(&self) -> Vec<(u64, Caller, String)> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl Host<User> for Seen {
    fn deliver(&self, key: u64, call: Call<User>) {
        self.calls.lock().unwrap().push((key, call.caller, format!("{:?}", call.op)));
        self.deadlines.lock().unwrap().push(call.deadline);
        match call.op {
            Op::Sessions => call.respond.send(Ok(Answer::json(&[key]))),
            Op::Channels => call.respond.send(Err(ApiError::invalid_field("a.0.b", "CODE", "text"))),
            Op::GuildJoined { .. } => self.kept.lock().unwrap().push(call.respond),
            // Dropped: the call is lost.
            _ => {}
        }
    }
}

impl Host<Relay> for Seen {
    fn deliver(&self, key: u64, call: Call<Relay>) {
        self.calls.lock().unwrap().push((key, call.caller, format!("{:?}", call.op)));
        call.respond.send(Ok(Answer::Empty));
    }
}

impl Cluster {
    fn new() -> Self {
        let ids = [1, 2, 3].map(NodeId);
        let (directory, network) = (Arc::new(Static::new(ids.to_vec())), InProcess::new());
        let nodes = ids.map(|id| {
            let mesh = Mesh::new(id, directory.clone(), Arc::new(network.clone()));
            let seen = Arc::new(Seen::default());
            mesh.host::<User>(seen.clone());
            mesh.host::<Relay>(seen.clone());
            network.join(&mesh);
            (mesh, seen)
        });
        Self { directory, network, nodes: nodes.into() }
    }

    fn seen_by(&self, node: NodeId) -> &Seen {
        &self.nodes.iter().find(|(mesh, _)| mesh.node() == node).expect("a node").1
    }
}

fn caller() -> Caller {
    Caller {
        reason: Some("because".into()),
        application: Some(5.into()),
        lacks: Intents::MESSAGE_CONTENT,
        ..Caller::user(UserId::new(9), true)
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_finds_the_owner_from_every_node() {
    let cluster = Cluster::new();
    for key in 0..30u64 {
        let owner = cluster.directory.owner("user", key).unwrap();
        for (mesh, _) in &cluster.nodes {
            let answer = mesh.client::<User>().call(key, caller(), Op::Sessions).await;
            assert_eq!(answer, Ok(Answer::json(&[key])));
            let calls = cluster.seen_by(owner).take();
            assert_eq!(calls, [(key, caller(), "Sessions".to_owned())], "from {} to {owner}", mesh.node());
        }
    }
    assert!(cluster.nodes.iter().all(|(_, seen)| seen.take().is_empty()), "nobody else was asked");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_arrives_with_code_and_field_path() {
    let cluster = Cluster::new();
    for (mesh, _) in &cluster.nodes {
        let refused = mesh.client::<User>().call(4, caller(), Op::Channels).await;
        assert_eq!(refused, Err(ApiError::invalid_field("a.0.b", "CODE", "text")));
    }
}

fn wanted(guild: u64) -> News {
    News::PresenceWanted { guild: guild.into() }
}

#[tokio::test(start_paused = true)]
async fn news_arrive_in_order() {
    let cluster = Cluster::new();
    for (mesh, _) in &cluster.nodes {
        let client = mesh.client::<User>();
        for n in 0..200u64 {
            client.cast_lossy(4, caller(), wanted(n)).unwrap();
        }
        let owner = cluster.directory.owner("user", 4).unwrap();
        let calls = cluster.seen_by(owner).take();
        let wanted: Vec<_> = (0..200u64).map(|n| format!("{:?}", Op::from(wanted(n)))).collect();
        assert_eq!(calls.into_iter().map(|(_, _, op)| op).collect::<Vec<_>>(), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn publications_go_to_the_relay_of_their_node_and_the_owner_of_their_user() {
    let cluster = Cluster::new();
    let (mesh, _) = &cluster.nodes[0];
    let session = SessionKey { node: NodeId(3), generation: 7, slice: 0, number: 1, user: UserId::new(4) };
    let close = relay::Op::Close { sessions: vec![session], code: 4004 };
    mesh.publish(Publication::Relay { node: NodeId(3), message: close });
    mesh.publish(Publication::User { user: UserId::new(4), news: wanted(1) });
    assert_eq!(
        cluster.seen_by(NodeId(3)).take().first().map(|(key, caller, _)| (*key, caller.system)),
        Some((3, true))
    );
    let owner = cluster.directory.owner("user", 4).unwrap();
    assert_eq!(cluster.seen_by(owner).take().len(), 1);
    // Nobody there: said in the log, and nothing else happens.
    mesh.publish(Publication::Relay {
        node: NodeId(77),
        message: relay::Op::UserRestarted { user: 1.into(), since_ms: 5 },
    });
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_node_answers_that_it_is_busy_and_its_keys_move_when_it_is_gone() {
    let cluster = Cluster::new();
    let key = (0..).find(|key| cluster.directory.owner("user", *key) == Some(NodeId(2))).unwrap();
    cluster.network.part(NodeId(2));
    let client = cluster.nodes[0].0.client::<User>();
    let refused = client.call(key, caller(), Op::Sessions).await.unwrap_err();
    assert_eq!((refused.status, refused.code), (503, 130000));
    assert!(matches!(client.cast_lossy(key, caller(), wanted(1)), Err(CallError::Unreachable(NodeId(2)))));
    cluster.directory.set(vec![NodeId(1), NodeId(3)]);
    assert_eq!(client.call(key, caller(), Op::Sessions).await, Ok(Answer::json(&[key])));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_or_not_answered_in_time_is_refused() {
    let cluster = Cluster::new();
    for (mesh, _) in &cluster.nodes {
        let client = mesh.client::<User>();
        let dropped = client.call(4, caller(), Op::GuildLeft { guild: 1.into() }).await.unwrap_err();
        assert_eq!(dropped.status, 503);
        let began = Instant::now();
        let late = client.call(4, caller(), Op::GuildJoined { guild: 1.into() }).await.unwrap_err();
        assert_eq!((late.status, began.elapsed().as_secs()), (503, 10));
    }
    let owner = cluster.seen_by(cluster.directory.owner("user", 4).unwrap());
    assert!(owner.deadlines.lock().unwrap().iter().all(|at| *at <= Instant::now() + Duration::from_secs(10)));
    // Answers that nobody waits for hurt nobody.
    for responder in std::mem::take(&mut *owner.kept.lock().unwrap()) {
        assert!(!responder.is_cast());
        responder.send(Ok(Answer::Empty));
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_or_does_not_run_here_is_refused_and_never_breaks_the_node() {
    let cluster = Cluster::new();
    let (mesh, seen) = &cluster.nodes[0];
    for body in [&b""[..], b"\xc1", b"\x81\xa1a", b"\xdf\xff\xff\xff\xff", &[0x91; 4096], &[0xff; 64]] {
        let refused = mesh.receive("user", 1, body, Responder::none());
        assert!(matches!(refused, Err(CallError::Codec(_))), "{refused:?}");
    }
    assert!(mesh.receive("nothing", 1, b"", Responder::none()).is_err());
    assert!(seen.take().is_empty());
    let guilds = mesh.client::<consort_rpc::guild::Guild>();
    let get = consort_rpc::guild::Op::Settings(consort_rpc::guild::settings::Op::Delete);
    assert_eq!(guilds.call(1, caller(), get).await.unwrap_err().status, 503);
}
