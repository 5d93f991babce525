//! One regular expression of a rule (Auto Moderation: of Rust's flavour).
//!
//! An automaton that is made as it is needed reads a text at some nanoseconds a byte. Few expressions want more states than there is
//! room for; they, and those with `\b` in a text that is not ASCII, are simulated: each byte then costs as much as the expression
//! has states. What a text may cost so in all its expressions is bounded by a budget. When it is used up the expressions that are
//! left find nothing: no expression holds up the guild.

use std::ops::Range;

use regex_automata::Input;
use regex_automata::hybrid::{dfa, regex};
use regex_automata::nfa::thompson::pikevm::{Cache, PikeVM};
use regex_automata::nfa::thompson::{Config, WhichCaptures};
use regex_automata::util::syntax;

/// Bytes of a compiled expression. `\w{50}` is refused, which would be more than a megabyte.
const COMPILED_BYTES_MAX: usize = 256 << 10;
/// Levels of groups and repetitions.
const NEST_MAX: u32 = 32;
/// Bytes of the states that are made as they are needed, in each direction.
const STATES_BYTES_MAX: usize = 128 << 10;
/// Steps of simulation for one text, over all its expressions: some milliseconds.
pub(super) const BUDGET: usize = 2_000_000;

/// A compiled expression.
pub struct Expression {
    pattern: String,
    fast: regex::Regex,
    states: regex::Cache,
    /// Compiled when it is first needed.
    slow: Option<Box<(PikeVM, Cache)>>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.pattern).finish()
    }
}

fn syntax() -> syntax::Config {
    syntax::Config::new().nest_limit(NEST_MAX)
}

fn compiled() -> Config {
    Config::new().nfa_size_limit(Some(COMPILED_BYTES_MAX))
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong with it, for whoever wrote it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let states = dfa::Config::new()
            .cache_capacity(STATES_BYTES_MAX)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(0))
            .unicode_word_boundary(true);
        let fast = regex::Regex::builder().syntax(syntax()).thompson(compiled()).dfa(states).build(pattern);
        let fast = fast.map_err(|error| {
            // The innermost says what is wrong with the expression, and where.
            let mut cause: &dyn std::error::Error = &error;
            while let Some(source) = cause.source() {
                cause = source;
            }
            cause.to_string()
        })?;
        let states = fast.create_cache();
        Ok(Self { pattern: pattern.to_owned(), fast, states, slow: None })
    }

    /// As it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Where it is first found.
    pub(super) fn find(&mut self, text: &str, budget: &mut usize) -> Option<Range<usize>> {
        match self.fast.try_search(&mut self.states, &Input::new(text)) {
            Ok(found) => found.map(|found| found.range()),
            Err(_) => self.simulate(text, budget),
        }
    }

    fn simulate(&mut self, text: &str, budget: &mut usize) -> Option<Range<usize>> {
        if self.slow.is_none() {
            let compiled = compiled().which_captures(WhichCaptures::Implicit);
            let machine = PikeVM::builder().syntax(syntax()).thompson(compiled).build(&self.pattern).ok()?;
            let cache = machine.create_cache();
            self.slow = Some(Box::new((machine, cache)));
        }
        let (machine, cache) = self.slow.as_deref_mut()?;
        let cost = machine.get_nfa().states().len() * text.len();
        *budget = budget.checked_sub(cost)?;
        machine.find(cache, text).map(|found| found.range())
    }
}
