//! Routes of the area `role-connections`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::request::role_connection::{ConnectionMetadata, RoleConnection};
use consort_model::{ApplicationId, Form};
use consort_rpc::application::{ConnectionOp, Op};
use serde_json::json;

use crate::reply::read;
use crate::{Answered, AnyAuth, App, Auth, Failure, Ids, JsonBody, answer};

/// The scope by which an application speaks of a person.
const SCOPE: &str = "role_connections.write";

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/applications/{application_id}/role-connections/metadata", get(records).put(set_records))
        .route("/users/@me/applications/{application_id}/role-connection", get(said).put(say).delete(forget))
}

async fn ask(app: &App, id: ApplicationId, op: ConnectionOp) -> Answered {
    Ok(answer(Ok(app.ask_application(id, Op::Connection(op)).await?)))
}

/// Records are the bot's and the owner's to see and change.
async fn may_edit(app: &App, auth: &Auth, id: ApplicationId) -> Result<(), Failure> {
    if auth.application() != Some(id) {
        app.own_application(id, auth.user_id()).await?;
    }
    Ok(())
}

async fn records(State(app): State<Arc<App>>, auth: Auth, Ids(id): Ids<ApplicationId>) -> Answered {
    may_edit(&app, &auth, id).await?;
    ask(&app, id, ConnectionOp::Records).await
}

async fn set_records(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(id): Ids<ApplicationId>,
    body: JsonBody,
) -> Answered {
    may_edit(&app, &auth, id).await?;
    let wrapped = json!({ "records": *body });
    let records = Form::root(&wrapped)?.check(ConnectionMetadata::read_all)?;
    ask(&app, id, ConnectionOp::SetRecords { records }).await
}

/// An application speaks of the person whose token it has; nobody speaks for another application.
fn own(auth: &AnyAuth, id: ApplicationId) -> Result<(), Failure> {
    auth.require_scope(SCOPE)?;
    match auth.application() {
        Some(other) if other != id => Err(Failure(consort_model::ApiError::not_your_application())),
        _ => Ok(()),
    }
}

async fn said(State(app): State<Arc<App>>, auth: AnyAuth, Ids(id): Ids<ApplicationId>) -> Answered {
    own(&auth, id)?;
    ask(&app, id, ConnectionOp::Of { user: auth.user_id() }).await
}

async fn say(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids(id): Ids<ApplicationId>,
    body: JsonBody,
) -> Answered {
    own(&auth, id)?;
    let records = app.ask_application(id, Op::Connection(ConnectionOp::Records)).await?;
    let records: Vec<ConnectionMetadata> = read(&records)?;
    let connection = body.check(|form| RoleConnection::read(form, &records))?;
    ask(&app, id, ConnectionOp::Say { user: auth.user_id(), connection: Box::new(connection) }).await
}

async fn forget(State(app): State<Arc<App>>, auth: AnyAuth, Ids(id): Ids<ApplicationId>) -> Answered {
    own(&auth, id)?;
    ask(&app, id, ConnectionOp::Forget { user: auth.user_id() }).await
}
