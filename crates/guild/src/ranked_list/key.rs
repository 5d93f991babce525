//! The compact key a row is ordered by.

use consort_model::UserId;

/// Bytes of the folded name that count.
const NAME_BYTES: usize = 14;

/// Group, the beginning of the folded name, and the id, in 24 bytes that compare as numbers. Names that agree in their
/// first [`NAME_BYTES`] bytes are ordered by id. The header of a group is the key with no name and no user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    place: SortKey,
    user: u64,
}

/// Group and name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SortKey {
    /// 16 bits of group above six bytes of name.
    high: u64,
    /// Eight bytes of name.
    low: u64,
}

impl Key {
    /// The key of a member shown by this name. Groups beyond 65 535 fall together with the last.
    pub fn new(group: usize, name: &str, user: UserId) -> Self {
        let mut bytes = [0; 2 + NAME_BYTES];
        bytes[..2].copy_from_slice(&u16::try_from(group).unwrap_or(u16::MAX).to_be_bytes());
        fold(name, &mut bytes[2..]);
        let [high, low] =
            [0, 8].map(|at| u64::from_be_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|byte| bytes[at + byte])));
        Self { place: SortKey { high, low }, user: user.get() }
    }

    /// The key of a group's header.
    pub fn header(group: usize) -> Self {
        Self::new(group, "", UserId::new(0))
    }

    pub(super) fn at(place: SortKey, user: UserId) -> Self {
        Self { place, user: user.get() }
    }

    pub(super) fn place(&self) -> SortKey {
        self.place
    }

    /// The group's index.
    pub fn group(&self) -> usize {
        (self.place.high >> 48) as usize
    }

    /// The member; `None` for a header.
    pub fn user(&self) -> Option<UserId> {
        (self.user != 0).then(|| UserId::new(self.user))
    }
}

/// Writes the beginning of a name as it is ordered: lower case, so that `anna` stands beside `Anna`.
fn fold(name: &str, out: &mut [u8]) {
    let beginning = &name.as_bytes()[..name.len().min(out.len())];
    if beginning.is_ascii() {
        out[..beginning.len()].copy_from_slice(beginning);
        return out.make_ascii_lowercase();
    }
    let mut buffer = [0; 4];
    let mut left = out.iter_mut();
    for folded in name.chars().flat_map(char::to_lowercase) {
        for byte in folded.encode_utf8(&mut buffer).bytes() {
            let Some(slot) = left.next() else { return };
            *slot = byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn folded(name: &str) -> Vec<u8> {
        let mut bytes: Vec<u8> = name.chars().flat_map(char::to_lowercase).collect::<String>().into();
        bytes.resize(NAME_BYTES, 0);
        bytes
    }

    proptest! {
        #[test]
        fn keys_compare_by_group_folded_name_and_id(
            a in (0usize..3, "[aAbBäÄİß]{0,16}", 1u64..4), b in (0usize..3, "[aAbBäÄİß]{0,16}", 1u64..4),
        ) {
            let key = |(group, name, user): &(usize, String, u64)| Key::new(*group, name, UserId::new(*user));
            let plain = |(group, name, user): &(usize, String, u64)| (*group, folded(name), *user);
            prop_assert_eq!(key(&a).cmp(&key(&b)), plain(&a).cmp(&plain(&b)));
            prop_assert_eq!((key(&a).group(), key(&a).user()), (a.0, Some(UserId::new(a.2))));
            prop_assert!(Key::header(a.0) < key(&a) && key(&a) < Key::header(a.0 + 1));
        }
    }

    #[test]
    fn a_key_takes_24_bytes() {
        assert_eq!(size_of::<Key>(), 24);
        assert_eq!(Key::header(3).user(), None);
    }
}
