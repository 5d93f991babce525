//! The loop between the core and a transmit.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use super::{Transmit, Way, transmit};
use crate::slice::{Flushed, Offer, Slice};

/// Writes to the connections of a slice, as many at once as its transmit takes.
pub(crate) struct Flusher<S> {
    transmit: Box<dyn Transmit<S>>,
    /// Sends that were put.
    offers: Vec<(usize, Offer)>,
    results: Vec<io::Result<usize>>,
    /// Connections that took all they were offered, and have more.
    again: Vec<usize>,
    /// Connections whose close frame is out.
    closed: Vec<usize>,
}

impl<S: AsFd> Flusher<S> {
    /// Writes in this way. To be called in the thread that writes.
    pub(crate) fn new(way: Way, slice: u16) -> Self {
        Self::with(transmit(way, slice))
    }
}

impl<S> Flusher<S> {
    pub(crate) fn with(transmit: Box<dyn Transmit<S>>) -> Self {
        let room = transmit.room();
        Self {
            transmit,
            offers: Vec::with_capacity(room),
            results: Vec::with_capacity(room),
            again: Vec::new(),
            closed: Vec::new(),
        }
    }

    /// Writes to connections that something waits for, a turn's worth. Gives those whose close frame is out: the writing
    /// side of their sockets may be shut.
    pub(crate) fn turn<'s>(
        &mut self,
        now: Instant,
        core: &mut Slice,
        socket: impl Fn(usize) -> Option<&'s S>,
    ) -> std::vec::Drain<'_, usize>
    where
        S: 's,
    {
        let mut flushed = 0;
        loop {
            self.gather(now, core, &mut flushed, &socket);
            if self.offers.is_empty() {
                return self.closed.drain(..);
            }
            self.transmit.send(&mut self.results);
            for ((slot, offer), result) in self.offers.drain(..).zip(self.results.drain(..)) {
                match core.complete(now, slot, &offer, result) {
                    None => self.again.push(slot),
                    Some(Flushed::Closed) => self.closed.push(slot),
                    Some(_) => {}
                }
            }
        }
    }

    /// Puts sends, of one connection each, until there is no room or nothing more to send.
    fn gather<'s>(
        &mut self,
        now: Instant,
        core: &mut Slice,
        flushed: &mut usize,
        socket: &impl Fn(usize) -> Option<&'s S>,
    ) where
        S: 's,
    {
        while self.offers.len() < self.transmit.room()
            && let Some(slot) = self.again.pop().or_else(|| core.next_dirty(flushed))
        {
            let Some(socket) = socket(slot) else { continue };
            match core.prepare(now, slot, |parts| self.transmit.put(socket, parts)) {
                Ok(offer) => self.offers.push((slot, offer)),
                Err(Flushed::Closed) => self.closed.push(slot),
                Err(_) => {}
            }
        }
    }

    /// Forgets all sends that were not made: their connections are.
    pub(crate) fn clear(&mut self) {
        self.transmit.clear();
        self.offers.clear();
        self.results.clear();
        self.again.clear();
        self.closed.clear();
    }
}
