//! What every transport must do, done by both of them; and what only a network does.

mod hung;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use consort_mesh::{Certificates, Links, Listener, Peer, Peers, make_ca, make_node};
use consort_rpc::{
    Answer, Call, Caller, Client, Directory, Host, InProcess, Mesh, MeshRef, NodeId, Placement, Service,
    Static,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

#[derive(Debug)]
struct Echo;

#[derive(Debug, Serialize, Deserialize)]
enum Op {
    /// Answers the bytes.
    Say(Bytes),
    /// Is remembered.
    Note(u32),
    /// Answers how long the caller still waits, in milliseconds.
    Patience,
    /// Answers what is remembered.
    Noted,
    /// Never answers; drops the call.
    Lose,
    /// Answers after both sides have given signs of life.
    Slow,
}

impl Service for Echo {
    const NAME: &'static str = "echo";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = Op;
}

#[derive(Default)]
struct Room(Mutex<Vec<u32>>);

impl Host<Echo> for Room {
    fn deliver(&self, _key: u64, call: Call<Echo>) {
        let answer = match call.op {
            Op::Say(bytes) => Answer::Json(bytes),
            Op::Note(number) => return self.0.lock().unwrap().push(number),
            Op::Patience => {
                Answer::json(&(call.deadline.duration_since(tokio::time::Instant::now()).as_millis() as u64))
            }
            Op::Noted => Answer::json(&*self.0.lock().unwrap()),
            Op::Lose => return,
            Op::Slow => {
                let respond = call.respond;
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(700)).await;
                    respond.send(Ok(Answer::Empty));
                });
                return;
            }
        };
        call.respond.send(Ok(answer));
    }
}

#[derive(Default)]
pub struct Places(Mutex<HashMap<NodeId, Peer>>);

impl Peers for Places {
    fn peer(&self, node: NodeId) -> Option<Peer> {
        self.0.lock().unwrap().get(&node).cloned()
    }
}

/// Two nodes, and what keeps them alive.
struct Two {
    mesh: Vec<MeshRef>,
    links: Vec<Links>,
    listeners: Vec<Listener>,
    places: Arc<Places>,
    _files: Option<tempfile::TempDir>,
}

impl Two {
    fn in_process() -> Self {
        let (network, directory) = (InProcess::new(), nodes());
        let mesh: Vec<_> =
            [1, 2].map(|n| Mesh::new(NodeId(n), directory.clone(), Arc::new(network.clone()))).into();
        mesh.iter().for_each(|mesh| {
            network.join(mesh);
            mesh.host::<Echo>(Arc::new(Room::default()));
        });
        Self { mesh, links: Vec::new(), listeners: Vec::new(), places: Arc::default(), _files: None }
    }

    async fn networked() -> Self {
        let (files, places) = (tempfile::tempdir().unwrap(), Arc::new(Places::default()));
        let (mut mesh, mut links, mut listeners) = (Vec::new(), Vec::new(), Vec::new());
        let ca = files.path().join("ca");
        make_ca(&ca).unwrap();
        for n in [1, 2] {
            let name = format!("n{n}");
            make_node(&name, &ca, &files.path().join(&name)).unwrap();
            let certificates = Certificates::open(files.path().join(&name)).unwrap();
            let link = Links::new(NodeId(n), certificates.clone(), places.clone());
            let node = Mesh::new(NodeId(n), nodes(), Arc::new(link.clone()));
            node.host::<Echo>(Arc::new(Room::default()));
            let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let listener = listen(socket, certificates, &node, 7, &places);
            let address = listener.address().to_string();
            places.0.lock().unwrap().insert(NodeId(n), Peer { name, generation: 7, address });
            mesh.push(node);
            links.push(link);
            listeners.push(listener);
        }
        Self { mesh, links, listeners, places, _files: Some(files) }
    }

    /// The other node as the first sees it.
    fn client(&self) -> Client<Echo> {
        self.mesh[0].client()
    }

    fn move_second(&self, change: impl FnOnce(&mut Peer)) {
        change(self.places.0.lock().unwrap().get_mut(&NodeId(2)).unwrap());
    }
}

fn listen(
    socket: TcpListener,
    certificates: Certificates,
    mesh: &MeshRef,
    generation: u64,
    places: &Arc<Places>,
) -> Listener {
    let me = (Arc::downgrade(mesh), mesh.node());
    Listener::start(socket, certificates, me, Arc::new(move || generation), places.clone()).unwrap()
}

fn nodes() -> Arc<dyn Directory> {
    Arc::new(Static::new(vec![NodeId(1), NodeId(2)]))
}

async fn ask(client: &Client<Echo>, op: Op) -> Option<Bytes> {
    client.call(2, Caller::system(), op).await.ok()?.body().cloned()
}

/// The suite.
async fn obeys(two: &Two) {
    let client = two.client();
    assert_eq!(ask(&client, Op::Say("hello".into())).await.unwrap(), "hello");
    let large = Bytes::from(vec![7; 10 << 20]);
    assert!(ask(&client, Op::Say(large.clone())).await.unwrap() == large);
    (0..5_000).for_each(|n| client.cast_lossy(2, Caller::system(), Op::Note(n)).unwrap());
    let noted = ask(&client, Op::Noted).await.unwrap();
    assert!(
        noted == Answer::bytes(&(0..5_000).collect::<Vec<u32>>()),
        "casts keep their order, also before a call"
    );
    let many = futures_util::future::join_all((0..500).map(|n| ask(&client, Op::Say(n.to_string().into()))));
    for (n, answer) in many.await.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), n.to_string());
    }
    assert!(ask(&client, Op::Lose).await.is_none(), "a call that is dropped is answered");
    let patience: u64 =
        std::str::from_utf8(&ask(&client, Op::Patience).await.unwrap()).unwrap().parse().unwrap();
    assert!((5_000..=10_000).contains(&patience));
    let own = two.mesh[0].client::<Echo>().call(1, Caller::system(), Op::Noted).await.unwrap();
    assert_eq!(own, Answer::Json("[]".into()), "nobody else hears");
    assert!(client.call(3, Caller::system(), Op::Noted).await.is_err(), "there is no such node");
    assert!(client.cast_lossy(3, Caller::system(), Op::Noted).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_in_one_process_obey() {
    obeys(&Two::in_process()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_a_network_between_them_obey() {
    let two = Two::networked().await;
    assert_eq!(two.links[0].stats().links, 0, "nothing was said yet");
    obeys(&two).await;
    assert_eq!((two.links[0].stats().links, two.links[1].stats().links), (1, 0), "links have a direction");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_call_of_a_link_is_answered_however_long_it_takes() {
    let two = Two::networked().await;
    let answer = two.client().call(2, Caller::system(), Op::Slow).await;
    assert_eq!(answer, Ok(Answer::Empty));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_goes_is_noticed_at_once_and_found_again_when_it_is_back() {
    let mut two = Two::networked().await;
    let client = two.client();
    ask(&client, Op::Noted).await.unwrap();
    let second = two.listeners.pop().unwrap();
    let began = Instant::now();
    drop(second);
    while ask(&client, Op::Say("x".into())).await.is_some() {}
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let files = two._files.as_ref().unwrap().path().join("n2");
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let certificates = Certificates::open(files).unwrap();
    let back = listen(socket, certificates, &two.mesh[1], 8, &two.places);
    two.move_second(|peer| peer.address = address);
    assert!(ask(&client, Op::Noted).await.is_none(), "it is another life of the node");
    two.move_second(|peer| peer.generation = 8);
    assert!(ask(&client, Op::Noted).await.is_some());
    drop(back);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_is_noticed_within_a_second() {
    let two = Two::networked().await;
    let address = two.listeners[1].address();
    let between = hung::Between::start(address).await;
    two.move_second(|peer| peer.address = between.address.to_string());
    let client = two.client();
    ask(&client, Op::Noted).await.unwrap();
    between.hang();
    let began = Instant::now();
    assert!(ask(&client, Op::Say("x".into())).await.is_none());
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_certificate_of_the_authority_or_another_name_is_not_spoken_to() {
    let two = Two::networked().await;
    let elsewhere = tempfile::tempdir().unwrap();
    make_ca(elsewhere.path()).unwrap();
    make_node("n1", elsewhere.path(), elsewhere.path()).unwrap();
    let certificates = Certificates::open(elsewhere.path()).unwrap();
    let stranger = Links::new(NodeId(1), certificates, two.places.clone());
    let mesh = Mesh::new(NodeId(1), nodes(), Arc::new(stranger));
    assert!(ask(&mesh.client(), Op::Noted).await.is_none());
    two.move_second(|peer| peer.name = "n3".to_owned());
    assert!(ask(&two.client(), Op::Noted).await.is_none());
    two.move_second(|peer| peer.name = "n2".to_owned());
    // The second node, with its own certificate, says that it is the first.
    let second = Certificates::open(two._files.as_ref().unwrap().path().join("n2")).unwrap();
    let liar = Links::new(NodeId(1), second, two.places.clone());
    let mesh = Mesh::new(NodeId(1), nodes(), Arc::new(liar));
    assert!(ask(&mesh.client(), Op::Noted).await.is_none());
    assert!(ask(&two.client(), Op::Noted).await.is_some());
    assert!(make_ca(elsewhere.path()).is_err(), "an authority is not overwritten");
    for name in ["", "../x", "a b", "A", "-a", "a-", &"a".repeat(64)] {
        let out = elsewhere.path().join("wrong");
        assert!(make_node(name, elsewhere.path(), &out).is_err() && !out.exists(), "{name:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_used_by_the_next_link_without_a_restart() {
    let two = Two::networked().await;
    let root = two._files.as_ref().unwrap().path();
    let second = root.join("ca2");
    make_ca(&second).unwrap();
    let both = std::fs::read_to_string(root.join("ca/ca.pem")).unwrap()
        + &std::fs::read_to_string(second.join("ca.pem")).unwrap();
    for name in ["n1", "n2"] {
        let fresh = root.join(format!("{name}-new"));
        make_node(name, &second, &fresh).unwrap();
        std::fs::write(root.join(name).join("ca.pem"), &both).unwrap();
        for file in ["node.pem", "node-key.pem"] {
            std::fs::copy(fresh.join(file), root.join(name).join(file)).unwrap();
        }
    }
    assert!(ask(&two.client(), Op::Noted).await.is_some());
    std::fs::write(root.join("n1/node.pem"), "no certificate").unwrap();
    assert!(
        two.mesh[0].client::<Echo>().call(2, Caller::system(), Op::Noted).await.is_ok(),
        "open links stay"
    );
}
