//! Rows as a store may give them back: of any age, and damaged.

use consort_model::command::Command;
use consort_model::{Channel, Guild, Message, Role};
use consort_store::row;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What was read can be written, and is then read as it was written.
fn comes_back<T: Serialize + DeserializeOwned>(data: &[u8]) {
    if let Ok(value) = row::decode::<T>(data) {
        let written = row::encode(&value);
        let again = row::decode::<T>(&written).expect("what was written can be read");
        assert_eq!(row::encode(&again), written);
    }
}

/// Reads a row as each kind.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    comes_back::<Message>(data);
    comes_back::<Channel>(data);
    comes_back::<Guild>(data);
    comes_back::<Role>(data);
    comes_back::<Command>(data);
}
