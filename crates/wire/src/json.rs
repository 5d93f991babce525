//! A bounded JSON reader: like `serde_json::from_slice`, but capped in size, depth and count before it allocates.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// The caps of a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of input.
    pub bytes: usize,
    /// The most levels of arrays and objects within each other.
    pub depth: usize,
    /// The most values, counting arrays, objects, keys and scalars.
    pub values: usize,
}

/// Why JSON is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes than allowed.
    #[error("payload is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Not JSON, or too deep, or too many values.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
}

/// Reads one JSON value. Of a repeated key the last value counts.
///
/// # Errors
///
/// The input is too large, not JSON, nested too deep or has too many values, or more follows the value.
pub fn parse(bytes: &[u8], limits: Limits) -> Result<Value, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::TooLarge { limit: limits.bytes });
    }
    let values = Cell::new(limits.values);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Bounded { depth: limits.depth, values: &values }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// A value at most `depth` levels deep, drawing on a common budget of values.
#[derive(Clone, Copy)]
struct Bounded<'c> {
    depth: usize,
    values: &'c Cell<usize>,
}

impl Bounded<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Bounded { depth, values: self.values })
    }

    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.values.get().checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        self.values.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            self.count().map_err(A::Error::custom::<A::Error>)?;
            map.insert(key, access.next_value_seed(inner)?);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes: 200, depth: 4, values: 12 };

    #[test]
    fn what_it_reads_serde_json_reads_too() {
        for text in
            [r#"{"a":[1,-2,3.5,null,true],"b":"\u00e9"}"#, "18446744073709551615", r#""x""#, "[[[[]]]]"]
        {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes(), LIMITS).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn caps_hold() {
        assert!(matches!(parse(&[b' '; 201], LIMITS), Err(Error::TooLarge { limit: 200 })));
        assert!(parse(b"[[[[[]]]]]", LIMITS).is_err());
        assert!(parse(br#"{"a":{"a":{"a":{"a":{}}}}}"#, LIMITS).is_err());
        assert!(parse(b"[1,2,3,4,5,6,7,8,9,10,11]", LIMITS).is_ok());
        assert!(parse(b"[1,2,3,4,5,6,7,8,9,10,11,12]", LIMITS).is_err());
        assert!(parse(&[b'['; 150], Limits { depth: 1000, ..LIMITS }).is_err());
    }

    #[test]
    fn magic_keys_of_serde_json_mean_nothing() {
        let text = br#"{"$serde_json::private::RawValue":"[[[[[[1]]]]]]"}"#;
        let value = parse(text, LIMITS).unwrap();
        assert_eq!(value["$serde_json::private::RawValue"], "[[[[[[1]]]]]]");
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [&b""[..], b"{", b"nul", b"1 2", b"\"\xff\"", b"{1:2}", b"1e999"] {
            assert!(parse(bytes, LIMITS).is_err(), "{bytes:?}");
        }
    }
}
