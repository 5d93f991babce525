#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| consort_decoders::voice_dave::feed(data));
