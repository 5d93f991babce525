//! Member lists that sessions look at (opcodes 14 and 37): built when the first one looks, kept up to date for those who
//! look, dropped with the last.
//!
//! Channels that everybody sees share one list; another channel's list holds those who see it, and is shared by channels
//! with the same overwrites.
//!
//! A list knows the windows that are looked at and what each was told. A change marks the rows it touched; what is then
//! different in the windows there is told at once, as long as few look. When many do, changes are gathered until the time that
//! telling the last ones took has passed: one member who comes online moves the rows of everybody below.

mod body;
mod build;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ChannelId, Permissions, UserId};
use consort_rpc::relay::SessionKey;
use serde_json::Value;

use super::Guild;
use crate::list::{Key, List, Splice, Window, merge, splices};
use body::{Items, Told, front};

/// Channels whose lists one session may look at.
const CHANNELS_MAX: usize = 10;
/// Ranges of one channel that a session may look at.
const RANGES_MAX: usize = 10;
/// Rows of one range; clients ask for 100.
const RANGE_ROWS_MAX: usize = 200;
/// Rows of a window at most: that many ranges side by side.
const WINDOW_ROWS_MAX: usize = RANGES_MAX * RANGE_ROWS_MAX;
/// Windows told of changes for each millisecond that passes, so that lists leave the owner time for everything else: one takes
/// 5 to 15 µs.
const WINDOWS_PER_MS: u64 = 40;

/// The lists in use and who looks at what.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    lists: BTreeMap<Arc<str>, Listed>,
    watches: HashMap<SessionKey, Vec<(Arc<str>, Window)>>,
    /// Whether there are changes that were not told.
    stale: bool,
    /// Before this time no changes are told.
    next_ms: u64,
}

/// A list, and a channel whose viewers are in it (`None`: everybody is).
#[derive(Debug)]
struct Listed {
    list: List,
    channel: Option<ChannelId>,
    windows: BTreeMap<Window, Watched>,
    /// Rows touched since windows were told.
    touched: Option<Range<usize>>,
    /// Members changed since then.
    changed: HashSet<UserId>,
    items: Items,
}

/// A window that sessions look at.
#[derive(Debug, Default)]
struct Watched {
    sessions: BTreeSet<SessionKey>,
    /// What they were told last.
    shown: Vec<Key>,
}

impl Lists {
    /// When changes are to be told that could not be told at once.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.stale.then_some(self.next_ms)
    }

    /// Takes a session from the windows it looks at.
    fn leave(&mut self, session: SessionKey) {
        for (id, window) in self.watches.remove(&session).into_iter().flatten() {
            let Some(listed) = self.lists.get_mut(&id) else { continue };
            let Some(watched) = listed.windows.get_mut(&window) else { continue };
            watched.sessions.remove(&session);
            if watched.sessions.is_empty() {
                listed.windows.remove(&window);
            }
        }
    }

    fn drop_unwatched(&mut self) {
        self.lists.retain(|_, listed| !listed.windows.is_empty());
    }
}

impl Listed {
    fn new(list: List, channel: Option<ChannelId>) -> Self {
        Self {
            list,
            channel,
            windows: BTreeMap::new(),
            touched: None,
            changed: HashSet::new(),
            items: Items::default(),
        }
    }

    fn touch(&mut self, rows: Range<usize>, user: UserId) {
        let before = self.touched.take().unwrap_or(rows.clone());
        self.touched = Some(before.start.min(rows.start)..before.end.max(rows.end));
        self.changed.insert(user);
    }

    /// The rows that members have now who changed since windows were told, in order.
    fn changed_rows(&self) -> Vec<(usize, UserId)> {
        let rows = self.changed.iter().filter_map(|user| Some((self.list.row_of_user(*user)?, *user)));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable();
        rows
    }

    /// The windows that reach into these rows.
    fn windows_in(&self, rows: &Range<usize>) -> Vec<Window> {
        let first = Window { from: rows.start.saturating_sub(WINDOW_ROWS_MAX), to: 0 };
        let windows = self.windows.range(first..).map(|(window, _)| *window);
        windows.take_while(|window| window.from < rows.end).filter(|window| window.to > rows.start).collect()
    }
}

impl Guild {
    /// A session says which ranges of which channels' lists it looks at; what it does not name any more it has left.
    pub(crate) fn watch_lists(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionKey,
        request: &Value,
    ) -> Result<Outcome, Stop> {
        let Some(channels) = request.get("channels").and_then(Value::as_object) else {
            return Outcome::EMPTY;
        };
        let mut wanted: BTreeMap<Arc<str>, Vec<(usize, usize)>> = BTreeMap::new();
        for (channel, ranges) in channels.iter().take(CHANNELS_MAX) {
            let Ok(channel) = channel.parse::<ChannelId>() else { continue };
            let held = self.permissions_in(cx.caller.user, channel, cx.now_ms).unwrap_or_default();
            if !held.contains(Permissions::VIEW_CHANNEL) {
                continue;
            }
            let id = self.open_list(channel);
            wanted.entry(id).or_default().extend(read_ranges(ranges));
        }
        self.lists.leave(session);
        for (id, ranges) in wanted {
            for window in merge(&ranges[..ranges.len().min(RANGES_MAX)], RANGE_ROWS_MAX) {
                self.watch(cx, session, &id, window);
            }
        }
        self.lists.drop_unwatched();
        Outcome::EMPTY
    }

    /// Shows a session a window from now on.
    fn watch(&mut self, cx: &mut Cx<'_>, session: SessionKey, id: &Arc<str>, window: Window) {
        let Some(mut listed) = self.lists.lists.remove(id) else { return };
        let front = front(self.id, id, &listed.list);
        // Who looks already must not miss what the newcomer gets whole.
        let changed = listed.changed_rows();
        if let Some(mut watched) = listed.windows.remove(&window) {
            self.tell_window(cx, &mut listed, &front, (window, &mut watched), &changed);
            listed.windows.insert(window, watched);
        }
        let shown = listed.list.window(window);
        self.tell_list(cx, &mut listed, &front, [&session], &Told::Sync(window, &shown));
        let watched = listed.windows.entry(window).or_default();
        watched.sessions.insert(session);
        watched.shown = shown;
        self.lists.lists.insert(id.clone(), listed);
        self.lists.watches.entry(session).or_default().push((id.clone(), window));
    }

    /// A session does not look any more.
    pub(crate) fn unwatch_lists(&mut self, session: SessionKey) {
        self.lists.leave(session);
        self.lists.drop_unwatched();
    }

    /// Puts a member where it belongs in the lists in use, after anything about it has changed, and tells who sees it.
    pub(crate) fn relist(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if self.lists.lists.is_empty() {
            return;
        }
        let mut lists = mem::take(&mut self.lists.lists);
        for listed in lists.values_mut() {
            listed.items.forget(user);
            let place = self.place_in_list(user, listed.channel);
            let place = place
                .and_then(|(group, member)| Some((listed.list.group_index(group)?, member.display_name())));
            if let Some(rows) = listed.list.set(user, place) {
                listed.touch(rows, user);
                self.lists.stale = true;
            }
        }
        self.lists.lists = lists;
        self.tell_lists_if_due(cx);
    }

    /// Builds the lists in use again, after roles or overwrites have changed, and sends everybody what they look at.
    pub(crate) fn rebuild_lists(&mut self, cx: &mut Cx<'_>) {
        let mut lists = mem::take(&mut self.lists.lists);
        for (id, listed) in &mut lists {
            let list = self.build_list(listed.channel);
            *listed = Listed { windows: mem::take(&mut listed.windows), ..Listed::new(list, listed.channel) };
            let front = front(self.id, id, &listed.list);
            let mut windows = mem::take(&mut listed.windows);
            for (window, watched) in &mut windows {
                watched.shown = listed.list.window(*window);
                self.tell_list(cx, listed, &front, &watched.sessions, &Told::Sync(*window, &watched.shown));
            }
            listed.windows = windows;
        }
        self.lists.lists = lists;
        self.lists.stale = false;
    }

    /// As [`Guild::rebuild_lists`], if one of the lists is this channel's: its overwrites may have changed.
    pub(crate) fn rebuild_lists_of(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        if self.lists.lists.values().any(|listed| listed.channel == Some(channel)) {
            self.rebuild_lists(cx);
        }
    }

    /// Tells what has changed, unless too much was told lately.
    pub(crate) fn tell_lists_if_due(&mut self, cx: &mut Cx<'_>) {
        if !self.lists.stale || cx.now_ms < self.lists.next_ms {
            return;
        }
        let mut lists = mem::take(&mut self.lists.lists);
        let mut told = 0;
        for (id, listed) in &mut lists {
            let Some(rows) = listed.touched.take() else { continue };
            let mut windows = listed.windows_in(&rows);
            // The rows of a lower window must be there while it is spliced.
            let shown: usize = windows.iter().map(|window| listed.windows[window].shown.len()).sum();
            let rows = listed.list.rows();
            let shows = |window: &Window| rows.clamp(window.from, window.to) - window.from;
            if windows.iter().map(shows).sum::<usize>() < shown {
                windows.reverse();
            }
            let front = front(self.id, id, &listed.list);
            told += windows.len() as u64;
            let changed = listed.changed_rows();
            listed.items.serve(listed.windows.len());
            let mut all = mem::take(&mut listed.windows);
            for window in windows {
                if let Some(watched) = all.get_mut(&window) {
                    self.tell_window(cx, listed, &front, (window, watched), &changed);
                }
            }
            listed.windows = all;
            listed.changed.clear();
        }
        self.lists.lists = lists;
        self.lists.stale = false;
        self.lists.next_ms = cx.now_ms + told / WINDOWS_PER_MS;
    }

    /// Tells who looks at a window what is different in it; `changed` are the rows of members who have changed.
    fn tell_window(
        &self,
        cx: &mut Cx<'_>,
        listed: &mut Listed,
        front: &[u8],
        (window, watched): (Window, &mut Watched),
        changed: &[(usize, UserId)],
    ) {
        let row = |end| changed.partition_point(|(row, _)| *row < end);
        let changed = &changed[row(window.from)..row(window.to)];
        let fresh = listed.list.window(window);
        let splices = splices(window.from, &watched.shown, &fresh, |user| {
            changed.iter().any(|(_, other)| *other == user)
        });
        if splices.is_empty() {
            return;
        }
        // When most rows are others, the rows take less than the splices.
        let inserted = splices.iter().filter(|splice| matches!(splice, Splice::Insert(..))).count();
        let anew = inserted * 2 > fresh.len() && fresh.len() >= watched.shown.len();
        let told = if anew { Told::Sync(window, &fresh) } else { Told::Splices(&splices) };
        self.tell_list(cx, listed, front, &watched.sessions, &told);
        watched.shown = fresh;
    }
}

/// Inclusive ranges of rows, `[[0, 99], ...]`.
fn read_ranges(ranges: &Value) -> Vec<(usize, usize)> {
    let bound = |value: &Value| value.as_u64().and_then(|row| usize::try_from(row).ok());
    let pair = |range: &Value| Some((bound(range.get(0)?)?, bound(range.get(1)?)?));
    ranges.as_array().into_iter().flatten().take(RANGES_MAX).filter_map(pair).collect()
}
