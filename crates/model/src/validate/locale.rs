//! Languages (API Reference, "Locales").

use std::collections::BTreeMap;

use crate::form::Form;

/// The documented locales. The first of a language stands for those of its regions that are not listed.
const LOCALES: &[&str] = &[
    "id", "da", "de", "en-US", "en-GB", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl", "no", "pl",
    "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "zh-TW",
    "ja", "ko",
];

/// The documented locale for a language tag: itself, or one of the same language (`de-AT` is `de`, `en` is `en-US`).
pub fn locale(text: &str) -> Option<&'static str> {
    let language = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let exact = LOCALES.iter().find(|known| known.eq_ignore_ascii_case(text));
    let near = || LOCALES.iter().find(|known| language(known) == language(text));
    exact.or_else(near).copied()
}

impl Form<'_> {
    /// Reads a text in other languages: an object with a text for each documented locale, to which `read` applies the rule of the
    /// text itself. A locale with null is as one that is not there.
    pub fn localized(
        &self,
        field: &str,
        read: impl Fn(&Form<'_>, &str) -> Option<String>,
    ) -> Option<BTreeMap<String, String>> {
        self.object(field, |form| {
            // More of them than there are locales need not all be named as wrong.
            let locales: Vec<_> = form.keys().map(str::to_owned).take(LOCALES.len() + 1).collect();
            let mut texts = BTreeMap::new();
            for locale in locales {
                if LOCALES.contains(&locale.as_str()) {
                    texts.extend(read(form, &locale).map(|text| (locale, text)));
                } else {
                    let message = "Value is no locale of the API Reference.";
                    form.error_at_key(&locale, "BASE_TYPE_CHOICES", message);
                }
            }
            Some(texts)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::Form;

    #[test]
    fn texts_in_other_languages_have_documented_locales_and_the_rule_of_the_text() {
        let read = |body: serde_json::Value| {
            let body = json!({ "texts": body });
            let form = Form::root(&body).unwrap();
            form.check(|form| form.localized("texts", |form, locale| form.lines(locale, 1..=5)))
        };
        let texts = read(json!({"de": " hallo ", "pt-BR": "olá", "fr": null})).unwrap();
        assert_eq!(
            texts.into_iter().collect::<Vec<_>>(),
            [("de".to_owned(), "hallo".to_owned()), ("pt-BR".to_owned(), "olá".to_owned()),]
        );
        for (wrong, path, code) in [
            (json!({"de-AT": "x"}), "texts.de-AT", "BASE_TYPE_CHOICES"),
            (json!({"EN-us": "x"}), "texts.EN-us", "BASE_TYPE_CHOICES"),
            (json!({"de": ""}), "texts.de", "BASE_TYPE_BAD_LENGTH"),
            (json!({"de": "\u{200b}"}), "texts.de", "BASE_TYPE_BAD_LENGTH"),
            (json!({"ja": 5}), "texts.ja", "STRING_TYPE_CONVERT"),
            (json!(["de"]), "texts", "DICT_TYPE_CONVERT"),
        ] {
            let errors = read(wrong).unwrap_err().errors.unwrap();
            assert_eq!(errors.get(path).first().map(|error| &*error.code), Some(code), "{path}");
        }
    }

    #[test]
    fn tags_of_browsers_find_their_locale() {
        for (tag, found) in [
            ("de", Some("de")),
            ("de-AT", Some("de")),
            ("en", Some("en-US")),
            ("EN-gb", Some("en-GB")),
            ("xx", None),
            ("", None),
        ] {
            assert_eq!(super::locale(tag), found, "{tag}");
        }
    }
}
