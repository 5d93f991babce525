//! Lists that are the same for everybody, most of them empty: what this server does not have, but clients ask for.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use consort_model::ApplicationId;
use serde_json::Value;

use crate::{Answered, AnyAuth, App, Auth, Ids, json};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/applications/detectable", get(nothing_for_anybody))
        .route("/users/@me/connections", get(connections))
        .route("/applications/{application_id}/skus", get(nothing_of_application))
        .route("/applications/{application_id}/entitlements", get(nothing_of_application))
}

async fn nothing_for_anybody() -> Answered {
    Ok(json(&Value::Array(Vec::new())))
}

async fn nothing_of_application(_auth: Auth, Ids(_application): Ids<ApplicationId>) -> Answered {
    Ok(json(&Value::Array(Vec::new())))
}

async fn connections(auth: AnyAuth) -> Answered {
    auth.require_scope("connections")?;
    Ok(json(&Value::Array(Vec::new())))
}
