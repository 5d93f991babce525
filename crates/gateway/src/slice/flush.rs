//! Writing: everything that waits for a connection leaves in one send.
//!
//! A send has two halves, so that many can be on their way at once: [`Slice::prepare`] lends the bytes out, and
//! [`Slice::complete`] takes note of what the socket took of them. Between the two halves of a connection there may be
//! halves of others, and nothing else.
//!
//! The order on a connection is: the rest of a dispatch that is half written, then the connection's own frames, then the
//! session's dispatches. A half-written dispatch is remembered as an offset into its frame, which is made again the same, and
//! counts as written where the stream is concerned: nothing can come between its halves.

use std::io::{self, IoSlice};
use std::time::Instant;

use bytes::{Buf as _, Bytes};
use consort_wire::compress::payload_zlib;
use consort_wire::compress::stream::{Delivery, Recipe, Stream};
use consort_wire::gateway::outbound::Prefix;
use consort_wire::ws;

use super::{Phase, Slice};
use crate::config::{DISPATCHES_PER_SEND, FLUSHES_PER_TURN, PAYLOAD_ZLIB_MIN_BYTES};

/// Parts of a send of so many dispatches: own frames, and head and body of each.
const fn parts(dispatches: usize) -> usize {
    1 + 2 * dispatches
}

/// Pieces of one send of what is in more of them than usual; what is behind them goes with the next.
const PIECES_PER_SEND: usize = 64;

/// What became of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Everything is written.
    All,
    /// The socket takes no more for now.
    Blocked,
    /// The connection is over.
    Over,
    /// The close frame is out: the writing side of the socket may be shut.
    Closed,
}

/// What was offered to a socket: the first half of a send.
pub(crate) struct Offer {
    given: usize,
    /// Bytes of the connection's own frames, offered first.
    own: usize,
    first_seq: u64,
    /// The first dispatch, and those behind it: nearly all offers are of one, and small.
    made: Option<Made>,
    more: Vec<Made>,
}

/// A dispatch's frame in a send.
#[derive(Clone, Copy)]
struct Made {
    /// Its length, what is before an offset included.
    len: usize,
    recipe: Recipe,
    /// The connection's stream once the frame is begun.
    stream: Stream,
}

impl Slice {
    /// Whether a connection is to be flushed.
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The next connections with something to write that can take it, at most a turn's worth.
    pub(crate) fn next_dirty(&mut self, flushed: &mut usize) -> Option<usize> {
        while *flushed < FLUSHES_PER_TURN {
            let slot = self.dirty.pop_front()?;
            // The slot may have been freed, or taken by another connection.
            let Some(conn) = self.conns.get_mut(slot) else { continue };
            if !std::mem::take(&mut conn.dirty) || conn.gone || conn.blocked {
                continue;
            }
            *flushed += 1;
            return Some(slot);
        }
        None
    }

    /// The socket can take more again.
    pub(crate) fn writable(&mut self, slot: usize) {
        if let Some(conn) = self.conns.get_mut(slot).filter(|conn| conn.blocked) {
            conn.blocked = false;
            self.mark_dirty(slot);
        }
    }

    /// Lends to `put` what waits for a connection. What of it was sent is to be told to [`Slice::complete`] before anything
    /// else is asked of this connection.
    ///
    /// # Errors
    /// When nothing is lent, for this reason.
    pub(crate) fn prepare(
        &mut self,
        now: Instant,
        slot: usize,
        put: impl FnOnce(&[IoSlice<'_>]),
    ) -> Result<Offer, Flushed> {
        if let Some(over) = self.check_backlog(now, slot) {
            return Err(over);
        }
        self.compress_payload(now, slot);
        self.offer(slot, put).ok_or_else(|| self.all_written(now, slot))
    }

    /// Takes note of what a socket took of an offer. `None` when there is more to prepare at once.
    pub(crate) fn complete(
        &mut self,
        now: Instant,
        slot: usize,
        offer: &Offer,
        result: io::Result<usize>,
    ) -> Option<Flushed> {
        match result {
            Ok(0) => {
                self.lost(now, slot);
                Some(Flushed::Over)
            }
            Ok(taken) => {
                self.wrote(now, slot, offer, taken);
                if taken < offer.given {
                    Some(self.blocked(now, slot))
                } else if self.has_more(slot) {
                    None
                } else {
                    Some(self.all_written(now, slot))
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(self.blocked(now, slot)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(_) => {
                self.lost(now, slot);
                Some(Flushed::Over)
            }
        }
    }

    /// Whether something still waits for a connection.
    fn has_more(&self, slot: usize) -> bool {
        let conn = &self.conns[slot];
        conn.has_output()
            || matches!(conn.phase, Phase::Live(session) if self.sessions[session].session.has_unsent())
    }

    /// Cuts a client that is so slow that its journal has forgotten what was to be written.
    fn check_backlog(&mut self, now: Instant, slot: usize) -> Option<Flushed> {
        let Phase::Live(session) = self.conns[slot].phase else { return None };
        let session = &self.sessions[session].session;
        if session.is_live() && session.has_lost_unsent() {
            self.cut_slow(now, slot);
            return Some(Flushed::Over);
        }
        None
    }

    /// Puts parts together and lends them; `None` when there is nothing to send.
    fn offer(&mut self, slot: usize, put: impl FnOnce(&[IoSlice<'_>])) -> Option<Offer> {
        if !self.conns[slot].rest.is_empty() {
            return Some(self.offer_rest(slot, put));
        }
        let unsent = match self.conns[slot].phase {
            Phase::Live(session) => {
                let session = &self.sessions[session].session;
                session.seq().saturating_sub(session.sent())
            }
            _ => 0,
        };
        // Room for many costs more to make than all else that is done for one.
        if unsent <= 1 {
            self.offer_most::<1, { parts(1) }>(slot, put)
        } else {
            self.offer_most::<DISPATCHES_PER_SEND, { parts(DISPATCHES_PER_SEND) }>(slot, put)
        }
    }

    /// Lends what is left of a dispatch whose session the connection has left, and its own frames.
    fn offer_rest(&mut self, slot: usize, put: impl FnOnce(&[IoSlice<'_>])) -> Offer {
        let conn = &self.conns[slot];
        let own = &conn.own[conn.own_written..];
        let rest = conn.rest.iter().map(|piece| &piece[..]);
        let parts: Vec<_> = rest.chain([own]).take(PIECES_PER_SEND).map(IoSlice::new).collect();
        let given = parts.iter().map(|part| part.len()).sum();
        put(&parts);
        Offer { given, own: given, first_seq: 0, made: None, more: Vec::new() }
    }

    /// As [`Slice::offer`], with room for `MOST` dispatches.
    fn offer_most<const MOST: usize, const PARTS: usize>(
        &mut self,
        slot: usize,
        put: impl FnOnce(&[IoSlice<'_>]),
    ) -> Option<Offer> {
        let Self { conns, sessions, compressor, .. } = self;
        let conn = &mut conns[slot];
        let mut deliveries: [Option<Delivery<'_>>; MOST] = [const { None }; MOST];
        let mut stream = conn.stream;
        let (mut made, mut more) = (None, Vec::with_capacity(MOST - 1));
        let mut count = 0;
        let (mut first_seq, mut in_parts) = (0, false);
        if let Phase::Live(session) = conn.phase {
            let session = &sessions[session].session;
            let encoding = stream.encoding();
            // While own frames wait for the end of a half-written dispatch, nothing else is put before them.
            let most = if conn.offset > 0 && conn.has_output() { 1 } else { MOST };
            // What the stream has begun already is behind us, though the session has it as unsent until it is whole.
            let begun = session.sent() + u64::from(conn.offset > 0);
            let mut trail = stream.trail(|back| {
                let entry = session.journal().get((begun + 1).checked_sub(back as u64)?)?;
                Some(entry.dispatch.encoded(entry.choice, encoding))
            });
            for (seq, entry) in session.unsent().take(most) {
                let broadcast = entry.dispatch.encoded(entry.choice, encoding);
                if conn.payload_zlib && broadcast.tail_len() >= PAYLOAD_ZLIB_MIN_BYTES {
                    break;
                }
                // What is in parts goes alone: few are, and they are large.
                if count > 0 && (in_parts || broadcast.is_in_parts()) {
                    break;
                }
                in_parts = broadcast.is_in_parts();
                let delivery = if seq == begun && conn.offset > 0 {
                    stream.again(seq, broadcast, conn.recipe, compressor)
                } else {
                    stream.dispatch(seq, broadcast, &mut trail, compressor)
                };
                let frame = Made { len: delivery.len(), recipe: delivery.recipe, stream };
                if made.is_none() {
                    (first_seq, made) = (seq, Some(frame));
                } else {
                    more.push(frame);
                }
                deliveries[count] = Some(delivery);
                count += 1;
            }
        }
        let own = if conn.offset == 0 { &conn.own[conn.own_written..] } else { &[] };
        let given = if in_parts {
            let mut parts = [IoSlice::new(&[]); PIECES_PER_SEND];
            lend(&mut parts, own, &deliveries[..count], conn.offset, put)
        } else {
            lend(&mut [IoSlice::new(&[]); PARTS], own, &deliveries[..count], conn.offset, put)
        };
        (given > 0).then_some(Offer { given, own: own.len(), first_seq, made, more })
    }

    /// Takes note of bytes written, in the order in which they were offered.
    fn wrote(&mut self, now: Instant, slot: usize, offer: &Offer, mut taken: usize) {
        let conn = &mut self.conns[slot];
        if conn.stalled_since.is_some() {
            conn.stalled_since = Some(now);
        }
        let own = taken.min(offer.own);
        conn.own_written += conn.rest_written(own);
        taken -= own;
        if own > 0 && !conn.has_output() {
            // Own frames are small and rare: an idle connection keeps no buffer.
            conn.own = Vec::new();
            (conn.own_written, conn.payload_bytes) = (0, 0);
        }
        let Phase::Live(session) = conn.phase else { return };
        taken += std::mem::take(&mut conn.offset);
        let mut whole = 0;
        for frame in offer.made.iter().chain(&offer.more) {
            if taken > 0 {
                conn.stream = frame.stream;
            }
            if taken < frame.len {
                (conn.offset, conn.recipe) = (taken, frame.recipe);
                break;
            }
            taken -= frame.len;
            whole += 1;
        }
        if whole > 0 {
            self.sessions[session].session.mark_sent(offer.first_seq + whole - 1);
            self.go_on(now, session);
        }
    }

    /// There may be room again for what comes in bulk.
    fn go_on(&mut self, now: Instant, session: usize) {
        if self.sessions[session].bulk > 0 {
            self.weigh(session);
        }
        self.ask_put_off(session);
        if self.sessions[session].session.has_queued() {
            self.attach_next(now, session);
        }
        self.ask_members(session);
    }

    fn all_written(&mut self, now: Instant, slot: usize) -> Flushed {
        let conn = &mut self.conns[slot];
        conn.stalled_since = None;
        match conn.phase {
            Phase::Closing { peer_has_closed: true } => {
                self.lost(now, slot);
                Flushed::Over
            }
            Phase::Closing { peer_has_closed: false } => Flushed::Closed,
            _ => Flushed::All,
        }
    }

    fn blocked(&mut self, now: Instant, slot: usize) -> Flushed {
        let conn = &mut self.conns[slot];
        conn.blocked = true;
        if conn.stalled_since.is_none() {
            conn.stalled_since = Some(now);
            self.schedule_conn(slot);
        }
        Flushed::Blocked
    }

    /// With payload compression a large dispatch is a frame of the connection's own.
    fn compress_payload(&mut self, now: Instant, slot: usize) {
        let Self { conns, sessions, .. } = self;
        let conn = &mut conns[slot];
        let Phase::Live(session) = conn.phase else { return };
        if !conn.payload_zlib || conn.offset > 0 || conn.has_output() {
            return;
        }
        let encoding = conn.stream.encoding();
        let Some((seq, entry)) = sessions[session].session.unsent().next() else { return };
        let broadcast = entry.dispatch.encoded(entry.choice, encoding);
        if broadcast.tail_len() < PAYLOAD_ZLIB_MIN_BYTES {
            return;
        }
        let tail = broadcast.tail();
        let payload = [&*Prefix::new(encoding, seq), tail].concat();
        match payload_zlib(&payload, 6) {
            Ok(compressed) => ws::put_frame(&mut conn.own, ws::Opcode::Binary, &compressed),
            // Out of memory, most likely. The client takes it as it is, too.
            Err(_) => conn.stream.own(&payload, &mut self.compressor, &mut conn.own),
        }
        conn.payload_bytes = conn.own.len();
        self.sessions[session].session.mark_sent(seq);
        self.go_on(now, session);
    }

    /// Before connection and session part: what is half written of the session's stays with the connection, so that the stream
    /// stays whole. Its body is not copied: it may be large, and many connections may have the same.
    pub(super) fn release_output(&mut self, slot: usize) {
        let Self { conns, sessions, compressor, .. } = self;
        let conn = &mut conns[slot];
        let offset = std::mem::take(&mut conn.offset);
        let Phase::Live(session) = conn.phase else { return };
        if offset == 0 {
            return;
        }
        let encoding = conn.stream.encoding();
        let Some((seq, entry)) = sessions[session].session.unsent().next() else { return };
        let broadcast = entry.dispatch.encoded(entry.choice, encoding);
        let delivery = conn.stream.again(seq, broadcast, conn.recipe, compressor);
        let mut skip = offset;
        let pieces =
            std::iter::once(Bytes::copy_from_slice(&delivery.head)).chain(delivery.body.iter().cloned());
        let rest = pieces
            .filter_map(|mut piece| {
                let cut = skip.min(piece.len());
                skip -= cut;
                piece.advance(cut);
                (!piece.is_empty()).then_some(piece)
            })
            .collect();
        // With an offset, own frames have not been begun, and nothing else is left over.
        debug_assert!(conn.rest.is_empty());
        conn.rest = rest;
        let session = &mut sessions[session].session;
        // The client may read all of it here before it resumes. Of a READY nobody can say that it arrives.
        if session.is_known_to_client() {
            session.mark_sent(seq);
        }
    }
}

/// Lends the connection's own frames, then deliveries but for the bytes to be skipped, as far as there is room for parts. Gives
/// how many bytes.
fn lend<'p>(
    parts: &mut [IoSlice<'p>],
    own: &'p [u8],
    deliveries: &'p [Option<Delivery<'_>>],
    mut skip: usize,
    put: impl FnOnce(&[IoSlice<'_>]),
) -> usize {
    let (mut used, mut given) = (0, 0);
    if !own.is_empty() {
        parts[0] = IoSlice::new(own);
        (used, given) = (1, own.len());
    }
    for delivery in deliveries.iter().flatten() {
        for part in std::iter::once(&delivery.head[..]).chain(delivery.body.iter().map(|piece| &piece[..])) {
            let cut = skip.min(part.len());
            skip -= cut;
            if cut < part.len() && used < parts.len() {
                parts[used] = IoSlice::new(&part[cut..]);
                used += 1;
                given += part.len() - cut;
            }
        }
    }
    if given > 0 {
        put(&parts[..used]);
    }
    given
}
