//! Languages (API Reference, "Locales").

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

#[cfg(test)]
mod tests {
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
