//! Registration, login, logout and the list of logins.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use consort_model::{ApiError, FormErrors, Timestamp};
use http::HeaderMap;
use serde_json::json;

use crate::accounts::register::Registration;
use crate::accounts::sessions::client_info;
use crate::{Answered, App, Failure, JsonBody, Origin, UserAuth, created, empty, json};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/auth/register", post(register))
        .route("/auth/login", post(login))
        .route("/auth/logout", post(logout))
        .route("/auth/sessions", get(sessions))
        .route("/auth/sessions/logout", post(end_sessions))
        .route("/auth/forgot", post(forgot))
        .route("/auth/reset", post(reset))
        .route("/auth/verify", post(reset))
        .route("/auth/verify/resend", post(resend))
}

async fn register(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    origin: Origin,
    body: JsonBody,
) -> Answered {
    let form = Registration::read(&body, app.now())?;
    let (user, token) = app.register(form, client_info(&headers), &origin.base).await?;
    Ok(created(&json!({"token": token, "user_id": user})))
}

async fn login(State(app): State<Arc<App>>, headers: HeaderMap, body: JsonBody) -> Answered {
    let (login, password) = body.check(|f| {
        // Older clients call it `email`.
        let name = if f.opt("login").is_some() || f.opt("email").is_none() { "login" } else { "email" };
        let login = f.required(name, f.text(name, 1..=254));
        let password = f.required("password", f.str("password", 1..=1024));
        Some((login?, password?))
    })?;
    let user = app.find_login(&login).await?;
    let stored = match user {
        // A name that is only reserved has no password behind it.
        Some(user) => match app.password_hash(user).await {
            Ok(hash) => Some(hash),
            Err(Failure(error)) if error.status == 401 => None,
            Err(failure) => return Err(failure),
        },
        None => None,
    };
    let right = app.passwords.verify(password, stored).await?;
    let Some(user) = user.filter(|_| right) else { return Err(Failure(wrong_login().into())) };
    let account = app.account(user).await?;
    if account.disabled {
        return Err(Failure(ApiError::forbidden().message("This account is disabled.")));
    }
    let token = app.log_in(user, client_info(&headers)).await?;
    Ok(json(&json!({
        "user_id": user,
        "token": token,
        "user_settings": {"locale": account.current.locale, "theme": "dark"},
    })))
}

fn wrong_login() -> FormErrors {
    let mut errors = FormErrors::new();
    for field in ["login", "password"] {
        errors.push(field, "INVALID_LOGIN", "Login or password is invalid.");
    }
    errors
}

async fn logout(State(app): State<Arc<App>>, auth: UserAuth, _body: JsonBody) -> Answered {
    app.end(auth.user_id(), [&*auth.token]).await?;
    Ok(empty())
}

async fn sessions(State(app): State<Arc<App>>, auth: UserAuth) -> Answered {
    let logins = app.logins(auth.user_id()).await?;
    let list: Vec<_> = logins
        .iter()
        .rev()
        .map(|row| {
            json!({
                "id_hash": row.id_hash(),
                "approx_last_used_time": Timestamp::from_ms(row.created_ms),
                "client_info": {"os": row.client.os, "platform": row.client.platform, "location": null},
            })
        })
        .collect();
    Ok(json(&json!({"user_sessions": list})))
}

async fn end_sessions(State(app): State<Arc<App>>, auth: UserAuth, body: JsonBody) -> Answered {
    let (hashes, password) = body.check(|f| {
        let hashes = f.required("session_id_hashes", f.strings("session_id_hashes", 100, 1..=128));
        let password = f.required("password", f.str("password", 1..=1024));
        Some((hashes?, password?))
    })?;
    app.check_password(auth.user_id(), "password", &password).await?;
    let logins = app.logins(auth.user_id()).await?;
    app.end(auth.user_id(), logins.iter().filter(|row| hashes.contains(&row.id_hash()))).await?;
    Ok(empty())
}

/// There is no mail to send a link with; saying 204 would let people wait for it.
async fn forgot(_body: JsonBody) -> Answered {
    let message = "This server sends no mail. Ask whoever runs it for a new password.";
    Err(Failure(ApiError::not_implemented().message(message)))
}

/// No token of this kind is ever given out.
async fn reset(_body: JsonBody) -> Answered {
    Err(Failure(ApiError::invalid_field("token", "INVALID_TOKEN", "Invalid token.")))
}

/// Addresses are not verified.
async fn resend(_auth: UserAuth) -> Answered {
    Err(Failure(ApiError::not_implemented().message("This server sends no mail.")))
}
