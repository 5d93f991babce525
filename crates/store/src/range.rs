//! Which rows a scan reads, and what it reads.

use crate::{Key, Table, limits::ROWS_MAX};
use bytes::Bytes;
use std::{fmt, ops::Bound};

/// A row as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The key within the partition.
    pub key: Key,
    /// The value; rows of this project are written by [`row::encode`](crate::row::encode).
    pub value: Bytes,
}

/// Shows the value's length only: values are content of users.
impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({:?}, {} bytes)", self.key, self.value.len())
    }
}

/// The direction of a scan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Greatest key first.
    Descending,
}

/// An interval of keys, a direction and the number of rows at most.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range {
    /// The lower end, whatever the order.
    pub from: Bound<Key>,
    /// The upper end, whatever the order.
    pub to: Bound<Key>,
    /// The direction; with a limit it decides which end of the interval is read.
    pub order: Order,
    /// Rows at most; capped at [`ROWS_MAX`].
    pub limit: usize,
}

/// An interval of one partition of one table; see [`Store::scan_many`](crate::Store::scan_many).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scan {
    /// The table.
    pub table: Table,
    /// The partition.
    pub partition: u64,
    /// What of it.
    pub range: Range,
}

impl Range {
    /// The one row with this key.
    pub fn one(key: impl Into<Key>) -> Range {
        let key = key.into();
        Range { from: Bound::Included(key.clone()), to: Bound::Included(key), ..Range::all(1) }
    }

    /// All keys, ascending.
    pub fn all(limit: usize) -> Range {
        Range { from: Bound::Unbounded, to: Bound::Unbounded, order: Order::Ascending, limit }
    }

    /// All keys, descending: the newest rows of a table with snowflakes as keys.
    pub fn newest(limit: usize) -> Range {
        Range { order: Order::Descending, ..Range::all(limit) }
    }

    /// The keys after `key` without itself, ascending.
    pub fn after(key: impl Into<Key>, limit: usize) -> Range {
        Range { from: Bound::Excluded(key.into()), ..Range::all(limit) }
    }

    /// The keys before `key` without itself, **descending**.
    pub fn before(key: impl Into<Key>, limit: usize) -> Range {
        Range { to: Bound::Excluded(key.into()), ..Range::newest(limit) }
    }

    /// The keys from `from` (with it) to `to` (without it), ascending.
    pub fn between(from: impl Into<Key>, to: impl Into<Key>, limit: usize) -> Range {
        Range { from: Bound::Included(from.into()), to: Bound::Excluded(to.into()), ..Range::all(limit) }
    }

    /// The keys that begin with `prefix`, ascending.
    pub fn prefix(prefix: &[u8], limit: usize) -> Range {
        Range { from: Bound::Included(Key::bytes(prefix)), to: prefix_end(prefix), ..Range::all(limit) }
    }

    /// The same interval, greatest key first.
    pub fn descending(self) -> Range {
        Range { order: Order::Descending, ..self }
    }

    /// The limit with the cap of [`ROWS_MAX`]; what a backend goes by.
    pub fn row_limit(&self) -> usize {
        self.limit.min(ROWS_MAX)
    }

    /// Whether `key` lies in the interval.
    pub fn contains(&self, key: &Key) -> bool {
        std::ops::RangeBounds::contains(&(self.from.as_ref(), self.to.as_ref()), key)
    }
}

/// The first key after all that begin with `prefix`.
fn prefix_end(prefix: &[u8]) -> Bound<Key> {
    match prefix.iter().rposition(|byte| *byte != u8::MAX) {
        Some(last) => {
            let mut end = prefix[..=last].to_vec();
            end[last] += 1;
            Bound::Excluded(Key::bytes(&end))
        }
        None => Bound::Unbounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_holds_exactly_the_keys_that_begin_with_it() {
        let range = Range::prefix(b"a\xff", 10);
        assert!([&b"a\xff"[..], b"a\xff\0", b"a\xff\xff"].iter().all(|k| range.contains(&Key::bytes(k))));
        assert!([&b"a"[..], b"a\xfe\xff", b"b"].iter().all(|k| !range.contains(&Key::bytes(k))));
        assert_eq!(Range::prefix(b"\xff\xff", 1).to, Bound::Unbounded);
        assert_eq!(Range::prefix(b"", 1), Range { from: Bound::Included(Key::empty()), ..Range::all(1) });
    }

    #[test]
    fn limit_is_capped() {
        assert_eq!(Range::all(usize::MAX).row_limit(), ROWS_MAX);
    }
}
