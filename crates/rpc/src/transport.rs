//! How calls cross between nodes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::mesh::{Responder, encode_reply};
use crate::{CallError, Mesh, MeshRef, NodeId};

/// Carries encoded calls to other nodes. Casts from one node to one other keep their order.
pub trait Transport: Send + Sync + 'static {
    /// Carries a call and brings its encoded answer.
    fn call(
        &self,
        to: NodeId,
        service: &'static str,
        key: u64,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, CallError>>;

    /// Carries a call that wants no answer.
    ///
    /// # Errors
    /// When the node is known to be unreachable or its queue is full.
    fn cast(&self, to: NodeId, service: &'static str, key: u64, body: Bytes) -> Result<(), CallError>;

    /// As [`Transport::cast`], of something that may be dropped sooner than others when there is much to carry. It overtakes
    /// nothing and is overtaken by nothing.
    ///
    /// # Errors
    /// As there, and when it is dropped.
    fn cast_volatile(
        &self,
        to: NodeId,
        service: &'static str,
        key: u64,
        body: Bytes,
    ) -> Result<(), CallError> {
        self.cast(to, service, key, body)
    }
}

/// Nodes in one process. Every call is encoded, carried as bytes and decoded, as between machines.
#[derive(Debug, Default, Clone)]
pub struct InProcess(Arc<RwLock<HashMap<NodeId, Weak<Mesh>>>>);

impl InProcess {
    /// A network without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plugs a node in.
    pub fn join(&self, mesh: &MeshRef) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(mesh.node(), Arc::downgrade(mesh));
    }

    /// Pulls a node's plug: calls to it fail from now on.
    pub fn part(&self, node: NodeId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }

    fn reach(&self, node: NodeId) -> Result<MeshRef, CallError> {
        let nodes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        nodes.get(&node).and_then(Weak::upgrade).ok_or(CallError::Unreachable(node))
    }
}

impl Transport for InProcess {
    fn call(
        &self,
        to: NodeId,
        service: &'static str,
        key: u64,
        body: Bytes,
    ) -> BoxFuture<'static, Result<Bytes, CallError>> {
        let (respond, answer) = Responder::channel();
        let sent = self.reach(to).and_then(|mesh| mesh.receive(service, key, &body, respond));
        Box::pin(async move {
            sent?;
            let reply = answer.await.map_err(|_| CallError::Lost)?;
            encode_reply(&reply)
        })
    }

    fn cast(&self, to: NodeId, service: &'static str, key: u64, body: Bytes) -> Result<(), CallError> {
        self.reach(to)?.receive(service, key, &body, Responder::none())
    }
}
