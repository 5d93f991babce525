//! What a client keeps of a guild: GUILD_CREATE, and every dispatch after it applied the way clients do.

use std::collections::BTreeMap;

use consort_model::UserId;
use serde_json::{Map, Value, json};

/// Things by id.
type ById = BTreeMap<String, Value>;

/// The state of one guild in one client.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    user: String,
    /// The guild's own fields.
    pub guild: Map<String, Value>,
    pub roles: ById,
    pub emojis: ById,
    pub stickers: ById,
    pub channels: ById,
    pub threads: ById,
    pub members: ById,
    pub member_count: i64,
    pub voice: ById,
    pub presences: ById,
    pub events: ById,
    pub stages: ById,
    pub sounds: ById,
    /// Dispatches that made no sense: a change of something it was never told of, or told of twice.
    pub faults: Vec<String>,
}

/// Keys of GUILD_CREATE that are no fields of the guild object.
const LISTS: [&str; 14] = [
    "roles",
    "emojis",
    "stickers",
    "channels",
    "threads",
    "members",
    "member_count",
    "voice_states",
    "presences",
    "joined_at",
    "large",
    "stage_instances",
    "guild_scheduled_events",
    "soundboard_sounds",
];

impl Client {
    /// A client that has just been given GUILD_CREATE.
    pub fn new(user: UserId, guild_create: &Value) -> Self {
        let list = |name: &str, key: fn(&Value) -> String, tidy: fn(&Value) -> Value| {
            let items = guild_create[name].as_array().into_iter().flatten();
            items.map(|item| (key(item), tidy(item))).collect::<ById>()
        };
        let mut client = Self {
            user: user.to_string(),
            guild: guild_fields(guild_create),
            roles: list("roles", id, Value::clone),
            emojis: list("emojis", id, Value::clone),
            stickers: list("stickers", id, Value::clone),
            channels: list("channels", id, Value::clone),
            threads: list("threads", id, thread),
            members: list("members", user_id, member),
            member_count: guild_create["member_count"].as_i64().unwrap_or_default(),
            voice: list("voice_states", |state| text(&state["user_id"]), voice),
            presences: list("presences", user_id, presence),
            events: list("guild_scheduled_events", id, Value::clone),
            stages: list("stage_instances", id, Value::clone),
            sounds: list("soundboard_sounds", sound_id, Value::clone),
            faults: Vec::new(),
        };
        client.presences.remove(&client.user);
        client
    }

    /// Takes in a dispatch.
    pub fn apply(&mut self, name: &str, d: &Value) {
        match name {
            "GUILD_UPDATE" => self.update_guild(d),
            "GUILD_ROLE_CREATE" => put_new(&mut self.roles, &mut self.faults, name, &d["role"]),
            "GUILD_ROLE_UPDATE" => put_known(&mut self.roles, &mut self.faults, name, &d["role"]),
            "GUILD_ROLE_DELETE" => self.remove_role(&text(&d["role_id"])),
            "GUILD_EMOJIS_UPDATE" => self.emojis = all(&d["emojis"]),
            "GUILD_STICKERS_UPDATE" => self.stickers = all(&d["stickers"]),
            "CHANNEL_CREATE" => put_new(&mut self.channels, &mut self.faults, name, d),
            "CHANNEL_UPDATE" => put_known(&mut self.channels, &mut self.faults, name, d),
            "CHANNEL_DELETE" => self.remove_channel(d),
            "CHANNEL_PINS_UPDATE" => self.set(d, "last_pin_timestamp", &d["last_pin_timestamp"]),
            "VOICE_CHANNEL_STATUS_UPDATE" => {
                self.set(&json!({"channel_id": d["id"]}), "status", &d["status"])
            }
            "MESSAGE_CREATE" => self.set(d, "last_message_id", &d["id"]),
            "GUILD_MEMBER_ADD" => {
                self.member_count += 1;
                if self.members.insert(user_id(d), member(d)).is_some() {
                    self.faults.push(format!("{name}: a member already: {d}"));
                }
            }
            "GUILD_MEMBER_REMOVE" => {
                self.member_count -= 1;
                if self.members.remove(&user_id(d)).is_none() {
                    self.faults.push(format!("{name}: no member: {d}"));
                }
                self.presences.remove(&user_id(d));
            }
            "GUILD_MEMBER_UPDATE" => match self.members.get_mut(&user_id(d)) {
                Some(known) => merge(known, &member(d)),
                None => self.faults.push(format!("{name}: no member: {d}")),
            },
            "PRESENCE_UPDATE" if d["status"] == "offline" => drop(self.presences.remove(&user_id(d))),
            "PRESENCE_UPDATE" => drop(self.presences.insert(user_id(d), presence(d))),
            "VOICE_STATE_UPDATE" if d["channel_id"].is_null() => {
                self.voice.remove(&text(&d["user_id"]));
            }
            "VOICE_STATE_UPDATE" => drop(self.voice.insert(text(&d["user_id"]), voice(d))),
            _ => self.apply_thread(name, d),
        }
    }

    fn apply_thread(&mut self, name: &str, d: &Value) {
        match name {
            "GUILD_SCHEDULED_EVENT_CREATE" => put_new(&mut self.events, &mut self.faults, name, d),
            "GUILD_SCHEDULED_EVENT_UPDATE" if d["status"].as_u64() > Some(2) => {
                drop(self.events.remove(&id(d)))
            }
            "GUILD_SCHEDULED_EVENT_UPDATE" => put_known(&mut self.events, &mut self.faults, name, d),
            "GUILD_SCHEDULED_EVENT_DELETE" if self.events.remove(&id(d)).is_some() => {}
            "GUILD_SCHEDULED_EVENT_DELETE" => self.faults.push(format!("{name}: unknown: {d}")),
            "STAGE_INSTANCE_CREATE" => put_new(&mut self.stages, &mut self.faults, name, d),
            "STAGE_INSTANCE_UPDATE" => put_known(&mut self.stages, &mut self.faults, name, d),
            "STAGE_INSTANCE_DELETE" if self.stages.remove(&id(d)).is_some() => {}
            "STAGE_INSTANCE_DELETE" => self.faults.push(format!("{name}: unknown: {d}")),
            "GUILD_SOUNDBOARD_SOUND_CREATE" | "GUILD_SOUNDBOARD_SOUND_UPDATE" => {
                let known = self.sounds.insert(sound_id(d), d.clone()).is_some();
                if known != name.ends_with("UPDATE") {
                    self.faults.push(format!("{name}: {d}"));
                }
            }
            "GUILD_SOUNDBOARD_SOUND_DELETE" if self.sounds.remove(&sound_id(d)).is_some() => {}
            "GUILD_SOUNDBOARD_SOUND_DELETE" => self.faults.push(format!("{name}: unknown: {d}")),
            "GUILD_SOUNDBOARD_SOUNDS_UPDATE" => {
                for sound in d["soundboard_sounds"].as_array().into_iter().flatten() {
                    self.sounds.insert(sound_id(sound), sound.clone());
                }
            }
            "THREAD_CREATE" => drop(self.threads.insert(id(d), thread(d))),
            "THREAD_UPDATE" if d["thread_metadata"]["archived"] == true => {
                self.threads.remove(&id(d));
            }
            "THREAD_UPDATE" => {
                let own = self.threads.get(&id(d)).map(|known| known["member"].clone()).unwrap_or_default();
                self.threads.insert(id(d), thread(d));
                self.join(&id(d), own);
            }
            "THREAD_DELETE" if self.threads.remove(&id(d)).is_some() => {}
            "THREAD_DELETE" => self.faults.push(format!("{name}: unknown: {d}")),
            "THREAD_LIST_SYNC" => {
                let of = d["channel_ids"].as_array();
                self.threads.retain(|_, known| of.is_some_and(|of| !of.contains(&known["parent_id"])));
                let threads = d["threads"].as_array().into_iter().flatten();
                threads.for_each(|new| drop(self.threads.insert(id(new), thread(new))));
                for own in d["members"].as_array().into_iter().flatten() {
                    self.join(&id(own), own.clone());
                }
            }
            "THREAD_MEMBER_UPDATE" => self.join(&id(d), d.clone()),
            "THREAD_MEMBERS_UPDATE" => {
                for own in d["added_members"].as_array().into_iter().flatten() {
                    if text(&own["user_id"]) == self.user {
                        self.join(&id(d), own.clone());
                    }
                }
                let Some(known) = self.threads.get_mut(&id(d)).and_then(Value::as_object_mut) else { return };
                known.insert("member_count".into(), d["member_count"].clone());
                if d["removed_member_ids"].as_array().is_some_and(|ids| ids.contains(&json!(self.user))) {
                    known.remove("member");
                }
            }
            _ => {}
        }
    }

    fn join(&mut self, thread: &str, own: Value) {
        if let Some(known) = self.threads.get_mut(thread).and_then(Value::as_object_mut)
            && !own.is_null()
        {
            known.insert("member".into(), thread_member(&own));
        }
    }

    fn update_guild(&mut self, d: &Value) {
        self.guild = guild_fields(d);
        (self.roles, self.emojis, self.stickers) = (all(&d["roles"]), all(&d["emojis"]), all(&d["stickers"]));
    }

    fn remove_role(&mut self, role: &str) {
        if self.roles.remove(role).is_none() {
            self.faults.push(format!("GUILD_ROLE_DELETE: unknown: {role}"));
        }
        for known in self.members.values_mut() {
            without(&mut known["roles"], |held| held == role);
        }
        for known in self.channels.values_mut() {
            without(&mut known["permission_overwrites"], |overwrite| overwrite["id"] == role);
        }
    }

    fn remove_channel(&mut self, d: &Value) {
        if self.channels.remove(&id(d)).is_none() {
            self.faults.push(format!("CHANNEL_DELETE: unknown: {d}"));
        }
        self.threads.retain(|_, known| known["parent_id"] != d["id"]);
        self.voice.retain(|_, known| known["channel_id"] != d["id"]);
    }

    /// Sets a field of the channel or thread that `d` names.
    fn set(&mut self, d: &Value, field: &str, value: &Value) {
        let channel = text(&d["channel_id"]);
        let known = self.channels.get_mut(&channel).or_else(|| self.threads.get_mut(&channel));
        if let Some(known) = known.and_then(Value::as_object_mut) {
            // Optional keys are left out where they are null.
            match (value.is_null(), field) {
                (true, "last_pin_timestamp" | "status") => drop(known.remove(field)),
                _ => drop(known.insert(field.to_owned(), value.clone())),
            }
        }
    }

    /// What is not as in `fresh`, line by line; empty when all is. Voice states and presences only with `lively`.
    pub fn differences(&self, fresh: &Self, lively: bool) -> Vec<String> {
        let own = |client: &Self| {
            let guild = client.guild.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            let count = BTreeMap::from([("member_count".to_owned(), json!(client.member_count))]);
            [("guild", guild), ("", count)]
        };
        let lists = |client: &Self| {
            let of = |name, list: &ById| (name, list.clone());
            let mut lists = own(client).to_vec();
            lists.extend([
                of("role", &client.roles),
                of("emoji", &client.emojis),
                of("sticker", &client.stickers),
            ]);
            lists.extend([of("channel", &client.channels), of("thread", &client.threads)]);
            lists.extend([of("member", &client.members), of("event", &client.events)]);
            lists.extend([of("stage", &client.stages), of("sound", &client.sounds)]);
            if lively {
                lists.extend([of("voice", &client.voice), of("presence", &client.presences)]);
            }
            lists
        };
        let mut found = Vec::new();
        for ((name, kept), (_, fresh)) in lists(self).into_iter().zip(lists(fresh)) {
            let keys: std::collections::BTreeSet<_> = kept.keys().chain(fresh.keys()).collect();
            for key in keys.into_iter().filter(|key| kept.get(*key) != fresh.get(*key)) {
                let shown = |side: Option<&Value>| side.map_or("nothing".to_owned(), Value::to_string);
                let (kept, fresh) = (shown(kept.get(key)), shown(fresh.get(key)));
                found.push(format!("{name} {key}:\n    kept  {kept}\n    fresh {fresh}"));
            }
        }
        found
    }
}

fn guild_fields(d: &Value) -> Map<String, Value> {
    let fields = d.as_object().into_iter().flatten();
    let own = fields.filter(|(key, _)| !LISTS.contains(&key.as_str()) && *key != "unavailable");
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn put_new(list: &mut ById, faults: &mut Vec<String>, name: &str, d: &Value) {
    if list.insert(id(d), d.clone()).is_some() {
        faults.push(format!("{name}: known already: {d}"));
    }
}

fn put_known(list: &mut ById, faults: &mut Vec<String>, name: &str, d: &Value) {
    if list.insert(id(d), d.clone()).is_none() {
        faults.push(format!("{name}: unknown: {d}"));
    }
}

fn all(items: &Value) -> ById {
    items.as_array().into_iter().flatten().map(|item| (id(item), item.clone())).collect()
}

fn merge(known: &mut Value, change: &Value) {
    if let (Some(known), Some(change)) = (known.as_object_mut(), change.as_object()) {
        change.iter().for_each(|(key, value)| drop(known.insert(key.clone(), value.clone())));
    }
}

fn without(list: &mut Value, gone: impl Fn(&Value) -> bool) {
    if let Some(list) = list.as_array_mut() {
        list.retain(|item| !gone(item));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn id(object: &Value) -> String {
    text(&object["id"])
}

fn sound_id(object: &Value) -> String {
    text(&object["sound_id"])
}

fn user_id(object: &Value) -> String {
    text(&object["user"]["id"])
}

fn stripped(object: &Value, keys: &[&str]) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        keys.iter().for_each(|key| drop(map.remove(*key)));
    }
    object
}

fn member(d: &Value) -> Value {
    stripped(d, &["guild_id"])
}

fn voice(d: &Value) -> Value {
    stripped(d, &["guild_id", "member"])
}

fn presence(d: &Value) -> Value {
    stripped(d, &["guild_id"])
}

/// A thread; its counters of messages are counted by clients themselves, some so, some so.
fn thread(d: &Value) -> Value {
    let mut thread = stripped(d, &["newly_created", "message_count", "total_message_sent"]);
    if !thread["member"].is_null() {
        thread["member"] = thread_member(&thread["member"]);
    } else if let Some(map) = thread.as_object_mut() {
        map.remove("member");
    }
    thread
}

fn thread_member(own: &Value) -> Value {
    stripped(own, &["member", "presence", "guild_id"])
}
