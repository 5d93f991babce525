//! The shell on a live node: expressions of Rhai over what operators see.
//!
//! It runs on the node, beside everything else, so whatever is typed must end soon and stay small: operations, depth, sizes and time
//! have limits, there are no modules, no files and no other access than the functions of [`FUNCTIONS`]. Those that change something
//! want the role `write`, and are in the log of each node that they touch.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use consort_model::UserId;
use consort_rpc::operate::{ACTORS_MAX, By};
use rhai::serde::to_dynamic;
use rhai::{Array, Dynamic, Engine, EvalAltResult, INT, Map, Scope};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::command::Answer;
use crate::operators::Role;
use crate::process;
use crate::view::View;

/// Operations of one line.
const OPERATIONS_MAX: u64 = 1_000_000;
/// How long a line may take.
const LINE_MAX: Duration = Duration::from_secs(10);
/// Functions that call each other, and expressions within each other.
const DEPTH_MAX: usize = 32;
/// Bytes of a value's texts.
const TEXT_MAX: usize = 64 << 10;
/// Bytes that a line prints.
const PRINTED_MAX: usize = 1 << 20;
/// Bytes by which the process may grow while a line is evaluated: Rhai does not count what an assignment to an entry adds.
const GROWTH_MAX: u64 = 256 << 20;
/// Operations between two looks at that.
const GROWTH_EVERY: u64 = 512;
/// Elements of a value's arrays.
const ARRAY_MAX: usize = 20_000;
/// Entries of a value's maps.
const MAP_MAX: usize = 60_000;
/// Variables that a connection keeps.
const VARIABLES_MAX: usize = 32;

/// What there is to call: name, arguments, what it gives, and whether it changes something.
pub const FUNCTIONS: [(&str, &str, &str, bool); 16] = [
    ("help", "", "this text", false),
    ("me", "", "who you are, and what you may do", false),
    ("nodes", "", "the nodes: load, gateway, warnings", false),
    ("actors", "", "actors with a task, longest queue first, at most 1000", false),
    ("actors", "kind", "those of one kind: guild, user, private, account, name, application, slice", false),
    ("actors", "kind, by", "in the order of queue, age, busy, handled or rows", false),
    ("actor", "kind, key", "all about one: its queue, what it is at, its messages by type", false),
    ("state", "kind, key", "what the actor says of its own state", false),
    ("sessions", "user", "the gateway sessions of an account", false),
    ("sum", "array, field", "adds a field up; sum(array) adds numbers up", false),
    ("max", "array, field", "the largest of a field", false),
    ("top", "array, field, n", "the n elements with most of a field", false),
    ("count_by", "array, field", "how many elements have each value of a field", false),
    ("log_level", "filter", "sets what all nodes log, such as info,consort_guild=debug", true),
    ("log_level", "node, filter", "the same at one node", true),
    ("drain", "name", "takes a node out of the cluster", true),
];

/// What a connection remembers from line to line: its variables.
pub(crate) struct Memory(Scope<'static>);

impl Default for Memory {
    fn default() -> Self {
        Self(Scope::new())
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({})", self.0.len())
    }
}

type Outcome<T = Dynamic> = Result<T, Box<EvalAltResult>>;

/// Evaluates a line. Answers `{value, printed}`.
pub(crate) async fn run(view: View, who: String, role: Role, line: String, mut memory: Memory) -> Answer {
    let session = Session {
        view,
        who,
        role,
        runtime: Handle::current(),
        deadline: Instant::now() + LINE_MAX,
        printed: Arc::default(),
    };
    let evaluated = tokio::task::spawn_blocking(move || {
        let value = session.evaluate(&line, &mut memory.0);
        (value, memory)
    });
    match evaluated.await {
        Ok((value, memory)) => Answer { value, memory },
        Err(_) => Answer { value: Err("the shell has broken".to_owned()), memory: Memory::default() },
    }
}

#[derive(Clone)]
struct Session {
    view: View,
    who: String,
    role: Role,
    runtime: Handle,
    deadline: Instant,
    printed: Arc<Mutex<String>>,
}

impl Session {
    fn evaluate(self, line: &str, scope: &mut Scope<'static>) -> Result<Value, String> {
        let (printed, mut engine) = (self.printed.clone(), limited(self.deadline));
        let out = self.clone();
        engine.on_print(move |text| out.print(text));
        self.register(&mut engine);
        let value = engine.eval_with_scope::<Dynamic>(scope, line).map_err(|error| error.to_string())?;
        let value = serde_json::to_value(&value).map_err(|error| error.to_string())?;
        let printed = std::mem::take(&mut *printed.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(json!({ "value": value, "printed": printed }))
    }

    fn print(&self, text: &str) {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        if printed.len() + text.len() < PRINTED_MAX {
            printed.push_str(text);
            printed.push('\n');
        }
    }

    /// Waits for an answer of the cluster, in a thread that may wait.
    fn ask(&self, question: impl Future<Output = Result<Value, String>>) -> Outcome {
        let answer = self.runtime.block_on(tokio::time::timeout_at(self.deadline, question));
        let value = answer.map_err(|_| "no answer in time")??;
        for silent in value["silent"].as_array().into_iter().flatten() {
            self.print(&format!("node {} is silent: {}", silent["node"], silent["why"]));
        }
        to_dynamic(value)
    }

    /// The list in an answer.
    fn list(&self, name: &str, question: impl Future<Output = Value>) -> Outcome {
        let name = name.to_owned();
        let answer = self.ask(async { Ok(question.await) })?;
        let mut answer = answer.try_cast::<Map>().unwrap_or_default();
        Ok(answer.remove(&*name).unwrap_or_else(|| Array::new().into()))
    }

    fn actors(&self, kind: Option<&str>, by: &str) -> Outcome {
        let by: By = serde_json::from_value(by.into()).map_err(|error| error.to_string())?;
        self.list("actors", self.view.actors(kind.map(str::to_owned), by, ACTORS_MAX, false))
    }

    fn actor(&self, kind: &str, key: u64) -> Outcome {
        let actors = self.list("actors", self.view.actor(kind.to_owned(), key))?;
        let first = actors.try_cast::<Array>().and_then(|actors| actors.into_iter().next());
        first.ok_or_else(|| format!("no node has {kind} {key} in memory").into())
    }

    fn state(&self, kind: &str, key: u64) -> Outcome {
        self.ask(self.view.state(self.who.clone(), kind.to_owned(), key))
    }

    fn sessions(&self, user: u64) -> Outcome {
        self.list("sessions", self.view.sessions(self.who.clone(), UserId::new(user)))
    }

    /// Goes on only for those who may change something.
    fn writes(&self) -> Outcome<()> {
        match self.role {
            Role::Write => Ok(()),
            Role::Read => {
                Err("this changes something, and needs the token of an operator with the role write".into())
            }
        }
    }

    fn log_level(&self, node: Option<INT>, filter: &str) -> Outcome {
        self.writes()?;
        let node = node.map(u16::try_from).transpose().map_err(|_| "there is no such node")?;
        self.ask(self.view.log_level(self.who.clone(), node, filter.to_owned()))
    }

    fn drain(&self, name: &str) -> Outcome {
        self.writes()?;
        self.ask(self.view.drain(name.to_owned(), false))
    }

    fn me(&self) -> Outcome {
        to_dynamic(json!({ "who": self.who, "role": self.role }))
    }

    fn register(self, engine: &mut Engine) {
        engine.register_fn("help", help);
        engine.register_fn("sum", |array: Array| total(&array));
        engine.register_fn("sum", |array: Array, field: &str| total(&values(&array, field)));
        engine.register_fn("max", largest);
        engine.register_fn("top", top);
        engine.register_fn("count_by", count_by);
        let with = |session: &Self| session.clone();
        let s = with(&self);
        engine.register_fn("me", move || s.me());
        let s = with(&self);
        engine.register_fn("nodes", move || s.list("nodes", s.view.nodes()));
        let s = with(&self);
        engine.register_fn("actors", move || s.actors(None, "queue"));
        let s = with(&self);
        engine.register_fn("actors", move |kind: &str| s.actors(Some(kind), "queue"));
        let s = with(&self);
        engine.register_fn("actors", move |kind: &str, by: &str| s.actors(Some(kind), by));
        let s = with(&self);
        engine.register_fn("actor", move |kind: &str, key: Dynamic| s.actor(kind, id(&key)?));
        let s = with(&self);
        engine.register_fn("state", move |kind: &str, key: Dynamic| s.state(kind, id(&key)?));
        let s = with(&self);
        engine.register_fn("sessions", move |user: Dynamic| s.sessions(id(&user)?));
        let s = with(&self);
        engine.register_fn("log_level", move |filter: &str| s.log_level(None, filter));
        let s = with(&self);
        engine.register_fn("log_level", move |node: INT, filter: &str| s.log_level(Some(node), filter));
        engine.register_fn("drain", move |name: &str| self.drain(name));
    }
}

/// An engine in which everything has an end.
fn limited(deadline: Instant) -> Engine {
    let mut engine = Engine::new();
    engine.set_max_operations(OPERATIONS_MAX);
    engine.set_max_call_levels(DEPTH_MAX);
    engine.set_max_expr_depths(DEPTH_MAX, DEPTH_MAX);
    engine.set_max_string_size(TEXT_MAX);
    engine.set_max_array_size(ARRAY_MAX);
    engine.set_max_map_size(MAP_MAX);
    engine.set_max_variables(VARIABLES_MAX);
    engine.set_max_functions(VARIABLES_MAX);
    engine.disable_symbol("eval");
    let before = process::read_memory();
    engine.on_progress(move |operations| {
        if Instant::now() > deadline {
            return Some("it has taken too long".into());
        }
        let looks = operations.is_multiple_of(GROWTH_EVERY);
        let grown = looks && process::read_memory().saturating_sub(before) > GROWTH_MAX;
        grown.then(|| "the process has grown too much meanwhile".into())
    });
    engine
}

/// An id, as a number or as a text.
fn id(key: &Dynamic) -> Outcome<u64> {
    let number = key.as_int().ok().and_then(|key| u64::try_from(key).ok());
    let text = || key.clone().into_string().ok().and_then(|key| key.parse().ok());
    number.or_else(text).ok_or_else(|| format!("{key} is no id").into())
}

/// A number as what sums and orders go by; nothing for what is none.
fn number(value: &Dynamic) -> Option<f64> {
    value.as_int().map(|n| n as f64).or_else(|_| value.as_float()).ok()
}

/// A field of each element that has it.
fn values(array: &Array, field: &str) -> Vec<Dynamic> {
    let value = |element: &Dynamic| element.as_map_ref().ok()?.get(field).cloned();
    array.iter().filter_map(value).collect()
}

fn total(values: &[Dynamic]) -> Dynamic {
    let (mut whole, mut parts, mut is_whole) = (0_i64, 0.0, true);
    for value in values {
        match value.as_int() {
            Ok(n) => {
                whole = whole.saturating_add(n);
                parts += n as f64;
            }
            Err(_) => {
                let Some(n) = number(value) else { continue };
                (parts, is_whole) = (parts + n, false);
            }
        }
    }
    if is_whole { whole.into() } else { parts.into() }
}

fn by_size(a: &Dynamic, b: &Dynamic) -> std::cmp::Ordering {
    number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0))
}

fn largest(array: Array, field: &str) -> Dynamic {
    values(&array, field).into_iter().max_by(by_size).unwrap_or(Dynamic::UNIT)
}

fn top(mut array: Array, field: &str, n: INT) -> Array {
    let value = |element: &Dynamic| {
        element.as_map_ref().ok().and_then(|element| number(element.get(field)?)).unwrap_or(0.0)
    };
    array.sort_by(|a, b| value(b).total_cmp(&value(a)));
    array.truncate(usize::try_from(n).unwrap_or(0));
    array
}

fn count_by(array: Array, field: &str) -> Map {
    let mut counts = Map::new();
    for value in values(&array, field) {
        let count = counts.entry(value.to_string().into()).or_insert(Dynamic::from(0 as INT));
        *count = Dynamic::from(count.as_int().unwrap_or(0) + 1);
    }
    counts
}

fn help() -> String {
    let mut text = String::new();
    for (name, arguments, gives, writes) in FUNCTIONS {
        let call = format!("{name}({arguments})");
        let note = if writes { " [role write]" } else { "" };
        text.push_str(&format!("{call:<28} {gives}{note}\n"));
    }
    text.push_str(
        "\nArrays have filter(|a| ...), map(|a| ...), len() and so on: https://rhai.rs/book/language/arrays.html\n\
         actors(\"guild\").filter(|a| a.queue > 0).map(|a| [a.node, a.key, a.queue])\n\
         sum(actors(), \"queue\")\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(line: &str, scope: &mut Scope<'static>) -> Result<Dynamic, String> {
        let mut engine = limited(Instant::now() + LINE_MAX);
        engine.register_fn("sum", |array: Array| total(&array));
        engine.register_fn("top", top);
        engine.register_fn("count_by", count_by);
        engine.eval_with_scope(scope, line).map_err(|error| error.to_string())
    }

    #[test]
    fn whatever_is_typed_ends_and_stays_small() {
        let mut scope = Scope::new();
        let endless = [
            "loop {}",
            "let n = 0; while true { n += 1 }",
            "fn f(n) { f(n + 1) } f(0)",
            "let a = []; loop { a.push(a) }",
            "let s = \"x\"; loop { s += s }",
            "let m = #{}; let n = 0; loop { n += 1; m[`${n}`] = n }",
            "let s = \"\"; s.pad(60000, 'x'); let m = #{}; let n = 0; loop { n += 1; m[s + n] = n }",
            "eval(\"1\")",
            "import \"/etc/passwd\" as x;",
            "[0].map(|x| x.pad(1000000000, 0))",
            "let a = []; a.pad(1000000000, 0); a",
            "let s = \"\"; s.pad(1000000000, 'x'); s",
        ];
        for line in endless {
            assert!(evaluate(line, &mut scope).is_err(), "{line}");
        }
        for n in 0..VARIABLES_MAX {
            scope.push(format!("v{n}"), 0 as INT);
        }
        assert!(evaluate("let one_more = 1;", &mut scope).is_err());
    }

    #[test]
    fn variables_stay_from_line_to_line_and_sums_are_whole_where_they_can_be() {
        let mut scope = Scope::new();
        let founded =
            evaluate("let all = [#{k: \"a\", n: 2}, #{k: \"b\", n: 9}, #{k: \"a\", n: 5}];", &mut scope);
        assert!(founded.is_ok());
        assert_eq!(evaluate("sum(all.map(|x| x.n))", &mut scope).unwrap().as_int(), Ok(16));
        assert_eq!(evaluate("sum([1, 0.5])", &mut scope).unwrap().as_float(), Ok(1.5));
        assert_eq!(evaluate("top(all, \"n\", 2).map(|x| x.n)", &mut scope).unwrap().to_string(), "[9, 5]");
        assert_eq!(evaluate("count_by(all, \"k\").a", &mut scope).unwrap().as_int(), Ok(2));
    }

    #[test]
    fn every_function_is_in_the_help() {
        let text = help();
        assert!(FUNCTIONS.iter().all(|(name, ..)| text.contains(&format!("{name}("))));
    }
}
