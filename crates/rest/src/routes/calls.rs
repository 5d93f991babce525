//! Routes of the area `calls`: ringing in private channels. Calls themselves are joined over the gateway.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use consort_model::{ApiError, Form, UserId, limits};
use consort_rpc::private;
use consort_rpc::private::call::Op;

use super::private_channels::ask_private;
use super::voice::all_regions;
use crate::extract::{AskChannel, InChannel};
use crate::{Answered, App, JsonBody};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/call", get(show).patch(update))
        .route("/channels/{channel_id}/call/ring", post(ring))
        .route("/channels/{channel_id}/call/stop-ringing", post(stop_ringing))
}

async fn ask(channel: &AskChannel, op: Op) -> Answered {
    ask_private(channel, private::Op::Call(op)).await
}

async fn show(InChannel(channel, ()): InChannel) -> Answered {
    ask(&channel, Op::Ringable).await
}

/// Changes the region, of which there is one (userdoccers, Channel, "Modify Call").
async fn update(InChannel(channel, ()): InChannel, body: JsonBody) -> Answered {
    body.check(|f| {
        let region = f.str("region", 0..=64).filter(|region| !region.is_empty());
        if region.is_some_and(|region| all_regions().iter().all(|known| known.id != region)) {
            f.error("region", "BASE_TYPE_CHOICES", "Value is no voice region.");
        }
        Some(())
    })?;
    ask(&channel, Op::Confirm).await
}

fn recipients(body: &JsonBody) -> Result<Option<Vec<UserId>>, ApiError> {
    body.check(|f: &Form<'_>| {
        let named = f.opt("recipients").is_some();
        Some(if named { f.ids("recipients", limits::GROUP_RECIPIENTS_MAX) } else { None })
    })
}

async fn ring(InChannel(channel, ()): InChannel, body: JsonBody) -> Answered {
    let users = recipients(&body)?;
    ask(&channel, Op::Ring { users }).await
}

async fn stop_ringing(InChannel(channel, ()): InChannel, body: JsonBody) -> Answered {
    let users = recipients(&body)?;
    ask(&channel, Op::StopRinging { users }).await
}
