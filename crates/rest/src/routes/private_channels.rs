//! Routes of the area `private_channels`: DMs and groups.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use consort_cdn::Kind;
use consort_model::validate::Named;
use consort_model::{ApiError, ChannelId, Form, UserId, limits};
use consort_rpc::private::Op;
use consort_rpc::user::seat::Seat;
use consort_rpc::{Caller, user};
use serde_json::Value;

use crate::extract::{AskChannel, InChannel};
use crate::files::Kept;
use crate::reply::read as read_reply;
use crate::{Answered, App, Auth, Failure, JsonBody, UnreadJson, answer};

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

async fn create(State(app): State<Arc<App>>, auth: Auth, body: JsonBody) -> Answered {
    let caller = auth.caller();
    match read(&body)? {
        Wanted::Dm(other) => open_dm(&app, caller, other).await,
        Wanted::Group(recipients) => {
            let op = Op::Found { group: true, recipients };
            let (channel, founder) = (ChannelId::new(app.next_id()), caller.user);
            let founded = async { Ok(app.privates.call(channel.get(), caller, op).await) };
            Ok(answer(app.with_seat(founder, Seat::Group(channel), founded).await?))
        }
    }
}

/// Opens the DM of two people, or makes it: under the id that the owner of one of them has for the two, whoever asks.
async fn open_dm(app: &App, caller: Caller, other: UserId) -> Answered {
    if other == caller.user {
        return Err(Failure(ApiError::invalid_recipients()));
    }
    let channel = dm_of(app, caller.user, other).await?;
    let opened = app.privates.call(channel.get(), caller.clone(), Op::Open).await;
    if opened.as_ref().err().is_none_or(|error| error.code != ApiError::unknown_channel().code) {
        return Ok(answer(opened));
    }
    let op = Op::Found { group: false, recipients: vec![other] };
    let founded = app.privates.call(channel.get(), caller.clone(), op).await;
    if founded.as_ref().is_err_and(|error| error.status == 409) {
        // The other one has made it at the same moment.
        return app.ask_private(channel, caller, Op::Open).await;
    }
    Ok(answer(founded))
}

/// Which DM two people have, or are to have.
async fn dm_of(app: &App, a: UserId, b: UserId) -> Result<ChannelId, Failure> {
    let (low, high) = (a.min(b), a.max(b));
    let reserve = async || {
        let op = user::Op::Dm { other: high, channel: ChannelId::new(app.next_id()) };
        app.users.call(low.get(), Caller::system(), op).await
    };
    let mut reply = reserve().await;
    if reply.as_ref().is_err_and(|error| error.code == ApiError::no_mutual_guild().code) {
        // Whoever has just heard of a newcomer may ask before the newcomer's own list has the guild. What its owner was told
        // before it answers is in the list afterwards.
        for user in [a, b] {
            let op = user::Op::Account(user::account::Op::Guilds);
            let _is_nobody = app.users.call(user.get(), Caller::system(), op).await;
        }
        reply = reserve().await;
    }
    match reply {
        Ok(reserved) => Ok(read_reply(&reserved)?),
        Err(error) if error.code == ApiError::unknown_user().code => {
            Err(Failure(ApiError::invalid_recipients()))
        }
        Err(error) => Err(Failure(error)),
    }
}

/// `PATCH /channels/{channel_id}` for a private channel.
pub(crate) async fn update(channel: &AskChannel, body: UnreadJson) -> Answered {
    channel.call_private(Op::Get).await?;
    let body = body.read().await?;
    let (name, icon, owner) = body.check(|f| {
        let name = f.patch_name_or_none("name", Named::Channel);
        Some((name, f.patch_image("icon", limits::IMAGE_BYTES_MAX), f.id("owner")))
    })?;
    let (app, mut kept) = (&channel.app, Kept::default());
    let icon = kept.put_image(app, Kind::ChannelIcon, channel.id.get(), icon).await?;
    let reply = channel.call_private(Op::Update { name, icon, owner }).await;
    kept.settle(app, &reply).await;
    Ok(answer(reply))
}

/// Asks a channel that is to be a private one.
pub(super) async fn ask_private(channel: &AskChannel, op: Op) -> Answered {
    match channel.owner().await? {
        None => channel.ask_private(op).await,
        Some(_) => Err(Failure(ApiError::wrong_channel_type())),
    }
}

async fn add(InChannel(channel, user): InChannel<UserId>, _body: JsonBody) -> Answered {
    ask_private(&channel, Op::AddRecipient { user }).await
}

async fn remove(InChannel(channel, user): InChannel<UserId>) -> Answered {
    ask_private(&channel, Op::RemoveRecipient { user }).await
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
