//! Bodies of the role connection routes ("Application Role Connection Metadata" page).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Form;
use crate::validate::Named;

/// Records of one application.
const RECORDS_MAX: usize = 5;

/// Something that a guild may ask of a member's connection before it gives a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionMetadata {
    /// How values are compared, 1 to 8.
    #[serde(rename = "type")]
    pub kind: u8,
    /// 1 to 50 of a-z, 0-9 and `_`.
    pub key: String,
    /// 1 to 100 characters.
    pub name: String,
    /// The name in other languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_localizations: Option<BTreeMap<String, String>>,
    /// 1 to 200 characters.
    pub description: String,
    /// The description in other languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description_localizations: Option<BTreeMap<String, String>>,
}

impl ConnectionMetadata {
    /// Reads the records of a body that was put under `records`; errors are noted in the form.
    pub fn read_all(form: &Form<'_>) -> Option<Vec<Self>> {
        let records = form.array("records", RECORDS_MAX, Self::read)?;
        for (index, record) in records.iter().enumerate() {
            if records[..index].iter().any(|other| other.key == record.key) {
                let path = format!("records.{index}.key");
                form.error(&path, "SET_TYPE_ALREADY_CONTAINS_VALUE", "This key is there already.");
            }
        }
        Some(records)
    }

    fn read(form: &Form<'_>) -> Option<Self> {
        let key = form.required("key", form.str("key", 1..=50));
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if key.as_ref().is_some_and(|key| !key.chars().all(legal)) {
            form.error("key", "STRING_TYPE_REGEX", "Only a-z, 0-9 and _ may be used.");
        }
        let kind = form.required("type", form.int("type", 1..=8));
        let name = form.required("name", form.name("name", Named::Connection));
        let description = form.required("description", form.line("description", 1..=200));
        Some(Self {
            kind: kind?,
            key: key?,
            name: name?,
            name_localizations: form
                .localized("name_localizations", |form, locale| form.line(locale, 1..=100)),
            description: description?,
            description_localizations: form
                .localized("description_localizations", |form, locale| form.line(locale, 1..=200)),
        })
    }
}

/// What an application has said of a person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleConnection {
    /// Where the person has an account, up to 50 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_name: Option<String>,
    /// The person's name there, up to 100 characters.
    pub platform_username: Option<String>,
    /// Values by key of the application's records, up to 100 characters each.
    pub metadata: BTreeMap<String, String>,
}

impl RoleConnection {
    /// Reads the body, which replaces what there was; errors are noted in the form. `known`: the keys of the application.
    pub fn read(form: &Form<'_>, known: &[ConnectionMetadata]) -> Option<Self> {
        let metadata = form.object("metadata", |form| {
            let mut values = BTreeMap::new();
            for key in form.keys().map(str::to_owned).take(RECORDS_MAX + 1).collect::<Vec<_>>() {
                // Libraries send numbers for what is compared as such.
                let value = match form.opt(&key) {
                    Some(number @ serde_json::Value::Number(_)) => Some(number.to_string()),
                    Some(serde_json::Value::Bool(flag)) => Some(u8::from(*flag).to_string()),
                    _ => form.str(&key, 1..=100),
                };
                if !known.iter().any(|record| record.key == key) {
                    form.error_at_key(&key, "BASE_TYPE_CHOICES", "The application has no such key.");
                }
                values.extend(value.map(|value| (key, value)));
            }
            Some(values)
        });
        Some(Self {
            platform_name: form.line("platform_name", 0..=50).filter(|text| !text.is_empty()),
            platform_username: form.line("platform_username", 0..=100).filter(|text| !text.is_empty()),
            metadata: metadata.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn records(body: &Value) -> Result<Vec<ConnectionMetadata>, crate::ApiError> {
        Form::root(&json!({ "records": body }))?.check(ConnectionMetadata::read_all)
    }

    #[test]
    fn records_and_what_is_said_by_them_are_read() {
        let record = json!({"type": 2, "key": "level", "name": "Level", "description": "d",
            "name_localizations": {"de": "Stufe"}});
        let known = records(&json!([record])).unwrap();
        assert_eq!(serde_json::to_value(&known[0]).unwrap(), record);
        let read = |body: &Value| Form::root(body)?.check(|form| RoleConnection::read(form, &known));
        let connection = read(&json!({"platform_name": "Game", "metadata": {"level": 7}})).unwrap();
        assert_eq!(connection.metadata["level"], "7");
        assert!(read(&json!({"metadata": {"other": "1"}})).is_err());
        for wrong in
            [json!([record, record]), json!([{"type": 9, "key": "A", "name": "", "description": "d"}])]
        {
            assert_eq!(records(&wrong).map_err(|error| error.code), Err(50035));
        }
    }
}
