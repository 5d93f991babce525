//! The options of a command, held against what the command declares ("Application Command Option Structure"): what reaches an
//! application fits its declaration, whichever client sent it.

use serde_json::{Map, Value, json};

use super::named::{Findings, What};
use consort_model::command::{Choice, CommandOption, option};
use consort_model::limits::COMMAND_INTEGER_MAX;

/// Longest text of an option.
const TEXT_CHARS_MAX: usize = 6000;

/// What the options are sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The command is used.
    Use,
    /// The command is being typed: values may be unfinished or missing, and one option has the focus.
    Complete,
}

/// Holds the options sent against those declared; gives what is passed on to the application.
pub fn fit(
    sent: Option<&Value>,
    declared: &[CommandOption],
    purpose: Purpose,
    out: &mut Findings,
) -> Vec<Value> {
    let mut walk = Walk { purpose, focused: 0, out };
    let fitted = walk.level(sent, declared, "data.options");
    if purpose == Purpose::Complete && walk.focused != 1 {
        let message = "Exactly one option must be focused.";
        walk.out.wrong("data.options", "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID", message);
    }
    fitted
}

struct Walk<'a> {
    purpose: Purpose,
    focused: usize,
    out: &'a mut Findings,
}

impl Walk<'_> {
    fn level(&mut self, sent: Option<&Value>, declared: &[CommandOption], path: &str) -> Vec<Value> {
        let none = Vec::new();
        let sent = match sent {
            None | Some(Value::Null) => &none,
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.out.wrong(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType");
                return Vec::new();
            }
        };
        // A command with subcommands is used through one of them.
        let nests = declared.iter().any(is_nest);
        if nests && sent.len() != 1 {
            self.out.bad_length(path, 1, 1);
            return Vec::new();
        }
        if sent.len() > declared.len() {
            self.out.bad_length(path, 0, declared.len());
            return Vec::new();
        }
        let mut fitted: Vec<Value> = Vec::with_capacity(sent.len());
        for (index, option) in sent.iter().enumerate() {
            let path = format!("{path}.{index}");
            if fitted.iter().any(|before| before["name"] == option["name"]) {
                let message = "Option name already exists";
                self.out.wrong(
                    &format!("{path}.name"),
                    "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
                    message,
                );
                continue;
            }
            fitted.extend(self.option(option, declared, &path));
        }
        if self.purpose == Purpose::Use {
            let is_sent = |name: &str| sent.iter().any(|option| option["name"] == name);
            for missing in declared.iter().filter(|option| option.required && !is_sent(&option.name)) {
                let message = format!("The option \"{}\" is required.", missing.name);
                self.out.wrong(path, "BASE_TYPE_REQUIRED", message);
            }
        }
        fitted
    }

    fn option(&mut self, sent: &Value, declared: &[CommandOption], path: &str) -> Option<Value> {
        let Value::Object(fields) = sent else {
            self.out.wrong(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
            return None;
        };
        let name = fields.get("name").and_then(Value::as_str);
        let Some(declared) = declared.iter().find(|option| Some(option.name.as_str()) == name) else {
            let message = "The command has no such option.";
            self.out.wrong(&format!("{path}.name"), "BASE_TYPE_CHOICES", message);
            return None;
        };
        if fields.get("type").is_some_and(|kind| number(kind) != Some(i64::from(declared.kind))) {
            let message = format!("Value must be one of {{{}}}.", declared.kind);
            self.out.wrong(&format!("{path}.type"), "BASE_TYPE_CHOICES", message);
            return None;
        }
        let mut fitted = json!({"name": declared.name, "type": declared.kind});
        if is_nest(declared) {
            let below = declared.options.as_deref().unwrap_or_default();
            let options = self.level(fields.get("options"), below, &format!("{path}.options"));
            fitted["options"] = Value::Array(options);
            return Some(fitted);
        }
        fitted["value"] = self.value(fields, declared, path)?;
        if self.purpose == Purpose::Complete && fields.get("focused") == Some(&Value::Bool(true)) {
            fitted["focused"] = Value::Bool(true);
        }
        Some(fitted)
    }

    fn value(&mut self, fields: &Map<String, Value>, declared: &CommandOption, path: &str) -> Option<Value> {
        let is_focused = fields.get("focused") == Some(&Value::Bool(true));
        let value_path = format!("{path}.value");
        let Some(value) = fields.get("value").filter(|value| !value.is_null()) else {
            self.out.missing(&value_path);
            return None;
        };
        if self.purpose == Purpose::Use {
            return self.exact(value, declared, &value_path);
        }
        if is_focused {
            self.focused += 1;
            // Where its application completes, its declaration tells clients. One that is asked elsewhere, too, has only to stay
            // silent; nothing is completed where nothing is typed.
            let is_typed = matches!(declared.kind, option::STRING | option::INTEGER | option::NUMBER);
            let has_choices = declared.choices.as_ref().is_some_and(|choices| !choices.is_empty());
            if !is_typed || has_choices {
                let message = "The option is not typed.";
                self.out.wrong(
                    &format!("{path}.focused"),
                    "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID",
                    message,
                );
                return None;
            }
        }
        self.unfinished(value, &value_path)
    }

    /// A value while it is typed: applications are told that it is not checked ("Autocomplete").
    fn unfinished(&mut self, value: &Value, path: &str) -> Option<Value> {
        match value {
            Value::String(text) if text.chars().count() > TEXT_CHARS_MAX => {
                self.out.bad_length(path, 0, TEXT_CHARS_MAX);
                None
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) => Some(value.clone()),
            _ => self.mistyped(path, "string"),
        }
    }

    fn mistyped(&mut self, path: &str, kind: &str) -> Option<Value> {
        let code = match kind {
            "string" => "STRING_TYPE_CONVERT",
            "bool" => "BOOLEAN_TYPE_CONVERT",
            _ => "NUMBER_TYPE_COERCE",
        };
        self.out.wrong(path, code, format!("Could not interpret value as {kind}."));
        None
    }

    fn exact(&mut self, value: &Value, declared: &CommandOption, path: &str) -> Option<Value> {
        match declared.kind {
            option::STRING => self.text(value, declared, path),
            option::INTEGER => {
                match number(value)
                    .filter(|number| (-COMMAND_INTEGER_MAX..=COMMAND_INTEGER_MAX).contains(number))
                {
                    Some(number) => self.within(json!(number), number as f64, declared, path),
                    None => self.mistyped(path, "int"),
                }
            }
            option::NUMBER => match float(value) {
                Some(number) => self.within(json!(number), number, declared, path),
                None => self.mistyped(path, "float"),
            },
            option::BOOLEAN => match value {
                Value::Bool(_) => Some(value.clone()),
                _ => self.mistyped(path, "bool"),
            },
            option::USER => self.out.name(path, What::User, value),
            option::ROLE => self.out.name(path, What::Role, value),
            option::MENTIONABLE => self.out.name(path, What::Mentionable, value),
            option::CHANNEL => {
                let types = declared.channel_types.clone().unwrap_or_default();
                self.out.name(path, What::Channel(types), value)
            }
            _ => self.out.name(path, What::File, value),
        }
    }

    fn text(&mut self, value: &Value, declared: &CommandOption, path: &str) -> Option<Value> {
        let Value::String(text) = value else { return self.mistyped(path, "string") };
        let min = declared.min_length.map_or(0, usize::from);
        let max = declared.max_length.map_or(TEXT_CHARS_MAX, usize::from);
        if !(min..=max).contains(&text.chars().count()) {
            self.out.bad_length(path, min, max);
            return None;
        }
        self.chosen(value.clone(), declared, path, |choice| choice.value == *value)
    }

    fn within(&mut self, value: Value, number: f64, declared: &CommandOption, path: &str) -> Option<Value> {
        let bound = |bound: &Option<serde_json::Number>| bound.as_ref().and_then(serde_json::Number::as_f64);
        if let Some(min) = bound(&declared.min_value).filter(|min| number < *min) {
            let message = format!("Value should be greater than or equal to {min}.");
            self.out.wrong(path, "NUMBER_TYPE_MIN", message);
            return None;
        }
        if let Some(max) = bound(&declared.max_value).filter(|max| number > *max) {
            self.out.wrong(path, "NUMBER_TYPE_MAX", format!("Value should be less than or equal to {max}."));
            return None;
        }
        self.chosen(value, declared, path, |choice| choice.value.as_f64() == Some(number))
    }

    /// Choices, if there are any, are the only values.
    fn chosen(
        &mut self,
        value: Value,
        declared: &CommandOption,
        path: &str,
        is: impl Fn(&Choice) -> bool,
    ) -> Option<Value> {
        let choices = declared.choices.as_deref().unwrap_or_default();
        if choices.is_empty() || choices.iter().any(is) {
            return Some(value);
        }
        self.out.wrong(path, "BASE_TYPE_CHOICES", "Value is not one of those allowed.");
        None
    }
}

fn is_nest(declared: &CommandOption) -> bool {
    matches!(declared.kind, option::SUB_COMMAND | option::SUB_COMMAND_GROUP)
}

/// A whole number, from a number or from digits.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) if text.len() <= 20 => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number
                .as_f64()
                .filter(|float| float.fract() == 0.0 && float.abs() <= COMMAND_INTEGER_MAX as f64)?;
            Some(float as i64)
        }),
        _ => None,
    }
}

/// A finite number, from a number or from text.
fn float(value: &Value) -> Option<f64> {
    let float = match value {
        Value::String(text) if text.len() <= 32 => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    float.filter(|float: &f64| float.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(options: Value) -> Vec<CommandOption> {
        serde_json::from_value(options).unwrap()
    }

    /// A declaration with one option of each kind.
    fn all() -> Vec<CommandOption> {
        declared(json!([
            {"type": 4, "name": "int", "description": "x", "required": true, "min_value": 1, "max_value": 10},
            {"type": 3, "name": "text", "description": "x", "min_length": 2, "max_length": 4},
            {"type": 3, "name": "pick", "description": "x", "choices": [{"name": "A", "value": "a"}]},
            {"type": 10, "name": "num", "description": "x", "choices": [{"name": "half", "value": 0.5}]},
            {"type": 5, "name": "flag", "description": "x"},
            {"type": 6, "name": "user", "description": "x"},
            {"type": 7, "name": "place", "description": "x", "channel_types": [0]},
            {"type": 3, "name": "typed", "description": "x", "autocomplete": true, "choices": []},
        ]))
    }

    fn with(mut more: Vec<Value>) -> Value {
        more.insert(0, json!({"type": 4, "name": "int", "value": 5}));
        Value::Array(more)
    }

    fn refused(sent: &Value, declared: &[CommandOption], purpose: Purpose) -> FormErrorsAt {
        let mut out = Findings::default();
        fit(Some(sent), declared, purpose, &mut out);
        FormErrorsAt(out.errors, sent.clone())
    }

    struct FormErrorsAt(consort_model::FormErrors, Value);

    impl FormErrorsAt {
        fn at(&self, path: &str) -> &str {
            match self.0.get(path) {
                [error, ..] => &error.code,
                [] => panic!("nothing wrong at {path} in {}: {}", self.1, self.0),
            }
        }
    }

    #[test]
    fn integers_end_where_a_double_is_exact_at_both_ends() {
        let declared = declared(json!([{"type": 4, "name": "int", "description": "x"}]));
        for value in [i64::MIN, i64::MAX, COMMAND_INTEGER_MAX + 1, -COMMAND_INTEGER_MAX - 1] {
            let sent = json!([{"type": 4, "name": "int", "value": value}]);
            assert_eq!(
                refused(&sent, &declared, Purpose::Use).at("data.options.0.value"),
                "NUMBER_TYPE_COERCE"
            );
        }
    }

    #[test]
    fn what_fits_is_passed_on_and_nothing_else() {
        let sent = with(vec![
            json!({"name": "text", "type": 3, "value": "abc", "extra": {"deep": 1}}),
            json!({"name": "num", "type": 10, "value": "0.5"}),
            json!({"name": "user", "type": 6, "value": "5"}),
        ]);
        let mut out = Findings::default();
        let fitted = fit(Some(&sent), &all(), Purpose::Use, &mut out);
        assert!(out.errors.is_empty(), "{}", out.errors);
        assert_eq!(
            json!(fitted),
            json!([
                {"name": "int", "type": 4, "value": 5}, {"name": "text", "type": 3, "value": "abc"},
                {"name": "num", "type": 10, "value": 0.5}, {"name": "user", "type": 6, "value": "5"},
            ])
        );
        assert_eq!((out.named.len(), &out.named[0].what), (1, &What::User));
    }

    #[test]
    fn values_that_do_not_fit_are_refused_by_path() {
        for value in [
            json!(0),
            json!(11),
            json!(999),
            json!("abc"),
            json!({"a": 1}),
            json!([1]),
            json!(1.5),
            json!(true),
        ] {
            let sent = json!([{"type": 4, "name": "int", "value": value}]);
            refused(&sent, &all(), Purpose::Use).at("data.options.0.value");
        }
        for option in [
            json!({"name": "text", "value": "a"}),
            json!({"name": "text", "value": "abcde"}),
            json!({"name": "text", "value": 5}),
            json!({"name": "pick", "value": "b"}),
            json!({"name": "num", "value": 1}),
            json!({"name": "flag", "value": "true"}),
            json!({"name": "user", "value": "abc"}),
            json!({"name": "place", "value": {}}),
            json!({"name": "text"}),
            json!({"name": "text", "value": null}),
        ] {
            refused(&with(vec![option]), &all(), Purpose::Use).at("data.options.1.value");
        }
    }

    #[test]
    fn options_that_are_unknown_doubled_mistyped_or_missing_are_refused() {
        let sent = with(vec![json!({"name": "int", "type": 4, "value": 6})]);
        refused(&sent, &all(), Purpose::Use).at("data.options.1.name");
        refused(&with(vec![json!({"name": "other", "value": 6})]), &all(), Purpose::Use)
            .at("data.options.1.name");
        refused(&with(vec![json!({"name": "text", "type": 4, "value": 6})]), &all(), Purpose::Use)
            .at("data.options.1.type");
        assert_eq!(refused(&json!([]), &all(), Purpose::Use).at("data.options"), "BASE_TYPE_REQUIRED");
        refused(&json!({}), &all(), Purpose::Use).at("data.options");
        refused(&json!([1]), &all(), Purpose::Use).at("data.options.0");
        refused(&json!([{"name": "x", "value": 1}]), &[], Purpose::Use).at("data.options");
    }

    #[test]
    fn a_command_with_subcommands_is_used_through_one_that_it_declares() {
        let declared = declared(json!([
            {"type": 1, "name": "one", "description": "x", "options": [{"type": 3, "name": "t", "description": "x", "required": true}]},
            {"type": 2, "name": "group", "description": "x", "options": [{"type": 1, "name": "two", "description": "x"}]},
        ]));
        let fits = |sent: Value| {
            let mut out = Findings::default();
            let fitted = fit(Some(&sent), &declared, Purpose::Use, &mut out);
            out.errors.is_empty().then_some(json!(fitted))
        };
        let one = json!([{"type": 1, "name": "one", "options": [{"type": 3, "name": "t", "value": "v"}]}]);
        assert_eq!(fits(one.clone()), Some(one));
        let group = json!([{"type": 2, "name": "group", "options": [{"type": 1, "name": "two"}]}]);
        assert_eq!(fits(group).unwrap()[0]["options"][0], json!({"name": "two", "type": 1, "options": []}));
        for wrong in [
            json!([]),
            json!([{"type": 1, "name": "three"}]),
            json!([{"type": 1, "name": "one"}]),
            json!([{"type": 2, "name": "group"}]),
            json!([{"type": 2, "name": "group", "options": [{"type": 1, "name": "one"}]}]),
            json!([{"type": 1, "name": "one", "options": [{"type": 3, "name": "t", "value": "v"}]}, {"type": 2, "name": "group"}]),
        ] {
            assert_eq!(fits(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn while_typing_one_completed_option_has_the_focus_and_the_rest_may_be_missing() {
        let typing = json!([{"name": "typed", "type": 3, "value": "he", "focused": true}]);
        let mut out = Findings::default();
        let fitted = fit(Some(&typing), &all(), Purpose::Complete, &mut out);
        assert!(out.errors.is_empty(), "{}", out.errors);
        assert_eq!(json!(fitted), typing);
        let undeclared = json!([{"name": "text", "type": 3, "value": "he", "focused": true}]);
        assert_eq!(json!(fit(Some(&undeclared), &all(), Purpose::Complete, &mut out)), undeclared);
        assert!(out.errors.is_empty(), "{}", out.errors);
        for (name, kind, value) in
            [("pick", 3, json!("a")), ("flag", 5, json!(true)), ("user", 6, json!("5"))]
        {
            let other = json!([{"name": name, "type": kind, "value": value, "focused": true}]);
            refused(&other, &all(), Purpose::Complete).at("data.options.0.focused");
        }
        let none = json!([{"name": "typed", "type": 3, "value": "he"}]);
        refused(&none, &all(), Purpose::Complete).at("data.options");
        let object = json!([{"name": "typed", "type": 3, "value": {}, "focused": true}]);
        refused(&object, &all(), Purpose::Complete).at("data.options.0.value");
    }
}
