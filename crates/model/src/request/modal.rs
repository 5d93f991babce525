//! Forms that an application shows, and what people fill in ("Interaction Response: Modal", "Modal Submit Data").

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::component;
use crate::component::Component;
use crate::limits::{
    ATTACHMENTS_MAX, CUSTOM_ID_CHARS, MODAL_COMPONENTS, MODAL_TITLE_CHARS, SELECT_OPTION_CHARS_MAX,
    SELECT_OPTIONS_MAX, TEXT_INPUT_CHARS_MAX,
};
use crate::{ApiError, Form};

/// A form as it is shown; its components are numbered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Modal {
    /// What the application knows it by.
    pub custom_id: String,
    /// Heading.
    pub title: String,
    /// What is filled in.
    pub components: Vec<Component>,
}

impl Modal {
    /// Reads the `data` of an answer that shows a form.
    ///
    /// # Errors
    /// 400/50035 with the paths of all that is wrong.
    pub fn parse(data: &Value) -> Result<Self, ApiError> {
        Form::root(data)?.check(Self::read)
    }

    /// Reads the form; errors are noted.
    pub fn read(form: &Form<'_>) -> Option<Self> {
        let custom_id = form.required("custom_id", form.str("custom_id", CUSTOM_ID_CHARS));
        let title = form.required("title", form.text("title", MODAL_TITLE_CHARS));
        let components = component::of_modal(form);
        Some(Self { custom_id: custom_id?, title: title?, components: components? })
    }
}

/// A component as it was filled in. Only what [`Filled::value`] and [`Filled::values`] say comes from the person; whether it
/// fits the form that was shown, and the number, is for the caller to say, who knows that form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Filled {
    /// Kind of the component.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its number in the form; see [`number_filled`].
    pub id: u32,
    /// What the application knows it by; absent for rows, labels and texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<String>,
    /// Text inputs, radio groups and checkboxes: text, text or null, true or false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<FilledValue>,
    /// Selects, checkbox groups and uploads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// What is in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<Filled>>,
    /// What is in a label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Box<Filled>>,
}

/// What one component was filled in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum FilledValue {
    /// Text inputs and radio groups.
    Text(String),
    /// Checkboxes.
    Flag(bool),
    /// A radio group without a choice.
    Nothing,
}

impl Filled {
    /// Reads `components` of the data of a form that is sent, and numbers them.
    ///
    /// # Errors
    /// 400/50035 with the paths of all that is wrong.
    pub fn parse_all(data: &Value) -> Result<Vec<Self>, ApiError> {
        Form::root(data)?.check(|form| {
            let list =
                form.array("components", *MODAL_COMPONENTS.end(), |form| Self::read(form, &[1, 10, 18]));
            let mut list = form.required("components", list)?;
            number_filled(&mut list);
            Some(list)
        })
    }

    fn read(form: &Form<'_>, allowed: &[u8]) -> Option<Self> {
        let kind = form.required("type", form.choice_u8("type", allowed))?;
        let mut filled = Self {
            kind,
            id: 0,
            custom_id: None,
            value: None,
            values: None,
            components: None,
            component: None,
        };
        match kind {
            1 => {
                let list = form.array("components", 1, |form| Self::read(form, &[4]));
                filled.components = Some(form.required("components", list)?);
                return Some(filled);
            }
            18 => {
                let inner =
                    form.object("component", |form| Self::read(form, &[3, 4, 5, 6, 7, 8, 19, 21, 22, 23]));
                filled.component = Some(Box::new(form.required("component", inner)?));
                return Some(filled);
            }
            10 => return Some(filled),
            _ => {}
        }
        let custom_id = form.required("custom_id", form.str("custom_id", CUSTOM_ID_CHARS));
        match kind {
            4 => {
                let text = form.required("value", form.str("value", 0..=TEXT_INPUT_CHARS_MAX))?;
                filled.value = Some(FilledValue::Text(text));
            }
            21 => {
                let text = form.str("value", 0..=SELECT_OPTION_CHARS_MAX);
                filled.value = Some(text.map_or(FilledValue::Nothing, FilledValue::Text));
            }
            23 => filled.value = Some(FilledValue::Flag(form.required("value", form.bool("value"))?)),
            _ => {
                let max = if kind == 19 { ATTACHMENTS_MAX } else { SELECT_OPTIONS_MAX };
                form.list("values", max);
                let values = form.strings("values", max, 0..=SELECT_OPTION_CHARS_MAX);
                filled.values = Some(values.unwrap_or_default());
            }
        }
        filled.custom_id = Some(custom_id?);
        Some(filled)
    }

    fn children_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        self.components.iter_mut().flatten().chain(self.component.as_deref_mut())
    }
}

/// Numbers what was filled in 1, 2, 3 and so on, what holds before what is held, as [`Modal`] numbers the components of the
/// form when the application did not.
pub fn number_filled(list: &mut [Filled]) {
    fn number(filled: &mut Filled, next: &mut u32) {
        filled.id = *next;
        *next += 1;
        filled.children_mut().for_each(|child| number(child, next));
    }
    let mut next = 1;
    list.iter_mut().for_each(|filled| number(filled, &mut next));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown() -> Value {
        json!({"custom_id": "m", "title": "Form", "components": [
            {"type": 10, "content": "Hello"},
            {"type": 1, "components": [{"type": 4, "custom_id": "a", "style": 1, "label": "A", "max_length": 5}]},
            {"type": 18, "label": "B", "component": {"type": 3, "custom_id": "b", "options": [
                {"label": "x", "value": "x"}, {"label": "y", "value": "y"}]}},
            {"type": 18, "label": "C", "component": {"type": 22, "custom_id": "c", "options": [
                {"label": "x", "value": "x"}]}},
            {"type": 18, "label": "D", "component": {"type": 19, "custom_id": "d", "x": 1}},
        ]})
    }

    #[test]
    fn a_form_is_numbered_and_so_is_what_was_filled_in() {
        let modal = Modal::parse(&shown()).unwrap();
        let mut ids = Vec::new();
        modal.components.iter().for_each(|component| component.walk(&mut |c| ids.push(c.id)));
        assert_eq!(ids, (1..=9).collect::<Vec<_>>());
        let sent = json!({"components": [
            {"type": 10, "id": 77},
            {"type": 1, "components": [{"type": 4, "id": 5, "custom_id": "a", "value": "v"}]},
            {"type": 18, "component": {"type": 3, "custom_id": "b", "values": ["x"], "y": {}}},
        ]});
        let filled = Filled::parse_all(&sent).unwrap();
        assert_eq!(
            serde_json::to_value(filled).unwrap(),
            json!([{"type": 10, "id": 1},
                {"type": 1, "id": 2, "components": [{"type": 4, "id": 3, "custom_id": "a", "value": "v"}]},
                {"type": 18, "id": 4, "component": {"type": 3, "id": 5, "custom_id": "b", "values": ["x"]}}])
        );
    }

    #[test]
    fn a_form_is_refused_at_what_is_wrong() {
        for (pointer, value, path) in [
            ("/title", json!("x".repeat(46)), "title"),
            ("/components/1/components/0/label", json!(null), "components.1.components.0.label"),
            ("/components/1/components/0/max_length", json!(4001), "components.1.components.0.max_length"),
            ("/components/2/component/type", json!(2), "components.2.component.type"),
            ("/components/2/component/custom_id", json!("a"), "components.2.component.custom_id"),
            ("/components/2/component/options/0", json!(1), "components.2.component.options.0"),
            ("/components/4/component", json!([]), "components.4.component"),
            ("/components/0/type", json!(17), "components.0.type"),
        ] {
            let mut body = shown();
            *body.pointer_mut(pointer).unwrap() = value;
            let error = Modal::parse(&body).unwrap_err();
            assert_eq!((error.status, error.code), (400, 50035));
            assert!(!error.errors.as_ref().unwrap().get(path).is_empty(), "{path}: {error}");
        }
    }
}
