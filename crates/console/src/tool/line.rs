//! `consort shell`.

use clap::Args;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Context, Editor, Helper};
use serde_json::Value;

use super::{At, print};
use crate::client::Client;
use crate::command::Command;
use crate::shell::FUNCTIONS;
use crate::table::table;

/// Columns of a table; with more, rows are shown as JSON.
const COLUMNS_MAX: usize = 12;

/// Arguments of `consort shell`.
#[derive(Debug, Args)]
pub struct ShellArgs {
    /// Evaluates this and ends; the value is printed as JSON
    #[arg(short, long)]
    evaluate: Option<String>,
    #[command(flatten)]
    at: At,
}

/// Reads, evaluates, prints.
pub(super) async fn run(args: &ShellArgs) -> Result<(), String> {
    let mut client = args.at.connect().await?;
    if let Some(line) = &args.evaluate {
        let (printed, value) = evaluate(&mut client, line).await?;
        return print(&format!("{printed}{}", if value.is_null() { String::new() } else { as_json(&value) }));
    }
    let failed = |error: ReadlineError| error.to_string();
    let mut editor: Editor<Words, MemHistory> =
        Editor::with_history(rustyline::Config::default(), MemHistory::new()).map_err(failed)?;
    editor.set_helper(Some(Words));
    print("help() says what there is; Ctrl-D ends.\n")?;
    loop {
        let line = match tokio::task::block_in_place(|| editor.readline("consort> ")) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        if line.trim().is_empty() {
            continue;
        }
        let _kept = editor.add_history_entry(&line);
        match evaluate(&mut client, &line).await {
            Ok((printed, value)) => print(&format!("{printed}{}", shown(&value)))?,
            Err(why) => print(&format!("{why}\n"))?,
        }
    }
}

async fn evaluate(client: &mut Client, line: &str) -> Result<(String, Value), String> {
    let mut answer = client.ask(&Command::Shell { line: line.to_owned() }).await?;
    let printed = answer["printed"].as_str().unwrap_or("").to_owned();
    Ok((printed, answer["value"].take()))
}

fn as_json(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text}\n"),
        value => {
            serde_json::to_string_pretty(value).map_or_else(|error| error.to_string(), |json| json + "\n")
        }
    }
}

/// A list of small maps as a table, everything else as JSON.
fn shown(value: &Value) -> String {
    let rows: Option<Vec<_>> = value.as_array().and_then(|list| list.iter().map(Value::as_object).collect());
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else {
        return if value.is_null() { String::new() } else { as_json(value) };
    };
    let columns = |is_shown: fn(&Value) -> bool| {
        let mut titles: Vec<&str> = Vec::new();
        for (name, value) in rows.iter().flat_map(|row| row.iter()) {
            let is_simple = !value.is_null() && !value.is_object() && !value.is_array();
            if is_simple && is_shown(value) && !titles.contains(&&**name) {
                titles.push(name);
            }
        }
        titles
    };
    let mut titles = columns(|_| true);
    if titles.len() > COLUMNS_MAX {
        // Of much, what is 0 everywhere says least.
        titles = columns(|value| value.as_u64() != Some(0));
        titles.truncate(COLUMNS_MAX);
    }
    let cell = |value: Option<&Value>| match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let rows: Vec<Vec<_>> =
        rows.iter().map(|row| titles.iter().map(|title| cell(row.get(*title))).collect()).collect();
    table(&titles, &rows)
}

/// Completes the names of functions.
struct Words;

impl Completer for Words {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let start = line[..at].rfind(|c| !is_word(c)).map_or(0, |before| before + 1);
        let word = &line[start..at];
        let mut pairs: Vec<Pair> = Vec::new();
        for (name, arguments, ..) in FUNCTIONS.iter().filter(|(name, ..)| name.starts_with(word)) {
            let replacement = if arguments.is_empty() { format!("{name}()") } else { format!("{name}(") };
            if !word.is_empty() && !pairs.iter().any(|pair| pair.replacement == replacement) {
                pairs.push(Pair { display: format!("{name}({arguments})"), replacement });
            }
        }
        Ok((start, pairs))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}

#[cfg(test)]
mod tests {
    use rustyline::history::DefaultHistory;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_is_completed_to_the_functions_that_begin_with_it() {
        let history = DefaultHistory::new();
        let complete = |line: &str| {
            let (start, pairs) = Words.complete(line, line.len(), &Context::new(&history)).unwrap();
            (start, pairs.into_iter().map(|pair| pair.replacement).collect::<Vec<_>>())
        };
        assert_eq!(complete("sum(act"), (4, vec!["actors()".into(), "actors(".into(), "actor(".into()]));
        assert_eq!(complete("no"), (0, vec!["nodes()".into()]));
        assert_eq!(complete(""), (0, vec![]));
    }

    #[test]
    fn a_list_of_maps_is_a_table_of_what_says_something() {
        let list =
            json!([{"kind": "guild", "queue": 3, "at": null, "ops": []}, {"kind": "user", "queue": 0}]);
        assert_eq!(shown(&list), "kind   queue\nguild  3\nuser   0\n");
        assert_eq!(shown(&json!(7)), "7\n");
        assert_eq!(shown(&Value::Null), "");
    }
}
