//! Presences of the members who are not offline.

use std::sync::OnceLock;

use bytes::Bytes;
use consort_model::{ClientStatus, GuildId, Lookup, Presence, Status, UserId, UserRef};

use crate::json::{put_id, put_value};

/// How many values a status in [`ClientStatus`] has: none, or one of five.
const CLIENT_VALUES: u16 = 6;
const STATUSES: [Status; 5] = [Status::Offline, Status::Invisible, Status::Idle, Status::Dnd, Status::Online];

/// An id as bytes, so that an entry takes ten bytes and no padding.
type Id = [u8; 8];

/// Presences by user. Most are a status by kind of client and nothing else; those take ten bytes and what a hash table
/// leaves empty. All are presences in one guild.
#[derive(Debug, Default)]
pub struct Presences {
    plain: Lookup<Id, [u8; 2]>,
    /// Those with activities.
    rich: Lookup<UserId, Box<Presence>>,
    /// The JSON of all, while a small guild's sessions attach and nothing changes.
    list: OnceLock<Bytes>,
}

impl Presences {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.plain.len() + self.rich.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a user has one.
    pub fn contains(&self, user: UserId) -> bool {
        self.plain.contains_key(&user.get().to_le_bytes()) || self.rich.contains_key(&user)
    }

    /// The presence of a user, in `guild`.
    pub fn get(&self, guild: GuildId, user: UserId) -> Option<Presence> {
        if let Some(code) = self.plain.get(&user.get().to_le_bytes()) {
            return Some(decode(guild, user, u16::from_le_bytes(*code)));
        }
        let rich = self.rich.get(&user)?;
        Some(Presence { guild_id: Some(guild), ..Presence::clone(rich) })
    }

    /// Adds the JSON of a user's presence in `guild`; [`Presence::offline`] of one who has none.
    pub fn put_json(&self, guild: GuildId, user: UserId, out: &mut Vec<u8>) {
        let code = self.plain.get(&user.get().to_le_bytes());
        if code.is_none()
            && let Some(rich) = self.rich.get(&user)
        {
            return put_value(out, &Presence { guild_id: Some(guild), ..Presence::clone(rich) });
        }
        let Some(code) = code else { return Self::put_offline(user, out) };
        out.extend_from_slice(b"{\"user\":{\"id\":");
        put_id(out, user.get());
        let (status, clients) = read(u16::from_le_bytes(*code));
        out.extend_from_slice(b"},\"guild_id\":");
        put_id(out, guild.get());
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(name(status));
        out.extend_from_slice(b"\",\"activities\":[],\"client_status\":{");
        let start = out.len();
        for (client, status) in [&b"desktop"[..], b"mobile", b"web"].into_iter().zip(clients) {
            let Some(status) = status else { continue };
            if out.len() > start {
                out.push(b',');
            }
            for part in [&b"\""[..], client, b"\":\"", name(status), b"\""] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(b"}}");
    }

    /// Adds the JSON of [`Presence::offline`].
    pub fn put_offline(user: UserId, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"user\":{\"id\":");
        put_id(out, user.get());
        out.extend_from_slice(b"},\"status\":\"offline\",\"activities\":[],\"client_status\":{}}");
    }

    /// The JSON of all presences, an array by rising user; kept until one changes. `guild` must be the same every time.
    pub fn list(&self, guild: GuildId) -> &Bytes {
        let all = || self.users().into_iter().filter_map(|user| self.get(guild, user)).collect::<Vec<_>>();
        self.list.get_or_init(|| super::encode(&all()))
    }

    /// Keeps a presence. The guild it is told in is not kept.
    pub fn insert(&mut self, presence: &Presence) {
        let user = presence.user.id;
        self.list.take();
        if presence.activities.is_empty() {
            self.rich.remove(&user);
            self.plain.insert(user.get().to_le_bytes(), encode(presence).to_le_bytes());
        } else {
            self.plain.remove(&user.get().to_le_bytes());
            self.rich.insert(user, Box::new(presence.clone()));
        }
    }

    /// Forgets a presence; whether there was one.
    pub fn remove(&mut self, user: UserId) -> bool {
        self.list.take();
        self.plain.remove(&user.get().to_le_bytes()).is_some() || self.rich.remove(&user).is_some()
    }

    /// The users who have one, by rising id.
    pub fn users(&self) -> Vec<UserId> {
        let plain = self.plain.keys().into_iter().map(|id| UserId::new(u64::from_le_bytes(*id)));
        let mut users: Vec<_> = plain.chain(self.rich.keys().into_iter().copied()).collect();
        users.sort_unstable();
        users
    }
}

fn encode(presence: &Presence) -> u16 {
    let ClientStatus { desktop, mobile, web } = presence.client_status;
    let number = |status| STATUSES.iter().position(|other| *other == status).unwrap_or(0) as u16;
    [desktop, mobile, web].into_iter().fold(number(presence.status), |code, status| {
        code * CLIENT_VALUES + status.map_or(0, |status| number(status) + 1)
    })
}

fn decode(guild: GuildId, user: UserId, code: u16) -> Presence {
    let (status, [desktop, mobile, web]) = read(code);
    Presence {
        user: UserRef { id: user },
        guild_id: Some(guild),
        status,
        activities: Vec::new(),
        client_status: ClientStatus { desktop, mobile, web },
    }
}

/// The status, and those by kind of client: desktop, mobile, web.
fn read(mut code: u16) -> (Status, [Option<Status>; 3]) {
    let mut next = || {
        let value = code % CLIENT_VALUES;
        code /= CLIENT_VALUES;
        value.checked_sub(1).map(|status| STATUSES[usize::from(status)])
    };
    let (web, mobile, desktop) = (next(), next(), next());
    (STATUSES.get(usize::from(code)).copied().unwrap_or_default(), [desktop, mobile, web])
}

fn name(status: Status) -> &'static [u8] {
    match status {
        Status::Offline => b"offline",
        Status::Invisible => b"invisible",
        Status::Idle => b"idle",
        Status::Dnd => b"dnd",
        Status::Online => b"online",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    fn presences() -> impl Strategy<Value = Presence> {
        let status = || prop::sample::select(STATUSES.to_vec());
        let client = (prop::option::of(status()), prop::option::of(status()), prop::option::of(status()));
        (0u64..8, status(), client, any::<bool>()).prop_map(|(user, status, client, busy)| Presence {
            user: UserRef { id: UserId::new(user << 60 | user) },
            guild_id: Some(GuildId::new(7)),
            status,
            activities: if busy {
                vec![consort_model::Activity { name: "x".into(), ..Default::default() }]
            } else {
                Vec::new()
            },
            client_status: ClientStatus { desktop: client.0, mobile: client.1, web: client.2 },
        })
    }

    proptest! {
        #[test]
        fn presences_are_kept_as_they_are(
            steps in prop::collection::vec((presences(), any::<bool>()), 1..60),
        ) {
            let (mut packed, mut plain) = (Presences::default(), HashMap::new());
            for (presence, keep) in steps {
                let user = presence.user.id;
                if keep {
                    packed.insert(&presence);
                    plain.insert(user, presence);
                } else {
                    prop_assert_eq!(packed.remove(user), plain.remove(&user).is_some());
                }
                prop_assert_eq!(packed.len(), plain.len());
                prop_assert_eq!(packed.contains(user), plain.contains_key(&user));
                prop_assert_eq!(packed.get(GuildId::new(7), user), plain.get(&user).cloned());
                let shown = plain.get(&user).cloned().unwrap_or_else(|| Presence::offline(user));
                let mut json = Vec::new();
                packed.put_json(GuildId::new(7), user, &mut json);
                prop_assert_eq!(String::from_utf8(json).unwrap(), serde_json::to_string(&shown).unwrap());
            }
            let (users, mut known): (Vec<_>, Vec<_>) =
                (packed.users(), plain.keys().copied().collect());
            known.sort_unstable();
            prop_assert_eq!(users, known);
        }
    }
}
