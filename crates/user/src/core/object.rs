//! A JSON object that is written field by field, straight into its bytes.

use bytes::Bytes;
use serde::Serialize;

/// The object so far, without its closing brace.
#[derive(Debug)]
pub(super) struct Object(Vec<u8>);

impl Object {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self(b"{".to_vec())
    }

    /// Adds a field. `key` needs no escape.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) {
        self.name(key);
        self.value(value);
    }

    /// Adds a field that is JSON already.
    pub(super) fn put_text(&mut self, key: &str, value: &[u8]) {
        self.name(key);
        self.0.extend_from_slice(value);
    }

    /// Adds fields that are JSON already: `"a":1,"b":2`.
    pub(super) fn put_fields(&mut self, fields: &str) {
        self.comma();
        self.0.extend_from_slice(fields.as_bytes());
    }

    /// Adds a list of values.
    pub(super) fn put_list<T: Serialize>(&mut self, key: &str, values: impl IntoIterator<Item = T>) {
        self.name(key);
        self.0.push(b'[');
        let start = self.0.len();
        for value in values {
            if self.0.len() > start {
                self.0.push(b',');
            }
            self.value(&value);
        }
        self.0.push(b']');
    }

    /// The whole object.
    pub(super) fn finish(mut self) -> Bytes {
        self.0.push(b'}');
        self.0.into()
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        if let Err(error) = serde_json::to_writer(&mut self.0, value) {
            // As in `Answer::json`: never for our models.
            panic!("a model could not be encoded: {error}");
        }
    }

    fn name(&mut self, key: &str) {
        self.comma();
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
    }
}
