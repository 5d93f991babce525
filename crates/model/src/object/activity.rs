//! Activities of a presence.
//!
//! Clients say them, everybody is shown them. So they are read field by field into what the documented structure allows
//! ("Activity Object" of the vendor's Gateway Events page): readers of strongly typed libraries give up a whole guild for
//! one field of a wrong type.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ApplicationId, EmojiId};

/// Characters of a name, state, details, or text of an image ("Activity Structure").
const TEXT_CHARS_MAX: usize = 128;
/// Characters of an image's key: a key, an id, or `mp:` and the path of an external picture; choice of ours.
const IMAGE_CHARS_MAX: usize = 313;
/// Characters of a link ("Activity Structure": `url`, `details_url`, `state_url`); choice of ours.
const URL_CHARS_MAX: usize = 512;
/// Characters of a button's label ("Activity Buttons").
const LABEL_CHARS_MAX: usize = 32;
/// Buttons of an activity ("Activity Structure").
const BUTTONS_MAX: usize = 2;
/// The last moment that dates of every library can hold, the end of the year 9999, Unix milliseconds.
const TIME_MS_MAX: u64 = 253_402_300_799_999;
/// The largest number of a kind of activity ("Activity Types": 0 to 5; 6 is the hang status of people's clients).
const KIND_MAX: u64 = 6;
/// The kind of a stream, the only one whose link is kept.
const STREAMING: u8 = 1;
/// The kind of a custom status.
const CUSTOM: u8 = 4;

/// What somebody is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// 16 hexadecimal digits, the same while kind, name and application are.
    #[serde(default)]
    pub id: String,
    /// 1 to 128 characters.
    pub name: String,
    /// 0 to 6 ("Activity Types").
    #[serde(rename = "type", default)]
    pub kind: u8,
    /// Where a stream is to be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Since when the session has it, Unix milliseconds.
    #[serde(default)]
    pub created_at: u64,
    /// When it began and ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamps: Option<ActivityTimestamps>,
    /// The application behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_id: Option<ApplicationId>,
    /// Which field is shown in member lists (0 to 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_display_type: Option<u8>,
    /// What is being done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
    /// A link behind the details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details_url: Option<String>,
    /// The state of the party, or the text of a custom status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// A link behind the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_url: Option<String>,
    /// The emoji of a custom status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<ActivityEmoji>,
    /// Who takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<ActivityParty>,
    /// Pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assets: Option<ActivityAssets>,
    /// Whether it is an instance of a game.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<bool>,
    /// Bits ("Activity Flags").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
    /// Labels of buttons; where they lead is not shown to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<String>,
    /// The song of a music service; clients show no song without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_id: Option<String>,
    /// The session of a music service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Where it runs, such as `desktop` or `xbox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

/// When an activity began and ends, Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActivityTimestamps {
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
}

/// The emoji of a custom status.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActivityEmoji {
    /// A Unicode emoji, or the name of a custom one.
    pub name: String,
    /// Of a custom emoji.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EmojiId>,
    /// Whether it moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animated: Option<bool>,
}

/// The party of an activity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActivityParty {
    /// Its id, at most 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How many there are, and may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
}

/// The pictures of an activity.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActivityAssets {
    /// The large one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_image: Option<String>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large_text: Option<String>,
    /// The small one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small_image: Option<String>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small_text: Option<String>,
}

impl Activity {
    /// Whether it is a custom status.
    pub fn is_custom(&self) -> bool {
        self.kind == CUSTOM
    }

    /// Reads what a client says. Unknown fields, and fields of a wrong type or value, are left out; texts are cut to their
    /// bounds; `None` when there is no name or the kind is not known. Bots may say name, kind, state and link only.
    ///
    /// `id` is made, and `created_at` filled in, by [`Activity::begin`].
    pub fn from_client(said: &Value, bot: bool) -> Option<Self> {
        let said = said.as_object()?;
        let kind = match said.get("type") {
            None | Some(Value::Null) => 0,
            Some(kind) => u8::try_from(whole(kind).filter(|kind| *kind <= KIND_MAX)?).ok()?,
        };
        let basic = Self {
            name: text(said, "name", TEXT_CHARS_MAX)?,
            kind,
            url: link(said, "url").filter(|_| kind == STREAMING),
            state: text(said, "state", TEXT_CHARS_MAX),
            ..Self::default()
        };
        if bot {
            return Some(basic);
        }
        let object = |field: &str| said.get(field).and_then(Value::as_object);
        Some(Self {
            created_at: time(said, "created_at").unwrap_or(0),
            timestamps: object("timestamps").and_then(ActivityTimestamps::from_client),
            application_id: said.get("application_id").and_then(snowflake).map(ApplicationId::new),
            status_display_type: said
                .get("status_display_type")
                .and_then(whole)
                .filter(|shown| *shown <= 2)
                .and_then(|shown| u8::try_from(shown).ok()),
            details: text(said, "details", TEXT_CHARS_MAX),
            details_url: link(said, "details_url"),
            state_url: link(said, "state_url"),
            emoji: object("emoji").and_then(ActivityEmoji::from_client),
            party: object("party").and_then(ActivityParty::from_client),
            assets: object("assets").and_then(ActivityAssets::from_client),
            instance: said.get("instance").and_then(Value::as_bool),
            flags: said.get("flags").and_then(whole).and_then(|flags| u32::try_from(flags).ok()),
            buttons: buttons(said),
            sync_id: text(said, "sync_id", TEXT_CHARS_MAX),
            session_id: text(said, "session_id", TEXT_CHARS_MAX),
            platform: text(said, "platform", LABEL_CHARS_MAX),
            ..basic
        })
    }

    /// Gives the activity its id, and the time since when the session has it: what the client says, or that of the same
    /// activity `before`, or now.
    pub fn begin(&mut self, now_ms: u64, before: &[Self]) {
        self.id = self.make_id();
        if self.created_at == 0 {
            let same = before.iter().find(|activity| activity.id == self.id);
            self.created_at = same.map_or(now_ms, |activity| activity.created_at);
        }
    }

    /// FNV-1a over kind, application and name: nothing depends on it but that it stays the same.
    fn make_id(&self) -> String {
        let application = self.application_id.map_or(0, ApplicationId::get).to_le_bytes();
        let bytes = [self.kind].into_iter().chain(application).chain(self.name.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

impl ActivityTimestamps {
    fn from_client(said: &Map<String, Value>) -> Option<Self> {
        let read = Self { start: time(said, "start"), end: time(said, "end") };
        (read != Self::default()).then_some(read)
    }
}

impl ActivityEmoji {
    fn from_client(said: &Map<String, Value>) -> Option<Self> {
        Some(Self {
            name: text(said, "name", TEXT_CHARS_MAX)?,
            id: said.get("id").and_then(snowflake).map(EmojiId::new),
            animated: said.get("animated").and_then(Value::as_bool),
        })
    }
}

impl ActivityParty {
    fn from_client(said: &Map<String, Value>) -> Option<Self> {
        let number = |value: &Value| whole(value).and_then(|number| u32::try_from(number).ok());
        let size = match said.get("size").and_then(Value::as_array).map(Vec::as_slice) {
            Some([now, max]) => number(now).zip(number(max)).map(|(now, max)| [now, max]),
            _ => None,
        };
        let read = Self { id: text(said, "id", TEXT_CHARS_MAX), size };
        (read != Self::default()).then_some(read)
    }
}

impl ActivityAssets {
    fn from_client(said: &Map<String, Value>) -> Option<Self> {
        let read = Self {
            large_image: text(said, "large_image", IMAGE_CHARS_MAX),
            large_text: text(said, "large_text", TEXT_CHARS_MAX),
            small_image: text(said, "small_image", IMAGE_CHARS_MAX),
            small_text: text(said, "small_text", TEXT_CHARS_MAX),
        };
        (read != Self::default()).then_some(read)
    }
}

/// A text without control characters, cut to its bound; an empty one is none.
fn text(said: &Map<String, Value>, field: &str, chars_max: usize) -> Option<String> {
    let text = said.get(field)?.as_str()?;
    let text: String = text.chars().filter(|c| !c.is_control()).take(chars_max).collect();
    (!text.trim().is_empty()).then_some(text)
}

/// A link to the web; one that is too long is none.
fn link(said: &Map<String, Value>, field: &str) -> Option<String> {
    let url = said.get(field)?.as_str()?;
    let web = url.starts_with("https://") || url.starts_with("http://");
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    (web && plain && url.chars().count() <= URL_CHARS_MAX).then(|| url.to_owned())
}

/// Labels of buttons, said as such or as objects with their links.
fn buttons(said: &Map<String, Value>) -> Vec<String> {
    let label = |button: &Value| {
        let label = button.as_str().or_else(|| button.get("label")?.as_str())?;
        let label: String = label.chars().filter(|c| !c.is_control()).take(LABEL_CHARS_MAX).collect();
        (!label.trim().is_empty()).then_some(label)
    };
    let said = said.get("buttons").and_then(Value::as_array);
    said.into_iter().flatten().filter_map(label).take(BUTTONS_MAX).collect()
}

/// Unix milliseconds; libraries send whole floats, too.
fn time(said: &Map<String, Value>, field: &str) -> Option<u64> {
    said.get(field).and_then(whole).filter(|ms| (1..=TIME_MS_MAX).contains(ms))
}

/// A whole number that is not negative; a float is cut.
fn whole(value: &Value) -> Option<u64> {
    let of_float = |float: f64| (0.0..=9e15).contains(&float).then_some(float as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(of_float))
}

/// An id, as text or number; zero is none.
fn snowflake(value: &Value) -> Option<u64> {
    let id = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    (1..=i64::MAX as u64).contains(&id).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_kept_and_what_is_not_is_dropped() {
        let said = json!({
            "name": "Chess\u{7}", "type": 2.0, "url": "https://twitch.tv/x", "created_at": 5, "evil": {"a": 1},
            "timestamps": {"start": 1_700_000_000_000_u64, "end": 1e300, "x": 1}, "application_id": "77", "details": 5,
            "state": "s".repeat(300), "emoji": {"name": "a", "id": 9, "animated": "yes"},
            "party": {"id": "p", "size": [1, 2]}, "assets": {"large_image": "i", "large_text": ["x"]},
            "secrets": {"join": "password"}, "instance": 1, "flags": 3, "buttons": [{"label": "a", "url": "u"}, "b", "c"],
        });
        let mut activity = Activity::from_client(&said, false).unwrap();
        activity.begin(9, &[]);
        let shown = serde_json::to_value(&activity).unwrap();
        assert_eq!(
            shown,
            json!({
                "id": activity.id, "name": "Chess", "type": 2, "created_at": 5,
                "timestamps": {"start": 1_700_000_000_000_u64}, "application_id": "77", "state": "s".repeat(128),
                "emoji": {"name": "a", "id": "9"}, "party": {"id": "p", "size": [1, 2]},
                "assets": {"large_image": "i"}, "flags": 3, "buttons": ["a", "b"],
            })
        );
        assert!(activity.id.len() == 16 && activity.id.bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[test]
    fn bots_say_name_kind_state_and_link() {
        let said = json!({"name": "x", "type": 1, "url": "https://twitch.tv/x", "state": "s", "details": "d", "flags": 1});
        let activity = Activity::from_client(&said, true).unwrap();
        assert_eq!((activity.kind, activity.state.as_deref()), (1, Some("s")));
        assert_eq!(
            (activity.url.as_deref(), activity.details, activity.flags),
            (Some("https://twitch.tv/x"), None, None)
        );
    }

    #[test]
    fn without_a_name_or_of_an_unknown_kind_there_is_none() {
        for said in
            [json!({}), json!({"name": ""}), json!({"name": 5}), json!({"name": "x", "type": 99}), json!([1])]
        {
            assert_eq!(Activity::from_client(&said, false), None, "{said}");
        }
        assert_eq!(Activity::from_client(&json!({"name": "x"}), false).unwrap().kind, 0);
    }

    #[test]
    fn an_activity_that_goes_on_keeps_its_beginning() {
        let of = |state: &str| Activity::from_client(&json!({"name": "x", "state": state}), false).unwrap();
        let mut first = of("a");
        first.begin(10, &[]);
        let mut second = of("b");
        second.begin(20, std::slice::from_ref(&first));
        assert_eq!((second.id == first.id, second.created_at), (true, 10));
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,200}".prop_map(Value::from),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("(start|end|id|size|name|label|large_image)", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_said_comes_out_as_documented(
            fields in prop::collection::hash_map(
                "(name|type|url|created_at|timestamps|application_id|details|state|emoji|party|assets|instance|flags|buttons)",
                anything(),
                0..14,
            ),
            bot in any::<bool>(),
        ) {
            let said = Value::Object(fields.into_iter().collect());
            if let Some(mut activity) = Activity::from_client(&said, bot) {
                activity.begin(1, &[]);
                let json = serde_json::to_value(&activity).unwrap();
                prop_assert!((1..=128).contains(&activity.name.chars().count()));
                prop_assert!(json["created_at"].as_u64().is_some_and(|ms| (1..=TIME_MS_MAX).contains(&ms)));
                prop_assert_eq!(serde_json::from_value::<Activity>(json).unwrap(), activity);
            }
        }
    }
}
