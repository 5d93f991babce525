//! Interactions: started by a person, answered by the application; and the lists of commands a person can use.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use consort_model::command::Scope;
use consort_model::{ApiError, ApplicationId, ChannelId, GuildId, Integration, InteractionId};
use consort_rpc::{Caller, guild};
use serde_json::{Value, json};

use crate::apps::view;
use crate::interactions::Token;
use crate::interactions::followup::Which;
use crate::interactions::start::Request;
use crate::reply::read;
use crate::{
    Answered, App, Auth, ChannelOwner, Failure, Ids, Query, Size, Unread, Upload, UserAuth, empty, json,
};

/// Applications in a list of commands.
const APPLICATIONS_MAX: usize = 100;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/interactions", post(start))
        .route("/interactions/{interaction_id}/{interaction_token}/callback", post(respond))
        .route(
            "/webhooks/{webhook_id}/{webhook_token}/messages/@original",
            get(show_original).patch(change_original).delete(remove_original),
        )
        .route("/guilds/{guild_id}/application-command-index", get(guild_index))
        .route("/channels/{channel_id}/application-command-index", get(channel_index))
        .route("/users/@me/application-command-index", get(own_index))
}

async fn start(State(app): State<Arc<App>>, auth: UserAuth, upload: Upload) -> Answered {
    let request = Request::read(&upload.payload)?;
    app.interact(&auth, request, upload.files).await?;
    Ok(empty())
}

/// The token in the path is all that is needed.
async fn respond(
    State(app): State<Arc<App>>,
    Ids((id, token)): Ids<(InteractionId, String)>,
    query: Query,
    upload: Unread,
) -> Answered {
    let token = Token::read(&token).filter(|token| token.interaction == id);
    let token = token.ok_or_else(ApiError::unknown_interaction)?;
    if upload.size() != Size::Small {
        app.interaction(&token).await?;
    }
    let upload = upload.read(&app).await?;
    let (row, response) = app.respond(token, upload).await?;
    if query.form().flag("with_response") {
        return Ok(json(&response.view(&row)));
    }
    Ok(empty())
}

async fn show_original(
    State(app): State<Arc<App>>,
    Ids((application, token)): Ids<(ApplicationId, String)>,
) -> Answered {
    app.require_answered(application, &token).await?;
    app.show_answer(&token, Which::Original).await
}

async fn change_original(
    State(app): State<Arc<App>>,
    Ids((application, token)): Ids<(ApplicationId, String)>,
    upload: Unread,
) -> Answered {
    app.require_answered(application, &token).await?;
    app.change_answer(&token, Which::Original, upload.read(&app).await?).await
}

async fn remove_original(
    State(app): State<Arc<App>>,
    Ids((application, token)): Ids<(ApplicationId, String)>,
) -> Answered {
    app.require_answered(application, &token).await?;
    app.remove_answer(&token, Which::Original).await
}

async fn guild_index(State(app): State<Arc<App>>, auth: UserAuth, Ids(guild): Ids<GuildId>) -> Answered {
    index(&app, &auth, guild).await
}

async fn channel_index(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(channel): Ids<ChannelId>,
) -> Answered {
    match app.place(channel).await? {
        ChannelOwner::Guild(guild) => index(&app, &auth, guild).await,
        ChannelOwner::Private => own_index(auth).await,
    }
}

/// Applications cannot be installed for a person.
async fn own_index(_auth: UserAuth) -> Answered {
    Ok(json(&json!({"applications": [], "application_commands": [], "version": "0"})))
}

/// The commands of the applications in a guild, for a member.
async fn index(app: &App, auth: &Auth, guild: GuildId) -> Answered {
    let own = guild::Op::Member(guild::member::Op::Own);
    app.guilds.call(guild.get(), auth.caller(), own).await?;
    let integrations = guild::Op::Settings(guild::settings::Op::Integrations);
    let integrations = app.guilds.call(guild.get(), Caller::system(), integrations).await?;
    let integrations: Vec<Integration> = read(&integrations)?;
    let (mut applications, mut commands) = (Vec::new(), Vec::<Value>::new());
    for id in integrations.into_iter().take(APPLICATIONS_MAX).map(|integration| integration.application.id) {
        let application = match app.application(id).await {
            Ok(application) => application,
            Err(Failure(error)) if error.status == 404 => continue,
            Err(failure) => return Err(failure),
        };
        for scope in [Some(guild), None] {
            let of_scope = app.commands(Scope { application: id, guild: scope }).await?;
            commands.extend(of_scope.iter().map(|command| command.view(true)));
        }
        applications.push(view::public(&application));
    }
    let version =
        commands.iter().filter_map(|command| command["version"].as_str()?.parse::<u64>().ok()).max();
    Ok(json(&json!({
        "applications": applications,
        "application_commands": commands,
        "version": version.unwrap_or_default().to_string(),
    })))
}
