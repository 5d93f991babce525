//! What a change of the list means for a range of rows that somebody looks at.

/// A range of rows: first and one past the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The first row.
    pub from: usize,
    /// One past the last row.
    pub to: usize,
}

/// What happened to the rows of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing to be seen.
    None,
    /// A row shows the same member with other properties.
    Updated {
        /// The row.
        row: usize,
    },
    /// A member went from one row to another, came (`from: None`) or left (`to: None`). `from` is the row before, `to` the row
    /// after the removal.
    Moved {
        /// The row it left.
        from: Option<usize>,
        /// The row it has now.
        to: Option<usize>,
    },
    /// From this row on everything may be elsewhere.
    Shifted {
        /// The first row concerned.
        row: usize,
    },
}

/// What a client does to its rows; items are to be read from the list as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splice {
    /// Takes a row out; those below move up.
    Delete(usize),
    /// Puts the item that the list has there now in; those below move down.
    Insert(usize),
    /// Shows the item that the list has there now.
    Update(usize),
    /// Replaces the whole range.
    Sync(Window),
}

impl Window {
    fn last(self) -> usize {
        self.to.saturating_sub(1)
    }

    fn contains(self, row: usize) -> bool {
        (self.from..self.to).contains(&row)
    }

    /// The splices that bring this window up to date after a change of a list that now has `rows` rows.
    pub fn splices(self, change: Change, rows: usize) -> Vec<Splice> {
        match change {
            Change::None => Vec::new(),
            Change::Updated { row } if self.contains(row) => vec![Splice::Update(row)],
            Change::Updated { .. } => Vec::new(),
            Change::Shifted { row } if row < self.to => vec![Splice::Sync(self)],
            Change::Shifted { .. } => Vec::new(),
            Change::Moved { from, to } => self.moved(from, to, rows),
        }
    }

    /// Something left row `from` and came to row `to`; `None` is beyond every window.
    fn moved(self, from: Option<usize>, to: Option<usize>, rows: usize) -> Vec<Splice> {
        let beyond = |row: Option<usize>| row.is_none_or(|row| row >= self.to);
        let above = |row: Option<usize>| row.is_some_and(|row| row < self.from);
        if (beyond(from) && beyond(to)) || (above(from) && above(to)) {
            return Vec::new();
        }
        // What leaves above the window pulls its first row out; what leaves below takes the place of the last.
        let delete = from.map_or(self.to, |row| row.clamp(self.from, self.to));
        let insert = to.map_or(self.last(), |row| row.clamp(self.from, self.last()));
        let rows_before = (rows + usize::from(from.is_some())).saturating_sub(usize::from(to.is_some()));
        let mut splices = Vec::with_capacity(2);
        if delete < self.to.min(rows_before) {
            splices.push(Splice::Delete(delete));
        }
        if insert < rows {
            splices.push(Splice::Insert(insert));
        }
        if delete >= self.to && insert < rows && rows > self.to {
            // One more than the window holds: the last falls out.
            splices.push(Splice::Delete(self.to));
        }
        splices
    }
}

/// Ranges put in order and joined where they touch, so that each row is in one window. Ranges are inclusive, as clients
/// send them; empty and absurd ones are left out.
pub fn merge(ranges: &[(usize, usize)], width_max: usize) -> Vec<Window> {
    let mut windows: Vec<Window> = ranges
        .iter()
        .filter(|(from, last)| from <= last && last - from < width_max)
        .map(|(from, last)| Window { from: *from, to: last + 1 })
        .collect();
    windows.sort_unstable();
    windows.dedup_by(|next, kept| {
        let joins = next.from <= kept.to;
        if joins {
            kept.to = kept.to.max(next.to);
        }
        joins
    });
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::{Group, List, Row, fold_name};
    use consort_model::UserId;
    use proptest::prelude::*;

    /// What a client has of a window, spliced as a client would.
    fn apply(shown: &mut Vec<Row>, window: Window, splices: &[Splice], list: &List) {
        for splice in splices {
            let item = |row: usize| list.window(row, row + 1)[0];
            match *splice {
                Splice::Delete(row) => drop(shown.remove(row - window.from)),
                Splice::Insert(row) => shown.insert(row - window.from, item(row)),
                Splice::Update(row) => shown[row - window.from] = item(row),
                Splice::Sync(window) => *shown = list.window(window.from, window.to),
            }
        }
    }

    /// Headers carry counts that a client takes from elsewhere.
    fn plain(rows: &[Row]) -> Vec<Row> {
        rows.iter()
            .map(|row| if let Row::Group(group, _) = row { Row::Group(*group, 0) } else { *row })
            .collect()
    }

    proptest! {
        #[test]
        fn a_window_that_follows_the_splices_shows_what_a_fresh_one_shows(
            ops in prop::collection::vec((0u64..60, 0usize..4, 0u8..20), 1..400),
            from in 0usize..30, width in 1usize..40,
        ) {
            let mut list = List::new(vec![Group::Role(consort_model::RoleId::new(1)), Group::Online, Group::Offline]);
            let window = Window { from, to: from + width };
            let mut shown = list.window(window.from, window.to);
            for (user, group, name) in ops {
                let name = fold_name(&format!("Name{name}"));
                let place = (group < 3).then_some((group, name.as_str()));
                let change = list.set(UserId::new(user), place);
                let splices = window.splices(change, list.rows());
                prop_assert!(splices.len() <= 3);
                apply(&mut shown, window, &splices, &list);
                shown.truncate(width);
                prop_assert_eq!(plain(&shown), plain(&list.window(window.from, window.to)));
            }
        }
    }

    #[test]
    fn ranges_that_touch_are_one_window() {
        let windows = merge(&[(100, 199), (0, 99), (300, 399), (9, 5), (0, 100_000)], 1000);
        assert_eq!(windows, [Window { from: 0, to: 200 }, Window { from: 300, to: 400 }]);
    }
}
