//! A connection's stream without a context: what it writes is made of independent pieces, and of shared ones that refer to
//! nothing or to what this connection and others were sent last.
//!
//! A zlib-stream is its two header bytes, then for each message a stored block with what is the session's own and a
//! piece. A zstd-stream is one frame header, then for each message a raw block and a piece. Every message can be
//! read whole once its own bytes are there.

use std::ops::Deref;

use bytes::Bytes;

use super::broadcast::Broadcast;
use super::past::{LOOK_BACK_MAX, Trail};
use super::shared::{Compressor, ZstdPiece};
use super::{Transport, deflate, zstd_block};
use crate::etf;
use crate::gateway::Encoding;
use crate::gateway::outbound::{MAX_PREFIX_BYTES, Prefix};
use crate::ws::{self, Opcode};

/// The longest [`Head`]: headers of frame, stream and block, and the prefix.
pub const MAX_HEAD_BYTES: usize = ws::MAX_SERVER_HEADER_BYTES
    + zstd_block::FRAME_HEADER.len()
    + deflate::STORED_HEADER_BYTES
    + MAX_PREFIX_BYTES;

/// What is a session's own of a delivery, to be sent right before the shared body. Kept inline.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    bytes: [u8; MAX_HEAD_BYTES],
    len: u8,
}

impl Head {
    fn new() -> Self {
        Head { bytes: [0; MAX_HEAD_BYTES], len: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }
}

impl Deref for Head {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// One WebSocket frame as what is the session's own and what is shared, for one `writev` together with others.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'b> {
    /// The frame's header and what is the session's own.
    pub head: Head,
    /// What all sessions share: one piece, unless the broadcast [is in parts](Broadcast::is_in_parts).
    pub body: &'b [Bytes],
    /// How to make the same frame again.
    pub recipe: Recipe,
}

/// What a frame depends on besides its content: how the stream was before it. Needed to make a half-written frame again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recipe {
    /// Number of the broadcast's form.
    form: u8,
    /// Whether the stream's header is in it.
    opens: bool,
}

impl Delivery<'_> {
    /// Returns the bytes of the whole frame.
    #[allow(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.head.len() + len(self.body)
    }

    /// Appends the whole frame to `out`.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.reserve(self.len());
        out.extend_from_slice(&self.head);
        self.body.iter().for_each(|piece| out.extend_from_slice(piece));
    }
}

/// The writing side of one connection, 4 bytes. It yields whole WebSocket frames, to be sent in the order made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    transport: Transport,
    encoding: Encoding,
    /// Whether the stream's header has been written.
    begun: bool,
    /// How many of the messages made last were broadcasts that others can be compressed after.
    run: u8,
}

impl Stream {
    /// Returns the stream of a connection that asked for `transport` and `encoding`.
    pub const fn new(transport: Transport, encoding: Encoding) -> Self {
        Stream { transport, encoding, begun: false, run: 0 }
    }

    /// Returns the connection's transport.
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the connection's encoding.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the broadcasts that the stream ends in. `past` gives what was written last for 1, what was before that for
    /// 2, and so on; it is asked for what this stream wrote only. What it does not know any more is not looked back at.
    pub fn trail<'b>(&self, past: impl Fn(usize) -> Option<&'b Broadcast>) -> Trail<'b> {
        let mut trail = Trail::default();
        for back in (1..=usize::from(self.run)).rev() {
            match past(back) {
                Some(broadcast) => trail.push(broadcast),
                None => trail.clear(),
            }
        }
        trail
    }

    /// Takes note that what is written from here on has another past than the broadcasts written so far: the
    /// connection speaks for another session.
    pub fn forget_past(&mut self) {
        self.run = 0;
    }

    /// Returns the frame that brings `broadcast` to this session as number `seq`, after those in `trail`, to which it
    /// is added. The broadcast's encoding must be the stream's own, the trail made by [`Stream::trail`].
    pub fn dispatch<'b>(
        &mut self,
        seq: u64,
        broadcast: &'b Broadcast,
        trail: &mut Trail<'b>,
        compressor: &mut Compressor,
    ) -> Delivery<'b> {
        let opens = !std::mem::replace(&mut self.begun, true);
        let Some(prefix) = self.joining_prefix(seq, broadcast) else {
            trail.clear();
            self.run = 0;
            return self.again(seq, broadcast, Recipe { form: 0, opens }, compressor);
        };
        let (form, body) = broadcast.after(trail, self.transport, compressor);
        trail.push(broadcast);
        self.run = (self.run + 1).min(LOOK_BACK_MAX as u8);
        self.frame(Recipe { form, opens }, &prefix, std::slice::from_ref(body))
    }

    /// Returns the same frame as [`Stream::dispatch`] did for the same broadcast, whatever was made since.
    pub fn again<'b>(
        &self,
        seq: u64,
        broadcast: &'b Broadcast,
        recipe: Recipe,
        compressor: &mut Compressor,
    ) -> Delivery<'b> {
        debug_assert_eq!(broadcast.encoding(), self.encoding);
        let prefix = self.joining_prefix(seq, broadcast).unwrap_or_else(|| match self.padding() {
            Some(padding) => Prefix::etf_padded(seq, padding),
            None => Prefix::new(self.encoding, seq),
        });
        self.frame(recipe, &prefix, broadcast.pieces(recipe.form, self.transport, compressor))
    }

    fn frame<'b>(&self, recipe: Recipe, prefix: &Prefix, body: &'b [Bytes]) -> Delivery<'b> {
        match self.transport {
            Transport::Plain => self.deliver(recipe, &[], prefix, body),
            Transport::Zlib => self.deliver(recipe, &deflate::stored_header(prefix.len()), prefix, body),
            Transport::Zstd => self.deliver(recipe, &zstd_block::raw_header(prefix.len()), prefix, body),
        }
    }

    /// The prefix of a broadcast that others can be compressed after; `None` for one that stands alone.
    fn joining_prefix(&self, seq: u64, broadcast: &Broadcast) -> Option<Prefix> {
        if self.transport == Transport::Plain || broadcast.id().is_none() {
            return None;
        }
        Prefix::fixed(self.encoding, seq, self.padding())
    }

    /// The room that an ETF prefix must make for the padding of a zstd piece.
    fn padding(&self) -> Option<usize> {
        (self.transport == Transport::Zstd && self.encoding == Encoding::Etf).then_some(ZstdPiece::PADDING)
    }

    /// Appends the frame of a message that only this connection gets, a whole JSON object or ETF map, to `out`.
    pub fn own(&mut self, message: &[u8], compressor: &mut Compressor, out: &mut Vec<u8>) {
        let recipe = Recipe { form: 0, opens: !self.begun };
        self.begun = true;
        self.run = 0;
        match self.transport {
            Transport::Plain => ws::put_frame(out, self.opcode(), message),
            Transport::Zlib => {
                let piece = compressor.zlib(message);
                self.deliver(recipe, &[], &[], std::slice::from_ref(piece.bytes())).put(out);
            }
            Transport::Zstd => self.own_zstd(recipe, message, compressor, out),
        }
    }

    /// Writes the object's beginning in a raw block, so that a padded piece's spaces fall between its members.
    fn own_zstd(&self, recipe: Recipe, message: &[u8], compressor: &mut Compressor, out: &mut Vec<u8>) {
        let (start, rest) = message.split_at(self.start_len(message));
        let piece = compressor.zstd(rest);
        let mut padded = Vec::new();
        let start = match self.encoding {
            Encoding::Etf if piece.is_padded() => {
                pad_map(start, &mut padded);
                &padded[..]
            }
            _ => start,
        };
        if start.is_empty() && piece.is_padded() {
            // Not an object: nothing of ours, but then without padding.
            let mut raw = Vec::new();
            zstd_block::put_raw(&mut raw, message);
            self.deliver(recipe, &[], &[], &[raw.into()]).put(out);
        } else {
            let body = std::slice::from_ref(piece.bytes());
            self.deliver(recipe, &zstd_block::raw_header(start.len()), start, body).put(out);
        }
    }

    /// Returns how many bytes of `message` must come before padding: `{`, or version, tag and count of an ETF map.
    fn start_len(&self, message: &[u8]) -> usize {
        match (self.encoding, message) {
            (Encoding::Json, [b'{', ..]) => 1,
            (Encoding::Etf, [etf::VERSION, b't', _, _, _, _, ..]) => 6,
            _ => 0,
        }
    }

    fn opcode(&self) -> Opcode {
        match (self.transport, self.encoding) {
            (Transport::Plain, Encoding::Json) => Opcode::Text,
            _ => Opcode::Binary,
        }
    }

    /// Puts together a frame: the stream's header if this is its first message, `block` and `own`, then `body`.
    fn deliver<'b>(&self, recipe: Recipe, block: &[u8], own: &[u8], body: &'b [Bytes]) -> Delivery<'b> {
        let begin: &[u8] = match self.transport {
            _ if !recipe.opens => &[],
            Transport::Plain => &[],
            Transport::Zlib => &deflate::ZLIB_HEADER,
            Transport::Zstd => &zstd_block::FRAME_HEADER,
        };
        let len = begin.len() + block.len() + own.len() + len(body);
        let mut head = Head::new();
        for part in [&*ws::frame_header(self.opcode(), true, len), begin, block, own] {
            head.push(part);
        }
        Delivery { head, body, recipe }
    }
}

fn len(pieces: &[Bytes]) -> usize {
    pieces.iter().map(Bytes::len).sum()
}

/// Writes the start of an ETF map with one entry more: `_`, whose value is the padding that follows.
fn pad_map(start: &[u8], out: &mut Vec<u8>) {
    let &[version, tag, a, b, c, d] = start else { return };
    out.extend_from_slice(&[version, tag]);
    out.extend_from_slice(&u32::from_be_bytes([a, b, c, d]).saturating_add(1).to_be_bytes());
    etf::put_binary(out, b"_");
    etf::put_binary_header(out, ZstdPiece::PADDING);
}
