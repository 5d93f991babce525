//! Three-state fields: absent leaves a thing as it is, null clears it, a value sets it.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// Field of a partial update. In a struct use `#[serde(default, skip_serializing_if = "Patch::is_absent")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// The key was not sent: leave.
    #[default]
    Absent,
    /// The key was sent as null: clear.
    Null,
    /// The key was sent with a value: set.
    Value(T),
}

impl<T> Patch<T> {
    /// Tells whether the key was not sent.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Tells whether the key was sent, as null or as a value.
    pub const fn is_present(&self) -> bool {
        !self.is_absent()
    }

    /// Returns the value, if one was sent.
    pub const fn as_option(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the value, if one was sent.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Returns `None` when absent, `Some(None)` when null, `Some(Some(value))` otherwise.
    pub fn into_option_option(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// Applies the update to a nullable field.
    pub fn apply(self, field: &mut Option<T>) {
        if let Some(value) = self.into_option_option() {
            *field = value;
        }
    }

    /// Applies the update to a field that has a default in place of null.
    pub fn apply_or(self, field: &mut T, default: T) {
        match self {
            Self::Absent => {}
            Self::Null => *field = default,
            Self::Value(value) => *field = value,
        }
    }

    /// Maps the value, keeping absent and null.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(f(value)),
        }
    }

    /// Borrows the value.
    pub const fn as_ref(&self) -> Patch<&T> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(value),
        }
    }
}

impl<T> From<Option<T>> for Patch<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent | Self::Null => serializer.serialize_none(),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Body {
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        nick: Patch<String>,
    }

    #[test]
    fn the_three_states_survive_a_round_trip() {
        for (json, nick) in [
            ("{}", Patch::Absent),
            ("{\"nick\":null}", Patch::Null),
            ("{\"nick\":\"a\"}", Patch::Value("a".to_owned())),
        ] {
            let body: Body = serde_json::from_str(json).unwrap();
            assert_eq!(body.nick, nick);
            assert_eq!(serde_json::to_string(&body).unwrap(), json);
        }
    }

    #[test]
    fn applying_leaves_clears_or_sets() {
        let mut field = Some(1);
        Patch::Absent.apply(&mut field);
        assert_eq!(field, Some(1));
        Patch::Value(2).apply(&mut field);
        assert_eq!(field, Some(2));
        Patch::Null.apply(&mut field);
        assert_eq!(field, None);
    }
}
