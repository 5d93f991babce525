//! Routes of the area `members`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, patch, put};
use consort_cdn::Kind as ImageKind;
use consort_model::validate::Named;
use consort_model::{ApiError, Form, GuildId, Image, Intents, Patch, RoleId, UserId, limits};
use consort_rpc::guild::may::May;
use consort_rpc::guild::member::{Add, Op, Update, UpdateSelf};
use consort_rpc::user::seat::Seat;

use super::guilds::account;
use crate::extract::{BotAuth, Ids, InGuild, JsonBody, Query, UnreadJson};
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

async fn list(guild: InGuild, query: Query) -> Answered {
    let (limit, after) = query.check(|f| {
        let limit = f.int("limit", limits::PAGE_MEMBERS).unwrap_or(limits::PAGE_MEMBERS_DEFAULT);
        Some((limit, f.cursor("after").unwrap_or(UserId::new(0))))
    })?;
    guild.auth.require_intent(Intents::GUILD_MEMBERS)?;
    guild.ask(Op::List { limit, after }).await
}

async fn search(guild: InGuild, query: Query) -> Answered {
    let (query, limit) = query.check(|f| {
        let query = f.required("query", f.str("query", 1..=100));
        let limit = f.int("limit", limits::PAGE_MEMBERS).unwrap_or(limits::PAGE_MEMBERS_DEFAULT);
        Some((query?, limit))
    })?;
    guild.ask(Op::Search { query, limit }).await
}

async fn own(guild: InGuild) -> Answered {
    let user = guild.auth.user_id();
    guild.ask(Op::Get { user }).await
}

async fn show(InGuild(guild, user): InGuild<UserId>) -> Answered {
    guild.ask(Op::Get { user }).await
}

async fn update(InGuild(guild, user): InGuild<UserId>, body: JsonBody) -> Answered {
    let update = body.check(|f| {
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
    guild.ask(Op::Update { user, update: Box::new(update) }).await
}

struct SelfImages {
    avatar: Patch<Image>,
    banner: Patch<Image>,
}

async fn update_self(guild: InGuild, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::ChangeOneself).await?;
    let (mut update, images) = body.check(|f| {
        let update = UpdateSelf {
            nick: f.patch_name_or_none("nick", Named::Nick),
            bio: f.patch_lines("bio", 0..=limits::BIO_CHARS_MAX),
            ..UpdateSelf::default()
        };
        let image = |name| f.patch_image(name, limits::IMAGE_BYTES_MAX);
        Some((update, SelfImages { avatar: image("avatar"), banner: image("banner") }))
    })?;
    let (app, id, user) = (&guild.app, guild.id.get(), guild.auth.user_id().get());
    let mut kept = Kept::default();
    update.avatar = kept.put_image(app, ImageKind::MemberAvatar { guild: id }, user, images.avatar).await?;
    update.banner = kept.put_image(app, ImageKind::MemberBanner { guild: id }, user, images.banner).await?;
    guild.ask_with(kept, Op::UpdateSelf(Box::new(update))).await
}

/// The deprecated way to one's own nick. Answers `{nick}` upstream; the member holds that too.
async fn update_nick(guild: InGuild, body: JsonBody) -> Answered {
    let update = body.check(|f| {
        let nick = f.patch_name_or_none("nick", Named::Nick);
        Some(UpdateSelf { nick, ..UpdateSelf::default() })
    })?;
    guild.ask(Op::UpdateSelf(Box::new(update))).await
}

/// A bot brings in somebody whose OAuth2 token with `guilds.join` it holds.
async fn add(
    State(app): State<Arc<App>>,
    auth: BotAuth,
    Ids((guild, user)): Ids<(GuildId, UserId)>,
    body: JsonBody,
) -> Answered {
    let (token, nick, roles, mute, deaf) = body.check(|f| {
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
    let added = async { Ok(app.guilds.call(guild.get(), auth.caller(), op.into()).await) };
    Ok(answer(app.with_seat(user, Seat::Guild(guild), added).await?))
}

async fn kick(InGuild(guild, user): InGuild<UserId>) -> Answered {
    guild.ask(Op::Kick { user }).await
}

async fn add_role(InGuild(guild, (user, role)): InGuild<(UserId, RoleId)>) -> Answered {
    guild.ask(Op::AddRole { user, role }).await
}

async fn remove_role(InGuild(guild, (user, role)): InGuild<(UserId, RoleId)>) -> Answered {
    guild.ask(Op::RemoveRole { user, role }).await
}

fn prune_form(f: &Form<'_>, dry: bool) -> Op {
    let days = f.int("days", limits::PRUNE_DAYS).unwrap_or(limits::PRUNE_DAYS_DEFAULT);
    let include_roles = f.ids("include_roles", limits::ROLES_MAX).unwrap_or_default();
    let compute = f.bool("compute_prune_count").unwrap_or(true);
    Op::Prune { days, include_roles, compute, dry }
}

async fn count_prune(guild: InGuild, query: Query) -> Answered {
    let op = query.check(|f| Some(prune_form(f, true)))?;
    guild.ask(op).await
}

async fn prune(guild: InGuild, query: Query, body: JsonBody) -> Answered {
    let op = body.or(&query)?.check(|f| Some(prune_form(f, false)))?;
    guild.ask(op).await
}
