//! What travels on a gateway socket: WebSocket frames, opcodes, close codes, JSON and ETF, zlib and zstd.
//!
//! Everything here is sans-IO: bytes in, values or bytes out; no socket, clock or task. The crate knows the
//! protocol's forms only, never a guild or a session. Ids are bare `u64`.
//!
//! * [`ws`]: server-side (and, for tests and load generators, client-side) RFC 6455 framing and handshake.
//! * [`gateway`]: opcodes, close codes, the connect URL, inbound payloads, outbound frames.
//! * [`json`], [`etf`]: the two encodings, read with bounds.
//! * [`compress`]: zlib and zstd transports, with a context per connection or compressed once for all.
//!
//! Every decoder here is capped in size, depth and count before it allocates, and never panics on any input.
#![warn(missing_docs)]

pub mod compress;
pub mod etf;
pub mod gateway;
pub mod json;
pub mod ws;
