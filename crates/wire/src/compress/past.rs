//! What a connection's stream ends in, as far as it is the same for others: the broadcasts written last.
//!
//! Connections that were sent the same broadcasts, one right after the other, have the same bytes in their windows, but
//! for the sequence numbers between them. Those are of one width, and a compressor sees in their place a byte that is
//! not in what it compresses, so no match takes one in. What it makes fits all of these connections.

use super::broadcast::Broadcast;
use super::{Transport, zstd_block};
use crate::gateway::Encoding;
use crate::gateway::outbound::Prefix;

/// After how many broadcasts another one is compressed, the most first.
pub const LOOK_BACKS: [usize; 3] = [16, 4, 1];
/// The most of [`LOOK_BACKS`].
pub const LOOK_BACK_MAX: usize = LOOK_BACKS[0];
/// The most bytes of tails to look back at. A deflate window has room for them and for what is between them.
pub const LOOK_BACK_BYTES_MAX: u32 = 24 * 1024;

/// Room for what a connection has been sent and for what one send adds to it.
const CAPACITY: usize = 48;

/// The broadcasts that a stream ends in, the newest last.
#[derive(Debug)]
pub struct Trail<'b> {
    broadcasts: [Option<&'b Broadcast>; CAPACITY],
    ids: [u64; CAPACITY],
    /// Where each tail begins, were they one text.
    starts: [u32; CAPACITY],
    end: u32,
    len: usize,
}

/// The newest of a trail.
pub(super) struct Past<'t, 'b> {
    pub(super) broadcasts: &'t [Option<&'b Broadcast>],
    pub(super) ids: &'t [u64],
}

impl Default for Trail<'_> {
    fn default() -> Self {
        Trail { broadcasts: [None; CAPACITY], ids: [0; CAPACITY], starts: [0; CAPACITY], end: 0, len: 0 }
    }
}

impl<'b> Trail<'b> {
    /// Adds what is written after the others.
    pub(super) fn push(&mut self, broadcast: &'b Broadcast) {
        let Some(id) = broadcast.id() else { return self.clear() };
        if self.len == CAPACITY {
            let kept = CAPACITY - LOOK_BACK_MAX;
            self.broadcasts.copy_within(kept.., 0);
            self.ids.copy_within(kept.., 0);
            self.starts.copy_within(kept.., 0);
            self.len = LOOK_BACK_MAX;
        }
        self.broadcasts[self.len] = Some(broadcast);
        self.ids[self.len] = id.get();
        self.starts[self.len] = self.end;
        // At most 16 KiB each. Wraps around after 4 GiB, as differences do.
        self.end = self.end.wrapping_add(broadcast.tail().len() as u32);
        self.len += 1;
    }

    /// Something else was written.
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Returns the newest `length` broadcasts, fewer if they are large; `None` if there are not so many.
    pub(super) fn past(&self, length: usize) -> Option<Past<'_, 'b>> {
        let mut start = self.len.checked_sub(length)?;
        while start < self.len && self.end.wrapping_sub(self.starts[start]) > LOOK_BACK_BYTES_MAX {
            start += 1;
        }
        let newest = start..self.len;
        Some(Past { broadcasts: &self.broadcasts[newest.clone()], ids: &self.ids[newest] })
    }
}

impl Past<'_, '_> {
    /// Writes to `out` what a window holds before the tail of the next broadcast. `gap` is in place of what is not the
    /// same for all.
    pub(super) fn put(&self, transport: Transport, encoding: Encoding, gap: u8, out: &mut Vec<u8>) {
        let is_padded = transport == Transport::Zstd;
        let gap_len = Prefix::fixed_len(encoding, is_padded);
        let padding = if is_padded { zstd_block::RESET_SPACES } else { 0 };
        out.clear();
        for broadcast in self.broadcasts.iter().flatten() {
            out.extend_from_slice(broadcast.tail());
            out.resize(out.len() + gap_len, gap);
            out.resize(out.len() + padding, b' ');
        }
    }
}

/// Returns a byte that is not in `bytes`, if there is one. No text has all: 0xFF is not in UTF-8.
pub(super) fn absent_byte(bytes: &[u8]) -> Option<u8> {
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    (0..=u8::MAX).rev().find(|byte| !seen[usize::from(*byte)])
}
