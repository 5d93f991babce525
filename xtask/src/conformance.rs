//! Conformance: unmodified client libraries walk a fresh server, and what they find is compared with the
//! committed results, so that a new failure and a new pass both show as a difference.

use crate::api::Api;
use crate::args::Args;
use crate::server::{self, Options, Server};
use crate::test::Tally;
use crate::{prepare, sh};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long a suite may take.
const LIMIT: Duration = Duration::from_secs(8 * 60);
/// The suites, each a folder of `tests/conformance`.
const SUITES: [&str; 4] = ["discordjs", "discordpy", "http", "twilight"];

/// Runs the named suites, or all.
///
/// # Errors
/// When the results differ from the committed ones.
pub fn run(args: &mut Args) -> Result<(), String> {
    let bless = args.flag("--bless");
    let named = args.rest()?;
    let tally = check(&named, bless)?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { Err(tally.text) }
}

/// Runs the suites against one fresh server, each with a world of its own.
///
/// # Errors
/// When the server or a suite cannot be started.
pub fn check(named: &[String], bless: bool) -> Result<Tally, String> {
    if let Some(unknown) = named.iter().find(|name| !SUITES.contains(&name.as_str())) {
        return Err(format!("no suite {unknown}; there are {}", SUITES.join(", ")));
    }
    let suites: Vec<&str> = SUITES
        .into_iter()
        .filter(|suite| named.is_empty() || named.iter().any(|name| name == suite))
        .collect();
    let binary = server::build(false)?;
    let data = sh::fresh("conformance-data")?;
    let server = Server::start(&Options {
        binary: &binary,
        data: &data,
        log: "conformance-server",
        extra: &["--dev"],
        env: &[],
    })?;
    let api = server.api();
    let runs: Vec<(&str, Result<Vec<String>, String>)> = std::thread::scope(|scope| {
        let started: Vec<_> =
            suites.iter().map(|suite| (*suite, scope.spawn(|| suite_lines(suite, &api, &data)))).collect();
        started
            .into_iter()
            .map(|(suite, thread)| {
                (suite, thread.join().unwrap_or_else(|_| Err("the runner panicked".to_owned())))
            })
            .collect()
    });
    let mut lines = Vec::new();
    for (suite, run) in runs {
        lines.extend(run.map_err(|error| format!("{suite}: {error}"))?);
    }
    server.stop()?;
    compare(&suites, &lines, bless)
}

/// Runs one suite and returns its lines, `SUITE AREA.CHECK ok|FAIL|skip` and, after that, the detail.
fn suite_lines(suite: &str, api: &str, data: &Path) -> Result<Vec<String>, String> {
    // account names may not hold the protocol's own name, which two of the suites do
    let world = Api::new(api).world(&suite.replace("discord", ""))?;
    let dir = sh::root().join("tests/conformance").join(suite);
    let mut command = match suite {
        "discordjs" => {
            prepare::npm()?;
            let mut node = Command::new("node");
            // Of the voice gateway. Node reads it when it starts.
            node.arg("main.mjs").env("NODE_EXTRA_CA_CERTS", data.join("tls/ca.pem"));
            node
        }
        "discordpy" | "http" => {
            let mut python = Command::new(prepare::python()?);
            python.arg("main.py");
            python
        }
        // built together with the server
        _ => Command::new(sh::target().join("debug").join("conformance-twilight")),
    };
    command.current_dir(dir).envs(world.env(api));
    let log = sh::logged(&format!("conformance-{suite}"), &mut command, LIMIT)?;
    Ok(log.lines().filter_map(|line| line_of(suite, line)).collect())
}

/// Turns a suite's line `ok AREA.CHECK detail` into `SUITE AREA.CHECK ok detail`; other output is none.
fn line_of(suite: &str, line: &str) -> Option<String> {
    let (verdict, rest) = line.split_once(' ')?;
    if !matches!(verdict, "ok" | "FAIL" | "skip") {
        return None;
    }
    let (check, detail) = rest.split_once(' ').unwrap_or((rest, ""));
    check.contains('.').then(|| format!("{suite} {check} {verdict} {detail}").trim_end().to_owned())
}

fn results_path() -> PathBuf {
    sh::root().join("tests/conformance/results.txt")
}

/// Compares with the committed file, or writes it when `bless` is set.
fn compare(suites: &[&str], lines: &[String], bless: bool) -> Result<Tally, String> {
    let ran = |line: &str| suites.iter().any(|suite| line.split(' ').next() == Some(suite));
    let found: BTreeSet<String> = lines.iter().map(|line| first_words(line, 3)).collect();
    let path = results_path();
    let committed = sh::read(&path);
    if bless {
        let mut all: BTreeSet<String> =
            committed.lines().filter(|line| !ran(line)).map(str::to_owned).collect();
        all.extend(found.iter().cloned());
        let text = all.into_iter().map(|line| line + "\n").collect::<String>();
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        let failing: Vec<&String> = lines.iter().filter(|line| line.contains(" FAIL")).collect();
        failing.iter().for_each(|line| println!("{line}"));
        return Ok(Tally { passed: found.len() - failing.len(), failed: 0, text: String::new() });
    }
    let expected: BTreeSet<String> = committed.lines().filter(|line| ran(line)).map(str::to_owned).collect();
    let mut text: Vec<String> = expected.difference(&found).map(|line| format!("- {line}")).collect();
    text.extend(found.difference(&expected).map(|line| {
        let detail = lines.iter().find(|full| first_words(full, 3) == **line);
        format!("+ {}", detail.unwrap_or(line))
    }));
    text.sort_by(|a, b| a[2..].cmp(&b[2..]));
    let passed = found.intersection(&expected).count();
    let failed = text.len();
    let head =
        "the results differ from tests/conformance/results.txt (cargo xtask conformance --bless writes it):";
    Ok(Tally { passed, failed, text: format!("{head}\n{}", text.join("\n")) })
}

fn first_words(line: &str, count: usize) -> String {
    line.splitn(count + 1, ' ').take(count).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn only_verdict_lines_of_a_suite_count() {
        assert_eq!(line_of("js", "ok login.ready 12 ms").as_deref(), Some("js login.ready ok 12 ms"));
        assert_eq!(line_of("js", "FAIL roles.create").as_deref(), Some("js roles.create FAIL"));
        assert_eq!(line_of("js", "ok then"), None);
        assert_eq!(line_of("js", "1 passed"), None);
    }
}
