//! Routes of the area `reactions`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, put};
use consort_model::validate::parse_reaction;
use consort_model::{ChannelId, Id, MessageId, UserId, marker};
use consort_rpc::message::Op;

use super::messages::people_page;
use crate::{Answered, App, Auth, Ids, Query};

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
    app.ask_message(channel, auth.caller(), Op::React { message, emoji }).await
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
