//! The owner over a store, and somebody in place of whom it tells.

use std::sync::{Arc, Mutex};

use consort_actor::{Env, Owners, Work};
use consort_application::Application;
use consort_model::{Application as Model, ApplicationId, User, UserId};
use consort_rpc::application::Op;
use consort_rpc::{
    Answer, Call, Caller, Host, InProcess, Mesh, MeshRef, NodeId, Reply, Static, application, identity, user,
};
use consort_runtime::{Ids, Manual, Registry};
use consort_store::memory::Memory;
use consort_store::{Range, StoreRef, Table};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub const NOW_MS: u64 = 1_800_000_000_000;
pub const APPLICATION: ApplicationId = ApplicationId::new(5);
pub const ADA: UserId = UserId::new(7);

/// Remembers the events it was given: to whom, name, body.
#[derive(Default)]
pub struct Users(Mutex<Vec<(u64, &'static str, Value)>>);

impl Host<user::User> for Users {
    fn deliver(&self, key: u64, call: Call<user::User>) {
        if let user::Op::Deliver(event) = call.op {
            let body = serde_json::from_slice(&event.body).unwrap();
            // Names are constants; those of tests may live for ever.
            let name = Box::leak(event.name.to_string().into_boxed_str());
            self.0.lock().unwrap().push((key, name, body));
        }
        call.respond.send(Ok(Answer::Empty));
    }
}

impl Users {
    pub fn take(&self) -> Vec<(u64, &'static str, Value)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// To whom what was sent.
    pub fn names(&self) -> Vec<(u64, &'static str)> {
        self.take().into_iter().map(|(to, name, _)| (to, name)).collect()
    }
}

/// Counts what every node was told.
#[derive(Default)]
pub struct Nodes(pub Mutex<usize>);

impl Host<identity::Identity> for Nodes {
    fn deliver(&self, _: u64, call: Call<identity::Identity>) {
        *self.0.lock().unwrap() += 1;
        call.respond.send(Ok(Answer::Empty));
    }
}

pub struct World {
    pub clock: Arc<Manual>,
    store: StoreRef,
    mesh: MeshRef,
    pub users: Arc<Users>,
    pub nodes: Arc<Nodes>,
}

/// With an application.
pub async fn world() -> World {
    let world = start(Manual::new(NOW_MS), Arc::new(Memory::new()));
    let application = Model::new(APPLICATION, "Helper", User::person(ADA, "ada"), String::new());
    world.ask(Op::Found { application: Box::new(application) }).await.unwrap();
    world
}

fn start(clock: Arc<Manual>, store: StoreRef) -> World {
    let node = NodeId(1);
    let mesh = Mesh::new(node, Arc::new(Static::new(vec![node])), Arc::new(InProcess::new()));
    let env = Env {
        clock: clock.clone(),
        store: store.clone(),
        mesh: mesh.clone(),
        ids: Arc::new(Ids::new(1)),
        registry: Registry::default(),
        work: Work::default(),
        links: consort_files::Links::sample(),
    };
    mesh.host::<application::Application>(Owners::<Application>::new(env));
    let (users, nodes) = (Arc::new(Users::default()), Arc::new(Nodes::default()));
    mesh.host::<user::User>(users.clone());
    mesh.host::<identity::Identity>(nodes.clone());
    World { clock, store, mesh, users, nodes }
}

impl World {
    /// The same rows, with an owner that knows nothing else.
    pub fn restart(self) -> Self {
        start(self.clock, self.store)
    }

    pub async fn ask(&self, op: Op) -> Reply {
        self.mesh.client::<application::Application>().call(APPLICATION.get(), Caller::system(), op).await
    }

    /// Asks and reads the answer.
    pub async fn read<T: DeserializeOwned>(&self, op: Op) -> T {
        let answer = self.ask(op).await.unwrap();
        serde_json::from_slice(answer.body().unwrap()).unwrap()
    }

    /// Code of the refusal.
    pub async fn refused(&self, op: Op) -> u32 {
        self.ask(op).await.unwrap_err().code
    }

    /// The number of rows of the application.
    pub async fn rows(&self) -> usize {
        let mut rows = 0;
        for table in [Table::Applications, Table::Commands] {
            rows += self.store.scan(table, APPLICATION.get(), Range::all(1000)).await.unwrap().len();
        }
        rows
    }
}
