//! GUILD_MEMBER_LIST_UPDATE, written around items that are kept encoded.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use consort_actor::Cx;
use consort_model::{GuildId, Intents, Member, Presence, UserId};
use consort_rpc::relay::SessionKey;
use consort_rpc::{Audience, Effect, Event, relay};
use serde::Serialize;

use super::super::Guild;
use super::super::shown::encode;
use super::Listed;
use crate::list::{Key, List, Row, Splice, Window};

/// Items kept for each window that is looked at, about 400 bytes each: those that go in and out at its edges. With more all
/// are forgotten.
const ITEMS_A_WINDOW: usize = 32;
/// Items kept whatever the number of windows.
const ITEMS_KEPT_MIN: usize = 1_024;
/// Bytes of an item with what stands around it, for an allocation that need not grow.
const ITEM_BYTES: usize = 640;

/// Members as items. The same members pass the edges of windows again and again while others come and go above.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: HashMap<UserId, Bytes>,
    windows: usize,
}

impl Items {
    /// Says how many windows are looked at.
    pub(super) fn serve(&mut self, windows: usize) {
        self.windows = windows;
    }

    /// Forgets a member that has changed.
    pub(super) fn forget(&mut self, user: UserId) {
        self.items.remove(&user);
    }

    fn keep(&mut self, user: UserId, item: Bytes) {
        if self.items.len() >= ITEMS_KEPT_MIN + ITEMS_A_WINDOW * self.windows {
            self.items.clear();
        }
        self.items.insert(user, item);
    }
}

#[derive(Serialize)]
struct Front<'a> {
    guild_id: GuildId,
    id: &'a str,
    member_count: usize,
    online_count: u32,
    groups: Vec<GroupCount>,
}

#[derive(Serialize)]
struct GroupCount {
    id: String,
    count: u32,
}

#[derive(Serialize)]
struct GroupItem {
    group: GroupCount,
}

#[derive(Serialize)]
struct MemberItem {
    member: ListedMember,
}

#[derive(Serialize)]
struct ListedMember {
    #[serde(flatten)]
    member: Member,
    presence: Presence,
}

/// Formats into a vector, which cannot fail.
macro_rules! put {
    ($out:expr, $($arguments:tt)*) => {
        if write!($out, $($arguments)*).is_err() {
            unreachable!("a vector takes everything");
        }
    };
}

/// What a client is to do.
pub(super) enum Told<'a> {
    /// Replace the rows of a window.
    Sync(Window, &'a [Key]),
    /// Splice them.
    Splices(&'a [Splice]),
}

/// What all updates of one list have in front, up to their `ops`.
pub(super) fn front(guild: GuildId, id: &str, list: &List) -> Vec<u8> {
    let groups = list.groups().map(|(group, count)| GroupCount { id: group.wire_id(), count });
    let front = Front {
        guild_id: guild,
        id,
        member_count: list.len(),
        online_count: list.online(),
        groups: groups.collect(),
    };
    let mut front = encode(&front).to_vec();
    front.pop();
    front.extend_from_slice(b",\"ops\":[");
    front
}

impl Guild {
    /// Sends sessions an update that begins with `front`.
    pub(super) fn tell_list<'a>(
        &self,
        cx: &mut Cx<'_>,
        listed: &mut Listed,
        front: &[u8],
        sessions: impl IntoIterator<Item = &'a SessionKey>,
        told: &Told<'_>,
    ) {
        let items = match told {
            Told::Sync(_, keys) => keys.len(),
            Told::Splices(splices) => splices.len().div_ceil(2),
        };
        let mut body = Vec::with_capacity(front.len() + ITEM_BYTES * (items + 1));
        body.extend_from_slice(front);
        match told {
            Told::Sync(window, keys) => {
                let last = window.to.saturating_sub(1);
                put!(body, "{{\"op\":\"SYNC\",\"range\":[{},{last}],\"items\":[", window.from);
                for (index, key) in keys.iter().enumerate() {
                    if index > 0 {
                        body.push(b',');
                    }
                    self.put_item(&mut body, listed, key);
                }
                body.extend_from_slice(b"]}");
            }
            Told::Splices(splices) => {
                for (index, splice) in splices.iter().enumerate() {
                    if index > 0 {
                        body.push(b',');
                    }
                    self.put_splice(&mut body, listed, splice);
                }
            }
        }
        body.extend_from_slice(b"]}");
        let event =
            Event::encoded("GUILD_MEMBER_LIST_UPDATE", Intents::empty(), Audience::all(), body.into());
        let event = Arc::new(Event { guild: Some(self.id), ..event });
        let mut by_node: BTreeMap<_, Vec<SessionKey>> = BTreeMap::new();
        for session in sessions {
            by_node.entry(session.node).or_default().push(*session);
        }
        for (node, sessions) in by_node {
            let message = relay::Op::Direct { sessions, event: event.clone() };
            cx.effect(Effect::Relay { node, message });
        }
    }

    fn put_splice(&self, body: &mut Vec<u8>, listed: &mut Listed, splice: &Splice) {
        let (op, row, key) = match splice {
            Splice::Delete(row) => ("DELETE", row, None),
            Splice::Insert(row, key) => ("INSERT", row, Some(key)),
            Splice::Update(row, key) => ("UPDATE", row, Some(key)),
        };
        put!(body, "{{\"op\":\"{op}\",\"index\":{row}");
        if let Some(key) = key {
            body.extend_from_slice(b",\"item\":");
            self.put_item(body, listed, key);
        }
        body.push(b'}');
    }

    fn put_item(&self, body: &mut Vec<u8>, listed: &mut Listed, key: &Key) {
        match listed.list.row(key) {
            Some(Row::Group(group, count)) => {
                body.extend_from_slice(&encode(&GroupItem {
                    group: GroupCount { id: group.wire_id(), count },
                }));
            }
            Some(Row::Member(user)) => {
                if let Some(item) = listed.items.items.get(&user) {
                    return body.extend_from_slice(item);
                }
                let item = self.member_item(user);
                body.extend_from_slice(&item);
                listed.items.keep(user, item);
            }
            None => body.extend_from_slice(b"null"),
        }
    }

    fn member_item(&self, user: UserId) -> Bytes {
        let Some(member) = self.members.get(user) else { return Bytes::from_static(b"null") };
        let presence = self.presences.get(self.id, user).unwrap_or_else(|| Presence::offline(user));
        encode(&MemberItem { member: ListedMember { member: member.unpack(), presence } })
    }
}
