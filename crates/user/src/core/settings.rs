//! Settings: the clients' own messages, the older JSON form, and notifications by guild.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use consort_actor::{Cx, Outcome, Stop};
use consort_model::{Activity, ApiError, ChannelId, GuildId, Status, Timestamp};
use consort_rpc::user::Reach;
use consort_rpc::user::settings::{Op, ProtoKind};
use consort_store::Table;
use serde_json::{Map, Value, json};

use super::object::Object;
use super::{User, proto};
use crate::limits::{CHANNEL_OVERRIDES_MAX, PROTO_BYTES_MAX};
use crate::rows::ChosenStatus;

pub(super) const LEGACY_KEY: &str = "legacy";
pub(super) const STATUS_KEY: &str = "status";
/// Seats that are taken.
pub(super) const SEATS_KEY: &str = "seats";
/// The number of the last word to sessions, where nodes share a store.
pub(super) const SAID_KEY: &str = "said";

pub(super) const fn proto_key(kind: ProtoKind) -> &'static str {
    match kind {
        ProtoKind::Preloaded => "proto/1",
        ProtoKind::FrequentlyUsed => "proto/2",
    }
}

/// What the JSON form has of what was never set.
fn legacy_defaults() -> Map<String, Value> {
    let defaults = json!({
        "locale": "en-US", "theme": "dark", "show_current_game": true, "restricted_guilds": [],
        "default_guilds_restricted": false, "inline_attachment_media": true, "inline_embed_media": true,
        "gif_auto_play": true, "render_embeds": true, "render_reactions": true, "animate_emoji": true,
        "enable_tts_command": true, "message_display_compact": false, "convert_emoticons": true,
        "explicit_content_filter": 1, "disable_games_tab": true, "developer_mode": false, "guild_positions": [],
        "guild_folders": [], "detect_platform_accounts": false, "afk_timeout": 600, "timezone_offset": 0,
        "stream_notifications_enabled": false, "allow_accessibility_detection": false,
        "contact_sync_enabled": false, "native_phone_integration_enabled": false, "animate_stickers": 0,
        "friend_discovery_flags": 0, "view_nsfw_guilds": false, "view_nsfw_commands": false, "passwordless": false,
        "friend_source_flags": { "all": true },
    });
    let Value::Object(defaults) = defaults else { unreachable!("made as an object") };
    defaults
}

/// The whole JSON form. READY has it, and most people have set nothing of it.
pub(super) fn legacy(user: &User) -> Bytes {
    static DEFAULTS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let text = |(name, value): (String, Value)| (name, value.to_string());
        legacy_defaults().into_iter().map(text).collect()
    });
    let mut settings = Object::new();
    for (name, default) in DEFAULTS.iter() {
        match user.legacy.get(name) {
            Some(own) => settings.put(name, own),
            None => settings.put_text(name, default.as_bytes()),
        }
    }
    settings.put("status", &user.chosen.status);
    settings.put("custom_status", &custom_status(user.chosen.custom.as_ref()));
    settings.finish()
}

/// An activity of type 4 as the settings have it.
pub(super) fn custom_status(activity: Option<&Activity>) -> Value {
    let Some(activity) = activity else { return Value::Null };
    let emoji = activity.emoji.as_ref();
    let end = activity.timestamps.and_then(|timestamps| timestamps.end);
    json!({
        "text": activity.state,
        "emoji_id": emoji.and_then(|emoji| emoji.id),
        "emoji_name": emoji.map(|emoji| &emoji.name),
        "expires_at": end.map(Timestamp::from_ms),
    })
}

/// The settings' custom status as an activity.
fn custom_activity(status: &Value, now_ms: u64) -> Option<Activity> {
    let end = status.get("expires_at").and_then(|end| end.as_str()?.parse().ok());
    let said = json!({
        "name": "Custom Status",
        "type": 4,
        "state": status.get("text"),
        "emoji": { "name": status.get("emoji_name"), "id": status.get("emoji_id") },
        "timestamps": { "end": end.map(|end: Timestamp| end.ms()) },
    });
    let mut activity = Activity::from_client(&said, false)?;
    activity.begin(now_ms, &[]);
    (activity.state.is_some() || activity.emoji.is_some()).then_some(activity)
}

fn guild_defaults(guild: Option<GuildId>) -> Map<String, Value> {
    let defaults = json!({
        "guild_id": guild, "suppress_everyone": false, "suppress_roles": false, "mute_scheduled_events": false,
        "muted": false, "mute_config": null, "mobile_push": true, "message_notifications": 3,
        "hide_muted_channels": false, "notify_highlights": 0, "channel_overrides": [], "flags": 0, "version": 0,
    });
    let Value::Object(defaults) = defaults else { unreachable!("made as an object") };
    defaults
}

/// Whether a guild or channel is muted now.
pub(super) fn is_muted(settings: &Map<String, Value>, channel: ChannelId, now_ms: u64) -> bool {
    let muted = |value: &dyn Fn(&str) -> Option<Value>| {
        let on = value("muted").and_then(|muted| muted.as_bool()).unwrap_or(false);
        let until = value("mute_config").and_then(|config| config.get("end_time")?.as_str()?.parse().ok());
        on && until.is_none_or(|until: Timestamp| until.ms() > now_ms)
    };
    let channel = channel.to_string();
    let overrides = settings.get("channel_overrides").and_then(Value::as_array);
    let own = overrides
        .and_then(|all| all.iter().find(|one| one.get("channel_id").is_some_and(|id| *id == *channel)));
    muted(&|key| settings.get(key).cloned()) || own.is_some_and(|own| muted(&|key| own.get(key).cloned()))
}

/// Whether mentions of this kind are suppressed in a guild.
pub(super) fn is_suppressed(settings: &Map<String, Value>, by: Reach) -> bool {
    let key = match by {
        Reach::Name => return false,
        Reach::Role => "suppress_roles",
        Reach::Everyone => "suppress_everyone",
    };
    settings.get(key).and_then(Value::as_bool).unwrap_or(false)
}

impl User {
    pub(super) fn handle_settings(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require_self(cx)?;
        if self.is_bot() {
            return Err(ApiError::bots_not_allowed().into());
        }
        match op {
            Op::Proto { kind } => Outcome::json(&json!({ "settings": STANDARD.encode(self.proto(*kind)) })),
            Op::PatchProto { kind, patch, required_version } => {
                self.patch_proto(cx, *kind, patch, *required_version)
            }
            Op::Legacy => Outcome::raw(legacy(self)),
            Op::PatchLegacy { patch } => self.patch_legacy(cx, patch),
            Op::PatchGuilds { patches } => self.patch_guilds(cx, patches),
        }
    }

    fn patch_proto(
        &mut self,
        cx: &mut Cx<'_>,
        kind: ProtoKind,
        patch: &Bytes,
        required_version: Option<u32>,
    ) -> Result<Outcome, Stop> {
        let before = self.proto(kind);
        if required_version.is_some_and(|required| required < proto::data_version(&before)) {
            return Outcome::json(&json!({ "settings": STANDARD.encode(before), "out_of_date": true }));
        }
        let invalid = |proto::Malformed| ApiError::invalid_user_settings_data();
        if patch.len() > PROTO_BYTES_MAX {
            return Err(invalid(proto::Malformed).into());
        }
        proto::check(kind, patch).map_err(invalid)?;
        let merged = proto::merge(&before, patch).map_err(invalid)?;
        if merged.len() > PROTO_BYTES_MAX {
            return Err(invalid(proto::Malformed).into());
        }
        let encoded = STANDARD.encode(&merged);
        cx.put(Table::UserSettings, self.id.get(), proto_key(kind), &encoded);
        self.protos.insert(kind.number(), merged);
        let event = json!({ "settings": { "proto": encoded, "type": kind.number() }, "partial": false });
        self.tell(cx, "USER_SETTINGS_PROTO_UPDATE", &event);
        Outcome::json(&json!({ "settings": encoded }))
    }

    fn patch_legacy(&mut self, cx: &mut Cx<'_>, patch: &Map<String, Value>) -> Result<Outcome, Stop> {
        let mut changed = Map::new();
        for (key, value) in patch.iter().filter(|(key, _)| legacy_defaults().contains_key(*key)) {
            if self.legacy.insert(key.clone(), value.clone()).as_ref() != Some(value) {
                changed.insert(key.clone(), value.clone());
            }
        }
        if !changed.is_empty() {
            cx.put(Table::UserSettings, self.id.get(), LEGACY_KEY, &self.legacy);
            self.tell(cx, "USER_SETTINGS_UPDATE", &changed);
        }
        let mut chosen: ChosenStatus = self.chosen.clone();
        if let Some(status) =
            patch.get("status").and_then(|status| serde_json::from_value::<Status>(status.clone()).ok())
        {
            chosen.status = status;
        }
        if let Some(custom) = patch.get("custom_status") {
            chosen.custom = custom_activity(custom, cx.now_ms);
        }
        if chosen != self.chosen {
            self.choose(cx, chosen);
            self.show_chosen(cx);
        }
        Outcome::raw(legacy(self))
    }

    fn patch_guilds(
        &mut self,
        cx: &mut Cx<'_>,
        patches: &[(Option<GuildId>, Map<String, Value>)],
    ) -> Result<Outcome, Stop> {
        let mut all = Vec::with_capacity(patches.len());
        for (guild, patch) in patches {
            if guild.is_some_and(|guild| !self.guilds.contains_key(&guild)) {
                return Err(ApiError::unknown_guild().into());
            }
            let key = guild.map_or(0, GuildId::get);
            let before = self.guild_settings.get(&key).cloned().unwrap_or_else(|| guild_defaults(*guild));
            all.push((key, merge_guild(before, patch)?));
        }
        for (key, settings) in &all {
            cx.put(Table::UserGuildSettings, self.id.get(), *key, settings);
            self.guild_settings.insert(*key, settings.clone());
            self.tell(cx, "USER_GUILD_SETTINGS_UPDATE", settings);
        }
        Outcome::json(&all.into_iter().map(|(_, settings)| settings).collect::<Vec<_>>())
    }
}

/// Notification settings with a patch over them. Overrides of channels are merged channel by channel.
fn merge_guild(
    mut settings: Map<String, Value>,
    patch: &Map<String, Value>,
) -> Result<Map<String, Value>, ApiError> {
    let defaults = guild_defaults(None);
    let fixed = ["guild_id", "version", "channel_overrides"];
    for (key, value) in patch {
        if !fixed.contains(&key.as_str()) && defaults.contains_key(key) {
            settings.insert(key.clone(), value.clone());
        }
    }
    let version = settings.get("version").and_then(Value::as_u64).unwrap_or(0) + 1;
    settings.insert("version".to_owned(), json!(version));
    let mut overrides =
        settings.get("channel_overrides").and_then(Value::as_array).cloned().unwrap_or_default();
    for patch in override_patches(patch.get("channel_overrides")) {
        let id = patch.get("channel_id").cloned().unwrap_or_default();
        match overrides.iter_mut().find(|one| one.get("channel_id") == Some(&id)) {
            Some(Value::Object(one)) => one.extend(patch),
            _ => overrides.push(Value::Object(override_with(patch))),
        }
    }
    if overrides.len() > CHANNEL_OVERRIDES_MAX {
        let message = format!("Must be {CHANNEL_OVERRIDES_MAX} or fewer in length.");
        return Err(ApiError::invalid_field("channel_overrides", "BASE_TYPE_MAX_LENGTH", message));
    }
    settings.insert("channel_overrides".to_owned(), Value::Array(overrides));
    Ok(settings)
}

/// Overrides come as a map by channel, or as a list of objects that name theirs.
fn override_patches(value: Option<&Value>) -> Vec<Map<String, Value>> {
    let named = |id: &str, value: &Value| {
        let mut patch = value.as_object()?.clone();
        patch.insert("channel_id".to_owned(), json!(id));
        Some(patch)
    };
    match value {
        Some(Value::Object(by_channel)) => {
            by_channel.iter().filter_map(|(id, value)| named(id, value)).collect()
        }
        Some(Value::Array(list)) => {
            list.iter().filter_map(|value| named(value.get("channel_id")?.as_str()?, value)).collect()
        }
        _ => Vec::new(),
    }
}

fn override_with(patch: Map<String, Value>) -> Map<String, Value> {
    let defaults = json!({
        "channel_id": null, "collapsed": false, "flags": 0, "message_notifications": 3, "muted": false,
        "mute_config": null,
    });
    let Value::Object(mut one) = defaults else { unreachable!("made as an object") };
    one.extend(patch);
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn overrides_are_merged_by_channel_and_the_rest_stays() {
        let first = object(
            json!({"muted": true, "channel_overrides": {"5": {"muted": true}}, "guild_id": "9", "x": 1}),
        );
        let settings = merge_guild(guild_defaults(Some(GuildId::new(1))), &first).unwrap();
        let second =
            object(json!({"muted": false, "channel_overrides": [{"channel_id": "5", "collapsed": true}]}));
        let settings = merge_guild(settings, &second).unwrap();
        assert_eq!((&settings["guild_id"], &settings["version"]), (&json!("1"), &json!(2)));
        let all = settings["channel_overrides"].as_array().unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((&all[0]["muted"], &all[0]["collapsed"]), (&json!(true), &json!(true)));
        assert!(!settings.contains_key("x"));
        assert!(is_muted(&settings, ChannelId::new(5), 0) && !is_muted(&settings, ChannelId::new(6), 0));
    }

    #[test]
    fn a_mute_ends_at_its_time() {
        let settings = object(json!({"muted": true, "mute_config": {"end_time": "2026-01-01T00:00:00Z"}}));
        let end_ms = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().ms();
        assert!(is_muted(&settings, ChannelId::new(1), end_ms - 1));
        assert!(!is_muted(&settings, ChannelId::new(1), end_ms));
    }

    #[test]
    fn a_custom_status_survives_as_an_activity() {
        let status = json!({"text": "away", "emoji_id": null, "emoji_name": "🌴", "expires_at": null});
        assert_eq!(custom_status(custom_activity(&status, 5).as_ref()), status);
        assert_eq!(custom_activity(&json!({"text": ""}), 5), None);
        assert_eq!(custom_activity(&Value::Null, 5), None);
    }
}
