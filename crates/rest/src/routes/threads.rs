//! Routes of the area `threads`. Reading, changing and deleting a thread itself are routes of channels, which come here when
//! the guild says that the id is none of its channels.

use std::sync::Arc;

use axum::routing::{get, post, put};
use axum::{Extension, Router};
use consort_model::limits::{
    PAGE_ARCHIVED_THREADS, PAGE_ARCHIVED_THREADS_DEFAULT, PAGE_SEARCH, PAGE_SEARCH_DEFAULT,
    PAGE_THREAD_MEMBERS, PAGE_THREAD_MEMBERS_DEFAULT, SEARCH_OFFSET_MAX,
};
use consort_model::request::message::CreateMessage;
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{ApiError, ChannelId, Form, Intents, MessageId, Timestamp, UserId};
use consort_rpc::guild::thread::{Archived, Op, Search, SearchOrder};
use consort_rpc::{Answer, guild};
use serde_json::Value;

use super::messages::{component_sender, may_send, prepare};
use crate::extract::{AskChannel, InChannel, InGuild, V9};
use crate::files::Kept;
use crate::{Answered, App, JsonBody, Query, Unread, answer, json};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/messages/{message_id}/threads", post(start_from_message))
        .route("/channels/{channel_id}/threads", post(start))
        .route("/channels/{channel_id}/thread-members", get(members))
        .route("/channels/{channel_id}/thread-members/@me", put(join).delete(leave))
        .route("/channels/{channel_id}/thread-members/@me/settings", axum::routing::patch(set_notifications))
        .route("/channels/{channel_id}/thread-members/{user_id}", get(member).put(add).delete(remove_member))
        .route("/channels/{channel_id}/threads/archived/public", get(archived_public))
        .route("/channels/{channel_id}/threads/archived/private", get(archived_private))
        .route("/channels/{channel_id}/threads/search", get(search))
        .route("/channels/{channel_id}/users/@me/threads/archived/private", get(archived_own))
        .route("/channels/{channel_id}/threads/active", get(active_in))
        .route("/guilds/{guild_id}/threads/active", get(active))
}

/// Asks the guild of a channel or thread.
async fn ask(channel: &AskChannel, op: Op) -> Answered {
    channel.ask_guild(guild::Op::Thread { channel: channel.id, op }).await
}

/// `GET /channels/{channel_id}` for a thread.
pub(crate) async fn show(thread: &AskChannel) -> Answered {
    ask(thread, Op::Get).await
}

/// `PATCH /channels/{channel_id}` for a thread.
pub(crate) async fn update(thread: &AskChannel, body: &JsonBody) -> Answered {
    ask(thread, Op::Update(Box::new(body.check(UpdateThread::read)?))).await
}

/// `DELETE /channels/{channel_id}` for a thread.
pub(crate) async fn remove(thread: &AskChannel) -> Answered {
    ask(thread, Op::Delete).await
}

async fn start_from_message(InChannel(channel, message): InChannel<MessageId>, body: JsonBody) -> Answered {
    let thread = Box::new(body.check(StartThread::read)?);
    ask(&channel, Op::StartFromMessage { message, thread }).await
}

async fn start(channel: InChannel, query: Query, upload: Unread) -> Answered {
    let (app, caller) = (&channel.app, || channel.auth.caller());
    may_send(app, caller(), channel.id, upload.size()).await?;
    let upload = upload.read(app).await?;
    let (thread, mut post) = Form::root(&upload.payload)?
        .check(|form| Some((StartThread::read(form)?, form.object("message", CreateMessage::read))))?;
    if let Some(body) = &mut post {
        body.limit_components(component_sender(&channel.auth, &query)?)?;
    }
    let (post, kept) = match post {
        // In a forum the files of the request are those of the first message.
        Some(body) => {
            let (create, kept) = prepare(app, caller(), channel.id, body, upload).await?;
            (Some(Box::new(create)), kept)
        }
        None => (None, Kept::default()),
    };
    let op = Op::Start { thread: Box::new(thread), post };
    channel.guild().await?.ask_with(kept, guild::Op::Thread { channel: channel.id, op }).await
}

async fn join(thread: InChannel) -> Answered {
    ask(&thread, Op::Join).await
}

async fn leave(thread: InChannel) -> Answered {
    ask(&thread, Op::Leave).await
}

async fn add(InChannel(thread, user): InChannel<UserId>) -> Answered {
    ask(&thread, Op::AddMember { user }).await
}

async fn remove_member(InChannel(thread, user): InChannel<UserId>) -> Answered {
    ask(&thread, Op::RemoveMember { user }).await
}

async fn member(InChannel(thread, user): InChannel<UserId>, query: Query) -> Answered {
    let with_member = query.check(|form| Some(form.flag("with_member")))?;
    ask(&thread, Op::Member { user, with_member }).await
}

async fn members(thread: InChannel, query: Query) -> Answered {
    let op = query.check(|form| {
        let limit = form.int("limit", PAGE_THREAD_MEMBERS).unwrap_or(PAGE_THREAD_MEMBERS_DEFAULT) as u16;
        Some(Op::Members { with_member: form.flag("with_member"), after: form.cursor("after"), limit })
    })?;
    thread.auth.require_intent(Intents::GUILD_MEMBERS)?;
    ask(&thread, op).await
}

async fn set_notifications(thread: InChannel, body: JsonBody) -> Answered {
    let op = body.check(|form| {
        let flags = form.int("flags", 0..=u64::from(u32::MAX));
        Some(Op::SetNotifications { flags, muted: form.bool("muted") })
    })?;
    ask(&thread, op).await
}

fn archived_limit(form: &Form<'_>) -> u16 {
    form.int("limit", PAGE_ARCHIVED_THREADS).unwrap_or(PAGE_ARCHIVED_THREADS_DEFAULT) as u16
}

async fn archived(
    channel: &AskChannel,
    query: &Query,
    kind: impl FnOnce(Option<Timestamp>) -> Archived,
) -> Answered {
    let (before, limit) = query.check(|form| Some((form.timestamp("before"), archived_limit(form))))?;
    ask(channel, Op::Archived { kind: kind(before), limit }).await
}

async fn archived_public(channel: InChannel, query: Query) -> Answered {
    archived(&channel, &query, |before| Archived::Public { before }).await
}

async fn archived_private(channel: InChannel, query: Query) -> Answered {
    archived(&channel, &query, |before| Archived::Private { before }).await
}

async fn archived_own(channel: InChannel, query: Query) -> Answered {
    let (before, limit) = query.check(|form| Some((form.cursor("before"), archived_limit(form))))?;
    ask(&channel, Op::Archived { kind: Archived::Mine { before }, limit }).await
}

async fn search(channel: InChannel, query: Query) -> Answered {
    let search = query.check(|form| {
        let order =
            form.choice_str("sort_by", &["relevance", "creation_time", "last_message_time", "archive_time"]);
        Some(Search {
            name: form.text("name", 0..=100).filter(|name| !name.is_empty()),
            tags: form.ids("tag", 20).unwrap_or_default(),
            all_tags: form.choice_str("tag_setting", &["match_all", "match_some"]) == Some("match_all"),
            archived: form.bool("archived"),
            min_id: form.cursor("min_id"),
            max_id: form.cursor("max_id"),
            order: match order {
                Some("creation_time") => SearchOrder::Creation,
                Some("archive_time") => SearchOrder::Archive,
                _ => SearchOrder::LastMessage,
            },
            ascending: form.choice_str("sort_order", &["asc", "desc"]) == Some("asc"),
            limit: form.int("limit", PAGE_SEARCH).unwrap_or(PAGE_SEARCH_DEFAULT) as u16,
            offset: form.int("offset", 0..=u32::from(SEARCH_OFFSET_MAX)).unwrap_or(0),
        })
    })?;
    ask(&channel, Op::Search(Box::new(search))).await
}

async fn active(guild: InGuild) -> Answered {
    guild.ask(guild::Op::Thread { channel: guild.id.cast(), op: Op::Active }).await
}

/// The active threads of one channel, which only version 9 has (Change Log of 2022-02-14; detritus asks so).
async fn active_in(channel: InChannel, version: Option<Extension<V9>>) -> Answered {
    if version.is_none() {
        return Err(ApiError::not_found_route().into());
    }
    let guild = channel.guild().await?;
    let body = match guild.call(guild::Op::Thread { channel: guild.id.cast(), op: Op::Active }).await {
        Ok(Answer::Json(body)) => body,
        other => return Ok(answer(other)),
    };
    let mut list: Value = serde_json::from_slice(&body).map_err(|_| ApiError::internal())?;
    keep_threads_of(channel.id, &mut list);
    Ok(json(&list))
}

/// Keeps the threads of a channel, and the caller's memberships in them.
fn keep_threads_of(channel: ChannelId, list: &mut Value) {
    let parent = Value::from(channel.to_string());
    let Some(threads) = list["threads"].as_array_mut() else { return };
    threads.retain(|thread| thread["parent_id"] == parent);
    let kept: Vec<Value> = threads.iter().map(|thread| thread["id"].clone()).collect();
    if let Some(members) = list["members"].as_array_mut() {
        members.retain(|member| kept.contains(&member["id"]));
    }
    list["has_more"] = Value::Bool(false);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_threads_of_a_channel_are_those_under_it() {
        let mut list = serde_json::json!({
            "threads": [{"id": "3", "parent_id": "1"}, {"id": "4", "parent_id": "2"}],
            "members": [{"id": "3"}, {"id": "4"}],
        });
        keep_threads_of(ChannelId::new(1), &mut list);
        let expected = serde_json::json!({
            "threads": [{"id": "3", "parent_id": "1"}], "members": [{"id": "3"}], "has_more": false,
        });
        assert_eq!(list, expected);
    }
}
