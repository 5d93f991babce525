//! Transport compression: zlib-stream and zstd-stream.
//!
//! There are two ways to write a connection's stream, and clients cannot tell them apart:
//!
//! * [`stream`] with [`shared`]: no context for a connection. A [`broadcast`] is compressed once for all its receivers, or
//!   once for all those whose streams end in the same broadcasts ([`past`]); what differs between sessions, the sequence
//!   number, goes before it uncompressed. A connection's state is six bytes. This is what the gateway uses.
//! * [`context`]: a context for each connection. A fifth smaller on the wire, at 200 KiB to 1 MiB of memory a
//!   connection and 20 to 60 µs a message.
//!
//! [`payload_zlib`] is the older way: a whole zlib stream for one payload.

pub mod broadcast;
pub mod context;
mod deflate;
mod parts;
pub mod past;
pub mod shared;
pub mod stream;
mod zstd_block;

pub use deflate::payload_zlib;

/// How a connection's messages are compressed: `compress` of its connect URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Transport {
    /// Not at all.
    #[default]
    Plain,
    /// `zlib-stream`: one zlib stream for the connection, each message ended by a sync flush.
    Zlib,
    /// `zstd-stream`: one zstd frame for the connection, each message ended by a flush.
    Zstd,
}

/// The bytes that end every message of a zlib-stream: an empty stored block (RFC 1951, section 3.2.4), less its first
/// bits.
pub const ZLIB_SUFFIX: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// A compressor did not do its work. Not the input's fault, as all bytes can be compressed: memory, most likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("compressor failed: {0}")]
pub struct Error(pub(crate) &'static str);
