//! Routes of the area `pins`, in the newer form and in the one most libraries still use.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use consort_model::limits::{PAGE_PINS, PAGE_PINS_DEFAULT};
use consort_model::{ChannelId, MessageId};
use consort_rpc::message::Op;

use crate::{Answered, App, Auth, Ids, Query};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/messages/pins", get(list))
        .route("/channels/{channel_id}/messages/pins/{message_id}", put(pin).delete(unpin))
        .route("/channels/{channel_id}/pins", get(list_bare))
        .route("/channels/{channel_id}/pins/{message_id}", put(pin).delete(unpin))
}

async fn list(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(channel): Ids<ChannelId>,
    query: Query,
) -> Answered {
    let (before, limit) = query.form().check(|form| {
        Some((form.timestamp("before"), form.int("limit", PAGE_PINS).unwrap_or(PAGE_PINS_DEFAULT)))
    })?;
    app.ask_message(channel, auth.caller(), Op::Pins { before, limit: limit as u16, bare: false }).await
}

async fn list_bare(State(app): State<Arc<App>>, auth: Auth, Ids(channel): Ids<ChannelId>) -> Answered {
    let limit = PAGE_PINS_DEFAULT as u16;
    app.ask_message(channel, auth.caller(), Op::Pins { before: None, limit, bare: true }).await
}

async fn pin(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, message)): Ids<(ChannelId, MessageId)>,
) -> Answered {
    app.ask_message(channel, auth.caller(), Op::Pin { message }).await
}

async fn unpin(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, message)): Ids<(ChannelId, MessageId)>,
) -> Answered {
    app.ask_message(channel, auth.caller(), Op::Unpin { message }).await
}
