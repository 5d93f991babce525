//! How a row's value is written: one byte for the version of the encoding, then the encoded value.

use crate::Error;
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Version 1: JSON.
const JSON: u8 = 1;

/// Encodes a value as a row.
///
/// # Panics
///
/// When the type has no JSON form (a map whose keys are not strings, a failing `Serialize`): a mistake in the type's
/// definition, not in the data.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Bytes {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(JSON);
    serde_json::to_writer(&mut bytes, value).expect("row types have a JSON form");
    bytes.into()
}

/// Decodes a row that [`encode`] made, of this or an earlier version.
///
/// # Errors
///
/// [`Error::Corrupt`] when the version is unknown or the value does not fit the type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    decode_borrowed(bytes)
}

/// As [`decode`], for types that borrow texts from the row.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_borrowed<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&JSON, json)) => serde_json::from_slice(json).map_err(|error| {
            Error::Corrupt(format!("row does not fit {}: {error}", std::any::type_name::<T>()))
        }),
        Some((version, _)) => Err(Error::Corrupt(format!("row of unknown version {version}"))),
        None => Err(Error::Corrupt("empty row".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_it_encoded() {
        let bytes = encode(&(1u64 << 63, "text", Some(true)));
        assert_eq!(bytes[0], 1);
        assert_eq!(
            decode::<(u64, String, Option<bool>)>(&bytes).unwrap(),
            (1 << 63, "text".to_owned(), Some(true))
        );
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for bytes in [&b""[..], b"\x02{}", b"{}", b"\x01{", b"\x01\"x\""] {
            assert!(matches!(decode::<u64>(bytes), Err(Error::Corrupt(_))), "{bytes:?}");
        }
    }
}
