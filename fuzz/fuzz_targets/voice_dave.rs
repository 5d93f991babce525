//! Key packages and commits, which clients in voice may send: each is read or refused.
#![no_main]

use consort_voice::dave::{Commit, KeyPackage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _read = (KeyPackage::read(data), Commit::read(data));
});
