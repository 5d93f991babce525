//! The numbers of what a guild says to the relays of its nodes, and the last words themselves.
//!
//! While all nodes with sessions are this one, nothing is kept: within a process no word is lost on its way.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use consort_actor::{Cx, Outcome, Stop};
use consort_rpc::relay::{self, Epoch, Numbered};
use consort_rpc::{NodeId, Publication};

use super::Guild;

/// Words kept for relays that have missed some; one that has missed more has its sessions attach again.
const WORDS_MAX: usize = 512;
/// Bytes of bodies kept with them. The bodies are those that sessions hold.
const BYTES_MAX: usize = 256 * 1024;

/// Where a guild is in what it says. Handlers publish while they read other parts of the guild, so it is changed through a
/// shared reference; a call that is refused or must load has published nothing.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// The life that gave the first number, once one is given; see [`Numbered::line`].
    line: Cell<Option<Epoch>>,
    n: Cell<u64>,
    kept: RefCell<Kept>,
}

/// The last words, the newest with number `n`.
#[derive(Debug, Default)]
struct Kept {
    words: VecDeque<relay::Op>,
    bytes: usize,
}

impl Kept {
    fn push(&mut self, op: relay::Op) {
        self.bytes += bytes(&op);
        self.words.push_back(op);
        while self.words.len() > WORDS_MAX || self.bytes > BYTES_MAX {
            let Some(oldest) = self.words.pop_front() else { return };
            self.bytes -= bytes(&oldest);
        }
    }
}

fn bytes(op: &relay::Op) -> usize {
    match op {
        relay::Op::Publish(event) => event.body.len() + event.redacted.as_ref().map_or(0, |body| body.len()),
        _ => 0,
    }
}

impl Numbers {
    /// Where another owner was, for one that goes on in its place. Its last words are not kept: a relay that misses some of them
    /// has its sessions attach again.
    pub(super) fn going_on((line, n): (Option<Epoch>, u64)) -> Self {
        Self { line: Cell::new(line), n: Cell::new(n), kept: RefCell::default() }
    }

    /// Where the guild is.
    pub(super) fn place(&self) -> (Option<Epoch>, u64) {
        (self.line.get(), self.n.get())
    }

    fn line(&self, epoch: Epoch) -> Epoch {
        let line = self.line.get().unwrap_or(epoch);
        self.line.set(Some(line));
        line
    }

    fn word(&self, guild: &Guild, epoch: Epoch, (n, follows): (u64, bool), op: relay::Op) -> relay::Op {
        let line = self.line(epoch);
        relay::Op::Numbered(Box::new(Numbered { guild: guild.id, epoch, line, n, follows, op }))
    }
}

impl Guild {
    /// Says something that takes a number to every node with sessions of this guild. It takes one also when nobody is told: a node
    /// that was thought to be gone may come back, and finds that it has missed something.
    pub(super) fn say(&self, cx: &mut Cx<'_>, op: &relay::Op) {
        let numbers = &self.numbers;
        let n = numbers.n.get() + 1;
        numbers.n.set(n);
        let mut kept = numbers.kept.borrow_mut();
        if self.nodes.iter().any(|node| *node != cx.node) {
            kept.push(op.clone());
        } else if !kept.words.is_empty() {
            *kept = Kept::default();
        }
        for node in &self.nodes {
            cx.publish(Publication::Relay {
                node: *node,
                message: numbers.word(self, cx.epoch, (n, false), op.clone()),
            });
        }
    }

    /// Says something that takes no number to some of these nodes.
    pub(super) fn say_aside<'n>(
        &self,
        cx: &mut Cx<'_>,
        nodes: impl IntoIterator<Item = &'n NodeId>,
        op: &relay::Op,
    ) {
        let n = self.numbers.n.get();
        for node in nodes {
            cx.publish(Publication::Relay {
                node: *node,
                message: self.numbers.word(self, cx.epoch, (n, true), op.clone()),
            });
        }
    }

    /// Says again what a relay has missed, or has its sessions attach again.
    pub(super) fn replay(
        &self,
        cx: &mut Cx<'_>,
        node: NodeId,
        line: Epoch,
        after: u64,
    ) -> Result<Outcome, Stop> {
        let numbers = &self.numbers;
        let kept = numbers.kept.borrow();
        let missed = numbers.n.get().checked_sub(after).and_then(|missed| usize::try_from(missed).ok());
        // A node that is not on the list was thought to be gone, and is told nothing.
        let is_told = line == numbers.line(cx.epoch) && self.nodes.contains(&node);
        match missed.filter(|missed| is_told && *missed <= kept.words.len()) {
            Some(missed) => {
                for (n, op) in (after + 1..).zip(kept.words.range(kept.words.len() - missed..)) {
                    cx.publish(Publication::Relay {
                        node,
                        message: numbers.word(self, cx.epoch, (n, false), op.clone()),
                    });
                }
            }
            None => {
                cx.publish(Publication::Relay {
                    node,
                    message: relay::Op::GuildRestarted { guild: self.id },
                });
            }
        }
        Outcome::EMPTY
    }
}
