//! The reader: a term to a [`Value`], capped in size, depth and count before it allocates.

use serde_json::{Map, Number, Value};

use super::{VERSION, tag};
use crate::json::Limits;

/// The most bytes of a big number; one beyond 64 bits becomes a decimal string. Our choice: 1232 bits.
pub const MAX_BIG_BYTES: usize = 154;

/// Why a term is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More bytes than allowed.
    #[error("payload is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The first byte is not 131.
    #[error("not an external term")]
    Version,
    /// The term ends beyond the input, or claims more elements than there are bytes.
    #[error("term is cut off")]
    Truncated,
    /// Bytes follow the term.
    #[error("bytes after the term")]
    Trailing,
    /// More levels than allowed.
    #[error("nested too deep")]
    TooDeep,
    /// More values than allowed.
    #[error("too many values")]
    TooManyValues,
    /// A tag that payloads do not have.
    #[error("unsupported tag {0}")]
    Tag(u8),
    /// A compressed term, which clients may not send ("Encoding and Compression").
    #[error("compressed term")]
    Compressed,
    /// An atom as a key, which clients may not send ("Encoding and Compression"), or a key that is no text.
    #[error("map key is not a binary")]
    Key,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// A number that JSON cannot hold, or too long a one.
    #[error("number out of range")]
    Number,
    /// A list with a tail.
    #[error("improper list")]
    ImproperList,
}

/// Reads one external term, version byte included. `nil` and `null` are null, other atoms but `true` and `false`
/// are strings; tuples and STRING_EXT are arrays; of a repeated key the last value counts.
///
/// # Errors
///
/// See [`Error`].
pub fn read(bytes: &[u8], limits: Limits) -> Result<Value, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::TooLarge { limit: limits.bytes });
    }
    let [VERSION, rest @ ..] = bytes else { return Err(Error::Version) };
    let mut reader = Reader { rest, values: limits.values };
    let value = reader.term(limits.depth)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Error::Trailing) }
}

struct Reader<'b> {
    rest: &'b [u8],
    /// How many more values there may be.
    values: usize,
}

impl<'b> Reader<'b> {
    fn take(&mut self, len: usize) -> Result<&'b [u8], Error> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<usize, Error> {
        Ok(usize::from(self.array::<1>()?[0]))
    }

    fn u16(&mut self) -> Result<usize, Error> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn u32(&mut self) -> Result<usize, Error> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| Error::Truncated)
    }

    fn count(&mut self, values: usize) -> Result<(), Error> {
        self.values = self.values.checked_sub(values).ok_or(Error::TooManyValues)?;
        Ok(())
    }

    fn term(&mut self, depth: usize) -> Result<Value, Error> {
        self.count(1)?;
        Ok(match self.array::<1>()?[0] {
            tag::SMALL_INTEGER => self.u8()?.into(),
            tag::INTEGER => i32::from_be_bytes(self.array()?).into(),
            tag::SMALL_BIG => {
                let len = self.u8()?;
                self.big(len)?
            }
            tag::LARGE_BIG => {
                let len = self.u32()?;
                self.big(len)?
            }
            tag::NEW_FLOAT => float(f64::from_be_bytes(self.array()?))?,
            tag::FLOAT => self.old_float()?,
            tag::ATOM => {
                let len = self.u16()?;
                atom(self.take(len)?, false)?
            }
            tag::SMALL_ATOM => {
                let len = self.u8()?;
                atom(self.take(len)?, false)?
            }
            tag::ATOM_UTF8 => {
                let len = self.u16()?;
                atom(self.take(len)?, true)?
            }
            tag::SMALL_ATOM_UTF8 => {
                let len = self.u8()?;
                atom(self.take(len)?, true)?
            }
            tag::BINARY => {
                let len = self.u32()?;
                text(self.take(len)?)?.into()
            }
            tag::STRING => {
                let len = self.u16()?;
                self.count(len)?;
                self.take(len)?.iter().map(|&byte| Value::from(byte)).collect::<Vec<_>>().into()
            }
            tag::NIL => Value::Array(Vec::new()),
            tag::LIST => {
                let len = self.u32()?;
                let list = self.elements(len, depth)?;
                if self.array::<1>()?[0] != tag::NIL {
                    return Err(Error::ImproperList);
                }
                list
            }
            tag::SMALL_TUPLE => {
                let len = self.u8()?;
                self.elements(len, depth)?
            }
            tag::LARGE_TUPLE => {
                let len = self.u32()?;
                self.elements(len, depth)?
            }
            tag::MAP => self.map(depth)?,
            tag::COMPRESSED => return Err(Error::Compressed),
            other => return Err(Error::Tag(other)),
        })
    }

    /// Checks a count of elements, each of at least `bytes_each` bytes and `values_each` values, before any is kept.
    fn check_len(&self, len: usize, bytes_each: usize, values_each: usize) -> Result<(), Error> {
        if len > self.rest.len() / bytes_each {
            return Err(Error::Truncated);
        }
        if len > self.values / values_each {
            return Err(Error::TooManyValues);
        }
        Ok(())
    }

    fn elements(&mut self, len: usize, depth: usize) -> Result<Value, Error> {
        let depth = depth.checked_sub(1).ok_or(Error::TooDeep)?;
        self.check_len(len, 1, 1)?;
        let mut elements = Vec::with_capacity(len);
        for _ in 0..len {
            elements.push(self.term(depth)?);
        }
        Ok(Value::Array(elements))
    }

    fn map(&mut self, depth: usize) -> Result<Value, Error> {
        let depth = depth.checked_sub(1).ok_or(Error::TooDeep)?;
        let len = self.u32()?;
        // The shortest entry: a small integer as key, of 2 bytes, and a value of 1 byte.
        self.check_len(len, 3, 2)?;
        let mut map = Map::with_capacity(len);
        for _ in 0..len {
            let key = self.key()?;
            map.insert(key, self.term(depth)?);
        }
        Ok(Value::Object(map))
    }

    /// Reads a key. Whole numbers are accepted too: encoders of typed languages write maps by id that way.
    fn key(&mut self) -> Result<String, Error> {
        self.count(1)?;
        match self.array::<1>()?[0] {
            tag::BINARY => {
                let len = self.u32()?;
                Ok(text(self.take(len)?)?.to_owned())
            }
            tag::STRING => {
                let len = self.u16()?;
                Ok(text(self.take(len)?)?.to_owned())
            }
            tag::SMALL_INTEGER => Ok(self.u8()?.to_string()),
            tag::INTEGER => Ok(i32::from_be_bytes(self.array()?).to_string()),
            tag::SMALL_BIG => {
                let len = self.u8()?;
                match self.big(len)? {
                    Value::String(digits) => Ok(digits),
                    number => Ok(number.to_string()),
                }
            }
            _ => Err(Error::Key),
        }
    }

    fn big(&mut self, len: usize) -> Result<Value, Error> {
        if len > MAX_BIG_BYTES {
            return Err(Error::Number);
        }
        let negative = self.u8()? != 0;
        let mut digits = self.take(len)?;
        while let [head @ .., 0] = digits {
            digits = head;
        }
        if digits.len() > 8 {
            return Ok(decimal(digits, negative).into());
        }
        let magnitude = digits.iter().rev().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
        match (negative, 0i64.checked_sub_unsigned(magnitude)) {
            (false, _) => Ok(magnitude.into()),
            (true, Some(number)) => Ok(number.into()),
            (true, None) => Ok(decimal(digits, true).into()),
        }
    }

    /// Reads the text form that Erlang used before NEW_FLOAT_EXT: 31 bytes, padded with zeros.
    fn old_float(&mut self) -> Result<Value, Error> {
        let bytes = self.array::<31>()?;
        let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        let number = str::from_utf8(&bytes[..end]).ok().and_then(|t| t.trim().parse().ok());
        float(number.ok_or(Error::Number)?)
    }
}

fn float(number: f64) -> Result<Value, Error> {
    Number::from_f64(number).map(Value::Number).ok_or(Error::Number)
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Error::Utf8)
}

fn atom(bytes: &[u8], is_utf8: bool) -> Result<Value, Error> {
    Ok(match bytes {
        b"nil" | b"null" => Value::Null,
        b"true" => true.into(),
        b"false" => false.into(),
        name if is_utf8 => text(name)?.into(),
        // The older tags hold Latin-1, whose bytes are the first 256 code points.
        name => name.iter().map(|&byte| char::from(byte)).collect::<String>().into(),
    })
}

/// Writes a little-endian number of base 256 in decimal; at most [`MAX_BIG_BYTES`], as it takes quadratic time.
fn decimal(digits: &[u8], negative: bool) -> String {
    const CHUNK: u64 = 1_000_000_000;
    let mut number = digits.to_vec();
    let mut chunks = Vec::new();
    while number.iter().any(|&byte| byte != 0) {
        let mut remainder = 0u64;
        for byte in number.iter_mut().rev() {
            let value = remainder << 8 | u64::from(*byte);
            // Less than 256, as the remainder is less than CHUNK.
            *byte = (value / CHUNK) as u8;
            remainder = value % CHUNK;
        }
        chunks.push(remainder);
    }
    let mut text = if negative { "-".to_owned() } else { String::new() };
    text.push_str(&chunks.pop().unwrap_or(0).to_string());
    for chunk in chunks.iter().rev() {
        text.push_str(&format!("{chunk:09}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 4096, depth: 4, values: 100 };

    fn term(bytes: &[u8]) -> Result<Value, Error> {
        let mut all = vec![VERSION];
        all.extend_from_slice(bytes);
        read(&all, LIMITS)
    }

    #[test]
    fn integers() {
        assert_eq!(term(&[97, 255]), Ok(json!(255)));
        assert_eq!(term(&[98, 255, 255, 255, 255]), Ok(json!(-1)));
        assert_eq!(term(&[110, 4, 0, 0, 0, 0, 128]), Ok(json!(2147483648u64)));
        assert_eq!(term(&[110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 255]), Ok(json!(u64::MAX)));
        assert_eq!(term(&[110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128]), Ok(json!(i64::MIN)));
        assert_eq!(term(&[110, 8, 1, 1, 0, 0, 0, 0, 0, 0, 128]), Ok(json!("-9223372036854775809")));
        assert_eq!(term(&[111, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), Ok(json!("18446744073709551616")));
        assert_eq!(term(&[110, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Ok(json!(1)));
        assert_eq!(term(&[110, 0, 1]), Ok(json!(0)));
        assert_eq!(term(&[111, 0, 1, 0, 0, 0]), Err(Error::Number));
    }

    #[test]
    fn floats() {
        let mut bytes = vec![70];
        bytes.extend_from_slice(&1.5f64.to_be_bytes());
        assert_eq!(term(&bytes), Ok(json!(1.5)));
        bytes[1..].copy_from_slice(&f64::NAN.to_be_bytes());
        assert_eq!(term(&bytes), Err(Error::Number));
        let mut old = vec![99];
        old.extend_from_slice(b"1.50000000000000000000e+00\0\0\0\0\0");
        assert_eq!(term(&old), Ok(json!(1.5)));
        old[1..5].copy_from_slice(b"infx");
        assert_eq!(term(&old), Err(Error::Number));
    }

    #[test]
    fn atoms_are_values_but_never_keys() {
        assert_eq!(term(b"\x73\x03nil"), Ok(Value::Null));
        assert_eq!(term(b"\x77\x04null"), Ok(Value::Null));
        assert_eq!(term(b"\x64\x00\x04true"), Ok(json!(true)));
        assert_eq!(term(b"\x76\x00\x05false"), Ok(json!(false)));
        assert_eq!(term(b"\x73\x06online"), Ok(json!("online")));
        assert_eq!(term(b"\x73\x01\xe9"), Ok(json!("é")));
        assert_eq!(term(b"\x77\x01\xe9"), Err(Error::Utf8));
        assert_eq!(term(b"\x74\x00\x00\x00\x01\x73\x02op\x61\x01"), Err(Error::Key));
        assert_eq!(term(b"\x74\x00\x00\x00\x01\x77\x02op\x61\x01"), Err(Error::Key));
        assert_eq!(term(b"\x74\x00\x00\x00\x01\x64\x00\x02op\x61\x01"), Err(Error::Key));
    }

    #[test]
    fn containers() {
        assert_eq!(term(&[106]), Ok(json!([])));
        assert_eq!(term(&[107, 0, 2, 0, 1]), Ok(json!([0, 1])));
        assert_eq!(term(&[108, 0, 0, 0, 1, 97, 7, 106]), Ok(json!([7])));
        assert_eq!(term(&[108, 0, 0, 0, 1, 97, 7, 97, 8]), Err(Error::ImproperList));
        assert_eq!(term(&[104, 2, 97, 7, 106]), Ok(json!([7, []])));
        assert_eq!(term(&[105, 0, 0, 0, 1, 97, 7]), Ok(json!([7])));
        assert_eq!(term(b"\x74\0\0\0\x02\x6d\0\0\0\x01a\x61\x01\x61\x07\x6a"), Ok(json!({"a": 1, "7": []})));
    }

    #[test]
    fn counts_are_checked_before_anything_is_allocated() {
        for tag in [105, 108, 109, 111, 116] {
            let error = term(&[tag, 255, 255, 255, 255]).unwrap_err();
            assert!(matches!(error, Error::Truncated | Error::Number), "{tag}: {error}");
        }
        assert_eq!(term(&[107, 0, 200]), Err(Error::TooManyValues));
        let mut many = vec![108, 0, 0, 0, 100];
        many.resize(5 + 100, 106);
        many.push(106);
        assert_eq!(term(&many), Err(Error::TooManyValues));
    }

    #[test]
    fn depth_is_capped() {
        assert_eq!(term(&[104, 1, 104, 1, 104, 1, 104, 1, 97, 0]), Ok(json!([[[[0]]]])));
        assert_eq!(term(&[104, 1, 104, 1, 104, 1, 104, 1, 104, 1, 97, 0]), Err(Error::TooDeep));
    }

    #[test]
    fn what_payloads_do_not_have_is_refused() {
        assert_eq!(read(&[], LIMITS), Err(Error::Version));
        assert_eq!(read(b"{}", LIMITS), Err(Error::Version));
        assert_eq!(read(&[131], LIMITS), Err(Error::Truncated));
        assert_eq!(read(&[131; 5000], LIMITS), Err(Error::TooLarge { limit: 4096 }));
        assert_eq!(term(&[80, 0, 0, 0, 9, 1]), Err(Error::Compressed));
        assert_eq!(term(&[103]), Err(Error::Tag(103)));
        assert_eq!(term(&[106, 106]), Err(Error::Trailing));
        assert_eq!(term(b"\x6d\0\0\0\x01\xff"), Err(Error::Utf8));
    }
}
