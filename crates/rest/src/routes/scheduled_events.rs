//! Routes of the area `scheduled-events`.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, put};
use consort_cdn::Kind;
use consort_model::request::scheduled_event::EventForm;
use consort_model::{EventId, UserId, limits};
use consort_rpc::guild::event::Op;
use consort_rpc::guild::may::May;

use crate::extract::{InGuild, JsonBody, Query, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/scheduled-events", get(list).post(create))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}", get(show).patch(update).delete(remove))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}/users", get(users))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}/users/counts", get(count))
        .route("/guilds/{guild_id}/scheduled-events/{event_id}/users/@me", put(subscribe).delete(unsubscribe))
}

fn counted(query: &Query) -> Result<bool, consort_model::ApiError> {
    query.check(|f| Some(f.flag("with_user_count")))
}

async fn list(guild: InGuild, query: Query) -> Answered {
    guild.ask(Op::List { with_user_count: counted(&query)? }).await
}

async fn show(InGuild(guild, event): InGuild<EventId>, query: Query) -> Answered {
    guild.ask(Op::Get { event, with_user_count: counted(&query)? }).await
}

async fn create(guild: InGuild, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::CreateEvent).await?;
    let (mut form, image) = body.check(|f| EventForm::read(f, true))?;
    let id = EventId::new(guild.app.next_id());
    let mut kept = Kept::default();
    form.image = kept.put_image(&guild.app, Kind::EventCover, id.get(), image).await?;
    guild.ask_with(kept, Op::Create { id, form: Box::new(form) }).await
}

async fn update(InGuild(guild, event): InGuild<EventId>, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::ChangeEvent { event }).await?;
    let (mut form, image) = body.check(|f| EventForm::read(f, false))?;
    let mut kept = Kept::default();
    form.image = kept.put_image(&guild.app, Kind::EventCover, event.get(), image).await?;
    guild.ask_with(kept, Op::Update { event, form: Box::new(form) }).await
}

async fn remove(InGuild(guild, event): InGuild<EventId>) -> Answered {
    guild.ask(Op::Delete { event }).await
}

async fn users(InGuild(guild, event): InGuild<EventId>, query: Query) -> Answered {
    let limits = (*limits::PAGE_EVENT_USERS.start() as u16)..=(*limits::PAGE_EVENT_USERS.end() as u16);
    let op = query.check(|f| {
        Some(Op::Users {
            event,
            with_member: f.flag("with_member"),
            before: f.cursor::<()>("before").map(|id| UserId::new(id.get())),
            after: f.cursor::<()>("after").map(|id| UserId::new(id.get())),
            limit: f.int("limit", limits).unwrap_or(limits::PAGE_EVENT_USERS_DEFAULT as u16),
        })
    })?;
    guild.ask(op).await
}

async fn count(InGuild(guild, event): InGuild<EventId>) -> Answered {
    guild.ask(Op::Count { event }).await
}

async fn subscribe(InGuild(guild, event): InGuild<EventId>, _body: JsonBody) -> Answered {
    guild.ask(Op::Subscribe { event }).await
}

async fn unsubscribe(InGuild(guild, event): InGuild<EventId>) -> Answered {
    guild.ask(Op::Unsubscribe { event }).await
}
