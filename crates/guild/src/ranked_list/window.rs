//! What a client does to the rows of a window to see the list as it is now.

use super::Key;

/// A range of rows: first and one past the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Window {
    /// The first row.
    pub from: usize,
    /// One past the last row.
    pub to: usize,
}

/// What a client does to its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splice {
    /// Takes a row out; those below move up.
    Delete(usize),
    /// Puts a row in; those below move down.
    Insert(usize, Key),
    /// Shows the row anew.
    Update(usize, Key),
}

impl Splice {
    /// The key of the row that it shows.
    pub fn key(&self) -> Option<&Key> {
        match self {
            Self::Delete(_) => None,
            Self::Insert(_, key) | Self::Update(_, key) => Some(key),
        }
    }
}

/// Adds the splices that make `new` of the rows `old`, both in order and the first at row `at`. What stays is shown anew if
/// it is among the `changed`. A window that is full before and after leaves the rows below it where they were.
pub fn splices(at: usize, mut old: &[Key], mut new: &[Key], changed: &[Key], splices: &mut Vec<Splice>) {
    let mut row = at;
    loop {
        // Most rows stay, side by side.
        let same = old.iter().zip(new).take_while(|(was, is)| was == is).count();
        if !changed.is_empty() {
            let anew = new[..same].iter().enumerate().filter(|(_, key)| changed.contains(key));
            splices.extend(anew.map(|(index, key)| Splice::Update(row + index, *key)));
        }
        (old, new, row) = (&old[same..], &new[same..], row + same);
        match (old.first(), new.first()) {
            (None, None) => return,
            (Some(was), is) if is.is_none_or(|is| was < is) => {
                splices.push(Splice::Delete(row));
                old = &old[1..];
            }
            (_, Some(is)) => {
                splices.push(Splice::Insert(row, *is));
                new = &new[1..];
                row += 1;
            }
            (Some(_), None) => unreachable!("the arm above takes it"),
        }
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
    use crate::ranked_list::{Group, List};
    use consort_model::UserId;
    use proptest::prelude::*;

    /// Rows spliced as a client does; rows that it does not know are holes.
    fn apply(rows: &mut Vec<Option<Key>>, splices: &[Splice]) {
        for splice in splices {
            match *splice {
                Splice::Delete(row) => drop(rows.remove(row)),
                Splice::Insert(row, key) => {
                    rows.resize(rows.len().max(row), None);
                    rows.insert(row, Some(key));
                }
                Splice::Update(row, key) => rows[row] = Some(key),
            }
        }
    }

    fn put(rows: &mut Vec<Option<Key>>, at: usize, keys: &[Key]) {
        rows.resize(rows.len().max(at + keys.len()), None);
        keys.iter().enumerate().for_each(|(n, key)| rows[at + n] = Some(*key));
    }

    proptest! {
        #[test]
        fn windows_that_follow_the_splices_show_what_fresh_ones_show(
            batches in prop::collection::vec(
                prop::collection::vec((1u64..60, 0usize..4, 0u8..20), 1..8), 1..60,
            ),
            (from, width, gap, second) in (0usize..30, 1usize..40, 1usize..10, 1usize..10),
        ) {
            let groups = vec![Group::Role(consort_model::RoleId::new(1)), Group::Online, Group::Offline];
            let mut list = List::new(groups);
            let windows = [
                Window { from, to: from + width },
                Window { from: from + width + gap, to: from + width + gap + second },
            ];
            let mut shown = windows.map(|window| list.window(window));
            let mut rows = Vec::new();
            for batch in batches {
                let (mut touched, mut changed) = (Vec::new(), Vec::new());
                for (user, group, name) in batch {
                    let place = (group < 3).then(|| (group, format!("Name{name}")));
                    let place = place.as_ref().map(|(group, name)| (*group, name.as_str()));
                    touched.extend(list.set(UserId::new(user), place));
                    changed.extend(list.key_of(UserId::new(user)));
                }
                let fresh = windows.map(|window| list.window(window));
                // As long as the list grows the rows of the lower window must be there when it is spliced.
                let grows = fresh.iter().map(Vec::len).sum::<usize>() >= shown.iter().map(Vec::len).sum();
                for n in if grows { [0, 1] } else { [1, 0] } {
                    let mut told = Vec::new();
                    splices(windows[n].from, &shown[n], &fresh[n], &changed, &mut told);
                    let inside = |t: &std::ops::Range<usize>| t.start < windows[n].to && windows[n].from < t.end;
                    prop_assert!(told.is_empty() || touched.iter().any(inside), "{told:?} but {touched:?}");
                    apply(&mut rows, &told);
                }
                for (window, fresh) in windows.iter().zip(&fresh) {
                    let known: Vec<_> = rows.iter().skip(window.from).take(fresh.len()).copied().collect();
                    prop_assert_eq!(known, fresh.iter().copied().map(Some).collect::<Vec<_>>());
                }
                shown = fresh;
            }
            put(&mut rows, 0, &[]);
        }
    }

    #[test]
    fn ranges_that_touch_are_one_window() {
        let windows = merge(&[(100, 199), (0, 99), (300, 399), (9, 5), (0, 100_000)], 1000);
        assert_eq!(windows, [Window { from: 0, to: 200 }, Window { from: 300, to: 400 }]);
    }
}
