//! Application commands and their permissions.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::command::{CommandPermissions, Overwrite, Scope};
use consort_model::request::command::Draft;
use consort_model::{ApiError, ApplicationId, CommandId, GuildId};
use consort_rpc::application::Put;
use consort_rpc::guild::may::May;

use crate::{Answered, AnyAuth, App, Failure, Ids, JsonBody, Query, UnreadJson, created, empty, json};

/// What an OAuth2 token needs to change commands.
const UPDATE: &str = "applications.commands.update";
/// What it needs to change who may use them.
const PERMISSIONS: &str = "applications.commands.permissions.update";

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/applications/{application_id}/commands", get(list).post(create).put(replace))
        .route("/applications/{application_id}/commands/{command_id}", get(one).patch(edit).delete(delete))
        .route(
            "/applications/{application_id}/guilds/{guild_id}/commands",
            get(guild_list).post(guild_create).put(guild_replace),
        )
        .route(
            "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}",
            get(guild_one).patch(guild_edit).delete(guild_delete),
        )
        .route("/applications/{application_id}/guilds/{guild_id}/commands/permissions", get(all_permissions))
        .route(
            "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}/permissions",
            get(permissions).put(set_permissions),
        )
}

/// Commands are changed by the application's own bot or token, or by its owner.
async fn everywhere(app: &App, auth: &AnyAuth, application: ApplicationId) -> Result<Scope, Failure> {
    auth.require_scope(UPDATE)?;
    if auth.application() != Some(application) {
        if auth.is_bot() {
            return Err(Failure(ApiError::not_your_application()));
        }
        app.own_application(application, auth.user_id()).await?;
    }
    Ok(Scope { application, guild: None })
}

/// As [`everywhere`], in a guild the application is in.
async fn in_guild(
    app: &App,
    auth: &AnyAuth,
    application: ApplicationId,
    guild: GuildId,
) -> Result<Scope, Failure> {
    let scope = everywhere(app, auth, application).await?;
    let guilds = match app.guilds_of(application.cast()).await {
        Ok(guilds) => guilds,
        // It has no bot.
        Err(Failure(error)) if error.status == 404 => Vec::new(),
        Err(failure) => return Err(failure),
    };
    if !guilds.contains(&guild) {
        return Err(Failure(ApiError::missing_access()));
    }
    Ok(Scope { guild: Some(guild), ..scope })
}

fn with_localizations(query: &Query) -> bool {
    query.form().flag("with_localizations")
}

async fn answer_list(app: &App, scope: Scope, query: &Query) -> Answered {
    let all = with_localizations(query);
    let list: Vec<_> = app.commands(scope).await?.iter().map(|command| command.view(all)).collect();
    Ok(json(&list))
}

async fn answer_create(app: &App, scope: Scope, body: &serde_json::Value) -> Answered {
    let Put { command, is_new } = app.put_command(scope, Draft::read(body)?).await?;
    let view = command.view(true);
    Ok(if is_new { created(&view) } else { json(&view) })
}

async fn answer_replace(app: &App, scope: Scope, body: &serde_json::Value) -> Answered {
    let commands = app.replace_commands(scope, Draft::read_list(body)?).await?;
    Ok(json(&commands.iter().map(|command| command.view(true)).collect::<Vec<_>>()))
}

async fn answer_edit(app: &App, scope: Scope, id: CommandId, body: &serde_json::Value) -> Answered {
    let command = app.edit_command(scope, id, body).await?;
    Ok(json(&command.view(true)))
}

async fn list(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids(id): Ids<ApplicationId>,
    query: Query,
) -> Answered {
    answer_list(&app, everywhere(&app, &auth, id).await?, &query).await
}

async fn create(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids(id): Ids<ApplicationId>,
    body: JsonBody,
) -> Answered {
    answer_create(&app, everywhere(&app, &auth, id).await?, &body).await
}

async fn replace(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids(id): Ids<ApplicationId>,
    body: UnreadJson,
) -> Answered {
    let scope = everywhere(&app, &auth, id).await?;
    answer_replace(&app, scope, &*body.read().await?).await
}

async fn one(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, command)): Ids<(ApplicationId, CommandId)>,
) -> Answered {
    Ok(json(&app.command(everywhere(&app, &auth, id).await?, command).await?.view(true)))
}

async fn edit(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, command)): Ids<(ApplicationId, CommandId)>,
    body: JsonBody,
) -> Answered {
    answer_edit(&app, everywhere(&app, &auth, id).await?, command, &body).await
}

async fn delete(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, command)): Ids<(ApplicationId, CommandId)>,
) -> Answered {
    app.delete_command(everywhere(&app, &auth, id).await?, command).await?;
    Ok(empty())
}

async fn guild_list(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild)): Ids<(ApplicationId, GuildId)>,
    query: Query,
) -> Answered {
    answer_list(&app, in_guild(&app, &auth, id, guild).await?, &query).await
}

async fn guild_create(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild)): Ids<(ApplicationId, GuildId)>,
    body: JsonBody,
) -> Answered {
    answer_create(&app, in_guild(&app, &auth, id, guild).await?, &body).await
}

async fn guild_replace(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild)): Ids<(ApplicationId, GuildId)>,
    body: UnreadJson,
) -> Answered {
    let scope = in_guild(&app, &auth, id, guild).await?;
    answer_replace(&app, scope, &*body.read().await?).await
}

async fn guild_one(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild, command)): Ids<(ApplicationId, GuildId, CommandId)>,
) -> Answered {
    Ok(json(&app.command(in_guild(&app, &auth, id, guild).await?, command).await?.view(true)))
}

async fn guild_edit(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild, command)): Ids<(ApplicationId, GuildId, CommandId)>,
    body: JsonBody,
) -> Answered {
    answer_edit(&app, in_guild(&app, &auth, id, guild).await?, command, &body).await
}

async fn guild_delete(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild, command)): Ids<(ApplicationId, GuildId, CommandId)>,
) -> Answered {
    app.delete_command(in_guild(&app, &auth, id, guild).await?, command).await?;
    Ok(empty())
}

async fn all_permissions(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild)): Ids<(ApplicationId, GuildId)>,
) -> Answered {
    in_guild(&app, &auth, id, guild).await?;
    Ok(json(&app.command_permissions(id, guild).await?))
}

async fn permissions(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild, command)): Ids<(ApplicationId, GuildId, CommandId)>,
) -> Answered {
    in_guild(&app, &auth, id, guild).await?;
    Ok(json(&app.permissions_of_command(id, guild, command).await?))
}

/// Only on behalf of a person who may manage the guild, never by the bot itself.
async fn set_permissions(
    State(app): State<Arc<App>>,
    auth: AnyAuth,
    Ids((id, guild, command)): Ids<(ApplicationId, GuildId, CommandId)>,
    body: JsonBody,
) -> Answered {
    if auth.is_bot() {
        return Err(Failure(ApiError::bots_not_allowed()));
    }
    auth.require_scope(PERMISSIONS)?;
    let overwrites = Overwrite::read(&body)?;
    app.may(guild, auth.caller(), May::SetCommandPermissions { of: overwrites.clone() }).await?;
    if command.get() != id.get() {
        let here = app.command(Scope { application: id, guild: Some(guild) }, command).await;
        if here.is_err() {
            app.command(Scope { application: id, guild: None }, command).await?;
        }
    }
    let row =
        CommandPermissions { id: command, application_id: id, guild_id: guild, permissions: overwrites };
    let shown = json(&row);
    app.set_command_permissions(row).await?;
    Ok(shown)
}
