//! Routes of the area `private_channels`: DMs and groups.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use consort_cdn::Kind;
use consort_model::validate::Named;
use consort_model::{ApiError, ChannelId, Form, UserId, limits};
use consort_rpc::private::Op;
use consort_rpc::{Caller, user};
use consort_store::{StoreExt as _, Table};
use serde_json::Value;

use crate::files::Kept;
use crate::{Answered, App, Auth, ChannelOwner, Failure, Ids, JsonBody, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/users/@me/channels", get(list).post(create))
        .route("/channels/{channel_id}/recipients/{user_id}", put(add).delete(remove))
}

async fn list(State(app): State<Arc<App>>, auth: Auth) -> Answered {
    app.ask_user(auth.user_id(), auth.caller(), user::Op::Channels).await
}

/// Whom a private channel is wanted with.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Dm(UserId),
    Group(Vec<UserId>),
}

fn read(body: &Value) -> Result<Wanted, ApiError> {
    Form::root(body)?.check(|f| {
        if f.opt("access_tokens").is_some() {
            f.error("access_tokens", "BASE_TYPE_NOT_SUPPORTED", "Groups are made of friends on this server.");
        }
        if f.opt("recipients").is_none() {
            return Some(Wanted::Dm(f.required("recipient_id", f.id("recipient_id"))?));
        }
        let recipients = f.ids("recipients", limits::GROUP_RECIPIENTS_MAX)?;
        Some(match recipients[..] {
            [one] => Wanted::Dm(one),
            _ => Wanted::Group(recipients),
        })
    })
}

async fn create(State(app): State<Arc<App>>, auth: Auth, JsonBody(body): JsonBody) -> Answered {
    let caller = auth.caller();
    match read(&body)? {
        Wanted::Dm(other) => open_dm(&app, caller, other).await,
        Wanted::Group(recipients) => {
            let op = Op::Found { group: true, recipients };
            app.ask_private(ChannelId::new(app.next_id()), caller, op).await
        }
    }
}

/// Opens the DM of two people, or makes it. Should the other one make it at the same moment, theirs is taken.
async fn open_dm(app: &App, caller: Caller, other: UserId) -> Answered {
    if other == caller.user {
        return Err(Failure(ApiError::invalid_recipients()));
    }
    if let Some(channel) = find_dm(app, caller.user, other).await? {
        return app.ask_private(channel, caller, Op::Open).await;
    }
    let found = async || {
        let op = Op::Found { group: false, recipients: vec![other] };
        app.privates.call(app.next_id(), caller.clone(), op).await
    };
    let mut reply = found().await;
    if reply.as_ref().is_err_and(|error| error.code == ApiError::no_mutual_guild().code) {
        // Whoever has just heard of a newcomer may ask before the newcomer's own list has the guild. What its owner was told
        // before it answers is in the list afterwards.
        let op = user::Op::Account(user::account::Op::Guilds);
        if app.users.call(other.get(), Caller::system(), op).await.is_ok() {
            reply = found().await;
        }
    }
    if reply.as_ref().is_err_and(|error| error.status == 409)
        && let Some(channel) = find_dm(app, caller.user, other).await?
    {
        return app.ask_private(channel, caller, Op::Open).await;
    }
    Ok(answer(reply))
}

async fn find_dm(app: &App, a: UserId, b: UserId) -> Result<Option<ChannelId>, Failure> {
    let (low, high) = (a.min(b).get(), a.max(b).get());
    Ok(app.store.get_row(Table::DmIndex, low, high).await?)
}

/// `PATCH /channels/{channel_id}` for a private channel.
pub(crate) async fn update(app: &App, caller: Caller, channel: ChannelId, body: &Value) -> Answered {
    let (name, icon, owner) = Form::root(body)?.check(|f| {
        let name = f.patch_name_or_none("name", Named::Channel);
        Some((name, f.patch_image("icon", limits::IMAGE_BYTES_MAX), f.id("owner")))
    })?;
    let mut kept = Kept::default();
    let icon = kept.put_image(app, Kind::ChannelIcon, channel.get(), icon).await?;
    let reply = app.privates.call(channel.get(), caller, Op::Update { name, icon, owner }).await;
    kept.settle(app, &reply).await;
    Ok(answer(reply))
}

async fn require_private(app: &App, channel: ChannelId) -> Result<(), Failure> {
    match app.place(channel).await? {
        ChannelOwner::Private => Ok(()),
        ChannelOwner::Guild(_) => Err(Failure(ApiError::wrong_channel_type())),
    }
}

async fn add(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, user)): Ids<(ChannelId, UserId)>,
    _body: JsonBody,
) -> Answered {
    require_private(&app, channel).await?;
    app.ask_private(channel, auth.caller(), Op::AddRecipient { user }).await
}

async fn remove(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids((channel, user)): Ids<(ChannelId, UserId)>,
) -> Answered {
    require_private(&app, channel).await?;
    app.ask_private(channel, auth.caller(), Op::RemoveRecipient { user }).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_recipient_is_a_dm_and_several_are_a_group() {
        assert_eq!(read(&json!({"recipient_id": "5"})), Ok(Wanted::Dm(UserId::new(5))));
        assert_eq!(read(&json!({"recipients": ["5"]})), Ok(Wanted::Dm(UserId::new(5))));
        let group = Wanted::Group(vec![UserId::new(5), UserId::new(6)]);
        assert_eq!(read(&json!({"recipients": ["5", 6]})), Ok(group));
        assert_eq!(read(&json!({"recipients": []})), Ok(Wanted::Group(Vec::new())));
        let errors = read(&json!({})).unwrap_err().errors.unwrap();
        assert_eq!(errors.get("recipient_id")[0].code, "BASE_TYPE_REQUIRED");
        assert_eq!(read(&json!({"access_tokens": ["x"]})).unwrap_err().code, 50035);
    }
}
