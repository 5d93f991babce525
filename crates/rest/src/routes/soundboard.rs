//! Routes of the area `soundboard`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use consort_model::limits::SOUND_BYTES_MAX;
use consort_model::validate::Named;
use consort_model::{ApiError, ChannelId, EmojiId, Form, GuildId, Patch, SoundId, SoundboardSound};
use consort_rpc::guild;
use consort_rpc::guild::may::May;
use consort_rpc::guild::sound::{Op, SoundForm};
use serde_json::Value;

use crate::extract::{Auth, Ids, JsonBody, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App, answer, json};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/soundboard-default-sounds", get(defaults))
        .route("/guilds/{guild_id}/soundboard-sounds", get(list).post(create))
        .route("/guilds/{guild_id}/soundboard-sounds/{sound_id}", get(show).patch(update).delete(remove))
        .route("/channels/{channel_id}/send-soundboard-sound", post(send))
}

async fn ask(app: &App, guild: GuildId, auth: &Auth, op: Op) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Sound(op)).await
}

/// This server comes with no sounds. A bare array: py-cord never becomes ready without a 200 (observed).
async fn defaults(_auth: Auth) -> Answered {
    Ok(json(&Value::Array(Vec::new())))
}

async fn list(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>) -> Answered {
    ask(&app, guild, &auth, Op::List).await
}

async fn show(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, sound)): Ids<(GuildId, SoundId)>,
) -> Answered {
    ask(&app, guild, &auth, Op::Get { sound }).await
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

async fn create(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    body: UnreadJson,
) -> Answered {
    app.may(guild, auth.caller(), May::AddExpression).await?;
    let body = body.read().await?;
    let (form, sound) = Form::root(&body)?.check(|f| {
        let form = form(f);
        f.required("name", form.name.as_ref());
        Some((form, f.required("sound", f.file("sound", SOUND_BYTES_MAX))?))
    })?;
    let id = SoundId::new(app.next_id());
    app.cdn.put_sound(id.get(), sound.into()).await?;
    let mut kept = Kept::default();
    kept.add(consort_files::name::sound(id.get()));
    let op = guild::Op::Sound(Op::Create { id, form });
    let reply = app.guilds.call(guild.get(), auth.caller(), op).await;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, sound)): Ids<(GuildId, SoundId)>,
    JsonBody(body): JsonBody,
) -> Answered {
    let form = Form::root(&body)?.check(|f| Some(form(f)))?;
    ask(&app, guild, &auth, Op::Update { sound, form }).await
}

async fn remove(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, sound)): Ids<(GuildId, SoundId)>,
) -> Answered {
    ask(&app, guild, &auth, Op::Delete { sound }).await
}

/// A sound of another guild is one that the caller sees there.
async fn send(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(channel): Ids<ChannelId>,
    JsonBody(body): JsonBody,
) -> Answered {
    let guild = app.guild_of(channel).await?;
    let (sound, source): (SoundId, Option<GuildId>) = Form::root(&body)?
        .check(|f| Some((f.required("sound_id", f.id("sound_id"))?, f.id("source_guild_id"))))?;
    let mut external = None;
    if let Some(source) = source.filter(|source| *source != guild) {
        let op = guild::Op::Sound(Op::Get { sound });
        let found = app.guilds.call(source.get(), auth.caller(), op).await?;
        let found = found.body().and_then(|body| serde_json::from_slice::<SoundboardSound>(body).ok());
        external = Some(Box::new(found.ok_or_else(ApiError::unknown_sound)?));
    }
    ask(&app, guild, &auth, Op::Send { channel, sound, external }).await
}
