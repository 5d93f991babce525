//! The whole cluster as seen from one node: asks each node, and puts the answers together.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use consort_model::UserId;
use consort_rpc::operate::{Actors, By, NodeInfo, Op, Operate, Sessions, Trace};
use consort_rpc::{Caller, MeshRef, NodeId, Reply, operate};
use futures_util::future::join_all;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How long a node has to answer. One that hangs is named, and the others are shown.
const NODE_MAX: Duration = Duration::from_secs(4);

/// Takes a node out of the cluster: its name, and whether also when it is needed. Gives what came of it, in words.
pub type Drain =
    Arc<dyn Fn(String, bool) -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// See the module.
#[derive(Clone)]
pub struct View {
    mesh: MeshRef,
    drain: Option<Drain>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("mesh", &self.mesh).finish_non_exhaustive()
    }
}

/// What nodes have answered, and which have not.
struct Asked<T> {
    answers: Vec<(NodeId, T)>,
    silent: Vec<Value>,
}

impl View {
    /// From the node of this mesh.
    pub fn new(mesh: MeshRef, drain: Option<Drain>) -> Self {
        Self { mesh, drain }
    }

    async fn ask<T: DeserializeOwned>(&self, node: NodeId, op: Op) -> Result<Option<T>, String> {
        let client = self.mesh.client::<Operate>();
        let asked = client.call(u64::from(node.0), Caller::system(), op);
        let reply: Reply = tokio::time::timeout(NODE_MAX, asked).await.map_err(|_| "no answer in time")?;
        match reply.map_err(|error| error.message.to_string())?.body() {
            Some(body) => operate::decode(body).map(Some),
            None => Ok(None),
        }
    }

    async fn ask_all<T: DeserializeOwned>(&self, op: &Op) -> Asked<T> {
        let mut nodes = self.mesh.nodes_of::<Operate>();
        nodes.sort_unstable();
        let asked = nodes.into_iter().map(async |node| (node, self.ask(node, op.clone()).await));
        let mut all = Asked { answers: Vec::new(), silent: Vec::new() };
        for (node, answer) in join_all(asked).await {
            match answer {
                Ok(answer) => all.answers.extend(answer.map(|answer| (node, answer))),
                Err(why) => all.silent.push(json!({ "node": node.0, "why": why })),
            }
        }
        all
    }

    /// The nodes: `{nodes: [NodeInfo], silent: [{node, why}]}`.
    pub async fn nodes(&self) -> Value {
        let Asked { answers, silent } = self.ask_all::<NodeInfo>(&Op::Node).await;
        let nodes: Vec<_> = answers.into_iter().map(|(_, info)| info).collect();
        json!({ "nodes": nodes, "silent": silent })
    }

    /// Actors of all nodes: `{total, actors: [ActorInfo and node], silent}`.
    pub async fn actors(&self, kind: Option<String>, by: By, limit: usize, resting: bool) -> Value {
        let op = Op::Actors { kind, by, limit, resting };
        let Asked { answers, silent } = self.ask_all::<Actors>(&op).await;
        let total: u64 = answers.iter().map(|(_, actors)| actors.total).sum();
        let of_node =
            |(node, actors): (NodeId, Actors)| actors.actors.into_iter().map(move |actor| (node, actor));
        let mut all: Vec<_> = answers.into_iter().flat_map(of_node).collect();
        crate::host::sort_all(&mut all, by);
        all.truncate(limit);
        let actors: Vec<_> = all.into_iter().map(|(node, actor)| on_node(node, &actor)).collect();
        json!({ "total": total, "actors": actors, "silent": silent })
    }

    /// One actor wherever it is: `{actors: [Actor and node], silent}`. More than one while a key moves.
    pub async fn actor(&self, kind: String, key: u64) -> Value {
        let Asked { answers, silent } = self.ask_all::<operate::Actor>(&Op::Actor { kind, key }).await;
        let actors: Vec<_> = answers.into_iter().map(|(node, actor)| on_node(node, &actor)).collect();
        json!({ "actors": actors, "silent": silent })
    }

    /// The node that has an actor.
    async fn place(&self, kind: &str, key: u64) -> Result<NodeId, String> {
        let op = Op::Actor { kind: kind.to_owned(), key };
        let mut found = self.ask_all::<operate::Actor>(&op).await;
        // While a key moves the one at work is meant.
        found.answers.sort_by_key(|(_, actor)| std::cmp::Reverse(actor.info.epoch));
        let first = found.answers.first().map(|(node, _)| *node);
        first.ok_or_else(|| format!("no node has {kind} {key} in memory"))
    }

    /// What an actor says of its own state.
    ///
    /// # Errors
    /// A text that says why there is none.
    pub async fn state(&self, who: String, kind: String, key: u64) -> Result<Value, String> {
        let node = self.place(&kind, key).await?;
        let state = self.ask(node, Op::State { who, kind, key }).await?;
        Ok(json!({ "node": node.0, "state": state.unwrap_or(Value::Null) }))
    }

    /// Watches the messages of an actor; those after number `after`.
    ///
    /// # Errors
    /// A text that says why this cannot be.
    pub async fn watch(&self, who: String, kind: String, key: u64, after: u64) -> Result<Value, String> {
        let node = self.place(&kind, key).await?;
        let trace: Option<Trace> = self.ask(node, Op::Watch { who, kind, key, after }).await?;
        Ok(json!({ "node": node.0, "messages": trace.unwrap_or_default().messages }))
    }

    /// The sessions of an account: `{sessions: [SessionInfo], silent}`.
    pub async fn sessions(&self, who: String, user: UserId) -> Value {
        let Asked { answers, mut silent } = self.ask_all::<Sessions>(&Op::Sessions { who, user }).await;
        let mut all = Vec::new();
        for (node, found) in answers {
            all.extend(found.sessions);
            let slices = found.silent.iter();
            silent.extend(
                slices
                    .map(|slice| json!({ "node": node.0, "why": format!("slice {slice} does not answer") })),
            );
        }
        json!({ "sessions": all, "silent": silent })
    }

    /// Sets what is logged by one node, or by all: `{before: [[node, filter]], silent}`.
    pub async fn log_level(&self, who: String, node: Option<u16>, filter: String) -> Result<Value, String> {
        let op = Op::LogLevel { who, filter };
        if let Some(node) = node {
            let before: Option<String> = self.ask(NodeId(node), op).await?;
            return Ok(json!({ "before": [[node, before]], "silent": [] }));
        }
        let Asked { answers, silent } = self.ask_all::<String>(&op).await;
        let before: Vec<_> = answers.into_iter().map(|(node, before)| json!([node.0, before])).collect();
        Ok(json!({ "before": before, "silent": silent }))
    }

    /// Takes a node out of the cluster, by its name; says how it went when it has left.
    ///
    /// # Errors
    /// A text that says why it stays.
    pub async fn drain(&self, name: String, anyway: bool) -> Result<Value, String> {
        let drain = self.drain.as_ref().ok_or("this node is no member of a cluster in etcd")?;
        drain(name, anyway).await.map(Value::String)
    }
}

fn on_node<T: serde::Serialize>(node: NodeId, of: &T) -> Value {
    let mut value = serde_json::to_value(of).unwrap_or(Value::Null);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("node".to_owned(), node.0.into());
    }
    value
}
