//! Key packages and commits, which clients in voice may send: each is read or refused.

use consort_voice::dave::{Commit, KeyPackage};

/// Reads a key package and a commit.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let _read = (KeyPackage::read(data), Commit::read(data));
}
