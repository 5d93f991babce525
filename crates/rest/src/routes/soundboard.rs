//! Routes of the area `soundboard`.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use consort_model::limits::SOUND_BYTES_MAX;
use consort_model::validate::Named;
use consort_model::{EmojiId, Form, GuildId, Patch, SoundId, SoundboardSound};
use consort_rpc::guild::may::May;
use consort_rpc::guild::sound::{Op, SoundForm};
use serde_json::Value;

use crate::extract::{Auth, InChannel, InGuild, JsonBody, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App, json, reply};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/soundboard-default-sounds", get(defaults))
        .route("/guilds/{guild_id}/soundboard-sounds", get(list).post(create))
        .route("/guilds/{guild_id}/soundboard-sounds/{sound_id}", get(show).patch(update).delete(remove))
        .route("/channels/{channel_id}/send-soundboard-sound", post(send))
}

/// This server comes with no sounds. A bare array: py-cord never becomes ready without a 200 (observed).
async fn defaults(_auth: Auth) -> Answered {
    Ok(json(&Value::Array(Vec::new())))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn show(InGuild(guild, sound): InGuild<SoundId>) -> Answered {
    guild.ask(Op::Get { sound }).await
}

fn form(f: &Form<'_>) -> SoundForm {
    let emoji_id: Patch<EmojiId> = f.patch_id("emoji_id");
    // Beside an id, the name says what that emoji is called.
    let emoji_name = match emoji_id.as_option() {
        Some(_) => Patch::Absent,
        None => f.patch("emoji_name", |f| f.unicode_emoji("emoji_name")),
    };
    let (name, volume) = (f.name("name", Named::Sound), f.patch_float("volume", 0.0..=1.0));
    SoundForm { name, volume, emoji_id, emoji_name }
}

async fn create(guild: InGuild, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::AddExpression).await?;
    let (form, sound) = body.check(|f| {
        let form = form(f);
        f.required("name", form.name.as_ref());
        Some((form, f.required("sound", f.file("sound", SOUND_BYTES_MAX))?))
    })?;
    let id = SoundId::new(guild.app.next_id());
    guild.app.cdn.put_sound(id.get(), sound.into()).await?;
    let mut kept = Kept::default();
    kept.add(consort_files::name::sound(id.get()));
    guild.ask_with(kept, Op::Create { id, form }).await
}

async fn update(InGuild(guild, sound): InGuild<SoundId>, body: JsonBody) -> Answered {
    let form = body.check(|f| Some(form(f)))?;
    guild.ask(Op::Update { sound, form }).await
}

async fn remove(InGuild(guild, sound): InGuild<SoundId>) -> Answered {
    guild.ask(Op::Delete { sound }).await
}

/// A sound of another guild is one that the caller sees there.
async fn send(channel: InChannel, body: JsonBody) -> Answered {
    let guild = channel.guild().await?;
    let (sound, source): (SoundId, Option<GuildId>) =
        body.check(|f| Some((f.required("sound_id", f.id("sound_id"))?, f.id("source_guild_id"))))?;
    let mut external = None;
    if let Some(id) = source.filter(|source| *source != guild.id) {
        let found = guild.other(id).call(Op::Get { sound }).await?;
        external = Some(Box::new(reply::read::<SoundboardSound>(&found)?));
    }
    guild.ask(Op::Send { channel: channel.id, sound, external }).await
}
