//! Forms that an application shows ("Interaction Response: Modal"). What people fill in is read where the form that was shown is
//! known.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::component;
use crate::component::Component;
use crate::limits::{CUSTOM_ID_CHARS, MODAL_TITLE_CHARS};
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
    fn the_components_of_a_form_are_numbered() {
        let modal = Modal::parse(&shown()).unwrap();
        let mut ids = Vec::new();
        modal.components.iter().for_each(|component| component.walk(&mut |c| ids.push(c.id)));
        assert_eq!(ids, (1..=9).collect::<Vec<_>>());
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
