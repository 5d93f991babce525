//! Cores are handed time and chance, and let no hash order out: what one does follows from what it is given.

/// Where the cores are: folders, or files.
const CORES: [&str; 9] = [
    "crates/account/src/",
    "crates/actor/src/pipeline/",
    "crates/application/src/",
    "crates/conversation/src/",
    "crates/gateway/src/slice/",
    "crates/guild/src/",
    "crates/model/src/",
    "crates/session/src/",
    "crates/user/src/",
];

/// What must not stand there, and what to do instead.
const WORDS: [(&str, &str); 11] = [
    ("SystemTime", "a core is told the time: `cx.now`"),
    ("Instant::now", "a core is told the time: `cx.now`"),
    ("ClockRef", "a core is told the time: `cx.now`"),
    ("random_bytes", "a core is handed randomness with its turn: `cx.random`"),
    ("random_hex", "a core is handed randomness with its turn: `cx.random`"),
    ("random_token", "a core is handed randomness with its turn: `cx.random`"),
    ("random_u64", "a core is handed randomness with its turn: `cx.random`"),
    ("getrandom", "a core is handed randomness with its turn: `cx.random`"),
    ("HashMap", "a hash order must not get out: `consort_model::Lookup`, or an ordered map"),
    ("HashSet", "a hash order must not get out: `consort_model::LookupSet`, or an ordered set"),
    ("tokio::spawn", "a core starts no tasks"),
];

/// The one file that wraps what others must not use.
const LOOKUP: &str = "crates/model/src/lookup.rs";

fn is_core(path: &str) -> bool {
    let is_test = path.contains("/tests/") || path.ends_with("tests.rs") || path.contains("_tests");
    CORES.iter().any(|core| path.starts_with(core)) && !is_test && path != LOOKUP
}

/// Looks through the cores, apart from their tests; a line for each find.
pub fn check(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs") && is_core(path)) {
        let code = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
        for (number, line) in code.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for (word, advice) in WORDS {
                if super::words::contains_word(line, word) {
                    found.push(format!("{path}:{}: {word}: {advice}", number + 1));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&[(path.to_owned(), text.to_owned())]).len()
    }

    #[test]
    fn a_core_that_asks_a_clock_or_walks_hashes_is_found_and_its_tests_may() {
        let text =
            "use std::collections::HashMap;\n// HashMap\nlet now = Instant::now();\n#[cfg(test)]\nHashSet";
        assert_eq!(found("crates/guild/src/core/mod.rs", text), 2);
        assert_eq!(found("crates/guild/src/core/tests.rs", text), 0);
        assert_eq!(found("crates/guild/tests/it/world.rs", text), 0);
        assert_eq!(found("crates/rest/src/app.rs", text), 0);
    }
}
