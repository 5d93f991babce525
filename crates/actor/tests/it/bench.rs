//! A node with toys, a gate before its store, and a listener that writes down what it is told. Time stands still: it moves on
//! when nothing else is to be done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consort_actor::{Env, Owners, Work};
use consort_rpc::{
    Answer, Call, CallError, Caller, Client, Host, InProcess, Mesh, MeshRef, NodeId, Number, Owner, Reply,
    Responder, Static, user,
};
use consort_runtime::{Ids, Manual, Registry};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::gate::Gate;
use crate::toy::{Op, Toy, Toys};

pub const NOW_MS: u64 = 1_800_000_000_000;

pub struct Bench {
    pub gate: Arc<Gate>,
    pub clock: Arc<Manual>,
    pub registry: Registry,
    pub work: Work,
    pub owners: Arc<Owners<Toy>>,
    pub client: Client<Toys>,
    pub mesh: MeshRef,
    told: Arc<Told>,
}

impl Bench {
    pub fn new() -> Self {
        let mesh = Mesh::new(NodeId(1), Arc::new(Static::alone(NodeId(1), 1)), Arc::new(InProcess::new()));
        let (gate, clock, registry) = (Gate::new(), Manual::new(NOW_MS), Registry::default());
        let work = Work::default();
        let env = Env {
            clock: clock.clone(),
            store: gate.clone(),
            mesh: mesh.clone(),
            links: consort_files::Links::sample(),
            ids: Arc::new(Ids::new(1)),
            registry: registry.clone(),
            work: work.clone(),
        };
        let (owners, told) = (Owners::<Toy>::new(env), Arc::new(Told::default()));
        mesh.host::<Toys>(owners.clone());
        mesh.host::<user::User>(told.clone());
        Self { gate, clock, registry, work, owners, client: mesh.client(), mesh, told }
    }

    /// Calls toy 1 and waits for the answer.
    pub async fn ask(&self, op: Op) -> Result<Value, (u16, u32)> {
        self.ask_toy(1, op).await
    }

    /// Calls a toy and waits for the answer.
    pub async fn ask_toy(&self, key: u64, op: Op) -> Result<Value, (u16, u32)> {
        plain(self.client.call(key, Caller::system(), op).await)
    }

    /// Calls toy 1 and goes on; the answer is to be awaited.
    pub fn send(&self, op: Op) -> JoinHandle<Result<Value, (u16, u32)>> {
        self.send_toy(1, op)
    }

    /// Calls a toy and goes on. Delivered by this call, so that calls are in the order of the program.
    pub fn send_toy(&self, key: u64, op: Op) -> JoinHandle<Result<Value, (u16, u32)>> {
        let answer = self.deliver(key, op, Instant::now() + Duration::from_secs(10));
        tokio::spawn(async move { plain(answer.await.unwrap_or_else(|_| Err(CallError::Lost.into()))) })
    }

    /// Puts a call into a toy's mailbox.
    pub fn deliver(&self, key: u64, op: Op, deadline: Instant) -> tokio::sync::oneshot::Receiver<Reply> {
        let (respond, answer) = Responder::channel();
        self.owners.deliver(key, Call { caller: Caller::system(), op, respond, deadline, origin: None });
        answer
    }

    /// Waits until nobody has anything to do.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Lets time pass.
    pub async fn advance(&self, by: Duration) {
        self.clock.advance(by.as_millis() as u64);
        tokio::time::sleep(by).await;
    }

    /// What the listener was told: sums, and `-sum` when a toy was brought to life.
    pub fn told(&self) -> Vec<i64> {
        self.told.0.lock().unwrap().clone()
    }
}

fn plain(reply: Reply) -> Result<Value, (u16, u32)> {
    let answer = reply.map_err(|error| (error.status, error.code))?;
    Ok(answer.body().map_or(Value::Null, |body| serde_json::from_slice(body).expect("JSON")))
}

/// Takes each effect once, as an owner does.
#[derive(Default)]
struct Told(Mutex<Vec<i64>>, Mutex<BTreeMap<Owner, Number>>);

impl Host<user::User> for Told {
    fn deliver(&self, _user: u64, call: Call<user::User>) {
        if let Some(origin) = &call.origin {
            let last = self.1.lock().unwrap().insert(origin.sender.clone(), origin.number);
            if last.is_some_and(|last| last >= origin.number) {
                self.1.lock().unwrap().insert(origin.sender.clone(), last.unwrap());
                return call.respond.send(Ok(Answer::Empty));
            }
        }
        let told = match call.op {
            user::Op::GuildJoined { guild } => guild.get() as i64,
            user::Op::GuildLeft { guild } => -(guild.get() as i64),
            other => panic!("not told by toys: {other:?}"),
        };
        self.0.lock().unwrap().push(told);
        call.respond.send(Ok(Answer::Empty));
    }
}
