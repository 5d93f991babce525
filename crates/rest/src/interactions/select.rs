//! The values of a select, held against the select as it was sent or shown ("Component Reference").

use serde_json::{Value, json};

use super::named::{Findings, What};

/// Types of components that take values.
pub mod component {
    /// Button.
    pub const BUTTON: u64 = 2;
    /// Choice among texts.
    pub const STRING_SELECT: u64 = 3;
    /// Field for text.
    pub const TEXT_INPUT: u64 = 4;
    /// Choice of users.
    pub const USER_SELECT: u64 = 5;
    /// Choice of roles.
    pub const ROLE_SELECT: u64 = 6;
    /// Choice of users and roles.
    pub const MENTIONABLE_SELECT: u64 = 7;
    /// Choice of channels.
    pub const CHANNEL_SELECT: u64 = 8;
    /// Field for files.
    pub const FILE_UPLOAD: u64 = 19;
    /// One of some texts.
    pub const RADIO_GROUP: u64 = 21;
    /// Some of some texts.
    pub const CHECKBOX_GROUP: u64 = 22;
    /// Yes or no.
    pub const CHECKBOX: u64 = 23;
}

/// How many values there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    min: usize,
    max: usize,
    /// Whether there may be none, whatever `min` says.
    optional: bool,
}

fn count(declared: &Value, name: &str) -> Option<usize> {
    declared[name].as_u64().and_then(|count| usize::try_from(count).ok())
}

impl Bounds {
    /// Those of a component of a message: one value unless it says otherwise.
    pub fn in_message(declared: &Value) -> Self {
        let min = count(declared, "min_values").unwrap_or(1);
        Self { min, max: count(declared, "max_values").unwrap_or(1), optional: false }
    }

    /// Those of a component of a form, which is required unless it says otherwise.
    pub fn in_modal(declared: &Value) -> Self {
        let optional = declared["required"] == false;
        let Self { min, max, .. } = Self::in_message(declared);
        // All boxes of a group may be ticked unless it says otherwise.
        let all = declared["options"].as_array().map_or(1, Vec::len);
        let max = match declared["type"].as_u64() {
            Some(component::CHECKBOX_GROUP) if declared["max_values"].is_null() => all,
            _ => max,
        };
        Self { min: if optional { min } else { min.max(1) }, max, optional }
    }
}

/// Holds values against a select; gives those that are passed on.
pub fn values(
    declared: &Value,
    sent: Option<&Value>,
    bounds: Bounds,
    path: &str,
    out: &mut Findings,
) -> Vec<Value> {
    let none = Vec::new();
    let list = match sent {
        None | Some(Value::Null) => &none,
        Some(Value::Array(list)) => list,
        Some(_) => {
            out.wrong(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
            return Vec::new();
        }
    };
    if list.is_empty() && bounds.optional {
        return Vec::new();
    }
    if !(bounds.min..=bounds.max).contains(&list.len()) {
        out.bad_length(path, bounds.min, bounds.max);
        return Vec::new();
    }
    let mut taken: Vec<Value> = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let path = format!("{path}.{index}");
        let Some(value) = one(declared, value, &path, out) else { continue };
        if taken.contains(&value) {
            out.wrong(&path, "SET_TYPE_ALREADY_CONTAINS_VALUE", "The value has already been chosen.");
            continue;
        }
        taken.push(value);
    }
    taken
}

fn one(declared: &Value, value: &Value, path: &str, out: &mut Findings) -> Option<Value> {
    let what = match declared["type"].as_u64() {
        Some(component::USER_SELECT) => What::User,
        Some(component::ROLE_SELECT) => What::Role,
        Some(component::MENTIONABLE_SELECT) => What::Mentionable,
        Some(component::CHANNEL_SELECT) => {
            let types = declared["channel_types"].as_array().into_iter().flatten();
            What::Channel(types.filter_map(|kind| u8::try_from(kind.as_u64()?).ok()).collect())
        }
        Some(component::FILE_UPLOAD) => What::File,
        _ => {
            let offered = declared["options"].as_array().into_iter().flatten();
            if value.is_string() && offered.into_iter().any(|option| option["value"] == *value) {
                return Some(value.clone());
            }
            out.wrong(path, "BASE_TYPE_CHOICES", "Value is not one of those allowed.");
            return None;
        }
    };
    out.name(path, what, value)
}

/// What a component that is used tells the application, without what its ids stand for.
pub fn used(component: &Value, sent: &Value, out: &mut Findings) -> Value {
    let kind = component["type"].as_u64().unwrap_or_default();
    let mut data =
        json!({"custom_id": component["custom_id"], "component_type": kind, "id": component["id"]});
    match kind {
        component::BUTTON => {
            if sent.get("values").and_then(Value::as_array).is_some_and(|values| !values.is_empty()) {
                out.wrong("data.values", "BASE_TYPE_MAX_LENGTH", "Must be 0 or fewer in length.");
            }
        }
        component::STRING_SELECT | component::USER_SELECT..=component::CHANNEL_SELECT => {
            let bounds = Bounds::in_message(component);
            data["values"] = Value::Array(values(component, sent.get("values"), bounds, "data.values", out));
        }
        _ => out.wrong("data.custom_id", "COMPONENT_VALIDATION_FAILED", "Component validation failed"),
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_of(component: &Value, values: Value) -> (Value, Findings) {
        let mut out = Findings::default();
        let data = used(component, &json!({"values": values}), &mut out);
        (data, out)
    }

    #[test]
    fn a_select_takes_as_many_of_its_options_as_it_says_each_once() {
        let select = json!({"type": 3, "custom_id": "s", "id": 2, "min_values": 2, "max_values": 3, "options": [
            {"label": "A", "value": "a"}, {"label": "B", "value": "b"}, {"label": "C", "value": "c"},
            {"label": "D", "value": "d"},
        ]});
        let (data, out) = use_of(&select, json!(["a", "b"]));
        assert!(out.errors.is_empty());
        assert_eq!(data, json!({"custom_id": "s", "component_type": 3, "id": 2, "values": ["a", "b"]}));
        for wrong in [
            json!([]),
            json!(["a"]),
            json!(["a", "b", "c", "d"]),
            json!(["a", "a"]),
            json!(["a", "x"]),
            json!(["a", 1]),
            json!(["a", {}]),
            json!("a"),
            json!(null),
        ] {
            assert!(!use_of(&select, wrong.clone()).1.errors.is_empty(), "{wrong}");
        }
        let one = json!({"type": 3, "custom_id": "s", "options": [{"label": "A", "value": "a"}]});
        assert!(!use_of(&one, json!([])).1.errors.is_empty());
    }

    #[test]
    fn selects_of_things_take_ids() {
        for (kind, what) in
            [(5, What::User), (6, What::Role), (7, What::Mentionable), (8, What::Channel(vec![0, 5]))]
        {
            let select = json!({"type": kind, "custom_id": "s", "channel_types": [0, 5]});
            let (data, out) = use_of(&select, json!(["17"]));
            assert_eq!((&data["values"], &out.named[0].what), (&json!(["17"]), &what));
            for wrong in [json!(["abc"]), json!([{}]), json!([null]), json!(["1", "2"]), json!(["-1"])] {
                assert!(!use_of(&select, wrong.clone()).1.errors.is_empty(), "{kind}: {wrong}");
            }
        }
    }

    #[test]
    fn only_components_that_are_used_can_be_used() {
        for kind in [1, 9, 10, 17, 99] {
            assert!(!use_of(&json!({"type": kind, "custom_id": "s"}), json!([])).1.errors.is_empty());
        }
        assert!(use_of(&json!({"type": 2, "custom_id": "s"}), json!([])).1.errors.is_empty());
        assert!(!use_of(&json!({"type": 2, "custom_id": "s"}), json!(["x"])).1.errors.is_empty());
    }
}
