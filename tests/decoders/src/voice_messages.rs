//! Messages of the voice gateway, which anybody may send: each is read or refused.

use consort_voice::protocol::{decode, decode_binary};

/// Decodes a message.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let _read = decode_binary(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _read = decode(text);
    }
}
