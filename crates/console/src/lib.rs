//! What operators see of a running installation, and do to it.
//!
//! * [`Parts`] is what a node has to show; each node answers the others over the mesh ([`consort_rpc::operate`]).
//! * [`View`] asks all nodes and puts the answers together, so that one node shows the whole cluster.
//! * [`open`] makes the node reachable for operators, by a socket in its data folder (`access.rs`).
//! * `shell.rs` evaluates expressions on the node; [`Operators`] are those who may change something.
//! * `metrics.rs` tells the same figures to Prometheus, on a port of its own.
//! * [`Tool`] is the other side: `consort top`, `actor`, `sessions`, `shell`, `operator`.
//!
//! It has no way around the owners: what it shows of actors is what their loops leave in [`consort_runtime::Live`], and what it
//! changes it asks for.

mod access;
mod client;
mod command;
mod host;
mod metrics;
mod operators;
mod process;
mod shell;
mod table;
mod tool;
mod view;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

pub use host::{Parts, SetLog};
pub use operators::{Operator, Operators, Role};
pub use shell::FUNCTIONS;
pub use tool::Tool;
pub use view::{Drain, View};

/// A node that operators can look at, until this is dropped.
#[derive(Debug)]
pub struct Operable {
    console: Arc<host::Console>,
    metrics: Option<metrics::Metrics>,
    _access: Option<access::Access>,
}

impl Operable {
    /// Answers those who collect metrics, at an address of its own; gives where it listens.
    ///
    /// # Errors
    /// A text that says why the address cannot be taken.
    pub async fn serve_metrics(&mut self, address: SocketAddr) -> Result<SocketAddr, String> {
        let started = metrics::Metrics::start(address, self.console.clone()).await;
        let (metrics, address) = started.map_err(|error| format!("metrics at {address}: {error}"))?;
        self.metrics = Some(metrics);
        Ok(address)
    }
}

/// Has a node answer operators: those who come to it by its data folder, and those at other nodes.
pub fn open(parts: Parts, data: &Path, drain: Option<Drain>) -> Operable {
    let view = View::new(parts.mesh.clone(), drain);
    let console = host::Console::start(parts);
    let access = access::Access::open(data, view);
    let access = access.inspect_err(|error| {
        let socket = data.join(access::SOCKET);
        tracing::warn!(%error, socket = %socket.display(), "operators cannot look at this node by itself");
    });
    Operable { console, metrics: None, _access: access.ok() }
}
