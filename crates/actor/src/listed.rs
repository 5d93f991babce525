//! An actor's entry in the list that operators look at.

use std::sync::Arc;

use consort_runtime::{ActorGauge, Live, Queue, Registry};

use crate::Env;

/// Keeps an actor on the operator's list for as long as its task lives, however that ends, and while it rests.
pub(crate) struct Listed {
    service: &'static str,
    key: u64,
    registry: Registry,
    pub(crate) gauge: Arc<ActorGauge>,
    pub(crate) live: Arc<Live>,
    /// It stays on the list although its task ends.
    pub(crate) stays: bool,
}

impl Listed {
    /// An actor whose task has begun. `gauge`: its entry while it rested.
    pub(crate) fn new(
        (service, key): (&'static str, u64),
        env: &Env,
        queue: Arc<dyn Queue>,
        gauge: Option<Arc<ActorGauge>>,
    ) -> Self {
        let registry = env.registry.clone();
        let gauge = gauge.unwrap_or_else(|| registry.add(service, key, env.clock.now_ms()));
        let live = Live::new(Some(queue));
        registry.wakes(service, &gauge, live.clone());
        Self { service, key, registry, gauge, live, stays: false }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.registry.rests(self.service, &self.gauge, &self.live);
        if !self.stays {
            self.registry.remove(self.service, self.key, &self.gauge);
        }
    }
}
