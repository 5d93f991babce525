//! The operations of the public API, built here or not: so that a call of one that is not can be told from a mistyped path.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use http::Method;
use matchit::Router;

/// One a line, `METHOD path`, after the API's published schema and its documentation; those of people's own clients after
/// the community's.
const TABLE: &str = include_str!("operations.txt");

static OPERATIONS: LazyLock<Operations> = LazyLock::new(|| Operations::read(TABLE));

/// Whether a path (after the version) and method are an operation of the API.
pub(crate) fn is_known(method: &Method, path: &str) -> bool {
    OPERATIONS.is_known(method, path)
}

/// Methods by path.
struct Operations(Router<Vec<Method>>);

impl Operations {
    fn read(table: &str) -> Self {
        let mut by_path = BTreeMap::<String, Vec<Method>>::new();
        for (method, path) in table.lines().filter_map(|line| line.split_once(' ')) {
            by_path.entry(unnamed(path)).or_default().extend(method.parse().ok());
        }
        let mut router = Router::new();
        for (path, methods) in by_path {
            if let Err(error) = router.insert(&path, methods) {
                tracing::error!(%path, %error, "the table of operations has two paths in one place");
            }
        }
        Self(router)
    }

    fn is_known(&self, method: &Method, path: &str) -> bool {
        self.0.at(path).is_ok_and(|found| found.value.contains(method))
    }
}

/// A path whose parameters are called by their position: they have other names in other operations.
fn unnamed(path: &str) -> String {
    let segments = path.split('/').enumerate().skip(1).map(|(position, segment)| {
        if segment.starts_with('{') { format!("/{{p{position}}}") } else { format!("/{segment}") }
    });
    segments.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_an_operation() {
        for line in TABLE.lines() {
            let (method, path) = line.split_once(' ').unwrap();
            let example: Vec<_> =
                path.split('/').map(|segment| if segment.starts_with('{') { "1" } else { segment }).collect();
            assert!(is_known(&method.parse().unwrap(), &example.join("/")), "{line}");
        }
    }

    #[test]
    fn mistyped_paths_and_other_methods_are_none() {
        assert!(is_known(&Method::GET, "/guilds/1/scheduled-events"));
        assert!(!is_known(&Method::PUT, "/guilds/1/scheduled-events"));
        assert!(!is_known(&Method::GET, "/guilds/1/scheduled-event"));
        assert!(!is_known(&Method::GET, "/"));
    }
}
