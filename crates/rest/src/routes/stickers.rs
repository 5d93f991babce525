//! Routes of the area `stickers`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::limits::{
    BODY_BYTES_MAX, STICKER_BYTES_MAX, STICKER_DESCRIPTION_CHARS, STICKER_TAGS_CHARS,
};
use consort_model::validate::Named;
use consort_model::{ApiError, Form, Patch, StickerId};
use consort_rpc::guild::emoji::{INDEX_KEY, IndexRow, Op};
use consort_rpc::guild::may::May;
use consort_rpc::{Caller, guild};
use consort_store::{Key, StoreExt as _, Table};
use serde_json::json;

use crate::extract::{Auth, Ids, InGuild, JsonBody, Unread};
use crate::files::Kept;
use crate::{Answered, App, Failure, answer, json};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/stickers", get(list).post(create))
        .route("/guilds/{guild_id}/stickers/{sticker_id}", get(show).patch(update).delete(remove))
        .route("/stickers/{sticker_id}", get(find))
        .route("/sticker-packs", get(packs))
        .route("/sticker-packs/{pack_id}", get(pack))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::ListStickers).await
}

async fn show(InGuild(guild, sticker): InGuild<StickerId>) -> Answered {
    guild.ask(Op::GetSticker { sticker }).await
}

/// Bytes of a request with a sticker: the picture and what is said of it.
const STICKER_UPLOAD_BYTES_MAX: usize = STICKER_BYTES_MAX + BODY_BYTES_MAX;

/// A description has up to 100 characters: the documentation asks for none or at least 2, the OpenAPI document for no
/// minimum.
fn description(f: &Form<'_>) -> Patch<String> {
    f.patch_lines("description", 0..=*STICKER_DESCRIPTION_CHARS.end())
}

async fn create(guild: InGuild, upload: Unread) -> Answered {
    guild.call(May::AddExpression).await?;
    let upload = upload.read_within(&guild.app, STICKER_UPLOAD_BYTES_MAX).await?;
    let (name, description, tags) = Form::root(&upload.payload)?.check(|f| {
        let name = f.required("name", f.name("name", Named::Sticker));
        let tags = f.required("tags", f.line("tags", STICKER_TAGS_CHARS));
        Some((name?, description(f).value(), tags?))
    })?;
    let file = upload.files.first().map(|file| file.bytes.clone());
    let file =
        file.ok_or_else(|| ApiError::invalid_field("file", "BASE_TYPE_REQUIRED", "This field is required"))?;
    if file.len() > STICKER_BYTES_MAX {
        return Err(Failure(ApiError::file_too_large()));
    }
    let id = StickerId::new(guild.app.next_id());
    let format = guild.app.cdn.put_sticker(id.get(), file).await?;
    let mut kept = Kept::default();
    kept.add(consort_files::name::sticker(id.get()));
    let op = Op::CreateSticker { id, name, description: description.or(Some(String::new())), tags, format };
    guild.ask_with(kept, op).await
}

async fn update(InGuild(guild, sticker): InGuild<StickerId>, body: JsonBody) -> Answered {
    let op = body.check(|f| {
        Some(Op::UpdateSticker {
            sticker,
            name: f.name("name", Named::Sticker),
            description: description(f),
            tags: f.line("tags", STICKER_TAGS_CHARS),
        })
    })?;
    guild.ask(op).await
}

/// The file goes with it: messages that were sent with the sticker show its name.
async fn remove(InGuild(guild, sticker): InGuild<StickerId>) -> Answered {
    guild.ask(Op::DeleteSticker { sticker }).await
}

/// A sticker of any guild.
async fn find(State(app): State<Arc<App>>, _auth: Auth, Ids(sticker): Ids<StickerId>) -> Answered {
    let row: Option<IndexRow> =
        app.store.get_row(Table::GuildMisc, sticker.get(), Key::text(INDEX_KEY)).await?;
    let guild = row.ok_or_else(ApiError::unknown_sticker)?.guild;
    let op = guild::Op::Emoji(Op::GetSticker { sticker });
    let reply = app.guilds.call(guild.get(), Caller::system(), op).await;
    Ok(answer(reply.map_err(|error| match error.code {
        10004 => ApiError::unknown_sticker(),
        _ => error,
    })))
}

/// There are no packs of the platform's own.
async fn packs() -> Answered {
    Ok(json(&json!({"sticker_packs": []})))
}

async fn pack() -> Answered {
    Err(Failure(ApiError::unknown_sticker_pack()))
}
