//! What is told until it is taken.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consort_model::{ApiError, GuildId, UserId};
use consort_rpc::guild::{Guild, Op, gateway, voice};
use consort_rpc::relay::SessionKey;
use consort_rpc::{Answer, Call, Caller, Fact, Host, InProcess, Mesh, MeshRef, NodeId, Static, relay};

/// Refuses what it is told to refuse, and writes down what it takes.
#[derive(Default)]
struct Busy {
    refusals: Mutex<VecDeque<u16>>,
    taken: Mutex<Vec<String>>,
}

impl Host<Guild> for Busy {
    fn deliver(&self, _key: u64, call: Call<Guild>) {
        assert!(call.is_sent(), "a fact has room where calls have not");
        if let Some(status) = self.refusals.lock().unwrap().pop_front() {
            let error = match status {
                404 => ApiError::unknown_guild(),
                500 => ApiError::internal(),
                _ => ApiError::overloaded(),
            };
            return call.respond.send(Err(error));
        }
        self.taken.lock().unwrap().push(match call.op {
            Op::Voice(voice::Op::Gone { session }) => format!("gone {}", session.number),
            Op::Voice(voice::Op::Update { session, channel, .. }) => {
                format!("in {} {}", session.number, channel.unwrap().get())
            }
            Op::Gateway(gateway::Op::Subscribe { request, .. }) => format!("looks {request}"),
            Op::Gateway(gateway::Op::Unsubscribe { .. }) => "looks away".to_owned(),
            op => format!("{op:?}"),
        });
        call.respond.send(Ok(Answer::Empty));
    }
}

/// Two nodes; the guild is the second one's.
fn nodes(refusals: &[u16]) -> ([MeshRef; 2], Arc<Busy>, GuildId, InProcess) {
    let (directory, network) = (Arc::new(Static::new(vec![NodeId(1), NodeId(2)])), InProcess::new());
    let meshes = [1, 2].map(|id| {
        let mesh = Mesh::new(NodeId(id), directory.clone(), Arc::new(network.clone()));
        network.join(&mesh);
        mesh
    });
    let busy = Arc::new(Busy::default());
    busy.refusals.lock().unwrap().extend(refusals);
    meshes[1].host::<Guild>(busy.clone());
    let guild = (1..).find(|key| meshes[0].owner_of::<Guild>(*key) == Some(NodeId(2))).unwrap();
    (meshes, busy, GuildId::new(guild), network)
}

fn session(number: u64) -> SessionKey {
    SessionKey { node: NodeId(1), generation: 1, slice: 0, number, user: UserId::new(5) }
}

fn in_voice(guild: GuildId, number: u64, channel: u64) -> Fact {
    let op = voice::Op::Update {
        session: session(number),
        session_id: String::new(),
        channel: Some(channel.into()),
        flags: voice::Flags::default(),
    };
    Fact::Guild { guild, op: Op::Voice(op) }
}

fn gone(guild: GuildId, number: u64) -> Fact {
    Fact::Guild { guild, op: Op::Voice(voice::Op::Gone { session: session(number) }) }
}

fn taken(busy: &Busy) -> Vec<String> {
    std::mem::take(&mut *busy.taken.lock().unwrap())
}

async fn settle(mesh: &MeshRef) {
    while mesh.facts_waiting() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_outlasts_a_full_mailbox_and_a_broken_link() {
    for from in [0, 1] {
        let (meshes, busy, guild, network) = nodes(&[503, 503, 503]);
        meshes[from].tell(Caller::system(), gone(guild, 1));
        assert!(taken(&busy).is_empty());
        settle(&meshes[from]).await;
        assert_eq!(taken(&busy), ["gone 1"]);
        if from == 0 {
            network.part(NodeId(2));
            meshes[0].tell(Caller::system(), gone(guild, 2));
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(meshes[0].facts_waiting(), 1);
            network.join(&meshes[1]);
            settle(&meshes[0]).await;
            assert_eq!(taken(&busy), ["gone 2"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_so_now_takes_the_place_of_what_was_and_others_do_not_wait_for_it() {
    let (meshes, busy, guild, _) = nodes(&[503]);
    let mesh = &meshes[0];
    mesh.tell(Caller::system(), in_voice(guild, 1, 10));
    mesh.tell(Caller::system(), in_voice(guild, 1, 11));
    mesh.tell(Caller::system(), in_voice(guild, 1, 12));
    mesh.tell(Caller::system(), in_voice(guild, 2, 20));
    mesh.tell(Caller::system(), gone(guild, 1));
    settle(mesh).await;
    assert_eq!(taken(&busy), ["in 2 20", "gone 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_builds_on_what_came_before_is_all_told_in_order() {
    let (meshes, busy, guild, _) = nodes(&[503, 503]);
    let looks =
        |n: u64| Op::Gateway(gateway::Op::Subscribe { session: session(1), request: Box::new(n.into()) });
    let away = Op::Gateway(gateway::Op::Unsubscribe { session: session(1) });
    for op in [looks(1), looks(2), away, looks(3)] {
        meshes[0].tell(Caller::system(), Fact::Guild { guild, op });
    }
    settle(&meshes[0]).await;
    assert_eq!(taken(&busy), ["looks 1", "looks 2", "looks away", "looks 3"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_for_ever_to_whom_it_cannot_concern() {
    // There is no such guild; a guild that breaks each time; the relay of a node that is gone.
    let (meshes, busy, guild, _) = nodes(&[404]);
    meshes[0].tell(Caller::system(), gone(guild, 1));
    settle(&meshes[0]).await;
    let (meshes_of_broken, broken, guild, _) = nodes(&[500; 8]);
    meshes_of_broken[0].tell(Caller::system(), gone(guild, 1));
    meshes_of_broken[0].tell(Caller::system(), in_voice(guild, 1, 5));
    settle(&meshes_of_broken[0]).await;
    let message = relay::Op::Close { sessions: vec![session(1)], code: 4004 };
    meshes[0].tell(Caller::system(), Fact::Relay { node: NodeId(9), message });
    settle(&meshes[0]).await;
    assert!(taken(&busy).is_empty());
    assert_eq!(broken.refusals.lock().unwrap().len(), 0);
}
