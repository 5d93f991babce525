//! What a client knows, made of what it is told, as client libraries do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A channel, and the messages a client was told of it since it has known the channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channel {
    shown: Value,
    /// The newest message when the channel was first seen.
    pub(crate) from: u64,
    pub(crate) heard: BTreeSet<u64>,
    newest: u64,
}

/// A guild.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guild {
    name: Value,
    members: i64,
    pub(crate) channels: BTreeMap<u64, Channel>,
    roles: BTreeMap<u64, Value>,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) guilds: BTreeMap<u64, Guild>,
    pub(crate) friends: BTreeMap<u64, i64>,
    /// What cannot be.
    pub(crate) broken: Vec<String>,
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

impl Channel {
    fn of(body: &Value) -> Self {
        let from = number(&body["last_message_id"]);
        let mut shown = body.clone();
        if let Some(shown) = shown.as_object_mut() {
            // It moves with messages; and GUILD_CREATE's channels need not name their guild.
            shown.remove("last_message_id");
            shown.remove("guild_id");
        }
        Self { shown, from, heard: BTreeSet::new(), newest: from }
    }
}

impl Guild {
    fn of(body: &Value) -> Self {
        // READY may keep what belongs to the guild itself apart.
        let own = if body["properties"].is_object() { &body["properties"] } else { body };
        Self {
            name: own["name"].clone(),
            members: body["member_count"].as_i64().unwrap_or_default(),
            channels: items(body, "channels").map(|c| (number(&c["id"]), Channel::of(c))).collect(),
            roles: items(body, "roles").map(|role| (number(&role["id"]), role.clone())).collect(),
        }
    }
}

impl View {
    /// Takes an event.
    pub(crate) fn take(&mut self, name: &str, d: &Value) {
        match name {
            "READY" => {
                let guilds = items(d, "guilds").filter(|guild| guild["unavailable"] != true);
                self.guilds = guilds.map(|guild| (number(&guild["id"]), Guild::of(guild))).collect();
                let friends = items(d, "relationships");
                self.friends = friends
                    .map(|friend| (number(&friend["id"]), friend["type"].as_i64().unwrap_or_default()))
                    .collect();
            }
            "GUILD_CREATE" => drop(self.guilds.insert(number(&d["id"]), Guild::of(d))),
            "GUILD_DELETE" => drop(self.guilds.remove(&number(&d["id"]))),
            "RELATIONSHIP_ADD" => {
                self.friends.insert(number(&d["id"]), d["type"].as_i64().unwrap_or_default());
            }
            "RELATIONSHIP_REMOVE" => drop(self.friends.remove(&number(&d["id"]))),
            _ => self.take_of_guild(name, d),
        }
    }

    fn take_of_guild(&mut self, name: &str, d: &Value) {
        let own = if name == "GUILD_UPDATE" { &d["id"] } else { &d["guild_id"] };
        if own.is_null() {
            return;
        }
        let Some(guild) = self.guilds.get_mut(&number(own)) else {
            // One that is asked for again when its owner has moved is not known meanwhile.
            return;
        };
        let id = number(&d["id"]);
        match name {
            "GUILD_UPDATE" => guild.name = d["name"].clone(),
            "GUILD_MEMBER_ADD" => guild.members += 1,
            "GUILD_MEMBER_REMOVE" => guild.members -= 1,
            "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" => {
                guild.roles.insert(number(&d["role"]["id"]), d["role"].clone());
            }
            "GUILD_ROLE_DELETE" => drop(guild.roles.remove(&number(&d["role_id"]))),
            "CHANNEL_CREATE" => drop(guild.channels.insert(id, Channel::of(d))),
            "CHANNEL_UPDATE" => {
                let channel = guild.channels.entry(id).or_insert_with(|| Channel::of(d));
                channel.shown = Channel::of(d).shown;
            }
            "CHANNEL_DELETE" => drop(guild.channels.remove(&id)),
            "MESSAGE_CREATE" => {
                let place = number(&d["channel_id"]);
                let Some(channel) = guild.channels.get_mut(&place) else {
                    let text = format!("message {id} of channel {place}, which is not seen, is told");
                    return self.broken.push(text);
                };
                if id <= channel.newest {
                    let text = format!("message {id} of channel {place} is told after {}", channel.newest);
                    self.broken.push(text);
                }
                channel.newest = channel.newest.max(id);
                channel.heard.insert(id);
            }
            _ => {}
        }
    }

    /// How it differs from another view of the same person at the same time, in words. What the owner of the person tells
    /// (who is a friend, which guilds there are) counts only if `whole`.
    pub(crate) fn differs(&self, fresh: &Self, whole: bool) -> Vec<String> {
        let mut words = Vec::new();
        if whole && self.friends != fresh.friends {
            words.push(format!("relationships are {:?}, not {:?}", self.friends, fresh.friends));
        }
        let all: BTreeSet<_> = self.guilds.keys().chain(fresh.guilds.keys()).collect();
        for id in all {
            let (Some(one), Some(other)) = (self.guilds.get(id), fresh.guilds.get(id)) else {
                let known = self.guilds.contains_key(id);
                if whole {
                    words.push(format!("guild {id} is known: {known}; anew: {}", !known));
                }
                continue;
            };
            let mut differ = |what: &str, one: String, other: String| {
                if one != other {
                    words.push(format!("guild {id}: {what} {one}, not {other}"));
                }
            };
            differ("the name is", one.name.to_string(), other.name.to_string());
            differ("members are", one.members.to_string(), other.members.to_string());
            differ("roles are", format!("{:?}", one.roles), format!("{:?}", other.roles));
            let shown = |guild: &Guild| {
                let channels = guild.channels.iter().map(|(id, channel)| (*id, channel.shown.clone()));
                format!("{:?}", channels.collect::<BTreeMap<_, _>>())
            };
            differ("channels are", shown(one), shown(other));
        }
        words
    }
}
