//! Whole clusters in one thread under one seed.
//!
//! Nodes run the cores and the shell that ship (`consort-actor`, `consort-guild`, `consort-user`), each over a clock, a disk and
//! links of its own. Time is simulated: it moves on when every task waits. While people found communities, join, write and make
//! friends, nodes crash and come back, links lose and delay or are cut in one direction, commits are slow or fail, clocks
//! jump, and each node hears late of what became of the others. Then everything is mended, and the checks of
//! [`checks`](self) look at what is stored and at what sessions were told.
//!
//! One seed decides all of it. A failure prints the seed; `cargo xtask sim --seed N` replays it.
//!
//! * `world`: nodes, their lives, and the faults. `disk`, `network`, `directory`, `clock`: what a node stands on.
//! * `people`: who does what, and what each was answered. `logins`: with what they are logged in. `edge`: the gateway of a node. `device`: its clients. `view`: what
//!   they know.
//! * `checks`: what must be true when all is over. `queues`: what must be true of queues while it runs, and then.

mod chance;
mod checks;
mod clock;
mod device;
mod directory;
mod disk;
mod edge;
mod logins;
mod network;
mod people;
mod queues;
mod view;
mod world;

use std::time::Duration;

/// What a simulation is to do.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Nodes of the cluster, at least one.
    pub nodes: u16,
    /// People.
    pub people: u64,
    /// How long people and faults go on, in simulated time.
    pub duration: Duration,
    /// Whether there are faults.
    pub faults: bool,
    /// Faults at most.
    pub faults_max: u64,
    /// Acts of each person at most.
    pub acts_max: u64,
}

impl Plan {
    const NONE: Self = Self {
        seed: 0,
        nodes: 3,
        people: 10,
        duration: Duration::ZERO,
        faults: true,
        faults_max: u64::MAX,
        acts_max: u64::MAX,
    };

    /// The usual plan.
    pub fn of(seed: u64) -> Self {
        Self { seed, nodes: 3, people: 10, duration: Duration::from_secs(60), ..Self::NONE }
    }
}

/// What came of a simulation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Acts that were acknowledged.
    pub acknowledged: u64,
    /// Acts that were refused, as they may be.
    pub refused: u64,
    /// Acts whose outcome nobody knows.
    pub unknown: u64,
    /// Events that sessions were told.
    pub events: u64,
    /// Sessions that were not found again: with their node, or told that they have missed something.
    pub ended: u64,
    /// Sessions that were resumed at another node than the one that had them.
    pub moved: u64,
    /// Crashes of nodes.
    pub crashes: u64,
    /// Nodes that were drained, and ended in order.
    pub drained: u64,
    /// Times in which nothing of what a node sends to another arrived.
    pub cuts: u64,
    /// Promises that were broken, in words.
    pub broken: Vec<String>,
}

/// Runs a simulation to its end.
///
/// # Panics
/// When the runtime cannot be made.
pub fn run(plan: Plan) -> Report {
    consort_runtime::seed_randomness(Some(plan.seed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread");
    let report = runtime.block_on(world::simulate(plan));
    drop(runtime);
    consort_runtime::seed_randomness(None);
    report
}
