//! What a client of a person knows: read from READY, changed by dispatches and by nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

type ById = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    me: String,
    pub user: Value,
    pub relationships: ById,
    pub channels: ById,
    pub reads: ById,
    pub guild_settings: ById,
    pub settings: Value,
    pub proto: Value,
    pub notes: Value,
    pub sessions: ById,
    pub presences: ById,
}

fn by(list: &Value, key: &str) -> ById {
    let list = list.as_array().expect("a list");
    list.iter().map(|value| (text(&value[key]), value.clone())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Client {
    pub fn new(user: u64, ready: &Value) -> Self {
        let presences = ready["presences"].as_array().expect("presences");
        Self {
            me: user.to_string(),
            user: ready["user"].clone(),
            relationships: by(&ready["relationships"], "id"),
            channels: by(&ready["private_channels"], "id"),
            reads: by(&ready["read_state"], "id"),
            guild_settings: by(&ready["user_guild_settings"], "guild_id"),
            settings: ready["user_settings"].clone(),
            proto: ready["user_settings_proto"].clone(),
            notes: ready["notes"].clone(),
            sessions: by(&ready["sessions"], "session_id"),
            presences: presences.iter().map(|p| (text(&p["user"]["id"]), p.clone())).collect(),
        }
    }

    /// Without what lives in memory only.
    pub fn stored(&self) -> Self {
        Self { sessions: ById::new(), presences: ById::new(), ..self.clone() }
    }

    pub fn without_session(&mut self, id: &str) {
        self.sessions.remove(id);
    }

    fn read(&mut self, channel: &Value) -> &mut Value {
        let id = text(channel);
        let empty = json!({
            "id": id, "read_state_type": 0, "last_message_id": null, "mention_count": 0,
            "last_pin_timestamp": null, "flags": 0, "last_viewed": null,
        });
        self.reads.entry(id).or_insert(empty)
    }

    pub fn apply(&mut self, name: &str, d: &Value) {
        match name {
            "USER_UPDATE" => self.user = d.clone(),
            "RELATIONSHIP_ADD" | "RELATIONSHIP_UPDATE" => {
                let mut relationship = d.clone();
                relationship.as_object_mut().unwrap().remove("should_notify");
                if d["type"] != 1 {
                    self.presences.remove(&text(&d["id"]));
                }
                self.relationships.insert(text(&d["id"]), relationship);
            }
            "RELATIONSHIP_REMOVE" => {
                self.relationships.remove(&text(&d["id"]));
                self.presences.remove(&text(&d["id"]));
            }
            "PRESENCE_UPDATE" => self.presence(d),
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" => {
                self.channels.insert(text(&d["id"]), d.clone());
            }
            "CHANNEL_DELETE" => {
                self.channels.remove(&text(&d["id"]));
                // Nobody can read a group after leaving it; a DM is only closed.
                if d["type"] == 3 {
                    self.reads.remove(&text(&d["id"]));
                }
            }
            "CHANNEL_RECIPIENT_ADD" => self.recipients(d).push(d["user"].clone()),
            "CHANNEL_RECIPIENT_REMOVE" => self.recipients(d).retain(|user| user["id"] != d["user"]["id"]),
            "CHANNEL_PINS_UPDATE" => {
                let channel = self
                    .channels
                    .get_mut(&text(&d["channel_id"]))
                    .expect("a channel")
                    .as_object_mut()
                    .unwrap();
                match &d["last_pin_timestamp"] {
                    Value::Null => drop(channel.remove("last_pin_timestamp")),
                    time => drop(channel.insert("last_pin_timestamp".into(), time.clone())),
                }
            }
            "MESSAGE_CREATE" => self.message(d),
            "MESSAGE_UPDATE" | "MESSAGE_DELETE" | "TYPING_START" | "MESSAGE_REACTION_ADD" => {}
            "MESSAGE_ACK" => {
                let read = self.read(&d["channel_id"]);
                read["last_message_id"] = d["message_id"].clone();
                read["flags"] = d["flags"].clone();
                read["last_viewed"] = d["last_viewed"].clone();
                read["mention_count"] = d.get("mention_count").cloned().unwrap_or(json!(0));
            }
            "CHANNEL_PINS_ACK" => {
                self.read(&d["channel_id"])["last_pin_timestamp"] = d["timestamp"].clone();
            }
            // Nothing of a call is in READY.
            "CALL_CREATE" | "CALL_UPDATE" | "CALL_DELETE" | "VOICE_STATE_UPDATE" | "VOICE_SERVER_UPDATE" => {}
            "USER_GUILD_SETTINGS_UPDATE" => {
                self.guild_settings.insert(text(&d["guild_id"]), d.clone());
            }
            "USER_SETTINGS_UPDATE" => {
                let changed: &Map<String, Value> = d.as_object().unwrap();
                self.settings.as_object_mut().unwrap().extend(changed.clone());
            }
            "USER_SETTINGS_PROTO_UPDATE" if d["settings"]["type"] == 1 => {
                self.proto = d["settings"]["proto"].clone()
            }
            "USER_SETTINGS_PROTO_UPDATE" => {}
            "USER_NOTE_UPDATE" => {
                let notes = self.notes.as_object_mut().unwrap();
                match d["note"].as_str() {
                    Some("") => drop(notes.remove(&text(&d["id"]))),
                    _ => drop(notes.insert(text(&d["id"]), d["note"].clone())),
                }
            }
            "SESSIONS_REPLACE" => {
                self.sessions = by(d, "session_id");
                self.without_session("probe");
            }
            other => panic!("an event that no client knows: {other}"),
        }
    }

    fn recipients(&mut self, d: &Value) -> &mut Vec<Value> {
        let channel = self.channels.get_mut(&text(&d["channel_id"])).expect("a channel");
        channel["recipients"].as_array_mut().expect("recipients")
    }

    fn presence(&mut self, d: &Value) {
        let id = text(&d["user"]["id"]);
        let mut presence = d.clone();
        if let Some(relationship) = self.relationships.get_mut(&id)
            && d["user"].get("username").is_some()
        {
            relationship["user"] = d["user"].clone();
        }
        presence["user"] = json!({ "id": id });
        match d["status"] == "offline" {
            true => drop(self.presences.remove(&id)),
            false => drop(self.presences.insert(id, presence)),
        }
    }

    fn message(&mut self, d: &Value) {
        let channel =
            self.channels.get_mut(&text(&d["channel_id"])).expect("a channel is created before its messages");
        channel["last_message_id"] = d["id"].clone();
        // What the system says is nobody's mention (types 1 to 5).
        if d["type"] != 0 && d["type"] != 19 {
            return;
        }
        let own = d["author"]["id"] == *self.me;
        let channel = d["channel_id"].clone();
        let muted = self.guild_settings.get("").is_some_and(|all| {
            let overrides = all["channel_overrides"].as_array().unwrap();
            all["muted"] == true
                || overrides.iter().any(|one| one["channel_id"] == channel && one["muted"] == true)
        });
        if muted && !own {
            return;
        }
        let read = self.read(&channel);
        match own {
            true => {
                read["last_message_id"] = d["id"].clone();
                read["mention_count"] = json!(0);
            }
            false => read["mention_count"] = json!(read["mention_count"].as_u64().unwrap() + 1),
        }
    }
}
