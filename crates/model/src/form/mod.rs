//! Decoding of request bodies and queries with errors by field path.
//!
//! A [`Form`] is an object at some place of a request. Getters return what they read and note what is wrong;
//! [`Form::check`] ends with either the value or the documented 400. Optional getters take null for absent, the
//! `patch_*` ones keep the three states apart. Unknown keys are ignored, as upstream does.
//!
//! ```
//! use consort_model::{ApiError, Form};
//! let body = serde_json::json!({"name": "general", "type": 0, "topic": null});
//! let (name, kind, topic) = Form::root(&body)?.check(|f| {
//!     let name = f.required("name", f.text("name", 1..=100));
//!     let kind = f.choice_u8("type", &[0, 2, 4]).unwrap_or(0);
//!     let topic = f.patch_text("topic", 0..=1024);
//!     Some((name?, kind, topic))
//! })?;
//! # assert_eq!(name, "general");
//! # assert_eq!(kind, 0);
//! # assert!(topic.is_present());
//! # Ok::<(), ApiError>(())
//! ```

mod getters;
mod image;
mod patches;

use std::borrow::Cow;
use std::cell::RefCell;

use serde_json::{Map, Value};

use crate::error::{ApiError, FormErrors};

pub use image::{Image, ImageFormat, decode_base64, decode_data_uri};

/// Object of a request under decoding, with the errors found so far below it.
#[derive(Debug)]
pub struct Form<'a> {
    fields: Cow<'a, Map<String, Value>>,
    errors: RefCell<FormErrors>,
}

impl<'a> Form<'a> {
    /// Opens a body. Null counts as an empty object.
    ///
    /// # Errors
    /// 400/50035 when the body is neither an object nor null.
    pub fn root(body: &'a Value) -> Result<Self, ApiError> {
        match body {
            Value::Object(fields) => Ok(Self::over(Cow::Borrowed(fields))),
            Value::Null => Ok(Self::empty()),
            _ => Err(ApiError::invalid_field(
                "",
                "DICT_TYPE_CONVERT",
                "Only dictionaries may be used in a DictType",
            )),
        }
    }

    /// Opens an empty object, for a request without a body.
    pub fn empty() -> Self {
        Self::over(Cow::Owned(Map::new()))
    }

    /// Opens a query string or an urlencoded form. A key given several times is a list; all values are text,
    /// which every getter converts.
    pub fn query(pairs: &[(String, String)]) -> Form<'static> {
        let mut fields = Map::new();
        for (key, value) in pairs {
            let value = Value::String(value.clone());
            match fields.get_mut(key) {
                None => {
                    fields.insert(key.clone(), value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(first) => {
                    let before = first.take();
                    *first = Value::Array(vec![before, value]);
                }
            }
        }
        Form::over(Cow::Owned(fields))
    }

    fn over(fields: Cow<'a, Map<String, Value>>) -> Self {
        Self { fields, errors: RefCell::new(FormErrors::new()) }
    }

    /// Returns the value under a key, null included.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Returns the value under a key unless it is absent or null.
    pub fn opt(&self, name: &str) -> Option<&Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// Tells whether a key was sent, be it with null.
    pub fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Returns the names of the keys that were sent.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// Notes BASE_TYPE_REQUIRED when the field is absent or null; passes `got` on.
    pub fn required<T>(&self, name: &str, got: Option<T>) -> Option<T> {
        if got.is_none() && self.opt(name).is_none() {
            self.error(name, "BASE_TYPE_REQUIRED", "This field is required");
        }
        got
    }

    /// Notes an error at a dotted path below this object; the empty path is the object itself.
    pub fn error(&self, path: &str, code: &'static str, message: impl Into<Cow<'static, str>>) {
        self.errors.borrow_mut().push(path, code, message);
    }

    /// Notes an error at a key that the client made up; dots in it part nothing.
    pub fn error_at_key(&self, key: &str, code: &'static str, message: impl Into<Cow<'static, str>>) {
        self.merge_under(key, FormErrors::at("", code, message));
    }

    /// Notes all errors of a tree below a key.
    pub fn merge_under(&self, name: &str, errors: FormErrors) {
        self.errors.borrow_mut().merge_under(name, errors);
    }

    /// Tells whether something wrong was found so far.
    pub fn has_errors(&self) -> bool {
        !self.errors.borrow().is_empty()
    }

    /// Ends decoding.
    ///
    /// # Errors
    /// 400/50035 with all errors found.
    pub fn finish(self) -> Result<(), ApiError> {
        let errors = self.errors.into_inner();
        if errors.is_empty() { Ok(()) } else { Err(ApiError::invalid_form(errors)) }
    }

    /// Decodes with `read` and ends.
    ///
    /// # Errors
    /// 400/50035 with all errors found, or without any when `read` gives nothing.
    pub fn check<T>(self, read: impl FnOnce(&Self) -> Option<T>) -> Result<T, ApiError> {
        let value = read(&self);
        self.finish()?;
        value.ok_or_else(ApiError::invalid_form_body)
    }
}

#[cfg(test)]
mod tests;
