//! Bodies of requests as somebody would send them who wants to break those who read the outcome: valid ones with any value at
//! any place. Used by the property tests of several crates.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// Valid bodies by name.
pub fn samples() -> Value {
    serde_json::from_str(include_str!("../samples/bodies.json")).expect("the samples are JSON")
}

/// Makes hostile bodies, the same ones for the same seed.
pub struct Hostile {
    runner: TestRunner,
    seed: u64,
}

impl Hostile {
    /// A maker with the seed of the environment's `CONSORT_SEED`, or 1.
    pub fn new() -> Self {
        Self::of_seed(std::env::var("CONSORT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1))
    }

    /// A maker with a seed.
    pub fn of_seed(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self { runner: TestRunner::new_with_rng(Config::default(), rng), seed }
    }

    /// What to say when a case fails: how to have it again.
    pub fn replay(&self) -> String {
        format!("again with CONSORT_SEED={}", self.seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.draw(0..end)
    }

    /// Any text, as the value of a header: what is no printable ASCII is percent-encoded or, now and then, not what it should be.
    #[allow(dead_code, reason = "not every test sends headers")]
    pub fn header(&mut self) -> String {
        let text = self.draw(any_text());
        let encode = |byte: u8| match byte {
            b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        let encoded: String = text.bytes().map(encode).collect();
        match self.below(6) {
            0 => format!("{encoded}%FF%C3%28"),
            1 => format!("%0A{encoded}%0D%0A{encoded}"),
            _ => encoded,
        }
    }

    /// A valid body with one to three places changed.
    pub fn body(&mut self, valid: &Value) -> Value {
        let mut body = valid.clone();
        for _ in 0..self.draw(1..=3_usize) {
            self.change(&mut body);
        }
        body
    }

    fn draw<S: Strategy>(&mut self, strategy: S) -> S::Value {
        strategy.new_tree(&mut self.runner).expect("nothing is filtered").current()
    }

    fn change(&mut self, body: &mut Value) {
        let mut places = Vec::new();
        pointers(body, String::new(), &mut places);
        let place = places[self.below(places.len())].clone();
        let value = self.draw(any_value());
        let key = self.draw(prop_oneof![any_text(), Just("type".to_owned()), Just("id".to_owned())]);
        let how = self.below(8);
        let Some(target) = body.pointer_mut(&place) else { return };
        match (how, target) {
            (0, Value::Object(fields)) => {
                fields.insert(key, value);
            }
            (1, Value::Object(fields)) if !fields.is_empty() => {
                let nth =
                    fields.keys().nth(value.to_string().len() % fields.len()).cloned().unwrap_or_default();
                fields.shift_remove(&nth);
            }
            (2, Value::Array(list)) if list.len() < 8 => {
                let again = list.clone();
                (0..5).for_each(|_| list.extend(again.clone()));
            }
            (3, Value::Array(list)) => list.push(value),
            (4, target) => *target = json!([target.take()]),
            (5, target) => *target = Value::String(target.to_string()),
            (_, target) => *target = value,
        }
    }
}

/// The paths of all values below and including one.
fn pointers(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            list.iter()
                .enumerate()
                .for_each(|(index, value)| pointers(value, format!("{at}/{index}"), places));
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{key}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[ -~]{1,12}",
        "\\PC{1,6}",
        Just("0".to_owned()),
        Just("123456789012345678".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just(u64::MAX.to_string()),
        Just("\u{0}\u{202e}\u{200b}".to_owned()),
        Just("👍".to_owned()),
        Just("https://a.example/\u{0}".to_owned()),
        Just("attachment://x.png".to_owned()),
        Just("2026-13-45T99:00:00Z".to_owned()),
        Just("+275760-09-13T00:00:00Z".to_owned()),
        Just("9999-12-31T23:59:59.999999+14:00".to_owned()),
        Just("0001-01-01T00:00:00Z".to_owned()),
        Just("x".repeat(5000)),
    ]
}

fn any_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..40).prop_map(Value::from),
        prop_oneof![
            Just(json!(i64::MIN)),
            Just(json!(u64::MAX)),
            Just(json!(1_u64 << 53)),
            Just(json!(1_u64 << 31)),
            Just(json!(u32::MAX)),
            Just(json!(1e308)),
            Just(json!(-0.0)),
            Just(json!(0.5)),
        ],
        any_text().prop_map(Value::from),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let nested = any_leaf().prop_recursive(3, 12, 4, |inner| {
        let keys = prop_oneof![
            Just("type".to_owned()),
            Just("id".to_owned()),
            Just("url".to_owned()),
            "[a-z_]{1,8}"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    });
    prop_oneof![4 => any_leaf(), 2 => nested, 1 => Just(()).prop_map(|()| deep())]
}

/// As deep as a body may be, and deeper.
fn deep() -> Value {
    (0..40).fold(json!(1), |inner, _| json!([inner]))
}
