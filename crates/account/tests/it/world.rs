//! Both owners over one store, and somebody in place of whom they tell.

use std::sync::{Arc, Mutex};

use consort_account::{Account, Names};
use consort_actor::{Env, Owners, Work};
use consort_model::object::account::UserRow;
use consort_model::{AuthSessionId, User, UserId};
use consort_rpc::account::{ClientInfo, Kind, TokenRow};
use consort_rpc::{
    Answer, Call, Caller, Host, InProcess, Mesh, MeshRef, NodeId, Reply, Service, Static, account, identity,
    name, user,
};
use consort_runtime::{Ids, Manual, Registry};
use consort_store::memory::Memory;
use consort_store::{Batch, Key, StoreRef, Table};
use serde::de::DeserializeOwned;

pub const NOW_MS: u64 = 1_800_000_000_000;
pub const ADA: UserId = UserId::new(7);

/// Remembers what it was told.
pub struct Told<S: Service>(Mutex<Vec<String>>, std::marker::PhantomData<fn() -> S>);

impl<S: Service> Default for Told<S> {
    fn default() -> Self {
        Self(Mutex::default(), std::marker::PhantomData)
    }
}

impl<S: Service> Host<S> for Told<S> {
    fn deliver(&self, key: u64, call: Call<S>) {
        self.0.lock().unwrap().push(format!("{key}: {:?}", call.op));
        call.respond.send(Ok(Answer::Empty));
    }
}

impl<S: Service> Told<S> {
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub struct World {
    pub clock: Arc<Manual>,
    store: StoreRef,
    mesh: MeshRef,
    pub users: Arc<Told<user::User>>,
    pub nodes: Arc<Told<identity::Identity>>,
    pub registry: Registry,
}

pub fn world() -> World {
    start(Manual::new(NOW_MS), Arc::new(Memory::new()))
}

fn start(clock: Arc<Manual>, store: StoreRef) -> World {
    let node = NodeId(1);
    let mesh = Mesh::new(node, Arc::new(Static::new(vec![node])), Arc::new(InProcess::new()));
    let registry = Registry::default();
    let env = Env {
        clock: clock.clone(),
        store: store.clone(),
        mesh: mesh.clone(),
        ids: Arc::new(Ids::new(1)),
        registry: registry.clone(),
        work: Work::default(),
        links: consort_files::Links::sample(),
    };
    mesh.host::<account::Account>(Owners::<Account>::new(env.clone()));
    mesh.host::<name::Name>(Owners::<Names>::new(env));
    let (users, nodes) = (Arc::new(Told::default()), Arc::new(Told::default()));
    mesh.host::<user::User>(users.clone());
    mesh.host::<identity::Identity>(nodes.clone());
    World { clock, store, mesh, users, nodes, registry }
}

impl World {
    /// The same rows, with owners that know nothing else.
    pub fn restart(self) -> Self {
        start(self.clock, self.store)
    }

    pub async fn account(&self, op: account::Op) -> Reply {
        self.mesh.client::<account::Account>().call(ADA.get(), Caller::system(), op).await
    }

    pub async fn name(&self, name: &str, op: name::Op) -> Reply {
        self.mesh.client::<name::Name>().call(name::key(name), Caller::system(), op).await
    }

    /// Writes an account's row as its own owner does.
    pub async fn user(&self, id: UserId, name: &str, email: Option<&str>) {
        let mut row = UserRow::person(User::person(id, name), "en-US");
        row.current.email = email.map(str::to_owned);
        let mut batch = Batch::new();
        batch.put_row(Table::Users, id.get(), Key::empty(), &row);
        self.store.commit(batch).await.unwrap();
    }
}

pub fn read<T: DeserializeOwned>(reply: Reply) -> T {
    serde_json::from_slice(reply.unwrap().body().unwrap()).unwrap()
}

/// A token of Ada's.
pub fn token(session: u64, kind: Kind) -> TokenRow {
    TokenRow {
        user: ADA,
        session: AuthSessionId::new(session),
        kind,
        hash: format!("hash{session}"),
        created_ms: NOW_MS,
        expires_ms: None,
        client: ClientInfo::default(),
    }
}
