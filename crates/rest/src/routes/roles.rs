//! Routes of the area `roles`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_cdn::Kind;
use consort_model::validate::Named;
use consort_model::{ApiError, Form, GuildId, Image, Patch, RoleId, limits};
use consort_rpc::guild;
use consort_rpc::guild::may::May;
use consort_rpc::guild::role::{Fields, Op};
use serde_json::Value;

use crate::extract::{Auth, Ids, JsonBody, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/roles", get(list).post(create).patch(reorder))
        .route("/guilds/{guild_id}/roles/member-counts", get(member_counts))
        .route("/guilds/{guild_id}/roles/{role_id}", get(show).patch(update).delete(remove))
}

async fn list(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Role(Op::List)).await
}

async fn member_counts(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Role(Op::MemberCounts)).await
}

async fn show(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, role)): Ids<(GuildId, RoleId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Role(Op::Get { role })).await
}

fn fields_form(f: &Form<'_>) -> (Fields, Patch<Image>) {
    let colors = f.patch_object("colors", |f| {
        let color = |name| f.patch_int(name, 0..=0xff_ffff_u32).value();
        Some((color("primary_color").unwrap_or(0), color("secondary_color"), color("tertiary_color")))
    });
    let fields = Fields {
        name: f.patch_name("name", Named::Role),
        permissions: f.patch_permissions("permissions"),
        color: f.patch_color("color"),
        colors,
        hoist: f.patch_bool("hoist"),
        icon: Patch::Absent,
        unicode_emoji: f.patch("unicode_emoji", |f| f.unicode_emoji("unicode_emoji")),
        mentionable: f.patch_bool("mentionable"),
    };
    (fields, f.patch_image("icon", limits::ROLE_ICON_BYTES_MAX))
}

async fn create(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    body: UnreadJson,
) -> Answered {
    app.may(guild, auth.caller(), May::CreateRole).await?;
    let body = body.read().await?;
    let (mut fields, icon) = Form::root(&body)?.check(|f| Some(fields_form(f)))?;
    let mut kept = Kept::default();
    // The role has no id yet; icons of roles are kept under no owner.
    fields.icon = kept.put_image(&app, Kind::RoleIcon, 0, icon).await?;
    let op = guild::Op::Role(Op::Create(Box::new(fields)));
    let reply = app.guilds.call(guild.get(), auth.caller(), op).await;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, role)): Ids<(GuildId, RoleId)>,
    body: UnreadJson,
) -> Answered {
    app.may(guild, auth.caller(), May::ChangeRole { role }).await?;
    let body = body.read().await?;
    let (mut fields, icon) = Form::root(&body)?.check(|f| Some(fields_form(f)))?;
    let mut kept = Kept::default();
    fields.icon = kept.put_image(&app, Kind::RoleIcon, role.get(), icon).await?;
    let op = guild::Op::Role(Op::Update { role, fields: Box::new(fields) });
    let reply = app.guilds.call(guild.get(), auth.caller(), op).await;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

async fn remove(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, role)): Ids<(GuildId, RoleId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Role(Op::Delete { role })).await
}

async fn reorder(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    JsonBody(body): JsonBody,
) -> Answered {
    let moves = entries(&body, |f| {
        let id = f.required("id", f.id("id"))?;
        Some((id, f.int("position", 0..=i64::from(i32::MAX))))
    })?;
    app.ask_guild(guild, auth.caller(), guild::Op::Role(Op::Move(moves))).await
}

/// Reads a body that is a list of objects.
pub(crate) fn entries<T>(body: &Value, read: impl Fn(&Form<'_>) -> Option<T>) -> Result<Vec<T>, ApiError> {
    let Some(list) = body.as_array() else {
        return Err(ApiError::invalid_field(
            "_",
            "LIST_TYPE_CONVERT",
            "Only iterables may be used in a ListType",
        ));
    };
    let wrapped =
        serde_json::json!({ "_": list.iter().take(limits::GUILD_CHANNELS_MAX + 1).collect::<Vec<_>>() });
    Form::root(&wrapped)?.check(|f| f.array("_", limits::GUILD_CHANNELS_MAX, |f| read(f)))
}
