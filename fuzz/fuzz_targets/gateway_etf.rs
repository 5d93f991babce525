//! Inbound payloads in ETF.
#![no_main]

use consort_wire::gateway::limits::MAX_USER_PAYLOAD_BYTES;
use consort_wire::gateway::{Encoding, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = decode(Encoding::Etf, data, MAX_USER_PAYLOAD_BYTES) {
        assert!(matches!(error.close_code().number(), 4001 | 4002));
    }
});
