//! Routes of the area `auto-moderation`.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use consort_model::RuleId;
use consort_model::request::auto_moderation::RuleForm;
use consort_rpc::guild::automod::Op;

use crate::extract::{InGuild, JsonBody};
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/auto-moderation/rules", get(list).post(create))
        .route("/guilds/{guild_id}/auto-moderation/rules/{rule_id}", get(show).patch(update).delete(remove))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn show(InGuild(guild, rule): InGuild<RuleId>) -> Answered {
    guild.ask(Op::Get { rule }).await
}

async fn create(guild: InGuild, body: JsonBody) -> Answered {
    let form = body.check(|f| RuleForm::read(f, true))?;
    guild.ask(Op::Create(Box::new(form))).await
}

async fn update(InGuild(guild, rule): InGuild<RuleId>, body: JsonBody) -> Answered {
    let form = body.check(|f| RuleForm::read(f, false))?;
    guild.ask(Op::Update { rule, form: Box::new(form) }).await
}

async fn remove(InGuild(guild, rule): InGuild<RuleId>) -> Answered {
    guild.ask(Op::Delete { rule }).await
}
