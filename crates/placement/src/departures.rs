//! How many nodes may go at once.
//!
//! When many nodes seem to die together it is seldom that they have died. More often the cluster's metadata was away for a
//! while and their leases ran out, or it is this node that hears wrong. Giving the keys of half a cluster to the cold other half
//! then makes the next ones fall over. So nodes are let go a few at a time; those that are back before their turn have lost
//! nothing.

use std::collections::{BTreeMap, VecDeque};

use crate::Life;

/// The time in which only some may go, in milliseconds.
pub const WINDOW_MS: u64 = 5_000;

/// Lets nodes go a few at a time. Whoever decides about the map asks it.
#[derive(Debug, Default)]
pub struct Departures {
    /// When nodes were let go, within the last [`WINDOW_MS`].
    let_go: VecDeque<u64>,
    /// Those that are gone and not let go yet, and since when.
    waiting: BTreeMap<Life, u64>,
}

impl Departures {
    /// Which of `gone` may be taken from a map of `members` nodes at `now_ms`: one, or an eighth of all, in [`WINDOW_MS`];
    /// who has waited longest goes first. `gone` are all members that are not live any more, without those that said that they
    /// leave.
    pub fn admit(&mut self, now_ms: u64, members: usize, gone: &[Life]) -> Vec<Life> {
        while self.let_go.front().is_some_and(|at| at.saturating_add(WINDOW_MS) <= now_ms) {
            self.let_go.pop_front();
        }
        self.waiting.retain(|life, _| gone.contains(life));
        for life in gone {
            self.waiting.entry(*life).or_insert(now_ms);
        }
        let most = (members / 8).max(1);
        let mut by_age: Vec<_> = self.waiting.iter().map(|(life, since)| (*since, *life)).collect();
        by_age.sort_unstable();
        by_age.truncate(most.saturating_sub(self.let_go.len()));
        for (_, life) in &by_age {
            self.waiting.remove(life);
            self.let_go.push_back(now_ms);
        }
        by_age.into_iter().map(|(_, life)| life).collect()
    }

    /// When to ask again, if some wait.
    pub fn next_ms(&self) -> Option<u64> {
        let oldest = self.let_go.front()?;
        (!self.waiting.is_empty()).then(|| oldest.saturating_add(WINDOW_MS))
    }

    /// Those that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(count: u16) -> Vec<Life> {
        (0..count).map(|node| Life { node, generation: 1 }).collect()
    }

    #[test]
    fn one_dead_node_goes_at_once_and_half_a_cluster_does_not() {
        let mut departures = Departures::default();
        assert_eq!(departures.admit(0, 4, &lives(1)), lives(1));
        let mut departures = Departures::default();
        let gone = lives(50);
        assert_eq!(departures.admit(0, 100, &gone).len(), 12);
        assert_eq!(departures.admit(1, 88, &gone[12..]).len(), 0);
        assert_eq!((departures.next_ms(), departures.waiting()), (Some(WINDOW_MS), 38));
        assert_eq!(departures.admit(WINDOW_MS, 88, &gone[12..]).len(), 11);
    }

    #[test]
    fn who_comes_back_before_its_turn_stays() {
        let mut departures = Departures::default();
        let gone = lives(3);
        assert_eq!(departures.admit(0, 3, &gone), [gone[0]]);
        assert_eq!(departures.admit(10, 2, &gone[2..]), []);
        assert_eq!(departures.admit(WINDOW_MS, 2, &gone[2..]), [gone[2]]);
        assert_eq!((departures.next_ms(), departures.waiting()), (None, 0));
    }
}
