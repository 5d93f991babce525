//! Routes of the area `auto-moderation`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::request::auto_moderation::RuleForm;
use consort_model::{Form, GuildId, RuleId};
use consort_rpc::guild;
use consort_rpc::guild::automod::Op;

use crate::extract::{Auth, Ids, JsonBody};
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/auto-moderation/rules", get(list).post(create))
        .route("/guilds/{guild_id}/auto-moderation/rules/{rule_id}", get(show).patch(update).delete(remove))
}

async fn list(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::AutoMod(Op::List)).await
}

async fn show(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, rule)): Ids<(GuildId, RuleId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::AutoMod(Op::Get { rule })).await
}

async fn create(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    JsonBody(body): JsonBody,
) -> Answered {
    let form = Form::root(&body)?.check(|f| RuleForm::read(f, true))?;
    app.ask_guild(guild, auth.caller(), guild::Op::AutoMod(Op::Create(Box::new(form)))).await
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, rule)): Ids<(GuildId, RuleId)>,
    JsonBody(body): JsonBody,
) -> Answered {
    let form = Form::root(&body)?.check(|f| RuleForm::read(f, false))?;
    let op = Op::Update { rule, form: Box::new(form) };
    app.ask_guild(guild, auth.caller(), guild::Op::AutoMod(op)).await
}

async fn remove(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, rule)): Ids<(GuildId, RuleId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::AutoMod(Op::Delete { rule })).await
}
