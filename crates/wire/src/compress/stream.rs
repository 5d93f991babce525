//! A connection's stream without a context: what it writes is made of independent and shared pieces.
//!
//! A zlib-stream is its two header bytes, then for each message a stored block with what is the session's own and a
//! piece. A zstd-stream is one frame header, then for each message a raw block and a piece. Every message can be
//! read whole once its own bytes are there.

use std::ops::Deref;

use bytes::Bytes;

use super::shared::{Broadcast, Compressor, ZstdPiece};
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

/// One WebSocket frame in two parts, for one `writev` together with others.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'b> {
    /// The frame's header and what is the session's own.
    pub head: Head,
    /// What all sessions share.
    pub body: &'b Bytes,
}

impl Delivery<'_> {
    /// Returns the bytes of the whole frame.
    #[allow(clippy::len_without_is_empty, reason = "a frame is never empty")]
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Appends the whole frame to `out`.
    pub fn put(&self, out: &mut Vec<u8>) {
        out.reserve(self.len());
        out.extend_from_slice(&self.head);
        out.extend_from_slice(self.body);
    }
}

/// The writing side of one connection, 3 bytes. It yields whole WebSocket frames, to be sent in the order made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    transport: Transport,
    encoding: Encoding,
    /// Whether the stream's header has been written.
    begun: bool,
}

impl Stream {
    /// Returns the stream of a connection that asked for `transport` and `encoding`.
    pub const fn new(transport: Transport, encoding: Encoding) -> Self {
        Stream { transport, encoding, begun: false }
    }

    /// Returns the connection's transport.
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    /// Returns the connection's encoding.
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the frame that brings `broadcast` to this session as number `seq`. The broadcast's encoding must be
    /// the stream's own.
    pub fn dispatch<'b>(
        &mut self,
        seq: u64,
        broadcast: &'b Broadcast,
        compressor: &mut Compressor,
    ) -> Delivery<'b> {
        debug_assert_eq!(broadcast.encoding(), self.encoding);
        let prefix = Prefix::new(self.encoding, seq);
        match self.transport {
            Transport::Plain => self.deliver(&[], &prefix, broadcast.tail()),
            Transport::Zlib => {
                let piece = broadcast.zlib(compressor);
                self.deliver(&deflate::stored_header(prefix.len()), &prefix, piece.bytes())
            }
            Transport::Zstd => {
                let piece = broadcast.zstd(compressor);
                let prefix = match self.encoding {
                    Encoding::Etf if piece.is_padded() => Prefix::etf_padded(seq, ZstdPiece::PADDING),
                    _ => prefix,
                };
                self.deliver(&zstd_block::raw_header(prefix.len()), &prefix, piece.bytes())
            }
        }
    }

    /// Appends the frame of a message that only this connection gets, a whole JSON object or ETF map, to `out`.
    pub fn own(&mut self, message: &[u8], compressor: &mut Compressor, out: &mut Vec<u8>) {
        match self.transport {
            Transport::Plain => ws::put_frame(out, self.opcode(), message),
            Transport::Zlib => {
                let piece = compressor.zlib(message);
                self.deliver(&[], &[], piece.bytes()).put(out);
            }
            Transport::Zstd => self.own_zstd(message, compressor, out),
        }
    }

    /// Writes the object's beginning in a raw block, so that a padded piece's spaces fall between its members.
    fn own_zstd(&mut self, message: &[u8], compressor: &mut Compressor, out: &mut Vec<u8>) {
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
            self.deliver(&[], &[], &raw.into()).put(out);
        } else {
            self.deliver(&zstd_block::raw_header(start.len()), start, piece.bytes()).put(out);
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
    fn deliver<'b>(&mut self, block: &[u8], own: &[u8], body: &'b Bytes) -> Delivery<'b> {
        let begin: &[u8] = match self.transport {
            _ if self.begun => &[],
            Transport::Plain => &[],
            Transport::Zlib => &deflate::ZLIB_HEADER,
            Transport::Zstd => &zstd_block::FRAME_HEADER,
        };
        self.begun = true;
        let mut head = Head::new();
        let len = begin.len() + block.len() + own.len() + body.len();
        for part in [&*ws::frame_header(self.opcode(), true, len), begin, block, own] {
            head.push(part);
        }
        Delivery { head, body }
    }
}

/// Writes the start of an ETF map with one entry more: `_`, whose value is the padding that follows.
fn pad_map(start: &[u8], out: &mut Vec<u8>) {
    let &[version, tag, a, b, c, d] = start else { return };
    out.extend_from_slice(&[version, tag]);
    out.extend_from_slice(&u32::from_be_bytes([a, b, c, d]).saturating_add(1).to_be_bytes());
    etf::put_binary(out, b"_");
    etf::put_binary_header(out, ZstdPiece::PADDING);
}
