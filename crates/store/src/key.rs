//! Keys: byte strings that are ordered byte by byte.

use std::{cmp::Ordering, fmt, hash, ops::Bound};

/// Bytes that fit a key without a heap allocation: two ids and a bit more, so that a `Key` takes 24 bytes.
const INLINE_BYTES: usize = 22;

/// A row's key within its partition; ordered as bytes, so big-endian numbers order as numbers.
#[derive(Clone)]
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    Heap(Box<[u8]>),
}

impl Key {
    /// The empty key, for partitions of a single row.
    pub fn empty() -> Key {
        Key::bytes(&[])
    }

    /// An id, 8 bytes big endian.
    pub fn id(id: u64) -> Key {
        Key::bytes(&id.to_be_bytes())
    }

    /// Text, as its UTF-8 bytes.
    pub fn text(text: &str) -> Key {
        Key::bytes(text.as_bytes())
    }

    /// Any bytes. Longer than [`KEY_BYTES_MAX`](crate::limits::KEY_BYTES_MAX) is refused when it is used.
    pub fn bytes(bytes: &[u8]) -> Key {
        if bytes.len() > INLINE_BYTES {
            return Key(Repr::Heap(bytes.into()));
        }
        let mut inline = [0; INLINE_BYTES];
        inline[..bytes.len()].copy_from_slice(bytes);
        Key(Repr::Inline { len: bytes.len() as u8, bytes: inline })
    }

    /// Several ids one after the other: ordered by the first, then by the second and so on.
    pub fn ids(ids: &[u64]) -> Key {
        let mut bytes = Vec::with_capacity(ids.len() * 8);
        for id in ids {
            bytes.extend_from_slice(&id.to_be_bytes());
        }
        Key::bytes(&bytes)
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Repr::Heap(bytes) => bytes,
        }
    }

    /// The id this key is, or `None` when it is not 8 bytes long.
    pub fn to_id(&self) -> Option<u64> {
        Some(u64::from_be_bytes(self.as_bytes().try_into().ok()?))
    }

    /// The ids this key was made of by [`Key::ids`], or `None` when its length is no multiple of 8.
    pub fn to_ids(&self) -> Option<Vec<u64>> {
        let (ids, rest) = self.as_bytes().as_chunks::<8>();
        rest.is_empty().then(|| ids.iter().map(|id| u64::from_be_bytes(*id)).collect())
    }

    /// The key's text, or `None` when it is not UTF-8.
    pub fn to_text(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// An interval of keys as the first key that may be in it, and the first one behind it, if it has an end.
    pub fn half_open(from: &Bound<Key>, to: &Bound<Key>) -> (Key, Option<Key>) {
        let first = match from {
            Bound::Included(key) => key.clone(),
            Bound::Excluded(key) => key.successor(),
            Bound::Unbounded => Key::empty(),
        };
        let end = match to {
            Bound::Included(key) => Some(key.successor()),
            Bound::Excluded(key) => Some(key.clone()),
            Bound::Unbounded => None,
        };
        (first, end)
    }

    /// The smallest key that is greater than this one.
    pub fn successor(&self) -> Key {
        let mut bytes = Vec::with_capacity(self.as_bytes().len() + 1);
        bytes.extend_from_slice(self.as_bytes());
        bytes.push(0);
        Key::bytes(&bytes)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl hash::Hash for Key {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_id() {
            Some(id) => write!(f, "Key({id})"),
            None => write!(f, "Key(\"{}\")", self.as_bytes().escape_ascii()),
        }
    }
}

impl From<u64> for Key {
    fn from(id: u64) -> Key {
        Key::id(id)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::text(text)
    }
}

impl From<&Key> for Key {
    fn from(key: &Key) -> Key {
        key.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_small() {
        assert_eq!(size_of::<Key>(), 24);
    }

    #[test]
    fn orders_as_bytes_whether_inline_or_on_the_heap() {
        let long = "x".repeat(40);
        let mut keys = vec![
            Key::text(&long),
            Key::id(2),
            Key::empty(),
            Key::text("x"),
            Key::id(256),
            Key::ids(&[2, 1, 0]),
        ];
        keys.sort();
        let expected =
            [Key::empty(), Key::id(2), Key::ids(&[2, 1, 0]), Key::id(256), Key::text("x"), Key::text(&long)];
        assert_eq!(keys, expected);
    }

    #[test]
    fn gives_back_what_it_was_made_of() {
        assert_eq!(Key::id(u64::MAX).to_id(), Some(u64::MAX));
        assert_eq!(Key::ids(&[1, 2, 3, 4]).to_ids(), Some(vec![1, 2, 3, 4]));
        assert_eq!((Key::text("ab").to_id(), Key::text("ab").to_ids()), (None, None));
        assert_eq!((Key::text("é").to_text(), Key::bytes(&[0xff]).to_text()), (Some("é"), None));
    }

    #[test]
    fn nothing_lies_between_a_key_and_its_successor() {
        assert_eq!(Key::id(1).successor().as_bytes(), &[0, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert!(Key::id(1).successor() < Key::id(2));
    }
}
