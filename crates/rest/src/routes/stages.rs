//! Routes of the area `stage`: what goes on in stage channels.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use consort_model::{ChannelId, Form, limits, stage};
use consort_rpc::guild;
use consort_rpc::guild::stage::Op;

use crate::extract::{Auth, Ids, JsonBody};
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/stage-instances", post(open))
        .route("/stage-instances/{channel_id}", get(show).patch(update).delete(close))
}

async fn ask(app: &App, auth: &Auth, channel: ChannelId, op: Op) -> Answered {
    let guild = app.guild_of(channel).await?;
    app.ask_guild(guild, auth.caller(), guild::Op::Stage(op)).await
}

fn topic(f: &Form<'_>) -> Option<String> {
    f.choice_u8("privacy_level", &[stage::GUILD_ONLY]);
    f.line("topic", limits::STAGE_TOPIC_CHARS)
}

async fn open(State(app): State<Arc<App>>, auth: Auth, JsonBody(body): JsonBody) -> Answered {
    let (channel, op) = Form::root(&body)?.check(|f| {
        let (topic, channel) = (topic(f), f.id("channel_id"));
        let (topic, channel) = (f.required("topic", topic), f.required("channel_id", channel));
        let (notify, event) = (f.flag("send_start_notification"), f.id("guild_scheduled_event_id"));
        Some((channel?, Op::Open { channel: channel?, topic: topic?, notify, event }))
    })?;
    ask(&app, &auth, channel, op).await
}

async fn show(State(app): State<Arc<App>>, auth: Auth, Ids(channel): Ids<ChannelId>) -> Answered {
    ask(&app, &auth, channel, Op::Get { channel }).await
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(channel): Ids<ChannelId>,
    JsonBody(body): JsonBody,
) -> Answered {
    let topic = Form::root(&body)?.check(|f| Some(topic(f)))?;
    ask(&app, &auth, channel, Op::Update { channel, topic }).await
}

async fn close(State(app): State<Arc<App>>, auth: Auth, Ids(channel): Ids<ChannelId>) -> Answered {
    ask(&app, &auth, channel, Op::Close { channel }).await
}
