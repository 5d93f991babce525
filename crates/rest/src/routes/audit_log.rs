//! Routes of the area `audit_log`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::{GuildId, id::Id};
use consort_rpc::guild::{self, settings::Op};

use crate::extract::{Auth, Ids, Query};
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/guilds/{guild_id}/audit-logs", get(list))
}

async fn list(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>, query: Query) -> Answered {
    let op = query.form().check(|f| {
        Some(Op::AuditLog {
            user: f.id("user_id"),
            action: f.int("action_type", 0..=1000),
            before: f.cursor::<()>("before").map(Id::get),
            after: f.cursor::<()>("after").map(Id::get),
            limit: f.int("limit", 1..=100).unwrap_or(50),
        })
    })?;
    app.ask_guild(guild, auth.caller(), guild::Op::Settings(op)).await
}
