//! Routes of the area `audit_log`.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use consort_model::id::Id;
use consort_model::limits::{PAGE_AUDIT_LOG, PAGE_AUDIT_LOG_DEFAULT};
use consort_rpc::guild::settings::Op;

use crate::extract::{InGuild, Query};
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/guilds/{guild_id}/audit-logs", get(list))
}

async fn list(guild: InGuild, query: Query) -> Answered {
    let op = query.check(|f| {
        Some(Op::AuditLog {
            user: f.id("user_id"),
            action: f.int("action_type", 0..=1000),
            before: f.cursor::<()>("before").map(Id::get),
            after: f.cursor::<()>("after").map(Id::get),
            limit: f.int("limit", PAGE_AUDIT_LOG).unwrap_or(PAGE_AUDIT_LOG_DEFAULT),
        })
    })?;
    guild.ask(op).await
}
