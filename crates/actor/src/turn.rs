//! One call at a time through a core: pure, without waiting.

use std::sync::Arc;

use consort_files::Links;
use consort_model::ApiError;
use consort_rpc::relay::Epoch;
use consort_rpc::{Answer, Caller, NodeId, Service};
use consort_runtime::{Ids, Now, Random};
use consort_store::Batch;

use crate::core::{Core, Load, Outcome, Stop};
use crate::cx::{After, Cx};
use crate::rows::{Rows, Scanned};

/// The owner's machine: core, cache, and the count of turns.
pub(crate) struct Machine<C: Core> {
    pub(crate) core: C,
    pub(crate) rows: Rows,
    me: (NodeId, Epoch),
    given: Given,
    turn: u64,
}

/// What every turn is given beside its call.
struct Given {
    /// Whether another node could come to own the actor.
    shared: bool,
    ids: Arc<Ids>,
    links: Links,
    random: Random,
}

/// What came of a turn.
pub(crate) struct Turn {
    pub(crate) number: u64,
    pub(crate) batch: Batch,
    pub(crate) after: Vec<After>,
    pub(crate) outcome: Result<Outcome, Box<ApiError>>,
    pub(crate) conflict: Option<ApiError>,
    /// Whether it waits for the store's word that the owner still is one, although it writes nothing.
    pub(crate) confirmed: bool,
}

/// A finished turn, or what must be loaded before it can be taken.
pub(crate) enum Step {
    Turn(Turn),
    Load(Load),
}

impl<C: Core> Machine<C> {
    /// `me`: the node, and this life of the owner.
    pub(crate) fn new(core: C, me: (NodeId, Epoch), ids: Arc<Ids>, links: Links, random: Random) -> Self {
        Self { core, rows: Rows::default(), me, given: Given { shared: false, ids, links, random }, turn: 0 }
    }

    /// Where nodes share a store.
    pub(crate) fn shared(mut self, shared: bool) -> Self {
        self.given.shared = shared;
        self
    }

    pub(crate) fn handle(
        &mut self,
        now: Now,
        caller: &Caller,
        op: &<C::Service as Service>::Op,
        scans: &[Scanned],
    ) -> Step {
        let mut cx = context(&mut self.rows, self.me, &self.given, now, caller, scans);
        let outcome = match self.core.handle(&mut cx, op) {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Load(load)) => return Step::Load(load),
            Err(Stop::Error(error)) => Err(error),
            Err(Stop::Refused(error)) => Ok(Outcome::Refused(error)),
        };
        let (mut batch, mut after, conflict, confirmed) = (cx.batch, cx.after, cx.conflict, cx.confirmed);
        if outcome.is_err() {
            debug_assert!(batch.is_empty() && after.is_empty(), "a refused call must not change anything");
            (batch, after) = (Batch::new(), Vec::new());
        }
        Step::Turn(Turn { confirmed, ..self.finish(batch, after, outcome, conflict) })
    }

    pub(crate) fn tick(&mut self, now: Now) -> Turn {
        let caller = Caller::system();
        let mut cx = context(&mut self.rows, self.me, &self.given, now, &caller, &[]);
        self.core.tick(&mut cx);
        let (batch, after) = (cx.batch, cx.after);
        self.finish(batch, after, Ok(Outcome::Answer(Answer::Empty)), None)
    }

    pub(crate) fn node_gone(&mut self, now: Now, node: NodeId) -> Turn {
        let caller = Caller::system();
        let mut cx = context(&mut self.rows, self.me, &self.given, now, &caller, &[]);
        self.core.node_gone(&mut cx, node);
        let (batch, after) = (cx.batch, cx.after);
        self.finish(batch, after, Ok(Outcome::Answer(Answer::Empty)), None)
    }

    /// A turn of the kit itself: rows that the core does not know.
    pub(crate) fn housekeep(&mut self, batch: Batch) -> Turn {
        self.finish(batch, Vec::new(), Ok(Outcome::Answer(Answer::Empty)), None)
    }

    /// Draws a snowflake.
    pub(crate) fn next_id(&self, now_ms: u64) -> u64 {
        self.given.ids.next(now_ms)
    }

    fn finish(
        &mut self,
        batch: Batch,
        after: Vec<After>,
        outcome: Result<Outcome, Box<ApiError>>,
        conflict: Option<ApiError>,
    ) -> Turn {
        self.turn += 1;
        self.rows.apply(&batch.writes, self.turn);
        Turn { number: self.turn, batch, after, outcome, conflict, confirmed: false }
    }
}

fn context<'a>(
    rows: &'a mut Rows,
    (node, epoch): (NodeId, Epoch),
    given: &'a Given,
    now: Now,
    caller: &'a Caller,
    scans: &'a [Scanned],
) -> Cx<'a> {
    Cx {
        now,
        now_ms: now.wall_ms,
        random: &given.random,
        caller,
        node,
        epoch,
        shared: given.shared,
        links: &given.links,
        batch: Batch::new(),
        confirmed: false,
        after: Vec::new(),
        conflict: None,
        rows,
        scans,
        ids: &given.ids,
    }
}
