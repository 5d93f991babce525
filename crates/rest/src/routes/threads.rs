//! Routes of the area `threads`.

use std::sync::Arc;

use axum::Router;

use consort_model::{ApiError, ChannelId, GuildId};
use consort_rpc::Caller;
use serde_json::Value;

use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
}

/// `GET /channels/{channel_id}` for a thread of `guild`.
pub(crate) async fn show(_app: &App, _caller: Caller, _guild: GuildId, _thread: ChannelId) -> Answered {
    Err(ApiError::unknown_channel().into())
}

/// `PATCH /channels/{channel_id}` for a thread of `guild`.
pub(crate) async fn update(
    _app: &App,
    _caller: Caller,
    _guild: GuildId,
    _thread: ChannelId,
    _body: &Value,
) -> Answered {
    Err(ApiError::unknown_channel().into())
}

/// `DELETE /channels/{channel_id}` for a thread of `guild`.
pub(crate) async fn remove(_app: &App, _caller: Caller, _guild: GuildId, _thread: ChannelId) -> Answered {
    Err(ApiError::unknown_channel().into())
}
