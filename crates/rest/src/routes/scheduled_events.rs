//! Routes of the area `scheduled-events`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use consort_cdn::Kind;
use consort_model::request::scheduled_event::EventForm;
use consort_model::{EventId, Form, GuildId, UserId, limits};
use consort_rpc::guild;
use consort_rpc::guild::event::Op;
use consort_rpc::guild::may::May;

use crate::extract::{Auth, Ids, JsonBody, Query, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/scheduled-events", get(list).post(create))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}", get(show).patch(update).delete(remove))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}/users", get(users))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}/users/counts", get(count))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}/users/@me", put(subscribe).delete(unsubscribe))
}

async fn ask(app: &App, guild: GuildId, auth: &Auth, op: Op) -> Answered {
    app.ask_guild(guild, auth.caller(), guild::Op::Event(op)).await
}

fn counted(query: &Query) -> Result<bool, consort_model::ApiError> {
    query.form().check(|f| Some(f.flag("with_user_count")))
}

async fn list(State(app): State<Arc<App>>, auth: Auth, Ids(guild): Ids<GuildId>, query: Query) -> Answered {
    ask(&app, guild, &auth, Op::List { with_user_count: counted(&query)? }).await
}

async fn show(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, event)): Ids<(GuildId, EventId)>,
    query: Query,
) -> Answered {
    ask(&app, guild, &auth, Op::Get { event, with_user_count: counted(&query)? }).await
}

async fn create(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    body: UnreadJson,
) -> Answered {
    app.may(guild, auth.caller(), May::CreateEvent).await?;
    let body = body.read().await?;
    let (mut form, image) = Form::root(&body)?.check(|f| EventForm::read(f, true))?;
    let id = EventId::new(app.next_id());
    let mut kept = Kept::default();
    form.image = kept.put_image(&app, Kind::EventCover, id.get(), image).await?;
    let op = guild::Op::Event(Op::Create { id, form: Box::new(form) });
    let reply = app.guilds.call(guild.get(), auth.caller(), op).await;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, event)): Ids<(GuildId, EventId)>,
    body: UnreadJson,
) -> Answered {
    app.may(guild, auth.caller(), May::ChangeEvent { event }).await?;
    let body = body.read().await?;
    let (mut form, image) = Form::root(&body)?.check(|f| EventForm::read(f, false))?;
    let mut kept = Kept::default();
    form.image = kept.put_image(&app, Kind::EventCover, event.get(), image).await?;
    let op = guild::Op::Event(Op::Update { event, form: Box::new(form) });
    let reply = app.guilds.call(guild.get(), auth.caller(), op).await;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

async fn remove(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, event)): Ids<(GuildId, EventId)>,
) -> Answered {
    ask(&app, guild, &auth, Op::Delete { event }).await
}

async fn users(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, event)): Ids<(GuildId, EventId)>,
    query: Query,
) -> Answered {
    let limits = (*limits::PAGE_EVENT_USERS.start() as u16)..=(*limits::PAGE_EVENT_USERS.end() as u16);
    let op = query.form().check(|f| {
        Some(Op::Users {
            event,
            with_member: f.flag("with_member"),
            before: f.cursor::<()>("before").map(|id| UserId::new(id.get())),
            after: f.cursor::<()>("after").map(|id| UserId::new(id.get())),
            limit: f.int("limit", limits).unwrap_or(limits::PAGE_EVENT_USERS_DEFAULT as u16),
        })
    })?;
    ask(&app, guild, &auth, op).await
}

async fn count(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, event)): Ids<(GuildId, EventId)>,
) -> Answered {
    ask(&app, guild, &auth, Op::Count { event }).await
}

async fn subscribe(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, event)): Ids<(GuildId, EventId)>,
    _body: JsonBody,
) -> Answered {
    ask(&app, guild, &auth, Op::Subscribe { event }).await
}

async fn unsubscribe(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((guild, event)): Ids<(GuildId, EventId)>,
) -> Answered {
    ask(&app, guild, &auth, Op::Unsubscribe { event }).await
}
