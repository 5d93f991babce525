#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| consort_decoders::ws_decoder::feed(data));
