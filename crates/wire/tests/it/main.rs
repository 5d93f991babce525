//! Integration tests of the wire crate.

mod arbitrary_bytes;
mod cohorts;
mod compressed_streams;
mod gateway_payloads;
mod rng;
mod websocket;
