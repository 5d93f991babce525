//! What a client knows, made of what it is told, as client libraries do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// A channel, and the messages a client was told of it since it has known the channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channel {
    shown: BTreeMap<String, Value>,
    /// When a message was pinned last.
    pinned_at: Value,
    /// The newest message when the channel was first seen.
    from: u64,
    /// The messages that were told since, and their texts.
    heard: BTreeMap<u64, String>,
    /// Those that were told and are deleted.
    deleted: BTreeSet<u64>,
    /// The newest that was told.
    last: u64,
}

/// An active thread.
#[derive(Debug, Clone, Default)]
struct Thread {
    name: Value,
    parent: u64,
    talk: Channel,
}

impl Thread {
    fn of(body: &Value) -> Self {
        Self { name: body["name"].clone(), parent: number(&body["parent_id"]), talk: Channel::of(body) }
    }
}

/// What is shown of a member and may change.
fn member(body: &Value) -> (u64, Value) {
    let mut roles: Vec<_> = items(body, "roles").map(number).collect();
    roles.sort_unstable();
    let shown = json!([roles, body["nick"], body["communication_disabled_until"]]);
    (number(&body["user"]["id"]), shown)
}

/// A guild.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guild {
    name: Value,
    count: i64,
    members: BTreeMap<u64, Value>,
    /// Who is seen, and how.
    presences: BTreeMap<u64, String>,
    threads: BTreeMap<u64, Thread>,
    pub(crate) channels: BTreeMap<u64, Channel>,
    roles: BTreeMap<u64, Value>,
    /// Who is in which voice channel.
    voice: BTreeMap<u64, u64>,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) guilds: BTreeMap<u64, Guild>,
    pub(crate) friends: BTreeMap<u64, i64>,
    /// Private channels.
    pub(crate) private: BTreeMap<u64, Channel>,
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
        // They change with messages; and GUILD_CREATE's channels need not name their guild.
        let beside = ["last_message_id", "last_pin_timestamp", "guild_id"];
        let fields =
            body.as_object().into_iter().flatten().filter(|(name, _)| !beside.contains(&name.as_str()));
        let shown = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { shown, pinned_at: body["last_pin_timestamp"].clone(), from, ..Self::default() }
    }

    /// A message is told.
    fn hear(&mut self, place: u64, message: &Value, broken: &mut Vec<String>) {
        let id = number(&message["id"]);
        // What READY of an account says of private channels may be newer than the last word before it.
        if id <= self.last {
            broken.push(format!("message {id} of channel {place} is told after {}", self.last));
        }
        self.last = self.last.max(id);
        self.heard.insert(id, text(message));
    }

    /// A message is changed or deleted.
    fn change(&mut self, name: &str, message: &Value) {
        let id = number(&message["id"]);
        if name == "MESSAGE_DELETE" {
            self.deleted.extend(self.heard.remove(&id).map(|_| id));
        } else if let Some(known) = self.heard.get_mut(&id) {
            *known = text(message);
        }
    }

    /// How what was told differs from these messages with their texts, in words.
    pub(crate) fn missed(&self, stored: &BTreeMap<u64, String>) -> Vec<String> {
        let mut words = Vec::new();
        for (id, text) in stored.iter().filter(|(id, _)| **id > self.from) {
            match self.heard.get(id) {
                Some(known) if known == text => {}
                Some(known) => words.push(format!("that {id} says {text:?} in place of {known:?}")),
                None if self.deleted.contains(id) => {
                    words.push(format!("that {id} is there, but its deletion"))
                }
                None => words.push(id.to_string()),
            }
        }
        let gone = self.heard.keys().filter(|id| !stored.contains_key(id));
        words.extend(gone.map(|id| format!("of the deletion of {id}")));
        words
    }
}

impl Guild {
    fn of(body: &Value) -> Self {
        // READY may keep what belongs to the guild itself apart.
        let own = if body["properties"].is_object() { &body["properties"] } else { body };
        Self {
            name: own["name"].clone(),
            count: body["member_count"].as_i64().unwrap_or_default(),
            members: items(body, "members").map(member).collect(),
            presences: items(body, "presences").filter_map(presence).collect(),
            threads: items(body, "threads").map(|t| (number(&t["id"]), Thread::of(t))).collect(),
            channels: items(body, "channels").map(|c| (number(&c["id"]), Channel::of(c))).collect(),
            roles: items(body, "roles").map(|role| (number(&role["id"]), role.clone())).collect(),
            voice: items(body, "voice_states").filter_map(voice).collect(),
        }
    }
}

fn text(message: &Value) -> String {
    message["content"].as_str().unwrap_or_default().to_owned()
}

/// Who is in voice, and where.
fn voice(body: &Value) -> Option<(u64, u64)> {
    (!body["channel_id"].is_null()).then(|| (number(&body["user_id"]), number(&body["channel_id"])))
}

/// Who is seen, and how; nobody who is not.
fn presence(body: &Value) -> Option<(u64, String)> {
    let status = body["status"].as_str().filter(|status| *status != "offline")?;
    Some((number(&body["user"]["id"]), status.to_owned()))
}

impl Guild {
    /// The presences of others; the one who looks has just identified once more.
    fn seen(&self, but: u64) -> String {
        let others = self.presences.iter().filter(|(id, _)| **id != but);
        format!("{:?}", others.collect::<Vec<_>>())
    }

    /// Everything in which messages are told.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u64, &Channel)> {
        let threads = self.threads.iter().map(|(id, thread)| (*id, &thread.talk));
        self.channels.iter().map(|(id, channel)| (*id, channel)).chain(threads)
    }
}

impl View {
    /// The voice channels that are known, with their communities.
    pub(crate) fn voice_channels(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let is_voice = |channel: &Channel| channel.shown.get("type").is_some_and(|kind| *kind == json!(2));
        self.guilds.iter().flat_map(move |(guild, known)| {
            let voice = known.channels.iter().filter(move |(_, channel)| is_voice(channel));
            voice.map(|(channel, _)| (*guild, *channel))
        })
    }

    /// Takes an event.
    pub(crate) fn take(&mut self, name: &str, d: &Value) {
        match name {
            "READY" => {
                let guilds = items(d, "guilds").filter(|guild| guild["unavailable"] != true);
                self.guilds = guilds.map(|guild| (number(&guild["id"]), Guild::of(guild))).collect();
                let private = items(d, "private_channels");
                self.private = private.map(|c| (number(&c["id"]), Channel::of(c))).collect();
                let friends = items(d, "relationships");
                self.friends = friends
                    .map(|friend| (number(&friend["id"]), friend["type"].as_i64().unwrap_or_default()))
                    .collect();
            }
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" if d["guild_id"].is_null() => {
                // One that is listed already is known.
                self.private.entry(number(&d["id"])).or_insert_with(|| Channel::of(d));
            }
            "CHANNEL_DELETE" if d["guild_id"].is_null() => drop(self.private.remove(&number(&d["id"]))),
            "MESSAGE_CREATE" if d["guild_id"].is_null() => {
                let (id, place) = (number(&d["id"]), number(&d["channel_id"]));
                match self.private.get_mut(&place) {
                    Some(channel) => channel.hear(place, d, &mut self.broken),
                    None => self.broken.push(format!(
                        "message {id} of private channel {place}, which is not known, is told"
                    )),
                }
            }
            "MESSAGE_UPDATE" | "MESSAGE_DELETE" if d["guild_id"].is_null() => {
                if let Some(channel) = self.private.get_mut(&number(&d["channel_id"])) {
                    channel.change(name, d);
                }
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
            "GUILD_MEMBER_ADD" => {
                guild.count += 1;
                guild.members.extend([member(d)]);
            }
            "GUILD_MEMBER_UPDATE" => guild.members.extend([member(d)]),
            "GUILD_MEMBER_REMOVE" => {
                guild.count -= 1;
                guild.members.remove(&number(&d["user"]["id"]));
                guild.presences.remove(&number(&d["user"]["id"]));
            }
            "PRESENCE_UPDATE" => {
                guild.presences.remove(&number(&d["user"]["id"]));
                guild.presences.extend(presence(d));
            }
            "VOICE_STATE_UPDATE" => {
                guild.voice.remove(&number(&d["user_id"]));
                guild.voice.extend(voice(d));
            }
            "THREAD_CREATE" => drop(guild.threads.entry(id).or_insert_with(|| Thread::of(d))),
            "THREAD_UPDATE" => {
                guild.threads.entry(id).or_insert_with(|| Thread::of(d)).name = d["name"].clone();
            }
            "THREAD_DELETE" => drop(guild.threads.remove(&id)),
            "THREAD_LIST_SYNC" => {
                for thread in items(d, "threads") {
                    guild.threads.insert(number(&thread["id"]), Thread::of(thread));
                }
            }
            "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" => {
                guild.roles.insert(number(&d["role"]["id"]), d["role"].clone());
            }
            "GUILD_ROLE_DELETE" => drop(guild.roles.remove(&number(&d["role_id"]))),
            "CHANNEL_CREATE" => drop(guild.channels.insert(id, Channel::of(d))),
            "CHANNEL_UPDATE" => {
                let channel = guild.channels.entry(id).or_insert_with(|| Channel::of(d));
                let Channel { shown, pinned_at, .. } = Channel::of(d);
                (channel.shown, channel.pinned_at) = (shown, pinned_at);
            }
            "CHANNEL_DELETE" => {
                guild.channels.remove(&id);
                guild.threads.retain(|_, thread| thread.parent != id);
            }
            _ => self.take_of_talk(name, d),
        }
    }

    /// Takes what happens to messages of guilds.
    fn take_of_talk(&mut self, name: &str, d: &Value) {
        let Some(guild) = self.guilds.get_mut(&number(&d["guild_id"])) else { return };
        let place = number(&d["channel_id"]);
        let thread = guild.threads.get_mut(&place).map(|thread| &mut thread.talk);
        let channel = guild.channels.get_mut(&place).or(thread);
        match (name, channel) {
            ("MESSAGE_CREATE", None) => {
                let text = format!("message {} of channel {place}, which is not seen, is told", d["id"]);
                self.broken.push(text);
            }
            ("MESSAGE_CREATE", Some(channel)) => {
                let id = number(&d["id"]);
                if id <= channel.from {
                    self.broken
                        .push(format!("message {id} of channel {place} is told, which was there before"));
                }
                channel.hear(place, d, &mut self.broken);
            }
            ("MESSAGE_UPDATE" | "MESSAGE_DELETE", Some(channel)) => channel.change(name, d),
            ("CHANNEL_PINS_UPDATE", Some(channel)) => channel.pinned_at = d["last_pin_timestamp"].clone(),
            _ => {}
        }
    }

    /// How it differs from another view of the same person at the same time, in words.
    pub(crate) fn differs(&self, user: u64, fresh: &Self) -> Vec<String> {
        let mut words = Vec::new();
        let (one, other): (Vec<_>, Vec<_>) = (self.private.keys().collect(), fresh.private.keys().collect());
        if one != other {
            words.push(format!("private channels are {one:?}, not {other:?}"));
        }
        if self.friends != fresh.friends {
            words.push(format!("relationships are {:?}, not {:?}", self.friends, fresh.friends));
        }
        let all: BTreeSet<_> = self.guilds.keys().chain(fresh.guilds.keys()).collect();
        for id in all {
            let (Some(one), Some(other)) = (self.guilds.get(id), fresh.guilds.get(id)) else {
                let known = self.guilds.contains_key(id);
                words.push(format!("guild {id} is known: {known}; anew: {}", !known));
                continue;
            };
            let mut differ = |what: &str, one: String, other: String| {
                if one != other {
                    words.push(format!("guild {id}: {what} {one}, not {other}"));
                }
            };
            differ("the name is", one.name.to_string(), other.name.to_string());
            differ("its members count", one.count.to_string(), other.count.to_string());
            differ("members are", format!("{:?}", one.members), format!("{:?}", other.members));
            differ("seen are", one.seen(user), other.seen(user));
            differ("in voice are", format!("{:?}", one.voice), format!("{:?}", other.voice));
            let threads = |guild: &Guild| {
                let names = guild.threads.iter().map(|(id, thread)| (*id, thread.name.clone()));
                format!("{:?}", names.collect::<BTreeMap<_, _>>())
            };
            differ("threads are", threads(one), threads(other));
            differ("roles are", format!("{:?}", one.roles), format!("{:?}", other.roles));
            let shown = |guild: &Guild| {
                let channels = guild.channels.iter();
                let channels =
                    channels.map(|(id, channel)| (*id, (channel.shown.clone(), channel.pinned_at.clone())));
                format!("{:?}", channels.collect::<BTreeMap<_, _>>())
            };
            differ("channels are", shown(one), shown(other));
        }
        words
    }
}
