//! Routes of the area `bans`.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use consort_model::limits::{BAN_DELETE_SECS_MAX, BULK_BAN_USERS_MAX, PAGE_BANS, PAGE_BANS_DEFAULT};
use consort_model::{Form, UserId};
use consort_rpc::guild::ban::Op;

use super::guilds::account;
use crate::extract::{InGuild, JsonBody, Query};
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/bans", get(list))
        .route("/guilds/{guild_id}/bans/{user_id}", get(show).put(create).delete(remove))
        .route("/guilds/{guild_id}/bulk-ban", post(bulk))
}

async fn list(guild: InGuild, query: Query) -> Answered {
    let op = query.check(|f| {
        let limit = f.int("limit", PAGE_BANS).unwrap_or(PAGE_BANS_DEFAULT);
        Some(Op::List { limit, before: f.cursor("before"), after: f.cursor("after") })
    })?;
    guild.ask(op).await
}

async fn show(InGuild(guild, user): InGuild<UserId>) -> Answered {
    guild.ask(Op::Get { user }).await
}

/// How much of what was written goes with a ban; older libraries say it in days.
fn delete_message_seconds(f: &Form<'_>) -> u32 {
    let seconds = f.int("delete_message_seconds", 0..=BAN_DELETE_SECS_MAX);
    let days = f.int("delete_message_days", 0..=BAN_DELETE_SECS_MAX / 86_400);
    let seconds = seconds.or(days.map(|days| days * 86_400)).unwrap_or(0);
    u32::try_from(seconds).unwrap_or(0)
}

async fn create(InGuild(guild, user): InGuild<UserId>, query: Query, body: JsonBody) -> Answered {
    let delete_message_seconds = body.or(&query)?.check(|f| Some(delete_message_seconds(f)))?;
    let user = Box::new(account(&guild.app, user).await?);
    guild.ask(Op::Create { user, delete_message_seconds }).await
}

async fn remove(InGuild(guild, user): InGuild<UserId>) -> Answered {
    guild.ask(Op::Delete { user }).await
}

async fn bulk(guild: InGuild, body: JsonBody) -> Answered {
    let (ids, delete_message_seconds) = body.check(|f| {
        let ids: Option<Vec<UserId>> = f.required("user_ids", f.ids("user_ids", BULK_BAN_USERS_MAX));
        Some((ids?, delete_message_seconds(f)))
    })?;
    let (mut users, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        match account(&guild.app, id).await {
            Ok(user) => users.push(user),
            Err(failure) if failure.0.status == 404 => unknown.push(id),
            Err(failure) => return Err(failure),
        }
    }
    guild.ask(Op::Bulk { users, unknown, delete_message_seconds }).await
}
