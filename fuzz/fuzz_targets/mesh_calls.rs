#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| consort_decoders::mesh_calls::feed(data));
