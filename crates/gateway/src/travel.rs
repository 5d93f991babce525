//! Sessions that come from other nodes and go to them: who asks whom, and in what order. [`Moves`] decides what this node has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use consort_rpc::relay::Relay;
use consort_rpc::session::{Op, Sessions, Taken, Ticket};
use consort_rpc::user::gateway::Found;
use consort_rpc::{Answer, Call, Caller, Host, MeshRef, NodeId, Responder, user};
use consort_session::SessionId;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use crate::admission::Admissions;
use crate::auth::AuthError;
use crate::config::{AUTHENTICATE_TIMEOUT, FETCHES_ACTIVE_MAX, FETCHES_WAITING_MAX};
use crate::inbox::InboxRef;
use crate::interest::Interest;
use crate::moves::{Moves, REMEMBERED};
use crate::slice::{Asked, Departure, Fetching, Input, Landed, Landing, Origin, Refusal};

/// How long a client that resumes waits for its session to come from another node. Longer than a lease: until then it is known
/// whether a node that does not answer is gone.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long one question to another node may take; those that are lost are asked again.
const QUESTION: Duration = Duration::from_secs(2);
/// Before a question is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// With no more gateways than so all are asked before it is said that there is no session; with more the word of its account's owner
/// counts.
const ASKED_MAX: usize = 16;
/// How often a session may have gone from a node that is asked next to one that was asked before.
const HOPS_MAX: usize = 3;
/// How often moves whose time is over are looked for.
const EXPIRE_PERIOD: Duration = Duration::from_millis(500);
/// Sessions that a node which leaves gives away at once.
const GIVES_AT_ONCE: usize = 64;

/// Another node with a gateway, which stays.
#[derive(Debug, Clone)]
pub struct Elsewhere {
    /// The node.
    pub node: NodeId,
    /// Where its clients are to come, if not where they come anyway.
    pub url: Option<String>,
}

/// Knows the other nodes with a gateway.
pub trait Others: Send + Sync + 'static {
    /// Those that stay: sessions and clients of a node that leaves go there.
    fn staying(&self) -> Vec<Elsewhere>;
}

/// What a node does for sessions on their way.
pub(crate) struct Travel {
    mesh: MeshRef,
    others: Option<Arc<dyn Others>>,
    admissions: Arc<Admissions>,
    inboxes: Vec<InboxRef>,
    interest: Arc<Interest>,
    moves: Mutex<Moves>,
    /// Whether a task ends moves whose time is over.
    expires: AtomicBool,
    fetches: Semaphore,
    waiting: AtomicUsize,
    gives: Semaphore,
    /// Sessions that are being given away.
    giving: AtomicUsize,
    next_ticket: AtomicU64,
    next_slice: AtomicUsize,
    /// This node leaves and takes no session.
    leaves: AtomicBool,
    /// Slices that have not given all away.
    slices_leaving: AtomicUsize,
}

/// How a session was looked for.
enum Search {
    /// It is a slice's of this node.
    Here,
    /// It is this node's from here on.
    Got(Copied),
    /// There is none.
    Nowhere,
    /// It cannot be said now.
    Later,
}

/// A session that is between two places of this node, or just coming to it, until this is dropped.
pub(crate) struct Passing(Arc<Travel>, SessionId);

impl std::fmt::Debug for Passing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Passing").field(&self.1).finish_non_exhaustive()
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.moves().has_passed(self.1);
    }
}

/// A copy of a session that another node has given, and under which ticket.
struct Copied {
    node: NodeId,
    ticket: Ticket,
    bytes: Bytes,
    copy: u64,
}

/// One look at all nodes that may have a session.
struct Round {
    asked: BTreeSet<NodeId>,
    /// Somebody could not say, or a session was just on its way.
    unsure: bool,
    /// It was said to be where it was not.
    goes: bool,
}

/// One of a bounded number of moves under way; gives its number back when dropped.
struct Permit(Arc<Travel>, fn(&Travel) -> &AtomicUsize);

impl Drop for Permit {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Travel {
    pub(crate) fn start(
        mesh: &MeshRef,
        others: Option<Arc<dyn Others>>,
        admissions: Arc<Admissions>,
        inboxes: Vec<InboxRef>,
        interest: Arc<Interest>,
    ) -> Arc<Self> {
        let travel = Arc::new(Self {
            mesh: mesh.clone(),
            others,
            admissions,
            inboxes,
            interest,
            moves: Mutex::default(),
            expires: false.into(),
            fetches: Semaphore::new(FETCHES_ACTIVE_MAX),
            waiting: 0.into(),
            gives: Semaphore::new(GIVES_AT_ONCE),
            giving: 0.into(),
            next_ticket: 0.into(),
            next_slice: 0.into(),
            leaves: false.into(),
            slices_leaving: 0.into(),
        });
        mesh.host::<Sessions>(Arc::new(Desk(Arc::downgrade(&travel))));
        travel
    }

    fn moves(&self) -> MutexGuard<'_, Moves> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ticket(&self) -> Ticket {
        let n = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        Ticket { node: self.mesh.node(), generation: self.admissions.generation(), n }
    }

    fn put(&self, slice: u16, input: Input) -> Result<(), Box<Input>> {
        self.inboxes.get(usize::from(slice)).map_or(Ok(()), |inbox| inbox.push(input))
    }

    /// Other nodes to which sessions may go.
    pub(crate) fn staying(&self) -> Vec<Elsewhere> {
        if let Some(others) = &self.others {
            return others.staying();
        }
        let nodes = self.mesh.nodes_of::<Relay>().into_iter().filter(|node| *node != self.mesh.node());
        nodes.map(|node| Elsewhere { node, url: None }).collect()
    }

    // ---- sessions that come ------------------------------------------------------------------------------------

    /// Starts looking for the session of a client that resumes, at other nodes.
    pub(crate) fn fetch(self: &Arc<Self>, fetching: Box<Fetching>) {
        let permit = Permit(self.clone(), |travel| &travel.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= FETCHES_WAITING_MAX {
            return self.refuse(&fetching, Refusal::AskAgain);
        }
        consort_runtime::spawn("resume", async move {
            let travel = &permit.0;
            let _permit = travel.fetches.acquire().await;
            travel.fetch_now(*fetching).await;
        });
    }

    /// Clients whose sessions are looked for.
    pub(crate) fn fetches(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn refuse(&self, fetching: &Fetching, refusal: Refusal) {
        let Fetching { slice, slot, conn, .. } = *fetching;
        // Only sockets and sessions are ever given back.
        let _lost = self.put(slice, Input::Refuse { slot, conn, refusal });
    }

    async fn fetch_now(self: &Arc<Self>, fetching: Fetching) {
        let token = fetching.resume.token.expose();
        let looked_at = timeout(AUTHENTICATE_TIMEOUT, self.admissions.authenticate(token)).await;
        let principal = match looked_at.unwrap_or(Err(AuthError::Unavailable)) {
            Ok(principal) => principal,
            Err(AuthError::Invalid) => return self.refuse(&fetching, Refusal::Later),
            Err(AuthError::Unavailable) => return self.refuse(&fetching, Refusal::AskAgain),
        };
        let Some(_permit) = self.admissions.enter(principal.user) else {
            return self.refuse(&fetching, Refusal::AskAgain);
        };
        let caller = Caller::user(principal.user, principal.bot);
        let hash: [u8; 32] = Sha256::digest(token).into();
        let found = self.search(&caller, fetching.id, hash).await;
        match found {
            Search::Here => {
                let Fetching { slice, slot, conn, resume, .. } = fetching;
                let _lost = self.put(slice, Input::ResumeHere { slot, conn, resume });
            }
            Search::Nowhere => self.refuse(&fetching, Refusal::Later),
            Search::Later => self.refuse(&fetching, Refusal::AskAgain),
            Search::Got(copied) => self.take_in(&caller, fetching, copied).await,
        }
    }

    /// Looks for a session where it was made, where it went from there, and where its account knows it to be; again and again while
    /// somebody cannot say.
    async fn search(&self, caller: &Caller, id: SessionId, token: [u8; 32]) -> Search {
        let deadline = Instant::now() + PATIENCE;
        let mut tickets = BTreeMap::new();
        for rounds in 1.. {
            if self.is_here(id) {
                return Search::Here;
            }
            let before = self.moves().whereabouts(id);
            let mut round = Round { asked: BTreeSet::from([self.mesh.node()]), unsure: false, goes: false };
            match self.round(caller, (id, token), before.clone(), &mut round, &mut tickets).await {
                Some(copied) => return Search::Got(copied),
                None if self.is_here(id) => return Search::Here,
                None => {}
            }
            // It may have gone from one that was asked later to one that was asked before, or come here.
            let hops = round.goes && rounds <= HOPS_MAX || self.moves().whereabouts(id) != before;
            if !round.unsure && !hops {
                tracing::debug!(user = %caller.user, node = %id.node, asked = ?round.asked, "no node has a session");
                return Search::Nowhere;
            }
            if Instant::now() > deadline {
                break;
            }
            sleep(PAUSE).await;
        }
        Search::Later
    }

    /// Asks once around.
    async fn round(
        &self,
        caller: &Caller,
        (id, token): (SessionId, [u8; 32]),
        before: Option<Taken>,
        round: &mut Round,
        tickets: &mut BTreeMap<NodeId, Ticket>,
    ) -> Option<Copied> {
        let mut next = vec![id.node];
        match before {
            Some(Taken::Moved(to)) => next.push(to),
            Some(_) => round.unsure = true,
            None => {}
        }
        let mut knows = false;
        loop {
            while let Some(node) = next.pop() {
                if !round.asked.insert(node) || !self.has_gateway(node) {
                    continue;
                }
                let ticket = *tickets.entry(node).or_insert_with(|| self.ticket());
                match self.take(caller, node, (id, token), ticket).await {
                    Some(Taken::Copy(bytes, copy)) => return Some(Copied { node, ticket, bytes, copy }),
                    Some(Taken::Moved(to)) if round.asked.contains(&to) => round.goes = true,
                    Some(Taken::Moved(to)) => next.push(to),
                    Some(Taken::Unknown) => {}
                    _ => round.unsure = true,
                }
            }
            if std::mem::replace(&mut knows, true) {
                return None;
            }
            let others = self.mesh.nodes_of::<Relay>();
            if others.len() <= ASKED_MAX {
                // The account's owner may be new, and not have heard of it for want of a link.
                next.extend(others);
            }
            match self.find(caller, id).await {
                Some(found) => {
                    round.unsure |= found.may_come;
                    next.extend(found.sessions.iter().rev().map(|key| key.node));
                }
                None => round.unsure = true,
            }
        }
    }

    fn has_gateway(&self, node: NodeId) -> bool {
        self.mesh.nodes_of::<Relay>().contains(&node)
    }

    fn is_here(&self, id: SessionId) -> bool {
        self.interest.moved_to(id).is_some()
    }

    async fn ask(&self, caller: &Caller, node: NodeId, op: Op) -> Option<Taken> {
        let sessions = self.mesh.client::<Sessions>();
        let answer = sessions.call(u64::from(node.0), caller.clone(), op);
        match timeout(QUESTION, answer).await {
            Ok(Ok(Answer::Taken(taken))) => Some(taken),
            Ok(Ok(_)) => {
                tracing::error!(%node, "a node answers something else than was asked");
                None
            }
            Ok(Err(_)) | Err(_) => None,
        }
    }

    async fn take(
        &self,
        caller: &Caller,
        node: NodeId,
        (id, token): (SessionId, [u8; 32]),
        ticket: Ticket,
    ) -> Option<Taken> {
        let op = Op::Take { id: id.to_string(), token, ticket };
        let mut taken = self.ask(caller, node, op.clone()).await;
        if taken.is_none() {
            // Its answer may be lost, or the link was not there yet.
            taken = self.ask(caller, node, op).await;
        }
        let (answered, copied) = (taken.is_some(), matches!(taken, Some(Taken::Copy(..))));
        tracing::debug!(user = %caller.user, %node, n = ticket.n, answered, copied, "a session was asked for");
        taken
    }

    async fn find(&self, caller: &Caller, id: SessionId) -> Option<Found> {
        let op = user::Op::Gateway(user::gateway::Op::Find { session_id: id.to_string() });
        let users = self.mesh.client::<user::User>();
        let answer = users.call(caller.user.get(), caller.clone(), op);
        match timeout(QUESTION, answer).await {
            Ok(Ok(Answer::Found(found))) => {
                tracing::debug!(user = %caller.user, ?found, "where a session is");
                Some(found)
            }
            _ => None,
        }
    }

    /// From now on nobody is told that a session is not here.
    fn passing(self: &Arc<Self>, id: SessionId) -> Passing {
        self.moves().passes(id);
        Passing(self.clone(), id)
    }

    /// Has a copy become the session, and gives it to the slice of the connection.
    async fn take_in(self: &Arc<Self>, caller: &Caller, fetching: Fetching, copied: Copied) {
        let Copied { node, ticket, bytes, copy } = copied;
        let passing = self.passing(fetching.id);
        let (began, mut waits) = (Instant::now(), Some(fetching));
        loop {
            match self.ask(caller, node, Op::Commit { ticket, copy }).await {
                Some(Taken::Done) => break,
                Some(_) => return self.done_waiting(waits.take(), Refusal::AskAgain),
                None if !self.has_gateway(node) => {
                    // It may have gone on there before that node died, and its client have heard more than the copy knows.
                    return self.done_waiting(waits.take(), Refusal::Later);
                }
                None => {}
            }
            if began.elapsed() > PATIENCE {
                self.done_waiting(waits.take(), Refusal::AskAgain);
            }
            if began.elapsed() > REMEMBERED {
                return tracing::warn!(%node, "a session is lost: its node does not say whether it is ours");
            }
            sleep(PAUSE).await;
        }
        let (slice, client) = match waits {
            Some(Fetching { slice, slot, conn, resume, .. }) => (slice, Some((slot, conn, resume))),
            None => (self.some_slice(), None),
        };
        let (address, origin) = (self.admissions.next_address(), Origin::Node { node, ticket });
        self.land(slice, Landing { copy: bytes, address, client, origin, passing: Some(passing) }).await;
    }

    fn done_waiting(&self, fetching: Option<Fetching>, refusal: Refusal) {
        if let Some(fetching) = fetching {
            self.refuse(&fetching, refusal);
        }
    }

    fn some_slice(&self) -> u16 {
        // There are no more than 64.
        (self.next_slice.fetch_add(1, Ordering::Relaxed) % self.inboxes.len()) as u16
    }

    /// Gives a session to a slice. One whose inbox is full is waited for: the session is nowhere else.
    async fn land(&self, slice: u16, landing: Landing) {
        let mut input = Box::new(Input::Land(Box::new(landing)));
        let deadline = Instant::now() + PATIENCE;
        while let Err(back) = self.put(slice, *input) {
            if Instant::now() > deadline {
                return tracing::error!(slice, "a session is lost: its slice has had no room for it");
            }
            input = back;
            sleep(PAUSE).await;
        }
    }

    /// A session has come to a slice. Once its account's owner knows, where it comes from is told.
    pub(crate) fn landed(self: &Arc<Self>, landed: Landed) {
        let Landed { id, key, caller, origin } = landed;
        if let Some(former) = self.moves().came(id) {
            self.tell_ended(&former);
        }
        let known = self.mesh.told_of_session(key);
        let travel = self.clone();
        consort_runtime::spawn("arrived", async move {
            known.await;
            match origin {
                Origin::Here(departure) => travel.tell_ended(&departure),
                Origin::Node { node, ticket } => {
                    // If this is not heard, that node says it by itself some seconds later.
                    let _said = travel.ask(&caller, node, Op::Arrived { ticket }).await;
                }
            }
        });
    }

    // ---- sessions that go --------------------------------------------------------------------------------------

    /// Answers what another node asks.
    fn answer(self: &Arc<Self>, caller: Caller, op: Op, respond: Responder) {
        let taken = match op {
            Op::Take { id, token, ticket } => match id.parse() {
                Ok(id) => {
                    let user = caller.user;
                    return self.give(Asked { id, user, token, ticket, respond, passing: None });
                }
                Err(_) => Taken::Unknown,
            },
            Op::Commit { ticket, copy } => self.moves().commit(Instant::now(), ticket, copy),
            Op::Arrived { ticket } => {
                let ended = self.moves().arrived(ticket);
                ended.iter().for_each(|departure| self.tell_ended(departure));
                Taken::Done
            }
            Op::Adopt { id, copy, ticket } => self.adopt(&id, copy, ticket),
        };
        respond.send(Ok(Answer::Taken(taken)));
    }

    fn give(self: &Arc<Self>, asked: Asked) {
        if let Some(taken) = self.moves().ask(asked.id, asked.ticket) {
            return asked.respond.send(Ok(Answer::Taken(taken)));
        }
        let asked = Asked { passing: Some(self.passing(asked.id)), ..asked };
        let Some(slice) = self.interest.slice_of(asked.id, self.mesh.node(), self.inboxes.len()) else {
            return asked.respond.send(Ok(Answer::Taken(Taken::Unknown)));
        };
        // Without room for it the question is lost, and asked again.
        let _lost = self.put(slice, Input::Export(Box::new(asked)));
    }

    /// A slice has taken out a session that was asked for, or has none.
    pub(crate) fn exported(self: &Arc<Self>, asked: Asked, departure: Option<Departure>) {
        let Asked { id, ticket, respond, passing, .. } = asked;
        let taken = match departure {
            Some(departure) => {
                let taken = self.moves().freeze(Instant::now(), ticket, departure, false);
                self.start_expiring();
                taken
            }
            None => {
                drop(passing);
                // Another one may have been faster.
                self.moves().ask(id, ticket).unwrap_or(Taken::Unknown)
            }
        };
        respond.send(Ok(Answer::Taken(taken)));
    }

    fn tell_ended(&self, departure: &Departure) {
        self.mesh.tell(departure.caller.clone(), departure.closed());
    }

    /// Ends moves whose time is over, as long as there are moves.
    fn start_expiring(self: &Arc<Self>) {
        if self.expires.swap(true, Ordering::AcqRel) {
            return;
        }
        let travel = Arc::downgrade(self);
        consort_runtime::spawn("moves", async move {
            loop {
                sleep(EXPIRE_PERIOD).await;
                let Some(travel) = travel.upgrade() else { return };
                let expired = travel.moves().expire(Instant::now());
                expired.ended.iter().for_each(|departure| travel.tell_ended(departure));
                for departure in expired.back {
                    travel.take_back(departure).await;
                }
                let moves = travel.moves();
                if moves.is_empty() {
                    return travel.expires.store(false, Ordering::Release);
                }
            }
        });
    }

    /// A session that was taken out, went nowhere and passes back goes on here.
    async fn take_back(self: &Arc<Self>, departure: Departure) {
        let (copy, slice) = (departure.bytes.clone(), departure.key.slice);
        let passing = Some(Passing(self.clone(), departure.id));
        let (address, origin) = (self.admissions.next_address(), Origin::Here(departure));
        self.land(slice, Landing { copy, address, client: None, origin, passing }).await;
    }

    // ---- a node that leaves ------------------------------------------------------------------------------------

    /// From now on no session is taken in.
    pub(crate) fn leave(&self) {
        self.leaves.store(true, Ordering::Relaxed);
    }

    /// Slices are about to give away all that they have.
    pub(crate) fn gives_all(&self) {
        self.slices_leaving.store(self.inboxes.len(), Ordering::Relaxed);
    }

    /// A slice has given away all that it had.
    pub(crate) fn slice_has_left(&self) {
        self.slices_leaving.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether sessions are still to be given away.
    pub(crate) fn is_giving(&self) -> bool {
        self.giving.load(Ordering::Relaxed) + self.slices_leaving.load(Ordering::Relaxed) > 0
    }

    /// Gives a session to another node.
    pub(crate) fn give_away(self: &Arc<Self>, departure: Departure) {
        let ticket = self.ticket();
        let (id, caller) = (departure.id, departure.caller.clone());
        let Taken::Copy(copy, _) = self.moves().freeze(Instant::now(), ticket, departure, true) else {
            return;
        };
        self.start_expiring();
        self.giving.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(self.clone(), |travel| &travel.giving);
        consort_runtime::spawn("give", async move {
            let travel = &permit.0;
            let _permit = travel.gives.acquire().await;
            match travel.hand_out(&caller, id, (copy, ticket)).await {
                Some(node) => drop(travel.moves().go(Instant::now(), id, ticket, node)),
                None => {
                    let back = travel.moves().keep(id, ticket);
                    if let Some(departure) = back {
                        tracing::warn!(user = %caller.user, "no node takes a session");
                        travel.take_back(departure).await;
                    }
                }
            }
        });
    }

    /// Finds a node that takes a session. One that does not say whether it has taken it may have: then the session is its own or nobody's,
    /// and no other is asked.
    async fn hand_out(
        &self,
        caller: &Caller,
        id: SessionId,
        (copy, ticket): (Bytes, Ticket),
    ) -> Option<NodeId> {
        let deadline = Instant::now() + PATIENCE;
        let staying = self.staying();
        // The number is drawn for each session, so they spread.
        let first = ticket.n as usize;
        for at in 0..staying.len() {
            let node = staying[(first + at) % staying.len()].node;
            loop {
                let op = Op::Adopt { id: id.to_string(), copy: copy.clone(), ticket };
                match self.ask(caller, node, op).await {
                    Some(Taken::Done) => return Some(node),
                    Some(_) => break,
                    None if Instant::now() > deadline || !self.has_gateway(node) => {
                        tracing::warn!(user = %caller.user, %node, "a node does not say whether it has taken a session");
                        return Some(node);
                    }
                    None => sleep(PAUSE).await,
                }
            }
        }
        None
    }

    /// Takes a session of a node that leaves.
    fn adopt(self: &Arc<Self>, id: &str, copy: Bytes, ticket: Ticket) -> Taken {
        let Ok(id) = id.parse::<SessionId>() else { return Taken::Unknown };
        if self.leaves.load(Ordering::Relaxed) {
            return Taken::Busy;
        }
        if !self.moves().takes(Instant::now(), ticket) {
            // Its answer was lost.
            return Taken::Done;
        }
        self.start_expiring();
        let origin = Origin::Node { node: ticket.node, ticket };
        let (address, passing) = (self.admissions.next_address(), Some(self.passing(id)));
        let landing = Landing { copy, address, client: None, origin, passing };
        // A slice without room for it gives it back.
        match self.put(self.some_slice(), Input::Land(Box::new(landing))) {
            Ok(()) => Taken::Done,
            Err(_) => {
                self.moves().takes_not(ticket);
                Taken::Busy
            }
        }
    }
}

/// What other nodes ask. Weak, since the mesh holds its hosts.
struct Desk(std::sync::Weak<Travel>);

impl Host<Sessions> for Desk {
    fn deliver(&self, _node: u64, call: Call<Sessions>) {
        if let Some(travel) = self.0.upgrade() {
            travel.answer(call.caller, call.op, call.respond);
        }
    }
}
