//! Validator for the part of JSON Schema that the published OpenAPI file uses.
//!
//! Two liberties, both because unions of that file overlap: `oneOf` wants one match or more, and a union of
//! objects is not told apart by a discriminator. Keywords that only say what a request may hold (lengths,
//! counts) are checked too, since answers obey them as well.

use std::sync::OnceLock;

use consort_model::Timestamp;
use serde_json::{Map, Value};

/// References may nest this deep: a message holds a message, but samples end.
const DEPTH_MAX: usize = 64;

/// The OpenAPI file.
pub struct Schemas(Value);

/// Reads the file once per process.
pub fn published() -> &'static Schemas {
    static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        Schemas(serde_json::from_str(include_str!("../data/openapi.json")).expect("the file is JSON"))
    })
}

impl Schemas {
    /// Returns what is wrong with `value` under the schema of a name, each with its path; empty when it is
    /// valid.
    pub fn problems(&self, name: &str, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(self.named(name), value, "$", &mut problems, 0);
        problems
    }

    /// Returns the paths of keys that no branch of the schema knows. They break nobody; the list keeps
    /// misspelt ones from going unnoticed.
    pub fn undocumented(&self, name: &str, value: &Value) -> Vec<String> {
        let mut paths = Vec::new();
        self.find_undocumented(&[self.named(name)], value, "", &mut paths, 0);
        paths.sort();
        paths.dedup();
        paths
    }

    fn named(&self, name: &str) -> &Value {
        let schema = &self.0["components"]["schemas"][name];
        assert!(schema.is_object(), "the file has no schema {name}");
        schema
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let name = reference.strip_prefix("#/components/schemas/").expect("references are local");
                self.resolve(self.named(name))
            }
            None => schema,
        }
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, out: &mut Vec<String>, depth: usize) {
        assert!(depth < DEPTH_MAX, "{path} nests without end");
        let schema = self.resolve(schema);
        check_type(schema, value, path, out);
        check_choice(schema, value, path, out);
        check_bounds(schema, value, path, out);
        check_format(schema, value, path, out);
        for all in branches(schema, "allOf") {
            self.check(all, value, path, out, depth + 1);
        }
        for keyword in ["oneOf", "anyOf"] {
            self.check_any(keyword, schema, value, path, out, depth);
        }
        match value {
            Value::Object(fields) => self.check_object(schema, fields, path, out, depth),
            Value::Array(list) => {
                if let Some(items) = schema.get("items") {
                    for (index, item) in list.iter().enumerate() {
                        self.check(items, item, &format!("{path}.{index}"), out, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }

    /// Wants one branch to fit; when none does, the complaints of the nearest one are given.
    fn check_any(
        &self,
        keyword: &str,
        schema: &Value,
        value: &Value,
        path: &str,
        out: &mut Vec<String>,
        depth: usize,
    ) {
        let mut nearest: Option<Vec<String>> = None;
        for branch in branches(schema, keyword) {
            let mut problems = Vec::new();
            self.check(branch, value, path, &mut problems, depth + 1);
            if problems.is_empty() {
                return;
            }
            if nearest.as_ref().is_none_or(|best| problems.len() < best.len()) {
                nearest = Some(problems);
            }
        }
        if let Some(problems) = nearest {
            out.push(format!("{path}: no branch of {keyword} fits; the nearest says:"));
            out.extend(problems);
        }
    }

    fn check_object(
        &self,
        schema: &Value,
        fields: &Map<String, Value>,
        path: &str,
        out: &mut Vec<String>,
        depth: usize,
    ) {
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let key = key.as_str().expect("required keys are text");
            if !fields.contains_key(key) {
                out.push(format!("{path}.{key}: required, and absent"));
            }
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, value) in fields {
            let below = format!("{path}.{key}");
            match (properties.and_then(|known| known.get(key)), schema.get("additionalProperties")) {
                (Some(property), _) => self.check(property, value, &below, out, depth + 1),
                (None, Some(Value::Bool(false))) => out.push(format!("{below}: not allowed")),
                (None, Some(rest @ Value::Object(_))) => self.check(rest, value, &below, out, depth + 1),
                _ => {}
            }
        }
    }

    /// Collects a schema and all its branches.
    fn flat<'a>(&'a self, schema: &'a Value, into: &mut Vec<&'a Value>) {
        let schema = self.resolve(schema);
        into.push(schema);
        for keyword in ["allOf", "oneOf", "anyOf"] {
            branches(schema, keyword).for_each(|branch| self.flat(branch, into));
        }
    }

    fn find_undocumented(
        &self,
        schemas: &[&Value],
        value: &Value,
        path: &str,
        out: &mut Vec<String>,
        depth: usize,
    ) {
        assert!(depth < DEPTH_MAX, "{path} nests without end");
        let mut flat = Vec::new();
        schemas.iter().for_each(|schema| self.flat(schema, &mut flat));
        match value {
            Value::Array(list) => {
                let items = flat.iter().filter_map(|schema| schema.get("items")).collect::<Vec<_>>();
                if !items.is_empty() {
                    list.iter().for_each(|item| self.find_undocumented(&items, item, path, out, depth + 1));
                }
            }
            Value::Object(fields) => {
                if !flat.iter().any(|schema| schema.get("properties").is_some()) {
                    return;
                }
                for (key, value) in fields {
                    let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    let known =
                        flat.iter().filter_map(|schema| schema["properties"].get(key)).collect::<Vec<_>>();
                    if known.is_empty() {
                        out.push(below);
                    } else {
                        self.find_undocumented(&known, value, &below, out, depth + 1);
                    }
                }
            }
            _ => {}
        }
    }
}

fn branches<'a>(schema: &'a Value, keyword: &str) -> impl Iterator<Item = &'a Value> {
    schema.get(keyword).and_then(Value::as_array).into_iter().flatten()
}

fn shown(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("type {other} is not known"),
    }
}

fn check_type(schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let fits = match schema.get("type") {
        None => true,
        Some(Value::String(name)) => is_of_type(value, name),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).any(|name| is_of_type(value, name))
        }
        Some(other) => panic!("{other} is no type"),
    };
    // OpenAPI 3.0 spelling of a type with null.
    let nullable = value.is_null() && schema.get("nullable") == Some(&Value::Bool(true));
    if !fits && !nullable {
        out.push(format!("{path}: {} is not {}", shown(value), schema["type"]));
    }
}

fn check_choice(schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        out.push(format!("{path}: {} is none of {choices:?}", shown(value)));
    }
    if let Some(only) = schema.get("const")
        && only != value
    {
        out.push(format!("{path}: {} is not {only}", shown(value)));
    }
}

fn check_bounds(schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let (min, max, size) = match value {
        Value::String(text) => ("minLength", "maxLength", text.chars().count() as f64),
        Value::Array(list) => ("minItems", "maxItems", list.len() as f64),
        Value::Object(fields) => ("minProperties", "maxProperties", fields.len() as f64),
        Value::Number(number) => ("minimum", "maximum", number.as_f64().unwrap_or(f64::NAN)),
        Value::Null | Value::Bool(_) => return,
    };
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    if bound(min).is_some_and(|least| size < least) || bound(max).is_some_and(|most| size > most) {
        out.push(format!("{path}: {size} is outside {min} to {max}"));
    }
    if let (Value::Array(list), Some(true)) = (value, schema.get("uniqueItems").and_then(Value::as_bool))
        && (1..list.len()).any(|index| list[..index].contains(&list[index]))
    {
        out.push(format!("{path}: repeats an element"));
    }
}

fn check_format(schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let fits = match (schema.get("format").and_then(Value::as_str), value) {
        (Some("int32"), Value::Number(number)) => {
            number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
        }
        (Some("date-time"), Value::String(text)) => text.parse::<Timestamp>().is_ok(),
        (Some("snowflake"), Value::String(text)) => {
            text.parse::<u64>().is_ok_and(|raw| raw.to_string() == *text)
        }
        (Some("uri"), Value::String(text)) => text.contains("://"),
        _ => true,
    };
    if !fits {
        out.push(format!("{path}: {} is no {}", shown(value), schema["format"]));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schemas() -> Schemas {
        Schemas(json!({"components": {"schemas": {
            "Id": {"type": "string", "format": "snowflake"},
            "Thing": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {
                    "id": {"$ref": "#/components/schemas/Id"},
                    "name": {"type": ["string", "null"], "maxLength": 3},
                    "kind": {"type": "integer", "oneOf": [{"const": 1}, {"const": 2}]},
                    "part": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Thing"}]},
                    "list": {"type": "array", "items": {"$ref": "#/components/schemas/Id"}, "uniqueItems": true},
                    "map": {"type": "object", "additionalProperties": {"type": "boolean"}},
                    "shut": {"type": "object", "additionalProperties": false},
                },
            },
        }}}))
    }

    #[test]
    fn good_values_have_no_problems() {
        let value = json!({"id": "1", "name": null, "kind": 2, "part": {"id": "2", "name": "abc"},
            "list": ["1", "2"], "map": {"a": true}, "shut": {}, "more": 1});
        assert_eq!(schemas().problems("Thing", &value), Vec::<String>::new());
        assert_eq!(schemas().undocumented("Thing", &value), ["more"]);
    }

    #[test]
    fn every_keyword_finds_its_problem() {
        for (value, place) in [
            (json!({"id": "1"}), "$.name"),
            (json!({"id": 1, "name": null}), "$.id"),
            (json!({"id": "01", "name": null}), "$.id"),
            (json!({"id": "1", "name": "abcd"}), "$.name"),
            (json!({"id": "1", "name": "a", "kind": 3}), "$.kind"),
            (json!({"id": "1", "name": "a", "part": {"id": "2"}}), "$.part"),
            (json!({"id": "1", "name": "a", "list": ["x"]}), "$.list.0"),
            (json!({"id": "1", "name": "a", "list": ["1", "1"]}), "$.list"),
            (json!({"id": "1", "name": "a", "map": {"b": 1}}), "$.map.b"),
            (json!({"id": "1", "name": "a", "shut": {"b": 1}}), "$.shut.b"),
            (json!([]), "$"),
        ] {
            let problems = schemas().problems("Thing", &value);
            assert!(problems.first().is_some_and(|first| first.starts_with(place)), "{value}: {problems:?}");
        }
        let nested = json!({"id": "1", "name": null, "part": {"id": "2", "name": null, "odd": 1}});
        assert_eq!(schemas().undocumented("Thing", &nested), ["part.odd"]);
    }
}
