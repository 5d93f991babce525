//! Where pictures are fetched from: which addresses may be gone to, and how many fetches one host has at once.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consort_runtime::network;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::guard::is_public;

/// Fetches from one address (of IPv6 a /64) at once. Names are no measure: whoever owns a domain has as many as it likes.
const AT_ONCE_MAX: usize = 4;
/// Fetches that wait for them; more are refused. Together they leave most of all fetches to other hosts.
const WAITING_MAX: usize = 4;

/// Which addresses may be gone to.
#[derive(Debug)]
pub(crate) enum Allowed {
    /// Those of the public internet.
    Public,
    /// All of them.
    Any,
    /// These.
    #[cfg(test)]
    Only(Vec<SocketAddr>),
}

/// The hosts that are gone to.
#[derive(Debug)]
pub(crate) struct Places {
    allowed: Allowed,
    at_once_max: usize,
    visited: Mutex<HashMap<IpAddr, Visited>>,
}

#[derive(Debug)]
struct Visited {
    turns: Arc<Semaphore>,
    /// Who is there or waits.
    count: usize,
}

/// One fetch at a host; over when dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    places: Arc<Places>,
    network: IpAddr,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(crate) fn new(allowed: Allowed) -> Arc<Self> {
        Self::with(allowed, AT_ONCE_MAX)
    }

    /// Hosts of which each may have so many at once.
    pub(crate) fn with(allowed: Allowed, at_once_max: usize) -> Arc<Self> {
        Arc::new(Self { allowed, at_once_max, visited: Mutex::default() })
    }

    /// Whether an address may be gone to.
    pub(crate) fn allows(&self, address: SocketAddr) -> bool {
        // Services that are none of the web's live below; nobody shall reach them through this server.
        let is_web = address.port() >= 1024 || matches!(address.port(), 80 | 443);
        is_web
            && match &self.allowed {
                Allowed::Public => is_public(address.ip()),
                Allowed::Any => true,
                #[cfg(test)]
                Allowed::Only(addresses) => addresses.contains(&address),
            }
    }

    /// Waits for a turn at a host; `None` when too many wait already.
    pub(crate) async fn visit(self: &Arc<Self>, ip: IpAddr) -> Option<Visit> {
        let network = network(ip);
        let turns = {
            let mut visited = self.lock();
            let visited = visited
                .entry(network)
                .or_insert_with(|| Visited { turns: Arc::new(Semaphore::new(self.at_once_max)), count: 0 });
            if visited.count >= self.at_once_max + WAITING_MAX {
                return None;
            }
            visited.count += 1;
            visited.turns.clone()
        };
        // Counted from here on, also when whoever waits gives up.
        let mut visit = Visit { places: self.clone(), network, _turn: None };
        visit._turn = turns.acquire_owned().await.ok();
        Some(visit)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Visited>> {
        self.visited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut visited = self.places.lock();
        let Some(of_host) = visited.get_mut(&self.network) else { return };
        of_host.count -= 1;
        if of_host.count == 0 {
            visited.remove(&self.network);
        }
    }
}
