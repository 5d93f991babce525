//! Client libraries of other families against a fresh server: for each a small bot, and one scripted person who asks it for things
//! and looks what came of them. What was seen is written to `docs/libraries.md`.

mod feed;
mod interplay;
mod proxy;
mod stage;
mod steps;
mod toolchain;

use crate::api::Api;
use crate::args::Args;
use crate::server::{self, Options, Server};
use crate::sh;
use proxy::Proxy;
use stage::{Miss, Places, Stage};
use std::path::{Path, PathBuf};
use steps::Step;
use toolchain::Unready;

/// Between these lines of the page stand the results.
const BEGIN: &str = "<!-- results -->\n";
const END: &str = "<!-- end of results -->\n";

/// What came of one library.
struct Report {
    name: String,
    version: String,
    passed: usize,
    /// Step and reason.
    failed: Vec<(String, String)>,
    cannot: Vec<(String, String)>,
}

/// Runs the named libraries, or all; `--bless` writes the page, `--only STEP` takes the steps whose names hold that.
///
/// # Errors
/// When a step fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    let bless = args.flag("--bless");
    let only = args.option::<String>("--only")?.unwrap_or_default();
    let named = args.rest()?;
    let all = libraries()?;
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        return Err(format!("no library {unknown}; there are {}", all.join(", ")));
    }
    let binary = server::build(false)?;
    let mut failures = 0;
    for name in all.iter().filter(|name| named.is_empty() || named.contains(name)) {
        match toolchain::bot(name, &dir().join(name)) {
            Err(Unready::Missing(word)) => println!("{name:14} skipped: {word}"),
            Err(Unready::Failed(error)) => {
                failures += 1;
                println!("{name:14} cannot be built: {error}");
            }
            Ok(bot) => {
                let report = walk(name, &binary, bot, &only)?;
                failures += report.failed.len();
                print(&report);
                if bless {
                    write(&report)?;
                }
            }
        }
    }
    if failures == 0 { Ok(()) } else { Err(format!("{failures} failed")) }
}

fn dir() -> PathBuf {
    sh::root().join("tests/libraries")
}

/// The folders with a bot, by name.
fn libraries() -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(dir()).map_err(|error| format!("{}: {error}", dir().display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name != "common")
        .collect();
    names.sort();
    Ok(names)
}

/// Takes every step with one bot, on a server of its own.
fn walk(name: &str, binary: &Path, bot: std::process::Command, only: &str) -> Result<Report, String> {
    let proxy = Proxy::start()?;
    let data = sh::fresh(&format!("libraries/{name}-data"))?;
    let public = format!("http://{}", proxy.address);
    let server = Server::start(&Options {
        binary,
        data: &data,
        log: &format!("library-{name}-server"),
        extra: &["--dev", "--public-url", &public],
        env: &[],
    })?;
    proxy.lead_to(server.address);
    let api = Api::new(&server.api());
    let places = Places::make(&api)?;
    let mut report = Report {
        name: name.to_owned(),
        version: String::new(),
        passed: 0,
        failed: Vec::new(),
        cannot: Vec::new(),
    };
    match Stage::set(name, api, server.address, proxy, places, bot) {
        Err(reason) => report.failed.push(("login".to_owned(), reason)),
        Ok(stage) => {
            report.passed += 1;
            let version = stage.said.wait(0, std::time::Duration::ZERO, |line| line.starts_with("version "));
            report.version = version.map(|line| line["version ".len()..].to_owned()).unwrap_or_default();
            let steps = steps::STEPS.iter().chain(interplay::STEPS);
            for step in steps.filter(|step| step.0.contains(only)) {
                take(&stage, step, &mut report);
            }
        }
    }
    server.stop()?;
    std::fs::remove_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    Ok(report)
}

fn take(stage: &Stage, Step(name, step): &Step, report: &mut Report) {
    match step(stage) {
        Ok(()) => report.passed += 1,
        Err(Miss::Fail(reason)) => report.failed.push(((*name).to_owned(), reason)),
        Err(Miss::Cannot(reason)) => report.cannot.push(((*name).to_owned(), reason)),
    }
}

fn print(report: &Report) {
    let Report { name, version, passed, failed, cannot } = report;
    println!(
        "{name:14} {version:10} {passed} passed, {} failed, {} not in the library",
        failed.len(),
        cannot.len()
    );
    for (step, reason) in failed {
        println!("    FAIL   {step}: {reason}");
    }
    for (step, reason) in cannot {
        println!("    cannot {step}: {reason}");
    }
}

/// Puts a library's row into the page, in place of its former one.
fn write(report: &Report) -> Result<(), String> {
    let path = sh::root().join("docs/libraries.md");
    let page = sh::read(&path);
    let (head, rest) = page.split_once(BEGIN).ok_or_else(|| format!("{}: no results", path.display()))?;
    let (table, tail) =
        rest.split_once(END).ok_or_else(|| format!("{}: no end of results", path.display()))?;
    let (titles, rows) =
        table.split_at(table.match_indices('\n').nth(1).map_or(table.len(), |(at, _)| at + 1));
    let date = sh::output(std::process::Command::new("date").args(["-u", "+%F"]))?;
    let page = format!("{head}{BEGIN}{titles}{}{END}{tail}", replaced(rows, &row(report, &date)));
    std::fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))
}

/// The rows with a new one, in order.
fn replaced(rows: &str, new: &str) -> String {
    let library = new.split('|').nth(1).unwrap_or_default();
    let mut rows: Vec<&str> =
        rows.lines().filter(|row| row.split('|').nth(1) != Some(library)).chain([new]).collect();
    rows.sort_unstable();
    rows.iter().fold(String::new(), |text, row| text + row + "\n")
}

/// Steps with their reason, those of one reason together.
fn listed(list: &[(String, String)]) -> String {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (step, reason) in list {
        // the first line, and no bars, so that a reason stays in its cell
        let line = reason.lines().next().unwrap_or_default();
        let reason: String = line.replace('|', "/").chars().take(120).collect();
        match groups.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, steps)) => steps.push(step),
            None => groups.push((reason, vec![step])),
        }
    }
    let texts: Vec<String> =
        groups.iter().map(|(reason, steps)| format!("{}: {reason}", steps.join(", "))).collect();
    texts.join("; ")
}

fn row(report: &Report, date: &str) -> String {
    let Report { name, version, passed, failed, cannot } = report;
    format!("| {name} | {version} | {date} | {passed} | {} | {} |", listed(failed), listed(cannot))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn a_row_takes_the_place_of_the_librarys_former_one() {
        assert_eq!(replaced("| a | 1 |\n| c | 1 |\n", "| c | 2 |"), "| a | 1 |\n| c | 2 |\n");
        assert_eq!(replaced("| a | 1 |\n| c | 1 |\n", "| b | 2 |"), "| a | 1 |\n| b | 2 |\n| c | 1 |\n");
    }
}
