//! Every actor of the node: what operators look at.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::gauge::{ActorInfo, ActorState, Live, OpName, OpTotal};

/// An actor's entry in the list: small, since those that rest have one too, and they are very many.
#[derive(Debug, Default)]
pub struct ActorGauge {
    started_ms: u64,
    /// What was counted before it last went to rest.
    handled: AtomicU64,
    busy_us: AtomicU64,
    live: Mutex<Option<Arc<Live>>>,
}

impl ActorGauge {
    /// The figures of its task; `None` while it rests.
    pub fn live(&self) -> Option<Arc<Live>> {
        self.slot().clone()
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, (kind, key): (&str, u64)) -> ActorInfo {
        let mut info = ActorInfo {
            kind: kind.to_owned(),
            key,
            state: ActorState::Resting,
            epoch: 0,
            queue: 0,
            oldest_us: None,
            handling: None,
            waits_for: Default::default(),
            commits_pending: 0,
            oldest_commit: None,
            parked: 0,
            oldest_parked: None,
            effects_pending: 0,
            answers_held: 0,
            rows: 0,
            handled: self.handled.load(Relaxed),
            busy_us: self.busy_us.load(Relaxed),
            idle_us: 0,
            started_ms: self.started_ms,
        };
        if let Some(live) = self.live() {
            live.read(&mut info);
        }
        info
    }
}

type Totals = BTreeMap<(&'static str, OpName), OpTotal>;

#[derive(Debug, Default)]
struct Listed {
    gauges: HashMap<(&'static str, u64), Arc<ActorGauge>>,
    /// How many there are of each service.
    counts: BTreeMap<&'static str, u64>,
    /// What actors have counted that have left or gone to rest.
    totals: Totals,
}

impl Listed {
    /// Counts what an actor has counted whose task is over. Whoever takes that out of its place does so, so it is done once.
    fn fold(&mut self, service: &'static str, gauge: &ActorGauge, live: &Live) {
        gauge.handled.fetch_add(live.handled(), Relaxed);
        gauge.busy_us.fetch_add(live.busy_us(), Relaxed);
        for (name, total) in live.ops() {
            self.totals.entry((service, name)).or_default().add(total);
        }
    }
}

/// The list of actors of a node.
#[derive(Debug, Default, Clone)]
pub struct Registry(Arc<Mutex<Listed>>);

impl Registry {
    /// Lists an actor, resting so far.
    pub fn add(&self, service: &'static str, key: u64, started_ms: u64) -> Arc<ActorGauge> {
        let gauge = Arc::new(ActorGauge { started_ms, ..ActorGauge::default() });
        let mut listed = self.lock();
        if listed.gauges.insert((service, key), gauge.clone()).is_none() {
            *listed.counts.entry(service).or_default() += 1;
        }
        gauge
    }

    /// An actor has a task from now on, with these figures.
    pub fn wakes(&self, service: &'static str, gauge: &ActorGauge, live: Arc<Live>) {
        let mut listed = self.lock();
        // A task that has just gone to rest may not have said so yet.
        let before = gauge.slot().replace(live);
        before.iter().for_each(|before| listed.fold(service, gauge, before));
    }

    /// The task with these figures is over. Its actor stays on the list.
    pub fn rests(&self, service: &'static str, gauge: &ActorGauge, live: &Arc<Live>) {
        let mut listed = self.lock();
        let over = gauge.slot().take_if(|known| Arc::ptr_eq(known, live));
        over.iter().for_each(|over| listed.fold(service, gauge, over));
    }

    /// Takes an actor off the list, if `gauge` is still its entry.
    pub fn remove(&self, service: &'static str, key: u64, gauge: &Arc<ActorGauge>) {
        let mut listed = self.lock();
        if listed.gauges.get(&(service, key)).is_some_and(|known| Arc::ptr_eq(known, gauge)) {
            listed.gauges.remove(&(service, key));
            if let Some(count) = listed.counts.get_mut(service) {
                *count -= 1;
            }
        }
    }

    /// How many actors of each service there are or were, with those that rest.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().counts.clone()
    }

    /// An actor's entry.
    pub fn find(&self, service: &str, key: u64) -> Option<Arc<ActorGauge>> {
        let listed = self.lock();
        // A name that no actor has is no name of a service.
        let (service, _) = listed.counts.get_key_value(service)?;
        listed.gauges.get(&(*service, key)).cloned()
    }

    /// One actor.
    pub fn get(&self, service: &str, key: u64) -> Option<ActorInfo> {
        Some(self.find(service, key)?.read((service, key)))
    }

    /// Every actor, longest queue first; of one kind, if that is named.
    pub fn list(&self, kind: Option<&str>) -> Vec<ActorInfo> {
        // Mailboxes are looked at when the list may go on changing.
        let gauges: Vec<_> = {
            let listed = self.lock();
            let wanted =
                listed.gauges.iter().filter(|((service, _), _)| kind.is_none_or(|kind| kind == *service));
            wanted.map(|(&id, gauge)| (id, gauge.clone())).collect()
        };
        let mut list: Vec<_> = gauges.iter().map(|(id, gauge)| gauge.read(*id)).collect();
        list.sort_by(|a, b| b.queue.cmp(&a.queue).then(a.kind.cmp(&b.kind)).then(a.key.cmp(&b.key)));
        list
    }

    /// What all messages have cost so far, by service and type.
    pub fn totals(&self) -> BTreeMap<(&'static str, OpName), OpTotal> {
        let listed = self.lock();
        let mut totals = listed.totals.clone();
        for ((service, _), gauge) in &listed.gauges {
            let Some(live) = gauge.live() else { continue };
            for (name, total) in live.ops() {
                totals.entry((*service, name)).or_default().add(total);
            }
        }
        totals
    }

    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn what_was_counted_stays_when_an_actor_rests_or_leaves() {
        let registry = Registry::default();
        let gauge = registry.add("guild", 1, 5);
        for messages in 1..=3_u64 {
            let live = Live::new(None);
            registry.wakes("guild", &gauge, live.clone());
            for _ in 0..messages {
                live.taken();
                live.begin(live.op(OpName::plain("Add")), Instant::now());
                live.done(Instant::now());
            }
            let now = registry.totals()[&("guild", OpName::plain("Add"))].count;
            registry.rests("guild", &gauge, &live);
            if messages == 3 {
                registry.remove("guild", 1, &gauge);
            }
            let after = registry.totals()[&("guild", OpName::plain("Add"))].count;
            assert_eq!(
                (now, after),
                (messages * (messages + 1) / 2, now),
                "nothing is lost or counted twice"
            );
        }
        assert!(registry.list(None).is_empty() && registry.get("guild", 1).is_none());
    }
}
