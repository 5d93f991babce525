//! Getters of optional fields: absent and null give `None`, and so does a wrong value, which is noted.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::Form;
use super::image::{self, Image};
use crate::id::Id;
use crate::permissions::{Permissions, parse_permissions};
use crate::time::Timestamp;

/// Snowflakes fit 64 bits signed; longer text is no snowflake.
const ID_DIGITS_MAX: usize = 20;
/// Characters of a refused value that are echoed in the message.
const ECHO_CHARS_MAX: usize = 64;

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(ECHO_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn coerce_int(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)).or_else(|| {
                // 2^63 bounds keep the conversion exact enough to be refused by the range check.
                number
                    .as_f64()
                    .filter(|float| float.fract() == 0.0 && float.abs() < 1e18)
                    .map(|float| float as i128)
            })
        }
        Value::String(text) if text.len() <= 20 => text.trim().parse().ok(),
        _ => None,
    }
}

fn coerce_id(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.len() <= ID_DIGITS_MAX => text.parse::<Id<()>>().ok().map(Id::get),
        _ => None,
    }
}

impl<'a> Form<'a> {
    /// Reads text as it is; `length` is in characters.
    pub fn str(&self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        self.string(name).and_then(|text| self.sized(name, text, length))
    }

    /// Reads text trimmed of white space before it is counted; `length` is in characters.
    pub fn text(&self, name: &str, length: RangeInclusive<usize>) -> Option<String> {
        self.string(name).and_then(|text| self.sized(name, text.trim(), length))
    }

    fn string(&self, name: &str) -> Option<&str> {
        match self.opt(name)? {
            Value::String(text) => Some(text),
            _ => {
                self.error(name, "STRING_TYPE_CONVERT", "Could not interpret value as string.");
                None
            }
        }
    }

    fn sized(&self, name: &str, text: &str, length: RangeInclusive<usize>) -> Option<String> {
        let (min, max) = length.into_inner();
        let count = text.chars().count();
        if (min..=max).contains(&count) {
            return Some(text.to_owned());
        }
        self.bad_length(name, min, max);
        None
    }

    /// Notes that a text or list has not between `min` and `max` characters or elements.
    pub fn bad_length(&self, name: &str, min: usize, max: usize) {
        let (code, message) = match (min, max) {
            (_, usize::MAX) => ("BASE_TYPE_MIN_LENGTH", format!("Must be {min} or more in length.")),
            (0, _) => ("BASE_TYPE_MAX_LENGTH", format!("Must be {max} or fewer in length.")),
            _ => ("BASE_TYPE_BAD_LENGTH", format!("Must be between {min} and {max} in length.")),
        };
        self.error(name, code, message);
    }

    fn not_coerced<T>(&self, name: &str, value: &Value, kind: &str) -> Option<T> {
        self.error(name, "NUMBER_TYPE_COERCE", format!("Value \"{}\" is not {kind}.", shown(value)));
        None
    }

    /// Reads a whole number, from a number or from digits.
    pub fn int<T>(&self, name: &str, range: RangeInclusive<T>) -> Option<T>
    where
        T: Copy + Display + PartialOrd + TryFrom<i128> + Into<i128>,
    {
        let value = self.opt(name)?;
        let Some(number) = coerce_int(value) else { return self.not_coerced(name, value, "int") };
        let (min, max) = (*range.start(), *range.end());
        if number < min.into() {
            self.error(
                name,
                "NUMBER_TYPE_MIN",
                format!("int value should be greater than or equal to {min}."),
            );
            return None;
        }
        if number > max.into() {
            self.error(name, "NUMBER_TYPE_MAX", format!("int value should be less than or equal to {max}."));
            return None;
        }
        T::try_from(number).ok()
    }

    /// Reads a finite number, from a number or from text.
    pub fn float(&self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let value = self.opt(name)?;
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number.filter(|number| number.is_finite()) else {
            return self.not_coerced(name, value, "float");
        };
        let (min, max) = range.into_inner();
        if number < min {
            self.error(
                name,
                "NUMBER_TYPE_MIN",
                format!("float value should be greater than or equal to {min}."),
            );
            return None;
        }
        if number > max {
            self.error(
                name,
                "NUMBER_TYPE_MAX",
                format!("float value should be less than or equal to {max}."),
            );
            return None;
        }
        Some(number)
    }

    /// Reads a boolean, from one or from the words and digits that queries use.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.opt(name)? {
            Value::Bool(flag) => return Some(*flag),
            Value::String(text) => match text.as_str() {
                "true" | "True" | "1" => return Some(true),
                "false" | "False" | "0" => return Some(false),
                _ => {}
            },
            Value::Number(number) => match number.as_u64() {
                Some(0) => return Some(false),
                Some(1) => return Some(true),
                _ => {}
            },
            _ => {}
        }
        self.error(name, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
        None
    }

    /// Reads a boolean that is false unless sent.
    pub fn flag(&self, name: &str) -> bool {
        self.bool(name).unwrap_or(false)
    }

    /// Reads the snowflake of something, from text or from a number. Nothing has 0: readers that are strict die of it.
    pub fn id<T>(&self, name: &str) -> Option<Id<T>> {
        let value = self.opt(name)?;
        match coerce_id(value).filter(|raw| *raw != 0) {
            Some(raw) => Some(Id::new(raw)),
            None => self.not_coerced(name, value, "snowflake"),
        }
    }

    /// Reads a place among snowflakes, or a placeholder for one, as [`Form::id`]; 0 is before all of them.
    pub fn cursor<T>(&self, name: &str) -> Option<Id<T>> {
        let value = self.opt(name)?;
        match coerce_id(value) {
            Some(raw) => Some(Id::new(raw)),
            None => self.not_coerced(name, value, "snowflake"),
        }
    }

    /// Reads a list of at most `max` snowflakes, each once. A single value is a list of one, and commas separate in text,
    /// as queries want it.
    pub fn ids<T>(&self, name: &str, max: usize) -> Option<Vec<Id<T>>> {
        let split;
        let list: &[Value] = match self.opt(name)? {
            Value::Array(list) => list,
            Value::String(text) => {
                split = text.split(',').filter(|part| !part.is_empty()).map(Value::from).collect::<Vec<_>>();
                &split
            }
            single @ Value::Number(_) => std::slice::from_ref(single),
            _ => {
                self.not_a_list(name);
                return None;
            }
        };
        if list.len() > max {
            self.bad_length(name, 0, max);
            return None;
        }
        let read = |(index, value): (usize, &Value)| match coerce_id(value).filter(|raw| *raw != 0) {
            Some(raw) => Some(Id::new(raw)),
            None => self.not_coerced(&format!("{name}.{index}"), value, "snowflake"),
        };
        let mut seen = BTreeSet::new();
        let ids: Option<Vec<Id<T>>> = list.iter().enumerate().map(read).collect();
        Some(ids?.into_iter().filter(|id| seen.insert(id.get())).collect())
    }

    /// Reads a permission set, from digits or from a number; unknown bits are dropped.
    pub fn permissions(&self, name: &str) -> Option<Permissions> {
        let value = self.opt(name)?;
        let parsed = match value {
            Value::Number(number) => number.as_u64().map(Permissions::from_bits_truncate),
            Value::String(text) => parse_permissions(text),
            _ => None,
        };
        parsed.or_else(|| self.not_coerced(name, value, "int"))
    }

    /// Reads a colour, 0 to 0xffffff.
    pub fn color(&self, name: &str) -> Option<u32> {
        self.int(name, 0..=0x00ff_ffff)
    }

    /// Reads a small number that must be one of `choices`.
    pub fn choice_u8(&self, name: &str, choices: &[u8]) -> Option<u8> {
        let value = self.opt(name)?;
        let Some(number) = coerce_int(value) else { return self.not_coerced(name, value, "int") };
        match u8::try_from(number).ok().filter(|number| choices.contains(number)) {
            Some(number) => Some(number),
            None => self.not_chosen(name, choices),
        }
    }

    /// Reads a text that must be one of `choices`.
    pub fn choice_str<'c>(&self, name: &str, choices: &[&'c str]) -> Option<&'c str> {
        let text = self.string(name)?;
        match choices.iter().find(|choice| **choice == text) {
            Some(choice) => Some(choice),
            None => self.not_chosen(name, choices),
        }
    }

    fn not_chosen<T>(&self, name: &str, choices: &[impl Display]) -> Option<T> {
        let list = choices.iter().map(|choice| choice.to_string()).collect::<Vec<_>>().join(", ");
        self.error(name, "BASE_TYPE_CHOICES", format!("Value must be one of {{{list}}}."));
        None
    }

    /// Reads a time in ISO 8601.
    pub fn timestamp(&self, name: &str) -> Option<Timestamp> {
        let value = self.opt(name)?;
        let parsed = value.as_str().and_then(|text| text.parse().ok());
        if parsed.is_none() {
            let message = format!("Could not parse {}. Should be ISO8601.", shown(value));
            self.error(name, "DATETIME_TYPE_PARSE", message);
        }
        parsed
    }

    /// Reads an image (png, jpeg, gif, webp) from a data URI; `bytes_max` bounds the decoded size.
    pub fn image(&self, name: &str, bytes_max: usize) -> Option<Image> {
        let text = self.string(name)?;
        match image::decode_image(text, bytes_max) {
            Ok(image) => Some(image),
            Err((code, message)) => {
                self.error(name, code, message);
                None
            }
        }
    }

    /// Reads a file from a data URI, whatever it is; `bytes_max` bounds the decoded size.
    pub fn file(&self, name: &str, bytes_max: usize) -> Option<Vec<u8>> {
        match image::decode_data_uri(self.string(name)?, bytes_max) {
            Ok((_, data)) => Some(data),
            Err((code @ "BINARY_TYPE_MAX_SIZE", message)) => {
                self.error(name, code, message);
                None
            }
            Err(_) => {
                self.error(name, "BINARY_TYPE_CONVERT", "Not a data URI in base64.");
                None
            }
        }
    }

    fn not_a_list(&self, name: &str) {
        self.error(name, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
    }

    /// Reads a list of at most `max` elements of any kind, without looking into them.
    pub fn list(&self, name: &str, max: usize) -> Option<&[Value]> {
        match self.opt(name)? {
            Value::Array(list) if list.len() <= max => Some(list),
            Value::Array(_) => {
                self.bad_length(name, 0, max);
                None
            }
            _ => {
                self.not_a_list(name);
                None
            }
        }
    }

    /// Reads a list of at most `max` objects. An element that `read` cannot read makes the list `None`.
    pub fn array<T>(
        &self,
        name: &str,
        max: usize,
        mut read: impl FnMut(&Form<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let list = self.list(name, max)?;
        let mut values = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            values.extend(self.below(&format!("{name}.{index}"), value, &mut read));
        }
        (values.len() == list.len()).then_some(values)
    }

    /// Reads a list of at most `max` texts, each of `length` characters.
    pub fn strings(&self, name: &str, max: usize, length: RangeInclusive<usize>) -> Option<Vec<String>> {
        let split;
        let list = match self.opt(name)? {
            single @ Value::String(_) => {
                split = [single.clone()];
                &split[..]
            }
            _ => self.list(name, max)?,
        };
        let read = |(index, value): (usize, &Value)| {
            let path = format!("{name}.{index}");
            match value.as_str() {
                Some(text) => self.sized(&path, text, length.clone()),
                None => {
                    self.error(&path, "STRING_TYPE_CONVERT", "Could not interpret value as string.");
                    None
                }
            }
        };
        list.iter().enumerate().map(read).collect()
    }

    /// Reads an object.
    pub fn object<T>(&self, name: &str, read: impl FnOnce(&Form<'_>) -> Option<T>) -> Option<T> {
        let value = self.opt(name)?;
        self.below(name, value, read)
    }

    fn below<T>(&self, path: &str, value: &Value, read: impl FnOnce(&Form<'_>) -> Option<T>) -> Option<T> {
        let Value::Object(fields) = value else {
            self.error(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
            return None;
        };
        let form = Form::over(std::borrow::Cow::Borrowed(fields));
        let got = read(&form);
        let errors = form.errors.into_inner();
        if errors.is_empty() {
            return got;
        }
        self.errors.borrow_mut().merge_at(path, errors);
        None
    }

    /// Reads any value as it is.
    pub fn value(&self, name: &str) -> Option<Value> {
        self.opt(name).cloned()
    }
}
