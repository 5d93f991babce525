//! Sessions that go from this node to another: those that are frozen until it is said what becomes of them, and where those went that
//! have gone. Without clock, task or link.
//!
//! A session that another node asks for is taken out of its slice and frozen. If that node says in time that it has the copy, the
//! session is its own from then on; if not, it goes on here, and whoever says so later is told that it is too late. So it is at one
//! place at any time, and which one, this node alone decides.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use consort_rpc::NodeId;
use consort_rpc::session::{Taken, Ticket};
use consort_session::SessionId;
use tokio::time::Instant;

use crate::config::{FROZEN_BYTES_MAX, FROZEN_MAX, GONE_MAX};
use crate::slice::Departure;

/// How long a session that was asked for waits for the word that its copy has arrived.
pub(crate) const FREEZE: Duration = Duration::from_secs(5);
/// How long it is known where a session went, and under which ticket. Afterwards the owner of its account knows.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(60);
/// How long the owner of an account is not told that a session has gone while it may not know yet where it is.
const ARRIVAL: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Frozen {
    ticket: Ticket,
    /// The number of the copy.
    copy: u64,
    departure: Departure,
    /// `None` while this node gives it to another, which ends when that answers.
    until: Option<Instant>,
}

#[derive(Debug)]
struct Gone {
    id: SessionId,
    /// What the owner of its account is still to be told.
    departure: Option<Departure>,
}

/// When something is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Frozen(SessionId, u64),
    Arrival(Ticket),
    Forget(Ticket),
    ForgetTaken(Ticket),
}

/// What time has brought.
#[derive(Debug, Default)]
pub(crate) struct Expired {
    /// Nobody has taken these: they pass back to their slices.
    pub(crate) back: Vec<Departure>,
    /// These have gone: the owners of their accounts are told so.
    pub(crate) ended: Vec<Departure>,
}

/// The moves of a node.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    frozen: HashMap<SessionId, Frozen>,
    bytes: usize,
    gone: HashMap<Ticket, Gone>,
    last: HashMap<SessionId, (Ticket, NodeId)>,
    /// Sessions that are between two places of this node, or just coming to it.
    passing: HashMap<SessionId, u32>,
    /// The number of the last copy.
    copies: u64,
    /// Under which tickets sessions were taken in that others gave away.
    took: HashSet<Ticket>,
    /// Each with the same delay, so in the order of time.
    dues: [VecDeque<(Instant, Due)>; 3],
}

impl Moves {
    /// What is to be answered to who asks for a session, as far as it was taken out or has gone; else a slice may have it.
    pub(crate) fn ask(&self, id: SessionId, ticket: Ticket) -> Option<Taken> {
        if let Some(frozen) = self.frozen.get(&id) {
            let same = frozen.ticket == ticket && frozen.until.is_some();
            let copy = || Taken::Copy(frozen.departure.bytes.clone(), frozen.copy);
            return Some(if same { copy() } else { Taken::Busy });
        }
        if let Some(gone) = self.whereabouts(id) {
            return Some(gone);
        }
        let full = self.frozen.len() >= FROZEN_MAX || self.bytes >= FROZEN_BYTES_MAX;
        full.then_some(Taken::Busy)
    }

    /// What of a session this node itself knows that was on it.
    pub(crate) fn whereabouts(&self, id: SessionId) -> Option<Taken> {
        if self.frozen.contains_key(&id) || self.passing.contains_key(&id) {
            return Some(Taken::Busy);
        }
        self.last.get(&id).map(|(_, to)| Taken::Moved(*to))
    }

    /// From now until [`Moves::has_passed`] nobody is told that a session is not here.
    pub(crate) fn passes(&mut self, id: SessionId) {
        *self.passing.entry(id).or_default() += 1;
    }

    /// It is at its place, or not here.
    pub(crate) fn has_passed(&mut self, id: SessionId) {
        if let Entry::Occupied(mut times) = self.passing.entry(id) {
            *times.get_mut() -= 1;
            if *times.get() == 0 {
                times.remove();
            }
        }
    }

    /// Notes that a session which another node gives away is taken in. Gives false when it was before.
    pub(crate) fn takes(&mut self, now: Instant, ticket: Ticket) -> bool {
        self.dues[2].push_back((now + REMEMBERED, Due::ForgetTaken(ticket)));
        self.took.insert(ticket)
    }

    /// It is not taken in after all.
    pub(crate) fn takes_not(&mut self, ticket: Ticket) {
        self.took.remove(&ticket);
    }

    /// A session was taken out: for who asked for it, or, if `gives`, to be given to another node.
    pub(crate) fn freeze(
        &mut self,
        now: Instant,
        ticket: Ticket,
        departure: Departure,
        gives: bool,
    ) -> Taken {
        let (id, bytes) = (departure.id, departure.bytes.clone());
        let until = (!gives).then_some(now + FREEZE);
        self.bytes += bytes.len();
        self.copies += 1;
        let copy = self.copies;
        self.frozen.insert(id, Frozen { ticket, copy, departure, until });
        if let Some(until) = until {
            self.dues[0].push_back((until, Due::Frozen(id, copy)));
        }
        Taken::Copy(bytes, copy)
    }

    fn thaw(&mut self, id: SessionId, is_it: impl Fn(&Frozen) -> bool) -> Option<Departure> {
        self.frozen.get(&id).filter(|frozen| is_it(frozen))?;
        let Frozen { departure, .. } = self.frozen.remove(&id)?;
        self.bytes -= departure.bytes.len();
        Some(departure)
    }

    /// A copy is where it was to go.
    pub(crate) fn commit(&mut self, now: Instant, ticket: Ticket, copy: u64) -> Taken {
        if self.gone.contains_key(&ticket) {
            return Taken::Done;
        }
        let id = self.frozen.iter().find(|(_, frozen)| frozen.ticket == ticket && frozen.copy == copy);
        match id.map(|(id, _)| *id).and_then(|id| self.go(now, id, ticket, ticket.node)) {
            Some(()) => Taken::Done,
            None => Taken::Void,
        }
    }

    /// A session is at another node from here on.
    pub(crate) fn go(&mut self, now: Instant, id: SessionId, ticket: Ticket, to: NodeId) -> Option<()> {
        let mut departure = self.thaw(id, |frozen| frozen.ticket == ticket)?;
        departure.bytes = bytes::Bytes::new();
        self.gone.insert(ticket, Gone { id, departure: Some(departure) });
        self.last.insert(id, (ticket, to));
        self.dues[1].push_back((now + ARRIVAL, Due::Arrival(ticket)));
        self.dues[2].push_back((now + REMEMBERED, Due::Forget(ticket)));
        Some(())
    }

    /// A session that was to be given away is not taken: it passes back to its slice.
    pub(crate) fn keep(&mut self, id: SessionId, ticket: Ticket) -> Option<Departure> {
        let departure = self.thaw(id, |frozen| frozen.ticket == ticket)?;
        self.passes(id);
        Some(departure)
    }

    /// A session is at home where it went. Gives what the owner of its account is to be told now.
    pub(crate) fn arrived(&mut self, ticket: Ticket) -> Option<Departure> {
        self.gone.get_mut(&ticket)?.departure.take()
    }

    /// A session has come to this node: where it once went is over.
    pub(crate) fn came(&mut self, id: SessionId) -> Option<Departure> {
        let (ticket, _) = self.last.remove(&id)?;
        self.arrived(ticket)
    }

    /// Whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.frozen.is_empty()
            && self.passing.is_empty()
            && self.gone.is_empty()
            && self.dues.iter().all(VecDeque::is_empty)
    }

    /// What has become of sessions by now.
    pub(crate) fn expire(&mut self, now: Instant) -> Expired {
        let mut expired = Expired::default();
        for kind in 0..self.dues.len() {
            while let Some((_, due)) = self.dues[kind].pop_front_if(|(at, _)| *at <= now) {
                self.due(due, &mut expired);
            }
        }
        while self.gone.len() + self.took.len() > GONE_MAX
            && let Some((_, due)) = self.dues[2].pop_front()
        {
            self.due(due, &mut expired);
        }
        expired
    }

    fn due(&mut self, due: Due, expired: &mut Expired) {
        match due {
            Due::Frozen(id, copy) => {
                let Some(departure) = self.thaw(id, |frozen| frozen.copy == copy) else { return };
                self.passes(id);
                expired.back.push(departure);
            }
            Due::Arrival(ticket) => expired.ended.extend(self.arrived(ticket)),
            Due::ForgetTaken(ticket) => drop(self.took.remove(&ticket)),
            Due::Forget(ticket) => {
                let Some(Gone { id, departure }) = self.gone.remove(&ticket) else { return };
                expired.ended.extend(departure);
                if self.last.get(&id).is_some_and(|(last, _)| *last == ticket) {
                    self.last.remove(&id);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: NodeId = NodeId(1);
    const THERE: NodeId = NodeId(2);

    fn id(number: u32) -> SessionId {
        SessionId { node: HERE, slice: 0, number, secret: 7 }
    }

    fn ticket(n: u64) -> Ticket {
        Ticket { node: THERE, generation: 5, n }
    }

    fn moves(now: Instant) -> Moves {
        let mut moves = Moves::default();
        assert_eq!(moves.ask(id(1), ticket(1)), None, "a slice may have it");
        let copy = moves.freeze(now, ticket(1), Departure::sample(id(1), b"one"), false);
        assert_eq!(copy, Taken::Copy("one".into(), 1));
        moves
    }

    #[tokio::test]
    async fn one_of_two_that_ask_gets_it_however_often_and_the_other_is_told_where_it_went() {
        let now = Instant::now();
        let mut moves = moves(now);
        assert_eq!(moves.ask(id(1), ticket(1)), Some(Taken::Copy("one".into(), 1)), "its answer was lost");
        assert_eq!(moves.ask(id(1), ticket(2)), Some(Taken::Busy));
        assert_eq!(moves.commit(now, ticket(2), 1), Taken::Void);
        assert_eq!(
            [moves.commit(now, ticket(1), 1), moves.commit(now, ticket(1), 1)],
            [Taken::Done, Taken::Done]
        );
        assert_eq!(moves.ask(id(1), ticket(2)), Some(Taken::Moved(THERE)));
        assert!(moves.expire(now + FREEZE).back.is_empty());
        assert!(moves.arrived(ticket(1)).is_some() && moves.arrived(ticket(1)).is_none(), "told once");
        assert!(moves.expire(now + REMEMBERED).ended.is_empty() && moves.is_empty());
    }

    #[tokio::test]
    async fn who_says_nothing_in_time_has_not_got_it() {
        let now = Instant::now();
        let mut moves = moves(now);
        assert!(moves.expire(now + FREEZE / 2).back.is_empty());
        let back = moves.expire(now + FREEZE).back;
        assert_eq!(back.iter().map(|back| back.bytes.as_ref()).collect::<Vec<_>>(), [b"one"]);
        assert_eq!(moves.commit(now + FREEZE, ticket(1), 1), Taken::Void);
        assert_eq!(moves.ask(id(1), ticket(2)), Some(Taken::Busy), "not at its slice yet");
        moves.has_passed(id(1));
        assert!(moves.is_empty() && moves.bytes == 0);
    }

    #[tokio::test]
    async fn a_copy_that_comes_late_is_not_taken_for_the_one_that_was_asked_for_again() {
        let now = Instant::now();
        let mut moves = moves(now);
        moves.expire(now + FREEZE);
        moves.has_passed(id(1));
        // The question comes once more, after its session has gone on here.
        assert_eq!(moves.ask(id(1), ticket(1)), None);
        let later = now + FREEZE;
        let copy = moves.freeze(later, ticket(1), Departure::sample(id(1), b"more"), false);
        assert_eq!(copy, Taken::Copy("more".into(), 2));
        assert_eq!(moves.commit(later, ticket(1), 1), Taken::Void);
        assert_eq!(moves.commit(later, ticket(1), 2), Taken::Done);
    }

    #[tokio::test]
    async fn the_account_is_told_in_the_end_although_nobody_says_that_it_arrived() {
        let now = Instant::now();
        let mut moves = moves(now);
        assert_eq!(moves.commit(now, ticket(1), 1), Taken::Done);
        assert_eq!(moves.expire(now + ARRIVAL).ended.len(), 1);
        assert_eq!(moves.ask(id(1), ticket(2)), Some(Taken::Moved(THERE)), "still known");
    }

    #[tokio::test]
    async fn one_that_comes_back_is_not_elsewhere() {
        let now = Instant::now();
        let mut moves = moves(now);
        assert_eq!(moves.commit(now, ticket(1), 1), Taken::Done);
        assert!(moves.came(id(1)).is_some());
        assert_eq!(moves.ask(id(1), ticket(2)), None);
        assert_eq!(moves.commit(now, ticket(1), 1), Taken::Done, "as before");
        assert!(moves.expire(now + REMEMBERED).ended.is_empty() && moves.is_empty());
    }

    #[tokio::test]
    async fn what_is_given_away_waits_for_its_answer() {
        let now = Instant::now();
        let mut moves = Moves::default();
        moves.freeze(now, ticket(1), Departure::sample(id(1), b"one"), true);
        assert_eq!(moves.ask(id(1), ticket(1)), Some(Taken::Busy));
        assert!(moves.expire(now + REMEMBERED).back.is_empty());
        assert!(moves.go(now, id(1), ticket(1), THERE).is_some());
        assert_eq!(moves.ask(id(1), ticket(3)), Some(Taken::Moved(THERE)));
        moves.freeze(now, ticket(2), Departure::sample(id(2), b"two"), true);
        assert!(moves.keep(id(2), ticket(2)).is_some());
        moves.has_passed(id(2));
        assert_eq!(moves.ask(id(2), ticket(3)), None);
    }

    #[tokio::test]
    async fn what_is_given_twice_is_taken_once() {
        let now = Instant::now();
        let mut moves = Moves::default();
        assert!(moves.takes(now, ticket(1)) && !moves.takes(now, ticket(1)));
        moves.takes_not(ticket(1));
        assert!(moves.takes(now, ticket(1)));
        moves.expire(now + REMEMBERED);
        assert!(moves.is_empty() && moves.took.is_empty());
    }

    #[tokio::test]
    async fn there_is_room_for_so_many() {
        let now = Instant::now();
        let mut moves = Moves::default();
        for number in 0..FROZEN_MAX as u32 {
            moves.freeze(now, ticket(u64::from(number)), Departure::sample(id(number), b"x"), false);
        }
        assert_eq!(moves.ask(id(u32::MAX), ticket(1 << 40)), Some(Taken::Busy));
        (0..FROZEN_MAX as u64).for_each(|n| assert_eq!(moves.commit(now, ticket(n), n + 1), Taken::Done));
        assert_eq!(moves.ask(id(u32::MAX), ticket(1 << 40)), None);
    }
}
