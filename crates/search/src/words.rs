//! Words, as they are looked for.
//!
//! Texts are cut by SQLite's tokenizer (Unicode letters and digits, without accents, English stems). It takes a run of Chinese
//! characters or kana for one word, so those are set apart before: a phrase of them is then found inside a longer one.

/// Whether a character is written without spaces between words.
fn stands_alone(c: char) -> bool {
    matches!(c as u32, 0x0e00..=0x0e7f | 0x3040..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

/// A text as it is given to the tokenizer.
pub(crate) fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // A NUL would end the text.
        let c = if c == '\0' { ' ' } else { c };
        if stands_alone(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out
}

/// The words and phrases of a query, at most `max`: what stands between quotation marks belongs together. Those without a letter
/// or digit are left out.
pub(crate) fn phrases(content: &str, max: usize) -> Vec<String> {
    let mut phrases = Vec::new();
    for (number, part) in content.split('"').enumerate() {
        // The odd parts stand between quotation marks.
        if number % 2 == 1 {
            phrases.push(part);
        } else {
            phrases.extend(part.split_whitespace());
        }
    }
    phrases.retain(|phrase| phrase.chars().any(char::is_alphanumeric));
    phrases.truncate(max);
    phrases.into_iter().map(spaced).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_hold_words_together() {
        assert_eq!(phrases(r#"one "two three" four"#, 9), ["one", "two three", "four"]);
        assert_eq!(phrases(r#"an "open phrase"#, 9), ["an", "open phrase"]);
        assert_eq!(phrases("!!! \"?\" ok", 9), ["ok"]);
        assert_eq!(phrases("a b c", 2), ["a", "b"]);
    }

    #[test]
    fn characters_without_spaces_between_words_are_set_apart() {
        assert_eq!(phrases("日本語x", 9), [" 日  本  語 x"]);
    }
}
