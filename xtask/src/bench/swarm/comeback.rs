//! Clients that are cut off, that are slow, and that come back.

use super::client::{Reading, Stage};
use super::worker::{CLOSED_SILENTLY, Worker};
use super::{PATIENCE, socket};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// After how long a connection that failed is tried again, at least and at most ("Invalid Session", Gateway: 1 to 5 s).
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// A client whose turn to be cut comes while it is not ready passes it on, so often.
const PASSES: usize = 64;

/// After how long a client that was cut off comes back.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gap {
    /// At least.
    pub least: Duration,
    /// And a random time up to this.
    pub jitter: Duration,
}

/// Who is to come back, and when; and who is to be cut off next.
pub struct Comebacks {
    due: BinaryHeap<Reverse<(u64, usize)>>,
    random: u64,
    per_second: f64,
    gap: Gap,
    next_cut: u64,
}

impl Comebacks {
    /// Nobody.
    pub fn new(seed: u64) -> Self {
        let random = 0x9e37_79b9_7f4a_7c15 ^ seed;
        Self { due: BinaryHeap::new(), random, per_second: 0.0, gap: Gap::default(), next_cut: 0 }
    }

    /// Cuts off so many a second from now on.
    pub fn churn(&mut self, per_second: f64, gap: Gap) {
        (self.per_second, self.gap, self.next_cut) = (per_second, gap, 0);
    }

    /// When something is to be done.
    pub fn next(&self) -> Option<u64> {
        let due = self.due.peek().map(|Reverse((at, _))| *at);
        due.into_iter().chain((self.per_second > 0.0).then_some(self.next_cut)).min()
    }

    /// A number below `below`.
    fn random(&mut self, below: u64) -> u64 {
        // xorshift64 (Marsaglia): any spread will do
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below.max(1)
    }

    fn after(&mut self, now: u64, index: usize, least: Duration, jitter: Duration) {
        let jitter = self.random(jitter.as_nanos() as u64);
        self.due.push(Reverse((now + least.as_nanos() as u64 + jitter, index)));
    }
}

impl Worker {
    /// Cuts off the clients whose turn it is.
    pub(super) fn churn(&mut self) {
        if self.comebacks.per_second <= 0.0 {
            return;
        }
        let now = self.board.now();
        if self.comebacks.next_cut == 0 {
            self.comebacks.next_cut = now;
        }
        while self.comebacks.next_cut <= now {
            self.comebacks.next_cut += (1e9 / self.comebacks.per_second) as u64;
            for _ in 0..PASSES {
                let index = self.comebacks.random(self.clients.len() as u64) as usize;
                if self.clients[index].is_ready() && self.clients[index].reading != Reading::Never {
                    self.cut(index, self.comebacks.gap);
                    break;
                }
            }
        }
    }

    /// Cuts off everybody at once.
    pub(super) fn cut_all(&mut self, gap: Gap) {
        self.all_cut_at = Some(self.board.now());
        for index in 0..self.clients.len() {
            if self.clients[index].is_ready() {
                self.cut(index, gap);
            }
        }
    }

    fn cut(&mut self, index: usize, gap: Gap) {
        self.tally.cut += 1;
        self.drop_socket(index);
        self.clients[index].resuming = true;
        self.comebacks.after(self.board.now(), index, gap.least, gap.jitter);
    }

    /// Parts a client from its socket.
    pub(super) fn drop_socket(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if let Some(socket) = client.socket.take() {
            socket::cut(socket);
        }
        if client.is_ready() {
            self.board.ready.fetch_sub(1, Relaxed);
        }
        client.stage = Stage::Absent;
        client.reading = Reading::Live;
        client.ack_due = false;
        client.partial = Vec::new();
        client.inflater = None;
    }

    /// Connects those whose time has come.
    pub(super) fn come_back(&mut self) {
        let now = self.board.now();
        while let Some(Reverse((at, index))) = self.comebacks.due.peek().copied() {
            if at > now {
                return;
            }
            self.comebacks.due.pop();
            if self.clients[index].stage == Stage::Absent {
                self.open(index);
            }
        }
    }

    /// A connection is over, and it was not we who wanted that.
    pub(super) fn lost(&mut self, index: usize, code: u16, reason: &str) {
        let (number, client) = (self.first + index, &self.clients[index]);
        let fail = |failure: &mut Option<String>, what: &str| {
            failure.get_or_insert_with(|| format!("client {number} {what}: {code} {reason}"));
        };
        if client.is_ready() || client.stage == Stage::Raw {
            self.tally.closed(code, 1);
            if !self.plan.tolerant {
                fail(&mut self.failure, "was closed");
            }
        } else {
            // a connection may fail when very many come at once, but not for a reason that is said
            self.tally.retries += 1;
            let since = self.board.now().saturating_sub(client.since);
            if code != CLOSED_SILENTLY && !self.plan.tolerant {
                fail(&mut self.failure, "was turned away");
            } else if since > PATIENCE.as_nanos() as u64 {
                fail(&mut self.failure, "gets no connection");
            }
        }
        self.drop_socket(index);
        self.clients[index].resuming = self.clients[index].session.is_some();
        self.retry(index);
    }

    /// Tries again a little later.
    pub(super) fn retry(&mut self, index: usize) {
        let (least, most) = RETRY;
        self.comebacks.after(self.board.now(), index, least, most - least);
    }

    /// Stops reading every so manieth client; returns where these connect from.
    pub(super) fn slow_down(&mut self, every: usize) -> Vec<SocketAddr> {
        let mut addresses = Vec::new();
        // others than those that look into compressed messages, which are the multiples of a hundred
        let chosen = |number: usize| number % every.max(1) == every / 2;
        for index in 0..self.clients.len() {
            if chosen(self.first + index) && self.clients[index].is_ready() {
                if self.clients[index].reading == Reading::Live {
                    self.deregister(index);
                }
                self.clients[index].reading = Reading::Never;
                let address = self.clients[index].socket.as_ref().and_then(|socket| socket.local_addr().ok());
                addresses.extend(address);
            }
        }
        addresses
    }

    /// Reads the slow ones again; those that the server has cut find that out, and come back.
    pub(super) fn hurry(&mut self) {
        for index in 0..self.clients.len() {
            if self.clients[index].reading == Reading::Never {
                self.clients[index].reading = Reading::Live;
                self.register(index);
                self.now = self.board.now();
                self.read(index, true);
            }
        }
    }
}
