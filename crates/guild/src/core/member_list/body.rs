//! GUILD_MEMBER_LIST_UPDATE.

use std::sync::Arc;

use bytes::Bytes;
use consort_actor::Cx;
use consort_model::{GuildId, Intents};
use consort_rpc::relay::SessionKey;
use consort_rpc::{Audience, Event, Publication, relay};
use serde::Serialize;

use super::super::Guild;
use crate::json::encode;
use crate::json::put_number;
use crate::ranked_list::{Group, Key, List, Row, Splice, Window};
use crate::roster::Presences;

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
    /// Sends sessions, in their order, an update that begins with `front`. `body` is where it is put together.
    pub(super) fn tell_list<'a>(
        &self,
        cx: &mut Cx<'_>,
        (list, front): (&List, &[u8]),
        sessions: impl IntoIterator<Item = &'a SessionKey>,
        told: &Told<'_>,
        body: &mut Vec<u8>,
    ) {
        self.fetch(list, told);
        body.clear();
        body.extend_from_slice(front);
        match told {
            Told::Sync(window, keys) => self.put_sync(body, list, *window, keys),
            Told::Splices(splices) => {
                for (index, splice) in splices.iter().enumerate() {
                    if index > 0 {
                        body.push(b',');
                    }
                    self.put_splice(body, list, splice);
                }
            }
        }
        body.extend_from_slice(b"]}");
        let body = Bytes::copy_from_slice(body);
        let event = Event::encoded("GUILD_MEMBER_LIST_UPDATE", Intents::empty(), Audience::all(), body);
        let event = Arc::new(Event { guild: Some(self.id), ..event });
        let mut sessions = sessions.into_iter().copied().peekable();
        while let Some(session) = sessions.next() {
            let node = session.node;
            let mut here = vec![session];
            here.extend(std::iter::from_fn(|| sessions.next_if(|next| next.node == node)));
            let message = relay::Op::Direct { sessions: here, event: event.clone() };
            cx.publish(Publication::Relay { node, message });
        }
    }

    /// Reads a little of each member that is about to be written. Members lie far apart, so the memory would be waited for
    /// at each; these reads depend on nothing, and the processor has several of them on their way at once.
    fn fetch(&self, list: &List, told: &Told<'_>) {
        let glance = |key: &Key| {
            let user = key.user()?;
            let online = list.group(key) != Some(Group::Offline) && self.presences.contains(user);
            Some(self.members.get(user)?.role_set() + u32::from(online))
        };
        let glanced = match told {
            Told::Sync(_, keys) => keys.iter().filter_map(glance).fold(0, u32::wrapping_add),
            Told::Splices(splices) => {
                let keys = splices.iter().filter_map(Splice::key);
                keys.filter_map(glance).fold(0, u32::wrapping_add)
            }
        };
        std::hint::black_box(glanced);
    }

    fn put_sync(&self, body: &mut Vec<u8>, list: &List, window: Window, keys: &[Key]) {
        body.extend_from_slice(b"{\"op\":\"SYNC\",\"range\":[");
        put_number(body, window.from as u64);
        body.push(b',');
        put_number(body, window.to.saturating_sub(1) as u64);
        body.extend_from_slice(b"],\"items\":[");
        for (index, key) in keys.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            self.put_item(body, list, key);
        }
        body.extend_from_slice(b"]}");
    }

    fn put_splice(&self, body: &mut Vec<u8>, list: &List, splice: &Splice) {
        let (op, row, key) = match splice {
            Splice::Delete(row) => (&b"{\"op\":\"DELETE\",\"index\":"[..], row, None),
            Splice::Insert(row, key) => (&b"{\"op\":\"INSERT\",\"index\":"[..], row, Some(key)),
            Splice::Update(row, key) => (&b"{\"op\":\"UPDATE\",\"index\":"[..], row, Some(key)),
        };
        body.extend_from_slice(op);
        put_number(body, *row as u64);
        if let Some(key) = key {
            body.extend_from_slice(b",\"item\":");
            self.put_item(body, list, key);
        }
        body.push(b'}');
    }

    fn put_item(&self, body: &mut Vec<u8>, list: &List, key: &Key) {
        let user = match list.row(key) {
            Some(Row::Group(group, count)) => {
                let item = GroupItem { group: GroupCount { id: group.wire_id(), count } };
                return body.extend_from_slice(&encode(&item));
            }
            Some(Row::Member(user)) => user,
            None => return body.extend_from_slice(b"null"),
        };
        let Some(member) = self.members.get(user) else { return body.extend_from_slice(b"null") };
        body.extend_from_slice(b"{\"member\":");
        member.put_open_json(body);
        body.extend_from_slice(b",\"presence\":");
        match list.group(key) {
            Some(Group::Offline) => Presences::put_offline(user, body),
            _ => self.presences.put_json(self.id, user, body),
        }
        body.extend_from_slice(b"}}");
    }
}
