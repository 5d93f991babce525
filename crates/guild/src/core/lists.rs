//! Member lists that sessions look at (opcodes 14 and 37): built when the first one looks, kept up to date for those who
//! look, dropped with the last.
//!
//! Channels that everybody sees share one list; another channel's list holds those who see it, and is shared by channels
//! with the same overwrites.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{
    Channel, ChannelId, GuildId, Intents, Member, OverwriteKind, Permissions, Presence, RoleId, UserId,
};
use consort_rpc::relay::SessionKey;
use consort_rpc::{Audience, Effect, Event, relay};
use serde::Serialize;
use serde_json::Value;

use super::Guild;
use crate::list::{Change, Group, List, Row, Splice, Window, fold_name, merge};

/// Channels whose lists one session may look at.
const CHANNELS_MAX: usize = 10;
/// Ranges of one channel that a session may look at.
const RANGES_MAX: usize = 10;
/// Rows of one range; clients ask for 100.
const RANGE_ROWS_MAX: usize = 200;

/// The lists in use and who looks at what.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    lists: HashMap<Arc<str>, Listed>,
    watches: BTreeMap<SessionKey, HashMap<Arc<str>, Vec<Window>>>,
}

/// A list, and a channel whose viewers are in it (`None`: everybody is).
#[derive(Debug)]
struct Listed {
    list: List,
    channel: Option<ChannelId>,
}

#[derive(Serialize)]
struct ListUpdate<'a> {
    guild_id: GuildId,
    id: &'a str,
    member_count: usize,
    online_count: u32,
    groups: Vec<GroupCount>,
    ops: Vec<Op>,
}

#[derive(Serialize)]
struct GroupCount {
    id: String,
    count: u32,
}

#[derive(Serialize)]
#[serde(tag = "op", rename_all = "UPPERCASE")]
enum Op {
    Sync { range: (usize, usize), items: Vec<Item> },
    Insert { index: usize, item: Item },
    Update { index: usize, item: Item },
    Delete { index: usize },
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Item {
    Group(GroupCount),
    Member(Box<ListedMember>),
}

#[derive(Serialize)]
struct ListedMember {
    #[serde(flatten)]
    member: Member,
    presence: Presence,
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
        let mut wanted: HashMap<Arc<str>, Vec<Window>> = HashMap::new();
        for (channel, ranges) in channels.iter().take(CHANNELS_MAX) {
            let Ok(channel) = channel.parse::<ChannelId>() else { continue };
            let held = self.permissions_in(cx.caller.user, channel, cx.now_ms).unwrap_or_default();
            if !held.contains(Permissions::VIEW_CHANNEL) {
                continue;
            }
            let id = self.open_list(channel);
            let ranges = read_ranges(ranges);
            wanted.entry(id).or_default().extend(merge(&ranges, RANGE_ROWS_MAX));
        }
        for (id, windows) in &wanted {
            let splices: Vec<_> = windows.iter().map(|window| Splice::Sync(*window)).collect();
            self.send_list(cx, id, vec![session], &splices);
        }
        self.lists.watches.insert(session, wanted);
        self.drop_unwatched();
        Outcome::EMPTY
    }

    /// A session does not look any more.
    pub(crate) fn unwatch_lists(&mut self, session: SessionKey) {
        self.lists.watches.remove(&session);
        self.drop_unwatched();
    }

    fn drop_unwatched(&mut self) {
        let Lists { lists, watches } = &mut self.lists;
        lists.retain(|id, _| watches.values().any(|watched| watched.contains_key(id)));
    }

    /// Puts a member where it belongs in the lists in use, after anything about it has changed, and tells who sees it.
    pub(crate) fn relist(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if self.lists.lists.is_empty() {
            return;
        }
        let ids: Vec<_> = self.lists.lists.iter().map(|(id, listed)| (id.clone(), listed.channel)).collect();
        for (id, channel) in ids {
            let place = self.place_in_list(user, channel);
            let Some(listed) = self.lists.lists.get_mut(&id) else { continue };
            let place = place.and_then(|(group, name)| Some((listed.list.group_index(group)?, name)));
            let change = listed.list.set(user, place.as_ref().map(|(group, name)| (*group, name.as_str())));
            self.tell_watchers(cx, &id, change);
        }
    }

    /// Builds the lists in use again, after roles or overwrites have changed, and sends everybody what they look at.
    pub(crate) fn rebuild_lists(&mut self, cx: &mut Cx<'_>) {
        let ids: Vec<_> = self.lists.lists.iter().map(|(id, listed)| (id.clone(), listed.channel)).collect();
        for (id, channel) in ids {
            let list = self.build_list(channel);
            if let Some(listed) = self.lists.lists.get_mut(&id) {
                listed.list = list;
            }
            self.tell_watchers(cx, &id, Change::Shifted { row: 0 });
        }
    }

    /// As [`Guild::rebuild_lists`], if one of the lists is this channel's: its overwrites may have changed.
    pub(crate) fn rebuild_lists_of(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        if self.lists.lists.values().any(|listed| listed.channel == Some(channel)) {
            self.rebuild_lists(cx);
        }
    }

    fn tell_watchers(&self, cx: &mut Cx<'_>, id: &Arc<str>, change: Change) {
        let Some(listed) = self.lists.lists.get(id) else { return };
        if change == Change::None {
            return;
        }
        let rows = listed.list.rows();
        let mut same: HashMap<&[Window], Vec<SessionKey>> = HashMap::new();
        for (session, watched) in &self.lists.watches {
            if let Some(windows) = watched.get(id) {
                same.entry(windows).or_default().push(*session);
            }
        }
        for (windows, sessions) in same {
            let splices: Vec<_> = windows.iter().flat_map(|window| window.splices(change, rows)).collect();
            if !splices.is_empty() {
                self.send_list(cx, id, sessions, &splices);
            }
        }
    }

    fn send_list(&self, cx: &mut Cx<'_>, id: &str, sessions: Vec<SessionKey>, splices: &[Splice]) {
        let Some(listed) = self.lists.lists.get(id) else { return };
        let list = &listed.list;
        let items = |from, to| list.window(from, to).into_iter().filter_map(|row| self.list_item(row));
        let op = |splice: &Splice| match *splice {
            Splice::Delete(index) => Some(Op::Delete { index }),
            Splice::Insert(index) => Some(Op::Insert { index, item: items(index, index + 1).next()? }),
            Splice::Update(index) => Some(Op::Update { index, item: items(index, index + 1).next()? }),
            Splice::Sync(window) => Some(Op::Sync {
                range: (window.from, window.to.saturating_sub(1)),
                items: items(window.from, window.to).collect(),
            }),
        };
        let groups = list.groups().map(|(group, count)| GroupCount { id: group.wire_id(), count });
        let body = ListUpdate {
            guild_id: self.id,
            id,
            member_count: list.len(),
            online_count: list.online(),
            groups: groups.collect(),
            ops: splices.iter().filter_map(op).collect(),
        };
        let event = Event::new("GUILD_MEMBER_LIST_UPDATE", Intents::empty(), Audience::all(), &body);
        let event = Arc::new(Event { guild: Some(self.id), volatile: false, ..event });
        let mut by_node: BTreeMap<_, Vec<SessionKey>> = BTreeMap::new();
        for session in sessions {
            by_node.entry(session.node).or_default().push(session);
        }
        for (node, sessions) in by_node {
            let message = relay::Op::Direct { sessions, event: event.clone() };
            cx.effect(Effect::Relay { node, message });
        }
    }

    fn list_item(&self, row: Row) -> Option<Item> {
        Some(match row {
            Row::Group(group, count) => Item::Group(GroupCount { id: group.wire_id(), count }),
            Row::Member(user) => {
                let member = self.members.get(user)?.unpack();
                let presence = self.presences.get(self.id, user).unwrap_or_else(|| Presence::offline(user));
                Item::Member(Box::new(ListedMember { member, presence }))
            }
        })
    }

    /// The list of a channel (a thread's is its parent's), built if nobody has looked yet; its id.
    fn open_list(&mut self, channel: ChannelId) -> Arc<str> {
        let thread = self.threads.get(&channel).and_then(|thread| thread.channel.parent_id);
        let channel = thread.unwrap_or(channel);
        let shared = self.channels.get(&channel).is_none_or(|channel| self.everybody_sees(channel));
        let id: Arc<str> = match self.channels.get(&channel) {
            Some(channel) if !shared => list_id(channel).into(),
            _ => "everyone".into(),
        };
        if !self.lists.lists.contains_key(&id) {
            let channel = (!shared).then_some(channel);
            let list = self.build_list(channel);
            self.lists.lists.insert(id.clone(), Listed { list, channel });
        }
        id
    }

    fn everybody_sees(&self, channel: &Channel) -> bool {
        let base = self.roles.get(&self.id.cast()).map(|role| role.permissions).unwrap_or_default();
        let overwrites = channel.permission_overwrites.as_deref().unwrap_or_default();
        let denied = overwrites.iter().any(|o| o.deny.contains(Permissions::VIEW_CHANNEL));
        !denied && base.contains(Permissions::VIEW_CHANNEL)
    }

    fn build_list(&self, channel: Option<ChannelId>) -> List {
        let mut hoisted: Vec<_> = self.roles.values().filter(|role| role.hoist).collect();
        hoisted.sort_by_key(|role| (std::cmp::Reverse(role.position), role.id));
        let groups = hoisted.iter().map(|role| Group::Role(role.id)).chain([Group::Online, Group::Offline]);
        let mut list = List::new(groups.collect());
        for user in self.members.ids() {
            let Some((group, name)) = self.place_in_list(user, channel) else { continue };
            if let Some(group) = list.group_index(group) {
                list.set(user, Some((group, &name)));
            }
        }
        list
    }

    /// The group and the folded name of a member in a list; `None` when it is not in it.
    fn place_in_list(&self, user: UserId, channel: Option<ChannelId>) -> Option<(Group, String)> {
        let member = self.members.get(user)?;
        if let Some(channel) = channel
            && !self.permissions_in(user, channel, 0)?.contains(Permissions::VIEW_CHANNEL)
        {
            return None;
        }
        let group = match self.presences.contains(user) {
            true => self.hoisted_role(member.roles()).map_or(Group::Online, Group::Role),
            false => Group::Offline,
        };
        Some((group, fold_name(member.display_name())))
    }

    fn hoisted_role(&self, roles: &[RoleId]) -> Option<RoleId> {
        let hoisted = roles.iter().filter_map(|id| self.roles.get(id)).filter(|role| role.hoist);
        hoisted.max_by_key(|role| (role.position, std::cmp::Reverse(role.id))).map(|role| role.id)
    }
}

/// Inclusive ranges of rows, `[[0, 99], ...]`.
fn read_ranges(ranges: &Value) -> Vec<(usize, usize)> {
    let bound = |value: &Value| value.as_u64().and_then(|row| usize::try_from(row).ok());
    let pair = |range: &Value| Some((bound(range.get(0)?)?, bound(range.get(1)?)?));
    ranges.as_array().into_iter().flatten().take(RANGES_MAX).filter_map(pair).collect()
}

/// The id of a list that not everybody is in: a hash of who is let in and kept out, as clients compute it too.
fn list_id(channel: &Channel) -> String {
    let mut tokens: Vec<String> = Vec::new();
    for overwrite in channel.permission_overwrites.iter().flatten() {
        debug_assert!(matches!(overwrite.kind, OverwriteKind::Role | OverwriteKind::Member));
        if overwrite.allow.contains(Permissions::VIEW_CHANNEL) {
            tokens.push(format!("allow:{}", overwrite.id));
        } else if overwrite.deny.contains(Permissions::VIEW_CHANNEL) {
            tokens.push(format!("deny:{}", overwrite.id));
        }
    }
    tokens.sort_unstable();
    murmur3_32(tokens.join(",").as_bytes()).to_string()
}

/// MurmurHash3, 32 bits, seed 0 (Austin Appleby, public domain).
fn murmur3_32(data: &[u8]) -> u32 {
    let scramble = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        hash = (hash ^ scramble(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        let k = tail.iter().rev().fold(0u32, |k, byte| k << 8 | u32::from(*byte));
        hash ^= scramble(k);
    }
    hash ^= data.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_murmur3() {
        // Values of the reference implementation with seed 0.
        assert_eq!(murmur3_32(b""), 0);
        assert_eq!(murmur3_32(b"test"), 0xba6b_d213);
        assert_eq!(murmur3_32(b"Hello, world!"), 0xc036_3e43);
        assert_eq!(murmur3_32(b"The quick brown fox jumps over the lazy dog"), 0x2e4f_f723);
    }
}
