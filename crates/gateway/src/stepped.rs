//! The gateway of a node without threads and sockets, for simulations: whoever holds it carries the bytes and tells the time.
//!
//! The slices, the relay, the inboxes and the admission are those that ship; only the loop around them is another one.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

use consort_session::{JOURNAL_BYTES_MAX, JOURNAL_EVENTS_MAX, SessionId};
use consort_wire::gateway::Connect;

use crate::admission::Admissions;
use crate::config::Config;
use crate::gateway::Env;
use crate::inbox::{Inbox, InboxRef, Wake};
use crate::interest::Interest;
use crate::performer::Performer;
use crate::relay::Router;
use crate::slice::{Flushed, HandOver, Input, Opening, Slice};
use crate::travel::Travel;

/// A connection, whichever slice it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(u64);

/// The far ends of all connections.
pub trait Lines {
    /// Takes as many of these bytes as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; anything else when nobody is there any more.
    fn write(&mut self, line: Line, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Nothing more comes on the connection.
    fn close(&mut self, line: Line);
}

/// Called when there is something to do for a slice.
struct Woken(Arc<dyn Fn() + Send + Sync>);

impl Wake for Woken {
    fn wake(&self) {
        (self.0)();
    }
}

/// What waits in a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Inputs in its inbox.
    pub inputs: usize,
    /// Its sessions.
    pub sessions: usize,
    /// Dispatches that its sessions keep.
    pub journal_events: usize,
    /// Bytes of their bodies, as if nobody shared them.
    pub journal_bytes: usize,
}

impl Waiting {
    /// Dispatches that so many sessions may keep.
    pub fn journal_events_max(&self) -> usize {
        self.sessions * JOURNAL_EVENTS_MAX
    }

    /// Bytes that so many sessions may keep: a dispatch that is larger alone is kept until it is sent.
    pub fn journal_bytes_max(&self) -> usize {
        self.sessions * JOURNAL_BYTES_MAX
    }
}

/// A slice and its connections.
struct Stage {
    core: Slice,
    performer: Performer,
    inbox: InboxRef,
    lines: BTreeMap<usize, Line>,
}

/// The gateway of a node; see the module.
pub struct Stepped {
    stages: Vec<Stage>,
    places: BTreeMap<Line, (usize, usize)>,
    next: u64,
    admissions: Arc<Admissions>,
    travel: Arc<Travel>,
}

impl std::fmt::Debug for Stepped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepped").field("slices", &self.stages.len()).finish_non_exhaustive()
    }
}

impl Stepped {
    /// A gateway without connections, which hosts the node's relay. `wake` is called whenever [`Stepped::turn`] is to be;
    /// it must not call back. To be called on a runtime.
    pub fn start(config: Config, env: &Env, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let count = config.slice_count();
        let config = Arc::new(Config { slices: count, ..config });
        let inboxes: Vec<InboxRef> = (0..count).map(|_| Inbox::new(Box::new(Woken(wake.clone())))).collect();
        let interest = Arc::new(Interest::new(count));
        let admissions =
            Admissions::new(env.mesh.clone(), env.auth.clone(), inboxes.clone(), interest.clone());
        let (others, slices) = (env.others.clone(), inboxes.clone());
        let travel = Travel::start(&env.mesh, others, admissions.clone(), slices, interest.clone());
        let stage = |(index, inbox): (u16, &InboxRef)| Stage {
            core: Slice::new(env.mesh.node(), index, config.clone(), interest.clone()),
            performer: Performer {
                index,
                mesh: env.mesh.clone(),
                interest: interest.clone(),
                admissions: admissions.clone(),
                travel: travel.clone(),
            },
            inbox: inbox.clone(),
            lines: BTreeMap::new(),
        };
        let stages = (0..).zip(&inboxes).map(stage).collect();
        Router::start(inboxes, interest, &env.mesh);
        Self { stages, places: BTreeMap::new(), next: 0, admissions, travel }
    }

    /// Takes a connection whose upgrade is done; `query` is that of its URL.
    pub fn accept(&mut self, now: Instant, query: &str) -> Line {
        let line = Line(self.next);
        let index = (self.next % self.stages.len() as u64) as usize;
        self.next += 1;
        let opening = Opening { connect: Connect::parse_query(query), resume_url: "ws://gateway".into() };
        let slot = self.stages[index].core.accept(now, opening);
        self.put(line, index, slot);
        line
    }

    fn put(&mut self, line: Line, index: usize, slot: usize) {
        self.stages[index].lines.insert(slot, line);
        self.places.insert(line, (index, slot));
    }

    /// Handles bytes that came on a connection. They are unmasked in place.
    pub fn receive(&mut self, now: Instant, line: Line, bytes: &mut [u8]) {
        let Some((index, slot)) = self.places.get(&line).copied() else { return };
        let used = self.stages[index].core.receive(now, slot, bytes);
        if self.hand_over(now, index) {
            self.receive(now, line, &mut bytes[used..]);
        }
    }

    /// Gives a connection to the slice where its session lives, if that is another one.
    fn hand_over(&mut self, now: Instant, index: usize) -> bool {
        let Some(HandOver { slot, slice, resume }) = self.stages[index].core.take_hand_over() else {
            return false;
        };
        let conn = self.stages[index].core.release(slot);
        let Some(line) = self.stages[index].lines.remove(&slot) else { return false };
        let to = usize::from(slice);
        let slot = self.stages[to].core.adopt_resume(now, conn, resume);
        self.put(line, to, slot);
        true
    }

    /// The client is gone without a word.
    pub fn lost(&mut self, now: Instant, line: Line) {
        if let Some((index, slot)) = self.places.get(&line).copied() {
            self.stages[index].core.lost(now, slot);
        }
    }

    /// There is room again for what is sent on a connection.
    pub fn writable(&mut self, line: Line) {
        if let Some((index, slot)) = self.places.get(&line).copied() {
            self.stages[index].core.writable(slot);
        }
    }

    /// Does what there is to do, and says when to be called again, if by then nothing has come.
    pub fn turn(&mut self, now: Instant, lines: &mut dyn Lines) -> Option<Instant> {
        for index in 0..self.stages.len() {
            self.inputs(now, index);
            self.stages[index].core.tick(now);
            self.settle(index, lines);
            self.flush(now, index, lines);
            self.settle(index, lines);
        }
        if self.stages.iter().any(|stage| stage.core.has_dirty() || stage.inbox.depth() > 0) {
            return Some(now);
        }
        self.stages.iter().filter_map(|stage| stage.core.next_deadline()).min()
    }

    fn inputs(&mut self, now: Instant, index: usize) {
        let stage = &mut self.stages[index];
        let mut batch = VecDeque::new();
        let lost = stage.inbox.take(&mut batch);
        for input in batch {
            self.stages[index].core.input(now, input);
            self.hand_over(now, index);
        }
        let stage = &mut self.stages[index];
        stage.core.take_offers();
        if !lost.is_empty() {
            stage.core.lost_events(now, &lost);
        }
    }

    /// Lets go of connections that are over, and does what the slice wants done.
    fn settle(&mut self, index: usize, lines: &mut dyn Lines) {
        let stage = &mut self.stages[index];
        for gone in stage.core.take_gone() {
            if let Some(line) = stage.lines.remove(&gone.slot) {
                self.places.remove(&line);
                lines.close(line);
            }
        }
        for effect in stage.core.take_effects() {
            let _last = stage.performer.perform(effect);
        }
    }

    fn flush(&mut self, now: Instant, index: usize, lines: &mut dyn Lines) {
        let stage = &mut self.stages[index];
        let mut flushed = 0;
        while let Some(slot) = stage.core.next_dirty(&mut flushed) {
            let Some(line) = stage.lines.get(&slot).copied() else { continue };
            loop {
                let mut result = Ok(0);
                let done = match stage.core.prepare(now, slot, |parts| result = lines.write(line, parts)) {
                    Ok(offer) => stage.core.complete(now, slot, &offer, result),
                    Err(done) => Some(done),
                };
                match done {
                    None => {}
                    Some(Flushed::Closed) => break lines.close(line),
                    Some(_) => break,
                }
            }
        }
    }

    /// The gateway leaves: clients are sent away (opcode 7), and no session is taken. See [`crate::Gateway::shutdown`].
    pub fn drain(&self) {
        self.travel.leave();
        let gives = !self.travel.staying().is_empty();
        self.tell_all(|| Input::Drain { urls: Arc::default(), gives });
    }

    /// Whether IDENTIFYs are being looked at, or sessions are on their way here.
    pub fn is_at_work(&self) -> bool {
        self.admissions.identifies() + self.travel.fetches() > 0
    }

    /// Gives the sessions that are left to other nodes.
    pub fn give_all(&self) {
        if !self.travel.staying().is_empty() {
            self.travel.gives_all();
            self.tell_all(|| Input::GiveAll);
        }
    }

    /// Whether sessions are still to be given away.
    pub fn is_giving(&self) -> bool {
        self.travel.is_giving()
    }

    fn tell_all(&self, input: impl Fn() -> Input) {
        for stage in &self.stages {
            // Only sockets are ever given back.
            let _lost = stage.inbox.push(input());
        }
    }

    /// What waits in each slice.
    pub fn waiting(&mut self) -> Vec<Waiting> {
        let waiting = |stage: &mut Stage| {
            stage.core.weigh_journals();
            let figures = stage.core.figures();
            Waiting {
                inputs: stage.inbox.depth(),
                sessions: figures.sessions,
                journal_events: figures.journal_events,
                journal_bytes: figures.journal_bytes,
            }
        };
        self.stages.iter_mut().map(waiting).collect()
    }

    /// Sessions that are on the node, and those of them without a connection.
    pub fn sessions(&self) -> (usize, usize) {
        let figures = self.stages.iter().map(|stage| stage.core.figures());
        figures.fold((0, 0), |(all, detached), one| (all + one.sessions, detached + one.detached))
    }

    /// Whether the node has the session with this public id.
    pub fn has_session(&self, id: &str) -> bool {
        let Ok(id) = id.parse::<SessionId>() else { return false };
        self.stages.iter().any(|stage| stage.core.has(id))
    }

    /// Sessions that were told to identify again since they had missed something, so far.
    pub fn invalidated(&self) -> u64 {
        self.stages.iter().map(|stage| stage.core.figures().invalidated).sum()
    }

    /// What the inboxes had to throw away so far: more than nothing says that the node could not keep up.
    pub fn lost_events(&self) -> u64 {
        self.stages.iter().map(|stage| stage.inbox.lost_events()).sum()
    }
}
