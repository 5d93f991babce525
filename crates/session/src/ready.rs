//! READY, put together from what the user's owner says and what only the gateway knows.

use std::collections::BTreeSet;

use bytes::Bytes;
use consort_model::{ApplicationId, GuildId};
use serde_json::value::RawValue;

/// What READY holds when the user's owner left it out; libraries stumble without these fields, most of them over
/// `private_channels` ("READY" in the vendor's "Gateway Events", and what client libraries were seen to read).
const DEFAULTS: [(&str, &str); 9] = [
    ("private_channels", "[]"),
    ("session_type", "\"normal\""),
    ("relationships", "[]"),
    ("presences", "[]"),
    ("guild_join_requests", "[]"),
    ("user_settings", "{}"),
    ("geo_ordered_rtc_regions", "[]"),
    ("auth", "{}"),
    ("_trace", "[]"),
];

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
    /// A bot's application and its flags, if the owner's object has none.
    pub application: Option<(ApplicationId, u64)>,
}

/// Prepares READY up to its guilds: an object without its closing brace and without `guilds`. Of what the owner made,
/// fields that the gateway knows better are left out.
///
/// # Errors
/// When the owner's object is no JSON object.
pub fn opening(ready: &[u8], facts: &Facts<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let fields: Vec<(String, Box<RawValue>)> = fields(ready)?;
    let own = ["v", "guilds", "session_id", "resume_gateway_url", "shard"];
    let mut out = Vec::with_capacity(ready.len() + 512);
    out.extend_from_slice(format!("{{\"v\":{}", facts.version).as_bytes());
    let mut text = |key: &str, value: &str| {
        out.extend_from_slice(format!(",\"{key}\":").as_bytes());
        out.extend_from_slice(value.as_bytes());
    };
    let mut seen = BTreeSet::new();
    for (key, value) in &fields {
        if !own.contains(&key.as_str()) && seen.insert(key.as_str()) {
            // Keys are those of our own models, which need no escape.
            text(key, value.get());
        }
    }
    for (key, value) in DEFAULTS {
        if !seen.contains(key) {
            text(key, value);
        }
    }
    if let Some((id, flags)) = facts.application
        && !seen.contains("application")
    {
        text("application", &format!("{{\"id\":\"{id}\",\"flags\":{flags}}}"));
    }
    if let Some((id, count)) = facts.shard {
        text("shard", &format!("[{id},{count}]"));
    }
    text("session_id", &json_string(facts.session_id));
    text("resume_gateway_url", &json_string(facts.resume_gateway_url));
    Ok(out)
}

/// Completes what [`opening`] began.
pub fn finish(mut opening: Vec<u8>, guilds: &[ReadyGuild]) -> Bytes {
    opening.reserve_exact(guilds.iter().map(ReadyGuild::len_max).sum::<usize>() + 16);
    opening.extend_from_slice(b",\"guilds\":[");
    for (index, guild) in guilds.iter().enumerate() {
        if index > 0 {
            opening.push(b',');
        }
        match guild {
            ReadyGuild::Stub(id) => {
                opening.extend_from_slice(format!("{{\"id\":\"{id}\",\"unavailable\":true}}").as_bytes());
            }
            ReadyGuild::Full(_, body) => opening.extend_from_slice(body),
        }
    }
    opening.extend_from_slice(b"]}");
    opening.into()
}

/// One of READY's guilds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadyGuild {
    /// Not there yet: a GUILD_CREATE follows.
    Stub(GuildId),
    /// The `d` of its GUILD_CREATE.
    Full(GuildId, Bytes),
}

impl ReadyGuild {
    /// Bytes it takes in READY, at most.
    fn len_max(&self) -> usize {
        match self {
            // An id has 20 digits at most.
            Self::Stub(_) => 64,
            Self::Full(_, body) => body.len() + 1,
        }
    }
}

/// READY_SUPPLEMENTAL: the owner's object with `guilds`, whose voice states come from the guilds' own objects. `None`
/// when the owner's object is no JSON object.
pub fn supplemental(object: &[u8], guilds: &[ReadyGuild]) -> Option<Bytes> {
    let mut out = Vec::with_capacity(object.len() + 128 * guilds.len() + 64);
    out.extend_from_slice(b"{\"guilds\":[");
    let full = guilds.iter().filter_map(|guild| match guild {
        ReadyGuild::Full(id, body) => Some((id, body)),
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
        serde_json::from_slice(&finish(opening(owner, &FACTS).unwrap(), guilds)).unwrap()
    }

    #[test]
    fn every_field_that_libraries_read_is_there() {
        let guilds = [
            ReadyGuild::Stub(GuildId::new(1)),
            ReadyGuild::Full(GuildId::new(2), r#"{"id":"2","voice_states":[1]}"#.into()),
        ];
        let ready = ready(br#"{"user":{"id":"5"},"v":6,"private_channels":[{"id":"9"}]}"#, &guilds);
        assert_eq!(ready["v"], 10);
        assert_eq!(ready["user"]["id"], "5");
        assert_eq!(ready["private_channels"], json!([{"id": "9"}]));
        assert_eq!(
            ready["guilds"],
            json!([{"id": "1", "unavailable": true}, {"id": "2", "voice_states": [1]}])
        );
        assert_eq!(ready["shard"], json!([1, 2]));
        assert_eq!(ready["application"], json!({"id": "7", "flags": 64}));
        assert_eq!(ready["session_id"], "abc");
        assert_eq!(ready["resume_gateway_url"], "ws://127.0.0.1:80");
        for key in ["relationships", "presences", "guild_join_requests", "geo_ordered_rtc_regions", "_trace"]
        {
            assert_eq!(ready[key], json!([]), "{key}");
        }
        for key in ["user_settings", "auth"] {
            assert_eq!(ready[key], json!({}), "{key}");
        }
    }

    #[test]
    fn the_owner_may_say_nothing_but_must_say_an_object() {
        assert_eq!(ready(b"{}", &[])["guilds"], json!([]));
        assert!(opening(b"[]", &FACTS).is_err());
        assert!(opening(b"{} x", &FACTS).is_err());
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
