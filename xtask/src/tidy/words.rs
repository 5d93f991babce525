//! Words that must not stand in the repository.

/// Rust code: the pattern and what to do instead.
const IN_RUST: [(&str, &str); 6] = [
    (
        "unbounded_channel",
        "every queue has a bound: use a bounded channel and say what happens when it is full",
    ),
    (
        "mpsc::unbounded",
        "every queue has a bound: use a bounded channel and say what happens when it is full",
    ),
    ("todo!", "write it, or answer an honest error"),
    ("unimplemented!", "write it, or answer an honest error"),
    ("#[ignore", "a test that does not run proves nothing"),
    ("assert!(true", "a check that cannot fail is no check"),
];

/// Any text: marks of unfinished work, and paths of somebody's own machine.
const ANYWHERE: [(&str, &str); 6] = [
    ("TODO", "do it, or describe the limit in the documentation"),
    ("FIXME", "do it, or describe the limit in the documentation"),
    ("XXX", "do it, or describe the limit in the documentation"),
    ("/home/", "no path of one machine"),
    ("/Users/", "no path of one machine"),
    ("/work/", "no path of one machine"),
];

/// Files that are made by tools, or that must name the words.
fn exempt(path: &str) -> bool {
    path.ends_with("package-lock.json") || path.ends_with("Cargo.lock") || path.starts_with("xtask/src/tidy/")
}

/// Looks through all files; a line for each find.
pub fn check(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !exempt(path)) {
        let rules: &[&[(&str, &str)]] =
            if path.ends_with(".rs") { &[&IN_RUST, &ANYWHERE] } else { &[&ANYWHERE] };
        for (number, line) in text.lines().enumerate() {
            for (word, advice) in rules.iter().flat_map(|rules| rules.iter()) {
                if contains_word(line, word) {
                    found.push(format!("{path}:{}: {word}: {advice}", number + 1));
                }
            }
        }
    }
    found
}

/// True when `word` stands in `line` and is no part of a longer word.
pub(super) fn contains_word(line: &str, word: &str) -> bool {
    let part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    line.match_indices(word).any(|(at, _)| {
        let bounded = |inner: Option<char>, outer: Option<char>| !(part(inner) && part(outer));
        bounded(word.chars().next(), line[..at].chars().next_back())
            && bounded(word.chars().next_back(), line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_inside_another_is_none() {
        assert!(contains_word("// TODO: later", "TODO"));
        assert!(!contains_word("const TODOS: u8", "TODO"));
        assert!(contains_word("tokio::mpsc::unbounded_channel()", "unbounded_channel"));
    }

    #[test]
    fn rust_rules_hold_for_rust_only() {
        let files = |path: &str| vec![(path.to_owned(), "mpsc::unbounded_channel".to_owned())];
        assert_eq!(check(&files("a.rs")).len(), 1);
        assert!(check(&files("a.md")).is_empty());
    }
}
