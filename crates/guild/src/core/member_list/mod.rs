//! Member lists that sessions look at (opcodes 14 and 37): built when the first one looks, kept up to date for those who
//! look, dropped with the last.
//!
//! Channels that everybody sees share one list; another channel's list holds those who see it, and is shared by channels
//! with the same overwrites.
//!
//! A list knows the windows that are looked at and what each was told. A change marks the rows it touched, and windows there
//! are told what is then different in them: at once, as long as few look; when many do, within the share of its time that the
//! owner has for that, since one member who comes online moves the rows of everybody below.

mod body;
mod build;
mod pace;
mod tell;
mod watches;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ChannelId, Permissions, UserId};
use consort_rpc::NodeId;
use consort_rpc::relay::SessionKey;
use serde_json::Value;

use super::{Guild, moving};
use crate::ranked_list::{Key, List, Window, merge};
use body::{Told, front};
use pace::Pace;
use tell::{Bench, Changes, Round, Telling};
use watches::Watches;

/// Channels whose lists one session may look at.
const CHANNELS_MAX: usize = 10;
/// Ranges of one channel that a session may look at.
const RANGES_MAX: usize = 10;
/// Rows of one range; clients ask for 100.
const RANGE_ROWS_MAX: usize = 200;
/// Rows of a window at most: that many ranges side by side.
const WINDOW_ROWS_MAX: usize = RANGES_MAX * RANGE_ROWS_MAX;

/// The lists in use and who looks at what.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    lists: BTreeMap<Arc<str>, Listed>,
    watches: Watches,
    /// Whether there are changes that were not told.
    stale: bool,
    pace: Pace,
    /// The list that was told last: the others come before it is told again.
    turn: Option<Arc<str>>,
    bench: Bench,
}

/// A list, and a channel whose viewers are in it (`None`: everybody is).
#[derive(Debug)]
struct Listed {
    list: List,
    channel: Option<ChannelId>,
    windows: BTreeMap<Window, Watched>,
    /// How many rows there were when windows at the end were told.
    rows_told: usize,
    /// Rows touched since the round began.
    touched: Option<Range<usize>>,
    round: Option<Round>,
    changes: Changes,
}

/// A window that sessions look at.
#[derive(Debug, Default)]
struct Watched {
    sessions: BTreeSet<SessionKey>,
    /// What they were told last.
    shown: Vec<Key>,
    /// The changes before that.
    changes: u64,
}

impl Lists {
    /// When changes are to be told that could not be told at once.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.stale.then(|| self.pace.due_ms())
    }

    /// What is looked at, in words that outlast this owner; `None` while something is still to be told.
    pub(super) fn watched(&self) -> Option<Vec<moving::Watched>> {
        let watched = |(user, session, (list, window)): (UserId, SessionKey, &(Arc<str>, Window))| {
            let channel = self.lists.get(list)?.channel;
            let list = list.to_string();
            Some(moving::Watched { user, session, channel, list, from: window.from, to: window.to })
        };
        (!self.stale).then(|| self.watches.all().into_iter().filter_map(watched).collect())
    }

    fn drop_unwatched(&mut self) {
        self.lists.retain(|_, listed| !listed.windows.is_empty());
    }
}

impl Listed {
    fn new(list: List, channel: Option<ChannelId>) -> Self {
        let rows_told = list.rows();
        let (windows, changes) = (BTreeMap::new(), Changes::default());
        Self { list, channel, windows, rows_told, touched: None, round: None, changes }
    }

    /// Rows may look different now since a member has changed.
    fn touch(&mut self, rows: Range<usize>, user: UserId) {
        let before = self.touched.take().unwrap_or(rows.clone());
        self.touched = Some(before.start.min(rows.start)..before.end.max(rows.end));
        self.list.key_of(user).into_iter().for_each(|key| self.changes.note(key));
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
        let mut bench = mem::take(&mut self.lists.bench);
        let front = front(self.id, id, &listed.list);
        // Who looks already must not miss what the newcomer gets whole.
        self.tell_ends(cx, &mut listed, &front, &mut bench);
        let Listed { list, windows, changes, .. } = &mut listed;
        if let Some(watched) = windows.get_mut(&window) {
            let telling = Telling { list, changes, front: &front };
            self.tell_window(cx, telling, (window, watched), &mut bench);
        }
        let shown = list.window(window);
        self.tell_list(cx, (list, &front), [&session], &Told::Sync(window, &shown), &mut bench.body);
        let watched = windows.entry(window).or_default();
        watched.sessions.insert(session);
        (watched.shown, watched.changes) = (shown, changes.count());
        self.lists.bench = bench;
        self.lists.lists.insert(id.clone(), listed);
        self.lists.watches.add(cx.caller.user, session, id.clone(), window);
    }

    /// A session does not look any more.
    pub(crate) fn unwatch_lists(&mut self, session: SessionKey) {
        self.lists.leave(session);
        self.lists.drop_unwatched();
    }

    /// The sessions of a node do not look any more.
    pub(crate) fn unwatch_lists_of(&mut self, node: NodeId) {
        let sessions = self.lists.watches.of_node(node);
        sessions.into_iter().for_each(|session| self.lists.leave(session));
        self.lists.drop_unwatched();
    }

    /// Puts a member where it belongs in the lists in use, after anything about it has changed, and tells who sees it.
    pub(crate) fn relist(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if self.lists.lists.is_empty() {
            return;
        }
        self.expel_watcher(user, cx.now_ms);
        let mut lists = mem::take(&mut self.lists.lists);
        for listed in lists.values_mut() {
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

    /// Takes up what was looked at before another owner had the guild. All were told everything.
    pub(super) fn watch_again(&mut self, watched: Vec<moving::Watched>) {
        for watch in watched {
            let (id, window): (Arc<str>, _) = (watch.list.as_str().into(), watch.window());
            if !self.lists.lists.contains_key(&id) {
                let listed = Listed::new(self.build_list(watch.channel), watch.channel);
                self.lists.lists.insert(id.clone(), listed);
            }
            let Some(listed) = self.lists.lists.get_mut(&id) else { continue };
            let shown = listed.list.window(window);
            let looked_at = listed.windows.entry(window).or_default();
            looked_at.sessions.insert(watch.session);
            looked_at.shown = shown;
            self.lists.watches.add(watch.user, watch.session, id, window);
        }
    }

    /// Builds the lists in use again, after roles or overwrites have changed, and sends everybody what they look at.
    pub(crate) fn rebuild_lists(&mut self, cx: &mut Cx<'_>) {
        self.expel_watchers(cx.now_ms);
        let mut lists = mem::take(&mut self.lists);
        for (id, listed) in &mut lists.lists {
            let windows = mem::take(&mut listed.windows);
            *listed = Listed { windows, ..Listed::new(self.build_list(listed.channel), listed.channel) };
            let Listed { list, windows, .. } = listed;
            let front = front(self.id, id, list);
            for (window, watched) in windows {
                (watched.shown, watched.changes) = (list.window(*window), 0);
                let told = Told::Sync(*window, &watched.shown);
                self.tell_list(cx, (list, &front), &watched.sessions, &told, &mut lists.bench.body);
            }
        }
        lists.stale = false;
        self.lists = lists;
    }

    /// As [`Guild::rebuild_lists`], if one of the lists is this channel's: its overwrites may have changed.
    pub(crate) fn rebuild_lists_of(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        if self.lists.lists.values().any(|listed| listed.channel == Some(channel)) {
            self.rebuild_lists(cx);
        }
    }
}

/// Inclusive ranges of rows, `[[0, 99], ...]`.
fn read_ranges(ranges: &Value) -> Vec<(usize, usize)> {
    let bound = |value: &Value| value.as_u64().and_then(|row| usize::try_from(row).ok());
    let pair = |range: &Value| Some((bound(range.get(0)?)?, bound(range.get(1)?)?));
    ranges.as_array().into_iter().flatten().take(RANGES_MAX).filter_map(pair).collect()
}
