//! Every object serializes into a valid instance of its published response schema, bare and with everything
//! set.
//!
//! `tests/data/openapi.json` is the vendor's own description of the HTTP API (MIT licence beside it). Keys
//! beyond it are listed here with the reason for having them.

mod guild;
pub mod message;
mod people;
mod samples;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::schema::published;

/// Checks an object against a schema, lists what it has beyond it, and reads it back: what was read is
/// written the same. The objects themselves may differ where a kind of channel has defaults or lacks a field.
#[track_caller]
fn conforms<T: Serialize + DeserializeOwned>(schema: &str, object: &T, beyond: &[&str]) -> Value {
    let value = answers(schema, object, beyond);
    let text = value.to_string();
    let back: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{schema}: {error}: {text}"));
    let again = serde_json::to_value(&back).expect("objects serialize");
    assert_eq!(again, value, "{schema} is not written as it was read");
    value
}

/// Checks an answer against a schema and lists what it has beyond it.
#[track_caller]
fn answers(schema: &str, object: &impl Serialize, beyond: &[&str]) -> Value {
    let value = serde_json::to_value(object).expect("objects serialize");
    let problems = published().problems(schema, &value);
    assert!(problems.is_empty(), "{schema}:\n{}\n{value:#}", problems.join("\n"));
    let undocumented = published().undocumented(schema, &value);
    let unexplained = undocumented.iter().filter(|path| !beyond.contains(&path.as_str()));
    assert_eq!(unexplained.collect::<Vec<_>>(), Vec::<&String>::new(), "{schema}: keys nobody has explained");
    value
}
