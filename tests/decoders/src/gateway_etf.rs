//! Inbound payloads in ETF.

use consort_wire::gateway::limits::MAX_USER_PAYLOAD_BYTES;
use consort_wire::gateway::{Encoding, decode};

/// Decodes a payload.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    if let Err(error) = decode(Encoding::Etf, data, MAX_USER_PAYLOAD_BYTES) {
        assert!(matches!(error.close_code().number(), 4001 | 4002));
    }
}
