//! Routes of the area `voice`: voice states and regions.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::{Form, GuildId, UserId, VoiceRegion};
use consort_rpc::guild;
use consort_rpc::guild::voice::Op;

use crate::extract::{Auth, Ids, JsonBody};
use crate::{Answered, App, json};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/voice/regions", get(regions))
        .route("/guilds/{guild_id}/regions", get(guild_regions))
        .route("/guilds/{guild_id}/voice-states/@me", get(own).patch(update_own))
        .route("/guilds/{guild_id}/voice-states/{user_id}", get(show).patch(update))
}

/// Libraries want at least one region; there is one, this installation.
fn all_regions() -> [VoiceRegion; 1] {
    [VoiceRegion {
        id: "local".into(),
        name: "Local".into(),
        optimal: true,
        deprecated: false,
        custom: false,
    }]
}

async fn regions(_auth: Auth) -> Answered {
    Ok(json(&all_regions()))
}

async fn guild_regions(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    let op = guild::settings::Op::Get { with_counts: false };
    app.guilds.call(guild.get(), auth.caller(), guild::Op::Settings(op)).await?;
    Ok(json(&all_regions()))
}

async fn own(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Voice(Op::Get { user: None })).await
}

async fn show(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Voice(Op::Get { user: Some(user) })).await
}

fn modify(f: &Form<'_>, user: Option<UserId>) -> Op {
    Op::Modify {
        user,
        channel: f.id("channel_id"),
        suppress: f.bool("suppress"),
        request_to_speak: f.patch_timestamp("request_to_speak_timestamp"),
    }
}

async fn update_own(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    JsonBody(body): JsonBody,
) -> Answered {
    let op = Form::root(&body)?.check(|f| Some(modify(f, None)))?;
    app.ask_guild(guild, auth.caller(), guild::Op::Voice(op)).await
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    JsonBody(body): JsonBody,
) -> Answered {
    let op = Form::root(&body)?.check(|f| Some(modify(f, Some(user))))?;
    app.ask_guild(guild, auth.caller(), guild::Op::Voice(op)).await
}
