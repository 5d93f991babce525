//! Routes of the area `emojis`: those of guilds.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use consort_model::limits::{EMOJI_BYTES_MAX, ROLES_MAX};
use consort_model::{EmojiId, validate};
use consort_rpc::guild::emoji::Op;
use consort_rpc::guild::may::May;

use crate::extract::{InGuild, JsonBody, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/emojis", get(list).post(create))
        .route("/guilds/{guild_id}/emojis/{emoji_id}", get(show).patch(update).delete(remove))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn show(InGuild(guild, emoji): InGuild<EmojiId>) -> Answered {
    guild.ask(Op::Get { emoji }).await
}

async fn create(guild: InGuild, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::AddExpression).await?;
    let (name, image, roles) = body.check(|f| {
        let name = f.required("name", validate::read(f, "name", validate::emoji_name));
        let image = f.required("image", f.image("image", EMOJI_BYTES_MAX));
        Some((name?, image?, f.ids("roles", ROLES_MAX).unwrap_or_default()))
    })?;
    let id = EmojiId::new(guild.app.next_id());
    let animated = guild.app.cdn.put_emoji(id.get(), image).await?;
    let mut kept = Kept::default();
    kept.add(consort_files::name::emoji(id.get()));
    guild.ask_with(kept, Op::Create { id, name, animated, roles }).await
}

async fn update(InGuild(guild, emoji): InGuild<EmojiId>, body: JsonBody) -> Answered {
    let op = body.check(|f| {
        let name = validate::read(f, "name", validate::emoji_name);
        Some(Op::Update { emoji, name, roles: f.patch_ids("roles", ROLES_MAX) })
    })?;
    guild.ask(op).await
}

/// The image goes with it: messages that were written with the emoji show its name.
async fn remove(InGuild(guild, emoji): InGuild<EmojiId>) -> Answered {
    guild.ask(Op::Delete { emoji }).await
}
