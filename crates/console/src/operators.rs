//! Who may do what: operators with tokens, whose hashes are in a file of the data folder.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use consort_runtime::random_token;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The file's name in the data folder.
const FILE: &str = "operators.json";
/// What tokens begin with, so that one that got lost is recognised for what it is.
const PREFIX: &str = "consort_op_";
/// Random characters of a token: 238 bits.
const TOKEN_CHARS: usize = 40;
/// The longest name of an operator.
const NAME_MAX: usize = 64;

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look at everything, change nothing.
    Read,
    /// Also what changes something: drain a node, set what is logged.
    Write,
}

/// An operator as kept in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// As the log calls the operator.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// SHA-256 of the token, hexadecimal.
    sha256: String,
}

/// The operators of a node.
#[derive(Debug, Clone)]
pub struct Operators(PathBuf);

impl Operators {
    /// Those of a data folder. The file is read at each question, so one that is taken off has no access from then on.
    pub fn of(data: &Path) -> Self {
        Self(data.join(FILE))
    }

    /// All of them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(&self) -> Result<Vec<Operator>, String> {
        match fs::read(&self.0) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| self.failed(&error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The operator with this token.
    ///
    /// # Errors
    /// As [`Operators::list`].
    pub fn find(&self, token: &str) -> Result<Option<Operator>, String> {
        let sha256 = hash(token);
        Ok(self.list()?.into_iter().find(|operator| operator.sha256 == sha256))
    }

    /// Adds an operator; gives the token, which is kept nowhere.
    ///
    /// # Errors
    /// When there is one with this name, or the file cannot be written.
    pub fn add(&self, name: &str, role: Role) -> Result<String, String> {
        let is_fine = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_fine) {
            return Err(format!("{name:?}: a name has 1 to {NAME_MAX} letters, digits and any of - _ . @"));
        }
        let mut all = self.list()?;
        if all.iter().any(|operator| operator.name == name) {
            return Err(format!("there is an operator {name} already"));
        }
        let token = format!("{PREFIX}{}", random_token(TOKEN_CHARS));
        all.push(Operator { name: name.to_owned(), role, sha256: hash(&token) });
        self.write(&all)?;
        Ok(token)
    }

    /// Takes an operator off.
    ///
    /// # Errors
    /// When there is none with this name, or the file cannot be written.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        let mut all = self.list()?;
        let before = all.len();
        all.retain(|operator| operator.name != name);
        if all.len() == before {
            return Err(format!("there is no operator {name}"));
        }
        self.write(&all)
    }

    /// Replaces the file at once, readable by its owner alone.
    fn write(&self, all: &[Operator]) -> Result<(), String> {
        let bytes = serde_json::to_vec_pretty(all).map_err(|error| self.failed(&error))?;
        let beside = self.0.with_extension("json.new");
        let written = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &self.0)
        };
        written().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> String {
        format!("{}: {error}", self.0.display())
    }
}

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_told_once_and_works_until_its_operator_is_taken_off() {
        let data = tempfile::tempdir().unwrap();
        let operators = Operators::of(data.path());
        assert_eq!(operators.list(), Ok(Vec::new()));
        let token = operators.add("ada", Role::Write).unwrap();
        let other = operators.add("bob", Role::Read).unwrap();
        assert!(operators.add("ada", Role::Read).is_err() && operators.add("a b", Role::Read).is_err());
        let found = operators.find(&token).unwrap().unwrap();
        assert_eq!((&*found.name, found.role), ("ada", Role::Write));
        assert_eq!(operators.find("consort_op_wrong"), Ok(None));
        let file = data.path().join(FILE);
        assert!(!fs::read_to_string(&file).unwrap().contains(&token), "only its hash is kept");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        operators.remove("ada").unwrap();
        assert!(operators.remove("ada").is_err());
        assert_eq!(operators.find(&token), Ok(None));
        assert!(operators.find(&other).unwrap().is_some());
    }
}
