//! Lengths of functions and files, tests not counted.

/// Lines beyond which a function should be split.
const FUNCTION_LINES_MAX: usize = 70;
/// Lines beyond which a file should be split.
const FILE_LINES_MAX: usize = 900;

/// Everything over its limit: a key for the baseline (without a number, so that it survives edits) and what
/// to say.
pub fn crossings(files: &[(String, String)]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs") && !is_test(path)) {
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
        let lines = code.lines().count();
        if lines > FILE_LINES_MAX {
            let message = format!("{path}: {lines} lines, more than {FILE_LINES_MAX}; is there a seam?");
            found.push((format!("file {path}"), message));
        }
        for (name, line, lines) in
            functions(code).into_iter().filter(|(_, _, lines)| *lines > FUNCTION_LINES_MAX)
        {
            let message = format!("{path}:{line}: {name} has {lines} lines, more than {FUNCTION_LINES_MAX}");
            found.push((format!("function {path} {name}"), message));
        }
    }
    found
}

/// Integration tests, and suites that several crates run, are scenarios: long ones read best from top to bottom.
fn is_test(path: &str) -> bool {
    let folder = path.starts_with("tests/") || path.contains("/tests/") || path.contains("/contract/");
    folder || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

/// Every function with a body: its name, its first line, and how many lines it has.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let mut open: Vec<(String, usize, usize)> = Vec::new();
    let mut pending: Option<(String, usize)> = None;
    let (mut depth, mut brackets, mut line) = (0usize, 0usize, 1usize);
    let mut previous = "";
    for token in tokens(code) {
        match token {
            "\n" => line += 1,
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets = brackets.saturating_sub(1),
            ";" if brackets == 0 => pending = None,
            "{" => {
                depth += 1;
                if let Some((name, start)) = pending.take_if(|_| brackets == 0) {
                    open.push((name, start, depth));
                }
            }
            "}" => {
                if let Some((name, start, _)) = open.pop_if(|(_, _, at)| *at == depth) {
                    found.push((name, start, line - start + 1));
                }
                depth = depth.saturating_sub(1);
            }
            name if previous == "fn"
                && name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_') =>
            {
                pending = Some((name.to_owned(), line));
            }
            _ => {}
        }
        if token != "\n" {
            previous = token;
        }
    }
    found
}

/// Words and single marks of Rust code; comments and literals are left out, but for their line ends.
fn tokens(code: &str) -> Vec<&str> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = at
            + match bytes[at] {
                b'/' if bytes.get(at + 1) == Some(&b'/') => until(&bytes[at..], b"\n", 0),
                b'/' if bytes.get(at + 1) == Some(&b'*') => until(&bytes[at..], b"*/", 2),
                b'"' => string(&bytes[at..]),
                b'r' | b'b' if raw_hashes(&bytes[at..]).is_some() => raw_string(&bytes[at..]),
                b'\'' => character(&bytes[at..]),
                letter if is_word(letter) => bytes[at..].iter().take_while(|next| is_word(**next)).count(),
                _ => code[at..].chars().next().map_or(1, char::len_utf8),
            };
        let token = &code[at..end.min(bytes.len())];
        let literal = matches!(bytes[at], b'"' | b'\'') || token.len() > 1 && !is_word(bytes[at]);
        if literal || token.contains('"') {
            found.extend(token.matches('\n'));
        } else if token == "\n" || !token.trim().is_empty() {
            found.push(token);
        }
        at = end.max(at + 1);
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The distance to the end of `mark`, of which `keep` bytes belong to the token.
fn until(bytes: &[u8], mark: &[u8], keep: usize) -> usize {
    bytes
        .windows(mark.len())
        .skip(1)
        .position(|window| window == mark)
        .map_or(bytes.len(), |at| at + 1 + keep)
}

fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// How many bytes stand before the quote of a raw string, and how many hashes; `None` when it is none.
fn raw_hashes(bytes: &[u8]) -> Option<(usize, usize)> {
    let prefix = if bytes.starts_with(b"br") { 2 } else { 1 };
    if prefix == 1 && bytes.first() != Some(&b'r') {
        return None;
    }
    let hashes = bytes[prefix..].iter().take_while(|byte| **byte == b'#').count();
    (bytes.get(prefix + hashes) == Some(&b'"')).then_some((prefix + hashes, hashes))
}

fn raw_string(bytes: &[u8]) -> usize {
    let (before, hashes) = raw_hashes(bytes).unwrap_or_default();
    let end = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    before + 1 + until(&bytes[before..], &end, end.len()).saturating_sub(1)
}

/// A character literal, or only its quote when it begins a lifetime.
fn character(bytes: &[u8]) -> usize {
    match bytes.get(1) {
        Some(b'\\') => until(&bytes[2..], b"'", 1) + 2,
        Some(_) => {
            let width = std::str::from_utf8(&bytes[1..bytes.len().min(5)])
                .map_or_else(|error| error.valid_up_to(), |_| 4)
                .min(4);
            (2..=1 + width)
                .find(|at| bytes.get(*at) == Some(&b'\''))
                .filter(|at| *at == 2 || bytes[1] >= 0x80)
                .map_or(1, |at| at + 1)
        }
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_literals_and_comments_do_not_count() {
        let code = "fn one() {\n  let a = \"{\"; // {\n  let b = '{'; /* {\n */ let c = r#\"{\"#;\n}\nfn two<'a>(x: &'a str) {\n}\n";
        assert_eq!(functions(code), [("one".to_owned(), 1, 5), ("two".to_owned(), 6, 2)]);
    }

    #[test]
    fn declarations_without_a_body_are_none() {
        let code = "trait T { fn none(&self, a: [u8; 2]);\n fn some() -> [u8; 3] {\n [1, 2, 3]\n }\n}";
        assert_eq!(functions(code), [("some".to_owned(), 2, 3)]);
    }

    #[test]
    fn only_new_crossings_have_keys_that_survive_edits() {
        let long = format!("fn long() {{\n{}}}\n", "let x = 1;\n".repeat(FUNCTION_LINES_MAX));
        let found = crossings(&[("a.rs".to_owned(), long)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "function a.rs long");
    }
}
