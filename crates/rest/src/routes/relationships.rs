//! Routes of the area `relationships`: friends, requests, blocks, notes.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use consort_model::object::account::username_key;
use consort_model::validate::Named;
use consort_model::{ApiError, UserId, limits};
use consort_rpc::name::Kind as NameKind;
use consort_rpc::user;
use consort_rpc::user::relationship::Op;
use serde_json::Value;

use crate::{Answered, App, Failure, Ids, JsonBody, UserAuth};

/// Kind of a relationship that is a block, as the body of PUT names it.
const BLOCKED: u8 = 2;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/users/@me/relationships", get(list).post(request).delete(clear))
        .route("/users/@me/relationships/{user_id}", put(set).patch(nickname).delete(remove))
        .route("/users/@me/relationships/{user_id}/ignore", put(ignore).delete(unignore))
        .route("/users/@me/notes", get(notes))
        .route("/users/@me/notes/{user_id}", get(note).put(put_note))
}

async fn ask(app: &App, auth: &UserAuth, op: Op) -> Answered {
    app.ask_user(auth.user_id(), auth.caller(), user::Op::Relationship(op)).await
}

async fn list(State(app): State<Arc<App>>, auth: UserAuth) -> Answered {
    ask(&app, &auth, Op::List).await
}

/// Sends a friend request by name.
async fn request(State(app): State<Arc<App>>, auth: UserAuth, body: JsonBody) -> Answered {
    let (username, discriminator) = body.check(|f| {
        let username = f.required("username", f.text("username", 1..=limits::USERNAME_CHARS.into_inner().1));
        // A number in older clients, null for unique names.
        let discriminator = match f.opt("discriminator") {
            Some(Value::Number(number)) => Some(format!("{:04}", number.as_u64().unwrap_or(0))),
            _ => f.str("discriminator", 0..=4),
        };
        Some((username?, discriminator.filter(|text| text != "0000").unwrap_or_default()))
    })?;
    let key = username_key(&username, &discriminator);
    let found = app.holder(NameKind::Username, &key).await?;
    let user = found.ok_or(Failure(ApiError::no_users_with_tag()))?;
    ask(&app, &auth, Op::Request { user }).await
}

async fn clear(State(app): State<Arc<App>>, auth: UserAuth) -> Answered {
    ask(&app, &auth, Op::ClearRequests).await
}

/// Sends or accepts a request, or blocks.
async fn set(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(user): Ids<UserId>,
    body: JsonBody,
) -> Answered {
    let kind = body.check(|f| {
        let kind = f.choice_u8("type", &[1, BLOCKED]);
        Some(kind.unwrap_or(1))
    })?;
    let op = if kind == BLOCKED { Op::Block { user } } else { Op::Request { user } };
    ask(&app, &auth, op).await
}

async fn nickname(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(user): Ids<UserId>,
    body: JsonBody,
) -> Answered {
    let nickname = body.check(|f| Some(f.patch_name_or_none("nickname", Named::Nick)))?;
    ask(&app, &auth, Op::Nickname { user, nickname }).await
}

async fn remove(State(app): State<Arc<App>>, auth: UserAuth, Ids(user): Ids<UserId>) -> Answered {
    ask(&app, &auth, Op::Remove { user }).await
}

async fn ignore(State(app): State<Arc<App>>, auth: UserAuth, Ids(user): Ids<UserId>) -> Answered {
    ask(&app, &auth, Op::Ignore { user, ignored: true }).await
}

async fn unignore(State(app): State<Arc<App>>, auth: UserAuth, Ids(user): Ids<UserId>) -> Answered {
    ask(&app, &auth, Op::Ignore { user, ignored: false }).await
}

async fn notes(State(app): State<Arc<App>>, auth: UserAuth) -> Answered {
    ask(&app, &auth, Op::Notes).await
}

async fn note(State(app): State<Arc<App>>, auth: UserAuth, Ids(user): Ids<UserId>) -> Answered {
    ask(&app, &auth, Op::Note { user }).await
}

async fn put_note(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(user): Ids<UserId>,
    body: JsonBody,
) -> Answered {
    // Its length has an error of its own (50015), which the owner knows.
    let note = body.check(|f| Some(f.lines("note", 0..=usize::MAX).unwrap_or_default()))?;
    ask(&app, &auth, Op::PutNote { user, note }).await
}
