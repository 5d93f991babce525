//! Forms that an application shows ("Modal"): read with their documented bounds, numbered, and held against what is sent.

use std::collections::HashSet;

use consort_model::{ApiError, Form};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::named::Findings;
use super::select::{Bounds, component, values};
use crate::commands::form::numbers;

const CUSTOM_ID_CHARS: std::ops::RangeInclusive<usize> = 1..=100;
const TITLE_CHARS: std::ops::RangeInclusive<usize> = 1..=45;
const LABEL_CHARS: std::ops::RangeInclusive<usize> = 1..=45;
/// Components at the top.
const COMPONENTS_MAX: usize = 5;
/// Inputs of a row.
const ROW_MAX: usize = 5;
/// Characters of a text input.
const INPUT_CHARS_MAX: usize = 4000;

const ROW: u8 = 1;
const TEXT_DISPLAY: u8 = 10;
const LABEL: u8 = 18;

/// A form as it was shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Modal {
    /// The application's name for it.
    pub custom_id: String,
    /// What stands above it.
    pub title: String,
    /// What it is made of: known fields only, each component with its number.
    pub components: Vec<Value>,
}

impl Modal {
    /// Reads the `data` of an answer.
    ///
    /// # Errors
    /// 400/50035 by field, below `data`.
    pub fn read(data: &Value) -> Result<Self, ApiError> {
        let body = json!({"data": data});
        let mut modal = Form::root(&body)?.check(|f| {
            f.required(
                "data",
                f.object("data", |f| {
                    let custom_id = f.required("custom_id", f.str("custom_id", CUSTOM_ID_CHARS));
                    let title = f.required("title", f.text("title", TITLE_CHARS));
                    let components = f.required("components", f.array("components", COMPONENTS_MAX, top));
                    if components.as_ref().is_some_and(Vec::is_empty) {
                        f.bad_length("components", 1, COMPONENTS_MAX);
                    }
                    let components = components.filter(|components| are_apart(f, components));
                    Some(Self { custom_id: custom_id?, title: title?, components: components? })
                }),
            )
        })?;
        number(&mut modal.components);
        Ok(modal)
    }

    /// Holds what is sent against the form; gives what is passed on to the application.
    pub fn submit(&self, sent: &Value, out: &mut Findings) -> Vec<Value> {
        let sent = Sent::gather(sent, out);
        for (custom_id, _, path) in &sent.0 {
            if !self.inputs().any(|input| input["custom_id"] == *custom_id) {
                out.wrong(&format!("{path}.custom_id"), "BASE_TYPE_CHOICES", "The form has no such input.");
            }
        }
        self.components
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

    fn inputs(&self) -> impl Iterator<Item = &Value> {
        self.components.iter().flat_map(inputs_of)
    }
}

/// The inputs below a component at the top.
fn inputs_of(shown: &Value) -> impl Iterator<Item = &Value> {
    let row = shown.get("components").and_then(Value::as_array).into_iter().flatten();
    row.chain(shown.get("component"))
}

/// Whether no two components have one id of either kind.
fn are_apart(f: &Form<'_>, components: &[Value]) -> bool {
    let (mut ids, mut custom_ids) = (HashSet::new(), HashSet::new());
    let mut apart = true;
    for (index, shown) in components.iter().enumerate() {
        for part in std::iter::once(shown).chain(inputs_of(shown)) {
            let id = part.get("id").and_then(Value::as_u64);
            if id.is_some_and(|id| !ids.insert(id)) {
                let message = "Component id cannot be duplicated";
                f.error(&format!("components.{index}.id"), "COMPONENT_ID_DUPLICATED", message);
                apart = false;
            }
            let custom_id = part.get("custom_id").and_then(Value::as_str);
            if custom_id.is_some_and(|custom_id| !custom_ids.insert(custom_id)) {
                let message = "Component custom id cannot be duplicated";
                f.error(&format!("components.{index}.custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", message);
                apart = false;
            }
        }
    }
    apart
}

/// Gives components without a number the lowest free ones, depth first ("Component Reference", `id`).
fn number(components: &mut [Value]) {
    let taken = components.iter().flat_map(|shown| std::iter::once(shown).chain(inputs_of(shown)));
    let taken: HashSet<u64> = taken.filter_map(|part| part.get("id").and_then(Value::as_u64)).collect();
    let mut free = (1..).filter(|number| !taken.contains(number));
    let mut assign = |part: &mut Value| {
        if part["id"].is_null() {
            part["id"] = json!(free.next());
        }
    };
    for shown in components {
        assign(shown);
        if let Some(inputs) = shown.get_mut("components").and_then(Value::as_array_mut) {
            inputs.iter_mut().for_each(&mut assign);
        }
        if let Some(input) = shown.get_mut("component") {
            assign(input);
        }
    }
}

/// Collects the fields of a component that were sent.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(kind: u8, f: &Form<'_>) -> Self {
        let mut fields = Self(Map::new());
        fields.put("type", Some(kind));
        // Zero stands for none.
        fields.put("id", f.int("id", 0..=i32::MAX).filter(|id| *id > 0));
        fields
    }

    fn put(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), json!(value));
        }
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn top(f: &Form<'_>) -> Option<Value> {
    let kind = f.required("type", f.choice_u8("type", &[ROW, TEXT_DISPLAY, LABEL]))?;
    let mut fields = Fields::of(kind, f);
    match kind {
        ROW => {
            let inputs = f.array("components", ROW_MAX, |f| input(f, &[component::TEXT_INPUT as u8]));
            let inputs = f.required("components", inputs)?;
            if inputs.is_empty() {
                f.bad_length("components", 1, ROW_MAX);
            }
            for (index, _) in inputs.iter().enumerate().filter(|(_, input)| input["label"].is_null()) {
                f.error(&format!("components.{index}.label"), "BASE_TYPE_REQUIRED", "This field is required");
            }
            fields.put("components", Some(inputs));
        }
        TEXT_DISPLAY => {
            fields.put("content", f.required("content", f.str("content", 1..=INPUT_CHARS_MAX)));
        }
        _ => {
            fields.put("label", f.required("label", f.text("label", LABEL_CHARS)));
            fields.put("description", f.text("description", 0..=100).filter(|text| !text.is_empty()));
            let kinds = [3, 4, 5, 6, 7, 8, 19, 21, 22, 23];
            fields.put("component", f.required("component", f.object("component", |f| input(f, &kinds))));
        }
    }
    Some(fields.done())
}

fn input(f: &Form<'_>, kinds: &[u8]) -> Option<Value> {
    let kind = f.required("type", f.choice_u8("type", kinds))?;
    let mut fields = Fields::of(kind, f);
    fields.put("custom_id", f.required("custom_id", f.str("custom_id", CUSTOM_ID_CHARS)));
    match u64::from(kind) {
        component::TEXT_INPUT => text_input(f, &mut fields),
        component::FILE_UPLOAD => {
            range(f, &mut fields, 10);
            fields.put("required", f.bool("required"));
        }
        component::RADIO_GROUP => {
            fields.put("required", f.bool("required"));
            fields.put("options", choices(f, 2..=10));
        }
        component::CHECKBOX_GROUP => {
            range(f, &mut fields, 10);
            fields.put("required", f.bool("required"));
            fields.put("options", choices(f, 1..=10));
        }
        component::CHECKBOX => fields.put("default", f.bool("default")),
        select => {
            range(f, &mut fields, 25);
            fields.put("required", f.bool("required"));
            fields.put("placeholder", f.str("placeholder", 0..=150));
            if f.bool("disabled") == Some(true) {
                f.error("disabled", "COMPONENT_DISABLED_IN_MODAL", "A form has no disabled components.");
            }
            if select == component::STRING_SELECT {
                fields.put("options", choices(f, 1..=25));
            } else {
                fields.put("default_values", defaults(f, select));
            }
            if select == component::CHANNEL_SELECT {
                fields.put("channel_types", numbers(f, "channel_types", 16));
            }
        }
    }
    Some(fields.done())
}

fn text_input(f: &Form<'_>, fields: &mut Fields) {
    fields.put("style", f.required("style", f.choice_u8("style", &[1, 2])));
    fields.put("label", f.text("label", LABEL_CHARS));
    fields.put("value", f.str("value", 0..=INPUT_CHARS_MAX));
    fields.put("placeholder", f.str("placeholder", 0..=100));
    fields.put("required", f.bool("required"));
    let (min, max) = (f.int("min_length", 0..=4000_u16), f.int("max_length", 1..=4000_u16));
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        f.error("max_length", "BASE_TYPE_BAD_LENGTH", "max_length is less than min_length.");
    }
    fields.put("min_length", min);
    fields.put("max_length", max);
}

fn range(f: &Form<'_>, fields: &mut Fields, most: u8) {
    let (min, max) = (f.int("min_values", 0..=most), f.int("max_values", 1..=most));
    if min.unwrap_or(1) > max.unwrap_or(most) {
        f.error("max_values", "BASE_TYPE_BAD_LENGTH", "max_values is less than min_values.");
    }
    fields.put("min_values", min);
    fields.put("max_values", max.or(min.filter(|min| *min > 1)));
}

fn choices(f: &Form<'_>, count: std::ops::RangeInclusive<usize>) -> Option<Vec<Value>> {
    let list = f.required(
        "options",
        f.array("options", *count.end(), |f| {
            let mut fields = Fields(Map::new());
            fields.put("label", f.required("label", f.text("label", 1..=100)));
            fields.put("value", f.required("value", f.str("value", 1..=100)));
            fields.put("description", f.text("description", 0..=100).filter(|text| !text.is_empty()));
            fields.put("default", f.bool("default"));
            fields.put("emoji", f.object("emoji", emoji));
            Some(fields.done())
        }),
    )?;
    if list.len() < *count.start() {
        f.bad_length("options", *count.start(), *count.end());
    }
    for (index, later) in list.iter().enumerate() {
        if list[..index].iter().any(|earlier| earlier["value"] == later["value"]) {
            let message = "The specified option value is already used";
            f.error(&format!("options.{index}.value"), "COMPONENT_OPTION_VALUE_DUPLICATED", message);
        }
    }
    Some(list)
}

fn emoji(f: &Form<'_>) -> Option<Value> {
    let id = f.id::<consort_model::marker::Emoji>("id");
    let name = f.str("name", 1..=100);
    if id.is_none() && name.is_none() {
        f.error("name", "BASE_TYPE_REQUIRED", "This field is required");
    }
    Some(json!({"id": id, "name": name, "animated": f.flag("animated")}))
}

/// What a select of things has chosen at first.
fn defaults(f: &Form<'_>, select: u64) -> Option<Vec<Value>> {
    let kinds: &[&str] = match select {
        component::USER_SELECT => &["user"],
        component::ROLE_SELECT => &["role"],
        component::MENTIONABLE_SELECT => &["user", "role"],
        _ => &["channel"],
    };
    let list = f.array("default_values", 25, |f| {
        let id = f.required("id", f.id::<consort_model::marker::Generic>("id"));
        let kind = f.required("type", f.choice_str("type", kinds));
        Some(json!({"id": id?, "type": kind?}))
    })?;
    let most = f.int("max_values", 1..=25_u8).map_or(1, usize::from);
    if list.len() > most {
        f.bad_length("default_values", 0, most);
    }
    Some(list)
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

    fn shown() -> Modal {
        Modal::read(&json!({"custom_id": "m", "title": "T", "extra": 1, "components": [
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

    fn refused(data: &Value) -> consort_model::FormErrors {
        let error = Modal::read(data).unwrap_err();
        assert_eq!((error.status, error.code), (400, 50035), "{data}");
        error.errors.unwrap()
    }

    fn submit(sent: Value) -> Result<Vec<Value>, consort_model::FormErrors> {
        let mut out = Findings::default();
        let passed = shown().submit(&sent, &mut out);
        if out.errors.is_empty() { Ok(passed) } else { Err(out.errors) }
    }

    fn row(value: Value) -> Value {
        json!({"type": 1, "components": [{"type": 4, "custom_id": "name", "value": value}]})
    }

    fn pick(values: Value) -> Value {
        json!({"type": 18, "component": {"type": 3, "custom_id": "pick", "values": values}})
    }

    #[test]
    fn a_form_keeps_what_is_known_and_numbers_its_components() {
        let modal = shown();
        assert_eq!(
            modal.components[0],
            json!({"type": 1, "id": 1, "components": [
                {"type": 4, "id": 2, "custom_id": "name", "style": 1, "label": "Name", "min_length": 2, "max_length": 5},
            ]})
        );
        assert_eq!(
            (&modal.components[1]["id"], &modal.components[1]["component"]["id"]),
            (&json!(3), &json!(4))
        );
        assert_eq!(modal.components[3]["id"], 7);
    }

    #[test]
    fn forms_that_are_none_are_refused_by_path() {
        let of = |component: Value| json!({"custom_id": "m", "title": "T", "components": [component]});
        let label = |component: Value| of(json!({"type": 18, "label": "L", "component": component}));
        for (data, path) in [
            (json!(null), "data"),
            (json!({"custom_id": 1, "title": "T", "components": []}), "data.custom_id"),
            (json!({"custom_id": "m", "title": "T", "components": []}), "data.components"),
            (json!({"custom_id": "m", "title": "T", "components": [1]}), "data.components.0"),
            (of(json!({"type": 2})), "data.components.0.type"),
            (of(json!({"type": 1, "components": null})), "data.components.0.components"),
            (
                of(json!({"type": 1, "components": [{"type": 4, "custom_id": "a", "style": 1}]})),
                "data.components.0.components.0.label",
            ),
            (label(json!({"type": 4, "custom_id": "a", "style": 9})), "data.components.0.component.style"),
            (
                label(json!({"type": 4, "custom_id": "a", "style": 1, "value": {}})),
                "data.components.0.component.value",
            ),
            (
                label(json!({"type": 3, "custom_id": "a", "options": [1]})),
                "data.components.0.component.options.0",
            ),
            (
                label(json!({"type": 3, "custom_id": "a", "options": [], "disabled": true})),
                "data.components.0.component.disabled",
            ),
            (
                label(json!({"type": 5, "custom_id": "a", "default_values": [{"id": "1", "type": "role"}]})),
                "data.components.0.component.default_values.0.type",
            ),
            (
                label(json!({"type": 21, "custom_id": "a", "options": [{"label": "x", "value": "y"}]})),
                "data.components.0.component.options",
            ),
        ] {
            assert!(!refused(&data).get(path).is_empty(), "{path}: {}", refused(&data));
        }
        let twice = json!({"type": 18, "label": "L", "component": {"type": 4, "custom_id": "a", "style": 1}});
        let twice = json!({"custom_id": "m", "title": "T", "components": [twice, twice]});
        assert_eq!(refused(&twice).get("data.components.1.custom_id").len(), 1);
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
