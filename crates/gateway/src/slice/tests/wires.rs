//! Made-up sockets, and how the core is flushed into them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;

use super::{Bench, Far};
use crate::transmit::{Flusher, Transmit};

/// A socket.
#[derive(Default)]
pub(super) struct Wire {
    /// Bytes that it still takes.
    pub(super) room: usize,
    /// What it took and the client has not read.
    pub(super) bytes: VecDeque<u8>,
}

pub(super) type Socket = Rc<RefCell<Wire>>;

/// Sends to such sockets, as late as it may.
struct Wires {
    at_once: usize,
    puts: Vec<(Socket, Vec<u8>)>,
}

impl Transmit<Socket> for Wires {
    fn room(&self) -> usize {
        self.at_once
    }

    fn put(&mut self, socket: &Socket, parts: &[IoSlice<'_>]) {
        assert!(
            self.puts.len() < self.at_once && self.puts.iter().all(|(other, _)| !Rc::ptr_eq(other, socket))
        );
        let bytes = parts.iter().flat_map(|part| part.iter().copied()).collect();
        self.puts.push((socket.clone(), bytes));
    }

    fn send(&mut self, results: &mut Vec<io::Result<usize>>) {
        results.extend(self.puts.drain(..).map(|(socket, bytes)| {
            let mut wire = socket.borrow_mut();
            let taken = bytes.len().min(wire.room);
            wire.room -= taken;
            wire.bytes.extend(&bytes[..taken]);
            if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
        }));
    }

    fn clear(&mut self) {
        self.puts.clear();
    }
}

impl Bench {
    /// Flushes whatever is dirty: into these sockets so many bytes at most, and into the others, which nobody reads, so
    /// many.
    pub(super) fn flush_into(&mut self, fars: &[(&Far, usize)], others: usize) {
        for (far, room) in fars {
            far.socket.borrow_mut().room = *room;
            self.slice.writable(far.slot);
        }
        let nobody = |slot: usize| {
            let socket = Socket::default();
            socket.borrow_mut().room = others;
            (slot, socket)
        };
        let others: Vec<_> = self.slice.conns.iter().map(|(slot, _)| nobody(slot)).collect();
        let socket = |slot: usize| {
            let known = fars.iter().find(|(far, _)| far.slot == slot).map(|(far, _)| &far.socket);
            known.or_else(|| others.iter().find(|(other, _)| *other == slot).map(|(_, socket)| socket))
        };
        let mut flusher = Flusher::with(Box::new(Wires { at_once: self.at_once, puts: Vec::new() }));
        flusher.turn(self.now, &mut self.slice, socket);
        self.settle();
    }

    /// Flushes whatever is dirty into a socket that takes at most `room` bytes.
    pub(super) fn flush(&mut self, far: &Far, room: usize) {
        self.flush_beside(far, room, true);
    }

    /// As [`Bench::flush`]; the other sockets take everything, which nobody reads, or nothing.
    pub(super) fn flush_beside(&mut self, far: &Far, room: usize, others_take: bool) {
        self.flush_into(&[(far, room)], if others_take { usize::MAX } else { 0 });
    }

    /// Flushes one connection into a socket that takes at most `room` bytes.
    pub(super) fn flush_only(&mut self, far: &Far, room: usize) {
        far.socket.borrow_mut().room = room;
        self.slice.writable(far.slot);
        self.flush_slot(far.slot, &far.socket);
        self.settle();
    }

    /// Flushes one connection into a socket that takes everything. Gives how many bytes that was.
    pub(super) fn flush_whole(&mut self, slot: usize) -> usize {
        let socket = Socket::default();
        socket.borrow_mut().room = usize::MAX;
        self.flush_slot(slot, &socket);
        socket.take().bytes.len()
    }

    fn flush_slot(&mut self, slot: usize, socket: &Socket) {
        let mut wires = Wires { at_once: 1, puts: Vec::new() };
        let mut results = Vec::new();
        while let Ok(offer) = self.slice.prepare(self.now, slot, |parts| wires.put(socket, parts)) {
            wires.send(&mut results);
            let result = results.pop().expect("a result of each send");
            if self.slice.complete(self.now, slot, &offer, result).is_some() {
                return;
            }
        }
    }
}
