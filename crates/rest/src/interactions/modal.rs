//! Forms that an application shows ("Modal"): what is sent is held against what was shown.

use consort_model::request::modal::Modal;
use consort_model::{ApiError, Form};
use serde_json::{Value, json};

use super::named::Findings;
use super::select::{Bounds, component, values};

/// Components at the top that are looked at.
const COMPONENTS_MAX: usize = 5;
/// Inputs of a row.
const ROW_MAX: usize = 5;
/// Characters of a text input.
const INPUT_CHARS_MAX: usize = 4000;
const TEXT_DISPLAY: u8 = 10;

/// Reads the `data` of an answer that shows a form.
///
/// # Errors
/// 400/50035 by field, below `data`.
pub fn read(data: &Value) -> Result<Modal, ApiError> {
    let body = json!({"data": data});
    Form::root(&body)?.check(|f| f.required("data", f.object("data", Modal::read)))
}

/// Holds what is sent against the form; gives what is passed on to the application.
pub fn submit(modal: &Modal, sent: &Value, out: &mut Findings) -> Vec<Value> {
    let shown: Vec<Value> = modal.components.iter().map(|component| json!(component)).collect();
    let sent = Sent::gather(sent, out);
    for (custom_id, _, path) in &sent.0 {
        if !shown.iter().flat_map(inputs_of).any(|input| input["custom_id"] == *custom_id) {
            out.wrong(&format!("{path}.custom_id"), "BASE_TYPE_CHOICES", "The form has no such input.");
        }
    }
    shown
        .iter()
        .enumerate()
        .map(|(index, shown)| {
            let path = format!("data.components.{index}");
            match (shown.get("components"), shown.get("component")) {
                (Some(Value::Array(inputs)), _) => {
                    let answers: Vec<_> =
                        inputs.iter().map(|input| answer(input, &sent, &path, out)).collect();
                    json!({"type": shown["type"], "id": shown["id"], "components": answers})
                }
                (_, Some(input)) => {
                    let answered = answer(input, &sent, &path, out);
                    json!({"type": shown["type"], "id": shown["id"], "component": answered})
                }
                _ => json!({"type": shown["type"], "id": shown["id"]}),
            }
        })
        .collect()
}

/// The inputs below a component at the top.
fn inputs_of(shown: &Value) -> impl Iterator<Item = &Value> {
    let row = shown.get("components").and_then(Value::as_array).into_iter().flatten();
    row.chain(shown.get("component"))
}

/// The inputs of a form as they were sent: name, component, path.
struct Sent<'a>(Vec<(&'a str, &'a Value, String)>);

impl<'a> Sent<'a> {
    fn gather(sent: &'a Value, out: &mut Findings) -> Self {
        let mut found = Self(Vec::new());
        let Some(list) = sent.as_array().filter(|list| list.len() <= COMPONENTS_MAX) else {
            out.wrong("data.components", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
            return found;
        };
        for (index, top) in list.iter().enumerate() {
            let path = format!("data.components.{index}");
            match (top.get("components"), top.get("component")) {
                (Some(Value::Array(row)), _) if row.len() <= ROW_MAX => {
                    for (place, input) in row.iter().enumerate() {
                        found.add(input, format!("{path}.components.{place}"), out);
                    }
                }
                (None, Some(input)) => found.add(input, format!("{path}.component"), out),
                (None, None) if top["type"] == TEXT_DISPLAY => {}
                _ => out.wrong(&path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType"),
            }
        }
        found
    }

    fn add(&mut self, input: &'a Value, path: String, out: &mut Findings) {
        let Some(custom_id) = input.get("custom_id").and_then(Value::as_str) else {
            return out.missing(&format!("{path}.custom_id"));
        };
        if self.0.iter().any(|(before, ..)| *before == custom_id) {
            let message = "Component custom id cannot be duplicated";
            return out.wrong(&format!("{path}.custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
        }
        self.0.push((custom_id, input, path));
    }
}

/// What is passed on of one input.
fn answer(shown: &Value, sent: &Sent<'_>, place: &str, out: &mut Findings) -> Value {
    let found = sent.0.iter().find(|(custom_id, ..)| shown["custom_id"] == *custom_id);
    let path = found.map_or(place, |(.., path)| path.as_str());
    let sent = found.map(|(_, input, _)| *input);
    if sent.and_then(|sent| sent.get("type")).is_some_and(|kind| *kind != shown["type"]) {
        out.wrong(
            &format!("{path}.type"),
            "BASE_TYPE_CHOICES",
            format!("Value must be one of {{{}}}.", shown["type"]),
        );
    }
    let mut answered = json!({"type": shown["type"], "id": shown["id"], "custom_id": shown["custom_id"]});
    let value = sent.and_then(|sent| sent.get("value")).filter(|value| !value.is_null());
    let path_of = |name: &str| format!("{path}.{name}");
    match shown["type"].as_u64().unwrap_or_default() {
        component::TEXT_INPUT => answered["value"] = json!(text(shown, value, &path_of("value"), out)),
        component::CHECKBOX => {
            if value.is_some_and(|value| !value.is_boolean()) {
                out.wrong(&path_of("value"), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
            }
            answered["value"] = json!(value == Some(&Value::Bool(true)));
        }
        component::RADIO_GROUP => {
            let one = value.map(|value| json!([value]));
            let chosen = values(shown, one.as_ref(), Bounds::in_modal(shown), &path_of("value"), out);
            answered["value"] = json!(chosen.first());
        }
        _ => {
            let sent = sent.and_then(|sent| sent.get("values"));
            let taken = values(shown, sent, Bounds::in_modal(shown), &path_of("values"), out);
            answered["values"] = Value::Array(taken);
        }
    }
    answered
}

fn text<'a>(shown: &Value, sent: Option<&'a Value>, path: &str, out: &mut Findings) -> &'a str {
    let text = match sent {
        None => "",
        Some(Value::String(text)) => text,
        Some(_) => {
            out.wrong(path, "STRING_TYPE_CONVERT", "Could not interpret value as string.");
            return "";
        }
    };
    let bound = |name: &str| shown[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
    let (min, max) = (bound("min_length").unwrap_or(0), bound("max_length").unwrap_or(INPUT_CHARS_MAX));
    let required = shown["required"] != false;
    if text.is_empty() {
        if required {
            out.missing(path);
        }
    } else if !(min..=max).contains(&text.chars().count()) {
        out.bad_length(path, min, max);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::Hostile;

    fn shown() -> Modal {
        read(&json!({"custom_id": "m", "title": "T", "extra": 1, "components": [
            {"type": 1, "components": [
                {"type": 4, "custom_id": "name", "style": 1, "label": "Name", "min_length": 2, "max_length": 5, "x": {}},
            ]},
            {"type": 18, "label": "More", "component":
                {"type": 4, "custom_id": "more", "style": 2, "required": false, "min_length": 3}},
            {"type": 18, "label": "Pick", "component":
                {"type": 3, "custom_id": "pick", "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}]}},
            {"type": 10, "content": "words"},
        ]}))
        .unwrap()
    }

    fn submit(sent: Value) -> Result<Vec<Value>, consort_model::FormErrors> {
        let mut out = Findings::default();
        let passed = super::submit(&shown(), &sent, &mut out);
        if out.errors.is_empty() { Ok(passed) } else { Err(out.errors) }
    }

    fn row(value: Value) -> Value {
        json!({"type": 1, "components": [{"type": 4, "custom_id": "name", "value": value}]})
    }

    fn pick(values: Value) -> Value {
        json!({"type": 18, "component": {"type": 3, "custom_id": "pick", "values": values}})
    }

    #[test]
    fn a_form_that_is_none_is_refused_below_data() {
        for data in
            [json!(null), json!({"custom_id": "m", "title": "T"}), json!({"title": "T", "components": [1]})]
        {
            let error = read(&data).unwrap_err();
            assert_eq!((error.status, error.code), (400, 50035), "{data}");
        }
        let error = read(&json!({"custom_id": "m", "components": []})).unwrap_err();
        assert_eq!(error.errors.unwrap().get("data.title").len(), 1);
    }

    #[test]
    fn what_is_sent_takes_the_shape_and_the_numbers_of_what_was_shown() {
        let passed = submit(json!([pick(json!(["b"])), row(json!("ada"))])).unwrap();
        assert_eq!(
            json!(passed),
            json!([
                {"type": 1, "id": 1, "components": [{"type": 4, "id": 2, "custom_id": "name", "value": "ada"}]},
                {"type": 18, "id": 3, "component": {"type": 4, "id": 4, "custom_id": "more", "value": ""}},
                {"type": 18, "id": 5, "component": {"type": 3, "id": 6, "custom_id": "pick", "values": ["b"]}},
                {"type": 10, "id": 7},
            ])
        );
    }

    #[test]
    fn whatever_is_sent_is_refused_or_passed_on_in_the_shape_of_the_form() {
        let mut hostile = Hostile::new();
        let sent = json!([row(json!("ada")), pick(json!(["a"])), {"type": 10}]);
        let (shape, mut taken) = (submit(sent.clone()).unwrap(), 0);
        for _ in 0..4096 {
            let body = hostile.body(&sent);
            let Ok(passed) = submit(body.clone()) else { continue };
            taken += 1;
            for (passed, shape) in passed.iter().zip(&shape) {
                assert!(same_shape(passed, shape), "{body}\n{passed}\n{}", hostile.replay());
            }
        }
        assert!(taken > 100, "{taken}");
    }

    /// Whether two values have the same keys, and values of the same types.
    fn same_shape(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                one.keys().eq(other.keys()) && one.iter().all(|(key, value)| same_shape(value, &other[key]))
            }
            // A choice of several values may have fewer or more.
            (Value::Array(one), Value::Array(other)) => {
                one.len() != other.len() || one.iter().zip(other).all(|(one, other)| same_shape(one, other))
            }
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }

    #[test]
    fn what_does_not_fit_the_form_that_was_shown_is_refused() {
        let more =
            |value: Value| json!({"type": 18, "component": {"type": 4, "custom_id": "more", "value": value}});
        for wrong in [
            json!(null),
            json!([1, 2]),
            json!([]),
            json!([row(json!("ada"))]),
            json!([pick(json!(["a"]))]),
            json!([row(json!("a")), pick(json!(["a"]))]),
            json!([row(json!("abcdef")), pick(json!(["a"]))]),
            json!([row(json!(7)), pick(json!(["a"]))]),
            json!([row(json!({})), pick(json!(["a"]))]),
            json!([row(json!("")), pick(json!(["a"]))]),
            json!([row(json!("ada")), pick(json!(["x"]))]),
            json!([row(json!("ada")), pick(json!(["a", "b"]))]),
            json!([row(json!("ada")), pick(json!([]))]),
            json!([row(json!("ada")), row(json!("bob")), pick(json!(["a"]))]),
            json!([row(json!("ada")), pick(json!(["a"])), more(json!("xy"))]),
            json!([row(json!("ada")), pick(json!(["a"])), {"type": 18, "component": {"type": 4, "custom_id": "other", "value": "x"}}]),
            json!([row(json!("ada")), {"type": 18, "component": {"type": 4, "custom_id": "pick", "value": "a"}}]),
        ] {
            assert!(submit(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(submit(json!([row(json!("ada")), pick(json!(["a"])), more(json!("xyz"))])).is_ok());
    }
}
