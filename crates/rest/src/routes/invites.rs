//! Routes of the area `invites`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use consort_model::account::index_partition;
use consort_model::{ApiError, GuildId, limits};
use consort_rpc::guild::invite::{Create, IndexRow, Op};
use consort_rpc::user::seat::Seat;
use consort_rpc::{Caller, Reply, guild};
use consort_store::{Key, StoreExt as _, Table};

use super::guilds::account;
use crate::extract::{Auth, Ids, InChannel, InGuild, JsonBody, Query, UserAuth};
use crate::{Answered, App, Failure, answer};

/// Characters of a code that are looked up; ours have 8.
const CODE_CHARS_MAX: usize = 64;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/invites", get(list_channel).post(create))
        .route("/guilds/{guild_id}/invites", get(list))
        .route("/invites/{code}", get(resolve).post(accept).delete(remove))
}

fn invite(op: Op) -> guild::Op {
    guild::Op::Invite(op)
}

/// The guild of a code.
async fn guild_of(app: &App, code: &str) -> Result<GuildId, Failure> {
    if code.is_empty() || code.chars().count() > CODE_CHARS_MAX {
        return Err(Failure(ApiError::unknown_invite()));
    }
    let row: Option<IndexRow> =
        app.store.get_row(Table::InviteIndex, index_partition(code), Key::text(code)).await?;
    row.map(|row| row.guild).ok_or(Failure(ApiError::unknown_invite()))
}

/// A guild that is gone has no invites.
fn of_gone(reply: Reply) -> Reply {
    reply.map_err(|error| match error.code {
        10004 => ApiError::unknown_invite(),
        _ => error,
    })
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn list_channel(channel: InChannel) -> Answered {
    channel.ask_guild(Op::ListChannel { channel: channel.id }).await
}

async fn create(channel: InChannel, body: JsonBody) -> Answered {
    let create = body.check(|f| {
        Some(Create {
            max_age: f
                .int("max_age", 0..=limits::INVITE_AGE_SECS_MAX)
                .unwrap_or(limits::INVITE_AGE_SECS_DEFAULT),
            max_uses: f.int("max_uses", 0..=limits::INVITE_USES_MAX).unwrap_or(0),
            temporary: f.flag("temporary"),
            unique: f.flag("unique"),
            target_type: f.choice_u8("target_type", &[1, 2]),
            target_user_id: f.id("target_user_id"),
        })
    })?;
    channel.ask_guild(Op::Create { channel: channel.id, create: Box::new(create) }).await
}

async fn resolve(State(app): State<Arc<App>>, Ids(code): Ids<String>, query: Query) -> Answered {
    let (with_counts, event) =
        query.check(|f| Some((f.flag("with_counts"), f.id("guild_scheduled_event_id"))))?;
    let guild = guild_of(&app, &code).await?;
    let op = invite(Op::Resolve { code, with_counts, event });
    Ok(answer(of_gone(app.guilds.call(guild.get(), Caller::system(), op).await)))
}

async fn accept(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(code): Ids<String>,
    _body: JsonBody,
) -> Answered {
    let guild = guild_of(&app, &code).await?;
    let user = account(&app, auth.user_id()).await?;
    let op = guild::member::Op::JoinByInvite { code, user: Box::new(user) };
    let joined = async { Ok(app.guilds.call(guild.get(), auth.caller(), guild::Op::Member(op)).await) };
    Ok(answer(of_gone(app.with_seat(auth.user_id(), Seat::Guild(guild), joined).await?)))
}

async fn remove(State(app): State<Arc<App>>, auth: Auth, Ids(code): Ids<String>) -> Answered {
    let guild = guild_of(&app, &code).await?;
    Ok(answer(of_gone(app.guilds.call(guild.get(), auth.caller(), invite(Op::Delete { code })).await)))
}
