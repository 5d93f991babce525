//! Things that an interaction names by their ids.

use consort_model::FormErrors;
use serde_json::Value;

/// Ids that one interaction may name.
const NAMED_MAX: usize = 75;

/// What an id must be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A person or a bot.
    User,
    /// A role of the guild.
    Role,
    /// Either of the two.
    Mentionable,
    /// A channel of one of these types; of any when there are none.
    Channel(Vec<u8>),
    /// A file that came with the interaction, by the number the request gives it.
    File,
}

/// An id, and where the request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The field's path.
    pub path: String,
    /// What it is said to be.
    pub what: What,
    /// The id.
    pub id: u64,
}

/// What a request names, and what is wrong with the request so far.
#[derive(Debug, Default)]
pub struct Findings {
    /// What it names.
    pub named: Vec<Named>,
    /// What is wrong.
    pub errors: FormErrors,
}

/// Reads a snowflake, from text or from a number.
pub fn id_of(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) if text.len() <= 20 => text.parse().ok(),
        _ => value.as_u64(),
    }
    .filter(|id| *id > 0)
}

impl Findings {
    /// Notes that something is wrong.
    pub fn wrong(&mut self, path: &str, code: &'static str, message: impl Into<String>) {
        self.errors.push(path, code, message.into());
    }

    /// Notes that a required field is missing.
    pub fn missing(&mut self, path: &str) {
        self.wrong(path, "BASE_TYPE_REQUIRED", "This field is required");
    }

    /// Notes that the length of a text or list is out of bounds.
    pub fn bad_length(&mut self, path: &str, min: usize, max: usize) {
        self.wrong(path, "BASE_TYPE_BAD_LENGTH", format!("Must be between {min} and {max} in length."));
    }

    /// Notes an id; the id as it is passed on.
    pub fn name(&mut self, path: &str, what: What, value: &Value) -> Option<Value> {
        // Files are numbered from zero by the request.
        let id = if what == What::File && (value == 0 || value == "0") { Some(0) } else { id_of(value) };
        let Some(id) = id else {
            self.wrong(path, "NUMBER_TYPE_COERCE", "Value is not snowflake.");
            return None;
        };
        if self.named.len() == NAMED_MAX {
            self.bad_length(path, 0, NAMED_MAX);
            return None;
        }
        self.named.push(Named { path: path.to_owned(), what, id });
        Some(Value::String(id.to_string()))
    }
}
