//! Routes of the area `stage`: what goes on in stage channels.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use consort_model::{Form, limits, stage};
use consort_rpc::guild::stage::Op;

use crate::extract::{Auth, InChannel, JsonBody};
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/stage-instances", post(open))
        .route("/stage-instances/{channel_id}", get(show).patch(update).delete(close))
}

fn topic(f: &Form<'_>) -> Option<String> {
    f.choice_u8("privacy_level", &[stage::GUILD_ONLY]);
    f.line("topic", limits::STAGE_TOPIC_CHARS)
}

async fn open(State(app): State<Arc<App>>, auth: Auth, body: JsonBody) -> Answered {
    let (channel, op) = body.check(|f| {
        let (topic, channel) = (topic(f), f.id("channel_id"));
        let (topic, channel) = (f.required("topic", topic), f.required("channel_id", channel));
        let (notify, event) = (f.flag("send_start_notification"), f.id("guild_scheduled_event_id"));
        Some((channel?, Op::Open { channel: channel?, topic: topic?, notify, event }))
    })?;
    let guild = app.guild_of(channel).await?;
    app.ask_guild(guild, auth.caller(), op).await
}

async fn show(channel: InChannel) -> Answered {
    channel.ask_guild(Op::Get { channel: channel.id }).await
}

async fn update(channel: InChannel, body: JsonBody) -> Answered {
    let topic = body.check(|f| Some(topic(f)))?;
    channel.ask_guild(Op::Update { channel: channel.id, topic }).await
}

async fn close(channel: InChannel) -> Answered {
    channel.ask_guild(Op::Close { channel: channel.id }).await
}
