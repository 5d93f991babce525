//! Inbound payloads in JSON; what is accepted says the same in ETF.

use consort_wire::etf;
use consort_wire::gateway::limits::MAX_USER_PAYLOAD_BYTES;
use consort_wire::gateway::{Encoding, decode};

/// Decodes a payload, and once more from ETF.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let Ok(inbound) = decode(Encoding::Json, data, MAX_USER_PAYLOAD_BYTES) else { return };
    let mut term = vec![etf::VERSION];
    term.extend(etf::from_json(data).expect("accepted JSON can be transcoded"));
    if let Ok(same) = decode(Encoding::Etf, &term, 4 * MAX_USER_PAYLOAD_BYTES) {
        assert_eq!(inbound, same);
    }
}
