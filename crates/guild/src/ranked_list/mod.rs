//! The member list that people look at: members in groups, in the order of their names, and the windows that sessions see.
//!
//! A list is an ordered set of compact keys; every change gives the rows it happened at in O(log n). Rows are what a client
//! counts: the header of each group that has members is a row too. A session looks at ranges of rows and is sent what is
//! different there, whatever the size of the list.

mod counted;
mod key;
mod window;

use std::ops::Range;

use consort_model::{Lookup, RoleId, UserId};

pub use counted::Counted;
pub use key::Key;
use key::SortKey;
pub use window::{Splice, Window, merge, splices};

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
    places: Lookup<UserId, SortKey>,
}

impl List {
    /// An empty list with these groups, in the order shown.
    pub fn new(groups: Vec<Group>) -> Self {
        Self::of(groups, Vec::new())
    }

    /// A list of many members at once; each user must come once, in one of the groups.
    pub fn of(groups: Vec<Group>, mut keys: Vec<Key>) -> Self {
        keys.sort_unstable();
        let mut counts = vec![0; groups.len()];
        keys.iter().for_each(|key| counts[key.group()] += 1);
        let mut places = Lookup::with_capacity(keys.len());
        places.extend(keys.iter().filter_map(|key| Some((key.user()?, key.place()))));
        Self { groups, counts, entries: Counted::from_sorted(&keys), places }
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

    /// The keys of the rows of a window, headers included, as far as there are any.
    pub fn window(&self, window: Window) -> Vec<Key> {
        let mut rows = Vec::with_capacity(window.to.min(self.rows()).saturating_sub(window.from));
        self.read(window, &mut rows);
        rows
    }

    /// Adds them to `rows`.
    pub fn read(&self, window: Window, rows: &mut Vec<Key>) {
        let Window { from, to } = window;
        let (mut start, mut first) = (0, 0);
        for (index, count) in self.counts.iter().map(|count| *count as usize).enumerate() {
            if count == 0 {
                continue;
            }
            let header = start;
            let end = header + 1 + count;
            if (from..to).contains(&header) {
                rows.push(Key::header(index));
            }
            let (lo, hi) = (from.max(header + 1), to.min(end));
            if lo < hi {
                let at = first + lo - header - 1;
                self.entries.runs(at..at + (hi - lo)).for_each(|run| rows.extend_from_slice(run));
            }
            if end >= to {
                break;
            }
            start = end;
            first += count;
        }
    }

    /// What a row with this key shows.
    pub fn row(&self, key: &Key) -> Option<Row> {
        if let Some(user) = key.user() {
            return Some(Row::Member(user));
        }
        Some(Row::Group(*self.groups.get(key.group())?, *self.counts.get(key.group())?))
    }

    /// The group that a row is in.
    pub fn group(&self, key: &Key) -> Option<Group> {
        self.groups.get(key.group()).copied()
    }

    /// Puts a member where it belongs now (`group` is an index into the list's groups), or takes it out with `None`.
    /// Returns the rows that may look different now; of some that have gone the number is from before.
    pub fn set(&mut self, user: UserId, place: Option<(usize, &str)>) -> Option<Range<usize>> {
        let new = place.map(|(group, name)| Key::new(group, name, user));
        let old = self.places.get(&user).map(|place| Key::at(*place, user));
        if old == new {
            let row = self.row_of(&old?);
            return Some(row..row + 1);
        }
        let removed = old.map(|key| self.take(&key));
        let inserted = new.map(|key| self.put(key));
        match new {
            Some(key) => drop(self.places.insert(user, key.place())),
            None => drop(self.places.remove(&user)),
        }
        let ((left, gone), (came, new)) = match (removed, inserted) {
            (Some(removed), Some(inserted)) => (removed, inserted),
            // The rows below have moved.
            (Some((row, header)), None) | (None, Some((row, header))) => {
                return Some(row - usize::from(header)..usize::MAX);
            }
            (None, None) => return None,
        };
        let first = left.min(came);
        // A header came or went: what is below has moved too.
        Some(if gone || new { first.saturating_sub(1)..usize::MAX } else { first..left.max(came) + 1 })
    }

    /// Where the groups of the list are; see [`List::set`].
    pub fn group_index(&self, group: Group) -> Option<usize> {
        self.groups.iter().position(|other| *other == group)
    }

    /// The key that a member has now.
    pub fn key_of(&self, user: UserId) -> Option<Key> {
        Some(Key::at(*self.places.get(&user)?, user))
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
        let headers = self.headers_to(key.group());
        let row = self.entries.remove(key).unwrap_or(0) + headers;
        let count = &mut self.counts[key.group()];
        *count -= 1;
        (row, *count == 0)
    }

    /// Adds a key: the row it has, and whether its header came with it.
    fn put(&mut self, key: Key) -> (usize, bool) {
        let count = &mut self.counts[key.group()];
        *count += 1;
        let first = *count == 1;
        let row = self.entries.insert(key).unwrap_or(0) + self.headers_to(key.group());
        (row, first)
    }
}
