//! Lenient access to the fields of a payload: null is absent, ids and numbers may be strings, floats may be whole.

use serde_json::{Map, Value};

use super::{DecodeError, Opcode};

/// The `d` of one payload, taken apart field by field.
pub(super) struct Fields {
    op: Opcode,
    map: Map<String, Value>,
}

impl Fields {
    /// Takes `d`, which must be an object.
    pub(super) fn new(op: Opcode, d: Value) -> Result<Self, DecodeError> {
        match d {
            Value::Object(map) => Ok(Fields { op, map }),
            _ => Err(DecodeError::BadPayload { op, field: "d" }),
        }
    }

    pub(super) fn bad(&self, field: &'static str) -> DecodeError {
        DecodeError::BadPayload { op: self.op, field }
    }

    /// Takes a field out; null is absent.
    pub(super) fn take(&mut self, field: &'static str) -> Option<Value> {
        self.map.swap_remove(field).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Result<Option<T>, DecodeError> {
        self.take(field).map(|value| read(value).ok_or_else(|| self.bad(field))).transpose()
    }

    fn required<T>(&self, field: &'static str, value: Option<T>) -> Result<T, DecodeError> {
        value.ok_or_else(|| self.bad(field))
    }

    pub(super) fn opt_number(&mut self, field: &'static str) -> Result<Option<u64>, DecodeError> {
        self.typed(field, |value| number(&value))
    }

    /// Takes a number whose bits are flags; a negative one keeps its bits, so that unknown bits are seen.
    pub(super) fn opt_bits(&mut self, field: &'static str) -> Result<Option<u64>, DecodeError> {
        self.typed(field, |value| number(&value).or_else(|| value.as_i64().map(i64::cast_unsigned)))
    }

    pub(super) fn opt_id(&mut self, field: &'static str) -> Result<Option<u64>, DecodeError> {
        self.opt_number(field)
    }

    pub(super) fn id(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        let id = self.opt_id(field)?;
        self.required(field, id)
    }

    /// Takes a list of ids; a single id is a list of one.
    pub(super) fn opt_ids(&mut self, field: &'static str) -> Result<Option<Vec<u64>>, DecodeError> {
        self.typed(field, |value| ids(&value))
    }

    pub(super) fn ids(&mut self, field: &'static str) -> Result<Vec<u64>, DecodeError> {
        let ids = self.opt_ids(field)?;
        self.required(field, ids)
    }

    pub(super) fn opt_flag(&mut self, field: &'static str) -> Result<Option<bool>, DecodeError> {
        self.typed(field, |value| value.as_bool())
    }

    pub(super) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        Ok(self.opt_flag(field)?.unwrap_or(false))
    }

    pub(super) fn opt_text(&mut self, field: &'static str) -> Result<Option<String>, DecodeError> {
        self.typed(field, |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<String, DecodeError> {
        let text = self.opt_text(field)?;
        self.required(field, text)
    }

    pub(super) fn opt_list(&mut self, field: &'static str) -> Result<Option<Vec<Value>>, DecodeError> {
        self.typed(field, |value| match value {
            Value::Array(values) => Some(values),
            _ => None,
        })
    }

    pub(super) fn opt_map(&mut self, field: &'static str) -> Result<Option<Map<String, Value>>, DecodeError> {
        self.typed(field, |value| match value {
            Value::Object(map) => Some(map),
            _ => None,
        })
    }
}

/// Reads a whole number which is not negative: a number, a float without a fraction (ETF encoders in JavaScript send
/// those) or digits in a string.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            // 2^53: above it a float does not name one whole number.
            (float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float)).then_some(float as u64)
        }),
        Value::String(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

/// Reads a list of ids; a single id is a list of one.
pub(super) fn ids(value: &Value) -> Option<Vec<u64>> {
    match value {
        Value::Array(values) => values.iter().map(number).collect(),
        single => number(single).map(|id| vec![id]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_come_in_several_forms() {
        assert_eq!(number(&json!(42)), Some(42));
        assert_eq!(number(&json!("42")), Some(42));
        assert_eq!(number(&json!(42.0)), Some(42));
        assert_eq!(number(&json!(u64::MAX)), Some(u64::MAX));
        for bad in
            [json!(-1), json!(0.5), json!("-1"), json!("+1"), json!(""), json!(1e300), json!(true), json!([])]
        {
            assert_eq!(number(&bad), None, "{bad}");
        }
    }

    #[test]
    fn one_id_is_a_list_of_one() {
        assert_eq!(ids(&json!("7")), Some(vec![7]));
        assert_eq!(ids(&json!(["7", 8])), Some(vec![7, 8]));
        assert_eq!(ids(&json!(["7", null])), None);
    }

    #[test]
    fn null_is_absent_and_a_wrong_type_names_its_field() {
        let mut fields = Fields::new(Opcode::Resume, json!({"a": null, "b": []})).unwrap();
        assert_eq!(fields.opt_text("a").unwrap(), None);
        let error = fields.text("b").unwrap_err();
        assert!(matches!(error, DecodeError::BadPayload { op: Opcode::Resume, field: "b" }));
    }
}
