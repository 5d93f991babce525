//! Telling windows what is different in them, in rounds.
//!
//! A round goes from the first window that a change has reached to the last, a few milliseconds' work at a time; a window is
//! told what it is at that moment, and what changes meanwhile is for the next round.

use std::collections::BTreeMap;
use std::mem;
use std::ops::{Bound, Range};
use std::sync::Arc;

use consort_actor::Cx;

use super::super::Guild;
use super::body::{Told, front};
use super::pace::{GO_NS, LOOK_NS, ROW_NS, UPDATE_NS};
use super::{Listed, WINDOW_ROWS_MAX, Watched};
use crate::ranked_list::{Key, List, Splice, Window, splices};

/// The members who have changed, by the key they had then, since the windows were told that are told least often.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Which change it was.
    keys: BTreeMap<Key, u64>,
    /// How many there have been.
    count: u64,
}

impl Changes {
    pub(super) fn note(&mut self, key: Key) {
        self.count += 1;
        self.keys.insert(key, self.count);
    }

    /// How many changes there have been.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Forgets the changes up to one.
    fn forget(&mut self, count: u64) {
        self.keys.retain(|_, change| *change > count);
    }

    /// Those after a change among rows in order.
    fn among(&self, rows: &[Key], after: u64, found: &mut Vec<Key>) {
        if let [first, .., last] | [first @ last] = rows {
            let keys = self.keys.range(first..=last).filter(|(_, change)| **change > after);
            found.extend(keys.map(|(key, _)| *key));
        }
    }
}

/// A round under way.
#[derive(Debug)]
pub(super) struct Round {
    /// The rows whose windows it goes to.
    rows: Range<usize>,
    /// The windows that are left.
    next: Bound<Window>,
    /// The changes before it.
    changes: u64,
}

impl Round {
    fn over(rows: Range<usize>, changes: u64) -> Self {
        let from = rows.start.saturating_sub(WINDOW_ROWS_MAX);
        Self { rows, next: Bound::Included(Window { from, to: 0 }), changes }
    }
}

/// Where updates are put together; kept, so that it need not be allocated for each.
#[derive(Debug, Default)]
pub(super) struct Bench {
    fresh: Vec<Key>,
    changed: Vec<Key>,
    splices: Vec<Splice>,
    pub(super) body: Vec<u8>,
}

/// A list whose windows are told.
#[derive(Clone, Copy)]
pub(super) struct Telling<'a> {
    pub(super) list: &'a List,
    pub(super) changes: &'a Changes,
    pub(super) front: &'a [u8],
}

impl Guild {
    /// Tells what has changed, unless much was told lately.
    pub(crate) fn tell_lists_if_due(&mut self, cx: &mut Cx<'_>) {
        if !self.lists.stale || cx.now_ms < self.lists.pace.due_ms() {
            return;
        }
        let mut lists = mem::take(&mut self.lists);
        let mut cost = 0;
        // From the list that comes next, once around.
        for _ in 0..lists.lists.len() {
            let turn = lists.turn.as_ref();
            let after = turn.and_then(|turn| {
                lists.lists.range::<Arc<str>, _>((Bound::Excluded(turn), Bound::Unbounded)).next()
            });
            let Some(id) = after.or_else(|| lists.lists.first_key_value()).map(|(id, _)| id.clone()) else {
                break;
            };
            let Some(listed) = lists.lists.get_mut(&id) else { break };
            cost += self.tell_some(cx, &id, listed, GO_NS - cost, &mut lists.bench);
            if listed.round.is_some() {
                break;
            }
            lists.turn = Some(id);
            if cost >= GO_NS {
                break;
            }
        }
        lists.stale = lists.lists.values().any(|listed| listed.round.is_some() || listed.touched.is_some());
        lists.pace.take(cx.now_ms, cost);
        self.lists = lists;
    }

    /// Goes on with a list's round, or begins one; what it cost. Without budget left the round is not over.
    fn tell_some(
        &self,
        cx: &mut Cx<'_>,
        id: &str,
        listed: &mut Listed,
        budget: u64,
        bench: &mut Bench,
    ) -> u64 {
        if listed.round.is_none() {
            let Some(rows) = listed.touched.take() else { return 0 };
            listed.round = Some(Round::over(rows, listed.changes.count()));
        }
        let front = front(self.id, id, &listed.list);
        let mut cost = self.tell_ends(cx, listed, &front, bench);
        let Listed { list, windows, changes, round, .. } = listed;
        let telling = Telling { list, changes, front: &front };
        let Some(Round { rows, next, changes: before }) = round else { return cost };
        for (window, watched) in windows.range_mut((*next, Bound::Unbounded)) {
            if window.from >= rows.end {
                break;
            }
            if cost >= budget {
                return cost;
            }
            *next = Bound::Excluded(*window);
            if window.to > rows.start {
                cost += self.tell_window(cx, telling, (*window, watched), bench);
            }
        }
        let before = *before;
        *round = None;
        changes.forget(before);
        cost
    }

    /// When the list has become longer or shorter, tells all windows at once that reach below its end or did so: they shift
    /// each other's rows, and a lower one's must be there while it is spliced.
    pub(super) fn tell_ends(
        &self,
        cx: &mut Cx<'_>,
        listed: &mut Listed,
        front: &[u8],
        bench: &mut Bench,
    ) -> u64 {
        let Listed { list, windows, changes, rows_told, .. } = listed;
        let (before, now) = (mem::replace(rows_told, list.rows()), list.rows());
        if before == now {
            return 0;
        }
        let telling = Telling { list, changes, front };
        let end = before.min(now);
        let first = Window { from: end.saturating_sub(WINDOW_ROWS_MAX), to: 0 };
        let mut cost = 0;
        let mut tell = |(window, watched): (&Window, &mut Watched)| {
            if window.to > end {
                cost += self.tell_window(cx, telling, (*window, watched), bench);
            }
        };
        if now > before {
            windows.range_mut(first..).for_each(&mut tell);
        } else {
            windows.range_mut(first..).rev().for_each(&mut tell);
        }
        cost
    }

    /// Tells who looks at a window what is different in it; what that cost.
    pub(super) fn tell_window(
        &self,
        cx: &mut Cx<'_>,
        telling: Telling<'_>,
        (window, watched): (Window, &mut Watched),
        bench: &mut Bench,
    ) -> u64 {
        let Bench { fresh, changed, splices: told, body } = bench;
        fresh.clear();
        changed.clear();
        told.clear();
        telling.list.read(window, fresh);
        telling.changes.among(fresh, watched.changes, changed);
        watched.changes = telling.changes.count();
        splices(window.from, &watched.shown, fresh, changed, told);
        if told.is_empty() {
            return LOOK_NS;
        }
        // When most rows are others, the rows take less than the splices.
        let inserted = told.iter().filter(|splice| matches!(splice, Splice::Insert(..))).count();
        let anew = inserted * 2 > fresh.len() && fresh.len() >= watched.shown.len();
        let (told, rows) = match anew {
            true => (Told::Sync(window, fresh), fresh.len()),
            false => (Told::Splices(told), inserted),
        };
        self.tell_list(cx, (telling.list, telling.front), &watched.sessions, &told, body);
        watched.shown.clone_from(fresh);
        LOOK_NS + UPDATE_NS + ROW_NS * rows as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_model::UserId;

    #[test]
    fn changes_are_found_by_those_who_were_not_told() {
        let key = |user| Key::new(0, "", UserId::new(user));
        let mut changes = Changes::default();
        [3, 5, 9].into_iter().for_each(|user| changes.note(key(user)));
        let among = |changes: &Changes, rows: &[Key], after| {
            let mut found = Vec::new();
            changes.among(rows, after, &mut found);
            found
        };
        assert_eq!(among(&changes, &[key(4), key(5), key(8), key(10)], 0), [key(5), key(9)]);
        assert_eq!(among(&changes, &[key(5)], 1), [key(5)]);
        assert_eq!(among(&changes, &[key(5)], 2), []);
        assert_eq!(among(&changes, &[], 0), []);
        changes.note(key(3));
        changes.forget(2);
        assert_eq!(among(&changes, &[key(1), key(10)], 0), [key(3), key(9)]);
    }
}
