//! WebSocket framing (RFC 6455), made for a server with very many idle connections.
//!
//! An idle [`Decoder`] holds no buffer: a frame which arrives whole is unmasked in the caller's own read buffer
//! and lent from there; only a frame cut by the end of a read is kept. No extension is ever negotiated, so
//! permessage-deflate offers are declined and reserved bits are an error.
//!
//! ```
//! use consort_wire::ws::{Decoder, Input, Message, client};
//! let mut read_buffer = Vec::new();
//! client::put_frame(&mut read_buffer, consort_wire::ws::Opcode::Text, true, [1, 2, 3, 4], b"hello");
//! let mut decoder = Decoder::server(4096);
//! let mut input = Input::new(&mut read_buffer);
//! while let Some(message) = decoder.decode(&mut input)? {
//!     assert_eq!(message, Message::Text("hello"));
//! }
//! # Ok::<(), consort_wire::ws::Error>(())
//! ```

pub mod client;
mod decoder;
mod error;
mod frame;
pub mod handshake;

pub use decoder::{Decoder, Input, Message};
pub use error::Error;
pub use frame::{
    Header, MAX_CONTROL_BYTES, MAX_SERVER_HEADER_BYTES, Opcode, close_frame, frame_header,
    is_valid_close_code, pong_frame, put_frame,
};
