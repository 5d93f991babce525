//! Which nonces of a sender were there: a packet is taken once.

/// Nonces behind the newest that are remembered: two seconds of audio at ten times its usual rate.
const WINDOW: u32 = 1024;
const WORDS: usize = WINDOW as usize / 64;

/// The nonces of a key that were seen. They are counters that grow (Voice Connections, "Transport Encryption Modes") and may wrap; where
/// one begins is the client's choice.
#[derive(Debug, Default)]
pub(crate) struct Window {
    newest: Option<u32>,
    /// A ring: the bit of a nonce is `nonce % WINDOW`.
    seen: [u64; WORDS],
}

impl Window {
    /// Whether a nonce is new; to be asked before a packet is decrypted.
    pub(crate) fn is_new(&self, nonce: u32) -> bool {
        let Some(newest) = self.newest else { return true };
        let behind = newest.wrapping_sub(nonce);
        is_ahead(newest, nonce) || (behind < WINDOW && !self.has(nonce))
    }

    /// Takes note of a nonce whose packet was decrypted. Gives whether it is newer than all before it.
    pub(crate) fn note(&mut self, nonce: u32) -> bool {
        let newest = self.newest.unwrap_or(nonce.wrapping_sub(1));
        let ahead = is_ahead(newest, nonce);
        if ahead {
            let skipped = nonce.wrapping_sub(newest);
            if skipped >= WINDOW {
                self.seen = [0; WORDS];
            } else {
                (1..skipped).for_each(|step| self.set(newest.wrapping_add(step), false));
            }
            self.newest = Some(nonce);
        }
        self.set(nonce, true);
        ahead
    }

    fn has(&self, nonce: u32) -> bool {
        let (word, bit) = place(nonce);
        self.seen[word] & bit != 0
    }

    fn set(&mut self, nonce: u32, seen: bool) {
        let (word, bit) = place(nonce);
        if seen { self.seen[word] |= bit } else { self.seen[word] &= !bit }
    }
}

/// Whether `nonce` comes after `newest`, by the shorter way round.
fn is_ahead(newest: u32, nonce: u32) -> bool {
    let ahead = nonce.wrapping_sub(newest);
    ahead != 0 && ahead < 1 << 31
}

fn place(nonce: u32) -> (usize, u64) {
    let at = nonce % WINDOW;
    (at as usize / 64, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn takes(window: &mut Window, nonce: u32) -> bool {
        let new = window.is_new(nonce);
        if new {
            window.note(nonce);
        }
        new
    }

    #[test]
    fn a_nonce_is_taken_once_out_of_order_too_and_across_the_end_of_its_32_bits() {
        let mut window = Window::default();
        let order = [u32::MAX - 1, 1, u32::MAX, 0, 5, 3];
        assert!(order.iter().all(|nonce| takes(&mut window, *nonce)));
        assert!(!order.iter().any(|nonce| takes(&mut window, *nonce)));
        assert!(takes(&mut window, 4) && !takes(&mut window, 5u32.wrapping_sub(WINDOW)));
    }

    proptest! {
        #[test]
        fn none_is_taken_twice(start: u32, steps in prop::collection::vec(0u32..3000, 0..200)) {
            let (mut window, mut taken) = (Window::default(), HashSet::new());
            for step in steps {
                let nonce = start.wrapping_add(step);
                prop_assert!(!takes(&mut window, nonce) || taken.insert(nonce));
            }
        }
    }
}
