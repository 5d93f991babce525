//! Routes of the area `private_channels`.

use std::sync::Arc;

use axum::Router;

use consort_model::{ApiError, ChannelId};
use consort_rpc::Caller;
use serde_json::Value;

use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
}

/// `PATCH /channels/{channel_id}` for a private channel.
pub(crate) async fn update(_app: &App, _caller: Caller, _channel: ChannelId, _body: &Value) -> Answered {
    Err(ApiError::unknown_channel().into())
}
