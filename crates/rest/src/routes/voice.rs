//! Routes of the area `voice`: voice states and regions.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use consort_model::{Form, UserId, VoiceRegion};
use consort_rpc::guild::settings;
use consort_rpc::guild::voice::Op;

use crate::extract::{Auth, InGuild, JsonBody};
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
pub(crate) fn all_regions() -> [VoiceRegion; 1] {
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

async fn guild_regions(guild: InGuild) -> Answered {
    guild.call(settings::Op::Get { with_counts: false }).await?;
    Ok(json(&all_regions()))
}

async fn own(guild: InGuild) -> Answered {
    guild.ask(Op::Get { user: None }).await
}

async fn show(InGuild(guild, user): InGuild<UserId>) -> Answered {
    guild.ask(Op::Get { user: Some(user) }).await
}

fn modify(f: &Form<'_>, user: Option<UserId>) -> Op {
    Op::Modify {
        user,
        channel: f.id("channel_id"),
        suppress: f.bool("suppress"),
        request_to_speak: f.patch_timestamp("request_to_speak_timestamp"),
    }
}

async fn update_own(guild: InGuild, body: JsonBody) -> Answered {
    let op = body.check(|f| Some(modify(f, None)))?;
    guild.ask(op).await
}

async fn update(InGuild(guild, user): InGuild<UserId>, body: JsonBody) -> Answered {
    let op = body.check(|f| Some(modify(f, Some(user))))?;
    guild.ask(op).await
}
