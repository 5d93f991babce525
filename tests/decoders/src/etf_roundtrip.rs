//! JSON transcoded to ETF reads back as the same value, and ETF that is read can be written again.

use consort_wire::etf;
use consort_wire::json::{self, Limits};

const LIMITS: Limits = Limits { bytes: 1 << 24, depth: 127, values: 1 << 20 };

/// Checks that `json` is accepted and says the same in ETF.
fn check(json: &[u8]) {
    let value = json::parse(json, LIMITS).expect("accepted before");
    let mut term = vec![etf::VERSION];
    term.extend(etf::from_json(json).expect("accepted JSON can be transcoded"));
    assert_eq!(etf::read(&term, LIMITS).expect("what was written can be read"), value);
}

/// Transcodes there and back.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    if json::parse(data, LIMITS).is_ok() {
        check(data);
    }
    if let Ok(value) = etf::read(data, Limits { depth: 100, ..LIMITS }) {
        // By way of text, which may change the last bit of a float but nothing else.
        check(value.to_string().as_bytes());
    }
}
