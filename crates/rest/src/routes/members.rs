//! Routes of the area `members`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, patch, put};
use consort_cdn::Kind as ImageKind;
use consort_model::validate::Named;
use consort_model::{ApiError, Form, GuildId, Image, Intents, Patch, RoleId, UserId, limits};
use consort_rpc::guild;
use consort_rpc::guild::may::May;
use consort_rpc::guild::member::{Add, Op, Update, UpdateSelf};
use consort_rpc::user::seat::Seat;

use super::guilds::account;
use crate::extract::{Auth, BotAuth, Ids, JsonBody, Query, UnreadJson};
use crate::files::Kept;
use crate::token::Kind;
use crate::{Answered, App, Failure, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/members", get(list))
        .route("/guilds/{guild_id}/members/search", get(search))
        .route("/guilds/{guild_id}/members/@me", get(own).patch(update_self))
        .route("/guilds/{guild_id}/members/@me/nick", patch(update_nick))
        .route("/guilds/{guild_id}/members/{user_id}", get(show).patch(update).put(add).delete(kick))
        .route("/guilds/{guild_id}/members/{user_id}/roles/{role_id}", put(add_role).delete(remove_role))
        .route("/guilds/{guild_id}/prune", get(count_prune).post(prune))
}

fn member(op: Op) -> guild::Op {
    guild::Op::Member(op)
}

async fn list(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>, query: Query) -> Answered {
    let (limit, after) = query.form().check(|f| {
        let limit = f.int("limit", limits::PAGE_MEMBERS).unwrap_or(limits::PAGE_MEMBERS_DEFAULT);
        Some((limit, f.cursor("after").unwrap_or(UserId::new(0))))
    })?;
    auth.require_intent(Intents::GUILD_MEMBERS)?;
    app.ask_guild(guild, auth.caller(), member(Op::List { limit, after })).await
}

async fn search(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>, query: Query) -> Answered {
    let (query, limit) = query.form().check(|f| {
        let query = f.required("query", f.str("query", 1..=100));
        let limit = f.int("limit", limits::PAGE_MEMBERS).unwrap_or(limits::PAGE_MEMBERS_DEFAULT);
        Some((query?, limit))
    })?;
    app.ask_guild(guild, auth.caller(), member(Op::Search { query, limit })).await
}

async fn own(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    let user = auth.user_id();
    app.ask_guild(guild, auth.caller(), member(Op::Get { user })).await
}

async fn show(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), member(Op::Get { user })).await
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    JsonBody(body): JsonBody,
) -> Answered {
    let update = Form::root(&body)?.check(|f| {
        Some(Update {
            nick: f.patch_name_or_none("nick", Named::Nick),
            roles: f.patch_ids("roles", limits::ROLES_MAX),
            mute: f.patch_bool("mute"),
            deaf: f.patch_bool("deaf"),
            channel_id: f.patch_id("channel_id"),
            communication_disabled_until: f.patch_timestamp("communication_disabled_until"),
            flags: f.patch_int("flags", 0..=u64::from(u32::MAX)),
        })
    })?;
    app.ask_guild(guild, auth.caller(), member(Op::Update { user, update: Box::new(update) })).await
}

struct SelfImages {
    avatar: Patch<Image>,
    banner: Patch<Image>,
}

async fn update_self(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    body: UnreadJson,
) -> Answered {
    app.may(guild, auth.caller(), May::ChangeOneself).await?;
    let body = body.read().await?;
    let (mut update, images) = Form::root(&body)?.check(|f| {
        let update = UpdateSelf {
            nick: f.patch_name_or_none("nick", Named::Nick),
            bio: f.patch_lines("bio", 0..=limits::BIO_CHARS_MAX),
            ..UpdateSelf::default()
        };
        let image = |name| f.patch_image(name, limits::IMAGE_BYTES_MAX);
        Some((update, SelfImages { avatar: image("avatar"), banner: image("banner") }))
    })?;
    let user = auth.user_id().get();
    let (mut kept, id) = (Kept::default(), guild.get());
    update.avatar = kept.put_image(&app, ImageKind::MemberAvatar { guild: id }, user, images.avatar).await?;
    update.banner = kept.put_image(&app, ImageKind::MemberBanner { guild: id }, user, images.banner).await?;
    let reply = app.guilds.call(id, auth.caller(), member(Op::UpdateSelf(Box::new(update)))).await;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

/// The deprecated way to one's own nick. Answers `{nick}` upstream; the member holds that too.
async fn update_nick(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    JsonBody(body): JsonBody,
) -> Answered {
    let update = Form::root(&body)?.check(|f| {
        let nick = f.patch_name_or_none("nick", Named::Nick);
        Some(UpdateSelf { nick, ..UpdateSelf::default() })
    })?;
    app.ask_guild(guild, auth.caller(), member(Op::UpdateSelf(Box::new(update)))).await
}

/// A bot brings in somebody whose OAuth2 token with `guilds.join` it holds.
async fn add(
    State(app): State<Arc<App>>,
    auth: BotAuth,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    JsonBody(body): JsonBody,
) -> Answered {
    let (token, nick, roles, mute, deaf) = Form::root(&body)?.check(|f| {
        let token = f.required("access_token", f.str("access_token", 1..=512));
        let nick = f.patch_name_or_none("nick", Named::Nick).value();
        let roles = f.ids("roles", limits::ROLES_MAX).unwrap_or_default();
        Some((token?, nick, roles, f.flag("mute"), f.flag("deaf")))
    })?;
    let row = app.tokens.find(&token).await?.ok_or_else(ApiError::invalid_oauth2_token)?;
    match &row.kind {
        Kind::Bearer { application, scopes }
            if row.user == user && auth.application() == Some(*application) =>
        {
            if !scopes.iter().any(|scope| scope == "guilds.join") {
                return Err(Failure(ApiError::missing_scope()));
            }
        }
        _ => return Err(Failure(ApiError::invalid_oauth2_token())),
    }
    let account = account(&app, user).await?;
    let op = Op::Add(Box::new(Add { user: account, nick, roles, mute, deaf }));
    let added = async { Ok(app.guilds.call(guild.get(), auth.caller(), member(op)).await) };
    Ok(answer(app.with_seat(user, Seat::Guild(guild), added).await?))
}

async fn kick(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), member(Op::Kick { user })).await
}

async fn add_role(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, user, role)): Ids<(GuildId, UserId, RoleId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), member(Op::AddRole { user, role })).await
}

async fn remove_role(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, user, role)): Ids<(GuildId, UserId, RoleId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), member(Op::RemoveRole { user, role })).await
}

fn prune_form(f: &Form<'_>, dry: bool) -> Op {
    let days = f.int("days", limits::PRUNE_DAYS).unwrap_or(limits::PRUNE_DAYS_DEFAULT);
    let include_roles = f.ids("include_roles", limits::ROLES_MAX).unwrap_or_default();
    let compute = f.bool("compute_prune_count").unwrap_or(true);
    Op::Prune { days, include_roles, compute, dry }
}

async fn count_prune(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    query: Query,
) -> Answered {
    let op = query.form().check(|f| Some(prune_form(f, true)))?;
    app.ask_guild(guild, auth.caller(), member(op)).await
}

async fn prune(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Answered {
    // Older libraries put the parameters in the query.
    let form = Form::root(&body)?;
    let empty = form.keys().next().is_none();
    let form = if empty { query.form() } else { form };
    let op = form.check(|f| Some(prune_form(f, false)))?;
    app.ask_guild(guild, auth.caller(), member(op)).await
}
