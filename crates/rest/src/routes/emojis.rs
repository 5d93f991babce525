//! Routes of the area `emojis`: those of guilds.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::limits::{EMOJI_BYTES_MAX, ROLES_MAX};
use consort_model::{EmojiId, Form, GuildId, validate};
use consort_rpc::guild;
use consort_rpc::guild::emoji::Op;
use consort_rpc::guild::may::May;

use crate::extract::{Auth, Ids, JsonBody, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/emojis", get(list).post(create))
        .route("/guilds/{guild_id}/emojis/{emoji_id}", get(show).patch(update).delete(remove))
}

async fn list(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Emoji(Op::List)).await
}

async fn show(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, emoji)): Ids<(GuildId, EmojiId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Emoji(Op::Get { emoji })).await
}

async fn create(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    body: UnreadJson,
) -> Answered {
    app.may(guild, auth.caller(), May::AddExpression).await?;
    let body = body.read().await?;
    let (name, image, roles) = Form::root(&body)?.check(|f| {
        let name = f.required("name", validate::read(f, "name", validate::emoji_name));
        let image = f.required("image", f.image("image", EMOJI_BYTES_MAX));
        Some((name?, image?, f.ids("roles", ROLES_MAX).unwrap_or_default()))
    })?;
    let id = EmojiId::new(app.next_id());
    let animated = app.cdn.put_emoji(id.get(), image).await?;
    let mut kept = Kept::default();
    kept.add(consort_files::name::emoji(id.get()));
    let op = Op::Create { id, name, animated, roles };
    let reply = app.guilds.call(guild.get(), auth.caller(), guild::Op::Emoji(op)).await;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, emoji)): Ids<(GuildId, EmojiId)>,
    JsonBody(body): JsonBody,
) -> Answered {
    let op = Form::root(&body)?.check(|f| {
        let name = validate::read(f, "name", validate::emoji_name);
        Some(Op::Update { emoji, name, roles: f.patch_ids("roles", ROLES_MAX) })
    })?;
    app.ask_guild(guild, auth.caller(), guild::Op::Emoji(op)).await
}

/// The image goes with it: messages that were written with the emoji show its name.
async fn remove(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, emoji)): Ids<(GuildId, EmojiId)>,
) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Emoji(Op::Delete { emoji })).await
}
