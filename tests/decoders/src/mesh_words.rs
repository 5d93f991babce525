//! What owners say to relays of other nodes, in MessagePack: read or refused.

use consort_rpc::relay::{decode_word, encode_word};

/// Reads a word.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    if let Ok(word) = decode_word(data) {
        let again = encode_word(&word).expect("what was read can be written");
        assert!(decode_word(&again).is_ok());
    }
}
