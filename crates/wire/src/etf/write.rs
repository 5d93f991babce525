//! The writer: JSON text to a term, in one pass.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::tag;

/// Transcodes JSON of our own making to a term **without** the version byte, to be spliced into a larger term. The
/// order of keys is kept.
///
/// # Errors
///
/// The input is not JSON or nests deeper than 127 levels.
pub fn from_json(json: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(json.len() + json.len() / 4);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Transcode(&mut out).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(out)
}

/// Appends BINARY_EXT, the form of strings and keys. Lengths beyond 32 bits cannot be told; texts are far below.
pub fn put_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    put_binary_header(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends the header of BINARY_EXT; `len` bytes are to follow.
pub fn put_binary_header(out: &mut Vec<u8>, len: usize) {
    out.push(tag::BINARY);
    put_len(out, len);
}

/// Appends a whole number in its shortest form.
pub fn put_integer(out: &mut Vec<u8>, number: i64) {
    match (u8::try_from(number), i32::try_from(number)) {
        (Ok(small), _) => out.extend_from_slice(&[tag::SMALL_INTEGER, small]),
        (_, Ok(int)) => {
            out.push(tag::INTEGER);
            out.extend_from_slice(&int.to_be_bytes());
        }
        _ => put_big(out, number.unsigned_abs(), number < 0),
    }
}

/// Appends MAP_EXT; `entries` keys and values are to follow.
pub fn put_map_header(out: &mut Vec<u8>, entries: usize) {
    out.push(tag::MAP);
    put_len(out, entries);
}

/// Appends the atom `nil`, which stands for null.
pub fn put_nil(out: &mut Vec<u8>) {
    put_small_atom(out, "nil");
}

/// Appends SMALL_ATOM_EXT, the only short form of an atom that erlpack reads; `name` is ASCII, at most 255 bytes.
pub fn put_small_atom(out: &mut Vec<u8>, name: &str) {
    let name = &name.as_bytes()[..name.len().min(255)];
    out.extend_from_slice(&[tag::SMALL_ATOM, name.len() as u8]);
    out.extend_from_slice(name);
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_big(out: &mut Vec<u8>, magnitude: u64, negative: bool) {
    let digits = magnitude.to_le_bytes();
    let len = 8 - magnitude.leading_zeros() as usize / 8;
    out.extend_from_slice(&[tag::SMALL_BIG, len as u8, u8::from(negative)]);
    out.extend_from_slice(&digits[..len]);
}

struct Transcode<'o>(&'o mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Transcode<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Transcode<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        put_nil(self.0);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        put_small_atom(self.0, if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        put_integer(self.0, value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(number) => put_integer(self.0, number),
            Err(_) => put_big(self.0, value, false),
        }
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.push(tag::NEW_FLOAT);
        self.0.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        put_binary(self.0, value.as_bytes());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let start = self.0.len();
        self.0.extend_from_slice(&[tag::LIST, 0, 0, 0, 0]);
        let mut count = 0u32;
        while seq.next_element_seed(Transcode(self.0))?.is_some() {
            count = count.checked_add(1).ok_or_else(|| A::Error::custom("list too long"))?;
        }
        if count == 0 {
            self.0.truncate(start);
        } else {
            self.0[start + 1..start + 5].copy_from_slice(&count.to_be_bytes());
        }
        self.0.push(tag::NIL);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let start = self.0.len();
        put_map_header(self.0, 0);
        let mut count = 0u32;
        while map.next_key_seed(Transcode(self.0))?.is_some() {
            map.next_value_seed(Transcode(self.0))?;
            count = count.checked_add(1).ok_or_else(|| A::Error::custom("map too long"))?;
        }
        self.0[start + 1..start + 5].copy_from_slice(&count.to_be_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::etf::{VERSION, read};
    use crate::json::Limits;

    fn bytes(json: &str) -> Vec<u8> {
        from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn scalars_take_the_forms_that_erlpack_reads() {
        assert_eq!(bytes("null"), b"\x73\x03nil");
        assert_eq!(bytes("true"), b"\x73\x04true");
        assert_eq!(bytes("false"), b"\x73\x05false");
        assert_eq!(bytes("255"), [97, 255]);
        assert_eq!(bytes("256"), [98, 0, 0, 1, 0]);
        assert_eq!(bytes("-1"), [98, 255, 255, 255, 255]);
        assert_eq!(bytes("2147483648"), [110, 4, 0, 0, 0, 0, 128]);
        assert_eq!(bytes("-2147483649"), [110, 4, 1, 1, 0, 0, 128]);
        assert_eq!(bytes("18446744073709551615"), [110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(bytes("\"1\""), b"\x6d\0\0\0\x011");
        assert_eq!(bytes("0.5")[0], 70);
    }

    #[test]
    fn containers_are_counted_and_keep_their_order() {
        assert_eq!(bytes("[]"), [106]);
        assert_eq!(bytes("[1]"), [108, 0, 0, 0, 1, 97, 1, 106]);
        assert_eq!(bytes("{}"), [116, 0, 0, 0, 0]);
        assert_eq!(bytes(r#"{"b":1,"a":[]}"#), b"\x74\0\0\0\x02\x6d\0\0\0\x01b\x61\x01\x6d\0\0\0\x01a\x6a");
    }

    #[test]
    fn what_is_written_reads_back() {
        let text = r#"{"id":"175928847299117063","n":[0,-7,1e10,4294967296,-9223372036854775808],"t":{"é":"日本","x":null}}"#;
        let mut term = vec![VERSION];
        term.extend(bytes(text));
        let limits = Limits { bytes: 1000, depth: 8, values: 100 };
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read(&term, limits).unwrap(), expected);
    }

    #[test]
    fn only_json_is_transcoded() {
        for text in ["", "{", "[1,]", "1 2", "nil"] {
            assert!(from_json(text.as_bytes()).is_err(), "{text}");
        }
        assert!(from_json(&[b'['; 10_000]).is_err());
    }
}
