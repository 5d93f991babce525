//! Writing JSON by hand, where serde's way through owned structs would take several times as long.

use bytes::Bytes;
use consort_model::Timestamp;
use serde::Serialize;

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;

/// The JSON of one of our models.
pub(crate) fn encode<T: Serialize + ?Sized>(object: &T) -> Bytes {
    consort_rpc::Answer::bytes(object)
}

/// Adds a number.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; DIGITS_MAX];
    let mut first = DIGITS_MAX;
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[first..]);
        }
    }
}

/// Adds an id, which is a text on the wire.
pub(crate) fn put_id(out: &mut Vec<u8>, id: u64) {
    out.push(b'"');
    put_number(out, id);
    out.push(b'"');
}

/// Adds a text.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return put_value(out, text);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Adds a time.
pub(crate) fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    out.push(b'"');
    out.extend_from_slice(&time.text());
    out.push(b'"');
}

/// Adds a flag.
pub(crate) fn put_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Adds what there is, or null.
pub(crate) fn put_or_null<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => put(out, value),
        None => out.extend_from_slice(b"null"),
    }
}

/// Adds anything else as serde writes it.
pub(crate) fn put_value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    out.extend_from_slice(&encode(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_written_as_serde_does(number: u64, text in "[\\PC\"\\\\\n\u{0}-\u{1f}]{0,8}", micros: i64) {
            let time = Timestamp::from_micros(micros);
            let mut out = Vec::new();
            put_number(&mut out, number);
            out.push(b' ');
            put_text(&mut out, &text);
            out.push(b' ');
            put_time(&mut out, time);
            let plain = [serde_json::to_string(&number), serde_json::to_string(&text), serde_json::to_string(&time)];
            let plain: Vec<String> = plain.into_iter().map(Result::unwrap).collect();
            prop_assert_eq!(String::from_utf8(out).unwrap(), plain.join(" "));
        }
    }
}
