//! Messages of the voice gateway, which anybody may send: each is read or refused.
#![no_main]

use consort_voice::protocol::{decode, decode_binary};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _read = decode_binary(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _read = decode(text);
    }
});
