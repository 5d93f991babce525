//! The query string.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use consort_model::{ApiError, Form};
use http::request::Parts;

/// Pairs of a query read at most.
const PAIRS_MAX: usize = 1024;

/// The query string's pairs; read them with [`Query::check`].
#[derive(Debug, Clone, Default)]
pub struct Query(pub Vec<(String, String)>);

impl Query {
    /// The pairs as a form, whose getters convert text.
    pub fn form(&self) -> Form<'static> {
        Form::query(&self.0)
    }

    /// Reads the pairs as a form.
    ///
    /// # Errors
    /// As those of [`Form::check`].
    pub fn check<T>(&self, read: impl FnOnce(&Form<'_>) -> Option<T>) -> Result<T, ApiError> {
        self.form().check(read)
    }

    pub(crate) fn parse(text: &[u8]) -> Vec<(String, String)> {
        // Never fails for text: broken escapes are taken literally.
        let mut pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(text).unwrap_or_default();
        pairs.truncate(PAIRS_MAX);
        pairs
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Self::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_and_python_booleans_are_read() {
        let query = Query(Query::parse(b"limit=5&wait=True&id=1&id=2&q=a%20b+c&broken=%zz"));
        let form = query.form();
        assert_eq!(form.int("limit", 1..=100), Some(5));
        assert_eq!(form.bool("wait"), Some(true));
        assert_eq!(form.ids::<()>("id", 10).map(|ids| ids.len()), Some(2));
        assert_eq!(form.str("q", 0..=10).as_deref(), Some("a b c"));
        assert_eq!(form.str("broken", 0..=10).as_deref(), Some("%zz"));
    }
}
