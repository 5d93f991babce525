//! Randomness from the operating system.

use std::cell::Cell;

thread_local! {
    /// The state of the generator that a simulation has put in place of the system's.
    static SEEDED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Has this thread draw predictable numbers from now on, for a simulation that can be replayed; `None` ends that. Other
/// threads are not concerned, so no thread of a server ever draws such numbers.
pub fn seed_randomness(seed: Option<u64>) {
    SEEDED.set(seed);
}

/// The next number of SplitMix64.
fn next_seeded(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    SEEDED.set(Some(state));
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Fills an array from the system's generator.
///
/// # Panics
/// When the system has no entropy source: no secret could be trusted, so the process must not go on.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if SEEDED.get().is_some() {
        for chunk in bytes.chunks_mut(8) {
            let number = next_seeded(SEEDED.get().unwrap_or_default()).to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
        return bytes;
    }
    if let Err(error) = getrandom::fill(&mut bytes) {
        panic!("the system gives no randomness: {error}");
    }
    bytes
}

/// A random 64-bit number.
pub fn random_u64() -> u64 {
    u64::from_le_bytes(random_bytes())
}

/// `N` random bytes in lower-case hexadecimal.
pub fn random_hex<const N: usize>() -> String {
    random_bytes::<N>().iter().map(|b| format!("{b:02x}")).collect()
}

/// `length` random characters of `A-Za-z0-9`: invite codes, token parts.
pub fn random_token(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut out = String::with_capacity(length);
    while out.len() < length {
        for byte in random_bytes::<32>() {
            // 248 = 4 * 62: larger bytes would favour the first letters.
            if byte < 248 && out.len() < length {
                out.push(char::from(ALPHABET[usize::from(byte % 62)]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_what_its_thread_draws_and_no_other() {
        let draw = || (random_u64(), random_token(20), random_hex::<5>());
        seed_randomness(Some(7));
        let first = draw();
        seed_randomness(Some(7));
        assert_eq!(first, draw());
        assert_ne!(first, std::thread::spawn(draw).join().unwrap());
        seed_randomness(None);
        assert_ne!(first, draw());
    }
}
