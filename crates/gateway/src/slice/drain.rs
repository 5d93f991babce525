//! The end of a slice: its clients are told to go elsewhere, some at a time. All of them at once would be a crowd where they come.

use std::time::{Duration, Instant};

use consort_wire::gateway::{CloseCode, outbound};

use super::timers::Due;
use super::{ConnId, Effect, Phase, Slice};

/// Between two groups of clients that are told.
const STEP: Duration = Duration::from_millis(20);
/// In how many groups they are told at most: within 2 s all know.
const STEPS_MAX: usize = 100;
/// Clients of a group at least.
const AT_ONCE_MIN: usize = 8;

/// Who is still to be told.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    clients: Vec<(usize, ConnId)>,
    at_once: usize,
}

impl Slice {
    /// Tells every client to come back elsewhere.
    pub(super) fn drain(&mut self, now: Instant) {
        if std::mem::replace(&mut self.draining, true) {
            return;
        }
        // Who is still to hear HELLO hears this after it.
        let hears_hello = |phase: &Phase| matches!(phase, Phase::Handshake | Phase::Upgraded);
        let clients = self.conns.iter().filter(|(_, conn)| !hears_hello(&conn.phase));
        let clients: Vec<_> = clients.map(|(slot, conn)| (slot, conn.id)).collect();
        let at_once = clients.len().div_ceil(STEPS_MAX).max(AT_ONCE_MIN);
        self.leaving = Leaving { clients, at_once };
        self.send_away(now);
    }

    /// Tells the next group.
    pub(super) fn send_away(&mut self, now: Instant) {
        let rest = self.leaving.clients.len().saturating_sub(self.leaving.at_once);
        for (slot, id) in self.leaving.clients.split_off(rest) {
            let stays = self.conn(slot, id).is_some_and(|conn| !matches!(conn.phase, Phase::Closing { .. }));
            if stays {
                self.tell_to_leave(slot);
            }
        }
        if rest > 0 {
            self.timers.add(now + STEP, Due::Leaving);
        }
    }

    /// Tells one client to come back elsewhere.
    pub(super) fn tell_to_leave(&mut self, slot: usize) {
        let message = outbound::reconnect(self.conns[slot].stream.encoding());
        self.put_own(slot, &message);
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
