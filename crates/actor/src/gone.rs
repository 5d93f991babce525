//! The nodes that have gone since a node began, in order. An actor remembers how many it has seen, and takes out the others when it
//! is next awake.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use consort_rpc::NodeId;

/// Nodes remembered. An actor that has slept through more looks which of those it speaks to are not there any more.
const GONE_MAX: usize = 1_024;

/// See the module.
#[derive(Default)]
pub(crate) struct Gone {
    last: Mutex<VecDeque<NodeId>>,
    count: AtomicUsize,
}

/// What an actor has missed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missed {
    /// The nodes, in order.
    pub(crate) nodes: Vec<NodeId>,
    /// Whether there were more before them.
    pub(crate) more: bool,
    /// How many there were in all, to be remembered.
    pub(crate) seen: usize,
}

impl Gone {
    /// How many there were so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// A node has gone.
    pub(crate) fn add(&self, node: NodeId) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == GONE_MAX {
            last.pop_front();
        }
        last.push_back(node);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// What somebody has missed who has seen so many; `None` when it is nothing.
    pub(crate) fn since(&self, seen: usize) -> Option<Missed> {
        if self.count() == seen {
            return None;
        }
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, kept) = (self.count(), last.len());
        let missed = count - seen;
        let nodes = last.iter().skip(kept.saturating_sub(missed)).copied().collect();
        Some(Missed { nodes, more: missed > kept, seen: count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_hears_of_each_node_once_and_of_very_many_that_there_were_more() {
        let gone = Gone::default();
        assert_eq!(gone.since(0), None);
        (1..=3).for_each(|node| gone.add(NodeId(node)));
        let missed = gone.since(1).unwrap();
        assert_eq!(missed, Missed { nodes: vec![NodeId(2), NodeId(3)], more: false, seen: 3 });
        assert_eq!(gone.since(3), None);
        (0..GONE_MAX as u16).for_each(|node| gone.add(NodeId(node)));
        let missed = gone.since(2).unwrap();
        assert_eq!((missed.nodes.len(), missed.more, missed.seen), (GONE_MAX, true, 3 + GONE_MAX));
        assert!(!gone.since(3).unwrap().more);
    }
}
