//! The few command line forms the tasks need: `--flag`, `--option VALUE` and plain words.

use std::collections::VecDeque;
use std::str::FromStr;

/// What is left of the command line; each accessor takes its part out.
pub struct Args(VecDeque<String>);

impl Args {
    /// Takes the arguments of this process, without the program's name.
    pub fn from_env() -> Self {
        Self(std::env::args().skip(1).collect())
    }

    /// Takes the next word, whatever it is.
    pub fn task(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// Takes `--name` out; true when it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|word| word != name);
        self.0.len() != before
    }

    /// Takes `--name VALUE` or `--name=VALUE` out.
    ///
    /// # Errors
    /// When the value is missing or does not parse.
    pub fn option<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        let Some(at) = self
            .0
            .iter()
            .position(|word| word == name || word.split_once('=').is_some_and(|(key, _)| key == name))
        else {
            return Ok(None);
        };
        let word = self.0.remove(at).unwrap_or_default();
        let value = match word.split_once('=') {
            Some((_, value)) => value.to_owned(),
            None => self.0.remove(at).ok_or_else(|| format!("{name} wants a value"))?,
        };
        value.parse().map(Some).map_err(|_| format!("{name}: {value:?} is not valid"))
    }

    /// Takes everything that is left.
    ///
    /// # Errors
    /// When an unknown option is among it.
    pub fn rest(&mut self) -> Result<Vec<String>, String> {
        match self.0.iter().find(|word| word.starts_with('-')) {
            Some(unknown) => Err(format!("unknown option {unknown}")),
            None => Ok(self.0.drain(..).collect()),
        }
    }
}
