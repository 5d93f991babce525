//! Routes of the area `templates`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, patch};
use consort_cdn::Kind;
use consort_model::account::index_partition;
use consort_model::validate::Named;
use consort_model::{ApiError, GuildId, GuildTemplate, Patch, limits};
use consort_rpc::guild::invite::IndexRow;
use consort_rpc::guild::settings;
use consort_rpc::guild::template::{Op, index_key};
use consort_rpc::user::seat::Seat;
use consort_rpc::{Caller, guild};
use consort_store::{Key, StoreExt as _, Table};

use super::guilds::account;
use crate::extract::{Ids, InGuild, JsonBody, MaybeAuth, UnreadJson, UserAuth};
use crate::files::Kept;
use crate::{Answered, App, Failure, answer, reply};

/// Characters of a code that are looked up; ours have 12.
const CODE_CHARS_MAX: usize = 64;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/templates/{code}", get(resolve).post(create_guild))
        .route("/guilds/{guild_id}/templates", get(list).post(create))
        .route("/guilds/{guild_id}/templates/{code}", patch(update).put(sync).delete(remove))
}

/// The template of a code.
async fn found(app: &App, code: &str) -> Result<GuildTemplate, Failure> {
    let unknown = || Failure(ApiError::unknown_guild_template());
    if code.is_empty() || code.chars().count() > CODE_CHARS_MAX {
        return Err(unknown());
    }
    let key = index_key(code);
    let row: Option<IndexRow> =
        app.store.get_row(Table::InviteIndex, index_partition(&key), Key::text(&key)).await?;
    let guild = row.ok_or_else(unknown)?.guild;
    let op = guild::Op::Template(Op::Resolve { code: code.to_owned() });
    match app.guilds.call(guild.get(), Caller::system(), op).await {
        Ok(answer) => Ok(reply::read(&answer)?),
        // A guild that is gone has no template.
        Err(error) if error.code == ApiError::unknown_guild().code => Err(unknown()),
        Err(error) => Err(Failure(error)),
    }
}

async fn resolve(State(app): State<Arc<App>>, _auth: MaybeAuth, Ids(code): Ids<String>) -> Answered {
    Ok(crate::json(&found(&app, &code).await?))
}

async fn create_guild(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(code): Ids<String>,
    body: UnreadJson,
) -> Answered {
    let template = found(&app, &code).await?;
    let body = body.read().await?;
    let (name, icon) = body.check(|f| {
        let name = f.required("name", f.name("name", Named::Guild));
        Some((name?, f.image("icon", limits::IMAGE_BYTES_MAX)))
    })?;
    let id = GuildId::new(app.next_id());
    let owner = Box::new(account(&app, auth.user_id()).await?);
    let icon = icon.map_or(Patch::Absent, Patch::Value);
    let source = template.source_guild_id;
    let founded = async {
        let mut kept = Kept::default();
        let icon = kept.put_image(&app, Kind::Icon, id.get(), icon).await?.value();
        let snapshot = Box::new(template.serialized_source_guild);
        let op = settings::Op::CreateFrom { owner, name, icon, template: snapshot };
        let made = app.guilds.call(id.get(), auth.caller(), guild::Op::Settings(op)).await;
        kept.settle(&app, &made).await;
        Ok(made)
    };
    let made = app.with_seat(auth.user_id(), Seat::Guild(id), founded).await?;
    if made.is_ok() {
        // A count for its manager: should the source be gone by now, nobody misses it.
        let used = guild::Op::Template(Op::Used { code });
        let _counted = app.guilds.call(source.get(), Caller::system(), used).await;
    }
    Ok(answer(made))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn create(guild: InGuild, body: JsonBody) -> Answered {
    let op = body.check(|f| {
        let name = f.required("name", f.name("name", Named::Template));
        let description = f.lines("description", 0..=limits::TEMPLATE_DESCRIPTION_CHARS_MAX);
        Some(Op::Create { name: name?, description: description.filter(|text| !text.is_empty()) })
    })?;
    guild.ask(op).await
}

async fn update(InGuild(guild, code): InGuild<String>, body: JsonBody) -> Answered {
    let op = body.check(|f| {
        let name = f.name("name", Named::Template);
        let description = f.patch_lines("description", 0..=limits::TEMPLATE_DESCRIPTION_CHARS_MAX);
        Some(Op::Update { code, name, description })
    })?;
    guild.ask(op).await
}

async fn sync(InGuild(guild, code): InGuild<String>, _body: JsonBody) -> Answered {
    guild.ask(Op::Sync { code }).await
}

async fn remove(InGuild(guild, code): InGuild<String>) -> Answered {
    guild.ask(Op::Delete { code }).await
}
