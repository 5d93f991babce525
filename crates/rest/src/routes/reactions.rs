//! Routes of the area `reactions`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, put};
use consort_model::validate::{ReactionEmoji, parse_reaction};
use consort_model::{ApiError, ChannelId, Id, MessageId, UserId, marker};
use consort_rpc::message::Op;

use super::messages::people_page;
use crate::{Answered, App, Auth, Ids, Query, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    let reactions = "/channels/{channel_id}/messages/{message_id}/reactions";
    Router::new()
        .route(reactions, delete(clear))
        .route(&format!("{reactions}/{{emoji_name}}"), axum::routing::get(list).delete(clear_emoji))
        .route(&format!("{reactions}/{{emoji_name}}/@me"), put(add).delete(remove_own))
        .route(&format!("{reactions}/{{emoji_name}}/{{user_id}}"), delete(remove))
}

type Path = Ids<(ChannelId, MessageId, String)>;

async fn add(State(app): State<Arc<App>>, auth: Auth, Ids((channel, message, emoji)): Path) -> Answered {
    let emoji = parse_reaction(&emoji)?;
    let react = |external| Op::React { message, emoji: emoji.clone(), external };
    let reply = app.call_message(channel, auth.caller(), react(None)).await?;
    // What the channel's owner does not know may be the caller's all the same.
    if let (Err(error), ReactionEmoji::Custom { id, .. }) = (&reply, &emoji)
        && error.code == ApiError::unknown_emoji().code
        && let Some(external) = app.external_emoji(auth.caller(), *id).await?
    {
        return app.ask_message(channel, auth.caller(), react(Some(external))).await;
    }
    Ok(answer(reply))
}

async fn remove_own(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, message, emoji)): Path,
) -> Answered {
    let emoji = parse_reaction(&emoji)?;
    app.ask_message(channel, auth.caller(), Op::Unreact { message, emoji, user: None }).await
}

async fn remove(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, message, emoji, user)): Ids<(ChannelId, MessageId, String, Id<marker::User>)>,
) -> Answered {
    let (emoji, user): (_, UserId) = (parse_reaction(&emoji)?, user);
    app.ask_message(channel, auth.caller(), Op::Unreact { message, emoji, user: Some(user) }).await
}

async fn list(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, message, emoji)): Path,
    query: Query,
) -> Answered {
    let (after, limit) = people_page(&query)?;
    let op = Op::Reactors { message, emoji: parse_reaction(&emoji)?, after, limit };
    app.ask_message(channel, auth.caller(), op).await
}

async fn clear(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, message)): Ids<(ChannelId, MessageId)>,
) -> Answered {
    app.ask_message(channel, auth.caller(), Op::ClearReactions { message, emoji: None }).await
}

async fn clear_emoji(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, message, emoji)): Path,
) -> Answered {
    let emoji = Some(parse_reaction(&emoji)?);
    app.ask_message(channel, auth.caller(), Op::ClearReactions { message, emoji }).await
}
