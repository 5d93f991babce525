//! READY, put together from what the user's owner says and what only the gateway knows.

use std::sync::Arc;

use bytes::Bytes;
use consort_model::{ApplicationId, GuildId};
use serde_json::value::RawValue;

use crate::dispatch::{PART_BYTES, Part, part};
use crate::{Choice, Dispatch};

/// What the gateway adds.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// `v` of the connect URL.
    pub version: u8,
    /// The session's public id.
    pub session_id: &'a str,
    /// Where to resume, without a path or query.
    pub resume_gateway_url: &'a str,
    /// Echoed when IDENTIFY named one.
    pub shard: Option<(u32, u32)>,
    /// A bot's application and its flags.
    pub application: Option<(ApplicationId, u64)>,
}

/// Prepares READY up to its guilds: an object without its closing brace and without `guilds`. What the owner made is
/// taken as it is. `None` when that is no object.
pub fn opening(ready: &[u8], facts: &Facts<'_>) -> Option<Vec<u8>> {
    let fields = ready.strip_prefix(b"{")?.strip_suffix(b"}")?;
    let mut out = Vec::with_capacity(ready.len() + 512);
    out.extend_from_slice(format!("{{\"v\":{}", facts.version).as_bytes());
    if !fields.is_empty() {
        out.push(b',');
        out.extend_from_slice(fields);
    }
    let mut text = |key: &str, value: &str| {
        out.extend_from_slice(format!(",\"{key}\":{value}").as_bytes());
    };
    if let Some((id, flags)) = facts.application {
        text("application", &format!("{{\"id\":\"{id}\",\"flags\":{flags}}}"));
    }
    if let Some((id, count)) = facts.shard {
        text("shard", &format!("[{id},{count}]"));
    }
    text("session_id", &json_string(facts.session_id));
    text("resume_gateway_url", &json_string(facts.resume_gateway_url));
    Some(out)
}

/// Completes what [`opening`] began. Small guilds are copied; large ones are the parts that all sessions share which were
/// given the same.
pub fn finish(mut opening: Vec<u8>, guilds: &[ReadyGuild]) -> Dispatch {
    const NAME: &str = "READY";
    let mut parts: Vec<Part> = Vec::new();
    opening.reserve_exact(guilds.iter().map(ReadyGuild::copied_max).sum::<usize>() + 16);
    opening.extend_from_slice(b",\"guilds\":[");
    for (index, guild) in guilds.iter().enumerate() {
        if index > 0 {
            opening.push(b',');
        }
        match guild {
            ReadyGuild::Stub(id) => {
                opening.extend_from_slice(format!("{{\"id\":\"{id}\",\"unavailable\":true}}").as_bytes());
            }
            ReadyGuild::Full(_, guild) if guild.len() > PART_BYTES => {
                parts.push(part(std::mem::take(&mut opening)));
                parts.push(guild.dispatch().part());
            }
            ReadyGuild::Full(_, guild) => opening.extend_from_slice(guild.json()),
        }
    }
    opening.extend_from_slice(b"]}");
    if parts.is_empty() {
        return Dispatch::new(NAME, opening);
    }
    parts.push(part(opening));
    Dispatch::in_parts(NAME, parts)
}

/// A guild as a session gets it, GUILD_CREATE; clones are one.
#[derive(Debug, Clone)]
pub struct GuildCreate(Arc<Dispatch>);

impl GuildCreate {
    /// The JSON of its `d`.
    pub fn json(&self) -> &Bytes {
        self.0.d(Choice::Full)
    }

    /// Bytes of that.
    #[allow(clippy::len_without_is_empty, reason = "a guild is an object")]
    pub fn len(&self) -> usize {
        self.0.len(Choice::Full)
    }

    /// As a dispatch.
    pub fn dispatch(&self) -> &Arc<Dispatch> {
        &self.0
    }
}

impl From<Arc<Dispatch>> for GuildCreate {
    fn from(dispatch: Arc<Dispatch>) -> Self {
        Self(dispatch)
    }
}

impl From<Bytes> for GuildCreate {
    fn from(json: Bytes) -> Self {
        Self(Arc::new(Dispatch::new("GUILD_CREATE", json)))
    }
}

impl From<String> for GuildCreate {
    fn from(json: String) -> Self {
        Bytes::from(json).into()
    }
}

impl From<&'static str> for GuildCreate {
    fn from(json: &'static str) -> Self {
        Bytes::from(json).into()
    }
}

/// One of READY's guilds.
#[derive(Debug, Clone)]
pub enum ReadyGuild {
    /// Not there yet: a GUILD_CREATE follows.
    Stub(GuildId),
    /// The `d` of its GUILD_CREATE.
    Full(GuildId, GuildCreate),
}

impl ReadyGuild {
    /// Bytes of it that are copied into READY, at most.
    fn copied_max(&self) -> usize {
        match self {
            Self::Full(_, guild) if guild.len() <= PART_BYTES => guild.len() + 1,
            // An id has 20 digits at most.
            Self::Stub(_) | Self::Full(..) => 64,
        }
    }
}

/// READY_SUPPLEMENTAL: the owner's object with `guilds`, whose voice states come from the guilds' own objects. `None`
/// when the owner's object is no JSON object.
pub fn supplemental(object: &[u8], guilds: &[ReadyGuild]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(object.len() + 128 * guilds.len() + 64);
    out.extend_from_slice(b"{\"guilds\":[");
    let full = guilds.iter().filter_map(|guild| match guild {
        ReadyGuild::Full(id, guild) => Some((id, guild.json())),
        ReadyGuild::Stub(_) => None,
    });
    for (index, (id, body)) in full.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let states = field(body, "voice_states").unwrap_or_else(|| "[]".to_owned());
        let guild = format!("{{\"id\":\"{id}\",\"voice_states\":{states},\"embedded_activities\":[]}}");
        out.extend_from_slice(guild.as_bytes());
    }
    out.push(b']');
    for (key, value) in fields(object).ok()?.iter().filter(|(key, _)| key != "guilds") {
        out.extend_from_slice(format!(",\"{key}\":").as_bytes());
        out.extend_from_slice(value.get().as_bytes());
    }
    out.push(b'}');
    Some(out.into())
}

/// One field of an object. Reads no further than there, and guilds have `voice_states` first.
fn field(object: &[u8], name: &str) -> Option<String> {
    struct Find<'a>(&'a str, &'a mut Option<Box<RawValue>>);
    impl<'de> serde::de::Visitor<'de> for Find<'_> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(key) = map.next_key::<String>()? {
                if key == self.0 {
                    *self.1 = Some(map.next_value()?);
                    break;
                }
                map.next_value::<serde::de::IgnoredAny>()?;
            }
            Ok(())
        }
    }
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(object);
    // That the object goes on is an error, and all the same to whoever has what it looked for.
    let _ = serde::Deserializer::deserialize_map(&mut deserializer, Find(name, &mut found));
    found.map(|value| Box::<str>::from(value).into())
}

/// The fields of an object, not looked into.
fn fields(object: &[u8]) -> Result<Vec<(String, Box<RawValue>)>, serde_json::Error> {
    struct Fields;
    impl<'de> serde::de::Visitor<'de> for Fields {
        type Value = Vec<(String, Box<RawValue>)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(field) = map.next_entry()? {
                fields.push(field);
            }
            Ok(fields)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(object);
    let fields = serde::Deserializer::deserialize_map(&mut deserializer, Fields)?;
    deserializer.end()?;
    Ok(fields)
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const FACTS: Facts<'_> = Facts {
        version: 10,
        session_id: "abc",
        resume_gateway_url: "ws://127.0.0.1:80",
        shard: Some((1, 2)),
        application: Some((ApplicationId::new(7), 64)),
    };

    fn ready(owner: &[u8], guilds: &[ReadyGuild]) -> Value {
        let ready = finish(opening(owner, &FACTS).unwrap(), guilds);
        serde_json::from_slice(ready.d(Choice::Full)).unwrap()
    }

    #[test]
    fn what_the_gateway_knows_is_added() {
        let guilds = [
            ReadyGuild::Stub(GuildId::new(1)),
            ReadyGuild::Full(GuildId::new(2), r#"{"id":"2","voice_states":[1]}"#.into()),
        ];
        let ready = ready(br#"{"user":{"id":"5"},"private_channels":[{"id":"9"}]}"#, &guilds);
        let expected = json!({
            "v": 10, "user": {"id": "5"}, "private_channels": [{"id": "9"}], "shard": [1, 2],
            "guilds": [{"id": "1", "unavailable": true}, {"id": "2", "voice_states": [1]}],
            "application": {"id": "7", "flags": 64}, "session_id": "abc", "resume_gateway_url": "ws://127.0.0.1:80",
        });
        assert_eq!(ready, expected);
    }

    #[test]
    fn the_owner_may_say_nothing_but_must_say_an_object() {
        assert_eq!(ready(b"{}", &[])["guilds"], json!([]));
        assert_eq!(opening(b"[]", &FACTS), None);
        assert_eq!(opening(b"{", &FACTS), None);
    }

    #[test]
    fn the_supplement_has_the_voice_states_of_its_guilds() {
        let guilds = [
            ReadyGuild::Stub(GuildId::new(1)),
            ReadyGuild::Full(GuildId::new(2), r#"{"id":"2","voice_states":[{"user_id":"3"}]}"#.into()),
            ReadyGuild::Full(GuildId::new(4), r#"{"id":"4"}"#.into()),
        ];
        let object = supplemental(br#"{"merged_presences":{},"guilds":[0]}"#, &guilds).unwrap();
        let object: Value = serde_json::from_slice(&object).unwrap();
        assert_eq!(object["guilds"][0]["voice_states"][0]["user_id"], "3");
        assert_eq!(object["guilds"][1], json!({"id": "4", "voice_states": [], "embedded_activities": []}));
        assert_eq!(object["guilds"].as_array().unwrap().len(), 2);
        assert_eq!(object["merged_presences"], json!({}));
        assert_eq!(supplemental(b"null", &guilds), None);
    }
}
