//! Numbers and texts in as few bytes as they need.

use std::borrow::Cow;

/// Hexadecimal digits of an image's hash (a digest of 128 bits).
const HASH_DIGITS: usize = 32;
/// What hashes of animated images begin with.
const ANIMATED: &str = "a_";

/// Adds a number, seven bits a byte, the lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Adds a number that may be negative.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, (number << 1 ^ number >> 63) as u64);
}

/// Adds bytes behind their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the `put_` functions wrote. Past the end there are zeros and empty texts; a table never gets there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        while let Some((byte, rest)) = self.0.split_first() {
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                break;
            }
            shift += 7;
        }
        number
    }

    pub(super) fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::try_from(self.number()).unwrap_or(usize::MAX);
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    pub(super) fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

/// The hash of an image. Those of ours are digests and take 17 bytes; any other text is kept as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hash<'a> {
    Digest { animated: bool, digest: u128 },
    Text(Cow<'a, str>),
}

impl<'a> Hash<'a> {
    pub(super) fn of(text: Cow<'a, str>) -> Self {
        let (animated, digits) = match text.strip_prefix(ANIMATED) {
            Some(digits) => (true, digits),
            None => (false, &*text),
        };
        let plain =
            digits.len() == HASH_DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(digits, 16) {
            Ok(digest) if plain => Self::Digest { animated, digest },
            _ => Self::Text(text),
        }
    }

    pub(super) fn into_text(self) -> String {
        match self {
            Self::Digest { animated, digest } => {
                format!("{}{digest:032x}", if animated { ANIMATED } else { "" })
            }
            Self::Text(text) => text.into_owned(),
        }
    }

    /// Adds the hash; the first number tells the kinds apart: 0 and 1 are digests, others lengths.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Digest { animated, digest } => {
                out.push(u8::from(*animated));
                out.extend_from_slice(&digest.to_le_bytes());
            }
            Self::Text(text) => {
                put_number(out, text.len() as u64 + 2);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    pub(super) fn read(reader: &mut Reader<'a>) -> Self {
        let first = reader.number();
        if first < 2 {
            let (digest, rest) = reader.0.split_first_chunk().unwrap_or((&[0; 16], &[]));
            reader.0 = rest;
            return Self::Digest { animated: first == 1, digest: u128::from_le_bytes(*digest) };
        }
        let len = usize::try_from(first - 2).unwrap_or(usize::MAX);
        let (text, rest) = reader.0.split_at(len.min(reader.0.len()));
        reader.0 = rest;
        Self::Text(Cow::Borrowed(std::str::from_utf8(text).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_texts_come_back(number: u64, signed: i64, text: String, other: u64) {
            let mut out = Vec::new();
            put_number(&mut out, number);
            put_signed(&mut out, signed);
            put_bytes(&mut out, text.as_bytes());
            put_number(&mut out, other);
            let mut reader = Reader(&out);
            prop_assert_eq!((reader.number(), reader.signed()), (number, signed));
            prop_assert_eq!((reader.text(), reader.number()), (text.as_str(), other));
            prop_assert!(reader.0.is_empty());
        }

        #[test]
        fn every_hash_comes_back(text in prop_oneof!["(a_)?[0-9a-f]{32}", "(a_)?[0-9A-F+]{31,33}", ".*"]) {
            let mut out = Vec::new();
            Hash::of(Cow::Borrowed(&text)).put(&mut out);
            put_number(&mut out, 7);
            let mut reader = Reader(&out);
            prop_assert_eq!(Hash::read(&mut reader).into_text(), text);
            prop_assert_eq!(reader.number(), 7);
        }
    }

    #[test]
    fn a_digest_takes_seventeen_bytes() {
        let mut out = Vec::new();
        Hash::of("a_0123456789abcdef0123456789abcdef".into()).put(&mut out);
        assert_eq!(out.len(), 17);
    }
}
