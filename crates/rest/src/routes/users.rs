//! Routes of the area `users`: accounts, profiles, and the caller's guilds.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{delete, get};
use consort_cdn::Kind;
use consort_model::object::account::{UserRow, username_key};
use consort_model::validate::Named;
use consort_model::{ApiError, Form, GuildId, Image, Patch, UserId, limits, validate};
use consort_rpc::guild::member::Op as MemberOp;
use consort_rpc::name::Kind as NameKind;
use consort_rpc::user::account::{Op, Update};
use consort_rpc::{account, guild, user};
use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::accounts::Reserved;
use crate::files::Kept;
use crate::token::Kind as TokenKind;
use crate::{Answered, AnyAuth, App, Auth, Failure, Ids, InGuild, Query, UnreadJson, UserAuth, answer, json};

/// Guilds asked for their summary at once.
const SUMMARIES_AT_ONCE: usize = 16;
/// Characters of pronouns (Modify User Profile).
const PRONOUNS_CHARS_MAX: usize = 40;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/users/@me", get(me).patch(update))
        .route("/users/@me/profile", axum::routing::patch(update_profile))
        .route("/users/@me/guilds", get(guilds))
        .route("/users/@me/guilds/{guild_id}", delete(leave))
        .route("/users/@me/guilds/{guild_id}/member", get(own_member))
        .route("/users/{user_id}", get(show))
        .route("/users/{user_id}/profile", get(profile))
}

async fn me(State(app): State<Arc<App>>, auth: AnyAuth) -> Answered {
    auth.require_scope("identify")?;
    let row = app.account(auth.user_id()).await?;
    let mut current = json!(row.current);
    if let Some(object) = current.as_object_mut()
        && !auth.has_scope("email")
    {
        object.remove("email");
        object.remove("verified");
    }
    Ok(json(&current))
}

async fn show(State(app): State<Arc<App>>, _auth: Auth, Ids(user): Ids<UserId>) -> Answered {
    Ok(json(app.account(user).await?.user()))
}

async fn profile(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(user): Ids<UserId>,
    query: Query,
) -> Answered {
    let (mutual_guilds, mutual_friends) = query.check(|f| {
        let guilds = f.bool("with_mutual_guilds").unwrap_or(true);
        Some((guilds, f.bool("with_mutual_friends").unwrap_or(false)))
    })?;
    let op = Op::Profile { user, mutual_guilds, mutual_friends };
    app.ask_user(auth.user_id(), auth.caller(), user::Op::Account(op)).await
}

/// A change as it was sent: pictures are not stored yet.
struct Wanted {
    update: Update,
    avatar: Patch<Image>,
    banner: Patch<Image>,
    /// The present password.
    password: Option<String>,
    new_password: Option<String>,
}

fn read(body: &Value, bot: bool) -> Result<Wanted, ApiError> {
    Form::root(body)?.check(|f| {
        let username = match (f.opt("username"), bot) {
            (None, _) => None,
            (Some(_), true) => f.name("username", Named::Bot),
            (Some(_), false) => validate::read(f, "username", validate::username),
        };
        let update = Update {
            username,
            global_name: f.patch_name_or_none("global_name", Named::Account),
            accent_color: f.patch_color("accent_color"),
            bio: f.patch_lines("bio", 0..=limits::BIO_CHARS_MAX),
            pronouns: f.patch("pronouns", |f| f.line("pronouns", 0..=PRONOUNS_CHARS_MAX)),
            locale: f.locale("locale"),
            email: if f.opt("email").is_some() && !bot {
                validate::read(f, "email", validate::email)
            } else {
                None
            },
            ..Update::default()
        };
        let new_password = match f.opt("new_password") {
            Some(_) if !bot => validate::read(f, "new_password", validate::password),
            _ => None,
        };
        Some(Wanted {
            update,
            avatar: f.patch_image("avatar", limits::IMAGE_BYTES_MAX),
            banner: f.patch_image("banner", limits::IMAGE_BYTES_MAX),
            password: f.str("password", 1..=1024),
            new_password,
        })
    })
}

async fn update(State(app): State<Arc<App>>, auth: Auth, headers: HeaderMap, body: UnreadJson) -> Answered {
    let body = body.read().await?;
    let Wanted { mut update, avatar, banner, password, new_password } = read(&body, auth.is_bot())?;
    let user = auth.user_id();
    if !auth.is_bot() && needs_password(&app, user, &update, new_password.is_some()).await? {
        let Some(password) = password else {
            let text = "This field is required";
            return Err(Failure(ApiError::invalid_field("password", "BASE_TYPE_REQUIRED", text)));
        };
        app.check_password(user, "password", &password).await?;
    }
    let new_password = match new_password {
        Some(password) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    let before = app.account(user).await?;
    let reserved = app.reserve(user, wanted_names(&before, &update)).await?;
    update.reserved_until_ms = reserved.until_ms;
    let mut kept = Kept::default();
    update.avatar = kept.put_image(&app, Kind::Avatar, user.get(), avatar).await?;
    update.banner = kept.put_image(&app, Kind::Banner, user.get(), banner).await?;
    let reply =
        app.users.call(user.get(), auth.caller(), user::Op::Account(Op::Update(Box::new(update)))).await;
    kept.settle(&app, &reply).await;
    if reply.is_err() {
        app.give_back(&reserved);
        return Ok(answer(reply));
    }
    free_names(&app, user, &before, &reserved);
    let Some(password) = new_password else { return Ok(answer(reply)) };
    // Whoever knew the old password is out; this login stays, and clients expect its token.
    app.ask_account(user, account::Op::SetPassword { password, keep: auth.token.session }).await?;
    let mut current: Value =
        reply?.body().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    current["token"] = json!(token.trim());
    Ok(json(&current))
}

/// The names that a change takes and the account has not.
fn wanted_names(before: &UserRow, update: &Update) -> Vec<(NameKind, String)> {
    let (current, mut names) = (&before.current, Vec::new());
    if let Some(username) = &update.username {
        let key = username_key(username, &current.user.discriminator);
        if key != username_key(&current.user.username, &current.user.discriminator) {
            names.push((NameKind::Username, key));
        }
    }
    if let Some(email) = update.email.as_ref().filter(|email| current.email.as_ref() != Some(*email)) {
        names.push((NameKind::Email, email.clone()));
    }
    names
}

/// Gives the names free in whose place others have come.
fn free_names(app: &App, user: UserId, before: &UserRow, reserved: &Reserved) {
    let current = &before.current;
    for kind in reserved.kinds() {
        match (kind, &current.email) {
            (NameKind::Username, _) => {
                let key = username_key(&current.user.username, &current.user.discriminator);
                app.release(user, kind, &key);
            }
            (NameKind::Email, Some(email)) => app.release(user, kind, email),
            _ => {}
        }
    }
}

/// Whether a person must prove itself: for another name or address, and a new password.
async fn needs_password(
    app: &App,
    user: UserId,
    update: &Update,
    new_password: bool,
) -> Result<bool, Failure> {
    if update.username.is_none() && update.email.is_none() {
        return Ok(new_password);
    }
    let current = app.account(user).await?.current;
    let renamed = update.username.as_ref().is_some_and(|name| *name != current.user.username);
    let moved = update.email.is_some() && update.email != current.email;
    Ok(new_password || renamed || moved)
}

async fn update_profile(State(app): State<Arc<App>>, auth: UserAuth, body: UnreadJson) -> Answered {
    let body = body.read().await?;
    let Wanted { update, banner, .. } = read(&body, false)?;
    let mut kept = Kept::default();
    let banner = kept.put_image(&app, Kind::Banner, auth.user_id().get(), banner).await?;
    let Update { accent_color, bio, pronouns, .. } = update;
    let update = Update { accent_color, bio, pronouns, banner, ..Update::default() };
    let op = user::Op::Account(Op::Update(Box::new(update)));
    let reply = app.users.call(auth.user_id().get(), auth.caller(), op).await;
    kept.settle(&app, &reply).await;
    let current: Value = reply?.body().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    Ok(json(&json!({
        "bio": current["bio"],
        "pronouns": current["pronouns"],
        "accent_color": current["accent_color"],
        "banner": current["banner"],
        "theme_colors": null,
    })))
}

/// The last guilds before an id, or the first after one, of a list by rising id.
fn page(
    mut guilds: Vec<GuildId>,
    before: Option<GuildId>,
    after: Option<GuildId>,
    limit: usize,
) -> Vec<GuildId> {
    match (before, after) {
        (Some(before), _) => {
            guilds.retain(|guild| *guild < before);
            guilds.drain(..guilds.len().saturating_sub(limit));
        }
        (None, Some(after)) => guilds.retain(|guild| *guild > after),
        (None, None) => {}
    }
    guilds.truncate(limit);
    guilds
}

/// The caller's guilds, by rising id, as each guild's owner shows itself.
async fn guilds(State(app): State<Arc<App>>, auth: AnyAuth, query: Query) -> Answered {
    auth.require_scope("guilds")?;
    let (before, after, limit, with_counts) = query.check(|f| {
        let limit = f.int("limit", limits::PAGE_GUILDS).unwrap_or(limits::PAGE_GUILDS_DEFAULT);
        let counts = f.bool("with_counts").unwrap_or(false);
        Some((f.cursor("before"), f.cursor("after"), limit as usize, counts))
    })?;
    let ids = page(app.guilds_of(auth.user_id()).await?, before, after, limit);
    let summary = |guild: GuildId| {
        let op = guild::Op::Member(MemberOp::Summary { with_counts });
        let (app, caller) = (app.clone(), auth.caller());
        async move { app.guilds.call(guild.get(), caller, op).await }
    };
    let replies: Vec<_> = stream::iter(ids).map(summary).buffered(SUMMARIES_AT_ONCE).collect().await;
    let mut shown: Vec<Box<RawValue>> = Vec::with_capacity(replies.len());
    for reply in replies {
        match reply {
            Ok(reply) => shown.extend(reply.body().and_then(|body| serde_json::from_slice(body).ok())),
            // Left or deleted meanwhile.
            Err(error) if error.status == 404 || error.status == 403 => {}
            Err(error) => return Err(Failure(error)),
        }
    }
    Ok(json(&shown))
}

async fn leave(guild: InGuild) -> Answered {
    guild.ask(MemberOp::Leave).await
}

async fn own_member(State(app): State<Arc<App>>, auth: AnyAuth, Ids(guild): Ids<GuildId>) -> Answered {
    if matches!(auth.token.kind, TokenKind::Bot { .. }) {
        return Err(Failure(ApiError::bots_not_allowed()));
    }
    auth.require_scope("guilds.members.read")?;
    app.ask_guild(guild, auth.caller(), guild::Op::Member(MemberOp::Own)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_have_strict_names_and_bots_do_not() {
        assert_eq!(
            read(&json!({"username": "Ada Lovelace"}), true).unwrap().update.username.unwrap(),
            "Ada Lovelace"
        );
        assert_eq!(read(&json!({"username": "Ada Lovelace"}), false).err().unwrap().code, 50035);
        assert_eq!(
            read(&json!({"username": null, "global_name": ""}), false).unwrap().update.global_name,
            Patch::Null
        );
        assert_eq!(read(&json!({}), false).unwrap().update, Update::default());
    }

    #[test]
    fn bots_have_neither_address_nor_password() {
        let wanted = read(&json!({"email": "a@example.org", "new_password": "long enough"}), true).unwrap();
        assert!(wanted.update.email.is_none() && wanted.new_password.is_none());
    }
}
