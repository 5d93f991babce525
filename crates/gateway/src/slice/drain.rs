//! The end of a slice: its clients are told to go elsewhere, some at a time. All of them at once would be a crowd where they come.
//! Each takes its session along ([`super::moving`]); those of clients that do not come back are given to other nodes, if there are any.

use std::sync::Arc;
use std::time::{Duration, Instant};

use consort_wire::gateway::{CloseCode, outbound};

use super::timers::Due;
use super::{ConnId, Effect, Phase, Slice};
use crate::config::LINGER;

/// Between two groups of clients that are told.
const STEP: Duration = Duration::from_millis(20);
/// In how many groups they are told at most: within 2 s all know.
const STEPS_MAX: usize = 100;
/// Clients of a group at least.
const AT_ONCE_MIN: usize = 8;
/// Sessions that are given away in one step at most.
const GIVEN_AT_ONCE: usize = 128;

/// Who is still to be told.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    clients: Vec<(usize, ConnId)>,
    at_once: usize,
    /// Where they are told to go, in turn; where they came to if there is none.
    urls: Arc<[String]>,
    next_url: usize,
    /// Sessions of clients that do not come back are given to other nodes.
    gives: bool,
    /// Those that are left, by number, once all are given away.
    all: Option<Vec<u64>>,
}

impl Slice {
    /// Tells every client to come back elsewhere.
    pub(super) fn drain(&mut self, now: Instant, urls: Arc<[String]>, gives: bool) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        // Who is still to hear HELLO hears this after it.
        let hears_hello = |phase: &Phase| matches!(phase, Phase::Handshake | Phase::Upgraded);
        let clients = self.conns.iter().filter(|(_, conn)| !hears_hello(&conn.phase));
        let clients: Vec<_> = clients.map(|(slot, conn)| (slot, conn.id)).collect();
        let at_once = clients.len().div_ceil(STEPS_MAX).max(AT_ONCE_MIN);
        let next_url = usize::from(self.index);
        self.leaving = Leaving { clients, at_once, urls, next_url, gives, all: None };
        self.send_away(now);
    }

    /// Tells the next group, and gives away the sessions of those who have left long enough ago.
    pub(super) fn send_away(&mut self, now: Instant) {
        let rest = self.leaving.clients.len().saturating_sub(self.leaving.at_once);
        for (slot, id) in self.leaving.clients.split_off(rest) {
            let stays = self.conn(slot, id).is_some_and(|conn| !matches!(conn.phase, Phase::Closing { .. }));
            if stays {
                self.tell_to_leave(slot);
            }
        }
        if self.leaving.gives {
            self.give_some(now);
        }
        if rest > 0 || self.leaving.gives {
            self.timers.add(now + STEP, Due::Leaving);
        }
    }

    /// Tells one client to come back elsewhere.
    pub(super) fn tell_to_leave(&mut self, slot: usize) {
        let Leaving { urls, next_url, .. } = &mut self.leaving;
        *next_url += 1;
        let url = next_url.checked_rem(urls.len()).map(|at| urls[at].as_str());
        let message = outbound::reconnect(self.conns[slot].stream.encoding(), url);
        self.put_own(slot, &message);
    }

    /// From now on sessions are given away whether or not their clients are still there.
    pub(super) fn give_all(&mut self, now: Instant) {
        let all = self.sessions.iter().map(|(_, held)| held.session.identity().key.number).collect();
        self.leaving.all = Some(all);
        if !std::mem::replace(&mut self.leaving.gives, true) {
            self.timers.add(now, Due::Leaving);
        }
    }

    fn give_some(&mut self, now: Instant) {
        for _ in 0..GIVEN_AT_ONCE {
            let number = match &mut self.leaving.all {
                Some(all) => all.pop(),
                None => self.long_detached(now),
            };
            let Some(number) = number else {
                if self.leaving.all.is_some() {
                    self.leaving.gives = false;
                    self.effects.push(Effect::GivenAway);
                }
                return;
            };
            let id = self.held(number).map(|(_, held)| held.session.identity().id);
            if let Some(departure) = id.and_then(|id| self.export(now, id)) {
                self.effects.push(Effect::GiveAway(Box::new(departure)));
            }
        }
    }

    /// The session that has been longest without its client, if that is long enough.
    fn long_detached(&mut self, now: Instant) -> Option<u64> {
        while let Some((since, number)) = self.detached.pop_front_if(|(since, _)| *since + LINGER <= now) {
            if self.held(number).is_some_and(|(_, held)| held.detached_since == Some(since)) {
                return Some(number);
            }
        }
        None
    }

    /// Closes everything.
    pub(super) fn stop(&mut self, now: Instant) {
        let slots: Vec<_> = self.conns.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.close(now, slot, CloseCode::GoingAway.number());
        }
        let sessions: Vec<_> = self.sessions.iter().map(|(slot, _)| slot).collect();
        sessions.into_iter().for_each(|slot| self.end_session(slot));
        self.effects.push(Effect::Stopped);
    }
}
