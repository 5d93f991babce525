//! Routes of the area `read_states`: acknowledgements.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, post};
use consort_model::{ApiError, ChannelId, Form, GuildId, MessageId};
use consort_rpc::guild::channel::Op as ChannelOp;
use consort_rpc::user::read_state::{Ack, Op};
use consort_rpc::{guild, user};
use serde::Deserialize;
use serde_json::json;

use crate::{Answered, App, Ids, JsonBody, UserAuth, answer, empty, json};

/// Channels acknowledged by one call to the owner.
const BULK_MAX: usize = 100;
/// Kind of a read state that is about a channel's messages.
const CHANNEL: u8 = 0;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/messages/{message_id}/ack", post(ack))
        .route("/channels/{channel_id}/messages/ack", delete(forget))
        .route("/channels/{channel_id}/pins/ack", post(ack_pins))
        .route("/guilds/{guild_id}/ack", post(ack_guild))
        .route("/read-states/ack-bulk", post(ack_bulk))
}

async fn ask(app: &App, auth: &UserAuth, op: Op) -> Answered {
    app.ask_user(auth.user_id(), auth.caller(), user::Op::ReadState(op)).await
}

async fn ack(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids((channel, message)): Ids<(ChannelId, MessageId)>,
    body: JsonBody,
) -> Answered {
    let ack = body.check(|f| {
        Some(Ack {
            channel,
            message,
            manual: f.bool("manual").unwrap_or(false),
            mention_count: f.int("mention_count", 0..=u32::MAX),
            flags: f.int("flags", 0..=u64::from(u32::MAX)),
            last_viewed: f.int("last_viewed", 0..=u64::from(u32::MAX)),
        })
    })?;
    app.place(channel).await?;
    let op = user::Op::ReadState(Op::Ack(ack));
    match app.users.call(auth.user_id().get(), auth.caller(), op).await {
        // Older clients read a token that upstream gives here.
        Ok(_) => Ok(json(&json!({ "token": null }))),
        refused => Ok(answer(refused)),
    }
}

async fn forget(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(channel): Ids<ChannelId>,
    _body: JsonBody,
) -> Answered {
    ask(&app, &auth, Op::Forget { channel }).await
}

async fn ack_pins(State(app): State<Arc<App>>, auth: UserAuth, Ids(channel): Ids<ChannelId>) -> Answered {
    app.place(channel).await?;
    ask(&app, &auth, Op::AckPins { channel }).await
}

async fn ack_bulk(State(app): State<Arc<App>>, auth: UserAuth, body: JsonBody) -> Answered {
    let acks = body.check(|f| {
        let read = |f: &Form<'_>| {
            let kind = f.int("read_state_type", 0..=u8::MAX).unwrap_or(CHANNEL);
            let channel = f.required("channel_id", f.id("channel_id"));
            let message = f.required("message_id", f.cursor("message_id"));
            Some((kind, plain(channel?, message?)))
        };
        f.required("read_states", f.array("read_states", BULK_MAX, read))
    })?;
    let acks = acks.into_iter().filter(|(kind, _)| *kind == CHANNEL).map(|(_, ack)| ack).collect();
    ask(&app, &auth, Op::AckBulk { acks }).await
}

fn plain(channel: ChannelId, message: MessageId) -> Ack {
    Ack { channel, message, manual: false, mention_count: None, flags: None, last_viewed: None }
}

#[derive(Deserialize)]
struct Channel {
    id: ChannelId,
    #[serde(default)]
    last_message_id: Option<MessageId>,
}

/// Reads every channel of a guild that the caller sees.
async fn ack_guild(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(guild): Ids<GuildId>,
    _body: JsonBody,
) -> Answered {
    let list = app.guilds.call(guild.get(), auth.caller(), guild::Op::Channel(ChannelOp::List)).await?;
    let channels: Vec<Channel> = match list.body() {
        Some(body) => serde_json::from_slice(body).map_err(|error| {
            tracing::error!(%error, "a guild's channels cannot be read");
            ApiError::internal()
        })?,
        None => Vec::new(),
    };
    let acks: Vec<_> =
        channels.iter().filter_map(|channel| Some(plain(channel.id, channel.last_message_id?))).collect();
    for part in acks.chunks(BULK_MAX) {
        let op = user::Op::ReadState(Op::AckBulk { acks: part.to_vec() });
        app.users.call(auth.user_id().get(), auth.caller(), op).await?;
    }
    Ok(empty())
}
