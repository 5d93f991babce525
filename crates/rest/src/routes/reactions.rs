//! Routes of the area `reactions`.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, put};
use consort_model::validate::{ReactionEmoji, parse_reaction};
use consort_model::{ApiError, MessageId, UserId};
use consort_rpc::message::Op;

use super::messages::people_page;
use crate::extract::InChannel;
use crate::{Answered, App, Query, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    let reactions = "/channels/{channel_id}/messages/{message_id}/reactions";
    Router::new()
        .route(reactions, delete(clear))
        .route(&format!("{reactions}/{{emoji_name}}"), axum::routing::get(list).delete(clear_emoji))
        .route(&format!("{reactions}/{{emoji_name}}/@me"), put(add).delete(remove_own))
        .route(&format!("{reactions}/{{emoji_name}}/{{user_id}}"), delete(remove))
}

/// The path of a message's emoji.
type OnEmoji = InChannel<(MessageId, String)>;

async fn add(InChannel(channel, (message, emoji)): OnEmoji) -> Answered {
    let emoji = parse_reaction(&emoji)?;
    let react = |external| Op::React { message, emoji: emoji.clone(), external };
    let reply = channel.call(react(None)).await?;
    // What the channel's owner does not know may be the caller's all the same.
    if let (Err(error), ReactionEmoji::Custom { id, .. }) = (&reply, &emoji)
        && error.code == ApiError::unknown_emoji().code
        && let Some(external) = channel.app.external_emoji(channel.auth.caller(), *id).await?
    {
        return channel.ask(react(Some(external))).await;
    }
    Ok(answer(reply))
}

async fn remove_own(InChannel(channel, (message, emoji)): OnEmoji) -> Answered {
    let emoji = parse_reaction(&emoji)?;
    channel.ask(Op::Unreact { message, emoji, user: None }).await
}

async fn remove(
    InChannel(channel, (message, emoji, user)): InChannel<(MessageId, String, UserId)>,
) -> Answered {
    let emoji = parse_reaction(&emoji)?;
    channel.ask(Op::Unreact { message, emoji, user: Some(user) }).await
}

async fn list(InChannel(channel, (message, emoji)): OnEmoji, query: Query) -> Answered {
    let (after, limit) = people_page(&query)?;
    let op = Op::Reactors { message, emoji: parse_reaction(&emoji)?, after, limit };
    channel.ask(op).await
}

async fn clear(InChannel(channel, message): InChannel<MessageId>) -> Answered {
    channel.ask(Op::ClearReactions { message, emoji: None }).await
}

async fn clear_emoji(InChannel(channel, (message, emoji)): OnEmoji) -> Answered {
    let emoji = Some(parse_reaction(&emoji)?);
    channel.ask(Op::ClearReactions { message, emoji }).await
}
