//! A core driven by hand: no store, no task, no clock.

use std::sync::Arc;

use consort_files::Links;
use consort_model::ApiError;
use consort_rpc::relay::Epoch;
use consort_rpc::{Caller, Effect, Fact, NodeId, Publication, Service};
use consort_runtime::{Ids, Now, Random};
use consort_store::Batch;

use crate::core::{Core, Load, Outcome};
use crate::cx::After;
use crate::rows::Scanned;
use crate::turn::{Machine, Step, Turn};

/// What leaves after a turn.
#[derive(Debug, Default)]
pub struct Leaving {
    /// What other owners are to carry out.
    pub effects: Vec<Effect>,
    /// What is told until it is taken.
    pub facts: Vec<Fact>,
    /// What is sent once.
    pub publications: Vec<Publication>,
    /// What is written with it.
    pub batch: Batch,
}

impl Leaving {
    fn of(batch: Batch, after: Vec<After>) -> Self {
        let mut leaving = Self { batch, ..Self::default() };
        for after in after {
            match after {
                After::Effect { effect, .. } => leaving.effects.push(effect),
                After::Fact(fact) => leaving.facts.push(fact),
                After::Publication(publication) => leaving.publications.push(publication),
            }
        }
        leaving
    }
}

/// A core that is called directly, for benches and for tests that need no store: whatever it has not written itself is not
/// there when it reads, and what it writes is durable at once.
pub struct Driven<C: Core>(Machine<C>);

impl<C: Core> Driven<C> {
    /// Takes a core.
    pub fn new(core: C, node: NodeId, ids: Arc<Ids>) -> Self {
        Self(Machine::new(core, (node, Epoch::next(0)), ids, Links::sample(), Random::seeded(1)))
    }

    /// As an owner that other nodes could own, too.
    pub fn shared(self) -> Self {
        Self(self.0.shared(true))
    }

    /// The core.
    pub fn core(&self) -> &C {
        &self.0.core
    }

    /// Calls it; what it answers and what it wants done.
    ///
    /// # Errors
    /// The core's refusal.
    pub fn call(
        &mut self,
        now_ms: u64,
        caller: &Caller,
        op: &<C::Service as Service>::Op,
    ) -> Result<(Outcome, Leaving), Box<ApiError>> {
        let mut scans = Vec::new();
        loop {
            match self.0.handle(Now::at(now_ms), caller, op, &scans) {
                Step::Turn(turn) => return self.done(turn),
                Step::Load(Load::Row(table, partition, key)) => {
                    let key = (table, partition, key);
                    self.0.rows.loading(key.clone());
                    let absent = self.0.rows.loaded(key, Ok(None));
                    debug_assert!(absent.is_ok(), "nothing was read that could fail");
                }
                Step::Load(Load::Scan(table, partition, range)) => {
                    scans.push(Scanned { table, partition, range, rows: Vec::new(), since: 0 });
                }
            }
        }
    }

    /// Has it do what is due; what it wants done.
    pub fn tick(&mut self, now_ms: u64) -> Leaving {
        let turn = self.0.tick(Now::at(now_ms));
        self.0.rows.durable(turn.number);
        Leaving::of(turn.batch, turn.after)
    }

    fn done(&mut self, turn: Turn) -> Result<(Outcome, Leaving), Box<ApiError>> {
        self.0.rows.durable(turn.number);
        Ok((turn.outcome?, Leaving::of(turn.batch, turn.after)))
    }
}
