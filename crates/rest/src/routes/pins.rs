//! Routes of the area `pins`, in the newer form and in the one most libraries still use.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, put};
use consort_model::MessageId;
use consort_model::limits::{PAGE_PINS, PAGE_PINS_DEFAULT};
use consort_rpc::message::Op;

use crate::extract::InChannel;
use crate::{Answered, App, Query};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/messages/pins", get(list))
        .route("/channels/{channel_id}/messages/pins/{message_id}", put(pin).delete(unpin))
        .route("/channels/{channel_id}/pins", get(list_bare))
        .route("/channels/{channel_id}/pins/{message_id}", put(pin).delete(unpin))
}

async fn list(channel: InChannel, query: Query) -> Answered {
    let (before, limit) = query.check(|form| {
        Some((form.timestamp("before"), form.int("limit", PAGE_PINS).unwrap_or(PAGE_PINS_DEFAULT)))
    })?;
    channel.ask(Op::Pins { before, limit: limit as u16, bare: false }).await
}

async fn list_bare(channel: InChannel) -> Answered {
    let limit = PAGE_PINS_DEFAULT as u16;
    channel.ask(Op::Pins { before: None, limit, bare: true }).await
}

async fn pin(InChannel(channel, message): InChannel<MessageId>) -> Answered {
    channel.ask(Op::Pin { message }).await
}

async fn unpin(InChannel(channel, message): InChannel<MessageId>) -> Answered {
    channel.ask(Op::Unpin { message }).await
}
