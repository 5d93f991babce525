//! Applications and bots: the developer portal's routes, and those a bot asks about itself.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use consort_application::Edit;
use consort_cdn::Kind;
use consort_model::limits::EMOJI_BYTES_MAX;
use consort_model::validate::Named;
use consort_model::{ApiError, Application, ApplicationId, EmojiId, Patch, validate};
use serde_json::json;

use crate::apps::view;
use crate::{
    Answered, App, Auth, BotAuth, Failure, Ids, JsonBody, UnreadJson, UserAuth, created, empty, json,
};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/applications", get(list).post(create))
        .route("/applications/@me", get(mine).patch(update_mine))
        .route("/applications/{application_id}", get(one).patch(update))
        .route("/applications/{application_id}/delete", post(delete))
        .route("/applications/{application_id}/bot", post(create_bot))
        .route("/applications/{application_id}/bot/reset", post(reset_bot))
        .route("/applications/{application_id}/reset", post(reset_secret))
        .route("/oauth2/applications/@me", get(mine))
        .route("/applications/{application_id}/emojis", get(emojis).post(create_emoji))
        .route(
            "/applications/{application_id}/emojis/{emoji_id}",
            get(emoji).patch(rename_emoji).delete(remove_emoji),
        )
}

async fn list(State(app): State<Arc<App>>, auth: UserAuth) -> Answered {
    Ok(json(&app.applications_of(auth.user_id()).await?))
}

async fn create(State(app): State<Arc<App>>, auth: UserAuth, body: JsonBody) -> Answered {
    let name = body.check(|f| f.required("name", f.name("name", Named::Application)))?;
    let owner = app.account(auth.user_id()).await?;
    Ok(created(&app.create_application(owner, &name).await?))
}

/// The application of the bot that calls.
fn own_id(auth: &BotAuth) -> Result<ApplicationId, Failure> {
    auth.application().ok_or(Failure(ApiError::unknown_application()))
}

/// An application as its owner or its bot sees it, with its present figures.
async fn full(app: &App, application: Application) -> Answered {
    let mut application = app.with_accounts(application).await?;
    // A figure that cannot be had now is no reason to fail.
    let guilds = app.guilds_of(application.id.cast()).await;
    application.approximate_guild_count = guilds.map_or(0, |guilds| guilds.len() as u32);
    Ok(json(&application))
}

async fn mine(State(app): State<Arc<App>>, auth: BotAuth) -> Answered {
    let application = app.application(own_id(&auth)?).await?;
    full(&app, application).await
}

async fn update_mine(State(app): State<Arc<App>>, auth: BotAuth, body: UnreadJson) -> Answered {
    edit(&app, own_id(&auth)?, &*body.read().await?).await
}

async fn one(State(app): State<Arc<App>>, auth: Auth, Ids(id): Ids<ApplicationId>) -> Answered {
    let application = app.application(id).await?;
    if application.owner.id == auth.user_id() || auth.application() == Some(id) {
        return full(&app, application).await;
    }
    Ok(json(&view::public(&app.with_accounts(application).await?)))
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(id): Ids<ApplicationId>,
    body: UnreadJson,
) -> Answered {
    if auth.application() != Some(id) {
        app.own_application(id, auth.user_id()).await?;
    }
    edit(&app, id, &*body.read().await?).await
}

async fn edit(app: &App, id: ApplicationId, body: &serde_json::Value) -> Answered {
    let edit = Edit::read(body)?;
    if let Patch::Value(url) = &edit.interactions_endpoint_url
        && app.application(id).await?.interactions_endpoint_url.as_ref() != Some(url)
    {
        app.verify_endpoint(id, url).await?;
    }
    let icon = match edit.icon {
        Patch::Value(image) => Patch::Value(app.cdn.put_image(Kind::AppIcon, id.get(), image).await?),
        Patch::Null => Patch::Null,
        Patch::Absent => Patch::Absent,
    };
    full(app, app.change_application(id, body, icon).await?).await
}

async fn delete(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(id): Ids<ApplicationId>,
    _body: JsonBody,
) -> Answered {
    let application = app.own_application(id, auth.user_id()).await?;
    app.delete_application(&application).await?;
    Ok(empty())
}

async fn create_bot(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(id): Ids<ApplicationId>,
    _body: JsonBody,
) -> Answered {
    let application = app.own_application(id, auth.user_id()).await?;
    Ok(json(&json!({"token": app.create_bot(&application).await?})))
}

async fn reset_bot(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(id): Ids<ApplicationId>,
    _body: JsonBody,
) -> Answered {
    let application = app.own_application(id, auth.user_id()).await?;
    if application.bot.is_none() {
        return Err(Failure(ApiError::no_bot_for_application()));
    }
    Ok(json(&json!({"token": app.reset_bot_token(id).await?})))
}

async fn reset_secret(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(id): Ids<ApplicationId>,
    _body: JsonBody,
) -> Answered {
    app.own_application(id, auth.user_id()).await?;
    Ok(json(&json!({"secret": app.reset_secret(id).await?})))
}

/// Emojis are the bot's and the owner's to see and change.
async fn may_edit(app: &App, auth: &Auth, id: ApplicationId) -> Result<(), Failure> {
    if auth.application() != Some(id) {
        app.own_application(id, auth.user_id()).await?;
    }
    Ok(())
}

async fn emojis(State(app): State<Arc<App>>, auth: Auth, Ids(id): Ids<ApplicationId>) -> Answered {
    may_edit(&app, &auth, id).await?;
    Ok(json(&json!({"items": app.application_emojis(id).await?})))
}

async fn emoji(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((id, emoji)): Ids<(ApplicationId, EmojiId)>,
) -> Answered {
    may_edit(&app, &auth, id).await?;
    Ok(json(&app.application_emoji(id, emoji).await?))
}

async fn create_emoji(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(id): Ids<ApplicationId>,
    body: UnreadJson,
) -> Answered {
    may_edit(&app, &auth, id).await?;
    let body = body.read().await?;
    let (name, image) = body.check(|f| {
        let name = f.required("name", validate::read(f, "name", validate::emoji_name));
        Some((name?, f.required("image", f.image("image", EMOJI_BYTES_MAX))?))
    })?;
    let user = app.account(auth.user_id()).await?.current.user;
    Ok(created(&app.create_application_emoji(id, name, image, user).await?))
}

async fn rename_emoji(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((id, emoji)): Ids<(ApplicationId, EmojiId)>,
    body: JsonBody,
) -> Answered {
    may_edit(&app, &auth, id).await?;
    let name = body.check(|f| f.required("name", validate::read(f, "name", validate::emoji_name)))?;
    Ok(json(&app.rename_application_emoji(id, emoji, name).await?))
}

async fn remove_emoji(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((id, emoji)): Ids<(ApplicationId, EmojiId)>,
) -> Answered {
    may_edit(&app, &auth, id).await?;
    app.remove_application_emoji(id, emoji).await?;
    Ok(empty())
}
