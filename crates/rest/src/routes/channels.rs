//! Routes of the area `channels`: channels of guilds, threads and private channels by their id, and overwrites.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use consort_model::validate::Named;
use consort_model::{ApiError, ChannelType, Form, Id, Overwrite, OverwriteId, OverwriteKind, limits};
use consort_rpc::guild::channel::{Create, Move, Op, Update};
use consort_rpc::private;
use serde_json::Value;

use super::roles::entries;
use super::voice::all_regions;
use crate::extract::{InChannel, InGuild, JsonBody, UnreadJson};
use crate::{Answered, App, answer};

/// Kinds that can be made in a guild.
const MAKEABLE: &[u8] = &[0, 2, 4, 5, 13, 15, 16];

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/channels", get(list).post(create).patch(reorder))
        .route("/channels/{channel_id}", get(show).patch(update).delete(remove))
        .route(
            "/channels/{channel_id}/permissions/{overwrite_id}",
            put(set_overwrite).delete(delete_overwrite),
        )
        .route("/channels/{channel_id}/voice-status", put(set_voice_status))
        .route("/channels/{channel_id}/tags", post(add_tag))
        .route("/channels/{channel_id}/tags/{tag_id}", put(replace_tag).delete(remove_tag))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn create(guild: InGuild, body: JsonBody) -> Answered {
    let create = body.check(create_form)?;
    guild.ask(Op::Create(Box::new(create))).await
}

/// A channel to be made.
pub(crate) fn create_form(f: &Form<'_>) -> Option<Create> {
    let kind = f.choice_u8("type", MAKEABLE).unwrap_or(0);
    let name = f.required("name", f.name("name", channel_names(kind)))?;
    let topic_max = if ChannelType::from(u16::from(kind)).is_forum() {
        limits::FORUM_TOPIC_CHARS_MAX
    } else {
        limits::TOPIC_CHARS_MAX
    };
    Some(Create {
        name,
        kind,
        topic: f.lines("topic", 0..=topic_max),
        bitrate: f.int("bitrate", limits::BITRATE_MIN..=u32::MAX),
        user_limit: f.int("user_limit", 0..=limits::STAGE_USER_LIMIT_MAX),
        rate_limit_per_user: f.int("rate_limit_per_user", 0..=limits::SLOWMODE_SECS_MAX),
        position: f.int("position", 0..=i64::from(i32::MAX)),
        permission_overwrites: f.array("permission_overwrites", limits::OVERWRITES_MAX, overwrite_form),
        parent_id: f.id("parent_id"),
        nsfw: f.bool("nsfw").unwrap_or(false),
        rtc_region: region(f),
        video_quality_mode: f.choice_u8("video_quality_mode", &[1, 2]),
        default_auto_archive_duration: archive_duration(f, "default_auto_archive_duration"),
        default_reaction_emoji: default_reaction(f),
        available_tags: f.array("available_tags", limits::FORUM_TAGS_MAX, tag_form),
        default_sort_order: f.choice_u8("default_sort_order", &[0, 1]),
        default_forum_layout: f.choice_u8("default_forum_layout", &[0, 1, 2]),
        default_thread_rate_limit_per_user: f
            .int("default_thread_rate_limit_per_user", 0..=limits::SLOWMODE_SECS_MAX),
    })
}

/// The rule of names that goes with a type of channel.
const fn channel_names(kind: u8) -> Named {
    if matches!(kind, 0 | 5 | 15 | 16) { Named::TextChannel } else { Named::Channel }
}

/// The emoji that stands below posts of a forum.
fn default_reaction(f: &Form<'_>) -> Option<Value> {
    f.object("default_reaction_emoji", |f| {
        let (emoji_id, emoji_name) = f.emoji_reference();
        let emoji_name = emoji_name.filter(|_| emoji_id.is_none());
        Some(serde_json::json!({"emoji_id": emoji_id, "emoji_name": emoji_name}))
    })
}

/// One of the regions that `GET /voice/regions` lists; an empty text is none.
fn region(f: &Form<'_>) -> Option<String> {
    let region = f.str("rtc_region", 0..=64).filter(|region| !region.is_empty())?;
    let known = all_regions().map(|known| known.id);
    if known.contains(&region) {
        return Some(region);
    }
    let known = known.join("', '");
    f.error("rtc_region", "BASE_TYPE_CHOICES", format!("Value must be one of ('{known}')."));
    None
}

fn archive_duration(f: &Form<'_>, name: &str) -> Option<u32> {
    let minutes = f.int(name, 0..=u32::MAX)?;
    if !limits::AUTO_ARCHIVE_MINUTES.contains(&minutes) {
        f.error(name, "BASE_TYPE_CHOICES", "Value must be one of {60, 1440, 4320, 10080}.");
        return None;
    }
    Some(minutes)
}

fn tag_form(f: &Form<'_>) -> Option<Value> {
    let name = f.required("name", f.name("name", Named::Tag))?;
    let (emoji_id, emoji_name) = f.emoji_reference();
    Some(serde_json::json!({
        "id": f.cursor::<()>("id"), "name": name, "moderated": f.bool("moderated").unwrap_or(false),
        "emoji_id": emoji_id, "emoji_name": emoji_name.filter(|_| emoji_id.is_none()),
    }))
}

fn overwrite_form(f: &Form<'_>) -> Option<Overwrite> {
    let id: OverwriteId = f.required("id", f.id("id"))?;
    overwrite(f, id)
}

/// An overwrite for `id`. The type may be a number or its text; rights default to none.
fn overwrite(f: &Form<'_>, id: OverwriteId) -> Option<Overwrite> {
    let kind = match f.opt("type") {
        None => OverwriteKind::Role,
        Some(value) => match serde_json::from_value(value.clone()) {
            Ok(kind) => kind,
            Err(_) => {
                f.error("type", "BASE_TYPE_CHOICES", "Value must be one of {0, 1}.");
                return None;
            }
        },
    };
    let rights = |name| f.permissions(name).unwrap_or_default();
    Some(Overwrite { id, kind, allow: rights("allow"), deny: rights("deny") })
}

async fn reorder(guild: InGuild, body: JsonBody) -> Answered {
    let moves = entries(&body, |f| {
        Some(Move {
            id: f.required("id", f.id("id"))?,
            position: f.int("position", 0..=i64::from(i32::MAX)),
            lock_permissions: f.bool("lock_permissions").unwrap_or(false),
            parent_id: f.patch_id("parent_id"),
        })
    })?;
    guild.ask(Op::Move(moves)).await
}

async fn show(channel: InChannel) -> Answered {
    let Some(guild) = channel.owner().await? else { return channel.ask_private(private::Op::Get).await };
    let reply = guild.call(Op::Get { channel: channel.id }).await;
    if is_unknown(&reply) { super::threads::show(&channel).await } else { Ok(answer(reply)) }
}

/// Whether a guild says that a channel of its own is none of its channels: then it is a thread.
fn is_unknown(reply: &consort_rpc::Reply) -> bool {
    reply.as_ref().is_err_and(|error| error.code == ApiError::unknown_channel().code)
}

async fn update(channel: InChannel, body: UnreadJson) -> Answered {
    let Some(guild) = channel.owner().await? else {
        return super::private_channels::update(&channel, body).await;
    };
    let body = body.read_small().await?;
    let update = Box::new(body.check(|f| Some(update_form(f)))?);
    let reply = guild.call(Op::Update { channel: channel.id, update }).await;
    if is_unknown(&reply) { super::threads::update(&channel, &body).await } else { Ok(answer(reply)) }
}

fn update_form(f: &Form<'_>) -> Update {
    Update {
        // Whether it is lower-cased depends on the kind, which the owner knows.
        name: f.name("name", Named::Channel),
        kind: f.choice_u8("type", MAKEABLE),
        position: f.patch_int("position", 0..=i64::from(i32::MAX)),
        topic: f.patch_lines("topic", 0..=limits::FORUM_TOPIC_CHARS_MAX),
        nsfw: f.patch_bool("nsfw"),
        rate_limit_per_user: f.patch_int("rate_limit_per_user", 0..=limits::SLOWMODE_SECS_MAX),
        bitrate: f.patch_int("bitrate", limits::BITRATE_MIN..=u32::MAX),
        user_limit: f.patch_int("user_limit", 0..=limits::STAGE_USER_LIMIT_MAX),
        permission_overwrites: f.patch_array("permission_overwrites", limits::OVERWRITES_MAX, overwrite_form),
        parent_id: f.patch_id("parent_id"),
        rtc_region: f.patch("rtc_region", region),
        video_quality_mode: f.patch_choice_u8("video_quality_mode", &[1, 2]),
        default_auto_archive_duration: f
            .patch("default_auto_archive_duration", |f| archive_duration(f, "default_auto_archive_duration")),
        flags: f.int("flags", 0..=u64::from(u32::MAX)),
        available_tags: f.array("available_tags", limits::FORUM_TAGS_MAX, tag_form),
        default_reaction_emoji: f.patch("default_reaction_emoji", default_reaction),
        default_thread_rate_limit_per_user: f
            .patch_int("default_thread_rate_limit_per_user", 0..=limits::SLOWMODE_SECS_MAX),
        default_sort_order: f.patch_choice_u8("default_sort_order", &[0, 1]),
        default_forum_layout: f.patch_choice_u8("default_forum_layout", &[0, 1, 2]),
    }
}

async fn remove(channel: InChannel) -> Answered {
    let Some(guild) = channel.owner().await? else { return channel.ask_private(private::Op::Close).await };
    let reply = guild.call(Op::Delete { channel: channel.id }).await;
    if is_unknown(&reply) { super::threads::remove(&channel).await } else { Ok(answer(reply)) }
}

async fn set_overwrite(InChannel(channel, target): InChannel<OverwriteId>, body: JsonBody) -> Answered {
    let overwrite = body.check(|f| overwrite(f, target))?;
    channel.ask_guild(Op::SetOverwrite { channel: channel.id, overwrite }).await
}

async fn delete_overwrite(InChannel(channel, id): InChannel<OverwriteId>) -> Answered {
    channel.ask_guild(Op::DeleteOverwrite { channel: channel.id, id }).await
}

/// Tags one by one are documented by the community (docs.discord.food, Channel, "Create Channel Tag"); interactions.py calls
/// these.
async fn add_tag(channel: InChannel, body: JsonBody) -> Answered {
    let tag = body.check(tag_form)?;
    channel.ask_guild(Op::AddTag { channel: channel.id, tag }).await
}

async fn replace_tag(InChannel(channel, id): InChannel<Id<()>>, body: JsonBody) -> Answered {
    let tag = body.check(tag_form)?;
    channel.ask_guild(Op::ReplaceTag { channel: channel.id, id, tag }).await
}

async fn remove_tag(InChannel(channel, id): InChannel<Id<()>>) -> Answered {
    channel.ask_guild(Op::RemoveTag { channel: channel.id, id }).await
}

async fn set_voice_status(channel: InChannel, body: JsonBody) -> Answered {
    let status = body.check(|f| Some(f.line("status", 0..=limits::VOICE_STATUS_CHARS_MAX)))?;
    channel.ask_guild(Op::SetVoiceStatus { channel: channel.id, status }).await
}
