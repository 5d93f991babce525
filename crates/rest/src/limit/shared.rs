//! Buckets of all nodes that serve the API: each is counted on one node, and the others take some of its requests ahead.
//!
//! A node that serves the API alone counts itself and asks nobody. With others, a bucket belongs to the node that the map says
//! ([`Service`]). Whoever needs it takes an eighth of its limit at a time, at least one, and decides about those without asking;
//! once nothing is left of a window it refuses by itself until that is over. So what several nodes let through is the limit; a caller who comes by
//! several nodes may be refused an eighth for each of them early.
//!
//! A node that cannot ask within [`ASK_MAX`] counts for itself, and asks nobody for [`SILENCE_MS`]: limits are there to protect the
//! installation, and that it answers is worth more than that each node counts to the limit for a moment.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use consort_model::ApiError;
use consort_rpc::limiter::{Edge, Limiter as Service, Op, Taken};
use consort_rpc::{Answer, Call, Caller, Host, MeshRef};
use consort_runtime::{ClockRef, spawn};
use sha2::{Digest as _, Sha256};

use super::bucket::{BUCKETS_MAX, Buckets, SHARDS, Verdict};
use super::quota::Quota;

/// How long another node has to answer: a multiple of what a call between nodes takes.
const ASK_MAX: Duration = Duration::from_millis(250);
/// For so long nobody is asked after one who did not answer.
const SILENCE_MS: u64 = 1_000;
/// The part of a limit that is taken ahead.
const AHEAD: u32 = 8;

/// The limits of a node.
#[derive(Debug)]
pub struct Limiter {
    /// What is counted here.
    own: Arc<Buckets>,
    taken: Leases,
    mesh: MeshRef,
    /// The version of the map by which it was found whether others serve the API, and what was found: the version doubled, and one
    /// more if others do.
    looked: AtomicU64,
    /// Nobody is asked before, Unix milliseconds.
    silent_until_ms: AtomicU64,
}

/// The name of a bucket, the same on all nodes.
#[derive(Debug, Clone, Copy)]
struct Name(u64, u64);

impl Name {
    fn of(key: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in key {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest = hasher.finalize();
        let half = |from: usize| digest[from..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Self(half(0), half(8))
    }

    fn number(self) -> u128 {
        u128::from(self.0) << 64 | u128::from(self.1)
    }
}

impl Limiter {
    /// No request counted yet.
    pub fn new(mesh: MeshRef) -> Self {
        let (own, taken) = (Arc::default(), Leases::default());
        Self { own, taken, mesh, looked: AtomicU64::new(u64::MAX), silent_until_ms: AtomicU64::new(0) }
    }

    /// What counts here for other nodes.
    pub fn counter(&self, clock: ClockRef) -> Arc<dyn Host<Service>> {
        Arc::new(Counter { buckets: self.own.clone(), clock })
    }

    /// Counts one request in the bucket `key`.
    pub(super) async fn take(&self, now_ms: u64, quota: &Quota, key: &[&str]) -> Verdict {
        let Some(name) = self.elsewhere(now_ms, key) else { return self.take_here(now_ms, quota, key) };
        if let Some(verdict) = self.taken.take(now_ms, name.number()) {
            return verdict;
        }
        let want = (quota.limit / AHEAD).max(1);
        match self.ask(quota, name, want).await {
            Some(taken) => self.taken.add(now_ms, name.number(), taken),
            None => {
                self.silent_until_ms.store(now_ms + SILENCE_MS, Ordering::Relaxed);
                tracing::warn!("a limiter does not answer; this node counts for itself");
                self.take_here(now_ms, quota, key)
            }
        }
    }

    /// What [`Limiter::take`] would say as far as this node knows; counts nothing, and asks nobody.
    pub(super) fn look(&self, now_ms: u64, quota: &Quota, key: &[&str]) -> Verdict {
        let here = || match self.is_shared() {
            true => self.own.look_at(now_ms, quota, Name::of(key).number()),
            false => self.own.look(now_ms, quota, key),
        };
        let known = self.elsewhere(now_ms, key).and_then(|name| self.taken.look(now_ms, name.number()));
        known.unwrap_or_else(here)
    }

    /// As [`Limiter::take`], of which nobody waits to hear.
    pub(super) fn count(self: &Arc<Self>, now_ms: u64, quota: Quota, key: [&str; 2]) {
        let Some(name) = self.elsewhere(now_ms, &key) else {
            self.take_here(now_ms, &quota, &key);
            return;
        };
        if self.taken.take(now_ms, name.number()).is_none() {
            let (limiter, key) = (self.clone(), key.map(str::to_owned));
            spawn("limit", async move { limiter.take(now_ms, &quota, &[&key[0], &key[1]]).await });
        }
    }

    fn take_here(&self, now_ms: u64, quota: &Quota, key: &[&str]) -> Verdict {
        match self.is_shared() {
            true => self.own.take_at(now_ms, quota, Name::of(key).number()),
            false => self.own.take(now_ms, quota, key),
        }
    }

    /// Whether other nodes serve the API.
    fn is_shared(&self) -> bool {
        let version = self.mesh.version();
        let looked = self.looked.load(Ordering::Relaxed);
        if looked >> 1 == version & (u64::MAX >> 1) && looked != u64::MAX {
            return looked & 1 == 1;
        }
        let is_shared = self.mesh.nodes_of::<Edge>().len() > 1;
        self.looked.store(version << 1 | u64::from(is_shared), Ordering::Relaxed);
        is_shared
    }

    /// The name of a bucket that another node is to be asked about.
    fn elsewhere(&self, now_ms: u64, key: &[&str]) -> Option<Name> {
        if !self.is_shared() || self.silent_until_ms.load(Ordering::Relaxed) > now_ms {
            return None;
        }
        let name = Name::of(key);
        let owner = self.mesh.owner_of::<Service>(name.0)?;
        (owner != self.mesh.node()).then_some(name)
    }

    async fn ask(&self, quota: &Quota, name: Name, want: u32) -> Option<Taken> {
        let (limit, window_ms) = (quota.limit, quota.window_ms);
        let op = Op::Take { bucket: (name.0, name.1), limit, window_ms, want };
        let limiters = self.mesh.client::<Service>();
        let asked = limiters.call(name.0, Caller::system(), op);
        let answer = tokio::time::timeout(ASK_MAX, asked).await.ok()?.ok()?;
        serde_json::from_slice(answer.body()?).ok()
    }
}

/// Counts for other nodes.
struct Counter {
    buckets: Arc<Buckets>,
    clock: ClockRef,
}

impl Host<Service> for Counter {
    fn deliver(&self, _key: u64, call: Call<Service>) {
        if !call.caller.system {
            return call.respond.send(Err(ApiError::missing_access()));
        }
        let Op::Take { bucket, limit, window_ms, want } = call.op;
        let name = Name(bucket.0, bucket.1);
        let taken = self.buckets.take_many(self.clock.now_ms(), (limit, window_ms), name.number(), want);
        call.respond.send(Ok(Answer::json(&taken)));
    }
}

/// What was taken ahead of a bucket's window.
#[derive(Debug, Clone, Copy)]
struct Lease {
    /// What of it is left here, and what there was for others then.
    here: u32,
    others: u32,
    reset_ms: u64,
}

/// Leases by the names of their buckets. Beyond [`BUCKETS_MAX`] of a shard those whose window is over are forgotten; if all are
/// running, all are: then their buckets are asked again.
#[derive(Debug)]
struct Leases(Vec<Mutex<HashMap<u128, Lease>>>);

impl Default for Leases {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl Leases {
    fn shard(&self, name: u128) -> MutexGuard<'_, HashMap<u128, Lease>> {
        self.0[(name as usize) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides, if that can be done without asking.
    fn take(&self, now_ms: u64, name: u128) -> Option<Verdict> {
        let mut leases = self.shard(name);
        let lease = leases.get_mut(&name).filter(|lease| lease.reset_ms > now_ms)?;
        let allowed = lease.here > 0;
        if !allowed && lease.others > 0 {
            return None;
        }
        lease.here = lease.here.saturating_sub(1);
        Some(Verdict { allowed, remaining: lease.here + lease.others, reset_ms: lease.reset_ms })
    }

    /// What is known of a bucket.
    fn look(&self, now_ms: u64, name: u128) -> Option<Verdict> {
        let lease = self.shard(name).get(&name).copied().filter(|lease| lease.reset_ms > now_ms)?;
        let remaining = lease.here + lease.others;
        Some(Verdict { allowed: remaining > 0, remaining, reset_ms: lease.reset_ms })
    }

    /// Adds what was taken, and decides about one request of it.
    fn add(&self, now_ms: u64, name: u128, taken: Taken) -> Verdict {
        let mut leases = self.shard(name);
        if leases.len() >= BUCKETS_MAX {
            leases.retain(|_, lease| lease.reset_ms > now_ms);
            if leases.len() >= BUCKETS_MAX {
                leases.clear();
            }
        }
        // Several may have asked at once.
        let running = leases.get(&name).filter(|lease| lease.reset_ms > now_ms).map_or(0, |lease| lease.here);
        let (allowed, reset_ms) = (taken.granted > 0, now_ms + taken.ends_in_ms);
        let here = running + taken.granted.saturating_sub(1);
        leases.insert(name, Lease { here, others: taken.left, reset_ms });
        Verdict { allowed, remaining: here + taken.left, reset_ms }
    }
}

#[cfg(test)]
mod tests {
    use consort_rpc::{InProcess, Mesh, NodeId, Static};
    use consort_runtime::Manual;

    use super::super::quota::Per;
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;
    const NODES: [NodeId; 2] = [NodeId(1), NodeId(2)];
    const FIVE: Quota = Quota { name: "five", limit: 5, window_ms: 1_000, per: Per::Caller };
    const MANY: Quota = Quota { name: "many", limit: 40, window_ms: 1_000, per: Per::Caller };

    struct Nodes {
        network: InProcess,
        directory: Arc<Static>,
        limiters: Vec<Arc<Limiter>>,
        meshes: Vec<MeshRef>,
    }

    fn nodes() -> Nodes {
        let (directory, network) = (Arc::new(Static::new(NODES.to_vec())), InProcess::new());
        let clock: ClockRef = Manual::new(NOW_MS);
        let meshes = NODES.map(|node| {
            let mesh = Mesh::new(node, directory.clone(), Arc::new(network.clone()));
            network.join(&mesh);
            mesh
        });
        let limiters = meshes.iter().map(|mesh| {
            let limiter = Arc::new(Limiter::new(mesh.clone()));
            mesh.host::<Service>(limiter.counter(clock.clone()));
            limiter
        });
        Nodes { network, directory, limiters: limiters.collect(), meshes: meshes.into() }
    }

    /// A caller whose bucket the second node has.
    fn of_second(nodes: &Nodes) -> String {
        let is_there = |who: &String| {
            let name = Name::of(&["b", who]);
            nodes.meshes[0].owner_of::<Service>(name.0) == Some(NODES[1])
        };
        (0..).map(|n| n.to_string()).find(is_there).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_several_nodes_let_through_is_the_limit() {
        let nodes = nodes();
        for who in ["ann", "bob", "cid", "dan"] {
            let mut allowed = 0;
            for turn in 0..20 {
                let verdict = nodes.limiters[turn % 2].take(NOW_MS, &FIVE, &["b", who]).await;
                allowed += u32::from(verdict.allowed);
                assert_eq!(verdict.reset_ms, NOW_MS + 1_000);
            }
            assert_eq!(allowed, 5, "{who}");
            // The next window is another one, on all nodes.
            assert!(nodes.limiters[0].take(NOW_MS + 1_000, &MANY, &["c", who]).await.allowed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_taken_ahead_is_decided_without_asking() {
        let nodes = nodes();
        let who = of_second(&nodes);
        let first = nodes.limiters[0].take(NOW_MS, &MANY, &["b", &who]).await;
        assert_eq!((first.allowed, first.remaining), (true, 39));
        nodes.network.part(NODES[1]);
        for left in [38, 37, 36, 35] {
            assert_eq!(nodes.limiters[0].take(NOW_MS, &MANY, &["b", &who]).await.remaining, left);
        }
        // The fifth of them was the last; the owner cannot be asked, and this node counts for itself, and waits for it no more.
        assert_eq!(nodes.limiters[0].take(NOW_MS, &MANY, &["b", &who]).await.remaining, 39);
        let began = tokio::time::Instant::now();
        assert_eq!(nodes.limiters[0].take(NOW_MS, &MANY, &["b", &who]).await.remaining, 38);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_over_the_limit_is_refused_without_asking_until_the_window_ends() {
        let nodes = nodes();
        let who = of_second(&nodes);
        for _ in 0..6 {
            nodes.limiters[0].take(NOW_MS, &FIVE, &["b", &who]).await;
        }
        nodes.network.part(NODES[1]);
        let refused = nodes.limiters[0].take(NOW_MS + 999, &FIVE, &["b", &who]).await;
        assert_eq!((refused.allowed, refused.reset_ms), (false, NOW_MS + 1_000));
        assert!(!nodes.limiters[0].look(NOW_MS + 999, &FIVE, &["b", &who]).allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_counted_aside_is_known_to_the_node_that_counts() {
        let nodes = nodes();
        let who = of_second(&nodes);
        for _ in 0..6 {
            nodes.limiters[0].count(NOW_MS, FIVE, ["b", &who]);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(!nodes.limiters[0].look(NOW_MS, &FIVE, &["b", &who]).allowed);
        assert!(!nodes.limiters[1].look(NOW_MS, &FIVE, &["b", &who]).allowed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_serves_alone_asks_nobody() {
        let nodes = nodes();
        let who = of_second(&nodes);
        nodes.directory.set(vec![NODES[0]]);
        nodes.network.part(NODES[1]);
        let began = tokio::time::Instant::now();
        let mut allowed = 0;
        for _ in 0..20 {
            allowed += u32::from(nodes.limiters[0].take(NOW_MS, &FIVE, &["b", &who]).await.allowed);
        }
        assert_eq!((allowed, began.elapsed()), (5, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn only_nodes_take_of_a_bucket() {
        let nodes = nodes();
        let op = Op::Take { bucket: (1, 2), limit: 5, window_ms: 1_000, want: 5 };
        let stranger = Caller::user(1.into(), false);
        let reply = nodes.meshes[0].client::<Service>().call(1, stranger, op).await;
        assert_eq!(reply.unwrap_err().status, 403);
    }
}
