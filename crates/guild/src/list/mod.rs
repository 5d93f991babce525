//! The member list that people look at: members in groups, in the order of their names, and the windows that sessions see.
//!
//! A list is an ordered set of compact keys; every change gives the row it happened at in O(log n). Rows are what a client
//! counts: the header of each group that has members is a row too. A session looks at ranges of rows and is sent, of each
//! change, at most two splices a range, whatever the size of the list.

mod counted;
mod key;
mod window;

use std::collections::HashMap;

use consort_model::{RoleId, UserId};

pub use counted::Counted;
pub use key::{Key, fold_name};
pub use window::{Change, Splice, Window, merge};

/// A group of the list. Ordered as shown: hoisted roles from the highest down, then those online, then those offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Group {
    /// Online members whose highest hoisted role this is.
    Role(RoleId),
    /// Online members without a hoisted role.
    Online,
    /// Everybody else.
    Offline,
}

impl Group {
    /// The group's id on the wire: the role's id, `online` or `offline`.
    pub fn wire_id(self) -> String {
        match self {
            Self::Role(role) => role.to_string(),
            Self::Online => "online".into(),
            Self::Offline => "offline".into(),
        }
    }
}

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// A header, with the number of its members.
    Group(Group, u32),
    /// A member.
    Member(UserId),
}

/// The list of those who see one channel (or of everybody, for channels that all see).
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Groups as shown; a key's group is an index into it.
    groups: Vec<Group>,
    counts: Vec<u32>,
    entries: Counted<Key>,
    keys: HashMap<UserId, Key>,
}

impl List {
    /// An empty list with these groups, in the order shown.
    pub fn new(groups: Vec<Group>) -> Self {
        let counts = vec![0; groups.len()];
        Self { groups, counts, entries: Counted::new(), keys: HashMap::new() }
    }

    /// How many members it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many members are online: all but the offline group.
    pub fn online(&self) -> u32 {
        let groups = self.groups.iter().zip(&self.counts);
        groups.filter(|(group, _)| **group != Group::Offline).map(|(_, count)| count).sum()
    }

    /// The groups that have members, with their number.
    pub fn groups(&self) -> impl Iterator<Item = (Group, u32)> + '_ {
        self.groups.iter().copied().zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// How many rows there are, headers included.
    pub fn rows(&self) -> usize {
        self.len() + self.groups().count()
    }

    /// The rows of a range, as far as there are any.
    pub fn window(&self, from: usize, to: usize) -> Vec<Row> {
        let mut rows = Vec::with_capacity(to.saturating_sub(from));
        let (mut start, mut first) = (0, 0);
        for (group, count) in self.groups() {
            let header = start;
            let end = header + 1 + count as usize;
            if (from..to).contains(&header) {
                rows.push(Row::Group(group, count));
            }
            let (lo, hi) = (from.max(header + 1), to.min(end));
            if lo < hi {
                let at = first + lo - header - 1;
                let members = self.entries.window(at..at + (hi - lo));
                rows.extend(members.map(|key| Row::Member(key.user())));
            }
            start = end;
            first += count as usize;
        }
        rows
    }

    /// Puts a member where it belongs now (`group` is an index into the list's groups), or takes it out with `None`.
    /// Returns what that changed in rows.
    pub fn set(&mut self, user: UserId, place: Option<(usize, &str)>) -> Change {
        let new = place.map(|(group, name)| Key::new(group, name, user));
        let old = self.keys.get(&user).copied();
        if old == new {
            return old.map_or(Change::None, |key| Change::Updated { row: self.row_of(&key) });
        }
        let removed = old.map(|key| self.take(&key));
        let inserted = new.map(|key| self.put(key));
        match new {
            Some(key) => drop(self.keys.insert(user, key)),
            None => drop(self.keys.remove(&user)),
        }
        let headers = removed.is_some_and(|(_, header)| header) || inserted.is_some_and(|(_, header)| header);
        match (removed.map(|(row, _)| row), inserted.map(|(row, _)| row)) {
            (None, None) => Change::None,
            // A header came or went: more than one row at a time, so windows from here on are sent anew.
            (from, to) if headers => {
                let row = from.into_iter().chain(to).min().unwrap_or(0);
                Change::Shifted { row: row.saturating_sub(1) }
            }
            (from, to) => Change::Moved { from, to },
        }
    }

    /// Where the groups of the list are; see [`List::set`].
    pub fn group_index(&self, group: Group) -> Option<usize> {
        self.groups.iter().position(|other| *other == group)
    }

    fn row_of(&self, key: &Key) -> usize {
        self.entries.rank(key) + self.headers_to(key.group())
    }

    /// Headers down to a group's own.
    fn headers_to(&self, group: usize) -> usize {
        self.counts.iter().take(group + 1).filter(|count| **count > 0).count()
    }

    /// Removes a key: the row it had, and whether its header went with it.
    fn take(&mut self, key: &Key) -> (usize, bool) {
        let row = self.row_of(key);
        self.entries.remove(key);
        let count = &mut self.counts[key.group()];
        *count -= 1;
        (row, *count == 0)
    }

    /// Adds a key: the row it has, and whether its header came with it.
    fn put(&mut self, key: Key) -> (usize, bool) {
        self.entries.insert(key);
        let count = &mut self.counts[key.group()];
        *count += 1;
        let first = *count == 1;
        (self.row_of(&key), first)
    }
}
