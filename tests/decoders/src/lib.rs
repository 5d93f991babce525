//! What must hold of every decoder, whatever it is fed: one module for each, with a function `feed` that panics where it does not
//! hold. The fuzz targets of `fuzz/` call these for as long as one likes, the test of this crate for some seconds, with their seeds.

pub mod compressed_stream;
pub mod connect_url;
pub mod discovery_records;
pub mod etf_roundtrip;
pub mod gateway_etf;
pub mod gateway_json;
pub mod mesh_calls;
pub mod mesh_words;
pub mod rows;
pub mod voice_dave;
pub mod voice_messages;
pub mod voice_packets;
pub mod ws_decoder;

/// The name of a target, and what feeds its decoder.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, by the names of their targets and of the folders of their seeds.
pub const ALL: &[Target] = &[
    ("compressed_stream", compressed_stream::feed),
    ("connect_url", connect_url::feed),
    ("discovery_records", discovery_records::feed),
    ("etf_roundtrip", etf_roundtrip::feed),
    ("gateway_etf", gateway_etf::feed),
    ("gateway_json", gateway_json::feed),
    ("mesh_calls", mesh_calls::feed),
    ("mesh_words", mesh_words::feed),
    ("rows", rows::feed),
    ("voice_dave", voice_dave::feed),
    ("voice_messages", voice_messages::feed),
    ("voice_packets", voice_packets::feed),
    ("ws_decoder", ws_decoder::feed),
];
