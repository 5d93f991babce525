//! A core driven by hand: no store, no task, no clock.

use std::sync::Arc;

use consort_model::ApiError;
use consort_rpc::{Caller, Effect, NodeId, Service};
use consort_runtime::Ids;

use crate::core::{Core, Load, Outcome};
use crate::turn::{Machine, Step, Turn};

/// A core that is called directly, for benches and for tests that need no store: whatever it has not written itself is not
/// there when it reads, and what it writes is durable at once.
pub struct Driven<C: Core>(Machine<C>);

impl<C: Core> Driven<C> {
    /// Takes a core.
    pub fn new(core: C, node: NodeId, ids: Arc<Ids>) -> Self {
        Self(Machine::new(core, node, ids))
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
    ) -> Result<(Outcome, Vec<Effect>), Box<ApiError>> {
        let mut scans = Vec::new();
        loop {
            match self.0.handle(now_ms, caller, op, &scans) {
                Step::Turn(turn) => return self.done(turn),
                Step::Load(Load::Row(table, partition, key)) => {
                    let key = (table, partition, key);
                    self.0.rows.loading(key.clone());
                    let absent = self.0.rows.loaded(key, Ok(None));
                    debug_assert!(absent.is_ok(), "nothing was read that could fail");
                }
                Step::Load(scan) => scans.push((scan, Vec::new())),
            }
        }
    }

    /// Has it do what is due; what it wants done.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Effect> {
        let turn = self.0.tick(now_ms);
        self.0.rows.durable(turn.number);
        turn.effects
    }

    fn done(&mut self, turn: Turn) -> Result<(Outcome, Vec<Effect>), Box<ApiError>> {
        self.0.rows.durable(turn.number);
        Ok((turn.outcome?, turn.effects))
    }
}
