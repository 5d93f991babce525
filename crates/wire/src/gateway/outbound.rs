//! Frames of the server: dispatches in two parts, and the small ones whole.
//!
//! A dispatch is `{"s":N,` and then a *tail*, `"t":"NAME","op":0,"d":…}`, which is the same for every session and
//! made once for each encoding; so a delivery is the prefix of at most [`MAX_PREFIX_BYTES`] bytes and shared bytes.
//! `s`, `t` and `op` come before `d`, which libraries that look for them in the text rely on.

use std::ops::Deref;

use bytes::Bytes;

use super::{Encoding, Opcode};
use crate::etf;

/// The longest [`Prefix`]: in ETF a map header with padding key, see [`Prefix::etf_padded`].
pub const MAX_PREFIX_BYTES: usize = 48;

/// What goes before a dispatch's tail: the session's own sequence number. Kept inline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    bytes: [u8; MAX_PREFIX_BYTES],
    len: u8,
}

impl Prefix {
    /// Returns the prefix for sequence number `seq`.
    pub fn new(encoding: Encoding, seq: u64) -> Self {
        match encoding {
            Encoding::Json => Self::json(seq),
            Encoding::Etf => Self::etf(seq, None),
        }
    }

    /// Returns an ETF prefix that ends in a key which nobody reads, `_`, and the header of its value, a binary of
    /// `padding` bytes that is to follow before the tail.
    pub fn etf_padded(seq: u64, padding: usize) -> Self {
        Self::etf(seq, Some(padding))
    }

    /// Returns the prefix for `seq` in as many bytes as for every other number, [`fixed_len`](Self::fixed_len), or
    /// `None` for a number too large for that. With `padding` it ends, in ETF, as [`Prefix::etf_padded`] does.
    pub fn fixed(encoding: Encoding, seq: u64, padding: Option<usize>) -> Option<Self> {
        match encoding {
            Encoding::Json => {
                let number = Self::json(seq);
                // The space goes before the key: some libraries look for `"s":` and take what follows.
                let spaces = Self::FIXED_JSON_BYTES.checked_sub(number.len())?;
                let mut prefix = Self::empty();
                prefix.push(b"{");
                prefix.push(&[b' '; Self::FIXED_JSON_BYTES][..spaces]);
                prefix.push(&number[1..]);
                Some(prefix)
            }
            Encoding::Etf => i32::try_from(seq).ok().map(|int| Self::etf_with(&etf_int(int), padding)),
        }
    }

    /// Returns the length of every prefix that [`Prefix::fixed`] makes.
    pub const fn fixed_len(encoding: Encoding, is_padded: bool) -> usize {
        match (encoding, is_padded) {
            (Encoding::Json, _) => Self::FIXED_JSON_BYTES,
            (Encoding::Etf, false) => 17,
            (Encoding::Etf, true) => 28,
        }
    }

    /// `{"s":N,` with room for nine digits.
    const FIXED_JSON_BYTES: usize = 15;

    fn empty() -> Self {
        Prefix { bytes: [0; MAX_PREFIX_BYTES], len: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }

    fn json(seq: u64) -> Self {
        let mut prefix = Self::empty();
        prefix.push(b"{\"s\":");
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = seq;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        prefix.push(&digits[at..]);
        prefix.push(b",");
        prefix
    }

    fn etf(seq: u64, padding: Option<usize>) -> Self {
        match (u8::try_from(seq), i32::try_from(seq)) {
            (Ok(small), _) => Self::etf_with(&[b'a', small], padding),
            (_, Ok(int)) => Self::etf_with(&etf_int(int), padding),
            _ => {
                let mut number = *b"n\x08\0........";
                number[3..].copy_from_slice(&seq.to_le_bytes());
                Self::etf_with(&number, padding)
            }
        }
    }

    /// Writes by hand what [`etf`]'s functions would, as a delivery must not allocate.
    fn etf_with(number: &[u8], padding: Option<usize>) -> Self {
        let mut prefix = Self::empty();
        prefix.push(&[etf::VERSION, b't', 0, 0, 0, if padding.is_some() { 5 } else { 4 }]);
        prefix.push(b"m\0\0\0\x01s");
        prefix.push(number);
        if let Some(padding) = padding {
            prefix.push(b"m\0\0\0\x01_m");
            prefix.push(&u32::try_from(padding).unwrap_or(u32::MAX).to_be_bytes());
        }
        prefix
    }
}

/// ETF's INTEGER_EXT: 32 bits, also for numbers that would fit into fewer.
fn etf_int(int: i32) -> [u8; 5] {
    let [a, b, c, d] = int.to_be_bytes();
    [b'b', a, b, c, d]
}

impl Deref for Prefix {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Returns the tail of a dispatch: all but its sequence number. `d` is JSON; for ETF it is transcoded. `name` is an
/// event's name, which needs no escape.
///
/// # Errors
///
/// With ETF, `d` is not JSON.
pub fn tail(encoding: Encoding, name: &str, d: &[u8]) -> Result<Bytes, serde_json::Error> {
    match encoding {
        Encoding::Json => Ok(json_tail(name, d)),
        Encoding::Etf => etf::from_json(d).map(|term| etf_tail(name, &term)),
    }
}

/// Returns the JSON tail `"t":"NAME","op":0,"d":…}`.
pub fn json_tail(name: &str, d: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(name.len() + d.len() + 20);
    put_json_start(&mut out, name);
    out.extend_from_slice(d);
    out.push(b'}');
    out.into()
}

/// Returns what stands before and behind `d` in a JSON tail.
pub fn json_tail_around(name: &str) -> (Bytes, Bytes) {
    let mut start = Vec::with_capacity(name.len() + 20);
    put_json_start(&mut start, name);
    (start.into(), Bytes::from_static(b"}"))
}

fn put_json_start(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"\"t\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\",\"op\":0,\"d\":");
}

/// Returns the ETF tail: the entries `t`, `op` and `d` of a map. `term` has no version byte.
pub fn etf_tail(name: &str, term: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(name.len() + term.len() + 40);
    etf::put_binary(&mut out, b"t");
    etf::put_binary(&mut out, name.as_bytes());
    etf::put_binary(&mut out, b"op");
    etf::put_integer(&mut out, 0);
    etf::put_binary(&mut out, b"d");
    out.extend_from_slice(term);
    out.into()
}

/// Returns a whole dispatch in one piece, for events that only one session gets.
///
/// # Errors
///
/// With ETF, `d` is not JSON.
pub fn dispatch(encoding: Encoding, seq: u64, name: &str, d: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let tail = tail(encoding, name, d)?;
    let prefix = Prefix::new(encoding, seq);
    Ok([&*prefix, &*tail].concat())
}

/// Returns HELLO (op 10), the first frame of a connection.
pub fn hello(encoding: Encoding, heartbeat_interval_ms: u32) -> Vec<u8> {
    match encoding {
        Encoding::Json => format!(
            r#"{{"t":null,"s":null,"op":10,"d":{{"heartbeat_interval":{heartbeat_interval_ms},"_trace":[]}}}}"#
        )
        .into_bytes(),
        Encoding::Etf => etf_small(Opcode::Hello, |out| {
            etf::put_map_header(out, 1);
            etf::put_binary(out, b"heartbeat_interval");
            etf::put_integer(out, i64::from(heartbeat_interval_ms));
        }),
    }
}

/// Returns the answer to a heartbeat (op 11).
pub fn heartbeat_ack(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Json => br#"{"t":null,"s":null,"op":11,"d":null}"#,
        Encoding::Etf => {
            b"\x83\x74\0\0\0\x04\x6d\0\0\0\x01t\x73\x03nil\x6d\0\0\0\x01s\x73\x03nil\
            \x6d\0\0\0\x02op\x61\x0b\x6d\0\0\0\x01d\x73\x03nil"
        }
    }
}

/// Returns the demand for an immediate heartbeat (op 1).
pub fn heartbeat_request(encoding: Encoding) -> Vec<u8> {
    small(encoding, Opcode::Heartbeat, None)
}

/// Returns RECONNECT (op 7): the client is to connect again and resume. `url`: where, if it is another place than READY named;
/// upstream's `d` is always null, and clients that follow it pass over what is there.
pub fn reconnect(encoding: Encoding, url: Option<&str>) -> Vec<u8> {
    let Some(url) = url else { return small(encoding, Opcode::Reconnect, None) };
    match encoding {
        Encoding::Json => {
            let d = serde_json::json!({"resume_gateway_url": url});
            format!(r#"{{"t":null,"s":null,"op":{},"d":{d}}}"#, Opcode::Reconnect.number()).into_bytes()
        }
        Encoding::Etf => etf_small(Opcode::Reconnect, |out| {
            etf::put_map_header(out, 1);
            etf::put_binary(out, b"resume_gateway_url");
            etf::put_binary(out, url.as_bytes());
        }),
    }
}

/// Returns INVALID_SESSION (op 9); `resumable` tells the client to try its RESUME again.
pub fn invalid_session(encoding: Encoding, resumable: bool) -> Vec<u8> {
    small(encoding, Opcode::InvalidSession, Some(resumable))
}

/// Returns a frame whose `d` is a boolean or null.
fn small(encoding: Encoding, op: Opcode, d: Option<bool>) -> Vec<u8> {
    let word = match d {
        None => "null",
        Some(true) => "true",
        Some(false) => "false",
    };
    match encoding {
        Encoding::Json => format!(r#"{{"t":null,"s":null,"op":{},"d":{word}}}"#, op.number()).into_bytes(),
        Encoding::Etf => etf_small(op, |out| match d {
            None => etf::put_nil(out),
            Some(_) => etf::put_small_atom(out, word),
        }),
    }
}

fn etf_small(op: Opcode, d: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![etf::VERSION];
    etf::put_map_header(&mut out, 4);
    for key in [b"t", b"s"] {
        etf::put_binary(&mut out, key);
        etf::put_nil(&mut out);
    }
    etf::put_binary(&mut out, b"op");
    etf::put_integer(&mut out, i64::from(op.number()));
    etf::put_binary(&mut out, b"d");
    d(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::json::Limits;

    const LIMITS: Limits = Limits { bytes: 1000, depth: 8, values: 100 };

    fn value(encoding: Encoding, bytes: &[u8]) -> Value {
        match encoding {
            Encoding::Json => serde_json::from_slice(bytes).unwrap(),
            Encoding::Etf => etf::read(bytes, LIMITS).unwrap(),
        }
    }

    #[test]
    fn dispatches_are_the_same_in_both_encodings() {
        for encoding in [Encoding::Json, Encoding::Etf] {
            for seq in [0, 1, 255, 256, 2_147_483_647, 2_147_483_648, u64::MAX] {
                let frame = dispatch(encoding, seq, "TYPING_START", br#"{"a":[1,null]}"#).unwrap();
                let expected = json!({"s": seq, "t": "TYPING_START", "op": 0, "d": {"a": [1, null]}});
                assert_eq!(value(encoding, &frame), expected);
            }
        }
        assert_eq!(&*Prefix::new(Encoding::Json, u64::MAX), b"{\"s\":18446744073709551615,");
    }

    #[test]
    fn a_padded_prefix_takes_padding_and_tail() {
        for seq in [7, u64::MAX] {
            let prefix = Prefix::etf_padded(seq, 3);
            let tail = tail(Encoding::Etf, "RESUMED", b"{}").unwrap();
            let frame = [&*prefix, b"   ", &*tail].concat();
            assert_eq!(value(Encoding::Etf, &frame)["_"], "   ");
            assert_eq!(value(Encoding::Etf, &frame)["t"], "RESUMED");
        }
    }

    #[test]
    fn a_fixed_prefix_is_as_long_for_every_number() {
        for encoding in [Encoding::Json, Encoding::Etf] {
            for padding in [None, Some(3)] {
                for seq in [0, 9, 255, 256, 999_999_999] {
                    let prefix = Prefix::fixed(encoding, seq, padding).unwrap();
                    assert_eq!(prefix.len(), Prefix::fixed_len(encoding, padding.is_some()));
                    let spaces = " ".repeat(padding.unwrap_or(0));
                    let tail = tail(encoding, "RESUMED", b"{}").unwrap();
                    let frame = value(encoding, &[&*prefix, spaces.as_bytes(), &*tail].concat());
                    assert_eq!((&frame["s"], &frame["t"]), (&json!(seq), &json!("RESUMED")));
                }
                assert!(Prefix::fixed(encoding, 1 << 31, padding).is_none());
            }
        }
        assert_eq!(&*Prefix::fixed(Encoding::Json, 42, None).unwrap(), b"{       \"s\":42,");
        assert!(Prefix::fixed(Encoding::Json, 1_000_000_000, None).is_none());
    }

    #[test]
    fn small_frames() {
        for encoding in [Encoding::Json, Encoding::Etf] {
            let op = |bytes: &[u8]| {
                let mut frame = value(encoding, bytes);
                assert_eq!((&frame["t"], &frame["s"]), (&Value::Null, &Value::Null));
                (frame["op"].as_u64().unwrap(), frame["d"].take())
            };
            let (number, d) = op(&hello(encoding, 41250));
            assert_eq!((number, &d["heartbeat_interval"]), (10, &json!(41250)));
            assert_eq!(op(heartbeat_ack(encoding)), (11, Value::Null));
            assert_eq!(op(&heartbeat_request(encoding)), (1, Value::Null));
            assert_eq!(op(&reconnect(encoding, None)), (7, Value::Null));
            let elsewhere = json!({"resume_gateway_url": "ws://b:8080"});
            assert_eq!(op(&reconnect(encoding, Some("ws://b:8080"))), (7, elsewhere));
            assert_eq!(op(&invalid_session(encoding, true)), (9, json!(true)));
            assert_eq!(op(&invalid_session(encoding, false)), (9, json!(false)));
        }
    }
}
