//! Tree of form errors, keyed as the request nests.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

const LEAF: &str = "_errors";
/// How deep a tree goes: no request nests deeper. Whoever walks the tree does so by recursion, and keys of it may be a client's own words.
const LEVELS_MAX: usize = 64;
/// Characters that are kept of a key.
const KEY_CHARS_MAX: usize = 100;

/// A key as it is told: one that a client made up may be long.
fn shown(key: &str) -> &str {
    key.char_indices().nth(KEY_CHARS_MAX).map_or(key, |(end, _)| &key[..end])
}

/// One thing that is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FieldError {
    /// Name such as `BASE_TYPE_REQUIRED`.
    pub code: Cow<'static, str>,
    /// Text for people.
    pub message: Cow<'static, str>,
}

/// Errors of a form: those of this place, and those of the fields or elements below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormErrors {
    errors: Vec<FieldError>,
    children: BTreeMap<String, FormErrors>,
}

impl FormErrors {
    /// Makes an empty tree.
    pub const fn new() -> Self {
        Self { errors: Vec::new(), children: BTreeMap::new() }
    }

    /// Makes a tree with one error at a dotted path; the empty path is the form itself.
    pub fn at(path: &str, code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        let mut tree = Self::new();
        tree.push(path, code, message);
        tree
    }

    /// Adds an error at a dotted path. What is below the 64th key of it is told there.
    pub fn push(
        &mut self,
        path: &str,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) {
        self.node(path).errors.push(FieldError { code: code.into(), message: message.into() });
    }

    /// The place of a dotted path, made if it is not there.
    fn node(&mut self, path: &str) -> &mut Self {
        let keys = path.split('.').filter(|key| !key.is_empty()).take(LEVELS_MAX);
        keys.fold(self, |node, key| node.children.entry(shown(key).to_owned()).or_default())
    }

    /// Adds all errors of another tree, at the same places.
    pub fn merge(&mut self, other: FormErrors) {
        self.errors.extend(other.errors);
        for (key, child) in other.children {
            self.children.entry(key).or_default().merge(child);
        }
    }

    /// Adds all errors of another tree below a dotted path.
    pub(crate) fn merge_at(&mut self, path: &str, other: FormErrors) {
        self.node(path).merge(other);
    }

    /// Adds all errors of another tree below one key.
    pub fn merge_under(&mut self, key: &str, other: FormErrors) {
        if !other.is_empty() {
            self.children.entry(shown(key).to_owned()).or_default().merge(other);
        }
    }

    /// Tells whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.children.values().all(FormErrors::is_empty)
    }

    /// Returns the errors at a dotted path.
    pub fn get(&self, path: &str) -> &[FieldError] {
        let mut node = self;
        for key in path.split('.').filter(|key| !key.is_empty()) {
            match node.children.get(key) {
                Some(child) => node = child,
                None => return &[],
            }
        }
        &node.errors
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, path: &str, first: &mut bool) -> fmt::Result {
        for error in &self.errors {
            let separator = if std::mem::take(first) { "" } else { "; " };
            write!(f, "{separator}{path}: {}", error.message)?;
        }
        for (key, child) in &self.children {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            child.write(f, &below, first)?;
        }
        Ok(())
    }
}

impl fmt::Display for FormErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, "", &mut true)
    }
}

impl Serialize for FormErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let own = usize::from(!self.errors.is_empty());
        let mut map = serializer.serialize_map(Some(self.children.len() + own))?;
        for (key, child) in &self.children {
            map.serialize_entry(key, child)?;
        }
        if own == 1 {
            map.serialize_entry(LEAF, &self.errors)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for FormErrors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TreeVisitor;
        impl<'de> Visitor<'de> for TreeVisitor {
            type Value = FormErrors;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tree of form errors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FormErrors, A::Error> {
                let mut tree = FormErrors::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == LEAF {
                        tree.errors = map.next_value()?;
                    } else {
                        tree.children.insert(key, map.next_value()?);
                    }
                }
                Ok(tree)
            }
        }
        deserializer.deserialize_map(TreeVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_follows_the_request() {
        let mut tree = FormErrors::at("embeds.0.title", "A", "too long");
        tree.merge(FormErrors::at("embeds", "B", "too many"));
        tree.merge_under("embeds", FormErrors::at("0.title", "C", "odd"));
        let json = serde_json::to_string(&tree).unwrap();
        assert_eq!(
            json,
            r#"{"embeds":{"0":{"title":{"_errors":[{"code":"A","message":"too long"},{"code":"C","message":"odd"}]}},"_errors":[{"code":"B","message":"too many"}]}}"#
        );
        assert_eq!(serde_json::from_str::<FormErrors>(&json).unwrap(), tree);
        assert_eq!(tree.get("embeds.0.title").len(), 2);
        assert_eq!(tree.to_string(), "embeds: too many; embeds.0.title: too long; embeds.0.title: odd");
    }

    #[test]
    fn a_key_of_a_clients_own_makes_no_tree_that_nobody_can_walk() {
        for path in ["a.".repeat(1 << 20), "a".repeat(1 << 20)] {
            let mut tree = FormErrors::at(&path, "A", "b");
            tree.merge_under(&path, FormErrors::at("c", "A", "b"));
            tree.merge_at(&path, FormErrors::at("c", "A", "b"));
            assert!(!tree.is_empty());
            assert!(serde_json::to_string(&tree).unwrap().len() < 1000);
        }
    }

    #[test]
    fn an_error_may_sit_at_the_root() {
        let tree = FormErrors::at("", "A", "b");
        assert_eq!(serde_json::to_string(&tree).unwrap(), r#"{"_errors":[{"code":"A","message":"b"}]}"#);
        assert!(!tree.is_empty());
        assert!(FormErrors::new().is_empty());
    }
}
