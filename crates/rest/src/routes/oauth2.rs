//! OAuth2: adding bots, consent, tokens.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use consort_model::{ApiError, Application, GuildId, Permissions, Timestamp, User};
use consort_rpc::guild;
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::apps::view;
use crate::oauth::{ACCESS_S, Issued, OauthError, TokenFailure, scope};
use crate::token::Kind;
use crate::{Answered, AnyAuth, App, Auth, Failure, JsonBody, Origin, Query, UserAuth, json};

/// Guilds shown on the consent page.
const GUILDS_MAX: usize = 200;
/// Guilds asked at once.
const GUILDS_AT_ONCE: usize = 16;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/oauth2/authorize", get(preview).post(authorize))
        .route("/oauth2/token", post(token))
        .route("/oauth2/token/revoke", post(revoke))
        .route("/oauth2/@me", get(current))
        .route("/oauth2/keys", get(keys))
        .route("/oauth2/userinfo", get(userinfo))
}

/// What an application asks for in the query of its link.
struct Asked {
    application: Application,
    scopes: Vec<String>,
    permissions: Permissions,
    guild: Option<GuildId>,
    redirect_uri: Option<String>,
    wants_code: bool,
    state: Option<String>,
    challenge: Option<String>,
}

impl Asked {
    async fn read(app: &App, query: &Query) -> Result<Self, Failure> {
        let form = query.form();
        let id = form.id("client_id");
        let id = form.required("client_id", id);
        let scope = form.str("scope", 0..=2000).unwrap_or_default();
        let mut scopes = scope::parse(&scope);
        if scope.is_empty() {
            scopes = Some(Vec::new());
        } else if scopes.is_none() {
            form.error(
                "scope",
                "BASE_TYPE_CHOICES",
                "The requested scope is invalid, unknown, or malformed.",
            );
        }
        let permissions = form.permissions("permissions").unwrap_or(Permissions::empty());
        let guild = form.id("guild_id");
        let redirect_uri = form.str("redirect_uri", 0..=2048).filter(|uri| !uri.is_empty());
        let wants_code = form.choice_str("response_type", &["code"]).is_some();
        let state = form.str("state", 0..=2048);
        let challenge = form.str("code_challenge", 43..=128);
        let plain = form.choice_str("code_challenge_method", &["S256", "plain"]) != Some("S256");
        form.finish()?;
        let application = app.application(id.ok_or_else(ApiError::invalid_form_body)?).await?;
        if let Some(uri) = &redirect_uri
            && !application.redirect_uris.contains(uri)
        {
            let message = "Redirect URI is not supported by client.";
            return Err(Failure(ApiError::invalid_field("redirect_uri", "REDIRECT_URI_INVALID", message)));
        }
        let challenge = challenge.map(|text| if plain { format!("plain:{text}") } else { text });
        let scopes = scopes.unwrap_or_default();
        Ok(Self { application, scopes, permissions, guild, redirect_uri, wants_code, state, challenge })
    }

    fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|asked| asked == scope)
    }
}

async fn preview(State(app): State<Arc<App>>, auth: UserAuth, query: Query) -> Answered {
    let asked = Asked::read(&app, &query).await?;
    let user = app.account(auth.user_id()).await?.current.user;
    let guilds = if asked.has("bot") { guilds(&app, &auth).await? } else { Vec::new() };
    let mut page = json!({
        "authorized": false,
        "application": view::public(&asked.application),
        "user": user,
        "guilds": guilds,
        "redirect_uri": asked.redirect_uri,
        "integration_type": 0,
    });
    if asked.has("bot") {
        page["bot"] = json!(asked.application.bot);
        page["permissions"] = json!(asked.permissions);
    }
    Ok(json(&page))
}

/// The guilds to which the person may add a bot.
async fn guilds(app: &App, auth: &Auth) -> Result<Vec<Value>, Failure> {
    let ids = app.guilds_of(auth.user_id()).await?;
    let summaries = stream::iter(ids.into_iter().take(GUILDS_MAX).map(|id| {
        let op = guild::Op::Member(guild::member::Op::Summary { with_counts: false });
        let caller = auth.caller();
        async move { app.guilds.call(id.get(), caller, op).await.ok() }
    }));
    let answers: Vec<_> = summaries.buffered(GUILDS_AT_ONCE).collect().await;
    let guilds =
        answers.into_iter().flatten().filter_map(|answer| serde_json::from_slice(answer.body()?).ok());
    Ok(guilds.filter(may_manage).collect())
}

/// Whether a partial guild is one whose settings the caller may change.
pub(super) fn may_manage(guild: &Value) -> bool {
    let bits = guild["permissions"].as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    let owner = guild["owner"].as_bool() == Some(true);
    owner
        || Permissions::from_bits_truncate(bits)
            .intersects(Permissions::MANAGE_GUILD | Permissions::ADMINISTRATOR)
}

async fn authorize(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    origin: Origin,
    query: Query,
    body: JsonBody,
) -> Answered {
    let asked = Asked::read(&app, &query).await?;
    let (consent, guild, permissions) = body.check(|f| {
        let consent = f.required("authorize", f.bool("authorize"));
        Some((consent?, f.id("guild_id"), f.permissions("permissions")))
    })?;
    if !consent {
        return Ok(location(&asked, &origin, &[("error", "access_denied")]));
    }
    if asked.scopes.is_empty() {
        return Err(Failure(ApiError::invalid_field(
            "scope",
            "BASE_TYPE_REQUIRED",
            "This field is required",
        )));
    }
    let guild = guild.or(asked.guild);
    if asked.has("bot") {
        add_bot(&app, &auth, &asked, guild, permissions.unwrap_or(asked.permissions)).await?;
    }
    let wants_code = asked.wants_code || asked.application.bot_require_code_grant;
    let (true, Some(redirect_uri)) = (wants_code, &asked.redirect_uri) else {
        return Ok(location(&asked, &origin, &[]));
    };
    let kind = Kind::Code {
        application: asked.application.id,
        scopes: asked.scopes.clone(),
        redirect_uri: redirect_uri.clone(),
        challenge: asked.challenge.clone(),
    };
    let code = app.issue_code(auth.user_id(), kind).await?;
    let guild = guild.map(|guild| guild.to_string());
    let mut query = vec![("code", code.as_str())];
    query.extend(guild.as_deref().map(|guild| ("guild_id", guild)));
    Ok(location(&asked, &origin, &query))
}

async fn add_bot(
    app: &App,
    auth: &Auth,
    asked: &Asked,
    guild: Option<GuildId>,
    permissions: Permissions,
) -> Result<(), Failure> {
    let application = &asked.application;
    if application.bot.is_none() {
        return Err(Failure(ApiError::no_bot_for_application()));
    }
    if !application.bot_public && application.owner.id != auth.user_id() {
        return Err(Failure(ApiError::not_your_application()));
    }
    let required = || ApiError::invalid_field("guild_id", "BASE_TYPE_REQUIRED", "This field is required");
    let guild = guild.ok_or_else(required)?;
    let bot: User = app.account(application.id.cast()).await?.current.user;
    let op = guild::member::Op::AddBot {
        bot: Box::new(bot),
        application: application.id,
        name: application.name.clone(),
        permissions: with_split_off(permissions),
    };
    app.guilds.call(guild.get(), auth.caller(), guild::Op::Member(op)).await?;
    Ok(())
}

/// Rights that were once part of others come with them: bots of old still ask for the old bits only (Change Log, 2026).
fn with_split_off(asked: Permissions) -> Permissions {
    let mut granted = asked;
    if asked.contains(Permissions::MANAGE_MESSAGES) {
        granted |= Permissions::PIN_MESSAGES;
    }
    if asked
        .intersects(Permissions::MANAGE_MESSAGES | Permissions::MANAGE_CHANNELS | Permissions::MANAGE_THREADS)
    {
        granted |= Permissions::BYPASS_SLOWMODE;
    }
    granted
}

/// Where the browser goes next.
fn location(asked: &Asked, origin: &Origin, query: &[(&str, &str)]) -> Response {
    let mut pairs: Vec<(&str, &str)> = query.to_vec();
    pairs.extend(asked.state.as_deref().map(|state| ("state", state)));
    let mut location = match &asked.redirect_uri {
        Some(uri) => uri.clone(),
        None => format!("{}/oauth2/authorized", origin.base),
    };
    for (name, value) in pairs {
        location.push(if location.contains('?') { '&' } else { '?' });
        location.push_str(&format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    }
    json(&json!({"location": location}))
}

/// The token endpoints take forms only ("OAuth2 URLs").
fn require_form(headers: &HeaderMap) -> Result<(), TokenFailure> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(OauthError("invalid_request", "The body must be application/x-www-form-urlencoded.").into())
}

async fn token(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(form): JsonBody,
) -> Result<Response, TokenFailure> {
    require_form(&headers)?;
    let Issued { access, refresh, scopes } = app.grant(&headers, &form).await?;
    let mut answer = json!({
        "token_type": "Bearer",
        "access_token": access,
        "expires_in": ACCESS_S,
        "scope": scopes.join(" "),
    });
    if let Some(refresh) = refresh {
        answer["refresh_token"] = Value::from(refresh);
    }
    Ok(json(&answer))
}

/// RFC 7009: a token that is not known counts as revoked. Revoking one token ends the whole authorisation.
async fn revoke(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    JsonBody(form): JsonBody,
) -> Result<Response, TokenFailure> {
    require_form(&headers)?;
    let client = app.oauth_client(&headers, &form, false).await?;
    let token = form["token"].as_str().ok_or(OauthError("invalid_request", "The token is missing."))?;
    if let Some(row) = app.tokens.find(token).await?
        && row.application() == Some(client.id)
        && !row.is_bot()
    {
        app.revoke_grants(row.user, client.id).await?;
    }
    Ok(json(&json!({})))
}

async fn current(State(app): State<Arc<App>>, auth: AnyAuth) -> Answered {
    let id = auth.application().ok_or_else(ApiError::invalid_oauth2_token)?;
    let application = app.application(id).await?;
    let scopes = match &auth.token.kind {
        Kind::Bearer { scopes, .. } => scopes.clone(),
        _ => vec!["bot".to_owned()],
    };
    // A bot's token does not expire: a date far away.
    let expires = auth.token.expires_ms.unwrap_or_else(|| app.now_ms() + 365 * 24 * 3600 * 1000);
    let mut answer = json!({
        "application": view::public(&application),
        "scopes": scopes,
        "expires": Timestamp::from_ms(expires),
    });
    if auth.has_scope("identify") {
        answer["user"] = json!(app.account(auth.user_id()).await?.current.user);
    }
    Ok(json(&answer))
}

/// No OpenID tokens are signed.
async fn keys() -> Answered {
    Ok(json(&json!({"keys": []})))
}

async fn userinfo(State(app): State<Arc<App>>, auth: AnyAuth) -> Answered {
    auth.require_scope("openid")?;
    let account = app.account(auth.user_id()).await?.current;
    let mut info = json!({
        "sub": account.user.id,
        "preferred_username": account.user.username,
        "nickname": account.user.global_name,
        "locale": account.locale,
    });
    if auth.has_scope("email") {
        info["email"] = json!(account.email);
        info["email_verified"] = json!(account.verified);
    }
    Ok(json(&info))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_that_were_split_off_are_granted_with_the_old_ones() {
        let granted = with_split_off(Permissions::MANAGE_MESSAGES);
        assert!(granted.contains(Permissions::PIN_MESSAGES | Permissions::BYPASS_SLOWMODE));
        assert_eq!(with_split_off(Permissions::SEND_MESSAGES), Permissions::SEND_MESSAGES);
    }

    #[test]
    fn guilds_are_offered_to_those_who_may_manage_them() {
        assert!(may_manage(&json!({"permissions": "32"})) && may_manage(&json!({"permissions": "8"})));
        assert!(may_manage(&json!({"permissions": "0", "owner": true})));
        assert!(!may_manage(&json!({"permissions": "1024", "owner": false})));
    }
}
