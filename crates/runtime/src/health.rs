//! What is wrong with a node, in words, for `/healthz` and the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The warnings of a node, one for each subject. Cheap to clone; all clones are one list.
///
/// A warning says that the node serves but that an operator should look. It is logged once when it comes, and once when
/// it goes.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Health {
    /// Sets the warning about `subject` (one word, such as `clock`), or takes it away.
    pub fn set(&self, subject: &'static str, warning: Option<String>) {
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match warning {
            Some(warning) => {
                if warnings.insert(subject, warning.clone()).is_none() {
                    tracing::warn!(subject, "{warning}");
                }
            }
            None => {
                if warnings.remove(subject).is_some() {
                    tracing::info!(subject, "all is well again");
                }
            }
        }
    }

    /// The warning about a subject, if there is one.
    pub fn warning(&self, subject: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(subject).cloned()
    }

    /// The body of `/healthz`: `ok`, then a line `warning: SUBJECT: TEXT` for each warning.
    pub fn text(&self) -> String {
        let warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = warnings.iter().map(|(subject, warning)| format!("warning: {subject}: {warning}\n"));
        std::iter::once("ok\n".to_owned()).chain(lines).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Health;

    #[test]
    fn a_warning_is_told_until_it_is_taken_away() {
        let health = Health::default();
        assert_eq!(health.text(), "ok\n");
        health.clone().set("disk", Some("3 MB left".to_owned()));
        assert_eq!(health.text(), "ok\nwarning: disk: 3 MB left\n");
        health.set("disk", None);
        assert_eq!(health.text(), "ok\n");
    }
}
