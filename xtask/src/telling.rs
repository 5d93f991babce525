//! Which lines of a log say what failed. A log that is cut, or long, is of use only when these stand at its end.

/// Lines of a summary for all sections that failed, so that the end of a log holds them.
const LINES_MAX: usize = 30;
/// What is shown of a log that has none of the lines known here.
const LAST_LINES: usize = 6;
/// Lines longer than this are cut: a command line, or JSON in an assertion.
const COLUMNS_MAX: usize = 240;

/// One failure: the line that names it, and what goes with that.
type Failure<'a> = Vec<&'a str>;

/// How many lines after one that names a failure belong to it; `None` when it names none.
fn belonging(line: &str) -> Option<usize> {
    let bare = line.trim_start();
    if bare.starts_with("FAIL ") {
        return Some(8); // the browser tests, clients' suites, vitest
    }
    if line.starts_with("test ") && line.ends_with(" FAILED") {
        return Some(0); // cargo test
    }
    if line.starts_with("thread '") && line.contains("panicked at") {
        return Some(2);
    }
    if line.starts_with("seed ") && line.contains("broken") {
        return Some(1); // the simulator
    }
    if line.starts_with("error: ") || line.starts_with("error[") {
        return Some(1); // rustc and clippy
    }
    // A result that is not as it was; eslint; svelte-check.
    let differs = (line.starts_with("+ ") || line.starts_with("- ")) && line.split_whitespace().count() > 2;
    (differs || bare.contains("  error  ") || line.contains(" ERROR ")).then_some(0)
}

/// The failures that a log names, each once, as it was told last: the last telling is the one that was made to be read.
fn failures(log: &str) -> Vec<Failure<'_>> {
    let mut found: Vec<Failure<'_>> = Vec::new();
    let mut lines = log.lines().peekable();
    let goes_on =
        |next: &&str| !next.trim().is_empty() && belonging(next).is_none() && !next.starts_with("ok ");
    while let Some(line) = lines.next() {
        let Some(more) = belonging(line) else { continue };
        let mut failure = vec![line];
        while failure.len() <= more
            && let Some(next) = lines.next_if(goes_on)
        {
            failure.push(next);
        }
        match found.iter_mut().find(|known| known.first() == failure.first()) {
            Some(known) => *known = failure,
            None => found.push(failure),
        }
    }
    found
}

/// The lines of a log that say what failed, at most so many; empty when there is none.
pub fn lines(log: &str, most: usize) -> String {
    let mut all = failures(log).concat();
    all.truncate(most);
    all.join("\n")
}

/// The end of a run in which these sections failed, each with its text.
pub fn summary(failed: &[(&str, &str)]) -> String {
    let each = (LINES_MAX / failed.len().max(1)).max(3);
    let mut shown = Vec::new();
    for (section, text) in failed {
        let all = failures(text);
        let mut lines = all.concat();
        if lines.len() > each {
            // Rather every failure's name than everything about the first ones.
            lines = all.iter().filter_map(|failure| failure.first().copied()).collect();
        }
        if lines.is_empty() {
            let full: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
            lines = full[full.len().saturating_sub(LAST_LINES)..].to_vec();
        }
        let more = lines.len().saturating_sub(each);
        lines.truncate(each);
        shown.push(format!("what failed in {section}:"));
        shown.extend(lines.into_iter().map(|line| format!("  {}", cut(line))));
        if more > 0 {
            shown.push(format!("  and {more} lines more, above"));
        }
    }
    shown.join("\n")
}

fn cut(line: &str) -> String {
    line.chars().take(COLUMNS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "ok   a forum is read (135 ms)\n\
        FAIL a poll is started (posts.mjs:63)\n     locator.click: Timeout\n     - waiting for the button\n\
        ok   a thread (1 ms)\n\
        FAIL a poll is started (posts.mjs:63)\n     locator.click: Timeout\n     a dialog intercepts it\n\n1 passed, 1 failed\n";

    #[test]
    fn a_failure_is_told_once_with_what_belongs_to_it() {
        let told = summary(&[("e2e", BROWSER)]);
        assert_eq!(
            told,
            "what failed in e2e:\n  FAIL a poll is started (posts.mjs:63)\n       locator.click: Timeout\n       a dialog intercepts it"
        );
    }

    #[test]
    fn cargo_rustc_seeds_and_differing_results_are_known() {
        let log = "running 1 test\ntest a::b ... FAILED\n\nthread 'a::b' (7) panicked at src/a.rs:1:2:\nassertion failed: x\n\
            error[E0425]: cannot find value\n --> src/lib.rs:1:1\nseed 174: 1 broken\n  somebody has sessions\n\
            - js roles.create ok\n+ js roles.create FAIL\n";
        let named = lines(log, 100);
        for line in ["test a::b ... FAILED", "error[E0425]", "seed 174: 1 broken", "+ js roles.create FAIL"] {
            assert!(named.contains(line), "{line}: {named}");
        }
        assert!(summary(&[("cargo-test", log)]).contains("assertion failed: x"));
    }

    #[test]
    fn of_many_failures_the_names_are_told_and_of_an_unknown_log_the_end() {
        let many: String = (0..50).map(|n| format!("FAIL test {n}\n     why\n")).collect();
        let told = summary(&[("e2e", &many), ("crash", "one\ntwo\n")]);
        assert!(told.lines().count() <= LINES_MAX + 4, "{told}");
        assert!(told.contains("FAIL test 14\n  and 35 lines more, above"), "{told}");
        assert!(told.ends_with("what failed in crash:\n  one\n  two"), "{told}");
    }
}
