//! Nodes with actors that can be made to hang, and the socket of one of them.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use consort_actor::{Core, Cx, Env, Outcome, Owners, Stop, Work};
use consort_console::{Operable, Parts, View};
use consort_model::ApiError;
use consort_rpc::{Caller, Directory as _, InProcess, Mesh, MeshRef, NodeId, Nothing, Service, Static};
use consort_runtime::{Health, Ids, Registry, System};
use consort_store::memory::Memory;
use consort_store::{BoxFuture, Error, Row, StoreRef};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::UnixStream;

#[derive(Debug)]
pub struct Toys;

impl Service for Toys {
    const NAME: &'static str = "toy";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Nothing.
    Greet(String),
    /// Does not return before the door is open.
    Hang,
}

/// Where a handler hangs.
#[derive(Default)]
pub struct Door {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Door {
    pub fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
    }
}

/// The door of all toys of the process.
pub static DOOR: Door = Door { open: Mutex::new(false), opened: Condvar::new() };

pub struct Toy {
    greeted: u64,
}

impl Core for Toy {
    type Service = Toys;

    fn load(
        _key: u64,
        _first: Vec<Vec<Row>>,
        _store: StoreRef,
        _now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async { Ok(Some(Self { greeted: 0 })) })
    }

    fn not_found() -> ApiError {
        ApiError::internal()
    }

    fn handle(&mut self, _cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Greet(_) => self.greeted += 1,
            Op::Hang => DOOR.pass(),
        }
        Outcome::EMPTY
    }

    fn inspect(&self) -> Value {
        json!({ "greeted": self.greeted })
    }
}

pub struct World {
    pub directory: Arc<Static>,
    pub meshes: Vec<MeshRef>,
    pub data: tempfile::TempDir,
    _operable: Vec<Operable>,
}

impl World {
    pub fn start() -> Self {
        let nodes = [0, 1, 2].map(NodeId);
        let (directory, network) = (Arc::new(Static::new(nodes.to_vec())), InProcess::new());
        let (store, data) = (Memory::new(), tempfile::tempdir().unwrap());
        let (mut meshes, mut operable) = (Vec::new(), Vec::new());
        for node in nodes {
            let mesh = Mesh::new(node, directory.clone(), Arc::new(network.clone()));
            network.join(&mesh);
            let registry = Registry::default();
            let env = Env {
                clock: Arc::new(System),
                store: Arc::new(store.reopen()),
                mesh: mesh.clone(),
                ids: Arc::new(Ids::new(node.0)),
                links: consort_files::Links::sample(),
                registry: registry.clone(),
                work: Work::default(),
            };
            mesh.host::<Toys>(Owners::<Toy>::new(env));
            let folder = data.path().join(node.to_string());
            std::fs::create_dir(&folder).unwrap();
            let parts = Parts {
                mesh: mesh.clone(),
                registry,
                health: Health::default(),
                clock: Arc::new(System),
                gateway: None,
                name: format!("owner-{}", node.0),
                roles: vec!["guild".to_owned()],
                set_log: Some(Arc::new(|filter| match filter {
                    "nonsense" => Err("no filter".to_owned()),
                    _ => Ok("info".to_owned()),
                })),
            };
            operable.push(consort_console::open(parts, &folder, None));
            meshes.push(mesh);
        }
        Self { directory, meshes, data, _operable: operable }
    }

    /// What one node sees of the cluster.
    pub fn view(&self, node: usize) -> View {
        View::new(self.meshes[node].clone(), None)
    }

    /// The data folder of a node.
    pub fn folder(&self, node: usize) -> std::path::PathBuf {
        self.data.path().join(NodeId(node as u16).to_string())
    }

    /// A toy that a node owns.
    pub fn toy_of(&self, node: usize) -> u64 {
        (1..).find(|key| self.directory.owner("toy", *key) == Some(NodeId(node as u16))).unwrap()
    }

    /// Calls a toy and goes on; sent when this returns.
    pub fn send(&self, key: u64, op: Op) {
        drop(tokio::spawn(self.meshes[0].client::<Toys>().start(key, Caller::system(), op)));
    }

    /// Looks until it is so, however long that takes; what is seen then.
    pub async fn until(&self, node: usize, key: u64, is_so: impl Fn(&Value) -> bool) -> Value {
        loop {
            let seen = self.view(node).actor("toy".to_owned(), key).await;
            if seen["actors"].get(0).is_some_and(&is_so) {
                return seen["actors"][0].clone();
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Connections to a node's socket.
pub struct Socket(hyper::client::conn::http1::SendRequest<Full<bytes::Bytes>>);

impl Socket {
    pub async fn connect(folder: &Path) -> Self {
        let stream = UnixStream::connect(folder.join("operate.sock")).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub async fn ask(&mut self, token: Option<&str>, command: Value) -> (u16, Value) {
        let mut request = http::Request::post("/").header("host", "consort");
        if let Some(token) = token {
            request = request.header("authorization", format!("Operator {token}"));
        }
        let request = request.body(Full::new(command.to_string().into())).unwrap();
        self.0.ready().await.unwrap();
        let response = self.0.send_request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Evaluates a line in the shell.
    pub async fn shell(&mut self, token: Option<&str>, line: &str) -> Result<Value, String> {
        let (status, answer) = self.ask(token, json!({ "command": "shell", "line": line })).await;
        match status {
            200 => Ok(answer["value"].clone()),
            _ => Err(answer["error"].as_str().unwrap().to_owned()),
        }
    }
}
