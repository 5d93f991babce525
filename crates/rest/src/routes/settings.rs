//! Routes of the area `settings`: settings of an account and its notifications by guild.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, patch};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use consort_model::validate::Named;
use consort_model::{ApiError, Form, GenericId, GuildId, limits};
use consort_rpc::user;
use consort_rpc::user::settings::{Op, ProtoKind};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::{Answered, App, Failure, Ids, JsonBody, UserAuth, answer};

/// Clients send base64 with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Guilds whose notifications are set at once.
const BULK_GUILDS_MAX: usize = 200;
/// Channels with settings of their own in one request.
const OVERRIDES_MAX: usize = 1000;
/// Guilds in folders and lists of the JSON form.
const LIST_MAX: usize = 500;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/users/@me/settings-proto/{type}", get(proto).patch(patch_proto))
        .route("/users/@me/settings", get(legacy).patch(patch_legacy))
        .route("/users/@me/guilds/settings", patch(patch_guilds))
        .route("/users/@me/guilds/{guild_id}/settings", patch(patch_guild))
}

async fn ask(app: &App, auth: &UserAuth, op: Op) -> Answered {
    app.ask_user(auth.user_id(), auth.caller(), user::Op::Settings(op)).await
}

fn kind(text: &str) -> Result<ProtoKind, ApiError> {
    let kind = text.parse().ok().and_then(ProtoKind::from_number);
    kind.ok_or_else(|| ApiError::invalid_field("type", "BASE_TYPE_CHOICES", "Value must be one of {1, 2}."))
}

async fn proto(State(app): State<Arc<App>>, auth: UserAuth, Ids(number): Ids<String>) -> Answered {
    ask(&app, &auth, Op::Proto { kind: kind(&number)? }).await
}

async fn patch_proto(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(number): Ids<String>,
    body: JsonBody,
) -> Answered {
    let kind = kind(&number)?;
    let (patch, required_version) = body.check(|f| {
        let text = f.required("settings", f.str("settings", 0..=usize::MAX))?;
        Some((text, f.int("required_data_version", 0..=u32::MAX)))
    })?;
    // Clients read their settings anew after this code.
    let patch = BASE64.decode(&patch).map_err(|_| ApiError::invalid_user_settings_data())?;
    ask(&app, &auth, Op::PatchProto { kind, patch: patch.into(), required_version }).await
}

async fn legacy(State(app): State<Arc<App>>, auth: UserAuth) -> Answered {
    ask(&app, &auth, Op::Legacy).await
}

/// Reads the keys of the JSON form that are known, each as its type.
fn legacy_form(f: &Form<'_>) -> Map<String, Value> {
    const FLAGS: &[&str] = &[
        "show_current_game",
        "default_guilds_restricted",
        "inline_attachment_media",
        "inline_embed_media",
        "gif_auto_play",
        "render_embeds",
        "render_reactions",
        "animate_emoji",
        "enable_tts_command",
        "message_display_compact",
        "convert_emoticons",
        "disable_games_tab",
        "developer_mode",
        "detect_platform_accounts",
        "stream_notifications_enabled",
        "allow_accessibility_detection",
        "contact_sync_enabled",
        "native_phone_integration_enabled",
        "view_nsfw_guilds",
        "view_nsfw_commands",
    ];
    const NUMBERS: &[(&str, i64, i64)] = &[
        ("explicit_content_filter", 0, 2),
        ("afk_timeout", 60, 600),
        ("timezone_offset", -1440, 1440),
        ("animate_stickers", 0, 2),
        ("friend_discovery_flags", 0, u32::MAX as i64),
    ];
    let mut patch = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            patch.insert(key.to_owned(), value);
        }
    };
    for key in FLAGS {
        put(key, f.bool(key).map(Value::Bool));
    }
    for (key, min, max) in NUMBERS {
        put(key, f.int(key, *min..=*max).map(Value::from));
    }
    for key in ["restricted_guilds", "guild_positions"] {
        put(key, f.ids::<()>(key, LIST_MAX).map(|ids| json!(ids)));
    }
    put("guild_folders", f.array("guild_folders", LIST_MAX, folder_form).map(Value::Array));
    put("locale", f.locale("locale").map(Value::String));
    put("theme", f.choice_str("theme", &["dark", "light", "darker", "midnight"]).map(Value::from));
    put("status", f.choice_str("status", &["online", "idle", "dnd", "invisible"]).map(Value::from));
    put("friend_source_flags", f.object("friend_source_flags", source_form));
    if f.raw("custom_status").is_some_and(Value::is_null) {
        put("custom_status", Some(Value::Null));
    } else {
        put("custom_status", f.object("custom_status", custom_status_form));
    }
    patch
}

fn folder_form(f: &Form<'_>) -> Option<Value> {
    Some(json!({
        "id": f.int("id", i64::MIN..=i64::MAX),
        "name": f.name("name", Named::Folder),
        "color": f.color("color"),
        "guild_ids": f.ids::<()>("guild_ids", LIST_MAX).unwrap_or_default(),
    }))
}

fn source_form(f: &Form<'_>) -> Option<Value> {
    let mut flags = Map::new();
    for key in ["all", "mutual_friends", "mutual_guilds"] {
        flags.extend(f.bool(key).map(|on| (key.to_owned(), Value::Bool(on))));
    }
    Some(Value::Object(flags))
}

fn custom_status_form(f: &Form<'_>) -> Option<Value> {
    let (emoji_id, emoji_name) = f.emoji_reference();
    Some(json!({
        "text": f.line("text", 0..=limits::CUSTOM_STATUS_CHARS_MAX),
        "emoji_id": emoji_id,
        "emoji_name": emoji_name,
        "expires_at": f.timestamp("expires_at"),
    }))
}

async fn patch_legacy(State(app): State<Arc<App>>, auth: UserAuth, body: JsonBody) -> Answered {
    let patch = body.check(|f| Some(legacy_form(f)))?;
    ask(&app, &auth, Op::PatchLegacy { patch }).await
}

/// Reads what guilds and channels have in common.
fn notifications(f: &Form<'_>, flags: &[&str]) -> Map<String, Value> {
    let mut patch = Map::new();
    for key in flags {
        patch.extend(f.bool(key).map(|on| ((*key).to_owned(), Value::Bool(on))));
    }
    let mut put = |key: &str, value: Option<Value>| patch.extend(value.map(|value| (key.to_owned(), value)));
    put("message_notifications", f.choice_u8("message_notifications", &[0, 1, 2, 3]).map(Value::from));
    put("flags", f.int("flags", 0..=u64::from(u32::MAX)).map(Value::from));
    if f.raw("mute_config").is_some_and(Value::is_null) {
        put("mute_config", Some(Value::Null));
    } else {
        put("mute_config", f.object("mute_config", mute_form));
    }
    patch
}

fn mute_form(f: &Form<'_>) -> Option<Value> {
    Some(json!({
        "end_time": f.timestamp("end_time"),
        "selected_time_window": f.int("selected_time_window", -1..=i64::from(u32::MAX)),
    }))
}

fn guild_form(f: &Form<'_>) -> Map<String, Value> {
    const FLAGS: &[&str] = &[
        "suppress_everyone",
        "suppress_roles",
        "mute_scheduled_events",
        "muted",
        "mobile_push",
        "hide_muted_channels",
    ];
    let mut patch = notifications(f, FLAGS);
    let highlights = f.choice_u8("notify_highlights", &[0, 1, 2]);
    patch.extend(highlights.map(|choice| ("notify_highlights".to_owned(), Value::from(choice))));
    if let Some(overrides) = overrides_form(f) {
        patch.insert("channel_overrides".to_owned(), Value::Array(overrides));
    }
    patch
}

/// Overrides, as a map by channel or as a list.
fn overrides_form(f: &Form<'_>) -> Option<Vec<Value>> {
    let named = |f: &Form<'_>, id: String| {
        let mut one = notifications(f, &["muted", "collapsed"]);
        one.insert("channel_id".to_owned(), Value::String(id));
        Value::Object(one)
    };
    match f.opt("channel_overrides")? {
        Value::Array(_) => f.array("channel_overrides", OVERRIDES_MAX, |f| {
            let id = f.required("channel_id", f.id::<()>("channel_id"))?;
            Some(named(f, id.to_string()))
        }),
        _ => f.object("channel_overrides", |f| {
            let ids: Vec<_> = f.keys().map(str::to_owned).take(OVERRIDES_MAX + 1).collect();
            if ids.len() > OVERRIDES_MAX {
                f.bad_length("", 0, OVERRIDES_MAX);
                return None;
            }
            let read = |id: &String| {
                if id.parse::<GenericId>().is_err() {
                    f.error_at_key(id, "NUMBER_TYPE_COERCE", "Value is not snowflake.");
                    return None;
                }
                f.object(id, |f| Some(named(f, id.clone())))
            };
            Some(ids.iter().filter_map(read).collect())
        }),
    }
}

/// A guild, or `@me` for private channels.
fn place(text: &str) -> Result<Option<GuildId>, ApiError> {
    if text == "@me" {
        return Ok(None);
    }
    let id = text
        .parse::<GuildId>()
        .map_err(|_| ApiError::invalid_field("guild_id", "NUMBER_TYPE_COERCE", "Value is not snowflake."))?;
    Ok(Some(id).filter(|id| id.get() != 0))
}

async fn patch_guild(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(guild): Ids<String>,
    body: JsonBody,
) -> Answered {
    let patch = body.check(|f| Some(guild_form(f)))?;
    let op = user::Op::Settings(Op::PatchGuilds { patches: vec![(place(&guild)?, patch)] });
    let reply = app.users.call(auth.user_id().get(), auth.caller(), op).await?;
    // The owner answers a list, here of one.
    let first = reply.body().and_then(|body| serde_json::from_slice::<Vec<Box<RawValue>>>(body).ok()?.pop());
    let first = first.ok_or_else(ApiError::internal)?;
    Ok(answer(Ok(consort_rpc::Answer::json(&first))))
}

async fn patch_guilds(State(app): State<Arc<App>>, auth: UserAuth, body: JsonBody) -> Answered {
    let patches = body.check(|f| {
        f.required("guilds", f.opt("guilds"))?;
        f.object("guilds", |f| {
            let ids: Vec<_> = f.keys().map(str::to_owned).take(BULK_GUILDS_MAX + 1).collect();
            if ids.len() > BULK_GUILDS_MAX {
                f.bad_length("", 0, BULK_GUILDS_MAX);
            }
            Some(
                ids.into_iter()
                    .filter_map(|id| f.object(&id, |f| Some((id.clone(), guild_form(f)))))
                    .collect(),
            )
        })
    })?;
    let patches: Vec<(String, Map<String, Value>)> = patches;
    let patches = patches.into_iter().map(|(id, patch)| Ok((place(&id)?, patch)));
    let patches = patches.collect::<Result<Vec<_>, ApiError>>().map_err(Failure)?;
    ask(&app, &auth, Op::PatchGuilds { patches }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_as_map_and_as_list() {
        for overrides in [json!({"5": {"muted": true}}), json!([{"channel_id": "5", "muted": true}])] {
            let body = json!({ "muted": false, "channel_overrides": overrides, "unknown": 1 });
            let patch = Form::root(&body).unwrap().check(|f| Some(guild_form(f))).unwrap();
            assert_eq!(
                Value::Object(patch),
                json!({
                    "muted": false, "channel_overrides": [{"muted": true, "channel_id": "5"}],
                })
            );
        }
    }

    #[test]
    fn wrong_types_are_named_by_path() {
        let body = json!({"channel_overrides": {"5": {"muted": "perhaps"}}, "message_notifications": 9});
        let errors = Form::root(&body).unwrap().check(|f| Some(guild_form(f))).unwrap_err().errors.unwrap();
        assert_eq!(errors.get("channel_overrides.5.muted").len(), 1);
        assert_eq!(errors.get("message_notifications")[0].code, "BASE_TYPE_CHOICES");
        let body = json!({"theme": "pink", "guild_folders": [{"guild_ids": "x"}]});
        let errors = Form::root(&body).unwrap().check(|f| Some(legacy_form(f))).unwrap_err().errors.unwrap();
        assert_eq!(errors.get("theme")[0].code, "BASE_TYPE_CHOICES");
    }
}
