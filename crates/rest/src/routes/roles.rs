//! Routes of the area `roles`.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use consort_cdn::Kind;
use consort_model::validate::Named;
use consort_model::{ApiError, Form, Image, Patch, RoleId, limits};
use consort_rpc::guild::may::May;
use consort_rpc::guild::role::{Fields, Op};
use serde_json::Value;

use crate::extract::{InGuild, JsonBody, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/roles", get(list).post(create).patch(reorder))
        .route("/guilds/{guild_id}/roles/member-counts", get(member_counts))
        .route("/guilds/{guild_id}/roles/{role_id}", get(show).patch(update).delete(remove))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn member_counts(guild: InGuild) -> Answered {
    guild.ask(Op::MemberCounts).await
}

async fn show(InGuild(guild, role): InGuild<RoleId>) -> Answered {
    guild.ask(Op::Get { role }).await
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

async fn create(guild: InGuild, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::CreateRole).await?;
    let (mut fields, icon) = body.check(|f| Some(fields_form(f)))?;
    let mut kept = Kept::default();
    // The role has no id yet; icons of roles are kept under no owner.
    fields.icon = kept.put_image(&guild.app, Kind::RoleIcon, 0, icon).await?;
    guild.ask_with(kept, Op::Create(Box::new(fields))).await
}

async fn update(InGuild(guild, role): InGuild<RoleId>, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::ChangeRole { role }).await?;
    let (mut fields, icon) = body.check(|f| Some(fields_form(f)))?;
    let mut kept = Kept::default();
    fields.icon = kept.put_image(&guild.app, Kind::RoleIcon, role.get(), icon).await?;
    guild.ask_with(kept, Op::Update { role, fields: Box::new(fields) }).await
}

async fn remove(InGuild(guild, role): InGuild<RoleId>) -> Answered {
    guild.ask(Op::Delete { role }).await
}

async fn reorder(guild: InGuild, body: JsonBody) -> Answered {
    let moves = entries(&body, |f| {
        let id = f.required("id", f.id("id"))?;
        Some((id, f.int("position", 0..=i64::from(i32::MAX))))
    })?;
    guild.ask(Op::Move(moves)).await
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
