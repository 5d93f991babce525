//! Message components: checked for what the server relies on, numbered, and otherwise kept as sent.
//!
//! Limits: Component Reference. The 40 components and 4000 characters of V2 count everything nested.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::limits::{
    ACTION_ROWS_MAX, BUTTON_LABEL_CHARS_MAX, BUTTON_URL_CHARS_MAX, COMPONENTS_V2_CHARS_TOTAL_MAX,
    COMPONENTS_V2_MAX, ROW_BUTTONS_MAX, SELECT_OPTIONS_MAX, SELECT_PLACEHOLDER_CHARS_MAX,
};
use crate::{Form, FormErrors, Patch};

/// Levels of nesting: container, section or row, accessory.
const DEPTH_MAX: usize = 4;

const ROW: u64 = 1;
const BUTTON: u64 = 2;
const STRING_SELECT: u64 = 3;
const SELECTS: std::ops::RangeInclusive<u64> = 3..=8;
const TEXT_DISPLAY: u64 = 10;

/// Reads `components`.
pub(super) fn read(form: &Form<'_>, v2: bool) -> Patch<Vec<Value>> {
    form.patch("components", |form| {
        let max = if v2 { COMPONENTS_V2_MAX } else { ACTION_ROWS_MAX };
        let mut list = form.list("components", max)?.to_vec();
        let mut walk = Walk { v2, ..Walk::default() };
        for (index, component) in list.iter().enumerate() {
            walk.check(component, &format!("{index}"), 0);
        }
        if walk.count > COMPONENTS_V2_MAX {
            walk.errors.push(
                "",
                "BASE_TYPE_MAX_LENGTH",
                format!("Must be {COMPONENTS_V2_MAX} or fewer in length."),
            );
        }
        if walk.text_chars > COMPONENTS_V2_CHARS_TOTAL_MAX {
            let message = format!(
                "The total displayable text must be {COMPONENTS_V2_CHARS_TOTAL_MAX} or fewer in length."
            );
            walk.errors.push("", "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", message);
        }
        if !walk.errors.is_empty() {
            form.merge_under("components", walk.errors);
            return None;
        }
        let mut numbers = Numbers { taken: walk.ids, next: 1 };
        list.iter_mut().for_each(|component| numbers.assign(component));
        Some(list)
    })
}

#[derive(Default)]
struct Walk {
    v2: bool,
    count: usize,
    text_chars: usize,
    ids: HashSet<u64>,
    custom_ids: HashSet<String>,
    errors: FormErrors,
}

impl Walk {
    fn check(&mut self, component: &Value, path: &str, depth: usize) {
        self.count += 1;
        let Value::Object(fields) = component else {
            self.errors.push(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType");
            return;
        };
        if depth > DEPTH_MAX {
            self.errors.push(path, "COMPONENT_NESTING", "Components are nested too deeply.");
            return;
        }
        if self.count > COMPONENTS_V2_MAX {
            return;
        }
        let Some(kind) = fields.get("type").and_then(Value::as_u64) else {
            self.errors.push(&format!("{path}.type"), "BASE_TYPE_REQUIRED", "This field is required");
            return;
        };
        let allowed = match (depth, self.v2) {
            (0, false) => kind == ROW,
            (0, true) => matches!(kind, ROW | 9..=10 | 12..=14 | 17),
            _ => matches!(kind, 1..=3 | 5..=14),
        };
        if !allowed {
            let message = format!("The component type {kind} is not allowed here.");
            self.errors.push(&format!("{path}.type"), "UNION_TYPE_CHOICES", message);
            return;
        }
        self.identity(fields, path);
        self.by_kind(kind, fields, path);
        let children =
            fields.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let max = if kind == ROW { ROW_BUTTONS_MAX } else { COMPONENTS_V2_MAX };
        if children.len() > max || (kind == ROW && children.is_empty()) {
            let message = format!("Must be between 1 and {max} in length.");
            self.errors.push(&format!("{path}.components"), "BASE_TYPE_BAD_LENGTH", message);
        }
        for (index, child) in children.iter().take(max).enumerate() {
            self.check(child, &format!("{path}.components.{index}"), depth + 1);
        }
        if let Some(accessory) = fields.get("accessory").filter(|value| !value.is_null()) {
            self.check(accessory, &format!("{path}.accessory"), depth + 1);
        }
    }

    fn identity(&mut self, fields: &Map<String, Value>, path: &str) {
        if let Some(id) = fields.get("id").and_then(Value::as_u64).filter(|id| *id > 0)
            && !self.ids.insert(id)
        {
            self.errors.push(
                &format!("{path}.id"),
                "COMPONENT_ID_DUPLICATED",
                "Component id cannot be duplicated",
            );
        }
        let Some(custom_id) = fields.get("custom_id").and_then(Value::as_str) else { return };
        let path = format!("{path}.custom_id");
        self.length(custom_id, &path, 1, 100);
        if !self.custom_ids.insert(custom_id.to_owned()) {
            self.errors.push(
                &path,
                "COMPONENT_CUSTOM_ID_DUPLICATED",
                "Component custom id cannot be duplicated",
            );
        }
    }

    fn by_kind(&mut self, kind: u64, fields: &Map<String, Value>, path: &str) {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        if let Some(label) = text("label") {
            self.length(label, &format!("{path}.label"), 0, BUTTON_LABEL_CHARS_MAX);
        }
        match kind {
            BUTTON => {
                let style = fields.get("style").and_then(Value::as_u64).unwrap_or(0);
                let needs = match style {
                    1..=4 => "custom_id",
                    5 => "url",
                    6 => "sku_id",
                    _ => "style",
                };
                if fields.get(needs).is_none_or(Value::is_null) || needs == "style" {
                    self.errors.push(
                        &format!("{path}.{needs}"),
                        "BASE_TYPE_REQUIRED",
                        "This field is required",
                    );
                }
                if let Some(url) = text("url") {
                    self.length(url, &format!("{path}.url"), 1, BUTTON_URL_CHARS_MAX);
                }
            }
            kind if SELECTS.contains(&kind) => {
                if text("custom_id").is_none() {
                    self.errors.push(
                        &format!("{path}.custom_id"),
                        "BASE_TYPE_REQUIRED",
                        "This field is required",
                    );
                }
                if let Some(placeholder) = text("placeholder") {
                    self.length(placeholder, &format!("{path}.placeholder"), 0, SELECT_PLACEHOLDER_CHARS_MAX);
                }
                let options = fields.get("options").and_then(Value::as_array).map_or(0, Vec::len);
                if kind == STRING_SELECT && !(1..=SELECT_OPTIONS_MAX).contains(&options) {
                    let message = "Must be between 1 and 25 in length.";
                    self.errors.push(&format!("{path}.options"), "BASE_TYPE_BAD_LENGTH", message);
                }
            }
            TEXT_DISPLAY => match text("content") {
                Some(content) => {
                    self.text_chars += content.chars().count();
                    self.length(content, &format!("{path}.content"), 1, COMPONENTS_V2_CHARS_TOTAL_MAX);
                }
                None => {
                    self.errors.push(
                        &format!("{path}.content"),
                        "BASE_TYPE_REQUIRED",
                        "This field is required",
                    );
                }
            },
            _ => {}
        }
    }

    fn length(&mut self, text: &str, path: &str, min: usize, max: usize) {
        if !(min..=max).contains(&text.chars().count()) {
            let message = format!("Must be between {min} and {max} in length.");
            self.errors.push(path, "BASE_TYPE_BAD_LENGTH", message);
        }
    }
}

/// Gives components without an id (0 counts as none) the lowest free numbers, in the order they are written.
struct Numbers {
    taken: HashSet<u64>,
    next: u64,
}

impl Numbers {
    fn assign(&mut self, component: &mut Value) {
        let Value::Object(fields) = component else { return };
        if fields.get("id").and_then(Value::as_u64).unwrap_or(0) == 0 {
            while self.taken.contains(&self.next) {
                self.next += 1;
            }
            fields.insert("id".to_owned(), self.next.into());
            self.next += 1;
        }
        if let Some(Value::Array(children)) = fields.get_mut("components") {
            children.iter_mut().for_each(|child| self.assign(child));
        }
        if let Some(accessory) = fields.get_mut("accessory") {
            self.assign(accessory);
        }
    }
}
